#!/usr/bin/env python3
"""Predicted times of the WGSL kernels on Apple's GPUs, from published rates and counted instructions.

    python3 bench/roofline.py        # the tables of docs/roofline.md

Instructions of a weight are those that bench/wgsl_instructions.py counts.
"""
from fused_model import PACKED_BITS, READS, calibrate

# Name: bandwidth (bytes/s), cores, clock (Hz). A core has 128 lanes. Sources: docs/roofline.md.
GPUS = {
    "M2 Pro, 19 cores": (200e9, 19, 1.398e9),
    "M4 Max, 40 cores": (546e9, 40, 1.58e9),
    "M5, 10 cores": (153e9, 10, 1.62e9),
}
LANES = 128
# Cycles of a multiplication of integers beyond those of another instruction (metal-benchmarks: 2 to 2.33).
PRODUCT_CYCLES = 1.0

# Vector and memory instructions of a weight, and the multiplications of integers among them (`navi10`, which
# has no dot product of bytes): docs/roofline.md.
KERNELS = {
    "packed": (4.56, 1.12),
    "fused tuples": (6.00, 1.00),
    "prompt, tiles of floats": (4.37, 0.05),
    "fused prefix": (16.16, 2.00),
    "fused rans": (42.09, 3.03),
    "f16": (24.00, 1.00),
}

# Weights of the projections of Llama-2-7B.
WEIGHTS = 6.61e9


def cycles(kernel):
    every, products = KERNELS[kernel]
    return every + PRODUCT_CYCLES * products


def issue(gpu, count, used):
    """Returns seconds of `count` instructions of each weight of the model."""
    _, cores, clock = GPUS[gpu]
    return WEIGHTS * count / (LANES * cores * clock * used)


def read(gpu, bits):
    """Returns seconds of reading so many bits of each weight."""
    return WEIGHTS * bits / 8 / (READS * GPUS[gpu][0])


def budget(gpu, bits, used):
    """Returns how many instructions of a weight take as long as reading it."""
    return read(gpu, bits) / issue(gpu, 1, used)


def main():
    used = calibrate()[1]
    print(f"part of issue slots that is used: {used:.2f}\n")
    print("Instructions of a weight that reading hides:\n")
    print("| | 1.23 bits | 2.25 | 3.08 | 4.5 | 16 |\n|---|---|---|---|---|---|")
    for gpu in GPUS:
        cells = [f"{budget(gpu, bits, used):.1f}" for bits in [1.23, 2.25, 3.08, 4.5, 16]]
        print(f"| {gpu} | " + " | ".join(cells) + " |")
    print("\nMilliseconds of the projections of a 7B model for a token, greater of issuing and reading:\n")
    kinds = [("packed", 3.08), ("fused tuples", 2.4), ("fused prefix", 2.25), ("fused rans", 2.25)]
    kinds += [("f16", 16), ("prompt, tiles of floats", 3.08)]
    print("| | " + " | ".join(f"{kind}, {bits} bits" for kind, bits in kinds) + " |")
    print("|---" * (len(kinds) + 1) + "|")
    for gpu in GPUS:
        cells = []
        for kind, bits in kinds:
            # The 32 rows of a tile share what is read.
            reads = read(gpu, bits) / (32 if "tiles" in kind else 1)
            cells.append(said(issue(gpu, cycles(kind), used), reads))
        print(f"| {gpu} | " + " | ".join(cells) + " |")
    print(f"\nReading {PACKED_BITS} bits of a weight and nothing else:")
    print(", ".join(f"{gpu}: {1e3 * read(gpu, PACKED_BITS):.1f} ms" for gpu in GPUS))


def said(issuing, reading):
    bound = "issue" if issuing > reading else "reads"
    return f"{1e3 * max(issuing, reading):.1f} ({bound})"


if __name__ == "__main__":
    main()
