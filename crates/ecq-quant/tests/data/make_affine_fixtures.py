"""Writes affine.safetensors: small tensors of every width, group size and type, quantized by mx.quantize.

    pip install 'mlx[cpu]' numpy safetensors gguf
    python make_affine_fixtures.py [SmolLM2.gguf all-MiniLM.safetensors]

Each case N has the tensors N.weights, N.codes (unpacked), N.scales and N.biases, and the metadata entry
"bits group_size type origin". Given the two models, some of their rows are added as cases.
"""

import sys

import mlx.core as mx
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

TYPES = {"f16": mx.float16, "bf16": mx.bfloat16, "f32": mx.float32}
rng = np.random.default_rng(20261121)
tensors, metadata = {}, {"mlx": mx.__version__}


def raw(array):
    """Returns the bits of an MLX array as unsigned integers, because NumPy has no bfloat16."""
    view = mx.uint32 if array.dtype == mx.float32 else mx.uint16
    return np.array(array.view(view))


def unpack(packed, bits, cols):
    """Unpacks the codes of each row, which are one string of bits, least significant first."""
    bytes_ = np.ascontiguousarray(np.array(packed)).view(np.uint8).reshape(packed.shape[0], -1)
    ones = np.unpackbits(bytes_, axis=1, bitorder="little")[:, : cols * bits]
    ones = ones.reshape(packed.shape[0], cols, bits)
    return (ones * (1 << np.arange(bits))).sum(axis=2).astype(np.uint8)


def case(weights, bits, group_size, type_name, origin):
    """Adds a case: `weights`, quantized by MLX in the type `type_name`."""
    w = mx.array(weights.astype(np.float32)).astype(TYPES[type_name])
    packed, scales, biases = mx.quantize(w, group_size=group_size, bits=bits)
    n = str(sum(key.endswith(".codes") for key in tensors))
    tensors[f"{n}.weights"] = raw(w)
    tensors[f"{n}.codes"] = unpack(packed, bits, weights.shape[1])
    tensors[f"{n}.scales"], tensors[f"{n}.biases"] = raw(scales), raw(biases)
    metadata[n] = f"{bits} {group_size} {type_name} {origin}"


for bits in (2, 3, 4, 5, 6, 8):
    for group_size in (32, 64, 128):
        for type_name in TYPES:
            w = rng.normal(0, 0.04, (3, 2 * group_size))
            w[1] *= rng.choice([1, 30], w.shape[1], p=[0.97, 0.03])  # outliers
            case(w, bits, group_size, type_name, "random")

edges = np.zeros((12, 64))
edges[1] = 0.7
edges[2] = -0.7
edges[3] = np.linspace(-1, -0.5, 64)
edges[4] = np.linspace(0.5, 1, 64)
edges[5] = rng.normal(0, 1e-7, 64)
edges[6] = rng.normal(0, 1e-4, 64)
edges[7, 13] = 5
edges[8, 13] = -5
edges[9] = np.tile([1, -1], 32)
edges[10] = rng.normal(0, 1000, 64)
edges[11] = np.arange(64) - 31.5
for bits in (2, 4, 8):
    for type_name in TYPES:
        case(edges, bits, 32, type_name, "edges")

if len(sys.argv) == 3:
    from gguf import GGUFReader
    from gguf.quants import dequantize

    for t in GGUFReader(sys.argv[1]).tensors:
        if t.name in ("blk.0.attn_q.weight", "blk.13.ffn_down.weight", "blk.29.ffn_up.weight"):
            w = dequantize(t.data, t.tensor_type)[40:42, :512].astype(np.float16)
            for bits in (3, 4, 6):
                case(w, bits, 64, "f16", "SmolLM2-135M " + t.name)
    with safe_open(sys.argv[2], "numpy") as f:
        for name in f.keys():
            if name.endswith(("layer.2.output.dense.weight", "layer.0.attention.self.query.weight")):
                for bits, group_size in ((4, 64), (5, 32), (8, 128)):
                    case(f.get_tensor(name)[7:9, :384], bits, group_size, "f32", "all-MiniLM-L6-v2 " + name)

save_file(tensors, "affine.safetensors", metadata)
print(len([k for k in tensors if k.endswith(".codes")]), "cases")
