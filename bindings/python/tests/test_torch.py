"""Layers of PyTorch."""

import copy
from pathlib import Path

import numpy as np
import pytest

import ecq

torch = pytest.importorskip("torch", reason="SKIPPED: PyTorch is not installed")

from ecq.torch import EcqEmbedding, EcqLinear, linear, linear_out, replace_layers  # noqa: E402

UP = "model.layers.0.mlp.up_proj.weight"
EMBEDDING = "model.embed_tokens.weight"


@pytest.fixture(scope="module")
def linears(small: Path) -> ecq.Linears:
    return ecq.linears(small, mode="fused")


def normal(*shape: int, dtype: "torch.dtype" = torch.float32) -> "torch.Tensor":
    return torch.from_numpy(np.random.default_rng(1).normal(size=shape)).to(dtype)


@pytest.mark.parametrize("mode", ["fused", "cached", "lru", "prefetch"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_products(small: Path, mode: str, dtype: "torch.dtype") -> None:
    """The bits of the product of the engine, rounded to the type of the input."""
    matrix = ecq.linears(small, mode=mode, memory="200KiB" if mode == "lru" else None)[UP]
    layer = EcqLinear(matrix, normal(matrix.shape[0]), dtype=dtype)
    for shape in [(matrix.shape[1],), (3, matrix.shape[1]), (2, 3, matrix.shape[1])]:
        x = normal(*shape, dtype=dtype)
        expected = torch.from_numpy(matrix.multiply(x.float().reshape(-1, matrix.shape[1]).numpy())).to(dtype)
        expected = expected.reshape(*shape[:-1], matrix.shape[0])
        assert torch.equal(linear(x, matrix), expected)
        assert torch.equal(layer(x), expected + layer.bias.to(dtype))
        out = torch.empty(*shape[:-1], matrix.shape[0], dtype=dtype)
        assert linear_out(x, matrix, out) is out
        assert torch.equal(out, expected)


def test_outputs_that_are_not_contiguous(linears: ecq.Linears) -> None:
    """A caller-given output may be a view."""
    matrix = linears[UP]
    x = normal(4, matrix.shape[1])
    whole = torch.zeros(4, 2 * matrix.shape[0])
    linear_out(x, matrix, whole[:, ::2])
    assert torch.equal(whole[:, ::2], linear(x, matrix))
    assert not whole[:, 1::2].any()


def test_wrong_shapes(linears: ecq.Linears) -> None:
    """The error says what was expected."""
    matrix = linears[UP]
    with pytest.raises(ValueError, match=r"x has 7 columns, but .* has 256 input features"):
        linear(normal(2, 7), matrix)
    with pytest.raises(ValueError, match=r"x has 7 columns, but .* has 256 input features"):
        EcqLinear(matrix)(normal(2, 7))
    for call in (EcqLinear(matrix), lambda x: linear(x, matrix)):
        with pytest.raises(TypeError, match=r"x has the type torch.int32, expected floats"):
            call(normal(2, 256).to(torch.int32))
    with pytest.raises(ValueError, match="out is on meta, and x on cpu"):
        linear_out(normal(2, 256), matrix, torch.empty(2, 640, device="meta"))
    with pytest.raises(ValueError, match=r"out has shape \[2, 7\], expected \[2, 640\]"):
        linear_out(normal(2, 256), matrix, torch.empty(2, 7))


def test_operators_pass_opcheck(linears: ecq.Linears) -> None:
    """Schemas, fake tensors, autograd registration and dynamic shapes are right."""
    layer, table = EcqLinear(linears[UP]), EcqEmbedding(linears[EMBEDDING])
    x = normal(3, 256)
    operators = torch.ops.ecq
    for inputs in (x, x.clone().requires_grad_(), normal(2, 3, 256, dtype=torch.bfloat16)):
        torch.library.opcheck(operators.linear.default, (inputs, layer._number, 640))
    torch.library.opcheck(operators.linear_out.default, (x, layer._number, torch.empty(3, 640)))
    torch.library.opcheck(operators.linear_backward.default, (normal(3, 640), layer._number, 256))
    indices = torch.tensor([[1, 2], [0, 5]])
    arguments = (indices, table._number, 256, torch.bfloat16)
    torch.library.opcheck(operators.embedding.default, arguments)


def test_the_gradient_reaches_the_input(linears: ecq.Linears) -> None:
    """As that of ``nn.Linear`` with the decoded weights."""
    layer = EcqLinear(linears[UP], normal(640))
    plain = torch.nn.Linear(256, 640)
    plain.weight.data, plain.bias.data = layer.dequantize(), layer.bias.detach().clone()
    gradients = []
    for module in (layer, plain):
        x = normal(3, 256).requires_grad_()
        module(x).square().sum().backward()
        gradients.append((x.grad, module.bias.grad))
    for found, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)
    assert [name for name, _ in layer.named_parameters()] == ["bias"]


class Block(torch.nn.Module):
    """An embedding and two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(2048, 256)
        self.up = torch.nn.Linear(256, 640, bias=False)
        self.down = torch.nn.Linear(640, 256, bias=False)

    def forward(self, indices: "torch.Tensor") -> "torch.Tensor":
        return self.down(torch.nn.functional.silu(self.up(self.embed(indices))))


NAMES = {
    "embed.weight": EMBEDDING,
    "up.weight": UP,
    "down.weight": "model.layers.0.mlp.down_proj.weight",
}


def block(linears: ecq.Linears) -> "tuple[Block, Block]":
    """A block with decoded weights, and the same with coded layers."""
    plain = Block()
    plain.embed = torch.nn.Embedding(*linears.shape(EMBEDDING))
    for name, stored in NAMES.items():
        plain.get_parameter(name).data = torch.from_numpy(linears.values(stored))
    coded = copy.deepcopy(plain)
    assert replace_layers(coded, linears, NAMES.get) == ["embed", "up", "down"]
    return plain, coded


def test_layers_are_replaced(linears: ecq.Linears) -> None:
    """A model computes the same as with decoded weights, also after a copy."""
    plain, coded = block(linears)
    indices = torch.tensor([[1, 2, 3], [7, 8, 9]])
    torch.testing.assert_close(coded(indices), plain(indices), rtol=1e-4, atol=1e-4)
    assert torch.equal(coded.embed(indices), plain.embed(indices))
    assert not list(coded.parameters())
    assert not coded.state_dict()
    assert torch.equal(copy.deepcopy(coded)(indices), coded(indices))
    assert "streams" in repr(coded)
    with pytest.raises(ValueError, match=r"up.weight has shape \[640, 256\], but .* \[256, 640\]"):
        replace_layers(Block(), linears, {"up.weight": NAMES["down.weight"]}.get)
    assert replace_layers(Block(), linears, lambda name: None) == []


def test_compiled_models_have_one_graph(linears: ecq.Linears) -> None:
    """``torch.compile`` keeps the layers in the graph, for dynamic shapes too."""
    plain, coded = block(linears)
    graphs = []

    def backend(module: "torch.fx.GraphModule", _inputs: object) -> object:
        graphs.append(module)
        return module.forward

    compiled = torch.compile(coded, backend=backend, fullgraph=True, dynamic=True)
    for count in (3, 5, 7):
        indices = torch.arange(2 * count).reshape(2, count)
        torch.testing.assert_close(compiled(indices), plain(indices), rtol=1e-4, atol=1e-4)
    assert len(graphs) == 1
    calls = [str(node.target) for node in graphs[0].graph.nodes if "ecq" in str(node.target)]
    assert calls == ["ecq.embedding", "ecq.linear", "ecq.linear"]


def test_inductor_runs_the_operators(linears: ecq.Linears) -> None:
    """The default backend."""
    plain, coded = block(linears)
    indices = torch.arange(6).reshape(2, 3)
    compiled = torch.compile(coded, fullgraph=True)
    torch.testing.assert_close(compiled(indices), plain(indices), rtol=1e-4, atol=1e-4)


def test_layers_follow_the_type_of_a_model(linears: ecq.Linears) -> None:
    """Rows of an embedding have the type that the model was moved to."""
    _, coded = block(linears)
    assert coded.to(torch.bfloat16)(torch.tensor([1])).dtype == torch.bfloat16
    assert coded.up.dequantize().dtype == torch.bfloat16


def test_other_devices_hold_decoded_weights(linears: ecq.Linears) -> None:
    """On the device ``meta``, which has no data, shapes follow."""
    layer = EcqLinear(linears[UP])
    assert layer.weight is None
    assert layer.residence == "streams"
    assert layer.nbytes == layer.matrix.nbytes
    moved = copy.deepcopy(layer).to("meta")
    assert moved(normal(2, 256).to("meta")).shape == (2, 640)


@pytest.mark.parametrize("which", ["small", "smollm2"])
def test_all_weights_have_the_bits_of_the_file(which: str, request: pytest.FixtureRequest) -> None:
    """Decoded by layers and through DLPack."""
    path = request.getfixturevalue(which)
    linears = ecq.linears(path, mode="fused")
    for name in linears.names():
        expected = torch.from_numpy(linears.values(name))
        if linears.is_coded(name):
            assert torch.equal(EcqLinear(linears[name]).dequantize(), expected), name
    for tensor in list(ecq.open(path).values())[:20]:
        assert torch.equal(torch.from_dlpack(tensor), torch.from_numpy(tensor.dequantize())), tensor.name


def test_a_gpu_that_is_not_there(linears: ecq.Linears) -> None:
    """Says what is missing: the driver, or the GPU."""
    with pytest.raises(ecq.DeviceError, match=r"driver|there is no GPU 999"):
        linears[UP].to_cuda(999)
    assert linears[UP].packed_nbytes > linears[UP].nbytes
