"""Writes mlx-packed.safetensors and the checkpoint mlx-tiny/ with MLX.

    pip install 'mlx[cpu]' mlx-lm numpy safetensors
    python make_mlx_fixture.py

mlx-packed: for each width B, B.packed (u32) and B.codes (u8, [3, 160]), as MLX dequantizes them.
mlx-tiny: a Llama with one block, quantized to 4 bits except for down_proj (6 bits in groups of 32), o_proj
(not quantized) and the embedding (8 bits).
"""

import json
import shutil
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.models import llama
from mlx_lm.utils import quantize_model
from safetensors.numpy import save_file

rng = np.random.default_rng(3)
packed = {}
for bits in (2, 3, 4, 5, 6, 8):
    # Each group contains both ends of the range, so scale is 1, bias is 0, and the weights equal the codes.
    codes = rng.integers(0, 1 << bits, (3, 160)).astype(np.float32)
    codes[:, ::32], codes[:, 1::32] = 0, (1 << bits) - 1
    words, scales, biases = mx.quantize(mx.array(codes), group_size=32, bits=bits)
    ones, zeros = mx.ones(scales.shape), mx.zeros(biases.shape)
    read = mx.dequantize(words, ones, zeros, group_size=32, bits=bits)
    packed[f"{bits}.codes"] = np.array(read).astype(np.uint8)
    packed[f"{bits}.packed"] = np.array(words)
save_file(packed, "mlx-packed.safetensors", {"mlx": mx.__version__})

mx.random.seed(7)
config = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_hidden_layers": 1,
    "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5,
    "vocab_size": 32, "max_position_embeddings": 64, "rope_theta": 10000.0, "tie_word_embeddings": True,
}  # fmt: skip
model = llama.Model(llama.ModelArgs.from_dict(config))
model.set_dtype(mx.bfloat16)


def choose(path, module):
    if path.endswith("down_proj"):
        return {"group_size": 32, "bits": 6}
    if path.endswith("o_proj"):
        return False
    if path.endswith("embed_tokens"):
        return {"group_size": 64, "bits": 8}
    return True


model, config = quantize_model(model, config, 64, 4, quant_predicate=choose)
folder = Path("mlx-tiny")
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir()
weights = dict(tree_flatten(model.parameters()))
mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
(folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
# The codes as MLX's own dequantization reads them: scale 1, bias 0.
codes = {}
for path, module in tree_flatten(model.leaf_modules(), is_leaf=nn.Module.is_module):
    if hasattr(module, "bits"):
        ones, zeros = mx.ones(module.scales.shape), mx.zeros(module.scales.shape)
        read = mx.dequantize(module.weight, ones, zeros, module.group_size, module.bits)
        codes[path + ".weight"] = np.array(read).astype(np.uint8)
save_file(codes, "mlx-tiny-codes.safetensors", {"mlx": mx.__version__})
