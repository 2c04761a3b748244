// Decodes tiles of rANS: 32-bit states, 16-bit words. A lane is a thread, and a tile TILE_THREADS of them.
//
// Constants:
//   THREADS        threads of a workgroup
//   TILE_THREADS   threads of a tile, at least the lanes; all of the workgroup without subgroups
//   TABLE_ENTRIES  of all tables, if workgroup memory has them (table_local.wgsl); else 0 (table_global.wgsl)
//   ROWS_ORDER     1: lane l has rows l, l + lanes, ...; 0: lane i mod lanes has symbol i
//   CLASSES        0: one table per tile; 1: classes of rows and columns; 2: and branch bits, if ROWS_ORDER
//   WIDE           whether entries of tables have 64 bits, for precisions above 12
//   LAG            as levels.wgsl has it; 0 unless ROWS_ORDER
//
// The lanes of a step take their words in ascending order, so that each must know how many lanes before it
// take one: words_subgroup.wgsl or words_shared.wgsl.
//
// States and counters of a hostile stream run over its words but never over memory: the number of steps is
// that of the layout, and places are limited. A stream is good if exactly its words are taken and all states
// end where encoders start.

const LOWER: u32 = 65536u;
const BAD_STREAM: u32 = 3u;
// Whether tables depend on branch bits.
const BRANCH_TABLES: u32 = select(0u, 1u, CLASSES == 2u);

struct RansParameters {
    sink: Sink,
    rows: u32,
    tile_rows: u32,
    tile_cols: u32,
    across: u32,                 // tiles beside each other
    lanes: u32,
    table_bits: u32,             // precision of all tables, if there is no list
    zero: u32,
    restart: u32,
    starts: u32,                 // places in `data`: first byte of each tile, and of the end
    firsts: u32,                 // first entry of each tile's table, 4 bits its precision
    listed: u32,                 // whether there are such places
    row_classes: u32,
    col_classes: u32,
    class_tables: u32,           // [row classes][branch bits][8]: table of each column class
    weight: u32,                 // what is reported
    tiles: u32,
    nothing: u32,                // 0, which compilers do not know
    last_word: u32,              // of the stream, which is zero
}

@group(0) @binding(0) var<uniform> p: RansParameters;
@group(0) @binding(2) var<storage, read> stream: array<u32>;
// Tables from the first word on, then lists.
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(5) var<storage, read_write> report: array<atomic<u32>>;

// The state of this thread's lane.
var<private> state: u32;

// Returns a word of 32 bits.
fn stream_word(i: u32) -> u32 {
    return stream[min(i, p.last_word)];
}

// Returns a word of 16 bits.
fn half_word(i: u32) -> u32 {
    return stream_word(i / 2u) >> (16u * (i % 2u)) & 0xffffu;
}

// A symbol, and the state behind it.
struct Step {
    symbol: u32,
    state: u32,
}

// Returns the step of this thread's lane. The state is not complete: words may follow.
fn next_step(table: u32, table_bits: u32) -> Step {
    let slot = table + (state & ((1u << table_bits) - 1u));
    if (WIDE != 0u) {
        let entry = data[2u * slot];
        return Step(data[2u * slot + 1u], (entry & 0xffffu) * (state >> table_bits) + (entry >> 16u));
    }
    let entry = table_entry(slot);
    return Step(entry >> 12u & 0xffu, (entry >> 20u) * (state >> table_bits) + (entry & 0xfffu));
}

// Takes the words of the lanes that are on.
fn finish_step(lane: u32, on: bool, next: u32) {
    let needs = on & (next < LOWER);
    let word = next_word(lane, needs);
    state = select(state, select(next, next << 16u | word, needs), on);
}

fn class_table(row_class: u32, col: u32, branch: u32, table_bits: u32) -> u32 {
    let pair = row_class * 16u + branch * 8u + data[p.col_classes + col];
    return data[p.class_tables + pair] << table_bits;
}

// The row of this thread's lane: its class, and branch bit and table of the next column.
var<private> row_class: u32;
var<private> branch: u32;
var<private> table: u32;
// Four columns: a byte for each.
var<private> symbols: u32;
var<private> branches: u32;

// What is the same for all lanes of a tile.
struct Tile {
    col0: u32,
    cols: u32,
    table_bits: u32,
    first: u32,                  // first entry of the table
}

// Finds branch bit and table of a column of the tile.
fn open_column(t: Tile, c: u32) {
    branch = branch_bit(p.restart);
    table = t.first;
    if (CLASSES != 0u) {
        let col = min(t.col0 + c, p.sink.cols - 1u);
        table = class_table(row_class, col, branch * BRANCH_TABLES, t.table_bits);
    }
}

// Decodes column c + i of the lanes that are on, if there is one.
fn decode_column(t: Tile, lane: u32, on: bool, c: u32, i: u32) {
    let step = next_step(table, t.table_bits);
    symbols |= step.symbol << (8u * i);
    branches |= branch << (8u * i);
    // What the next column needs is loaded beside the words of this one.
    push_code(step.symbol, p.zero);
    open_column(t, c + i + 1u);
    finish_step(lane, on & (c + i < t.cols), step.state);
}

// Decodes columns c to c + 3 of a row. Operations of a subgroup follow each other without a branch: behind a
// branch NVIDIA's compiler checks that the lanes have met again, which takes longer than a column.
fn decode_columns(t: Tile, lane: u32, on: bool, row: u32, c: u32) {
    symbols = 0u;
    branches = 0u;
    decode_column(t, lane, on, c, 0u);
    decode_column(t, lane, on, c, 1u);
    decode_column(t, lane, on, c, 2u);
    decode_column(t, lane, on, c, 3u);
    close_window(lane);
    if (on & (c < t.cols)) { put(row, t.col0 + c, min(4u, t.cols - c), symbols, branches); }
}

@compute @workgroup_size(THREADS)
fn decode_rans(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    open_table(thread, 0u);
    let lane = thread % TILE_THREADS;
    let group_number = group.x + group.y * 65535u;
    let number = tile_number(group_number * (THREADS / TILE_THREADS) + thread / TILE_THREADS);
    if (number >= p.tiles) { return; }
    let row0 = number / p.across * p.tile_rows;
    let rows = min(p.tile_rows, p.rows - row0);
    var col0 = 0u;
    if (!WHOLE_ROWS) { col0 = number % p.across * p.tile_cols; }
    let cols = min(p.tile_cols, p.sink.cols - col0);
    if (skips(row0, rows)) { return; }
    let start = data[p.starts + number];
    let end = data[p.starts + number + 1u];
    var lanes = min(p.lanes, rows);
    if (ROWS_ORDER == 0u) { lanes = min(p.lanes, rows * cols); }
    if (end - start < 4u * lanes) {
        if (lane == 0u) { report_bad(); }
        return;
    }
    if (lane < lanes) {
        let at = start / 2u + 2u * lane;
        state = half_word(at) | half_word(at + 1u) << 16u;
    }
    open_words(lane, start / 2u + 2u * lanes);
    var table_bits = p.table_bits;
    var first = 0u;
    if (TABLE_ENTRIES == 0u && p.listed != 0u) {
        table_bits = data[p.firsts + number] & 15u;
        first = data[p.firsts + number] >> 4u;
    }
    let tile = Tile(col0, cols, table_bits, first);
    if (ROWS_ORDER != 0u) {
        for (var row = 0u; row < rows; row += p.lanes) {
            let on = lane < p.lanes && row + lane < rows;
            let own = row0 + row + lane;
            if (CLASSES != 0u && on) { row_class = data[p.row_classes + own]; }
            begin_branches();
            open_column(tile, 0u);
            for (var c = 0u; c < cols; c += 8u) {
                decode_columns(tile, lane, on, own, c);
                decode_columns(tile, lane, on, own, c + 4u);
            }
        }
    } else {
        let count = rows * cols;
        for (var at = 0u; at < count; at += p.lanes) {
            let i = at + lane;
            let on = lane < p.lanes && i < count;
            let row = row0 + i / cols;
            let col = col0 + i % cols;
            table = first;
            if (CLASSES != 0u && on) {
                table = class_table(data[p.row_classes + row], col, 0u, table_bits);
            }
            let step = next_step(table, table_bits);
            finish_step(lane, on, step.state);
            close_window(lane);
            if (on) { put(row, col, 1u, step.symbol, 0u); }
        }
    }
    if ((lane < lanes && state != LOWER) || words_taken() != end / 2u) { report_bad(); }
}

fn report_bad() {
    atomicStore(&report[1], p.weight);
    atomicStore(&report[0], BAD_STREAM);
}
