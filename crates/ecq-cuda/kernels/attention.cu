// Causal softmax attention over the paged KV cache.
//
// Macros: HEAD_DIM, and CACHE_ELEMENT, the element type of the cache.
//
// Positions are divided into splits of `split` positions, from position 0 on. A block computes a split of one
// head of one row, or all splits of it one after the other. Where neighbouring rows are of one sequence, as
// in a prompt, a block of `attend_shared` has all splits of several rows, which share what it loads of the
// cache. All give the same bits: the result of a row depends only on its queries, its position and the cache.

#define WARPS 4u
#define THREADS (32u * WARPS)
// Positions of a warp at a time; four lanes share one.
#define AT_ONCE 8u
// Values of a head per lane, and those of a key that each of four lanes has.
#define PER_LANE ((HEAD_DIM + 31) / 32)
#define PER_QUARTER ((HEAD_DIM + 3) / 4)
// Rows of one sequence that share a block.
#define SHARED_ROWS 4u

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
    u32 shared, padding;         // whether `attend_shared` follows
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

#define WIDE_KEYS ((CACHE_ELEMENT == F16 || CACHE_ELEMENT == BF16) && HEAD_DIM % 32 == 0)

// Returns the column of element `i` of a quarter of a key.
__device__ __forceinline__ u32 key_column(u32 i) {
    const u32 quarter = threadIdx.x % 4;
    return WIDE_KEYS ? 8 * (quarter + i / 8 * 4) + i % 8 : quarter + 4 * i;
}

// Loads a lane's quarter of a key.
__device__ __forceinline__ void load_key(const Cache& keys, u64 head, float (&key)[PER_QUARTER]) {
    const u64 at = head * HEAD_DIM;
#if WIDE_KEYS
#pragma unroll
    for (u32 j = 0; j < PER_QUARTER / 8; j++) {
        const uint4 v = *(const uint4*)((const u16*)keys.data + at + key_column(8 * j));
        const u32 words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (u32 k = 0; k < 8; k++) {
            const u16 bits = (u16)(words[k / 2] >> (16 * (k % 2)));
            key[8 * j + k] = CACHE_ELEMENT == F16 ? half_to_float(bits) : bfloat_to_float(bits);
        }
    }
#else
#pragma unroll
    for (u32 i = 0; i < PER_QUARTER; i++)
        key[i] = key_column(i) < HEAD_DIM ? cached(keys, at + key_column(i)) : 0.0f;
#endif
}

// Returns the product of a query and a key, which four neighbouring lanes share.
__device__ __forceinline__ float score(const float* query, const float (&key)[PER_QUARTER]) {
    float sum = 0.0f;
#pragma unroll
    for (u32 i = 0; i < PER_QUARTER; i++)
        if (key_column(i) < HEAD_DIM) sum = __fmaf_rn(query[key_column(i)], key[i], sum);
    return sum_lanes(sum, 4);
}

// The positions that a row sees: from `first`, below `end`.
struct Range {
    u32 first, end;
};

// Computes a split of ROWS rows of one sequence; the results are in the lanes of every warp. Rows see
// different positions of the split, or none.
template <u32 ROWS>
__device__ __forceinline__ void
one_split(const AttentionParameters& p, const float (&queries)[ROWS][HEAD_DIM], const u32* table, u32 kv_head,
          const Range (&ranges)[ROWS], Partial (&all)[ROWS]) {
    __shared__ Partial parts[WARPS][32];
    const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    Partial own[ROWS];
    u32 first = ~0u, end = 0;
#pragma unroll
    for (u32 r = 0; r < ROWS; r++) {
        reset(own[r]);
        if (ranges[r].first >= ranges[r].end) continue;
        first = min(first, ranges[r].first);
        end = max(end, ranges[r].end);
    }
    for (u32 start = first / 32 * 32 + warp * AT_ONCE; start < end; start += AT_ONCE * WARPS) {
        const u32 position = start + lane / 4;
        const bool loaded = position >= first && position < end;
        u32 place = 0;
        if (loaded)
            place = table[position / p.block_positions] * p.block_positions + position % p.block_positions;
        // Values are loaded before scores are known, so that one waits for both at the same time.
        float values[AT_ONCE][PER_LANE];
#pragma unroll
        for (u32 k = 0; k < AT_ONCE; k++) {
            const bool in_range = __shfl_sync(0xffffffffu, (int)loaded, 4 * k);
            const u64 head = (u64)__shfl_sync(0xffffffffu, place, 4 * k) * p.kv_heads + kv_head;
#pragma unroll
            for (u32 i = 0; i < PER_LANE; i++) {
                const u32 d = lane + 32 * i;
                values[k][i] = in_range && d < HEAD_DIM ? cached(p.values, head * HEAD_DIM + d) : 0.0f;
            }
        }
        // Lanes of positions out of range take part with the first place.
        const u64 head = (u64)place * p.kv_heads + kv_head;
        float key[PER_QUARTER];
        load_key(p.keys, head, key);
        const float key_scale = scale_of(p.keys, head), value_scale = scale_of(p.values, head);
#pragma unroll
        for (u32 r = 0; r < ROWS; r++) {
            const bool seen = position >= ranges[r].first && position < ranges[r].end;
            const float product = score(queries[r], key) * key_scale * p.scale;
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
            const float factor = seen ? weight * value_scale : 0.0f;
#pragma unroll
            for (u32 k = 0; k < AT_ONCE; k++) {
                const float own_factor = __shfl_sync(0xffffffffu, factor, 4 * k);
#pragma unroll
                for (u32 i = 0; i < PER_LANE; i++)
                    tile.values[i] = __fmaf_rn(own_factor, values[k][i], tile.values[i]);
            }
            merge(own[r], tile);
        }
    }
#pragma unroll
    for (u32 r = 0; r < ROWS; r++) {
        __syncthreads();
        parts[warp][lane] = own[r];
        __syncthreads();
        all[r] = parts[0][lane];
#pragma unroll
        for (u32 other = 1; other < WARPS; other++) merge(all[r], parts[other][lane]);
    }
}

__device__ __forceinline__ void store(const AttentionParameters& p, u32 row, u32 head, const Partial& all) {
    const u32 lane = threadIdx.x % 32;
    float* y = p.y + ((u64)row * p.heads + head) * HEAD_DIM;
#pragma unroll
    for (u32 i = 0; i < PER_LANE; i++)
        if (lane + 32 * i < HEAD_DIM) y[lane + 32 * i] = all.values[i] / all.sum;
}

// Returns the positions that a row sees.
__device__ __forceinline__ Range range_of(const AttentionParameters& p, u32 row) {
    const u32 end = p.positions[row] + 1;
    return Range{p.window > 0 && end > p.window ? end - p.window : 0, end};
}

// Loads the queries of a head of ROWS rows.
template <u32 ROWS>
__device__ __forceinline__ void load_queries(const AttentionParameters& p, u32 row, u32 head,
                                             float (&queries)[ROWS][HEAD_DIM]) {
    for (u32 i = threadIdx.x; i < ROWS * HEAD_DIM; i += THREADS)
        queries[i / HEAD_DIM][i % HEAD_DIM] =
            p.queries[((u64)(row + i / HEAD_DIM) * p.heads + head) * HEAD_DIM + i % HEAD_DIM];
    __syncthreads();
}

// Returns whether rows from `row` on are computed together.
__device__ __forceinline__ bool share(const AttentionParameters& p, u32 row) {
    bool shared = row + SHARED_ROWS <= p.active->rows[0];
    for (u32 r = 1; shared && r < SHARED_ROWS; r++) shared = p.sequences[row + r] == p.sequences[row];
    return shared;
}

// Computes all splits of a head of ROWS rows of one sequence.
template <u32 ROWS>
__device__ __forceinline__ void
all_splits(const AttentionParameters& p, const float (&queries)[ROWS][HEAD_DIM], u32 row, u32 head) {
    const u32 kv_head = head / (p.heads / p.kv_heads);
    const u32* const table = p.tables + (u64)p.sequences[row] * p.width;
    Range ranges[ROWS];
    Partial all[ROWS];
    u32 first = ~0u, end = 0;
#pragma unroll
    for (u32 r = 0; r < ROWS; r++) {
        reset(all[r]);
        ranges[r] = range_of(p, row + r);
        first = min(first, ranges[r].first);
        end = max(end, ranges[r].end);
    }
    for (u32 split = first / p.split; split * p.split < end; split++) {
        Range own[ROWS];
        Partial parts[ROWS];
#pragma unroll
        for (u32 r = 0; r < ROWS; r++)
            own[r] = Range{max(ranges[r].first, split * p.split), min(ranges[r].end, (split + 1) * p.split)};
        one_split<ROWS>(p, queries, table, kv_head, own, parts);
#pragma unroll
        for (u32 r = 0; r < ROWS; r++) merge(all[r], parts[r]);
    }
    if (threadIdx.x >= 32) return;
#pragma unroll
    for (u32 r = 0; r < ROWS; r++) store(p, row + r, head, all[r]);
}

// Blocks are [heads][rows][splits], or [heads][rows] for all splits of a row.
extern "C" __global__ void __launch_bounds__(THREADS, 1)
attend(const __grid_constant__ AttentionParameters p) {
    wait_for_previous();
    const u32 head = blockIdx.x, row = blockIdx.y;
    if (row >= p.active->rows[0] || (p.shared && share(p, row / SHARED_ROWS * SHARED_ROWS))) return;
    __shared__ float queries[1][HEAD_DIM];
    load_queries<1>(p, row, head, queries);
    if (gridDim.z == 1) return all_splits<1>(p, queries, row, head);
    const Range seen = range_of(p, row);
    const u32 start = blockIdx.z * p.split;
    if (start >= seen.end || start + p.split <= seen.first) return;
    const Range own[1] = {{max(seen.first, start), min(seen.end, start + p.split)}};
    Partial parts[1];
    const u32* const table = p.tables + (u64)p.sequences[row] * p.width;
    one_split<1>(p, queries, table, head / (p.heads / p.kv_heads), own, parts);
    const Partial& part = parts[0];
    if (threadIdx.x >= 32) return;
    float* to = p.parts + (((u64)row * p.heads + head) * p.splits + blockIdx.z) * (HEAD_DIM + 2);
    if (threadIdx.x == 0) to[0] = part.largest, to[1] = part.sum;
#pragma unroll
    for (u32 i = 0; i < PER_LANE; i++)
        if (threadIdx.x + 32 * i < HEAD_DIM) to[2 + threadIdx.x + 32 * i] = part.values[i];
}

// Blocks are [heads][rows / SHARED_ROWS].
extern "C" __global__ void __launch_bounds__(THREADS, 1)
attend_shared(const __grid_constant__ AttentionParameters p) {
    wait_for_previous();
    const u32 head = blockIdx.x, row = blockIdx.y * SHARED_ROWS;
    if (row >= p.active->rows[0] || !share(p, row)) return;
    __shared__ float queries[SHARED_ROWS][HEAD_DIM];
    load_queries<SHARED_ROWS>(p, row, head, queries);
    all_splits<SHARED_ROWS>(p, queries, row, head);
}

// Merges the splits of a head of a row, with one warp.
extern "C" __global__ void __launch_bounds__(32) combine(const __grid_constant__ AttentionParameters p) {
    wait_for_previous();
    const u32 head = blockIdx.x, row = blockIdx.y, lane = threadIdx.x;
    if (row >= p.active->rows[0]) return;
    const Range seen = range_of(p, row);
    Partial all;
    reset(all);
    for (u32 split = seen.first / p.split; split * p.split < seen.end; split++) {
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
