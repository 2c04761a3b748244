//! Verification of files.

use crate::error::OrRaise;
use crate::job;
use pyo3::prelude::*;
use std::path::PathBuf;

/// A difference between a file and its source.
#[pyclass(frozen, get_all, module = "ecq")]
#[derive(Clone)]
pub struct Mismatch {
    tensor: String,
    what: String,
}

#[pymethods]
impl Mismatch {
    fn __repr__(&self) -> String {
        format!("<ecq.Mismatch {}: {}>", self.tensor, self.what)
    }
}

/// The result of verifying a file.
#[pyclass(frozen, get_all, module = "ecq")]
pub struct Verification {
    tensors: usize,
    codes: u64,
    mismatches: Vec<Mismatch>,
}

#[pymethods]
impl Verification {
    #[getter]
    fn ok(&self) -> bool {
        self.mismatches.is_empty()
    }

    fn __repr__(&self) -> String {
        let Self { tensors, codes, mismatches } = self;
        format!("<ecq.Verification {tensors} tensors, {codes} codes, {} mismatches>", mismatches.len())
    }
}

/// Compares a file with its hash, decodes every tensor, and compares it with its source if given.
#[pyfunction]
#[pyo3(signature = (path, against=None, *, progress=None))]
pub fn verify(
    py: Python<'_>,
    path: PathBuf,
    against: Option<PathBuf>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Verification> {
    let verified = job::run(py, progress, move |job| {
        let file = ecq::File::open(path)?;
        let Some(against) = against else {
            let ecq::Verification { tensors, codes, .. } = file.verify_with(|update| job.report(update))?;
            return Ok(Verification { tensors, codes, mismatches: Vec::new() });
        };
        let report = file.verify_against_with(against, |update| job.report(update))?;
        let mismatches = report.mismatches.into_iter();
        Ok(Verification {
            tensors: report.tensors,
            codes: report.codes_checked,
            mismatches: mismatches.map(|found| Mismatch { tensor: found.tensor, what: found.what }).collect(),
        })
    })?;
    verified.or_raise()
}
