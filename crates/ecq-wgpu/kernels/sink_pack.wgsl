// Packs what kernels decode. Elements of a row come in ascending order of columns. The host writes
// `store_block` for BITS.

@group(0) @binding(4) var<storage, read_write> words: array<u32>;

// Elements of a block of 32 columns, four in a word.
var<private> pending: array<u32, 8>;

fn put(row: u32, col: u32, symbol: u32, branch: u32) {
    var element = symbol;
    if (LAG > 0u) { element = 2u * symbol + branch; }
    let i = col % 32u;
    pending[i / 4u] |= ((element - p.sink.base) & 0xffu) << (8u * (i % 4u));
    if (i == 31u || col + 1u == p.sink.cols) {
        store_block(((row / 32u) * p.sink.blocks + col / 32u) * BITS * 32u + row % 32u);
        for (var j = 0u; j < 8u; j++) { pending[j] = 0u; }
    }
}

fn skips(first: u32, rows: u32) -> bool {
    return false;
}
