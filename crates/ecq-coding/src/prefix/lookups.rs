//! The hot loop of the decoder: lookups of eight lanes in step.
//!
//! A lane's next bits sit in a register, a set bit on top of them moves down with the bits that are taken and so counts
//! them. Each lookup takes the low 12 bits; after [`Tables::batch`] lookups the register is filled again. A refill gives
//! at least 57 bits, so a batch that took more is not to be trusted; an escape (or no codeword at all) is entered as
//! 63 bits, so one comparison at the end of a batch finds both, and the batch is done again codeword by codeword.

use super::code::{MAX_WIDTH, PrefixCode};
use crate::quads::STEP;

/// Lanes decoded in step: as many as registers hold, so that one lookup's latency hides behind the others'.
pub(super) const LANES: usize = 8;
/// Bits that a refill gives at least.
pub(super) const FILLED: usize = 57;
/// Bits that an entry claims which is none.
const NONE: u8 = 63;
/// Entries of a table.
const ENTRIES: usize = 1 << MAX_WIDTH;

/// What lookups read: by the next 12 bits, the symbols of a tuple, and the length of its codeword.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    /// `ENTRIES` symbols of [`size`](Self::size) bytes, then as many lengths.
    bytes: Vec<u8>,
    pub(super) tuple: usize,
    /// Lookups between two refills.
    pub(super) batch: usize,
}

impl Tables {
    pub(super) fn new(code: &PrefixCode) -> Self {
        let (alphabet, tuple) = (code.table().alphabet(), code.tuple());
        let mut symbols = vec![0u32; ENTRIES];
        let mut lengths = vec![NONE; ENTRIES];
        for (index, (&length, &codeword)) in code.lengths.iter().zip(&code.codewords).enumerate() {
            if length > 0 {
                let digits = (0..tuple).map(|i| index / alphabet.pow(i as u32) % alphabet);
                let all = digits.enumerate().fold(0, |all, (i, s)| all | (s as u32) << (8 * i));
                for at in (usize::from(codeword)..ENTRIES).step_by(1 << length) {
                    (symbols[at], lengths[at]) = (all, length);
                }
            }
        }
        // A codeword of `l` bits fills `2^-l` of the table, which is about how often it comes. Six lookups for each
        // refill where they are all but sure to fit.
        let coded = lengths.iter().filter(|&&l| l != NONE).map(|&l| f64::from(l));
        let (count, sum, squares) = coded.fold((0.0, 0.0, 0.0), |(n, s, q), l| (n + 1.0, s + l, q + l * l));
        let (mean, variance) = (sum / count, squares / count - (sum / count) * (sum / count));
        let six = tuple > 1 && 6.0 * mean + 5.0 * (6.0 * variance).sqrt() <= FILLED as f64;
        let size = Self::size_of(tuple);
        let mut bytes: Vec<u8> =
            symbols.iter().flat_map(|s| s.to_le_bytes().into_iter().take(size)).collect();
        bytes.extend(lengths);
        Self { bytes, tuple, batch: if six { 6 } else { 4 } }
    }

    /// Bytes of an entry's symbols.
    const fn size_of(tuple: usize) -> usize {
        if tuple == 3 { 4 } else { tuple }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The tuple that begins with these bits and the length of its codeword; `None` for an escape or no codeword.
    #[inline(always)]
    pub(super) fn entry(&self, bits: u64) -> Option<(u32, usize)> {
        let index = bits as usize % ENTRIES;
        let size = Self::size_of(self.tuple);
        let mut symbols = [0; 4];
        symbols[..size].copy_from_slice(&self.bytes[index * size..][..size]);
        let length = self.bytes[ENTRIES * size + index];
        (length != NONE).then_some((u32::from_le_bytes(symbols), length.into()))
    }

    /// Bytes from one batch's output to the next one's.
    pub(super) fn step(&self) -> usize {
        self.batch * if self.tuple == 3 { 4 * LANES } else { STEP * self.tuple / 4 }
    }

    /// Where lookup `lookup` of lane `lane` is written: a quad holds the symbols of `4 / tuple` lookups. Tuples of
    /// three do not fit quads; they are written as `[lookups][lanes]` of four bytes.
    pub(super) fn place(&self, lookup: usize, lane: usize) -> usize {
        match self.tuple {
            3 => lookup * 4 * LANES + lane * 4,
            tuple => lookup * tuple / 4 * STEP + lane * 4 + lookup * tuple % 4,
        }
    }

    /// Decodes up to `batches` batches of eight lanes that begin at bits `at`; stops before one that cannot be trusted.
    /// Returns how many were done, with `at` behind them, and the bits that each lane took in the one that was not: of the
    /// symbols written in it, those of lanes that took at most [`FILLED`] are right.
    ///
    /// # Safety
    /// `bytes` holds at least 8, and for each lane and batch the byte of the lane's first bit is at most the eighth
    /// from the end; `out` has room for what [`place`](Self::place) says.
    pub(super) unsafe fn decode(
        &self,
        bmi2: bool,
        bytes: &[u8],
        at: &mut [usize; LANES],
        batches: usize,
        out: *mut u8,
    ) -> (usize, [usize; LANES]) {
        #[cfg(target_arch = "x86_64")]
        if bmi2 {
            // SAFETY: as this function's; the caller found BMI2 and LZCNT.
            return unsafe { super::lookups_x86::decode(self, &self.bytes, bytes, at, batches, out) };
        }
        let _ = bmi2;
        for batch in 0..batches {
            let mut taken = [0; LANES];
            for (lane, taken) in taken.iter_mut().enumerate() {
                // SAFETY: the byte is at most the eighth from the end.
                let word = unsafe { bytes.as_ptr().add(at[lane] / 8).cast::<u64>().read_unaligned() };
                let mut buffer = u64::from_le(word) >> (at[lane] % 8) | 1 << 63;
                for lookup in 0..self.batch {
                    let size = Self::size_of(self.tuple);
                    let index = buffer as usize % ENTRIES;
                    let symbols = &self.bytes[index * size..][..size];
                    // SAFETY: the place is within the room that the caller has.
                    let to = unsafe { out.add(batch * self.step() + self.place(lookup, lane)) };
                    // SAFETY: as above.
                    unsafe { symbols.as_ptr().copy_to_nonoverlapping(to, size) };
                    buffer >>= self.bytes[ENTRIES * size + index];
                }
                *taken = buffer.leading_zeros() as usize;
            }
            if taken.iter().any(|&taken| taken > FILLED) {
                return (batch, taken);
            }
            at.iter_mut().zip(taken).for_each(|(at, taken)| *at += taken);
        }
        (batches, [0; LANES])
    }
}
