// Decodes lanes of prefix codes over tuples of symbols, a lane per thread.
//
// Macros:
//   TUPLE        symbols of a tuple: 1 to 4
//   ROWS_ORDER   1: lane l has rows l, l + lanes, ...; 0: lane i mod lanes has tuple i
//   SHARED       whether tables are copied to shared memory
//   BITS         above 0 only if 32 lanes have rows of whole tiles of codes.cu (ROWS_ORDER)
//
// The next 12 bits of a lane select the symbols of a tuple and the length of its codeword. The bits of a
// hostile lane run over those of others, but never over memory: the number of tuples is that of the layout,
// and pieces behind the stream are the last one. A lane is good if its last codeword ends within its last
// byte, whose other bits are zero.

#define ENTRIES 4096u
#define ESCAPE 128u              // added to the length of the escape's codeword
#define NO_CODEWORD 64u
// Columns that are stored together.
#define CHUNK (TUPLE == 3 ? 48u : 16u)

struct PrefixJob {
    JobHead head;
    const uint4* stream;
    const ulonglong2* lanes;     // [tiles][lanes]: first byte, and first byte behind; equal for no lane
    const u32* tables;           // [tables][ENTRIES]: symbols (four bits each if there are four), length
    const u8* ids;               // [tiles]: table of each tile, or none
    const u32* chosen;           // tiles whose code has tuples of TUPLE symbols, or none if all have
    Tiling tiling;
    u32 chosen_count, lane_count, last_piece, table_bytes, alphabet, raw_bits;
};

// Pieces of 16 bytes of a lane in shared memory, of which each holds the bits of four tuples or more.
#define PIECES 8u
#define RING_BYTES (32u * 16 * PIECES)    // of a warp
// Copies under way behind the piece that is needed first.
#define BEHIND 4u
#define MOST_WORDS (4u * PIECES)

// The bits of a lane. They come through a ring that is filled ahead, so that no tuple waits for memory; a
// lane reads what it copied itself.
struct Bits {
    const u8* pieces;            // from the first 16 bytes on that the lane touches
    u64 last;                    // of places in `pieces`
    u32 ring;                    // address in shared memory
    u32 words, filled;           // words in `low` and before, and pieces copied, from `pieces` on
    u32 low, high, ahead, at;    // the next bits are those of high:low from `at` (below 32) on

    __device__ __forceinline__ void fetch() {
        const u64 place = min((u64)filled, last);
        const u32 to = ring + filled % PIECES * 512;
        const u8* const from = pieces + 16 * place;
        asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
        filled++;
    }

    // Makes sure that the ring holds the bits of the next four tuples: at most four words, and two ahead.
    __device__ __forceinline__ void refill() {
        if (4 * filled - words <= MOST_WORDS - 4) fetch();
        asm volatile("cp.async.commit_group;\ncp.async.wait_group %0;" ::"n"(BEHIND) : "memory");
    }

    // Volatile, so that it is not moved behind the crossing of a word, where it would be waited for.
    __device__ __forceinline__ u32 word(u32 i) const {
        u32 word;
        asm volatile("ld.shared.u32 %0, [%1];"
                     : "=r"(word)
                     : "r"(ring + i / 4 % PIECES * 512 + i % 4 * 4));
        return word;
    }

    __device__ __forceinline__ void open(const PrefixJob& job, u64 first_byte, u32 own_ring) {
        pieces = (const u8*)job.stream + first_byte / 16 * 16, last = job.last_piece - first_byte / 16;
        ring = own_ring, filled = 0;
        words = (u32)(first_byte % 16 / 4), at = 8 * (u32)(first_byte % 4);
        for (u32 i = 0; i < PIECES; i++) fetch();
        asm volatile("cp.async.commit_group;\ncp.async.wait_group 0;" ::: "memory");
        low = word(words), high = word(words + 1), ahead = word(words + 2);
    }

    __device__ __forceinline__ u32 next() const { return __funnelshift_r(low, high, at); }

    // Takes up to 32 bits. Lanes cross words at different times, so that all do the same, without branches.
    __device__ __forceinline__ void take(u32 count) {
        at += count;
        const bool crosses = at >= 32;
        low = crosses ? high : low, high = crosses ? ahead : high;
        words += crosses, at %= 32;
        ahead = word(words + 2);
    }

    __device__ __forceinline__ bool ends(const ulonglong2& range) const {
        const u64 taken = 8 * (range.x / 16 * 16) + 32 * (u64)words + at, left = 8 * range.y - taken;
        return left < 8 && (next() & ((1u << left) - 1)) == 0;
    }
};

// Returns the symbols of the next tuple, a byte each.
__device__ __forceinline__ u32 tuple(const PrefixJob& job, const u32* table, Bits& bits, bool& bad) {
    const u32 index = bits.next() % ENTRIES;
#if SHARED
    const u32 entry = table[index];
#else
    const u32 entry = __ldg(table + index);
#endif
    const u32 length = entry >> 24;
    if (length >= NO_CODEWORD) {
        if (length == NO_CODEWORD) bad = true;
        bits.take(length % NO_CODEWORD);
        u32 symbols = 0;
#pragma unroll
        for (u32 i = 0; i < TUPLE; i++) {
            const u32 symbol = bits.next() & ((1u << job.raw_bits) - 1);
            if (symbol >= job.alphabet) bad = true;
            bits.take(job.raw_bits);
            symbols |= symbol << (8 * i);
        }
        return symbols;
    }
    bits.take(length);
    if (TUPLE < 4) return entry;
    // Four bits to eight.
    const u32 pairs = (entry | entry << 8) & 0x00ff00ffu;
    return (pairs | pairs << 4) & 0x0f0f0f0fu;
}

// Writes the symbols of tuple `i` to a chunk of zeros.
__device__ __forceinline__ void append(u32 (&words)[CHUNK / 4], u32 i, u32 symbols) {
    if (TUPLE < 4) symbols &= (1u << (8 * TUPLE % 32)) - 1;
    const u32 at = i * TUPLE;
    words[at / 4] |= symbols << (8 * (at % 4));
    if (at % 4 + TUPLE > 4) words[at / 4 + 1] |= symbols >> (8 * (4 - at % 4) % 32);
}

extern "C" __global__ void __launch_bounds__(512, 1)
decode_prefix(const __grid_constant__ Jobs<PrefixJob> all) {
    extern __shared__ uint4 shared[];
    const PrefixJob& job = own_job(all);
    if (SHARED) copy_table(shared, job.tables, job.table_bytes);
    wait_for_previous();
    __syncthreads();
    const u32 in_warp = threadIdx.x % 32;
    const u64 number = (u64)own_warp(job.head) * 32 + in_warp;
    if (number / job.lane_count >= job.chosen_count) return;
    const u32 place = (u32)(number / job.lane_count), lane = (u32)(number % job.lane_count);
    const u32 which = job.chosen ? job.chosen[place] : place;
    const Tile tile = job.tiling.tile(which);
    const u32 per_row = (tile.cols + TUPLE - 1) / TUPLE;
    const u64 tuples = (u64)tile.rows * per_row;
    const bool used = ROWS_ORDER ? lane < tile.rows : lane < tuples;
    if (!BITS && !used) return;
    const ulonglong2 range = job.lanes[(u64)which * job.lane_count + lane];
    const u32* const table =
        (SHARED ? (const u32*)shared : job.tables) + (job.ids ? job.ids[which] * ENTRIES : 0);
    u8* const own_shared = (u8*)shared + (SHARED ? job.table_bytes : 0);
    const u32 warp = threadIdx.x / 32;
    Bits bits;
    bits.open(job, range.x, (u32)__cvta_generic_to_shared(own_shared + warp * RING_BYTES + in_warp * 16));
    bool bad = false;
#if BITS
    u8* const staged = own_shared + blockDim.x / 32 * RING_BYTES;
    const Staging staging = {(u32*)staged + warp * STAGED_WORDS};
    for (u32 row = 0; row < tile.rows; row += 32) {
        const bool on = row + lane < tile.rows;
        if (!on) staging.clear(lane);
        for (u32 col = 0; col < tile.cols; col += CHUNK) {
            u32 words[CHUNK / 4];
#pragma unroll
            for (u32 i = 0; i < CHUNK / 4; i++) words[i] = 0;
            if (on) {
#pragma unroll
                for (u32 i = 0; i < CHUNK / TUPLE; i++) {
                    if (i % 4 == 0) bits.refill();
                    if (col + i * TUPLE >= tile.cols) continue;
                    append(words, i, tuple(job, table, bits, bad));
                }
            }
#pragma unroll
            for (u32 i = 0; i < CHUNK / 16; i++) {
                const u32 first = col + 16 * i, in_unit = first % UNIT_COLUMNS / 4;
                if (first >= tile.cols) break;
                if (on) {
#pragma unroll
                    for (u32 j = 0; j < 4; j++) {
                        // The last tuple may be padded.
                        const u32 left = tile.cols - min(tile.cols, first + 4 * j);
                        const u32 mask = left >= 4 ? 0xffffffffu : (1u << (8 * left)) - 1;
                        staging.quad(lane, in_unit + j) = less(words[4 * i + j], job.head.base) & mask;
                    }
                }
                const bool last = first + 16 >= tile.cols;
                if (last && on)
                    for (u32 j = in_unit + 4; j < UNIT_COLUMNS / 4; j++) staging.quad(lane, j) = 0;
                if (last || in_unit + 4 == UNIT_COLUMNS / 4) {
                    const u32 tiles = (min(32u, tile.rows - row) + TILE_ROWS - 1) / TILE_ROWS;
                    staging.pack(job.head, (tile.row + row) / TILE_ROWS, tiles, first / UNIT_COLUMNS);
                }
            }
        }
    }
#elif ROWS_ORDER
    for (u32 row = lane; row < tile.rows; row += job.lane_count) {
        u8* const to = job.head.bytes + (u64)(tile.row + row) * job.head.stride + tile.col;
        u32 col = 0;
        // Vectors of 16 elements lie at multiples of 16 bytes.
        for (; tile.col % 16 == 0 && col + CHUNK <= tile.cols; col += CHUNK) {
            u32 words[CHUNK / 4];
#pragma unroll
            for (u32 i = 0; i < CHUNK / 4; i++) words[i] = 0;
#pragma unroll
            for (u32 i = 0; i < CHUNK / TUPLE; i++) {
                if (i % 4 == 0) bits.refill();
                append(words, i, tuple(job, table, bits, bad));
            }
#pragma unroll
            for (u32 i = 0; i < CHUNK / 16; i++)
                ((uint4*)(to + col))[i] =
                    make_uint4(words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]);
        }
        for (; col < tile.cols; col += TUPLE) {
            bits.refill();
            const u32 symbols = tuple(job, table, bits, bad);
#pragma unroll
            for (u32 i = 0; i < TUPLE; i++)
                if (col + i < tile.cols) to[col + i] = (u8)(symbols >> (8 * i));
        }
    }
#else
    for (u64 i = lane; i < tuples; i += job.lane_count) {
        const u32 row = (u32)(i / per_row), col = (u32)(i % per_row) * TUPLE;
        u8* const to = job.head.bytes + (u64)(tile.row + row) * job.head.stride + tile.col + col;
        bits.refill();
        const u32 symbols = tuple(job, table, bits, bad);
#pragma unroll
        for (u32 j = 0; j < TUPLE; j++)
            if (col + j < tile.cols) to[j] = (u8)(symbols >> (8 * j));
    }
#endif
    if (used && (bad || !bits.ends(range))) report_bad(all, job.head);
}
