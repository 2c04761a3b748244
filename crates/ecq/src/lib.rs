//! Entropy-coded quantization of large language models.
//!
//! A checkpoint is quantized to integer codes, the codes are entropy coded without loss, and the result is
//! stored as one `.ecq` file. The model runs from this file; weights are decoded inside the matrix products
//! or at load.
//!
//! Quantize a checkpoint (GGUF, safetensors, MLX, GPTQ, AWQ) with a [`Quantizer`]:
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
//! Generate text with a [`Model`]:
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
//! All functions return an [`Error`], which has a [`kind`](Error::kind). All types are `Send` and `Sync`.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `quantize` | yes | `Quantizer`, `File::export`, `File::verify_against` |
//! | `runtime` | yes | `Model` |
//!
//! Without features, the crate contains `File`, which opens, verifies and decodes `.ecq` files.
//!
//! # Modules
//!
//! The modules re-export the crates that this crate is built on: [`format`](mod@format) (the container and
//! checkpoint readers), [`codec`] (encoding and decoding of one weight matrix), [`coding`] (entropy coders),
//! [`kernels`] (matrix products on the CPU), [`fake_quant`] (rounding of arrays to few levels), and depending
//! on features `quant` (quantizers), `pack` (the offline pipeline) and `runtime` (engine, programs,
//! backends). Their interfaces change more often than the types above.
//!
//! `self_test` runs every kind of kernel of a device and compares the results with known answers.

#![cfg_attr(
    not(all(feature = "quantize", feature = "runtime")),
    allow(rustdoc::broken_intra_doc_links, reason = "documentation links to types of all features")
)]

mod error;
#[cfg(feature = "quantize")]
mod export;
mod file;
#[cfg(feature = "runtime")]
mod linears;
#[cfg(feature = "runtime")]
mod model;
mod progress;
#[cfg(feature = "quantize")]
mod quantizer;
#[cfg(feature = "runtime")]
mod sampling;
#[cfg(feature = "runtime")]
pub mod self_test;
#[cfg(any(feature = "quantize", feature = "runtime"))]
mod size;
#[cfg(feature = "quantize")]
mod text;

pub use ecq_core::{
    AffineGroups, Biases, Codes, Coding, CoreError, Element, FloatType, FloatVec, Grid, GridEntry, Outlier,
    SuperBlocks, TensorKind, TrellisRows, UniformRows,
};
pub use error::{Error, ErrorKind, Result};
pub use file::{File, FileInfo, Tensor, TensorInfo, Verification};
pub use progress::{ProgressUpdate, Unit};
#[cfg(any(feature = "quantize", feature = "runtime"))]
pub use size::ByteSize;

#[cfg(feature = "quantize")]
pub use ecq_codec::encode::{ClassChoice, TileChoice};
#[cfg(feature = "quantize")]
pub use ecq_pack::source::ArrayInfo;
#[cfg(feature = "quantize")]
pub use ecq_pack::{
    ExportReport, GgufFileType, PackReport as QuantizationReport, Requantization, TensorReport, VerifyReport,
};
#[cfg(feature = "quantize")]
pub use ecq_quant::{Levels, StepGranularity};
#[cfg(feature = "quantize")]
pub use export::{ExportFormat, ExportOptions};
#[cfg(feature = "quantize")]
pub use quantizer::Quantizer;

#[cfg(feature = "runtime")]
pub use ecq_runtime::{
    Evaluation, FinishReason, LogProbs, Mean, Message, Mode, Residence, Usage, backend::ActivationType,
};
#[cfg(feature = "cuda")]
pub use linears::CudaLinear;
#[cfg(feature = "runtime")]
pub use linears::{Linear, LinearOptions, Linears};
#[cfg(feature = "runtime")]
pub use model::{Generation, Model, ModelOptions};
#[cfg(feature = "runtime")]
pub use sampling::Sampling;
#[cfg(feature = "quantize")]
pub use text::Text;

pub use ecq_codec as codec;
pub use ecq_codec::encode;
pub use ecq_coding as coding;
#[cfg(feature = "cuda")]
pub use ecq_cuda as cuda;
pub use ecq_format as format;
pub use ecq_kernels as kernels;
pub use ecq_kernels::fake_quant;
#[cfg(feature = "quantize")]
pub use ecq_pack as pack;
#[cfg(feature = "quantize")]
pub use ecq_quant as quant;
#[cfg(feature = "runtime")]
pub use ecq_runtime as runtime;
#[cfg(feature = "wgpu")]
pub use ecq_wgpu as wgpu;

// Used by the `ecq` command; not part of the public interface.
#[doc(hidden)]
pub use ecq_core::{
    EncodedTensor, LaneOrder, Limits, RawEntry, TensorContent, TensorEntry, TensorPart, TensorParts, Tile,
};
#[cfg(feature = "quantize")]
#[doc(hidden)]
pub use ecq_pack::{
    Calibration, CalibrationOptions, CalibrationText, CheckpointFormat, CheckpointOptions, Destination,
    Document, GgufOptions, GridChoice, GridComparison, GridRow, KindErrors, Mismatch, MlxGrid, OwnText,
    PackError, PackOptions, PackReport, SAMPLE_WEIGHTS, Target, WeightError, analyze, calibration_sizes,
    compare_grids, diff, expected_checkpoint_bytes, expected_gguf_bytes, export_checkpoint, export_gguf,
    grids, options, pack, pack_calibrated, peak_rss_bytes, source, verify,
};
#[cfg(feature = "runtime")]
#[doc(hidden)]
pub use model::{DeviceName, open_device};

/// Runs the example of the README as a test.
#[cfg(all(doctest, feature = "quantize", feature = "runtime"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
