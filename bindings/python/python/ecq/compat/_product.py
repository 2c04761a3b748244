"""Products with coded weights: weight = scale * code + bias."""

from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecq.compat._rans import RANSTable
from ecq.compat._streams import decode_rows, entropy_decode

Floats = NDArray[np.float32]


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values).astype(np.float32, copy=False)


def weights(
    codes: "NDArray[Any]", scales: ArrayLike, biases: ArrayLike, group_size: "int | None" = None
) -> Floats:
    """Dequantizes ``[rows, cols]`` codes.

    Scales and biases are one for the matrix, one for each row, or one for each group of ``group_size``
    columns of each row; without ``group_size``, groups of equal length.
    """
    rows, cols = codes.shape

    def spread(values: ArrayLike, what: str) -> Floats:
        flat = _floats(values).ravel()
        if len(flat) == 1:
            return flat.reshape(1, 1)
        if rows == 0 or len(flat) % rows or len(flat) > rows * cols:
            message = f"{len(flat)} {what} for {rows} rows of {cols} columns"
            raise ValueError(message)
        groups = len(flat) // rows
        size = cols if groups == 1 else group_size or cols // groups
        if groups != -(-cols // size) or (group_size is None and cols % groups):
            message = f"{groups} {what} for each row of {cols} columns do not fit groups of {size}"
            raise ValueError(message)
        return flat.reshape(rows, groups).repeat(size, axis=1)[:, :cols]

    return spread(scales, "scales") * codes.astype(np.float32) + spread(biases, "biases")


def _table(freq: ArrayLike, cumfreq: ArrayLike, sym_table: ArrayLike) -> RANSTable:
    return RANSTable(freq, cumfreq, sym_table)


@overload
def entropy_coded_matmul(
    compressed: "bytes | ArrayLike",
    stream_lens: ArrayLike,
    freq: ArrayLike,
    cumfreq: ArrayLike,
    sym_table: ArrayLike,
    x: ArrayLike,
    scales: ArrayLike,
    biases: ArrayLike,
    n_streams: int,
    n_symbols: int,
    max_stream_len: int,
    out_dim: int,
    in_dim: int,
    group_size: int,
    /,
) -> Floats: ...
@overload
def entropy_coded_matmul(
    compressed: "bytes | ArrayLike",
    row_offsets: ArrayLike,
    row_stream_lens: ArrayLike,
    freq: ArrayLike,
    cumfreq: ArrayLike,
    sym_table: ArrayLike,
    x: ArrayLike,
    scales: ArrayLike,
    biases: ArrayLike,
    n_streams: int,
    in_dim: int,
    out_dim: int,
    /,
) -> Floats: ...
def entropy_coded_matmul(*args: Any) -> Floats:
    """Returns ``x @ w.T`` for the streams of ``entropy_encode`` (14 arguments) or ``entropy_encode_v2`` (12).

    The two published forms have the same name and another order of ``in_dim`` and ``out_dim``.
    """
    if len(args) == 12:
        return entropy_coded_matmul_v2(*args)
    if len(args) != 14:
        message = f"{len(args)} arguments, expected 14 (streams of the matrix) or 12 (streams of rows)"
        raise TypeError(message)
    data, stream_lens, freq, cumfreq, sym_table, x, scales, biases, n_streams = args[:9]
    n_symbols, max_stream_len, out_dim, in_dim, group_size = args[9:]
    lengths = np.asarray(stream_lens).ravel().tolist()
    if (
        len(lengths) != n_streams
        or n_symbols != out_dim * in_dim
        or max(lengths, default=0) != max_stream_len
    ):
        message = (
            f"{len(lengths)} streams of up to {max(lengths, default=0)} bytes, {n_symbols} symbols: expected "
            f"{n_streams} streams of {max_stream_len} bytes, {out_dim}x{in_dim} symbols"
        )
        raise ValueError(message)
    codes = entropy_decode(data, lengths, _table(freq, cumfreq, sym_table), n_symbols).reshape(
        out_dim, in_dim
    )
    product: Floats = _floats(x) @ weights(codes, scales, biases, min(group_size, in_dim)).T
    return product


def entropy_coded_matmul_v2(
    compressed: "bytes | ArrayLike",
    row_offsets: ArrayLike,
    row_stream_lens: ArrayLike,
    freq: ArrayLike,
    cumfreq: ArrayLike,
    sym_table: ArrayLike,
    x: ArrayLike,
    scales: ArrayLike,
    biases: ArrayLike,
    n_streams: int,
    in_dim: int,
    out_dim: int,
) -> Floats:
    """Returns ``x @ w.T`` for streams of rows. ``x`` may have any dimensions before the last.

    The published kernel read ``scales[row]``; this one knows scales of the matrix and of groups too.
    """
    decoded = entropy_decode_async(
        compressed,
        row_offsets,
        row_stream_lens,
        freq,
        cumfreq,
        sym_table,
        scales,
        biases,
        n_streams,
        in_dim,
        out_dim,
    )
    product: Floats = _floats(x) @ decoded.T
    return product


def entropy_decode_async(
    compressed: "bytes | ArrayLike",
    row_offsets: ArrayLike,
    row_stream_lens: ArrayLike,
    freq: ArrayLike,
    cumfreq: ArrayLike,
    sym_table: ArrayLike,
    scales: ArrayLike,
    biases: ArrayLike,
    n_streams: int,
    in_dim: int,
    out_dim: int,
    dequantize: bool = True,
) -> "NDArray[Any]":
    """Decodes streams of rows to weights ``[out_dim, in_dim]``, or to codes (uint8) without ``dequantize``.

    NumPy has no queues: the result is complete when this returns.
    """
    table = _table(freq, cumfreq, sym_table)
    codes = decode_rows(compressed, row_offsets, row_stream_lens, table, n_streams, in_dim)
    if len(codes) != out_dim:
        message = f"{len(codes)} row offsets, expected {out_dim}"
        raise ValueError(message)
    return weights(codes, scales, biases) if dequantize else codes
