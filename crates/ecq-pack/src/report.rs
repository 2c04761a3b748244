//! What packing, verifying and comparing found, as plain data that serialises under stable names.

use ecq_core::TensorKind;
use serde::Serialize;
use std::time::Instant;

/// What packing made of one tensor.
#[derive(Debug, Clone, Serialize)]
pub struct TensorReport {
    /// Its name.
    pub name: String,
    /// What it is to the model.
    pub kind: TensorKind,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Type in the source.
    pub dtype: String,
    /// Bytes in the source.
    pub source_bytes: u64,
    /// Bytes in the file: all parts, and its share of the header.
    pub bytes: u64,
    /// The same in bits per weight.
    pub bpw: f64,
    /// Order-0 entropy of its codes in bits per weight.
    pub entropy_bpw: Option<f64>,
    /// Cross entropy of its codes under its tables in bits per weight: the least that a coder with one table
    /// a tile can reach.
    pub cross_entropy_bpw: Option<f64>,
    /// What its codes take, streams, tables and index, in bits per weight.
    pub codes_bpw: Option<f64>,
    /// Coding of its codes; absent when it has none, or was already there when a run resumed.
    pub coding: Option<String>,
    /// Signal to quantization noise against the source in decibels; absent where nothing was quantized.
    pub sqnr_db: Option<f64>,
    /// Why that coding, or why not the grid asked for.
    pub reason: Option<String>,
}

/// What packing made of a model.
#[derive(Debug, Clone, Serialize)]
pub struct PackReport {
    /// Length of the file.
    pub file_bytes: u64,
    /// Length of the source.
    pub source_bytes: u64,
    /// Every byte of the block projections, in bits over their weights.
    pub bpw_linear: Option<f64>,
    /// The same for embedding and head.
    pub bpw_embedding: Option<f64>,
    /// Signal to quantization noise of the block projections in decibels; absent where nothing was quantized.
    pub sqnr_linear_db: Option<f64>,
    /// The same for embedding and head.
    pub sqnr_embedding_db: Option<f64>,
    /// KL to the source in nats per token that calibration expects of the quantized tensors; absent without
    /// calibration. It is a sum over matrices of what their errors cost to second order on the text of
    /// calibration; measured on other texts, KL was two to three times as much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_kl: Option<f64>,
    /// The whole file, in bits over all weights.
    pub bpw_total: f64,
    /// Seconds it took.
    pub seconds: f64,
    /// Most memory the process held, in bytes, where the system tells.
    pub peak_rss_bytes: Option<u64>,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Tensors taken over from an interrupted run.
    pub resumed_tensors: usize,
    /// Every tensor.
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
            bpw_total: 0.0,
            seconds: 0.0,
            peak_rss_bytes: None,
            dry_run: false,
            resumed_tensors,
            tensors: Vec::new(),
        }
    }

    pub(crate) fn close(&mut self, start: Instant) {
        self.bpw_linear = bpw(&self.tensors, Some(TensorKind::Linear));
        self.bpw_embedding = bpw(&self.tensors, Some(TensorKind::Embedding));
        let weights: u64 = self.tensors.iter().map(|t| t.rows as u64 * t.cols as u64).sum();
        self.bpw_total = 8.0 * self.file_bytes as f64 / weights.max(1) as f64;
        self.seconds = start.elapsed().as_secs_f64();
        self.peak_rss_bytes = peak_rss_bytes();
    }
}

fn bpw(tensors: &[TensorReport], kind: Option<TensorKind>) -> Option<f64> {
    let of_kind = tensors.iter().filter(|t| kind.is_none_or(|kind| t.kind == kind));
    let (bytes, weights) = of_kind.fold((0, 0), |(b, w), t| (b + t.bytes, w + t.rows as u64 * t.cols as u64));
    (weights > 0).then(|| 8.0 * bytes as f64 / weights as f64)
}

/// Most memory this process ever held, in bytes.
pub fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// JSON knows no infinities.
pub(crate) fn finite(x: f64) -> Option<f64> {
    Some(x).filter(|x| x.is_finite())
}
