//! Bytes that each form of a matrix takes in memory.

use super::matrices::{affine, codes, encoded, super_blocks, uniform};
use ecq_codec::encode::TileChoice;
use ecq_core::{Codes, Coding, FloatType, SuperBlockLayout, TensorPart};
use ecq_fixtures::Numbers;
use ecq_kernels::cpu::linear::{FusedLinear, Linear, PackedBuffer, PackedLinear};

/// Returns the bytes of packed codes: each block of 16 rows and 32 columns at the bits of its range, two or
/// more, with a width and a base; the end of each panel.
fn packed_code_bytes(codes: &Codes) -> usize {
    let (panels, blocks) = (codes.rows().div_ceil(16), codes.cols().div_ceil(32));
    let width = |panel: usize, block: usize| {
        let rows = codes.symbols().chunks(codes.cols()).skip(16 * panel).take(16);
        let all = rows.flat_map(|row| row.iter().skip(32 * block).take(32));
        let (least, most) = all.fold((255, 0), |(least, most), &q| (q.min(least), q.max(most)));
        2.max(8 - u8::leading_zeros(most - least) as usize)
    };
    let widths = (0..panels).flat_map(|panel| (0..blocks).map(move |block| width(panel, block)));
    panels * (8 + 2 * blocks) + 64 * widths.sum::<usize>()
}

#[test]
fn packed_super_blocks_take_few_more_bytes_than_those_of_gguf() {
    let mut numbers = Numbers::new(14);
    // Bytes of a block in GGUF.
    let of_gguf = [84.0, 110.0, 144.0, 176.0, 210.0];
    for (layout, of_gguf) in SuperBlockLayout::ALL.into_iter().zip(of_gguf) {
        let (codes, grid) = super_blocks(layout, 64, 512, &mut numbers);
        let bytes = PackedLinear::new(&codes, &grid).unwrap().bytes_resident();
        let ratio = bytes as f64 / (128.0 * of_gguf);
        println!("{}: {ratio:.3} of the bytes in GGUF", layout.name());
        assert!((1.0..1.04).contains(&ratio), "{} {ratio}", layout.name());
    }
}

#[test]
fn resident_bytes_are_close_to_the_encoded_size() {
    let mut numbers = Numbers::new(7);
    let codes = codes(512, 576, 16, &mut numbers);
    let grid = affine(&codes, 32, FloatType::F16, false, &mut numbers);
    let packed = PackedLinear::new(&codes, &grid).unwrap();
    assert_eq!(packed.bytes_resident(), 512 * 576 / 2 + 8 * 512 / 16 + 2 * 2 * 512 * 576 / 32);
    let tensor = encoded(&codes, &grid, Coding::Rans, TileChoice::Auto, 32);
    let fused = FusedLinear::new(&tensor).unwrap();
    let side = 2 * 2 * 512 * 576 / 32;
    let stream = tensor.parts()[&TensorPart::Stream].len();
    assert!((side + stream..side + stream + 4096).contains(&fused.bytes_resident()));
}

#[test]
fn codes_that_reach_far_widen_only_their_blocks() {
    let mut numbers = Numbers::new(12);
    let (rows, cols, zero) = (512, 576, 90);
    // Five codes take three bits; one row and one column have codes from end to end.
    let symbols = (0..rows * cols).map(|i| match (i / cols, i % cols) {
        (40, col) => [0, 199][col % 2],
        (row, 100) => [0, 199][row % 2],
        _ => zero - 2 + numbers.below(5) as u8,
    });
    let codes = Codes::new(rows, cols, 200, symbols.collect()).unwrap();
    let grid = uniform(&codes, true, false, false, false, &mut numbers);
    let tensor = encoded(&codes, &grid, Coding::Rans, TileChoice::Auto, 32);
    let fused = FusedLinear::new(&tensor).unwrap();
    let (panels, blocks) = (32, 18);
    let far = panels + blocks - 1;
    let tables = panels * (8 + 2 * blocks);
    let expected = tables + 64 * (8 * far + 3 * (panels * blocks - far));
    assert_eq!(packed_code_bytes(&codes), expected);
    let unpacked = fused.unpack(PackedBuffer::default()).unwrap();
    assert_eq!(unpacked.code_bytes(), expected);
    assert_eq!(PackedLinear::new(&codes, &grid).unwrap().code_bytes(), expected);
    assert_eq!(fused.packed_bytes(), tables + 64 * 8 * panels * blocks);
}
