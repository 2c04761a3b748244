"""Holds `ecq export --format mlx` of a Llama GGUF (Q4_1, Q8_0) to what MLX computes from the GGUF's own blocks.

    pip install 'mlx[cpu]' mlx-lm gguf numpy
    ecq quantize M.gguf --lossless -o M.ecq && ecq export M.ecq --format mlx -o M-mlx
    python scripts/check_mlx_export.py M.gguf M-mlx

The codes, scales and minima are read from the GGUF with the `gguf` package and packed with NumPy, nothing of ecq between; logits of
both models on 20 prompts must be equal to the last bit, and greedy text is printed.
"""

import sys

import mlx.core as mx
import numpy as np
from gguf import GGUFReader
from mlx_lm import generate, load

PROMPTS = [
    "The capital of France is", "Once upon a time", "def fibonacci(n):", "Water boils at", "The quick brown fox",
    "In 1969, astronauts", "To make bread you need", "My favourite colour is", "The largest planet is", "E = mc",
    "import numpy as np", "She opened the door and", "The opposite of hot is", "A triangle has", "Python is a",
    "The mitochondria is", "Roses are red,", "1, 2, 3, 4,", "The weather today", "Dear Sir or Madam,",
]  # fmt: skip
LAYER = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
}  # fmt: skip


def hf_name(name):
    stem = name.removesuffix(".weight")
    whole = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    if stem in whole:
        return whole[stem]
    _, layer, part = stem.split(".")
    return f"model.layers.{layer}.{LAYER[part]}"


def blocks(tensor):
    """Codes in column order, scales, biases of a Q4_1 or Q8_0 matrix."""
    cols, rows = (int(n) for n in tensor.shape)
    data = np.ascontiguousarray(tensor.data).view(np.uint8).reshape(rows, cols // 32, -1)
    scales = data[..., :2].copy().view(np.float16)[..., 0]
    if tensor.tensor_type.name == "Q4_1":
        biases = data[..., 2:4].copy().view(np.float16)[..., 0]
        nibbles = data[..., 4:]
        return np.concatenate([nibbles & 15, nibbles >> 4], -1).reshape(rows, cols), scales, biases, 4
    codes = (data[..., 2:].view(np.int8).astype(np.int16) + 128).astype(np.uint8).reshape(rows, cols)
    return codes, scales, (scales * np.float16(-128)).astype(np.float16), 8


def main():
    gguf, folder = sys.argv[1:3]
    reader = GGUFReader(gguf)
    heads = int(reader.fields["llama.attention.head_count"].contents())
    kv_heads = int(reader.fields["llama.attention.head_count_kv"].contents())
    model, tokenizer = load(folder)
    ours = {p: model(mx.array([tokenizer.encode(p)]))[0] for p in PROMPTS}
    for p in PROMPTS:
        mx.eval(ours[p])
    print(generate(model, tokenizer, prompt=PROMPTS[0], max_tokens=24))

    def unpermute(rows, part):
        if part not in ("self_attn.q_proj", "self_attn.k_proj"):
            return rows
        n = heads if part.endswith("q_proj") else kv_heads
        return rows.reshape(n, rows.shape[0] // n // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)

    weights = []
    for tensor in reader.tensors:
        name = hf_name(tensor.name)
        part = name.split(".", 3)[-1]
        if tensor.tensor_type.name == "F32":
            weights.append((f"{name}.weight", mx.array(np.array(tensor.data).astype(np.float16))))
            continue
        codes, scales, biases, bits = blocks(tensor)
        codes, scales, biases = (unpermute(a, part) for a in (codes, scales, biases))
        ones = np.unpackbits(codes[..., None], axis=-1, count=bits, bitorder="little").reshape(codes.shape[0], -1)
        packed = np.packbits(ones, axis=-1, bitorder="little").view(np.uint32)
        weights += [(f"{name}.weight", mx.array(packed)), (f"{name}.scales", mx.array(scales)), (f"{name}.biases", mx.array(biases))]
    model.load_weights(weights)
    worst = 0.0
    for p in PROMPTS:
        theirs = model(mx.array([tokenizer.encode(p)]))[0]
        worst = max(worst, float(mx.abs(theirs - ours[p]).max()))
    print(f"{len(PROMPTS)} prompts, largest difference of a logit: {worst}")
    sys.exit(worst != 0.0)


main()
