// Decodes lanes of prefix codes over tuples of symbols, a lane per thread.
//
// Constants:
//   TUPLE        symbols of a tuple: 1 to 4
//   ROWS_ORDER   1: lane l has rows l, l + lanes, ...; 0: lane i mod lanes has tuple i
//   LAG          as levels.wgsl has it; 0 unless ROWS_ORDER
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
    words: u32,                  // of the stream
    weight: u32,                 // what is reported
}

@group(0) @binding(0) var<uniform> p: PrefixParameters;
@group(0) @binding(2) var<storage, read> stream: array<u32>;
// Tables from the first word on: symbols (four bits each if there are four), length. Then lists.
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(5) var<storage, read_write> report: array<atomic<u32>>;

// The bits of this thread's lane: the next ones are those of high:low from `at` (below 32) on. `ahead` is the
// word behind them, with the number `next_word`.
var<private> low: u32;
var<private> high: u32;
var<private> ahead: u32;
var<private> at: u32;
var<private> next_word: u32;
var<private> bad: bool;

fn stream_word(i: u32) -> u32 {
    if (i >= p.words) { return 0u; }
    return stream[i];
}

fn open(first_byte: u32) {
    let word = first_byte / 4u;
    low = stream_word(word);
    high = stream_word(word + 1u);
    ahead = stream_word(word + 2u);
    next_word = word + 2u;
    at = 8u * (first_byte % 4u);
}

fn next_bits() -> u32 {
    return (low >> at) | ((high << 1u) << (31u - at));
}

// Without a branch: lanes differ, and the word that follows is there already.
fn take(bits: u32) {
    at += bits;
    let crossed = at >= 32u;
    at &= 31u;
    low = select(low, high, crossed);
    high = select(high, ahead, crossed);
    next_word += select(0u, 1u, crossed);
    ahead = stream_word(next_word);
}

// Returns the symbols of the next tuple, a byte each.
fn next_tuple(table: u32) -> u32 {
    let entry = data[table + (next_bits() & (ENTRIES - 1u))];
    let length = entry >> 24u;
    if (length >= NO_CODEWORD) {
        if (length == NO_CODEWORD) { bad = true; }
        take(length % NO_CODEWORD);
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
    if (TUPLE < 4u) { return entry; }
    // Four bits to eight.
    let pairs = (entry | entry << 8u) & 0x00ff00ffu;
    return (pairs | pairs << 4u) & 0x0f0f0f0fu;
}

@compute @workgroup_size(64)
fn decode_prefix(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let number = id.x + id.y * groups.x * 64u;
    if (number / p.lanes >= p.chosen_count) { return; }
    let which = tile_number(number / p.lanes);
    if (which >= p.tiles) { return; }
    let lane = number % p.lanes;
    let row0 = which / p.across * p.tile_rows;
    let col0 = which % p.across * p.tile_cols;
    let rows = min(p.tile_rows, p.rows - row0);
    let cols = min(p.tile_cols, p.sink.cols - col0);
    if (skips(row0, rows)) { return; }
    let per_row = (cols + TUPLE - 1u) / TUPLE;
    let begin = data[p.ranges + 2u * (which * p.lanes + lane)];
    let end = data[p.ranges + 2u * (which * p.lanes + lane) + 1u];
    let table = data[p.ids + which] * ENTRIES;
    open(begin);
    if (ROWS_ORDER != 0u) {
        if (lane >= rows) { return; }
        for (var row = lane; row < rows; row += p.lanes) {
            begin_branches();
            for (var c = 0u; c < cols; c += TUPLE) {
                let symbols = next_tuple(table);
                for (var i = 0u; i < TUPLE; i++) {
                    if (c + i >= cols) { break; }
                    let symbol = symbols >> (8u * i) & 0xffu;
                    let branch = branch_bit(p.restart);
                    push_code(symbol, p.zero);
                    put(row0 + row, col0 + c + i, symbol, branch);
                }
            }
        }
    } else {
        let tuples = rows * per_row;
        if (lane >= tuples) { return; }
        for (var t = lane; t < tuples; t += p.lanes) {
            let symbols = next_tuple(table);
            let c = t % per_row * TUPLE;
            for (var i = 0u; i < TUPLE; i++) {
                if (c + i >= cols) { break; }
                put(row0 + t / per_row, col0 + c + i, symbols >> (8u * i) & 0xffu, 0u);
            }
        }
    }
    let used = 32u * (next_word - 2u) + at;
    let left = 8u * end - used;
    if (bad || left >= 8u || (next_bits() & ((1u << left) - 1u)) != 0u) {
        atomicStore(&report[1], p.weight);
        atomicStore(&report[0], BAD_STREAM);
    }
}
