//! Matrices turned, a block at a time, so that both sides stay in the cache.

const BLOCK: usize = 32;

/// `[rows, cols]` elements of `WIDTH` bytes, row-major, as `[cols, rows]`.
pub(crate) fn transpose<const WIDTH: usize>(bytes: &[u8], rows: usize, cols: usize) -> Vec<u8> {
    let elements = bytes.as_chunks::<WIDTH>().0;
    debug_assert_eq!(elements.len(), rows * cols);
    let mut out = vec![0; bytes.len()];
    let turned = out.as_chunks_mut::<WIDTH>().0;
    for first_row in (0..rows).step_by(BLOCK) {
        for first_col in (0..cols).step_by(BLOCK) {
            for col in first_col..cols.min(first_col + BLOCK) {
                for row in first_row..rows.min(first_row + BLOCK) {
                    turned[col * rows + row] = elements[row * cols + col];
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
    fn rows_become_columns_whatever_the_shape() {
        for (rows, cols) in [(1, 1), (3, 70), (33, 32), (64, 5), (0, 4)] {
            let bytes: Vec<u8> = (0..rows * cols * 2).map(|i| (i * 7 % 251) as u8).collect();
            let turned = transpose::<2>(&bytes, rows, cols);
            for (row, col) in (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col))) {
                assert_eq!(turned[2 * (col * rows + row)..][..2], bytes[2 * (row * cols + col)..][..2]);
            }
            assert_eq!(transpose::<2>(&turned, cols, rows), bytes);
        }
    }
}
