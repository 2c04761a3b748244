// Writes codes that kernels decode to bytes, which are zero before.

@group(0) @binding(4) var<storage, read_write> bytes: array<atomic<u32>>;

const WHOLE_ROWS: bool = false;

fn put(row: u32, col: u32, count: u32, symbols: u32, branches: u32) {
    for (var i = 0u; i < count; i++) {
        let at = row * p.sink.stride + col + i;
        atomicOr(&bytes[at / 4u], (symbols >> (8u * i) & 0xffu) << (8u * (at % 4u)));
    }
}

fn skips(first: u32, rows: u32) -> bool {
    return false;
}
