//! Values by name.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Returns the one of `values` whose name is `found`.
///
/// # Errors
/// `ValueError` that lists the names.
pub fn named<T: Copy>(option: &str, found: &str, values: &[T], name: fn(T) -> &'static str) -> PyResult<T> {
    values.iter().copied().find(|&value| name(value) == found).ok_or_else(|| {
        let names: Vec<&str> = values.iter().map(|&value| name(value)).collect();
        PyValueError::new_err(format!("{option} is {found:?}, expected one of {}", names.join(", ")))
    })
}
