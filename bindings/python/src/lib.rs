//! The Python extension module `ecq._ecq`: classes and functions of the crate `ecq` for Python.
//!
//! This crate converts arguments and results, detaches from the interpreter while the library works, and
//! turns errors into exceptions; everything else belongs into the library. `python/ecq/_ecq.pyi` documents
//! the interface for users.

mod array;
mod command;
mod cuda;
mod error;
mod fake_quant;
mod file;
mod generation;
mod grid;
mod job;
mod linear;
mod model;
mod named;
mod quantize;
mod report;
mod sampling;
mod verify;

use pyo3::prelude::*;

#[pymodule]
mod _ecq {
    #[pymodule_export]
    use crate::command::{demo_model, main};
    #[pymodule_export]
    use crate::cuda::CudaLinear;
    #[pymodule_export]
    use crate::fake_quant::fake_quantize;
    #[pymodule_export]
    use crate::file::{File, Tensor, open};
    #[pymodule_export]
    use crate::generation::{Completion, Stream, TokenLogProbs};
    #[pymodule_export]
    use crate::grid::Grid;
    #[pymodule_export]
    use crate::job::Progress;
    #[pymodule_export]
    use crate::linear::{Linear, Linears, linears};
    #[pymodule_export]
    use crate::model::{Model, load};
    #[pymodule_export]
    use crate::quantize::quantize;
    #[pymodule_export]
    use crate::report::{QuantizationReport, TensorReport, TextKl};
    #[pymodule_export]
    use crate::verify::{Mismatch, Verification, verify};

    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
