#!/usr/bin/env python3
"""Model of the time of a product that decodes tuples (`tuple_product.cu`), from published rates of GPUs.

    python3 bench/fused_model.py                      # the tables of docs/performance.md
    python3 bench/fused_model.py --sass X.sass 3      # account of the loop; X.sass: cuobjdump -sass

The account is of warp instructions times 32 lanes per weight. The pipe of an instruction is that of the CUDA
profiler (Nsight Compute) for compute capability 9.0.
"""
import re
import sys

# Instructions of a loop whose weights are 12 operands of m16n8k32: 16 rows x 8 tuples each.
PIPES = {
    "tensor": r"IMMA",
    "shared": r"LDS|STS|ATOMS",
    "fma": r"IMAD|FFMA|FMUL|FADD",
    "alu": r"LOP3|SHF|IADD3|LEA|ISETP|SEL|PRMT|IABS|LOP|PLOP3|VIADD|MOV|SGXT|BMSK|VIMNMX|IMNMX",
}


def loops(path):
    """Yields the instructions of each backward loop with at least 12 tensor instructions."""
    lines = re.findall(r"/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\d+ )?([A-Z0-9_.]+)([^;]*);", open(path).read())
    code = [(int(at, 16), name, rest) for at, name, rest in lines]
    for at, name, rest in code:
        target = re.search(r"0x([0-9a-f]+)", rest)
        if name == "BRA" and target and int(target[1], 16) < at:
            body = [name for place, name, _ in code if int(target[1], 16) <= place <= at]
            if sum(name.startswith("IMMA") for name in body) in (12, 24) and len(body) < 700:
                yield body


def account(path, tuple_):
    for body in loops(path):
        weights = 12 * 16 * 8 * tuple_
        per = {name: 0 for name in [*PIPES, "other"]}
        for name in body:
            per[next((pipe for pipe, names in PIPES.items() if re.match(names, name)), "other")] += 1
        counts = ", ".join(f"{pipe} {32 * n / weights:.3f}" for pipe, n in per.items())
        print(f"{len(body)} instructions, {32 * len(body) / weights:.3f} a weight: {counts}")


# Instructions of the loop of a weight by pipe (`--sass`, sm_90), for tuples of 3 and codewords of 9 bits.
LOOP = {2: 3.25, 3: 2.15, 4: 2.04, "3, trellis": 2.67}
# Instructions outside of the loop: 3.97 of the whole kernel (Nsight Compute) less the loop.
OUTSIDE = 3.97 - LOOP[3]

# Name: bandwidth (bytes/s), multiprocessors, clock (Hz), KiB of shared memory of a block, tensor cores.
GPUS = {
    "H100 SXM": (3.35e12, 132, 1.83e9, 227, True),
    "RTX 4090": (1.008e12, 128, 2.52e9, 99, True),
    "A100 SXM 80 GB": (2.039e12, 108, 1.41e9, 163, True),
    "B200": (7.7e12, 148, 1.98e9, 227, True),
    "M4 Max, 40 cores": (0.546e12, 40, 1.58e9, 32, False),
}
# What a kernel that only reads reaches of the bandwidth: 3.1 of 3.35 TB/s on the H100.
READS = 0.92
# Bits of a weight in groups of 64 with a scale and a bias of 16 bits.
PACKED_BITS = 4.5

# Measured on the H100, next matrix fetched (bench/record/2026-11-27-cuda-gemv.md and -cuda-fused.md):
# rows, columns, code, bits, microseconds.
MEASURED = [
    (4096, 4096, 3, 2.424, 6.90),
    (28672, 8192, 3, 2.405, 49.31),
    (16384, 4096, 3, 2.408, 15.36),
    (8192, 8192, 3, 2.405, 15.69),
    (4096, 14336, 3, 2.417, 14.73),
    (12288, 4096, 3, 2.41, 13.3),
    (22016, 4096, 3, 2.41, 21.5),
    (4096, 11008, 3, 2.41, 14.3),
    (16384, 4096, "3, trellis", 2.408, 19.03),
    (16384, 4096, 2, 3.197, 22.05),
    (16384, 4096, 3, 1.837, 14.09),
    (16384, 4096, 4, 1.414, 13.06),
]


def issue_seconds(gpu, code):
    """Seconds of a weight if every scheduler issued an instruction in every cycle."""
    _, cores, clock, _, tensor = GPUS[gpu]
    # Without tensor cores for integers a weight takes one multiplication more than it saves.
    slots = LOOP[code] + OUTSIDE + (0 if tensor else 1)
    return slots / 32 / (4 * cores * clock)


def calibrate():
    """Returns the cycles of a product without weights, and the part of issue slots that is used."""
    (r0, c0, code, _, t0), (r1, c1, _, _, t1) = MEASURED[:2]
    slope = (t1 - t0) * 1e-6 / (r1 * c1 - r0 * c0)
    fixed = t0 * 1e-6 - slope * r0 * c0
    return fixed * GPUS["H100 SXM"][2], issue_seconds("H100 SXM", code) / slope


def predict(gpu, rows, cols, code, bits, calibration):
    """Returns seconds of issuing, of reading, and of the product."""
    cycles, used = calibration
    bandwidth, _, clock = GPUS[gpu][:3]
    issue = rows * cols * issue_seconds(gpu, code) / used
    read = rows * cols * bits / 8 / (READS * bandwidth)
    return issue, read, max(issue, read) + cycles / clock


def main():
    calibration = calibrate()
    print(f"fixed: {calibration[0]:.0f} cycles; issue slots used: {calibration[1]:.2f}\n")
    print("| rows x columns | tuple | bits | measured | model | error |\n|---|---|---|---|---|---|")
    errors = []
    for i, (rows, cols, code, bits, measured) in enumerate(MEASURED):
        model = 1e6 * predict("H100 SXM", rows, cols, code, bits, calibration)[2]
        error = 100 * (model / measured - 1)
        errors += [] if i < 2 else [abs(error)]
        note = "calibrated" if i < 2 else f"{error:+.0f}%"
        print(f"| {rows} x {cols} | {code} | {bits} | {measured:.2f} us | {model:.2f} us | {note} |")
    errors.sort()
    print(f"\nmedian error {errors[len(errors) // 2]:.0f}%, largest {errors[-1]:.0f}%\n")
    rows, cols, bits = 16384, 4096, 2.408
    print("| | issue | reads | model | 4 bits, reads alone | ratio | weights/s |")
    print("|---|---|---|---|---|---|---|")
    for gpu, (bandwidth, _, clock, *_) in GPUS.items():
        issue, read, all_ = predict(gpu, rows, cols, 3, bits, calibration)
        packed = rows * cols * PACKED_BITS / 8 / (READS * bandwidth) + calibration[0] / clock / 2
        cells = [f"{1e6 * x:.1f} us" for x in (issue, read, all_, packed)]
        print(f"| {gpu} | {' | '.join(cells)} | {packed / all_:.2f} | {rows * cols / all_ / 1e12:.1f} T |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--sass"]:
        account(sys.argv[2], int(sys.argv[3]))
    else:
        main()
