// Decodes tiles of rANS: 32-bit states, 16-bit words.
//
// Macros:
//   ROWS_ORDER   1: lane l has rows l, l + lanes, ...; 0: lane i mod lanes has symbol i
//   GROUP        threads of a tile, a power of two up to 32
//   SETS         lanes of a thread: thread t has lanes t, t + 32, ...
//   CLASSES      0: one table per tile; 1: classes of rows and columns; 2: and branch bits (ROWS_ORDER only)
//   LAG          of a trellis grid, whose levels are written in place of codes (ROWS_ORDER only); 0: no
//                trellis; 64: a longer lag, whose history is read back
//   WIDE         whether entries of tables have 64 bits, for precisions above 12
//   SHARED       whether tables are copied to shared memory
//   BITS         above 0 only if 32 lanes have rows of whole tiles of codes.cu (ROWS_ORDER, GROUP 32, SETS 1)
//
// The lanes of a step take their words in ascending order: a ballot tells each how many lanes before it take
// one. Words come through a ring in shared memory, filled one piece ahead, so that their latency is hidden.
// States and counters of a hostile stream run over its words but never over memory: the number of steps is
// that of the layout, and places in the ring wrap. A stream is good if exactly its words are taken and all
// states end where encoders start.

#define PIECE (4u * GROUP * SETS)         // words of a piece: 8 bytes per lane
#define RING (2u * PIECE)                 // four steps take at most a piece
#define RING_WORDS (3u * PIECE)           // the first piece is repeated behind the last
#define LOWER 65536u
// Columns that are written together: few where a thread has many lanes, whose code is long.
#define COLUMNS (SETS > 2 ? 4u : 16u)
#define LONG_LAG 64u

struct RansJob {
    JobHead head;
    const u8* stream;            // at a multiple of 256 bytes
    const u64* starts;           // [tiles + 1]: first byte of each tile, even
    const void* tables;          // an entry per slot, table after table
    const u32* firsts;           // [tiles]: first entry of the tile's table, 4 bits its precision; or none
    const u8* row_classes;       // [rows]
    const u8* col_classes;       // [cols]
    const u8* class_tables;      // [row classes][branch bits][8]: table of each column class
    u64 stream_bytes;            // that may be read, a multiple of 8
    Tiling tiling;
    u32 lanes, table_bytes;
    u32 precision;               // of all tables, if there is no list
    u32 zero, lag, restart;
};

// A table entry: what a slot stands for.
#if WIDE
typedef uint2 Entry;             // frequency and rank, 16 bits each; symbol
#define FREQUENCY(e) ((e).x & 0xffffu)
#define RANK(e) ((e).x >> 16)
#define SYMBOL(e) ((e).y)
#else
typedef u32 Entry;               // rank, symbol, frequency: 12, 8 and 12 bits
#define FREQUENCY(e) ((e) >> 20)
#define RANK(e) ((e) & 0xfffu)
#define SYMBOL(e) ((e) >> 12 & 0xffu)
#endif

// The words of a tile. Those of four steps are in one run of the ring.
struct Words {
    const uint2* pieces;         // from the first whole 8 bytes of the stream that the tile touches
    u64 limit;                   // of places in `pieces`
    u16* ring;
    u32 taken, filled;           // words from `pieces` on; `taken` is that of the last refill
    const u16* next_word;
    u32 member;
    uint2 next[SETS];

    __device__ __forceinline__ void fetch() {
#pragma unroll
        for (u32 s = 0; s < SETS; s++) {
            const u64 at = filled / 4 + s * GROUP + member;
            next[s] = at < limit ? __ldg(pieces + at) : make_uint2(0, 0);
        }
    }

    __device__ __forceinline__ void push() {
#pragma unroll
        for (u32 s = 0; s < SETS; s++) {
            uint2* const to = (uint2*)(ring + filled % RING) + s * GROUP + member;
            *to = next[s];
            if (filled % RING == 0) to[RING / 4] = next[s];
        }
        filled += PIECE;
        fetch();
    }

    __device__ __forceinline__ void open(u32 first) {
        taken = first, filled = 0;
        next_word = ring + taken;
        fetch();
        push();
    }

    // Counts the words that were taken.
    __device__ __forceinline__ void count() {
        taken += (u32)(next_word - ring) - taken % RING;
        next_word = ring + taken % RING;
    }

    // Makes sure that the ring holds the words of the next four steps.
    __device__ __forceinline__ void refill() {
        count();
        __syncwarp();
        if (filled - taken < PIECE) push();
        __syncwarp();
    }
};

struct Lanes {
    u32 x[SETS];
    u32 limit[SETS];             // LOWER of lanes that take part, else 0
};

// Decodes one symbol of each lane of set `s`.
__device__ __forceinline__ Entry step(const Entry* table, u32 precision, u32 before, u32 shift, Lanes& lanes,
                                      u32 s, Words& words) {
    u32& x = lanes.x[s];
    const u32 at = x & ((1u << precision) - 1);
#if SHARED
    const Entry entry = table[at];
#else
    const Entry entry = __ldg(table + at);
#endif
    x = FREQUENCY(entry) * (x >> precision) + RANK(entry);
    const bool needs = x < lanes.limit[s];
    u32 all = __ballot_sync(0xffffffffu, needs);
    if (GROUP < 32) all = all >> shift & ((1u << (GROUP % 32)) - 1);
    if (needs) x = x << 16 | words.next_word[__popc(all & before)];
    words.next_word += __popc(all);
    return entry;
}

// The branch bits of a row on a trellis grid. With c[j] = p[j] ^ c[j - 2 lag] the branch bit of column j is
// c[j - lag]; bit i of the history is c of the column i + 1 before.
#if LAG
struct History {
    u64 bits;
    __device__ __forceinline__ u32 branch(const u8* row, u32 col, u32 lag, u32 restart, u32 zero) const {
        if (LAG < LONG_LAG) return (u32)(bits >> (LAG % LONG_LAG - 1)) & 1;
        const u32 at = col % restart;
        const u32 parity = at >= lag ? (row[col - lag] >> 1 ^ zero) & 1 : 0;
        return parity ^ (at >= 2 * lag ? row[col - 2 * lag] & 1 : 0);
    }
    __device__ __forceinline__ void push(u32 symbol, u32 zero) {
        if (LAG == LONG_LAG) return;
        const u32 c = ((symbol ^ zero) & 1) ^ (u32)(bits >> ((2 * LAG - 1) % 64) & 1);
        bits = bits << 1 | c;
    }
};
#endif

// What a block knows of its job.
struct Context {
    const RansJob& job;
    const Entry* tables;
    u32 precision, before, shift, member;
};

#if ROWS_ORDER

// Decodes the columns from `col` on: COUNT of them, or fewer at the end of a row.
template <u32 COUNT, bool WHOLE>
__device__ __forceinline__ void
columns(const Context& c, const Tile& tile, u32 bound, u32 row, u32 col, Lanes& lanes, Words& words,
        u32 first, const uint2 (&selected)[SETS][2]
#if LAG
        , History (&histories)[SETS]
#endif
#if BITS
        , const Staging& staging
#endif
) {
    const RansJob& job = c.job;
    const u32 base = BITS ? job.head.base : 0;
    u32 quads[SETS][COUNT / 4];
#pragma unroll WHOLE ? COUNT : 1
    for (u32 i = 0; i < COUNT; i++) {
        if (!WHOLE && col + i >= bound) break;
        if (i % 4 == 0) {
            words.refill();
#if LAG && LAG < LONG_LAG
            if ((tile.col + col + i) % job.restart == 0) {
#pragma unroll
                for (u32 s = 0; s < SETS; s++) histories[s].bits = 0;
            }
#endif
        }
        const bool inside = WHOLE || col + i < tile.cols;
        const u32 column_class = CLASSES && inside ? __ldg(job.col_classes + tile.col + col + i) : 0;
#pragma unroll
        for (u32 s = 0; s < SETS; s++) {
            u8* const to =
                job.head.bytes + (u64)(tile.row + row + 32 * s + c.member) * job.head.stride + tile.col;
            const u32 kept = lanes.limit[s], state = lanes.x[s];
            if (!inside) lanes.limit[s] = 0;
            u32 from = first;
#if LAG
            u32 branch = 0;
            if (LAG < LONG_LAG || (kept && inside))
                branch = histories[s].branch(to, col + i, job.lag, job.restart, job.zero);
#endif
#if CLASSES
#if CLASSES == 2
            const uint2 tables = branch ? selected[s][1] : selected[s][0];
#else
            const uint2 tables = selected[s][0];
#endif
            from = (__byte_perm(tables.x, tables.y, column_class) & 0xff) << c.precision;
#endif
            const Entry entry = step(c.tables + from, c.precision, c.before, c.shift, lanes, s, words);
#if LAG
            const u32 symbol = SYMBOL(entry);
            histories[s].push(symbol, job.zero);
            const u32 element = 2 * symbol + branch - base;
#else
            const u32 element = SYMBOL(entry) - base;
#endif
            if (WHOLE && (!LAG || LAG < LONG_LAG)) {
                // Byte i % 4 of the quad becomes the element.
                const u32 select = (0x3210 & ~(0xf << (4 * (i % 4)))) | 4 << (4 * (i % 4));
                quads[s][i / 4] = __byte_perm(i % 4 ? quads[s][i / 4] : 0, element, select);
            } else if (kept && inside) {
#if BITS
                const u32 in_unit = (col + i) % UNIT_COLUMNS;
                ((u8*)&staging.quad(c.member, in_unit / 4))[in_unit % 4] = (u8)element;
#else
                to[col + i] = (u8)element;
#endif
            }
            if (!inside) lanes.limit[s] = kept, lanes.x[s] = state;
        }
    }
    if (WHOLE && (!LAG || LAG < LONG_LAG)) {
#pragma unroll
        for (u32 s = 0; s < SETS; s++) {
            if (!lanes.limit[s]) continue;
#if BITS
#pragma unroll
            for (u32 i = 0; i < COUNT / 4; i++)
                staging.quad(c.member, col % UNIT_COLUMNS / 4 + i) = quads[s][i];
#else
            u8* const to = job.head.bytes + (u64)(tile.row + row + 32 * s + c.member) * job.head.stride +
                           tile.col + col;
#pragma unroll
            for (u32 i = 0; i < COUNT / 16; i++)
                ((uint4*)to)[i] = make_uint4(quads[s][4 * i], quads[s][4 * i + 1], quads[s][4 * i + 2],
                                             quads[s][4 * i + 3]);
#pragma unroll
            for (u32 i = 0; i < COUNT % 16 / 4; i++) ((u32*)to)[i] = quads[s][i];
#endif
        }
    }
}

// Decodes a tile. All tiles of a warp take the steps of a whole one, so that the warp stays together.
__device__ __forceinline__ void
decode_tile(const Context& c, const Tile& tile, bool valid, u32 first, Lanes& lanes, Words& words
#if BITS
            , const Staging& staging
#endif
) {
    const RansJob& job = c.job;
    const u32 rows = GROUP == 32 ? tile.rows : min(job.tiling.tile_rows, job.tiling.rows);
    const u32 cols = GROUP == 32 ? tile.cols : min(job.tiling.tile_cols, job.tiling.cols);
    // Vectors of 16 elements lie at multiples of 16 bytes.
    const bool aligned = tile.col % 16 == 0;
    for (u32 row = 0; row < rows; row += job.lanes) {
        Lanes own;
        uint2 selected[SETS][2];
#if LAG
        History histories[SETS];
#endif
#pragma unroll
        for (u32 s = 0; s < SETS; s++) {
            const u32 lane = 32 * s + c.member;
            const bool on = valid && lane < job.lanes && row + lane < tile.rows;
            own.x[s] = lanes.x[s], own.limit[s] = on ? LOWER : 0;
#if CLASSES
            const u32 row_class = on ? job.row_classes[tile.row + row + lane] : 0;
            selected[s][0] = ((const uint2*)job.class_tables)[row_class * 2];
            selected[s][1] = ((const uint2*)job.class_tables)[row_class * 2 + 1];
#endif
#if LAG
            histories[s].bits = 0;
#endif
        }
#if LAG
#define HISTORIES , histories
#else
#define HISTORIES
#endif
#if BITS
#define STAGED , staging
        if (!own.limit[0]) staging.clear(c.member);
#else
#define STAGED
#endif
        for (u32 col = 0; col < cols; col += COLUMNS) {
            const bool whole = __all_sync(0xffffffffu, aligned && (!valid || col + COLUMNS <= tile.cols));
#if BITS
            // Columns behind the last are zero.
            if (col % UNIT_COLUMNS == 0 && col + UNIT_COLUMNS > cols) staging.clear(c.member);
#endif
            if (whole)
                columns<COLUMNS, true>(c, tile, cols, row, col, own, words, first,
                                       selected HISTORIES STAGED);
            else
                columns<COLUMNS, false>(c, tile, cols, row, col, own, words, first,
                                        selected HISTORIES STAGED);
#if BITS
            if ((col + COLUMNS) % UNIT_COLUMNS == 0 || col + COLUMNS >= cols) {
                const u32 tiles = (min(32u, tile.rows - row) + TILE_ROWS - 1) / TILE_ROWS;
                staging.pack(job.head, (tile.row + row) / TILE_ROWS, tiles, col / UNIT_COLUMNS);
            }
#endif
        }
#pragma unroll
        for (u32 s = 0; s < SETS; s++) lanes.x[s] = own.limit[s] ? own.x[s] : lanes.x[s];
    }
}

#else

__device__ __forceinline__ void
decode_tile(const Context& c, const Tile& tile, bool valid, u32 first, Lanes& lanes, Words& words) {
    const RansJob& job = c.job;
    const u64 symbols = valid ? (u64)tile.rows * tile.cols : 0;
    const u64 bound = GROUP == 32 ? symbols
                                  : (u64)min(job.tiling.tile_rows, job.tiling.rows) *
                                        min(job.tiling.tile_cols, job.tiling.cols);
    u32 rows[SETS], cols[SETS];
#pragma unroll
    for (u32 s = 0; s < SETS; s++) {
        const u32 lane = 32 * s + c.member;
        rows[s] = lane / tile.cols, cols[s] = lane % tile.cols;
    }
    u32 turn = 0;
    for (u64 at = 0; at < bound; at += job.lanes, turn++) {
        if (turn % 4 == 0) words.refill();
#pragma unroll
        for (u32 s = 0; s < SETS; s++) {
            const u32 lane = 32 * s + c.member;
            const bool on = lane < job.lanes && at + lane < symbols;
            lanes.limit[s] = on ? LOWER : 0;
            const u32 state = lanes.x[s];
            u32 from = first;
#if CLASSES
            if (on) {
                const u32 row_class = job.row_classes[tile.row + rows[s]];
                const u32 col_class = job.col_classes[tile.col + cols[s]];
                from = (u32)job.class_tables[row_class * 16 + col_class] << c.precision;
            }
#endif
            const Entry entry = step(c.tables + from, c.precision, c.before, c.shift, lanes, s, words);
            if (on) {
                const u64 row = tile.row + rows[s];
                job.head.bytes[row * job.head.stride + tile.col + cols[s]] = (u8)SYMBOL(entry);
                cols[s] += job.lanes;
                if (cols[s] >= tile.cols) rows[s] += cols[s] / tile.cols, cols[s] %= tile.cols;
            } else {
                lanes.x[s] = state;
            }
        }
    }
}

#endif

extern "C" __global__ void __launch_bounds__(512, 1)
decode_rans(const __grid_constant__ Jobs<RansJob> all) {
    extern __shared__ uint4 shared[];
    const RansJob& job = own_job(all);
    // Tables, streams and indexes are never written by kernels.
    if (SHARED) copy_table(shared, job.tables, job.table_bytes);
    wait_for_previous();
    __syncthreads();
    const u32 lane = threadIdx.x % 32, member = lane % GROUP, shift = lane - member;
    u8* const own_shared = (u8*)shared + (SHARED ? job.table_bytes : 0);
    u16* const rings = (u16*)own_shared;
    const u32 group = threadIdx.x / GROUP;
    const u64 number = (u64)own_warp(job.head) * (32 / GROUP) + lane / GROUP;
    const bool exists = number < job.tiling.tiles;
    const u32 which = exists ? (u32)number : job.tiling.tiles - 1;
    const Tile tile = job.tiling.tile(which);
    const u64 start = job.starts[which], end = job.starts[which + 1];
    const u32 used = (u32)min((u64)job.lanes, ROWS_ORDER ? (u64)tile.rows : (u64)tile.rows * tile.cols);
    const bool long_enough = end - start >= 4 * used;
    const bool valid = exists && long_enough;
    Lanes lanes;
#pragma unroll
    for (u32 s = 0; s < SETS; s++) {
        const u32 own = 32 * s + member;
        lanes.x[s] = LOWER;
        if (valid && own < used) {
            const u16* const state = (const u16*)(job.stream + start) + 2 * own;
            lanes.x[s] = state[0] | (u32)state[1] << 16;
        }
    }
    Words words;
    const u64 from = start + 4 * used;
    words.pieces = (const uint2*)(job.stream + from / 8 * 8);
    words.limit = from / 8 * 8 < job.stream_bytes ? (job.stream_bytes - from / 8 * 8) / 8 : 0;
    words.ring = rings + group * RING_WORDS;
    words.member = member;
    words.open(from % 8 / 2);
    const u32 last = words.taken + (u32)((end - from) / 2);
    const u32 place = job.firsts ? job.firsts[which] : job.precision;
    const Entry* const tables = SHARED ? (const Entry*)shared : (const Entry*)job.tables;
    const Context context = {job, tables, place % 16, (1u << member) - 1, shift, member};
#if BITS
    u8* const staged = own_shared + blockDim.x / GROUP * 2 * RING_WORDS;
    const Staging staging = {(u32*)staged + threadIdx.x / 32 * STAGED_WORDS};
    decode_tile(context, tile, valid, place / 16, lanes, words, staging);
#else
    decode_tile(context, tile, valid, place / 16, lanes, words);
#endif
    words.count();
    bool bad = exists && (!long_enough || words.taken != last);
#pragma unroll
    for (u32 s = 0; s < SETS; s++) bad |= exists && 32 * s + member < used && lanes.x[s] != LOWER;
    if (bad) report_bad(all, job.head);
}
