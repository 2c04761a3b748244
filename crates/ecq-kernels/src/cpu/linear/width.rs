//! Where fixed-width codes lie in bytes, so that shifts and masks of whole vectors take them out.

/// Quads (four columns) of a block, and so codes that each byte position of a block has.
pub(super) const QUADS: usize = 8;

/// Some bits of a code: `bits` bits from bit `from` of byte `byte` go to bit `to` of the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) byte: usize,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) bits: u32,
}

/// The pieces of eight codes of `W` bits that share `W` bytes.
///
/// Every byte holds as many whole codes as it can; its bits above them are strung together, lowest byte first, and
/// hold the codes that are left (as many as a byte has such bits).
#[derive(Debug, Clone, Copy)]
pub(super) struct Placement {
    pieces: [[Piece; 8]; QUADS],
    count: [usize; QUADS],
}

impl Placement {
    pub(super) const fn new(width: usize) -> Self {
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

    /// Piece `i` of code `code`, or nothing.
    pub(super) const fn piece(&self, code: usize, i: usize) -> Piece {
        self.pieces[code][i]
    }

    /// The pieces of code `code`.
    #[inline(always)]
    pub(super) const fn of(&self, code: usize) -> &[Piece] {
        self.pieces[code].split_at(self.count[code]).0
    }
}

/// Puts eight codes of `W` bits, one for each quad of a block, into `W` bytes.
pub(super) fn place<const W: usize>(codes: [u8; QUADS]) -> [u8; QUADS] {
    let placement = const { Placement::new(W) };
    let mut bytes = [0; QUADS];
    for (code, &value) in codes.iter().enumerate() {
        for piece in placement.of(code) {
            let part = value >> piece.to & (u16::MAX >> (16 - piece.bits)) as u8;
            bytes[piece.byte] |= part << piece.from;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_bit_has_its_own_place<const W: usize>() {
        let mut seen = [[false; 8]; 8];
        for code in 0..QUADS {
            for bit in 0..W {
                let mut codes = [0; QUADS];
                codes[code] = 1 << bit;
                let bytes = place::<W>(codes);
                let ones: Vec<(usize, u32)> = (0..8)
                    .flat_map(|byte| (0..8).map(move |at| (byte, at)))
                    .filter(|&(byte, at)| bytes[byte] >> at & 1 == 1)
                    .collect();
                let [(byte, at)] = ones[..] else { panic!("width {W}: {ones:?}") };
                assert!(byte < W && !std::mem::replace(&mut seen[byte][at as usize], true));
            }
        }
    }

    #[test]
    fn every_bit_of_every_width_has_its_own_place() {
        every_bit_has_its_own_place::<2>();
        every_bit_has_its_own_place::<3>();
        every_bit_has_its_own_place::<4>();
        every_bit_has_its_own_place::<5>();
        every_bit_has_its_own_place::<6>();
        every_bit_has_its_own_place::<7>();
        every_bit_has_its_own_place::<8>();
    }
}
