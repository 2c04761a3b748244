//! Rounding to the nearest integer, ties to even, in a form that compilers vectorise for every target.

/// 1.5 * 2^23: adding and subtracting it rounds to an integer.
const MAGIC: f32 = 12_582_912.0;
/// 2^22: magnitudes below this are rounded exactly by [`MAGIC`].
pub(crate) const EXACT_LIMIT: f32 = 4_194_304.0;

/// Rounds `x` to the nearest integer, ties to even, clamped to ±2^22.
#[inline(always)]
pub(crate) fn nearest(x: f32) -> i32 {
    let x = x.clamp(-EXACT_LIMIT, EXACT_LIMIT);
    (x + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_matches_ieee_ties_to_even() {
        let mut x = -70000.0f32;
        while x < 70000.0 {
            assert_eq!(nearest(x), x.round_ties_even() as i32, "{x}");
            x += 0.125;
        }
        for x in [0.49999997f32, -0.49999997, 4194303.5, -4194303.5, 4194302.5, EXACT_LIMIT, -EXACT_LIMIT] {
            assert_eq!(nearest(x), x.round_ties_even() as i32, "{x}");
        }
        assert_eq!((nearest(f32::MAX), nearest(f32::MIN)), (1 << 22, -(1 << 22)));
    }
}
