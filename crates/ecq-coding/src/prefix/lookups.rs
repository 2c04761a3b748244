//! The hot loop of the decoder: lookups of eight lanes in step.
//!
//! A lane's next bits sit in a register, a set bit on top of them moves down with the bits that are taken and so counts
//! them. Each lookup takes the low 12 bits; after [`Tables::batch`] lookups the register is filled again. A refill gives
//! at least 57 bits, so a batch that took more is not to be trusted; an escape (or no codeword at all) is entered as
//! 63 bits, so one comparison at the end of a batch finds both, and the batch is done again codeword by codeword.

use super::code::{MAX_WIDTH, PrefixCode};
use crate::quads::{STEP, place};

/// Lanes decoded in step: as many as registers hold, so that one lookup's latency hides behind the others'.
pub(super) const LANES: usize = 8;
/// Bits that a refill gives at least.
pub(super) const FILLED: usize = 57;
/// Bits that an entry claims which is none.
const NONE: u8 = 63;
/// Entries of a table.
const ENTRIES: usize = 1 << MAX_WIDTH;

/// Bits that a table's entry gives a symbol: half a byte where alphabets allow, so that tables are small and a lookup
/// writes little.
const NIBBLE: usize = 4;

/// What lookups read: by the next 12 bits, the symbols of a tuple, and the length of its codeword.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    /// `ENTRIES` tuples of `size` bytes, then as many lengths.
    bytes: Vec<u8>,
    /// Bytes of an entry's symbols.
    size: usize,
    pub(super) tuple: usize,
    /// Whether symbols take four bits in an entry, not eight.
    pub(super) nibbles: bool,
    /// Lookups between two refills.
    pub(super) batch: usize,
}

impl Tables {
    pub(super) fn new(code: &PrefixCode) -> Self {
        let (alphabet, tuple) = (code.table().alphabet(), code.tuple());
        let nibbles = tuple > 1 && alphabet <= 1 << NIBBLE;
        let bits = if nibbles { NIBBLE } else { 8 };
        let mut symbols = vec![0u32; ENTRIES];
        let mut lengths = vec![NONE; ENTRIES];
        for (index, (&length, &codeword)) in code.lengths.iter().zip(&code.codewords).enumerate() {
            if length > 0 {
                let digits = (0..tuple).map(|i| index / alphabet.pow(i as u32) % alphabet);
                let all = digits.enumerate().fold(0, |all, (i, s)| all | (s as u32) << (bits * i));
                for at in (usize::from(codeword)..ENTRIES).step_by(1 << length) {
                    (symbols[at], lengths[at]) = (all, length);
                }
            }
        }
        // A codeword of `l` bits fills `2^-l` of the table, which is about how often it comes. Six lookups for each
        // refill where they are all but sure to fit; five were slower than four, as more batches hold an escape.
        let coded = lengths.iter().filter(|&&l| l != NONE).map(|&l| f64::from(l));
        let (count, sum, squares) = coded.fold((0.0, 0.0, 0.0), |(n, s, q), l| (n + 1.0, s + l, q + l * l));
        let (mean, variance) = (sum / count, squares / count - (sum / count) * (sum / count));
        let six = tuple > 1 && 6.0 * mean + 5.0 * (6.0 * variance).sqrt() <= FILLED as f64;
        let size = (bits * tuple).div_ceil(8).next_power_of_two();
        let mut bytes: Vec<u8> =
            symbols.iter().flat_map(|s| s.to_le_bytes().into_iter().take(size)).collect();
        bytes.extend(lengths);
        Self { bytes, size, tuple, nibbles, batch: if six { 6 } else { 4 } }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The tuple that begins with these bits, a byte a symbol, and the length of its codeword; `None` for an escape or no
    /// codeword.
    #[inline(always)]
    pub(super) fn entry(&self, bits: u64) -> Option<(u32, usize)> {
        let index = bits as usize % ENTRIES;
        let length = self.bytes[ENTRIES * self.size + index];
        let entry = &self.bytes[index * self.size..][..self.size];
        // Each size by itself: a copy of variable length is a call.
        let mut symbols = match *entry {
            [a] => a.into(),
            [a, b] => u16::from_le_bytes([a, b]).into(),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        };
        if self.nibbles {
            symbols = spread(symbols);
        }
        (length != NONE).then_some((symbols, length.into()))
    }

    /// Writes a tuple, a byte a symbol, where and as lookup `lookup` of lane `lane` would.
    pub(super) fn write(&self, symbols: u32, lookup: usize, lane: usize, to: &mut [u8]) {
        let symbols = match self.nibbles {
            true => symbols.to_le_bytes().iter().rev().fold(0, |all, &s| all << NIBBLE | u32::from(s)),
            false => symbols,
        };
        match &mut to[self.place(lookup, lane)..][..self.size] {
            [a] => *a = symbols as u8,
            [a, b] => [*a, *b] = (symbols as u16).to_le_bytes(),
            out => out.copy_from_slice(&symbols.to_le_bytes()),
        }
    }

    /// Whether what lookups write must yet be made quads of bytes.
    pub(super) fn waits(&self) -> bool {
        self.nibbles || self.tuple == 3
    }

    /// Bytes from one batch's output to the next one's.
    pub(super) fn step(&self) -> usize {
        self.place(self.batch, 0)
    }

    /// Where lookup `lookup` of lane `lane` is written. Whole symbols: a quad holds those of `4 / tuple` lookups, but tuples
    /// of three do not fit quads and are written as `[lookups][lanes]` of four bytes. Halves: the same in two bytes.
    pub(super) fn place(&self, lookup: usize, lane: usize) -> usize {
        match (self.tuple, self.nibbles) {
            (2, true) => lookup / 2 * 2 * LANES + lane * 2 + lookup % 2,
            (_, true) => lookup * 2 * LANES + lane * 2,
            (3, false) => lookup * 4 * LANES + lane * 4,
            (tuple, false) => lookup * tuple / 4 * STEP + lane * 4 + lookup * tuple % 4,
        }
    }

    /// What `count` lookups from lookup `first` (a multiple of 4) on have written, to the quads of `out`.
    pub(super) fn settle(&self, waiting: &[u8], first: usize, count: usize, out: &mut [u8]) {
        if !self.nibbles {
            return triples_to_quads(waiting, first, count, out);
        }
        let (halves, _) = waiting.as_chunks::<{ 2 * LANES }>();
        let mut quads = out[place(0, first * self.tuple)..].chunks_mut(STEP);
        let mut next = || quads.next().unwrap_or_default();
        match self.tuple {
            2 => halves[..count / 2].iter().for_each(|half| widen(&u16s(half), next())),
            4 => halves[..count].iter().for_each(|half| widen(&u16s(half), next())),
            _ => {
                for four in halves[..count.next_multiple_of(4)].as_chunks::<4>().0 {
                    let [a, b, c, d] = four.each_ref().map(u16s);
                    widen(&std::array::from_fn(|i| a[i] | b[i] << 12), next());
                    widen(&std::array::from_fn(|i| b[i] >> 4 | c[i] << 8), next());
                    widen(&std::array::from_fn(|i| c[i] >> 8 | d[i] << 4), next());
                }
            }
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
                let size = self.size;
                for lookup in 0..self.batch {
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

/// Four half bytes to four bytes.
#[inline(always)]
fn spread(halves: u32) -> u32 {
    let pairs = (halves | halves << 8) & 0x00ff_00ff;
    (pairs | pairs << 4) & 0x0f0f_0f0f
}

#[inline(always)]
fn u16s(bytes: &[u8; 2 * LANES]) -> [u16; LANES] {
    std::array::from_fn(|i| u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]))
}

/// A quad of half bytes of each lane to one of bytes, as far as there is room: the last of a row may have none.
#[inline(always)]
fn widen(halves: &[u16; LANES], out: &mut [u8]) {
    let Some(out) = out.first_chunk_mut::<{ 4 * LANES }>() else { return };
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::*;
        // SAFETY: SSE2 is part of x86-64; there are 16 bytes to load and 32 to store.
        unsafe {
            let halves = _mm_loadu_si128(halves.as_ptr().cast());
            let mask = _mm_set1_epi8(0x0f);
            let even = _mm_and_si128(halves, mask);
            let odd = _mm_and_si128(_mm_srli_epi16::<4>(halves), mask);
            let to = out.as_mut_ptr().cast::<__m128i>();
            _mm_storeu_si128(to, _mm_unpacklo_epi8(even, odd));
            _mm_storeu_si128(to.add(1), _mm_unpackhi_epi8(even, odd));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    for (out, &half) in out.as_chunks_mut::<4>().0.iter_mut().zip(halves) {
        *out = spread(half.into()).to_le_bytes();
    }
}

/// The symbols of one tuple to their places.
pub(super) fn scatter(symbols: u32, lane: usize, col: usize, cols: usize, tuple: usize, out: &mut [u8]) {
    for (i, symbol) in symbols.to_le_bytes()[..tuple.min(cols - col)].iter().enumerate() {
        out[place(lane, col + i)] = *symbol;
    }
}

/// `count` lookups of three symbols each, `[lookups][lanes]`, to the quads of columns `3 * first..`: four lookups make
/// three quads.
fn triples_to_quads(waiting: &[u8], first: usize, count: usize, out: &mut [u8]) {
    let (lanes, _) = waiting.as_chunks::<4>();
    let whole = if first.is_multiple_of(4) { count / 4 * 4 } else { 0 };
    for lookup in (0..whole).step_by(4) {
        let quads = &mut out[place(0, 3 * (first + lookup))..];
        let row = |i: usize| -> [u32; LANES] {
            let lanes = &lanes[(lookup + i) * LANES..][..LANES];
            std::array::from_fn(|lane| u32::from_le_bytes(lanes[lane]))
        };
        let [a, b, c, d] = [row(0), row(1), row(2), row(3)];
        let made = [
            std::array::from_fn(|lane| a[lane] | b[lane] << 24),
            std::array::from_fn(|lane| b[lane] >> 8 | c[lane] << 16),
            std::array::from_fn(|lane| c[lane] >> 16 | d[lane] << 8),
        ];
        for (quad, made) in made.iter().enumerate() {
            let made: [[u8; 4]; LANES] = made.map(u32::to_le_bytes);
            quads[quad * STEP..][..4 * LANES].copy_from_slice(made.as_flattened());
        }
    }
    for lookup in whole..count {
        for lane in 0..LANES {
            let symbols = u32::from_le_bytes(lanes[lookup * LANES + lane]);
            scatter(symbols, lane, 3 * (first + lookup), usize::MAX, 3, out);
        }
    }
}
