//! Reports of packing, as plain data. Field names are stable, because they are the keys of JSON output.

use ecq_core::TensorKind;
use ecq_format::container::TextKl;
use serde::Serialize;
use std::time::Instant;

/// The result of packing one tensor.
#[derive(Debug, Clone, Serialize)]
pub struct TensorReport {
    /// The tensor's name.
    pub name: String,
    /// The tensor's role in the model.
    pub kind: TensorKind,
    /// Rows (output features).
    pub rows: usize,
    /// Columns (input features).
    pub cols: usize,
    /// Element or block type in the source.
    pub dtype: String,
    /// Bytes in the source.
    pub source_bytes: u64,
    /// Bytes in the file: all parts, and the tensor's entries in the header.
    pub bytes: u64,
    /// `bytes` in bits per weight.
    pub bpw: f64,
    /// Order-0 entropy of the codes in bits per weight.
    pub entropy_bpw: Option<f64>,
    /// Cross entropy of the codes under their frequency tables in bits per weight: the lower bound of a coder
    /// with one table per tile.
    pub cross_entropy_bpw: Option<f64>,
    /// Bits per weight of streams, tables and index.
    pub codes_bpw: Option<f64>,
    /// The coding of the codes; absent without codes, or if an interrupted run packed the tensor.
    pub coding: Option<String>,
    /// Signal to quantization noise ratio against the source in decibels; absent if not quantized.
    pub sqnr_db: Option<f64>,
    /// The reason for the coding, or for a grid other than the requested one.
    pub reason: Option<String>,
}

/// The work of calibration, counted.
///
/// Each input (of queries, keys and values together, for example) is measured and factored twice, in the
/// survey and before its matrices are quantized; each matrix is rounded and encoded once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CalibrationWork {
    /// Inputs whose moments the survey measured; 0 if an earlier run has made the survey.
    pub surveyed_inputs: usize,
    /// Factorizations of these moments.
    pub survey_factorizations: usize,
    /// Inputs whose moments were measured before their matrices were quantized.
    pub inputs: usize,
    /// Factorizations of these moments.
    pub factorizations: usize,
    /// Matrices on calibrated grids.
    pub matrices: usize,
    /// Their weights.
    pub weights: u64,
    /// Weights that were rounded.
    pub rounded_weights: u64,
    /// Matrices that were encoded.
    pub encoded: usize,
    /// Matrices that an interrupted run had written.
    pub resumed: usize,
}

/// The result of packing a model.
#[derive(Debug, Clone, Serialize)]
pub struct PackReport {
    /// Size of the file in bytes.
    pub file_bytes: u64,
    /// Size of the source in bytes.
    pub source_bytes: u64,
    /// Bits per weight of the block projections, all of their bytes counted.
    pub bpw_linear: Option<f64>,
    /// Bits per weight of embedding and head, all of their bytes counted.
    pub bpw_embedding: Option<f64>,
    /// Signal to quantization noise ratio of the block projections in decibels; absent if none was quantized.
    pub sqnr_linear_db: Option<f64>,
    /// Signal to quantization noise ratio of embedding and head in decibels; absent if neither was quantized.
    pub sqnr_embedding_db: Option<f64>,
    /// Expected KL divergence from the source in nats per token; absent without calibration.
    ///
    /// It is the sum over matrices of the second-order cost of their errors on the calibration text. The KL
    /// divergence measured on other texts was two to three times as large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_kl: Option<f64>,
    /// KL divergences from the source on passages of each kind of calibration text that calibration did not
    /// use; empty without calibration. The file states them too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measured_kl: Vec<TextKl>,
    /// The mean of these before row steps were distilled; absent without distillation. If distillation did not
    /// lower it, the file has the steps before, and `measured_kl` is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kl_before_distillation: Option<f64>,
    /// The work of calibration; absent without calibration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationWork>,
    /// Bits of the whole file per weight.
    pub bpw_total: f64,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Peak resident memory of the process in bytes; absent if the system does not report it.
    pub peak_rss_bytes: Option<u64>,
    /// Whether this was a dry run that wrote nothing.
    pub dry_run: bool,
    /// Number of tensors that an interrupted run had packed.
    pub resumed_tensors: usize,
    /// All tensors, in file order.
    pub tensors: Vec<TensorReport>,
}

impl PackReport {
    pub(crate) fn new(source_bytes: u64, resumed_tensors: usize) -> Self {
        Self {
            file_bytes: 0,
            source_bytes,
            bpw_linear: None,
            bpw_embedding: None,
            sqnr_linear_db: None,
            sqnr_embedding_db: None,
            expected_kl: None,
            measured_kl: Vec::new(),
            kl_before_distillation: None,
            calibration: None,
            bpw_total: 0.0,
            seconds: 0.0,
            peak_rss_bytes: None,
            dry_run: false,
            resumed_tensors,
            tensors: Vec::new(),
        }
    }

    /// Computes the fields that follow from the tensors, and the time since `start`.
    pub(crate) fn finish(&mut self, start: Instant) {
        self.bpw_linear = bpw(&self.tensors, TensorKind::Linear);
        self.bpw_embedding = bpw(&self.tensors, TensorKind::Embedding);
        let weights: u64 = self.tensors.iter().map(|t| t.rows as u64 * t.cols as u64).sum();
        self.bpw_total = 8.0 * self.file_bytes as f64 / weights.max(1) as f64;
        self.seconds = start.elapsed().as_secs_f64();
        self.peak_rss_bytes = peak_rss_bytes();
    }
}

/// Returns the bits per weight of all tensors of a kind; `None` if there are none.
fn bpw(tensors: &[TensorReport], kind: TensorKind) -> Option<f64> {
    let of_kind = tensors.iter().filter(|t| t.kind == kind);
    let (bytes, weights) = of_kind.fold((0, 0), |(b, w), t| (b + t.bytes, w + t.rows as u64 * t.cols as u64));
    (weights > 0).then(|| 8.0 * bytes as f64 / weights as f64)
}

/// Returns the peak resident memory of this process in bytes; `None` if the system does not report it.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Returns `x` unless it is infinite or NaN, which JSON cannot represent.
pub(crate) fn finite(x: f64) -> Option<f64> {
    Some(x).filter(|x| x.is_finite())
}
