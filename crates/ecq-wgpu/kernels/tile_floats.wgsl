// Blocks in workgroup memory as floats, for adapters without dot products of bytes: a fused multiply-add in
// place of two extractions, a product and a sum. Sums of 16 products of bytes are integers below 2^24, so
// that they are exact in any order.

const TILE: u32 = 16u * ROWS;
// Vectors of a row: one is unused, so that rows are in different banks.
const STRIDE: u32 = 9u;

var<workgroup> tile_codes: array<vec4<f32>, 32u * STRIDE>;
var<workgroup> tile_high: array<vec4<f32>, TILE * STRIDE>;
var<workgroup> tile_low: array<vec4<f32>, TILE * STRIDE>;

// Products of 16 columns, of two rows of the matrix with each row of activations.
struct HalfProducts {
    a: array<i32, ROWS>,
    b: array<i32, ROWS>,
}

fn keep_codes(row: u32, codes: Codes) {
    for (var i = 0u; i < 4u; i++) {
        tile_codes[row * STRIDE + i] = vec4<f32>(unpack4xI8(codes.a[i]));
        tile_codes[row * STRIDE + 4u + i] = vec4<f32>(unpack4xI8(codes.b[i]));
    }
}

fn keep_digits(row: u32, part: u32, bytes: vec4<u32>) {
    let at = row * STRIDE + 4u * (part % 2u);
    for (var i = 0u; i < 4u; i++) {
        let values = vec4<f32>(unpack4xI8(bytes[i]));
        if (part < 2u) { tile_high[at + i] = values; } else { tile_low[at + i] = values; }
    }
}

fn half_products(row: u32, own: u32, half: u32) -> HalfProducts {
    var high_a: array<f32, ROWS>;
    var high_b: array<f32, ROWS>;
    var low_a: array<f32, ROWS>;
    var low_b: array<f32, ROWS>;
    for (var i = 0u; i < 4u; i++) {
        let a = tile_codes[row * STRIDE + 4u * half + i];
        let b = tile_codes[(row + 16u) * STRIDE + 4u * half + i];
        for (var r = 0u; r < ROWS; r++) {
            let high = tile_high[(own + 16u * r) * STRIDE + 4u * half + i];
            let low = tile_low[(own + 16u * r) * STRIDE + 4u * half + i];
            high_a[r] += dot(a, high);
            high_b[r] += dot(b, high);
            low_a[r] += dot(a, low);
            low_b[r] += dot(b, low);
        }
    }
    var products: HalfProducts;
    for (var r = 0u; r < ROWS; r++) {
        products.a[r] = 256 * i32(high_a[r]) + i32(low_a[r]);
        products.b[r] = 256 * i32(high_b[r]) + i32(low_b[r]);
    }
    return products;
}
