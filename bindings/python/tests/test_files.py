"""Files and their tensors."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecq
from conftest import Command
from oracle import dequantize, safetensors

Array = np.ndarray[Any, Any]

NAME = "model.layers.0.mlp.up_proj.weight"


def exported(command: Command, path: Path, folder: Path) -> dict[str, Array]:
    """All weights as float32, written by ``ecq export``, which decodes on another path."""
    command("export", path, "--format", "safetensors", "--dtype", "f32", "-o", folder)
    return {name: array for file in folder.glob("*.safetensors") for name, array in safetensors(file)}


def equal_bits(found: Array, expected: Array, name: str) -> None:
    """Compares float32 arrays bit by bit."""
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32), name)


@pytest.mark.parametrize("which", ["tiny", "small"])
def test_weights_equal_exported_ones(
    which: str, command: Command, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Decoded weights have the bits of those that the command exports, in every tensor."""
    path = request.getfixturevalue(which)
    file, expected = ecq.open(path), exported(command, path, tmp_path / "floats")
    assert sorted(file) == sorted(expected)
    assert len(file) > 50
    for name, tensor in file.items():
        assert tensor.shape == expected[name].shape
        equal_bits(tensor.dequantize(), expected[name], name)


def test_smollm2_equals_exported_weights(smollm2: Path, command: Command, tmp_path: Path) -> None:
    """As above for a real model from a GGUF file, whose names and rows an export maps to Hugging Face's."""
    file, expected = ecq.open(smollm2), exported(command, smollm2, tmp_path / "floats")
    assert len(file) == len(expected) == 272
    for name, tensor in file.items():
        weights = tensor.dequantize()
        if re.search(r"attn_[qk]\.weight", name):
            # GGUF interleaves the halves of each head of 64 rows, which rotary embedding pairs.
            weights = weights.reshape(-1, 32, 2, tensor.cols).swapaxes(1, 2).reshape(weights.shape)
        equal_bits(weights, expected.pop(hugging_face_name(name)), name)
    assert not expected


def hugging_face_name(name: str) -> str:
    """The name of a tensor of a Llama in GGUF."""
    renamed = {
        "token_embd": "embed_tokens",
        "output_norm": "norm",
        "blk": "layers",
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "attn_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
    }
    return ".".join(["model", *(renamed.get(part, part) for part in name.split("."))])


@pytest.mark.parametrize(
    "options",
    [
        {"bpw": 2.5, "calibrate": "off"},
        {"bpw": 3.5, "calibrate": "off", "trellis": "off"},
        {"grid": "affine:4:64", "embedding": "affine:3:32"},
        {"grid": "absmax:5:tensor", "embedding": "4"},
    ],
)
def test_codes_and_grid_give_the_weights(tiny: Path, tmp_path: Path, options: "dict[str, object]") -> None:
    """The weights follow from codes and grid."""
    out = tmp_path / "out.ecq"
    ecq.quantize(tiny, out, **options)  # type: ignore[arg-type]
    coded = [tensor for tensor in ecq.open(out).values() if tensor.coding]
    assert len(coded) > 40
    for tensor in coded:
        codes, grid = tensor.codes(), tensor.grid()
        assert codes.dtype == np.uint8
        assert codes.shape == (tensor.rows, tensor.cols)
        assert codes.max() < (tensor.alphabet or 0)
        assert grid.kind == tensor.grid_kind
        expected = dequantize(codes, grid).reshape(tensor.shape)
        np.testing.assert_array_equal(tensor.dequantize(), expected, tensor.name)


def test_a_file_is_a_mapping(small: Path) -> None:
    """Names are keys, in the order of the checkpoint."""
    file = ecq.open(small)
    assert list(file) == file.keys()
    assert len(file) == len(file.keys()) == len(file.values())
    assert NAME in file
    assert "nothing" not in file
    assert dict(file)[NAME].name == NAME
    assert (
        repr(file[NAME])
        == f"<ecq.Tensor {NAME} [640, 256] rans, {file[NAME].bits_per_weight:.3f} bits per weight>"
    )


def test_metadata(tiny: Path, small: Path) -> None:
    """Properties of files."""
    file, source = ecq.open(small), ecq.open(tiny)
    assert file.path == small
    assert file.file_bytes == small.stat().st_size
    assert file.weights == source.weights == sum(tensor.rows * tensor.cols for tensor in file.values())
    assert file.bits_per_weight == pytest.approx(8 * file.file_bytes / file.weights)
    assert source.recipe is None
    assert file.recipe is not None
    assert re.match(r"ecq \d", file.writer)
    assert file.attached.keys() == {"config.json", "tokenizer.json"}
    assert file.read_attached("config.json") == source.read_attached("config.json")
    assert all(size > 0 for size in file.attached.values())


def test_element_types(tiny: Path) -> None:
    """bfloat16 weights are float32 exactly, and any type of NumPy on demand."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    tensor = ecq.open(tiny)[NAME]
    assert (tensor.dtype, tensor.coding, tensor.alphabet) == ("bf16", None, None)
    weights = tensor.dequantize()
    assert weights.dtype == np.float32
    bfloat16 = tensor.dequantize("bfloat16")
    assert bfloat16.dtype == ml_dtypes.bfloat16
    assert bfloat16.tobytes() == tensor.tobytes()
    np.testing.assert_array_equal(bfloat16.astype(np.float32), weights)
    np.testing.assert_array_equal(tensor.dequantize(np.float16), weights.astype(np.float16))


def test_other_libraries_read_tensors(small: Path) -> None:
    """The array protocol and DLPack."""
    tensor = ecq.open(small)[NAME]
    weights = tensor.dequantize()
    np.testing.assert_array_equal(np.asarray(tensor), weights)
    np.testing.assert_array_equal(np.from_dlpack(tensor), weights)
    assert np.asarray(tensor, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="copy=False"):
        np.asarray(tensor, copy=False)


def test_mlx_reads_tensors(small: Path) -> None:
    """MLX takes a tensor through DLPack."""
    mlx = pytest.importorskip("mlx.core")
    tensor = ecq.open(small)[NAME]
    np.testing.assert_array_equal(np.array(mlx.from_dlpack(tensor)), tensor.dequantize())


def test_verify(tiny: Path, small: Path, tmp_path: Path) -> None:
    """A file is compared with its hash, and with its source."""
    verified = ecq.verify(small)
    assert verified.ok
    assert verified.tensors == len(ecq.open(small))
    assert verified.codes == sum(
        tensor.rows * tensor.cols for tensor in ecq.open(small).values() if tensor.coding
    )
    assert ecq.verify(small, tiny).ok
    other = tmp_path / "other.ecq"
    ecq.quantize({NAME: np.ones((640, 256), np.float32)}, other, lossless=True)
    against = ecq.verify(small, other)
    assert not against.ok
    assert against.mismatches[0].what


def test_a_flipped_bit_is_damage(small: Path, tmp_path: Path) -> None:
    """The error says which tensor is damaged and where."""
    data = bytearray(small.read_bytes())
    data[len(data) // 2] ^= 4
    damaged = tmp_path / "damaged.ecq"
    damaged.write_bytes(data)
    with pytest.raises(ecq.DamagedError) as raised:
        ecq.verify(damaged)
    assert raised.value.kind == "corrupt"
    assert raised.value.tensor in ecq.open(small)
    assert raised.value.offset is not None
    assert str(damaged) in raised.value.message or str(raised.value.tensor) in raised.value.message
