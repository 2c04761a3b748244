// Activations as integers, which products with codes multiply.
//
// In blocks of 32 columns, a value is a multiple of 1/32512 of the block's largest magnitude. It is two
// signed bytes, 256 * high + low, so that the sum of a block is exact. A block is five vectors: 32 high
// bytes, 32 low bytes, and the scale with the sums of the first 16 columns, of the others, and of all.

const LARGEST: f32 = 32512.0;

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
@group(0) @binding(4) var<storage, read_write> digits: array<vec4<u32>>;

fn value_at(row: u32, col: u32) -> f32 {
    if (col >= p.cols) { return 0.0; }
    let value = x[row * p.cols + col];
    if (p.scaled == 0u) { return value; }
    return value * bitcast<f32>(side[p.col_scales + col]);
}

// A block of a row per thread.
@compute @workgroup_size(64)
fn prepare(@builtin(global_invocation_id) id: vec3<u32>) {
    let row = id.y;
    let block = id.x;
    if (row >= active_rows[p.which] || block >= p.blocks) { return; }
    var values: array<f32, 32>;
    var largest = 0.0;
    var finite = true;
    for (var i = 0u; i < 32u; i++) {
        let value = value_at(row, block * 32u + i);
        values[i] = value;
        finite = finite && is_finite(value);
        largest = max(largest, abs(value));
    }
    // Denormal magnitudes would have no finite reciprocal.
    var inverse = 0.0;
    if (finite && largest >= 1e-30) { inverse = LARGEST / largest; }
    var words: array<u32, 16>;
    var sums = vec2<i32>(0, 0);
    for (var i = 0u; i < 32u; i++) {
        var number = 0;
        if (inverse > 0.0) { number = clamp(i32(round(values[i] * inverse)), -32512, 32512); }
        let high = (number + 128) >> 8u;
        let low = number - high * 256;
        words[i / 4u] |= (bitcast<u32>(high) & 0xffu) << (8u * (i % 4u));
        words[8u + i / 4u] |= (bitcast<u32>(low) & 0xffu) << (8u * (i % 4u));
        sums[i / 16u] += number;
    }
    let scale = select(0x7fc00000u, bitcast<u32>(largest / LARGEST), finite);
    let at = (row * p.blocks + block) * 5u;
    for (var i = 0u; i < 4u; i++) {
        let first = 4u * i;
        digits[at + i] = vec4<u32>(words[first], words[first + 1u], words[first + 2u], words[first + 3u]);
    }
    let both = vec2<u32>(bitcast<u32>(sums.x), bitcast<u32>(sums.y));
    digits[at + 4u] = vec4<u32>(scale, both.x, both.y, both.x + both.y);
}
