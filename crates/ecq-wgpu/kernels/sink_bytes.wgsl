// Writes codes that kernels decode to bytes, which are zero before.

@group(0) @binding(4) var<storage, read_write> bytes: array<atomic<u32>>;

fn put(row: u32, col: u32, symbol: u32, branch: u32) {
    let at = row * p.sink.stride + col;
    atomicOr(&bytes[at / 4u], symbol << (8u * (at % 4u)));
}

fn skips(first: u32, rows: u32) -> bool {
    return false;
}
