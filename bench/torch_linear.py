"""Times `ecq.torch.EcqLinear` on a CUDA device beside layers of bfloat16 and 4-bit codes of PyTorch.

    python3 bench/torch_linear.py [ROWS...]

Needs the package ecq[torch]. A layer of ecq holds its weights decoded on a GPU, so it has the memory of
bfloat16; this program shows whether it has its speed too, in CUDA graphs and compiled. Times as in
gemv_torch.py. ROWS are numbers of rows of activations (default: 1 and 8).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from gemv_torch import copies, time_us

import ecq
from ecq.torch import EcqLinear

SHAPES = [(4096, 4096), (4096, 14336)]
NAME = "model.layers.0.mlp.up_proj.weight"


def coded(n, k, folder):
    """Returns a matrix of normally distributed weights at 2.45 bits."""
    path = Path(folder) / f"{k}.ecq"
    weights = np.random.default_rng(0).normal(size=(n, k)).astype(np.float32)
    ecq.quantize({NAME: weights}, path, bpw=2.45, calibrate="off")
    return ecq.linears(path)[NAME]


def main():
    rows = [int(word) for word in sys.argv[1:]] or [1, 8]
    print(torch.cuda.get_device_name(0), "PyTorch", torch.__version__, "ecq", ecq.__version__)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        for n, k in SHAPES:
            matrix, count = coded(n, k, folder), copies(2 * n * k)
            first = EcqLinear(matrix, dtype=torch.bfloat16, device="cuda")
            layers, plain = [first], []
            for _ in range(count):
                layer = torch.nn.Linear(k, n, bias=False, device="cuda", dtype=torch.bfloat16)
                layer.weight.copy_(first.weight)
                plain.append(layer)
            for _ in range(count - 1):
                layer = EcqLinear(matrix, dtype=torch.bfloat16)
                layer.register_buffer("weight", first.weight.clone(), persistent=False)
                layers.append(layer)
            compiled = [torch.compile(layer, fullgraph=True) for layer in layers]
            packed, scales = [], []
            for _ in range(copies(n * k // 2)):
                codes = torch.randint(0, 256, (n, k // 2), device="cuda", dtype=torch.uint8)
                packed.append(torch._convert_weight_to_int4pack(codes, 8))
                scales.append(torch.randn(k // 64, n, 2, device="cuda", dtype=torch.bfloat16))
            for m in rows:
                x = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
                assert torch.equal(first(x), plain[0](x)), "both have the same weights"
                for layer in compiled:
                    layer(x)
                products = {
                    "ecq": lambda i: layers[i % count](x),
                    "ecq, compiled": lambda i: compiled[i % count](x),
                    "nn.Linear bfloat16": lambda i: plain[i % count](x),
                    "int4, groups of 64": lambda i: torch._weight_int4pack_mm(
                        x, packed[i % len(packed)], 64, scales[i % len(packed)]
                    ),
                }
                for name, product in products.items():
                    us = time_us(product)
                    print(f"{name} {n}x{k}, {m} rows: {us:.2f} us, {n * k / us * 1e-6:.2f} Tw/s")
            del layers, compiled, plain, packed, scales


if __name__ == "__main__":
    main()
