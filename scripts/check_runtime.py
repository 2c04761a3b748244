"""Holds the runtime to what transformers computes from the same weights, in single precision.

    pip install torch transformers numpy
    cargo build --release -p ecq-cli && cargo build --release -p ecq-runtime --example logits
    python scripts/check_runtime.py architectures [--keep crates/ecq-runtime/tests/data]
    python scripts/check_runtime.py model M.ecq [--text FILE] [--tokens 8192]

`architectures` makes a small model of random weights of every architecture and variant, packs it without loss, and
compares logits; `--keep` writes models and logits for the tests. `model` exports an .ecq to a folder of f32 floats,
runs 20 prompts through both (largest difference of logits, KL, greedy continuations of 64 tokens), and compares the
perplexity of a text.
"""

import argparse
import json
import math
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = [
    "The capital of France is", "Once upon a time", "def fibonacci(n):", "Water boils at", "The quick brown fox",
    "In 1969, astronauts", "To make bread you need", "My favourite colour is", "The largest planet is", "E = mc",
    "import numpy as np", "She opened the door and", "The opposite of hot is", "A triangle has", "Python is a",
    "The mitochondria is", "Roses are red,", "1, 2, 3, 4,", "The weather today", "Dear Sir or Madam,",
]  # fmt: skip
SMALL = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=8, max_position_embeddings=64, bos_token_id=0, eos_token_id=1, pad_token_id=None,
)  # fmt: skip
ROPE = dict(rope_theta=1000.0)


def architectures():
    """Name, configuration: every block variant and every scaling of positions."""
    c = transformers

    def llama(**rope):
        return c.LlamaConfig(**SMALL, rope_parameters={**ROPE, **rope})

    yield "llama", llama(rope_type="default")
    yield "llama-biases", c.LlamaConfig(**SMALL, attention_bias=True, mlp_bias=True, tie_word_embeddings=True)
    yield "llama-linear", llama(rope_type="linear", factor=4.0)
    yield "llama-dynamic", llama(rope_type="dynamic", factor=2.0)
    yield "llama-yarn", llama(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)
    yield (
        "llama-llama3",
        llama(
            rope_type="llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=16,
        ),
    )
    yield "mistral", c.MistralConfig(**SMALL, sliding_window=7)
    yield (
        "qwen2",
        c.Qwen2Config(**{k: v for k, v in SMALL.items() if k != "head_dim"}, tie_word_embeddings=True),
    )
    yield "qwen3", c.Qwen3Config(**SMALL)
    layers = ["sliding_attention", "full_attention"]
    yield (
        "gemma3",
        c.Gemma3TextConfig(**SMALL, sliding_window=9, layer_types=layers, query_pre_attn_scalar=12),
    )
    yield (
        "gpt2",
        c.GPT2Config(
            vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=1
        ),
    )
    yield "mixtral", c.MixtralConfig(**SMALL, num_local_experts=6, num_experts_per_tok=2, sliding_window=7)
    experts = dict(num_experts=8, num_experts_per_tok=3, moe_intermediate_size=24)
    yield "qwen3-moe", c.Qwen3MoeConfig(**SMALL, **experts, norm_topk_prob=True)
    four = {**SMALL, "num_hidden_layers": 4}
    four.pop("head_dim")
    yield "smollm3", c.SmolLM3Config(**four)
    yield (
        "smollm3-windows",
        c.SmolLM3Config(**four, use_sliding_window=True, sliding_window=7, no_rope_layers=[1, 0, 0, 1]),
    )
    yield "qwen3-moe-mixed", c.Qwen3MoeConfig(**SMALL, **experts, norm_topk_prob=False, mlp_only_layers=[1])


def ecq(*args):
    return subprocess.run(
        [str(OPTIONS.ecq), *map(str, args)], check=True, capture_output=True, text=True
    ).stdout


def our_logits(model, prompts, vocabulary):
    """Logits of every position of every prompt."""
    with tempfile.TemporaryDirectory() as folder:
        tokens, out = Path(folder) / "tokens.json", Path(folder) / "logits"
        tokens.write_text(json.dumps(prompts))
        subprocess.run([str(OPTIONS.logits), str(model), str(tokens), str(out), OPTIONS.mode], check=True)
        logits = np.fromfile(out, dtype="<f4").reshape(-1, vocabulary)
    return np.split(logits, np.cumsum([len(p) for p in prompts])[:-1])


def distance(ours, theirs):
    """Largest difference of logits, KL(theirs || ours) in nats."""
    p, q = (torch.from_numpy(x).double().log_softmax(-1) for x in (theirs, ours))
    return float(np.abs(ours - theirs).max()), float((p.exp() * (p - q)).sum(-1).mean())


def check_architectures():
    worst = 0.0
    for name, config in architectures():
        torch.manual_seed(7)
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
        gemma = name.startswith("gemma")
        for key, parameter in model.named_parameters():
            norm = "norm" in key or ".ln_" in key
            centre = 1.0 if norm and key.endswith("weight") and not gemma else 0.0
            torch.nn.init.normal_(parameter, centre, 0.2 if norm or key.endswith("bias") else 0.3)
        # Parameters alone: `model.to` would round the rotary frequencies too, which are no weights.
        for parameter in model.parameters():
            parameter.data = parameter.data.to(torch.bfloat16).float()
        tokens = torch.randint(2, 64, (60,)).tolist()
        with torch.no_grad():
            theirs = model(torch.tensor([tokens])).logits[0].numpy()
        texts = greedy(model)
        with tempfile.TemporaryDirectory() as folder:
            source, packed = Path(folder) / name, Path(folder) / f"{name}.ecq"
            model.to(torch.bfloat16).save_pretrained(source)
            ecq("quantize", source, "--lossless", "-o", packed)
            (ours,) = our_logits(packed, [tokens], 64)
            # Where every choice after the same tokens is the same, so is the text, by induction.
            chosen = [logits[7:-1].argmax(-1) for logits in our_logits(packed, texts.tolist(), 64)]
            same = sum(np.array_equal(chosen, text[8:]) for chosen, text in zip(chosen, texts))
            most, kl = distance(ours, theirs)
            print(
                f"{name:14} largest difference {most:.2e} of logits up to {np.abs(theirs).max():.1f}, KL {kl:.2e},"
                f" {same} of 20 greedy texts identical"
            )
            assert same >= 18, same
            worst = max(worst, most / np.abs(theirs).max())
            if OPTIONS.keep:
                shutil.copy(packed, OPTIONS.keep / f"{name}.ecq")
                rows = {str(i): [float(f"{x:.6g}") for x in theirs[i]] for i in (0, 30, 59)}
                best = theirs.argmax(-1).tolist()
                golden = {
                    "by": f"transformers {transformers.__version__}",
                    "tokens": tokens,
                    "best": best,
                    "logits": rows,
                }
                (OPTIONS.keep / f"{name}.json").write_text(json.dumps(golden) + "\n")
    assert worst < 1e-4, worst
    print("every architecture agrees")


def greedy(model):
    """20 prompts of 8 tokens, each with the 56 that the model continues it with (to the end of its context)."""
    texts = torch.randint(2, 64, (20, 8), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        while texts.shape[1] < 64:
            texts = torch.cat([texts, model(texts).logits[:, -1:].argmax(-1)], 1)
    return texts.numpy()


def check_model():
    with tempfile.TemporaryDirectory() as folder:
        ecq("export", OPTIONS.model, "--format", "safetensors", "--dtype", "f32", "-o", Path(folder) / "hf")
        tokenizer = transformers.AutoTokenizer.from_pretrained(Path(folder) / "hf")
        model = transformers.AutoModelForCausalLM.from_pretrained(
            Path(folder) / "hf", dtype=torch.float32, attn_implementation="eager"
        ).eval()
    torch.set_grad_enabled(False)
    prompts = [tokenizer(p).input_ids for p in PROMPTS]
    theirs = [model(torch.tensor([p])).logits[0].numpy() for p in prompts]
    ours = our_logits(OPTIONS.model, prompts, theirs[0].shape[-1])
    distances = [distance(*pair) for pair in zip(ours, theirs)]
    print(
        f"20 prompts, {sum(map(len, prompts))} positions: largest difference of a logit {max(d[0] for d in distances):.2e}"
    )
    print(f"mean KL {np.mean([d[1] for d in distances]):.2e} nats a token")
    same = 0
    for text, prompt in zip(PROMPTS, prompts):
        greedy = json.loads(
            ecq("--json", "run", OPTIONS.model, "-p", text, "--greedy", "--tokens", 64, "--ignore-end", "--mode",
                OPTIONS.mode, "--activations", "f32", "--cache", "f32")
        )  # fmt: skip
        assert greedy["prompt_tokens"] == len(prompt), (text, greedy["prompt_tokens"], len(prompt))
        # Given the same tokens before, transformers chooses the same next one at every place: then its own greedy text is
        # this one, by induction. Both would end at an end token.
        mine = greedy["tokens"]
        reference = model(torch.tensor([prompt + mine])).logits[0, len(prompt) - 1 :].argmax(-1).tolist()
        ends = set(np.atleast_1d(model.generation_config.eos_token_id).tolist())
        end = next((i + 1 for i, token in enumerate(mine) if token in ends), 64)
        agreed = next((i for i in range(end) if mine[i] != reference[i]), end)
        same += agreed == end
        if agreed != end:
            print(f"  {text!r}: differs from token {agreed} on")
    print(f"greedy continuations of 64 tokens: {same} of {len(PROMPTS)} identical", flush=True)
    if OPTIONS.text:
        perplexities(model, tokenizer)


def perplexities(model, tokenizer):
    text, window = OPTIONS.text.read_text(), 512
    begin = tokenizer("").input_ids
    tokens = tokenizer(text, add_special_tokens=False).input_ids[: OPTIONS.tokens]
    step, total, count = window - len(begin), 0.0, 0
    for first in range(0, len(tokens), step):
        part = begin + tokens[first : first + step]
        if len(part) < 2:
            break
        logits = model(torch.tensor([part])).logits[0].double().log_softmax(-1)
        skip = max(len(begin), 1)
        nll = -logits[:-1].gather(1, torch.tensor(part[1:])[:, None])[skip - 1 :]
        total, count = total + float(nll.sum()), count + len(nll)
    theirs = math.exp(total / count)
    ours = json.loads(
        ecq("--json", "eval", OPTIONS.model, "--text", OPTIONS.text, "--max-tokens", OPTIONS.tokens, "--window", window,
            "--mode", OPTIONS.mode, "--activations", "f32", "--cache", "f32")
    )  # fmt: skip
    assert ours["tokens"] == count, (ours["tokens"], count)
    relative = ours["perplexity"] / theirs - 1
    print(
        f"perplexity over {count} tokens: {ours['perplexity']:.5f}, transformers {theirs:.5f} ({100 * relative:+.4f}%)"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    target = ROOT / "target"
    parser.add_argument("--ecq", type=lambda path: Path(path).resolve(), default=target / "release/ecq")
    parser.add_argument(
        "--logits", type=lambda path: Path(path).resolve(), default=target / "release/examples/logits"
    )
    parser.add_argument("--mode", default="cached")
    commands = parser.add_subparsers(dest="command", required=True)
    small = commands.add_parser("architectures")
    small.add_argument("--keep", type=Path)
    large = commands.add_parser("model")
    large.add_argument("model", type=Path)
    large.add_argument("--text", type=Path)
    large.add_argument("--tokens", type=int, default=8192)
    OPTIONS = parser.parse_args()
    check_architectures() if OPTIONS.command == "architectures" else check_model()
