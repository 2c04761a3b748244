//! The offline pipeline of ecq: read a model, quantize it or not, code it without loss, write it; verify,
//! export, compare, analyze.

pub mod analyze;
mod budget;
pub mod calibrate;
mod calibrated;
mod compare;
mod destination;
mod difference;
mod error;
mod export;
pub mod grids;
mod matching;
pub mod options;
mod pack;
mod progress;
mod rates;
mod report;
pub mod source;
mod spacing;
mod verify;
mod weights;

pub use analyze::analyze;
pub use calibrate::Calibration;
pub use calibrated::{CalibrationOptions, CalibrationText, pack_calibrated};
pub use compare::{GridComparison, GridRow, SAMPLE_WEIGHTS, compare_grids};
pub use destination::Destination;
pub use difference::WeightError;
pub use error::PackError;
pub use export::{CheckpointFormat, CheckpointOptions, ExportReport, export_checkpoint, export_gguf};
pub use grids::GridChoice;
pub use options::{PackOptions, Target};
pub use pack::pack;
pub use progress::Progress;
pub use report::{PackReport, TensorReport, peak_rss_bytes};
pub use verify::{KindErrors, Mismatch, QuantizedTensor, VerifyReport, diff, verify};

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
