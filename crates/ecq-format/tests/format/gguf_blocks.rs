//! Packing and unpacking of block types is lossless for every bit pattern.

use ecq_core::{AffineGroups, Biases, Codes, CoreError, FloatType, FloatVec};
use ecq_format::gguf::{GgmlType, GgufError, dequantize, pack_blocks, type_of_grid, unpack_blocks};
use proptest::prelude::*;

const TYPES: [GgmlType; 5] = [GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0, GgmlType::Q5_1, GgmlType::Q8_0];

/// Returns blocks with every f16 bit pattern as scale (and its complement as bias), and codes that cover all
/// bytes.
fn every_scale(ty: GgmlType) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(65536 * ty.block_bytes());
    for pattern in 0..=u16::MAX {
        bytes.extend(pattern.to_le_bytes());
        let start = bytes.len();
        bytes.extend(
            (0..ty.block_bytes() - 2).map(|i| (i as u8).wrapping_mul(37).wrapping_add(pattern as u8)),
        );
        if matches!(ty, GgmlType::Q4_1 | GgmlType::Q5_1) {
            bytes[start..start + 2].copy_from_slice(&(!pattern).to_le_bytes());
        }
    }
    bytes
}

#[test]
fn every_scale_is_restored() {
    for ty in TYPES {
        let bytes = every_scale(ty);
        let (codes, grid) = unpack_blocks(ty, 512, 128 * 32, &bytes).expect("valid");
        assert_eq!(grid.check(512, 128 * 32), Ok(()));
        assert_eq!(type_of_grid(&grid), Some(ty));
        assert!(pack_blocks(ty, &codes, &grid).expect("valid") == bytes, "{}", ty.name());
    }
}

#[test]
fn every_code_byte_is_restored_at_every_offset() {
    for ty in TYPES {
        let head = if matches!(ty, GgmlType::Q4_1 | GgmlType::Q5_1) { 4 } else { 2 };
        for place in head..ty.block_bytes() {
            let mut bytes = Vec::new();
            for byte in 0..=255 {
                let mut block = vec![0x5a; ty.block_bytes()];
                block[place] = byte;
                bytes.extend(block);
            }
            let (codes, grid) = unpack_blocks(ty, 256, 32, &bytes).expect("valid");
            assert!(pack_blocks(ty, &codes, &grid).expect("valid") == bytes, "{} {place}", ty.name());
        }
    }
}

#[test]
fn codes_are_in_column_order() {
    // Nibbles: byte i holds columns i and i + 16.
    let mut block = vec![0, 0x3c];
    block.extend((0..16).map(|i| i | (15 - i) << 4));
    let (codes, grid) = unpack_blocks(GgmlType::Q4_0, 1, 32, &block).expect("valid");
    let expected: Vec<u8> = (0..16).chain((0..16).rev()).collect();
    assert_eq!((codes.symbols(), codes.alphabet()), (&expected[..], 16));
    assert_eq!((grid.bits, grid.group_size, &grid.biases), (4, 32, &Biases::Zero(8)));
    // Fifth bits: bit i of the word belongs to column i.
    for column in 0..32 {
        let mut block = vec![0, 0x3c];
        block.extend((1u32 << column).to_le_bytes());
        block.extend([0; 16]);
        let (codes, grid) = unpack_blocks(GgmlType::Q5_0, 1, 32, &block).expect("valid");
        let expected: Vec<u8> = (0..32).map(|i| if i == column { 16 } else { 0 }).collect();
        assert_eq!((codes.symbols(), codes.alphabet(), &grid.biases), (&expected[..], 32, &Biases::Zero(16)));
    }
    let block: Vec<u8> = [0, 0x3c].into_iter().chain((0..32).map(|i| (i * 8 - 128) as u8)).collect();
    let (codes, grid) = unpack_blocks(GgmlType::Q8_0, 1, 32, &block).expect("valid");
    let expected: Vec<u8> = (0..32).map(|i| i * 8).collect();
    assert_eq!((codes.symbols(), codes.alphabet(), &grid.biases), (&expected[..], 256, &Biases::Zero(128)));
}

#[test]
fn the_grid_has_the_weights_of_dequantization() {
    for ty in TYPES {
        let bytes = every_scale(ty);
        let (codes, grid) = unpack_blocks(ty, 65536, 32, &bytes).expect("valid");
        let mut weights = vec![0.0; 65536 * 32];
        dequantize(ty, &bytes, &mut weights).expect("valid");
        for (i, (&q, weight)) in codes.symbols().iter().zip(weights).enumerate() {
            let found = grid.weight(i / 32, q);
            assert!(
                found == weight || found.is_nan() && weight.is_nan(),
                "{} {i}: {found} {weight}",
                ty.name()
            );
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_restored(
        ty in proptest::sample::select(TYPES.to_vec()), rows in 1usize..9, groups in 1usize..9, seed: u64
    ) {
        let mut state = seed;
        let bytes: Vec<u8> = (0..rows * groups * ty.block_bytes()).map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        }).collect();
        let (codes, grid) = unpack_blocks(ty, rows, groups * 32, &bytes).unwrap();
        prop_assert_eq!((codes.rows(), codes.cols()), (rows, groups * 32));
        prop_assert_eq!(pack_blocks(ty, &codes, &grid).unwrap(), bytes);
    }
}

#[test]
fn types_without_codes_are_refused() {
    for ty in [GgmlType::F32, GgmlType::Q4_K, GgmlType::Iq4Nl, GgmlType::Q8_1] {
        let error = unpack_blocks(ty, 1, 256, &vec![0; ty.block_bytes()]).expect_err("no codes");
        assert!(matches!(error, GgufError::Unsupported { found, .. } if found == ty.name()), "{error}");
    }
}

#[test]
fn wrong_shapes_are_refused() {
    let unpack_blocks = |rows, cols, bytes| unpack_blocks(GgmlType::Q4_0, rows, cols, &vec![0; bytes]);
    for (rows, bytes) in [(1, 17), (1, 19), (2, 18), (1, 36)] {
        let error = unpack_blocks(rows, 32, bytes).expect_err("another length");
        assert!(matches!(error, GgufError::Length { found, .. } if found == bytes as u64), "{error}");
    }
    let error = unpack_blocks(2, 16, 18).expect_err("half a block a row");
    assert!(
        matches!(error, GgufError::Core(CoreError::Parameter { what: "columns", found: 16, .. })),
        "{error}"
    );
    for (rows, cols) in [(0, 32), (1, 0), (usize::MAX, 32), (usize::MAX / 32 + 1, 32)] {
        let error = unpack_blocks(rows, cols, 0).expect_err("an empty or huge shape");
        assert!(matches!(error, GgufError::Core(CoreError::Shape { .. })), "{error}");
    }
}

fn halves(count: usize) -> FloatVec {
    FloatVec::new(FloatType::F16, vec![0; count * 2]).expect("whole halves")
}

#[test]
fn unsupported_grids_have_no_type() {
    let grid = |bits, group_size, scales, biases| AffineGroups { bits, group_size, scales, biases };
    let bf16 = FloatVec::new(FloatType::Bf16, vec![0; 2]).expect("one");
    let none = [
        grid(4, 64, halves(1), Biases::Zero(8)),
        grid(4, 32, halves(1), Biases::Zero(7)),
        grid(3, 32, halves(1), Biases::Zero(4)),
        grid(8, 32, halves(1), Biases::PerGroup(halves(1))),
        grid(4, 32, bf16.clone(), Biases::Zero(8)),
        grid(4, 32, halves(1), Biases::PerGroup(bf16)),
    ];
    let codes = Codes::new(1, 32, 16, vec![0; 32]).expect("valid");
    for grid in none {
        assert_eq!(type_of_grid(&grid), None, "{grid:?}");
        let error = pack_blocks(GgmlType::Q4_0, &codes, &grid).expect_err("not this type");
        assert!(matches!(error, GgufError::Unsupported { found: "q4_0", .. }), "{error}");
    }
}

#[test]
fn mismatched_codes_and_grids_are_refused() {
    let grid = |scales, biases| AffineGroups { bits: 4, group_size: 32, scales, biases };
    let codes = |cols, alphabet| Codes::new(1, cols, alphabet, vec![0; cols]).expect("valid");
    let zero = grid(halves(2), Biases::Zero(8));
    let pack_blocks =
        |ty, codes, grid: &AffineGroups| pack_blocks(ty, &codes, grid).expect_err("a contradiction");
    let wide = pack_blocks(GgmlType::Q4_0, codes(64, 17), &zero);
    assert!(matches!(wide, GgufError::Unsupported { .. }), "{wide}");
    let few = pack_blocks(GgmlType::Q4_0, codes(96, 16), &zero);
    assert!(
        matches!(few, GgufError::Core(CoreError::Length { what: "scales", found: 2, expected: 3 })),
        "{few}"
    );
    let biases = pack_blocks(GgmlType::Q4_1, codes(64, 16), &grid(halves(2), Biases::PerGroup(halves(1))));
    assert!(matches!(biases, GgufError::Core(CoreError::Length { what: "biases", .. })), "{biases}");
    let ragged = pack_blocks(GgmlType::Q4_0, codes(33, 16), &zero);
    assert!(matches!(ragged, GgufError::Core(CoreError::Parameter { what: "group size", .. })), "{ragged}");
}
