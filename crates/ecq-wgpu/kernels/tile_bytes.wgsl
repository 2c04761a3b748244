// Blocks in workgroup memory as bytes, for adapters that have dot products of them.

const TILE: u32 = 16u * ROWS;
// Vectors of a row of codes: one is unused, so that rows are in different banks.
const CODE_STRIDE: u32 = 3u;

var<workgroup> tile_codes: array<vec4<u32>, 32u * CODE_STRIDE>;
// High digits of 16 columns and of the others, low digits of both.
var<workgroup> tile_digits: array<vec4<u32>, 4u * TILE>;

// Products of 16 columns, of two rows of the matrix with each row of activations.
struct HalfProducts {
    a: array<i32, ROWS>,
    b: array<i32, ROWS>,
}

fn keep_codes(row: u32, codes: Codes) {
    tile_codes[row * CODE_STRIDE] = codes.a;
    tile_codes[row * CODE_STRIDE + 1u] = codes.b;
}

fn keep_digits(row: u32, part: u32, bytes: vec4<u32>) {
    tile_digits[4u * row + part] = bytes;
}

fn half_products(row: u32, own: u32, half: u32) -> HalfProducts {
    let a = tile_codes[row * CODE_STRIDE + half];
    let b = tile_codes[(row + 16u) * CODE_STRIDE + half];
    var products: HalfProducts;
    for (var r = 0u; r < ROWS; r++) {
        let at = 4u * (own + 16u * r) + half;
        let high = tile_digits[at];
        let low = tile_digits[at + 2u];
        products.a[r] = 256 * dot_half(a, high) + dot_half(a, low);
        products.b[r] = 256 * dot_half(b, high) + dot_half(b, low);
    }
    return products;
}
