// Choices: the largest logit, sampled tokens, experts. One block per row.

#define THREADS 1024u

struct ArgmaxParameters {
    const float* logits;
    u32* y;
    const ActiveRows* active;
    u32 width, padding;
};

struct Best {
    float value;
    u32 index;
};

// The larger one, or the first of equal ones.
__device__ __forceinline__ Best better(Best a, Best b) {
    return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}

// Returns the first largest value of a row, ignoring NaN, to all threads. If there is none, the value is
// negative infinity.
__device__ Best largest(const float* values, u32 width) {
    __shared__ Best parts[32];
    Best best = {-INFINITY, 0xffffffffu};
    for (u32 i = threadIdx.x; i < width; i += THREADS) {
        const float value = values[i];
        if (value > best.value || (value == best.value && best.index == 0xffffffffu)) best = {value, i};
    }
    for (u32 distance = 16; distance > 0; distance /= 2)
        best = better(best, {__shfl_xor_sync(0xffffffffu, best.value, distance),
                             __shfl_xor_sync(0xffffffffu, best.index, distance)});
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = best;
    __syncthreads();
    best = parts[threadIdx.x % 32];
    for (u32 distance = 16; distance > 0; distance /= 2)
        best = better(best, {__shfl_xor_sync(0xffffffffu, best.value, distance),
                             __shfl_xor_sync(0xffffffffu, best.index, distance)});
    return best;
}

__device__ __forceinline__ bool finite(float value) {
    return fabsf(value) <= 3.402823466e38f;
}

extern "C" __global__ void __launch_bounds__(THREADS) argmax(const __grid_constant__ ArgmaxParameters p) {
    wait_for_previous();
    const u32 row = blockIdx.x;
    if (row >= p.active->rows[1]) return;
    const Best best = largest(p.logits + (u64)row * p.width, p.width);
    if (threadIdx.x == 0) p.y[row] = finite(best.value) ? best.index : 0xffffffffu;
}

struct SampleParameters {
    const float* logits;
    const float* parameters;     // temperature, top-k, top-p, min-p, uniform random number
    u32* y;
    const ActiveRows* active;
    u64* keys;                   // scratch, [rows][room]
    float* weights;              // scratch, [rows][room]
    u32 width, room;
};

// Sort key: descending logits, then ascending tokens.
__device__ __forceinline__ u64 rank(float logit, u32 token) {
    const u32 bits = __float_as_uint(logit);
    const u32 ascending = bits >> 31 ? ~bits : bits | 0x80000000u;
    return (u64)(~ascending) << 32 | token;
}

__device__ __forceinline__ float logit_of(u64 key) {
    const u32 ascending = ~(u32)(key >> 32);
    return __uint_as_float(ascending >> 31 ? ascending & 0x7fffffffu : ~ascending);
}

#define SHARED_KEYS 2048u

// Samples as `sample_token` of the host, in the same order of sums. Exponentials are computed in double
// precision and rounded once, as the host's are but for rare cases.
extern "C" __global__ void __launch_bounds__(THREADS) sample(const __grid_constant__ SampleParameters p) {
    wait_for_previous();
    const u32 row = blockIdx.x;
    if (row >= p.active->rows[1]) return;
    const float* logits = p.logits + (u64)row * p.width;
    const float temperature = p.parameters[5 * row], top_p = p.parameters[5 * row + 2];
    const float min_p = p.parameters[5 * row + 3], uniform = p.parameters[5 * row + 4];
    const u32 top_k = (u32)p.parameters[5 * row + 1];
    const Best best = largest(logits, p.width);
    if (!finite(best.value) || temperature == 0.0f || top_k == 1) {
        if (threadIdx.x == 0) p.y[row] = finite(best.value) ? best.index : 0xffffffffu;
        return;
    }
    __shared__ u64 shared_keys[SHARED_KEYS];
    __shared__ u32 count;
    u64* keys = p.keys + (u64)row * p.room;
    float* weights = p.weights + (u64)row * p.room;
    if (threadIdx.x == 0) count = 0;
    __syncthreads();
    // Their order is that of the sort below.
    const float lowest = -17.0f * temperature;
    for (u32 token = threadIdx.x; token < p.width; token += THREADS) {
        const float logit = logits[token];
        if (logit - best.value >= lowest) keys[atomicAdd(&count, 1)] = rank(logit, token);
    }
    __syncthreads();
    u32 n = count, size = 1;
    while (size < n) size *= 2;
    if (size <= SHARED_KEYS) {
        for (u32 i = threadIdx.x; i < size; i += THREADS) shared_keys[i] = i < n ? keys[i] : ~0ull;
        keys = shared_keys;
    } else {
        for (u32 i = n + threadIdx.x; i < size; i += THREADS) keys[i] = ~0ull;
    }
    __syncthreads();
    // Bitonic sort (Batcher, 1968).
    for (u32 length = 2; length <= size; length *= 2) {
        for (u32 distance = length / 2; distance > 0; distance /= 2) {
            for (u32 i = threadIdx.x; i < size / 2; i += THREADS) {
                const u32 a = 2 * i - (i & (distance - 1)), b = a + distance;
                const u64 low = keys[a], high = keys[b];
                if ((low > high) == ((a & length) == 0)) keys[a] = high, keys[b] = low;
            }
            __syncthreads();
        }
    }
    if (top_k > 0) n = min(n, top_k);
    for (u32 i = threadIdx.x; i < n; i += THREADS)
        weights[i] = (float)exp((double)((logit_of(keys[i]) - best.value) / temperature));
    __syncthreads();
    if (threadIdx.x != 0) return;
    float total = 0.0f;
    for (u32 i = 0; i < n; i++) total += weights[i];
    float reached = 0.0f;
    u32 keep = 0;
    for (; keep < n; keep++) {
        if (weights[keep] < min_p || (reached >= top_p * total && keep > 0)) break;
        reached += weights[keep];
    }
    float left = uniform * reached;
    u32 chosen = keep - 1;
    for (u32 i = 0; i < keep; i++) {
        left -= weights[i];
        if (left < 0.0f) {
            chosen = i;
            break;
        }
    }
    p.y[row] = keep > 0 ? (u32)keys[chosen] : 0xffffffffu;
}

struct RouteParameters {
    const float* logits;
    u32* choices;
    float* weights;
    const ActiveRows* active;
    u32 experts, top_k, renormalize, padding;
};

#define MAX_EXPERTS 1024u

// Chooses the experts of a row with one warp.
extern "C" __global__ void __launch_bounds__(32) route(const __grid_constant__ RouteParameters p) {
    wait_for_previous();
    const u32 row = blockIdx.x, lane = threadIdx.x;
    if (row >= p.active->rows[0]) return;
    __shared__ u32 chosen[MAX_EXPERTS / 32];
    const float* logits = p.logits + (u64)row * p.experts;
    if (lane < MAX_EXPERTS / 32) chosen[lane] = 0;
    __syncwarp();
    float max = -INFINITY;
    for (u32 i = lane; i < p.experts; i += 32) max = fmaxf(max, logits[i]);
    for (u32 distance = 16; distance > 0; distance /= 2)
        max = fmaxf(max, __shfl_xor_sync(0xffffffffu, max, distance));
    float all = 0.0f;
    for (u32 i = lane; i < p.experts; i += 32) all += expf(logits[i] - max);
    all = sum_lanes(all, 32);
    for (u32 k = 0; k < p.top_k; k++) {
        // Ranks are different, and the first of equal logits has the lowest.
        u64 lowest = ~0ull;
        for (u32 i = lane; i < p.experts; i += 32) {
            if (chosen[i / 32] >> (i % 32) & 1) continue;
            const float logit = logits[i] != logits[i] ? -INFINITY : logits[i];
            lowest = min(lowest, rank(logit, i));
        }
        for (u32 distance = 16; distance > 0; distance /= 2)
            lowest = min(lowest, __shfl_xor_sync(0xffffffffu, lowest, distance));
        const u32 expert = (u32)lowest;
        if (lane == 0 && expert < p.experts) chosen[expert / 32] |= 1u << (expert % 32);
        __syncwarp();
    }
    if (lane != 0) return;
    u32* choices = p.choices + (u64)row * p.top_k;
    float* weights = p.weights + (u64)row * p.top_k;
    float sum = 0.0f;
    u32 k = 0;
    for (u32 i = 0; i < p.experts && k < p.top_k; i++) {
        if (!(chosen[i / 32] >> (i % 32) & 1)) continue;
        choices[k] = i;
        weights[k] = expf(logits[i] - max) / all;
        sum += weights[k];
        k++;
    }
    if (p.renormalize)
        for (u32 i = 0; i < k; i++) weights[i] /= sum;
}
