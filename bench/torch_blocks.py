"""Times the projections of Llama-2-7B's blocks in PyTorch, with `ecq.torch.EcqLinear` and `nn.Linear`.

    python3 bench/torch_blocks.py [ROWS...]

Needs the package ecq[torch] and an NVIDIA GPU. A block is its seven projections with norms and SiLU, without
attention; four blocks exceed the L2 cache. Prints microseconds of a block in a CUDA graph, compiled in a CUDA
graph, and called, and the megabytes of its projections. ROWS are numbers of rows (default: 1 and 8).
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch_linear import called_us

import ecq
from ecq.torch import EcqLinear, replace_layers

WIDTH, HIDDEN, BLOCKS = 4096, 11008, 4
SHAPES = {
    "q_proj": (WIDTH, WIDTH),
    "k_proj": (WIDTH, WIDTH),
    "v_proj": (WIDTH, WIDTH),
    "o_proj": (WIDTH, WIDTH),
    "gate_proj": (HIDDEN, WIDTH),
    "up_proj": (HIDDEN, WIDTH),
    "down_proj": (WIDTH, HIDDEN),
}
STORED = "model.layers.0.{}.weight"


class Block(torch.nn.Module):
    """The projections of a block."""

    def __init__(self):
        super().__init__()
        options = {"dtype": torch.bfloat16, "device": "cuda"}
        for name, (outputs, inputs) in SHAPES.items():
            self.add_module(name, torch.nn.Linear(inputs, outputs, bias=False, **options))
        self.norms = torch.nn.ModuleList(torch.nn.RMSNorm(WIDTH, **options) for _ in range(2))

    def forward(self, x):
        y = self.norms[0](x)
        x = x + self.o_proj(self.q_proj(y) + self.k_proj(y) + self.v_proj(y))
        y = self.norms[1](x)
        return x + self.down_proj(torch.nn.functional.silu(self.gate_proj(y)) * self.up_proj(y))


def stored(name):
    """Returns the name in the file of a projection."""
    part = "self_attn." if name[1] == "_" else "mlp."
    return STORED.format(part + name)


def coded(folder):
    """Writes the projections of a block at about 2.4 bits and returns the path."""
    random = np.random.default_rng(0)
    arrays = {
        stored(name): (random.standard_normal(shape, dtype=np.float32) / 64) for name, shape in SHAPES.items()
    }
    path = Path(folder) / "block.ecq"
    ecq.quantize(arrays, path, bpw=2.4, calibrate="off", coding="tuples", trellis="12x288")
    return path


def blocks(path, mode=None, dequantize=False):
    """Returns blocks on the GPU: of `nn.Linear` without a mode."""
    all_blocks = []
    for _ in range(BLOCKS):
        block = Block()
        if mode:
            linears = ecq.linears(path, mode=mode)
            names = {f"{name}.weight": stored(name) for name in SHAPES}
            assert len(replace_layers(block, linears, names.get, dequantize=dequantize)) == len(SHAPES)
        all_blocks.append(block.to("cuda"))
    return torch.nn.Sequential(*all_blocks)


def graph_us(model, x):
    """Returns the median time of a block of a model in a CUDA graph."""
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            model(x)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        model(x)
    times = []
    for _ in range(25):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        graph.replay()
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e3 / BLOCKS)
    return sorted(times)[len(times) // 2]


def main():
    rows = [int(word) for word in sys.argv[1:]] or [1, 8]
    print(torch.cuda.get_device_name(0), "PyTorch", torch.__version__, "ecq", ecq.__version__)
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = coded(folder)
        kinds = {
            "ecq, tuples": ("fused", False),
            "ecq, packed": ("cached", False),
            "ecq, decoded": ("fused", True),
            "nn.Linear bfloat16": (None, False),
        }
        for name, (mode, dequantize) in kinds.items():
            torch._dynamo.reset()
            model = blocks(path, mode, dequantize)
            compiled = torch.compile(model, fullgraph=True)
            layers = [module for module in model[0].modules() if isinstance(module, EcqLinear)]
            nbytes = sum(layer.nbytes for layer in layers) or sum(2 * n * k for n, k in SHAPES.values())
            for m in rows:
                x = torch.randn(m, WIDTH, device="cuda", dtype=torch.bfloat16)
                graphs = f"{graph_us(model, x):.1f}, compiled {graph_us(compiled, x):.1f} us in graphs"
                called = called_us(lambda _: model(x)) / BLOCKS
                numbers = f"{graphs}, {called:.0f} us called, {nbytes / 1e6:.1f} MB"
                print(f"{name}, {m} rows: {numbers}", flush=True)
            del model, compiled, layers


if __name__ == "__main__":
    main()
