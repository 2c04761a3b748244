"""Writes what transformers' LlamaForCausalLM computes with the embedded model, for tests of the runtime.

    python training/reference.py MODEL OUT/reference.json

bf16 weights upcast to fp32, on one CPU thread. For three prompts: their tokens, the logits of the last position (all of
them), the eight largest logits of every position, the mean loss over the prompt; then a greedy continuation of 64 tokens.
"""

import argparse
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM
import transformers

PROMPTS = (
    "The Debian project is",
    "It was not till the following morning that she learned the truth. Her brother had left the house before",
    "And it came to pass in those days,",
)


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("model", type=Path)
    arguments.add_argument("out", type=Path)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    tokenizer = Tokenizer.from_file(str(options.model / "tokenizer.json"))
    model = LlamaForCausalLM.from_pretrained(
        options.model, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    prompts = []
    for text in PROMPTS:
        tokens = tokenizer.encode(text).ids
        inputs = torch.tensor([tokens])
        logits = model(inputs).logits[0]
        best = logits.topk(8, dim=-1)
        loss = torch.nn.functional.cross_entropy(logits[:-1], inputs[0, 1:])
        greedy, gaps = list(tokens), []
        for _ in range(64):
            two = model(torch.tensor([greedy])).logits[0, -1].topk(2)
            greedy.append(int(two.indices[0]))
            gaps.append(float(two.values[0] - two.values[1]))
        prompts.append(
            {
                "text": text,
                "tokens": tokens,
                "loss_nats_per_token": float(loss),
                "last_logits": [round(value, 5) for value in logits[-1].tolist()],
                "top8": [
                    {"tokens": t, "logits": [round(v, 5) for v in l]}
                    for t, l in zip(best.indices.tolist(), best.values.tolist())
                ],
                "greedy": greedy[len(tokens) :],
                "greedy_text": tokenizer.decode(greedy[len(tokens) :]),
                # Where the two best tokens are close, another order of sums may choose the other.
                "greedy_smallest_gap": min(gaps),
            }
        )
        print(
            f"{text!r}: loss {float(loss):.4f}, smallest gap {min(gaps):.4f}\n  {prompts[-1]['greedy_text']}"
        )
    document = {
        "by": f"transformers {transformers.__version__} LlamaForCausalLM, torch {torch.__version__}, bf16 weights in fp32",
        "prompts": prompts,
    }
    options.out.write_text(json.dumps(document, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
