//! Codes and grids to encoded tensors.

mod archive;
mod plan;
mod static_tables;

pub(crate) use plan::name;
pub use plan::{CodingChoice, EncodeOptions, Estimate, Plan, TileChoice, plan};

use crate::error::{PackError, Result};
use bytes::Bytes;
use ecq_coding::planes;
use ecq_core::{
    AffineGroups, Biases, Codes, Coding, Content, EncodedTensor, Entry, Grid, GridEntry, Kind, Part, Parts,
    RawEntry,
};

/// Encodes codes and their grid as `options` say; returns the tensor and why its coding was chosen.
///
/// # Errors
/// When the options do not fit the tensor, or a stream passes 4 GiB a tile.
pub fn encode(
    kind: Kind,
    codes: &Codes,
    grid: &Grid,
    options: &EncodeOptions,
) -> Result<(EncodedTensor, Plan)> {
    let Grid::AffineGroups(groups) = grid else {
        return Err(PackError::UnknownGrid);
    };
    let plan = plan(codes, grid, options)?;
    let mut parts = match plan.coding {
        Coding::Packed => {
            let packed = ecq_kernels::cpu::pack(codes.symbols(), codes.cols(), codes.alphabet());
            Parts::from([(Part::Stream, Bytes::from(packed))])
        }
        Coding::Rans => static_tables::rans(codes, &plan)?,
        Coding::Prefix => static_tables::prefix(codes, &plan)?,
        Coding::Archive => archive::encode(codes, groups, &plan)?,
    };
    let (entry, side) = side_data(groups)?;
    parts.extend(side);
    let content =
        Content::Codes { coding: plan.coding, alphabet: codes.alphabet(), tile: plan.tile, grid: entry };
    let entry = Entry { kind, shape: [codes.rows(), codes.cols()], content };
    Ok((EncodedTensor { entry, parts }, plan))
}

/// Encodes the bytes of a tensor that has no codes; `fields` are the parts of an element (see
/// [`ecq_coding::planes`]).
///
/// # Errors
/// When `fields` is not a list of 1 to 256 widths.
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
    Ok(EncodedTensor { entry: Entry { kind, shape, content }, parts })
}

/// Scales and biases as byte planes: one field a byte of a float.
fn side_data(groups: &AffineGroups) -> Result<(GridEntry, Parts)> {
    let dtype = groups.scales.dtype();
    let fields = vec![1; dtype.bytes()];
    let mut parts = Parts::from([(Part::Scales, planes::encode(groups.scales.as_bytes(), &fields)?.into())]);
    let zero = match &groups.biases {
        Biases::Zero(zero) => Some(*zero),
        Biases::PerGroup(biases) if biases.dtype() == dtype => {
            parts.insert(Part::Biases, planes::encode(biases.as_bytes(), &fields)?.into());
            None
        }
        Biases::PerGroup(_) => return Err(PackError::MixedSideData),
    };
    Ok((GridEntry::AffineGroups { bits: groups.bits, group_size: groups.group_size, dtype, zero }, parts))
}

/// `count - 1`, the tables one after the other, and, if there are several, each tile's table.
fn table_part(tables: &[Vec<u8>], ids: &[u8]) -> Bytes {
    let mut out = vec![(tables.len() - 1) as u8];
    tables.iter().for_each(|table| out.extend(table));
    if tables.len() > 1 {
        out.extend(ids);
    }
    out.into()
}

/// The streams of tiles as the `index` part (a length each) and the `stream` part.
fn stream_parts(streams: &[Vec<u8>]) -> Result<[(Part, Bytes); 2]> {
    let mut index = Vec::with_capacity(4 * streams.len());
    for (tile, stream) in streams.iter().enumerate() {
        let len = u32::try_from(stream.len()).map_err(|_| PackError::TileTooLarge { tile })?;
        index.extend(len.to_le_bytes());
    }
    Ok([(Part::Index, index.into()), (Part::Stream, streams.concat().into())])
}
