// What the kernels of products with tuples share. Macros: TUPLE, TRELLIS.

// Exponents of segments that matter: a segment whose exponent is further below the greatest one loses bits
// that are 2^-26 of the greatest activation.
#define EXPONENT_RANGE 11

#if __CUDA_ARCH__ >= 900

// What is fetched to the L2 cache for the next product.
struct Hint {
    u64 address;
    u64 bytes;
};
#define MAX_HINTS (3 * MAX_OUTPUTS)

// A matrix of a launch.
struct Part {
    u64 stream;         // stream rows
    u64 index;          // part `index`
    u64 starts;         // its starts of lanes
    u64 corrections;    // its corrections
    u64 registers;      // u32 [2^WIDTH]
    u64 digits;         // [pass][segment][group][column][lane mod 4][register] words
    u64 exponents;      // i32 [pass][VECTORS][segments]
    u64 steps;          // f32 [1] or [rows]
    u64 outlier_starts; // u32 [rows + 1], or 0
    u64 outliers;       // uint2: column, and bits of the float to add in units of the step
    u64 x;              // activations of `element`, for outliers
    u64 scales;         // f32 [cols], or 0
    u64 output;         // f32, f16 or bf16 [vectors][count]
    u64 bias;           // f32 [count], or 0
    u64 sum;            // f32 [vectors][count]: `sum_scale` times the result is added, or 0
    u64 levels;         // levels of tiles from `first_tile` on, as fragments (below), or 0
    u32 first, count;   // matrix rows of the output
    u32 tiles, segments, segment_groups, groups;
    u32 stream_rows, reach, batch_groups, per_row;
    u32 x_stride, element, output_stride, output_element;
    u32 slots, slot_rows;
    u32 first_block, first_tile, block_tiles, more_tiles;
    float sum_scale;
    u32 padding;
};

struct Product {
    Part parts[MAX_OUTPUTS];
    Hint hints[MAX_HINTS];
    const ActiveRows* active; // or none: then `rows` counts
    u32 which, rows, part_count, hint_count;
    u32 prefetch;             // whether no product before this one has fetched its matrices
    u32 one;
};

__device__ __forceinline__ void multiply(int* sums, const u32* a, u32 b0, u32 b1) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Returns what the outliers of a row add, in units of the step.
__device__ __forceinline__ float outlier_sum(const Part& p, u32 row, u64 vector) {
    const u32 start = ((const u32*)p.outlier_starts)[row], end = ((const u32*)p.outlier_starts)[row + 1];
    float sum = 0.0f;
    for (u32 i = start; i < end; i++) {
        const uint2 outlier = ((const uint2*)p.outliers)[i];
        const u64 at = vector * p.x_stride + outlier.x;
        const float x = p.element == F32   ? __ldcg((const float*)p.x + at)
                        : p.element == F16 ? half_to_float(__ldcg((const u16*)p.x + at))
                                           : bfloat_to_float(__ldcg((const u16*)p.x + at));
        const float scale = p.scales ? ((const float*)p.scales)[outlier.x] : 1.0f;
        sum = __fmaf_rn(__uint_as_float(outlier.y), __fmul_rn(x, scale), sum);
    }
    return sum;
}

// Writes a result, or adds it too: `sum` is in units of 2^(greatest - EXPONENT_RANGE) of levels.
__device__ __forceinline__ void finish(const Part& p, u32 row, u32 vector, int greatest, long long sum,
                                       float step) {
    // Registers of four hold multiples of the levels.
    const int unit_exponent = -EXPONENT_RANGE - (TUPLE == 4 ? (TRELLIS ? 4 : 5) : 0);
    const float scale = __uint_as_float((u32)(127 + max(greatest + unit_exponent, -126)) << 23);
    float y = greatest == NOT_FINITE ? __int_as_float(0x7fffffff) : __fmul_rn(__ll2float_rn(sum), scale);
    if (p.outlier_starts) y = __fadd_rn(y, outlier_sum(p, row, vector));
    y = __fmul_rn(y, step);
    if (p.bias) y = __fadd_rn(y, ((const float*)p.bias)[row - p.first]);
    const u64 at = (u64)vector * p.output_stride + row - p.first;
    if (p.output_element == F32)
        ((float*)p.output)[at] = y;
    else
        ((u16*)p.output)[at] = p.output_element == F16 ? float_to_half(y) : float_to_bfloat(y);
    if (p.sum) {
        float* const sum = (float*)p.sum + (u64)vector * p.count + row - p.first;
        *sum = add_scaled(*sum, y, p.sum_scale);
    }
}

// A fragment (common.cuh) is four registers of operand A or two of operand B with 32 columns.
#define PACK_GROUPS PACK_GROUPS_OF(TUPLE)
#define PACK_FRAGMENTS PACK_FRAGMENTS_OF(TUPLE)
// Segments are padded to a multiple of so many fragments, which are loaded together.
#define STEP_FRAGMENTS 3

// Returns the fragments of a segment of so many groups.
__device__ __forceinline__ u32 fragments_of(u32 groups) {
    const u32 packed = (groups + PACK_GROUPS - 1) / PACK_GROUPS * PACK_FRAGMENTS;
    return (packed + STEP_FRAGMENTS - 1) / STEP_FRAGMENTS * STEP_FRAGMENTS;
}

// Returns the groups of a segment.
__device__ __forceinline__ u32 groups_of(const Part& p, u32 segment) {
    return segment + 1 < p.segments ? p.segment_groups : p.groups - segment * p.segment_groups;
}

// Returns the fragments of all segments.
__device__ __forceinline__ u32 row_fragments(const Part& p) {
    return (p.segments - 1) * fragments_of(p.segment_groups) + fragments_of(groups_of(p, p.segments - 1));
}

#endif
