// What kernels of codes share: the layout, and products of a block on tensor cores. Activations are integers
// in blocks of 32 columns, so that the sum of a block is exact.
//
// Macros:
//   BITS    bits of a code, 2 to 8
//   GRID    UNIFORM, AFFINE or SUPER_BLOCKS, as in linear.cu
//   SCALES  element type of scales and biases of groups
//   BIASED  whether groups have biases or minima
//   GROUP   columns of a group on SUPER_BLOCKS: 16 or 32
//
// Layout of codes. A unit is 16 rows and 256 columns: 8 blocks of 32 columns. A lane holds the 16 codes of
// each block that the instruction mma.m16n8k32 expects from it, in four words of four codes. The bits of
// codes are in planes of 8, 4, 2 or 1 bits; a word of a plane has the bits of 1, 2, 4 or 8 blocks. So a unit
// is BITS loads of 16 bytes per lane, and a code is unpacked by a shift and a mask per plane.
//
// Activations. `prepare_block` of common.cuh writes each value as two signed bytes, 256 * high + low, times
// the scale of its block and row. Bytes are in the order of the instruction's second operand; high and low
// bytes of a row are two of its eight columns.
//
// Order of sums. Warp w adds the blocks of units w, w + 8, ..., in ascending order; then warps are added, in
// ascending order, then outliers. The order depends on the matrix alone.

#define UNIFORM 0
#define AFFINE 1
#define SUPER_BLOCKS 3

#define TILE_ROWS 16u
#define UNIT_COLUMNS 256u
#define BLOCK 32u

struct CodesMatrix {
    const uint4* units;          // [tiles][units][BITS][32]
    const void* scales;          // [rows] in f32 on UNIFORM; [tiles][groups][16], with biases, on AFFINE;
                                 // [tiles][units][16] on SUPER_BLOCKS, with steps of minima
    const i8* group_scales;      // [tiles][cols / GROUP][16]
    const u8* group_minima;      // [tiles][cols / GROUP][16]
    const float* col_scales;     // [cols]
    const u32* outlier_starts;   // [rows + 1]
    const uint2* outliers;       // column, and bits of the float to add in units of the step
    u32 rows, cols, unit_count;
    u32 groups, group_size;
    int zero;
};

// One matrix of a launch.
struct CodesOutput {
    CodesMatrix matrix;
    const u8* digits;
    const BlockSums* sums;
    float* y;                    // [rows in use][count]
    const float* bias;           // [count]
    float* sum;                  // [rows in use][count]: `sum_scale` times the result is added, or none
    u32 first, count;            // matrix rows
    u32 first_block;             // of the launch
    float sum_scale;
};

struct CodesParameters {
    CodesOutput outputs[MAX_OUTPUTS];
    const float* x;
    const float* transposed;     // x as [passes][cols][rows of a pass], for codes_gemm.cu
    const ActiveRows* active;
    u32 which, output_count;
    u32 early;                   // whether no earlier kernel or copy of the stream writes the codes
    u32 padding;
};

__device__ __forceinline__ void mma32(int (&c)[4], const u32 (&a)[4], uint2 b) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b.x), "r"(b.y));
}

__device__ __forceinline__ void mma16(int (&c)[4], u32 a0, u32 a1, u32 b) {
    asm("mma.sync.aligned.m16n8k16.row.col.s32.u8.s8.s32 {%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a0), "r"(a1), "r"(b));
}

__device__ __forceinline__ u32 word_of(const uint4& v, u32 i) {
    return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w;
}

// Unpacks the codes of block `block` of a unit to bytes.
__device__ __forceinline__ void unpack(const uint4 (&unit)[BITS], u32 block, u32 (&codes)[4]) {
#pragma unroll
    for (u32 i = 0; i < 4; i++) {
        u32 code = 0, load = 0, shift = 0;
#pragma unroll
        for (u32 width = 8; width > 0; width /= 2) {
            if (!(BITS & width)) continue;
            const u32 per_word = 8 / width, mask = ((1u << width) - 1) * 0x01010101u;
            const u32 bits = word_of(unit[load + block / per_word], i) >> (width * (block % per_word));
            code |= (bits & mask) << shift;
            shift += width;
            load += width;
        }
        codes[i] = code;
    }
}

// Scale and bias of a group of a row, or steps of a super-block.
__device__ __forceinline__ float2 scale_and_bias(const void* scales, u64 at) {
    if (!BIASED) return make_float2(load_float<SCALES>(scales, at), 0.0f);
    if (SCALES == F32) return ((const float2*)scales)[at];
    const u32 bits = ((const u32*)scales)[at];
    const u16 low = (u16)bits, high = (u16)(bits >> 16);
    if (SCALES == F16) return make_float2(half_to_float(low), half_to_float(high));
    return make_float2(bfloat_to_float(low), bfloat_to_float(high));
}

// Adds the sum of a group, times its scale, and the sum of activations, times its bias.
__device__ __forceinline__ void add_group(float& total, float2 scale, float x_scale, int sum, int sum_of_x) {
    total = __fmaf_rn(__fmul_rn(scale.x, x_scale), (float)sum, total);
    if (BIASED) total = __fmaf_rn(__fmul_rn(scale.y, x_scale), (float)sum_of_x, total);
}

// Scales and biases of a block for rows g and g + 8 of a tile; not on UNIFORM.
struct BlockScales {
    float2 of[GRID == SUPER_BLOCKS ? BLOCK / GROUP : 1][2];
};

// Loads them; `steps` are those of the super-block.
__device__ __forceinline__ BlockScales load_scales(const CodesMatrix& m, u32 tile, u32 block, u32 g,
                                                   const float2 (&steps)[2]) {
    BlockScales scales;
#if GRID == AFFINE
    const u32 group = min(block * BLOCK / m.group_size, m.groups - 1);
#pragma unroll
    for (u32 h = 0; h < 2; h++)
        scales.of[0][h] = scale_and_bias(m.scales, ((u64)tile * m.groups + group) * TILE_ROWS + g + 8 * h);
#elif GRID == SUPER_BLOCKS
#pragma unroll
    for (u32 s = 0; s < BLOCK / GROUP; s++) {
#pragma unroll
        for (u32 h = 0; h < 2; h++) {
            const u32 group = block * (BLOCK / GROUP) + s;
            const u64 at = ((u64)tile * (m.cols / GROUP) + group) * TILE_ROWS + g + 8 * h;
            scales.of[s][h].x = __fmul_rn(steps[h].x, (float)m.group_scales[at]);
            scales.of[s][h].y = BIASED ? -__fmul_rn(steps[h].y, (float)m.group_minima[at]) : 0.0f;
        }
    }
#endif
    return scales;
}

// Loads the steps of a super-block for rows g and g + 8; nothing on other grids.
__device__ __forceinline__ void load_steps(const CodesMatrix& m, u32 tile, u32 unit, u32 g,
                                           float2 (&steps)[2]) {
#if GRID == SUPER_BLOCKS
#pragma unroll
    for (u32 h = 0; h < 2; h++)
        steps[h] = scale_and_bias(m.scales, ((u64)tile * m.groups + unit) * TILE_ROWS + g + 8 * h);
#endif
}

// Adds the products of a block of codes with four rows of activations; `packed` are their `BlockSums`.
__device__ __forceinline__ void add_block(float (&total)[2], const u32 (&codes)[4], uint2 digits, int4 packed,
                                          const BlockScales& scales, int zero) {
    const float x_scale = __int_as_float(packed.x);
#if GRID == SUPER_BLOCKS && GROUP == 16
#pragma unroll
    for (u32 s = 0; s < 2; s++) {
        int sums[4] = {0, 0, 0, 0};
        mma16(sums, codes[2 * s], codes[2 * s + 1], s == 0 ? digits.x : digits.y);
        const int of_x = s == 0 ? packed.y : packed.z;
#pragma unroll
        for (u32 h = 0; h < 2; h++) {
            const int sum = 256 * sums[2 * h] + sums[2 * h + 1] - zero * of_x;
            add_group(total[h], scales.of[s][h], x_scale, sum, of_x);
        }
    }
#else
    int sums[4] = {0, 0, 0, 0};
    mma32(sums, codes, digits);
#pragma unroll
    for (u32 h = 0; h < 2; h++) {
        const int sum = 256 * sums[2 * h] + sums[2 * h + 1] - zero * packed.w;
#if GRID == UNIFORM
        total[h] = __fmaf_rn(x_scale, (float)sum, total[h]);
#else
        add_group(total[h], scales.of[0][h], x_scale, sum, packed.w);
#endif
    }
#endif
}
