// Products with codes for few rows of activations, and lookups of rows. Macros: those of codes.cuh, and for
// products
//   ROWS    rows of activations of a tile: 1, 2 or 4
//   TILES   tiles that share unpacked codes

#define WARPS 8u
#define THREADS (32u * WARPS)

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

#define PASS_ROWS (ROWS * TILES)
// Registers allow it.
#define PREFETCH (BITS <= 4 && TILES == 1)
#define MIN_BLOCKS (TILES > 2 || GRID == SUPER_BLOCKS || (GRID == AFFINE && !BIASED && TILES > 1) ? 1 : 2)

// Loads the codes of a unit. They are read once, so they do not displace activations from the cache.
__device__ __forceinline__ void load_unit(const uint4* units, u32 unit, uint4 (&words)[BITS]) {
#pragma unroll
    for (u32 i = 0; i < BITS; i++) words[i] = __ldcs(units + ((u64)unit * BITS + i) * 32);
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
        float2 steps[2];
        load_steps(m, tile, unit, g, steps);
#pragma unroll
        for (u32 b = 0; b < 8; b++) {
            const u32 block = unit * 8 + b;
            u32 codes[4];
            unpack(words, b, codes);
            const BlockScales scales = load_scales(m, tile, block, g, steps);
#pragma unroll
            for (u32 n = 0; n < TILES; n++) {
                const u64 at = (u64)(blockIdx.y * TILES + n) * blocks + block;
                uint2 digits = make_uint2(0, 0);
                if (g < 2 * ROWS) digits = __ldg((const uint2*)out.digits + (at * 2 * ROWS + g) * 4 + t);
                const int4 packed = __ldg((const int4*)out.sums + at * ROWS + (ROWS == 4 ? t : t % ROWS));
                add_block(total[n], codes, digits, packed, scales, m.zero);
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
