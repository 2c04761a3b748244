"""Fake quantization to a number of bits."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecq._ecq import fake_quantize

Floats = NDArray[np.float32]


def _fake_quantize(x: ArrayLike, bits: int) -> Floats:
    if isinstance(bits, bool) or not isinstance(bits, (int, np.integer)) or not 1 <= bits <= 16:
        message = f"bits is {bits!r}, expected an integer from 1 to 16"
        raise ValueError(message)
    values = np.asarray(x).astype(np.float32)
    quantized: Floats = fake_quantize(np.ravel(values), int(bits)).reshape(values.shape)
    return quantized


class VariableQuantizationMLXKernel:
    """Quantizes arrays in [-1, 1] to ``2^bits - 1`` levels and back, in single precision.

    ``use_block_kernel`` and ``use_double_buffer`` chose among kernels with the same results; they have no
    effect here.
    """

    def __init__(self, use_block_kernel: bool = True, use_double_buffer: bool = False) -> None:
        """Compiles nothing until the first use."""
        self.use_block_kernel = use_block_kernel
        self.use_double_buffer = use_double_buffer
        self._kernel: Callable[[ArrayLike, int], Floats] | None = None

    def compile(self) -> Callable[[ArrayLike, int], Floats]:
        """Returns the kernel, always the same."""
        if self._kernel is None:
            self._kernel = _fake_quantize
        return self._kernel

    def set_double_buffer(self, enable: bool) -> None:
        """Sets the hint."""
        self.use_double_buffer = enable

    def __call__(self, x: ArrayLike, bits: int) -> Floats:
        """Returns ``round(clip(x, -1, 1) * (2^(bits-1) - 1)) / (2^(bits-1) - 1)`` for 2 to 16 bits.

        Halves round away from zero. One bit gives the sign, of both zeros 1. NaNs stay as they are. The
        result is float32 of the shape of ``x``. Raises ValueError for other bits.
        """
        return self.compile()(x, bits)


variable_quantization = VariableQuantizationMLXKernel()
"""The instance that ``quantize`` uses."""


def quantize(x: ArrayLike, bits: int) -> Floats:
    """Quantizes an array to ``bits`` bits and back; see ``VariableQuantizationMLXKernel``."""
    return variable_quantization(x, bits)
