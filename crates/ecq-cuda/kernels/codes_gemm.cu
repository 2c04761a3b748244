// Products with codes for many rows of activations. Macros: those of codes.cuh, and
//   TILES   tiles of four rows of activations of a block: 4, 8 or 16
//   STAGES  stages of shared memory
//
// A block multiplies MATRIX_TILES tiles of the matrix; two warps share a tile, and each has half of the rows
// of activations. A stage is a unit of each tile, with its activations. Sums have the order of codes.cu.

#if __CUDA_ARCH__ >= 900

#define MATRIX_TILES 8u
#define WARPS (2u * MATRIX_TILES)
#define THREADS (32u * WARPS)
#define PASS_ROWS (4u * TILES)
#define OWN_TILES (TILES / 2u)
// The parts of sums in the order of codes.cu.
#define PARTS 8u
#define UNIT_BYTES (BITS * 512u)
#define DIGIT_BYTES 2048u
#define SUM_BYTES 512u
#define DIGITS (MATRIX_TILES * UNIT_BYTES)
#define SUMS (DIGITS + TILES * DIGIT_BYTES)
#define STAGE_BYTES (SUMS + TILES * SUM_BYTES)
// Shared memory: barriers of full and of empty stages, then stages; results take the place of stages.
#define EMPTY 64u
#define STAGE 128u

// Returns the unit of a step: those of a part follow each other.
__device__ __forceinline__ u32 unit_of(u32 step, u32 units) {
    const u32 each = units / PARTS, more = units % PARTS, long_steps = more * (each + 1);
    if (step < long_steps) return step / (each + 1) + PARTS * (step % (each + 1));
    const u32 rest = step - long_steps;
    return more + rest / each + PARTS * (rest % each);
}

// Rows of activations of a lane where outliers are added.
#define LANE_ROWS ((PASS_ROWS + 31) / 32)

// Returns what outliers add to the results of a matrix row: `x` are the lane's activations of column 0. In
// the order of codes.cu, lane i of 32 sums every 32nd outlier from i on, and lanes are added as a tree. This
// is the part of lanes FIRST, FIRST + STEP, ...
template <u32 FIRST, u32 STEP>
__device__ __forceinline__ void outlier_sums(const CodesMatrix& m, const float* x, u32 start, u32 end,
                                             float (&sums)[LANE_ROWS]) {
#pragma unroll
    for (u32 r = 0; r < LANE_ROWS; r++) sums[r] = 0.0f;
    if (start + FIRST >= end) return;
    if constexpr (STEP == 32) {
        for (u32 i = start + FIRST; i < end; i += 32) {
            const uint2 outlier = m.outliers[i];
            const float scale = m.col_scales ? m.col_scales[outlier.x] : 1.0f;
#pragma unroll
            for (u32 r = 0; r < LANE_ROWS; r++) {
                const float value = __fmul_rn(x[(u64)outlier.x * PASS_ROWS + 32 * r], scale);
                sums[r] = __fmaf_rn(__uint_as_float(outlier.y), value, sums[r]);
            }
        }
    } else {
        float others[LANE_ROWS];
        outlier_sums<FIRST, 2 * STEP>(m, x, start, end, sums);
        outlier_sums<FIRST + STEP, 2 * STEP>(m, x, start, end, others);
#pragma unroll
        for (u32 r = 0; r < LANE_ROWS; r++) sums[r] = __fadd_rn(sums[r], others[r]);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) gemm(const __grid_constant__ CodesParameters p) {
    extern __shared__ __align__(1024) u8 memory[];
    const u32 thread = threadIdx.x, lane = thread % 32, warp = thread / 32, g = lane / 4, t = lane % 4;
    u32 which = 0;
    while (which + 1 < p.output_count && blockIdx.y >= p.outputs[which + 1].first_block) which++;
    const CodesOutput& out = p.outputs[which];
    const CodesMatrix& m = out.matrix;
    const u32 base = (u32)__cvta_generic_to_shared(memory);
    if (thread < STAGES)
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1; mbarrier.init.shared::cta.b64 [%1], %2;" ::"r"(
                         base + 8 * thread),
                     "r"(base + EMPTY + 8 * thread), "r"(WARPS)
                     : "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    wait_for_previous();
    const u32 active = p.active->rows[p.which], row0 = blockIdx.x * PASS_ROWS;
    if (row0 >= active) return;
    const u32 all_tiles = (m.rows + TILE_ROWS - 1) / TILE_ROWS;
    const u32 last_tile = (out.first + out.count + TILE_ROWS - 1) / TILE_ROWS;
    const u32 first_tile = out.first / TILE_ROWS + (blockIdx.y - out.first_block) * MATRIX_TILES;
    const u32 tiles = min(MATRIX_TILES, last_tile - first_tile), units = m.unit_count;

    // Each lane loads a tile of codes, digits of a tile of activations, or its sums.
    auto load = [&](u32 step) {
        const u32 stage = step % STAGES, full = base + 8 * stage, to = base + STAGE + stage * STAGE_BYTES;
        const u64 unit = unit_of(step, units);
        if (lane == 0)
            asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(full),
                         "r"(tiles * UNIT_BYTES + TILES * (DIGIT_BYTES + SUM_BYTES))
                         : "memory");
        __syncwarp();
        if (lane < tiles) {
            const u64 from = (u64)(m.units + ((first_tile + lane) * (u64)units + unit) * BITS * 32);
            bulk_copy(to + lane * UNIT_BYTES, from, UNIT_BYTES, full);
        }
        if (lane < TILES) {
            const u64 tile = (u64)(blockIdx.x * TILES + lane) * units + unit;
            bulk_copy(to + DIGITS + lane * DIGIT_BYTES, (u64)out.digits + tile * DIGIT_BYTES, DIGIT_BYTES,
                      full);
            bulk_copy(to + SUMS + lane * SUM_BYTES, (u64)out.sums + tile * SUM_BYTES, SUM_BYTES, full);
        }
    };
    if (warp == 0)
        for (u32 step = 0; step < min(STAGES, units); step++) load(step);

    const u32 own_tile = warp / 2, own_first = warp % 2 * OWN_TILES;
    const u32 tile = min(first_tile + own_tile, all_tiles - 1);
    // Rows g and g + 8 of the tile, row t of each tile of activations.
    float total[OWN_TILES][2], sum[OWN_TILES][2];
#pragma unroll
    for (u32 n = 0; n < OWN_TILES; n++) total[n][0] = total[n][1] = sum[n][0] = sum[n][1] = 0.0f;
    u32 stage = 0, parity = 0;
#pragma unroll 1
    for (u32 step = 0; step < units; step++) {
        // The stage before was used by all warps before it is filled again.
        if (warp == step % WARPS && step > 0 && step - 1 + STAGES < units) {
            wait(base + EMPTY + 8 * ((step - 1) % STAGES), (step - 1) / STAGES & 1);
            load(step - 1 + STAGES);
        }
        const u32 unit = unit_of(step, units);
        float2 steps[2];
        load_steps(m, tile, unit, g, steps);
        wait(base + 8 * stage, parity);
        const u8* const at = memory + STAGE + stage * STAGE_BYTES;
        uint4 words[BITS];
#pragma unroll
        for (u32 i = 0; i < BITS; i++) words[i] = ((const uint4*)(at + own_tile * UNIT_BYTES))[i * 32 + lane];
        const uint2* const digits = (const uint2*)(at + DIGITS + own_first * DIGIT_BYTES) + lane;
        const int4* const sums = (const int4*)(at + SUMS + own_first * SUM_BYTES) + t;
#pragma unroll
        for (u32 b = 0; b < 8; b++) {
            u32 codes[4];
            unpack(words, b, codes);
            const BlockScales scales = load_scales(m, tile, unit * 8 + b, g, steps);
#pragma unroll
            for (u32 n = 0; n < OWN_TILES; n++)
                add_block(total[n], codes, digits[(n * 8 + b) * 32], sums[(n * 8 + b) * 4], scales, m.zero);
        }
        __syncwarp();
        if (lane == 0)
            asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(base + EMPTY + 8 * stage)
                         : "memory");
        if (++stage == STAGES) stage = 0, parity ^= 1;
        if (unit + PARTS < units) continue;
        // The part is complete.
#pragma unroll
        for (u32 n = 0; n < OWN_TILES; n++) {
#pragma unroll
            for (u32 h = 0; h < 2; h++) {
                sum[n][h] = unit % PARTS == 0 ? total[n][h] : __fadd_rn(sum[n][h], total[n][h]);
                total[n][h] = 0.0f;
            }
        }
    }

    // Rows of results are so far apart that lanes meet in no bank.
    constexpr u32 STRIDE = MATRIX_TILES * TILE_ROWS + 8;
    float* const results = (float*)(memory + STAGE);
    __syncthreads();
#pragma unroll
    for (u32 n = 0; n < OWN_TILES; n++) {
#pragma unroll
        for (u32 h = 0; h < 2; h++)
            results[((own_first + n) * 4 + t) * STRIDE + own_tile * TILE_ROWS + g + 8 * h] =
                units < PARTS ? __fadd_rn(sum[n][h], 0.0f) : sum[n][h];
    }
    __syncthreads();
    if (m.outlier_starts) {
        const float* const x = p.transposed + (u64)row0 * m.cols + min(lane, PASS_ROWS - 1);
        for (u32 in_block = warp; in_block < tiles * TILE_ROWS; in_block += WARPS) {
            const u32 row = min(first_tile * TILE_ROWS + in_block, m.rows - 1);
            float sums[LANE_ROWS];
            outlier_sums<0, 1>(m, x, m.outlier_starts[row], m.outlier_starts[row + 1], sums);
#pragma unroll
            for (u32 r = 0; r < LANE_ROWS; r++) {
                float& result = results[min(lane + 32 * r, PASS_ROWS - 1) * STRIDE + in_block];
                if (lane + 32 * r < PASS_ROWS) result = __fadd_rn(result, sums[r]);
            }
        }
        __syncthreads();
    }
    for (u32 i = thread; i < PASS_ROWS * MATRIX_TILES * TILE_ROWS; i += THREADS) {
        const u32 r = i / (MATRIX_TILES * TILE_ROWS), in_block = i % (MATRIX_TILES * TILE_ROWS);
        const u32 row = first_tile * TILE_ROWS + in_block;
        if (row0 + r >= active || row < out.first || row >= out.first + out.count) continue;
        float y = results[r * STRIDE + in_block];
        if (GRID == UNIFORM) y = __fmul_rn(((const float*)m.scales)[row], y);
        if (out.bias) y = __fadd_rn(y, out.bias[row - out.first]);
        const u64 at = (u64)(row0 + r) * out.count + row - out.first;
        out.y[at] = y;
        if (out.sum) out.sum[at] = add_scaled(out.sum[at], y, out.sum_scale);
    }
}

#endif
