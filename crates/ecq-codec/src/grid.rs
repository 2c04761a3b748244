//! The side data of grids.

use crate::error::{CodecError, Result};
use crate::parts::CodesEntry;
use ecq_coding::planes;
use ecq_core::{
    AffineGroups, Biases, CoreError, EncodedTensor, FloatType, FloatVec, Grid, GridEntry, Minima, Outlier,
    SUPER_BLOCK, SuperBlockLayout, SuperBlocks, TensorPart, Tile, TrellisRows, UniformRows,
};

/// Decodes the grid of a tensor.
///
/// # Errors
/// [`CodecError`] when the tensor holds no codes, or its side data are corrupt.
pub fn decode_grid(tensor: &EncodedTensor) -> Result<Grid> {
    let [rows, cols] = tensor.shape();
    let CodesEntry { alphabet, tile, grid, .. } = CodesEntry::of(tensor)?;
    let bytes = |which: TensorPart, len: usize| {
        let decoded = planes::decode(tensor.part(which)?, len);
        decoded.map_err(|source| CodecError::Part { part: which, source })
    };
    let floats = |which: TensorPart, dtype: FloatType, len: usize| -> Result<FloatVec> {
        Ok(FloatVec::new(dtype, bytes(which, len.saturating_mul(dtype.bytes()))?)?)
    };
    let grid = match grid {
        GridEntry::AffineGroups { bits, group_size, dtype, zero, zeros } => {
            let groups = rows * (cols / group_size);
            let biases = match zero {
                Some(zero) => Biases::Zero(zero),
                None if zeros => Biases::Zeros(bytes(TensorPart::Biases, groups)?),
                None => Biases::PerGroup(floats(TensorPart::Biases, dtype, groups)?),
            };
            let scales = floats(TensorPart::Scales, dtype, groups)?;
            Grid::AffineGroups(AffineGroups { bits, group_size, scales, biases })
        }
        GridEntry::UniformRows { zero, dtype, per_row, columns, levels, outliers } => {
            let uniform = UniformRows {
                zero,
                steps: floats(TensorPart::Scales, dtype, if per_row { rows } else { 1 })?,
                col_scales: columns.map(|dtype| floats(TensorPart::Columns, dtype, cols)).transpose()?,
                levels: levels.map(|dtype| floats(TensorPart::Levels, dtype, alphabet.into())).transpose()?,
                outliers: match outliers {
                    Some(count) => {
                        decode_outliers(tensor.part(TensorPart::Outliers)?, count, tile, [rows, cols])?
                    }
                    None => Vec::new(),
                },
            };
            Grid::UniformRows(uniform)
        }
        GridEntry::TrellisRows { zero, dtype, per_row, columns, outliers, lag, restart } => {
            let uniform = UniformRows {
                zero,
                steps: floats(TensorPart::Scales, dtype, if per_row { rows } else { 1 })?,
                col_scales: columns.map(|dtype| floats(TensorPart::Columns, dtype, cols)).transpose()?,
                levels: None,
                outliers: match outliers {
                    Some(count) => {
                        decode_outliers(tensor.part(TensorPart::Outliers)?, count, tile, [rows, cols])?
                    }
                    None => Vec::new(),
                },
            };
            Grid::TrellisRows(TrellisRows { uniform, lag, restart })
        }
        GridEntry::SuperBlocks { layout } => {
            let blocks = rows * (cols / SUPER_BLOCK);
            let side = |which: TensorPart| -> Result<(FloatVec, Vec<u8>)> {
                let len = blocks.saturating_mul(STEP_BYTES + layout.groups());
                split_steps(&bytes(which, len)?, layout)
            };
            let (steps, scales) = side(TensorPart::Scales)?;
            let scales = scales.into_iter().map(u8::cast_signed).collect();
            let minima = match layout.largest_minimum() {
                Some(_) => {
                    let (steps, values) = side(TensorPart::Biases)?;
                    Some(Minima { steps, values })
                }
                None => None,
            };
            Grid::SuperBlocks(SuperBlocks { layout, steps, scales, minima })
        }
        _ => {
            return Err(CodecError::Content {
                found: "a grid of an unknown kind",
                expected: "affine groups, uniform rows, trellis rows or super-blocks",
            });
        }
    };
    grid.check(rows, cols, alphabet)?;
    Ok(grid)
}

/// Bytes of the step of a super-block.
const STEP_BYTES: usize = 2;

/// Encodes steps and integers of super-blocks: an element of the byte planes is a super-block. The two bytes
/// of its step are a field each, its integers one field.
///
/// # Errors
/// [`CodecError::Coding`] is not expected: the fields are valid.
pub(crate) fn encode_super_blocks(
    steps: &FloatVec,
    integers: impl Iterator<Item = u8>,
    layout: SuperBlockLayout,
) -> Result<Vec<u8>> {
    let mut integers = integers;
    let mut bytes = Vec::with_capacity(steps.len() * (STEP_BYTES + layout.groups()));
    for step in steps.as_bytes().chunks(STEP_BYTES) {
        bytes.extend(step);
        bytes.extend(integers.by_ref().take(layout.groups()));
    }
    Ok(planes::encode(&bytes, &[1, 1, layout.groups()])?)
}

/// Separates the steps of super-blocks from their integers.
fn split_steps(bytes: &[u8], layout: SuperBlockLayout) -> Result<(FloatVec, Vec<u8>)> {
    let (mut steps, mut integers) = (Vec::new(), Vec::new());
    for block in bytes.chunks_exact(STEP_BYTES + layout.groups()) {
        steps.extend(&block[..STEP_BYTES]);
        integers.extend(&block[STEP_BYTES..]);
    }
    Ok((FloatVec::new(FloatType::F16, steps)?, integers))
}

/// Encodes the part `outliers`: for each tile a varint count, then for each of its outliers two varints: the
/// number of weights (row-major in the tile) between it and the previous outlier or the start, and its delta
/// in zigzag form.
///
/// # Panics
/// When an outlier is outside the matrix.
pub fn encode_outliers(outliers: &[Outlier], tile: Tile, [rows, cols]: [usize; 2]) -> Vec<u8> {
    let across = cols.div_ceil(tile.cols);
    let mut tiles = vec![Vec::new(); tile.count(rows, cols)];
    for outlier in outliers {
        let (row, col) = ((outlier.index / cols as u64) as usize, (outlier.index % cols as u64) as usize);
        let index = row / tile.rows * across + col / tile.cols;
        let (first_row, first_col, _, tile_cols) = tile.place(index, rows, cols);
        tiles[index].push(((row - first_row) * tile_cols + col - first_col, outlier.delta));
    }
    let mut out = Vec::new();
    for tile in tiles {
        put_varint(&mut out, tile.len() as u64);
        let mut next = 0;
        for (at, delta) in tile {
            put_varint(&mut out, (at - next) as u64);
            put_varint(&mut out, u64::from((delta << 1 ^ delta >> 31) as u32));
            next = at + 1;
        }
    }
    out
}

fn decode_outliers(bytes: &[u8], count: u64, tile: Tile, [rows, cols]: [usize; 2]) -> Result<Vec<Outlier>> {
    // An outlier takes two bytes at least.
    if count > bytes.len() as u64 {
        let (found, expected) = (bytes.len(), usize::try_from(count.saturating_mul(2)).unwrap_or(usize::MAX));
        return Err(CoreError::PartLength { part: TensorPart::Outliers, found, expected }.into());
    }
    let mut bytes = bytes.iter();
    let mut outliers = Vec::with_capacity(count as usize);
    for index in 0..tile.count(rows, cols) {
        let (row, col, tile_rows, tile_cols) = tile.place(index, rows, cols);
        let invalid = |outlier: usize, reason| CodecError::Outlier { outlier, reason };
        let ends = || invalid(outliers.len(), "the part ends before the outlier");
        let in_tile = varint(&mut bytes).ok_or_else(ends)?;
        if in_tile > count - outliers.len() as u64 {
            return Err(invalid(outliers.len(), "the tiles have more outliers than the tensor"));
        }
        let mut next = 0u64;
        for _ in 0..in_tile {
            let ends = || invalid(outliers.len(), "the part ends before the outlier");
            let (gap, zigzag) = (varint(&mut bytes).ok_or_else(ends)?, varint(&mut bytes).ok_or_else(ends)?);
            let at = next.checked_add(gap).filter(|&at| at < (tile_rows * tile_cols) as u64);
            let at = at.ok_or(invalid(outliers.len(), "the outlier is outside its tile"))? as usize;
            let zigzag = u32::try_from(zigzag)
                .map_err(|_| invalid(outliers.len(), "the delta has more than 32 bits"))?;
            next = at as u64 + 1;
            let index = (row + at / tile_cols) as u64 * cols as u64 + (col + at % tile_cols) as u64;
            outliers.push(Outlier { index, delta: (zigzag >> 1) as i32 ^ -((zigzag & 1) as i32) });
        }
    }
    if outliers.len() as u64 != count || bytes.next().is_some() {
        let reason =
            "the counts of the tiles, the count of the tensor and the length of the part do not agree";
        return Err(CodecError::Outlier { outlier: outliers.len(), reason });
    }
    // Tiles beside each other interleave their rows.
    outliers.sort_unstable_by_key(|outlier| outlier.index);
    Ok(outliers)
}

fn put_varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Reads a number of seven bits per byte, least significant first; `None` if the bytes end or it has more
/// than 63 bits.
fn varint(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u64> {
    let mut n = 0;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.next()?;
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(n);
        }
    }
    None
}
