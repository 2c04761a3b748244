//! The KL divergence of a quantized model on text that calibration did not use.

use super::HeldOut;
use super::collect::HEAD_TOKENS;
use super::embedding::EmbeddingAndHead;
use super::row_file::RowFile;
use crate::error::Result;
use ecq_format::container::TextKl;
use ecq_runtime::LogitsComparison;

/// Compares the models on each kind of text.
///
/// `residual` are the residual streams of the original and of the quantized model; the rows of `table` from
/// `first` on are those after the last block, of the tokens of `held_out`, one kind after another. Without a
/// quantized head, both models have the original one.
///
/// # Errors
/// Those of reading the checkpoint and the streams.
pub(super) fn measure(
    ends: &EmbeddingAndHead,
    held_out: &[HeldOut],
    residual: &[RowFile; 2],
    (table, first): (usize, usize),
    quantized_head: Option<&[f32]>,
) -> Result<Vec<TextKl>> {
    let heads = [ends.head(), quantized_head.unwrap_or(ends.head())];
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

#[cfg(test)]
mod tests {
    use super::super::{CalibrationOptions, CalibrationText, Document, OwnText, Sequences, pack_calibrated};
    use super::*;
    use crate::source;
    use crate::{GridChoice, PackOptions, Target};
    use ecq_core::{Element, Limits};
    use ecq_format::container::EcqFile;
    use ecq_runtime::backend::{ActivationType, Cpu, CpuOptions};
    use ecq_runtime::kv::KvOptions;
    use ecq_runtime::{
        Batch, Checkpoint, Executor, ExecutorOptions, LoadOptions, LogitsSelection, Mode, Model,
    };
    use std::path::Path;
    use std::sync::Arc;

    /// The logits of all tokens of sequences, by the runtime.
    fn logits(file: &Path, tokens: &[u32], length: usize) -> Vec<f32> {
        let checkpoint = Checkpoint::open(file, &Limits::default()).unwrap();
        let cpu = CpuOptions { activations: ActivationType::F32, ..CpuOptions::default() };
        let load = LoadOptions { mode: Mode::Cached, budget_bytes: None, free_bytes: None };
        let model = Arc::new(Model::load(&checkpoint, Arc::new(Cpu::new(cpu).unwrap()), load).unwrap());
        let kv = KvOptions { element: Element::F32, ..KvOptions::default() };
        let options = ExecutorOptions { kv, ..ExecutorOptions::default() };
        let mut executor = Executor::new(model, options).unwrap();
        let mut all = Vec::new();
        for tokens in tokens.chunks(length) {
            let (mut sequence, mut batch) = (executor.sequence(), Batch::new());
            batch.push(&mut sequence, tokens, tokens.len(), LogitsSelection::All).unwrap();
            executor.logits(&batch, |_, logits| all.extend_from_slice(logits)).unwrap();
        }
        all
    }

    #[test]
    fn measured_kl_is_that_of_the_runtime() {
        let folder = tempfile::tempdir().unwrap();
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq");
        let (whole, layers) = (folder.path().join("whole"), folder.path().join("layers"));
        let export = crate::CheckpointOptions::new(crate::CheckpointFormat::Safetensors);
        crate::export_checkpoint(&tiny, &whole, &export, &Limits::default(), &()).unwrap();
        ecq_fixtures::checkpoint::first_layers(&whole, &layers, 2).unwrap();
        let source = source::open(&layers, &Limits::default()).unwrap();
        let part = |document: Document| Document { text: document.text[..4000].to_owned(), ..document };
        let documents = CalibrationText::default_documents().into_iter().take(2).map(part).collect();
        let calibration = CalibrationOptions {
            text: CalibrationText { documents, own: OwnText::No },
            tokens: 512,
            distillation_tokens: 256,
            sequence_length: 32,
            seed: 0,
            reference_grid: None,
            reuse: false,
        };
        let (work, out) = (folder.path().join("work"), folder.path().join("x.ecq"));
        // The head is quantized too.
        let options = PackOptions {
            linear: GridChoice::uniform(None),
            embedding: GridChoice::uniform(None),
            target: Target::Bpw(2.5),
            ..PackOptions::default()
        };
        let report =
            pack_calibrated(&*source, "layers", Some(&out), &work, options.clone(), &calibration, &())
                .unwrap();
        let kinds: Vec<&str> = report.measured_kl.iter().map(|measured| measured.text.as_str()).collect();
        assert_eq!(kinds, ["prose", "manuals"]);
        assert_eq!(EcqFile::open(&out, &Limits::default()).unwrap().model().measured_kl, report.measured_kl);

        let dry = pack_calibrated(&*source, "layers", None, &work, options, &calibration, &()).unwrap();
        assert_eq!((dry.measured_kl, dry.file_bytes), (report.measured_kl.clone(), report.file_bytes));

        let reference = std::fs::read_dir(&work).unwrap().map(|entry| entry.unwrap().path());
        let reference =
            reference.into_iter().find(|path| path.extension().is_some_and(|e| e == "ecq")).unwrap();
        let checkpoint = Checkpoint::open(&reference, &Limits::default()).unwrap();
        let sequences = Sequences::new(&checkpoint, &calibration, &()).unwrap();
        let vocabulary = checkpoint.config().vocabulary;
        for (measured, HeldOut { kind, tokens }) in report.measured_kl.iter().zip(&sequences.held_out) {
            let mut expected = LogitsComparison::default();
            let [reference, quantized] =
                [&reference, &out].map(|file| logits(file, tokens, sequences.length));
            expected.add(&reference, &quantized, vocabulary);
            assert_eq!((&measured.text, measured.tokens), (kind, expected.tokens()));
            let kl = expected.kl();
            assert!(kl.mean > 0.01, "{kl:?}");
            assert!((measured.kl - kl.mean).abs() < 1e-4 + 1e-3 * kl.mean, "{measured:?}, {kl:?}");
            assert!((measured.stderr - kl.stderr).abs() < 1e-4 + 1e-3 * kl.stderr, "{measured:?}, {kl:?}");
        }
    }
}
