//! The survey of a model: a forward and a backward pass over the calibration text.

use super::block::{Block, GradientObserver, Observation, Stage, scale_rows};
use super::embedding::{EmbeddingAndHead, HeadSums};
use super::input::Input;
use super::journal::{Journal, JournalLocation};
use super::row_file::RowFile;
use super::statistics::{GradientSums, Gram};
use super::survey::MatrixSurvey;
use super::{Calibration, STATISTICS, STREAM, SURVEY, Sequences, batches, file_of, for_batches, remove};
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::progress::{Progress, check};
use ecq_runtime::Checkpoint;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// Tokens whose logits are in memory together.
pub(super) const HEAD_TOKENS: usize = 128;

/// The state of a collection in its journal: the number of blocks that each pass has completed.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct CollectionState {
    forward: usize,
    backward: usize,
}

/// Inputs whose moments were measured, and factorizations of these.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SurveyWork {
    pub(super) inputs: usize,
    pub(super) factorizations: usize,
}

impl SurveyWork {
    /// Counts an input unless no matrix needs its factor.
    pub(super) fn add(&mut self, input: &Input) {
        self.inputs += usize::from(input.factorizations() > 0);
        self.factorizations += input.factorizations();
    }
}

/// The grids that matrices are surveyed on.
#[derive(Debug, Clone, Copy)]
pub(super) struct SurveyGrids<'a> {
    /// The grid of each tensor, by its name in the file.
    pub(super) choices: &'a HashMap<&'a str, GridChoice>,
    /// A grid whose predicted KL divergence is wanted as well.
    pub(super) reference: Option<GridChoice>,
}

impl SurveyGrids<'_> {
    /// Returns the grid of a tensor.
    pub(super) fn of(&self, tensor: &str) -> GridChoice {
        self.choices.get(tensor).copied().unwrap_or(GridChoice::Keep)
    }

    /// Returns the input of the tensors `names` with these moments.
    pub(super) fn input<'b>(
        &self,
        cols: usize,
        hessian: Vec<f32>,
        names: impl IntoIterator<Item = &'b str>,
    ) -> Input {
        let uniform = names.into_iter().filter_map(|name| match self.of(name) {
            GridChoice::Uniform { trellis, .. } => Some(trellis),
            _ => None,
        });
        Input::new(cols, hessian, uniform)
    }
}

/// The sums of the matrices of a block.
struct BlockSums {
    /// For each stage, its matrices, and the moments of their input.
    inputs: Vec<(Vec<usize>, Gram)>,
    /// By matrix.
    gradients: Vec<GradientSums>,
}

impl BlockSums {
    fn new(block: &Block) -> Self {
        let stages = Stage::ALL.into_iter().map(|stage| block.matrices_of(stage));
        let inputs = stages.filter_map(|matrices| {
            let cols = block.matrices[*matrices.first()?].shape[1];
            Some((matrices, Gram::new(cols)))
        });
        let gradients = block.matrices.iter().map(|matrix| GradientSums::new(matrix.shape[0]));
        Self { inputs: inputs.collect(), gradients: gradients.collect() }
    }

    /// Surveys the matrices of the block and writes the surveys to `folder`.
    fn survey(
        self,
        block: &Block,
        grids: SurveyGrids<'_>,
        folder: &Path,
        work: &mut SurveyWork,
    ) -> Result<()> {
        for (matrices, gram) in self.inputs {
            let (tokens, first) = (gram.count(), &block.matrices[matrices[0]]);
            let names = matrices.iter().map(|&index| block.matrices[index].name.as_str());
            let mut input = grids.input(first.shape[1], gram.mean(), names);
            for index in matrices {
                let matrix = &block.matrices[index];
                let moments = self.gradients[index].mean(tokens);
                let (choice, reference) = (grids.of(&matrix.name), grids.reference);
                MatrixSurvey::new(&mut input, matrix.shape, matrix.weights(), moments, choice, reference)
                    .and_then(|survey| survey.save(&file_of(folder, &matrix.name, SURVEY)))
                    .map_err(|error| error.with_tensor(&matrix.name))?;
            }
            work.add(&input);
        }
        Ok(())
    }
}

impl GradientObserver for BlockSums {
    fn observe(&mut self, product: Observation<'_>) -> Result<()> {
        let Observation { matrix, x, dy, norm_factors, .. } = product;
        if let (Some(factors), [dy]) = (norm_factors, dy) {
            // A norm divides by the deviation of its inputs, so that an error counts for less the larger the
            // outputs of its token are. With inputs and outputs over that deviation gradients are alike in
            // all tokens, as the product of two moments takes them to be.
            let (mut x, mut dy) = (x.to_vec(), dy.to_vec());
            scale_rows(&mut x, factors);
            scale_rows(&mut dy, &factors.iter().map(|factor| factor.recip()).collect::<Vec<f32>>());
            return self.observe(Observation { x: &x, dy: &[&dy], norm_factors: None, ..product });
        }
        // Matrices of a stage have the same inputs, which are added once.
        let led = self.inputs.iter_mut().find(|(matrices, _)| matrices.first() == Some(&matrix));
        let tokens = dy.iter().map(|dy| dy.len()).sum::<usize>() / self.gradients[matrix].rows();
        if let Some((_, gram)) = led {
            gram.add(x);
        }
        self.gradients[matrix].add(tokens, dy);
        Ok(())
    }
}

impl Calibration {
    /// Runs a model on `sequences` and writes the surveys of its matrices to a folder; resumes an interrupted
    /// run after its last block.
    ///
    /// # Errors
    /// [`PackError::Runtime`] if a tensor is missing or damaged or a token is not in the vocabulary,
    /// [`PackError::Calibration`] if the architecture is not supported or logits are not finite,
    /// [`PackError::Io`], [`PackError::Cancelled`].
    pub(super) fn collect(
        checkpoint: &Checkpoint,
        sequences: &Sequences,
        grids: SurveyGrids<'_>,
        location: JournalLocation<'_>,
        progress: &dyn Progress,
    ) -> Result<(Self, SurveyWork)> {
        let mut journal = Journal::<CollectionState>::open(location)?;
        let mut work = SurveyWork::default();
        if journal.is_done() {
            return Ok((Self::at(location), work));
        }
        let config = checkpoint.config();
        let (hidden, layers, length) = (config.hidden, config.blocks.len(), sequences.length);
        Block::check(config)?;
        let (tokens, folder) = (&sequences.tokens, location.folder);
        if let Some(&token) = tokens.iter().find(|&&token| token as usize >= config.vocabulary) {
            return Err(
                ecq_runtime::RuntimeError::UnknownToken { token, vocabulary: config.vocabulary }.into()
            );
        }
        let batches = batches(tokens.len(), length);
        // Table `i` is the residual stream before block `i`. Two more tables, which alternate, hold the
        // gradients after and before a block.
        let stream = RowFile::open(folder, STREAM, tokens.len(), hidden)?;
        let gradients_before = |layer: usize| layers + 1 + layer % 2;

        progress.begin("calibrating", (tokens.len() * (3 * layers + 2)) as u64);
        let ends = EmbeddingAndHead::load(checkpoint)?;
        let CollectionState { forward, backward } = *journal.state();
        if forward == 0 {
            for &(start, rows) in &batches {
                stream.write(0, start, &ends.embed(&tokens[start..start + rows], length))?;
            }
        }
        for layer in forward..layers {
            let block = Block::load(checkpoint, layer, length)?;
            let label = format!("block {} of {layers} forward", layer + 1);
            let forward = |start: usize, rows: usize| {
                let x = stream.read(layer, start, rows)?;
                stream.write(layer + 1, start, &block.forward(&x))
            };
            for_batches(&batches, forward, |(_, rows), ()| {
                progress.advance(rows as u64, &label);
                check(progress)
            })?;
            journal.update(CollectionState { forward: layer + 1, backward })?;
        }
        let mut head = HeadSums::new(config.vocabulary, hidden);
        let mut random = sequences.seed;
        for start in (0..tokens.len()).step_by(HEAD_TOKENS) {
            let rows = HEAD_TOKENS.min(tokens.len() - start);
            let x = stream.read(layers, start, rows)?;
            let gradients = ends.backward(&x, &mut random, &mut head);
            if gradients.iter().any(|g| !g.is_finite()) {
                return Err(PackError::Calibration(
                    "the model's logits are not finite; check the checkpoint, or quantize without calibration"
                        .to_owned(),
                ));
            }
            if backward == 0 {
                stream.write(gradients_before(layers), start, &gradients)?;
            }
            check(progress)?;
            progress.advance(2 * rows as u64, "head");
        }
        let (embedding_name, head_name) = (ends.embedding_name.clone(), ends.head_name.clone());
        let embedding_scale = ends.embedding_scale;
        drop(ends);
        for layer in (0..layers - backward).rev() {
            let block = Block::load(checkpoint, layer, length)?;
            let mut sums = BlockSums::new(&block);
            for &(start, rows) in &batches {
                let x = stream.read(layer, start, rows)?;
                let dy = stream.read(gradients_before(layer + 1), start, rows)?;
                stream.write(gradients_before(layer), start, &block.backward(&x, &dy, &mut sums)?)?;
                check(progress)?;
                progress.advance(2 * rows as u64, &format!("block {} of {layers} backward", layer + 1));
            }
            sums.survey(&block, grids, folder, &mut work)?;
            journal.update(CollectionState { forward: layers, backward: layers - layer })?;
        }
        let mut embedding_gradients = Gram::new(hidden);
        for &(start, rows) in &batches {
            let mut gradients = stream.read(gradients_before(0), start, rows)?;
            gradients.iter_mut().for_each(|g| *g *= embedding_scale);
            embedding_gradients.add(&gradients);
        }
        let statistics = head.statistics(&sequences.frequency_tokens, embedding_gradients, config.tied());
        for (name, statistics) in [&embedding_name, &head_name].into_iter().zip(statistics) {
            statistics.save(&file_of(folder, name, STATISTICS))?;
        }
        progress.end();
        journal.finish()?;
        remove(folder, STREAM)?;
        Ok((Self::at(location), work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_core::Limits;
    use ecq_runtime::backend::{ActivationType, Cpu, CpuOptions};
    use ecq_runtime::kv::KvOptions;
    use ecq_runtime::{Batch, Executor, ExecutorOptions, LoadOptions, LogitsSelection, Mode, Model};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn tiny() -> Checkpoint {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq");
        Checkpoint::open(&path, &Limits::default()).unwrap()
    }

    #[test]
    fn logits_agree_with_those_of_the_runtime() {
        let checkpoint = tiny();
        let tokens: Vec<u32> = (0..24).map(|i| i * 131 % 997 + 5).collect();
        let ends = EmbeddingAndHead::load(&checkpoint).unwrap();
        let mut x = ends.embed(&tokens, 12);
        for layer in 0..checkpoint.config().blocks.len() {
            x = Block::load(&checkpoint, layer, 12).unwrap().forward(&x);
        }
        let vocabulary = checkpoint.config().vocabulary;
        let logits = ends.logits(&x, ends.head());

        let options = CpuOptions { activations: ActivationType::F32, ..CpuOptions::default() };
        let backend = Arc::new(Cpu::new(options).unwrap());
        let load = LoadOptions { mode: Mode::Cached, budget_bytes: None, free_bytes: None };
        let model = Arc::new(Model::load(&checkpoint, backend, load).unwrap());
        let kv = KvOptions { element: ecq_core::Element::F32, ..KvOptions::default() };
        let mut executor =
            Executor::new(model, ExecutorOptions { kv, ..ExecutorOptions::default() }).unwrap();
        // Two sequences of twelve tokens.
        for (tokens, logits) in tokens.chunks(12).zip(logits.chunks_exact(12 * vocabulary)) {
            let (mut sequence, mut batch) = (executor.sequence(), Batch::new());
            batch.push(&mut sequence, tokens, tokens.len(), LogitsSelection::All).unwrap();
            let mut expected = Vec::new();
            executor.logits(&batch, |_, logits| expected.extend_from_slice(logits)).unwrap();
            let largest = logits.iter().zip(&expected).fold(0f32, |max, (a, b)| max.max((a - b).abs()));
            assert!(largest < 2e-3, "{largest}");
        }
    }

    struct NoObserver;

    impl GradientObserver for NoObserver {
        fn observe(&mut self, _: Observation<'_>) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn block_gradients_match_finite_differences() {
        let checkpoint = tiny();
        let hidden = checkpoint.config().hidden;
        let block = Block::load(&checkpoint, 1, 5).unwrap();
        let value = |i: usize| ((i * 37) % 83) as f32 / 41.0 - 1.0;
        let x: Vec<f32> = (0..5 * hidden).map(value).collect();
        let dy: Vec<f32> = (7..7 + 5 * hidden).map(value).collect();
        let dx = block.backward(&x, &dy, &mut NoObserver).unwrap();
        let loss = |x: &[f32]| -> f64 {
            block.forward(x).iter().zip(&dy).map(|(&y, &d)| f64::from(y) * f64::from(d)).sum()
        };
        for at in [3, hidden + 10, 3 * hidden + 77, 5 * hidden - 1] {
            let (mut up, mut down) = (x.clone(), x.clone());
            (up[at], down[at]) = (x[at] + 2e-2, x[at] - 2e-2);
            let slope = (loss(&up) - loss(&down)) / f64::from(up[at] - down[at]);
            assert!(
                (f64::from(dx[at]) - slope).abs() < 0.02 * (1.0 + slope.abs()),
                "{at}: {} {slope}",
                dx[at]
            );
        }
    }

    #[test]
    fn moments_are_those_of_scaled_inputs_and_gradients() {
        let block = Block::load(&tiny(), 0, 4).unwrap();
        let matrix = block.matrices_of(Stage::Output)[0];
        let [rows, cols] = block.matrices[matrix].shape;
        let value = |i: usize| ((i * 37) % 83) as f32 / 41.0 - 1.0;
        let (x, dy): (Vec<f32>, Vec<f32>) =
            ((0..4 * cols).map(value).collect(), (5..5 + 4 * rows).map(value).collect());
        let factors = [0.5, 2.0, 1.0, 8.0];
        let moments = |x: &[f32], dy: &[f32], norm_factors: Option<&[f32]>| {
            let mut sums = BlockSums::new(&block);
            sums.observe(Observation { matrix, x, y: &[dy], dy: &[dy], norm_factors }).unwrap();
            let gram = sums.inputs.into_iter().find(|(matrices, _)| matrices[0] == matrix).unwrap().1;
            (gram.mean(), sums.gradients[matrix].mean(4.0))
        };
        let (mut scaled_x, mut scaled_dy) = (x.clone(), dy.clone());
        scale_rows(&mut scaled_x, &factors);
        scale_rows(&mut scaled_dy, &factors.map(|factor| 1.0 / factor));
        let expected = moments(&scaled_x, &scaled_dy, None);
        assert_eq!(moments(&x, &dy, Some(&factors)), expected);
        assert_ne!(moments(&x, &dy, None), expected);
    }

    /// Panics at every fourth report of progress.
    struct Interruptions(AtomicUsize);

    impl Progress for Interruptions {
        fn begin(&self, _: &str, _: u64) {}
        fn advance(&self, _: u64, _: &str) {
            assert!(self.0.fetch_add(1, Ordering::Relaxed) % 4 != 3, "interrupted");
        }
        fn end(&self) {}
    }

    #[test]
    fn an_interrupted_collection_resumes_to_the_same_statistics() {
        let checkpoint = tiny();
        let sequences = Sequences {
            length: 16,
            tokens: (0..64).map(|i| i * 31 % 900 + 3).collect(),
            held_out: Vec::new(),
            frequency_tokens: vec![7, 7, 9],
            seed: 4,
        };
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let location =
            |i: usize| JournalLocation { folder: folders[i].path(), description: "tiny", resume: true };
        let interruptions = Interruptions(AtomicUsize::new(0));
        let linears = || checkpoint.config().blocks.iter().flat_map(|block| block.tensors());
        let names: Vec<(String, [usize; 2])> = linears()
            .map(|linear| (checkpoint.stored_name(&linear.weight()).unwrap().to_owned(), linear.shape))
            .collect();
        let choices = names.iter().map(|(name, _)| (name.as_str(), GridChoice::uniform(None))).collect();
        let grids =
            SurveyGrids { choices: &choices, reference: Some(GridChoice::parse("affine:4").unwrap()) };
        let interrupted =
            || Calibration::collect(&checkpoint, &sequences, grids, location(1), &interruptions);
        let mut second = catch_unwind(AssertUnwindSafe(interrupted));
        let mut runs = 1;
        while second.is_err() {
            second = catch_unwind(AssertUnwindSafe(interrupted));
            runs += 1;
        }
        assert!(runs > 3, "{runs}");
        let (first, work) = Calibration::collect(&checkpoint, &sequences, grids, location(0), &()).unwrap();
        let inputs = 4 * checkpoint.config().blocks.len();
        assert_eq!((work.inputs, work.factorizations), (inputs, inputs), "each input is factored once");
        let (second, _) = second.unwrap().unwrap();
        for (name, shape) in &names {
            let survey = first.survey(name, *shape).unwrap().unwrap();
            assert!(survey.gradient_moments.iter().any(|&g| g > 0.0));
            assert!(survey.steps.is_some() && survey.reference_nats > Some(0.0) && survey.nats(0.1) > 0.0);
            assert_eq!(Some(survey), second.survey(name, *shape).unwrap());
            let other = [shape[0] + 1, shape[1]];
            assert_eq!(first.survey(name, other).unwrap(), None);
        }
        assert!(Journal::<CollectionState>::open(location(0)).unwrap().is_done());
        let other = JournalLocation { description: "another", ..location(0) };
        assert!(!Journal::<CollectionState>::open(other).unwrap().is_done());
    }

    #[test]
    fn tokens_outside_the_vocabulary_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let location = JournalLocation { folder: folder.path(), description: "tiny", resume: false };
        let (tokens, held_out) = (vec![u32::MAX], Vec::new());
        let sequences = Sequences { length: 16, tokens, held_out, frequency_tokens: vec![7], seed: 4 };
        let grids = SurveyGrids { choices: &HashMap::new(), reference: None };
        let error = Calibration::collect(&tiny(), &sequences, grids, location, &()).unwrap_err();
        assert!(
            matches!(error, PackError::Runtime(ecq_runtime::RuntimeError::UnknownToken { .. })),
            "{error}"
        );
    }
}
