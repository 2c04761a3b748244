use super::decode::{by_tile_with_place, decode_grid};
use crate::archive::{Model, group_classes};
use crate::error::{KernelError, Result};
use crate::parts::facts;
use ecq_coding::context::ContextCoder;
use ecq_core::{EncodedTensor, Grid, Part};

/// The symbols of an archived tensor.
pub(super) fn decode(tensor: &EncodedTensor) -> Result<Vec<u8>> {
    let alphabet = facts(tensor)?.alphabet;
    let model = Model::parse(tensor)?;
    let Grid::AffineGroups(grid) = decode_grid(tensor)? else {
        return Err(KernelError::Content { found: "an unknown grid", expected: "affine groups" });
    };
    let group_size = grid.group_size;
    let tables =
        model.tables(group_size).map_err(|source| KernelError::Part { part: Part::Table, source })?;
    let coder = ContextCoder::new(&tables);
    let classes = group_classes(&grid);
    let per_row = tensor.entry.shape[1] / group_size;
    by_tile_with_place(tensor, |_, first_row, stream, layout, out, _| {
        coder.decode(stream, layout, out, |row, col, row_so_far| {
            let group = col / group_size;
            let context = model.context(classes[(first_row + row) * per_row + group], col);
            model.table(context, &row_so_far[group * group_size..], alphabet, group_size)
        })
    })
}
