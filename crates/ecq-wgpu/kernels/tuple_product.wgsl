// Products that decode tuples where they multiply: a register of a table has the values of a tuple, and one
// dot product of bytes multiplies them.
//
// Constants:
//   TUPLE        symbols of a tuple: 2 to 4
//   WIDTH        bits of the longest codeword
//   TRELLIS      1 on a trellis grid, whose corrections are twice as large
//   UNIT         of values in a register: 32 or 16 with tuples of four, else 1
//   ROWS         rows of activations
//   TEAMS        teams of 32 threads of a workgroup
//   TOUCHES      whether words of the next segment are read ahead
//   VALUES       whether activations are values or bytes (prepare_tuples.wgsl)
//
// A workgroup has a tile of 16 rows of the matrix. Its segments are divided among teams in ranges. A thread
// is a lane of the stream: lane (g, t) has rows g and g + 8. The host writes `segment_sums`, which decodes a
// segment and returns the sums of a thread for these rows.
//
// Sums of a segment are exact integers. They are scaled and added in the order of segments in a range, then
// ranges, then outliers: an order that depends on the matrix alone, so that a row has the same result beside
// any other rows. The host has decoded the stream once, so that no index is outside of its buffer.

const THREADS: u32 = 32u * TEAMS;
const CODE_ROWS: u32 = 16u;
// Sums of a team.
const TEAM_SUMS: u32 = CODE_ROWS * ROWS;
const SUMS_PER_THREAD: u32 = (TEAM_SUMS + 31u) / 32u;
const GROUP_COLS: u32 = 8u * TUPLE;
const FIRST_BYTE: u32 = select(1u, 0u, TUPLE == 4u);
// Vectors of a lane for a group.
const LANE_VECTORS: u32 = 1u + VALUES;

struct TupleProductParameters {
    product: ProductParameters,
    segments: u32,               // of a tile
    segment_groups: u32,
    groups: u32,
    padded_groups: u32,          // of a segment in `digits`
    scales: u32,                 // place of the vectors with the scales of segments in `digits`
    unit: i32,                   // of corrections
    registers: u32,              // places in `data`: the table
    entries: u32,                // of each segment its first stream row and correction, and the next ones'
    starts: u32,                 // [segments][32], in bytes: first bit, relative to the segment's stream row
    corrections: u32,            // two in a word
    zero: u32,                   // 0, which compilers do not know
    unused_a: u32,
}

@group(0) @binding(0) var<uniform> p: TupleProductParameters;
@group(0) @binding(2) var<storage, read> stream: array<u32>;
@group(0) @binding(3) var<storage, read> data: array<u32>;
@group(0) @binding(4) var<storage, read> digits: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> side: array<u32>;
@group(0) @binding(6) var<storage, read> x: array<f32>;
@group(0) @binding(7) var<storage, read> bias: array<f32>;
@group(0) @binding(8) var<storage, read_write> y: array<f32>;

fn parameters() -> ProductParameters {
    return p.product;
}

var<workgroup> table: array<u32, 1u << WIDTH>;
// Sums of a segment; at the end the bits of the sums of ranges.
var<workgroup> sums: array<atomic<i32>, TEAMS * TEAM_SUMS>;
// What corrections add to these, in units of the code. Both fit 32 bits: a value in a register is a signed
// byte, and corrections of more than half of the weights would take more bits than packed codes.
var<workgroup> corrected: array<atomic<i32>, TEAMS * TEAM_SUMS>;

// Returns the groups of a segment; the last one of a row may be longer than the others.
fn groups_of(segment: u32) -> u32 {
    return select(p.groups - segment * p.segment_groups, p.segment_groups, segment + 1u < p.segments);
}

// Returns the activation of a column of a segment as an integer.
fn digit_at(row: u32, segment: u32, col: u32) -> i32 {
    let in_group = col % GROUP_COLS;
    let lane = in_group % (4u * TUPLE) / TUPLE;
    let group = (row * p.segments + segment) * p.padded_groups + col / GROUP_COLS;
    let at = (group * 4u + lane) * LANE_VECTORS;
    if (VALUES == 1u) {
        return bitcast<i32>(digits[at + in_group / (4u * TUPLE)][FIRST_BYTE + in_group % TUPLE]);
    }
    let vector = digits[at];
    let pair = select(vector.xy, vector.zw, in_group >= 4u * TUPLE);
    let both = extractBits(bitcast<vec2<i32>>(pair), 8u * (FIRST_BYTE + in_group % TUPLE), 8u);
    return 256 * both.x + both.y;
}

// What a thread knows of a segment before it decodes it.
struct Ahead {
    place: u32,                  // of the first word in the stream
    start: u32,                  // bits before the first codeword
    correction: u32,             // the thread's first one, and the end of those of the segment
    corrections_end: u32,
    touched: u32,                // some words of the segment, so that the cache has the others
}

fn ahead_of(number: u32, lane: u32) -> Ahead {
    let start = data[p.starts + number * 8u + lane / 4u] >> (8u * (lane % 4u)) & 0xffu;
    let at = p.entries + 4u * number;
    let row = data[at];
    // A stream row is a line of the cache with four sectors. Each lane touches one row: those behind the
    // segment belong to the next one or to the slack.
    var touched = 0u;
    if (TOUCHES != 0u && lane < data[at + 2u] - row + 2u) {
        let line = (row + lane) * 32u;
        touched = stream[line] ^ stream[line + 8u] ^ stream[line + 16u] ^ stream[line + 24u];
    }
    let place = (row + start / 32u) * 32u + lane;
    return Ahead(place, start % 32u, data[at + 1u] + lane, data[at + 3u], touched);
}

// Returns a correction; number `i` is at most that behind the last one of the matrix.
fn correction_at(i: u32) -> u32 {
    return data[p.corrections + i / 2u] >> (16u * (i % 2u)) & 0xffffu;
}

// Adds a correction of a segment to the sums of a team.
fn add_correction(correction: u32, segment: u32, first_sum: u32, row0: u32) {
    let size_bits = correction >> 13u & 3u;
    var size = i32(select(1u << size_bits, 16u, size_bits == 3u)) * p.unit;
    if (correction >> 15u == 1u) { size = -size; }
    for (var r = 0u; r < ROWS; r++) {
        let value = digit_at(row0 + r, segment, correction >> 4u & 511u);
        atomicAdd(&corrected[first_sum + r * CODE_ROWS + correction % CODE_ROWS], size * value);
    }
}

@compute @workgroup_size(THREADS)
fn tuple_product(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row0 = group.y * ROWS;
    let rows_in_use = active_rows[p.product.which];
    if (row0 >= rows_in_use) { return; }
    let lane = thread % 32u;
    let team = thread / 32u;
    let tile = p.product.first / CODE_ROWS + group.x;
    let per_team = (p.segments + TEAMS - 1u) / TEAMS;
    // What a segment needs is loaded before the one before it is decoded.
    let last_segment = p.segments - 1u;
    var next = ahead_of(tile * p.segments + min(team * per_team, last_segment), lane);
    for (var i = thread; i < 1u << WIDTH; i += THREADS) { table[i] = data[p.registers + i]; }
    for (var i = thread; i < TEAMS * TEAM_SUMS; i += THREADS) {
        atomicStore(&sums[i], 0);
        atomicStore(&corrected[i], 0);
    }
    workgroupBarrier();
    let first_sum = team * TEAM_SUMS;
    var total: array<f32, SUMS_PER_THREAD>;
    for (var s = 0u; s < per_team; s++) {
        let segment = team * per_team + s;
        if (segment < p.segments) {
            let own = next;
            next = ahead_of(tile * p.segments + min(segment + 1u, last_segment), lane);
            let correction = correction_at(min(own.correction, own.corrections_end));
            // Without a use words would not be touched.
            let place = own.place + (own.touched & p.zero);
            let vectors = p.padded_groups * 4u * LANE_VECTORS;
            let step = p.segments * vectors;
            let first = (row0 * p.segments + segment) * vectors + lane % 4u * LANE_VECTORS;
            let added =
                segment_sums(place, own.start, first, step, groups_of(segment), p.segment_groups);
            for (var r = 0u; r < ROWS; r++) {
                let sum = first_sum + r * CODE_ROWS + lane / 4u;
                atomicAdd(&sums[sum], added[r].x);
                atomicAdd(&sums[sum + 8u], added[r].y);
            }
            if (own.correction < own.corrections_end) {
                add_correction(correction, segment, first_sum, row0);
            }
            for (var i = own.correction + 32u; i < own.corrections_end; i += 32u) {
                add_correction(correction_at(i), segment, first_sum, row0);
            }
        }
        workgroupBarrier();
        for (var i = 0u; i < SUMS_PER_THREAD; i++) {
            let sum = i * 32u + lane;
            if (segment >= p.segments || sum >= TEAM_SUMS) { continue; }
            let row = row0 + sum / CODE_ROWS;
            let scale = bitcast<f32>(digits[p.scales + row * p.segments + segment].x);
            let of_codes = f32(atomicExchange(&sums[first_sum + sum], 0));
            let of_corrections = f32(atomicExchange(&corrected[first_sum + sum], 0));
            total[i] = fma(scale, fma(of_corrections, f32(UNIT * (1u + TRELLIS)), of_codes), total[i]);
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < SUMS_PER_THREAD; i++) {
        let sum = i * 32u + lane;
        if (sum < TEAM_SUMS) { atomicStore(&sums[first_sum + sum], bitcast<i32>(total[i])); }
    }
    workgroupBarrier();
    for (var i = thread; i < TEAM_SUMS; i += THREADS) {
        let r = i / CODE_ROWS;
        let row = tile * CODE_ROWS + i % CODE_ROWS;
        let q = parameters();
        if (row0 + r >= rows_in_use || row < q.first || row >= q.first + q.count) { continue; }
        var sum = 0.0;
        for (var other = 0u; other < TEAMS; other++) {
            sum += bitcast<f32>(atomicLoad(&sums[other * TEAM_SUMS + i]));
        }
        sum *= 1.0 / f32(UNIT);
        if (q.m.listed != 0u) { sum += outlier_sum(row, row0 + r); }
        y[(row0 + r) * q.y_stride + q.y_first + row - q.first] = result_of(row, sum);
    }
}

// Returns the product of the outliers of a row with a row of activations.
fn outlier_sum(row: u32, x_row: u32) -> f32 {
    let m = parameters().m;
    var sum = 0.0;
    for (var i = side[m.starts + row]; i < side[m.starts + row + 1u]; i++) {
        let col = side[m.outliers + 2u * i];
        let value = scaled_activation(m, x[x_row * m.cols + col], col);
        sum = fma(side_float(m.outliers + 2u * i + 1u), value, sum);
    }
    return sum;
}
