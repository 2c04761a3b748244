//! `.ecq` files and their tensors.

use crate::array::array;
use crate::error::OrRaise;
use crate::grid::{Grid, entry_kind};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyTuple};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Opens an `.ecq` file.
#[pyfunction]
pub fn open(py: Python<'_>, path: PathBuf) -> PyResult<File> {
    let file = py.detach(|| ecq::File::open(path)).or_raise()?;
    Ok(File { file: Arc::new(file) })
}

/// An open `.ecq` file: a mapping of names to tensors.
#[pyclass(frozen, mapping, module = "ecq")]
pub struct File {
    file: Arc<ecq::File>,
}

#[pymethods]
impl File {
    fn __len__(&self) -> usize {
        self.file.tensors().len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.keys(py)?.try_iter()
    }

    fn __contains__(&self, name: &str) -> bool {
        self.file.tensor(name).is_ok()
    }

    fn __getitem__(&self, name: &str) -> PyResult<Tensor> {
        let info = self.file.tensor(name).or_raise()?.info().clone();
        Ok(Tensor { file: self.file.clone(), info })
    }

    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.file.tensors().iter().map(|tensor| &tensor.name))
    }

    fn values(&self) -> Vec<Tensor> {
        let tensors = self.file.tensors().iter();
        tensors.map(|info| Tensor { file: self.file.clone(), info: info.clone() }).collect()
    }

    fn items(&self) -> Vec<(String, Tensor)> {
        self.values().into_iter().map(|tensor| (tensor.info.name.clone(), tensor)).collect()
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.file.path().to_owned()
    }

    #[getter]
    fn file_bytes(&self) -> u64 {
        self.file.info().file_bytes
    }

    #[getter]
    fn weights(&self) -> u64 {
        self.file.info().weights
    }

    #[getter]
    fn bits_per_weight(&self) -> f64 {
        self.file.info().bits_per_weight()
    }

    #[getter]
    fn source_format(&self) -> String {
        self.file.info().source_format
    }

    #[getter]
    fn source_name(&self) -> String {
        self.file.info().source_name
    }

    #[getter]
    fn source_bytes(&self) -> u64 {
        self.file.info().source_bytes
    }

    #[getter]
    fn writer(&self) -> String {
        self.file.info().writer
    }

    #[getter]
    fn recipe(&self) -> Option<String> {
        self.file.info().recipe
    }

    #[getter]
    fn attached(&self) -> BTreeMap<String, u64> {
        self.file.info().attached.into_iter().collect()
    }

    fn read_attached<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.file.attached(name)).or_raise()?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn checkpoint_files<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let files = PyDict::new(py);
        for (name, bytes) in py.detach(|| self.file.checkpoint_files()).or_raise()? {
            files.set_item(name, PyBytes::new(py, &bytes))?;
        }
        Ok(files)
    }

    fn __repr__(&self) -> String {
        let (path, tensors) = (self.file.path().display(), self.file.tensors().len());
        format!("<ecq.File {path}: {tensors} tensors, {:.3} bits per weight>", self.bits_per_weight())
    }
}

/// A tensor of an open file.
#[pyclass(frozen, module = "ecq")]
pub struct Tensor {
    file: Arc<ecq::File>,
    info: ecq::TensorInfo,
}

impl Tensor {
    /// Decodes detached from the interpreter.
    fn decode<T: Send>(
        &self,
        py: Python<'_>,
        decode: impl FnOnce(ecq::Tensor<'_>) -> ecq::Result<T> + Send,
    ) -> PyResult<T> {
        py.detach(|| decode(self.file.tensor(&self.info.name)?)).or_raise()
    }
}

#[pymethods]
impl Tensor {
    #[getter]
    fn name(&self) -> &str {
        &self.info.name
    }

    #[getter]
    fn kind(&self) -> String {
        format!("{:?}", self.info.kind).to_lowercase()
    }

    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.info.shape)
    }

    #[getter]
    fn rows(&self) -> usize {
        self.info.rows
    }

    #[getter]
    fn cols(&self) -> usize {
        self.info.cols
    }

    #[getter]
    fn dtype(&self) -> &str {
        &self.info.dtype
    }

    #[getter]
    fn coding(&self) -> Option<&'static str> {
        self.info.coding.map(ecq::Coding::name)
    }

    #[getter]
    fn grid_kind(&self) -> Option<&'static str> {
        self.info.grid.as_ref().map(entry_kind)
    }

    #[getter]
    fn alphabet(&self) -> Option<u16> {
        self.info.alphabet
    }

    #[getter]
    fn nbytes(&self) -> u64 {
        self.info.bytes
    }

    #[getter]
    fn bits_per_weight(&self) -> f64 {
        self.info.bits_per_weight()
    }

    /// The integer codes as a uint8 array `[rows, cols]`.
    fn codes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let codes = self.decode(py, |tensor| tensor.codes())?;
        array(py, codes.into_symbols(), &[self.info.rows, self.info.cols])
    }

    /// The grid, which maps codes to weights.
    fn grid(&self, py: Python<'_>) -> PyResult<Grid> {
        let grid = self.decode(py, |tensor| tensor.grid())?;
        Grid::of(py, &grid, self.info.rows)
    }

    /// The weights as a float32 array, or rounded to `dtype`.
    #[pyo3(signature = (dtype=None))]
    fn dequantize<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let weights = self.decode(py, |tensor| tensor.to_f32())?;
        let weights = array(py, weights, &self.info.shape)?;
        let Some(dtype) = dtype else { return Ok(weights) };
        let dtype = py.import("ecq._arrays")?.call_method1("numpy_dtype", (dtype,))?;
        let kwargs = PyDict::new(py);
        kwargs.set_item("copy", false)?;
        weights.call_method("astype", (dtype,), Some(&kwargs))
    }

    /// The elements or blocks of a tensor without codes, as in the source.
    fn tobytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.decode(py, |tensor| tensor.bytes())?))
    }

    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if copy == Some(false) {
            let why = "the weights are decoded into a new array: copy=False is not possible";
            return Err(pyo3::exceptions::PyValueError::new_err(why));
        }
        self.dequantize(py, dtype)
    }

    #[pyo3(signature = (**kwargs))]
    fn __dlpack__<'py>(
        &self,
        py: Python<'py>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.dequantize(py, None)?.call_method("__dlpack__", (), kwargs)
    }

    fn __dlpack_device__(&self) -> (u32, u32) {
        // kDLCPU, device 0.
        (1, 0)
    }

    fn __repr__(&self) -> String {
        let ecq::TensorInfo { name, shape, dtype, .. } = &self.info;
        let what = self.coding().unwrap_or(dtype);
        format!("<ecq.Tensor {name} {shape:?} {what}, {:.3} bits per weight>", self.bits_per_weight())
    }
}
