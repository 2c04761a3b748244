//! Symmetric levels, of every number of bits and both roundings.

use ecq_fixtures::floats::fake_quant_values;
use ecq_kernels::fake_quant::{Bits, FakeQuantError, FakeQuantizer, Rounding, Symmetric};
use rayon::prelude::*;

/// Returns the definition, computed in f64, where every step but the last one of each line is exact, and
/// rounded to f32 where the definition is. Quotients of all integers are computed once.
fn oracle(bits: Bits, limit: f32, rounding: Rounding) -> impl Fn(f32) -> f32 {
    let multiplier = f64::from((f64::from(bits.largest()) / f64::from(limit)) as f32);
    // A quotient of floats that is rounded to f64 first is rounded correctly (Figueroa, 1995).
    let quotients: Vec<f32> = (0..=bits.largest()).map(|n| (f64::from(n) / multiplier) as f32).collect();
    move |x: f32| {
        if x.is_nan() {
            return x;
        }
        if bits.get() == 1 {
            return if x < 0.0 { -limit } else { limit };
        }
        let clipped = f64::from(x.abs()).min(f64::from(limit));
        let p = f64::from((clipped * multiplier) as f32);
        // Below 2^15.
        let below = p as u32;
        let rest = p - f64::from(below);
        let up = rest > 0.5 || rest == 0.5 && (rounding == Rounding::HalfAway || below & 1 == 1);
        let y = quotients[(below + u32::from(up)) as usize];
        if x.is_sign_negative() { -y } else { y }
    }
}

fn assert_bits(x: &[f32], found: &[f32], what: &str, expected: impl Fn(f32) -> f32 + Sync) {
    let wrong = x.par_iter().zip(found).find_any(|(x, y)| expected(**x).to_bits() != y.to_bits());
    if let Some((x, y)) = wrong {
        panic!("{what}: {x:e} ({:#x}) becomes {y:e}, expected {:e}", x.to_bits(), expected(*x));
    }
}

#[test]
fn ten_million_values_have_the_bits_of_the_oracle() {
    // Emulated processors (`cargo run -p xtask -- arm`) get fewer.
    let count = if std::env::var_os("ECQ_EMULATED").is_some() { 100_000 } else { 10_000_000 };
    let x = fake_quant_values(count, 1);
    let mut y = vec![0.0; x.len()];
    for bits in Bits::all() {
        for rounding in Rounding::ALL {
            let quantizer = FakeQuantizer::from(Symmetric::unit(bits, rounding));
            quantizer.quantize(&x, &mut y).unwrap();
            let what = format!("{bits} bits, {}", rounding.name());
            assert_bits(&x, &y, &what, oracle(bits, 1.0, rounding));
        }
    }
    println!("{} values, 16 numbers of bits, 2 roundings", x.len());
}

#[test]
fn other_limits_have_the_bits_of_the_oracle() {
    let unit = fake_quant_values(40_000, 2);
    for limit in [1e-30, 3.7e-9, 0.1, 0.999_999_94, 1.000_000_1, 4.0 / 3.0, 1234.567, 1e30] {
        let x: Vec<f32> = unit.iter().map(|x| x * limit).chain(unit.iter().copied()).collect();
        for bits in Bits::all() {
            for rounding in Rounding::ALL {
                let quantizer = Symmetric::new(bits, limit, rounding).unwrap();
                let mut y = x.clone();
                FakeQuantizer::from(quantizer).quantize_in_place(&mut y);
                let what = format!("{bits} bits, limit {limit:e}, {}", rounding.name());
                assert_bits(&x, &y, &what, oracle(bits, limit, rounding));
                let one = |x: &f32| quantizer.quantize(*x).to_bits();
                assert!(x.iter().zip(&y).all(|(x, y)| one(x) == y.to_bits()), "{what}");
            }
        }
    }
}

/// What GPUs compute in place of a division has the bits of the division, for every integer there is: one
/// step of correction of a product with the reciprocal, in integers (`fake_quant.wgsl`).
#[test]
fn a_corrected_product_with_the_reciprocal_is_the_quotient() {
    let quotient = |n: u32, multiplier: f32| {
        let bits = (n as f32 * (1.0 / multiplier)).to_bits();
        let of = |x: u32| (x & 0x7f_ffff) | 0x80_0000;
        let scale = of(multiplier.to_bits());
        let twice = (of(bits).wrapping_mul(scale) as i32) * 2;
        let above = if bits & 0x7f_ffff == 0 { scale / 2 } else { scale };
        bits + u32::from(twice < -(scale as i32)) - u32::from(twice > above as i32)
    };
    let limits = [1.0, 1e-30, 1e30, 0.1, 0.7, 0.999_999_94, 1.000_000_1, 4.0 / 3.0, 1.999_999_9, 1234.567];
    let mut corrected = 0;
    for limit in limits {
        for bits in Bits::all().skip(1) {
            let multiplier = Symmetric::new(bits, limit, Rounding::HalfAway).unwrap().multiplier();
            for n in 1..=bits.largest() {
                let expected = (n as f32 / multiplier).to_bits();
                assert_eq!(quotient(n, multiplier), expected, "{n} / {multiplier:e}");
                corrected += usize::from((n as f32 * (1.0 / multiplier)).to_bits() != expected);
            }
        }
    }
    assert!(corrected > 10_000, "the correction is needed: {corrected}");
}

#[test]
fn examples_of_the_documentation() {
    let quantize = |bits, x: f32| Symmetric::unit(Bits::new(bits).unwrap(), Rounding::HalfAway).quantize(x);
    assert_eq!([-2.0, -0.5, 0.5, 2.0].map(|x| quantize(4, x)), [-1.0, -4.0 / 7.0, 4.0 / 7.0, 1.0]);
    assert_eq!([-0.6, -0.5, -0.4, 0.4, 0.5].map(|x| quantize(2, x)), [-1.0, -1.0, 0.0, 0.0, 1.0]);
    assert_eq!([-0.3, -0.0, 0.0, f32::INFINITY].map(|x| quantize(1, x)), [-1.0, 1.0, 1.0, 1.0]);
    assert_eq!(quantize(8, -0.0).to_bits(), (-0.0f32).to_bits());
    assert_eq!(quantize(8, -0.001).to_bits(), (-0.0f32).to_bits());
    assert_eq!(quantize(16, f32::from_bits(0xffa0_0001)).to_bits(), 0xffa0_0001);
    let even = Symmetric::unit(Bits::new(2).unwrap(), Rounding::HalfEven);
    assert_eq!([0.5, 0.500_000_06].map(|x| even.quantize(x)), [0.0, 1.0]);
}

#[test]
fn wrong_parameters_are_refused() {
    for bits in [0, 17, 1 << 40] {
        assert_eq!(Bits::new(bits), Err(FakeQuantError::Bits(bits)));
    }
    let bits = Bits::new(4).unwrap();
    for limit in [0.0, -1.0, 1e-31, 2e30, f32::INFINITY] {
        assert_eq!(Symmetric::new(bits, limit, Rounding::HalfAway), Err(FakeQuantError::Limit(limit)));
    }
    assert!(Symmetric::new(bits, f32::NAN, Rounding::HalfAway).is_err());
    let error = "nearest".parse::<Rounding>().unwrap_err();
    assert_eq!(error.to_string(), "rounding is \"nearest\", expected half-away or half-even");
}
