//! Lossless conversion between codes on an affine grid and the GGUF block types that store them.
//!
//! Layouts: `block_q4_0`, `block_q4_1`, `block_q5_0`, `block_q5_1`, `block_q8_0` of ggml's `ggml-common.h`.

use super::Result;
use super::error::GgufError;
use super::super_blocks::type_of_layout;
use super::types::GgmlType;
use ecq_core::{AffineGroups, Biases, Codes, CoreError, FloatType, FloatVec, GridEntry};
use rayon::prelude::*;

/// Number of weights in a block of each type of this module, which is also the group size.
const BLOCK: usize = 32;
/// Number of blocks that a thread processes at a time.
const BLOCKS_PER_TASK: usize = 2048;

/// Returns the width of a code in bits, and the zero point (`None` if the type has a bias per block).
fn code_parameters(ty: GgmlType) -> Result<(u8, Option<u8>)> {
    Ok(match ty {
        GgmlType::Q4_0 => (4, Some(8)),
        GgmlType::Q4_1 => (4, None),
        GgmlType::Q5_0 => (5, Some(16)),
        GgmlType::Q5_1 => (5, None),
        GgmlType::Q8_0 => (8, Some(128)),
        _ => {
            let why =
                "does not store integer codes on an affine grid, expected q4_0, q4_1, q5_0, q5_1 or q8_0";
            return Err(GgufError::Unsupported { found: ty.name(), why });
        }
    })
}

/// Returns the block type that stores codes on `grid`, if GGUF has one.
pub fn type_of_grid(grid: &AffineGroups) -> Option<GgmlType> {
    let zero = match &grid.biases {
        Biases::Zero(zero) => Some(*zero),
        Biases::PerGroup(biases) if biases.dtype() == grid.scales.dtype() => None,
        Biases::PerGroup(_) | Biases::Zeros(_) => return None,
    };
    let (bits, group_size, dtype) = (grid.bits, grid.group_size, grid.scales.dtype());
    type_of_entry(&GridEntry::AffineGroups { bits, group_size, dtype, zero, zeros: false })
}

/// Returns the block type that stores codes on a grid with this metadata, if GGUF has one.
pub fn type_of_entry(grid: &GridEntry) -> Option<GgmlType> {
    if let GridEntry::SuperBlocks { layout } = grid {
        return Some(type_of_layout(*layout));
    }
    let GridEntry::AffineGroups { bits, group_size: BLOCK, dtype: FloatType::F16, zero, zeros: false } =
        *grid
    else {
        return None;
    };
    match (bits, zero) {
        (4, Some(8)) => Some(GgmlType::Q4_0),
        (4, None) => Some(GgmlType::Q4_1),
        (5, Some(16)) => Some(GgmlType::Q5_0),
        (5, None) => Some(GgmlType::Q5_1),
        (8, Some(128)) => Some(GgmlType::Q8_0),
        _ => None,
    }
}

/// Unpacks `rows x cols` weights of type `ty` into codes and their grid; the exact inverse of [`pack_blocks`]
/// for every bit pattern, including NaN scales and biases.
///
/// # Errors
/// [`GgufError::Unsupported`] if the type does not store codes on an affine grid, [`GgufError::Core`] if the
/// shape is empty or `cols` is not a multiple of 32, and [`GgufError::Length`] if the length of `bytes` does
/// not match.
pub fn unpack_blocks(ty: GgmlType, rows: usize, cols: usize, bytes: &[u8]) -> Result<(Codes, AffineGroups)> {
    let (bits, zero) = code_parameters(ty)?;
    let blocks = block_count(ty, rows, cols)?;
    check_length(bytes.len(), blocks * ty.block_bytes())?;
    let mut symbols = vec![0; blocks * BLOCK];
    let mut scales = vec![0; blocks * 2];
    let mut biases = vec![0; if zero.is_none() { blocks * 2 } else { 0 }];
    let parts = (&mut symbols[..], &mut scales[..], &mut biases[..]);
    match ty {
        GgmlType::Q4_0 => unpack_each_block::<18, 2>(bytes, parts, |b, q| from_nibbles(&b[2..], q)),
        GgmlType::Q4_1 => unpack_each_block::<20, 4>(bytes, parts, |b, q| from_nibbles(&b[4..], q)),
        GgmlType::Q5_0 => unpack_each_block::<22, 2>(bytes, parts, |b, q| from_five_bits(&b[2..], q)),
        GgmlType::Q5_1 => unpack_each_block::<24, 4>(bytes, parts, |b, q| from_five_bits(&b[4..], q)),
        _ => unpack_each_block::<34, 2>(bytes, parts, |b, q| flip_sign(&b[2..], q)),
    }
    let codes = Codes::new(rows, cols, 1 << bits, symbols)?;
    let scales = FloatVec::new(FloatType::F16, scales)?;
    let biases = match zero {
        Some(zero) => Biases::Zero(zero),
        None => Biases::PerGroup(FloatVec::new(FloatType::F16, biases)?),
    };
    Ok((codes, AffineGroups { bits, group_size: BLOCK, scales, biases }))
}

/// Packs codes and their grid into blocks of type `ty`; the exact inverse of [`unpack_blocks`].
///
/// # Errors
/// [`GgufError::Unsupported`] if `ty` cannot store codes on `grid`, and [`GgufError::Core`] if codes and grid
/// do not match.
pub fn pack_blocks(ty: GgmlType, codes: &Codes, grid: &AffineGroups) -> Result<Vec<u8>> {
    let (bits, _) = code_parameters(ty)?;
    if type_of_grid(grid) != Some(ty) || codes.alphabet() > 1 << bits {
        return Err(GgufError::Unsupported { found: ty.name(), why: "cannot store codes on this grid" });
    }
    grid.check(codes.rows(), codes.cols())?;
    let mut bytes = vec![0; block_count(ty, codes.rows(), codes.cols())? * ty.block_bytes()];
    let biases = match &grid.biases {
        Biases::PerGroup(biases) => biases.as_bytes(),
        Biases::Zero(_) | Biases::Zeros(_) => &[],
    };
    let parts = (codes.symbols(), grid.scales.as_bytes(), biases);
    match ty {
        GgmlType::Q4_0 => pack_each_block::<18, 2>(&mut bytes, parts, |q, b| to_nibbles(q, &mut b[2..])),
        GgmlType::Q4_1 => pack_each_block::<20, 4>(&mut bytes, parts, |q, b| to_nibbles(q, &mut b[4..])),
        GgmlType::Q5_0 => pack_each_block::<22, 2>(&mut bytes, parts, |q, b| to_five_bits(q, &mut b[2..])),
        GgmlType::Q5_1 => pack_each_block::<24, 4>(&mut bytes, parts, |q, b| to_five_bits(q, &mut b[4..])),
        _ => pack_each_block::<34, 2>(&mut bytes, parts, |q, b| flip_sign(q, &mut b[2..])),
    }
    Ok(bytes)
}

/// Unpacks blocks of `N` bytes. The first `HEAD` bytes are the scale and, if `HEAD` is 4, the bias; `codes`
/// unpacks the rest.
fn unpack_each_block<const N: usize, const HEAD: usize>(
    bytes: &[u8],
    (symbols, scales, biases): (&mut [u8], &mut [u8], &mut [u8]),
    codes: impl Fn(&[u8; N], &mut [u8; BLOCK]) + Sync,
) {
    let tasks = bytes
        .par_chunks(BLOCKS_PER_TASK * N)
        .zip(symbols.par_chunks_mut(BLOCKS_PER_TASK * BLOCK))
        .zip(scales.par_chunks_mut(BLOCKS_PER_TASK * 2));
    let run = |bytes: &[u8], symbols: &mut [u8], scales: &mut [u8]| {
        let (symbols, scales) = (symbols.as_chunks_mut().0, scales.as_chunks_mut().0);
        for ((b, q), scale) in bytes.as_chunks::<N>().0.iter().zip(symbols).zip(scales) {
            *scale = [b[0], b[1]];
            codes(b, q);
        }
    };
    if HEAD == 4 {
        tasks.zip(biases.par_chunks_mut(BLOCKS_PER_TASK * 2)).for_each(|(((bytes, q), scales), biases)| {
            run(bytes, q, scales);
            for (b, bias) in bytes.as_chunks::<N>().0.iter().zip(biases.as_chunks_mut().0) {
                *bias = [b[2], b[3]];
            }
        });
    } else {
        tasks.for_each(|((bytes, q), scales)| run(bytes, q, scales));
    }
}

/// Packs blocks of `N` bytes; the inverse of [`unpack_each_block`].
fn pack_each_block<const N: usize, const HEAD: usize>(
    bytes: &mut [u8],
    (symbols, scales, biases): (&[u8], &[u8], &[u8]),
    codes: impl Fn(&[u8; BLOCK], &mut [u8; N]) + Sync,
) {
    let tasks = bytes
        .par_chunks_mut(BLOCKS_PER_TASK * N)
        .zip(symbols.par_chunks(BLOCKS_PER_TASK * BLOCK))
        .zip(scales.par_chunks(BLOCKS_PER_TASK * 2));
    let run = |bytes: &mut [u8], symbols: &[u8], scales: &[u8]| {
        let (symbols, scales) = (symbols.as_chunks().0, scales.as_chunks::<2>().0);
        for ((b, q), scale) in bytes.as_chunks_mut::<N>().0.iter_mut().zip(symbols).zip(scales) {
            b[..2].copy_from_slice(scale);
            codes(q, b);
        }
    };
    if HEAD == 4 {
        tasks.zip(biases.par_chunks(BLOCKS_PER_TASK * 2)).for_each(|(((bytes, q), scales), biases)| {
            run(bytes, q, scales);
            for (b, bias) in bytes.as_chunks_mut::<N>().0.iter_mut().zip(biases.as_chunks::<2>().0) {
                b[2..4].copy_from_slice(bias);
            }
        });
    } else {
        tasks.for_each(|((bytes, q), scales)| run(bytes, q, scales));
    }
}

/// Unpacks nibbles: low ones are the first half of a block, high ones the second half.
#[inline(always)]
fn from_nibbles(packed: &[u8], q: &mut [u8; BLOCK]) {
    for (i, &byte) in packed[..BLOCK / 2].iter().enumerate() {
        q[i] = byte & 15;
        q[i + BLOCK / 2] = byte >> 4;
    }
}

/// The inverse of [`from_nibbles`].
#[inline(always)]
fn to_nibbles(q: &[u8; BLOCK], packed: &mut [u8]) {
    for (i, byte) in packed[..BLOCK / 2].iter_mut().enumerate() {
        *byte = q[i] & 15 | q[i + BLOCK / 2] << 4;
    }
}

/// Unpacks 32 fifth bits in column order, followed by nibbles. Eight bits are spread over eight bytes at a
/// time.
#[inline(always)]
pub(super) fn from_five_bits(packed: &[u8], q: &mut [u8; BLOCK]) {
    from_nibbles(&packed[4..], q);
    for (q, &fifth) in q.as_chunks_mut::<8>().0.iter_mut().zip(packed) {
        let one_bit_each = (u64::from(fifth) * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
        let top_if_set = (one_bit_each + 0x7f7f_7f7f_7f7f_7f7f) & 0x8080_8080_8080_8080;
        *q = (u64::from_le_bytes(*q) | top_if_set >> 3).to_le_bytes();
    }
}

/// The inverse of [`from_five_bits`]. One multiplication gathers bit 4 of eight bytes: byte `i` goes to bit
/// `56 + i`, without carries.
#[inline(always)]
fn to_five_bits(q: &[u8; BLOCK], packed: &mut [u8]) {
    to_nibbles(q, &mut packed[4..]);
    for (q, fifth) in q.as_chunks::<8>().0.iter().zip(packed) {
        let lowest = u64::from_le_bytes(*q) >> 4 & 0x0101_0101_0101_0101;
        *fifth = (lowest.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
    }
}

/// Converts between signed bytes and codes: flipping the top bit adds or subtracts 128.
#[inline(always)]
fn flip_sign(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from ^ 0x80;
    }
}

/// Returns the number of blocks of `rows x cols` weights.
fn block_count(ty: GgmlType, rows: usize, cols: usize) -> Result<usize> {
    if !cols.is_multiple_of(BLOCK) {
        let expected = "a multiple of the block size 32";
        return Err(CoreError::Parameter { what: "columns", found: cols as u64, expected }.into());
    }
    let blocks = rows.checked_mul(cols / BLOCK).filter(|&n| n > 0);
    blocks
        .filter(|n| n.checked_mul(ty.block_bytes().max(BLOCK)).is_some())
        .ok_or(CoreError::Shape { rows, cols }.into())
}

/// Checks the length of the bytes of a tensor.
pub(super) fn check_length(found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (found as u64, expected as u64);
    Err(GgufError::Length { what: "bytes of a tensor", found, expected })
}
