// Activations as integers, which products with codes multiply.
//
// In blocks of 32 columns, a value is a multiple of 1/32512 of the block's largest magnitude. It is two
// signed bytes, 256 * high + low, so that the sum of a block is exact. A block is five vectors: 32 high
// bytes, 32 low bytes, and the scale with the sums of the first 16 columns, of the others, and of all. Where
// the adapter has no dot products of bytes, one product of a value replaces two of bytes: a block is then
// nine vectors, 32 values, and the last one as before.
//
// Constants: VALUES, whether there are values.

struct PrepareParameters {
    which: u32,
    cols: u32,
    blocks: u32,
    col_scales: u32,             // place among the side data of the matrix, if it has any
    scaled: u32,
}

@group(0) @binding(0) var<uniform> p: PrepareParameters;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> side: array<u32>;
@group(0) @binding(4) var<storage, read_write> digits: array<u32>;

// Threads of a workgroup, and of a block: each has four columns.
const THREADS: u32 = 64u;
const BLOCK_THREADS: u32 = 8u;

var<workgroup> largest: array<f32, THREADS>;
var<workgroup> finite: array<u32, THREADS>;
var<workgroup> sums: array<i32, THREADS>;

@compute @workgroup_size(THREADS)
fn prepare(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.y;
    if (row >= active_rows[p.which]) { return; }
    let block = group.x * (THREADS / BLOCK_THREADS) + thread / BLOCK_THREADS;
    let part = thread % BLOCK_THREADS;
    let first = thread - part;
    var values: array<f32, 4>;
    var most = 0.0;
    var all_finite = 1u;
    for (var i = 0u; i < 4u; i++) {
        let value = value_at(row, block * 32u + part * 4u + i);
        values[i] = value;
        if (!is_finite(value)) { all_finite = 0u; }
        most = max(most, abs(value));
    }
    largest[thread] = most;
    finite[thread] = all_finite;
    workgroupBarrier();
    for (var i = 0u; i < BLOCK_THREADS; i++) {
        most = max(most, largest[first + i]);
        all_finite &= finite[first + i];
    }
    let inverse = inverse_of(most, all_finite);
    var words = vec2<u32>(0u, 0u);
    var numbers: array<i32, 4>;
    var sum = 0;
    for (var i = 0u; i < 4u; i++) {
        let number = integer_of(values[i], inverse);
        words |= digits_of(number) << vec2<u32>(8u * i);
        numbers[i] = number;
        sum += number;
    }
    sums[thread] = sum;
    workgroupBarrier();
    if (block >= p.blocks) { return; }
    var at = (row * p.blocks + block) * 20u;
    if (VALUES == 1u) {
        at = (row * p.blocks + block) * 36u;
        for (var i = 0u; i < 4u; i++) { digits[at + 4u * part + i] = bitcast<u32>(numbers[i]); }
        at += 16u;
    } else {
        digits[at + part] = words.x;
        digits[at + 8u + part] = words.y;
    }
    if (part == 0u) {
        var half = vec2<i32>(0, 0);
        for (var i = 0u; i < BLOCK_THREADS; i++) { half[i / 4u] += sums[first + i]; }
        digits[at + 16u] = scale_bits(most, all_finite);
        digits[at + 17u] = bitcast<u32>(half.x);
        digits[at + 18u] = bitcast<u32>(half.y);
        digits[at + 19u] = bitcast<u32>(half.x + half.y);
    }
}
