//! MLX's affine quantization: a weight is `X.weight` (codes packed in u32), `X.scales` and `X.biases`.
//!
//! Layout: `mlx/backend/cpu/quantized.cpp` of ml-explore/mlx (the codes of a row are one string of bits, least significant
//! first); names and `config.json`: `mlx_lm/utils.py` of ml-explore/mlx-lm.

use crate::bit_stream;
use ecq_core::{AffineGroups, Biases, Codes, CoreError, FloatVec};

/// Whether MLX has an affine grid of `bits` bits.
pub fn supports_bits(bits: u8) -> bool {
    matches!(bits, 2..=6 | 8)
}

/// Columns of a row of `words` u32 words that hold codes of `bits` bits; `None` if they are no whole number of eight.
pub fn unpacked_cols(words: usize, bits: u8) -> Option<usize> {
    let packed_bits = words.checked_mul(32)?;
    let whole = supports_bits(bits) && packed_bits.is_multiple_of(usize::from(bits) * bit_stream::CODES);
    whole.then(|| packed_bits / usize::from(bits))
}

/// Takes the packed codes of `rows` rows (little-endian u32 words, row-major) apart.
///
/// # Errors
/// When MLX has no grid of `bits` bits, the rows are empty, or their words are no whole number of codes.
pub fn unpack(bits: u8, rows: usize, packed: &[u8]) -> Result<Codes, CoreError> {
    check_bits(bits)?;
    let row_words = packed.len() / 4 / rows.max(1);
    let Some(cols) = unpacked_cols(row_words, bits).filter(|_| packed.len() == rows * row_words * 4) else {
        let expected = "rows of whole words that hold a multiple of eight codes";
        return Err(CoreError::Parameter { what: "packed bytes", found: packed.len() as u64, expected });
    };
    Codes::new(rows, cols, 1 << bits, bit_stream::unpack(bits, packed))
}

/// The packed words of `codes` at `bits` bits, `[rows, cols * bits / 32]` u32, little endian.
///
/// # Errors
/// When MLX has no grid of `bits` bits, the alphabet is wider, or a row is no whole number of words.
pub fn pack(bits: u8, codes: &Codes) -> Result<Vec<u8>, CoreError> {
    check_bits(bits)?;
    if codes.alphabet() > 1 << bits {
        let (found, expected) = (codes.alphabet().into(), "at most 2^bits");
        return Err(CoreError::Parameter { what: "alphabet", found, expected });
    }
    // A row of 32 codes is `bits` words; MLX's groups are never shorter.
    if !codes.cols().is_multiple_of(32) {
        let (found, expected) = (codes.cols() as u64, "a multiple of 32");
        return Err(CoreError::Parameter { what: "columns", found, expected });
    }
    Ok(bit_stream::pack(bits, codes.symbols()))
}

/// Codes and grid of a weight from the bytes of its three tensors.
///
/// # Errors
/// As [`unpack`], and when scales and biases are not those of groups of `group_size` columns.
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
