"""Single streams, and tiles of interleaved streams."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ecq.compat._rans import Bytes, RANSTable, decode_lanes, encode_lanes
from ecq.compat._streams import entropy_decode, entropy_encode, to_bytes


def rans_encode(symbols: ArrayLike, table: RANSTable) -> bytes:
    """Encodes symbols as one stream."""
    flat = np.asarray(symbols).reshape(1, -1).astype(np.int64)
    if flat.size == 0:
        # The published code wrote the initial state.
        return (1 << 23).to_bytes(4, "big")
    return encode_lanes(flat, np.array([flat.size]), table)[0].tobytes()


def rans_decode(data: bytes, n_symbols: int, table: RANSTable) -> Bytes:
    """Decodes one stream."""
    lengths, counts = np.array([len(data)]), np.array([n_symbols])
    symbols: Bytes = decode_lanes(to_bytes(data), np.array([0]), 1, lengths, counts, table)[0]
    return symbols


@dataclass
class EncodedTile:
    """Symbols as one stream."""

    data: bytes
    n_symbols: int
    table: RANSTable
    original_bytes: int

    @property
    def compressed_bytes(self) -> int:
        """Length of the streams in bytes."""
        return len(self.data)

    @property
    def compression_ratio(self) -> float:
        """Size of packed codes by that of the streams, without tables and scales."""
        return self.original_bytes / self.compressed_bytes if self.data else float("inf")

    @property
    def bits_per_symbol(self) -> float:
        """Size of the streams in bits per symbol."""
        return 8 * self.compressed_bytes / self.n_symbols if self.n_symbols else 0.0


def encode_tile(indices: ArrayLike, bits: int = 4) -> EncodedTile:
    """Encodes codes of ``bits`` bits as one stream with a table of their own."""
    flat = np.asarray(indices).reshape(-1)
    table = RANSTable.from_counts(np.bincount(flat.astype(np.int64), minlength=1 << bits), 1 << bits)
    return EncodedTile(rans_encode(flat, table), flat.size, table, (flat.size * bits + 7) // 8)


def decode_tile(tile: EncodedTile) -> Bytes:
    """Decodes a tile."""
    return rans_decode(tile.data, tile.n_symbols, tile.table)


def verify_roundtrip(indices: ArrayLike, bits: int = 4) -> bool:
    """Whether codes survive encoding and decoding."""
    return np.array_equal(np.asarray(indices).reshape(-1), decode_tile(encode_tile(indices, bits)))


@dataclass
class InterleavedEncodedTile:
    """Symbols as interleaved streams."""

    data: bytes
    stream_lengths: list[int]
    max_stream_len: int
    n_symbols: int
    n_streams: int
    table: RANSTable
    original_bytes: int

    @property
    def stream_offsets(self) -> list[int]:
        """Offset of the first byte of each stream."""
        return list(range(self.n_streams))

    compressed_bytes = EncodedTile.compressed_bytes
    compression_ratio = EncodedTile.compression_ratio
    bits_per_symbol = EncodedTile.bits_per_symbol

    def to_bytes(self) -> bytes:
        """Returns a header, the table and the streams."""
        if self.n_streams > 255:
            message = f"the header has one byte for the number of streams, which is {self.n_streams}"
            raise ValueError(message)
        numbers = (self.n_streams, self.n_symbols, self.max_stream_len, *self.stream_lengths)
        header = struct.pack(f"<BII{self.n_streams}I", *numbers)
        return header + self.table.to_bytes() + self.data


def interleaved_rans_encode(
    symbols: ArrayLike, table: RANSTable, n_streams: int = 4
) -> InterleavedEncodedTile:
    """Encodes symbols as interleaved streams."""
    data, lengths, longest = entropy_encode(symbols, table, n_streams)
    n = np.asarray(symbols).size
    return InterleavedEncodedTile(data, lengths, longest, n, n_streams, table, (n * 4 + 7) // 8)


def interleaved_rans_decode(tile: InterleavedEncodedTile) -> Bytes:
    """Decodes a tile of interleaved streams."""
    return entropy_decode(tile.data, tile.stream_lengths, tile.table, tile.n_symbols)
