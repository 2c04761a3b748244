use crate::error::{KernelError, Result};
use crate::parts::{Facts, facts, part};
use ecq_coding::{CodingError, planes};
use ecq_core::{
    AffineGroups, Biases, EncodedTensor, FloatType, FloatVec, Grid, GridEntry, Outlier, Part, Tile,
    UniformRows,
};

/// Bytes of an outlier in its part: `u32` place in the tile, `i32` delta.
const OUTLIER_BYTES: usize = 8;

/// The grid of a tensor, its side data decoded.
///
/// # Errors
/// When the tensor holds no codes, or its side data are missing or corrupt.
pub fn decode_grid(tensor: &EncodedTensor) -> Result<Grid> {
    let [rows, cols] = tensor.entry.shape;
    let Facts { alphabet, tile, grid, .. } = facts(tensor)?;
    let floats = |which: Part, dtype: FloatType, len: usize| -> Result<FloatVec> {
        let bytes = planes::decode(part(tensor, which)?, len.saturating_mul(dtype.bytes()))
            .map_err(|source| KernelError::Part { part: which, source })?;
        Ok(FloatVec::new(dtype, bytes)?)
    };
    let grid = match grid {
        GridEntry::AffineGroups { bits, group_size, dtype, zero } => {
            let groups = rows * (cols / group_size);
            let biases = match zero {
                Some(zero) => Biases::Zero(zero),
                None => Biases::PerGroup(floats(Part::Biases, dtype, groups)?),
            };
            let scales = floats(Part::Scales, dtype, groups)?;
            Grid::AffineGroups(AffineGroups { bits, group_size, scales, biases })
        }
        GridEntry::UniformRows { zero, dtype, per_row, columns, levels, outliers } => {
            let uniform = UniformRows {
                zero,
                steps: floats(Part::Scales, dtype, if per_row { rows } else { 1 })?,
                col_scales: columns.map(|dtype| floats(Part::Columns, dtype, cols)).transpose()?,
                levels: levels.map(|dtype| floats(Part::Levels, dtype, alphabet.into())).transpose()?,
                outliers: match outliers {
                    Some(count) => decode_outliers(part(tensor, Part::Outliers)?, count, tile, [rows, cols])?,
                    None => Vec::new(),
                },
            };
            Grid::UniformRows(uniform)
        }
        _ => {
            return Err(KernelError::Content {
                found: "an unknown grid",
                expected: "affine groups or uniform rows",
            });
        }
    };
    grid.check(rows, cols, alphabet)?;
    Ok(grid)
}

/// The part `outliers`: `u32` length of the coded counts, a `u32` count for each tile as byte planes, then the
/// outliers of all tiles, each tile's in ascending order of place, as byte planes.
///
/// # Errors
/// When the planes refuse.
pub fn encode_outliers(
    outliers: &[Outlier],
    tile: Tile,
    [rows, cols]: [usize; 2],
) -> std::result::Result<Vec<u8>, CodingError> {
    let across = cols.div_ceil(tile.cols);
    let mut placed: Vec<(usize, u32, i32)> = outliers
        .iter()
        .map(|outlier| {
            let (row, col) = ((outlier.index / cols as u64) as usize, (outlier.index % cols as u64) as usize);
            let index = row / tile.rows * across + col / tile.cols;
            let (first_row, first_col, _, tile_cols) = tile.place(index, rows, cols);
            (index, ((row - first_row) * tile_cols + col - first_col) as u32, outlier.delta)
        })
        .collect();
    placed.sort_unstable();
    let mut counts = vec![0u32; tile.count(rows, cols)];
    placed.iter().for_each(|&(index, ..)| counts[index] += 1);
    let counts: Vec<u8> = counts.iter().flat_map(|n| n.to_le_bytes()).collect();
    let entries: Vec<u8> =
        placed.iter().flat_map(|(_, at, delta)| [at.to_le_bytes(), delta.to_le_bytes()]).flatten().collect();
    let counts = planes::encode(&counts, &[1; 4])?;
    let mut out = (counts.len() as u32).to_le_bytes().to_vec();
    out.extend(counts);
    out.extend(planes::encode(&entries, &[1; OUTLIER_BYTES])?);
    Ok(out)
}

fn decode_outliers(bytes: &[u8], count: u64, tile: Tile, [rows, cols]: [usize; 2]) -> Result<Vec<Outlier>> {
    let corrupt = |source| KernelError::Part { part: Part::Outliers, source };
    let needed = |at, needed| corrupt(CodingError::Truncated { what: "outliers", at, needed });
    let (len, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| needed(0, 4))?;
    let len = u32::from_le_bytes(*len) as usize;
    let (counts, entries) = rest.split_at_checked(len).ok_or_else(|| needed(4, len))?;
    let tiles = tile.count(rows, cols);
    let counts = planes::decode(counts, tiles.saturating_mul(4)).map_err(corrupt)?;
    // At most one for each weight (the entry was checked), so this fits in memory if the weights do.
    let entries = planes::decode(entries, count as usize * OUTLIER_BYTES).map_err(corrupt)?;
    let mut entries = entries.as_chunks::<OUTLIER_BYTES>().0.iter();
    let mut outliers = Vec::with_capacity(entries.len());
    for (index, n) in counts.as_chunks::<4>().0.iter().enumerate() {
        let (row, col, tile_rows, tile_cols) = tile.place(index, rows, cols);
        let mut next = 0;
        for _ in 0..u32::from_le_bytes(*n) {
            let Some(&[a, b, c, d, delta @ ..]) = entries.next() else {
                return Err(KernelError::Outlier {
                    outlier: outliers.len(),
                    why: "the counts of tiles do not add up to the outliers",
                });
            };
            let at = u32::from_le_bytes([a, b, c, d]) as usize;
            if at < next || at >= tile_rows * tile_cols {
                return Err(KernelError::Outlier {
                    outlier: outliers.len(),
                    why: "is outside its tile or out of order",
                });
            }
            next = at + 1;
            let index = (row + at / tile_cols) as u64 * cols as u64 + (col + at % tile_cols) as u64;
            outliers.push(Outlier { index, delta: i32::from_le_bytes(delta) });
        }
    }
    if entries.next().is_some() {
        return Err(KernelError::Outlier {
            outlier: outliers.len(),
            why: "the counts of tiles do not add up to the outliers",
        });
    }
    // Tiles that stand side by side interleave the rows.
    outliers.sort_unstable_by_key(|outlier| outlier.index);
    Ok(outliers)
}
