//! Entropy-coded quantization: large language models in the bits that their information needs.
//!
//! A checkpoint is quantized to integer codes, the codes are entropy coded without loss, and the result is
//! one `.ecq` file from which a model runs: weights are decoded inside the matrix product.
//!
//! Make a file of a checkpoint (GGUF, safetensors, MLX, GPTQ, AWQ) with a [`Quantizer`]:
//!
//! ```
//! # #[cfg(feature = "quantize")] {
//! # let folder = tempfile::tempdir()?;
//! # let checkpoint = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
//! # let dest = folder.path().join("model.ecq");
//! let report = ecq::Quantizer::new(checkpoint)?.bpw(2.5).write(&dest)?;
//! println!("{:.2} bits per weight, {} bytes", report.bpw_total, report.file_bytes);
//! # assert!(report.bpw_linear.is_some_and(|bpw| (bpw - 2.5).abs() < 0.01));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Continue a text with a [`Model`]:
//!
//! ```
//! # #[cfg(feature = "runtime")] {
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
//! let model = ecq::Model::options().memory("4GiB").open(path)?;
//! for piece in model.generate("The capital of France is", ecq::Sampling::greedy())?.take(16) {
//!     print!("{}", piece?);
//! }
//! # }
//! # Ok::<(), ecq::Error>(())
//! ```
//!
//! Read a tensor with a [`File`]:
//!
//! ```
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
//! let file = ecq::File::open(path)?;
//! let tensor = file.tensor("model.layers.0.self_attn.q_proj.weight")?;
//! let weights: Vec<f32> = tensor.to_f32()?;
//! assert_eq!(weights.len(), tensor.info().rows * tensor.info().cols);
//! # Ok::<(), ecq::Error>(())
//! ```
//!
//! Every function fails with an [`Error`], whose [`kind`](Error::kind) says what to do about it. All types
//! can be sent to and shared between threads.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `quantize` | yes | `Quantizer`, exports of `File` |
//! | `runtime` | yes | `Model` |
//!
//! Without features there is `File`: opening, verifying and decoding.
//!
//! # The crates below
//!
//! What the types above do not offer is in the crates that they are made of: [`format`](mod@format)
//! (containers and checkpoints), [`codec`] (one weight matrix to an encoded tensor and back), [`coding`]
//! (entropy coders), [`kernels`] (products on the CPU), and with
//! features `quant` (quantizers), `pack` (the offline pipeline) and `runtime` (engine, programs, backends).
//! Their interfaces change more often than that of this crate.

// Pages link to types of all features; docs.rs has them all.
#![cfg_attr(not(all(feature = "quantize", feature = "runtime")), allow(rustdoc::broken_intra_doc_links))]

mod error;
#[cfg(feature = "quantize")]
mod export;
mod file;
#[cfg(feature = "runtime")]
mod model;
mod progress;
#[cfg(feature = "quantize")]
mod quantizer;
#[cfg(feature = "runtime")]
mod sampling;
#[cfg(any(feature = "quantize", feature = "runtime"))]
mod size;

pub use ecq_core::{
    AffineGroups, Biases, Codes, Coding, CoreError, Element, FloatType, FloatVec, Grid, GridEntry, Kind,
    Outlier, UniformRows,
};
pub use error::{Error, ErrorKind, Result};
pub use file::{File, FileInfo, Tensor, TensorInfo, Verification};
pub use progress::{ProgressUpdate, Unit};
#[cfg(any(feature = "quantize", feature = "runtime"))]
pub use size::ByteSize;

#[cfg(feature = "quantize")]
pub use ecq_codec::encode::{ClassChoice, TileChoice};
#[cfg(feature = "quantize")]
pub use ecq_pack::{ExportReport, PackReport as QuantizationReport, TensorReport, VerifyReport};
#[cfg(feature = "quantize")]
pub use ecq_quant::{Levels, StepGranularity};
#[cfg(feature = "quantize")]
pub use export::ExportFormat;
#[cfg(feature = "quantize")]
pub use quantizer::{Quantizer, Text};

#[cfg(feature = "runtime")]
pub use ecq_runtime::{Evaluation, FinishReason, Mean, Message, Mode, Usage, backend::ActivationType};
#[cfg(feature = "runtime")]
pub use model::{Generation, Model, ModelOptions};
#[cfg(feature = "runtime")]
pub use sampling::Sampling;

pub use ecq_codec as codec;
pub use ecq_codec::encode;
pub use ecq_coding as coding;
pub use ecq_format as format;
pub use ecq_kernels as kernels;
#[cfg(feature = "quantize")]
pub use ecq_pack as pack;
#[cfg(feature = "quantize")]
pub use ecq_quant as quant;
#[cfg(feature = "runtime")]
pub use ecq_runtime as runtime;

// The names of the crates below that the `ecq` command uses.
#[doc(hidden)]
pub use ecq_core::{Content, EncodedTensor, Entry, Limits, Order, Part, Parts, RawEntry, Tile};
#[cfg(feature = "quantize")]
#[doc(hidden)]
pub use ecq_pack::{
    Calibration, CalibrationOptions, CalibrationText, CheckpointFormat, CheckpointOptions, Destination,
    GridChoice, GridComparison, GridRow, KindErrors, Mismatch, PackError, PackOptions, PackReport, Progress,
    SAMPLE_WEIGHTS, Target, WeightError, analyze, compare_grids, diff, export_checkpoint, export_gguf, grids,
    options, pack, pack_calibrated, peak_rss_bytes, source, verify,
};
