"""The interface of the first plans, against slow and obvious implementations."""

import hashlib
import inspect
import struct
import types
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import ecq.compat as compat

Codes = NDArray[np.uint8]


def oracle_stream(symbols: list[int], freq: list[int], start: list[int]) -> bytes:
    """One stream, symbol by symbol with integers of Python, as published."""
    if not symbols:
        return b""
    out, state = [], 1 << 23
    for symbol in reversed(symbols):
        while state >= (1 << 17) * freq[symbol]:
            out.append(state & 255)
            state >>= 8
        state = (state // freq[symbol] << 14) + state % freq[symbol] + start[symbol]
    out += [state >> shift & 255 for shift in (0, 8, 16, 24)]
    return bytes(reversed(out))


def oracle_streams(symbols: list[int], table: compat.RANSTable, n_streams: int) -> tuple[bytes, list[int]]:
    """Interleaved streams: byte p of stream s at ``s + p * n_streams``."""
    freq, start = table.freq.tolist(), table.cumfreq.tolist()
    streams = [oracle_stream(symbols[s::n_streams], freq, start) for s in range(n_streams)]
    longest = max(map(len, streams))
    data = bytearray(longest * n_streams)
    for s, stream in enumerate(streams):
        for p, byte in enumerate(stream):
            data[s + p * n_streams] = byte
    return bytes(data), [len(stream) for stream in streams]


def gaussian(shape: tuple[int, ...], seed: int = 0, spread: float = 2.0) -> Codes:
    """Codes of 4 bits as weights have them."""
    normal = np.random.default_rng(seed).normal(8, spread, shape)
    return np.clip(np.round(normal), 0, 15).astype(np.uint8)


def table_of(codes: Codes) -> compat.RANSTable:
    """The table of the codes' own counts."""
    return compat.RANSTable.from_counts(np.bincount(codes.ravel(), minlength=16))


@pytest.mark.parametrize(("n", "n_streams"), [(1, 1), (7, 4), (1000, 1), (1000, 256), (100, 256), (4099, 64)])
@pytest.mark.parametrize("spread", [0.0, 0.3, 2.0, 40.0])
def test_streams_are_the_published_ones(n: int, n_streams: int, spread: float) -> None:
    """Byte by byte, and they decode."""
    codes = gaussian((n,), n, spread)
    table = table_of(codes)
    data, lengths, longest = compat.entropy_encode(codes, table, n_streams)
    assert (data, lengths) == oracle_streams(codes.tolist(), table, n_streams)
    assert longest == max(lengths)
    np.testing.assert_array_equal(compat.entropy_decode(data, lengths, table, n), codes)
    tile = compat.interleaved_rans_encode(codes, table, n_streams)
    assert (tile.data, tile.stream_lengths, tile.max_stream_len) == (data, lengths, longest)
    np.testing.assert_array_equal(compat.interleaved_rans_decode(tile), codes)


@pytest.mark.parametrize(("rows", "cols", "n_streams"), [(1, 5, 8), (3, 64, 16), (17, 300, 256), (5, 1, 1)])
def test_streams_of_rows_are_the_published_ones(rows: int, cols: int, n_streams: int) -> None:
    """Each row is encoded alone; offsets and lengths are 32-bit."""
    codes = gaussian((rows, cols), 3)
    table = table_of(codes)
    data, offsets, lengths = compat.entropy_encode_v2(codes, table, n_streams)
    expected = [oracle_streams(row.tolist(), table, n_streams) for row in codes]
    assert data == b"".join(part for part, _ in expected)
    assert offsets.dtype == lengths.dtype == np.uint32
    assert offsets.tolist() == np.cumsum([0] + [len(part) for part, _ in expected])[:-1].tolist()
    assert lengths.tolist() == [length for _, of_row in expected for length in of_row]
    fields = (table.freq, table.cumfreq, table.sym_table)
    decoded = compat.entropy_decode_async(
        data, offsets, lengths, *fields, 1.0, 0.0, n_streams, cols, rows, dequantize=False
    )
    np.testing.assert_array_equal(decoded, codes)


GOLDEN = (2816, 5120, "278f0b0ed644066245c2475f9628d35f")


def test_golden_stream() -> None:
    """Frozen bytes: a change of them is an error."""
    codes = np.arange(4096).reshape(16, 256) ** 2 % 31 % 16
    table = table_of(codes.astype(np.uint8))
    v1 = compat.entropy_encode(codes, table)
    v2 = compat.entropy_encode_v2(codes, table, 64)
    digest = hashlib.sha256(v1[0] + v2[0] + table.to_bytes()).hexdigest()
    assert (len(v1[0]), len(v2[0]), digest[:32]) == GOLDEN


def test_tables() -> None:
    """Frequencies follow the published rounding, and rare symbols keep a slot."""
    counts = np.array([10, 0, 5000, 3, *range(12)])
    table = compat.RANSTable.from_counts(counts)
    floored = np.maximum(counts, 1)
    expected = (floored / floored.sum() * 16384).astype(int)
    expected[2] += 16384 - expected.sum()
    assert table.freq.tolist() == expected.tolist()
    assert table.cumfreq.tolist() == [0, *np.cumsum(expected)[:-1]]
    assert table.sym_table.tolist() == [s for s, n in enumerate(expected) for _ in range(n)]
    assert table.to_bytes() == struct.pack("<17H", 16, *expected)
    again = compat.RANSTable.from_bytes(table.to_bytes())
    assert again.freq.tolist() == table.freq.tolist()
    # Both published forms: with and without the total, and with the number of symbols.
    form = compat.RANSTable(table.freq, [*table.cumfreq, 16384], table.sym_table, 16)
    assert form.cumfreq.tolist() == table.cumfreq.tolist()
    rare = compat.RANSTable.from_counts([10**9] + [1] * 15)
    assert rare.freq.tolist() == [16384 - 15] + [1] * 15
    codes = np.arange(16, dtype=np.uint8).repeat(3)
    assert compat.rans_decode(compat.rans_encode(codes, rare), 48, rare).tolist() == codes.tolist()
    for wrong in (b"", b"\x02\x00\x01\x00", b"\x01\x00\x05\x00"):
        with pytest.raises(ValueError, match=r"table|sum"):
            compat.RANSTable.from_bytes(wrong)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_tiles(bits: int) -> None:
    """Tiles of any width survive; their sizes are those of the streams."""
    codes = np.random.default_rng(bits).integers(0, 1 << bits, 3000).astype(np.uint8)
    tile = compat.encode_tile(codes, bits)
    freq, start = tile.table.freq.tolist(), tile.table.cumfreq.tolist()
    assert tile.data == oracle_stream(codes.tolist(), freq, start)
    assert (tile.n_symbols, tile.original_bytes) == (3000, 3000 * bits // 8)
    assert tile.bits_per_symbol == 8 * len(tile.data) / 3000
    assert tile.compression_ratio == tile.original_bytes / tile.compressed_bytes
    np.testing.assert_array_equal(compat.decode_tile(tile), codes)
    assert compat.verify_roundtrip(codes, bits)
    assert compat.verify_roundtrip(np.zeros(0, np.uint8), bits)
    streams = compat.interleaved_rans_encode(codes, tile.table)
    header = struct.pack("<BII4I", 4, 3000, streams.max_stream_len, *streams.stream_lengths)
    assert streams.to_bytes() == header + tile.table.to_bytes() + streams.data
    assert streams.stream_offsets == [0, 1, 2, 3]


def test_damaged_streams_are_refused_or_decode() -> None:
    """No input reads outside of the bytes."""
    codes = gaussian((8, 64))
    table = table_of(codes)
    fields = (table.freq, table.cumfreq, table.sym_table)
    data, offsets, lengths = compat.entropy_encode_v2(codes, table, 16)

    def decode(data: bytes, offsets: Any, lengths: Any) -> Any:
        return compat.entropy_decode_async(
            data, offsets, lengths, *fields, 1.0, 0.0, 16, 64, 8, dequantize=False
        )

    streams = np.arange(16) + offsets[-1] + (lengths[-16:].astype(int) - 1) * 16
    # Bytes after the last one of a stream are padding.
    used = int(streams.max()) + 1
    assert len(data) - 16 < used <= len(data)
    np.testing.assert_array_equal(decode(data[:used], offsets, lengths), codes)
    for end in range(used):
        with pytest.raises(ValueError, match="streams"):
            decode(data[:end], offsets, lengths)
    for wrong in (np.zeros_like(lengths), lengths + 10**6, lengths[:-1]):
        with pytest.raises(ValueError, match="stream"):
            decode(data, offsets, wrong)
    flipped = bytearray(data)
    for i in range(0, len(flipped), 7):
        flipped[i] ^= 0x55
    assert decode(bytes(flipped), offsets, lengths).shape == codes.shape
    with pytest.raises(ValueError, match="not in the table"):
        compat.entropy_encode(np.array([16]), table)


SCALES = [(1, 64), (8, 64), (8 * 4, 16), (8 * 3, 24)]


@pytest.mark.parametrize(("n_scales", "group_size"), SCALES)
def test_products(n_scales: int, group_size: int) -> None:
    """Both forms of the product, with scales of the matrix, of rows and of groups."""
    rng = np.random.default_rng(5)
    codes = gaussian((8, 64))
    scales, biases = rng.normal(size=(2, n_scales)).astype(np.float32)
    x = rng.normal(size=(2, 3, 64)).astype(np.float32)
    table = table_of(codes)
    fields = (table.freq, table.cumfreq, table.sym_table)
    groups = np.arange(64) // group_size
    rows = np.arange(8)[:, None] if n_scales > 1 else 0
    index = rows * (groups.max() + 1) + groups if n_scales > 1 else np.zeros((8, 64), int)
    weights = codes.astype(np.float32) * scales[index] + biases[index]
    expected = x.astype(np.float64) @ weights.T.astype(np.float64)
    data, lengths, longest = compat.entropy_encode(codes, table, 16)
    found = compat.entropy_coded_matmul(
        data, lengths, *fields, x, scales, biases, 16, codes.size, longest, 8, 64, group_size
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    data2, offsets, lengths2 = compat.entropy_encode_v2(codes, table, 16)
    args = (np.frombuffer(data2, np.uint8), offsets, lengths2, *fields, x, scales, biases, 16, 64, 8)
    if group_size == 24:  # The length of unequal groups does not follow from their number.
        with pytest.raises(ValueError, match="3 scales for each row of 64 columns"):
            compat.entropy_coded_matmul(*args)
    else:
        np.testing.assert_array_equal(compat.entropy_coded_matmul(*args), found)
        np.testing.assert_array_equal(compat.entropy_coded_matmul_v2(*args), found)
        decoded = compat.entropy_decode_async(*args[:6], *args[7:])
        np.testing.assert_array_equal(decoded, weights)
        vector = compat.entropy_coded_matmul(*args[:6], x[0, 0], *args[7:])
        np.testing.assert_allclose(vector, found[0, 0], rtol=1e-5, atol=1e-5)
    assert found.shape == (2, 3, 8)


def test_wrong_products() -> None:
    """Counts that do not fit are named."""
    with pytest.raises(TypeError, match="13 arguments"):
        compat.entropy_coded_matmul(*range(13))  # type: ignore[call-overload]
    codes = gaussian((2, 8))
    table = table_of(codes)
    data, offsets, lengths = compat.entropy_encode_v2(codes, table, 4)
    fields = (table.freq, table.cumfreq, table.sym_table)
    with pytest.raises(ValueError, match="3 scales"):
        compat.entropy_decode_async(data, offsets, lengths, *fields, [1, 2, 3], 0.0, 4, 8, 2)
    with pytest.raises(ValueError, match="2 row offsets"):
        compat.entropy_decode_async(data, offsets, lengths, *fields, 1.0, 0.0, 4, 8, 3)


class Linear:
    """A layer as any library has it."""

    def __init__(self, rows: int, cols: int, bias: bool = True) -> None:
        """Random weights."""
        rng = np.random.default_rng(rows)
        self.weight = rng.normal(size=(rows, cols)).astype(np.float32)
        self.bias = rng.normal(size=rows).astype(np.float32) if bias else None

    def __call__(self, x: Any) -> Any:
        """The product."""
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias


@pytest.mark.parametrize("mode", list(compat.DecodeMode))
@pytest.mark.parametrize(("group_size", "bias"), [(64, True), (16, False), (24, True), (4096, True)])
def test_layers(mode: compat.DecodeMode, group_size: int, bias: bool) -> None:
    """All modes and group sizes give the product with the weights that the layer decodes."""
    linear = Linear(48, 128, bias)
    layer = compat.EntropyCodedLinear.from_linear(linear, 32, mode.value, group_size)
    weights = layer.decode()
    step = (linear.weight.max() - linear.weight.min()) / 15
    assert np.abs(weights - linear.weight).max() <= 0.51 * step
    x = np.random.default_rng(2).normal(size=(2, 5, 128)).astype(np.float32)
    layer.prefetch_weights()
    for _ in range(2):
        y = layer(x)
        np.testing.assert_allclose(y, x @ weights.T + (0 if linear.bias is None else linear.bias), rtol=1e-5)
    assert layer.bits_per_weight == pytest.approx(8 * len(layer._streams[0]) / (48 * 128))
    assert layer.compression_ratio == pytest.approx(4 / layer.bits_per_weight)
    np.testing.assert_allclose(layer(x[0, 0]), y[0, 0], rtol=1e-4, atol=1e-5)


def test_codes_of_a_layer_are_the_published_ones() -> None:
    """The smallest weight of a group is code 0, the largest 15, and streams are those of rows."""
    linear = Linear(6, 40)
    layer = compat.EntropyCodedLinear.from_linear(linear, 8, "fused", 16)
    codes = np.zeros((6, 40), np.uint8)
    scales, lows = np.zeros((2, 6, 3), np.float32)
    for row in range(6):
        for group, start in enumerate(range(0, 40, 16)):
            part = linear.weight[row, start : start + 16]
            lows[row, group], scales[row, group] = part.min(), (part.max() - part.min()) / 15
            codes[row, start : start + 16] = np.clip(
                np.round((part - lows[row, group]) / scales[row, group]), 0, 15
            )
    np.testing.assert_array_equal(layer.scales, scales)
    np.testing.assert_array_equal(layer.biases_quant, lows)
    assert layer._streams[0] == compat.entropy_encode_v2(codes, table_of(codes), 8)[0]


def test_models_are_quantized_in_place() -> None:
    """Linear layers in attributes and containers are replaced, once."""
    block = types.SimpleNamespace(up=Linear(16, 8), norm=object(), down=Linear(8, 16, bias=False))
    model = types.SimpleNamespace(
        blocks=[block, {"head": Linear(4, 8)}], pair=(Linear(4, 4), 1), own=None, name="model"
    )
    model.own = model
    x = np.ones(8, np.float32)
    before = block.up(x)
    compat.entropy_quantize(model, n_streams=4, group_size=8)
    layers = [block.up, block.down, model.blocks[1]["head"], model.pair[0]]
    assert all(isinstance(layer, compat.EntropyCodedLinear) for layer in layers)
    assert model.pair[1] == 1
    assert block.up.decode_mode is compat.DecodeMode.FUSED
    assert np.abs(block.up(x) - before).max() < 1
    compat.entropy_quantize(model)
    assert layers == [block.up, block.down, model.blocks[1]["head"], model.pair[0]]


def test_mlx_layers() -> None:
    """Layers of MLX are converted."""
    nn = pytest.importorskip("mlx.nn")
    layer = nn.Linear(32, 16)
    coded = compat.EntropyCodedLinear.from_linear(layer, 8, group_size=32)
    assert np.abs(coded.decode() - np.array(layer.weight)).max() < 0.02


def test_prefetcher() -> None:
    """It returns the weights of the layer that is asked for."""
    a, b = (compat.EntropyCodedLinear.from_linear(Linear(n, 16), 4, "gpu_async", 16) for n in (8, 24))
    prefetcher = compat.get_prefetcher()
    assert prefetcher is compat.get_prefetcher()
    assert not compat.AsyncDecodePrefetcher().has_prefetched()
    assert compat.AsyncDecodePrefetcher().get_decoded_weights() is None
    a.prefetch_weights()
    b.prefetch_weights()
    assert prefetcher.has_prefetched()
    np.testing.assert_array_equal(prefetcher.take(a), a.decode())
    np.testing.assert_array_equal(prefetcher.get_decoded_weights(), b.decode())
    assert not prefetcher.has_prefetched()
    empty = compat.EntropyCodedLinear(4, 4)
    assert empty.compression_ratio == 1
    with pytest.raises(ValueError, match="no weights"):
        empty(np.zeros(4))


@pytest.mark.parametrize("mode", list(compat.DecodeMode))
def test_smart_decoder(mode: compat.DecodeMode) -> None:
    """Each mode returns the codes, and keeps what it says."""
    names = ["a", "b", "c"]
    codes = {name: gaussian((10, 10), i) for i, name in enumerate(names)}
    tiles = {name: compat.interleaved_rans_encode(codes[name], table_of(codes[name])) for name in names}
    decoder = compat.SmartDecoder(mode.value, max_memory_bytes=250)
    rest = {name: (tiles[name], 0.5, -4.0, (10, 10)) for name in names}
    for name in names:
        decoder.load_layer(name, *rest[name])
        decoder.prefetch_layer(name, *rest[name])
    for name in ["a", "b", "a", "c", "a", "b"]:
        found = decoder.get_weights(name, *rest[name])
        if mode in (compat.DecodeMode.FUSED, compat.DecodeMode.FUSED_V2):
            assert found is None
            continue
        assert found is not None
        np.testing.assert_array_equal(found.indices, codes[name])
        assert (found.scale, found.zero_point, found.shape, found.nbytes) == (0.5, -4.0, (10, 10), 100)
    if mode is compat.DecodeMode.LRU:
        assert decoder.stats == {"hit_rate": 2 / 6, "hits": 2, "misses": 4, "memory_bytes": 200}
    kept = {compat.DecodeMode.CACHED: 300, compat.DecodeMode.AUTO: 300, compat.DecodeMode.LRU: 200}
    assert decoder.memory_usage() == kept.get(mode, 0)
    if found is not None:
        with pytest.raises(KeyError, match="nothing"):
            decoder.get_weights("nothing")


def oracle_fake(x: float, bits: int) -> np.float32:
    """One number in single precision; halves away from zero."""
    levels = np.float32(2 ** (bits - 1) - 1)
    scaled = np.float32(min(max(np.float32(x), np.float32(-1)), np.float32(1))) * levels
    # Exact in double precision.
    rounded = np.floor(abs(float(scaled)) + 0.5)
    return np.float32(np.copysign(np.float32(rounded), scaled)) / levels


@pytest.mark.parametrize("bits", range(2, 17))
def test_fake_quantization(bits: int) -> None:
    """Every number of bits has the bits of the reference, halves and limits included."""
    levels = 2 ** (bits - 1) - 1
    rng = np.random.default_rng(bits)
    halves = (np.arange(-levels, levels)[:200] + 0.5) / levels
    special = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, np.inf, -np.inf, 1e-30, 0.5, -0.5, 1 / 3]
    x = np.concatenate([rng.uniform(-1.5, 1.5, 500), halves, special]).astype(np.float32)
    expected = np.array([oracle_fake(value, bits) for value in x], np.float32)
    found = compat.quantize(x, bits)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))
    assert len(np.unique(compat.quantize(np.linspace(-1, 1, 10**5), bits))) == min(2 * levels + 1, 2**16)


def test_fake_quantization_of_the_documentation() -> None:
    """Examples, shapes, one bit, wrong numbers of bits."""
    assert set(compat.quantize(np.linspace(-1, 1, 99), 2).tolist()) == {-1.0, 0.0, 1.0}
    found = compat.quantize([-2, -0.5, 0.5, 2], 4)
    np.testing.assert_allclose(found, [-1, -4 / 7, 4 / 7, 1], rtol=1e-6)
    np.testing.assert_allclose(found, [-1, -0.571, 0.571, 1], atol=5e-4)
    assert compat.quantize([-0.3, 0.0, 0.3], 1).tolist() == [-1, 1, 1]
    for shape in [(), (0,), (3, 4, 5)]:
        assert compat.quantize(np.zeros(shape), 8).shape == shape
    assert np.isnan(compat.quantize(np.nan, 4))
    for wrong in (0, 17, -1, 4.0, "4", None, True):
        with pytest.raises(ValueError, match="1 to 16"):
            compat.quantize([0.0], wrong)  # type: ignore[arg-type]


def test_fake_quantization_kernels() -> None:
    """Kernels are cached, and hints change nothing."""
    x = np.random.default_rng(0).uniform(-2, 2, 5000)
    expected = compat.quantize(x, 5)
    for options in ({}, {"use_block_kernel": False}, {"use_double_buffer": True}):
        kernel = compat.VariableQuantizationMLXKernel(**options)
        assert kernel._kernel is None
        np.testing.assert_array_equal(kernel(x, 5), expected)
        assert kernel.compile() is kernel.compile() is kernel._kernel
        kernel.set_double_buffer(True)
        np.testing.assert_array_equal(kernel(x, bits=5), expected)
    assert isinstance(compat.variable_quantization, compat.VariableQuantizationMLXKernel)


def test_signatures() -> None:
    """Names and defaults are the published ones."""
    expected = {
        "entropy_encode": "indices, table, n_streams=256",
        "entropy_encode_v2": "indices_2d, table, n_streams=256",
        "encode_tile": "indices, bits=4",
        "interleaved_rans_encode": "symbols, table, n_streams=4",
        "rans_decode": "data, n_symbols, table",
        "verify_roundtrip": "indices, bits=4",
        "entropy_quantize": "model, n_streams=256, decode_mode='fused', group_size=64",
        "quantize": "x, bits",
    }
    for name, signature in expected.items():
        parameters = inspect.signature(getattr(compat, name)).parameters.values()
        found = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters]
        assert ", ".join(found) == signature
    layer = inspect.signature(compat.EntropyCodedLinear).parameters
    defaults = {name: parameter.default for name, parameter in layer.items()}
    assert list(defaults) == ["input_dims", "output_dims", "bias", "n_streams", "decode_mode", "group_size"]
    assert list(defaults.values())[2:] == [True, 256, "fused", 64]
    from_linear = inspect.signature(compat.EntropyCodedLinear.from_linear).parameters
    assert from_linear["decode_mode"].default == "cached"
    assert [mode.value for mode in compat.DecodeMode] == [
        "auto",
        "fused",
        "fused_v2",
        "cached",
        "lru",
        "prefetch",
        "gpu_async",
    ]
