//! Out of an `.ecq` file: the format that a model came from, or one that other programs read.

use crate::error::Result;
use crate::file::File;
use crate::progress::{Listener, ProgressUpdate, Tally};
use ecq_core::Limits;
use ecq_pack::{CheckpointFormat, CheckpointOptions, Destination, ExportReport, VerifyReport};
use std::ops::ControlFlow;
use std::path::Path;

/// A format that [`File::export`] writes.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// A GGUF file; for a model that came from GGUF and was not quantized, the same bytes.
    Gguf,
    /// A folder with MLX's quantized layers, where MLX has the grid; other tensors are floats.
    Mlx,
    /// A folder of floats, as `transformers` reads them.
    Safetensors,
}

impl File {
    /// Writes the model to `dest`: a new file for GGUF, a new or empty folder for the other formats.
    ///
    /// # Errors
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) when something is at `dest` already,
    /// [`Export`](crate::ErrorKind::Export) when the file does not hold what the format needs,
    /// [`Damaged`](crate::ErrorKind::Damaged) when a tensor does not decode, [`Io`](crate::ErrorKind::Io)
    /// when `dest` cannot be written; nothing is left under `dest`.
    pub fn export(&self, dest: impl AsRef<Path>, format: ExportFormat) -> Result<ExportReport> {
        self.export_by(dest.as_ref(), format, None)
    }

    /// As [`export`](Self::export); `progress` hears how far it is, and may cancel it.
    ///
    /// # Errors
    /// As [`export`](Self::export), and [`Cancelled`](crate::ErrorKind::Cancelled).
    pub fn export_with(
        &self,
        dest: impl AsRef<Path>,
        format: ExportFormat,
        progress: impl Fn(&ProgressUpdate<'_>) -> ControlFlow<()> + Send + Sync,
    ) -> Result<ExportReport> {
        self.export_by(dest.as_ref(), format, Some(&progress))
    }

    fn export_by(
        &self,
        dest: &Path,
        format: ExportFormat,
        listener: Option<&Listener<'_>>,
    ) -> Result<ExportReport> {
        let (tally, limits) = (Tally::new(listener), Limits::default());
        let output = match format {
            ExportFormat::Gguf => Destination::file(dest),
            ExportFormat::Mlx | ExportFormat::Safetensors => Destination::folder(dest),
        };
        output.check(&[self.path().to_owned()])?;
        let checkpoint = |format| {
            let options = CheckpointOptions::new(format);
            ecq_pack::export_checkpoint(self.path(), dest, &options, &limits, &tally)
        };
        Ok(match format {
            ExportFormat::Gguf => ecq_pack::export_gguf(self.path(), dest, &limits, &tally)?,
            ExportFormat::Mlx => checkpoint(CheckpointFormat::Mlx)?,
            ExportFormat::Safetensors => checkpoint(CheckpointFormat::Safetensors)?,
        })
    }

    /// Verifies the file as [`verify`](Self::verify) does, and compares every tensor with the checkpoint that
    /// it was made of.
    ///
    /// Differences are no error: they are in the report.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), and when the checkpoint cannot be read.
    pub fn verify_against(&self, checkpoint: impl AsRef<Path>) -> Result<VerifyReport> {
        let limits = Limits::default();
        let source = ecq_pack::source::open(checkpoint.as_ref(), &limits)?;
        Ok(ecq_pack::verify(self.path(), Some(&*source), &limits, &())?)
    }
}
