// Decodes the tuple coding to the units of codes.cu. The stream was checked when it was loaded, by
// decode_tuples.cu.
//
// Macros: TUPLE, WIDTH, TRELLIS of the matrix; STREAMS, TABLE_COPIES: 1; BITS of an element.
//
// A warp decodes a run of consecutive segments of a tile, which begins where a unit begins. Levels go to a
// ring of columns in shared memory, where corrections are added; then whole units are packed. Stream rows are
// copied to shared memory one segment ahead.

#if __CUDA_ARCH__ >= 900

// Shared memory: two barriers for each warp, the table, and for each warp its ring and two slots.
#define TABLE 256
#define WARPS_AT (TABLE + TABLE_BYTES)
// Columns are counted in quads of four.
#define UNIT_QUADS (UNIT_COLUMNS / 4)
#define GROUP_QUADS (2u * TUPLE)

struct TupleUnitsJob {
    JobHead head;
    u64 stream;                  // [stream rows][32] words
    const u32* registers;        // [2^WIDTH]
    const uint2* tiles;          // [tiles + 1]: first stream row, first correction
    const u32* segments;         // [tiles][segments]: the same, 16 bits each, relative to the tile
    const u8* starts;            // [tiles][segments][32]: first bit, relative to the segment's stream row
    const u16* corrections;
    u32 rows, cols, tile_count, segment_count, segment_groups, groups;
    u32 stream_rows, reach, slot_rows;
    u32 run_segments, runs;      // of a tile
    u32 ring_quads, ring_stride; // columns of a ring, and words from row to row: 4 modulo 32
    u32 offset;                  // of bytes of levels against elements, in each byte
    u32 one, padding;
};

// Where a segment begins, and how much it has.
struct Segment {
    u32 row, rows, correction, corrections;

    __device__ __forceinline__ void load(const TupleUnitsJob& job, u32 tile, u32 segment) {
        const uint2 first = __ldg(job.tiles + tile), next = __ldg(job.tiles + tile + 1);
        const u32* const entries = job.segments + (u64)tile * job.segment_count + segment;
        const bool inner = segment + 1 < job.segment_count;
        const u32 entry = __ldg(entries), after = inner ? __ldg(entries + 1) : 0;
        row = first.x + (entry & 0xffffu);
        const u32 end = (inner ? first.x + (after & 0xffffu) : next.x) + job.reach;
        rows = min(min(end, job.stream_rows) - row, job.slot_rows);
        correction = first.y + (entry >> 16);
        corrections = (inner ? first.y + (after >> 16) : next.y) - correction;
    }

    __device__ __forceinline__ Segment of(u32 lane) const {
        const auto from = [&](u32 value) { return __shfl_sync(0xffffffffu, value, lane); };
        return {from(row), from(rows), from(correction), from(corrections)};
    }
};

// A warp's levels of a tile, from a column on that lies at the start of a unit. Lanes that write neighbouring
// quads of eight rows, or read four, meet each bank once.
struct Ring {
    u32 address;                 // of the row lane / 4
    u32 quads;
    u32 half;                    // bytes from the row lane / 4 to the row 8 + lane / 4

    // The place of a quad, which is less than twice `quads`.
    __device__ __forceinline__ u32 wrapped(u32 quad) const {
        return min(quad, quad - quads);
    }
};

// Writes two tuples of each lane to the ring, of two rows; `quad` is the first one of the four lanes'
// columns.
__device__ __forceinline__ void write_tuples(const Ring& ring, u32 quad, u32 t, const u32 (&levels)[2]) {
    u32 words[2];
#pragma unroll
    for (u32 i = 0; i < 2; i++) {
        // Four bytes of the own tuple and the next lane's, for the lanes that have a quad.
        const u32 next = TUPLE == 4 ? 0 : __shfl_down_sync(0xffffffffu, levels[i], 1);
        const u32 select = TUPLE == 4   ? 0x3210
                           : TUPLE == 2 ? 0x6521
                           : t == 0     ? 0x5321
                           : t == 1     ? 0x6532
                                        : 0x7653;
        words[i] = __byte_perm(levels[i], next, select);
    }
    if (TUPLE == 2 ? t % 2 : TUPLE == 3 && t == 3) return;
    const u32 to = ring.address + 4 * ring.wrapped(quad + (TUPLE == 2 ? t / 2 : t));
    asm volatile("st.shared.u32 [%0], %1;" ::"r"(to), "r"(words[0]) : "memory");
    asm volatile("st.shared.u32 [%0], %1;" ::"r"(to + ring.half), "r"(words[1]) : "memory");
}

// Decodes a segment to the ring from `quad` on.
__device__ __forceinline__ void
decode_segment(const TupleUnitsJob& job, Positions& at, u32 table, const Ring& ring, u32 quad, u32 groups,
               u32 lane) {
#if TRELLIS
    const u32 parity = TUPLE == 4 ? 0x20202020u : 0x02020200u;
    u32 even[2] = {}, odd[2] = {};
#endif
#pragma unroll 1
    for (u32 group = 0; group < groups; group += BATCH_GROUPS)
        decode_batch(at, table, job.one, [&](int n, u32(&a)[STREAMS][4]) {
#if TRELLIS
            // The last segment may be longer than what the trellis restarts after.
            if (group + n == job.segment_groups) even[0] = even[1] = odd[0] = odd[1] = 0;
            odd[0] = (a[0][0] ^ odd[0]) & parity;
            odd[1] = (a[0][1] ^ odd[1]) & parity;
            const u32 branches[4] = {even[0], even[1], odd[0], odd[1]};
            even[0] = (a[0][2] ^ even[0]) & parity;
            even[1] = (a[0][3] ^ even[1]) & parity;
#else
            const u32 branches[4] = {};
#endif
            // Groups behind the last one are noise.
            if (group + n >= groups) return;
            const u32 to = quad + (group + n) * GROUP_QUADS;
#pragma unroll
            for (u32 half = 0; half < 2; half++) {
                const u32 levels[2] = {levels_of(a[0][2 * half], branches[2 * half]),
                                       levels_of(a[0][2 * half + 1], branches[2 * half + 1])};
                write_tuples(ring, to + half * TUPLE, lane % 4, levels);
            }
        });
}

extern "C" __global__ void __launch_bounds__(512, 1)
decode_tuple_units(const __grid_constant__ Jobs<TupleUnitsJob> all) {
    extern __shared__ __align__(128) u8 memory[];
    const TupleUnitsJob& job = own_job(all);
    const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, base = (u32)__cvta_generic_to_shared(memory);
    if (lane < 2)
        asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(base + warp * 16 + lane * 8), "r"(1)
                     : "memory");
    copy_table(memory + TABLE, job.registers, TABLE_BYTES);
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    const u32 number = own_warp(job.head), tile = number / job.runs;
    const u32 begin = number % job.runs * job.run_segments;
    const u32 end = min(begin + job.run_segments, job.segment_count);
    const u32 row_bytes = 4 * job.ring_stride, ring_bytes = TILE_ROWS * row_bytes;
    const u32 own = base + WARPS_AT + warp * (ring_bytes + 2 * job.slot_rows * 128);
    const Ring ring = {own + lane / 4 * row_bytes, job.ring_quads, 8 * row_bytes};
    const u32 slots = own + ring_bytes, barriers = base + warp * 16;

    // A run has at most 32 segments; each lane has one of them.
    Segment loaded = {}, next = {};
    u32 next_start = 0, next_correction = 0;
    const auto fetch = [&](u32 segment) {
        next = loaded.of(segment - begin);
        next_start = job.starts[((u64)tile * job.segment_count + segment) * 32 + lane];
        next_correction = lane < next.corrections ? job.corrections[next.correction + lane] : 0;
        const u32 slot = (segment - begin) % 2, barrier = barriers + 8 * slot;
        if (lane != 0) return;
        asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
                     "r"(next.rows * 128)
                     : "memory");
        if (next.rows)
            bulk_copy(slots + slot * job.slot_rows * 128, job.stream + (u64)next.row * 128, next.rows * 128,
                      barrier);
    };
    if (tile < job.tile_count) {
        loaded.load(job, tile, min(begin + lane, end - 1));
        fetch(begin);
    }
    // Kernels before this one may read the units that it overwrites.
    wait_for_previous();
    if (tile >= job.tile_count) return;

    // Bytes do not carry: the base is an element of the matrix, whose level fits a signed byte.
    const u32 offset = job.offset + job.head.base;
    // Where the next segment and the next unit are in the ring.
    u32 quad = 0, unit_quad = 0, unit = begin * job.segment_groups * GROUP_QUADS / UNIT_QUADS;
    for (u32 segment = begin; segment < end; segment++) {
        const Segment current = next;
        const u32 start = next_start, first_correction = next_correction, turn = segment - begin;
        if (segment + 1 < end) fetch(segment + 1);
        wait(barriers + 8 * (turn % 2), turn / 2 & 1);
        Positions at;
        at.open(0, slots + turn % 2 * job.slot_rows * 128, start, lane);
        const bool is_last = segment + 1 == job.segment_count;
        const u32 groups = is_last ? job.groups - segment * job.segment_groups : job.segment_groups;
        decode_segment(job, at, base + TABLE, ring, quad, groups, lane);
        __syncwarp();
        for (u32 c = lane; c < current.corrections; c += 32) {
            const u32 entry = c < 32 ? first_correction : job.corrections[current.correction + c];
            const u32 col = entry >> 4 & 511;
            const u32 word = own + entry % 16 * row_bytes + 4 * ring.wrapped(quad + col / 4);
            asm volatile("red.shared.add.u32 [%0], %1;" ::"r"(word),
                         "r"((u32)correction_of(entry) << 8 * (col % 4))
                         : "memory");
        }
        __syncwarp();
        quad = ring.wrapped(quad + groups * GROUP_QUADS);
        const u32 decoded = (segment * job.segment_groups + groups) * (4 * GROUP_QUADS);
        for (; is_last ? unit * UNIT_COLUMNS < job.cols : (unit + 1) * UNIT_COLUMNS <= decoded; unit++) {
            const auto levels_at = [&](u32 block, u32 word) {
                const u32 quad = ring.wrapped(unit_quad + block * 8 + lane % 4 + word / 2 * 4);
                u32 levels;
                asm volatile("ld.shared.u32 %0, [%1];"
                             : "=r"(levels)
                             : "r"(ring.address + 4 * quad + word % 2 * ring.half));
                return levels;
            };
            const bool inside = (unit + 1) * UNIT_COLUMNS <= job.cols && (tile + 1) * TILE_ROWS <= job.rows;
            if (inside) {
                pack_unit(job.head, tile, unit,
                          [&](u32 block, u32 word) { return less(levels_at(block, word), offset); });
            } else {
                // Elements outside the matrix are zero.
                pack_unit(job.head, tile, unit, [&](u32 block, u32 word) {
                    const u32 row = tile * TILE_ROWS + lane / 4 + word % 2 * 8;
                    const u32 col = unit * UNIT_COLUMNS + block * BLOCK + lane % 4 * 4 + word / 2 * 16;
                    const u32 kept = row >= job.rows || col >= job.cols ? 0 : job.cols - col;
                    const u32 mask = kept >= 4 ? 0xffffffffu : (1u << (8 * kept)) - 1;
                    return less(levels_at(block, word), offset) & mask;
                });
            }
            unit_quad = ring.wrapped(unit_quad + UNIT_QUADS);
        }
        __syncwarp();
    }
}

#endif
