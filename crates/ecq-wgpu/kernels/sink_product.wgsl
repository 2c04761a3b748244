// Multiplies the blocks of rows that kernels decode with up to ROWS rows of activations: a product that reads
// streams. A row belongs to one thread. Sums are in the order of sums.wgsl.

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

fn parameters() -> ProductParameters {
    return p.sink.product;
}

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

fn put_block(row: u32, block: u32, gathered: Codes) {
    let m = p.sink.product.m;
    if (block == 0u) {
        split = 0u;
        for (var r = 0u; r < ROWS; r++) { total[r] = 0.0; }
    }
    // Elements of a stream that is bad may have more bits.
    let mask = vec4<u32>(((1u << BITS) - 1u) * 0x01010101u);
    var codes = Codes(gathered.a & mask, gathered.b & mask);
    // Codes of eight bits are less 128, so that they are signed.
    if (BITS == 8u) {
        codes.a ^= vec4<u32>(0x80808080u);
        codes.b ^= vec4<u32>(0x80808080u);
    }
    var first = vec2<f32>(0.0, 0.0);
    var second = first;
    if (GRID != UNIFORM) { first = scales_of(m, row, block, 0u); }
    if (GRID == SUPER_BLOCKS && GROUP == 16u) { second = scales_of(m, row, block, 1u); }
    for (var r = 0u; r < ROWS; r++) {
        total[r] = add_block(total[r], codes, (r * m.blocks + block) * BLOCK_VECTORS, first, second);
    }
    if (block + 1u < range_of(m.blocks, split).y) { return; }
    end_range(row);
    if (block + 1u < m.blocks) { return; }
    while (split < SPLITS) { end_range(row); }
    let rows_in_use = active_rows[p.sink.product.which];
    if (row < p.sink.product.first || row >= p.sink.product.first + p.sink.product.count) { return; }
    for (var r = 0u; r < ROWS; r++) {
        if (r >= rows_in_use) { break; }
        let at = r * p.sink.product.y_stride + p.sink.product.y_first + row - p.sink.product.first;
        y[at] = result_of(row, before_total[r]);
    }
}
