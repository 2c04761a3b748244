//! Ranges and quantiles, against the nearest level of a linear search.

use ecq_fixtures::floats::fake_quant_values;
use ecq_kernels::fake_quant::{Bits, FakeQuantError, FakeQuantizer, Levels, Rounding};

/// Searches the first level that is nearest; compares distances in f64.
fn oracle(x: f32, levels: &[f32], rounding: Rounding) -> f32 {
    if x.is_nan() {
        return x;
    }
    let mut best = 0;
    for k in 1..levels.len() {
        let [low, high] = [levels[k - 1], levels[k]].map(f64::from);
        let half = (low + high) / 2.0;
        let upper = match f64::from(x).partial_cmp(&half).unwrap() {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal if rounding == Rounding::HalfAway => high.abs() >= low.abs(),
            std::cmp::Ordering::Equal => k % 2 == 0,
        };
        if upper {
            best = k;
        }
    }
    levels[best]
}

fn check(levels: &Levels, rounding: Rounding, x: &[f32]) {
    let mut y = vec![0.0; x.len()];
    FakeQuantizer::from(levels.clone()).quantize(x, &mut y).unwrap();
    for (x, y) in x.iter().zip(&y) {
        let expected = oracle(*x, levels.levels(), rounding);
        assert_eq!(y.to_bits(), expected.to_bits(), "{x:e} becomes {y:e}, expected {expected:e}");
    }
}

#[test]
fn values_become_the_nearest_level() {
    let values = fake_quant_values(4000, 3);
    for rounding in Rounding::ALL {
        for (low, high) in [(0.0, 1.0), (-0.25, 1.5), (-1e30, -1e-30), (-3.0, 3.0), (5.0, 7.0)] {
            for bits in [1, 2, 3, 4, 7] {
                let levels = Levels::range(Bits::new(bits).unwrap(), low, high, rounding).unwrap();
                assert_eq!(levels.levels().len(), 1 << bits);
                assert_eq!((levels.levels()[0], levels.levels()[(1 << bits) - 1]), (low, high));
                let halves = levels.levels().windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
                let near = halves.flat_map(|x| [x.next_down(), x, x.next_up()]);
                check(&levels, rounding, &values.iter().copied().chain(near).collect::<Vec<_>>());
            }
        }
        for count in 1..=9 {
            let levels = (0..count).map(|k| (k * k) as f32 - 9.0).collect();
            let x: Vec<f32> = (-100..=600).map(|i| i as f32 * 0.125).collect();
            check(&Levels::new(levels, rounding).unwrap(), rounding, &x);
        }
        // Halfway between numbers of equal magnitude: both zeros are the same place.
        let two = Levels::new(vec![-1.0, 1.0], rounding).unwrap();
        let of_zero = if rounding == Rounding::HalfAway { 1.0 } else { -1.0 };
        assert_eq!([-0.0, 0.0].map(|x| two.quantize(x)), [of_zero; 2]);
    }
}

#[test]
fn quantiles_are_used_equally_often() {
    let x: Vec<f32> =
        (0..1 << 12).map(|i| (i as f32 / 4096.0).powi(3)).chain([f32::NAN, f32::INFINITY]).collect();
    for bits in [1, 3, 6] {
        let bits = Bits::new(bits).unwrap();
        let levels = Levels::quantiles(bits, x.iter().copied(), Rounding::HalfAway);
        assert_eq!(levels.levels().len(), 1 << bits.get());
        check(&levels, Rounding::HalfAway, &x);
    }
    // Hazen's positions: the first and the third quartile of five values.
    let five = [1.0, 2.0, 3.0, 4.0, 10.0];
    let levels = Levels::quantiles(Bits::new(1).unwrap(), five.into_iter(), Rounding::HalfAway);
    assert_eq!(levels.levels(), [1.75, 5.5]);
    // Fewer values than levels, equal values, none.
    let bits = Bits::new(4).unwrap();
    let of = |x: &[f32]| Levels::quantiles(bits, x.iter().copied(), Rounding::HalfEven).levels().to_vec();
    assert_eq!(of(&[2.0; 7]), [2.0]);
    assert_eq!(of(&[f32::NAN]), [0.0]);
    assert_eq!(of(&[-0.0, 0.0]), [0.0]);
    assert_eq!(*of(&[1.0, 2.0]).last().unwrap(), 2.0);
}

#[test]
fn wrong_levels_are_refused() {
    let new = |levels: &[f32]| Levels::new(levels.to_vec(), Rounding::HalfAway);
    for (levels, index) in [(&[][..], 0), (&[1.0, 1.0], 1), (&[0.0, f32::NAN], 1), (&[f32::NEG_INFINITY], 0)]
    {
        assert!(matches!(new(levels), Err(FakeQuantError::Levels { index: i, .. }) if i == index));
    }
    let many: Vec<f32> = (0..=1 << 16).map(|i| i as f32).collect();
    assert!(matches!(new(&many), Err(FakeQuantError::Levels { index: 65536, count: 65537, .. })));
    assert!(new(&many[1..]).is_ok());
    let bits = Bits::new(8).unwrap();
    for (low, high) in [(1.0, 1.0), (2.0, 1.0), (0.0, f32::INFINITY), (1.0, 1.000_001)] {
        let refused = Levels::range(bits, low, high, Rounding::HalfAway);
        assert_eq!(refused, Err(FakeQuantError::Range(low, high)));
    }
}
