// Lookups of rows of matrices in the tuple coding. Macros: TUPLE, WIDTH, TRELLIS.

struct EmbedTuples {
    const u32* stream;           // stream rows of 32 words
    const uint2* index;          // part `index`
    const u8* starts;            // its starts of lanes
    const u16* corrections;      // its corrections
    const u32* registers;        // [2^WIDTH]
    const float* steps;          // [1] or [rows]
    const u32* outlier_starts;   // [rows + 1], or none
    const uint2* outliers;       // column, and bits of the float to add in units of the step
    const float* col_scales;     // [cols], or none
    const u32* tokens;           // [rows in use]
    float* y;                    // [rows in use][cols]
    const ActiveRows* active;
    Report* report;
    u32 rows, cols, tiles, segments, segment_groups, groups, stream_rows, per_row;
    float scale;
    u32 add;
};

#define EMBED_WARPS 4u
// Columns of a segment, rounded up to groups.
#define SEGMENT_ROOM 544u

// Writes the levels of row `in_tile` of a segment of a tile, as the products have them.
__device__ __forceinline__ void segment_levels(const EmbedTuples& p, u32 tile, u32 in_tile, u32 segment,
                                               int* levels) {
    const u32 lane = threadIdx.x % 32, place = tile * p.segments + segment;
    const uint2 first = p.index[1 + tile], next = p.index[2 + tile];
    const u32* const entries = (const u32*)(p.index + 2 + p.tiles);
    const u32 entry = entries[place], row = first.x + (entry & 0xffffu);
    const u32 end = segment + 1 < p.segments ? first.y + (entries[place + 1] >> 16) : next.y;
    const u32 groups = segment + 1 < p.segments ? p.segment_groups : p.groups - segment * p.segment_groups;
    u32 bit = p.starts[place * 32 + lane];
    auto word = [&](u32 at) {
        return row + at < p.stream_rows ? p.stream[(u64)(row + at) * 32 + lane] : 0u;
    };
    // Branch bits of a block of columns and of the next one, where a register has the parities.
    constexpr u32 PARITY_BIT = TUPLE == 4 ? 5 : 1, PARITIES = 0x01010101u << PARITY_BIT;
    u32 even = 0, odd = 0;
    for (u32 group = 0; group < groups; group++) {
        if (group == p.segment_groups) even = odd = 0;
        for (u32 f = 0; f < 4; f++) {
            const u32 window = __funnelshift_l(word(bit / 32 + 1), word(bit / 32), bit % 32);
            const u32 found = p.registers[window >> (32 - WIDTH)];
            bit += found & 31;
            if (f % 2 != in_tile / 8) continue;
            const u32 a = TUPLE == 4 ? found & 0xe0e0e0e0u : found & 0xffffff00u;
            const u32 branches = f < 2 ? even : odd;
            if (lane / 4 == in_tile % 8) {
#pragma unroll
                for (u32 k = 0; k < TUPLE; k++) {
                    const u32 shift = 8 * (TUPLE == 4 ? k : k + 1);
                    int level = (i8)(a >> shift);
                    if (TUPLE == 4) level >>= TRELLIS ? 4 : 5;
                    if (TRELLIS) level += (int)(branches >> (shift + PARITY_BIT) & 1u);
                    levels[group * 8 * TUPLE + f / 2 * 4 * TUPLE + lane % 4 * TUPLE + k] = level;
                }
            }
            if (f < 2) odd = (a ^ odd) & PARITIES;
            else even = (a ^ even) & PARITIES;
        }
    }
    __syncwarp();
    for (u32 c = first.y + (entry >> 16) + lane; c < end; c += 32) {
        const u32 correction = p.corrections[c], magnitude = correction >> 13 & 3;
        if (correction % 16 != in_tile) continue;
        const int units = (1 << (magnitude + magnitude / 3)) * (TRELLIS ? 4 : 1);
        atomicAdd(levels + (correction >> 4 & 511), correction & 0x8000u ? -units : units);
    }
    __syncwarp();
}

// Looks up rows: `y = weights * scale`, or adds them. One block per row.
extern "C" __global__ void __launch_bounds__(32 * EMBED_WARPS)
embed_tuples(const __grid_constant__ EmbedTuples p) {
    wait_for_previous();
    const u32 row = blockIdx.x, warp = threadIdx.x / 32;
    if (row >= p.active->rows[0]) return;
    const u32 token = p.tokens[row];
    if (token >= p.rows) {
        if (threadIdx.x == 0) p.report->value = token, p.report->code = UNKNOWN_TOKEN;
        return;
    }
    __shared__ int levels[EMBED_WARPS][SEGMENT_ROOM];
    const float step = p.steps[p.per_row ? token : 0];
    for (u32 segment = warp; segment < p.segments; segment += EMBED_WARPS) {
        segment_levels(p, token / 16, token % 16, segment, levels[warp]);
        const u32 first = segment * p.segment_groups * 8 * TUPLE;
        const u32 end = segment + 1 < p.segments ? first + p.segment_groups * 8 * TUPLE : p.cols;
        for (u32 col = first + threadIdx.x % 32; col < end; col += 32) {
            float value = (float)levels[warp][col - first];
            if (p.outlier_starts)
                value = __fadd_rn(value, outlier_at(p.outlier_starts, p.outliers, token, col));
            value = __fmul_rn(step, value);
            if (p.col_scales) value = __fmul_rn(value, p.col_scales[col]);
            value = __fmul_rn(value, p.scale);
            float* const y = p.y + (u64)row * p.cols + col;
            *y = p.add ? __fadd_rn(*y, value) : value;
        }
        __syncwarp();
    }
}
