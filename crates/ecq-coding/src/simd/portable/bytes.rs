//! Rearranges decoded symbols.

/// Transposes a block of 16 x 16 bytes; rows lie `from_stride` and `to_stride` bytes apart.
pub(crate) fn transpose_16x16(from: &[u8], from_stride: usize, to: &mut [u8], to_stride: usize) {
    for row in 0..16 {
        for col in 0..16 {
            to[row * to_stride + col] = from[col * from_stride + row];
        }
    }
}

/// Writes four columns of 16 rows as 16 rows of four columns.
#[inline(always)]
pub(crate) fn interleave(columns: [&[u8; 16]; 4], out: &mut [u8; 64]) {
    for (row, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *out = columns.map(|column| column[row]);
    }
}

/// Widens 32 values of four bits, the first of a byte in its low bits, to bytes.
#[inline(always)]
pub(crate) fn widen_nibbles(nibbles: &[u8; 16], out: &mut [u8; 32]) {
    for (out, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(nibbles) {
        *out = [byte & 15, byte >> 4];
    }
}

#[cfg(test)]
mod tests {
    use crate::simd::bytes as native;

    #[test]
    fn native_instructions_give_the_same_bytes() {
        let from: Vec<u8> = (0..16 * 20u32).map(|i| (i * 151 % 251) as u8).collect();
        let (mut expected, mut found) = (vec![7; 16 * 19], vec![7; 16 * 19]);
        super::transpose_16x16(&from, 20, &mut expected, 19);
        native::transpose_16x16(&from, 20, &mut found, 19);
        assert_eq!(found, expected);

        let columns: [&[u8; 16]; 4] = [0, 31, 62, 93].map(|at| from[at..].first_chunk().unwrap());
        let (mut expected, mut found) = ([0; 64], [0; 64]);
        super::interleave(columns, &mut expected);
        native::interleave(columns, &mut found);
        assert_eq!(found, expected);

        let (mut expected, mut found) = ([0; 32], [0; 32]);
        super::widen_nibbles(columns[3], &mut expected);
        native::widen_nibbles(columns[3], &mut found);
        assert_eq!(found, expected);
    }
}
