// Products with matrices of tuples. Macros: TUPLE, WIDTH, TRELLIS, STREAMS (of a warp), WARPS (of a block), VECTORS
// (rows of activations: 1, 2, 4, 8 or 16), SHARED_DIGITS (whether the digits fit shared memory).
//
// Activations are two 8-bit digits with one exponent for each segment: x = (256 high + low) 2^e. The digits of a
// row are two columns of operand B. Sums of a segment are exact in 32 bits, sums of a row in 64 bits of fixed
// point, so results do not depend on the order of additions, on the batch or on the division of work.

#define MAX_DIGIT 32512.0f
// Exponents of segments that matter: a segment whose exponent is further below the greatest one loses bits that
// are 2^-26 of the greatest activation.
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
        float x = p.element == F32 ? __ldcg((const float*)p.activations + at)
                  : p.element == F16 ? half_to_float(__ldcg((const u16*)p.activations + at))
                                     : bfloat_to_float(__ldcg((const u16*)p.activations + at));
        return p.scales ? __fmul_rn(x, ((const float*)p.scales)[col]) : x;
    };
    u32 most = 0;
    for (u32 col = first + thread; col < end; col += blockDim.x) most = max(most, __float_as_uint(fabsf(value(col))));
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

#if __CUDA_ARCH__ >= 900

struct Product {
    u64 stream;      // stream rows
    u64 index;       // part `index`
    u64 starts;      // its starts of lanes
    u64 corrections; // its corrections
    u64 registers;   // u32 [2^WIDTH]
    u64 digits, exponents;
    u64 steps;  // f32 [1] or [rows]
    u64 output; // f32, f16 or bf16 [vectors][rows]
    u32 rows, tiles, segments, segment_groups;
    u32 groups, stream_rows, reach, batch_groups;
    u32 vectors, output_stride, element, per_row;
    u32 slots, slot_rows, one, block_tiles, more_tiles, prefetch;
    u64 next_stream, next_index, next_registers; // of the matrix of the next product, or 0
    u32 next_stream_bytes, next_index_bytes;
};
#define THREADS (WARPS * 32)
#define MAX_SLOTS 64
// Shared memory before the table: barriers of slots, how often slots were filled and released, the greatest exponent
// of each vector.
#define FILLED 512
#define RELEASED 768
#define GREATEST 1024
#define TABLE 1152

// Quotients of numbers below 2^12 by `divisor` below 2^8.
struct Divider {
    u32 magic, divisor;
    __device__ __forceinline__ explicit Divider(u32 divisor) : magic((1u << 20) / divisor + 1), divisor(divisor) {}
    __device__ __forceinline__ u32 quotient(u32 n) const { return n * magic >> 20; }
};

// A segment's power of two relative to the unit of the fixed point, as a factor and a shift to the right.
struct Power {
    int factor, shift;
};

// What the warps of a block know of its work.
struct Work {
    u32* sums;
    const Power* powers;
    u32 first, count, units, tiles, table, digits_at, slots_at, slot_bytes, base;
    Divider by_tiles, by_slots;

    // The number in the index of a stream of the block: segments of tiles.
    __device__ __forceinline__ u32 place(const Product& p, u32 i) const {
        const u32 segment = by_tiles.quotient(i);
        return (first + i - segment * tiles) * p.segments + segment;
    }
};

// Entries of the index for a stream: of its tile and the next, of its segment and the next.
struct Entries {
    uint2 tile, next_tile;
    u32 segment, next_segment;
    bool inner;

    __device__ __forceinline__ void load(const Product& p, const Work& work, u32 i) {
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
    __device__ __forceinline__ u32 rows(const Product& p) const {
        const u32 end = inner ? tile.x + (next_segment & 0xffffu) : next_tile.x;
        return min(min(end + p.reach, p.stream_rows) - row(), p.slot_rows);
    }
    __device__ __forceinline__ u32 correction() const { return tile.y + (segment >> 16); }
    __device__ __forceinline__ u32 corrections() const {
        return (inner ? tile.y + (next_segment >> 16) : next_tile.y) - correction();
    }
};

__device__ __forceinline__ void multiply(int* sums, const u32* a, u32 b0, u32 b1) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ u32 acquire(u32 address) {
    u32 value;
    asm volatile("ld.acquire.cta.shared.u32 %0, [%1];" : "=r"(value) : "r"(address) : "memory");
    return value;
}

__device__ __forceinline__ void release(u32 address, u32 value) {
    asm volatile("st.release.cta.shared.u32 [%0], %1;" ::"r"(address), "r"(value) : "memory");
}

__device__ __forceinline__ void wait(u32 barrier, u32 parity) {
    asm volatile(
        "{ .reg .pred done;\n"
        "again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
        "@!done bra again; }" ::"r"(barrier),
        "r"(parity)
        : "memory");
}

__device__ __forceinline__ void add_shared(u32* to, u32 value) {
    asm volatile("red.shared.add.u32 [%0], %1;" ::"r"((u32)__cvta_generic_to_shared(to)), "r"(value) : "memory");
}

// Adds v times a power of two to a sum of two words.
__device__ __forceinline__ void add(u32* sum, int v, Power power) {
    const long long wide = (long long)(v >> power.shift) * power.factor;
    add_shared(sum, (u32)wide & ((1u << LOW_BITS) - 1));
    add_shared(sum + 1, (u32)(wide >> LOW_BITS));
}

// A column of the digits, as 16 bits.
__device__ __forceinline__ int digits_of(const Product& p, const Work& work, u32 segment, u32 col, u32 vector) {
    const u32 group = col / (8 * TUPLE), in_group = col % (8 * TUPLE), k = in_group % TUPLE;
    const u32 word = 2 * vector * 8 + in_group / TUPLE % 4 * 2 + in_group / (4 * TUPLE);
    const u32 byte = (segment * p.batch_groups + group) * GROUP_WORDS * 4 + word * 4 + (TUPLE == 4 ? k : k + 1);
    if (SHARED_DIGITS) {
        int high, low;
        asm volatile("ld.shared.s8 %0, [%2]; ld.shared.s8 %1, [%2 + 32];"
                     : "=r"(high), "=r"(low) : "r"(work.digits_at + byte));
        return 256 * high + low;
    }
    const i8* bytes = (const i8*)p.digits + byte;
    return 256 * __ldcg(bytes) + __ldcg(bytes + 32);
}

// What a warp loads of a unit before it decodes it: distances of the lane in its streams and, in lane s, the first
// correction and the number of corrections of stream s.
struct Ahead {
    u32 starts[STREAMS], correction, corrections;

    __device__ __forceinline__ void load(const Product& p, const Work& work, u32 unit, u32 lane) {
#pragma unroll
        for (int s = 0; s < STREAMS; s++)
            starts[s] = ((const u8*)p.starts)[(u64)work.place(p, min(unit * STREAMS + s, work.count - 1)) * 32 + lane];
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
    // The end of each stream's corrections among those of the unit, and the place of each stream's in the list,
    // less their begin.
    u32 ends[STREAMS], places[STREAMS];

    __device__ __forceinline__ u32 stream_of(u32 c) const {
        u32 stream = 0;
#pragma unroll
        for (int s = 0; s + 1 < STREAMS; s++) stream += c >= ends[s];
        return stream;
    }
    __device__ __forceinline__ u32 entry(const Product& p, u32 c, u32 stream) const {
        u32 place = places[0];
#pragma unroll
        for (int s = 1; s < STREAMS; s++)
            if (stream == s) place = places[s];
        return ((const u16*)p.corrections)[place + c];
    }
    __device__ __forceinline__ void load(const Product& p, const Ahead& ahead, u32 lane) {
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
__device__ __forceinline__ void add_correction(const Product& p, const Work& work, u32 entry, u32 stream) {
    const u32 magnitude = entry >> 13 & 3;
    // 1, 2, 4 or 16 units; a unit is two of k on a trellis, which is four levels.
    int factor = (1 << (magnitude + magnitude / 3)) * (TRELLIS ? 4 : 1) * (TUPLE == 4 ? (TRELLIS ? 16 : 32) : 1);
    if (entry & 0x8000u) factor = -factor;
    const u32 segment = work.by_tiles.quotient(stream), row = (stream - segment * work.tiles) * 16 + entry % 16;
    for (u32 vector = 0; vector < VECTORS; vector++) {
        add(work.sums + (vector * work.tiles * 16 + row) * 2,
            factor * digits_of(p, work, segment, entry >> 4 & 511, vector), work.powers[vector * p.segments + segment]);
    }
}

// Adds the corrections of a unit.
__device__ __forceinline__ void correct(const Product& p, const Work& work, const Corrections& own, u32 unit,
                                        u32 lane) {
#pragma unroll
    for (int h = 0; h < HELD; h++)
        if (h * 32 + lane < own.total) add_correction(p, work, own.entries[h], unit * STREAMS + own.streams[h]);
#pragma unroll 1
    for (u32 c = 32 * HELD + lane; c < own.total; c += 32) {
        const u32 stream = own.stream_of(c);
        add_correction(p, work, own.entry(p, c, stream), unit * STREAMS + stream);
    }
}

// Adds the sums of a unit. Lane (g, t) has columns 2t and 2t + 1 of operand B for rows g and g + 8. With one or two
// vectors all t have the same columns, and each takes other streams.
__device__ __forceinline__ void store(const Product& p, const Work& work, int (&sum)[STREAMS][BLOCKS][4], u32 unit,
                                      u32 lane) {
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
            const Power power = work.powers[vector * p.segments + segment];
#pragma unroll
            for (int h = 0; h < 2; h++)
                add(work.sums + (vector * work.tiles * 16 + row + 8 * h) * 2, values[b][h], power);
        }
    }
}

// Returns (a ^ b) & mask in one instruction, which the compiler does not always find.
__device__ __forceinline__ u32 changed_parity(u32 a, u32 b, u32 mask) {
    u32 value;
    asm("lop3.b32 %0, %1, %2, %3, 0x28;" : "=r"(value) : "r"(a), "r"(b), "r"(mask));
    return value;
}

// Decodes and multiplies a unit. SAME: all its streams are of one segment. The slot is released when it is read.
template <bool SAME>
__device__ __forceinline__ void unit_product(const Product& p, const Work& work, u32 unit, u32 lane, const u32* starts,
                                             u32 slot, u32 released, u32 round, int (&sum)[STREAMS][BLOCKS][4]) {
    u32 groups = 0, from[SAME ? 1 : STREAMS];
    constexpr u32 STEP = GROUP_WORDS / 2;
    Positions at;
#pragma unroll
    for (int s = 0; s < STREAMS; s++) {
        at.open(s, slot + s * p.slot_rows * 128, starts[s], lane);
        if (SAME && s > 0) continue;
        const u32 segment = work.by_tiles.quotient(min(unit * STREAMS + s, work.count - 1));
        from[s] = segment * p.batch_groups * STEP;
        groups = max(groups, segment + 1 < p.segments ? p.segment_groups : p.groups - segment * p.segment_groups);
    }
#pragma unroll
    for (int s = 0; s < STREAMS; s++)
#pragma unroll
        for (int b = 0; b < BLOCKS; b++)
#pragma unroll
            for (int i = 0; i < 4; i++) sum[s][b][i] = 0;
#if TRELLIS
    // Twice the branch bits of the block of columns at hand and of the next one, and products with them.
    u32 even[STREAMS][2], odd[STREAMS][2];
    int branch[STREAMS][BLOCKS][4];
#pragma unroll
    for (int s = 0; s < STREAMS; s++) {
        even[s][0] = even[s][1] = odd[s][0] = odd[s][1] = 0;
#pragma unroll
        for (int b = 0; b < BLOCKS; b++)
#pragma unroll
            for (int i = 0; i < 4; i++) branch[s][b][i] = 0;
    }
    const u32 parity = TUPLE == 4 ? 0x20202020u : 0x02020200u;
#endif

    // Lane (g, t) holds column g of operand B; with fewer than eight columns they repeat.
    const u32 word = VECTORS >= 4 ? lane * 2 : (lane / 4 % (2 * VECTORS)) * 8 + lane % 4 * 2;
    const uint2* x = (const uint2*)((const u32*)p.digits + word);
    const u32 shared_x = work.digits_at + word * 4;
    // Digits in global memory are loaded a batch ahead, if all streams share them; there are no registers to do so
    // for several.
    constexpr bool LATER = SAME && !SHARED_DIGITS;
    constexpr int LOADED = LATER ? BATCH_GROUPS : 1;
    uint2 later[LOADED][BLOCKS];
    auto load = [&](u32 at) {
        if (!SHARED_DIGITS) return __ldcg(x + at);
        uint2 value;
        asm volatile("ld.shared.v2.u32 {%0, %1}, [%2];" : "=r"(value.x), "=r"(value.y) : "r"(shared_x + at * 8));
        return value;
    };
    if (LATER)
#pragma unroll
        for (int g = 0; g < LOADED; g++)
#pragma unroll
            for (int b = 0; b < BLOCKS; b++) later[g][b] = load(from[0] + g * STEP + b * 32);
#pragma unroll 1
    for (u32 group = 0; group < groups; group += BATCH_GROUPS) {
#if TRELLIS
        // The trellis restarts at every multiple of a segment's columns; the last segment may be longer.
        if (group == p.segment_groups) {
#pragma unroll
            for (int s = 0; s < STREAMS; s++) even[s][0] = even[s][1] = odd[s][0] = odd[s][1] = 0;
            asm volatile("" ::: "memory");
        }
#endif
        uint2 now[SAME ? 1 : STREAMS][BATCH_GROUPS][BLOCKS];
#pragma unroll
        for (int s = 0; s < (SAME ? 1 : STREAMS); s++) {
            if (LATER) from[s] += BATCH_GROUPS * STEP;
#pragma unroll
            for (int g = 0; g < BATCH_GROUPS; g++)
#pragma unroll
                for (int b = 0; b < BLOCKS; b++) {
                    const uint2 loaded = load(from[s] + g * STEP + b * 32);
                    now[s][g][b] = LATER ? later[g % LOADED][b] : loaded;
                    if (LATER) later[g % LOADED][b] = loaded;
                }
            if (!LATER) from[s] += BATCH_GROUPS * STEP;
        }
        decode_batch(at, work.table, p.one, [&](int g, u32(&a)[STREAMS][4]) {
#pragma unroll
            for (int s = 0; s < STREAMS; s++) {
#pragma unroll
                for (int b = 0; b < BLOCKS; b++) {
                    const uint2 d = now[SAME ? 0 : s][g][b];
                    multiply(sum[s][b], a[s], d.x, d.y);
                }
#if TRELLIS
                // Levels are 2 k + b. The branch bit of a block is the parity of the block before it plus the
                // branch bit of the block before that; a register of the table has 2 k, so all are at bit 1.
                odd[s][0] = changed_parity(a[s][0], odd[s][0], parity);
                odd[s][1] = changed_parity(a[s][1], odd[s][1], parity);
                const u32 bits[4] = {even[s][0], even[s][1], odd[s][0], odd[s][1]};
#pragma unroll
                for (int b = 0; b < BLOCKS; b++) {
                    const uint2 d = now[SAME ? 0 : s][g][b];
                    multiply(branch[s][b], bits, d.x, d.y);
                }
                even[s][0] = changed_parity(a[s][2], even[s][0], parity);
                even[s][1] = changed_parity(a[s][3], even[s][1], parity);
#endif
            }
        });
    }
    __syncwarp();
    if (lane == 0) release(released, round + 1);
#if TRELLIS
#pragma unroll
    for (int s = 0; s < STREAMS; s++)
#pragma unroll
        for (int b = 0; b < BLOCKS; b++)
#pragma unroll
            for (int i = 0; i < 4; i++) sum[s][b][i] += branch[s][b][i] >> 1;
#endif
}

// Copies a unit to its slot; lane s < STREAMS copies stream s, whose entries it holds.
__device__ __forceinline__ void fill(const Product& p, const Work& work, u32 unit, u32 s, const Entries& entries) {
    const u32 number = unit - work.by_slots.quotient(unit) * work.by_slots.divisor, barrier = work.base + number * 8;
    const u32 bytes = unit * STREAMS + s < work.count ? entries.rows(p) * 128 : 0;
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
    if (bytes)
        asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                         work.slots_at + number * work.slot_bytes + s * p.slot_rows * 128),
                     "l"(p.stream + (u64)entries.row() * 128), "r"(bytes), "r"(barrier)
                     : "memory");
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

// Fetches the block's share of a part of the next matrix to the L2 cache.
__device__ __forceinline__ void prefetch_share(u64 from, u64 bytes, u32 lane) {
    const u64 share = (bytes / gridDim.x + 15) / 16 * 16, begin = share * blockIdx.x;
    if (begin < bytes) prefetch(from + begin, (u32)min(share, bytes - begin), lane);
}

// Multiplies a matrix with VECTORS rows of digits. A block has consecutive tiles with all their segments; its units
// are STREAMS streams each, in the order of segments, then tiles. Behind the warps that decode, two fill the slots of
// shared memory.
extern "C" __global__ void __launch_bounds__(THREADS + 64, 1) tuple_product(const __grid_constant__ Product p) {
    extern __shared__ __align__(1024) u8 memory[];
    const u32 thread = threadIdx.x, lane = thread % 32, warp = thread / 32;
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
    // The table's words are loaded first, or they would wait behind the streams.
    constexpr int QUADS = (1 << WIDTH) / 4, TURNS = (QUADS + WARPS - 1) / WARPS;
    u32 words[TURNS];
#pragma unroll
    for (int i = 0; i < TURNS; i++) {
        const u32 quad = warp + i * WARPS;
        words[i] = warp < WARPS && quad < QUADS ? ((const u32*)p.registers)[quad * 4 + lane / 8] : 0;
    }
    const u32 tiles = p.block_tiles + (blockIdx.x < p.more_tiles), count = tiles * p.segments;
    const u32 most_tiles = p.block_tiles + (p.more_tiles > 0);
    const u32 base = (u32)__cvta_generic_to_shared(memory);
    Power* const powers = (Power*)(memory + TABLE + TABLE_BYTES);
    float* const steps = (float*)(powers + VECTORS * p.segments);
    u32* const sums = (u32*)(steps + most_tiles * 16);
    const u32 digits_at = ((u32)__cvta_generic_to_shared(sums + VECTORS * most_tiles * 32) + 127) / 128 * 128;
    const u32 digit_bytes = p.segments * p.batch_groups * GROUP_WORDS * 4;
    const u32 slots_at = digits_at + (SHARED_DIGITS ? (digit_bytes + 127) / 128 * 128 : 0);
    const u32 units = (count + STREAMS - 1) / STREAMS;
    const Work work{sums, powers,
                    blockIdx.x * p.block_tiles + min(blockIdx.x, p.more_tiles), count, units, tiles,
                    base + TABLE + lane * 4, digits_at, slots_at, STREAMS * p.slot_rows * 128, base, Divider(tiles),
                    Divider(min(p.slots, units))};

    if (warp >= WARPS) {
        const u32 slots = work.by_slots.divisor, filler = warp - WARPS;
        u32 begin = 0, end = 0;
        if (filler == 0) {
            for (u32 slot = WARPS + lane; slot < slots; slot += 32) open_slot(memory, base, slot);
            asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        } else {
            for (u32 i = lane; i < tiles * 16; i += 32)
                steps[i] = ((const float*)p.steps)[p.per_row ? min(work.first * 16 + i, p.rows - 1) : 0];
            begin = ((const uint2*)p.index + 1 + work.first)[0].x;
            end = ((const uint2*)p.index + 1 + work.first)[tiles].x;
        }
        __syncthreads();
        if (filler == 1 && p.prefetch) prefetch(p.stream + (u64)begin * 128, (end - begin) * 128, lane);
        // The two warps take turns. The index is read for several units at a time, a stream for each lane, and ahead
        // of them.
        constexpr u32 TOGETHER = 32 / STREAMS;
        const u32 turn = lane / STREAMS;
        Entries entries;
        auto load = [&](u32 first) {
            entries.load(p, work, min((first + 2 * turn) * STREAMS + lane % STREAMS, count - 1));
        };
        load(WARPS + filler);
        for (u32 first = WARPS + filler; first < units; first += 2 * TOGETHER) {
            const Entries own = entries;
            load(first + 2 * TOGETHER);
            for (u32 i = 0; i < TOGETHER && first + 2 * i < units; i++) {
                const u32 unit = first + 2 * i;
                const u32 round = work.by_slots.quotient(unit), number = unit - round * slots;
                while (acquire(base + RELEASED + number * 4) < round) __nanosleep(50);
                if (turn == i) fill(p, work, unit, lane % STREAMS, own);
                __syncwarp();
                if (lane == 0) release(base + FILLED + number * 4, round + 1);
            }
        }
        // From here on memory has nothing to do for this product.
        if (filler == 0 && p.next_stream) {
            prefetch_share(p.next_registers, 4u << WIDTH, lane);
            prefetch_share(p.next_index, p.next_index_bytes, lane);
            prefetch_share(p.next_stream, p.next_stream_bytes, lane);
        }
        return;
    }

    // A warp fills the slot of its first unit itself: there is one for each, as the host sees to.
    if (warp < units) {
        Entries entries;
        entries.load(p, work, min(warp * STREAMS + lane % STREAMS, count - 1));
        if (lane == 0) open_slot(memory, base, warp);
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        __syncwarp();
        if (lane < STREAMS) fill(p, work, warp, lane, entries);
    }
    for (u32 i = thread; i < VECTORS * tiles * 32; i += THREADS) sums[i] = 0;
    Ahead ahead;
    ahead.load(p, work, warp, lane);
    uint4* const table = (uint4*)(memory + TABLE);
#pragma unroll
    for (int i = 0; i < TURNS; i++) {
        const u32 quad = warp + i * WARPS;
        if (quad < QUADS) table[quad * 32 + lane] = make_uint4(words[i], words[i], words[i], words[i]);
    }
    __syncthreads();
    asm volatile("griddepcontrol.wait;" ::: "memory");
    if (SHARED_DIGITS) {
        uint4* const copy = (uint4*)(memory + (digits_at - base));
        for (u32 i = thread; i < digit_bytes / 16; i += THREADS) copy[i] = __ldcg((const uint4*)p.digits + i);
    }
    for (u32 vector = warp; vector < VECTORS; vector += WARPS) {
        const int* const exponents = (const int*)p.exponents + vector * p.segments;
        const int own = lane < p.segments ? __ldcg(exponents + lane) : -1000;
        int most = own;
        for (u32 s = lane + 32; s < p.segments; s += 32) most = max(most, __ldcg(exponents + s));
        most = __reduce_max_sync(0xffffffffu, most);
        if (lane == 0) ((int*)(memory + GREATEST))[vector] = most;
        for (u32 s = lane; s < p.segments; s += 32) {
            const int shift = EXPONENT_RANGE + (s == lane ? own : __ldcg(exponents + s)) - most;
            powers[vector * p.segments + s] = Power{1 << max(shift, 0), min(max(-shift, 0), 31)};
        }
    }
    asm volatile("bar.sync 1, %0;" ::"n"(THREADS) : "memory");
    for (u32 unit = warp; unit < units; unit += WARPS) {
        const u32 round = work.by_slots.quotient(unit), number = unit - round * work.by_slots.divisor;
        const u32 slot = slots_at + number * work.slot_bytes, released = base + RELEASED + number * 4;
        Corrections corrections;
        corrections.load(p, ahead, lane);
        // A barrier's parity does not tell a load that has not begun from one that is complete, so rounds are
        // counted too.
        while (acquire(base + FILLED + number * 4) <= round) {}
        wait(base + number * 8, round & 1);
        const Ahead own = ahead;
        if (unit + WARPS < units) ahead.load(p, work, unit + WARPS, lane);
        int sum[STREAMS][BLOCKS][4];
        if (tiles % STREAMS == 0) unit_product<true>(p, work, unit, lane, own.starts, slot, released, round, sum);
        else unit_product<false>(p, work, unit, lane, own.starts, slot, released, round, sum);
        store(p, work, sum, unit, lane);
        correct(p, work, corrections, unit, lane);
    }
    asm volatile("bar.sync 1, %0;" ::"n"(THREADS) : "memory");

    // The fixed point is 2^(greatest - EXPONENT_RANGE), and registers of four hold multiples of the levels.
    const int unit_exponent = -EXPONENT_RANGE - (TUPLE == 4 ? (TRELLIS ? 4 : 5) : 0);
    for (u32 i = thread; i < VECTORS * tiles * 16; i += THREADS) {
        const u32 vector = VECTORS == 1 ? 0 : i / (tiles * 16), in_block = i - vector * (tiles * 16);
        const u32 row = work.first * 16 + in_block;
        if (row >= p.rows || vector >= p.vectors) continue;
        const long long sum = ((long long)(int)sums[2 * i + 1] << LOW_BITS) + sums[2 * i];
        const float scale = __uint_as_float((u32)(127 + max(((const int*)(memory + GREATEST))[vector] + unit_exponent, -126)) << 23);
        const float y = __fmul_rn(__fmul_rn(__ll2float_rn(sum), scale), steps[in_block]);
        const u64 at = (u64)vector * p.output_stride + row;
        if (p.element == F32) ((float*)p.output)[at] = y;
        else ((u16*)p.output)[at] = p.element == F16 ? float_to_half(y) : float_to_bfloat(y);
    }
}

#endif
