// Products in f32 with floats, and with codes on grids that codes.cu does not have; lookups of rows.
//
// Macros:
//   BITS    bits of an element: 2 to 8 for codes, 16 or 32 for floats
//   GRID    what elements stand for, below
//   ROWS    rows of activations that share unpacked elements
//   OUTPUTS matrix rows of a group of lanes
//   SCALES  element type of scales and biases of groups; of weights on DENSE
//   BIASED  whether groups have biases
//
// Layout. A row is cut into blocks of 32 columns, BITS words each, one bit stream. LANES lanes hold LANES
// consecutive blocks (a chunk). The words of a chunk are in pieces of up to four words per lane, so that a
// warp loads 16 bytes per lane from consecutive addresses.
//
// Order of sums. A lane adds the products of its blocks, ascending columns, with fused multiply-add, and the
// sums of lanes are added in a tree. The order depends on the matrix alone: not on ROWS, OUTPUTS, or the rows
// in use.

#define AFFINE_ANY 2    // scale[row][group] * (code - zero) + bias[row][group], groups of any size
#define LEVELS 4        // step[row] * levels[code]
#define DENSE 5         // floats

#define BLOCK 32u
#define WARPS 8u
#define THREADS (32u * WARPS)

struct Matrix {
    const u32* words;
    const void* scales;          // [rows][groups]; [rows] in f32 on LEVELS
    const void* biases;          // [rows][groups]
    const float* levels;         // 256
    const float* col_scales;     // [cols]
    const u32* outlier_starts;   // [rows + 1]
    const uint2* outliers;       // column, and bits of the float to add in units of the step
    u32 rows, cols;
    u32 lanes;                   // lanes of a row
    u32 chunks;                  // chunks of a row
    u32 groups, group_size;
    int zero;
    u32 padding;
};

struct ProductParameters {
    Matrix matrix;
    const float* x;              // [rows in use][cols]
    float* y;                    // [rows in use][count]
    const float* bias;           // [count]
    const ActiveRows* active;
    u32 which;                   // index of the rows in use
    u32 first, count;            // matrix rows
    u32 segment;                 // columns of activations in shared memory, whole chunks
};

struct Piece {
    u32 start, width;
};

// Returns the piece of words that word `j` is in.
__device__ __forceinline__ constexpr Piece piece_of(u32 j) {
    u32 start = 0;
    while (true) {
        const u32 left = BITS - start, width = left >= 4 ? 4 : left >= 2 ? 2 : 1;
        if (j < start + width) return Piece{start, width};
        start += width;
    }
}

// Loads the words of a block. `chunk` are the words of its chunk.
__device__ __forceinline__ void load_block(const u32* chunk, u32 lanes, u32 lane, u32 (&words)[BITS]) {
    constexpr u32 fours = BITS / 4 * 4, twos = BITS % 4 / 2 * 2;
    if constexpr (fours > 0) {
#pragma unroll
        for (u32 start = 0; start < fours; start += 4) {
            const uint4 v = __ldg((const uint4*)(chunk + start * lanes) + lane);
            words[start] = v.x, words[start + 1] = v.y, words[start + 2] = v.z, words[start + 3] = v.w;
        }
    }
    if constexpr (twos > 0) {
        const uint2 v = __ldg((const uint2*)(chunk + fours * lanes) + lane);
        words[fours] = v.x, words[fours + 1] = v.y;
    }
    if constexpr (BITS % 2 == 1) words[BITS - 1] = __ldg(chunk + (BITS - 1) * lanes + lane);
}

// Returns element `i` of a block, whose index is known at compile time.
__device__ __forceinline__ u32 element(const u32 (&words)[BITS], u32 i) {
#if BITS == 32
    return words[i];
#else
    const u32 bit = i * BITS, word = bit / 32, shift = bit % 32;
    const u32 mask = (1u << BITS) - 1;
    if (shift + BITS <= 32) return (words[word] >> shift) & mask;
    return __funnelshift_r(words[word], words[word + 1 < BITS ? word + 1 : word], shift) & mask;
#endif
}

// Returns a code minus `zero` as a float; `magic` is 2^23 + zero.
__device__ __forceinline__ float code_value(u32 code, float magic) {
    return __fsub_rn(__uint_as_float(code | 0x4B000000u), magic);
}

__device__ __forceinline__ float float_element(u32 bits) {
#if SCALES == F32
    return __uint_as_float(bits);
#elif SCALES == F16
    return half_to_float((u16)bits);
#else
    return bfloat_to_float((u16)bits);
#endif
}

// The index in shared memory of four columns. Blocks of neighbouring lanes are read at the same time, so
// their columns are spread over the banks.
__device__ __forceinline__ u32 quad_index(u32 block, u32 quad) {
    return block * 8 + (quad ^ (block & 7));
}

#ifdef ROWS

extern __shared__ float4 staged[];

extern "C" __global__ void __launch_bounds__(THREADS, 1)
product(const __grid_constant__ ProductParameters p) {
    wait_for_previous();
    const Matrix& m = p.matrix;
    const u32 active = p.active->rows[p.which];
    const u32 row0 = blockIdx.y * ROWS;
    if (row0 >= active) return;
    const u32 lane = threadIdx.x % m.lanes;
    const u32 group = threadIdx.x / m.lanes;
    const u32 output0 = (blockIdx.x * (THREADS / m.lanes) + group) * OUTPUTS;
    const float magic = 8388608.0f + (float)m.zero;
    (void)magic;

    u32 rows[OUTPUTS];
    float total[OUTPUTS][ROWS];
#pragma unroll
    for (u32 o = 0; o < OUTPUTS; o++) {
        rows[o] = p.first + min(output0 + o, p.count - 1);
#pragma unroll
        for (u32 r = 0; r < ROWS; r++) total[o][r] = 0.0f;
    }
#if GRID == LEVELS
    __shared__ float levels[256];
    levels[threadIdx.x] = m.levels[threadIdx.x];
#endif

    const u32 chunk_columns = m.lanes * BLOCK;
    const u32 segment_quads = p.segment / 4;
    for (u32 start = 0; start < m.cols; start += p.segment) {
        __syncthreads();
        const u32 end = min(start + p.segment, m.chunks * chunk_columns);
        const u32 quads = (end - start) / 4;
        for (u32 i = threadIdx.x; i < quads * ROWS; i += THREADS) {
            const u32 r = i / quads, quad = i % quads, col = start + 4 * quad;
            float values[4];
#pragma unroll
            for (u32 k = 0; k < 4; k++) {
                float value = 0.0f;
                if (row0 + r < active && col + k < m.cols) {
                    value = p.x[(u64)(row0 + r) * m.cols + col + k];
                    if (m.col_scales) value = __fmul_rn(value, m.col_scales[col + k]);
                }
                values[k] = value;
            }
            staged[r * segment_quads + quad_index(quad / 8, quad % 8)] =
                make_float4(values[0], values[1], values[2], values[3]);
        }
        __syncthreads();

        for (u32 chunk = start / chunk_columns; chunk * chunk_columns < end; chunk++) {
            u32 words[OUTPUTS][BITS];
#pragma unroll
            for (u32 o = 0; o < OUTPUTS; o++) {
                const u32* from = m.words + ((u64)rows[o] * m.chunks + chunk) * BITS * m.lanes;
                load_block(from, m.lanes, lane, words[o]);
            }
            const u32 block = chunk * m.lanes + lane;
            const u32 local = block - start / BLOCK;
            if (block * BLOCK >= m.cols) continue;
#pragma unroll
            for (u32 quad = 0; quad < 8; quad++) {
                float values[OUTPUTS][4];
#pragma unroll
                for (u32 o = 0; o < OUTPUTS; o++) {
#pragma unroll
                    for (u32 k = 0; k < 4; k++) {
                        const u32 bits = element(words[o], 4 * quad + k);
#if GRID == DENSE
                        values[o][k] = float_element(bits);
#elif GRID == LEVELS
                        values[o][k] = levels[bits];
#else
                        const u32 in_row = min((block * BLOCK + 4 * quad + k) / m.group_size, m.groups - 1);
                        const u64 at = (u64)rows[o] * m.groups + in_row;
                        float value = __fmul_rn(load_float<SCALES>(m.scales, at), code_value(bits, magic));
                        if (BIASED) value = __fadd_rn(value, load_float<SCALES>(m.biases, at));
                        values[o][k] = value;
#endif
                    }
                }
#pragma unroll
                for (u32 r = 0; r < ROWS; r++) {
                    const float4 x = staged[r * segment_quads + quad_index(local, quad)];
                    const float xs[4] = {x.x, x.y, x.z, x.w};
#pragma unroll
                    for (u32 k = 0; k < 4; k++) {
#pragma unroll
                        for (u32 o = 0; o < OUTPUTS; o++) {
                            total[o][r] = __fmaf_rn(values[o][k], xs[k], total[o][r]);
                        }
                    }
                }
            }
        }
    }

#pragma unroll
    for (u32 o = 0; o < OUTPUTS; o++) {
        if (m.outlier_starts) {
            const u32 last = m.outlier_starts[rows[o] + 1];
            for (u32 i = m.outlier_starts[rows[o]] + lane; i < last; i += m.lanes) {
                const uint2 outlier = m.outliers[i];
#pragma unroll
                for (u32 r = 0; r < ROWS; r++) {
                    if (row0 + r >= active) continue;
                    float value = p.x[(u64)(row0 + r) * m.cols + outlier.x];
                    if (m.col_scales) value = __fmul_rn(value, m.col_scales[outlier.x]);
                    total[o][r] = __fmaf_rn(__uint_as_float(outlier.y), value, total[o][r]);
                }
            }
        }
        float step = 1.0f;
        if (GRID == LEVELS) step = ((const float*)m.scales)[rows[o]];
#pragma unroll
        for (u32 r = 0; r < ROWS; r++) {
            float sum = sum_lanes(total[o][r], m.lanes);
            if (GRID == LEVELS) sum = __fmul_rn(step, sum);
            if (lane == r % m.lanes && output0 + o < p.count && row0 + r < active) {
                if (p.bias) sum = __fadd_rn(sum, p.bias[output0 + o]);
                p.y[(u64)(row0 + r) * p.count + output0 + o] = sum;
            }
        }
    }
}

#else

struct EmbedParameters {
    Matrix matrix;
    const u32* index;            // [rows]
    float* y;                    // [rows][cols]
    const ActiveRows* active;
    Report* report;
    float scale;
    u32 add;
};

// Returns element `col` of a row.
__device__ __forceinline__ u32 single_element(const Matrix& m, u32 row, u32 col) {
    const u32 block = col / BLOCK, i = col % BLOCK, lane = block % m.lanes;
    const u32* chunk = m.words + ((u64)row * m.chunks + block / m.lanes) * BITS * m.lanes;
    const u32 bit = i * BITS, first = bit / 32, shift = bit % 32;
    u32 words[2];
#pragma unroll
    for (u32 k = 0; k < 2; k++) {
        const u32 j = min(first + k, BITS - 1u);
        const Piece piece = piece_of(j);
        words[k] = chunk[piece.start * m.lanes + lane * piece.width + (j - piece.start)];
    }
    const u32 bits = __funnelshift_r(words[0], words[1], shift);
    return BITS == 32 ? bits : bits & ((1u << (BITS % 32)) - 1);
}

// Looks up rows: `y = weights * scale`, or adds them. One block per row.
extern "C" __global__ void __launch_bounds__(THREADS) embed(const __grid_constant__ EmbedParameters p) {
    wait_for_previous();
    const Matrix& m = p.matrix;
    const u32 row = blockIdx.x;
    if (row >= p.active->rows[0]) return;
    const u32 token = p.index[row];
    if (token >= m.rows) {
        if (threadIdx.x == 0) p.report->value = token, p.report->code = UNKNOWN_TOKEN;
        return;
    }
    for (u32 col = threadIdx.x; col < m.cols; col += THREADS) {
        const u32 bits = single_element(m, token, col);
        float value;
#if GRID == DENSE
        value = float_element(bits);
#elif GRID == AFFINE_ANY
        const u64 at = (u64)token * m.groups + col / m.group_size;
        value = __fmul_rn(load_float<SCALES>(m.scales, at), (float)bits - (float)m.zero);
        if (BIASED) value = __fadd_rn(value, load_float<SCALES>(m.biases, at));
#else
        value = m.levels[bits];
        if (m.outlier_starts) value = __fadd_rn(value, outlier_at(m.outlier_starts, m.outliers, token, col));
        value = __fmul_rn(((const float*)m.scales)[token], value);
        if (m.col_scales) value = __fmul_rn(value, m.col_scales[col]);
#endif
        float* y = p.y + (u64)row * m.cols + col;
        value = __fmul_rn(value, p.scale);
        *y = p.add ? __fadd_rn(*y, value) : value;
    }
}

#endif
