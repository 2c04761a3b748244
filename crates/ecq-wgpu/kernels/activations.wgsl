// What kernels share that write activations as integers. They have `p`, `x` and `side`.

const LARGEST: f32 = 32512.0;

// Returns an activation times its column's scale, 0 behind the last column.
fn value_at(row: u32, col: u32) -> f32 {
    if (col >= p.cols) { return 0.0; }
    let value = x[row * p.cols + col];
    if (p.scaled == 0u) { return value; }
    return value * bitcast<f32>(side[p.col_scales + col]);
}

// Returns the factor that makes integers of activations up to `largest`; 0 if they are 0, or if one is not
// finite. Denormal magnitudes would have no finite reciprocal.
fn inverse_of(largest: f32, all_finite: u32) -> f32 {
    if (all_finite == 1u && largest >= 1e-30) { return LARGEST / largest; }
    return 0.0;
}

// Returns an activation as an integer.
fn integer_of(value: f32, inverse: f32) -> i32 {
    if (inverse == 0.0) { return 0; }
    return clamp(i32(round(value * inverse)), -32512, 32512);
}

// Returns the high and the low digit of an integer, each a signed byte.
fn digits_of(number: i32) -> vec2<u32> {
    let high = (number + 128) >> 8u;
    let low = number - high * 256;
    return vec2<u32>(bitcast<u32>(high), bitcast<u32>(low)) & vec2<u32>(0xffu);
}

// Returns the bits of the scale of integers.
fn scale_bits(largest: f32, all_finite: u32) -> u32 {
    return select(0x7fc00000u, bitcast<u32>(largest / LARGEST), all_finite == 1u);
}
