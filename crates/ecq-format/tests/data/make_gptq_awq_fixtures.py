"""Writes gptq-packed.safetensors, awq-packed.safetensors and the checkpoints gptq-tiny/, awq-tiny/ with the
packing code of AutoGPTQ and AutoAWQ.

    pip install torch numpy safetensors
    pip download --no-deps auto-gptq==0.7.1 autoawq==0.2.9   # unpack both; no installation is needed
    python make_gptq_awq_fixtures.py AUTO_GPTQ_FOLDER AUTOAWQ_FOLDER

gptq-packed: for each width B in 2, 3, 4, 8: B.codes [out, in] and B.zeros [out, groups] (u8, the input);
B.qweight, B.qzeros, B.scales, B.g_idx (the output of AutoGPTQ); B.weight (f32 [out, in], the output of its
forward pass for an identity matrix).
awq-packed: the same for AutoAWQ at 4 bits.
The checkpoints have the tensor names of Llama. q_proj and down_proj are quantized, o_proj is not; k_proj of
gptq-tiny has act-order.
"""

import importlib.util
import json
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

GROUP = 32
torch.manual_seed(11)


def load(path, stubs):
    """Loads a module without its package; `stubs` replace imports that packing does not need."""
    for name, members in stubs.items():
        module = types.ModuleType(name)
        module.__dict__.update(members)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
        sys.modules[name] = module
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


gptq = load(
    Path(sys.argv[1], "auto_gptq/nn_modules/qlinear/qlinear_cuda_old.py"),
    {"transformers": {}, "transformers.pytorch_utils": {"Conv1D": type("Conv1D", (), {})}},
)


awq = load(
    Path(sys.argv[2], "awq/modules/linear/gemm.py"),
    {
        "awq": {},
        "awq.utils": {},
        "awq.utils.module": {"try_import": lambda name: (None, "")},
        "awq.utils.utils": {"get_best_device": lambda: "cpu"},
        "awq.modules": {},
        "awq.modules.triton": {},
        "awq.modules.triton.gemm": {"awq_gemm_triton": None, "awq_dequantize_triton": None},
        "awq.utils.packing_utils": {"dequantize_gemm": None},
    },
)
packing = load(Path(sys.argv[2], "awq/utils/packing_utils.py"), {})


def draw(bits, rows, cols, least_zero):
    """Returns random codes [out, in], zero points [out, groups], f16 scales, and the weights of the codes."""
    groups = cols // GROUP
    codes = torch.randint(0, 1 << bits, (rows, cols))
    zeros = torch.randint(least_zero, 1 << bits, (rows, groups))
    scales = (torch.rand(rows, groups) * 0.02 + 0.001).half()
    spread = lambda t: t.repeat_interleave(GROUP, 1).float()
    return codes, zeros, scales, (codes - spread(zeros)) * spread(scales)


def linear(weights):
    rows, cols = weights.shape
    layer = torch.nn.Linear(cols, rows, bias=False)
    layer.weight.data = weights.clone()
    return layer


def gptq_layer(bits, rows, cols):
    # AutoGPTQ's version 1 stores zero - 1: a zero of 0 it cannot store.
    codes, zeros, scales, weights = draw(bits, rows, cols, 1)
    layer = gptq.QuantLinear(bits, GROUP, cols, rows, False, weight_dtype=torch.float32)
    layer.pack(linear(weights), scales.float(), zeros.float(), None)
    layer.autogptq_cuda_available = False
    back = layer(torch.eye(cols)).t().contiguous()
    assert torch.equal(back, weights), bits
    tensors = {
        "qweight": layer.qweight, "qzeros": layer.qzeros, "scales": layer.scales.half(), "g_idx": layer.g_idx,
    }  # fmt: skip
    return {name: tensor.contiguous() for name, tensor in tensors.items()}, codes, zeros, back


def awq_layer(rows, cols):
    codes, zeros, scales, weights = draw(4, rows, cols, 0)
    layer = awq.WQLinear_GEMM.from_linear(
        linear(weights),
        4,
        GROUP,
        scales=scales.float().t().contiguous(),
        zeros=zeros.float().t().contiguous(),
    )
    back = packing.dequantize_gemm(layer.qweight, layer.qzeros, layer.scales.float(), 4, GROUP)
    assert torch.equal(back.t().contiguous(), weights)
    tensors = {"qweight": layer.qweight, "qzeros": layer.qzeros, "scales": layer.scales}
    return {name: tensor.contiguous() for name, tensor in tensors.items()}, codes, zeros, back


def expected(codes, zeros, back):
    return {"codes": codes.to(torch.uint8), "zeros": zeros.to(torch.uint8), "weight": back}


def prefixed(prefix, tensors):
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


packed = {}
for bits in (2, 3, 4, 8):
    tensors, *rest = gptq_layer(bits, 32, 64)
    packed |= prefixed(bits, tensors | expected(*rest))
save_file(packed, "gptq-packed.safetensors", {"auto-gptq": "0.7.1"})
tensors, *rest = awq_layer(32, 64)
save_file(prefixed("4", tensors | expected(*rest)), "awq-packed.safetensors", {"autoawq": "0.2.9"})

SHAPES = {"self_attn.q_proj": (64, 64), "self_attn.k_proj": (32, 64), "mlp.down_proj": (64, 128)}


def checkpoint(folder, quantization, layer_of):
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir()
    half = lambda *shape: (torch.randn(shape) * 0.05).half()
    tensors = {
        "model.embed_tokens.weight": half(48, 64),
        "model.layers.0.input_layernorm.weight": half(64),
        "model.layers.0.self_attn.o_proj.weight": half(64, 64),
    }
    for name, (rows, cols) in SHAPES.items():
        tensors |= prefixed(f"model.layers.0.{name}", layer_of(name, rows, cols))
    save_file(tensors, f"{folder}/model.safetensors", {"format": "pt"})
    config = {"model_type": "llama", "hidden_size": 64, "quantization_config": quantization}
    Path(folder, "config.json").write_text(json.dumps(config, indent=1) + "\n")


def of_gptq(name, rows, cols):
    tensors = gptq_layer(4, rows, cols)[0]
    if name.endswith("k_proj"):
        tensors["g_idx"] = tensors["g_idx"][torch.randperm(cols)].contiguous()
    return tensors


checkpoint(
    "gptq-tiny",
    {
        "quant_method": "gptq",
        "bits": 4,
        "group_size": GROUP,
        "desc_act": True,
        "sym": False,
        "checkpoint_format": "gptq",
    },
    of_gptq,
)
checkpoint(
    "awq-tiny",
    {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"},
    lambda name, rows, cols: awq_layer(rows, cols)[0],
)
