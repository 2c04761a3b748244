//! The placement of fixed-width codes in bytes, such that shifts and masks of whole vectors extract them.

/// Groups of four columns of a block, and so codes of each byte place of a block.
pub(crate) const QUADS: usize = 8;

/// Some bits of a code: `bits` bits from bit `from` of byte `byte` become the bits from `to` on of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) byte: usize,
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) bits: u32,
}

/// The pieces of eight codes of `W` bits that share `W` bytes.
///
/// Every byte holds as many whole codes as fit. The bits above them, concatenated from the lowest byte on,
/// hold the other codes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    pieces: [[Piece; 8]; QUADS],
    count: [usize; QUADS],
}

impl Placement {
    pub(crate) const fn new(width: usize) -> Self {
        let nothing = Piece { byte: 0, from: 0, to: 0, bits: 0 };
        let mut placement = Self { pieces: [[nothing; 8]; QUADS], count: [0; QUADS] };
        let per_byte = 8 / width;
        let mut code = 0;
        while code < per_byte * width {
            let from = (code / width * width) as u32;
            placement.pieces[code][0] = Piece { byte: code % width, from, to: 0, bits: width as u32 };
            placement.count[code] = 1;
            code += 1;
        }
        let whole = (per_byte * width) as u32;
        let (mut byte, mut from) = (0, whole);
        while code < QUADS {
            let mut to = 0;
            while to < width as u32 {
                let (left, there) = (width as u32 - to, 8 - from);
                let bits = if left < there { left } else { there };
                placement.pieces[code][placement.count[code]] = Piece { byte, from, to, bits };
                placement.count[code] += 1;
                to += bits;
                from += bits;
                if from == 8 {
                    byte += 1;
                    from = whole;
                }
            }
            code += 1;
        }
        placement
    }

    /// Returns piece `i` of code `code`; empty if the code has fewer pieces.
    pub(crate) const fn piece(&self, code: usize, i: usize) -> Piece {
        self.pieces[code][i]
    }

    /// Returns the pieces of code `code`.
    #[inline(always)]
    pub(crate) const fn of(&self, code: usize) -> &[Piece] {
        self.pieces[code].split_at(self.count[code]).0
    }
}

/// Packs blocks, each of [`QUADS`] rows of 64 codes at one byte each, to `W` rows of 64 bytes: eight codes of
/// `W` bits share the `W` bytes of one place.
pub(crate) fn pack<const W: usize>(quads: &[u8], packed: &mut [u8]) {
    let (blocks, _) = quads.as_chunks::<64>().0.as_chunks::<QUADS>();
    let (packed, _) = packed.as_chunks_mut::<64>().0.as_chunks_mut::<W>();
    for (quads, packed) in blocks.iter().zip(packed) {
        let mut rows = [[0u8; 64]; W];
        for (code, quad) in quads.iter().enumerate() {
            for piece in const { Placement::new(W) }.of(code) {
                let mask = (u16::MAX >> (16 - piece.bits)) as u8;
                for (byte, code) in rows[piece.byte].iter_mut().zip(quad) {
                    *byte |= (code >> piece.to & mask) << piece.from;
                }
            }
        }
        *packed = rows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places<const W: usize>() {
        let mut seen = [[false; 8]; W];
        for code in 0..QUADS {
            for bit in 0..W {
                let mut quads = [0; 64 * QUADS];
                quads[64 * code + 5] = 1 << bit;
                let mut packed = [0xee; 512];
                pack::<W>(&quads, &mut packed[..64 * W]);
                let ones: Vec<(usize, u32)> = (0..64 * W)
                    .flat_map(|byte| (0..8).map(move |at| (byte, at)))
                    .filter(|&(byte, at)| packed[byte] >> at & 1 == 1)
                    .collect();
                let [(byte, at)] = ones[..] else { panic!("width {W}: {ones:?}") };
                assert_eq!(byte % 64, 5);
                assert!(!std::mem::replace(&mut seen[byte / 64][at as usize], true));
            }
        }
    }

    #[test]
    fn every_bit_of_every_width_has_its_own_place() {
        places::<2>();
        places::<3>();
        places::<4>();
        places::<5>();
        places::<6>();
        places::<7>();
        places::<8>();
    }
}
