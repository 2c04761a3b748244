"""Rate and error of ASTC (adaptive scalable texture compression) on weight matrices.

    pip install astc-encoder-py gguf numpy
    python3 bench/astc.py MODEL.gguf [--tensors REGEX] [--quality 98] [--verify X.json ...]

Each weight is a luminance texel, or, with two weights per texel, luminance and alpha. A block takes 128 bits
whatever its size. X.json is what `ecq verify X.ecq --against MODEL.gguf --json` prints: its errors on the
same tensors are listed beside those of ASTC. SQNR is the energy of the weights by that of the errors, of all
tensors together, in dB.
"""

import argparse
import json
import re
import time

import astc_encoder as astc
import gguf
import numpy as np

UNIT = astc.ASTCSwizzle.from_str("rgba")


def tensors(path, pattern):
    """Yields names and matrices [rows, cols] in f32."""
    for tensor in gguf.GGUFReader(path).tensors:
        if len(tensor.shape) == 2 and re.fullmatch(pattern, tensor.name):
            yield tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)


def coded(texels, block, profile, quality):
    """Compresses and decompresses texels [height, width, 1 or 2] in [0, 1]; returns them and the bytes."""
    height, width, channels = texels.shape
    rgba = np.zeros((height, width, 4), np.float16)
    rgba[..., :channels] = texels
    config = astc.ASTCConfig(profile, block[0], block[1], 1, quality, 0)
    # The encoder may not stop because an image looks good enough.
    config.tune_db_limit = 999.0
    context = astc.ASTCContext(config, 1)
    image = astc.ASTCImage(astc.ASTCType.F16, width, height, 1, rgba.tobytes())
    # Equal red, green and blue are stored as luminance.
    data = context.compress(image, astc.ASTCSwizzle.from_str("rrr1" if channels == 1 else "rrrg"))
    found = context.decompress(data, astc.ASTCImage(astc.ASTCType.F32, width, height, 1), UNIT)
    found = np.frombuffer(found.data, np.float32).reshape(height, width, 4)
    return found[..., [0, 3][:channels]].astype(np.float64), len(data)


def as_strips(values, block, channels):
    """Lays consecutive weights of rows into blocks; the last block repeats the last weight."""
    of_block = block[0] * block[1] * channels
    flat = np.pad(values.reshape(-1), (0, -values.size % of_block), mode="edge")
    return flat.reshape(-1, block[0], channels)


# Name, weights per texel, whether a block has weights of one row, scale, profile.
MAPPINGS = [
    ("tile of the matrix, scale: largest of row", 1, False, "largest", "LDR"),
    ("weights of a row, scale: largest of row", 1, True, "largest", "LDR"),
    ("weights of a row, clipped at 4 rms of row", 1, True, "4 rms", "LDR"),
    ("weights of a row, scale: largest of tensor", 1, True, "tensor", "LDR"),
    ("weights of a row, scale: largest of row", 1, True, "largest", "HDR"),
]
PAIRS = ("two weights per texel, scale: largest of row", 2, True, "largest", "LDR")


def scales(weights, kind):
    """Returns the magnitude that becomes 0 and 1, [rows, 1] or [1, 1], rounded to f16, and all its bits."""
    if kind == "tensor":
        return np.abs(weights).max(keepdims=True).astype(np.float16).astype(np.float64), 16
    size = {"largest": np.abs(weights).max(1, keepdims=True),
            "4 rms": 4 * np.sqrt((weights**2).mean(1, keepdims=True))}[kind]
    return np.nextafter(size.astype(np.float16), np.float16(np.inf)).astype(np.float64), 16 * len(weights)


def measure(matrices, block, mapping, quality):
    """Returns bits per weight, SQNR in dB and million weights per second of the encoder."""
    _, channels, strips, kind, profile = mapping
    bits = count = 0
    signal = noise = seconds = 0.0
    for weights in matrices:
        scale, side = scales(weights, kind)
        values = np.clip(weights / scale, -1, 1) * 0.5 + 0.5
        texels = as_strips(values, block, channels) if strips else values[..., None]
        start = time.time()
        found, size = coded(texels, block, getattr(astc.ASTCProfile, profile), quality)
        seconds += time.time() - start
        found = found.reshape(-1)[: weights.size].reshape(weights.shape)
        error = (found * 2 - 1) * scale - weights
        signal += float((weights.astype(np.float64) ** 2).sum())
        noise += float((error**2).sum())
        bits += 8 * size + side
        count += weights.size
    return bits / count, 10 * np.log10(signal / noise), count / seconds / 1e6


def affine(matrices, group, levels):
    """Returns the SQNR of `levels` equal steps for each group, whose ends take no bits and are the best of
    100 pairs between the middle and the least and the largest weight."""
    signal = noise = 0.0
    for weights in matrices:
        groups = as_strips(weights.astype(np.float32), (group, 1), 1).reshape(-1, group)
        low, high = groups.min(1, keepdims=True), groups.max(1, keepdims=True)
        middle = (low + high) / 2
        best = np.full(len(groups), np.inf, np.float32)
        for cut_low in np.linspace(0, 0.5, 10, dtype=np.float32):
            for cut_high in np.linspace(0, 0.5, 10, dtype=np.float32):
                first = low + cut_low * (middle - low)
                step = np.maximum((high - cut_high * (high - middle) - first) / (levels - 1), 1e-30)
                numbers = np.clip(np.round((groups - first) / step), 0, levels - 1)
                best = np.minimum(best, ((numbers * step + first - groups) ** 2).sum(1))
        signal += (groups.astype(np.float64) ** 2).sum()
        noise += best.sum(dtype=np.float64)
    return 10 * np.log10(signal / noise)


def verified(path, energies):
    """Returns the SQNR of the tensors of a report of `ecq verify --json`."""
    errors = {entry["tensor"]: entry["relative_error"] for entry in json.load(open(path))["quantized"]}
    noise = sum(energy * errors[name] ** 2 for name, energy in energies.items())
    return 10 * np.log10(sum(energies.values()) / noise)


def main():
    raw = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("model")
    parser.add_argument("--tensors", default=r"blk\.(0|14|29)\.(attn|ffn).*\.weight")
    parser.add_argument("--quality", type=float, default=98, help="0 to 100; 98: thorough, 100: exhaustive")
    parser.add_argument("--verify", nargs="*", default=[], metavar="X.json")
    args = parser.parse_args()
    named = dict(tensors(args.model, args.tensors))
    matrices = list(named.values())
    weights = sum(matrix.size for matrix in matrices)
    print(f"{len(matrices)} tensors, {weights / 1e6:.1f} M weights, quality {args.quality:g}\n")
    print("| block | mapping | profile | bits per weight | SQNR dB | M weights/s |")
    print("|---|---|---|---|---|---|")

    def row(block, mapping):
        bits, sqnr, speed = measure(matrices, block, mapping, args.quality)
        name = f"{block[0]}x{block[1]}"
        print(f"| {name} | {mapping[0]} | {mapping[4]} | {bits:.3f} | {sqnr:.2f} | {speed:.2f} |", flush=True)

    for block in [(6, 6), (8, 5)]:
        for mapping in MAPPINGS:
            row(block, mapping)
    row((5, 4), PAIRS)
    print("\n| equal steps, ends of unlimited precision | levels | SQNR dB |\n|---|---|---|")
    # What 128 bits leave for weights (ASTC specification, integer sequences): 6 levels of 36, 5 of 40.
    for group, levels in [(36, 6), (40, 5)]:
        print(f"| groups of {group} | {levels} | {affine(matrices, group, levels):.2f} |")
    energies = {name: float((matrix.astype(np.float64) ** 2).sum()) for name, matrix in named.items()}
    if args.verify:
        print("\n| file | SQNR dB |\n|---|---|")
    for path in args.verify:
        print(f"| {path} | {verified(path, energies):.2f} |")


if __name__ == "__main__":
    main()
