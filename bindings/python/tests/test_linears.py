"""Matrices of a file for layers of other libraries."""

from pathlib import Path

import numpy as np
import pytest

import ecq

NAME = "model.layers.0.mlp.up_proj.weight"
MODES = ["fused", "cached", "lru", "prefetch"]


def rows(count: int, cols: int, seed: int = 0) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    return np.random.default_rng(seed).normal(size=(count, cols)).astype(np.float32)


def opened(path: Path, mode: str) -> ecq.Linears:
    return ecq.linears(path, mode=mode, memory="200KiB" if mode == "lru" else None)


def test_all_values_equal_those_of_the_file(small: Path) -> None:
    """Names and values are those of the checkpoint."""
    file, linears = ecq.open(small), ecq.linears(small)
    assert linears.names() == sorted(file)
    for name, tensor in file.items():
        np.testing.assert_array_equal(linears.values(name), tensor.dequantize(), name)
        assert tuple(linears.shape(name)) == tensor.shape
        assert linears.is_coded(name) == (tensor.coding is not None)


@pytest.mark.parametrize("mode", MODES)
def test_products_have_the_bits_of_every_mode(small: Path, mode: str) -> None:
    """Products of all matrices, in two passes, and of one row and several."""
    linears, reference = opened(small, mode), opened(small, "cached")
    assert linears.mode == mode
    assert linears.mode_reason
    names = [name for name in linears.names() if linears.is_coded(name)]
    assert len(names) > 20
    for count in (1, 5):
        for name in names:
            x = rows(count, linears[name].shape[1])
            found = linears[name].multiply(x)
            np.testing.assert_array_equal(found, reference[name].multiply(x), name)
            np.testing.assert_allclose(found, x @ linears.values(name).T, rtol=1e-4, atol=1e-4)


def test_residence_follows_the_mode(small: Path) -> None:
    """Where the weights of a matrix are."""
    expected = {"fused": "streams", "cached": "packed", "prefetch": "slot"}
    assert {mode: opened(small, mode)[NAME].residence for mode in expected} == expected
    lru = opened(small, "lru")
    blocks = [lru[name].residence for name in lru.names() if lru.is_coded(name) and "layers" in name]
    assert set(blocks) == {"slot", "packed"}
    fused, cached = opened(small, "fused")[NAME], opened(small, "cached")[NAME]
    assert fused.nbytes == cached.nbytes, "the bytes in the file"
    for matrix in (fused, cached):
        matrix.rows(np.array([0]))
    assert fused.nbytes < cached.nbytes


def test_rows_are_an_embedding(small: Path) -> None:
    """Rows by index, and into a given array."""
    matrix = ecq.linears(small)["model.embed_tokens.weight"]
    indices = np.array([3, 0, 3, 511])
    found = matrix.rows(indices)
    np.testing.assert_array_equal(found, matrix.dequantize()[indices])
    out = np.empty_like(found)
    assert matrix.rows(indices, out) is out
    np.testing.assert_array_equal(out, found)
    for index in (-1, matrix.shape[0]):
        with pytest.raises(IndexError, match=f"row {index} "):
            matrix.rows(np.array([index]))


def test_wrong_arguments(small: Path) -> None:
    """Shapes and types are checked."""
    matrix = ecq.linears(small)[NAME]
    outputs, inputs = matrix.shape
    with pytest.raises(ValueError, match=f"x has {inputs - 1} columns, expected {inputs}"):
        matrix.multiply(rows(1, inputs - 1))
    with pytest.raises(ValueError, match=r"out has shape \[2, 1\]"):
        matrix.multiply(rows(2, inputs), np.empty((2, 1), np.float32))
    with pytest.raises(ValueError, match="x is not contiguous"):
        matrix.multiply(rows(inputs, 2).T)
    with pytest.raises(ValueError, match="out is not contiguous"):
        matrix.multiply(rows(2, inputs), np.empty((outputs, 2), np.float32).T)
    with pytest.raises(TypeError):
        matrix.multiply(rows(1, inputs).astype(np.float64))  # type: ignore[arg-type]
    assert matrix.multiply(rows(0, inputs)).shape == (0, outputs)


def test_errors_of_files_and_modes(small: Path, tmp_path: Path) -> None:
    """Each error has its class."""
    with pytest.raises(ecq.UnknownTensorError, match="nothing"):
        ecq.linears(small)["nothing"]
    with pytest.raises(ecq.NotFoundError):
        ecq.linears(tmp_path / "missing.ecq")
    with pytest.raises(ecq.InvalidOptionError, match="async"):
        ecq.linears(small, mode="async")
    with pytest.raises(ecq.InvalidOptionError, match="budget"):
        ecq.linears(small, mode="lru", memory=1)
    with pytest.raises(ValueError, match="unknown mode"):
        ecq.linears(small, mode="nothing")
    (tmp_path / "text.ecq").write_text("not a model, but long enough for its header")
    with pytest.raises(ecq.WrongFormatError):
        ecq.linears(tmp_path / "text.ecq")


def test_tied_matrices_are_one(small: Path) -> None:
    """A matrix is prepared once."""
    linears = ecq.linears(small)
    assert linears[NAME].nbytes == linears[NAME].nbytes
    assert NAME in linears
    assert "nothing" not in linears
    assert repr(linears[NAME]).startswith(f"<ecq.Linear {NAME} [640, 256]")
    assert "tensors, mode" in repr(linears)


def test_a_gguf_model_has_the_names_and_values_of_its_checkpoint(smollm2: Path) -> None:
    """Rows of queries and keys have another order in GGUF files."""
    from test_files import hugging_face_name

    file, linears = ecq.open(smollm2), ecq.linears(smollm2, mode="fused")
    assert sorted(hugging_face_name(name) for name in file) == linears.names()
    name = "model.layers.3.self_attn.q_proj.weight"
    stored = file["blk.3.attn_q.weight"].dequantize()
    expected = stored.reshape(-1, 32, 2, stored.shape[1]).swapaxes(1, 2).reshape(stored.shape)
    np.testing.assert_array_equal(linears.values(name), expected)
    np.testing.assert_array_equal(linears[name].dequantize(), expected)
    np.testing.assert_array_equal(linears[name].rows(np.arange(5)), expected[:5])
    x = rows(3, expected.shape[1])
    np.testing.assert_allclose(linears[name].multiply(x), x @ expected.T, rtol=1e-4, atol=1e-4)
