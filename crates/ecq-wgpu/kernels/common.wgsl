// What all kernels use: rows in use, element types, and functions whose results do not depend on the driver.

// Numbers of rows in use: of the batch, and of logits.
@group(0) @binding(1) var<uniform> active_rows: vec4<u32>;

// Element types, as the host numbers them.
const F32: u32 = 0u;
const F16: u32 = 1u;
const BF16: u32 = 2u;
const I8: u32 = 3u;

const LEAST: f32 = -3.4028234e38;

fn is_finite(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

fn is_nan(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

// Returns e^x, with an error of about one unit in the last place; 0 below e^-87, e^88 above. The method is
// that of Cephes (S. Moshier).
fn exponential(x: f32) -> f32 {
    if (x < -87.0) { return 0.0; }
    let clamped = select(x, 88.0, x > 88.0);
    let n = round(clamped * 1.44269504);
    let r = fma(n, 2.12194440e-4, fma(n, -0.693359375, clamped));
    var y = 1.9875691500e-4;
    y = fma(y, r, 1.3981999507e-3);
    y = fma(y, r, 8.3334519073e-3);
    y = fma(y, r, 4.1665795894e-2);
    y = fma(y, r, 1.6666665459e-1);
    y = fma(y, r, 5.0000001201e-1);
    y = fma(y * r, r, r) + 1.0;
    return y * bitcast<f32>(u32(i32(n) + 127) << 23u);
}

// Returns the product of two words: the high word and the low word.
fn wide_product(a: u32, b: u32) -> vec2<u32> {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let left = (a & 0xffffu) * (b >> 16u);
    let right = (a >> 16u) * (b & 0xffffu);
    let middle = (low >> 16u) + (left & 0xffffu) + (right & 0xffffu);
    let high = (a >> 16u) * (b >> 16u) + (left >> 16u) + (right >> 16u) + (middle >> 16u);
    return vec2<u32>(high, middle << 16u | (low & 0xffffu));
}

// Returns cosine and sine of an angle of 0 to 2^24. The fraction of a turn is computed in integers: drivers
// promise little about the functions of the language, and nothing for large angles.
fn cosine_and_sine(angle: f32) -> vec2<f32> {
    let bits = bitcast<u32>(angle);
    let exponent = min(i32(bits >> 23u) - 127, 23);
    let mantissa = (bits & 0x7fffffu) | 0x800000u;
    // 2^64 / (2 pi) in two words.
    let low = wide_product(mantissa, 0x9391054au);
    let high = wide_product(mantissa, 0x28be60dbu);
    let middle = low.x + high.y;
    let top = high.x + select(0u, 1u, middle < low.x);
    let shift = u32(23 - exponent);
    var turn = 0u;
    if (shift == 0u) {
        turn = middle;
    } else if (shift < 32u) {
        turn = middle >> shift | top << (32u - shift);
    } else if (shift < 64u) {
        turn = top >> (shift - 32u);
    }
    let quadrant = (turn + 0x20000000u) >> 30u;
    let x = f32(bitcast<i32>(turn - (quadrant << 30u))) * 1.4629180792671596e-9;
    let z = x * x;
    let sine = fma(x * z, fma(z, fma(z, -1.9515295891e-4, 8.3321608736e-3), -1.6666654611e-1), x);
    let even = fma(z, fma(z, 2.443315711809948e-5, -1.388731625493765e-3), 4.166664568298827e-2);
    let cosine = fma(z * z, even, fma(z, -0.5, 1.0));
    switch (quadrant & 3u) {
        case 0u: { return vec2<f32>(cosine, sine); }
        case 1u: { return vec2<f32>(-sine, cosine); }
        case 2u: { return vec2<f32>(-cosine, -sine); }
        default: { return vec2<f32>(sine, -cosine); }
    }
}

// Rounds to half precision, ties to even.
fn half_bits(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    let sign = bits >> 16u & 0x8000u;
    let size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) { return sign | 0x7e00u; }
    if (size >= 0x477ff000u) { return sign | 0x7c00u; }
    if (size >= 0x38800000u) { return sign | (size + 0xfffu + (size >> 13u & 1u) - 0x38000000u) >> 13u; }
    let exponent = size >> 23u;
    if (exponent < 102u) { return sign; }
    let mantissa = (size & 0x7fffffu) | 0x800000u;
    let shift = 126u - exponent;
    let half = mantissa >> shift;
    let rest = mantissa & ((1u << shift) - 1u);
    let tie = 1u << (shift - 1u);
    return sign | (half + select(0u, 1u, rest > tie || (rest == tie && (half & 1u) == 1u)));
}

// Rounds to bfloat16, ties to even.
fn bfloat_bits(value: f32) -> u32 {
    let bits = bitcast<u32>(value);
    if (is_nan(value)) { return bits >> 16u | 0x40u; }
    return (bits + 0x7fffu + (bits >> 16u & 1u)) >> 16u;
}

// Returns element `i` modulo 2 of a word of two half-precision floats or bfloat16.
fn float_of_pair(element: u32, word: u32, i: u32) -> f32 {
    if (element == F16) {
        let pair = unpack2x16float(word);
        return select(pair.x, pair.y, (i & 1u) == 1u);
    }
    return bitcast<f32>(word >> (16u * (i & 1u)) << 16u);
}
