// Types and conversions that all kernels use. There are no headers at run time, so nothing is included.

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define INFINITY __int_as_float(0x7f800000)

// Converts the bits of a half-precision float.
__device__ __forceinline__ float half_to_float(u16 bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

// Rounds to half precision, ties to even.
__device__ __forceinline__ u16 float_to_half(float value) {
    u16 bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

// Converts the bits of a bfloat16.
__device__ __forceinline__ float bfloat_to_float(u16 bits) {
    return __uint_as_float((u32)bits << 16);
}

// Rounds to bfloat16, ties to even.
__device__ __forceinline__ u16 float_to_bfloat(float value) {
    u16 bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

// Element types, numbered as in `Element` of the host.
#define F32 0
#define F16 1
#define BF16 2
#define I8 3

// Element types as template parameters of loads and stores.
template <int ELEMENT> __device__ __forceinline__ float load_float(const void* values, u64 i) {
    if (ELEMENT == F32) return ((const float*)values)[i];
    const u16 bits = ((const u16*)values)[i];
    return ELEMENT == F16 ? half_to_float(bits) : bfloat_to_float(bits);
}

// Adds a value times a factor; the product and the sum are rounded separately.
__device__ __forceinline__ float add_scaled(float to, float value, float scale) {
    return scale == 1.0f ? __fadd_rn(to, value) : __fadd_rn(to, __fmul_rn(scale, value));
}

// Returns what is added to an element, 0 for most. Outliers of a row are in ascending order of columns.
__device__ __forceinline__ float
outlier_at(const u32* starts, const uint2* outliers, u32 row, u32 col) {
    u32 low = starts[row];
    const u32 last = starts[row + 1];
    for (u32 high = last; low < high;) {
        const u32 middle = (low + high) / 2;
        if (outliers[middle].x < col) low = middle + 1;
        else high = middle;
    }
    return low < last && outliers[low].x == col ? __uint_as_float(outliers[low].y) : 0.0f;
}

// Errors that kernels report to the host, in memory that both see.
struct Report {
    u32 code;
    u32 value;
};
#define UNKNOWN_TOKEN 1
#define CACHE_RANGE 2

// Numbers of rows in use: of the batch, and of logits.
struct ActiveRows {
    u32 rows[2];
};

// Sums a value over groups of `lanes` lanes of a warp (a power of two), in a fixed order; all lanes get the
// sum.
__device__ __forceinline__ float sum_lanes(float value, u32 lanes) {
    for (u32 distance = lanes / 2; distance > 0; distance /= 2)
        value = __fadd_rn(value, __shfl_xor_sync(0xffffffffu, value, distance));
    return value;
}

// Sums a value over a block of at most 1024 threads, in a fixed order; all threads get the sum.
__device__ __forceinline__ float sum_block(float value) {
    __shared__ float parts[32];
    const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    value = sum_lanes(value, 32);
    if (warps == 1) return value;
    __syncthreads();
    if (lane == 0) parts[warp] = value;
    __syncthreads();
    return sum_lanes(lane < warps ? parts[lane] : 0.0f, 32);
}

// Waits for the kernels before this one, which may still run if this one was launched early, and allows the
// next one to be launched early. Everything that other kernels write is read after this.
__device__ __forceinline__ void wait_for_previous() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents; griddepcontrol.wait;" ::: "memory");
#endif
}

#if __CUDA_ARCH__ >= 900

// Waits until a barrier of shared memory has completed the phase of a parity.
__device__ __forceinline__ void wait(u32 barrier, u32 parity) {
    asm volatile("{ .reg .pred done;\n"
                 "again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                 "@!done bra again; }" ::"r"(barrier),
                 "r"(parity)
                 : "memory");
}

// Copies bytes, a multiple of 16, from global to shared memory; a barrier counts them when they are there.
__device__ __forceinline__ void bulk_copy(u32 to, u64 from, u32 bytes, u32 barrier) {
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to),
        "l"(from), "r"(bytes), "r"(barrier)
        : "memory");
}

#endif

// A block of 32 activations of a row as integers: its scale, and sums of the first 16, of the others, of all.
struct BlockSums {
    float scale;
    int first, second, all;
};

// Most matrices of a launch.
#define MAX_OUTPUTS 4
// The integer of the largest magnitude of a block.
#define LARGEST 32512.0f

// Activations as integers, for matrices with the same column scales; see codes.cu.
struct PrepareOutput {
    const float* col_scales;
    u8* digits;                  // [tiles][blocks][2 * rows of a tile][4 lanes][8]
    BlockSums* sums;             // [tiles][blocks][rows of a tile]
};

struct Activations {
    PrepareOutput outputs[MAX_OUTPUTS];
    u32 output_count, cols, blocks, rows_per_tile;
};

// Writes the value of each lane, one of a block of 32 columns of a row, as integers. Columns behind the last
// are 0.
__device__ __forceinline__ void
prepare_block(const Activations& a, u32 which, u32 row, u32 block, float value) {
    const PrepareOutput& out = a.outputs[which];
    const u32 lane = threadIdx.x % 32, col = block * 32 + lane;
    if (out.col_scales && col < a.cols) value = __fmul_rn(value, out.col_scales[col]);
    float largest = fabsf(value);
    const bool all_finite = __all_sync(0xffffffffu, largest <= 3.402823466e38f);
    for (u32 distance = 16; distance > 0; distance /= 2)
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, distance));
    // Denormal magnitudes would have no finite reciprocal.
    const float inverse = largest >= 1e-30f && all_finite ? LARGEST / largest : 0.0f;
    const int number = inverse > 0.0f ? __float2int_rn(__fmul_rn(value, inverse)) : 0;
    const int high = (number + 128) >> 8, low = number - (high << 8);
    int sum = number;
    for (u32 distance = 8; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    const int other = __shfl_xor_sync(0xffffffffu, sum, 16);
    const u32 tile = row / a.rows_per_tile, in_tile = row % a.rows_per_tile;
    const u64 at = (u64)tile * a.blocks + block;
    if (lane == 0) {
        BlockSums sums;
        sums.scale = all_finite ? largest / LARGEST : __int_as_float(0x7fffffff);
        sums.first = sum, sums.second = other, sums.all = sum + other;
        out.sums[at * a.rows_per_tile + in_tile] = sums;
    }
    u8* digits = out.digits + (at * 2 * a.rows_per_tile + 2 * in_tile) * 32;
    const u32 place = lane % 16 / 4 * 8 + lane / 16 * 4 + lane % 4;
    digits[place] = (u8)high;
    digits[32 + place] = (u8)low;
}

// Digits of activations for products with tuples, for matrices with the same column scales. x = (256 high +
// low) 2^e, with one exponent for each segment of columns; the digits of a row are two columns of operand B
// of the matrix instruction.
struct TupleOutput {
    const float* col_scales;     // [cols], or none
    u8* digits;                  // [pass][segment][group][column][lane mod 4][register] words; packed, with
                                 // fragments (`tuple_part.cuh`) in place of groups
    int* exponents;              // [pass][vectors][segments]
};

struct TupleActivations {
    TupleOutput outputs[MAX_OUTPUTS];
    u32 output_count, cols, tuple, segments;
    u32 segment_cols;            // of all segments but the last, which ends with the matrix
    u32 segment_words;           // of all segments but the last, which has the rest of `pass_words`
    u32 pass_words, vectors, packed, padding;
};

#define MAX_DIGITS 32512.0f
// The exponent of a segment with an activation that is infinite or NaN. Its products are NaN.
#define NOT_FINITE 4096

// Returns the least exponent with which all digits are in range; `most` are the bits of the largest
// magnitude.
__device__ __forceinline__ int exponent_of(u32 most) {
    if (most >= 0x7f800000u) return NOT_FINITE;
    const u32 ratio = __float_as_uint(__fmul_rn(__uint_as_float(most), 1.0f / MAX_DIGITS));
    return max((int)(ratio >> 23) - 127 + ((ratio & 0x7fffffu) != 0), -100);
}

// Returns an activation times its column scale.
__device__ __forceinline__ float scaled(const TupleOutput& out, u32 col, float value) {
    return out.col_scales ? __fmul_rn(value, out.col_scales[col]) : value;
}

__device__ __forceinline__ int* exponent_at(const TupleActivations& a, const TupleOutput& out, u32 row,
                                            u32 segment) {
    return out.exponents + (u64)row * a.segments + segment;
}

// Sets the digits of a segment of a row to zero, for the bytes that no column has; a block's threads take
// part.
__device__ __forceinline__ void
clear_digits(const TupleActivations& a, const TupleOutput& out, u32 row, u32 segment) {
    const u32 pass = row / a.vectors, vector = row - pass * a.vectors, group_words = 16 * a.vectors;
    u32* const to = (u32*)out.digits + (u64)pass * a.pass_words + segment * a.segment_words + 16 * vector;
    const u32 words = segment + 1 < a.segments ? a.segment_words : a.pass_words - segment * a.segment_words;
    for (u32 i = threadIdx.x; i < words / a.vectors; i += blockDim.x)
        to[i / 16 * group_words + i % 16] = 0;
}

// Fragments are operands of the matrix instruction without the bytes that registers of tuples waste: so many
// groups have the columns of so many fragments. A lane has the same columns in both, in one order.
#define PACK_GROUPS_OF(tuple) ((tuple) == 2 ? 2 : (tuple) == 3 ? 4 : 1)
#define PACK_FRAGMENTS_OF(tuple) ((tuple) == 3 ? 3 : 1)

// Where a column of a segment is among fragments: the lane modulo 4, and the byte of the eight that a lane
// has of a row in a fragment.
struct FragmentPlace {
    u32 lane, fragment, byte;
    __device__ __forceinline__ FragmentPlace(u32 tuple, u32 col) {
        const u32 group = col / (8 * tuple), in_group = col % (8 * tuple), in_lane = in_group / tuple;
        const u32 at = (group % PACK_GROUPS_OF(tuple) * 2 + in_lane / 4) * tuple + in_group % tuple;
        lane = in_lane % 4;
        fragment = group / PACK_GROUPS_OF(tuple) * PACK_FRAGMENTS_OF(tuple) + at / 8;
        byte = at % 8;
    }
};

// Writes the digits of a scaled activation.
__device__ __forceinline__ void write_digits(const TupleActivations& a, const TupleOutput& out, u32 row,
                                             u32 col, float value, u32 segment, int exponent) {
    const u32 in_segment = col - segment * a.segment_cols, group = in_segment / (8 * a.tuple);
    const u32 in_group = in_segment - group * 8 * a.tuple, in_lane = in_group / a.tuple;
    const u32 pass = row / a.vectors, vector = row - pass * a.vectors;
    // Byte in a row's words of the block of eight lanes' columns that the digit belongs to.
    const u32 in_tuple = in_group - in_lane * a.tuple;
    u32 block = group, byte = in_lane % 4 * 8 + in_lane / 4 * 4 + in_tuple + (a.tuple == 4 ? 0 : 1);
    if (a.packed) {
        const FragmentPlace place(a.tuple, in_segment);
        block = place.fragment;
        byte = place.lane * 8 + place.byte;
    }
    u8* const to = out.digits + ((u64)pass * a.pass_words + segment * a.segment_words) * 4 +
                   (block * a.vectors + vector) * 64 + byte;
    const float inverse = exponent == NOT_FINITE ? 0.0f : __uint_as_float((u32)(127 - exponent) << 23);
    const int digits = __float2int_rn(__fmul_rn(value, inverse)), low = (i8)digits;
    to[0] = (u8)((digits - low) >> 8);
    to[32] = (u8)low;
}
