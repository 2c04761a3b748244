//! Codes as a contiguous bit string, least significant bit first. MLX packs the codes of a row in this way,
//! GPTQ those of a column.
//!
//! Eight codes of `bits` bits take `bits` bytes, so codes are packed and unpacked in groups of eight.

/// Number of codes that are packed and unpacked together.
pub(crate) const CODES: usize = 8;

/// Unpacks codes of `bits` (1 to 8) bits; ignores bytes after the last complete group of eight codes.
pub(crate) fn unpack(bits: u8, packed: &[u8]) -> Vec<u8> {
    let (width, mask) = (usize::from(bits), ((1u16 << bits) - 1) as u8);
    let mut codes = vec![0; packed.len() / width * CODES];
    for (codes, packed) in codes.chunks_exact_mut(CODES).zip(packed.chunks_exact(width)) {
        let mut word = [0; 8];
        word[..width].copy_from_slice(packed);
        let word = u64::from_le_bytes(word);
        for (i, code) in codes.iter_mut().enumerate() {
            *code = (word >> (i * width)) as u8 & mask;
        }
    }
    codes
}

/// Packs `codes`, each below `2^bits`; their number must be a multiple of eight.
pub(crate) fn pack(bits: u8, codes: &[u8]) -> Vec<u8> {
    let width = usize::from(bits);
    let mut packed = vec![0; codes.len() / CODES * width];
    for (codes, packed) in codes.chunks_exact(CODES).zip(packed.chunks_exact_mut(width)) {
        let word = codes.iter().rev().fold(0u64, |word, &code| word << bits | u64::from(code));
        packed.copy_from_slice(&word.to_le_bytes()[..width]);
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_are_packed_from_the_least_significant_bit() {
        let number = 1u32 | 2 << 3 | 3 << 6 | 4 << 9 | 5 << 12 | 6 << 15 | 7 << 18;
        assert_eq!(pack(3, &[1, 2, 3, 4, 5, 6, 7, 0]), number.to_le_bytes()[..3]);
        assert_eq!(pack(4, &[1, 2, 3, 4, 5, 6, 7, 8]), [0x21, 0x43, 0x65, 0x87]);
        assert_eq!(pack(8, &[9, 255, 0, 1, 2, 3, 4, 5]), [9, 255, 0, 1, 2, 3, 4, 5]);
        assert_eq!(unpack(5, &[0xff; 5]), [31; 8]);
    }

    proptest! {
        #[test]
        fn packed_codes_are_unpacked(bits in 1u8..=8, seed in prop::collection::vec(any::<[u8; 8]>(), 0..20))
        {
            let mask = u8::MAX >> (8 - bits);
            let codes: Vec<u8> = seed.concat().iter().map(|byte| byte & mask).collect();
            let packed = pack(bits, &codes);
            prop_assert_eq!(packed.len() * 8, codes.len() * usize::from(bits));
            prop_assert_eq!(unpack(bits, &packed), codes);
        }
    }
}
