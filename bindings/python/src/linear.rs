//! Matrices for products in layers of other libraries.

use crate::array::array;
use crate::cuda::CudaLinear;
use crate::error::OrRaise;
use crate::model::Size;
use numpy::{PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// Opens the matrices of an `.ecq` file for products on the CPU.
#[pyfunction]
#[pyo3(signature = (path, *, mode="auto", memory=None, threads=None))]
pub fn linears(
    py: Python<'_>,
    path: PathBuf,
    mode: &str,
    memory: Option<Size>,
    threads: Option<usize>,
) -> PyResult<Linears> {
    let mode = mode.parse::<ecq::Mode>().map_err(PyValueError::new_err)?;
    let mut options = ecq::Linears::options().mode(mode).threads(threads.unwrap_or(0));
    if let Some(memory) = memory {
        options = options.memory(memory);
    }
    let linears = py.detach(|| options.open(&path)).or_raise()?;
    Ok(Linears { linears: Arc::new(linears), path })
}

/// The tensors of a file by the names of a Hugging Face checkpoint.
#[pyclass(frozen, module = "ecq")]
pub struct Linears {
    linears: Arc<ecq::Linears>,
    path: PathBuf,
}

#[pymethods]
impl Linears {
    fn names(&self) -> Vec<&str> {
        self.linears.names().collect()
    }

    fn __contains__(&self, name: &str) -> bool {
        self.linears.shape(name).is_ok()
    }

    fn __getitem__(&self, py: Python<'_>, name: &str) -> PyResult<Linear> {
        let linear = py.detach(|| self.linears.linear(name)).or_raise()?;
        Ok(Linear { linear })
    }

    fn shape(&self, name: &str) -> PyResult<Vec<usize>> {
        self.linears.shape(name).or_raise()
    }

    fn is_coded(&self, name: &str) -> PyResult<bool> {
        self.linears.is_coded(name).or_raise()
    }

    /// The values of a tensor in the Hugging Face checkpoint, as a float32 array.
    fn values<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let shape = self.linears.shape(name).or_raise()?;
        array(py, py.detach(|| self.linears.values(name)).or_raise()?, &shape)
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    #[getter]
    fn mode(&self) -> &'static str {
        self.linears.mode().0.name()
    }

    #[getter]
    fn mode_reason(&self) -> &str {
        self.linears.mode().1
    }

    fn __repr__(&self) -> String {
        let tensors = self.linears.names().count();
        format!("<ecq.Linears {}: {tensors} tensors, mode {}>", self.path.display(), self.mode())
    }
}

/// A matrix that is ready for products on the CPU.
#[pyclass(frozen, weakref, module = "ecq")]
pub struct Linear {
    linear: ecq::Linear,
}

#[pymethods]
impl Linear {
    #[getter]
    fn name(&self) -> &str {
        self.linear.name()
    }

    #[getter]
    fn shape(&self) -> (usize, usize) {
        let [rows, cols] = self.linear.shape();
        (rows, cols)
    }

    #[getter]
    fn nbytes(&self) -> u64 {
        self.linear.bytes()
    }

    #[getter]
    fn packed_nbytes(&self) -> u64 {
        self.linear.packed_bytes()
    }

    #[getter]
    fn residence(&self) -> String {
        format!("{:?}", self.linear.residence()).to_lowercase()
    }

    /// Loads the matrix to a GPU.
    fn to_cuda(&self, py: Python<'_>, device: usize) -> PyResult<CudaLinear> {
        Ok(CudaLinear { linear: py.detach(|| self.linear.to_cuda(device)).or_raise()? })
    }

    /// Writes the products of the rows of `x` with the rows of the matrix to `out`, or to a new array.
    #[pyo3(signature = (x, out=None))]
    fn multiply<'py>(
        &self,
        py: Python<'py>,
        x: PyReadonlyArray2<'py, f32>,
        out: Option<Bound<'py, PyArray2<f32>>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let [outputs, inputs] = self.linear.shape();
        let (rows, cols) = x.as_array().dim();
        if cols != inputs {
            let name = self.linear.name();
            let what = format!("x has {cols} columns, expected {inputs}, the input features of {name}");
            return Err(PyValueError::new_err(what));
        }
        let x = x.as_slice().ok().filter(|_| x.is_c_contiguous()).ok_or_else(|| not_contiguous("x"))?;
        fill(py, out, [rows, outputs], |out| self.linear.multiply(x, out))
    }

    /// Writes the weights of rows to `out`, or to a new array.
    #[pyo3(signature = (indices, out=None))]
    fn rows<'py>(
        &self,
        py: Python<'py>,
        indices: PyReadonlyArray1<'py, i64>,
        out: Option<Bound<'py, PyArray2<f32>>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let [all, cols] = self.linear.shape();
        let row = |&index: &i64| {
            let row = u32::try_from(index).ok().filter(|&row| (row as usize) < all);
            let name = self.linear.name();
            row.ok_or_else(|| PyIndexError::new_err(format!("row {index} of {name}, which has {all} rows")))
        };
        let rows: Vec<u32> = indices.as_array().iter().map(row).collect::<PyResult<_>>()?;
        fill(py, out, [rows.len(), cols], |out| self.linear.rows(&rows, out))
    }

    /// A copy is the matrix itself, which cannot change.
    fn __copy__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __deepcopy__<'py>(this: Bound<'py, Self>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Self> {
        this
    }

    /// The weights as a float32 array.
    fn dequantize<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let weights = py.detach(|| self.linear.values()).or_raise()?;
        array(py, weights, &self.linear.shape())
    }

    fn __repr__(&self) -> String {
        let [rows, cols] = self.linear.shape();
        format!("<ecq.Linear {} [{rows}, {cols}] {}>", self.linear.name(), self.residence())
    }
}

/// Fills `out`, or a new array, detached from the interpreter.
fn fill<'py>(
    py: Python<'py>,
    out: Option<Bound<'py, PyArray2<f32>>>,
    shape: [usize; 2],
    work: impl FnOnce(&mut [f32]) -> ecq::Result<()> + Send,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    // Zeros of the system are not written before the results are.
    let out = out.unwrap_or_else(|| PyArray2::zeros(py, shape, false));
    let mut writable = out.try_readwrite()?;
    if out.dims() != numpy::Ix2(shape[0], shape[1]) {
        let what = format!("out has shape {:?}, expected {shape:?}", out.shape());
        return Err(PyValueError::new_err(what));
    }
    if !out.is_c_contiguous() {
        return Err(not_contiguous("out"));
    }
    let values = writable.as_slice_mut().map_err(|_| not_contiguous("out"))?;
    py.detach(|| work(values)).or_raise()?;
    Ok(out)
}

fn not_contiguous(what: &str) -> PyErr {
    PyValueError::new_err(format!("{what} is not contiguous in row-major order"))
}
