"""Checks of ``ecq.torch`` on an NVIDIA GPU, for pytest (test_torch_cuda.py) and as a program.

    python3 tests/cuda_checks.py [NAME...]

prints each check with its result and needs ``ecq``, NumPy and PyTorch alone; transformers for one of them.
"""

from __future__ import annotations

import copy
import functools
import gc
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import ecq
from ecq.torch import EcqEmbedding, EcqLinear, linear, linear_out, replace_layers

if TYPE_CHECKING:
    from collections.abc import Callable

# Options of files, and where their matrices are on a GPU with kernels for tuples.
FORMS: dict[str, tuple[dict[str, Any], str]] = {
    "tuples on a trellis": ({"bpw": 2.4, "coding": "tuples", "trellis": "12x288"}, "streams"),
    "tuples on a uniform grid": ({"bpw": 2.4, "coding": "tuples", "trellis": "off"}, "streams"),
    "rans on a trellis": ({"bpw": 2.4, "coding": "rans"}, "packed"),
    "prefix on a uniform grid": ({"bpw": 3, "coding": "prefix", "trellis": "off"}, "packed"),
    "rans on a uniform grid": ({"bpw": 4, "coding": "rans", "trellis": "off"}, "packed"),
    "packed in groups": ({"grid": "affine:4:64", "coding": "packed"}, "streams"),
    "groups that are not whole blocks": ({"grid": "absmax:4:24", "coding": "rans"}, "packed"),
}
# The last one has no whole groups, so that it has no codes in groups.
SHAPES = [(640, 256), (37, 192), (1000, 2112), (2048, 4096), (50, 141)]
ROWS = [1, 2, 8, 9, 33, 256]
# Activations are two digits (4e-5) or integers in blocks; results are rounded to the type.
TOLERANCES = {torch.float32: 1e-4, torch.float16: 5e-4, torch.bfloat16: 4e-3}
CUDA = "cuda:0"

CHECKS: dict[str, Callable[[], None]] = {}


def check(function: Callable[[], None]) -> Callable[[], None]:
    """Adds a function to the checks."""
    CHECKS[function.__name__] = function
    return function


@functools.cache
def folder() -> tempfile.TemporaryDirectory[str]:
    """Where files are, until the process ends."""
    return tempfile.TemporaryDirectory(prefix="ecq-cuda-")


def name(index: int) -> str:
    """The name of a matrix in a file."""
    return f"model.layers.{index}.mlp.up_proj.weight"


@functools.cache
def file(form: str) -> Path:
    """A file with a matrix of each shape: normally distributed, with a few large weights."""
    path = Path(folder().name) / f"{form.replace(' ', '-')}.ecq"
    random = np.random.default_rng(7)
    arrays = {}
    for index, shape in enumerate(SHAPES):
        weights = random.normal(size=shape).astype(np.float32)
        weights.flat[:: weights.size // 5] *= 20
        arrays[name(index)] = weights
    ecq.quantize(arrays, path, calibrate="off", **FORMS[form][0])
    return path


@functools.cache
def matrices(form: str, mode: str = "fused") -> list[ecq.Linear]:
    """The matrices of a file that have codes."""
    linears = ecq.linears(file(form), mode=mode)
    names = [name(index) for index in range(len(SHAPES))]
    return [linears[name] for name in names if linears.is_coded(name)]


def normal(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 1) -> torch.Tensor:
    """Normally distributed numbers on the GPU."""
    values = np.random.default_rng(seed).normal(size=shape)
    return torch.from_numpy(values).to(dtype).to(CUDA)


def expected(matrix: ecq.Linear, x: torch.Tensor) -> torch.Tensor:
    """The product with decoded weights in double precision."""
    weights = torch.from_numpy(matrix.dequantize()).to(CUDA, torch.float64)
    return x.to(torch.float64) @ weights.T


def error(found: torch.Tensor, exact: torch.Tensor) -> float:
    """The relative error of all results together."""
    return float((found.to(torch.float64) - exact).norm() / exact.norm())


def assert_close(found: torch.Tensor, exact: torch.Tensor, what: str) -> None:
    """Compares with the tolerance of the type."""
    assert found.shape == exact.shape, f"{what}: {list(found.shape)}, expected {list(exact.shape)}"
    difference = error(found, exact)
    assert difference < TOLERANCES[found.dtype], f"{what}: relative error {difference:.2e}"


def fails(kind: type[Exception], words: str, call: Callable[[], object]) -> None:
    """Expects an error."""
    try:
        call()
    except kind as problem:
        if words not in str(problem):
            raise
    else:
        message = f"no error with {words!r}"
        raise AssertionError(message)


def products(form: str) -> None:
    """Products of a form with every shape, type and number of rows, also with an output."""
    fused = torch.cuda.get_device_capability() >= (9, 0)
    worst = dict.fromkeys(TOLERANCES, 0.0)
    for matrix in matrices(form):
        layer = EcqLinear(matrix, device=CUDA)
        assert layer.weight is None
        wanted = FORMS[form][1] if fused or "tuples" not in form else "packed"
        assert layer.residence.startswith(f"{wanted} on cuda:0, "), layer.residence
        for dtype in TOLERANCES:
            all_rows = normal(max(ROWS), matrix.shape[1], dtype=dtype)
            exact = expected(matrix, all_rows)
            whole = layer(all_rows)
            for rows in ROWS:
                what = f"{form}, {matrix.shape}, {dtype}, {rows} rows"
                x = all_rows[:rows]
                found = layer(x)
                assert found.dtype == dtype
                assert_close(found, exact[:rows], what)
                worst[dtype] = max(worst[dtype], error(found, exact[:rows]))
                assert torch.equal(found, whole[:rows]), f"{what}: other results than with {max(ROWS)} rows"
                out = torch.empty(rows, matrix.shape[0], dtype=dtype, device=CUDA)
                assert linear_out(x, matrix, out) is out
                assert torch.equal(out, found), f"{what}: other results with an output"
    print("    relative errors", {str(dtype): f"{value:.1e}" for dtype, value in worst.items()})


for _form in FORMS:
    CHECKS[f"products: {_form}"] = functools.partial(products, _form)


@check
def modes_decide() -> None:
    """``cached`` packs tuples; ``lru`` has no slots on a GPU, and says so; so does a layer without codes."""
    form = "tuples on a trellis"
    for mode, residence, words in [
        ("cached", "packed", "decoded once at load"),
        ("auto", "streams", "decoded inside the product"),
        ("prefetch", "streams", "no slots for prefetch"),
    ]:
        layer = EcqLinear(matrices(form, mode)[0], device=CUDA)
        if torch.cuda.get_device_capability() >= (9, 0):
            assert layer.residence.startswith(f"{residence} on cuda:0"), layer.residence
            assert words in layer.residence, layer.residence
        assert layer.residence in repr(layer)
    linears = ecq.linears(ecq.demo_model(Path(folder().name) / "tiny.ecq"))
    layer = EcqLinear(linears["model.layers.0.mlp.up_proj.weight"], device=CUDA)
    assert layer.weight is not None
    assert "it has no codes" in layer.residence, layer.residence
    decoded = EcqLinear(matrices(form)[0], dtype=torch.bfloat16, device=CUDA, dequantize=True)
    assert decoded.weight is not None
    assert decoded.weight.dtype == torch.bfloat16


@check
def inputs_of_any_layout() -> None:
    """Leading dimensions, strides, no rows, other types of floats, an output that is a view."""
    matrix = matrices("tuples on a trellis")[2]
    layer = EcqLinear(matrix, device=CUDA)
    outputs, inputs = matrix.shape
    x = normal(2, 3, inputs)
    assert_close(layer(x), expected(matrix, x), "three dimensions")
    assert layer(x[0, 0]).shape == (outputs,)
    assert layer(x[:, :0]).shape == (2, 0, outputs)
    assert torch.equal(layer(x.transpose(0, 1)), layer(x).transpose(0, 1))
    wide = normal(4, 2 * inputs)
    assert torch.equal(layer(wide[:, ::2]), layer(wide[:, ::2].contiguous()))
    assert torch.equal(layer(wide[:, 1 : 1 + inputs]), layer(wide[:, 1 : 1 + inputs].contiguous()))
    assert layer(x.double()).dtype == torch.float64
    room = torch.zeros(3, 2 * outputs, device=CUDA)
    linear_out(x[0], matrix, room[:, ::2])
    assert torch.equal(room[:, ::2], layer(x[0]))
    assert not room[:, 1::2].any()
    half = torch.empty(3, outputs, dtype=torch.float16, device=CUDA)
    assert torch.equal(linear_out(x[0], matrix, half), layer(x[0]).half())
    many = normal(5000, 256)
    small = EcqLinear(matrices("tuples on a trellis")[0], device=CUDA)
    assert torch.equal(small(many)[4990:], small(many[4990:])), "more rows than a launch has"


@check
def a_bias_is_added() -> None:
    """As ``nn.Linear`` does."""
    matrix = matrices("rans on a trellis")[0]
    bias = normal(matrix.shape[0])
    layer = EcqLinear(matrix, bias, device=CUDA)
    x = normal(3, matrix.shape[1])
    assert torch.equal(layer(x), linear(x, matrix) + bias)


@check
def operators_pass_opcheck() -> None:
    """Schemas, fake tensors, autograd registration and dynamic shapes are right."""
    matrix = matrices("tuples on a trellis")[0]
    layer, table = EcqLinear(matrix, device=CUDA), EcqEmbedding(matrix, device=CUDA)
    operators = torch.ops.ecq
    x = normal(3, 256)
    for inputs in (x, x.clone().requires_grad_(), normal(2, 3, 256, dtype=torch.bfloat16)):
        torch.library.opcheck(operators.linear.default, (inputs, layer._number, 640))
    out = torch.empty(3, 640, device=CUDA)
    torch.library.opcheck(operators.linear_out.default, (x, layer._number, out))
    torch.library.opcheck(operators.linear_backward.default, (normal(3, 640), layer._number, 256))
    indices = torch.tensor([[1, 2], [0, 5]], device=CUDA)
    torch.library.opcheck(operators.embedding.default, (indices, table._number, 256, torch.bfloat16))


@check
def the_gradient_reaches_the_input() -> None:
    """As that of ``nn.Linear`` with the decoded weights."""
    for form in ("tuples on a uniform grid", "packed in groups"):
        matrix = matrices(form)[2]
        layer = EcqLinear(matrix, device=CUDA)
        x = normal(3, matrix.shape[1]).requires_grad_()
        y = layer(x)
        y.backward(normal(*y.shape, seed=2))
        weights = torch.from_numpy(matrix.dequantize()).to(CUDA)
        exact = normal(*y.shape, seed=2).double() @ weights.double()
        assert x.grad is not None
        assert error(x.grad, exact) < 1e-3, "with TF32 off this is 1e-6"
        assert layer._on_gpu is not None
        assert torch.equal(layer._on_gpu.decoded(torch.float32), weights), f"{form}: the bits of the file"


@check
def embeddings_have_the_bits_of_the_file() -> None:
    """Rows of every form; a row that does not exist is NaN."""
    for form in FORMS:
        matrix = next(matrix for matrix in matrices(form) if matrix.shape == SHAPES[2])
        table = EcqEmbedding(matrix, dtype=torch.float32, device=CUDA)
        weights = torch.from_numpy(matrix.dequantize()).to(CUDA)
        indices = torch.tensor([[3, 0, 999], [999, 17, 16]], device=CUDA)
        assert torch.equal(table(indices), weights[indices]), form
        assert table(torch.tensor([1000, -1], device=CUDA)).isnan().all()
        assert table.to(torch.bfloat16)(indices).dtype == torch.bfloat16


NAMES = {"embed.weight": name(0), "up.weight": name(0)}


class Block(torch.nn.Module):
    """An embedding and a layer with the same matrix."""

    def __init__(self, linears: ecq.Linears) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(640, 256)
        self.up = torch.nn.Linear(256, 640, bias=False)
        replace_layers(self, linears, NAMES.get)

    def forward(self, indices: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.silu(self.up(self.embed(indices)))


def block(form: str) -> Block:
    """The block on the GPU."""
    return Block(ecq.linears(file(form), mode="fused")).to(CUDA)


@check
def compiled_models_have_one_graph() -> None:
    """``torch.compile`` with its default backend, with dynamic shapes, and with CUDA graphs."""
    for form in ("tuples on a trellis", "rans on a trellis"):
        model = block(form)
        for options in ({}, {"dynamic": True}, {"mode": "reduce-overhead"}):
            torch._dynamo.reset()
            compiled = torch.compile(model, fullgraph=True, **options)
            with torch.no_grad():
                for count in (3, 5, 3):
                    indices = torch.arange(2 * count, device=CUDA).reshape(2, count)
                    for _ in range(3):
                        found = compiled(indices).clone()
                    torch.testing.assert_close(found, model(indices), rtol=1e-4, atol=1e-4)


@check
def graphs_replay() -> None:
    """A graph of the first product of a layer gives the results of changed inputs."""
    for form in ("tuples on a trellis", "tuples on a uniform grid", "rans on a trellis"):
        for rows in (1, 8, 9, 100):
            matrix = ecq.linears(file(form), mode="fused")[name(2)]
            layer = EcqLinear(matrix, device=CUDA)
            x = normal(rows, matrix.shape[1], dtype=torch.bfloat16)
            out = torch.empty(rows, matrix.shape[0], dtype=torch.bfloat16, device=CUDA)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                y = layer(layer(x)[:, : matrix.shape[0]].repeat(1, 3)[:, : matrix.shape[1]] + x)
                linear_out(x, matrix, out)
            for seed in (3, 4):
                x.copy_(normal(*x.shape, dtype=x.dtype, seed=seed))
                graph.replay()
                again = layer(layer(x)[:, : matrix.shape[0]].repeat(1, 3)[:, : matrix.shape[1]] + x)
                assert torch.equal(y, again), f"{form}, {rows} rows"
                assert torch.equal(out, layer(x)), f"{form}, {rows} rows"


@check
def graphs_with_branches() -> None:
    """Products on two streams of a graph, behind an event of each other."""
    layer = EcqLinear(matrices("tuples on a trellis")[3], device=CUDA)
    x = normal(4, layer.in_features)
    side = torch.cuda.Stream()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        first = layer(x)
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            other = layer(2 * x)
        third = layer(3 * x)
        torch.cuda.current_stream().wait_stream(side)
        sums = first + other + third
    for seed in (5, 6):
        x.copy_(normal(*x.shape, seed=seed))
        graph.replay()
        assert torch.equal(sums, layer(x) + layer(2 * x) + layer(3 * x))


@check
def a_graph_cannot_load() -> None:
    """The error says what to do; the graph is given up."""
    matrix = ecq.linears(file("rans on a trellis"), mode="fused")[name(0)]
    x = normal(1, 256)

    def capture() -> None:
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            linear(x, matrix)

    fails(RuntimeError, "a graph that is being captured cannot load it", capture)
    torch.cuda.synchronize()
    assert_close(linear(x, matrix), expected(matrix, x), "after the failed capture")


def compare(
    start: int, layer: EcqLinear, inputs: list[torch.Tensor], exact: list[torch.Tensor], wrong: list[str]
) -> None:
    """Multiplies on a stream of its own, and adds a line to ``wrong`` for each other result."""
    with torch.cuda.stream(torch.cuda.Stream()):
        for step in range(100):
            index = (start + step) % len(inputs)
            if not torch.equal(layer(inputs[index]), exact[index]):
                wrong.append(f"stream {start}, step {step}")


@check
def streams_run_at_once() -> None:
    """Products of one matrix on two streams, and of threads, do not disturb each other."""
    for form in ("tuples on a trellis", "rans on a trellis"):
        layer = EcqLinear(matrices(form)[3], device=CUDA)
        inputs = [normal(rows, layer.in_features, seed=rows) for rows in (1, 5, 8, 40)]
        exact = [layer(x) for x in inputs]
        torch.cuda.synchronize()
        wrong: list[str] = []
        arguments = (layer, inputs, exact, wrong)
        threads = [threading.Thread(target=compare, args=(start, *arguments)) for start in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong
        streams = [torch.cuda.Stream() for _ in range(2)]
        for step in range(50):
            found = []
            for index, stream in enumerate(streams):
                with torch.cuda.stream(stream):
                    found.append(layer(inputs[(step + index) % 4]))
            torch.cuda.synchronize()
            for index, y in enumerate(found):
                assert torch.equal(y, exact[(step + index) % 4])


@check
def memory_is_returned() -> None:
    """When a layer goes away or back to the CPU; a matrix is on a GPU once."""
    form = "rans on a trellis"

    def free() -> int:
        gc.collect()
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info()[0]

    linears = ecq.linears(file(form), mode="fused")
    layer = EcqLinear(linears[name(3)], device=CUDA)
    x = normal(1, layer.in_features)
    exact = expected(layer.matrix, x)
    assert_close(layer(x), exact, "before it moves")
    layer.to("cpu")
    before = free()
    layer.to(CUDA)
    nbytes = layer.nbytes
    assert nbytes >= layer.matrix.shape[0] * layer.matrix.shape[1] * 2 // 8
    assert nbytes < layer.matrix.shape[0] * layer.matrix.shape[1]
    loaded = before - free()
    # The driver hands out pages of 2 MiB, one of which may have had room before.
    assert nbytes - (2 << 20) < loaded < nbytes + (8 << 20), (nbytes, loaded)
    other, copied = EcqLinear(linears[name(3)], device=CUDA), copy.deepcopy(layer)
    assert before - free() == loaded
    assert torch.equal(copied(x), other(x))
    del other, copied
    assert before - free() == loaded
    layer.to("cpu")
    assert before - free() == 0
    assert_close(layer(x.cpu()).to(CUDA), exact, "back on the CPU")
    layer.to(CUDA)
    del layer
    assert before - free() == 0


@check
def errors_are_clear() -> None:
    """Wrong columns, devices, types."""
    matrix = matrices("tuples on a trellis")[0]
    layer = EcqLinear(matrix, device=CUDA)
    fails(ValueError, "x has 7 columns", lambda: linear(normal(2, 7), matrix))
    fails(ValueError, "x has 7 columns", lambda: layer(normal(2, 7)))
    fails(TypeError, "expected floats", lambda: linear(normal(2, 256).int(), matrix))
    fails(TypeError, "expected floats", lambda: layer(normal(2, 256).int()))
    fails(ValueError, "out is on cpu", lambda: linear_out(normal(2, 256), matrix, torch.empty(2, 640)))
    fails(RuntimeError, "and the layer on cpu", lambda: EcqLinear(matrix)(normal(2, 256)))
    fails(RuntimeError, "and the layer on cuda:0", lambda: layer(normal(2, 256).cpu()))
    fails(ecq.DeviceError, "there is no GPU 99", lambda: matrix.to_cuda(99))
    found = matrix.to_cuda(0)
    fails(ValueError, 'unknown dtype "int8"', lambda: found.takes("int8"))  # type: ignore[arg-type]


@check
def transformers_models_run() -> None:
    """A model from a file, on the GPU, generates the tokens that it generates on the CPU."""
    try:
        import transformers  # noqa: F401

        import ecq.hf
    except ImportError as problem:
        print(f"    SKIPPED: {problem}")
        return
    small = Path(folder().name) / "small.ecq"
    tiny = ecq.demo_model(Path(folder().name) / "model.ecq")
    options = {"coding": "tuples", "trellis": "12x288", "embedding": "uniform:5"}
    ecq.quantize(tiny, small, bpw=3, calibrate="off", **options)
    host = ecq.hf.load(small, dtype=torch.float32)
    model = ecq.hf.load(small, device_map="cuda", dtype=torch.float32)
    coded = [module for module in model.modules() if isinstance(module, EcqLinear)]
    assert coded
    assert all(module.weight is None for module in coded), "all layers have codes"
    tokens = torch.tensor([[5, 9, 12, 7]])
    difference = error(model(tokens.to(CUDA)).logits.cpu(), host(tokens).logits.double())
    assert difference < 1e-3, difference


def main() -> int:
    """Runs the checks whose names begin with an argument, or all."""
    if not torch.cuda.is_available():
        print("SKIPPED: no CUDA device")
        return 0
    print(torch.cuda.get_device_name(0), "PyTorch", torch.__version__, "ecq", ecq.__version__)
    wanted = [key for key in CHECKS if not sys.argv[1:] or any(key.startswith(word) for word in sys.argv[1:])]
    failed = 0
    for key in wanted:
        start = time.monotonic()
        try:
            CHECKS[key]()
        except Exception:
            failed += 1
            print(f"FAILED {key}\n{traceback.format_exc()}", flush=True)
        else:
            print(f"ok {key} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{len(wanted) - failed} of {len(wanted)} checks passed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
