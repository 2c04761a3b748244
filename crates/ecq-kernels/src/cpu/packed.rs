//! Fixed-width codes: `bits` a code, least significant first, each row padded to whole bytes.

/// Bytes of a row of `cols` codes of `bits` bits.
pub fn packed_row_bytes(cols: usize, bits: u32) -> usize {
    (cols * bits as usize).div_ceil(8)
}

/// Width of the codes of an alphabet.
pub(crate) fn width(alphabet: u16) -> u32 {
    (u32::from(alphabet) - 1).ilog2() + 1
}

/// Packs rows of `cols` symbols, each below the alphabet size.
pub fn pack(symbols: &[u8], cols: usize, alphabet: u16) -> Vec<u8> {
    let bits = width(alphabet);
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

/// Unpacks rows of `cols` symbols; `packed` holds whole rows.
pub fn unpack(packed: &[u8], cols: usize, alphabet: u16) -> Vec<u8> {
    let bits = width(alphabet);
    let mask = (1u32 << bits) - 1;
    let row_bytes = packed_row_bytes(cols, bits);
    let mut out = Vec::with_capacity(packed.len() / row_bytes * cols);
    for row in packed.chunks_exact(row_bytes) {
        let mut bytes = row.iter();
        let (mut buffer, mut filled) = (0u32, 0);
        for _ in 0..cols {
            if filled < bits {
                buffer |= u32::from(bytes.next().copied().unwrap_or(0)) << filled;
                filled += 8;
            }
            out.push((buffer & mask) as u8);
            buffer >>= bits;
            filled -= bits;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_round_trips() {
        for alphabet in [2u16, 3, 4, 8, 9, 16, 31, 32, 64, 100, 128, 200, 256] {
            for cols in [1, 2, 7, 8, 33] {
                let symbols: Vec<u8> = (0..5 * cols).map(|i| (i * 37 % usize::from(alphabet)) as u8).collect();
                let packed = pack(&symbols, cols, alphabet);
                assert_eq!(packed.len(), 5 * packed_row_bytes(cols, width(alphabet)));
                assert_eq!(unpack(&packed, cols, alphabet), symbols);
            }
        }
    }
}
