// What all products know of their results. Kernels that use this have `parameters`, `side` and `bias`.

struct ProductParameters {
    m: Matrix,
    which: u32,
    first: u32,                  // rows of the matrix
    count: u32,
    y_stride: u32,
    y_first: u32,
    biased: u32,
    unused_a: u32,
    unused_b: u32,
}

// Returns the result of a row of the matrix from the sum over all ranges.
fn result_of(row: u32, sum: f32) -> f32 {
    let q = parameters();
    var step = 1.0;
    if (GRID == UNIFORM || GRID == LEVELS) { step = side_float(q.m.scales + row); }
    var offset = 0.0;
    if (q.biased != 0u) { offset = bias[q.y_first + row - q.first]; }
    return fma(sum, step, offset);
}
