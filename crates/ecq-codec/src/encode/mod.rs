//! Encodes codes and grids: selects coding, tile and tables, and writes the parts.

mod archive;
mod classes;
mod plan;
mod static_tables;

pub use plan::{
    ClassChoice, CodingChoice, EncodeOptions, Estimate, MIN_CLASS_SAVING, Plan, TileChoice, plan,
};

use crate::error::{CodecError, Result};
use crate::grid::{encode_outliers, encode_super_blocks};
use crate::packed::pack;
use bytes::Bytes;
use ecq_coding::planes;
use ecq_core::{
    AffineGroups, Biases, Codes, Coding, EncodedTensor, FloatType, FloatVec, Grid, GridEntry, RawEntry,
    SuperBlocks, TensorContent, TensorEntry, TensorKind, TensorPart, TensorParts, Tile, TrellisRows,
};

/// Encodes codes and their grid with `options`; returns the tensor and the plan, with the reason for the
/// coding.
///
/// # Errors
/// [`CodecError`] when the options or the grid do not fit the codes, or the stream of a tile is longer than 4
/// GiB.
pub fn encode(
    kind: TensorKind,
    codes: &Codes,
    grid: &Grid,
    options: &EncodeOptions,
) -> Result<(EncodedTensor, Plan)> {
    let plan = plan(codes, grid, options)?;
    let mut parts = match plan.coding {
        Coding::Packed => {
            let packed = pack(codes.symbols(), codes.cols(), codes.alphabet());
            TensorParts::from([(TensorPart::Stream, Bytes::from(packed))])
        }
        Coding::Rans => static_tables::rans(codes, &plan)?,
        Coding::Prefix => static_tables::prefix(codes, &plan)?,
        Coding::Archive => match grid {
            Grid::AffineGroups(groups) => archive::encode(codes, groups, &plan)?,
            _ => return Err(CodecError::UnsupportedGrid),
        },
        Coding::Tuples => match &plan.tuples {
            Some(layout) => TensorParts::from(layout.encode(codes)?),
            None => return Err(CodecError::UnsupportedGrid),
        },
    };
    let (entry, side) = side_data(grid, plan.tile, [codes.rows(), codes.cols()])?;
    parts.extend(side);
    let classes = plan.classed.as_ref().map(|classed| classed.classes.counts().map(|n| n as u8));
    let branch_tables = plan.classed.as_ref().is_some_and(|classed| classed.classes.branches().is_some());
    let (coding, alphabet, tile) = (plan.coding, codes.alphabet(), plan.tile);
    let content = TensorContent::Codes { coding, alphabet, tile, classes, branch_tables, grid: entry };
    let entry = TensorEntry { kind, shape: [codes.rows(), codes.cols()], content };
    Ok((EncodedTensor::new(entry, parts)?, plan))
}

/// Encodes the bytes of a tensor without codes. `fields` are the widths in bytes of an element's fields (see
/// [`ecq_coding::planes`]).
///
/// # Errors
/// [`CodecError`] when `fields` is not a list of 1 to 256 widths, or there are more than eight bytes per
/// weight.
pub fn encode_raw(
    kind: TensorKind,
    shape: [usize; 2],
    dtype: &str,
    bytes: &[u8],
    fields: &[usize],
) -> Result<EncodedTensor> {
    let stream = planes::encode(bytes, fields)?;
    let content = TensorContent::Raw(RawEntry { dtype: dtype.to_owned(), bytes: bytes.len() as u64 });
    let parts = TensorParts::from([(TensorPart::Stream, Bytes::from(stream))]);
    Ok(EncodedTensor::new(TensorEntry { kind, shape, content }, parts)?)
}

/// Returns the entry of a grid and the parts of its side data: floats as byte planes of one byte per field,
/// outliers tile by tile, and super-blocks as byte planes with their integers as one field.
///
/// # Errors
/// [`CodecError::MixedSideData`] when scales and biases have different types; [`CodecError::UnsupportedGrid`]
/// for an unknown grid.
pub fn side_data(grid: &Grid, tile: Tile, shape: [usize; 2]) -> Result<(GridEntry, TensorParts)> {
    let mut parts = TensorParts::new();
    let mut floats = |part: TensorPart, floats: &FloatVec| -> Result<FloatType> {
        let fields = vec![1; floats.dtype().bytes()];
        parts.insert(part, planes::encode(floats.as_bytes(), &fields)?.into());
        Ok(floats.dtype())
    };
    let entry = match grid {
        Grid::AffineGroups(AffineGroups { bits, group_size, scales, biases }) => {
            let dtype = floats(TensorPart::Scales, scales)?;
            let (zero, zeros) = match biases {
                Biases::Zero(zero) => (Some(*zero), false),
                Biases::PerGroup(biases) if biases.dtype() == dtype => {
                    floats(TensorPart::Biases, biases)?;
                    (None, false)
                }
                Biases::PerGroup(_) => return Err(CodecError::MixedSideData),
                Biases::Zeros(zeros) => {
                    parts.insert(TensorPart::Biases, planes::encode(zeros, &[1])?.into());
                    (None, true)
                }
            };
            GridEntry::AffineGroups { bits: *bits, group_size: *group_size, dtype, zero, zeros }
        }
        Grid::UniformRows(uniform) | Grid::TrellisRows(TrellisRows { uniform, .. }) => {
            let dtype = floats(TensorPart::Scales, &uniform.steps)?;
            let columns = uniform.col_scales.as_ref().map(|v| floats(TensorPart::Columns, v)).transpose()?;
            let levels = uniform.levels.as_ref().map(|v| floats(TensorPart::Levels, v)).transpose()?;
            let outliers = &uniform.outliers;
            if !outliers.is_empty() {
                parts.insert(TensorPart::Outliers, encode_outliers(outliers, tile, shape).into());
            }
            let (zero, per_row) = (uniform.zero, uniform.steps.len() != 1);
            let outliers = (!outliers.is_empty()).then_some(outliers.len() as u64);
            match grid {
                Grid::TrellisRows(TrellisRows { lag, restart, .. }) => {
                    let (lag, restart) = (*lag, *restart);
                    GridEntry::TrellisRows { zero, dtype, per_row, columns, outliers, lag, restart }
                }
                _ => GridEntry::UniformRows { zero, dtype, per_row, columns, levels, outliers },
            }
        }
        Grid::SuperBlocks(SuperBlocks { layout, steps, scales, minima }) => {
            let scales = scales.iter().map(|scale| scale.cast_unsigned());
            parts.insert(TensorPart::Scales, encode_super_blocks(steps, scales, *layout)?.into());
            if let Some(minima) = minima {
                let values = minima.values.iter().copied();
                parts.insert(TensorPart::Biases, encode_super_blocks(&minima.steps, values, *layout)?.into());
            }
            GridEntry::SuperBlocks { layout: *layout }
        }
        _ => return Err(CodecError::UnsupportedGrid),
    };
    Ok((entry, parts))
}

/// Returns the `table` part: `count - 1`, the tables, and the bytes that select them (`selectors`).
fn table_part(tables: &[Vec<u8>], selectors: &[u8]) -> Bytes {
    let mut out = vec![(tables.len() - 1) as u8];
    tables.iter().for_each(|table| out.extend(table));
    out.extend(selectors);
    out.into()
}

/// Returns the `index` part (the length of each tile's stream) and the `stream` part.
fn stream_parts(streams: &[Vec<u8>]) -> Result<[(TensorPart, Bytes); 2]> {
    let mut index = Vec::with_capacity(4 * streams.len());
    for (tile, stream) in streams.iter().enumerate() {
        let len = u32::try_from(stream.len()).map_err(|_| CodecError::TileTooLarge { tile })?;
        index.extend(len.to_le_bytes());
    }
    Ok([(TensorPart::Index, index.into()), (TensorPart::Stream, streams.concat().into())])
}
