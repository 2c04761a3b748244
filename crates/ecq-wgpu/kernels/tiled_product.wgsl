// Products of many rows of activations with matrices of codes whose blocks are summed exactly in integers.
//
// Constants: those of matrix.wgsl, and ROWS, the rows of activations of a thread.
//
// A workgroup has 32 rows of the matrix and 16 * ROWS rows of activations. Block by block, the codes of the
// former and the digits of the latter go to workgroup memory, in the form of tile_bytes.wgsl or of
// tile_floats.wgsl. A thread has two rows of the matrix, 16 apart, and ROWS rows of activations, 16 apart.
// Sums are in the order of sums.wgsl.

@group(0) @binding(0) var<uniform> p: ProductParameters;
@group(0) @binding(2) var<storage, read> words: array<u32>;
@group(0) @binding(3) var<storage, read> side: array<u32>;
@group(0) @binding(4) var<storage, read> digits: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> x: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

fn parameters() -> ProductParameters {
    return p;
}

// Scale and sums of a block of each row of activations.
var<workgroup> tile_sums: array<vec4<u32>, TILE>;

// Brings a block of all rows of the tile to workgroup memory.
fn fetch(thread: u32, tile_row: u32, row0: u32, last: u32, block: u32) {
    if (thread < 32u) {
        keep_codes(thread, unpack(block_place(p.m, tile_row + thread, block)));
        return;
    }
    for (var i = thread - 32u; i < BLOCK_VECTORS * TILE; i += 224u) {
        let row = i / BLOCK_VECTORS;
        let part = i % BLOCK_VECTORS;
        let digit = digits[(min(row0 + row, last) * p.m.blocks + block) * BLOCK_VECTORS + part];
        if (part < 4u) { keep_digits(row, part, digit); } else { tile_sums[row] = digit; }
    }
}

@compute @workgroup_size(256)
fn tiled_product(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row0 = group.y * TILE;
    let rows_in_use = active_rows[p.which];
    if (row0 >= rows_in_use) { return; }
    let own = thread / 16u;
    let tile_row = (p.first / 32u + group.x) * 32u;
    let row_a = tile_row + thread % 16u;
    let row_b = row_a + 16u;
    // Threads behind the last row read its side data.
    let known_a = min(row_a, p.m.rows - 1u);
    let known_b = min(row_b, p.m.rows - 1u);
    var sum_a: array<f32, ROWS>;
    var sum_b: array<f32, ROWS>;
    for (var split = 0u; split < SPLITS; split++) {
        let range = range_of(p.m.blocks, split);
        var total_a: array<f32, ROWS>;
        var total_b: array<f32, ROWS>;
        for (var block = range.x; block < range.y; block++) {
            // All threads have multiplied the block before.
            workgroupBarrier();
            fetch(thread, tile_row, row0, rows_in_use - 1u, block);
            workgroupBarrier();
            let one = half_products(thread % 16u, own, 0u);
            let two = half_products(thread % 16u, own, 1u);
            var first_a = vec2<f32>(0.0, 0.0);
            var first_b = first_a;
            var second_a = first_a;
            var second_b = first_a;
            if (GRID != UNIFORM) {
                first_a = scales_of(p.m, known_a, block, 0u);
                first_b = scales_of(p.m, known_b, block, 0u);
            }
            if (GRID == SUPER_BLOCKS && GROUP == 16u) {
                second_a = scales_of(p.m, known_a, block, 1u);
                second_b = scales_of(p.m, known_b, block, 1u);
            }
            for (var r = 0u; r < ROWS; r++) {
                let sums = tile_sums[own + 16u * r];
                total_a[r] = add_sums(total_a[r], one.a[r], two.a[r], sums, first_a, second_a);
                total_b[r] = add_sums(total_b[r], one.b[r], two.b[r], sums, first_b, second_b);
            }
        }
        if (p.m.listed != 0u) {
            add_outliers(known_a, split, row0 + own, 16u, rows_in_use, &total_a);
            add_outliers(known_b, split, row0 + own, 16u, rows_in_use, &total_b);
        }
        for (var r = 0u; r < ROWS; r++) {
            if (split == 0u) { sum_a[r] = total_a[r]; } else { sum_a[r] += total_a[r]; }
            if (split == 0u) { sum_b[r] = total_b[r]; } else { sum_b[r] += total_b[r]; }
        }
    }
    for (var r = 0u; r < ROWS; r++) {
        let row = row0 + own + 16u * r;
        if (row >= rows_in_use) { break; }
        let at = row * p.y_stride + p.y_first - p.first;
        if (row_a >= p.first && row_a < p.first + p.count) { y[at + row_a] = result_of(row_a, sum_a[r]); }
        if (row_b >= p.first && row_b < p.first + p.count) { y[at + row_b] = result_of(row_b, sum_b[r]); }
    }
}
