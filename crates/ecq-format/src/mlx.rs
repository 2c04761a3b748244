//! Affine quantization of MLX: a weight consists of `X.weight` (codes packed into u32), `X.scales` and
//! `X.biases`.
//!
//! The codes of a row are a bit string, least significant bit first. Source of the layout:
//! `mlx/backend/cpu/quantized.cpp` of ml-explore/mlx; of names and `config.json`: `mlx_lm/utils.py` of
//! ml-explore/mlx-lm.

use crate::bit_stream;
use ecq_core::{AffineGroups, Biases, Codes, CoreError, FloatVec};

/// Returns whether MLX supports affine codes of `bits` bits.
pub fn supports_bits(bits: u8) -> bool {
    matches!(bits, 2..=6 | 8)
}

/// Returns the number of columns of a row of `words` u32 words with codes of `bits` bits; `None` if `bits` is
/// not supported or the row does not hold a multiple of eight codes.
pub fn unpacked_cols(words: usize, bits: u8) -> Option<usize> {
    let packed_bits = words.checked_mul(32)?;
    let whole = supports_bits(bits) && packed_bits.is_multiple_of(usize::from(bits) * bit_stream::CODES);
    whole.then(|| packed_bits / usize::from(bits))
}

/// Unpacks the codes of `rows` rows (little-endian u32 words, row-major).
///
/// # Errors
/// [`CoreError::Parameter`] if MLX does not support `bits` or a row does not hold a multiple of eight codes;
/// [`CoreError::Shape`] if the rows are empty.
pub fn unpack(bits: u8, rows: usize, packed: &[u8]) -> Result<Codes, CoreError> {
    check_bits(bits)?;
    let row_words = packed.len() / 4 / rows.max(1);
    let Some(cols) = unpacked_cols(row_words, bits).filter(|_| packed.len() == rows * row_words * 4) else {
        let expected = "rows of whole u32 words with a multiple of eight codes";
        return Err(CoreError::Parameter { what: "packed bytes", found: packed.len() as u64, expected });
    };
    Codes::new(rows, cols, 1 << bits, bit_stream::unpack(bits, packed))
}

/// Packs `codes` into `bits` bits each: little-endian u32 words of shape `[rows, cols * bits / 32]`.
///
/// # Errors
/// [`CoreError::Parameter`] if MLX does not support `bits`, the alphabet is larger than `2^bits`, or the
/// number of columns is not a multiple of 32.
pub fn pack(bits: u8, codes: &Codes) -> Result<Vec<u8>, CoreError> {
    check_bits(bits)?;
    if codes.alphabet() > 1 << bits {
        let (found, expected) = (codes.alphabet().into(), "at most 2^bits");
        return Err(CoreError::Parameter { what: "alphabet", found, expected });
    }
    // 32 codes take `bits` words, and the groups of MLX have at least 32 columns.
    if !codes.cols().is_multiple_of(32) {
        let (found, expected) = (codes.cols() as u64, "a multiple of 32");
        return Err(CoreError::Parameter { what: "columns", found, expected });
    }
    Ok(bit_stream::pack(bits, codes.symbols()))
}

/// Unpacks the three tensors of a weight into codes and their grid.
///
/// # Errors
/// The errors of [`unpack`]; [`CoreError::Parameter`] or [`CoreError::Length`] if the group size or the
/// number of scales or biases does not match the shape.
pub fn unpack_weight(
    bits: u8,
    group_size: usize,
    rows: usize,
    packed: &[u8],
    scales: FloatVec,
    biases: FloatVec,
) -> Result<(Codes, AffineGroups), CoreError> {
    let codes = unpack(bits, rows, packed)?;
    let grid = AffineGroups { bits, group_size, scales, biases: Biases::PerGroup(biases) };
    grid.check(codes.rows(), codes.cols())?;
    Ok((codes, grid))
}

fn check_bits(bits: u8) -> Result<(), CoreError> {
    if supports_bits(bits) {
        return Ok(());
    }
    Err(CoreError::Parameter { what: "bits", found: bits.into(), expected: "2, 3, 4, 5, 6 or 8" })
}
