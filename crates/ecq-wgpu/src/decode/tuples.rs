//! The tuple coding.

use super::{Result, Stage, StageText, groups_of, push, words_of};
use crate::gpu::Gpu;
use crate::kernel::source;
use crate::tuples::{SLACK_WORDS, TupleStream};
use ecq_codec::{TupleLayout, decode_grid};
use ecq_coding::tuples::STREAM_ROW_BYTES;
use ecq_core::{EncodedTensor, TensorPart};

/// Returns the stage that decodes the tuple coding to bytes; if it is for products, also what those know that
/// decode it themselves, unless the table takes too much memory.
pub(super) fn stage(
    gpu: &Gpu,
    tensor: &EncodedTensor,
    products: bool,
) -> Result<(Stage, Option<TupleStream>)> {
    let layout = TupleLayout::of(tensor)?;
    let (code, shape, index) = (&layout.code, layout.shape, layout.index(tensor)?);
    let mut data: Vec<u32> = code
        .lookups()
        .into_iter()
        .flat_map(|(symbols, length)| [u32::from_le_bytes(symbols), length.into()])
        .collect();
    let segments =
        (0..shape.tiles()).flat_map(|tile| (0..shape.segments()).map(move |segment| (tile, segment)));
    let of_segment = |(tile, segment): (usize, usize)| {
        let (own, next) = (index.segment(tile, segment), index.segment(tile, segment + 1));
        [own.row, own.correction, next.row, next.correction].map(|place| place as u32)
    };
    let entries = push(&mut data, segments.flat_map(of_segment));
    let [starts_at, corrections_at] = index.offsets();
    let bytes = tensor.part(TensorPart::Index)?;
    let starts = push(&mut data, words_of(&bytes[starts_at..corrections_at]));
    let corrections = push(&mut data, words_of(&bytes[corrections_at..]));
    let table = push(&mut data, crate::tuples::registers(code));
    let stream = tensor.part(TensorPart::Stream)?;
    let mut words = words_of(stream);
    words.resize(words.len() + SLACK_WORDS, 0);
    let inputs = [gpu.filled("the stream", &words)?, gpu.filled("the tables", &data)?];
    let places = [table, entries, starts, corrections];
    let of_product = match products {
        true => TupleStream::new(gpu, (code, shape), &decode_grid(tensor)?, (inputs.clone(), places))?,
        false => None,
    };
    let count = shape.tiles() * shape.segments();
    let facts = [shape.rows(), shape.segments(), shape.segment_groups(), shape.groups()];
    let mut parameters: Vec<u32> = facts.map(|fact| fact as u32).to_vec();
    parameters.extend([(stream.len() / STREAM_ROW_BYTES) as u32, index.reach().min(1 << 20) as u32]);
    parameters.extend([code.table().alphabet() as u32, code.unit() as u32]);
    parameters.extend([entries, starts, corrections, count as u32, 0]);
    let stage = Stage {
        text: text(code.tuple(), code.width() as usize),
        weight: parameters.len() - 1,
        parameters,
        inputs,
        groups: groups_of(count),
        needs_branches: false,
        in_rows: false,
        lookup: None,
    };
    Ok((stage, of_product))
}

/// Returns the text of the stage for a number of symbols in a tuple and the bits of the longest codeword.
pub(super) fn text(tuple: usize, width: usize) -> StageText {
    StageText {
        entry: "decode_tuples",
        sources: vec![source::DECODE_TUPLES],
        constants: vec![("TUPLE", tuple), ("WIDTH", width)],
        listed: "",
    }
}
