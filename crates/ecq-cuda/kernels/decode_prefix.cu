// Decodes lanes of prefix codes over tuples of symbols, a lane per thread.
//
// Macros:
//   TUPLE        symbols of a tuple: 1 to 4
//   ROWS_ORDER   1: lane l has rows l, l + lanes, ...; 0: lane i mod lanes has tuple i
//   SHARED       whether tables are copied to shared memory
//
// The next 12 bits of a lane select the symbols of a tuple and the length of its codeword. The bits of a
// hostile lane run over those of others, but never over memory: the number of tuples is that of the layout,
// and words behind the stream are the last one. A lane is good if its last codeword ends within its last
// byte, whose other bits are zero.

#define ENTRIES 4096u
#define ESCAPE 128u              // added to the length of the escape's codeword
#define NO_CODEWORD 64u
// Columns that are stored together.
#define CHUNK (TUPLE == 3 ? 48u : 16u)

struct PrefixJob {
    JobHead head;
    const u32* stream;
    const ulonglong2* lanes;     // [tiles][lanes]: first byte, and first byte behind; equal for no lane
    const u32* tables;           // [tables][ENTRIES]: symbols (four bits each if there are four), length
    const u8* ids;               // [tiles]: table of each tile, or none
    const u32* chosen;           // tiles whose code has tuples of TUPLE symbols, or none if all have
    Tiling tiling;
    u32 chosen_count, lane_count, last_word, table_bytes, alphabet, raw_bits;
};

// The bits of a lane.
struct Bits {
    const u32* stream;
    u32 last;
    u32 words;                   // words taken, from the start of the stream
    u32 low, high, at;           // the next bits are those of high:low from `at` (below 32) on

    __device__ __forceinline__ u32 word() {
        const u32 i = words++;
        return __ldg(stream + min(i, last));
    }

    __device__ __forceinline__ void open(u64 first_byte) {
        words = (u32)(first_byte / 4), at = 8 * (u32)(first_byte % 4);
        low = word(), high = word();
    }

    __device__ __forceinline__ u32 next() const { return __funnelshift_r(low, high, at); }

    // Up to 32 bits are taken at a time.
    __device__ __forceinline__ void take(u32 count) {
        at += count;
        if (at >= 32) at -= 32, low = high, high = word();
    }

    __device__ __forceinline__ bool ends(u64 end_byte) const {
        const u64 left = 8 * end_byte - (32 * (u64)(words - 2) + at);
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

extern "C" __global__ void __launch_bounds__(512)
decode_prefix(const __grid_constant__ Jobs<PrefixJob> all) {
    extern __shared__ uint4 shared[];
    const PrefixJob& job = own_job(all);
    if (SHARED) copy_table(shared, job.tables, job.table_bytes);
    wait_for_previous();
    __syncthreads();
    const u64 number = (u64)own_warp(job.head) * 32 + threadIdx.x % 32;
    if (number / job.lane_count >= job.chosen_count) return;
    const u32 place = (u32)(number / job.lane_count), lane = (u32)(number % job.lane_count);
    const u32 which = job.chosen ? job.chosen[place] : place;
    const Tile tile = job.tiling.tile(which);
    const ulonglong2 range = job.lanes[(u64)which * job.lane_count + lane];
    const u32 per_row = (tile.cols + TUPLE - 1) / TUPLE;
    const u64 tuples = (u64)tile.rows * per_row;
    if (ROWS_ORDER ? lane >= tile.rows : lane >= tuples) return;
    const u32* const table =
        (SHARED ? (const u32*)shared : job.tables) + (job.ids ? job.ids[which] * ENTRIES : 0);
    Bits bits;
    bits.stream = job.stream, bits.last = job.last_word;
    bits.open(range.x);
    bool bad = false;
#if ROWS_ORDER
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
                u32 symbols = tuple(job, table, bits, bad);
                if (TUPLE < 4) symbols &= (1u << (8 * TUPLE % 32)) - 1;
                const u32 at = i * TUPLE;
                words[at / 4] |= symbols << (8 * (at % 4));
                if (at % 4 + TUPLE > 4) words[at / 4 + 1] |= symbols >> (8 * (4 - at % 4) % 32);
            }
#pragma unroll
            for (u32 i = 0; i < CHUNK / 16; i++)
                ((uint4*)(to + col))[i] =
                    make_uint4(words[4 * i], words[4 * i + 1], words[4 * i + 2], words[4 * i + 3]);
        }
        for (; col < tile.cols; col += TUPLE) {
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
        const u32 symbols = tuple(job, table, bits, bad);
#pragma unroll
        for (u32 j = 0; j < TUPLE; j++)
            if (col + j < tile.cols) to[j] = (u8)(symbols >> (8 * j));
    }
#endif
    if (bad || !bits.ends(range.y)) report_bad(all, job.head);
}
