use super::classes::Classed;
use super::plan::PREFIX_TOLERANCE;
use super::{Plan, stream_parts, table_part};
use crate::error::{CodecError, Result};
use crate::parts::{encode_classes, tile_layout};
use ecq_coding::prefix::{self, PrefixCode};
use ecq_coding::{CodingError, Layout, rans};
use ecq_core::{Codes, TensorPart, TensorParts};
use rayon::prelude::*;

/// Encodes table, index and stream of a rANS-coded tensor.
pub(super) fn rans(codes: &Codes, plan: &Plan) -> Result<TensorParts> {
    if let Some(Classed { classes, tables, .. }) = &plan.classed {
        let encoder = rans::Encoder::with_classes(tables, classes.clone())?;
        let streams = by_tile(codes, plan, |_, origin, symbols, stride, layout| {
            encoder.encode_at(origin, symbols, stride, layout)
        })?;
        let bytes: Vec<_> = tables.iter().map(|table| table.to_bytes()).collect();
        let mut parts = TensorParts::from(stream_parts(&streams)?);
        parts.insert(TensorPart::Table, table_part(&bytes, &encode_classes(classes, tables.len())));
        return Ok(parts);
    }
    let encoders: Vec<_> = plan.tables.iter().map(rans::Encoder::new).collect();
    let streams = by_tile(codes, plan, |table, _, symbols, stride, layout| {
        encoders[table].encode(symbols, stride, layout)
    })?;
    let tables: Vec<_> = plan.tables.iter().map(|table| table.to_bytes()).collect();
    parts(&tables, plan, &streams)
}

/// Encodes table, index and stream of a prefix-coded tensor.
pub(super) fn prefix(codes: &Codes, plan: &Plan) -> Result<TensorParts> {
    let best = |table| PrefixCode::best(table, PREFIX_TOLERANCE);
    let prefix_codes = plan.tables.iter().map(best).collect::<std::result::Result<Vec<_>, _>>()?;
    let encoders: Vec<_> = prefix_codes.iter().map(prefix::Encoder::new).collect();
    let streams = by_tile(codes, plan, |table, _, symbols, stride, layout| {
        encoders[table].encode(symbols, stride, layout)
    })?;
    let tables: Vec<_> = prefix_codes.iter().map(|code| code.to_bytes()).collect();
    parts(&tables, plan, &streams)
}

fn parts(tables: &[Vec<u8>], plan: &Plan, streams: &[Vec<u8>]) -> Result<TensorParts> {
    let mut parts = TensorParts::from(stream_parts(streams)?);
    parts.insert(TensorPart::Table, table_part(tables, if tables.len() > 1 { &plan.ids } else { &[] }));
    Ok(parts)
}

/// Encodes every tile with `one(table, row and column of its first symbol, symbols from there on, stride,
/// layout)`.
fn by_tile(
    codes: &Codes,
    plan: &Plan,
    one: impl Fn(usize, [usize; 2], &[u8], usize, Layout) -> std::result::Result<Vec<u8>, CodingError> + Sync,
) -> Result<Vec<Vec<u8>>> {
    let (rows, cols) = (codes.rows(), codes.cols());
    let tiles = plan.tile.count(rows, cols);
    let encode = |index: usize| {
        let (row, col, tile_rows, tile_cols) = plan.tile.place(index, rows, cols);
        let layout = tile_layout(plan.tile, tile_rows, tile_cols)?;
        let symbols = &codes.symbols()[row * cols + col..];
        one(plan.ids[index].into(), [row, col], symbols, cols, layout).map_err(CodecError::from)
    };
    (0..tiles).into_par_iter().map(encode).collect()
}
