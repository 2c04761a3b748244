//! Decodes tensors to codes: the reference of every faster path.

mod archive;

use crate::error::{CodecError, Result};
use crate::packed::unpack;
use crate::parts::{CodesEntry, Tables, tile_layout, tile_ranges};
use crate::tuples;
use ecq_coding::{CodingError, Layout, MAX_SYMBOLS_PER_BYTE, planes, prefix};
use ecq_core::{
    Codes, Coding, CoreError, EncodedTensor, TensorContent, TensorPart, code_bits, packed_row_bytes,
};
use rayon::prelude::*;

/// Decodes the integer codes of a tensor, tiles in parallel.
///
/// # Errors
/// [`CodecError`] when the tensor holds no codes, or a part is corrupt.
pub fn decode_codes(tensor: &EncodedTensor) -> Result<Codes> {
    let [rows, cols] = tensor.shape();
    let stream = tensor.part(TensorPart::Stream)?;
    // Checked before the allocation: a small file that claims a huge tensor must not exhaust memory.
    if rows * cols / MAX_SYMBOLS_PER_BYTE > stream.len() {
        let expected = rows * cols / MAX_SYMBOLS_PER_BYTE;
        return Err(CoreError::PartLength { part: TensorPart::Stream, found: stream.len(), expected }.into());
    }
    let mut symbols = vec![0; rows * cols];
    decode_codes_into(tensor, &mut symbols)?;
    Ok(Codes::new(rows, cols, CodesEntry::of(tensor)?.alphabet, symbols)?)
}

/// As [`decode_codes`], row-major into the caller's buffer of `rows * cols` symbols. Packed codes are not
/// checked against the alphabet.
///
/// # Errors
/// As [`decode_codes`], and [`CoreError::Length`] when the buffer has another length. It then holds
/// unspecified symbols.
pub fn decode_codes_into(tensor: &EncodedTensor, symbols: &mut [u8]) -> Result<()> {
    let CodesEntry { coding, alphabet, .. } = CodesEntry::of(tensor)?;
    let [rows, cols] = tensor.shape();
    if symbols.len() != rows * cols {
        let (found, expected) = (symbols.len(), rows * cols);
        return Err(CoreError::Length { what: "symbols in the buffer", found, expected }.into());
    }
    match coding {
        Coding::Packed => {
            // The tensor's constructor checks that the stream has `rows * row_bytes` bytes.
            let stream = tensor.part(TensorPart::Stream)?;
            let row_bytes = packed_row_bytes(cols, code_bits(alphabet));
            symbols
                .par_chunks_mut(cols)
                .zip(stream.par_chunks(row_bytes))
                .with_min_len((1 << 16) / cols.clamp(1, 1 << 16))
                .for_each(|(row, packed)| unpack(packed, alphabet, row));
            Ok(())
        }
        Coding::Rans => {
            let decoders = Tables::decoders(tensor)?;
            by_tile(tensor, symbols, |index, origin, stream, layout, out, stride| {
                decoders.tables[decoders.id(index)].decode_at(origin, stream, layout, out, stride)
            })
        }
        Coding::Prefix => {
            let tables = Tables::prefix(tensor)?;
            let decoders: Vec<_> = tables.tables.iter().map(prefix::Decoder::new).collect();
            by_tile(tensor, symbols, |index, _, stream, layout, out, stride| {
                decoders[tables.id(index)].decode(stream, layout, out, stride)
            })
        }
        Coding::Archive => archive::decode(tensor, symbols),
        Coding::Tuples => tuples::decode(tensor, symbols),
    }
}

/// Decodes every tile with `one(tile, first row and column, stream, layout, out, stride)`, bands of tiles in
/// parallel.
fn by_tile(
    tensor: &EncodedTensor,
    symbols: &mut [u8],
    one: impl Fn(usize, [usize; 2], &[u8], Layout, &mut [u8], usize) -> std::result::Result<(), CodingError>
    + Sync,
) -> Result<()> {
    let tile = CodesEntry::of(tensor)?.tile;
    let [rows, cols] = tensor.shape();
    let ranges = tile_ranges(tensor)?;
    let stream = tensor.part(TensorPart::Stream)?;
    let across = cols.div_ceil(tile.cols);
    symbols.par_chunks_mut(tile.rows.min(rows) * cols).enumerate().try_for_each(|(band, out)| {
        for (index, range) in ranges.iter().enumerate().skip(band * across).take(across) {
            let (row, col, tile_rows, tile_cols) = tile.place(index, rows, cols);
            let layout = tile_layout(tile, tile_rows, tile_cols)?;
            let offset = range.start;
            one(index, [row, col], &stream[range.clone()], layout, &mut out[col..], cols)
                .map_err(|source| CodecError::Tile { tile: index, offset, source })?;
        }
        Ok(())
    })
}

/// Decodes the bytes of a tensor that holds no codes.
///
/// # Errors
/// [`CodecError`] when the tensor holds codes, or its stream is corrupt.
pub fn decode_raw(tensor: &EncodedTensor) -> Result<Vec<u8>> {
    let TensorContent::Raw(raw) = &tensor.entry().content else {
        return Err(CodecError::Content { found: "codes", expected: "raw bytes" });
    };
    let len = usize::try_from(raw.bytes).unwrap_or(usize::MAX);
    planes::decode(tensor.part(TensorPart::Stream)?, len)
        .map_err(|source| CodecError::Part { part: TensorPart::Stream, source })
}
