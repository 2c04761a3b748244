// Causal softmax attention over the paged KV cache.
//
// Macros: HEAD_DIM, and CACHE_ELEMENT, the element type of the cache.
//
// Positions are divided into splits of `split` positions, from position 0 on. A block computes a split of one
// head of one row, or all splits of it one after the other. Both give the same bits: the result of a row
// depends only on its queries, its position and the cache.

#define WARPS 4u
#define THREADS (32u * WARPS)
// Positions of a warp at a time; four lanes share one.
#define AT_ONCE 8u
// Values of a head per lane.
#define PER_LANE ((HEAD_DIM + 31) / 32)

struct Cache {
    const void* data;
    const u16* scales;           // bfloat16, one per position and head
    u32 element, padding;
};

struct AttentionParameters {
    const float* queries;
    float* y;
    Cache keys, values;
    const u32* tables;
    const u32* sequences;
    const u32* positions;
    const ActiveRows* active;
    float* parts;                // scratch, [rows][heads][splits][HEAD_DIM + 2]
    u32 heads, kv_heads, width, block_positions;
    u32 window;                  // 0: no limit
    u32 split, splits;           // positions of a split, splits of a row
    float scale;
};

// The softmax of some positions: the largest score, the sum of weights relative to it, and the weighted sum
// of values, spread over the lanes of a warp.
struct Partial {
    float largest, sum;
    float values[PER_LANE];
};

__device__ __forceinline__ void reset(Partial& a) {
    a.largest = -INFINITY;
    a.sum = 0.0f;
#pragma unroll
    for (u32 i = 0; i < PER_LANE; i++) a.values[i] = 0.0f;
}

// Adds positions that follow those of `a`.
__device__ __forceinline__ void merge(Partial& a, const Partial& b) {
    if (b.largest == -INFINITY) return;
    const float largest = fmaxf(a.largest, b.largest);
    const float old = expf(a.largest - largest), added = expf(b.largest - largest);
    a.largest = largest;
    a.sum = a.sum * old + b.sum * added;
#pragma unroll
    for (u32 i = 0; i < PER_LANE; i++) a.values[i] = a.values[i] * old + b.values[i] * added;
}

__device__ __forceinline__ float cached(const Cache& cache, u64 at) {
#if CACHE_ELEMENT == F32
    return ((const float*)cache.data)[at];
#elif CACHE_ELEMENT == F16
    return half_to_float(((const u16*)cache.data)[at]);
#elif CACHE_ELEMENT == BF16
    return bfloat_to_float(((const u16*)cache.data)[at]);
#else
    return (float)((const i8*)cache.data)[at];
#endif
}

__device__ __forceinline__ float scale_of(const Cache& cache, u64 at) {
    return CACHE_ELEMENT == I8 ? bfloat_to_float(cache.scales[at]) : 1.0f;
}

// Returns the product of a query and a cached key, which four neighbouring lanes share.
__device__ __forceinline__ float score(const float* query, const Cache& keys, u64 head) {
    const u64 at = head * HEAD_DIM;
    const u32 quarter = threadIdx.x % 4;
    float sum = 0.0f;
#if (CACHE_ELEMENT == F16 || CACHE_ELEMENT == BF16) && HEAD_DIM % 32 == 0
#pragma unroll
    for (u32 j = 0; j < HEAD_DIM / 32; j++) {
        const u32 i = 8 * (quarter + 4 * j);
        const uint4 v = *(const uint4*)((const u16*)keys.data + at + i);
        const u32 words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (u32 k = 0; k < 8; k++) {
            const u16 bits = (u16)(words[k / 2] >> (16 * (k % 2)));
            const float key = CACHE_ELEMENT == F16 ? half_to_float(bits) : bfloat_to_float(bits);
            sum = __fmaf_rn(query[i + k], key, sum);
        }
    }
#else
#pragma unroll 4
    for (u32 i = quarter; i < HEAD_DIM; i += 4) sum = __fmaf_rn(query[i], cached(keys, at + i), sum);
#endif
    return sum_lanes(sum, 4) * scale_of(keys, head);
}

// Computes one split; the result is in the lanes of every warp.
__device__ __forceinline__ Partial
one_split(const AttentionParameters& p, const float* query, const u32* table, u32 kv_head, u32 first,
          u32 end) {
    __shared__ Partial parts[WARPS][32];
    const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    Partial own;
    reset(own);
    for (u32 start = first / 32 * 32 + warp * AT_ONCE; start < end; start += AT_ONCE * WARPS) {
        const u32 position = start + lane / 4;
        const bool seen = position >= first && position < end;
        u32 place = 0;
        if (seen)
            place = table[position / p.block_positions] * p.block_positions + position % p.block_positions;
        // Values are loaded before scores are known, so that one waits for both at the same time.
        float values[AT_ONCE][PER_LANE];
#pragma unroll
        for (u32 k = 0; k < AT_ONCE; k++) {
            const bool in_range = __shfl_sync(0xffffffffu, (int)seen, 4 * k);
            const u64 head = (u64)__shfl_sync(0xffffffffu, place, 4 * k) * p.kv_heads + kv_head;
#pragma unroll
            for (u32 i = 0; i < PER_LANE; i++) {
                const u32 d = lane + 32 * i;
                values[k][i] = in_range && d < HEAD_DIM ? cached(p.values, head * HEAD_DIM + d) : 0.0f;
            }
        }
        // Lanes of positions out of range take part with the first place.
        const float product = score(query, p.keys, (u64)place * p.kv_heads + kv_head) * p.scale;
        const float value = seen ? product : -INFINITY;
        float largest = value;
        for (u32 distance = 16; distance > 2; distance /= 2)
            largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, distance));
        if (largest == -INFINITY) continue;
        Partial tile;
        reset(tile);
        tile.largest = largest;
        const float weight = seen ? expf(value - largest) : 0.0f;
        tile.sum = weight;
        for (u32 distance = 16; distance > 2; distance /= 2)
            tile.sum = __fadd_rn(tile.sum, __shfl_xor_sync(0xffffffffu, tile.sum, distance));
        const float factor = seen ? weight * scale_of(p.values, (u64)place * p.kv_heads + kv_head) : 0.0f;
#pragma unroll
        for (u32 k = 0; k < AT_ONCE; k++) {
            const float own_factor = __shfl_sync(0xffffffffu, factor, 4 * k);
#pragma unroll
            for (u32 i = 0; i < PER_LANE; i++)
                tile.values[i] = __fmaf_rn(own_factor, values[k][i], tile.values[i]);
        }
        merge(own, tile);
    }
    __syncthreads();
    parts[warp][lane] = own;
    __syncthreads();
    Partial all = parts[0][lane];
#pragma unroll
    for (u32 other = 1; other < WARPS; other++) merge(all, parts[other][lane]);
    return all;
}

__device__ __forceinline__ void store(const AttentionParameters& p, u32 row, u32 head, const Partial& all) {
    const u32 lane = threadIdx.x % 32;
    float* y = p.y + ((u64)row * p.heads + head) * HEAD_DIM;
#pragma unroll
    for (u32 i = 0; i < PER_LANE; i++)
        if (lane + 32 * i < HEAD_DIM) y[lane + 32 * i] = all.values[i] / all.sum;
}

// Blocks are [heads][rows][splits], or [heads][rows] for all splits of a row.
extern "C" __global__ void __launch_bounds__(THREADS, 1)
attend(const __grid_constant__ AttentionParameters p) {
    wait_for_previous();
    const u32 head = blockIdx.x, row = blockIdx.y;
    if (row >= p.active->rows[0]) return;
    const u32 end = p.positions[row] + 1;
    const u32 first = p.window > 0 && end > p.window ? end - p.window : 0;
    const u32 kv_head = head / (p.heads / p.kv_heads);
    const u32* table = p.tables + (u64)p.sequences[row] * p.width;
    __shared__ float query[HEAD_DIM];
    for (u32 i = threadIdx.x; i < HEAD_DIM; i += THREADS)
        query[i] = p.queries[((u64)row * p.heads + head) * HEAD_DIM + i];
    __syncthreads();
    if (gridDim.z == 1) {
        Partial all;
        reset(all);
        for (u32 split = first / p.split; split * p.split < end; split++) {
            const u32 start = split * p.split;
            merge(all, one_split(p, query, table, kv_head, max(first, start), min(end, start + p.split)));
        }
        if (threadIdx.x < 32) store(p, row, head, all);
        return;
    }
    const u32 start = blockIdx.z * p.split;
    if (start >= end || start + p.split <= first) return;
    const Partial part = one_split(p, query, table, kv_head, max(first, start), min(end, start + p.split));
    if (threadIdx.x >= 32) return;
    float* to = p.parts + (((u64)row * p.heads + head) * p.splits + blockIdx.z) * (HEAD_DIM + 2);
    if (threadIdx.x == 0) to[0] = part.largest, to[1] = part.sum;
#pragma unroll
    for (u32 i = 0; i < PER_LANE; i++)
        if (threadIdx.x + 32 * i < HEAD_DIM) to[2 + threadIdx.x + 32 * i] = part.values[i];
}

// Merges the splits of a head of a row, with one warp.
extern "C" __global__ void __launch_bounds__(32) combine(const __grid_constant__ AttentionParameters p) {
    wait_for_previous();
    const u32 head = blockIdx.x, row = blockIdx.y, lane = threadIdx.x;
    if (row >= p.active->rows[0]) return;
    const u32 end = p.positions[row] + 1;
    const u32 first = p.window > 0 && end > p.window ? end - p.window : 0;
    Partial all;
    reset(all);
    for (u32 split = first / p.split; split * p.split < end; split++) {
        const float* from = p.parts + (((u64)row * p.heads + head) * p.splits + split) * (HEAD_DIM + 2);
        Partial part;
        part.largest = from[0];
        part.sum = from[1];
#pragma unroll
        for (u32 i = 0; i < PER_LANE; i++) {
            const u32 d = lane + 32 * i;
            part.values[i] = d < HEAD_DIM ? from[2 + d] : 0.0f;
        }
        merge(all, part);
    }
    store(p, row, head, all);
}
