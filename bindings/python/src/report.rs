//! Reports of quantization.

use pyo3::prelude::*;

/// The result of quantizing one tensor.
#[pyclass(frozen, get_all, module = "ecq")]
#[derive(Clone)]
pub struct TensorReport {
    name: String,
    rows: usize,
    cols: usize,
    dtype: String,
    source_bytes: u64,
    bytes: u64,
    bpw: f64,
    coding: Option<String>,
    sqnr_db: Option<f64>,
    reason: Option<String>,
}

#[pymethods]
impl TensorReport {
    fn __repr__(&self) -> String {
        format!("<ecq.TensorReport {}: {:.3} bits per weight>", self.name, self.bpw)
    }
}

impl From<ecq::TensorReport> for TensorReport {
    fn from(report: ecq::TensorReport) -> Self {
        Self {
            name: report.name,
            rows: report.rows,
            cols: report.cols,
            dtype: report.dtype,
            source_bytes: report.source_bytes,
            bytes: report.bytes,
            bpw: report.bpw,
            coding: report.coding,
            sqnr_db: report.sqnr_db,
            reason: report.reason,
        }
    }
}

/// The KL divergence from the source that was measured on one kind of text.
#[pyclass(frozen, get_all, module = "ecq")]
#[derive(Clone)]
pub struct TextKl {
    text: String,
    tokens: usize,
    kl: f64,
    stderr: f64,
    top1: f64,
}

#[pymethods]
impl TextKl {
    fn __repr__(&self) -> String {
        format!("<ecq.TextKl {}: {:.3} nats per token>", self.text, self.kl)
    }
}

/// The result of quantizing a model.
#[pyclass(frozen, get_all, module = "ecq")]
pub struct QuantizationReport {
    file_bytes: u64,
    source_bytes: u64,
    bpw_linear: Option<f64>,
    bpw_embedding: Option<f64>,
    bpw_total: f64,
    sqnr_linear_db: Option<f64>,
    sqnr_embedding_db: Option<f64>,
    expected_kl: Option<f64>,
    measured_kl: Vec<TextKl>,
    kl_before_distillation: Option<f64>,
    seconds: f64,
    dry_run: bool,
    resumed_tensors: usize,
    tensors: Vec<TensorReport>,
}

#[pymethods]
impl QuantizationReport {
    fn __repr__(&self) -> String {
        let Self { file_bytes, bpw_total, .. } = self;
        format!("<ecq.QuantizationReport {file_bytes} bytes, {bpw_total:.3} bits per weight>")
    }
}

impl From<ecq::QuantizationReport> for QuantizationReport {
    fn from(report: ecq::QuantizationReport) -> Self {
        Self {
            file_bytes: report.file_bytes,
            source_bytes: report.source_bytes,
            bpw_linear: report.bpw_linear,
            bpw_embedding: report.bpw_embedding,
            bpw_total: report.bpw_total,
            sqnr_linear_db: report.sqnr_linear_db,
            sqnr_embedding_db: report.sqnr_embedding_db,
            expected_kl: report.expected_kl,
            measured_kl: report
                .measured_kl
                .into_iter()
                .map(|measured| TextKl {
                    text: measured.text,
                    tokens: measured.tokens,
                    kl: measured.kl,
                    stderr: measured.stderr,
                    top1: measured.top1,
                })
                .collect(),
            kl_before_distillation: report.kl_before_distillation,
            seconds: report.seconds,
            dry_run: report.dry_run,
            resumed_tensors: report.resumed_tensors,
            tensors: report.tensors.into_iter().map(TensorReport::from).collect(),
        }
    }
}
