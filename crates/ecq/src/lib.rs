//! Entropy-coded quantization: large language models in the bits that their information needs.
//!
//! ```no_run
//! use ecq::{Limits, PackOptions, pack, source, verify};
//! use std::path::Path;
//!
//! let limits = Limits::default();
//! let model = source::open(Path::new("model.gguf"), &limits)?;
//! let report = pack(&*model, "model.gguf", Some(Path::new("model.ecq")), &PackOptions::default(), &())?;
//! println!("{} of {} bytes", report.file_bytes, report.source_bytes);
//! assert!(verify(Path::new("model.ecq"), Some(&*model), &limits, &())?.ok);
//! # Ok::<(), ecq::PackError>(())
//! ```
//!
//! The crates below can be used alone: [`coding`] (the entropy coders), [`format`](mod@format) (container and GGUF),
//! [`kernels`] (decoding on the CPU).

pub use ecq_coding as coding;
pub use ecq_core::{
    AffineGroups, Biases, Codes, Coding, Content, CoreError, EncodedTensor, Entry, FloatType, FloatVec, Grid,
    GridEntry, Kind, Limits, Order, Outlier, Part, Parts, RawEntry, Tile, UniformRows,
};
pub use ecq_format as format;
pub use ecq_kernels as kernels;
pub use ecq_pack::{
    CheckpointFormat, CheckpointOptions, ExportReport, GridChoice, GridComparison, GridRow, Mismatch,
    PackError, PackOptions, PackReport, Progress, SAMPLE_WEIGHTS, Target, TensorReport, VerifyReport,
    analyze, compare_grids, diff, encode, export_checkpoint, export_gguf, grids, options, pack,
    peak_rss_bytes, source, verify,
};
pub use ecq_quant as quant;
