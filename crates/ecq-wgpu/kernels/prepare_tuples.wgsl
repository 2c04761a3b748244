// Activations as integers for products with tuples, which `tuple_product.wgsl` reads.
//
// In a segment, a value is a multiple of 1/32512 of the segment's largest magnitude, as in `prepare.wgsl` in
// blocks of 32 columns: two signed bytes, 256 * high + low. A vector has the digits of one lane for a group:
// high and low bytes of its columns in the first half of the group, then of those in the second half. They
// lie where a register has the values of these columns; the byte of the codeword's length is zero. Without
// dot products of bytes there are two vectors, with a value where these have a byte.
//
// Constants: TUPLE, the columns of a tuple; FIRST_BYTE, that of its first value; VALUES, whether there are
// values.

const THREADS: u32 = 64u;
const GROUP_COLS: u32 = 8u * TUPLE;
// Vectors of a lane for a group.
const LANE_VECTORS: u32 = 1u + VALUES;

struct PrepareTuplesParameters {
    which: u32,
    cols: u32,
    col_scales: u32,             // place among the side data of the matrix, if it has any
    scaled: u32,
    segments: u32,
    segment_groups: u32,
    groups: u32,
    padded_groups: u32,          // of a segment in `digits`
    scales: u32,                 // place of the vectors with the scales of segments
}

@group(0) @binding(0) var<uniform> p: PrepareTuplesParameters;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> side: array<u32>;
@group(0) @binding(4) var<storage, read_write> digits: array<vec4<u32>>;

var<workgroup> largest: array<f32, THREADS>;
var<workgroup> finite: array<u32, THREADS>;

// Returns the values of the columns of a tuple.
fn values_of(row: u32, col: u32, inverse: f32) -> vec4<u32> {
    var words = vec4<u32>(0u, 0u, 0u, 0u);
    for (var k = 0u; k < TUPLE; k++) {
        words[FIRST_BYTE + k] = bitcast<u32>(integer_of(value_at(row, col + k), inverse));
    }
    return words;
}

// Returns the high and the low digits of the columns of a tuple.
fn bytes_of(row: u32, col: u32, inverse: f32) -> vec2<u32> {
    var words = vec2<u32>(0u, 0u);
    for (var k = 0u; k < TUPLE; k++) {
        let both = digits_of(integer_of(value_at(row, col + k), inverse));
        words |= both << vec2<u32>(8u * (FIRST_BYTE + k));
    }
    return words;
}

// A segment of a row per workgroup.
@compute @workgroup_size(THREADS)
fn prepare_tuples(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let segment = group.x;
    let row = group.y;
    if (row >= active_rows[p.which]) { return; }
    let first_group = segment * p.segment_groups;
    let groups = select(p.groups - first_group, p.segment_groups, segment + 1u < p.segments);
    let first_col = first_group * GROUP_COLS;
    var most = 0.0;
    var all_finite = 1u;
    for (var i = thread; i < groups * GROUP_COLS; i += THREADS) {
        let value = value_at(row, first_col + i);
        if (!is_finite(value)) { all_finite = 0u; }
        most = max(most, abs(value));
    }
    largest[thread] = most;
    finite[thread] = all_finite;
    workgroupBarrier();
    for (var i = 0u; i < THREADS; i++) {
        most = max(most, largest[i]);
        all_finite &= finite[i];
    }
    let inverse = inverse_of(most, all_finite);
    let place = row * p.segments + segment;
    let vectors = 4u * LANE_VECTORS * p.padded_groups;
    for (var i = thread; i < vectors; i += THREADS) {
        let lane = i / LANE_VECTORS;
        let in_segment = lane / 4u;
        var vector = vec4<u32>(0u, 0u, 0u, 0u);
        if (in_segment < groups) {
            let col = first_col + in_segment * GROUP_COLS + lane % 4u * TUPLE;
            if (VALUES == 1u) {
                vector = values_of(row, col + i % LANE_VECTORS * 4u * TUPLE, inverse);
            } else {
                vector = vec4<u32>(bytes_of(row, col, inverse), bytes_of(row, col + 4u * TUPLE, inverse));
            }
        }
        digits[place * vectors + i] = vector;
    }
    if (thread == 0u) {
        digits[p.scales + place] = vec4<u32>(scale_bits(most, all_finite), 0u, 0u, 0u);
    }
}
