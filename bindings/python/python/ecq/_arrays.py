"""Arrays of NumPy, PyTorch, MLX and others as bytes of elements. NumPy itself has no bfloat16."""

import sys
from typing import Any

import numpy

_NAMES = {
    "float64": "f64",
    "float32": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
    "int64": "i64",
    "int32": "i32",
    "int16": "i16",
    "int8": "i8",
    "uint64": "u64",
    "uint32": "u32",
    "uint16": "u16",
    "uint8": "u8",
    "bool": "bool",
    "bool_": "bool",
}


def describe(array: Any) -> tuple[str, list[int]]:
    """Returns the name of the element type in ecq and the shape."""
    array = _with_dtype(array)
    # "torch.float32", "mlx.core.float32"; in NumPy "float32", but ">f4" if the bytes are swapped.
    name = getattr(array.dtype, "name", None) or str(array.dtype).rpartition(".")[2]
    return _NAMES.get(name, name), list(array.shape)


def elements(array: Any) -> bytes:
    """Returns the elements in row-major order, little-endian."""
    array = _with_dtype(array)
    library = type(array).__module__.partition(".")[0]
    if library == "torch":
        torch = sys.modules["torch"]
        array = array.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    elif library == "mlx":
        mlx = sys.modules["mlx.core"]
        array = numpy.array(array.reshape(-1).view(mlx.uint8))
    elif sys.byteorder == "big" or array.dtype.byteorder == ">":
        array = numpy.asarray(array).astype(array.dtype.newbyteorder("<"))
    return bytes(array.tobytes())


def numpy_dtype(dtype: Any) -> Any:
    """Returns a type of NumPy; "bfloat16" is that of the package ml_dtypes."""
    if str(dtype) != "bfloat16":
        return numpy.dtype(dtype)
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError("NumPy has no bfloat16: install ml_dtypes, or use float32") from error
    return numpy.dtype(ml_dtypes.bfloat16)


def _with_dtype(array: Any) -> Any:
    """Converts lists, arrays of JAX and others to NumPy."""
    if isinstance(array, numpy.ndarray) or type(array).__module__.partition(".")[0] in ("torch", "mlx"):
        return array
    return numpy.asarray(array)
