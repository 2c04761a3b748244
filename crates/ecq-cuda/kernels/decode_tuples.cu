// Decodes the tuple coding to codes, a segment of a tile per warp.
//
// Macros:
//   TUPLE        symbols of a tuple: 2 to 4
//   WIDTH        bits of the longest codeword
//
// A hostile stream leads a lane at most behind its rows, where all bits are zero. A segment is good if each
// lane ends before it begins in the next segment, and within the reach of the index.

#define CODE_ROWS 16u

struct TuplesJob {
    JobHead head;
    const u32* stream;           // [stream rows][32]
    const uint2* tables;         // [2^WIDTH]: symbols, a byte each; length
    const uint2* tiles;          // [tiles + 1]: first stream row, first correction
    const ushort2* segments;     // [tiles][segments]: the same, relative to the tile
    const u8* starts;            // [tiles][segments][32]: first bit, relative to the segment's stream row
    const u16* corrections;
    u32 rows, cols, tile_count, segment_count, segment_groups, groups;
    u32 reach, table_bytes, alphabet, unit;
};

struct Segment {
    u32 row, correction;
};

__device__ __forceinline__ Segment segment_of(const TuplesJob& job, u32 tile, u32 segment) {
    const uint2 first = job.tiles[segment == job.segment_count ? tile + 1 : tile];
    if (segment == job.segment_count) return {first.x, first.y};
    const ushort2 own = job.segments[(u64)tile * job.segment_count + segment];
    return {first.x + own.x, first.y + own.y};
}

extern "C" __global__ void __launch_bounds__(512)
decode_tuples(const __grid_constant__ Jobs<TuplesJob> all) {
    extern __shared__ uint4 shared[];
    const TuplesJob& job = own_job(all);
    copy_table(shared, job.tables, job.table_bytes);
    wait_for_previous();
    __syncthreads();
    const u32 number = own_warp(job.head), lane = threadIdx.x % 32;
    const u32 tile = number / job.segment_count, segment = number % job.segment_count;
    if (tile >= job.tile_count) return;
    const uint2* const table = (const uint2*)shared;
    const Segment own = segment_of(job, tile, segment), next = segment_of(job, tile, segment + 1);
    const u8* const starts = job.starts + ((u64)tile * job.segment_count + segment) * 32 + lane;
    const u32 rows = job.tiles[job.tile_count].x;
    u32 row = own.row + starts[0] / 32, at = starts[0] % 32;
    const u64 first = 32 * (u64)own.row + starts[0];
    auto word = [&]() {
        const u32 i = row++;
        return i < rows ? __ldg(job.stream + (u64)i * 32 + lane) : 0;
    };
    // The next bits are those of high:low behind the first `at`.
    u32 high = word(), low = word();
    u64 end = first;
    const u32 first_group = segment * job.segment_groups;
    const u32 groups = segment + 1 < job.segment_count ? job.segment_groups : job.groups - first_group;
    const u32 first_row = tile * CODE_ROWS, first_col = first_group * 8 * TUPLE;
    for (u32 group = 0; group < groups; group++) {
#pragma unroll
        for (u32 f = 0; f < 4; f++) {
            const uint2 entry = table[__funnelshift_l(low, high, at) >> (32 - WIDTH)];
            at += entry.y, end += entry.y;
            if (at >= 32) at -= 32, high = low, low = word();
            const u32 to_row = first_row + lane / 4 + 8 * (f % 2);
            const u32 col = first_col + group * 8 * TUPLE + f / 2 * 4 * TUPLE + lane % 4 * TUPLE;
            u8* const to = job.head.bytes + (u64)to_row * job.head.stride + col;
            if (to_row >= job.rows) continue;
            if (TUPLE == 4 && col + 4 <= job.cols) {
                *(u32*)to = entry.x;
            } else {
#pragma unroll
                for (u32 i = 0; i < TUPLE; i++)
                    if (col + i < job.cols) to[i] = (u8)(entry.x >> (8 * i));
            }
        }
    }
    u64 limit = min(32 * ((u64)next.row + job.reach), 32 * (u64)rows);
    if (segment + 1 < job.segment_count) limit = min(limit, 32 * (u64)next.row + starts[32]);
    bool bad = end > limit;
    __syncwarp();
    // Lane l adds the corrections of row l, in their order.
    for (u32 i = own.correction; i < next.correction; i++) {
        const u32 correction = job.corrections[i];
        if (lane != correction % CODE_ROWS) continue;
        const u32 in_segment = correction >> 4 & 511, to_row = first_row + lane;
        const u32 col = first_col + in_segment, select = correction >> 13 & 3;
        if (in_segment >= groups * 8 * TUPLE || col >= job.cols || to_row >= job.rows) {
            bad = true;
            continue;
        }
        const int size = (int)job.unit * (select == 3 ? 16 : 1 << select);
        u8* const to = job.head.bytes + (u64)to_row * job.head.stride + col;
        const int corrected = *to + (correction >> 15 ? -size : size);
        if (corrected < 0 || corrected >= (int)job.alphabet) bad = true;
        *to = (u8)corrected;
    }
    if (bad) report_bad(all, job.head);
}
