"""Streams of a matrix (V1) or of each row (V2).

Symbol i is in stream i mod n; byte p of stream s is at s + p n.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecq.compat._rans import Bytes, Integers, RANSTable, decode_lanes, encode_lanes

# Lanes of this many symbols are encoded at a time, which bounds the memory.
_SYMBOLS_AT_ONCE = 1 << 22


def counts_of(n_symbols: int, n_streams: int) -> Integers:
    """The number of symbols in each stream."""
    if n_streams < 1:
        message = f"n_streams is {n_streams}, expected 1 or more"
        raise ValueError(message)
    return (n_symbols - np.arange(n_streams) + n_streams - 1).clip(0) // n_streams


def to_bytes(data: "bytes | ArrayLike") -> Bytes:
    """An array of the bytes."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return np.frombuffer(data, np.uint8)
    return np.asarray(data).astype(np.uint8, copy=False).ravel()


def _split(rows: "NDArray[Any]", n_streams: int) -> tuple["NDArray[Any]", Integers]:
    """Lanes of rows of symbols: ``[rows * n_streams, symbols of the longest stream]``, and their lengths."""
    n_rows, n = rows.shape
    steps = -(-n // n_streams)
    padded = np.zeros((n_rows, steps * n_streams), rows.dtype)
    padded[:, :n] = rows
    lanes = padded.reshape(n_rows, steps, n_streams).swapaxes(1, 2).reshape(n_rows * n_streams, steps)
    return lanes, np.tile(counts_of(n, n_streams), n_rows)


def entropy_encode(
    indices: ArrayLike, table: RANSTable, n_streams: int = 256
) -> tuple[bytes, list[int], int]:
    """Encodes a matrix as one set of streams (V1).

    Returns the interleaved bytes, the length of each stream, and that of the longest.
    """
    flat = np.asarray(indices).reshape(1, -1).astype(np.int64)
    lanes, lengths = encode_lanes(*_split(flat, n_streams), table)
    return lanes.T.tobytes(), lengths.tolist(), lanes.shape[1]


def entropy_decode(
    data: "bytes | ArrayLike", stream_lengths: Sequence[int], table: RANSTable, n_symbols: int
) -> Bytes:
    """Decodes what ``entropy_encode`` returns."""
    n_streams = len(stream_lengths)
    lengths = np.asarray(stream_lengths, np.int64)
    counts = counts_of(n_symbols, n_streams)
    symbols = decode_lanes(to_bytes(data), np.arange(n_streams), n_streams, lengths, counts, table)
    return symbols.T.reshape(-1)[:n_symbols]


def entropy_encode_v2(
    indices_2d: ArrayLike, table: RANSTable, n_streams: int = 256
) -> tuple[bytes, NDArray[np.uint32], NDArray[np.uint32]]:
    """Encodes each row as a set of streams (V2).

    Returns the interleaved bytes of all rows, the offset of each row, and the length of each stream of each
    row, ``[rows * n_streams]``.
    """
    rows = np.asarray(indices_2d).astype(np.int64)
    if rows.ndim != 2:
        message = f"indices have {rows.ndim} dimensions, expected [rows, columns]"
        raise ValueError(message)
    parts: list[bytes] = []
    lengths: list[Integers] = []
    at_once = max(1, _SYMBOLS_AT_ONCE // max(1, rows.shape[1]))
    for first in range(0, len(rows), at_once):
        chunk = rows[first : first + at_once]
        lanes, of_lanes = encode_lanes(*_split(chunk, n_streams), table)
        lengths.append(of_lanes)
        of_rows = of_lanes.reshape(len(chunk), n_streams).max(axis=1, initial=0)
        for row, length in zip(lanes.reshape(len(chunk), n_streams, -1), of_rows, strict=True):
            parts.append(row[:, :length].T.tobytes())
    offsets = np.cumsum([0, *map(len, parts[:-1])])[: len(parts)]
    if parts and int(offsets[-1]) >= 1 << 32:
        message = "the streams are longer than the 4 GiB that 32-bit offsets reach"
        raise ValueError(message)
    stream_lens = np.concatenate(lengths) if lengths else np.zeros(0)
    return b"".join(parts), offsets.astype(np.uint32), stream_lens.astype(np.uint32)


def decode_rows(
    data: "bytes | ArrayLike",
    row_offsets: ArrayLike,
    row_stream_lens: ArrayLike,
    table: RANSTable,
    n_streams: int,
    in_dim: int,
) -> Bytes:
    """Decodes what ``entropy_encode_v2`` returns, ``[rows, in_dim]``."""
    offsets = np.asarray(row_offsets).astype(np.int64).ravel()
    lengths = np.asarray(row_stream_lens).astype(np.int64).ravel()
    rows = len(offsets)
    if len(lengths) != rows * n_streams:
        message = f"{len(lengths)} stream lengths, expected {rows} rows of {n_streams}"
        raise ValueError(message)
    first = (offsets[:, None] + np.arange(n_streams)).ravel()
    counts = np.tile(counts_of(in_dim, n_streams), rows)
    symbols = decode_lanes(to_bytes(data), first, n_streams, lengths, counts, table)
    by_row = symbols.reshape(rows, n_streams, symbols.shape[1]).swapaxes(1, 2).reshape(rows, -1)
    return by_row[:, :in_dim]
