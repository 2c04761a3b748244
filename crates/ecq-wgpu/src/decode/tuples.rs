//! The tuple coding.

use super::{Result, Sink, Stage, push, words_of};
use crate::gpu::Gpu;
use crate::kernel::source;
use ecq_codec::TupleLayout;
use ecq_core::{EncodedTensor, TensorPart};

/// Bytes of a stream row.
const STREAM_ROW_BYTES: usize = ecq_coding::tuples::STREAM_ROW_BYTES;

/// Returns the stage that decodes the tuple coding to bytes.
pub(super) fn stage(gpu: &Gpu, tensor: &EncodedTensor, sink: &Sink) -> Result<Stage> {
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
    let stream = tensor.part(TensorPart::Stream)?;
    let count = shape.tiles() * shape.segments();
    let mut kernel = sink.kernel("decode_tuples", source::DECODE_TUPLES, false);
    kernel.constants.extend([("TUPLE", code.tuple()), ("WIDTH", code.width() as usize)]);
    let mut parameters = sink.words().to_vec();
    let facts = [shape.rows(), shape.segments(), shape.segment_groups(), shape.groups()];
    parameters.extend(facts.map(|fact| fact as u32));
    parameters.extend([(stream.len() / STREAM_ROW_BYTES) as u32, index.reach().min(1 << 20) as u32]);
    parameters.extend([code.table().alphabet() as u32, code.unit() as u32]);
    parameters.extend([entries, starts, corrections, count as u32, 0]);
    Ok(Stage {
        kernel,
        weight: Some(parameters.len() - 1),
        parameters,
        inputs: vec![gpu.filled("the stream", &words_of(stream))?, gpu.filled("the tables", &data)?],
        groups: Sink::groups(count),
    })
}
