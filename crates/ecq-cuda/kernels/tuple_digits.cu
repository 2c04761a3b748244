// Products with matrices of tuples. Macros: TUPLE, WIDTH, TRELLIS, STREAMS (of a warp), WARPS (of a block),
// VECTORS (rows of activations: 1, 2, 4, 8 or 16), SHARED_DIGITS (whether the digits fit shared memory).
//
// Activations are two 8-bit digits with one exponent for each segment: x = (256 high + low) 2^e. The digits
// of a row are two columns of operand B. Sums of a segment are exact in 32 bits, sums of a row in 64 bits of
// fixed point, so results do not depend on the order of additions, on the batch or on the division of work.

#define MAX_DIGIT 32512.0f
// Exponents of segments that matter: a segment whose exponent is further below the greatest one loses bits
// that are 2^-26 of the greatest activation.
#define EXPONENT_RANGE 11
// Bits of the low word of a sum; the high word has what is above.
#define LOW_BITS 20
// Blocks of eight columns of operand B.
#define BLOCKS ((VECTORS + 3) / 4)
// Words of the digits of a group.
#define GROUP_WORDS (16 * VECTORS)
#define NONE 0xffffffffu

struct Digits {
    u64 activations; // [vectors][cols] of `element`
    u64 scales;      // f32 [cols], or 0
    u64 digits;      // [segment][group][column][lane mod 4][register] words
    u64 exponents;   // i32 [VECTORS][segments]
    u32 vectors, cols, stride, element;
    u32 segments, segment_groups, batch_groups, unused;
};

// Writes the digits of a segment (block x) of a row of activations (block y). Rows behind the last are zero.
extern "C" __global__ void tuple_digits(const __grid_constant__ Digits p) {
    __shared__ u32 parts[32];
    const u32 segment = blockIdx.x, vector = blockIdx.y, thread = threadIdx.x;
    const u32 first = segment * p.segment_groups * 8 * TUPLE;
    const u32 end = segment + 1 < p.segments ? first + p.segment_groups * 8 * TUPLE : p.cols;
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
    auto value = [&](u32 col) {
        if (vector >= p.vectors || col >= end) return 0.0f;
        const u64 at = (u64)vector * p.stride + col;
        float x = p.element == F32   ? __ldcg((const float*)p.activations + at)
                  : p.element == F16 ? half_to_float(__ldcg((const u16*)p.activations + at))
                                     : bfloat_to_float(__ldcg((const u16*)p.activations + at));
        return p.scales ? __fmul_rn(x, ((const float*)p.scales)[col]) : x;
    };
    u32 most = 0;
    for (u32 col = first + thread; col < end; col += blockDim.x)
        most = max(most, __float_as_uint(fabsf(value(col))));
    most = __reduce_max_sync(0xffffffffu, most);
    if (thread % 32 == 0) parts[thread / 32] = most;
    __syncthreads();
    most = __reduce_max_sync(0xffffffffu, thread % 32 < blockDim.x / 32 ? parts[thread % 32] : 0u);
    // The least exponent with all digits in range. Infinite and NaN activations give arbitrary digits.
    const u32 ratio = __float_as_uint(__fmul_rn(__uint_as_float(most), 1.0f / MAX_DIGIT));
    const int exponent = max((int)(ratio >> 23) - 127 + ((ratio & 0x7fffffu) != 0), -100);
    const float inverse = __uint_as_float((u32)(127 - min(exponent, 126)) << 23);
    if (thread == 0) ((int*)p.exponents)[vector * p.segments + segment] = exponent;
    u32* out = (u32*)p.digits + (u64)segment * p.batch_groups * GROUP_WORDS;
    for (u32 i = thread; i < p.batch_groups * 8; i += blockDim.x) {
        const u32 group = i / 8, lane = i % 4, half = i / 4 % 2;
        u32 high = 0, low = 0;
#pragma unroll
        for (int k = 0; k < TUPLE; k++) {
            const u32 in_segment = group * 8 * TUPLE + half * 4 * TUPLE + lane * TUPLE + k;
            const float x = value(first + in_segment);
            const int digits = __float2int_rn(__fmul_rn(x, inverse)), bottom = (i8)digits;
            const u32 shift = 8 * (TUPLE == 4 ? k : k + 1);
            high |= ((u32)((digits - bottom) >> 8) & 255u) << shift;
            low |= ((u32)bottom & 255u) << shift;
        }
        u32* words = out + group * GROUP_WORDS + 2 * vector * 8 + lane * 2 + half;
        words[0] = high;
        words[8] = low;
    }
}
