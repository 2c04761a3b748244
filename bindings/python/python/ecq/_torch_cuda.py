"""Products with coded matrices on NVIDIA GPUs, in the memory and on the streams of PyTorch."""

from __future__ import annotations

import functools
import importlib.util
import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

import ecq

if TYPE_CHECKING:
    from torch import Tensor

_Name = Literal["float32", "float16", "bfloat16"]
_NAMES: dict[torch.dtype, _Name] = {
    torch.float32: "float32",
    torch.float16: "float16",
    torch.bfloat16: "bfloat16",
}
# Rows that are decoded together.
_BLOCK = 2048


class OnGpu:
    """A matrix on a GPU. It is there while an object of this class exists."""

    def __init__(self, matrix: ecq.Linear, device: torch.device) -> None:
        """Loads the matrix and compiles its kernels. Raises UnsupportedError if it has no codes."""
        if torch.cuda.is_current_stream_capturing():
            message = (
                f"{matrix.name} is not on {device}, and a graph that is being captured cannot load it: "
                "call the layer once before the capture"
            )
            raise RuntimeError(message)
        _offer_compiler()
        try:
            self.matrix = matrix.to_cuda(device.index)
        except ecq.OutOfMemoryError:
            # PyTorch keeps memory that it does not use.
            torch.cuda.empty_cache()
            self.matrix = matrix.to_cuda(device.index)
        self.device = device
        self.outputs, self.inputs = matrix.shape
        # Types that kernels read and write.
        self._types = {dtype: name for dtype, name in _NAMES.items() if self.matrix.takes(name)}
        order = self.matrix.row_order
        self._order = None if order is None else torch.tensor(order, dtype=torch.int32, device=device)
        self._scratch: dict[int, int] = {}

    def __copy__(self) -> OnGpu:
        """Returns the matrix itself, which cannot change."""
        return self

    def __deepcopy__(self, _memo: object) -> OnGpu:
        """As a copy."""
        return self

    def multiply(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Returns ``x @ W.T`` of the type of ``x``, which is ``[rows, inputs]``, or writes it to ``out``."""
        name = self._types.get(x.dtype)
        rows = (x if name else x.to(torch.float32)).contiguous()
        count = rows.shape[0]
        # What the kernel writes.
        y = out
        if y is None or y.dtype != rows.dtype or self._order is not None:
            y = rows.new_empty((count, self.outputs))
        # Kernels do not check addresses.
        for what, tensor, shape in (("x", rows, (count, self.inputs)), ("out", y, (count, self.outputs))):
            if tensor.device != self.device or tensor.shape != shape or not tensor.is_contiguous():
                found = f"{list(tensor.shape)} on {tensor.device}"
                message = f"{what} is {found}, expected contiguous {list(shape)} on {self.device}"
                raise ValueError(message)
        if count > 0:
            nbytes = self._scratch.get(count)
            if nbytes is None:
                nbytes = self._scratch[count] = self.matrix.scratch_nbytes(count)
            scratch = torch.empty(nbytes, dtype=torch.uint8, device=self.device)
            stream = torch.cuda.current_stream(self.device).cuda_stream
            self.matrix.multiply(
                rows.data_ptr(),
                y.data_ptr(),
                scratch.data_ptr(),
                count,
                dtype=name or "float32",
                stream=stream,
            )
        if y is out:
            return y
        if self._order is not None:
            y = y.index_select(1, self._order)
        return y.to(x.dtype) if out is None else out.copy_(y)

    def rows(self, indices: Tensor) -> Tensor:
        """Returns the rows of ``indices`` in float32, ``[len(indices), inputs]``; NaN if there is no such."""
        index = indices.to(torch.int32).contiguous()
        if self._order is not None:
            index = self._order.index_select(0, index)
        y = torch.full((len(index), self.inputs), torch.nan, device=self.device)
        if len(index) > 0:
            stream = torch.cuda.current_stream(self.device).cuda_stream
            self.matrix.rows(index.data_ptr(), y.data_ptr(), len(index), stream=stream)
        return y

    def decoded(self, dtype: torch.dtype) -> Tensor:
        """Returns all weights."""
        weights = torch.empty((self.outputs, self.inputs), dtype=dtype, device=self.device)
        for first in range(0, self.outputs, _BLOCK):
            last = min(first + _BLOCK, self.outputs)
            weights[first:last] = self.rows(torch.arange(first, last, device=self.device))
        return weights


_loaded: weakref.WeakValueDictionary[tuple[int, int], OnGpu] = weakref.WeakValueDictionary()
# What functions have loaded, which lives as long as the matrix.
_kept: weakref.WeakKeyDictionary[ecq.Linear, list[OnGpu]] = weakref.WeakKeyDictionary()


def missing(device: torch.device) -> str | None:
    """Returns why a device has no kernels, or ``None``."""
    if torch.version.hip is not None:
        return "kernels need an NVIDIA GPU"
    capability = torch.cuda.get_device_capability(device)
    if capability < (8, 0):
        return f"kernels need compute capability 8.0 or newer, found {capability[0]}.{capability[1]}"
    return None


def load(matrix: ecq.Linear, number: int, device: torch.device) -> OnGpu:
    """Returns the matrix of a number on a GPU; loads it if it is not there."""
    found = _loaded.get((number, device.index))
    if found is None:
        found = _loaded[number, device.index] = OnGpu(matrix, device)
    return found


def loaded(matrix: ecq.Linear, number: int, device: torch.device) -> OnGpu:
    """As ``load``; what is not loaded by a layer stays as long as the matrix."""
    found = _loaded.get((number, device.index))
    if found is None:
        found = load(matrix, number, device)
        _kept.setdefault(matrix, []).append(found)
    return found


@functools.cache
def _offer_compiler() -> None:
    """Tells ecq where the packages of PyTorch have NVRTC, the compiler of kernels."""
    packages = importlib.util.find_spec("nvidia")
    if "ECQ_NVRTC" in os.environ or packages is None:
        return
    folders = [Path(folder) for folder in packages.submodule_search_locations or []]
    major = (torch.version.cuda or "").split(".")[0]
    for folder in folders:
        for found in sorted(folder.glob(f"*/lib/libnvrtc.so.{major}")):
            os.environ["ECQ_NVRTC"] = str(found)
            return
