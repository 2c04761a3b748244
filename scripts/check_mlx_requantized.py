"""Compares `ecq export --format mlx --bits B` with MLX's own quantization of the same floats.

    pip install 'mlx[cpu]' mlx-lm numpy
    ecq export M.ecq --format safetensors --dtype f16 -o M-floats
    ecq export M.ecq --format mlx --bits 4 --group-size 64 --dtype f16 -o M-mlx
    python scripts/check_mlx_requantized.py M-floats M-mlx

`mlx_lm.load` reads both folders, and `nn.quantize` puts the floats on the grid of the export. Every array must be the
same byte for byte. Then the negative log-likelihood of a text is printed for the floats and for the export.
"""

import argparse
import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm import load

TEXT = """The water cycle describes how water moves on, above and below the surface of the Earth. Heat of the sun turns
water of the oceans into vapour, which rises, cools and condenses to clouds. Rain and snow bring the water back."""


def nll(model, tokens):
    logits = model(tokens[None, :-1])[0].astype(mx.float32)
    return mx.mean(nn.losses.cross_entropy(logits, tokens[1:])).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("floats", type=Path)
    parser.add_argument("export", type=Path)
    args = parser.parse_args()
    grid = json.loads((args.export / "config.json").read_text())["quantization"]
    reference, tokenizer = load(str(args.floats))
    export, _ = load(str(args.export))
    tokens = mx.array(tokenizer.encode(TEXT))
    exact = nll(reference, tokens)
    scales = [name for name, _ in tree_flatten(export.parameters()) if name.endswith(".scales")]
    has_grid = {name.removesuffix(".scales") for name in scales}
    nn.quantize(reference, grid["group_size"], grid["bits"], class_predicate=lambda path, _: path in has_grid)
    expected = dict(tree_flatten(reference.parameters()))
    found = dict(tree_flatten(export.parameters()))
    assert expected.keys() == found.keys(), expected.keys() ^ found.keys()
    bits = {2: mx.uint16, 4: mx.uint32}
    for name, array in found.items():
        width = bits[array.itemsize]
        same = np.array_equal(np.array(array.view(width)), np.array(expected[name].view(width)))
        assert same and array.dtype == expected[name].dtype, f"{name} differs"
    print(f"{len(found)} arrays on {grid} are those of MLX; {len(has_grid)} quantized layers")
    print(f"{tokens.size} tokens: {exact:.4f} nats as floats, {nll(export, tokens):.4f} nats in the export")


if __name__ == "__main__":
    main()
