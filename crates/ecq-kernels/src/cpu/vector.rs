//! Sums and exponentials over lanes, the pieces of the kernels beside the linear ones.

/// Lanes that a sum is dealt to; the same everywhere, so that every machine adds in the same order.
const LANES: usize = 16;

/// The sum of `f(a, b)` over pairs, in a fixed order.
#[inline(always)]
fn sum_of(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for i in 0..LANES {
            lanes[i] += f(a[i], b[i]);
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += f(a, b);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

super::per_isa::per_isa! {
    /// The scalar product, summed in a fixed order.
    pub fn dot(a: &[f32], b: &[f32]) -> f32 {
        product(a, b)
    }
}

/// The scalar product, for loops that are compiled for an instruction set already.
#[inline(always)]
pub(super) fn product(a: &[f32], b: &[f32]) -> f32 {
    sum_of(a, b, |a, b| a * b)
}

/// The sum of squares.
#[inline(always)]
pub(super) fn squares(a: &[f32]) -> f32 {
    sum_of(a, a, |a, _| a * a)
}

/// The sum.
#[inline(always)]
pub(super) fn sum(a: &[f32]) -> f32 {
    sum_of(a, a, |a, _| a)
}

/// `e^x` to about one unit in the last place, without branches, so that loops of it vectorise; 0 below -87, capped above 88.
///
/// Range reduction by `ln 2` in two parts and the polynomial of Cephes' `expf`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let n = (clamped * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = (clamped - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + c;
    }
    let two_to_n = f32::from_bits((((n as i32) + 127) as u32) << 23);
    let value = (p * r * r + r + 1.0) * two_to_n;
    if x < -87.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_the_exponential() {
        for i in -8700..8800 {
            let x = i as f32 / 100.0;
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((found / expected - 1.0).abs() < 2.5e-7, "{x}: {found} {expected}");
        }
        assert_eq!(exp(-1e30), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(1e30) > 1e38);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn sums_are_sums_at_every_length() {
        for n in 0..70 {
            let a: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let ones = vec![1.0; n];
            let expected = (n * n.saturating_sub(1) / 2) as f32;
            assert_eq!(sum(&a), expected);
            assert_eq!(dot(&a, &ones), expected);
            assert_eq!(squares(&a), a.iter().map(|x| x * x).sum::<f32>());
        }
    }
}
