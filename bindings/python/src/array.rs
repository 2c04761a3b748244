//! NumPy arrays.

use numpy::{Element, IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;

/// Returns a NumPy array that takes over `values`; imports NumPy at the first call.
///
/// # Errors
/// `ImportError` without NumPy.
pub fn array<'py, T: Element>(
    py: Python<'py>,
    values: Vec<T>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    // The bindings of NumPy panic if it is missing.
    py.import("numpy")?;
    let flat: Bound<'py, PyArray1<T>> = values.into_pyarray(py);
    Ok(flat.reshape(shape.to_vec())?.into_any())
}
