// The work of a block of the product with tuples, and its parts that do not decode. Macros: TUPLE, WIDTH,
// TRELLIS, STREAMS (of a warp), WARPS (of a block), VECTORS (rows of activations: 1, 2, 4 or 8),
// SHARED_DIGITS (whether the digits fit shared memory), PARTS (matrices: 1, or any other number for several).
//
// Activations are two 8-bit digits with one exponent for each segment (`TupleActivations` of common.cuh).
// Sums of a segment are exact in 32 bits, sums of a row in 64 bits of fixed point, so results do not depend
// on the order of additions, on the batch or on the division of work.

// Bits of the low word of a sum; the high word has what is above.
#define LOW_BITS 20
// Blocks of eight columns of operand B.
#define BLOCKS ((VECTORS + 3) / 4)
// Words of the digits of a group.
#define GROUP_WORDS (16 * VECTORS)

#if __CUDA_ARCH__ >= 900

#define THREADS (WARPS * 32)
#define MAX_SLOTS 64
// Shared memory before the table: barriers of slots, how often slots were filled and released, the greatest
// exponent of each vector, the block's part of several.
#define FILLED 512
#define RELEASED 768
#define GREATEST 1024
#define PART 1280
#define TABLE 1536

// Quotients of numbers below 2^12 by `divisor` below 2^8.
struct Divider {
    u32 magic, divisor;
    __device__ __forceinline__ explicit Divider(u32 divisor)
        : magic((1u << 20) / divisor + 1), divisor(divisor) {}
    __device__ __forceinline__ u32 quotient(u32 n) const { return n * magic >> 20; }
};

// A segment's power of two relative to the unit of the fixed point, as a factor and a shift to the right.
struct Power {
    int factor, shift;
};

// What the warps of a block know of its work.
struct Work {
    const u8* digits; // of the pass
    // Addresses in shared memory, but for the first tile and numbers.
    u32 sums, powers, first, count, units, tiles, table, digits_at, slots_at, slot_bytes, base;
    Divider by_tiles, by_slots;

    __device__ __forceinline__ Power power(u32 i) const {
        Power found;
        asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];"
                     : "=r"(found.factor), "=r"(found.shift)
                     : "r"(powers + 8 * i));
        return found;
    }

    // The number in the index of a stream of the block: segments of tiles.
    __device__ __forceinline__ u32 place(const Part& p, u32 i) const {
        const u32 segment = by_tiles.quotient(i);
        return (first + i - segment * tiles) * p.segments + segment;
    }
};

// Entries of the index for a stream: of its tile and the next, of its segment and the next.
struct Entries {
    uint2 tile, next_tile;
    u32 segment, next_segment;
    bool inner;

    __device__ __forceinline__ void load(const Part& p, const Work& work, u32 i) {
        const u32 segment_number = work.by_tiles.quotient(i), in_block = i - segment_number * work.tiles;
        const uint2* const tiles = (const uint2*)p.index + 1 + work.first + in_block;
        const u32* const segments = (const u32*)((const uint2*)p.index + 2 + p.tiles) + work.place(p, i);
        tile = tiles[0];
        next_tile = tiles[1];
        segment = segments[0];
        // The word behind the last segment is padding or belongs to the starts of lanes.
        next_segment = segments[1];
        inner = segment_number + 1 < p.segments;
    }
    __device__ __forceinline__ u32 row() const { return tile.x + (segment & 0xffffu); }
    __device__ __forceinline__ u32 rows(const Part& p) const {
        const u32 end = inner ? tile.x + (next_segment & 0xffffu) : next_tile.x;
        return min(min(end + p.reach, p.stream_rows) - row(), p.slot_rows);
    }
    __device__ __forceinline__ u32 correction() const { return tile.y + (segment >> 16); }
    __device__ __forceinline__ u32 corrections() const {
        return (inner ? tile.y + (next_segment >> 16) : next_tile.y) - correction();
    }
};

__device__ __forceinline__ u32 acquire(u32 address) {
    u32 value;
    asm volatile("ld.acquire.cta.shared.u32 %0, [%1];" : "=r"(value) : "r"(address) : "memory");
    return value;
}

__device__ __forceinline__ void release(u32 address, u32 value) {
    asm volatile("st.release.cta.shared.u32 [%0], %1;" ::"r"(address), "r"(value) : "memory");
}

// Adds v times a power of two to a sum of two words.
__device__ __forceinline__ void add(const Work& work, u32 vector, u32 row, int v, Power power) {
    const u32 sum = work.sums + (vector * work.tiles * 16 + row) * 8;
    const long long wide = (long long)(v >> power.shift) * power.factor;
    const u32 low = (u32)wide & ((1u << LOW_BITS) - 1), high = (u32)(wide >> LOW_BITS);
    asm volatile("red.shared.add.u32 [%0], %1; red.shared.add.u32 [%0 + 4], %2;" ::"r"(sum), "r"(low),
                 "r"(high)
                 : "memory");
}

// A column of the digits, as 16 bits.
__device__ __forceinline__ int digits_of(const Part& p, const Work& work, u32 segment, u32 col,
                                         u32 vector) {
    const u32 group = col / (8 * TUPLE), in_group = col % (8 * TUPLE), k = in_group % TUPLE;
    const u32 word = 2 * vector * 8 + in_group / TUPLE % 4 * 2 + in_group / (4 * TUPLE);
    const u32 byte =
        (segment * p.batch_groups + group) * GROUP_WORDS * 4 + word * 4 + (TUPLE == 4 ? k : k + 1);
    if (SHARED_DIGITS) {
        int high, low;
        asm volatile("ld.shared.s8 %0, [%2]; ld.shared.s8 %1, [%2 + 32];"
                     : "=r"(high), "=r"(low)
                     : "r"(work.digits_at + byte));
        return 256 * high + low;
    }
    const i8* bytes = (const i8*)work.digits + byte;
    return 256 * __ldcg(bytes) + __ldcg(bytes + 32);
}

// What a warp loads of a unit before it decodes it: distances of the lane in its streams and, in lane s, the
// first correction and the number of corrections of stream s.
struct Ahead {
    u32 starts[STREAMS], correction, corrections;

    __device__ __forceinline__ void load(const Part& p, const Work& work, u32 unit, u32 lane) {
#pragma unroll
        for (int s = 0; s < STREAMS; s++)
            starts[s] =
                ((const u8*)
                     p.starts)[(u64)work.place(p, min(unit * STREAMS + s, work.count - 1)) * 32 + lane];
        const u32 i = unit * STREAMS + lane;
        correction = corrections = 0;
        if (lane < STREAMS && i < work.count) {
            Entries entries;
            entries.load(p, work, i);
            correction = entries.correction();
            corrections = entries.corrections();
        }
    }
};

// The corrections of a unit that each lane holds.
#define HELD 2

struct Corrections {
    u32 entries[HELD], streams[HELD], total;
    // The end of each stream's corrections among those of the unit, and the place of each stream's in the
    // list, less their begin.
    u32 ends[STREAMS], places[STREAMS];

    __device__ __forceinline__ u32 stream_of(u32 c) const {
        u32 stream = 0;
#pragma unroll
        for (int s = 0; s + 1 < STREAMS; s++) stream += c >= ends[s];
        return stream;
    }
    __device__ __forceinline__ u32 entry(const Part& p, u32 c, u32 stream) const {
        u32 place = places[0];
#pragma unroll
        for (int s = 1; s < STREAMS; s++)
            if (stream == s) place = places[s];
        return ((const u16*)p.corrections)[place + c];
    }
    __device__ __forceinline__ void load(const Part& p, const Ahead& ahead, u32 lane) {
        total = 0;
#pragma unroll
        for (int s = 0; s < STREAMS; s++) {
            places[s] = __shfl_sync(0xffffffffu, ahead.correction, s) - total;
            total += __shfl_sync(0xffffffffu, ahead.corrections, s);
            ends[s] = total;
        }
#pragma unroll
        for (int h = 0; h < HELD; h++) {
            const u32 c = h * 32 + lane;
            streams[h] = stream_of(c);
            entries[h] = c < total ? entry(p, c, streams[h]) : 0;
        }
    }
};

// Adds a correction; `stream` is its number in the block.
__device__ __forceinline__ void add_correction(const Part& p, const Work& work, u32 entry, u32 stream) {
    const int factor = correction_of(entry) * (TUPLE == 4 ? (TRELLIS ? 16 : 32) : 1);
    const u32 segment = work.by_tiles.quotient(stream),
              row = (stream - segment * work.tiles) * 16 + entry % 16;
    // Several at a time, whose digits are loaded together.
#pragma unroll 4
    for (u32 vector = 0; vector < VECTORS; vector++) {
        add(work, vector, row, factor * digits_of(p, work, segment, entry >> 4 & 511, vector),
            work.power(vector * p.segments + segment));
    }
}

// Adds the corrections of a unit, one per lane.
__device__ __forceinline__ void correct(const Part& p, const Work& work, const Corrections& own, u32 unit,
                                        u32 lane) {
    const u32 first = unit * STREAMS;
#pragma unroll
    for (int h = 0; h < HELD; h++)
        if (h * 32 + lane < own.total) add_correction(p, work, own.entries[h], first + own.streams[h]);
#pragma unroll 1
    for (u32 c = 32 * HELD + lane; c < own.total; c += 32) {
        const u32 stream = own.stream_of(c);
        add_correction(p, work, own.entry(p, c, stream), first + stream);
    }
}

// Adds the sums of a unit. Lane (g, t) has columns 2t and 2t + 1 of operand B for rows g and g + 8. With one
// or two vectors all t have the same columns, and each takes other streams.
__device__ __forceinline__ void store(const Part& p, const Work& work, int (&sum)[STREAMS][BLOCKS][4],
                                      u32 unit, u32 lane) {
    constexpr int COPIES = VECTORS >= 4 ? 1 : 4 / VECTORS;
    const u32 t = lane % 4;
#pragma unroll
    for (int first = 0; first < STREAMS; first += COPIES) {
        const u32 i = unit * STREAMS + first + (COPIES == 1 ? 0 : t / VECTORS);
        int values[BLOCKS][2];
#pragma unroll
        for (int c = 0; c < COPIES; c++)
#pragma unroll
            for (int b = 0; b < BLOCKS; b++)
#pragma unroll
                for (int h = 0; h < 2; h++)
                    if (first + c < STREAMS && (COPIES == 1 || t / VECTORS == c))
                        values[b][h] = 256 * sum[first + c][b][2 * h] + sum[first + c][b][2 * h + 1];
        if (i >= min((unit + 1) * STREAMS, work.count)) continue;
        const u32 segment = work.by_tiles.quotient(i), row = (i - segment * work.tiles) * 16 + lane / 4;
#pragma unroll
        for (int b = 0; b < BLOCKS; b++) {
            const u32 vector = VECTORS >= 4 ? b * 4 + t : t % VECTORS;
            const Power power = work.power(vector * p.segments + segment);
#pragma unroll
            for (int h = 0; h < 2; h++)
                add(work, vector, row + 8 * h, values[b][h], power);
        }
    }
}

// Copies a unit to its slot; lane s < STREAMS copies stream s, whose entries it holds.
__device__ __forceinline__ void fill(const Part& p, const Work& work, u32 unit, u32 s,
                                     const Entries& entries) {
    const u32 number = unit - work.by_slots.quotient(unit) * work.by_slots.divisor,
              barrier = work.base + number * 8;
    const u32 bytes = unit * STREAMS + s < work.count ? entries.rows(p) * 128 : 0;
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
                 : "memory");
    if (bytes)
        bulk_copy(work.slots_at + number * work.slot_bytes + s * p.slot_rows * 128,
                  p.stream + (u64)entries.row() * 128, bytes, barrier);
}

// Prepares a slot for its first unit.
__device__ __forceinline__ void open_slot(u8* memory, u32 base, u32 slot) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(base + slot * 8), "r"(STREAMS) : "memory");
    ((u32*)(memory + FILLED))[slot] = slot < WARPS;
    ((u32*)(memory + RELEASED))[slot] = 0;
}

// Fetches bytes to the L2 cache, a piece for each lane.
__device__ __forceinline__ void prefetch(u64 from, u32 bytes, u32 lane) {
    constexpr u32 PIECE = 8192;
    for (u32 at = lane * PIECE; at < bytes; at += 32 * PIECE) {
        const u32 size = min(PIECE, bytes - at) / 16 * 16;
        if (size)
            asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(from + at), "r"(size) : "memory");
    }
}

// Fetches the block's share of memory to the L2 cache.
__device__ __forceinline__ void prefetch_share(u64 from, u64 bytes, u32 lane) {
    const u64 share = (bytes / gridDim.x + 15) / 16 * 16, begin = share * blockIdx.x;
    if (begin < bytes) prefetch(from + begin, (u32)min(share, bytes - begin), lane);
}

#endif
