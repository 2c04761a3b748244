//! The KL divergence of a quantized model on text that calibration did not use.

use super::HeldOut;
use super::collect::HEAD_TOKENS;
use super::embedding::EmbeddingAndHead;
use super::quantizer::BudgetedQuantizer;
use super::row_file::RowFile;
use crate::error::Result;
use ecq_format::container::TextKl;
use ecq_runtime::{Checkpoint, LogitsComparison};

/// Compares the models on each kind of text.
///
/// `residual` are the residual streams of the original and of the quantized model; the rows of `table` from
/// `first` on are those after the last block, of the tokens of `held_out`, one kind after another.
///
/// # Errors
/// Those of reading the checkpoint, the streams and the quantized head.
pub(super) fn measure(
    checkpoint: &Checkpoint,
    held_out: &[HeldOut],
    residual: &[RowFile; 2],
    table: usize,
    first: usize,
    quantizer: &mut BudgetedQuantizer<'_, '_>,
) -> Result<Vec<TextKl>> {
    if held_out.is_empty() {
        return Ok(Vec::new());
    }
    let ends = EmbeddingAndHead::load(checkpoint)?;
    let quantized = quantizer.written(&ends.head_name)?;
    let heads = [ends.head(), quantized.as_deref().unwrap_or(ends.head())];
    let vocabulary = ends.head().len() / ends.hidden;
    let mut measured = Vec::new();
    let mut start = first;
    for HeldOut { kind, tokens } in held_out {
        let end = start + tokens.len();
        let mut comparison = LogitsComparison::default();
        for row in (start..end).step_by(HEAD_TOKENS) {
            let rows = HEAD_TOKENS.min(end - row);
            let mut logits = [Vec::new(), Vec::new()];
            for ((logits, residual), head) in logits.iter_mut().zip(residual).zip(heads) {
                *logits = ends.logits(&residual.read(table, row, rows)?, head);
            }
            comparison.add(&logits[0], &logits[1], vocabulary);
        }
        start = end;
        let (kl, top1) = (comparison.kl(), comparison.top1());
        measured.push(TextKl {
            text: kind.clone(),
            tokens: comparison.tokens(),
            kl: rounded(kl.mean),
            stderr: rounded(kl.stderr),
            top1: rounded(top1.mean),
        });
    }
    Ok(measured)
}

/// Rounds to the digits that are stored: a value takes the same number of bytes in every run.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
