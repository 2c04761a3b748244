//! The straight-through gradient.

use ecq_kernels::fake_quant::{Bits, FakeQuantError, FakeQuantizer, Levels, Rounding, Symmetric};

#[test]
fn gradients_pass_inside_of_the_range() {
    let bits = Bits::new(3).unwrap();
    let x = [-3.0, -2.0, -0.5, 0.0, 1.9, 2.0, 2.1, f32::NAN, f32::INFINITY];
    let outer = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
    let symmetric = Symmetric::new(bits, 2.0, Rounding::HalfAway).unwrap();
    let found = FakeQuantizer::from(symmetric).straight_through(&x, &outer).unwrap();
    assert_eq!(found.values, [0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 0.0, 0.0, 0.0]);
    // largest = 3, p = 1.5 x: n - p is -1 + 0.75 at -0.5, 3 - 2.85 at 1.9, 0 at -2, 0 and 2.
    let expected = -1.0 + 4.0 * (-0.25 / 3.0) + 16.0 * (0.15 / 3.0) + 64.0 + 256.0;
    assert!((found.limits[0] - expected).abs() < 1e-5, "{:?}, {expected}", found.limits);
    let levels = Levels::range(bits, -0.5, 2.0, Rounding::HalfAway).unwrap();
    let found = FakeQuantizer::from(levels).straight_through(&x, &outer).unwrap();
    assert_eq!((found.values[1], found.values[2], found.limits.len()), (0.0, 4.0, 0));
}

/// Of clipped values and of one bit the gradient of the limit is a true derivative.
#[test]
fn gradients_of_limits_are_derivatives_where_there_are_any() {
    let x = [-5.0, 0.25, 7.0, -0.125];
    for (bits, places) in [(1, vec![0, 1, 2, 3]), (5, vec![0, 2])] {
        let of = |limit| Symmetric::new(Bits::new(bits).unwrap(), limit, Rounding::HalfEven).unwrap();
        for place in places {
            let mut outer = [0.0; 4];
            outer[place] = 1.0;
            let found = FakeQuantizer::from(of(1.5)).straight_through(&x, &outer).unwrap();
            let difference = of(1.75).quantize(x[place]) - of(1.5).quantize(x[place]);
            assert!((found.limits[0] - f64::from(difference) / 0.25).abs() < 1e-5, "{bits} bits, {place}");
        }
    }
}

#[test]
fn channels_have_limits_of_their_own() {
    let bits = Bits::new(4).unwrap();
    let quantizer = FakeQuantizer::with_limits(bits, &[1.0, 2.0], 2, Rounding::HalfAway).unwrap();
    let x = [3.0, -3.0, 3.0, 3.0, -3.0, -3.0, -3.0, 1.0];
    let found = quantizer.straight_through(&x, &[1.0; 8]).unwrap();
    let inside = 4.0 / 7.0 - 0.5;
    assert!((found.limits[0] + 2.0).abs() < 1e-6 && (found.limits[1] - 1.0 - inside).abs() < 1e-6);
    let refused = quantizer.straight_through(&x, &[1.0]);
    assert!(matches!(refused, Err(FakeQuantError::Length { found: 1, .. })));
}
