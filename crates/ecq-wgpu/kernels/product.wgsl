// Products with matrices of codes, whose blocks are summed exactly in integers, and with others in f32.
//
// Constants: those of matrix.wgsl, and ROWS, the rows of activations that share unpacked codes.
//
// A workgroup has 32 rows of the matrix, one per lane, and divides their blocks into SPLITS ranges. Sums are
// in the order of sums.wgsl.

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

var<workgroup> parts: array<f32, 32u * SPLITS * ROWS>;

// Returns column `i` of a block, in single precision; `codes` are those of the block, unless it is of floats.
fn weight_at(row: u32, block: u32, i: u32, code: u32) -> f32 {
    if (GRID == DENSE) { return single_float(p.m, row, block * 32u + i); }
    if (GRID == LEVELS) { return side_float(p.m.more + code); }
    let at = p.m.scales + 2u * (row * p.m.groups + (block * 32u + i) / p.m.group_size);
    return fma(side_float(at), f32(bitcast<i32>(code) - p.m.zero), side_float(at + 1u));
}

@compute @workgroup_size(256)
fn product(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row0 = group.y * ROWS;
    let rows_in_use = active_rows[p.which];
    if (row0 >= rows_in_use) { return; }
    let lane = thread % 32u;
    let split = thread / 32u;
    let row = (p.first / 32u + group.x) * 32u + lane;
    // Lanes behind the last row read its side data.
    let known = min(row, p.m.rows - 1u);
    let range = range_of(p.m.blocks, split);
    var total: array<f32, ROWS>;
    for (var block = range.x; block < range.y; block++) {
        if (INTEGER != 0u) {
            let codes = unpack(block_place(p.m, row, block));
            var first = vec2<f32>(0.0, 0.0);
            var second = first;
            if (GRID != UNIFORM) { first = scales_of(p.m, known, block, 0u); }
            if (GRID == SUPER_BLOCKS && GROUP == 16u) { second = scales_of(p.m, known, block, 1u); }
            for (var r = 0u; r < ROWS; r++) {
                let at = ((row0 + r) * p.m.blocks + block) * BLOCK_VECTORS;
                total[r] = add_block(total[r], codes, at, first, second);
            }
        } else {
            var codes: Codes;
            if (GRID != DENSE) { codes = unpack(block_place(p.m, row, block)); }
            let count = min(32u, p.m.cols - block * 32u);
            for (var i = 0u; i < count; i++) {
                var code = 0u;
                if (GRID != DENSE) { code = code_at(codes, i); }
                let weight = weight_at(known, block, i, code);
                let col = block * 32u + i;
                for (var r = 0u; r < ROWS; r++) {
                    if (row0 + r >= rows_in_use) { break; }
                    let value = scaled_activation(p.m, x[(row0 + r) * p.m.cols + col], col);
                    total[r] = fma(weight, value, total[r]);
                }
            }
        }
    }
    if (p.m.listed != 0u) { add_outliers(known, split, row0, 1u, rows_in_use, &total); }
    for (var r = 0u; r < ROWS; r++) { parts[(split * ROWS + r) * 32u + lane] = total[r]; }
    workgroupBarrier();
    for (var i = thread; i < 32u * ROWS; i += 256u) {
        let r = i / 32u;
        let out = (p.first / 32u + group.x) * 32u + i % 32u;
        if (row0 + r >= rows_in_use || out < p.first || out >= p.first + p.count) { continue; }
        var sum = parts[i];
        for (var other = 1u; other < SPLITS; other++) { sum += parts[other * ROWS * 32u + i]; }
        y[(row0 + r) * p.y_stride + p.y_first + out - p.first] = result_of(out, sum);
    }
}
