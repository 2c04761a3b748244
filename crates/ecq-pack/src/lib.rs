//! The offline pipeline of ecq: read a model, encode it without loss, write it; verify, export, compare, analyze.

pub mod analyze;
pub mod encode;
mod error;
mod export;
mod lossless;
pub mod options;
mod progress;
mod report;
pub mod source;
mod verify;

pub use analyze::analyze;
pub use error::PackError;
pub use export::export_gguf;
pub use lossless::pack;
pub use options::PackOptions;
pub use progress::Progress;
pub use report::{PackReport, TensorReport, peak_rss_bytes};
pub use verify::{Mismatch, VerifyReport, diff, verify};
