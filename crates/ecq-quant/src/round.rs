//! Rounding to the nearest integer, ties to even, in a form that every compiler target vectorises.

/// Adding and subtracting it leaves an integer: 1.5 * 2^23.
const MAGIC: f32 = 12_582_912.0;
/// Magnitudes below this are rounded by [`MAGIC`].
pub(crate) const EXACT: f32 = 4_194_304.0;

/// `x` rounded to the nearest integer, ties to even, clamped to ±2^22.
#[inline(always)]
pub(crate) fn nearest(x: f32) -> i32 {
    let x = x.clamp(-EXACT, EXACT);
    (x + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_as_ieee_does() {
        let mut x = -70000.0f32;
        while x < 70000.0 {
            assert_eq!(nearest(x), x.round_ties_even() as i32, "{x}");
            x += 0.125;
        }
        for x in [0.49999997f32, -0.49999997, 4194303.5, -4194303.5, 4194302.5, EXACT, -EXACT] {
            assert_eq!(nearest(x), x.round_ties_even() as i32, "{x}");
        }
        assert_eq!((nearest(f32::MAX), nearest(f32::MIN)), (1 << 22, -(1 << 22)));
    }
}
