"""Models of mlx-lm."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecq
from conftest import Command

mx = pytest.importorskip("mlx.core", reason="SKIPPED: MLX is not installed")
mlx_lm = pytest.importorskip("mlx_lm", reason="SKIPPED: mlx-lm is not installed")

import ecq.mlx  # noqa: E402

PROMPT = "The Debian project is"
FLOATS = {"model_config": {"dtype": "float32"}}


@pytest.fixture(scope="module", autouse=True)
def on_the_cpu() -> Iterator[None]:
    """These tests compare products of the CPU."""
    before = mx.default_device()
    mx.set_default_device(mx.cpu)
    yield
    mx.set_default_device(before)


@pytest.fixture(scope="module")
def affine(tiny: Path) -> Path:
    """The embedded model on a grid that MLX has."""
    out = tiny.with_name("affine.ecq")
    ecq.quantize(tiny, out, grid="affine:4:64", embedding="affine:4:64")
    return out


def greedy(model: Any, tokens: "list[int]", count: int) -> "list[int]":
    from mlx_lm.generate import generate_step

    steps = generate_step(mx.array(tokens), model, max_tokens=count)
    return [int(token) for token, _ in steps]


def logits_of(model: Any, tokens: "list[int]") -> "np.ndarray[Any, Any]":
    return np.array(model(mx.array([tokens]))[0].astype(mx.float32))


@pytest.mark.parametrize("mode", ["fused", "cached", "lru", "prefetch"])
def test_logits_and_tokens_equal_those_of_ecq(small: Path, mode: str) -> None:
    """In every decode mode of the CPU."""
    memory = "200KiB" if mode == "lru" else None
    model, tokenizer = ecq.mlx.load(small, mode=mode, memory=memory, **FLOATS)
    reference = ecq.load(small, cache="f32")
    tokens = reference.tokenize(PROMPT)
    assert tokenizer.encode(PROMPT) == tokens
    np.testing.assert_allclose(logits_of(model, tokens), reference.forward(tokens), rtol=0, atol=1e-3)
    expected = reference.generate(tokens, max_tokens=24, temperature=0, ignore_end=True).tokens
    assert greedy(model, tokens, 24) == expected


def test_all_weights_of_smollm2_have_the_bits_of_the_file(smollm2: Path) -> None:
    """Rows of coded layers, and parameters that are decoded at load; the model answers a question."""
    model, tokenizer = ecq.mlx.load(smollm2, mode="cached", **FLOATS)
    linears = ecq.linears(smollm2)
    from mlx.utils import tree_flatten

    modules, parameters = dict(model.named_modules()), dict(tree_flatten(model.parameters()))
    for name in linears.names():
        module = modules[name.removesuffix(".weight")]
        if linears.is_coded(name):
            found = module.matrix.rows(np.arange(module.matrix.shape[0]))
        else:
            found = np.array(parameters[name])
        np.testing.assert_array_equal(found, linears.values(name), name)
    messages = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
    assert "Paris" in mlx_lm.generate(model, tokenizer, prompt, max_tokens=16)


def test_the_mode_async_needs_a_gpu(small: Path) -> None:
    """As on the CPU everywhere."""
    with pytest.raises(ecq.InvalidOptionError, match="async"):
        ecq.mlx.load(small, mode="async")


def test_layers_are_coded(small: Path) -> None:
    """All matrices, and the embedding, which is the head too; norms have the bits of the file."""
    model, _ = ecq.mlx.load(small, mode="fused", **FLOATS)
    linears = ecq.linears(small)
    coded = [name for name in linears.names() if linears.is_coded(name)]
    modules = dict(model.named_modules())
    for name in coded:
        module = modules[name.removesuffix(".weight")]
        assert isinstance(module, (ecq.mlx.EcqLinear, ecq.mlx.EcqEmbedding)), name
        assert module.matrix.residence in ("streams", "packed")
    assert "residence" not in repr(model)
    from mlx.utils import tree_flatten

    parameters = dict(tree_flatten(model.parameters()))
    assert sorted(parameters) == sorted(name for name in linears.names() if name not in coded)
    for name, value in parameters.items():
        np.testing.assert_array_equal(np.array(value), linears.values(name), name)


def test_tokens_equal_those_of_mlx_on_the_exported_codes(
    affine: Path, command: Command, tmp_path: Path
) -> None:
    """mlx-lm computes with the same codes, in its own quantized layers."""
    command("export", affine, "--format", "mlx", "--dtype", "f32", "-o", tmp_path / "mlx")
    own, tokenizer = mlx_lm.load(str(tmp_path / "mlx"))
    assert "Quantized" in repr(own)
    # Its embedding would round rows to the type of the scales.
    own.set_dtype(mx.float32)
    tokens = tokenizer.encode(PROMPT)
    model, _ = ecq.mlx.load(affine, **FLOATS)
    np.testing.assert_allclose(logits_of(model, tokens), logits_of(own, tokens), rtol=0, atol=1e-3)
    assert greedy(model, tokens, 32) == greedy(own, tokens, 32)


def test_a_checkpoint_of_mlx_without_loss(affine: Path, command: Command, tmp_path: Path) -> None:
    """``convert`` keeps the codes of a quantized checkpoint, and quantizes floats."""
    command("export", affine, "--format", "mlx", "--dtype", "f32", "-o", tmp_path / "mlx")
    report = ecq.mlx.convert(tmp_path / "mlx", tmp_path / "again.ecq")
    assert ecq.verify(tmp_path / "again.ecq", against=tmp_path / "mlx").ok
    own, tokenizer = mlx_lm.load(str(tmp_path / "mlx"))
    own.set_dtype(mx.float32)
    model, _ = ecq.mlx.load(tmp_path / "again.ecq", **FLOATS)
    tokens = tokenizer.encode(PROMPT)
    assert greedy(model, tokens, 16) == greedy(own, tokens, 16)
    command("export", affine, "--format", "safetensors", "-o", tmp_path / "floats")
    floats = ecq.mlx.convert(tmp_path / "floats", tmp_path / "floats.ecq", bpw=3, calibrate="off")
    assert floats.bpw_linear is not None
    assert abs(floats.bpw_linear - 3) < 0.05
    assert report.file_bytes > floats.file_bytes


@pytest.fixture
def patched() -> Iterator[None]:
    """Removes the patch after a test."""
    utils = mlx_lm.utils
    before = utils.load_model, utils._download
    ecq.mlx.patch_mlx_lm(mode="fused")
    yield
    utils.load_model, utils._download = before


@pytest.mark.usefixtures("patched")
def test_patched_mlx_lm_takes_files_and_folders(
    small: Path, affine: Path, command: Command, tmp_path: Path
) -> None:
    """``mlx_lm.load`` and ``generate``; other models load as before; patching again changes the mode."""
    reference = ecq.load(small, cache="f32")
    folder = ecq.mlx.export(small, tmp_path / "folder")
    for path in (small, folder):
        model, tokenizer = mlx_lm.load(str(path), **FLOATS)
        text = mlx_lm.generate(model, tokenizer, PROMPT, max_tokens=12)
        # Tokenizers of transformers drop the first space.
        assert text == reference.generate(PROMPT, max_tokens=12, temperature=0).text.lstrip()
        layer = model.layers[0].mlp.up_proj
        assert layer.matrix.residence == "streams"
    ecq.mlx.patch_mlx_lm(mode="cached")
    model, _ = mlx_lm.load(str(small))
    assert model.layers[0].mlp.up_proj.matrix.residence == "packed"
    command("export", affine, "--format", "mlx", "-o", tmp_path / "mlx")
    other, _ = mlx_lm.load(str(tmp_path / "mlx"))
    assert "Quantized" in repr(other)


def test_the_programs_of_mlx_lm(small: Path) -> None:
    """``python -m ecq.mlx generate`` is ``mlx_lm.generate`` with ``.ecq`` files."""
    arguments = ["--model", small, "--prompt", PROMPT, "--max-tokens", "8", "--ignore-chat-template"]
    command = [sys.executable, "-m", "ecq.mlx", "generate", *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    expected = ecq.load(small).generate(PROMPT, max_tokens=8, temperature=0)
    assert expected.text.strip() in done.stdout
    unknown = subprocess.run([*command[:3], "nothing"], check=False, capture_output=True, text=True)
    assert unknown.returncode == 2
    assert "usage: python -m ecq.mlx" in unknown.stderr


def test_another_mlx_lm_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The patch checks the functions that it replaces."""
    monkeypatch.setattr(mlx_lm.utils, "load_model", lambda path: None)
    with pytest.raises(RuntimeError, match="load_model is not the function"):
        ecq.mlx.patch_mlx_lm()


def test_layers_alone(small: Path) -> None:
    """Types, dimensions, biases, experts."""
    matrix = ecq.linears(small)["model.layers.0.mlp.up_proj.weight"]
    x = mx.array(np.random.default_rng(0).normal(size=(2, 3, 256)).astype(np.float32))
    expected = np.array(x) @ matrix.dequantize().T
    layer = ecq.mlx.EcqLinear(matrix, bias=True)
    layer.bias = mx.ones(640)
    np.testing.assert_allclose(np.array(layer(x)), expected + 1, rtol=1e-4, atol=1e-4)
    assert ecq.mlx.EcqLinear(matrix)(x.astype(mx.bfloat16)).dtype == mx.bfloat16
    table = ecq.mlx.EcqEmbedding(matrix, mx.float16)
    rows = table(mx.array([[1, 2], [0, 639]]))
    assert rows.dtype == mx.float16
    np.testing.assert_array_equal(np.array(rows), matrix.dequantize()[[[1, 2], [0, 639]]].astype(np.float16))
    np.testing.assert_allclose(np.array(table.as_linear(x)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bits", range(1, 17))
def test_variable_quantization(bits: int) -> None:
    """The bits of the function of the first plans, which has its own oracle."""
    from ecq import compat

    random = np.random.default_rng(bits)
    steps = np.arange(-(2**8), 2**8) / np.float32(2**9)
    values = np.concatenate([random.normal(size=2000), steps, [0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan]])
    values = values.astype(np.float32)
    found, expected = np.array(ecq.mlx.quantize(mx.array(values), bits)), compat.quantize(values, bits)
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("bits", [0, 17, 2.0, True])
def test_wrong_numbers_of_bits(bits: int) -> None:
    """Are refused."""
    with pytest.raises(ValueError, match="expected an integer from 1 to 16"):
        ecq.mlx.quantize(mx.zeros(1), bits)


def test_experts(small: Path) -> None:
    """The products of ``SwitchLinear``, for tokens and for sorted ones."""
    from mlx_lm.models.switch_layers import SwitchLinear

    linears = ecq.linears(small)
    matrices = [linears[f"model.layers.{layer}.mlp.up_proj.weight"] for layer in (0, 1, 0, 1)]
    plain = SwitchLinear(256, 640, 4, bias=True)
    plain.weight = mx.array(np.stack([matrix.dequantize() for matrix in matrices]))
    plain.bias = mx.array(np.random.default_rng(1).normal(size=(4, 640)).astype(np.float32))
    coded = ecq.mlx.EcqSwitchLinear(matrices, bias=True)
    coded.bias = plain.bias
    assert (coded.num_experts, coded.output_dims, coded.input_dims) == (4, 640, 256)
    random = np.random.default_rng(0)
    # One row for all chosen experts, and a row for each.
    for shape, chosen in (((5, 1, 1, 256), (5, 2)), ((6, 1, 256), (6,))):
        x = mx.array(random.normal(size=shape).astype(np.float32))
        indices = mx.array(np.sort(random.integers(0, 4, size=chosen), axis=0).astype(np.uint32))
        found, expected = coded(x, indices), plain(x, indices)
        assert found.shape == expected.shape
        np.testing.assert_allclose(np.array(found), np.array(expected), rtol=1e-4, atol=1e-4)


def test_a_model_that_changes_its_weights(tmp_path: Path) -> None:
    """mlx-lm transposes the matrices of GPT-2, so they are decoded at load, with a warning."""
    config = {
        "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_ctx": 32, "n_embd": 64, "n_head": 2,
        "n_layer": 1, "n_positions": 32, "layer_norm_epsilon": 1e-5, "vocab_size": 64, "dtype": "float32",
    }  # fmt: skip
    from mlx_lm.models import gpt2

    random = np.random.default_rng(0)
    shapes = {"wte.weight": (64, 64), "wpe.weight": (32, 64), "ln_f.weight": (64,), "ln_f.bias": (64,)}
    for name, inputs, outputs in [
        ("attn.c_attn", 64, 192), ("attn.c_proj", 64, 64), ("mlp.c_fc", 64, 256), ("mlp.c_proj", 256, 64),
    ]:  # fmt: skip
        shapes |= {f"h.0.{name}.weight": (inputs, outputs), f"h.0.{name}.bias": (outputs,)}
    for norm in ("ln_1", "ln_2"):
        shapes |= {f"h.0.{norm}.{part}": (64,) for part in ("weight", "bias")}
    weights = {name: random.normal(size=shape).astype(np.float32) / 8 for name, shape in shapes.items()}
    path = tmp_path / "gpt2.ecq"
    ecq.quantize(weights, path, bpw=4, calibrate="off", files={"config.json": json.dumps(config)})
    with pytest.warns(UserWarning, match="weights are decoded at load"):
        model, _ = ecq.mlx.load_model(ecq.mlx.export(path, tmp_path / "folder"))
    linears = ecq.linears(path)
    assert linears.is_coded("h.0.mlp.c_fc.weight")
    plain = gpt2.Model(gpt2.ModelArgs.from_dict(config))
    decoded = {name: mx.array(linears.values(name)) for name in linears.names()}
    plain.load_weights(list(plain.sanitize(decoded).items()))
    np.testing.assert_array_equal(logits_of(model, [1, 5, 9]), logits_of(plain, [1, 5, 9]))


def test_a_model_with_experts(tmp_path: Path) -> None:
    """Matrices of experts, which mlx-lm stacks, stay coded."""
    config = {
        "model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "vocab_size": 64,
        "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "num_local_experts": 4, "num_experts_per_tok": 2, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "dtype": "float32",
    }  # fmt: skip
    from mlx_lm.models import mixtral

    random = np.random.default_rng(0)
    shapes = {"embed_tokens": (64, 64), "norm": (64,)}
    for layer in range(2):
        prefix = f"layers.{layer}"
        shapes |= {f"{prefix}.{norm}_layernorm": (64,) for norm in ("input", "post_attention")}
        shapes |= {f"{prefix}.self_attn.{part}_proj": (64, 64) for part in "qo"}
        shapes |= {f"{prefix}.self_attn.{part}_proj": (32, 64) for part in "kv"}
        shapes |= {f"{prefix}.block_sparse_moe.gate": (4, 64)}
        for expert in range(4):
            name = f"{prefix}.block_sparse_moe.experts.{expert}"
            shapes |= {f"{name}.w1": (96, 64), f"{name}.w2": (64, 96), f"{name}.w3": (96, 64)}
    weights = {
        f"model.{name}.weight": random.normal(size=shape).astype(np.float32) / 8
        for name, shape in shapes.items()
    }
    weights["lm_head.weight"] = random.normal(size=(64, 64)).astype(np.float32) / 8
    path = tmp_path / "moe.ecq"
    ecq.quantize(weights, path, bpw=4, calibrate="off", files={"config.json": json.dumps(config)})
    folder = ecq.mlx.export(path, tmp_path / "folder")
    model, _ = ecq.mlx.load_model(folder)
    experts = model.layers[1].block_sparse_moe.switch_mlp.gate_proj
    assert isinstance(experts, ecq.mlx.EcqSwitchLinear)
    name = "model.layers.1.block_sparse_moe.experts.{}.w1.weight"
    linears = ecq.linears(path)
    for expert, matrix in enumerate(experts.experts.matrices):
        np.testing.assert_array_equal(matrix.dequantize(), linears.values(name.format(expert)))
    plain = mixtral.Model(mixtral.ModelArgs.from_dict(config))
    decoded = {name: mx.array(linears.values(name)) for name in linears.names()}
    plain.load_weights(list(plain.sanitize(decoded).items()))
    tokens = [1, 5, 9, 33, 2]
    np.testing.assert_allclose(logits_of(model, tokens), logits_of(plain, tokens), rtol=0, atol=1e-3)
