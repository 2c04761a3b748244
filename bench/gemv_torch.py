"""Times matrix-vector products of PyTorch: fp16 (cuBLAS) and int4 in groups of 64.

    python3 bench/gemv_torch.py [ROWS...]

Each time is that of one product in a CUDA graph of 32, with weights that rotate through more bytes than the
L2 cache holds; median of 25 replays. ROWS are numbers of rows of activations (default: 1).
"""

import sys

import torch

PRODUCTS, REPLAYS, ROTATED_BYTES = 32, 25, 160 << 20
SHAPES = [(4096, 4096), (16384, 4096), (8192, 8192), (4096, 14336), (28672, 8192)]


def time_us(product):
    """Returns the median time of a product; product(i) uses copy i of the weights."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for i in range(3):
            product(i)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(PRODUCTS):
            product(i)
    times = []
    for _ in range(REPLAYS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        graph.replay()  # hides the time that it takes to start a graph
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e3 / PRODUCTS)
    return sorted(times)[len(times) // 2]


def copies(weight_bytes):
    return max(3, min(PRODUCTS, -(-ROTATED_BYTES // weight_bytes)))


def main():
    rows = [int(word) for word in sys.argv[1:]] or [1]
    print(torch.cuda.get_device_name(0), "PyTorch", torch.__version__)
    for n, k in SHAPES:
        weights = [torch.randn(n, k, device="cuda", dtype=torch.float16) for _ in range(copies(2 * n * k))]
        for m in rows:
            x = torch.randn(m, k, device="cuda", dtype=torch.float16)
            us = time_us(lambda i: torch.mm(x, weights[i % len(weights)].t()))
            print(f"fp16 {n}x{k}, {m} rows: {us:.2f} us, {n * k / us * 1e-6:.2f} Tw/s")
        del weights
        packed, scales = [], []
        for _ in range(copies(n * k // 2)):
            codes = torch.randint(0, 256, (n, k // 2), device="cuda", dtype=torch.uint8)
            packed.append(torch._convert_weight_to_int4pack(codes, 8))
            scales.append(torch.randn(k // 64, n, 2, device="cuda", dtype=torch.bfloat16))
        for m in rows:
            x = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
            count = len(packed)
            us = time_us(lambda i: torch._weight_int4pack_mm(x, packed[i % count], 64, scales[i % count]))
            print(f"int4 {n}x{k}, {m} rows: {us:.2f} us, {n * k / us * 1e-6:.2f} Tw/s")
        del packed, scales


if __name__ == "__main__":
    main()
