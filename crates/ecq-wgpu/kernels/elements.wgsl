// Single elements and weights of matrices whose elements are packed in `words`.

// The place of the words of a block of a row.
fn block_place(m: Matrix, row: u32, block: u32) -> u32 {
    return ((row / 32u) * m.blocks + block) * BITS * 32u + row % 32u;
}

// Returns an element of codes, one of few.
fn single_code(m: Matrix, row: u32, col: u32) -> u32 {
    let at = block_place(m, row, col / 32u);
    let byte = col % 4u;
    let word = col % 32u / 4u;
    var code = 0u;
    var load = 0u;
    var shift = 0u;
    for (var width = 8u; width > 0u; width /= 2u) {
        if ((BITS & width) == 0u) { continue; }
        let per_word = 8u / width;
        let bits = words[at + (load + word / per_word) * 32u];
        code |= (bits >> (8u * byte + width * (word % per_word)) & ((1u << width) - 1u)) << shift;
        load += width;
        shift += width;
    }
    return code;
}

// Returns what is added to an element, 0 for most. Outliers of a row are in ascending order of columns.
fn outlier_at(m: Matrix, row: u32, col: u32) -> f32 {
    var low = side[m.starts + row];
    let last = side[m.starts + row + 1u];
    var high = last;
    while (low < high) {
        let middle = (low + high) / 2u;
        if (side[m.outliers + 2u * middle] < col) { low = middle + 1u; } else { high = middle; }
    }
    if (low < last && side[m.outliers + 2u * low] == col) { return side_float(m.outliers + 2u * low + 1u); }
    return 0.0;
}

// Returns a float of a matrix of floats.
fn single_float(m: Matrix, row: u32, col: u32) -> f32 {
    let at = block_place(m, row, col / 32u);
    if (BITS == 32u) { return bitcast<f32>(words[at + col % 32u * 32u]); }
    return float_of_pair(SCALES, words[at + col % 32u / 2u * 32u], col);
}

// Returns a weight.
fn single_weight(m: Matrix, row: u32, col: u32) -> f32 {
    if (GRID == DENSE) { return single_float(m, row, col); }
    let element = single_code(m, row, col);
    let code = f32(bitcast<i32>(element) - m.zero);
    if (GRID == AFFINE_ANY) {
        let at = m.scales + 2u * (row * m.groups + col / m.group_size);
        return fma(side_float(at), code, side_float(at + 1u));
    }
    if (GRID == AFFINE || GRID == SUPER_BLOCKS) {
        let scales = scales_of(m, row, col / 32u, col % 32u / 16u);
        return fma(scales.x, code, scales.y);
    }
    var value = code;
    if (GRID == LEVELS) { value = side_float(m.more + element); }
    if (m.listed != 0u) { value += outlier_at(m, row, col); }
    return scaled_activation(m, side_float(m.scales + row) * value, col);
}
