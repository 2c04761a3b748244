// Decodes the tuple coding to bytes: a segment of a tile per workgroup, a lane per thread.
//
// Constants:
//   TUPLE        symbols of a tuple: 2 to 4
//   WIDTH        bits of the longest codeword
//
// A hostile stream leads a lane at most behind its rows, where all bits are zero. A segment is good if each
// lane ends before it begins in the next segment, and within the reach of the index.

const CODE_ROWS: u32 = 16u;
const BAD_STREAM: u32 = 3u;

struct TuplesParameters {
    sink: Sink,
    rows: u32,
    segments: u32,               // of a tile
    segment_groups: u32,
    groups: u32,
    stream_rows: u32,
    reach: u32,
    alphabet: u32,
    unit: i32,
    entries: u32,                // places in `data`: of each segment its first stream row and correction, and
                                 // those of the next one
    starts: u32,                 // [segments][32], in bytes: first bit, relative to the segment's stream row
    corrections: u32,            // two in a word
    count: u32,                  // segments of all tiles
    weight: u32,                 // what is reported
}

@group(0) @binding(0) var<uniform> p: TuplesParameters;
@group(0) @binding(2) var<storage, read> stream: array<u32>;
// The table from the first word on, an entry for WIDTH bits: symbols, a byte each, and length. Then lists.
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(5) var<storage, read_write> report: array<atomic<u32>>;

fn stream_word(row: u32, lane: u32) -> u32 {
    if (row >= p.stream_rows) { return 0u; }
    return stream[row * 32u + lane];
}

fn start_of(segment: u32, lane: u32) -> u32 {
    return data[p.starts + segment * 8u + lane / 4u] >> (8u * (lane % 4u)) & 0xffu;
}

@compute @workgroup_size(32)
fn decode_tuples(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let number = group.x + group.y * 65535u;
    if (number >= p.count) { return; }
    let tile = number / p.segments;
    let segment = number % p.segments;
    let own_row = data[p.entries + 4u * number];
    let next_row = data[p.entries + 4u * number + 2u];
    let start = start_of(number, lane);
    var row = own_row + start / 32u;
    var at = start % 32u;
    // The next bits are those of high:low behind the first `at`.
    var high = stream_word(row, lane);
    var low = stream_word(row + 1u, lane);
    row += 2u;
    var used = start;
    let first_group = segment * p.segment_groups;
    // The last segment of a row may be longer than the others.
    let groups = select(p.groups - first_group, p.segment_groups, segment + 1u < p.segments);
    let first_row = tile * CODE_ROWS;
    let first_col = first_group * 8u * TUPLE;
    for (var g = 0u; g < groups; g++) {
        for (var f = 0u; f < 4u; f++) {
            var bits = high;
            if (at > 0u) { bits = high << at | low >> (32u - at); }
            let entry = bits >> (32u - WIDTH);
            let symbols = data[2u * entry];
            let length = data[2u * entry + 1u];
            at += length;
            used += length;
            if (at >= 32u) {
                at -= 32u;
                high = low;
                low = stream_word(row, lane);
                row++;
            }
            let to_row = first_row + lane / 4u + 8u * (f % 2u);
            let col = first_col + g * 8u * TUPLE + f / 2u * 4u * TUPLE + lane % 4u * TUPLE;
            if (to_row >= p.rows || col >= p.sink.cols) { continue; }
            put(to_row, col, min(TUPLE, p.sink.cols - col), symbols, 0u);
        }
    }
    var limit = 32u * (next_row - own_row + p.reach);
    limit = min(limit, 32u * (p.stream_rows - min(own_row, p.stream_rows)));
    if (segment + 1u < p.segments) {
        limit = min(limit, 32u * (next_row - own_row) + start_of(number + 1u, lane));
    }
    var bad = used > limit;
    storageBarrier();
    workgroupBarrier();
    // Lane l adds the corrections of row l, in their order.
    let last = data[p.entries + 4u * number + 3u];
    for (var i = data[p.entries + 4u * number + 1u]; i < last; i++) {
        let correction = data[p.corrections + i / 2u] >> (16u * (i % 2u)) & 0xffffu;
        if (lane != correction % CODE_ROWS) { continue; }
        let in_segment = correction >> 4u & 511u;
        let to_row = first_row + lane;
        let col = first_col + in_segment;
        if (in_segment >= groups * 8u * TUPLE || col >= p.sink.cols || to_row >= p.rows) {
            bad = true;
            continue;
        }
        let select_bits = correction >> 13u & 3u;
        var size = p.unit * i32(select(1u << select_bits, 16u, select_bits == 3u));
        if (correction >> 15u == 1u) { size = -size; }
        let place = to_row * p.sink.stride + col;
        let found = i32(atomicLoad(&bytes[place / 4u]) >> (8u * (place % 4u)) & 0xffu);
        if (found + size < 0 || found + size >= i32(p.alphabet)) {
            bad = true;
            continue;
        }
        // What is added changes no other byte of the word, because the sum is a byte.
        atomicAdd(&bytes[place / 4u], bitcast<u32>(size) << (8u * (place % 4u)));
    }
    if (bad) {
        atomicStore(&report[1], p.weight);
        atomicStore(&report[0], BAD_STREAM);
    }
}
