"""Slow and obvious reference implementations in NumPy."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ecq

F32 = np.float32


def safetensors(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """Reads the float32 tensors of a safetensors file."""
    data = np.memmap(path, np.uint8, "r")
    length = int(data[:8].view("<u8")[0])
    header = json.loads(data[8 : 8 + length].tobytes())
    header.pop("__metadata__", None)
    for name, entry in header.items():
        assert entry["dtype"] == "F32", name
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        yield name, np.frombuffer(data[begin:end].tobytes(), "<f4").reshape(entry["shape"])


def dequantize(codes: NDArray[np.uint8], grid: ecq.Grid) -> NDArray[np.float32]:
    """The weights of codes on a grid, in single precision and in the order that the format defines."""
    parameters, arrays = grid.parameters, grid.arrays
    rows = len(codes)
    if grid.kind == "affine_groups":
        size = int(parameters["group_size"])
        scales = arrays["scales"].repeat(size, axis=1)
        q = codes.astype(F32)
        if "biases" in arrays:
            return scales * q + arrays["biases"].repeat(size, axis=1)
        return scales * (q - F32(parameters["zero"]))
    zero = int(parameters["zero"])
    k = codes.astype(np.int64) - zero
    np.ravel(k)[arrays["outlier_indices"]] += arrays["outlier_deltas"]
    steps = arrays["steps"] if len(arrays["steps"]) > 1 else arrays["steps"].repeat(rows)
    if grid.kind == "uniform_rows":
        weights = steps[:, None] * k.astype(F32)
    elif grid.kind == "trellis_rows":
        weights = steps[:, None] * (2 * k + branches(k, parameters)).astype(F32)
    else:
        raise NotImplementedError(grid.kind)
    if "col_scales" in arrays:
        weights = weights * arrays["col_scales"]
    return weights


def branches(k: NDArray[np.int64], parameters: dict[str, Any]) -> NDArray[np.int64]:
    """Branch bits of a trellis grid: ``b[j] = p[j - lag] XOR b[j - 2 lag]`` with the parities p of k."""
    lag, restart = parameters["lag"], parameters["restart"]
    bits = np.zeros_like(k)
    for j in range(k.shape[1]):
        if j % restart >= lag:
            bits[:, j] = k[:, j - lag] & 1
        if j % restart >= 2 * lag:
            bits[:, j] ^= bits[:, j - 2 * lag]
    return bits


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Natural log-probabilities."""
    relative = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return relative - np.log(np.exp(relative).sum(axis=-1, keepdims=True))
