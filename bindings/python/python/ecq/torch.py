"""Layers of PyTorch whose weights are entropy-coded.

On the CPU a product is that of the engine: codes are decoded inside it or before it, as the mode of the
``ecq.Linears`` says, on the threads of ecq and without the lock of the interpreter. On other devices a layer
holds its weights decoded, in the type of the model, and multiplies as ``torch.nn.Linear`` does.
"""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import ecq

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


def _rows(x: Tensor, matrix: ecq.Linear) -> Tensor:
    return x.detach().reshape(-1, matrix.shape[1]).to(torch.float32).contiguous()


@torch.library.custom_op("ecq::linear", mutates_args=(), device_types="cpu")
def _linear(x: Tensor, number: int, outputs: int) -> Tensor:
    matrix = _linears[number]
    rows = _rows(x, matrix)
    y = torch.empty((rows.shape[0], outputs), dtype=torch.float32)
    matrix.multiply(rows.numpy(), y.numpy())
    return y.to(x.dtype).reshape(*x.shape[:-1], outputs)


@_linear.register_fake
def _(x: Tensor, number: int, outputs: int) -> Tensor:
    return x.new_empty((*x.shape[:-1], outputs))


@torch.library.custom_op("ecq::linear_backward", mutates_args=(), device_types="cpu")
def _linear_backward(gradient: Tensor, number: int, inputs: int) -> Tensor:
    weight = torch.from_numpy(_linears[number].dequantize())
    return (gradient.to(torch.float32) @ weight).to(gradient.dtype)


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


@_linear_out.register_fake
def _(x: Tensor, number: int, out: Tensor) -> None:
    return None


@torch.library.custom_op("ecq::embedding", mutates_args=(), device_types="cpu")
def _embedding(indices: Tensor, number: int, width: int, dtype: torch.dtype) -> Tensor:
    rows = _linears[number].rows(indices.reshape(-1).to(torch.int64).contiguous().numpy())
    return torch.from_numpy(rows).to(dtype).reshape(*indices.shape, width)


@_embedding.register_fake
def _(indices: Tensor, number: int, width: int, dtype: torch.dtype) -> Tensor:
    return indices.new_empty((*indices.shape, width), dtype=dtype)


def linear(x: Tensor, matrix: ecq.Linear) -> Tensor:
    """Returns ``x @ W.T``, of the type of ``x``; sums are computed in float32. ``x`` must be on the CPU.

    The gradient flows to ``x``, through the decoded weights; the weights have none.
    """
    _check(x, matrix)
    y: Tensor = torch.ops.ecq.linear(x, _number(matrix), matrix.shape[0])
    return y


def linear_out(x: Tensor, matrix: ecq.Linear, out: Tensor) -> Tensor:
    """As ``linear`` without gradient, into ``out`` of shape ``[..., outputs]``."""
    _check(x, matrix)
    if out.shape != (*x.shape[:-1], matrix.shape[0]):
        message = f"out has shape {list(out.shape)}, expected {[*x.shape[:-1], matrix.shape[0]]}"
        raise ValueError(message)
    torch.ops.ecq.linear_out(x, _number(matrix), out)
    return out


def _check(x: Tensor, matrix: ecq.Linear) -> None:
    if x.device.type not in ("cpu", "meta"):
        message = f"x is on {x.device}, and products with codes are computed on the CPU: use EcqLinear there"
        raise ValueError(message)
    if x.shape[-1] != matrix.shape[1]:
        message = f"x has {x.shape[-1]} columns, but {matrix.name} has {matrix.shape[1]} input features"
        raise ValueError(message)


class _Coded(nn.Module):
    """A layer with a coded matrix, which it decodes when it is moved to another device than the CPU."""

    weight: Tensor | None

    def __init__(
        self, matrix: ecq.Linear, dtype: torch.dtype | None, device: torch.device | str | None
    ) -> None:
        super().__init__()
        self.matrix = matrix
        self._number = _number(matrix)
        # Empty; follows the type and device of the model, which peft asks a tensor of this name for.
        self.register_buffer(
            "qweight", torch.empty(0, dtype=dtype or torch.get_default_dtype()), persistent=False
        )
        self.register_buffer("weight", None, persistent=False)
        if device is not None:
            self.to(device)

    def dequantize(self) -> Tensor:
        """Decodes the weights, ``[rows, cols]``, in the type and on the device of the layer."""
        device = self.qweight.device if self.qweight.device.type != "meta" else "cpu"
        return torch.from_numpy(self.matrix.dequantize()).to(device, self.qweight.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> _Coded:
        super()._apply(fn, recurse)
        self.follow_device()
        return self

    def follow_device(self) -> None:
        """Decodes the weights if the layer is on another device than the CPU, and drops them on the CPU."""
        device = self.qweight.device.type
        if device in ("cpu", "meta"):
            self.weight = None
        elif self.weight is None or self.weight.device != self.qweight.device:
            self.weight = self.dequantize()


class EcqLinear(_Coded):
    """``torch.nn.Linear`` with a coded matrix. A bias is a parameter; the matrix is not, and has no gradient.

    On the CPU the matrix stays as it is in the file, or as the mode says. On another device ``weight`` holds
    it decoded; it is not in the state dictionary.
    """

    def __init__(
        self,
        matrix: ecq.Linear,
        bias: Tensor | None = None,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        """Makes a layer of a matrix of ``ecq.linears``; ``dtype`` is that of the weights on other devices."""
        super().__init__(matrix, dtype, None)
        self.out_features, self.in_features = matrix.shape
        self.bias = None if bias is None else nn.Parameter(bias)
        if device is not None:
            self.to(device)

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``x @ W.T + bias``."""
        if self.weight is not None:
            return functional.linear(x, self.weight.to(x.dtype), self.bias)
        y: Tensor = torch.ops.ecq.linear(x, self._number, self.out_features)
        return y if self.bias is None else y + self.bias.to(y.dtype)

    def extra_repr(self) -> str:
        """Describes the layer."""
        rows, cols = self.matrix.shape
        return (
            f"in_features={cols}, out_features={rows}, bias={self.bias is not None}, {self.matrix.residence}"
        )


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
    ) -> None:
        """Makes a layer of a matrix of ``ecq.linears``; rows are multiplied by ``scale``."""
        super().__init__(matrix, dtype, None)
        self.num_embeddings, self.embedding_dim = matrix.shape
        self.padding_idx = padding_idx
        self.scale = scale
        if device is not None:
            self.to(device)

    def forward(self, indices: Tensor) -> Tensor:
        """Returns the rows of ``indices``."""
        if self.weight is not None:
            rows = functional.embedding(indices, self.weight)
        else:
            rows = torch.ops.ecq.embedding(indices, self._number, self.embedding_dim, self.qweight.dtype)
        if self.scale == 1.0:
            return rows
        # As models do: the factor has the type of the rows.
        return rows * torch.tensor(self.scale, dtype=rows.dtype, device=rows.device)

    def extra_repr(self) -> str:
        """Describes the layer."""
        return f"{self.num_embeddings}, {self.embedding_dim}, {self.matrix.residence}"


def replace_layers(
    model: nn.Module,
    linears: ecq.Linears,
    name: Callable[[str], str | None] = lambda name: name,
    *,
    dtype: torch.dtype | None = None,
) -> list[str]:
    """Replaces linear layers and embeddings whose weights have codes, in place, and returns their paths.

    name: maps the name of a weight in the model to that in the file; ``None`` keeps a layer. Subclasses of
    ``torch.nn.Linear`` and ``torch.nn.Embedding`` are kept, except for embeddings with a factor.
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
        new = _layer(module, linears[found], dtype or module.weight.dtype)
        if new is not None:
            model.set_submodule(path, new)
            replaced.append(path)
    return replaced


def _layer(module: nn.Module, matrix: ecq.Linear, dtype: torch.dtype) -> nn.Module | None:
    if isinstance(module, nn.Linear):
        return EcqLinear(matrix, module.bias, dtype=dtype)
    if type(module) is nn.Embedding:
        return EcqEmbedding(matrix, padding_idx=module.padding_idx, dtype=dtype)
    scale = getattr(module, "scalar_embed_scale", None)
    if scale is None or not isinstance(module, nn.Embedding):
        return None
    return EcqEmbedding(matrix, padding_idx=module.padding_idx, scale=scale, dtype=dtype)
