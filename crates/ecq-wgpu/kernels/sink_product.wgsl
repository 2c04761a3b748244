// Multiplies what kernels decode with up to ROWS rows of activations: a product that reads streams. Elements
// of a row come in ascending order of columns, to one thread. Sums are in the order of sums.wgsl.

@group(0) @binding(4) var<storage, read> digits: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read> side: array<u32>;
@group(0) @binding(7) var<storage, read> x: array<f32>;
@group(0) @binding(8) var<storage, read> bias: array<f32>;
@group(0) @binding(9) var<storage, read_write> y: array<f32>;

struct Sink {
    cols: u32,
    blocks: u32,
    stride: u32,
    base: u32,                   // subtracted from elements
    product: ProductParameters,
}

struct Codes {
    a: vec4<u32>,
    b: vec4<u32>,
}

fn parameters() -> ProductParameters {
    return p.sink.product;
}

// Elements of a block of 32 columns, four in a word.
var<private> pending: array<u32, 8>;
// Sums of this range of blocks, and of the ranges before it.
var<private> total: array<f32, ROWS>;
var<private> before_total: array<f32, ROWS>;
var<private> split: u32;

// Returns whether no row of a tile is multiplied.
fn skips(first: u32, rows: u32) -> bool {
    return first + rows <= p.sink.product.first || first >= p.sink.product.first + p.sink.product.count;
}

fn end_range(row: u32) {
    let rows_in_use = active_rows[p.sink.product.which];
    var sums = total;
    if (p.sink.product.m.listed != 0u) { add_outliers(row, split, 0u, 1u, rows_in_use, &sums); }
    for (var r = 0u; r < ROWS; r++) {
        if (split == 0u) { before_total[r] = sums[r]; } else { before_total[r] += sums[r]; }
        total[r] = 0.0;
    }
    split++;
}

fn put(row: u32, col: u32, symbol: u32, branch: u32) {
    let m = p.sink.product.m;
    if (col == 0u) {
        split = 0u;
        for (var r = 0u; r < ROWS; r++) { total[r] = 0.0; }
    }
    var element = symbol;
    if (LAG > 0u) { element = 2u * symbol + branch; }
    let i = col % 32u;
    pending[i / 4u] |= ((element - p.sink.base) & ((1u << BITS) - 1u)) << (8u * (i % 4u));
    if (i < 31u && col + 1u < m.cols) { return; }
    let block = col / 32u;
    var codes = Codes(vec4<u32>(pending[0], pending[1], pending[2], pending[3]),
                      vec4<u32>(pending[4], pending[5], pending[6], pending[7]));
    // Codes of eight bits are less 128, so that they are signed.
    if (BITS == 8u) {
        codes.a ^= vec4<u32>(0x80808080u);
        codes.b ^= vec4<u32>(0x80808080u);
    }
    for (var j = 0u; j < 8u; j++) { pending[j] = 0u; }
    var first = vec2<f32>(0.0, 0.0);
    var second = first;
    if (GRID != UNIFORM) { first = scales_of(m, row, block, 0u); }
    if (GRID == SUPER_BLOCKS && GROUP == 16u) { second = scales_of(m, row, block, 1u); }
    for (var r = 0u; r < ROWS; r++) {
        total[r] = add_block(total[r], codes, (r * m.blocks + block) * BLOCK_VECTORS, first, second);
    }
    if (block + 1u < range_of(m.blocks, split).y) { return; }
    end_range(row);
    if (col + 1u < m.cols) { return; }
    while (split < SPLITS) { end_range(row); }
    let rows_in_use = active_rows[p.sink.product.which];
    if (row < p.sink.product.first || row >= p.sink.product.first + p.sink.product.count) { return; }
    for (var r = 0u; r < ROWS; r++) {
        if (r >= rows_in_use) { break; }
        let at = r * p.sink.product.y_stride + p.sink.product.y_first + row - p.sink.product.first;
        y[at] = result_of(row, before_total[r]);
    }
}
