//! Exports of an `.ecq` file: the format that a model came from, or one that other programs read.

use crate::error::Result;
use crate::file::File;
use crate::progress::{Callback, ProgressUpdate, Tally};
use ecq_core::Limits;
use ecq_pack::{
    CheckpointFormat, CheckpointOptions, Destination, ExportReport, GgufFileType, GgufOptions, MlxGrid,
    PackError, VerifyReport,
};
use std::ops::ControlFlow;
use std::path::Path;

/// A format that [`File::export`] writes.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// A GGUF file. For a lossless conversion of a GGUF file, the result is identical to that file.
    Gguf,
    /// A folder for MLX. Affine groups keep their codes; other tensors become floats.
    Mlx,
    /// A folder of safetensors files with floats, for `transformers`.
    Safetensors,
}

/// A format, and the grid that weights are requantized to.
///
/// ```
/// use ecq::{ExportFormat, ExportOptions, GgufFileType};
/// let as_they_are = ExportOptions::new(ExportFormat::Gguf);
/// let four_bits = ExportOptions::new(ExportFormat::Gguf).file_type(GgufFileType::Q4_K_M);
/// assert_ne!(as_they_are, four_bits);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportOptions {
    format: ExportFormat,
    file_type: Option<GgufFileType>,
    grid: Option<(u8, usize)>,
    strict: bool,
}

impl ExportOptions {
    /// Keeps all codes that `format` has a grid for.
    pub fn new(format: ExportFormat) -> Self {
        Self { format, file_type: None, grid: None, strict: false }
    }

    /// Requantizes to a type of GGUF file; for [`ExportFormat::Gguf`] only.
    #[must_use]
    pub fn file_type(mut self, file_type: GgufFileType) -> Self {
        self.file_type = Some(file_type);
        self
    }

    /// Requantizes to MLX's affine groups: 2, 3, 4, 5, 6 or 8 bits in groups of 32, 64 or 128 weights; for
    /// [`ExportFormat::Mlx`] only.
    #[must_use]
    pub fn grid(mut self, bits: u8, group_size: usize) -> Self {
        self.grid = Some((bits, group_size));
        self
    }

    /// Whether the export fails where codes would have to become floats; by default it does not.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    fn grid_of_mlx(&self) -> Result<Option<MlxGrid>> {
        let refused = |option: &str, why: &str| {
            Err(PackError::Option { option: option.to_owned(), why: why.to_owned() }.into())
        };
        if self.file_type.is_some() && self.format != ExportFormat::Gguf {
            return refused("file_type", "only ExportFormat::Gguf has it; ExportFormat::Mlx has grid");
        }
        if self.grid.is_some() && self.format != ExportFormat::Mlx {
            return refused("grid", "only ExportFormat::Mlx has it; ExportFormat::Gguf has file_type");
        }
        Ok(self.grid.map(|(bits, group_size)| MlxGrid::new(bits, group_size)).transpose()?)
    }
}

impl From<ExportFormat> for ExportOptions {
    fn from(format: ExportFormat) -> Self {
        Self::new(format)
    }
}

impl File {
    /// Writes the model to `dest`: a new file for GGUF, a new or empty folder for the other formats.
    /// `options` is an [`ExportFormat`], or [`ExportOptions`] to requantize.
    ///
    /// # Errors
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) when something is at `dest` already or an option is
    /// not one of the format, [`Export`](crate::ErrorKind::Export) when the file does not hold what the
    /// format needs, [`Damaged`](crate::ErrorKind::Damaged) when a tensor does not decode,
    /// [`Io`](crate::ErrorKind::Io) when `dest` cannot be written; nothing is left under `dest`.
    pub fn export(&self, dest: impl AsRef<Path>, options: impl Into<ExportOptions>) -> Result<ExportReport> {
        self.export_by(dest.as_ref(), options.into(), None)
    }

    /// As [`export`](Self::export); `progress` receives each step, and may cancel the export.
    ///
    /// # Errors
    /// As [`export`](Self::export), and [`Cancelled`](crate::ErrorKind::Cancelled).
    pub fn export_with(
        &self,
        dest: impl AsRef<Path>,
        options: impl Into<ExportOptions>,
        progress: impl Fn(&ProgressUpdate<'_>) -> ControlFlow<()> + Send + Sync,
    ) -> Result<ExportReport> {
        self.export_by(dest.as_ref(), options.into(), Some(&progress))
    }

    fn export_by(
        &self,
        dest: &Path,
        options: ExportOptions,
        callback: Option<&Callback<'_>>,
    ) -> Result<ExportReport> {
        let (tally, limits) = (Tally::new(callback), Limits::default());
        let (ExportOptions { format, file_type, strict, .. }, grid) = (options, options.grid_of_mlx()?);
        let output = match format {
            ExportFormat::Gguf => Destination::file(dest),
            ExportFormat::Mlx | ExportFormat::Safetensors => Destination::folder(dest),
        };
        output.check(&[self.path().to_owned()])?;
        let checkpoint = |format| {
            let options = CheckpointOptions { strict, requantize: grid, ..CheckpointOptions::new(format) };
            ecq_pack::export_checkpoint(self.path(), dest, &options, &limits, &tally)
        };
        Ok(match format {
            ExportFormat::Gguf => {
                let options = GgufOptions { file_type, strict };
                ecq_pack::export_gguf(self.path(), dest, &options, &limits, &tally)?
            }
            ExportFormat::Mlx => checkpoint(CheckpointFormat::Mlx)?,
            ExportFormat::Safetensors => checkpoint(CheckpointFormat::Safetensors)?,
        })
    }

    /// Returns the files that [`ExportFormat::Safetensors`] writes beside the tensors, with names and
    /// contents: `config.json`, tokenizer, chat template, as far as the file has them.
    ///
    /// # Errors
    /// [`Export`](crate::ErrorKind::Export) when `config.json` cannot describe the model,
    /// [`Damaged`](crate::ErrorKind::Damaged) when an attached file does not match its checksum.
    pub fn checkpoint_files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let options = CheckpointOptions::new(CheckpointFormat::Safetensors);
        Ok(ecq_pack::checkpoint_files(self.path(), &options, &Limits::default())?)
    }

    /// Verifies the file and compares every tensor with its source checkpoint.
    ///
    /// Differences are not an error; the report lists them.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), and as [`Quantizer::new`](crate::Quantizer::new) for the checkpoint.
    pub fn verify_against(&self, checkpoint: impl AsRef<Path>) -> Result<VerifyReport> {
        self.verify_against_by(checkpoint.as_ref(), None)
    }

    /// As [`verify_against`](Self::verify_against), with a callback that receives the progress and can cancel
    /// the operation.
    ///
    /// # Errors
    /// As [`verify_against`](Self::verify_against), and [`Cancelled`](crate::ErrorKind::Cancelled).
    pub fn verify_against_with(
        &self,
        checkpoint: impl AsRef<Path>,
        progress: impl Fn(&ProgressUpdate<'_>) -> ControlFlow<()> + Send + Sync,
    ) -> Result<VerifyReport> {
        self.verify_against_by(checkpoint.as_ref(), Some(&progress))
    }

    fn verify_against_by(&self, checkpoint: &Path, callback: Option<&Callback<'_>>) -> Result<VerifyReport> {
        let (tally, limits) = (Tally::new(callback), Limits::default());
        let source = ecq_pack::source::open(checkpoint, &limits)?;
        Ok(ecq_pack::verify(self.path(), Some(&*source), &limits, &tally)?)
    }
}
