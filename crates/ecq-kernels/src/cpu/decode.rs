use super::packed::{packed_row_bytes, unpack, width};
use crate::error::{KernelError, Result};
use crate::parts::{Facts, Tables, facts, part, tile_layout, tile_ranges};
use ecq_coding::{CodingError, Layout, planes, prefix, rans};
use ecq_core::{
    AffineGroups, Biases, Codes, Coding, Content, EncodedTensor, FloatVec, Grid, GridEntry, Part,
};
use rayon::prelude::*;

/// The integer codes of a tensor, bit for bit those that were encoded; tiles decode in parallel.
///
/// # Errors
/// When the tensor holds no codes, or a part is missing, has the wrong length, or is corrupt.
pub fn decode_codes(tensor: &EncodedTensor) -> Result<Codes> {
    let Facts { coding, alphabet, .. } = facts(tensor)?;
    let [rows, cols] = tensor.entry.shape;
    let symbols = match coding {
        Coding::Packed => {
            let stream = part(tensor, Part::Stream)?;
            let expected = rows.saturating_mul(packed_row_bytes(cols, width(alphabet)));
            if stream.len() != expected {
                return Err(KernelError::PartLength { part: Part::Stream, found: stream.len(), expected });
            }
            unpack(stream, cols, alphabet)
        }
        Coding::Rans => {
            let tables = Tables::rans(tensor)?;
            let decoders: Vec<_> = tables.tables.iter().map(rans::Decoder::new).collect();
            by_tile(tensor, |index, stream, layout, out, stride| {
                decoders[tables.id(index)].decode(stream, layout, out, stride)
            })?
        }
        Coding::Prefix => {
            let tables = Tables::prefix(tensor)?;
            let decoders: Vec<_> = tables.tables.iter().map(prefix::Decoder::new).collect();
            by_tile(tensor, |index, stream, layout, out, stride| {
                decoders[tables.id(index)].decode(stream, layout, out, stride)
            })?
        }
        Coding::Archive => super::archive::decode(tensor)?,
    };
    Ok(Codes::new(rows, cols, alphabet, symbols)?)
}

/// Decodes every tile by `one(tile, stream, layout, out, stride)`; bands of tiles in parallel.
fn by_tile(
    tensor: &EncodedTensor,
    one: impl Fn(usize, &[u8], Layout, &mut [u8], usize) -> std::result::Result<(), CodingError> + Sync,
) -> Result<Vec<u8>> {
    by_tile_with_place(tensor, |tile, _, stream, layout, out, stride| one(tile, stream, layout, out, stride))
}

/// The same, by `one(tile, first row, stream, layout, out, stride)`.
pub(super) fn by_tile_with_place(
    tensor: &EncodedTensor,
    one: impl Fn(usize, usize, &[u8], Layout, &mut [u8], usize) -> std::result::Result<(), CodingError> + Sync,
) -> Result<Vec<u8>> {
    let tile = facts(tensor)?.tile;
    let [rows, cols] = tensor.entry.shape;
    let ranges = tile_ranges(tensor)?;
    let stream = part(tensor, Part::Stream)?;
    let across = cols.div_ceil(tile.cols);
    let mut symbols = vec![0u8; rows * cols];
    symbols.par_chunks_mut(tile.rows.min(rows) * cols).enumerate().try_for_each(|(band, out)| {
        for index in band * across..(band + 1) * across {
            let (row, col, tile_rows, tile_cols) = tile.place(index, rows, cols);
            let layout = tile_layout(tile, tile_rows, tile_cols)?;
            let range = ranges[index].clone();
            let offset = range.start;
            one(index, row, &stream[range], layout, &mut out[col..], cols)
                .map_err(|source| KernelError::Tile { tile: index, offset, source })?;
        }
        Ok::<(), KernelError>(())
    })?;
    Ok(symbols)
}

/// The grid of a tensor, its side data decoded.
///
/// # Errors
/// When the tensor holds no codes, or its side data are missing or corrupt.
pub fn decode_grid(tensor: &EncodedTensor) -> Result<Grid> {
    let [rows, cols] = tensor.entry.shape;
    let GridEntry::AffineGroups { bits, group_size, dtype, zero } = facts(tensor)?.grid else {
        return Err(KernelError::Content { found: "an unknown grid", expected: "affine groups" });
    };
    let floats = |which: Part| -> Result<FloatVec> {
        let len = rows * (cols / group_size) * dtype.bytes();
        let bytes = planes::decode(part(tensor, which)?, len)
            .map_err(|source| KernelError::Part { part: which, source })?;
        Ok(FloatVec::new(dtype, bytes)?)
    };
    let biases = match zero {
        Some(zero) => Biases::Zero(zero),
        None => Biases::PerGroup(floats(Part::Biases)?),
    };
    let grid = AffineGroups { bits, group_size, scales: floats(Part::Scales)?, biases };
    grid.check(rows, cols)?;
    Ok(Grid::AffineGroups(grid))
}

/// The bytes of a tensor that is carried without codes.
///
/// # Errors
/// When the tensor holds codes, or its stream is missing or corrupt.
pub fn decode_raw(tensor: &EncodedTensor) -> Result<Vec<u8>> {
    let Content::Raw(raw) = &tensor.entry.content else {
        return Err(KernelError::Content { found: "codes", expected: "raw bytes" });
    };
    let len = usize::try_from(raw.bytes).unwrap_or(usize::MAX);
    planes::decode(part(tensor, Part::Stream)?, len)
        .map_err(|source| KernelError::Part { part: Part::Stream, source })
}
