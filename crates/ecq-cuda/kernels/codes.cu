// Products with codes on tensor cores. Activations are integers in blocks of 32 columns, so that the sum of a
// block is exact.
//
// Macros:
//   BITS    bits of a code, 2 to 8
//   GRID    UNIFORM, AFFINE or SUPER_BLOCKS, as in linear.cu
//   SCALES  element type of scales and biases of groups
//   BIASED  whether groups have biases or minima
//   GROUP   columns of a group on SUPER_BLOCKS: 16 or 32
//   ROWS    rows of activations of a tile: 1, 2 or 4
//   TILES   tiles that share unpacked codes
//
// Layout of codes. A unit is 16 rows and 256 columns: 8 blocks of 32 columns. A lane holds the 16 codes of
// each block that the instruction mma.m16n8k32 expects from it, in four words of four codes. The bits of
// codes are in planes of 8, 4, 2 or 1 bits; a word of a plane has the bits of 1, 2, 4 or 8 blocks. So a unit
// is BITS loads of 16 bytes per lane, and a code is unpacked by a shift and a mask per plane.
//
// Activations. `prepare_block` of common.cuh writes each value as two signed bytes, 256 * high + low, times
// the scale of its block and row. Bytes are in the order of the instruction's second operand; high and low
// bytes of a row are two of its eight columns.
//
// Order of sums. Warp w adds the blocks of units w, w + 8, ..., in ascending order; then warps are added, in
// ascending order, then outliers. The order depends on the matrix alone.

#define UNIFORM 0
#define AFFINE 1
#define SUPER_BLOCKS 3

#define WARPS 8u
#define THREADS (32u * WARPS)
#define TILE_ROWS 16u
#define UNIT_COLUMNS 256u
#define BLOCK 32u

struct CodesMatrix {
    const uint4* units;          // [tiles][units][BITS][32]
    const void* scales;          // [rows] in f32 on UNIFORM; [tiles][groups][16], with biases, on AFFINE;
                                 // [tiles][units][16] on SUPER_BLOCKS, with steps of minima
    const i8* group_scales;      // [tiles][cols / GROUP][16]
    const u8* group_minima;      // [tiles][cols / GROUP][16]
    const float* col_scales;     // [cols]
    const u32* outlier_starts;   // [rows + 1]
    const uint2* outliers;       // column, and bits of the float to add in units of the step
    u32 rows, cols, unit_count;
    u32 groups, group_size;
    int zero;
};

#ifndef TILES

struct EmbedParameters {
    CodesMatrix matrix;
    const u32* index;            // [rows]
    float* y;                    // [rows][cols]
    const ActiveRows* active;
    Report* report;
    float scale;
    u32 add;
};

// Returns a code.
__device__ __forceinline__ u32 single_code(const CodesMatrix& m, u32 row, u32 col) {
    const u32 tile = row / TILE_ROWS, unit = col / UNIT_COLUMNS, block = col % UNIT_COLUMNS / BLOCK;
    const u32 in_block = col % BLOCK, lane = row % 8 * 4 + in_block % 16 / 4;
    const u32 word = row % TILE_ROWS / 8 + 2 * (in_block / 16), byte = 8 * (in_block % 4);
    const u32* units = (const u32*)(m.units + ((u64)tile * m.unit_count + unit) * BITS * 32);
    u32 code = 0, load = 0, shift = 0;
#pragma unroll
    for (u32 width = 8; width > 0; width /= 2) {
        if (!(BITS & width)) continue;
        const u32 per_word = 8 / width;
        const u32 bits = units[((load + block / per_word) * 32 + lane) * 4 + word];
        code |= (bits >> (byte + width * (block % per_word)) & ((1u << width) - 1)) << shift;
        shift += width;
        load += width;
    }
    return code;
}

// The index of a group of a row in [tiles][groups][16].
__device__ __forceinline__ u64 in_tiles(u32 row, u32 groups, u32 group) {
    return ((u64)(row / TILE_ROWS) * groups + group) * TILE_ROWS + row % TILE_ROWS;
}

// Looks up rows: `y = weights * scale`, or adds them. One block per row.
extern "C" __global__ void __launch_bounds__(THREADS) embed(const __grid_constant__ EmbedParameters p) {
    wait_for_previous();
    const CodesMatrix& m = p.matrix;
    const u32 row = blockIdx.x;
    if (row >= p.active->rows[0]) return;
    const u32 token = p.index[row];
    if (token >= m.rows) {
        if (threadIdx.x == 0) p.report->value = token, p.report->code = UNKNOWN_TOKEN;
        return;
    }
    for (u32 col = threadIdx.x; col < m.cols; col += THREADS) {
        const float code = (float)((int)single_code(m, token, col) - m.zero);
        float value;
#if GRID == AFFINE
        const u64 at = in_tiles(token, m.groups, col / m.group_size);
        value = __fmul_rn(load_float<SCALES>(m.scales, BIASED ? 2 * at : at), code);
        if (BIASED) value = __fadd_rn(value, load_float<SCALES>(m.scales, 2 * at + 1));
#elif GRID == SUPER_BLOCKS
        const u64 super = in_tiles(token, m.groups, col / 256);
        const u64 at = in_tiles(token, m.cols / GROUP, col / GROUP);
        const float step = load_float<F16>(m.scales, BIASED ? 2 * super : super);
        value = __fmul_rn(__fmul_rn(step, (float)m.group_scales[at]), code);
        if (BIASED) {
            const float minimum_step = load_float<F16>(m.scales, 2 * super + 1);
            value = __fsub_rn(value, __fmul_rn(minimum_step, (float)m.group_minima[at]));
        }
#else
        value = code;
        if (m.outlier_starts) value = __fadd_rn(value, outlier_at(m.outlier_starts, m.outliers, token, col));
        value = __fmul_rn(((const float*)m.scales)[token], value);
        if (m.col_scales) value = __fmul_rn(value, m.col_scales[col]);
#endif
        float* y = p.y + (u64)row * m.cols + col;
        value = __fmul_rn(value, p.scale);
        *y = p.add ? __fadd_rn(*y, value) : value;
    }
}

#else

// One matrix of a launch.
struct CodesOutput {
    CodesMatrix matrix;
    const u8* digits;
    const BlockSums* sums;
    float* y;                    // [rows in use][count]
    const float* bias;           // [count]
    float* sum;                  // [rows in use][count]: `sum_scale` times the result is added, or none
    u32 first, count;            // matrix rows
    u32 first_block;             // of the launch
    float sum_scale;
};

struct CodesParameters {
    CodesOutput outputs[MAX_OUTPUTS];
    const float* x;
    const ActiveRows* active;
    u32 which, output_count;
    u32 early;                   // whether no earlier kernel or copy of the stream writes the codes
    u32 padding;
};

#define PASS_ROWS (ROWS * TILES)
// Registers allow it.
#define PREFETCH (BITS <= 4 && TILES == 1)
#define MIN_BLOCKS (TILES > 2 || GRID == SUPER_BLOCKS || (GRID == AFFINE && !BIASED && TILES > 1) ? 1 : 2)

__device__ __forceinline__ void mma32(int (&c)[4], const u32 (&a)[4], uint2 b) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
}

__device__ __forceinline__ void mma16(int (&c)[4], u32 a0, u32 a1, u32 b) {
    asm("mma.sync.aligned.m16n8k16.row.col.s32.u8.s8.s32 {%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a0), "r"(a1), "r"(b));
}

__device__ __forceinline__ u32 word_of(const uint4& v, u32 i) {
    return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

// Unpacks the codes of block `block` of a unit to bytes.
__device__ __forceinline__ void unpack(const uint4 (&unit)[BITS], u32 block, u32 (&codes)[4]) {
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
        u32 code = 0, load = 0, shift = 0;
#pragma unroll
        for (u32 width = 8; width > 0; width /= 2) {
            if (!(BITS & width)) continue;
            const u32 per_word = 8 / width, mask = ((1u << width) - 1) * 0x01010101u;
            const u32 bits = word_of(unit[load + block / per_word], i) >> (width * (block % per_word));
            code |= (bits & mask) << shift;
            shift += width;
            load += width;
        }
        codes[i] = code;
    }
}

// Loads the codes of a unit. They are read once, so they do not displace activations from the cache.
__device__ __forceinline__ void load_unit(const uint4* units, u32 unit, uint4 (&words)[BITS]) {
#pragma unroll
    for (u32 i = 0; i < BITS; i++) words[i] = __ldcs(units + ((u64)unit * BITS + i) * 32);
}

// Scale and bias of a group of a row, or steps of a super-block.
__device__ __forceinline__ float2 scale_and_bias(const void* scales, u64 at) {
    if (!BIASED) return make_float2(load_float<SCALES>(scales, at), 0.0f);
    if (SCALES == F32) return ((const float2*)scales)[at];
    const u32 bits = ((const u32*)scales)[at];
    const u16 low = (u16)bits, high = (u16)(bits >> 16);
    if (SCALES == F16) return make_float2(half_to_float(low), half_to_float(high));
    return make_float2(bfloat_to_float(low), bfloat_to_float(high));
}

// Adds the sum of a group, times its scale, and the sum of activations, times its bias.
__device__ __forceinline__ void add_group(float& total, float2 scale, float x_scale, int sum, int sum_of_x) {
    total = __fmaf_rn(__fmul_rn(scale.x, x_scale), (float)sum, total);
    if (BIASED) total = __fmaf_rn(__fmul_rn(scale.y, x_scale), (float)sum_of_x, total);
}

extern "C" __global__ void __launch_bounds__(THREADS, MIN_BLOCKS)
product(const __grid_constant__ CodesParameters p) {
    u32 which = 0;
    while (which + 1 < p.output_count && blockIdx.x >= p.outputs[which + 1].first_block) which++;
    const CodesOutput& out = p.outputs[which];
    const CodesMatrix& m = out.matrix;
    const u32 tile = out.first / TILE_ROWS + blockIdx.x - out.first_block;
    const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
    const u32 blocks = m.unit_count * 8;
    const uint4* units = m.units + (u64)tile * m.unit_count * BITS * 32 + lane;

    // Codes do not depend on other kernels.
    uint4 words[BITS];
    if (p.early && warp < m.unit_count) load_unit(units, warp, words);
    wait_for_previous();
    const u32 active = p.active->rows[p.which];
    const u32 row0 = blockIdx.y * PASS_ROWS;
    if (row0 >= active) return;
    if (!p.early && warp < m.unit_count) load_unit(units, warp, words);

    // Rows g and g + 8 of the tile, row t of each tile of activations.
    float total[TILES][2];
#pragma unroll
    for (u32 n = 0; n < TILES; n++) total[n][0] = total[n][1] = 0.0f;

    for (u32 unit = warp; unit < m.unit_count; unit += WARPS) {
        // The next unit is loaded while this one is multiplied.
        uint4 next[BITS];
        if (PREFETCH && unit + WARPS < m.unit_count) load_unit(units, unit + WARPS, next);
#if GRID == SUPER_BLOCKS
        float2 steps[2];
#pragma unroll
        for (u32 h = 0; h < 2; h++)
            steps[h] = scale_and_bias(m.scales, ((u64)tile * m.groups + unit) * TILE_ROWS + g + 8 * h);
#endif
#pragma unroll
        for (u32 b = 0; b < 8; b++) {
            const u32 block = unit * 8 + b;
            u32 codes[4];
            unpack(words, b, codes);
#if GRID == AFFINE
            float2 scale[2];
            const u32 group = min(block * BLOCK / m.group_size, m.groups - 1);
#pragma unroll
            for (u32 h = 0; h < 2; h++)
                scale[h] = scale_and_bias(m.scales, ((u64)tile * m.groups + group) * TILE_ROWS + g + 8 * h);
#elif GRID == SUPER_BLOCKS
            float2 scale[BLOCK / GROUP][2];
#pragma unroll
            for (u32 s = 0; s < BLOCK / GROUP; s++) {
#pragma unroll
                for (u32 h = 0; h < 2; h++) {
                    const u32 group = block * (BLOCK / GROUP) + s;
                    const u64 at = ((u64)tile * (m.cols / GROUP) + group) * TILE_ROWS + g + 8 * h;
                    scale[s][h].x = __fmul_rn(steps[h].x, (float)m.group_scales[at]);
                    scale[s][h].y = BIASED ? -__fmul_rn(steps[h].y, (float)m.group_minima[at]) : 0.0f;
                }
            }
#endif
#pragma unroll
            for (u32 n = 0; n < TILES; n++) {
                const u64 at = (u64)(blockIdx.y * TILES + n) * blocks + block;
                uint2 digits = make_uint2(0, 0);
                if (g < 2 * ROWS) digits = __ldg((const uint2*)out.digits + (at * 2 * ROWS + g) * 4 + t);
                const int4 packed = __ldg((const int4*)out.sums + at * ROWS + (ROWS == 4 ? t : t % ROWS));
                const float x_scale = __int_as_float(packed.x);
#if GRID == SUPER_BLOCKS && GROUP == 16
#pragma unroll
                for (u32 s = 0; s < 2; s++) {
                    int sums[4] = {0, 0, 0, 0};
                    mma16(sums, codes[2 * s], codes[2 * s + 1], s == 0 ? digits.x : digits.y);
                    const int of_x = s == 0 ? packed.y : packed.z;
#pragma unroll
                    for (u32 h = 0; h < 2; h++) {
                        const int sum = 256 * sums[2 * h] + sums[2 * h + 1] - m.zero * of_x;
                        add_group(total[n][h], scale[s][h], x_scale, sum, of_x);
                    }
                }
#else
                int sums[4] = {0, 0, 0, 0};
                mma32(sums, codes, digits);
#pragma unroll
                for (u32 h = 0; h < 2; h++) {
                    const int sum = 256 * sums[2 * h] + sums[2 * h + 1] - m.zero * packed.w;
#if GRID == UNIFORM
                    total[n][h] = __fmaf_rn(x_scale, (float)sum, total[n][h]);
#else
#if GRID == SUPER_BLOCKS
                    const float2 own = scale[0][h];
#else
                    const float2 own = scale[h];
#endif
                    add_group(total[n][h], own, x_scale, sum, packed.w);
#endif
                }
#endif
            }
        }
        if (unit + WARPS < m.unit_count) {
            if (PREFETCH) {
#pragma unroll
                for (u32 i = 0; i < BITS; i++) words[i] = next[i];
            } else {
                load_unit(units, unit + WARPS, words);
            }
        }
    }

    __shared__ float parts[WARPS][PASS_ROWS][TILE_ROWS];
    __shared__ float outliers[PASS_ROWS][TILE_ROWS];
    if (t < ROWS) {
#pragma unroll
        for (u32 n = 0; n < TILES; n++) {
#pragma unroll
            for (u32 h = 0; h < 2; h++) parts[warp][n * ROWS + t][g + 8 * h] = total[n][h];
        }
    }
    if (m.outlier_starts) {
        for (u32 in_tile = warp; in_tile < TILE_ROWS; in_tile += WARPS) {
            const u32 row = min(tile * TILE_ROWS + in_tile, m.rows - 1);
            const u32 start = m.outlier_starts[row], end = m.outlier_starts[row + 1];
            float sums[PASS_ROWS];
#pragma unroll
            for (u32 r = 0; r < PASS_ROWS; r++) sums[r] = 0.0f;
            for (u32 i = start + lane; i < end; i += 32) {
                const uint2 outlier = m.outliers[i];
                const float scale = m.col_scales ? m.col_scales[outlier.x] : 1.0f;
#pragma unroll
                for (u32 r = 0; r < PASS_ROWS; r++) {
                    if (row0 + r >= active) continue;
                    const float value = __fmul_rn(p.x[(u64)(row0 + r) * m.cols + outlier.x], scale);
                    sums[r] = __fmaf_rn(__uint_as_float(outlier.y), value, sums[r]);
                }
            }
#pragma unroll
            for (u32 r = 0; r < PASS_ROWS; r++) {
                const float sum = start < end ? sum_lanes(sums[r], 32) : 0.0f;
                if (lane == 0) outliers[r][in_tile] = sum;
            }
        }
    }
    __syncthreads();
    for (u32 i = threadIdx.x; i < PASS_ROWS * TILE_ROWS; i += THREADS) {
        const u32 r = i / TILE_ROWS, in_tile = i % TILE_ROWS, row = tile * TILE_ROWS + in_tile;
        if (row0 + r >= active || row < out.first || row >= out.first + out.count) continue;
        float sum = parts[0][r][in_tile];
#pragma unroll
        for (u32 w = 1; w < WARPS; w++) sum = __fadd_rn(sum, parts[w][r][in_tile]);
        if (m.outlier_starts) sum = __fadd_rn(sum, outliers[r][in_tile]);
        if (GRID == UNIFORM) sum = __fmul_rn(((const float*)m.scales)[row], sum);
        if (out.bias) sum = __fadd_rn(sum, out.bias[row - out.first]);
        const u64 at = (u64)(row0 + r) * out.count + row - out.first;
        out.y[at] = sum;
        if (out.sum) out.sum[at] = add_scaled(out.sum[at], sum, out.sum_scale);
    }
}

#endif
