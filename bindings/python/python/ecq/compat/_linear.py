"""Linear layers of entropy-coded 4-bit codes."""

import threading
import weakref
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecq.compat._product import Floats, weights
from ecq.compat._rans import RANSTable
from ecq.compat._streams import decode_rows, entropy_encode_v2


class DecodeMode(Enum):
    """When weights are decoded."""

    AUTO = "auto"
    FUSED = "fused"
    FUSED_V2 = "fused_v2"
    CACHED = "cached"
    LRU = "lru"
    PREFETCH = "prefetch"
    GPU_ASYNC = "gpu_async"


class EntropyCodedLinear:
    """A linear layer whose weights are 4-bit codes in streams of rows.

    ``cached`` and ``auto`` decode once; ``gpu_async`` and ``prefetch`` decode ahead on another thread after
    ``prefetch_weights``; all other modes decode at each call.
    """

    def __init__(
        self,
        input_dims: int,
        output_dims: int,
        bias: bool = True,
        n_streams: int = 256,
        decode_mode: "str | DecodeMode" = "fused",
        group_size: int = 64,
    ) -> None:
        """Makes a layer without weights; ``from_linear`` makes one with weights."""
        self.input_dims = input_dims
        self.output_dims = output_dims
        self.n_streams = n_streams
        self.decode_mode = DecodeMode(decode_mode)
        self.group_size = group_size
        self.bias: Floats | None = np.zeros(output_dims, np.float32) if bias else None
        self.scales: Floats | None = None
        self.biases_quant: Floats | None = None
        self.table: RANSTable | None = None
        self._streams: tuple[bytes, NDArray[np.uint32], NDArray[np.uint32]] | None = None
        self._weights: Floats | None = None

    @classmethod
    def from_linear(
        cls,
        linear_layer: Any,
        n_streams: int = 256,
        decode_mode: "str | DecodeMode" = "cached",
        group_size: int = 64,
    ) -> "EntropyCodedLinear":
        """Quantizes a layer with a ``weight`` ``[out, in]`` and perhaps a ``bias``.

        Each group of ``group_size`` columns of a row has a scale and a bias; one scale for the matrix if
        ``group_size`` is not below ``in``.
        """
        if not hasattr(linear_layer, "weight"):
            message = "the layer has no weight"
            raise ValueError(message)
        weight = _floats(linear_layer.weight)
        if weight.ndim != 2 or weight.size == 0:
            message = f"the weight has shape {weight.shape}, expected [out, in]"
            raise ValueError(message)
        rows, cols = weight.shape
        bias = getattr(linear_layer, "bias", None)
        layer = cls(cols, rows, bias is not None, n_streams, decode_mode, min(group_size, cols))
        if bias is not None:
            layer.bias = _floats(bias)
        codes, layer.scales, layer.biases_quant = _quantize(weight, layer.group_size)
        layer.table = RANSTable.from_counts(np.bincount(codes.ravel(), minlength=16), 16)
        layer._streams = entropy_encode_v2(codes, layer.table, n_streams)
        if layer.decode_mode in (DecodeMode.CACHED, DecodeMode.AUTO):
            layer._weights = layer.decode()
        return layer

    def decode(self) -> Floats:
        """Decodes the weights, ``[out, in]``."""
        if self._streams is None or self.table is None or self.scales is None or self.biases_quant is None:
            message = "the layer has no weights; from_linear makes one that has"
            raise ValueError(message)
        codes = decode_rows(*self._streams, self.table, self.n_streams, self.input_dims)
        return weights(codes, self.scales, self.biases_quant, self.group_size)

    def __call__(self, x: ArrayLike) -> Floats:
        """Returns ``x @ w.T + bias``; ``x`` may have any dimensions before the last."""
        decoded = self._weights
        if decoded is None:
            decoded = get_prefetcher().take(self) if self._decodes_ahead else self.decode()
        y: Floats = _floats(x) @ decoded.T
        return y if self.bias is None else y + self.bias

    @property
    def _decodes_ahead(self) -> bool:
        return self.decode_mode in (DecodeMode.GPU_ASYNC, DecodeMode.PREFETCH)

    def prefetch_weights(self) -> None:
        """Starts to decode the weights on another thread, in the modes that decode ahead."""
        if self._decodes_ahead and self._streams is not None:
            get_prefetcher().start_prefetch(self)

    @property
    def compression_ratio(self) -> float:
        """Size of packed 4-bit codes by that of the streams, without tables and scales; 1 without weights."""
        if self._streams is None:
            return 1.0
        return self.output_dims * self.input_dims * 0.5 / len(self._streams[0])

    @property
    def bits_per_weight(self) -> float:
        """Size of the streams in bits per weight, without tables and scales."""
        return 4.0 / self.compression_ratio


def _floats(values: Any) -> Floats:
    if type(values).__module__.startswith("torch"):
        values = values.detach().cpu().float().numpy()
    return np.asarray(values, dtype=np.float32)


def _quantize(weight: Floats, group_size: int) -> tuple[NDArray[np.uint8], Floats, Floats]:
    """Codes, scales and biases: the smallest weight of a group is code 0, the largest 15."""
    rows, cols = weight.shape
    if group_size >= cols:
        groups = [weight.reshape(1, -1)]
    else:
        groups = [weight[:, start : start + group_size] for start in range(0, cols, group_size)]
    lows = np.stack([group.min(axis=1) for group in groups], axis=1)
    ranges = np.stack([group.max(axis=1) for group in groups], axis=1) - lows
    scales = np.where(ranges > 0, ranges / np.float32(15), np.float32(1e-8)).astype(np.float32)
    codes = [
        np.clip(np.round((group - lows[:, [i]]) / scales[:, [i]]), 0, 15).astype(np.uint8)
        for i, group in enumerate(groups)
    ]
    return np.concatenate(codes, axis=1).reshape(rows, cols), scales, lows


class AsyncDecodePrefetcher:
    """Decodes layers on other threads. Unlike the published one, it knows whose weights it holds."""

    def __init__(self) -> None:
        """Holds no weights."""
        self._lock = threading.Lock()
        self._pending: weakref.WeakKeyDictionary[EntropyCodedLinear, tuple[threading.Thread, list[Floats]]]
        self._pending = weakref.WeakKeyDictionary()
        self._last: weakref.ref[EntropyCodedLinear] | None = None

    def start_prefetch(self, layer: EntropyCodedLinear) -> None:
        """Starts to decode a layer unless it is being decoded."""
        with self._lock:
            self._last = weakref.ref(layer)
            if layer in self._pending:
                return
            result: list[Floats] = []
            thread = threading.Thread(target=lambda: result.append(layer.decode()), daemon=True)
            self._pending[layer] = (thread, result)
            thread.start()

    def take(self, layer: EntropyCodedLinear) -> Floats:
        """Returns the weights of a layer, which are decoded now if they were not before."""
        with self._lock:
            pending = self._pending.pop(layer, None)
        if pending is None:
            return layer.decode()
        thread, result = pending
        thread.join()
        return result[0] if result else layer.decode()

    def get_decoded_weights(self) -> "Floats | None":
        """Returns the weights of the layer that was started last, if it is still there."""
        layer = self._last() if self._last else None
        return self.take(layer) if layer is not None and self.has_prefetched() else None

    def has_prefetched(self) -> bool:
        """Whether the layer that was started last is decoded or being decoded."""
        layer = self._last() if self._last else None
        with self._lock:
            return layer is not None and layer in self._pending


_prefetcher = AsyncDecodePrefetcher()


def get_prefetcher() -> AsyncDecodePrefetcher:
    """Returns the prefetcher that all layers share."""
    return _prefetcher


def entropy_quantize(
    model: Any, n_streams: int = 256, decode_mode: "str | DecodeMode" = "fused", group_size: int = 64
) -> None:
    """Replaces every linear layer of a model, in place.

    A linear layer is an object of a class named ``Linear`` with a ``weight``. The model is searched through
    attributes, lists, tuples and dictionaries; PyTorch modules cannot hold the new layers.
    """
    _replace(
        model, lambda layer: EntropyCodedLinear.from_linear(layer, n_streams, decode_mode, group_size), set()
    )


def _replace(node: Any, convert: Any, seen: set[int]) -> None:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, dict):
        items = list(node.items())
    elif isinstance(node, list):
        items = list(enumerate(node))
    else:
        items = list(vars(node).items()) if hasattr(node, "__dict__") else []
    for key, child in items:
        if isinstance(child, tuple):
            new: Any = list(child)
            _replace(new, convert, seen)
            new = tuple(new) if any(a is not b for a, b in zip(new, child, strict=True)) else child
        elif any(base.__name__ == "Linear" for base in type(child).__mro__) and hasattr(child, "weight"):
            new = convert(child)
        else:
            _replace(child, convert, seen)
            continue
        if new is child:
            continue
        if isinstance(node, (dict, list)):
            node[key] = new
        else:
            setattr(node, key, new)
