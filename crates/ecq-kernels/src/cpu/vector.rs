//! Sums and exponentials over lanes, used by the kernels beside the products.

use ecq_coding::multiversion;

/// Lanes of a sum; the same on every instruction set, so that all add in the same order.
const LANES: usize = 16;

/// Half of the lanes. Loops go by index: in a function compiled for an instruction set, iterator adapters
/// that return pairs are not inlined.
#[derive(Clone, Copy)]
struct Half([f32; LANES / 2]);

impl Half {
    const LANES: usize = LANES / 2;

    #[inline(always)]
    fn load(from: &[f32], at: usize) -> Self {
        let mut lanes = [0.0; Self::LANES];
        lanes.copy_from_slice(&from[at..at + Self::LANES]);
        Self(lanes)
    }

    #[allow(clippy::needless_range_loop, reason = "iterator adapters that return pairs are not inlined")]
    #[inline(always)]
    fn with(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut lanes = [0.0; Self::LANES];
        for i in 0..Self::LANES {
            lanes[i] = f(self.0[i], other.0[i]);
        }
        Self(lanes)
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

/// Returns the sum of `f(a, b)` over pairs in a fixed order: lane by lane, then the upper half of the lanes
/// is added to the lower half until one lane is left.
#[inline(always)]
fn sum_of(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let n = a.len().min(b.len());
    let (mut low, mut high) = (Half([0.0; Half::LANES]), Half([0.0; Half::LANES]));
    let mut at = 0;
    while at + LANES <= n {
        low = low.plus(Half::load(a, at).with(Half::load(b, at), &f));
        high = high.plus(Half::load(a, at + Half::LANES).with(Half::load(b, at + Half::LANES), &f));
        at += LANES;
    }
    for i in at..n {
        let lane = i - at;
        if lane < Half::LANES {
            low.0[lane] += f(a[i], b[i]);
        } else {
            high.0[lane - Half::LANES] += f(a[i], b[i]);
        }
    }
    let s = low.plus(high).0;
    let s = [s[0] + s[4], s[1] + s[5], s[2] + s[6], s[3] + s[7]];
    (s[0] + s[2]) + (s[1] + s[3])
}

multiversion! {
    /// Returns the scalar product, summed in a fixed order.
    pub fn dot(a: &[f32], b: &[f32]) -> f32 {
        product(a, b)
    }
}

/// As [`largest`], for loops that are compiled for an instruction set already.
#[inline(always)]
fn most_of(x: &[f32]) -> f32 {
    // `f32::max` in one lane is a chain of instructions that wait for each other.
    let larger = |most: f32, x: f32| if x > most { x } else { most };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let mut at = 0;
    while at + LANES <= x.len() {
        for i in 0..LANES {
            lanes[i] = larger(lanes[i], x[at + i]);
        }
        at += LANES;
    }
    let mut most = f32::NEG_INFINITY;
    for &x in &x[at..] {
        most = larger(most, x);
    }
    for lane in lanes {
        most = larger(most, lane);
    }
    most
}

multiversion! {
    /// Returns the largest number, ignoring NaN; negative infinity if there is none.
    pub fn largest(x: &[f32]) -> f32 {
        most_of(x)
    }
}

multiversion! {
    /// Computes `x = softmax(x * scale)`.
    pub fn softmax(x: &mut [f32], scale: f32) {
        let most = most_of(x);
        x.iter_mut().for_each(|x| *x = exp((*x - most) * scale));
        let inverse = 1.0 / sum(x);
        x.iter_mut().for_each(|x| *x *= inverse);
    }
}

multiversion! {
    /// Returns the sums of `w` and of `w (x - y)` over pairs, for `w = e^(x - most)`, in f64 and in a fixed
    /// order.
    pub fn exponential_sums(x: &[f32], most: f32, y: &[f32]) -> [f64; 2] {
        const LANES: usize = 8;
        let n = x.len().min(y.len());
        let most = f64::from(most);
        let (mut sums, mut differences) = ([0f64; LANES], [0f64; LANES]);
        let mut at = 0;
        while at + LANES <= n {
            for i in 0..LANES {
                let (x, y) = (f64::from(x[at + i]), f64::from(y[at + i]));
                let weight = exp_f64(x - most);
                sums[i] += weight;
                differences[i] += weight * (x - y);
            }
            at += LANES;
        }
        for i in at..n {
            let (x, y) = (f64::from(x[i]), f64::from(y[i]));
            let weight = exp_f64(x - most);
            sums[i - at] += weight;
            differences[i - at] += weight * (x - y);
        }
        [sums.iter().sum(), differences.iter().sum()]
    }
}

/// Returns the scalar product, for loops that are compiled for an instruction set already.
#[inline(always)]
pub(super) fn product(a: &[f32], b: &[f32]) -> f32 {
    sum_of(a, b, |a, b| a * b)
}

/// Returns the sum of squares.
#[inline(always)]
pub(super) fn squares(a: &[f32]) -> f32 {
    sum_of(a, a, |a, _| a * a)
}

/// Returns the sum.
#[inline(always)]
pub(super) fn sum(a: &[f32]) -> f32 {
    sum_of(a, a, |a, _| a)
}

/// Returns `e^x` to about one unit in the last place; 0 below -87, `e^88` above 88. Without branches, so that
/// loops vectorize.
///
/// Range reduction by `ln 2` in two parts and the polynomial of Cephes' `expf`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number, which the lowest bits then hold.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let rounded = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (clamped - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + c;
    }
    // Conversions to integers saturate in Rust, which keeps loops from being vectorized.
    let two_to_n = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    let value = (p * r * r + r + 1.0) * two_to_n;
    if x < -87.0 { 0.0 } else { value }
}

/// Returns `e^x` to about one unit in the last place; about `1e-308` below -708, `e^709` above 709. Without
/// branches, so that loops vectorize.
///
/// Range reduction by `ln 2` in two parts, as in fdlibm, and the Taylor polynomial, whose rest is below 1e-17
/// for `|r| <= ln(2) / 2`.
#[inline(always)]
fn exp_f64(x: f64) -> f64 {
    // Adding and taking away 1.5 * 2^52 rounds to the nearest whole number, which the lowest bits then hold.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN_2: [f64; 2] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    let clamped = x.clamp(-708.0, 709.0);
    let rounded = clamped * std::f64::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (clamped - n * LN_2[0]) - n * LN_2[1];
    let mut p = 1.0 / 6_227_020_800.0;
    for factorial in [479_001_600.0, 39_916_800.0, 3_628_800.0, 362_880.0, 40_320.0, 5_040.0, 720.0, 120.0] {
        p = p * r + 1.0 / factorial;
    }
    for c in [1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p * r + c;
    }
    p * f64::from_bits((rounded.to_bits() << 52).wrapping_add(1023 << 52))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_in_f64_are_exact_to_an_ulp() {
        for i in -70_700..70_900 {
            let x = f64::from(i) / 100.0 + 1e-3;
            let (found, expected) = (exp_f64(x), x.exp());
            assert!((found / expected - 1.0).abs() < 5e-16, "{x}: {found} {expected}");
        }
        assert!(exp_f64(f64::NEG_INFINITY) < 1e-307 && exp_f64(f64::NAN).is_nan());
        for n in [0, 1, 7, 8, 29] {
            let x: Vec<f32> = (0..n).map(|i| ((i * 37) % 23) as f32 / 3.0 - 4.0).collect();
            let y: Vec<f32> = (0..n).map(|i| ((i * 11) % 17) as f32 / 2.0).collect();
            let found = exponential_sums(&x, 2.5, &y);
            let weights = x.iter().map(|&x| (f64::from(x) - 2.5).exp());
            let sum: f64 = weights.clone().sum();
            let pairs = x.iter().zip(&y).map(|(&x, &y)| f64::from(x) - f64::from(y));
            let difference: f64 = weights.zip(pairs).map(|(weight, pair)| weight * pair).sum();
            assert!((found[0] - sum).abs() <= 1e-14 * sum, "{n}: {found:?} {sum}");
            assert!(
                (found[1] - difference).abs() <= 1e-12 * sum.max(1.0),
                "{n}: {found:?} {sum} {difference}"
            );
        }
    }

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
    fn softmax_is_its_formula() {
        for n in [1, 7, 16, 45] {
            let x: Vec<f32> = (0..n).map(|i| ((i * 37) % 23) as f32 / 3.0 - 4.0).collect();
            let mut found = x.clone();
            softmax(&mut found, 0.7);
            let total: f64 = x.iter().map(|&x| (0.7 * f64::from(x)).exp()).sum();
            for (x, p) in x.iter().zip(found) {
                let expected = (0.7 * f64::from(*x)).exp() / total;
                assert!((f64::from(p) / expected - 1.0).abs() < 2e-6, "{n}: {p} {expected}");
            }
        }
    }

    #[test]
    fn the_largest_is_found_at_every_place() {
        assert_eq!(largest(&[]), f32::NEG_INFINITY);
        assert_eq!(largest(&[f32::NAN, f32::NEG_INFINITY]), f32::NEG_INFINITY);
        for n in 1..50 {
            for at in 0..n {
                let mut x: Vec<f32> =
                    (0..n).map(|i| if i % 5 == 3 { f32::NAN } else { -(i as f32) - 9.0 }).collect();
                x[at] = -3.0;
                assert_eq!(largest(&x), -3.0, "{n}, {at}");
            }
        }
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
