"""Models of transformers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecq

torch = pytest.importorskip("torch", reason="SKIPPED: PyTorch is not installed")
transformers = pytest.importorskip("transformers", reason="SKIPPED: transformers is not installed")

import ecq.hf  # noqa: E402
from ecq.torch import EcqEmbedding, EcqLinear  # noqa: E402

PROMPT = "The Debian project is"


@pytest.fixture(scope="module")
def folder(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ecq.hf.export(small, tmp_path_factory.mktemp("hf") / "small")


def from_pretrained(folder: Path, **options: Any) -> Any:
    options.setdefault("dtype", torch.float32)
    return transformers.AutoModelForCausalLM.from_pretrained(folder, **options)


def logits_of(model: Any, tokens: "list[int]") -> "np.ndarray[Any, Any]":
    with torch.no_grad():
        logits: np.ndarray[Any, Any] = model(torch.tensor([tokens])).logits[0].numpy()
    return logits


def greedy(model: Any, tokens: "list[int]", count: int) -> "list[int]":
    return greedy_batch(model, [tokens], count)[0]


def greedy_batch(model: Any, prompts: "list[list[int]]", count: int) -> "list[list[int]]":
    """Texts of one batch, padded on the left; no token ends a text."""
    width = max(map(len, prompts))
    padding = [width - len(prompt) for prompt in prompts]
    tokens = torch.tensor([[0] * pad + prompt for pad, prompt in zip(padding, prompts, strict=True)])
    mask = torch.tensor([[0] * pad + [1] * (width - pad) for pad in padding])
    model.generation_config.eos_token_id = None
    options = {"max_new_tokens": count, "do_sample": False, "pad_token_id": 0, "attention_mask": mask}
    generated: list[list[int]] = model.generate(tokens, **options)[:, width:].tolist()
    return generated


def test_the_weights_of_a_folder_are_the_file(small: Path, folder: Path) -> None:
    """A hard link; config and tokenizer are those that the file has attached."""
    assert (folder / "model.safetensors").samefile(small)
    config = json.loads((folder / "config.json").read_text())
    assert config.pop("quantization_config") == {"quant_method": "ecq"}
    assert config == json.loads(ecq.open(small).read_attached("config.json"))
    with pytest.raises(FileExistsError, match="replace=True"):
        ecq.hf.export(small, folder)
    assert ecq.hf.export(small, folder, replace=True) == folder


@pytest.mark.parametrize("mode", ["fused", "cached", "lru", "prefetch"])
def test_logits_and_tokens_equal_those_of_ecq(small: Path, folder: Path, mode: str) -> None:
    """In every decode mode."""
    options = ecq.hf.EcqConfig(mode=mode, memory="200KiB" if mode == "lru" else None, threads=2)
    model = from_pretrained(folder, quantization_config=options)
    assert model.hf_quantizer.linears.mode == mode
    reference = ecq.load(small, cache="f32")
    tokens = reference.tokenize(PROMPT)
    np.testing.assert_allclose(logits_of(model, tokens), reference.forward(tokens), rtol=0, atol=1e-3)
    expected = reference.generate(tokens, max_tokens=24, temperature=0, ignore_end=True).tokens
    assert greedy(model, tokens, 24) == expected


def test_layers_are_coded(small: Path, folder: Path) -> None:
    """All matrices with codes; a tied head shares the matrix; nothing else has random values."""
    model = from_pretrained(folder)
    linears = ecq.linears(small)
    coded = [name for name in linears.names() if linears.is_coded(name)]
    layers = dict(model.named_modules())
    assert all(isinstance(layers[name.removesuffix(".weight")], (EcqLinear, EcqEmbedding)) for name in coded)
    assert isinstance(model.lm_head, EcqLinear)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), linears.values(name), name)
    assert model.is_quantized


def test_dequantize(small: Path, folder: Path) -> None:
    """At load and later, into ordinary layers with the bits of the file."""
    linears = ecq.linears(small)
    options = ecq.hf.EcqConfig(dequantize=True)
    loaded = from_pretrained(folder, quantization_config=options)
    later = from_pretrained(folder).dequantize()
    reference = ecq.load(small, cache="f32")
    tokens = reference.tokenize(PROMPT)
    for model in (loaded, later):
        assert not any(isinstance(module, EcqLinear) for module in model.modules())
        for name, value in model.state_dict().items():
            stored = name if name in linears else "model.embed_tokens.weight"
            np.testing.assert_array_equal(value.detach().numpy(), linears.values(stored), name)
        np.testing.assert_allclose(logits_of(model, tokens), reference.forward(tokens), rtol=0, atol=1e-3)
        assert "quantization_config" not in model.config.to_dict()


def test_save_pretrained_round_trip(small: Path, folder: Path, tmp_path: Path) -> None:
    """The saved folder has the same file and gives the same tokens."""
    model = from_pretrained(folder)
    model.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "model.safetensors").read_bytes() == small.read_bytes()
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["quantization_config"] == {"quant_method": "ecq"}
    again = from_pretrained(tmp_path / "saved")
    tokens = ecq.load(small).tokenize(PROMPT)
    assert greedy(again, tokens, 8) == greedy(model, tokens, 8)
    with torch.no_grad():
        again.model.norm.weight += 1
    with pytest.raises(ValueError, match=r"model\.norm\.weight has changed"):
        again.save_pretrained(tmp_path / "changed")
    with pytest.raises(ValueError, match="push_to_hub"):
        model.save_pretrained(tmp_path / "pushed", push_to_hub=True)


def test_pipeline(small: Path, folder: Path) -> None:
    """``pipeline`` generates text, with the tokenizer of the folder."""
    generator = transformers.pipeline("text-generation", model=str(folder), dtype=torch.float32)
    options = {"max_new_tokens": 12, "do_sample": False, "return_full_text": False}
    [result] = generator(PROMPT, **options)
    expected = ecq.load(small, cache="f32").generate(PROMPT, max_tokens=12, temperature=0)
    assert result["generated_text"] == expected.text


def test_load_takes_a_file(small: Path, tmp_path: Path) -> None:
    """Without a folder; the model can be saved."""
    model = ecq.hf.load(small, dtype=torch.float32)
    tokens = ecq.load(small).tokenize(PROMPT)
    assert greedy(model, tokens, 4) == greedy(ecq.hf.load(small, dtype=torch.float32), tokens, 4)
    model.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "model.safetensors").samefile(small)
    base = ecq.hf.load(small, dtype=torch.float32, model_class=transformers.AutoModel)
    assert isinstance(base.embed_tokens, EcqEmbedding)


def test_device_maps(small: Path, folder: Path) -> None:
    """A map that is computed, and a given one."""
    pytest.importorskip("accelerate", reason="SKIPPED: accelerate is not installed")
    tokens = ecq.load(small).tokenize(PROMPT)
    expected = logits_of(from_pretrained(folder), tokens)
    for device_map in ({"": "cpu"}, "auto"):
        model = from_pretrained(folder, device_map=device_map)
        coded = [module for module in model.modules() if isinstance(module, EcqLinear)]
        if not torch.cuda.is_available():
            assert all(layer.weight is None for layer in coded)
            np.testing.assert_array_equal(logits_of(model, tokens), expected)
    with pytest.raises(ValueError, match="'disk'"):
        from_pretrained(folder, device_map={"": "cpu", "lm_head": "disk"})


def test_types_and_compile(folder: Path) -> None:
    """bfloat16 activations, and one graph for the whole model."""
    model = from_pretrained(folder, dtype=torch.bfloat16)
    tokens = torch.tensor([[1, 2, 3, 4]])
    with torch.no_grad():
        plain = model(tokens, use_cache=False).logits
        compiled = torch.compile(model, backend="eager", fullgraph=True)(tokens, use_cache=False).logits
    assert plain.dtype == torch.bfloat16
    torch.testing.assert_close(compiled, plain)


def test_adapters_are_trained(folder: Path, tmp_path: Path) -> None:
    """LoRA on top of coded layers: gradients pass through them."""
    peft = pytest.importorskip("peft", reason="SKIPPED: peft is not installed")
    from peft.tuners.lora.layer import Linear

    config = peft.LoraConfig(r=4, target_modules=["q_proj", "up_proj"], task_type="CAUSAL_LM")
    config._register_custom_module({EcqLinear: Linear})
    model = peft.get_peft_model(from_pretrained(folder), config)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-2)
    tokens, losses = torch.arange(1, 9)[None], []
    for _ in range(4):
        loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2
    model.save_pretrained(tmp_path / "adapter")
    loaded = peft.PeftConfig.from_pretrained(tmp_path / "adapter")
    loaded._register_custom_module({EcqLinear: Linear})
    again = peft.PeftModel.from_pretrained(from_pretrained(folder), tmp_path / "adapter", config=loaded)
    with torch.no_grad():
        torch.testing.assert_close(again(tokens).logits, model(tokens).logits)


def test_an_embedding_with_a_factor(tmp_path: Path) -> None:
    """Gemma multiplies the rows of its embedding, and its norms add one to their weights."""
    config = transformers.Gemma3TextConfig(
        vocab_size=64, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=32, architectures=["Gemma3ForCausalLM"], dtype="float32",
    )  # fmt: skip
    torch.manual_seed(0)
    plain = transformers.Gemma3ForCausalLM(config).eval()
    weights = {name: value for name, value in plain.state_dict().items() if name != "lm_head.weight"}
    files = {"config.json": config.to_json_string(use_diff=False)}
    ecq.quantize(weights, tmp_path / "gemma.ecq", bpw=4, calibrate="off", files=files)
    model = ecq.hf.load(tmp_path / "gemma.ecq")
    assert isinstance(model.model.embed_tokens, EcqEmbedding)
    linears = ecq.linears(tmp_path / "gemma.ecq")
    state = {name: torch.from_numpy(linears.values(name)) for name in linears.names()}
    plain.load_state_dict(state, strict=False)
    tokens = [1, 5, 9, 33, 2]
    np.testing.assert_allclose(logits_of(model, tokens), logits_of(plain, tokens), rtol=0, atol=1e-4)


def test_missing_tensors_are_an_error(small: Path, folder: Path, tmp_path: Path) -> None:
    """No parameter is left with random values."""
    config = json.loads((folder / "config.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    config["num_hidden_layers"] += 1
    (other / "config.json").write_text(json.dumps(config))
    (other / "model.safetensors").hardlink_to(small)
    with pytest.raises(ValueError, match=r"the .ecq file lacks \d+ tensors of"):
        from_pretrained(other)


def test_experts_are_refused(tmp_path: Path) -> None:
    """With the name of the model and its layer."""
    config = transformers.MixtralConfig(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, num_local_experts=2, architectures=["MixtralForCausalLM"],
    )  # fmt: skip
    weights = {"model.embed_tokens.weight": np.zeros((64, 32), np.float32)}
    files = {"config.json": config.to_json_string(use_diff=False)}
    ecq.quantize(weights, tmp_path / "moe.ecq", bpw=4, calibrate="off", files=files)
    with pytest.raises(NotImplementedError, match=r"MixtralForCausalLM has experts \(.*mlp"):
        ecq.hf.load(tmp_path / "moe.ecq")


def test_a_file_without_configuration(tmp_path: Path) -> None:
    """Cannot become a folder."""
    ecq.quantize({"a.weight": np.ones((32, 64), np.float32)}, tmp_path / "a.ecq", lossless=True)
    with pytest.raises(ecq.ExportError, match=r"config\.json"):
        ecq.hf.export(tmp_path / "a.ecq", tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_registering_twice() -> None:
    """A second import in the same process does nothing."""
    code = "import importlib, ecq.hf; importlib.reload(ecq.hf)"
    subprocess.run([sys.executable, "-c", code], check=True)


# All take minutes: `ECQ_ALL_PROMPTS=1 pytest tests/test_hf.py -k smollm2 -s`.
ALL = bool(os.environ.get("ECQ_ALL_PROMPTS"))
PROMPTS = [
    "The capital of France is", "Once upon a time", "Water boils at", "The kernel of Linux",
    "In 1969, humans", "A prime number is", "The quick brown fox", "My favourite book",
    "To install a package,", "The theory of relativity", "Photosynthesis is", "Shakespeare wrote",
    "The largest planet", "An algorithm is", "The Roman empire", "Music is", "The heart pumps",
    "Entropy is", "A good teacher", "The year 2000",
]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"bpw": 2.45, "calibrate": "off", "trellis": "off"},
        pytest.param(
            {"bpw": 4, "calibrate": "off"},
            marks=pytest.mark.skipif(not ALL, reason="SKIPPED: takes a minute; ECQ_ALL_PROMPTS=1 runs it"),
        ),
    ],
    ids=["2.45 bits", "4 bits trellis"],
)
def test_smollm2(smollm2: Path, tmp_path: Path, options: "dict[str, Any]") -> None:
    """A real model from a GGUF file: logits, and 64 greedy tokens after each prompt."""
    path = tmp_path / "model.ecq"
    ecq.quantize(smollm2, path, **options)
    model = ecq.hf.load(path, dtype=torch.float32, quantization_config=ecq.hf.EcqConfig(mode="cached"))
    reference = ecq.load(path, cache="f32", sequences=20)
    prompts = [reference.tokenize(prompt) for prompt in (PROMPTS if ALL else PROMPTS[:4])]
    worst = 0.0
    for tokens in prompts[:3]:
        worst = max(worst, float(np.abs(logits_of(model, tokens) - reference.forward(tokens)).max()))
    print(f"largest difference of logits: {worst:.2e}")
    assert worst <= 1e-3
    expected = reference.generate_batch(prompts, max_tokens=64, temperature=0, ignore_end=True)
    assert greedy_batch(model, prompts, 64) == [completion.tokens for completion in expected]
