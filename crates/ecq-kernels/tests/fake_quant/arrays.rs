//! Arrays: channels, sizes, both ways to write.

use ecq_fixtures::floats::fake_quant_values;
use ecq_kernels::fake_quant::{
    Bits, FakeQuantError, FakeQuantizer, LevelChoice, RangeChoice, Rounding, Scheme, Symmetric,
};

const CHOICES: [LevelChoice; 3] = [
    LevelChoice::Uniform(RangeChoice::LargestMagnitude),
    LevelChoice::Uniform(RangeChoice::LeastToLargest),
    LevelChoice::Quantile,
];

fn bits() -> Bits {
    Bits::new(3).unwrap()
}

/// Each channel has the values of an array of its own.
#[test]
fn channels_are_arrays_of_their_own() {
    let shape = [3, 5, 7];
    let x: Vec<f32> = fake_quant_values(105, 4);
    for choice in CHOICES {
        for (axis, &channels) in shape.iter().enumerate() {
            let rounding = Rounding::HalfEven;
            let quantizer = FakeQuantizer::fitted(&x, &shape, Some(axis), bits(), choice, rounding).unwrap();
            assert_eq!(quantizer.channels(), channels);
            let mut y = vec![0.0; x.len()];
            quantizer.quantize(&x, &mut y).unwrap();
            for channel in 0..channels {
                let run: usize = shape[axis + 1..].iter().product();
                let places: Vec<usize> = (0..105).filter(|i| i / run % channels == channel).collect();
                let mut own: Vec<f32> = places.iter().map(|&i| x[i]).collect();
                let whole = [own.len()];
                let alone = FakeQuantizer::fitted(&own, &whole, None, bits(), choice, rounding).unwrap();
                alone.quantize_in_place(&mut own);
                assert!(
                    places.iter().zip(&own).all(|(&i, own)| y[i].to_bits() == own.to_bits()),
                    "{choice:?}, axis {axis}, channel {channel}"
                );
            }
        }
    }
}

/// Threads and stores past the caches change nothing, whatever the length and the alignment.
#[test]
fn sizes_and_places_change_nothing() {
    let x = fake_quant_values((1 << 21) + 37, 5);
    let limits: Vec<f32> = (1..=33).map(|i| i as f32 / 16.0).collect();
    let one = FakeQuantizer::from(Symmetric::unit(bits(), Rounding::HalfAway));
    let channels = FakeQuantizer::with_limits(bits(), &limits, 1000, Rounding::HalfAway).unwrap();
    for quantizer in [one, channels] {
        let Scheme::Symmetric(all) = quantizer.scheme() else { panic!("symmetric") };
        let expected: Vec<u32> =
            x.iter().enumerate().map(|(i, x)| all[i / 1000 % all.len()].quantize(*x).to_bits()).collect();
        for len in [0, 1, 3, 4, 1023, 1025, (1 << 18) + 1, 1 << 20, x.len() - 3] {
            let mut room = vec![7.0f32; len + 3];
            for at in 0..3 {
                quantizer.quantize(&x[..len], &mut room[at..at + len]).unwrap();
                let same = room[at..at + len].iter().zip(&expected).all(|(y, bits)| y.to_bits() == *bits);
                assert!(same, "{len} values at {at}");
            }
            assert_eq!(room[len + 2], 7.0);
            let mut own = x[..len].to_vec();
            quantizer.quantize_in_place(&mut own);
            assert!(own.iter().zip(&expected).all(|(y, bits)| y.to_bits() == *bits), "{len} values in place");
        }
    }
}

#[test]
fn ranges_are_as_chosen() {
    let x = [-1.0, 0.5, f32::INFINITY, f32::NAN, 3.0];
    let fitted = |choice| FakeQuantizer::fitted(&x, &[5], None, bits(), choice, Rounding::HalfAway);
    let uniform = |range| fitted(LevelChoice::Uniform(range)).unwrap();
    let symmetric = |limit| FakeQuantizer::from(Symmetric::new(bits(), limit, Rounding::HalfAway).unwrap());
    assert_eq!(uniform(RangeChoice::LargestMagnitude).scheme(), symmetric(3.0).scheme());
    assert_eq!(uniform(RangeChoice::Limit(2.0)), symmetric(2.0));
    assert_eq!(uniform(RangeChoice::Between(-2.0, 2.0)), symmetric(2.0));
    let Scheme::Levels(levels) = uniform(RangeChoice::LeastToLargest).scheme().clone() else { panic!() };
    assert_eq!((levels[0].levels()[0], levels[0].levels()[7]), (-1.0, 3.0));
    // Zeros, equal values, no finite values.
    for (x, expected) in [([0.0, -0.0], 0.0f32), ([2.5, 2.5], 2.5), ([f32::INFINITY, f32::NAN], 0.0)] {
        for choice in CHOICES {
            let quantizer =
                FakeQuantizer::fitted(&x, &[2], None, bits(), choice, Rounding::HalfAway).unwrap();
            let mut y = x;
            quantizer.quantize_in_place(&mut y);
            assert!(y[0] == expected || x[0].is_infinite(), "{choice:?}: {x:?} becomes {y:?}");
        }
    }
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let choice = LevelChoice::Quantile;
    let fitted = |shape: &[usize], axis| {
        FakeQuantizer::fitted(&[0.0; 6], shape, axis, bits(), choice, Rounding::HalfAway)
    };
    assert!(matches!(fitted(&[2, 2], None), Err(FakeQuantError::Length { found: 6, .. })));
    assert!(matches!(fitted(&[usize::MAX, 4], None), Err(FakeQuantError::Length { .. })));
    assert!(matches!(fitted(&[2, 3], Some(2)), Err(FakeQuantError::Axis { axis: 2, axes: 2 })));
    let quantizer = fitted(&[2, 3], Some(0)).unwrap();
    let error = quantizer.quantize(&[0.0; 6], &mut [0.0; 5]).unwrap_err();
    assert_eq!(error.to_string(), "an array has 5 values, expected 6, as the array that is quantized");
    assert!(FakeQuantizer::with_limits(bits(), &[], 1, Rounding::HalfAway).is_err());
    assert!(FakeQuantizer::with_limits(bits(), &[1.0], 0, Rounding::HalfAway).is_err());
    assert!(FakeQuantizer::with_limits(bits(), &[1.0, 0.0], 1, Rounding::HalfAway).is_err());
    // No values, with and without channels.
    for (shape, axis) in [([0, 3], None), ([0, 3], Some(1)), ([3, 0], Some(0)), ([3, 0], Some(1))] {
        let empty = FakeQuantizer::fitted(&[], &shape, axis, bits(), choice, Rounding::HalfAway).unwrap();
        empty.quantize(&[], &mut []).unwrap();
    }
}
