//! Lookup tables of the decoder, and the places of their output.
//!
//! Eight lanes decode in step. Each keeps its next bits in a 64-bit register, below a set bit that moves down
//! as bits are taken and so counts them. A lookup takes the low 12 bits; after [`Tables::batch`] lookups the
//! register is refilled. A refill gives at least 57 bits, so a batch that took more is refused. An escape (or
//! bits that start no codeword) has an entry of 63 bits, so that one comparison at the end of a batch finds
//! both; the lane then decodes the batch again, codeword by codeword.

use super::code::{MAX_WIDTH, PrefixCode};
use crate::panel::{STEP, offset};
use crate::simd::{self, Isa};

/// Lanes decoded in step: as many as registers hold, so that one lane's latency hides behind the others'.
pub(crate) const LANES: usize = 8;
/// Bits that a refill gives at least.
pub(crate) const FILLED: usize = 57;
/// Length of an entry that is no codeword.
const NONE: u8 = 63;
/// Entries of a table.
pub(crate) const ENTRIES: usize = 1 << MAX_WIDTH;

/// Bits of a symbol in the entries of small alphabets. Smaller tables leave more of the first-level cache to
/// the rows, and a lookup writes less.
const NIBBLE: usize = 4;

/// The lookup tables of one code: the next 12 bits select the symbols of a tuple and the length of its
/// codeword.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    /// `ENTRIES` tuples of `size` bytes, then as many lengths.
    pub(crate) bytes: Vec<u8>,
    /// Bytes of an entry's symbols: 1, 2 or 4.
    pub(crate) size: usize,
    /// Symbols of a tuple.
    pub(crate) tuple: usize,
    /// Whether symbols take four bits in an entry, not eight.
    pub(crate) nibbles: bool,
    /// Lookups between two refills: 4 or 6.
    pub(crate) batch: usize,
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
        // A codeword of `l` bits fills `2^-l` of the table, which is about its frequency. Six lookups follow
        // a refill where they nearly always fit; five were slower than four, as more batches hold an escape.
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

    /// Returns the bytes held.
    pub(super) fn bytes_held(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the tuple whose codeword begins `bits` (one byte per symbol) and the length of the codeword;
    /// `None` for an escape or bits that start no codeword.
    #[inline(always)]
    pub(super) fn entry(&self, bits: u64) -> Option<(u32, usize)> {
        let index = bits as usize % ENTRIES;
        let length = self.bytes[ENTRIES * self.size + index];
        let entry = &self.bytes[index * self.size..][..self.size];
        // One arm per size: a copy of variable length is a call.
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

    /// Writes a tuple (one byte per symbol) in the form and to the place of lookup `lookup` of lane `lane`.
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

    /// Whether lookups write an intermediate form, which [`settle`](Self::settle) turns into panels.
    pub(super) fn is_staged(&self) -> bool {
        self.nibbles || self.tuple == 3
    }

    /// Returns the bytes from one batch's output to the next one's.
    pub(crate) fn step(&self) -> usize {
        self.place(self.batch, 0)
    }

    /// Returns the place where lookup `lookup` of lane `lane` is written; see [`place`].
    pub(crate) fn place(&self, lookup: usize, lane: usize) -> usize {
        place(self.tuple, self.nibbles, lookup, lane)
    }

    /// Turns the staged output of `count` lookups, from lookup `first` (a multiple of 4) on, into the panel
    /// rows of `out`.
    pub(super) fn settle(&self, staged: &[u8], first: usize, count: usize, out: &mut [u8]) {
        if !self.nibbles {
            return widen_triples(staged, first, count, out);
        }
        let (halves, _) = staged.as_chunks::<{ 2 * LANES }>();
        let mut quads = out[offset(0, first * self.tuple)..].chunks_mut(STEP);
        let mut next = || quads.next().unwrap_or_default();
        match self.tuple {
            2 => halves[..count / 2].iter().for_each(|half| widen(half, next())),
            4 => halves[..count].iter().for_each(|half| widen(half, next())),
            _ => {
                for four in halves[..count.next_multiple_of(4)].as_chunks::<4>().0 {
                    let [a, b, c, d] = four.each_ref().map(u16s);
                    widen(&le_bytes(std::array::from_fn(|i| a[i] | b[i] << 12)), next());
                    widen(&le_bytes(std::array::from_fn(|i| b[i] >> 4 | c[i] << 8)), next());
                    widen(&le_bytes(std::array::from_fn(|i| c[i] >> 8 | d[i] << 4)), next());
                }
            }
        }
    }

    /// Decodes up to `batches` batches of eight lanes that begin at bits `at`, and stops before a refused
    /// batch (one in which a lane took more than [`FILLED`] bits). Returns the number of batches done, with
    /// `at` behind them, and the bits that each lane took in the refused batch. Of the symbols written in
    /// that batch, those of lanes that took at most [`FILLED`] bits are right.
    ///
    /// # Safety
    /// `bytes` holds at least 8 bytes, and for each lane and batch the byte of the lane's first bit is at
    /// most the eighth from the end; `out` has room for what [`place`](Self::place) says.
    pub(super) unsafe fn decode(
        &self,
        isa: Isa,
        bytes: &[u8],
        at: &mut [usize; LANES],
        batches: usize,
        out: *mut u8,
    ) -> (usize, [usize; LANES]) {
        // SAFETY: as this function's; `resolve` returns only instruction sets that the processor supports.
        unsafe {
            match isa.resolve() {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 | Isa::Avx512 | Isa::Avx512Vnni => {
                    simd::avx2::prefix::decode(self, bytes, at, batches, out)
                }
                #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
                Isa::Neon | Isa::NeonDot => simd::neon::prefix::decode(self, bytes, at, batches, out),
                _ => simd::portable::prefix::decode(self, bytes, at, batches, out),
            }
        }
    }
}

/// Returns where lookup `lookup` of lane `lane` is written in a batch's output.
///
/// Bytes: four columns of a lane hold the symbols of `4 / tuple` lookups, as in a panel. Tuples of three do
/// not divide four columns, so they are staged as `[lookups][lanes]` of four bytes. Half bytes are staged in
/// the same order, four columns in two bytes.
pub(crate) const fn place(tuple: usize, nibbles: bool, lookup: usize, lane: usize) -> usize {
    match (tuple, nibbles) {
        (2, true) => lookup / 2 * 2 * LANES + lane * 2 + lookup % 2,
        (_, true) => lookup * 2 * LANES + lane * 2,
        (3, false) => lookup * 4 * LANES + lane * 4,
        (tuple, false) => lookup * tuple / 4 * STEP + lane * 4 + lookup * tuple % 4,
    }
}

/// Spreads four half bytes to four bytes.
#[inline(always)]
fn spread(halves: u32) -> u32 {
    let pairs = (halves | halves << 8) & 0x00ff_00ff;
    (pairs | pairs << 4) & 0x0f0f_0f0f
}

#[inline(always)]
fn u16s(bytes: &[u8; 2 * LANES]) -> [u16; LANES] {
    std::array::from_fn(|i| u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]))
}

#[inline(always)]
fn le_bytes(values: [u16; LANES]) -> [u8; 2 * LANES] {
    // SAFETY: the arrays have the same size, and every bit pattern is valid. Loops over bytes do not
    // vectorize.
    unsafe { std::mem::transmute(values.map(u16::to_le)) }
}

/// Widens four symbols of each lane from half bytes to bytes. The last columns of a row may have no room in
/// `out`.
#[inline(always)]
fn widen(nibbles: &[u8; 2 * LANES], out: &mut [u8]) {
    if let Some(out) = out.first_chunk_mut() {
        simd::bytes::widen_nibbles(nibbles, out);
    }
}

/// Writes the symbols of one tuple to their places in a panel.
pub(super) fn scatter(symbols: u32, lane: usize, col: usize, cols: usize, tuple: usize, out: &mut [u8]) {
    for (i, symbol) in symbols.to_le_bytes()[..tuple.min(cols - col)].iter().enumerate() {
        out[offset(lane, col + i)] = *symbol;
    }
}

/// Turns `count` lookups of three symbols each, staged as `[lookups][lanes]`, into columns `3 * first..` of a
/// panel. Four lookups fill three times four columns.
fn widen_triples(staged: &[u8], first: usize, count: usize, out: &mut [u8]) {
    let (lanes, _) = staged.as_chunks::<4>();
    let whole = if first.is_multiple_of(4) { count / 4 * 4 } else { 0 };
    for lookup in (0..whole).step_by(4) {
        let quads = &mut out[offset(0, 3 * (first + lookup))..];
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
