//! Fake quantization on an adapter has the bits of the CPU; prints SKIPPED without an adapter.

#![allow(clippy::unwrap_used, reason = "a test")]

use ecq_fixtures::floats::fake_quant_values;
use ecq_kernels::fake_quant::{Bits, FakeQuantizer, LevelChoice, RangeChoice, Rounding, Symmetric};
use ecq_wgpu::{FakeQuantForm, Gpu, GpuFakeQuantizer};
use std::sync::Arc;

const FORMS: [FakeQuantForm; 2] = [FakeQuantForm::Vector, FakeQuantForm::Block];

/// Opens the adapter that `ECQ_WGPU` names, by default the first one.
fn open(more: &str) -> Option<Arc<Gpu>> {
    let options = format!("{},{more}", std::env::var("ECQ_WGPU").unwrap_or_default()).parse();
    match options.and_then(|options| Gpu::open(&options)) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            println!("SKIPPED: {error}");
            None
        }
    }
}

fn check(gpu: &Arc<Gpu>, quantizer: &FakeQuantizer, form: FakeQuantForm, x: &[f32], what: &str) {
    let found = GpuFakeQuantizer::compile(gpu, quantizer).unwrap().quantize(form, x).unwrap();
    let mut expected = x.to_vec();
    quantizer.quantize_in_place(&mut expected);
    assert_eq!(found.len(), x.len());
    if let Some(i) = (0..x.len()).find(|&i| found[i].to_bits() != expected[i].to_bits()) {
        panic!("{what}: {:e} becomes {:e}, on the CPU {:e}", x[i], found[i], expected[i]);
    }
}

/// Returns how many values a test has: all on GPUs, fewer on drivers that run on the CPU.
fn count(gpu: &Gpu, all: usize) -> usize {
    if gpu.report().is_software && std::env::var_os("ECQ_ALL_VALUES").is_none() { all / 10 } else { all }
}

#[test]
fn symmetric_levels_have_the_bits_of_the_cpu() {
    let Some(gpu) = open("") else { return };
    let x = fake_quant_values(count(&gpu, 10_000_000), 1);
    for bits in Bits::all() {
        for rounding in Rounding::ALL {
            let quantizer = FakeQuantizer::from(Symmetric::unit(bits, rounding));
            let form = FORMS[bits.get() as usize % 2];
            check(&gpu, &quantizer, form, &x, &format!("{bits} bits, {}", rounding.name()));
        }
    }
    println!("{} values, 16 numbers of bits, 2 roundings: {}", x.len(), gpu.report().name);
}

/// Every level of every number of bits, with limits whose multipliers have mantissas of all kinds.
#[test]
fn quotients_of_all_integers_are_rounded_correctly() {
    let Some(gpu) = open("") else { return };
    for limit in [1.0, 1e-30, 0.7, 0.999_999_94, 1.000_000_1, 4.0 / 3.0, 1e30] {
        for bits in [2, 5, 8, 15, 16].map(|bits| Bits::new(bits).unwrap()) {
            let quantizer = Symmetric::new(bits, limit, Rounding::HalfEven).unwrap();
            let x: Vec<f32> = (0..=bits.largest()).map(|n| n as f32 / quantizer.multiplier()).collect();
            check(&gpu, &quantizer.into(), FakeQuantForm::Auto, &x, &format!("{bits} bits, limit {limit:e}"));
        }
    }
}

#[test]
fn channels_and_levels_have_the_bits_of_the_cpu() {
    let Some(gpu) = open("") else { return };
    // Parts of an array that are larger than a buffer begin inside of a channel.
    let parts = open("parts-of=65536").unwrap();
    let shape = [7, 31, 211];
    let x = fake_quant_values(shape.iter().product(), 2);
    let choices = [
        LevelChoice::Uniform(RangeChoice::LargestMagnitude),
        LevelChoice::Uniform(RangeChoice::Between(-0.25, 0.75)),
        LevelChoice::Uniform(RangeChoice::LeastToLargest),
        LevelChoice::Quantile,
    ];
    for choice in choices {
        for axis in [None, Some(0), Some(1), Some(2)] {
            for (bits, rounding) in
                [(1, Rounding::HalfAway), (4, Rounding::HalfEven), (7, Rounding::HalfAway)]
            {
                let bits = Bits::new(bits).unwrap();
                let quantizer = FakeQuantizer::fitted(&x, &shape, axis, bits, choice, rounding).unwrap();
                let what = format!("{choice:?}, axis {axis:?}, {bits} bits");
                for (gpu, form) in [(&gpu, FORMS[0]), (&gpu, FORMS[1]), (&parts, FakeQuantForm::Auto)] {
                    check(gpu, &quantizer, form, &x, &what);
                }
            }
        }
    }
    let quantizer = FakeQuantizer::from(Symmetric::unit(Bits::new(4).unwrap(), Rounding::HalfAway));
    for len in [0, 1, 5, 1023, 4097] {
        check(&gpu, &quantizer, FakeQuantForm::Auto, &x[..len], &format!("{len} values"));
    }
}

#[test]
fn a_measurement_has_times() {
    let Some(gpu) = open("") else { return };
    let quantizer = FakeQuantizer::from(Symmetric::unit(Bits::new(4).unwrap(), Rounding::HalfAway));
    let compiled = GpuFakeQuantizer::compile(&gpu, &quantizer).unwrap();
    let times = compiled.measure(FakeQuantForm::Auto, 1000, 3).unwrap();
    assert!(times.len() == 3 && times.iter().flatten().all(|seconds| *seconds > 0.0), "{times:?}");
}
