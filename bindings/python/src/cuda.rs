//! Matrices on NVIDIA GPUs, for products on the streams and in the memory of other libraries.

use crate::error::OrRaise;
use ecq::cuda::{Element, LayerProduct};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A matrix on an NVIDIA GPU.
#[pyclass(frozen, weakref, module = "ecq")]
pub struct CudaLinear {
    pub linear: ecq::CudaLinear,
}

#[pymethods]
impl CudaLinear {
    #[getter]
    fn name(&self) -> &str {
        self.linear.linear().name()
    }

    #[getter]
    fn shape(&self) -> (usize, usize) {
        let [rows, cols] = self.linear.linear().shape();
        (rows, cols)
    }

    #[getter]
    fn device(&self) -> usize {
        self.linear.ordinal()
    }

    #[getter]
    fn nbytes(&self) -> u64 {
        self.linear.bytes()
    }

    #[getter]
    fn residence(&self) -> String {
        format!("{:?}", self.linear.residence()).to_lowercase()
    }

    #[getter]
    fn reason(&self) -> &str {
        self.linear.reason()
    }

    #[getter]
    fn row_order(&self) -> Option<Vec<usize>> {
        self.linear.row_order().map(<[usize]>::to_vec)
    }

    fn takes(&self, dtype: &str) -> PyResult<bool> {
        Ok(self.linear.takes(element(dtype)?))
    }

    fn scratch_nbytes(&self, rows: usize) -> PyResult<usize> {
        self.linear.scratch_bytes(rows).or_raise()
    }

    /// Enqueues a product. The stream may be full, so that this waits.
    #[pyo3(signature = (x, y, scratch, rows, *, dtype, stream))]
    #[expect(clippy::too_many_arguments, reason = "the operands of a product")]
    fn multiply(
        &self,
        py: Python<'_>,
        x: u64,
        y: u64,
        scratch: u64,
        rows: usize,
        dtype: &str,
        stream: u64,
    ) -> PyResult<()> {
        let product = LayerProduct { x, y, scratch, rows, element: element(dtype)? };
        // SAFETY: what `_ecq.pyi` demands of callers.
        py.detach(|| unsafe { self.linear.multiply(stream, product) }).or_raise()
    }

    /// Enqueues the decoding of rows.
    #[pyo3(signature = (index, y, rows, *, stream))]
    fn rows(&self, py: Python<'_>, index: u64, y: u64, rows: usize, stream: u64) -> PyResult<()> {
        // SAFETY: as above.
        py.detach(|| unsafe { self.linear.rows(stream, index, rows, y) }).or_raise()
    }

    fn __repr__(&self) -> String {
        let [rows, cols] = self.linear.linear().shape();
        let (name, residence, device) = (self.name(), self.residence(), self.device());
        format!("<ecq.CudaLinear {name} [{rows}, {cols}] {residence} on cuda:{device}>")
    }
}

fn element(dtype: &str) -> PyResult<Element> {
    match dtype {
        "float32" => Ok(Element::F32),
        "float16" => Ok(Element::F16),
        "bfloat16" => Ok(Element::Bf16),
        other => {
            let what = format!("unknown dtype {other:?}; expected float32, float16 or bfloat16");
            Err(PyValueError::new_err(what))
        }
    }
}
