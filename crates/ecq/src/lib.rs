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
//! An `.ecq` file runs through [`runtime`]: open a checkpoint, load it on a backend, continue a text.
//!
//! ```no_run
//! use ecq::runtime::{self, backend, Checkpoint, Engine, EventKind, Model, Request, Tokenizer};
//! use std::{ops::ControlFlow, path::Path, sync::Arc};
//!
//! let checkpoint = Checkpoint::open(Path::new("model.ecq"), &ecq::Limits::default())?;
//! let tokenizer = Arc::new(Tokenizer::of(&checkpoint)?);
//! let cpu = Arc::new(backend::Cpu::new(backend::CpuOptions::default())?);
//! let model = Arc::new(Model::load(&checkpoint, cpu, runtime::LoadOptions::default())?);
//! let mut engine = Engine::new(model, Some(tokenizer.clone()), runtime::EngineOptions::default())?;
//! let prompt = tokenizer.encode("The capital of France is", true)?;
//! let request = Request { end_tokens: tokenizer.end_tokens().into(), ..Request::new(prompt, 64) };
//! let texts = engine.complete(request, |event| {
//!     if let EventKind::Token { text, .. } = &event.kind {
//!         print!("{text}");
//!     }
//!     ControlFlow::Continue(())
//! })?;
//! println!("\n{} tokens", texts[0].tokens.len());
//! # Ok::<(), runtime::RuntimeError>(())
//! ```
//!
//! The crates below can be used alone: [`coding`] (the entropy coders), [`codec`] (one weight matrix to an
//! encoded tensor and back), [`format`](mod@format) (container and GGUF), [`kernels`] (products on the CPU).

pub use ecq_codec as codec;
pub use ecq_codec::encode;
pub use ecq_coding as coding;
pub use ecq_core::{
    AffineGroups, Biases, Codes, Coding, Content, CoreError, Element, EncodedTensor, Entry, FloatType,
    FloatVec, Grid, GridEntry, Kind, Limits, Order, Outlier, Part, Parts, RawEntry, Tile, UniformRows,
};
pub use ecq_format as format;
pub use ecq_kernels as kernels;
pub use ecq_pack::{
    Calibration, CalibrationOptions, CalibrationText, CheckpointFormat, CheckpointOptions, ExportReport,
    GridChoice, GridComparison, GridRow, Mismatch, PackError, PackOptions, PackReport, Progress,
    SAMPLE_WEIGHTS, Target, TensorReport, VerifyReport, analyze, compare_grids, diff, export_checkpoint,
    export_gguf, grids, options, pack, pack_calibrated, peak_rss_bytes, source, verify,
};
pub use ecq_quant as quant;
pub use ecq_runtime as runtime;
