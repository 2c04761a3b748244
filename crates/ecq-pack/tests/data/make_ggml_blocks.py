"""Makes ggml-blocks.safetensors: weights, and their blocks as the Python package gguf quantizes them.

pip install numpy gguf safetensors; made with gguf 0.19.0 and numpy 2.4.6.
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType
from gguf.quants import quantize
from safetensors.numpy import save_file

COLS = 64

rng = np.random.default_rng(8)
rows = [scale * rng.standard_normal(COLS) for scale in (1, 0.03, 1e-4, 300, 1e-7, 1)]
rows += [scale * rng.standard_t(3, COLS) for scale in (1, 0.02)]
rows += [rng.integers(-9, 9, COLS) / 8, rng.integers(-40, 40, COLS) / 16]  # ties
rows += [np.zeros(COLS), np.full(COLS, 0.7), np.full(COLS, -0.7), np.linspace(-1, 1, COLS)]
rows += [np.abs(rng.standard_normal(COLS)), -np.abs(rng.standard_normal(COLS))]
outlier = rng.standard_normal(COLS)
outlier[[5, 40]] = 1e4, -2e4
alternating = np.where(np.arange(COLS) % 2, 1.0, -1.0)
rows += [outlier, alternating, np.eye(1, COLS, 3)[0]]
weights = np.stack(rows).astype(np.float32)

tensors = {"weights": weights}
for name in ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "bf16"):
    blocks = quantize(weights, GGMLQuantizationType[name.upper()])
    tensors[name] = np.ascontiguousarray(blocks).view(np.uint8)
path = Path(__file__).with_name("ggml-blocks.safetensors")
save_file(tensors, path, metadata={"gguf": version("gguf"), "numpy": np.__version__})
