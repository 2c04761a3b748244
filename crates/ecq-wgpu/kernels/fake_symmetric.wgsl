// Symmetric levels. A channel is the bits of its limit, of its multiplier and of the reciprocal of the
// multiplier, and the mantissa of the multiplier.

@group(0) @binding(3) var<storage, read> fake_channels: array<vec4<u32>>;

// Quantizes the bits of a float.
//
// - Magnitudes are compared as integers, and the sign is a bit, so that a driver may flush subnormals: they
//   become zero anyway.
// - Products are the only float operations before rounding, and they are rounded correctly; there is no sum
//   that a driver could fuse them with. Twice a product is exact.
// - The quotient n / m is that of a product with the reciprocal of m, corrected by one unit in the last
//   place. With the mantissas a of the product and b of m, n is a b 2^-k with k of 32 or more, but for an
//   error: n is below 2^15, a b at least 2^46. So the low word of a b is the remainder. It is at most
//   2^24 + 2^23 in magnitude: reciprocal and product are each rounded once, which leaves an error of less
//   than 1.5 units in the last place. The quotient is never halfway between two floats: twice such a place
//   has 25 bits, and times an odd number is no number of 15 bits and zeros. Below a power of two units are
//   half as large.
fn fake_value(bits: u32, channel: u32) -> u32 {
    let c = fake_channels[channel];
    let size = bits & 0x7fffffffu;
    let sign = bits & 0x80000000u;
    if (size > 0x7f800000u) { return bits; }
    if (ONE_BIT == 1u) {
        // Both zeros are positive.
        return c.x | select(0u, sign, size != 0u);
    }
    let p = bitcast<f32>(min(size, c.x)) * bitcast<f32>(c.y);
    var n = 0u;
    if (EVEN == 1u) {
        n = u32(round(p));
    } else {
        // The integer part of twice the product and one, halved.
        n = (u32(2.0 * p) + 1u) >> 1u;
    }
    if (n == 0u) { return sign; }
    let q = bitcast<u32>(f32(n) * bitcast<f32>(c.z));
    let a = (q & 0x7fffffu) | 0x800000u;
    let twice = bitcast<i32>(a * c.w) * 2;
    let unit = bitcast<i32>(c.w);
    let above = select(unit, unit >> 1u, a == 0x800000u);
    let corrected = q + select(0u, 1u, twice < -unit) - select(0u, 1u, twice > above);
    return sign | corrected;
}
