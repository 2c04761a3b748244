//! Fixed-width codes, least significant bit first, each row padded to whole bytes.

use ecq_core::{code_bits, packed_row_bytes};

/// Packs rows of `cols` symbols, each below the alphabet size.
pub fn pack(symbols: &[u8], cols: usize, alphabet: u16) -> Vec<u8> {
    let bits = code_bits(alphabet);
    let mut out = Vec::with_capacity(symbols.len() / cols * packed_row_bytes(cols, bits));
    for row in symbols.chunks_exact(cols) {
        let (mut buffer, mut filled) = (0u32, 0);
        for &symbol in row {
            buffer |= u32::from(symbol) << filled;
            filled += bits;
            if filled >= 8 {
                out.push(buffer as u8);
                buffer >>= 8;
                filled -= 8;
            }
        }
        if filled > 0 {
            out.push(buffer as u8);
        }
    }
    out
}

/// Unpacks a row of `row.len()` symbols.
pub fn unpack(packed: &[u8], alphabet: u16, row: &mut [u8]) {
    match code_bits(alphabet) {
        8 => row.copy_from_slice(&packed[..row.len()]),
        4 => {
            let (pairs, last) = row.as_chunks_mut::<2>();
            for (pair, byte) in pairs.iter_mut().zip(packed) {
                *pair = [byte & 15, byte >> 4];
            }
            if let ([symbol], Some(byte)) = (last, packed.last()) {
                *symbol = byte & 15;
            }
        }
        bits => {
            // Eight codes of `bits` bits are `bits` bytes.
            let bits = bits as usize;
            for (symbols, bytes) in row.chunks_mut(8).zip(packed.chunks(bits)) {
                let mut word = [0u8; 8];
                word[..bytes.len()].copy_from_slice(bytes);
                let word = u64::from_le_bytes(word);
                for (i, symbol) in symbols.iter_mut().enumerate() {
                    *symbol = (word >> (bits * i)) as u8 & ((1 << bits) - 1);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_round_trips() {
        for alphabet in [2u16, 3, 4, 8, 9, 16, 31, 32, 64, 100, 128, 200, 256] {
            for cols in [1, 2, 7, 8, 33] {
                let symbols: Vec<u8> =
                    (0..5 * cols).map(|i| (i * 37 % usize::from(alphabet)) as u8).collect();
                let packed = pack(&symbols, cols, alphabet);
                assert_eq!(packed.len(), 5 * packed_row_bytes(cols, code_bits(alphabet)));
                let row_bytes = packed_row_bytes(cols, code_bits(alphabet));
                let mut row = vec![0xee; cols];
                for (expected, packed) in symbols.chunks(cols).zip(packed.chunks(row_bytes)) {
                    unpack(packed, alphabet, &mut row);
                    assert_eq!(row, expected);
                }
            }
        }
    }
}
