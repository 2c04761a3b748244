// Products of levels with many rows of activations. Macros: TUPLE, TRELLIS, VECTORS (rows of activations of a
// block: 16, 32 or 64), TILES (tiles of 16 matrix rows of a block: 4 or 8), STAGES (of shared memory).
//
// Sums are those of `tuple_product.cu`: exact in 32 bits for a segment, in 64 bits for a row.

#if __CUDA_ARCH__ >= 900

// Two warps have a tile; each has half of the rows of activations.
#define WARPS (2 * TILES)
// A stage has STEP_FRAGMENTS fragments of each tile and of the activations. It is filled again so many steps
// after it was used, so that no warp waits for the slowest one.
#define LAG 2
// Blocks of eight columns of operand B: four rows of activations, two digits each.
#define BLOCKS (VECTORS / 4)
#define OWN_BLOCKS (BLOCKS / 2)
#define TILE_BYTES (STEP_FRAGMENTS * 512)
#define DIGIT_BYTES (STEP_FRAGMENTS * VECTORS * 64)
// Two blocks share a multiprocessor if they have half of its memory.
#define BLOCKS_PER_SM (STAGES == 5 ? 2 : 1)
#define STAGE_BYTES (TILES * TILE_BYTES + DIGIT_BYTES)
// Shared memory: barriers of full and of empty stages, the block's part, the greatest exponents, stages, and
// for each segment and row of activations its factor (`factor_of`).
#define EMPTY 128
#define PART 256
#define GREATEST 512
#define STAGE 1024
#define FACTORS (STAGE + STAGES * STAGE_BYTES)
// A sum of levels times this is one of the registers that `tuple_product.cu` multiplies.
#define SUM_SCALE (TUPLE == 4 ? (TRELLIS ? 16 : 32) : 1)

// Returns the factor of sums of a segment whose exponent is so much above that of the fixed point's unit; if
// it is below, minus the bits that sums lose.
__device__ __forceinline__ int factor_of(int above) {
    return above >= 0 ? SUM_SCALE << above : max(above, -31);
}

// Returns a digit pair of a row of activations.
__device__ __forceinline__ int digits_of(const u8* digits, u32 fragment, u32 vector, FragmentPlace place) {
    const i8* const at = (const i8*)digits + (u64)(fragment + place.fragment) * VECTORS * 64 + vector * 64 +
                         place.lane * 8 + place.byte;
    return 256 * __ldcg(at) + __ldcg(at + 32);
}

// Returns the sum of a segment whose unit is below that of the fixed point, `shift` bits to the right.
// `tuple_product.cu` shifts the sum of the codewords' levels and each correction on its own, so corrections
// are taken out of the sum and shifted again.
__device__ __noinline__ long long shifted_sum(const Part& p, const u8* digits, u32 tile, u32 segment,
                                              u32 in_tile, u32 vector, u32 shift, int sum) {
    const uint2* const tiles = (const uint2*)p.index + 1 + tile;
    const u32* const segments =
        (const u32*)((const uint2*)p.index + 2 + p.tiles) + tile * p.segments + segment;
    const u32 first = tiles[0].y + (segments[0] >> 16);
    const u32 end = segment + 1 < p.segments ? tiles[0].y + (segments[1] >> 16) : tiles[1].y;
    long long exact = (long long)sum * SUM_SCALE, shifted = 0;
    for (u32 c = first; c < end; c++) {
        const u32 entry = ((const u16*)p.corrections)[c], col = entry >> 4 & 511;
        if (entry % 16 != in_tile || col / (8 * TUPLE) >= groups_of(p, segment)) continue;
        const u32 fragment = segment * fragments_of(p.segment_groups);
        const int product =
            correction_of(entry) * SUM_SCALE * digits_of(digits, fragment, vector, FragmentPlace(TUPLE, col));
        exact -= product, shifted += product >> shift;
    }
    return shifted + (exact >> shift);
}

extern "C" __global__ void __launch_bounds__(WARPS * 32, BLOCKS_PER_SM)
    tuple_gemm(const __grid_constant__ Product all) {
    extern __shared__ __align__(1024) u8 memory[];
    const u32 thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
    // Blocks of the same tiles follow each other, so that levels stay in the L2 cache.
    const u32 first_vector = blockIdx.x * VECTORS;
    u32 which = 0;
    while (which + 1 < all.part_count && blockIdx.y >= all.parts[which + 1].first_block) which++;
    if (thread < sizeof(Part) / 4) ((u32*)(memory + PART))[thread] = ((const u32*)&all.parts[which])[thread];
    const u32 base = (u32)__cvta_generic_to_shared(memory);
    if (thread < STAGES)
        asm volatile("mbarrier.init.shared::cta.b64 [%0], 1; mbarrier.init.shared::cta.b64 [%1], %2;" ::"r"(
                         base + 8 * thread),
                     "r"(base + EMPTY + 8 * thread), "r"(WARPS)
                     : "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    asm volatile("griddepcontrol.wait;" ::: "memory");
    const Part& p = *(const Part*)(memory + PART);
    // The number of rows is written before the program starts.
    const u32 rows = all.active ? all.active->rows[all.which] : all.rows;
    if (first_vector >= rows) return;
    const u32 block_tile = (blockIdx.y - p.first_block) * TILES, fragments = row_fragments(p);
    const u32 tiles = min(TILES, p.block_tiles - block_tile), steps = fragments / STEP_FRAGMENTS;
    const u8* const digits = (const u8*)p.digits + (u64)blockIdx.x * fragments * VECTORS * 64;

    // Lane t < TILES loads tile t, and the next lane the digits.
    const u64 from = lane == TILES ? (u64)digits : p.levels + (u64)(block_tile + lane) * fragments * 512;
    const u32 own_bytes = lane == TILES ? DIGIT_BYTES : lane < tiles ? TILE_BYTES : 0;
    auto load = [&](u32 step) {
        const u32 stage = step % STAGES, full = base + 8 * stage;
        if (lane == 0)
            asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(full),
                         "r"(tiles * TILE_BYTES + DIGIT_BYTES)
                         : "memory");
        __syncwarp();
        if (own_bytes)
            bulk_copy(base + STAGE + stage * STAGE_BYTES + lane * TILE_BYTES, from + (u64)step * own_bytes,
                      own_bytes, full);
    };
    if (warp == 0)
        for (u32 step = 0; step < min(STAGES, steps); step++) load(step);

    for (u32 vector = warp; vector < VECTORS; vector += WARPS) {
        const int* const exponents = (const int*)p.exponents + (first_vector + vector) * p.segments;
        int most = -1000;
        for (u32 s = lane; s < p.segments; s += 32) most = max(most, __ldcg(exponents + s));
        most = __reduce_max_sync(0xffffffffu, most);
        if (lane == 0) ((int*)(memory + GREATEST))[vector] = most;
        for (u32 s = lane; s < p.segments; s += 32)
            ((int*)(memory + FACTORS))[s * VECTORS + vector] =
                factor_of(EXPONENT_RANGE + __ldcg(exponents + s) - most);
    }
    __syncthreads();

    const u32 own_tile = warp / 2, tile = p.first_tile + block_tile + own_tile;
    // Lane (g, t) has rows g and g + 8 of the tile and, of each block, activations t with both digits.
    const u32 own_vector = warp % 2 * OWN_BLOCKS * 4 + lane % 4;
    const u32 a_at = base + STAGE + own_tile * TILE_BYTES + lane * 16;
    const u32 b_at = base + STAGE + TILES * TILE_BYTES + warp % 2 * OWN_BLOCKS * 256 + lane * 8;
    long long sums[OWN_BLOCKS][2] = {};
    u32 step = 0, stage = 0, parity = 0, own_load = warp < LAG ? warp + WARPS : warp;
#pragma unroll 1
    for (u32 segment = 0; segment < p.segments; segment++) {
        int sum[OWN_BLOCKS][4] = {};
        const u32 end = step + fragments_of(groups_of(p, segment)) / STEP_FRAGMENTS;
#pragma unroll 1
        for (; step < end; step++) {
            if (step == own_load) {
                own_load += WARPS;
                const u32 used = step - LAG;
                if (used + STAGES < steps) {
                    wait(base + EMPTY + 8 * (used % STAGES), used / STAGES & 1);
                    load(used + STAGES);
                }
            }
            wait(base + 8 * stage, parity);
#pragma unroll
            for (int f = 0; f < STEP_FRAGMENTS; f++) {
                u32 levels[4];
                asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                             : "=r"(levels[0]), "=r"(levels[1]), "=r"(levels[2]), "=r"(levels[3])
                             : "r"(a_at + stage * STAGE_BYTES + f * 512));
#pragma unroll
                for (int i = 0; i < 4; i++) levels[i] ^= 0x80808080u;
#pragma unroll
                for (int n = 0; n < OWN_BLOCKS; n++) {
                    u32 low, high;
                    asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
                                 : "=r"(low), "=r"(high)
                                 : "r"(b_at + stage * STAGE_BYTES + f * VECTORS * 64 + n * 256));
                    multiply(sum[n], levels, low, high);
                }
            }
            __syncwarp();
            if (lane == 0)
                asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(base + EMPTY + 8 * stage)
                             : "memory");
            if (++stage == STAGES) stage = 0, parity ^= 1;
        }
        const int* const own_factors = (const int*)(memory + FACTORS) + segment * VECTORS + own_vector;
        int factors[OWN_BLOCKS], least = 0;
#pragma unroll
        for (int n = 0; n < OWN_BLOCKS; n++) {
            factors[n] = own_factors[4 * n];
            least = min(least, factors[n]);
        }
#pragma unroll
        for (int i = 0; i < OWN_BLOCKS * 2; i++) {
            const int n = i / 2, h = i % 2, own = 256 * sum[n][2 * h] + sum[n][2 * h + 1];
            asm("mad.wide.s32 %0, %1, %2, %0;" : "+l"(sums[n][h]) : "r"(own), "r"(max(factors[n], 0)));
        }
        if (__any_sync(0xffffffffu, least < 0) && tile < p.tiles)
#pragma unroll
            for (int i = 0; i < OWN_BLOCKS * 2; i++) {
                const int n = i / 2, h = i % 2, own = 256 * sum[n][2 * h] + sum[n][2 * h + 1];
                if (factors[n] < 0)
                    sums[n][h] += shifted_sum(p, digits, tile, segment, lane / 4 + 8 * h, own_vector + 4 * n,
                                              -factors[n], own);
            }
    }
    if (own_tile >= tiles) return;
#pragma unroll
    for (int n = 0; n < OWN_BLOCKS; n++) {
        const u32 vector = own_vector + 4 * n;
        if (first_vector + vector >= rows) continue;
#pragma unroll
        for (int h = 0; h < 2; h++) {
            const u32 row = tile * 16 + lane / 4 + 8 * h;
            if (row < p.first || row >= p.first + p.count) continue;
            const float step = ((const float*)p.steps)[p.per_row ? row : 0];
            const int greatest = ((const int*)(memory + GREATEST))[vector];
            finish(p, row, first_vector + vector, greatest, sums[n][h], step);
        }
    }
}

#endif
