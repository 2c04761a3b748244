// Packs the blocks of rows that kernels decode. The host writes `store_block` for BITS.

@group(0) @binding(4) var<storage, read_write> words: array<u32>;

fn put_block(row: u32, block: u32, codes: Codes) {
    store_block(((row / 32u) * p.sink.blocks + block) * BITS * 32u + row % 32u, codes);
}

fn skips(first: u32, rows: u32) -> bool {
    return false;
}
