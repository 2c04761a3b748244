"""Models of mlx-lm whose weights are entropy-coded.

``load`` gives a model and a tokenizer as ``mlx_lm.load`` does. After ``patch_mlx_lm()`` the functions of
mlx-lm take an ``.ecq`` file, or a folder made of one, where they take a model; ``python -m ecq.mlx generate``
and so on run its programs.

On the CPU a layer computes with the codes, as the engine does: it evaluates its input, so the graphs of MLX
end there. On a GPU layers hold their weights decoded.
"""

from __future__ import annotations

import inspect
import runpy
import sys
import tempfile
import warnings
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx_lm.utils
import numpy as np
from mlx import nn
from mlx_lm.models.switch_layers import SwitchLinear

import ecq
from ecq._folder import WEIGHTS, export, is_ecq_folder

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = [
    "EcqEmbedding",
    "EcqLinear",
    "EcqSwitchLinear",
    "convert",
    "export",
    "load",
    "load_model",
    "patch_mlx_lm",
    "quantize",
]


def _multiply(x: mx.array, matrix: ecq.Linear) -> mx.array:
    rows = np.array(x.astype(mx.float32).reshape(-1, matrix.shape[1]))
    y = mx.array(matrix.multiply(rows)).astype(x.dtype)
    return y.reshape(*x.shape[:-1], matrix.shape[0])


class EcqLinear(nn.Module):
    """``mlx.nn.Linear`` with a coded matrix, for the CPU."""

    def __init__(self, matrix: ecq.Linear, bias: bool = False) -> None:
        """Makes a layer of a matrix of ``ecq.linears``."""
        super().__init__()
        self.matrix = matrix
        if bias:
            self.bias = mx.zeros(matrix.shape[0])

    def __call__(self, x: mx.array) -> mx.array:
        """Returns ``x @ W.T + bias``."""
        y = _multiply(x, self.matrix)
        return y + self["bias"] if "bias" in self else y

    def _extra_repr(self) -> str:
        rows, cols = self.matrix.shape
        return f"input_dims={cols}, output_dims={rows}, bias={'bias' in self}, {self.matrix.residence}"


class EcqEmbedding(nn.Module):
    """``mlx.nn.Embedding`` with a coded matrix, of which it decodes the rows that it needs."""

    def __init__(self, matrix: ecq.Linear, dtype: mx.Dtype = mx.float32) -> None:
        """Makes a layer of a matrix of ``ecq.linears``; ``dtype`` is the type of its rows."""
        super().__init__()
        self.matrix = matrix
        self.dtype = dtype

    def __call__(self, indices: mx.array) -> mx.array:
        """Returns the rows of ``indices``."""
        rows = self.matrix.rows(np.array(indices.reshape(-1)).astype(np.int64))
        return mx.array(rows).astype(self.dtype).reshape(*indices.shape, self.matrix.shape[1])

    def as_linear(self, x: mx.array) -> mx.array:
        """Returns ``x @ W.T``, as a head that shares the matrix."""
        return _multiply(x, self.matrix)

    def _extra_repr(self) -> str:
        rows, cols = self.matrix.shape
        return f"{rows}, {cols}, {self.matrix.residence}"


class EcqSwitchLinear(nn.Module):
    """``SwitchLinear`` of mlx-lm with a coded matrix for each expert; decodes those that tokens choose."""

    def __init__(self, matrices: list[ecq.Linear], bias: bool = False) -> None:
        """Makes a layer of one matrix for each expert, all of one shape."""
        super().__init__()
        # A tuple in an object: lists and tuples would become parameters.
        self.experts = _Experts(tuple(matrices))
        if bias:
            self.bias = mx.zeros((len(matrices), matrices[0].shape[0]))

    @property
    def output_dims(self) -> int:
        """Output features of an expert."""
        return self.experts.matrices[0].shape[0]

    @property
    def input_dims(self) -> int:
        """Input features of an expert."""
        return self.experts.matrices[0].shape[1]

    @property
    def num_experts(self) -> int:
        """Number of experts."""
        return len(self.experts.matrices)

    def __call__(self, x: mx.array, indices: mx.array, sorted_indices: bool = False) -> mx.array:
        """Multiplies each row with the matrix of its expert: ``gather_mm(x, W.T, rhs_indices=indices)``."""
        chosen = np.array(indices)
        # Dimensions before the last two broadcast with the indices.
        rows = np.array(x.astype(mx.float32))
        height = rows.shape[-2]
        rows = np.broadcast_to(rows, (*chosen.shape, height, rows.shape[-1]))
        y = np.empty((*chosen.shape, height, self.output_dims), np.float32)
        for expert in np.unique(chosen):
            places = chosen == expert
            own = np.ascontiguousarray(rows[places].reshape(-1, rows.shape[-1]))
            product = self.experts.matrices[expert].multiply(own)
            y[places] = product.reshape(-1, height, self.output_dims)
        result = mx.array(y).astype(x.dtype)
        return result + mx.expand_dims(self["bias"][indices], -2) if "bias" in self else result


class _Experts:
    def __init__(self, matrices: tuple[ecq.Linear, ...]) -> None:
        self.matrices = matrices


def load_model(
    folder: str | os.PathLike[str],
    lazy: bool = False,
    strict: bool = True,
    model_config: dict[str, Any] | None = None,
    get_model_classes: Any = None,
    trust_remote_code: bool = False,
    *,
    mode: str = "auto",
    memory: int | str | None = None,
    threads: int | None = None,
) -> tuple[nn.Module, dict[str, Any]]:
    """As ``mlx_lm.utils.load_model`` for a folder of ``export``; a model file of its own is refused.

    mode, memory, threads: as in ``ecq.linears``; they count on the CPU. On a GPU weights are decoded at load.
    """
    config = mlx_lm.utils.load_config(Path(folder)) | (model_config or {})
    if config.get("model_file"):
        message = "the model has a model file of its own, which ecq.mlx does not run"
        raise ValueError(message)
    linears = ecq.linears(Path(folder) / WEIGHTS, mode=mode, memory=memory, threads=threads)
    # mlx-lm reads this key as one of its own methods.
    config.pop("quantization_config", None)
    classes = get_model_classes or mlx_lm.utils._get_classes
    model_class, arguments = classes(config=config)
    dtype = _float_type(config)

    def build(decode: bool) -> nn.Module:
        model: nn.Module = model_class(arguments.from_dict(config))
        _fill(model, linears, dtype, decode=decode)
        return model

    on_gpu = mx.default_device() != mx.Device(mx.cpu)
    try:
        model = build(on_gpu)
    except Exception as error:
        if on_gpu:
            raise
        # Some models compute with weights before they become layers.
        message = f"weights are decoded at load, because {model_class.__module__} changes them: {error}"
        warnings.warn(message, stacklevel=2)
        model = build(True)
    model.eval()
    if not lazy:
        mx.eval(model.parameters())
    return model, config


def _float_type(config: Mapping[str, Any]) -> mx.Dtype:
    name = config.get("dtype") or config.get("torch_dtype") or "float32"
    types = {"float16": mx.float16, "bfloat16": mx.bfloat16, "float32": mx.float32}
    return types.get(str(name), mx.float32)


def _fill(model: nn.Module, linears: ecq.Linears, dtype: mx.Dtype, *, decode: bool) -> None:
    """Replaces layers whose weights have codes unless ``decode`` is set, and loads all other weights.

    The model says where a tensor goes: its ``sanitize`` gets small arrays instead of coded tensors, each with
    the number of its tensor. Raises ValueError if they do not come out as they are, or stacked.
    """
    coded = [] if decode else [name for name in linears.names() if linears.is_coded(name)]
    marks = {name: mx.full((1, 1), number, mx.float32) for number, name in enumerate(coded)}
    names = {id(mark): name for name, mark in marks.items()}
    floats = {name: _values(linears, name, dtype) for name in linears.names() if name not in marks}
    weights = marks | floats
    loaded = dict(model.sanitize(weights)) if hasattr(model, "sanitize") else weights
    modules = dict(model.named_modules())
    for path, value in list(loaded.items()):
        layer = path.removesuffix(".weight")
        module = modules.get(layer)
        bias = f"{layer}.bias" in loaded
        new: nn.Module
        if id(value) in names:
            name = names[id(value)]
            if type(module) is nn.Embedding:
                new = EcqEmbedding(linears[name], dtype)
            elif type(module) is nn.Linear:
                new = EcqLinear(linears[name], bias)
            else:
                loaded[path] = _values(linears, name, dtype)
                continue
        elif coded and type(module) is SwitchLinear and value.ndim == 3 and value.shape[1:] == (1, 1):
            numbers = np.array(value.astype(mx.float32)).reshape(-1)
            new = EcqSwitchLinear([linears[coded[int(number)]] for number in numbers], bias)
        else:
            continue
        _set_module(model, layer, new)
        loaded.pop(path)
    model.load_weights(list(loaded.items()), strict=True)


def _values(linears: ecq.Linears, name: str, dtype: mx.Dtype) -> mx.array:
    return mx.array(linears.values(name)).astype(dtype)


def _set_module(model: nn.Module, path: str, new: nn.Module) -> None:
    *parents, name = path.split(".")
    parent: Any = model
    for part in parents:
        parent = parent[int(part)] if isinstance(parent, list) else parent[part]
    if isinstance(parent, list):
        parent[int(name)] = new
    else:
        setattr(parent, name, new)


def load(
    path: str | os.PathLike[str],
    tokenizer_config: dict[str, Any] | None = None,
    *,
    model_config: dict[str, Any] | None = None,
    adapter_path: str | None = None,
    lazy: bool = False,
    mode: str = "auto",
    memory: int | str | None = None,
    threads: int | None = None,
) -> tuple[nn.Module, Any]:
    """Loads a model and its tokenizer from an ``.ecq`` file or a folder of ``export``."""
    folder = _folder(path)
    model, config = load_model(
        folder, lazy, model_config=model_config, mode=mode, memory=memory, threads=threads
    )
    if adapter_path is not None:
        model = mlx_lm.utils.load_adapters(model, adapter_path)
        model.eval()
    eos = config.get("eos_token_id")
    return model, mlx_lm.utils.load_tokenizer(folder, tokenizer_config or {}, eos_token_ids=eos)


def quantize(x: mx.array, bits: int) -> mx.array:
    """Quantizes an array to ``bits`` bits and back, as ``ecq.compat.quantize`` does, in a lazy graph.

    Raises ValueError for other bits than 1 to 16.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 16:
        message = f"bits is {bits!r}, expected an integer from 1 to 16"
        raise ValueError(message)
    values = x.astype(mx.float32)
    sign = mx.where(values < 0, mx.array(-1.0), mx.array(1.0))
    levels = 2.0 ** (bits - 1) - 1
    # Halves away from zero; `mx.round` rounds them to even.
    scaled = mx.clip(values, -1.0, 1.0) * levels
    below = mx.where(values < 0, mx.ceil(scaled), mx.floor(scaled))
    rounded = mx.where(mx.abs(scaled - below) >= 0.5, below + sign, below)
    return mx.where(mx.isnan(values), values, sign if bits == 1 else rounded / levels)


# Folders of files that were loaded, until the process ends.
_folders: dict[tuple[Path, int], tempfile.TemporaryDirectory[str]] = {}


def _folder(path: str | os.PathLike[str]) -> Path:
    """Returns the folder itself, or one that is made of a file."""
    file = Path(path)
    if file.is_dir():
        return file
    key = (file.resolve(), file.stat().st_mtime_ns)
    if key not in _folders:
        _folders[key] = tempfile.TemporaryDirectory(prefix="ecq-")
        export(file, _folders[key].name, replace=True)
    return Path(_folders[key].name)


def convert(
    source: str | os.PathLike[str], out: str | os.PathLike[str], **options: Any
) -> ecq.QuantizationReport:
    """Writes a checkpoint of MLX or of Hugging Face as an ``.ecq`` file.

    A quantized checkpoint keeps its codes without loss unless ``options`` name a rate; floats are quantized
    to 4 bits per weight by default. ``options`` are those of ``ecq.quantize``.
    """
    config = mlx_lm.utils.load_config(Path(source)) if Path(source).is_dir() else {}
    rates = ("bpw", "size", "grid", "match_grid", "lossless")
    if "quantization" in config and not any(options.get(rate) for rate in rates):
        options["lossless"] = True
    return ecq.quantize(source, out, **options)


def patch_mlx_lm(*, mode: str = "auto", memory: int | str | None = None, threads: int | None = None) -> None:
    """Lets ``mlx_lm.load`` and the programs of mlx-lm take ``.ecq`` files and folders of ``export``.

    Replaces ``load_model`` and ``_download`` in ``mlx_lm.utils``; other models load as before. Calling it
    again changes the options. Raises RuntimeError if this mlx-lm has no such functions.
    """
    utils = mlx_lm.utils
    for name, parameter in (("load_model", "model_path"), ("_download", "path_or_hf_repo")):
        function = getattr(utils, name, None)
        if function is None or parameter not in inspect.signature(_original(function)).parameters:
            message = (
                f"mlx_lm.utils.{name} is not the function that ecq.mlx knows; ecq.mlx.load needs no patch"
            )
            raise RuntimeError(message)
    original_load, original_download = _original(utils.load_model), _original(utils._download)

    def load_or_original(model_path: Path, *args: Any, **kwargs: Any) -> tuple[nn.Module, dict[str, Any]]:
        if is_ecq_folder(model_path):
            return load_model(model_path, *args, **kwargs, mode=mode, memory=memory, threads=threads)
        loaded: tuple[nn.Module, dict[str, Any]] = original_load(model_path, *args, **kwargs)
        return loaded

    def download_or_original(path_or_hf_repo: Any, *args: Any, **kwargs: Any) -> Path:
        path = Path(path_or_hf_repo)
        if path.is_file() and path.suffix == ".ecq":
            return _folder(path)
        downloaded: Path = original_download(path_or_hf_repo, *args, **kwargs)
        return downloaded

    _originals[load_or_original] = original_load
    _originals[download_or_original] = original_download
    utils.load_model, utils._download = load_or_original, download_or_original


_originals: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()


def _original(function: Any) -> Any:
    return _originals.get(function, function)


_PROGRAMS = (
    "benchmark",
    "cache_prompt",
    "chat",
    "evaluate",
    "fuse",
    "generate",
    "lora",
    "perplexity",
    "server",
)


def _main() -> None:
    """``python -m ecq.mlx PROGRAM ...`` runs ``python -m mlx_lm PROGRAM ...`` after ``patch_mlx_lm()``."""
    program = sys.argv[1] if len(sys.argv) > 1 else ""
    if program not in _PROGRAMS:
        print(f"usage: python -m ecq.mlx {{{','.join(_PROGRAMS)}}} ...", file=sys.stderr)
        raise SystemExit(2)
    patch_mlx_lm()
    del sys.argv[1]
    runpy.run_module(f"mlx_lm.{program}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
