//! Errors of the library as Python exceptions.

use pyo3::prelude::*;

/// Raises the error of a result.
pub trait OrRaise<T> {
    /// Converts the error to the exception of its kind.
    fn or_raise(self) -> PyResult<T>;
}

impl<T> OrRaise<T> for ecq::Result<T> {
    fn or_raise(self) -> PyResult<T> {
        self.map_err(|error| Python::attach(|py| exception(py, &error).unwrap_or_else(|error| error)))
    }
}

/// Returns the exception of `ecq._errors` for an error: the class `<Kind>Error` with the fields of the JSON
/// errors of the command.
fn exception(py: Python<'_>, error: &ecq::Error) -> PyResult<PyErr> {
    let module = py.import("ecq._errors")?;
    let class = format!("{:?}Error", error.kind());
    let class = module.getattr_opt(&*class)?.map_or_else(|| module.getattr("Error"), Ok)?;
    let exception = class.call1((error.to_string(),))?;
    exception.setattr("kind", error.kind().name())?;
    exception.setattr("tensor", error.tensor())?;
    exception.setattr("offset", error.offset())?;
    Ok(PyErr::from_value(exception))
}
