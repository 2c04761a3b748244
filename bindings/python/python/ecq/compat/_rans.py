"""Byte-wise rANS of many lanes at once, and its tables.

A lane is a coder with a state of 31 bits. NumPy advances all lanes together, one symbol per step. Source of
the method: J. Duda, Asymmetric numeral systems, 2013; F. Giesen, ryg_rans (byte-wise, 2014).
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

PROB_BITS = 14
PROB_SCALE = 1 << PROB_BITS
RANS_BYTE_L = 1 << 23
"""States between two symbols are at least this and below 2^31."""

STATE_BYTES = 4

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]


class RANSTable:
    """Frequencies of symbols with the sum 2^14."""

    def __init__(
        self, freq: ArrayLike, cumfreq: ArrayLike, sym_table: ArrayLike, n_symbols: "int | None" = None
    ) -> None:
        """Takes over frequencies, their sums (with or without the total), and the symbol of each slot."""
        self.freq: NDArray[np.uint16] = np.asarray(freq).astype(np.uint16)
        self.n_symbols = len(self.freq) if n_symbols is None else n_symbols
        self.cumfreq: NDArray[np.uint16] = np.asarray(cumfreq)[: self.n_symbols].astype(np.uint16)
        self.sym_table: Bytes = np.asarray(sym_table).astype(np.uint8)

    @classmethod
    def from_counts(cls, counts: ArrayLike, n_symbols: "int | None" = None) -> "RANSTable":
        """Scales counts to the sum 2^14; the most frequent symbol takes the remainder.

        A symbol that occurs has a frequency of 1 or more; the published code rounded rare ones to 0 and could
        not encode them.
        """
        given = np.asarray(counts)
        if n_symbols is not None and len(given) != n_symbols:
            message = f"{len(given)} counts for {n_symbols} symbols"
            raise ValueError(message)
        if not 1 <= len(given) <= 256:
            message = f"{len(given)} symbols, expected 1 to 256"
            raise ValueError(message)
        floored = np.maximum(given, 1).astype(np.float64)
        freq = (floored / floored.sum() * PROB_SCALE).astype(np.int64)
        freq[(given > 0) & (freq == 0)] = 1
        freq[np.argmax(floored)] += PROB_SCALE - freq.sum()
        return cls._from_freq(freq)

    @classmethod
    def _from_freq(cls, freq: Integers) -> "RANSTable":
        cumfreq = np.concatenate([[0], np.cumsum(freq)])
        return cls(freq, cumfreq, np.repeat(np.arange(len(freq)), freq))

    def to_bytes(self) -> bytes:
        """Returns the number of symbols and their frequencies as 16-bit integers."""
        return struct.pack(f"<H{self.n_symbols}H", self.n_symbols, *self.freq.tolist())

    @classmethod
    def from_bytes(cls, data: bytes) -> "RANSTable":
        """Reads what ``to_bytes`` writes."""
        if len(data) < 2:
            message = "a table has 2 bytes or more"
            raise ValueError(message)
        (n_symbols,) = struct.unpack_from("<H", data)
        freq = np.frombuffer(data[2 : 2 + 2 * n_symbols], "<u2").astype(np.int64)
        if not 1 <= n_symbols <= 256 or len(freq) != n_symbols or freq.sum() != PROB_SCALE:
            message = f"frequencies of {n_symbols} symbols have the sum {freq.sum()}, expected {PROB_SCALE}"
            raise ValueError(message)
        return cls._from_freq(freq)


def encode_lanes(symbols: "NDArray[Any]", counts: Integers, table: RANSTable) -> tuple[Bytes, Integers]:
    """Encodes lanes: row i of ``symbols`` holds the symbols of lane i, of which ``counts[i]`` are used.

    Returns the bytes of each lane, padded with zeros, and their numbers. A lane without symbols has no bytes.
    """
    lanes, steps = symbols.shape
    freq, start = table.freq.astype(np.int64), table.cumfreq.astype(np.int64)
    used = np.arange(steps) < counts[:, None]
    if steps and (int(symbols[used].max(initial=0)) >= table.n_symbols or (freq[symbols[used]] == 0).any()):
        message = f"a symbol is not in the table of {table.n_symbols} symbols"
        raise ValueError(message)
    # From the last byte to the first. A symbol shifts out two bytes at most.
    written = np.zeros((lanes, 2 * steps + STATE_BYTES), np.uint8)
    lengths = np.zeros(lanes, np.int64)
    state = np.full(lanes, RANS_BYTE_L, np.int64)
    for step in range(steps - 1, -1, -1):
        active = np.flatnonzero(step < counts)
        symbol = symbols[active, step]
        width, x = freq[symbol], state[active]
        limit = ((RANS_BYTE_L >> PROB_BITS) << 8) * width
        while (large := x >= limit).any():
            at = active[large]
            written[at, lengths[at]] = x[large] & 0xFF
            lengths[at] += 1
            x[large] >>= 8
        state[active] = ((x // width) << PROB_BITS) + x % width + start[symbol]
    active = np.flatnonzero(counts > 0)
    for byte in range(STATE_BYTES):
        written[active, lengths[active] + byte] = (state[active] >> (8 * byte)) & 0xFF
    lengths[active] += STATE_BYTES
    longest = int(lengths.max(initial=0))
    place = lengths[:, None] - 1 - np.arange(longest)
    return np.where(place >= 0, np.take_along_axis(written, np.maximum(place, 0), 1), 0).astype(
        np.uint8
    ), lengths


def decode_lanes(
    data: Bytes, first: Integers, stride: int, lengths: Integers, counts: Integers, table: RANSTable
) -> Bytes:
    """Decodes lanes: byte p of lane i is ``data[first[i] + p * stride]`` for p below ``lengths[i]``.

    Returns ``[lanes, max(counts)]``; symbols after ``counts[i]`` are zero.
    """
    lanes, steps = len(counts), int(counts.max(initial=0))
    last = first + (lengths - 1) * stride
    if ((counts > 0) & ((lengths < STATE_BYTES) | (last >= len(data)))).any() or (first < 0).any():
        message = f"the streams do not fit {len(data)} bytes"
        raise ValueError(message)
    freq, start = table.freq.astype(np.int64), table.cumfreq.astype(np.int64)
    symbols = np.zeros((lanes, steps), np.uint8)
    active = np.flatnonzero(counts > 0)
    state = np.zeros(lanes, np.int64)
    position = np.zeros(lanes, np.int64)
    for _ in range(STATE_BYTES):
        state[active] = (state[active] << 8) | data[first[active] + position[active] * stride]
        position[active] += 1
    for step in range(steps):
        active = np.flatnonzero(step < counts)
        x = state[active]
        slot = x & (PROB_SCALE - 1)
        symbol = table.sym_table[slot]
        symbols[active, step] = symbol
        x = freq[symbol] * (x >> PROB_BITS) + slot - start[symbol]
        while (small := (x < RANS_BYTE_L) & (position[active] < lengths[active])).any():
            at = active[small]
            x[small] = (x[small] << 8) | data[first[at] + position[at] * stride]
            position[at] += 1
        state[active] = x
    return symbols
