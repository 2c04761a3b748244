"""Lets the model write: one continuation for each of six prompts, with fixed seeds.

python training/sample.py MODEL
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from model import Config, Llama

PROMPTS = (
    "The Debian project is",
    "It was a dark",
    "In the beginning",
    "Fellow citizens, the state of the Union is",
    '"My dear Emma," said Mr. Knightley,',
    "",
)
TEMPERATURE, TOP_P, TOKENS = 0.8, 0.95, 120


@torch.no_grad()
def sample(model, tokenizer, prompt, seed, device):
    """A continuation of `prompt`, nucleus sampling, until the end of text or TOKENS tokens."""
    model.eval()
    random = torch.Generator(device="cpu").manual_seed(seed)
    tokens = tokenizer.encode(prompt).ids
    for _ in range(TOKENS):
        logits = model(torch.tensor([tokens[-model.config.context :]], device=device))[0, -1].float().cpu()
        chances, order = torch.softmax(logits / TEMPERATURE, -1).sort(descending=True)
        chances[chances.cumsum(0) - chances > TOP_P] = 0
        token = int(order[torch.multinomial(chances, 1, generator=random)])
        if token == 0:
            break
        tokens.append(token)
    return tokenizer.decode(tokens)


def samples(model, tokenizer, device):
    return [
        {"prompt": prompt, "seed": seed, "text": sample(model, tokenizer, prompt, seed, device)}
        for seed, prompt in enumerate(PROMPTS)
    ]


def load(folder):
    """The model of a Hugging Face directory written by train.py, in fp32."""
    hf = json.loads((folder / "config.json").read_text())
    config = Config(
        hf["vocab_size"],
        hf["hidden_size"],
        hf["num_hidden_layers"],
        hf["intermediate_size"],
        hf["num_attention_heads"],
        hf["num_key_value_heads"],
        hf["max_position_embeddings"],
        hf["rope_theta"],
        hf["rms_norm_eps"],
    )
    model = Llama(config)
    model.load_state_dict(
        {name: weight.float() for name, weight in load_file(folder / "model.safetensors").items()}
    )
    return model


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("model", type=Path)
    options = arguments.parse_args()
    for row in samples(
        load(options.model), Tokenizer.from_file(str(options.model / "tokenizer.json")), "cpu"
    ):
        print(f"--- {row['prompt']!r}\n{row['text']}")


if __name__ == "__main__":
    main()
