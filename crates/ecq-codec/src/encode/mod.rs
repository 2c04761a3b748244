//! Codes and grids to encoded tensors: which coding, tile and tables, and the parts that follow.

mod archive;
mod classes;
mod plan;
mod static_tables;

pub use plan::{
    ClassChoice, CodingChoice, EncodeOptions, Estimate, MIN_CLASS_SAVING, Plan, TileChoice, plan,
};

use crate::error::{CodecError, Result};
use crate::grid::encode_outliers;
use crate::packed::pack;
use bytes::Bytes;
use ecq_coding::planes;
use ecq_core::{
    AffineGroups, Biases, Codes, Coding, Content, EncodedTensor, Entry, FloatType, FloatVec, Grid, GridEntry,
    Kind, Part, Parts, RawEntry, Tile,
};

/// Encodes codes and their grid as `options` say; returns the tensor and why its coding was chosen.
///
/// # Errors
/// When the options or the grid do not fit the codes, or a stream passes 4 GiB a tile.
pub fn encode(
    kind: Kind,
    codes: &Codes,
    grid: &Grid,
    options: &EncodeOptions,
) -> Result<(EncodedTensor, Plan)> {
    let plan = plan(codes, grid, options)?;
    let mut parts = match plan.coding {
        Coding::Packed => {
            let packed = pack(codes.symbols(), codes.cols(), codes.alphabet());
            Parts::from([(Part::Stream, Bytes::from(packed))])
        }
        Coding::Rans => static_tables::rans(codes, &plan)?,
        Coding::Prefix => static_tables::prefix(codes, &plan)?,
        Coding::Archive => match grid {
            Grid::AffineGroups(groups) => archive::encode(codes, groups, &plan)?,
            _ => return Err(CodecError::UnsupportedGrid),
        },
    };
    let (entry, side) = side_data(grid, plan.tile, [codes.rows(), codes.cols()])?;
    parts.extend(side);
    let classes = plan.classed.as_ref().map(|classed| classed.classes.counts().map(|n| n as u8));
    let (coding, alphabet, tile) = (plan.coding, codes.alphabet(), plan.tile);
    let content = Content::Codes { coding, alphabet, tile, classes, grid: entry };
    let entry = Entry { kind, shape: [codes.rows(), codes.cols()], content };
    Ok((EncodedTensor::new(entry, parts)?, plan))
}

/// Encodes the bytes of a tensor that has no codes; `fields` are the parts of an element (see
/// [`ecq_coding::planes`]).
///
/// # Errors
/// When `fields` is not a list of 1 to 256 widths, or there are more than eight bytes a weight.
pub fn encode_raw(
    kind: Kind,
    shape: [usize; 2],
    dtype: &str,
    bytes: &[u8],
    fields: &[usize],
) -> Result<EncodedTensor> {
    let stream = planes::encode(bytes, fields)?;
    let content = Content::Raw(RawEntry { dtype: dtype.to_owned(), bytes: bytes.len() as u64 });
    let parts = Parts::from([(Part::Stream, Bytes::from(stream))]);
    Ok(EncodedTensor::new(Entry { kind, shape, content }, parts)?)
}

/// The facts of a grid and the parts of its side data: floats as byte planes, one field a byte; outliers tile
/// by tile.
///
/// # Errors
/// When scales and biases have different types, or this version encodes no such grid.
pub fn side_data(grid: &Grid, tile: Tile, shape: [usize; 2]) -> Result<(GridEntry, Parts)> {
    let mut parts = Parts::new();
    let mut floats = |part: Part, floats: &FloatVec| -> Result<FloatType> {
        let fields = vec![1; floats.dtype().bytes()];
        parts.insert(part, planes::encode(floats.as_bytes(), &fields)?.into());
        Ok(floats.dtype())
    };
    let entry = match grid {
        Grid::AffineGroups(AffineGroups { bits, group_size, scales, biases }) => {
            let dtype = floats(Part::Scales, scales)?;
            let (zero, zeros) = match biases {
                Biases::Zero(zero) => (Some(*zero), false),
                Biases::PerGroup(biases) if biases.dtype() == dtype => {
                    floats(Part::Biases, biases)?;
                    (None, false)
                }
                Biases::PerGroup(_) => return Err(CodecError::MixedSideData),
                Biases::Zeros(zeros) => {
                    parts.insert(Part::Biases, planes::encode(zeros, &[1])?.into());
                    (None, true)
                }
            };
            GridEntry::AffineGroups { bits: *bits, group_size: *group_size, dtype, zero, zeros }
        }
        Grid::UniformRows(uniform) => {
            let dtype = floats(Part::Scales, &uniform.steps)?;
            let columns = uniform.col_scales.as_ref().map(|v| floats(Part::Columns, v)).transpose()?;
            let levels = uniform.levels.as_ref().map(|v| floats(Part::Levels, v)).transpose()?;
            let outliers = &uniform.outliers;
            if !outliers.is_empty() {
                parts.insert(Part::Outliers, encode_outliers(outliers, tile, shape).into());
            }
            GridEntry::UniformRows {
                zero: uniform.zero,
                dtype,
                per_row: uniform.steps.len() != 1,
                columns,
                levels,
                outliers: (!outliers.is_empty()).then_some(outliers.len() as u64),
            }
        }
        _ => return Err(CodecError::UnsupportedGrid),
    };
    Ok((entry, parts))
}

/// `count - 1`, the tables one after the other, and what tells which symbol uses which.
fn table_part(tables: &[Vec<u8>], choice: &[u8]) -> Bytes {
    let mut out = vec![(tables.len() - 1) as u8];
    tables.iter().for_each(|table| out.extend(table));
    out.extend(choice);
    out.into()
}

/// The streams of tiles as the `index` part (a length each) and the `stream` part.
fn stream_parts(streams: &[Vec<u8>]) -> Result<[(Part, Bytes); 2]> {
    let mut index = Vec::with_capacity(4 * streams.len());
    for (tile, stream) in streams.iter().enumerate() {
        let len = u32::try_from(stream.len()).map_err(|_| CodecError::TileTooLarge { tile })?;
        index.extend(len.to_le_bytes());
    }
    Ok([(Part::Index, index.into()), (Part::Stream, streams.concat().into())])
}
