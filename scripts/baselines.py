#!/usr/bin/env python3
"""Writes the 4-bit baseline that scales weights by activations before they are rounded.

    python scripts/baselines.py MODEL TEXT OUT [--bits 4] [--tokens 16384] [--alpha 0.5 | --search]

MODEL is a Hugging Face folder (`ecq export X.ecq --format safetensors -o MODEL`). Every block projection is multiplied by
s = mean|x|^alpha of its inputs, rounded as mx.quantize does in groups of 64, and divided by s again (AWQ, arXiv 2306.00978;
0.02 bits a weight for s). With --search, alpha is the one of 0, 0.1 ... 1 with the least squared error of the outputs, a matrix at
a time. OUT is a folder of float32 weights: `ecq quantize OUT --lossless -o baseline.ecq`, then `ecq eval`.
"""

import argparse

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def affine(w, bits, group=64):
    """mx.quantize and back."""
    shape = w.shape
    w = w.reshape(-1, group)
    n = 2**bits - 1
    hi, lo = w.amax(1, keepdim=True), w.amin(1, keepdim=True)
    scale = ((hi - lo) / n).clamp_min(1e-7)
    side = lo.abs() > hi.abs()
    scale = torch.where(side, scale, -scale)
    edge = torch.where(side, lo, hi)
    q0 = (edge / scale).round()
    scale = torch.where(q0 != 0, edge / q0, scale).half().float()
    bias = torch.where(q0 == 0, torch.zeros_like(edge), edge).half().float()
    return (((w - bias) / scale).round().clamp(0, n) * scale + bias).reshape(shape)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("text", nargs="+")
    parser.add_argument("out")
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=16384)
    parser.add_argument("--alpha", type=float, default=0.5)
    parser.add_argument("--search", action="store_true")
    args = parser.parse_args()
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    window = 512
    share = args.tokens // window // len(args.text)
    parts = []
    for path in args.text:
        ids = tokenizer(open(path, encoding="utf-8").read(), return_tensors="pt").input_ids[0]
        starts = torch.linspace(0, len(ids) - window, share).long()
        parts += [ids[s : s + window] for s in starts]
    seen = {}

    def watch(name):
        def hook(_, inputs):
            x = inputs[0].flatten(0, -2)
            s = seen.setdefault(name, [torch.zeros(x.shape[1]), torch.zeros(x.shape[1], x.shape[1]), 0])
            s[0] += x.abs().sum(0)
            s[1] += x.T @ x
            s[2] += len(x)

        return hook

    linears = {
        n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and "lm_head" not in n
    }
    hooks = [m.register_forward_pre_hook(watch(n)) for n, m in linears.items()]
    for batch in torch.stack(parts).split(4):
        model(batch)
    for hook in hooks:
        hook.remove()
    for name, linear in linears.items():
        mean, gram, n = seen[name]
        w, best = linear.weight, None
        for alpha in [i / 10 for i in range(11)] if args.search else [args.alpha]:
            s = (mean / n).clamp_min(1e-6) ** alpha
            s = s / (s.max() * s.min()).sqrt()
            e = affine(w * s, args.bits) / s - w
            error = float(((e @ gram) * e).sum())
            if best is None or error < best[0]:
                best = (error, w + e)
        linear.weight.copy_(best[1])
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    print(
        f"{len(linears)} matrices, {args.bits} bits in groups of 64, {len(parts) * window} tokens, wrote {args.out}"
    )


main()
