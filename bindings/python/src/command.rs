//! The `ecq` command.

use pyo3::prelude::*;
use std::ffi::OsString;
use std::path::PathBuf;

/// Runs the ecq command; the first of `args` is the name of the program. Returns the exit code.
#[pyfunction]
pub fn main(py: Python<'_>, args: Vec<OsString>) -> u8 {
    py.detach(|| ecq_cli::main(args))
}

/// Writes the small model that is embedded in ecq to a file and returns its path.
#[pyfunction]
pub fn demo_model(path: PathBuf) -> PyResult<PathBuf> {
    std::fs::write(&path, ecq_cli::DEMO_MODEL)?;
    Ok(path)
}
