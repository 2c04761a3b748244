"""Writes gguf_<type>.bin: blocks of one type, and their weights by the reference implementation in f32.

    pip install gguf==0.19.0 && python make_gguf_fixtures.py

Each file: u32 number of blocks, the blocks, one f32 per weight, all little endian. The codes of a block are
random bytes; its f16 factors are random finite numbers, and in the last blocks zeros, subnormal numbers and
the largest numbers. The weights are those of gguf.quants.dequantize, which follows dequantize_row_* of ggml.
The files are golden files: tests compare with them, and they are never replaced.
"""

from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

BLOCKS = 6
# Type: byte offsets of the f16 factors in a block.
FACTORS = {
    "F32": [], "F16": [0], "BF16": [], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
    "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}
# Types that were added later, with their own seed, so that the first files do not change.
ADDED = {"IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": [], "TQ1_0": [52], "TQ2_0": [64]}
EDGES = np.array([0x0000, 0x8000, 0x0001, 0x83FF, 0x7BFF, 0xFBFF], dtype=np.uint16).view(np.float16)


def main() -> None:
    make(FACTORS, np.random.default_rng(20240229))
    make(ADDED, np.random.default_rng(20261126))


def make(types: dict[str, list[int]], rng: np.random.Generator) -> None:
    for name, factors in types.items():
        qtype = GGMLQuantizationType[name]
        weights, size = GGML_QUANT_SIZES[qtype]
        count = BLOCKS if weights > 1 else 96
        blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
        if name == "F32":
            blocks = rng.standard_normal(count).astype("<f4").view(np.uint8).reshape(count, size)
        if name == "BF16":
            blocks[:, 1] &= 0xBF  # no exponent of all ones: every number is finite
        if name == "MXFP4":
            blocks[:, 0] = [0, 1, 2, 118, 127, 250]  # powers of two, the smallest of them subnormal
        for at in factors:
            halves = (rng.standard_normal(count) * 0.05).astype("<f2")
            halves[-2:] = rng.choice(EDGES, 2)
            blocks[:, at : at + 2] = halves.view(np.uint8).reshape(count, 2)
        out = np.concatenate([dequantize(row[None, :], qtype).ravel() for row in blocks])
        assert out.dtype == np.float32 and out.size == count * weights and np.isfinite(out).all()
        data = np.uint32(count).tobytes() + blocks.tobytes() + out.astype("<f4").tobytes()
        (Path(__file__).parent / f"gguf_{name.lower()}.bin").write_bytes(data)


if __name__ == "__main__":
    main()
