//! The tuple coding.

use super::parameters::TuplesJob;
use super::stage::{SharedBytes, Stage};
use super::{Result, Uploads, decode_source};
use crate::compiler::{Program, Source};
use crate::kernels::CheckedProgram;
use ecq_codec::TupleLayout;
use ecq_core::{EncodedTensor, TensorPart};

const TUPLES: Source = decode_source!("decode_tuples.cu");
/// Bytes of the index before the entries of tiles, and of an entry.
const HEAD: u64 = 8;

fn program(tuple: usize, width: usize) -> Program {
    Program::new(TUPLES, &[("TUPLE", tuple), ("WIDTH", width), ("BITS", 0)])
}

/// Returns programs for the check of kernels.
pub(super) fn checked() -> Vec<CheckedProgram> {
    let checked = |[tuple, width]: [usize; 2]| {
        let program = program(tuple, width);
        CheckedProgram { program, hot: &[] }
    };
    [[2, 10], [3, 10], [4, 10]].map(checked).into()
}

/// Uploads a tensor and returns how it is decoded.
///
/// # Errors
/// If a part is corrupt, or memory is exhausted.
pub(super) fn stages(tensor: &EncodedTensor, uploads: &mut Uploads) -> Result<Vec<Stage>> {
    let TupleLayout { code, shape } = TupleLayout::of(tensor)?;
    let index = TupleLayout { code: code.clone(), shape }.index(tensor)?;
    let entries: Vec<[u32; 2]> = code
        .lookups()
        .into_iter()
        .map(|(symbols, length)| [u32::from_le_bytes(symbols), length.into()])
        .collect();
    let shared = SharedBytes { block: size_of_val(&entries[..]), warp: 0 };
    let [starts, corrections] = index.offsets().map(|offset| offset as u64);
    let bytes = uploads.add(tensor.part(TensorPart::Index)?)?;
    let tiles = bytes + HEAD;
    let job = TuplesJob {
        stream: uploads.add(tensor.part(TensorPart::Stream)?)?,
        tables: uploads.add(bytemuck::cast_slice(&entries))?,
        tiles,
        segments: tiles + HEAD * (shape.tiles() as u64 + 1),
        starts: bytes + starts,
        corrections: bytes + corrections,
        rows: shape.rows() as u32,
        cols: shape.cols() as u32,
        tile_count: shape.tiles() as u32,
        segment_count: shape.segments() as u32,
        segment_groups: shape.segment_groups() as u32,
        groups: shape.groups() as u32,
        reach: index.reach().try_into().unwrap_or(u32::MAX),
        table_bytes: shared.block as u32,
        alphabet: code.table().alphabet() as u32,
        unit: code.unit() as u32,
    };
    let warps = shape.tiles() * shape.segments();
    let program = program(code.tuple(), code.width() as usize);
    Ok(vec![Stage::new(program, "decode_tuples", warps, shared, &job)])
}
