//! Fake quantization on a GPU, against the CPU, bit for bit.

use ecq_fixtures::floats::fake_quant_values;
use ecq_kernels::fake_quant::{
    Bits, FakeQuantError, FakeQuantizer, LevelChoice, RangeChoice, Rounding, Symmetric,
};
use ecq_kernels::gpu::FakeQuantForm;

/// Quantizes an array on the device.
pub type Quantize<'a> = &'a dyn Fn(&FakeQuantizer, FakeQuantForm, &[f32]) -> Vec<f32>;

const FORMS: [FakeQuantForm; 2] = [FakeQuantForm::Vector, FakeQuantForm::Block];

/// Compares both kernels with the CPU on so many values: every number of bits and both roundings, every
/// integer with limits of all kinds, channels, ranges and quantiles, short arrays. Prints the number of cases
/// as the conformance suite does.
///
/// # Panics
/// If a result differs.
pub fn check(name: &str, values: usize, quantize: Quantize) {
    let cases =
        || Ok::<_, FakeQuantError>(symmetric(values, quantize) + quotients(quantize)? + arrays(quantize)?);
    match cases() {
        Ok(cases) => println!("ran {name} of {values} values: {cases} cases"),
        Err(error) => panic!("{name}: {error}"),
    }
}

fn compare(quantizer: &FakeQuantizer, form: FakeQuantForm, x: &[f32], what: &str, quantize: Quantize) {
    let found = quantize(quantizer, form, x);
    let mut expected = x.to_vec();
    quantizer.quantize_in_place(&mut expected);
    assert_eq!(found.len(), x.len(), "{what}");
    if let Some(i) = (0..x.len()).find(|&i| found[i].to_bits() != expected[i].to_bits()) {
        panic!("{what}: {:e} becomes {:e}, on the CPU {:e}", x[i], found[i], expected[i]);
    }
}

fn symmetric(values: usize, quantize: Quantize) -> usize {
    let x = fake_quant_values(values, 1);
    let mut cases = 0;
    for bits in Bits::all() {
        for rounding in Rounding::ALL {
            let quantizer = FakeQuantizer::from(Symmetric::unit(bits, rounding));
            let form = FORMS[cases / 2 % 2];
            compare(&quantizer, form, &x, &format!("{bits} bits, {}", rounding.name()), quantize);
            cases += 1;
        }
    }
    cases
}

/// Every level, with limits whose multipliers have mantissas of all kinds.
fn quotients(quantize: Quantize) -> Result<usize, FakeQuantError> {
    let mut cases = 0;
    for limit in [1.0, 1e-30, 0.7, 0.999_999_94, 1.000_000_1, 4.0 / 3.0, 1e30] {
        for bits in [2, 5, 8, 15, 16] {
            let bits = Bits::new(bits)?;
            let quantizer = Symmetric::new(bits, limit, Rounding::HalfEven)?;
            let x: Vec<f32> = (0..=bits.largest()).map(|n| n as f32 / quantizer.multiplier()).collect();
            let what = format!("{bits} bits, limit {limit:e}");
            compare(&quantizer.into(), FakeQuantForm::Auto, &x, &what, quantize);
            cases += 1;
        }
    }
    Ok(cases)
}

fn arrays(quantize: Quantize) -> Result<usize, FakeQuantError> {
    let mut cases = 0;
    let shape = [7, 31, 211];
    let x = fake_quant_values(shape.iter().product(), 2);
    let choices = [
        LevelChoice::Uniform(RangeChoice::LargestMagnitude),
        LevelChoice::Uniform(RangeChoice::Between(-0.25, 0.75)),
        LevelChoice::Uniform(RangeChoice::LeastToLargest),
        LevelChoice::Quantile,
    ];
    let kinds = [(1, Rounding::HalfAway), (4, Rounding::HalfEven), (7, Rounding::HalfAway)];
    for choice in choices {
        for axis in [None, Some(0), Some(1), Some(2)] {
            for (bits, rounding) in kinds {
                let bits = Bits::new(bits)?;
                let quantizer = FakeQuantizer::fitted(&x, &shape, axis, bits, choice, rounding)?;
                let what = format!("{choice:?}, axis {axis:?}, {bits} bits");
                for form in FORMS {
                    compare(&quantizer, form, &x, &what, quantize);
                    cases += 1;
                }
            }
        }
    }
    let quantizer = FakeQuantizer::from(Symmetric::unit(Bits::new(4)?, Rounding::HalfAway));
    for len in [0, 1, 5, 1023, 4097] {
        compare(&quantizer, FakeQuantForm::Auto, &x[..len], &format!("{len} values"), quantize);
        cases += 1;
    }
    Ok(cases)
}
