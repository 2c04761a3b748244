//! Calibration: a model is run on text to measure what errors in its weights cost, and then quantized one
//! block after another.
//!
//! Blocks are loaded one at a time, first to last and then last to first. Between them, the residual stream
//! of all tokens is kept in a file, so memory is bounded by one block and one batch of tokens for any model.
//! The gradients of the backward pass are those of the log-likelihood of tokens drawn from the model itself:
//! their second moments are the Fisher information, the curvature of the KL divergence from the unquantized
//! model (K-FAC, Martens and Grosse, arXiv 1503.05671).

mod block;
mod collect;
mod distill;
mod embedding;
mod held_out;
mod input;
mod journal;
mod layers;
mod options;
mod pack;
mod passages;
mod quantizer;
mod row_file;
mod sequential;
mod size;
mod statistics;
mod survey;
mod written;

pub use options::{CalibrationOptions, CalibrationText, Document, OwnText};
pub use pack::pack_calibrated;
pub use passages::{HeldOut, Sequences};
pub use size::{CalibrationSizes, calibration_sizes};

use crate::error::{PackError, Result};
use ecq_format::container::TextKl;
use journal::JournalLocation;
use passages::HELD_OUT_TOKENS;
use rayon::prelude::*;
use statistics::LayerStatistics;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use survey::MatrixSurvey;

/// Tokens that pass through a block together.
const BATCH_TOKENS: usize = 1024;
/// Batches that pass through a block at the same time. Their number does not depend on the number of threads,
/// so neither does the memory.
const BATCHES_TOGETHER: usize = 4;
/// Name of the file that holds residual streams between blocks.
const STREAM: &str = "stream";
/// Extensions of the files of a matrix: its survey, and the moments of embedding and head.
const SURVEY: &str = "survey";
const STATISTICS: &str = "moments";

/// The calibration of a model: the surveys of its matrices, in the files of a folder.
#[derive(Debug, Clone)]
pub struct Calibration {
    folder: PathBuf,
    description: String,
    /// Surveys of embedding and head, which are made anew from their moments in each run.
    ends: HashMap<String, MatrixSurvey>,
    /// The kinds of text on which the result will be measured.
    measured_kinds: Vec<String>,
    /// Tokens that the row steps are distilled on.
    distilled_tokens: usize,
}

impl Calibration {
    fn at(location: JournalLocation<'_>) -> Self {
        let (folder, description) = (location.folder.to_owned(), location.description.to_owned());
        Self { folder, description, ends: HashMap::new(), measured_kinds: Vec::new(), distilled_tokens: 0 }
    }

    /// Returns the moments of embedding or head by its name in the file; `None` if there are none of this
    /// shape.
    fn statistics(&self, tensor: &str, shape: [usize; 2]) -> Result<Option<LayerStatistics>> {
        LayerStatistics::load(&file_of(&self.folder, tensor, STATISTICS), shape)
    }

    /// Returns the survey of a tensor by its name in the file; `None` if it has none of this shape.
    ///
    /// # Errors
    /// [`PackError::Io`] if the file cannot be read.
    pub(crate) fn survey(&self, tensor: &str, shape: [usize; 2]) -> Result<Option<MatrixSurvey>> {
        match self.ends.get(tensor) {
            Some(survey) => Ok(Some(survey.clone())),
            None => MatrixSurvey::load(&file_of(&self.folder, tensor, SURVEY), shape),
        }
    }

    /// Returns what the file will state of the result, with the longest numbers: its size counts for the
    /// target.
    pub(crate) fn longest_measured_kl(&self) -> Vec<TextKl> {
        let of_kind = |text: &String| {
            let (kl, stderr, top1) = (99.9999, 9.9999, 0.9999);
            TextKl { text: text.clone(), tokens: HELD_OUT_TOKENS, kl, stderr, top1 }
        };
        self.measured_kinds.iter().map(of_kind).collect()
    }

    /// Returns a description of the text that the model was run on.
    pub fn description(&self) -> String {
        match self.distilled_tokens {
            0 => self.description.clone(),
            tokens => format!("{}, distillation on {tokens} of them", self.description),
        }
    }
}

/// Removes a file of a work folder.
fn remove(folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::remove_file(&path).map_err(|source| PackError::Io { path, source })
}

/// Returns the path of a tensor's file, which is named by a hash because tensor names may hold any character.
fn file_of(folder: &Path, tensor: &str, extension: &str) -> PathBuf {
    folder.join(format!("{}.{extension}", &blake3::hash(tensor.as_bytes()).to_hex()[..32]))
}

/// Splits `tokens` into batches of whole sequences of `length` tokens, about [`BATCH_TOKENS`] each; returns
/// the first token and the number of tokens of each batch.
fn batches(tokens: usize, length: usize) -> Vec<(usize, usize)> {
    let batch = length * (BATCH_TOKENS / length).max(1);
    (0..tokens).step_by(batch).map(|start| (start, batch.min(tokens - start))).collect()
}

/// Computes `each` of the batches, given by first token and number of tokens, several at the same time, and
/// passes the results to `then` in order.
fn for_batches<T: Send>(
    batches: &[(usize, usize)],
    each: impl Fn(usize, usize) -> Result<T> + Sync,
    mut then: impl FnMut((usize, usize), T) -> Result<()>,
) -> Result<()> {
    for group in batches.chunks(BATCHES_TOGETHER) {
        let computed: Vec<Result<T>> = group.par_iter().map(|&(start, rows)| each(start, rows)).collect();
        for (&batch, computed) in group.iter().zip(computed) {
            then(batch, computed?)?;
        }
    }
    Ok(())
}
