"""Holds `ecq export --format mlx` of a GGUF model (Llama or Gemma 3) to what MLX computes from the GGUF's own blocks.

    pip install 'mlx[cpu]' mlx-lm gguf numpy        # and llama-cpp-python for --llama-cpp
    ecq quantize M.gguf --lossless -o M.ecq && ecq export M.ecq --format mlx -o M-mlx
    python scripts/check_mlx_export.py M.gguf M-mlx [--stored PROMPTS] [--llama-cpp]

The reference model is built with the `gguf` package and NumPy from the GGUF alone, its configuration too; nothing of ecq is between.
Every array of the exported model must be the reference's byte for byte, and the logits of 20 prompts equal to the last bit. Logits are
computed in float32, to which both models are widened without loss: on a CPU, MLX multiplies packed halves some twenty times slower.
--stored computes the first so many in the stored type as well (a minute each). --llama-cpp asks a third witness, llama.cpp on the same GGUF
file: the likeliest next token of each prompt, and the distance of the distributions. At last, greedy text is printed.
"""

import argparse
import sys

import gguf
import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm import load
from mlx_lm.models import gemma3_text, llama

PROMPTS = [
    "The capital of France is", "Once upon a time", "def fibonacci(n):", "Water boils at", "The quick brown fox",
    "In 1969, astronauts", "To make bread you need", "My favourite colour is", "The largest planet is", "E = mc",
    "import numpy as np", "She opened the door and", "The opposite of hot is", "A triangle has", "Python is a",
    "The mitochondria is", "Roses are red,", "1, 2, 3, 4,", "The weather today", "Dear Sir or Madam,",
]  # fmt: skip
LAYER = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
}  # fmt: skip
NORMS = {
    "llama": {"ffn_norm": "post_attention_layernorm"},
    "gemma3": {
        "ffn_norm": "pre_feedforward_layernorm",
        "post_attention_norm": "post_attention_layernorm",
        "post_ffw_norm": "post_feedforward_layernorm",
    },
}
# The distance that llama.cpp's own rounding of activations to 8 bits may make, in nats.
LLAMA_CPP_NATS = 0.05


def hf_name(name, architecture):
    stem = name.removesuffix(".weight")
    whole = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    if stem in whole:
        return whole[stem]
    _, layer, part = stem.split(".")
    return f"model.layers.{layer}.{(LAYER | NORMS[architecture])[part]}"


def blocks(tensor):
    """Codes in column order, scales, biases and bits of a matrix in blocks of 32; None for one of another type."""
    kind = tensor.tensor_type.name
    if kind not in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"):
        return None
    cols, rows = (int(n) for n in tensor.shape)
    data = np.ascontiguousarray(tensor.data).view(np.uint8).reshape(rows, cols // 32, -1)
    scales, data = data[..., :2].copy().view(np.float16)[..., 0], data[..., 2:]
    if kind == "Q8_0":
        codes, zero, bits = data ^ 128, 128, 8
    else:
        bits, zero = int(kind[1]), {"0": 1 << (int(kind[1]) - 1), "1": None}[kind[3]]
        if zero is None:
            biases, data = data[..., :2].copy().view(np.float16)[..., 0], data[..., 2:]
        if bits == 5:
            high, data = np.unpackbits(data[..., :4], axis=-1, bitorder="little"), data[..., 4:]
        codes = np.concatenate([data & 15, data >> 4], -1)
        if bits == 5:
            codes = codes | high << 4
    if zero is not None:
        biases = (scales.astype(np.float32) * -zero).astype(np.float16)
        if (biases.astype(np.float32) != scales.astype(np.float32) * -zero).any():
            return None
    return codes.reshape(rows, cols), scales, biases, bits


def pack(codes, bits):
    """MLX's words: codes of a row run on, least significant bit first."""
    ones = np.unpackbits(codes[..., None], axis=-1, count=bits, bitorder="little").reshape(codes.shape[0], -1)
    return np.packbits(ones, axis=-1, bitorder="little").view(np.uint32)


def reference(path):
    """The model of a GGUF file, from its metadata and blocks."""
    reader = gguf.GGUFReader(path)
    architecture = reader.fields["general.architecture"].contents()

    def field(name, default=None):
        found = reader.fields.get(f"{architecture}.{name}")
        return default if found is None else found.contents()

    tensors = {tensor.name: tensor for tensor in reader.tensors}
    heads = field("attention.head_count")
    args = dict(
        hidden_size=field("embedding_length"),
        num_hidden_layers=field("block_count"),
        intermediate_size=field("feed_forward_length"),
        num_attention_heads=heads,
        num_key_value_heads=field("attention.head_count_kv"),
        # Singles, as both read them: 1e-5 is what the converter was given.
        rms_norm_eps=float(str(np.float32(field("attention.layer_norm_rms_epsilon")))),
        vocab_size=int(tensors["token_embd.weight"].shape[1]),
        head_dim=field("attention.key_length", field("embedding_length") // heads),
        max_position_embeddings=field("context_length"),
        rope_theta=field("rope.freq_base", 10000.0),
    )
    if architecture == "llama":
        tied = "output.weight" not in tensors
        model = llama.Model(llama.ModelArgs(model_type="llama", tie_word_embeddings=tied, **args))
    elif architecture == "gemma3":
        args |= dict(sliding_window=field("attention.sliding_window"), query_pre_attn_scalar=args["head_dim"])
        model = gemma3_text.Model(gemma3_text.ModelArgs(model_type="gemma3_text", **args))
    else:
        sys.exit(f"{architecture} is no architecture that this check knows")

    def ordered(rows, name):
        """Rows of queries and keys as Hugging Face has them: halves of a head apart, not interleaved."""
        if architecture != "llama" or not name.endswith(("q_proj", "k_proj")):
            return rows
        n = heads if name.endswith("q_proj") else args["num_key_value_heads"]
        return rows.reshape(n, rows.shape[0] // n // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)

    weights, packed = [], {}
    for tensor in reader.tensors:
        name = hf_name(tensor.name, architecture)
        found = blocks(tensor)
        if found is None:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            if architecture == "gemma3" and name.endswith("norm"):
                values = values - np.float32(1)
            weights.append((f"{name}.weight", mx.array(ordered(values, name).astype(np.float16))))
            continue
        codes, scales, biases, packed[name] = found
        parts = {"weight": pack(codes, packed[name]), "scales": scales, "biases": biases}
        weights += [(f"{name}.{part}", mx.array(ordered(rows, name))) for part, rows in parts.items()]
    model.sanitize(dict(weights))
    nn.quantize(
        model,
        class_predicate=lambda name, _: {"group_size": 32, "bits": packed[name]} if name in packed else False,
    )
    model.load_weights(weights)
    return model.eval(), len(packed)


def compare_arrays(exported, expected):
    exported, expected = (dict(tree_flatten(model.parameters())) for model in (exported, expected))
    differ = sorted(exported.keys() ^ expected.keys())
    for name in exported.keys() & expected.keys():
        a, b = exported[name], expected[name]
        if (
            a.dtype != b.dtype
            or a.shape != b.shape
            or not np.array_equal(np.array(a.view(mx.uint8)), np.array(b.view(mx.uint8)))
        ):
            differ.append(f"{name} ({a.dtype} {a.shape}, expected {b.dtype} {b.shape})")
    print(f"{len(expected)} arrays, {len(differ)} differ {differ[:5] if differ else ''}")
    return not differ


def compare_logits(exported, expected, prompts, what):
    """Last row of logits by prompt, if those of both models are equal."""
    worst, rows = 0.0, {}
    for text, ids in prompts.items():
        a, b = (model(mx.array([ids]))[0] for model in (exported, expected))
        if not mx.isfinite(a).all():
            print(f"{text!r}: logits that are no numbers ({what})")
            worst = float("inf")
        worst = max(worst, float(mx.abs(a - b).max()))
        rows[text] = np.array(a[-1].astype(mx.float32))
    print(f"{len(prompts)} prompts in {what}, largest difference of a logit: {worst}")
    return rows, worst == 0.0


def compare_llama_cpp(path, prompts, rows):
    from llama_cpp import Llama

    model = Llama(path, n_ctx=64, logits_all=True, verbose=False, n_threads=1)
    same, nats = 0, []
    for text, ids in prompts.items():
        tokens = model.tokenize(text.encode(), add_bos=True, special=True)
        if tokens != ids:
            print(f"{text!r}: llama.cpp has tokens {tokens}, the exported tokenizer {ids}")
            return False
        model.reset()
        model.eval(ids)
        p, q = (
            x - np.logaddexp.reduce(x)
            for x in (model.scores[len(ids) - 1].astype(np.float64), rows[text].astype(np.float64))
        )
        nats.append(float((np.exp(p) * (p - q)).sum()))
        same += int(p.argmax() == q.argmax())
    print(
        f"llama.cpp: {same} of {len(prompts)} likeliest tokens the same, distance {np.mean(nats):.4f} nats, at most {max(nats):.4f}"
    )
    return np.mean(nats) < LLAMA_CPP_NATS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf")
    parser.add_argument("folder")
    parser.add_argument(
        "--stored",
        type=int,
        default=0,
        metavar="PROMPTS",
        help="prompts to compute in the stored type as well",
    )
    parser.add_argument("--llama-cpp", action="store_true", help="compare with llama.cpp too")
    args = parser.parse_args()
    exported, tokenizer = load(args.folder)
    expected, packed = reference(args.gguf)
    print(f"{packed} matrices of packed codes")
    prompts = {text: tokenizer.encode(text) for text in PROMPTS}
    good = compare_arrays(exported, expected)
    if args.stored:
        first = dict(list(prompts.items())[: args.stored])
        good &= compare_logits(exported, expected, first, "the stored type")[1]
    for model in (exported, expected):
        model.set_dtype(mx.float32)
    rows, same = compare_logits(exported, expected, prompts, "float32")
    good &= same
    if args.llama_cpp:
        good &= compare_llama_cpp(args.gguf, prompts, rows)
    for text in PROMPTS[:3]:
        print(repr(text + greedy(exported, tokenizer, prompts[text])))
    sys.exit(not good)


def greedy(model, tokenizer, ids, most=24):
    cache, made, step = model.make_cache() if hasattr(model, "make_cache") else None, [], ids
    for _ in range(most):
        token = int(model(mx.array([step]), cache=cache)[0, -1].argmax())
        if token in tokenizer.eos_token_ids:
            break
        made.append(token)
        step = [token] if cache is not None else ids + made
    return tokenizer.decode(made)


main()
