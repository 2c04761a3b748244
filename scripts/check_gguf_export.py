"""Compares `ecq export --format gguf --type T` with ggml's own quantizers.

    pip install numpy gguf xllamacpp
    ecq quantize M.gguf --lossless -o M.ecq && ecq export M.ecq --format gguf --type q4_k_m -o M-q4_k_m.gguf
    python scripts/check_gguf_export.py M.gguf M-q4_k_m.gguf [--types-of FILE] [--generate]

Each requantized tensor of the export is quantized to the same type by `ggml_quantize_chunk` as well. The root mean
square error of the export to M.gguf must be at most that of ggml, by type; blocks of 32 weights must have the error
of ggml. --types-of compares the type of every tensor with a file that llama.cpp quantized. --generate loads the
export in llama.cpp and continues a few texts.
"""

import argparse
import ctypes
from collections import Counter, defaultdict
from pathlib import Path

import gguf
import numpy as np
import xllamacpp

# Larger errors than these over ggml's are differences. Ties that round to other codes have equal errors.
LARGER = 1.0001
PROMPTS = ["The capital of France is", "Once upon a time", "Water boils at"]


def library():
    library = ctypes.CDLL(next(str(path) for path in Path(xllamacpp.__file__).parent.glob("xllamacpp*.so")))
    quantize = library.ggml_quantize_chunk
    size = ctypes.c_int64
    pointer = ctypes.c_void_p
    quantize.restype = ctypes.c_size_t
    quantize.argtypes = [ctypes.c_int, pointer, pointer, size, size, size, pointer]
    return quantize


def by_ggml(quantize, weights, kind):
    block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros((weights.shape[0], weights.shape[1] // block * block_bytes), np.uint8)
    quantize(int(kind), weights.ctypes.data, out.ctypes.data, 0, *weights.shape, None)
    return gguf.quants.dequantize(out, kind)


def weights(tensor):
    rows = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    return np.ascontiguousarray(rows.reshape(-1, rows.shape[-1]), np.float32)


def squares(difference):
    return float((difference.astype(np.float64) ** 2).sum())


def generate(path):
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = 256
    params.n_gpu_layers = 0
    server = xllamacpp.Server(params)
    for prompt in PROMPTS:
        answer = server.handle_completions({"prompt": prompt, "max_tokens": 16, "temperature": 0})
        print(f"{prompt!r} -> {answer['choices'][0]['text']!r}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("export", type=Path)
    parser.add_argument("--types-of", type=Path)
    parser.add_argument("--generate", action="store_true")
    args = parser.parse_args()
    source, export = gguf.GGUFReader(args.source), gguf.GGUFReader(args.export)
    originals = {tensor.name: tensor for tensor in source.tensors}
    quantize, failures, sums = library(), [], defaultdict(lambda: np.zeros(3))
    print(f"{len(export.tensors)} tensors: {dict(Counter(t.tensor_type.name for t in export.tensors))}")
    for tensor in export.tensors:
        kind, original = tensor.tensor_type, originals[tensor.name]
        if gguf.GGML_QUANT_SIZES[kind][0] == 1 or kind == original.tensor_type:
            continue
        exact = weights(original)
        theirs = by_ggml(quantize, exact, kind)
        sums[kind.name] += [squares(weights(tensor) - exact), squares(theirs - exact), squares(exact)]
    for kind, (ours, theirs, signal) in sums.items():
        ours, theirs = (ours / signal) ** 0.5, (theirs / signal) ** 0.5
        print(f"{kind:5} relative error {ours:.5f}, ggml {theirs:.5f}")
        if ours > theirs * LARGER:
            failures.append(f"{kind} has a larger error than ggml")
    if args.types_of:
        expected = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(args.types_of).tensors}
        found = {tensor.name: tensor.tensor_type.name for tensor in export.tensors}
        differ = [name for name, ty in expected.items() if found.get(name) != ty]
        failures += [f"{name} is {found.get(name)}, expected {expected[name]}" for name in differ]
        print(f"types of {len(expected)} tensors compared")
    if args.generate:
        generate(args.export)
    if failures:
        raise SystemExit("\n".join(failures))


if __name__ == "__main__":
    main()
