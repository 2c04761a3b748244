"""Times `ecq.torch.EcqLinear` on an NVIDIA GPU beside layers of bfloat16 and 4-bit codes of PyTorch.

    python3 bench/torch_linear.py [ROWS...]

Needs the package ecq[torch]. Rows: a layer at about 2.4 bits whose tuples the product decodes, the same
matrix with packed codes, the same decoded to bfloat16, `nn.Linear` in bfloat16, and PyTorch's 4-bit codes.
Columns are microseconds in a CUDA graph, compiled in a CUDA graph, and one call after the other without
either; times in graphs as in gemv_torch.py. ROWS are numbers of rows of activations (default: 1 and 8).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from gemv_torch import PRODUCTS, REPLAYS, copies, time_us

import ecq
from ecq.torch import EcqLinear

SHAPES = [(4096, 4096), (4096, 14336)]
NAME = "model.layers.0.mlp.up_proj.weight"
# Copies that are compiled: enough to exceed the L2 cache.
COMPILED = 16
torch._dynamo.config.recompile_limit = 2 * COMPILED


def coded(n, k, folder):
    """Writes a matrix of normally distributed weights at about 2.4 bits and returns the path."""
    path = Path(folder) / f"{k}.ecq"
    weights = np.random.default_rng(0).normal(size=(n, k)).astype(np.float32)
    ecq.quantize({NAME: weights}, path, bpw=2.4, calibrate="off", coding="tuples", trellis="12x288")
    return path


def layers(path, mode, count, **options):
    """Returns copies of a layer that share no memory on the GPU."""
    return [
        EcqLinear(ecq.linears(path, mode=mode)[NAME], dtype=torch.bfloat16, device="cuda", **options)
        for _ in range(count)
    ]


def called_us(product):
    """Returns the median time of a product without graphs: that of the host, if it is the longer one."""
    times = []
    for _ in range(REPLAYS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for i in range(PRODUCTS):
            product(i)
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e3 / PRODUCTS)
    return sorted(times)[len(times) // 2]


def main():
    rows = [int(word) for word in sys.argv[1:]] or [1, 8]
    print(torch.cuda.get_device_name(0), "PyTorch", torch.__version__, "ecq", ecq.__version__)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        for n, k in SHAPES:
            path = coded(n, k, folder)
            kinds = {
                "ecq, tuples": layers(path, "fused", copies(n * k * 5 // 16)),
                "ecq, packed": layers(path, "cached", copies(n * k // 4)),
                "ecq, decoded": layers(path, "fused", copies(2 * n * k), dequantize=True),
                "nn.Linear bfloat16": [
                    torch.nn.Linear(k, n, bias=False, device="cuda", dtype=torch.bfloat16)
                    for _ in range(copies(2 * n * k))
                ],
            }
            for name, own in kinds.items():
                what = f"{own[0].nbytes * 8 / n / k:.3f} bits, {own[0].residence}" if name[0] == "e" else ""
                print(f"{name} {n}x{k}: {len(own)} copies {what}", flush=True)
            packed, scales = [], []
            for _ in range(copies(n * k // 2)):
                codes = torch.randint(0, 256, (n, k // 2), device="cuda", dtype=torch.uint8)
                packed.append(torch._convert_weight_to_int4pack(codes, 8))
                scales.append(torch.randn(k // 64, n, 2, device="cuda", dtype=torch.bfloat16))
            for m in rows:
                x = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
                for name, own in kinds.items():
                    torch._dynamo.reset()
                    compiled = [torch.compile(layer, fullgraph=True) for layer in own[:COMPILED]]
                    for layer in compiled:
                        layer(x)
                    report(
                        f"{name} {n}x{k}, {m} rows",
                        lambda i: own[i % len(own)](x),
                        lambda i: compiled[i % len(compiled)](x),
                    )
                report(
                    f"int4, groups of 64 {n}x{k}, {m} rows",
                    lambda i: torch._weight_int4pack_mm(
                        x, packed[i % len(packed)], 64, scales[i % len(packed)]
                    ),
                )
            del kinds, packed, scales


def report(name, *products):
    """Prints the times of a product, and of its compiled form if there is one."""
    graphs = ", ".join(f"{time_us(product):.2f}" for product in products)
    print(f"{name}: {graphs} us in graphs, {called_us(products[0]):.1f} us called", flush=True)


if __name__ == "__main__":
    main()
