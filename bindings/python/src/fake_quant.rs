//! Fake quantization of arrays.

use crate::array::array;
use numpy::{PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Rounds float32 values, clipped to [-1, 1], to levels of a number of bits.
#[pyfunction]
#[pyo3(signature = (values, bits, *, rounding="half-away"))]
pub fn fake_quantize<'py>(
    py: Python<'py>,
    values: PyReadonlyArray1<'py, f32>,
    bits: u64,
    rounding: &str,
) -> PyResult<Bound<'py, PyAny>> {
    use ecq::fake_quant::{Bits, FakeQuantizer, Symmetric};
    let error = |error: ecq::fake_quant::FakeQuantError| PyValueError::new_err(error.to_string());
    let bits = Bits::new(bits).map_err(error)?;
    let quantizer = FakeQuantizer::from(Symmetric::unit(bits, rounding.parse().map_err(error)?));
    let x = values.as_slice().map_err(|_| PyValueError::new_err("values are not contiguous"))?;
    let mut y = vec![0.0; x.len()];
    py.detach(|| quantizer.quantize(x, &mut y)).map_err(error)?;
    array(py, y, &[values.len()])
}
