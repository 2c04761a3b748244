// Sums of products, which kernels that read packed codes and kernels that decode share.
//
// The blocks of a row are divided into SPLITS ranges. Order of sums: blocks of a range in ascending order,
// then outliers SPLITS apart, then ranges in ascending order. It depends on the matrix alone, so that a row
// has the same result beside any other rows, and in every mode.

// Constants: those of matrix.wgsl, and VALUES, whether activations are values or bytes (prepare.wgsl).

const SPLITS: u32 = 8u;
// Vectors of a block of activations.
const BLOCK_VECTORS: u32 = select(5u, 9u, VALUES == 1u);

// Kernels that use this have `digits` and `x`.

// Returns the products of eight bytes with as many digits.
fn dot_half(a: vec4<u32>, b: vec4<u32>) -> i32 {
    return dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y) + dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w);
}

// Returns the product of four bytes with as many values.
fn dot_values(bytes: u32, values: vec4<u32>) -> i32 {
    let products = unpack4xI8(bytes) * bitcast<vec4<i32>>(values);
    return products.x + products.y + products.z + products.w;
}

// Returns the product of 16 bytes with as many values.
fn half_of_values(a: vec4<u32>, at: u32) -> i32 {
    let first = dot_values(a.x, digits[at]) + dot_values(a.y, digits[at + 1u]);
    return first + dot_values(a.z, digits[at + 2u]) + dot_values(a.w, digits[at + 3u]);
}

// Adds the products of a block of codes with a row of activations.
fn add_block(total: f32, codes: Codes, at: u32, first: vec2<f32>, second: vec2<f32>) -> f32 {
    if (VALUES == 1u) {
        let of_a = half_of_values(codes.a, at);
        let of_b = half_of_values(codes.b, at + 4u);
        return add_sums(total, of_a, of_b, digits[at + 8u], first, second);
    }
    let one = 256 * dot_half(codes.a, digits[at]) + dot_half(codes.a, digits[at + 2u]);
    let two = 256 * dot_half(codes.b, digits[at + 1u]) + dot_half(codes.b, digits[at + 3u]);
    return add_sums(total, one, two, digits[at + 4u], first, second);
}

// Adds a block whose first 16 codes have the product `one` with the digits of a row of activations, and the
// others `two`; `sums` has the scale of the digits and their sums.
fn add_sums(total: f32, one: i32, two: i32, sums: vec4<u32>, first: vec2<f32>, second: vec2<f32>) -> f32 {
    let zero = parameters().m.zero;
    let x_scale = bitcast<f32>(sums.x);
    if (GRID == SUPER_BLOCKS && GROUP == 16u) {
        let of_first = bitcast<i32>(sums.y);
        let of_second = bitcast<i32>(sums.z);
        var sum = fma(first.x * x_scale, f32(one - zero * of_first), total);
        if (BIASED != 0u) { sum = fma(first.y * x_scale, f32(of_first), sum); }
        sum = fma(second.x * x_scale, f32(two - zero * of_second), sum);
        if (BIASED != 0u) { sum = fma(second.y * x_scale, f32(of_second), sum); }
        return sum;
    }
    let of_x = bitcast<i32>(sums.w);
    let product = f32(one + two - zero * of_x);
    if (GRID == UNIFORM) { return fma(x_scale, product, total); }
    var sum = fma(first.x * x_scale, product, total);
    if (BIASED != 0u) { sum = fma(first.y * x_scale, f32(of_x), sum); }
    return sum;
}

// Returns the blocks of a range: the first one, and the first one behind.
fn range_of(blocks: u32, split: u32) -> vec2<u32> {
    let per_split = (blocks + SPLITS - 1u) / SPLITS;
    let begin = min(split * per_split, blocks);
    return vec2<u32>(begin, min(begin + per_split, blocks));
}

// Adds the outliers of a range of a row to products with ROWS rows of activations, `step` apart.
fn add_outliers(
    row: u32, split: u32, row0: u32, step: u32, rows_in_use: u32, total: ptr<function, array<f32, ROWS>>
) {
    let m = parameters().m;
    for (var i = side[m.starts + row] + split; i < side[m.starts + row + 1u]; i += SPLITS) {
        let col = side[m.outliers + 2u * i];
        let added = side_float(m.outliers + 2u * i + 1u);
        for (var r = 0u; r < ROWS; r++) {
            let own = row0 + r * step;
            if (own >= rows_in_use) { break; }
            let value = scaled_activation(m, x[own * m.cols + col], col);
            (*total)[r] = fma(added, value, (*total)[r]);
        }
    }
}
