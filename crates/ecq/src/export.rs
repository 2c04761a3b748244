//! Conversion of `.ecq` files to other formats.

use crate::error::Result;
use crate::file::File;
use crate::progress::{Callback, ProgressUpdate, Tally};
use ecq_core::Limits;
use ecq_pack::{CheckpointFormat, CheckpointOptions, Destination, ExportReport, VerifyReport};
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

impl File {
    /// Exports the model to `dest`: a new file for GGUF, a new or empty folder for the other formats.
    ///
    /// # Errors
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) if `dest` exists,
    /// [`Export`](crate::ErrorKind::Export) if the file lacks something that the format needs,
    /// [`Damaged`](crate::ErrorKind::Damaged) if a tensor does not decode, [`Io`](crate::ErrorKind::Io) if
    /// `dest` cannot be written. After an error, `dest` does not exist.
    pub fn export(&self, dest: impl AsRef<Path>, format: ExportFormat) -> Result<ExportReport> {
        self.export_by(dest.as_ref(), format, None)
    }

    /// As [`export`](Self::export), with a callback that receives the progress and can cancel the operation.
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
        callback: Option<&Callback<'_>>,
    ) -> Result<ExportReport> {
        let (tally, limits) = (Tally::new(callback), Limits::default());
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

    /// Verifies the file and compares every tensor with its source checkpoint.
    ///
    /// Differences are not an error; the report lists them.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), and as [`Quantizer::new`](crate::Quantizer::new) for the checkpoint.
    pub fn verify_against(&self, checkpoint: impl AsRef<Path>) -> Result<VerifyReport> {
        let limits = Limits::default();
        let source = ecq_pack::source::open(checkpoint.as_ref(), &limits)?;
        Ok(ecq_pack::verify(self.path(), Some(&*source), &limits, &())?)
    }
}
