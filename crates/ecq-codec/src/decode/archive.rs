use super::by_tile;
use crate::archive::{Model, group_classes};
use crate::error::{CodecError, Result};
use crate::grid::decode_grid;
use crate::parts::CodesEntry;
use ecq_coding::context::ContextCoder;
use ecq_core::{EncodedTensor, Grid, TensorPart};

/// Decodes the symbols of an archived tensor, row-major.
pub(super) fn decode(tensor: &EncodedTensor, symbols: &mut [u8]) -> Result<()> {
    let alphabet = CodesEntry::of(tensor)?.alphabet;
    let model = Model::parse(tensor)?;
    let Grid::AffineGroups(grid) = decode_grid(tensor)? else {
        return Err(CodecError::Content { found: "a grid without groups", expected: "affine groups" });
    };
    let group_size = grid.group_size;
    let tables =
        model.tables(group_size).map_err(|source| CodecError::Part { part: TensorPart::Table, source })?;
    let coder = ContextCoder::new(&tables);
    let chooser = model.chooser(alphabet, group_size);
    let classes = group_classes(&grid);
    let per_row = tensor.shape()[1] / group_size;
    by_tile(tensor, symbols, |_, [first_row, _], stream, layout, out, _| {
        // The ends that each row's group misses. The coder visits the columns in order.
        let mut missing = vec![0; layout.rows()];
        coder.decode(stream, layout, out, |row, col, before| {
            let (group, at) = (col / group_size, col % group_size);
            let missing = &mut missing[row];
            *missing = chooser.missing(*missing, at, before);
            chooser.table(model.context(classes[(first_row + row) * per_row + group], col), *missing, at)
        })
    })
}
