//! The bytes of K-quant super-blocks, and their lossless conversion to codes on a two-level grid. Layouts:
//! `block_q2_K` to `block_q6_K` of ggml's `ggml-common.h`.

use super::Result;
use super::blocks::check_length;
use super::error::GgufError;
use super::types::GgmlType;
use ecq_core::{
    Codes, CoreError, FloatType, FloatVec, Minima, SUPER_BLOCK, SuperBlock, SuperBlockLayout, SuperBlocks,
};
use half::f16;
use rayon::prelude::*;

/// Super-blocks that a thread processes at a time.
const BLOCKS_PER_TASK: usize = 256;

/// Returns the type whose super-blocks have this layout.
pub fn type_of_layout(layout: SuperBlockLayout) -> GgmlType {
    match layout {
        SuperBlockLayout::Q2K => GgmlType::Q2_K,
        SuperBlockLayout::Q3K => GgmlType::Q3_K,
        SuperBlockLayout::Q4K => GgmlType::Q4_K,
        SuperBlockLayout::Q5K => GgmlType::Q5_K,
        SuperBlockLayout::Q6K => GgmlType::Q6_K,
    }
}

/// Returns the layout of the super-blocks of a type; `None` for types that are no K type.
pub fn super_block_layout(ty: GgmlType) -> Option<SuperBlockLayout> {
    SuperBlockLayout::ALL.into_iter().find(|layout| type_of_layout(*layout) == ty)
}

/// Unpacks `rows x cols` weights of a K type into codes and their grid; the exact inverse of
/// [`pack_super_blocks`] for every bit pattern.
///
/// # Errors
/// [`GgufError::Core`] if the shape is empty or `cols` is not a multiple of 256, [`GgufError::Length`] if the
/// length of `bytes` does not match.
pub fn unpack_super_blocks(
    layout: SuperBlockLayout,
    rows: usize,
    cols: usize,
    bytes: &[u8],
) -> Result<(Codes, SuperBlocks)> {
    layout.check(cols, layout.alphabet())?;
    let block_bytes = type_of_layout(layout).block_bytes();
    let shape = || GgufError::Core(CoreError::Shape { rows, cols });
    let blocks = rows.checked_mul(cols / SUPER_BLOCK).filter(|&n| n > 0).ok_or_else(shape)?;
    // Block types take fewer bytes than weights.
    blocks.checked_mul(SUPER_BLOCK).ok_or_else(shape)?;
    check_length(bytes.len(), blocks * block_bytes)?;
    let groups = layout.groups();
    let mut symbols = vec![0; blocks * SUPER_BLOCK];
    let (mut steps, mut scales) = (vec![f16::ZERO; blocks], vec![0; blocks * groups]);
    let (mut minimum_steps, mut minima) = (vec![f16::ZERO; blocks], vec![0; blocks * groups]);
    bytes
        .par_chunks(BLOCKS_PER_TASK * block_bytes)
        .zip(symbols.par_chunks_mut(BLOCKS_PER_TASK * SUPER_BLOCK))
        .zip(steps.par_chunks_mut(BLOCKS_PER_TASK).zip(scales.par_chunks_mut(BLOCKS_PER_TASK * groups)))
        .zip(
            minimum_steps
                .par_chunks_mut(BLOCKS_PER_TASK)
                .zip(minima.par_chunks_mut(BLOCKS_PER_TASK * groups)),
        )
        .for_each(|(((bytes, symbols), (steps, scales)), (minimum_steps, minima))| {
            let mut block = SuperBlock::default();
            for (i, bytes) in bytes.chunks_exact(block_bytes).enumerate() {
                take_super_block(layout, bytes, &mut block);
                symbols[i * SUPER_BLOCK..][..SUPER_BLOCK].copy_from_slice(&block.codes);
                scales[i * groups..][..groups].copy_from_slice(&block.scales[..groups]);
                minima[i * groups..][..groups].copy_from_slice(&block.minima[..groups]);
                (steps[i], minimum_steps[i]) = (block.step, block.minimum_step);
            }
        });
    let halves = |values: &[f16]| {
        FloatVec::new(FloatType::F16, values.iter().flat_map(|step| step.to_le_bytes()).collect())
    };
    let minima = match layout.largest_minimum() {
        Some(_) => Some(Minima { steps: halves(&minimum_steps)?, values: minima }),
        None => None,
    };
    let codes = Codes::new(rows, cols, layout.alphabet(), symbols)?;
    Ok((codes, SuperBlocks { layout, steps: halves(&steps)?, scales, minima }))
}

/// Packs codes and their grid into super-blocks; the exact inverse of [`unpack_super_blocks`].
///
/// # Errors
/// [`GgufError::Core`] if codes and grid do not match.
pub fn pack_super_blocks(codes: &Codes, grid: &SuperBlocks) -> Result<Vec<u8>> {
    grid.check(codes.rows(), codes.cols(), codes.alphabet())?;
    let (layout, groups) = (grid.layout, grid.layout.groups());
    let ty = type_of_layout(layout);
    let half = |steps: &FloatVec, i: usize| {
        let bytes = &steps.as_bytes()[2 * i..][..2];
        f16::from_le_bytes([bytes[0], bytes[1]])
    };
    let mut bytes = vec![0; grid.steps.len() * ty.block_bytes()];
    let blocks = bytes.par_chunks_mut(ty.block_bytes()).enumerate().with_min_len(BLOCKS_PER_TASK);
    blocks.try_for_each_init(SuperBlock::default, |block, (i, bytes)| {
        block.codes.copy_from_slice(&codes.symbols()[i * SUPER_BLOCK..][..SUPER_BLOCK]);
        block.scales[..groups].copy_from_slice(&grid.scales[i * groups..][..groups]);
        block.step = half(&grid.steps, i);
        if let Some(minima) = &grid.minima {
            block.minima[..groups].copy_from_slice(&minima.values[i * groups..][..groups]);
            block.minimum_step = half(&minima.steps, i);
        }
        put_super_block(ty, block, bytes)
    })?;
    Ok(bytes)
}

/// Writes `block` to `bytes` in the layout of the K type `ty`. Codes, scales and minima are cut to the bits
/// that the layout has for them.
///
/// # Errors
/// When `ty` is another type, or `bytes` is not one block long.
pub fn put_super_block(ty: GgmlType, block: &SuperBlock, bytes: &mut [u8]) -> Result<()> {
    if bytes.len() != ty.block_bytes() {
        let (found, expected) = (bytes.len() as u64, ty.block_bytes() as u64);
        return Err(GgufError::Length { what: "bytes of a super-block", found, expected });
    }
    let Some(layout) = super_block_layout(ty) else {
        return Err(GgufError::Unsupported { found: ty.name(), why: "is none of q2_k to q6_k" });
    };
    bytes.fill(0);
    match layout {
        SuperBlockLayout::Q2K => {
            let groups = block.scales.iter().zip(&block.minima);
            bytes.iter_mut().zip(groups).for_each(|(byte, (s, m))| *byte = *s as u8 & 15 | m << 4);
            put_two_bits(block, &mut bytes[16..80]);
            bytes[80..82].copy_from_slice(&block.step.to_le_bytes());
            bytes[82..].copy_from_slice(&block.minimum_step.to_le_bytes());
        }
        SuperBlockLayout::Q3K => {
            for (i, code) in block.codes.iter().enumerate() {
                bytes[i % 32] |= (code >> 2 & 1) << (i / 32);
            }
            put_two_bits(block, &mut bytes[32..96]);
            put_offset_scales(block, &mut bytes[96..108]);
            bytes[108..].copy_from_slice(&block.step.to_le_bytes());
        }
        SuperBlockLayout::Q4K => {
            put_steps(block, bytes);
            put_nibbles(block, &mut bytes[16..]);
        }
        SuperBlockLayout::Q5K => {
            put_steps(block, bytes);
            for (i, code) in block.codes.iter().enumerate() {
                bytes[16 + i % 32] |= (code >> 4 & 1) << (i / 32);
            }
            put_nibbles(block, &mut bytes[48..]);
        }
        SuperBlockLayout::Q6K => {
            put_six_bits(block, bytes);
            bytes[192..208].iter_mut().zip(block.scales).for_each(|(byte, scale)| *byte = scale as u8);
            bytes[208..].copy_from_slice(&block.step.to_le_bytes());
        }
    }
    Ok(())
}

/// Reads a super-block from `bytes`, one block long; the inverse of [`put_super_block`]. Numbers that the
/// layout does not have stay as they are.
fn take_super_block(layout: SuperBlockLayout, bytes: &[u8], block: &mut SuperBlock) {
    let half = |at: usize| f16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let codes = block.codes.iter_mut().enumerate();
    match layout {
        SuperBlockLayout::Q2K => {
            for (group, byte) in bytes[..16].iter().enumerate() {
                (block.scales[group], block.minima[group]) = ((byte & 15) as i8, byte >> 4);
            }
            codes.for_each(|(i, code)| *code = two_bits(&bytes[16..80], i));
            (block.step, block.minimum_step) = (half(80), half(82));
        }
        SuperBlockLayout::Q3K => {
            let third = |i: usize| bytes[i % 32] >> (i / 32) & 1;
            codes.for_each(|(i, code)| *code = two_bits(&bytes[32..96], i) | third(i) << 2);
            take_offset_scales(&bytes[96..108], &mut block.scales);
            block.step = half(108);
        }
        SuperBlockLayout::Q4K => {
            codes.for_each(|(i, code)| *code = nibble(&bytes[16..], i));
            take_steps(bytes, block);
        }
        SuperBlockLayout::Q5K => {
            let fifth = |i: usize| bytes[16 + i % 32] >> (i / 32) & 1;
            codes.for_each(|(i, code)| *code = nibble(&bytes[48..], i) | fifth(i) << 4);
            take_steps(bytes, block);
        }
        SuperBlockLayout::Q6K => {
            for (i, code) in codes {
                let (part, quarter, at) = (i / 128, i % 128 / 32, i % 32);
                let low = bytes[64 * part + quarter % 2 * 32 + at] >> (quarter / 2 * 4) & 15;
                *code = low | (bytes[128 + 32 * part + at] >> (2 * quarter) & 3) << 4;
            }
            block.scales.iter_mut().zip(&bytes[192..]).for_each(|(scale, byte)| *scale = *byte as i8);
            block.step = half(208);
        }
    }
}

/// The low two bits of each code: each half of the codes is four planes of 32 weights that share 32 bytes.
fn put_two_bits(block: &SuperBlock, bytes: &mut [u8]) {
    for (i, code) in block.codes.iter().enumerate() {
        bytes[i / 128 * 32 + i % 32] |= (code & 3) << (i % 128 / 32 * 2);
    }
}

/// Code `i` of what [`put_two_bits`] wrote.
#[inline(always)]
fn two_bits(bytes: &[u8], i: usize) -> u8 {
    bytes[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3
}

/// Sixteen 6-bit scales, stored plus 32, in twelve bytes: eight bytes hold the low four bits, of group `g`
/// and of group `g + 8`; four bytes hold the high two bits.
fn put_offset_scales(block: &SuperBlock, bytes: &mut [u8]) {
    for (group, scale) in block.scales.iter().enumerate() {
        let scale = scale.wrapping_add(32) as u8 & 63;
        bytes[group % 8] |= (scale & 15) << (group / 8 * 4);
        bytes[8 + group % 4] |= scale >> 4 << (group / 4 * 2);
    }
}

/// Reads what [`put_offset_scales`] wrote.
fn take_offset_scales(bytes: &[u8], scales: &mut [i8; 16]) {
    for (group, scale) in scales.iter_mut().enumerate() {
        let low = bytes[group % 8] >> (group / 8 * 4) & 15;
        let high = bytes[8 + group % 4] >> (group / 4 * 2) & 3;
        *scale = (low | high << 4) as i8 - 32;
    }
}

/// Two steps, then eight 6-bit scales and minima in twelve bytes: the first four of each have six bits of a
/// byte, the others four bits of a byte and the two bits that the first four leave free.
fn put_steps(block: &SuperBlock, bytes: &mut [u8]) {
    bytes[..2].copy_from_slice(&block.step.to_le_bytes());
    bytes[2..4].copy_from_slice(&block.minimum_step.to_le_bytes());
    let packed = &mut bytes[4..16];
    for group in 0..8 {
        let (scale, minimum) = (block.scales[group] as u8 & 63, block.minima[group] & 63);
        if group < 4 {
            packed[group] |= scale;
            packed[group + 4] |= minimum;
        } else {
            packed[group + 4] = scale & 15 | minimum << 4;
            packed[group - 4] |= scale >> 4 << 6;
            packed[group] |= minimum >> 4 << 6;
        }
    }
}

/// Reads what [`put_steps`] wrote.
fn take_steps(bytes: &[u8], block: &mut SuperBlock) {
    block.step = f16::from_le_bytes([bytes[0], bytes[1]]);
    block.minimum_step = f16::from_le_bytes([bytes[2], bytes[3]]);
    let packed = &bytes[4..16];
    for group in 0..8 {
        let (scale, minimum) = if group < 4 {
            (packed[group] & 63, packed[group + 4] & 63)
        } else {
            let high = |at: usize| packed[at] >> 6 << 4;
            (packed[group + 4] & 15 | high(group - 4), packed[group + 4] >> 4 | high(group))
        };
        (block.scales[group], block.minima[group]) = (scale as i8, minimum);
    }
}

/// The low four bits of each code: 32 bytes hold the codes of two groups.
fn put_nibbles(block: &SuperBlock, bytes: &mut [u8]) {
    for (codes, bytes) in block.codes.chunks_exact(64).zip(bytes.chunks_exact_mut(32)) {
        let (low, high) = codes.split_at(32);
        bytes.iter_mut().zip(low.iter().zip(high)).for_each(|(byte, (l, h))| *byte = l & 15 | h << 4);
    }
}

/// Code `i` of what [`put_nibbles`] wrote.
#[inline(always)]
fn nibble(bytes: &[u8], i: usize) -> u8 {
    bytes[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15
}

/// The low four bits of each code in 128 bytes, the high two in 64. Each half of the codes is four quarters
/// of 32 weights: quarters 0 and 2, and 1 and 3, share bytes of low bits; all four share bytes of high bits.
fn put_six_bits(block: &SuperBlock, bytes: &mut [u8]) {
    for (i, &code) in block.codes.iter().enumerate() {
        let (half, quarter, at) = (i / 128, i % 128 / 32, i % 32);
        bytes[64 * half + quarter % 2 * 32 + at] |= (code & 15) << (quarter / 2 * 4);
        bytes[128 + 32 * half + at] |= (code >> 4 & 3) << (2 * quarter);
    }
}

#[cfg(test)]
mod tests {
    use super::super::dequantize;
    use super::*;
    use ecq_core::Grid;

    /// Blocks of random bytes. Steps are any half, NaN and infinite ones too.
    fn random(layout: SuperBlockLayout, blocks: usize) -> Vec<u8> {
        let mut state = 7u64 + u64::from(layout.bits());
        let byte = |_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        };
        (0..blocks * type_of_layout(layout).block_bytes()).map(byte).collect()
    }

    #[test]
    fn any_bytes_come_back_and_have_the_weights_of_dequantization() {
        for layout in SuperBlockLayout::ALL {
            let (rows, cols) = (700, 512);
            let bytes = random(layout, rows * 2);
            let (codes, grid) = unpack_super_blocks(layout, rows, cols, &bytes).unwrap();
            assert_eq!(grid.check(rows, cols, codes.alphabet()), Ok(()));
            assert_eq!(grid.minima.is_some(), layout.largest_minimum().is_some());
            assert!(pack_super_blocks(&codes, &grid).unwrap() == bytes, "{}", layout.name());
            let mut expected = vec![0.0; rows * cols];
            dequantize(type_of_layout(layout), &bytes, &mut expected).unwrap();
            let (grid, mut weights) = (Grid::SuperBlocks(grid), vec![0.0; cols]);
            for (row, expected) in expected.chunks_exact(cols).enumerate() {
                grid.dequantize_row(row, &codes.symbols()[row * cols..][..cols], &mut weights);
                for (found, expected) in weights.iter().zip(expected) {
                    let equal = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
                    assert!(equal, "{} row {row}: {found} {expected}", layout.name());
                }
            }
        }
    }

    #[test]
    fn every_byte_of_a_block_is_restored() {
        for layout in SuperBlockLayout::ALL {
            let size = type_of_layout(layout).block_bytes();
            for place in 0..size {
                let mut bytes = vec![0x5a; 256 * size];
                (0..256).for_each(|byte| bytes[byte * size + place] = byte as u8);
                let (codes, grid) = unpack_super_blocks(layout, 256, 256, &bytes).unwrap();
                assert!(pack_super_blocks(&codes, &grid).unwrap() == bytes, "{} {place}", layout.name());
            }
        }
    }

    #[test]
    fn wrong_shapes_lengths_and_types_are_refused() {
        let unpack =
            |rows, cols, bytes| unpack_super_blocks(SuperBlockLayout::Q4K, rows, cols, &vec![0; bytes]);
        assert!(matches!(unpack(1, 288, 162), Err(GgufError::Core(CoreError::Parameter { .. }))));
        assert!(matches!(unpack(0, 256, 0), Err(GgufError::Core(CoreError::Shape { .. }))));
        assert!(matches!(unpack(usize::MAX, 512, 0), Err(GgufError::Core(CoreError::Shape { .. }))));
        for bytes in [0, 143, 145, 288] {
            assert!(matches!(unpack(1, 256, bytes), Err(GgufError::Length { .. })), "{bytes}");
        }
        let (codes, mut grid) = unpack(1, 256, 144).unwrap();
        grid.scales[3] = 64;
        assert!(matches!(pack_super_blocks(&codes, &grid), Err(GgufError::Core(_))));
        let block = SuperBlock::default();
        assert!(put_super_block(GgmlType::Q4_K, &block, &mut [0; 143]).is_err());
        assert!(put_super_block(GgmlType::Q8_0, &block, &mut [0; 34]).is_err());
        assert_eq!(super_block_layout(GgmlType::Q8_K), None);
    }
}
