// Fake quantization: the arithmetic of `ecq_kernels::fake_quant`, bit for bit. Products, fused products and
// roundings are those of IEEE 754, which the compiler neither fuses nor approximates.
//
// VECTORS is the number of vectors of four values of a thread: 1 for small arrays, more for large ones, so
// that a thread has several reads under way. A value is read and written once: nothing is gained by a copy in
// shared memory, and both pass the caches.

#define THREADS 256

struct FakeParameters {
    const uint4* x;              // bits of floats, so that NaNs stay as they are
    uint4* y;
    const uint4* channels;
    const u32* table;
    u64 count;                   // values; memory has whole vectors
    u64 run;                     // consecutive values of a channel
    u64 all;                     // channels
};

__device__ __forceinline__ u32 fake_value(u32 bits, const uint4& c, const u32* table) {
    const u32 size = bits & 0x7fffffffu, sign = bits & 0x80000000u;
    if (size > 0x7f800000u) return bits;
#if LEVELS
    // A search among the places where levels begin; floats are compared as integers of the same order.
    const u32 key = bits ^ (sign ? 0xffffffffu : 0x80000000u);
    u32 level = 0;
    for (u32 step = (c.x + 1) / 2; step > 0; step /= 2)
        if (__ldg(table + c.y + level + step - 1) <= key) level += step;
    return __ldg(table + c.z + level);
#elif ONE_BIT
    // Both zeros are positive.
    return c.x | (size ? sign : 0);
#else
    const float clipped = __uint_as_float(min(size, c.x)), multiplier = __uint_as_float(c.y);
    const float p = __fmul_rn(clipped, multiplier);
    // Twice the product is exact, and is below 2^16.
    const float n = EVEN ? rintf(p) : (float)(((u32)__fmul_rn(2.0f, p) + 1) >> 1);
    // The quotient, rounded correctly: see `fused_quotient` of the CPU. A division has a branch.
    const float reciprocal = __uint_as_float(c.z), rough = __fmul_rn(n, reciprocal);
    const float near = __fmaf_rn(__fmaf_rn(-rough, multiplier, n), reciprocal, rough);
    return sign | __float_as_uint(__fmaf_rn(__fmaf_rn(-near, multiplier, n), reciprocal, near));
#endif
}

__device__ __forceinline__ const uint4& channel_of(const FakeParameters& p, u64 i) {
    return p.channels[CHANNELS == 1 ? 0 : i / p.run % p.all];
}

extern "C" __global__ void __launch_bounds__(THREADS) fake_quant(const __grid_constant__ FakeParameters p) {
    wait_for_previous();
    const u64 vectors = (p.count + 3) / 4;
    const u64 start = (u64)blockIdx.x * THREADS * VECTORS + threadIdx.x;
    uint4 values[VECTORS];
#pragma unroll
    for (int k = 0; k < VECTORS; k++)
        if (start + k * THREADS < vectors) values[k] = __ldcs(p.x + start + k * THREADS);
    const uint4 first = p.channels[0];
#pragma unroll
    for (int k = 0; k < VECTORS; k++) {
        const u64 i = start + k * THREADS;
        if (i >= vectors) break;
        uint4 v = values[k];
        if (CHANNELS == 1) {
            v = make_uint4(fake_value(v.x, first, p.table), fake_value(v.y, first, p.table),
                           fake_value(v.z, first, p.table), fake_value(v.w, first, p.table));
        } else {
            v = make_uint4(fake_value(v.x, channel_of(p, 4 * i), p.table),
                           fake_value(v.y, channel_of(p, 4 * i + 1), p.table),
                           fake_value(v.z, channel_of(p, 4 * i + 2), p.table),
                           fake_value(v.w, channel_of(p, 4 * i + 3), p.table));
        }
        __stcs(p.y + i, v);
    }
}
