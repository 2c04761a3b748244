//! The tuple coding: round trips on its grids, what it refuses, and damaged parts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

use bytes::Bytes;
use ecq_codec::encode::{CodingChoice, EncodeOptions, encode};
use ecq_codec::{CodecError, TupleLayout, decode_codes, decode_grid};
use ecq_core::{
    AffineGroups, Biases, Codes, Coding, EncodedTensor, FloatType, FloatVec, Grid, Outlier, TensorKind,
    TensorPart, TrellisRows, UniformRows,
};

fn codes(rows: usize, cols: usize, alphabet: u16) -> Codes {
    let mut x = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x >> 20
    };
    let mut one = || ((0..4).map(|_| next() % u64::from(alphabet)).sum::<u64>() / 4) as u8;
    Codes::new(rows, cols, alphabet, (0..rows * cols).map(|_| one()).collect()).unwrap()
}

fn uniform(rows: usize, zero: u8, delta: i32) -> UniformRows {
    let steps = (0..rows).map(|row| 0.01 + 0.001 * row as f32).collect::<Vec<_>>();
    UniformRows {
        zero,
        steps: FloatVec::from_f32(FloatType::F16, &steps),
        col_scales: None,
        levels: None,
        outliers: [3, 100].map(|index| Outlier { index, delta }).to_vec(),
    }
}

fn trellis(rows: usize, zero: u8, lag: u16, restart: u32) -> Grid {
    Grid::TrellisRows(TrellisRows { uniform: uniform(rows, zero, 40), lag, restart })
}

fn options() -> EncodeOptions {
    EncodeOptions { coding: CodingChoice::Only(Coding::Tuples), ..EncodeOptions::default() }
}

fn encoded(codes: &Codes, grid: &Grid) -> EncodedTensor {
    let (tensor, plan) = encode(TensorKind::Linear, codes, grid, &options()).unwrap();
    assert_eq!(plan.coding, Coding::Tuples, "{}", plan.reason);
    tensor
}

#[test]
fn codes_and_grids_round_trip() {
    for (rows, cols, alphabet) in [(64, 288, 10), (47, 600, 11), (95, 1000, 12), (100, 576, 10), (64, 500, 9)]
    {
        let codes = codes(rows, cols, alphabet);
        let zero = (alphabet / 2) as u8;
        for grid in [
            Grid::UniformRows(uniform(rows, zero, 500)),
            trellis(rows, zero, 12, 288),
            trellis(rows, zero, 8, 64),
        ] {
            let tensor = encoded(&codes, &grid);
            assert_eq!(decode_codes(&tensor).unwrap(), codes);
            assert_eq!(decode_grid(&tensor).unwrap(), grid);
        }
    }
}

#[test]
fn longer_tuples_go_with_lower_entropies() {
    for (alphabet, tuple) in [(3u16, 4), (10, 3), (40, 2)] {
        let codes = codes(128, 1024, alphabet);
        let tensor = encoded(&codes, &Grid::UniformRows(uniform(128, (alphabet / 2) as u8, 9)));
        assert_eq!(TupleLayout::of(&tensor).unwrap().code.tuple(), tuple, "alphabet {alphabet}");
    }
}

#[test]
fn codes_that_fill_their_width_stay_packed() {
    let flat = Codes::new(32, 300, 256, (0..32 * 300u32).map(|i| (i * 97 % 256) as u8).collect()).unwrap();
    let grid = Grid::UniformRows(uniform(32, 128, 500));
    let (tensor, plan) = encode(TensorKind::Linear, &flat, &grid, &options()).unwrap();
    assert_eq!(plan.coding, Coding::Packed, "{}", plan.reason);
    assert_eq!(decode_codes(&tensor).unwrap(), flat);
}

#[test]
fn other_grids_are_coded_with_rans_and_other_lags_and_restarts_are_refused() {
    let codes = codes(16, 96, 8);
    let groups = Grid::AffineGroups(AffineGroups {
        bits: 3,
        group_size: 32,
        scales: FloatVec::from_f32(FloatType::F16, &[0.5; 48]),
        biases: Biases::Zero(4),
    });
    let failed = |grid: &Grid| encode(TensorKind::Linear, &codes, grid, &options()).unwrap_err();
    let (_, plan) = encode(TensorKind::Linear, &codes, &groups, &options()).unwrap();
    assert!(plan.coding == Coding::Rans && plan.reason.contains("tuples do not support"), "{}", plan.reason);
    for (lag, restart) in [(4, 48), (20, 120), (12, 12), (12, 1200)] {
        let error = failed(&trellis(16, 4, lag, restart));
        assert!(
            matches!(error, CodecError::Option { option: "coding tuples", .. }),
            "{lag} {restart}: {error}"
        );
    }
}

#[test]
fn damaged_parts_are_errors_or_codes() {
    let codes = codes(32, 150, 10);
    let tensor = encoded(&codes, &trellis(32, 5, 12, 72));
    let (entry, parts) = tensor.into_parts();
    let (mut errors, mut decoded) = (0, 0);
    for part in [TensorPart::Table, TensorPart::Index, TensorPart::Stream] {
        let bytes = &parts[&part];
        for len in 0..bytes.len() {
            let mut damaged = parts.clone();
            damaged.insert(part, Bytes::copy_from_slice(&bytes[..len]));
            let tensor = EncodedTensor::new(entry.clone(), damaged).unwrap();
            assert!(decode_codes(&tensor).is_err(), "{} of {len} bytes", part.name());
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mut damaged = parts.clone();
            damaged.insert(part, flipped.into());
            match decode_codes(&EncodedTensor::new(entry.clone(), damaged).unwrap()) {
                Ok(_) => decoded += 1,
                Err(_) => errors += 1,
            }
        }
    }
    assert!(errors > 100 && decoded > 100, "{errors} errors, {decoded} decoded");
}
