"""Layers of PyTorch whose weights are entropy-coded.

On the CPU a product is that of the engine: codes are decoded inside it or before it, as the mode of the
``ecq.Linears`` says, on the threads of ecq and without the lock of the interpreter. On NVIDIA GPUs it is that
of the engine too, on the current stream of PyTorch. On other devices a layer holds its weights decoded, in
the type of the model, and multiplies as ``torch.nn.Linear`` does.
"""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import ecq
from ecq import _torch_cuda

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EcqEmbedding", "EcqLinear", "linear", "linear_out", "replace_layers"]

# Operators take tensors and numbers, so a matrix is passed as its number.
_numbers: weakref.WeakKeyDictionary[ecq.Linear, int] = weakref.WeakKeyDictionary()
_linears: weakref.WeakValueDictionary[int, ecq.Linear] = weakref.WeakValueDictionary()
_next_number = itertools.count(1)


def _number(matrix: ecq.Linear) -> int:
    number = _numbers.get(matrix)
    if number is None:
        number = next(_next_number)
        _numbers[matrix] = number
        _linears[number] = matrix
    return number


def _on_gpu(number: int, device: torch.device) -> _torch_cuda.OnGpu:
    return _torch_cuda.loaded(_linears[number], number, device)


def _flat(x: Tensor, matrix: ecq.Linear) -> Tensor:
    _check(x, matrix)
    return x.detach().reshape(x.shape[:-1].numel(), x.shape[-1])


def _rows(x: Tensor, matrix: ecq.Linear) -> Tensor:
    return _flat(x, matrix).to(torch.float32).contiguous()


@torch.library.custom_op("ecq::linear", mutates_args=(), device_types="cpu")
def _linear(x: Tensor, number: int, outputs: int) -> Tensor:
    matrix = _linears[number]
    rows = _rows(x, matrix)
    y = torch.empty((rows.shape[0], outputs), dtype=torch.float32)
    matrix.multiply(rows.numpy(), y.numpy())
    return y.to(x.dtype).reshape(*x.shape[:-1], outputs)


@_linear.register_kernel("cuda")
def _(x: Tensor, number: int, outputs: int) -> Tensor:
    rows = _flat(x, _linears[number])
    return _on_gpu(number, x.device).multiply(rows).reshape(*x.shape[:-1], outputs)


@_linear.register_fake
def _(x: Tensor, number: int, outputs: int) -> Tensor:
    return x.new_empty((*x.shape[:-1], outputs))


@torch.library.custom_op("ecq::linear_backward", mutates_args=(), device_types="cpu")
def _linear_backward(gradient: Tensor, number: int, inputs: int) -> Tensor:
    weight = torch.from_numpy(_linears[number].dequantize())
    return (gradient.to(torch.float32) @ weight).to(gradient.dtype)


@_linear_backward.register_kernel("cuda")
def _(gradient: Tensor, number: int, inputs: int) -> Tensor:
    return gradient @ _on_gpu(number, gradient.device).decoded(gradient.dtype)


@_linear_backward.register_fake
def _(gradient: Tensor, number: int, inputs: int) -> Tensor:
    return gradient.new_empty((*gradient.shape[:-1], inputs))


def _remember(ctx: Any, inputs: tuple[Tensor, int, int], output: Tensor) -> None:
    ctx.number, ctx.inputs = inputs[1], inputs[0].shape[-1]


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
    return torch.ops.ecq.linear_backward(gradient, ctx.number, ctx.inputs), None, None


_linear.register_autograd(_backward, setup_context=_remember)


@torch.library.custom_op("ecq::linear_out", mutates_args=("out",), device_types="cpu")
def _linear_out(x: Tensor, number: int, out: Tensor) -> None:
    matrix = _linears[number]
    rows = _rows(x, matrix)
    if out.dtype == torch.float32 and out.is_contiguous():
        matrix.multiply(rows.numpy(), out.detach().reshape(rows.shape[0], -1).numpy())
    else:
        out.copy_(torch.from_numpy(matrix.multiply(rows.numpy())).reshape(out.shape))


@_linear_out.register_kernel("cuda")
def _(x: Tensor, number: int, out: Tensor) -> None:
    rows, matrix = _flat(x, _linears[number]), _on_gpu(number, x.device)
    if out.is_contiguous():
        matrix.multiply(rows, out.detach().reshape(rows.shape[0], out.shape[-1]))
    else:
        out.copy_(matrix.multiply(rows).reshape(out.shape))


@_linear_out.register_fake
def _(x: Tensor, number: int, out: Tensor) -> None:
    return None


@torch.library.custom_op("ecq::embedding", mutates_args=(), device_types="cpu")
def _embedding(indices: Tensor, number: int, width: int, dtype: torch.dtype) -> Tensor:
    rows = _linears[number].rows(indices.reshape(-1).to(torch.int64).contiguous().numpy())
    return torch.from_numpy(rows).to(dtype).reshape(*indices.shape, width)


@_embedding.register_kernel("cuda")
def _(indices: Tensor, number: int, width: int, dtype: torch.dtype) -> Tensor:
    rows = _on_gpu(number, indices.device).rows(indices.reshape(-1))
    return rows.to(dtype).reshape(*indices.shape, width)


@_embedding.register_fake
def _(indices: Tensor, number: int, width: int, dtype: torch.dtype) -> Tensor:
    return indices.new_empty((*indices.shape, width), dtype=dtype)


def linear(x: Tensor, matrix: ecq.Linear) -> Tensor:
    """Returns ``x @ W.T``, of the type of ``x``, which is on the CPU or an NVIDIA GPU.

    Sums are computed in float32. The first product on a GPU loads the matrix there, where it stays as long as
    ``matrix`` exists; a layer that has moved there has loaded it. The gradient flows to ``x``, through the
    decoded weights; the weights have none.
    """
    _check(x, matrix)
    y: Tensor = torch.ops.ecq.linear(x, _number(matrix), matrix.shape[0])
    return y


def linear_out(x: Tensor, matrix: ecq.Linear, out: Tensor) -> Tensor:
    """As ``linear`` without gradient, into ``out`` of shape ``[..., outputs]``."""
    _check(x, matrix)
    if out.device != x.device:
        message = f"out is on {out.device}, and x on {x.device}"
        raise ValueError(message)
    if out.shape != (*x.shape[:-1], matrix.shape[0]):
        message = f"out has shape {list(out.shape)}, expected {[*x.shape[:-1], matrix.shape[0]]}"
        raise ValueError(message)
    torch.ops.ecq.linear_out(x, _number(matrix), out)
    return out


def _check(x: Tensor, matrix: ecq.Linear) -> None:
    if x.device.type not in ("cpu", "cuda", "meta"):
        message = f"x is on {x.device}; products with codes run on CPUs and NVIDIA GPUs: use EcqLinear there"
        raise ValueError(message)
    if not x.dtype.is_floating_point:
        message = f"x has the type {x.dtype}, expected floats"
        raise TypeError(message)
    if x.shape[-1] != matrix.shape[1]:
        message = f"x has {x.shape[-1]} columns, but {matrix.name} has {matrix.shape[1]} input features"
        raise ValueError(message)


class _Coded(nn.Module):
    """A layer with a coded matrix. On an NVIDIA GPU it has the codes there, on others decoded weights."""

    weight: Tensor | None

    def __init__(
        self,
        matrix: ecq.Linear,
        dtype: torch.dtype | None,
        dequantize: bool,
    ) -> None:
        super().__init__()
        self.matrix = matrix
        self.dequantized = dequantize
        self._number = _number(matrix)
        self._on_gpu: _torch_cuda.OnGpu | None = None
        self._refused: str | None = None
        # Empty; follows the type and device of the model, which peft asks a tensor of this name for.
        self.register_buffer(
            "qweight", torch.empty(0, dtype=dtype or torch.get_default_dtype()), persistent=False
        )
        self.register_buffer("weight", None, persistent=False)

    def dequantize(self) -> Tensor:
        """Decodes the weights, ``[rows, cols]``, in the type and on the device of the layer."""
        device = self.qweight.device if self.qweight.device.type != "meta" else "cpu"
        return torch.from_numpy(self.matrix.dequantize()).to(device, self.qweight.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes of the matrix where it is, mapped bytes of a file included."""
        if self._on_gpu is not None:
            return self._on_gpu.matrix.nbytes
        return self.matrix.nbytes if self.weight is None else self.weight.nbytes

    @property
    def residence(self) -> str:
        """Where the weights are, and on GPUs why."""
        if self._on_gpu is not None:
            found = self._on_gpu.matrix
            return f"{found.residence} on cuda:{found.device}, {found.reason}"
        if self.weight is not None:
            why = self._refused or ("as asked for" if self.dequantized else "no kernels for this device")
            return f"decoded to {self.weight.dtype} on {self.weight.device}, {why}"
        return self.matrix.residence

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> _Coded:
        super()._apply(fn, recurse)
        self.follow_device()
        return self

    def follow_device(self) -> None:
        """Loads the matrix to the device of the layer, or drops what is on others."""
        device = self.qweight.device
        if self._on_gpu is not None and self._on_gpu.device == device:
            return
        self._on_gpu = self._refused = None
        if device.type == "cuda" and not self.dequantized:
            self._refused = _torch_cuda.missing(device)
            if self._refused is None:
                try:
                    self._on_gpu = _torch_cuda.load(self.matrix, self._number, device)
                except ecq.UnsupportedError as error:
                    self._refused = str(error)
        if device.type in ("cpu", "meta") or self._on_gpu is not None:
            self.weight = None
        elif self.weight is None or self.weight.device != device:
            self.weight = self.dequantize()

    def _check_device(self, x: Tensor) -> None:
        if x.device != self.qweight.device and "meta" not in (x.device.type, self.qweight.device.type):
            message = f"the input is on {x.device}, and the layer on {self.qweight.device}"
            raise RuntimeError(message)


class EcqLinear(_Coded):
    """``torch.nn.Linear`` with a coded matrix. A bias is a parameter; the matrix is not, and has no gradient.

    On the CPU the matrix stays as it is in the file, or as the mode says. On an NVIDIA GPU products read its
    codes: as tuples if the file has them and the GPU decodes them inside products, packed otherwise and in
    the mode ``cached``. On another device, with ``dequantize``, and if it has no codes, ``weight`` holds it
    decoded. ``residence`` says which it is. The matrix is not in the state dictionary.
    """

    def __init__(
        self,
        matrix: ecq.Linear,
        bias: Tensor | None = None,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        dequantize: bool = False,
    ) -> None:
        """Makes a layer of a matrix of ``ecq.linears``.

        dtype: type of decoded weights.
        dequantize: on GPUs decoded weights instead of codes.
        """
        super().__init__(matrix, dtype, dequantize)
        self.out_features, self.in_features = matrix.shape
        self.bias = None if bias is None else nn.Parameter(bias)
        if device is None:
            self.follow_device()
        else:
            self.to(device)

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``x @ W.T + bias``."""
        if self.weight is not None:
            return functional.linear(x, self.weight.to(x.dtype), self.bias)
        self._check_device(x)
        y: Tensor = torch.ops.ecq.linear(x, self._number, self.out_features)
        return y if self.bias is None else y + self.bias.to(y.dtype)

    def extra_repr(self) -> str:
        """Describes the layer."""
        rows, cols = self.matrix.shape
        return f"in_features={cols}, out_features={rows}, bias={self.bias is not None}, {self.residence}"


class EcqEmbedding(_Coded):
    """``torch.nn.Embedding`` with a coded matrix, of which it decodes the rows that it needs."""

    def __init__(
        self,
        matrix: ecq.Linear,
        *,
        padding_idx: int | None = None,
        scale: float = 1.0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        dequantize: bool = False,
    ) -> None:
        """Makes a layer of a matrix of ``ecq.linears``; rows are multiplied by ``scale``.

        dtype: type of the rows.
        dequantize: on GPUs decoded weights instead of codes.
        """
        super().__init__(matrix, dtype, dequantize)
        self.num_embeddings, self.embedding_dim = matrix.shape
        self.padding_idx = padding_idx
        self.scale = scale
        if device is None:
            self.follow_device()
        else:
            self.to(device)

    def forward(self, indices: Tensor) -> Tensor:
        """Returns the rows of ``indices``."""
        if self.weight is not None:
            rows = functional.embedding(indices, self.weight)
        else:
            self._check_device(indices)
            rows = torch.ops.ecq.embedding(indices, self._number, self.embedding_dim, self.qweight.dtype)
        if self.scale == 1.0:
            return rows
        # As models do: the factor has the type of the rows.
        return rows * torch.tensor(self.scale, dtype=rows.dtype, device=rows.device)

    def extra_repr(self) -> str:
        """Describes the layer."""
        return f"{self.num_embeddings}, {self.embedding_dim}, {self.residence}"


def replace_layers(
    model: nn.Module,
    linears: ecq.Linears,
    name: Callable[[str], str | None] = lambda name: name,
    *,
    dtype: torch.dtype | None = None,
    dequantize: bool = False,
) -> list[str]:
    """Replaces linear layers and embeddings whose weights have codes, in place, and returns their paths.

    name: maps the name of a weight in the model to that in the file; ``None`` keeps a layer. Subclasses of
    ``torch.nn.Linear`` and ``torch.nn.Embedding`` are kept, except for embeddings with a factor.
    dequantize: on GPUs decoded weights instead of codes.
    """
    replaced = []
    for path, module in list(model.named_modules()):
        if type(module) is nn.Linear or isinstance(module, nn.Embedding):
            found = name(f"{path}.weight")
        else:
            continue
        if found is None or found not in linears or not linears.is_coded(found):
            continue
        shape = list(module.weight.shape)
        if linears.shape(found) != shape:
            message = f"{path}.weight has shape {shape}, but {found} in the file has {linears.shape(found)}"
            raise ValueError(message)
        new = _layer(module, linears[found], dtype or module.weight.dtype, dequantize)
        if new is not None:
            model.set_submodule(path, new)
            replaced.append(path)
    return replaced


def _layer(module: nn.Module, matrix: ecq.Linear, dtype: torch.dtype, dequantize: bool) -> nn.Module | None:
    if isinstance(module, nn.Linear):
        return EcqLinear(matrix, module.bias, dtype=dtype, dequantize=dequantize)
    if type(module) is nn.Embedding:
        scale: float | None = 1.0
    else:
        scale = getattr(module, "scalar_embed_scale", None)
    if scale is None or not isinstance(module, nn.Embedding):
        return None
    padding = module.padding_idx
    return EcqEmbedding(matrix, padding_idx=padding, scale=scale, dtype=dtype, dequantize=dequantize)
