// Decodes lanes of prefix codes over tuples of symbols, a lane per thread.
//
// Constants:
//   THREADS        threads of a workgroup
//   TABLE_ENTRIES  of the table of all tiles, if they have one (table_local.wgsl); else 0 (table_global.wgsl)
//   TUPLE          symbols of a tuple: 1 to 4
//   ROWS_ORDER     1: lane l has rows l, l + lanes, ...; 0: lane i mod lanes has tuple i
//   LAG            as levels.wgsl has it; 0 unless ROWS_ORDER
//
// The next 12 bits of a lane select the symbols of a tuple and the length of its codeword. The bits of a
// hostile lane run over those of others, but never over memory: the number of tuples is that of the layout,
// and words behind the stream are zero. A lane is good if its last codeword ends within its last byte, whose
// other bits are zero.

const ENTRIES: u32 = 4096u;
const ESCAPE: u32 = 128u;        // added to the length of the escape's codeword
const NO_CODEWORD: u32 = 64u;
const BAD_STREAM: u32 = 3u;

struct PrefixParameters {
    sink: Sink,
    rows: u32,
    tile_rows: u32,
    tile_cols: u32,
    across: u32,                 // tiles beside each other
    lanes: u32,
    alphabet: u32,
    raw_bits: u32,
    zero: u32,
    restart: u32,
    ranges: u32,                 // places in `data`: [tiles][lanes][2], first byte and first byte behind
    ids: u32,                    // table of each tile
    chosen: u32,                 // tiles with this number of symbols in a tuple
    chosen_count: u32,
    tiles: u32,
    last_word: u32,              // of the stream, which is zero
    table: u32,                  // first word of the table of all tiles, if they have one
    weight: u32,                 // what is reported
}

@group(0) @binding(0) var<uniform> p: PrefixParameters;
@group(0) @binding(2) var<storage, read> stream: array<u32>;
// Tables from the first word on: symbols (four bits each if there are four), length. Then lists.
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(5) var<storage, read_write> report: array<atomic<u32>>;

// Tuples are decoded in batches of BATCH. The words that complete the window behind a batch are loaded at its
// first tuple, so that lanes seldom wait. Of the window's 96 bits the first `at`, below 32, are used up: 65
// are left for four codewords, or for an escaped tuple (24 bits at most) and three codewords.
const BATCH: u32 = 4u;

// The window of this thread's lane begins with a word that has bits left. `crossed` counts the words that it
// lacks at its end, at most two; they and the next ones are in `behind`, whose first word has the number
// `next_word`.
var<private> window: vec3<u32>;
var<private> behind: vec2<u32>;
var<private> at: u32;
var<private> crossed: u32;
var<private> next_word: u32;
var<private> bad: bool;

fn stream_word(i: u32) -> u32 {
    return stream[min(i, p.last_word)];
}

fn read_behind() {
    behind = vec2<u32>(stream_word(next_word), stream_word(next_word + 1u));
}

// Begins the window with a word.
fn open_at(word: u32) {
    window = vec3<u32>(stream_word(word), stream_word(word + 1u), stream_word(word + 2u));
    next_word = word + 3u;
    crossed = 0u;
}

// Completes the window behind a batch.
fn refill() {
    let both = crossed == 2u;
    window.y = select(window.y, behind.x, both);
    window.z = select(select(window.z, behind.x, crossed == 1u), behind.y, both);
    next_word += crossed;
    crossed = 0u;
}

fn next_bits() -> u32 {
    return (window.x >> at) | ((window.y << 1u) << (31u - at));
}

// Without a branch: lanes differ.
fn take(bits: u32) {
    at += bits;
    let over = at >= 32u;
    at &= 31u;
    window.x = select(window.x, window.y, over);
    window.y = select(window.y, window.z, over);
    crossed += select(0u, 1u, over);
}

// Returns the symbols of the next tuple, a byte each; `first` says whether it is that of a batch.
fn next_tuple(table: u32, first: bool) -> u32 {
    if (first) { read_behind(); }
    let entry = table_entry(table + (next_bits() & (ENTRIES - 1u)));
    let length = entry >> 24u;
    if (length >= NO_CODEWORD) {
        if (length == NO_CODEWORD) { bad = true; }
        take(length % NO_CODEWORD);
        open_at(next_word + crossed - 3u);
        read_behind();
        var symbols = 0u;
        for (var i = 0u; i < TUPLE; i++) {
            let symbol = next_bits() & ((1u << p.raw_bits) - 1u);
            if (symbol >= p.alphabet) { bad = true; }
            take(p.raw_bits);
            symbols |= symbol << (8u * i);
        }
        return symbols;
    }
    take(length);
    if (TUPLE < 4u) { return entry & 0xffffffu; }
    // Four bits to eight.
    let pairs = (entry | entry << 8u) & 0x00ff00ffu;
    return (pairs | pairs << 4u) & 0x0f0f0f0fu;
}

// Returns the branch bits of the next columns, a byte each.
fn branches_of(symbols: u32, count: u32) -> u32 {
    var branches = 0u;
    if (LAG > 0u) {
        for (var i = 0u; i < count; i++) {
            branches |= branch_bit(p.restart) << (8u * i);
            push_code(symbols >> (8u * i) & 0xffu, p.zero);
        }
    }
    return branches;
}

@compute @workgroup_size(THREADS)
fn decode_prefix(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    open_table(thread, p.table);
    let number = (group.x + group.y * 65535u) * THREADS + thread;
    if (number / p.lanes >= p.chosen_count) { return; }
    let which = tile_number(number / p.lanes);
    if (which >= p.tiles) { return; }
    let lane = number % p.lanes;
    let row0 = which / p.across * p.tile_rows;
    let rows = min(p.tile_rows, p.rows - row0);
    var col0 = 0u;
    if (!WHOLE_ROWS) { col0 = which % p.across * p.tile_cols; }
    let cols = min(p.tile_cols, p.sink.cols - col0);
    if (skips(row0, rows)) { return; }
    let per_row = (cols + TUPLE - 1u) / TUPLE;
    let begin = data[p.ranges + 2u * (which * p.lanes + lane)];
    let end = data[p.ranges + 2u * (which * p.lanes + lane) + 1u];
    var table = 0u;
    if (TABLE_ENTRIES == 0u) { table = data[p.ids + which] * ENTRIES; }
    open_at(begin / 4u);
    at = 8u * (begin % 4u);
    if (ROWS_ORDER != 0u) {
        if (lane >= rows) { return; }
        for (var row = lane; row < rows; row += p.lanes) {
            begin_branches();
            var c = 0u;
            while (c < cols) {
                for (var i = 0u; i < BATCH && c < cols; i++) {
                    let symbols = next_tuple(table, i == 0u);
                    let count = min(TUPLE, cols - c);
                    put(row0 + row, col0 + c, count, symbols, branches_of(symbols, count));
                    c += TUPLE;
                }
                refill();
            }
        }
    } else {
        let tuples = rows * per_row;
        if (lane >= tuples) { return; }
        var t = lane;
        while (t < tuples) {
            for (var i = 0u; i < BATCH && t < tuples; i++) {
                let c = t % per_row * TUPLE;
                put(row0 + t / per_row, col0 + c, min(TUPLE, cols - c), next_tuple(table, i == 0u), 0u);
                t += p.lanes;
            }
            refill();
        }
    }
    let used = 32u * (next_word - 3u) + at;
    let left = 8u * end - used;
    if (bad || left >= 8u || (next_bits() & ((1u << left) - 1u)) != 0u) {
        atomicStore(&report[1], p.weight);
        atomicStore(&report[0], BAD_STREAM);
    }
}
