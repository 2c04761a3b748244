"""Decoded layers by name, in one of the decode modes."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from ecq.compat._linear import DecodeMode
from ecq.compat._rans import Bytes
from ecq.compat._tiles import InterleavedEncodedTile, interleaved_rans_decode


@dataclass
class DecodedWeights:
    """Decoded codes of a layer: weight = scale * code + zero_point."""

    indices: Bytes
    scale: float
    zero_point: float
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Size of the codes in bytes."""
        return self.indices.nbytes


class SmartDecoder:
    """Decodes tiles by name.

    ``cached`` keeps what ``load_layer`` decodes; ``lru`` keeps the layers used last within
    ``max_memory_bytes``; ``prefetch`` and ``gpu_async`` decode what ``prefetch_layer`` starts, on another
    thread; ``fused`` decodes nothing. ``auto`` is ``cached``.
    """

    def __init__(self, mode: "str | DecodeMode" = "fused", max_memory_bytes: int = 2 << 30) -> None:
        """Holds no layers."""
        self.mode = DecodeMode(mode)
        self.max_memory_bytes = max_memory_bytes
        self._layers: OrderedDict[str, DecodedWeights] = OrderedDict()
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._hits = self._misses = 0

    def load_layer(
        self, name: str, tile: InterleavedEncodedTile, scale: float, zero_point: float, shape: tuple[int, ...]
    ) -> None:
        """Decodes a layer now, if the mode keeps all of them."""
        if self.mode in (DecodeMode.CACHED, DecodeMode.AUTO):
            self._layers[name] = _decode(tile, scale, zero_point, shape)

    def prefetch_layer(
        self, name: str, tile: InterleavedEncodedTile, scale: float, zero_point: float, shape: tuple[int, ...]
    ) -> None:
        """Starts to decode a layer on another thread, if the mode decodes ahead."""
        if not self._decodes_ahead or name in self._threads:
            return

        def work() -> None:
            decoded = _decode(tile, scale, zero_point, shape)
            with self._lock:
                self._layers[name] = decoded

        self._threads[name] = threading.Thread(target=work, daemon=True)
        self._threads[name].start()

    def get_weights(
        self,
        name: str,
        tile: "InterleavedEncodedTile | None" = None,
        scale: float = 0,
        zero_point: float = 0,
        shape: tuple[int, ...] = (),
    ) -> "DecodedWeights | None":
        """Returns a layer; ``None`` in the fused modes, whose product decodes.

        Raises KeyError if the layer was neither loaded nor started, and no tile is given.
        """
        if self.mode in (DecodeMode.FUSED, DecodeMode.FUSED_V2):
            return None
        if self._decodes_ahead:
            if thread := self._threads.pop(name, None):
                thread.join()
            with self._lock:
                found = self._layers.pop(name, None)
        else:
            found = self._layers.get(name)
        layer = found
        if layer is None:
            if tile is None:
                message = f"layer {name!r} was neither loaded nor started; give its tile"
                raise KeyError(message)
            layer = _decode(tile, scale, zero_point, shape)
        if self.mode is DecodeMode.LRU:
            self._use(name, layer, found is not None)
        return layer

    def _use(self, name: str, layer: DecodedWeights, hit: bool) -> None:
        """Counts a use, and makes the layer the one used last."""
        self._hits += hit
        self._misses += not hit
        while not hit and self._layers and self.memory_usage() + layer.nbytes > self.max_memory_bytes:
            self._layers.popitem(last=False)
        if layer.nbytes <= self.max_memory_bytes:
            self._layers[name] = layer
            self._layers.move_to_end(name)

    def is_ready(self, name: str) -> bool:
        """Whether ``get_weights`` returns at once."""
        if not self._decodes_ahead:
            return True
        with self._lock:
            return name in self._layers

    def memory_usage(self) -> int:
        """Size of the decoded codes in bytes."""
        with self._lock:
            return sum(layer.nbytes for layer in self._layers.values())

    @property
    def stats(self) -> dict[str, Any]:
        """Counts of hits and misses, and the size of the decoded codes."""
        uses = self._hits + self._misses
        return {
            "hit_rate": self._hits / uses if uses else 0.0,
            "hits": self._hits,
            "misses": self._misses,
            "memory_bytes": self.memory_usage(),
        }

    @property
    def _decodes_ahead(self) -> bool:
        return self.mode in (DecodeMode.PREFETCH, DecodeMode.GPU_ASYNC)


def _decode(
    tile: InterleavedEncodedTile, scale: float, zero_point: float, shape: tuple[int, ...]
) -> DecodedWeights:
    return DecodedWeights(interleaved_rans_decode(tile).reshape(shape), scale, zero_point, shape)
