//! The offline pipeline of ecq: reads a model, quantizes and entropy codes its tensors, and writes an `.ecq`
//! file; verifies, exports, compares and analyzes such files.

pub mod analyze;
mod budget;
pub mod calibrate;
mod compare_grids;
mod destination;
mod error;
mod export;
pub mod grids;
pub mod options;
mod pack;
mod predicted_kl;
mod products;
mod progress;
mod rates;
mod report;
mod solve_steps;
pub mod source;
mod steps;
mod trellis;
mod verify;
mod weight_error;
mod weights;

pub use analyze::analyze;
pub use calibrate::{
    Calibration, CalibrationOptions, CalibrationSizes, CalibrationText, Document, OwnText, calibration_sizes,
    pack_calibrated,
};
pub use compare_grids::{GridComparison, GridRow, SAMPLE_WEIGHTS, compare_grids};
pub use destination::Destination;
pub use error::PackError;
pub use export::{
    CheckpointFormat, CheckpointOptions, ExportReport, GgufFileType, GgufOptions, MlxGrid, Requantization,
    checkpoint_files, expected_checkpoint_bytes, expected_gguf_bytes, export_checkpoint, export_gguf,
};
pub use grids::GridChoice;
pub use options::{PackOptions, Target};
pub use pack::pack;
pub use progress::Progress;
pub use report::{CalibrationWork, PackReport, TensorReport, peak_rss_bytes};
pub use trellis::TrellisChoice;
pub use verify::{KindErrors, Mismatch, QuantizedTensor, VerifyReport, diff, verify};
pub use weight_error::WeightError;
