//! Matrix transposition in blocks, so that reads and writes stay in the cache.

const BLOCK: usize = 32;

/// Transposes `[rows, cols]` elements of `WIDTH` bytes (row-major) to `[cols, rows]`.
pub(crate) fn transpose<const WIDTH: usize>(bytes: &[u8], rows: usize, cols: usize) -> Vec<u8> {
    let elements = bytes.as_chunks::<WIDTH>().0;
    debug_assert_eq!(elements.len(), rows * cols);
    let mut out = vec![0; bytes.len()];
    let transposed = out.as_chunks_mut::<WIDTH>().0;
    for first_row in (0..rows).step_by(BLOCK) {
        for first_col in (0..cols).step_by(BLOCK) {
            for col in first_col..cols.min(first_col + BLOCK) {
                for row in first_row..rows.min(first_row + BLOCK) {
                    transposed[col * rows + row] = elements[row * cols + col];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_transposed() {
        for (rows, cols) in [(1, 1), (3, 70), (33, 32), (64, 5), (0, 4)] {
            let bytes: Vec<u8> = (0..rows * cols * 2).map(|i| (i * 7 % 251) as u8).collect();
            let transposed = transpose::<2>(&bytes, rows, cols);
            for (row, col) in (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col))) {
                assert_eq!(transposed[2 * (col * rows + row)..][..2], bytes[2 * (row * cols + col)..][..2]);
            }
            assert_eq!(transpose::<2>(&transposed, cols, rows), bytes);
        }
    }
}
