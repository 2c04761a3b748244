"""The plug-in in vLLM's own engine, loader and layers, on the CPU."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ecq

pytest.importorskip("torch", reason="SKIPPED: PyTorch is not installed")
pytest.importorskip("vllm", reason="SKIPPED: vLLM is not installed")

from ecq._folder import export

PROMPTS = ["The Debian project is", "The kernel", "Users of packages"]

# A process of its own: vLLM keeps global state and binds threads to cores.
PROGRAM = """
import json, sys
from vllm import LLM, SamplingParams
options, prompts = json.loads(sys.argv[1])
llm = LLM(dtype="float32", enforce_eager=True, max_model_len=128, disable_log_stats=True, **options)
sampling = SamplingParams(temperature=0, max_tokens=16, ignore_eos=True)
outputs = llm.generate([{"prompt_token_ids": prompt} for prompt in prompts], sampling)
def kinds(model):
    return sorted({type(getattr(m, "quant_method", None)).__name__ for m in model.modules()} - {"NoneType"})
print(json.dumps([[list(output.outputs[0].token_ids) for output in outputs], llm.apply_model(kinds)[0]]))
"""


def run(
    options: "dict[str, Any]", prompts: "list[list[int]]", **environment: str
) -> "subprocess.CompletedProcess[str]":
    import os

    environment = {
        **os.environ,
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_ALLOW_INSECURE_SERIALIZATION": "1",
        **environment,
    }
    arguments = [sys.executable, "-c", PROGRAM, json.dumps([options, prompts])]
    return subprocess.run(arguments, check=False, capture_output=True, text=True, env=environment)


def test_the_engine_generates_the_tokens_of_ecq(small: Path, tmp_path: Path) -> None:
    """The plug-in is found by its entry point; fused layers of vLLM compute with the codes of each part."""
    folder = export(small, tmp_path / "folder")
    reference = ecq.load(small, cache="f32")
    prompts = [reference.tokenize(prompt) for prompt in PROMPTS]
    done = run({"model": str(folder), "load_format": "ecq"}, prompts)
    assert done.returncode == 0, done.stderr[-4000:]
    tokens, methods = json.loads(done.stdout.splitlines()[-1])
    expected = reference.generate_batch(prompts, max_tokens=16, temperature=0, ignore_end=True)
    assert tokens == [completion.tokens for completion in expected]
    assert methods == ["EcqLinearMethod", "UnquantizedEmbeddingMethod"]


CLASSES = """
import ecq.vllm
ecq.vllm.register()
ecq.vllm.register()
from torch import nn
from vllm.config import VllmConfig, set_current_vllm_config
from vllm.config.load import LoadConfig
from vllm.model_executor.layers.quantization import get_quantization_config
from vllm.model_executor.model_loader import get_model_loader
config = get_quantization_config("ecq").from_config({"quant_method": "ecq"})
print(config.get_name(), type(get_model_loader(LoadConfig(load_format="ecq"))).__name__)
with set_current_vllm_config(VllmConfig(load_config=LoadConfig(load_format="auto"))):
    try:
        config.get_quant_method(nn.Linear(1, 1), "model.layers.0.mlp.down_proj")
    except ValueError as error:
        print(error)
"""


def test_registration_and_the_wrong_loader() -> None:
    """Registering again does nothing; without the loader, the error says which option is missing."""
    done = subprocess.run([sys.executable, "-c", CLASSES], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    names, error = done.stdout.splitlines()[-2:]
    assert names == "ecq EcqLoader"
    assert error == "weights of ecq need their own loader: start vLLM with --load-format ecq"


def test_importing_the_plug_in_is_light() -> None:
    """It is imported in every process of vLLM, also where it is not used."""
    code = "import sys, ecq.vllm; assert not {'torch', 'vllm', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
