"""Quantization."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecq
from conftest import Command

NAME = "model.layers.0.mlp.up_proj.weight"


def arrays(path: Path) -> dict[str, Any]:
    """The weights of a file as arrays."""
    return {name: tensor.dequantize("bfloat16") for name, tensor in ecq.open(path).items()}


def attached(path: Path) -> dict[str, "str | bytes"]:
    """The attached files."""
    file = ecq.open(path)
    return {name: file.read_attached(name) for name in file.attached}


def tensor_bytes(path: Path) -> dict[str, bytes]:
    """What tensors decode to."""
    return {name: tensor.dequantize().tobytes() for name, tensor in ecq.open(path).items()}


def test_a_rate_is_reached(tiny: Path, tmp_path: Path, command: Command) -> None:
    """The same options give the same file as the command."""
    out, other = tmp_path / "python.ecq", tmp_path / "command.ecq"
    report = ecq.quantize(tiny, out, bpw=2.5, calibrate="off")
    assert report.bpw_linear == pytest.approx(2.5, abs=0.01)
    assert report.file_bytes == out.stat().st_size
    assert report.source_bytes == tiny.stat().st_size
    assert not report.dry_run
    assert [tensor.name for tensor in report.tensors] == ecq.open(out).keys()
    command("quantize", tiny, "--bpw", 2.5, "--calibrate", "off", "-o", other)
    assert out.read_bytes() == other.read_bytes()


def test_calibration_is_that_of_the_command(tiny: Path, tmp_path: Path, command: Command) -> None:
    """Below 4 bits the default is calibration on the default text, with the same result."""
    out, other = tmp_path / "python.ecq", tmp_path / "command.ecq"
    few = {"calibration_tokens": 512, "calibration_window": 128, "trellis": "off"}
    steps = set()
    report = ecq.quantize(
        tiny,
        out,
        bpw=2.5,
        seed=5,
        progress=lambda update: steps.add(update.step),
        **few,  # type: ignore[arg-type]
    )
    assert report.expected_kl is not None
    assert [measured.text for measured in report.measured_kl] == ["prose", "manuals", "source code"]
    assert all(0 < measured.kl < 2 and measured.tokens == 1024 for measured in report.measured_kl)
    assert "calibrating" in steps
    options = ["--calibration-tokens", 512, "--calibration-window", 128, "--seed", 5, "--trellis", "off"]
    command("quantize", tiny, "--bpw", 2.5, *options, "-o", other)
    assert out.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        {"calibrate": "self"},
        {"calibration_texts": ["A text of its own about packages and kernels. " * 60]},
        {"calibrate": ["FILE"]},
    ],
)
def test_calibration_texts(tiny: Path, tmp_path: Path, text: dict[str, Any]) -> None:
    """Texts of the model, in memory and in files."""
    file = tmp_path / "text.txt"
    file.write_text("A text of its own about packages and kernels. " * 60)
    if text.get("calibrate") == ["FILE"]:
        text = {"calibrate": [file]}
    options = {"calibration_tokens": 256, "calibration_window": 64, "trellis": "off", **text}
    report = ecq.quantize(tiny, tmp_path / "out.ecq", bpw=3, **options)
    assert report.expected_kl is not None


def test_arrays_give_the_weights_of_a_file(tiny: Path, tmp_path: Path) -> None:
    """Arrays in memory are quantized as the same tensors in a file, and the result runs."""
    pytest.importorskip("ml_dtypes")
    from_file, from_arrays = tmp_path / "file.ecq", tmp_path / "arrays.ecq"
    ecq.quantize(tiny, from_file, bpw=3, calibrate="off", trellis="off")
    ecq.quantize(arrays(tiny), from_arrays, bpw=3, calibrate="off", trellis="off", files=attached(tiny))
    assert tensor_bytes(from_arrays) == tensor_bytes(from_file)
    texts = [
        str(ecq.load(path).generate("The", temperature=0, max_tokens=8)) for path in (from_file, from_arrays)
    ]
    assert texts[0] == texts[1]


def test_arrays_are_calibrated(tiny: Path, tmp_path: Path) -> None:
    """With a configuration and a tokenizer, the model in memory runs."""
    pytest.importorskip("ml_dtypes")
    options: dict[str, Any] = {
        "bpw": 2.5,
        "calibration_tokens": 256,
        "calibration_window": 64,
        "trellis": "off",
    }
    out = tmp_path / "out.ecq"
    report = ecq.quantize(arrays(tiny), out, files=attached(tiny), **options)
    assert report.expected_kl is not None
    assert report.bpw_linear == pytest.approx(2.5, abs=0.02)


@pytest.mark.parametrize("dtype", ["float32", "float16", ">f4", "bfloat16"])
def test_arrays_without_loss(tmp_path: Path, dtype: str) -> None:
    """Every element type of floats, strided arrays, scalars, and attached files."""
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    weights = np.random.default_rng(1).normal(size=(64, 96)).astype(dtype)
    out = tmp_path / "out.ecq"
    given = {NAME: weights[::2, ::3], "scalar": np.float32(3)}
    ecq.quantize(given, out, lossless=True, files={"config.json": "{}", "note.txt": b"\x00"})
    file = ecq.open(out)
    np.testing.assert_array_equal(file[NAME].dequantize(), weights[::2, ::3].astype(np.float32))
    assert file["scalar"].dequantize().shape == ()
    assert file["scalar"].dequantize() == 3
    assert json.loads(file.read_attached("config.json")) == {}
    assert file.read_attached("note.txt") == b"\x00"


@pytest.mark.parametrize("dtype", ["float64", "int64", "int32", "int16", "int8", "uint64", "uint8", "bool"])
def test_other_elements_are_kept(tmp_path: Path, dtype: str) -> None:
    """Elements that are no weights are bytes."""
    values = np.arange(24).reshape(4, 6).astype(dtype)
    out = tmp_path / "out.ecq"
    ecq.quantize({"ids": values, "list": [1.5, 2.5]}, out, bpw=4)
    file = ecq.open(out)
    np.testing.assert_array_equal(np.frombuffer(file["ids"].tobytes(), dtype).reshape(4, 6), values)
    np.testing.assert_array_equal(np.frombuffer(file["list"].tobytes()), [1.5, 2.5])
    with pytest.raises(ecq.UnsupportedError, match="ids"):
        file["ids"].dequantize()


def test_mlx_arrays(tmp_path: Path) -> None:
    """bfloat16 of MLX, which NumPy cannot hold."""
    mlx = pytest.importorskip("mlx.core")
    weights = mlx.random.normal((32, 64)).astype(mlx.bfloat16)
    out = tmp_path / "out.ecq"
    ecq.quantize({NAME: weights.T}, out, lossless=True)
    found = ecq.open(out)[NAME]
    assert found.dtype == "bf16"
    np.testing.assert_array_equal(found.dequantize(), np.array(weights.T.astype(mlx.float32)))


def test_options(tiny: Path, tmp_path: Path) -> None:
    """Sizes, codings, overrides, dry runs, replacement."""
    out = tmp_path / "out.ecq"
    dry = ecq.quantize(tiny, None, size="2.5MB", calibrate="off", trellis="off")
    assert dry.dry_run
    assert dry.file_bytes == pytest.approx(2_500_000, rel=1e-3)
    assert not out.exists()
    overrides = {"down_proj": "grid:keep", "q_proj": "coding:rans"}
    ecq.quantize(tiny, out, bpw=3.5, calibrate="off", trellis="off", coding="prefix", overrides=overrides)
    file = ecq.open(out)
    assert file["model.layers.0.mlp.down_proj.weight"].coding is None
    assert file["model.layers.0.self_attn.q_proj.weight"].coding == "rans"
    assert file[NAME].coding == "prefix"
    with pytest.raises(ecq.InvalidOptionError, match=r"out\.ecq"):
        ecq.quantize(tiny, out, calibrate="off")
    ecq.quantize(tiny, out, calibrate="off", trellis="off", replace=True)
