use super::code::{MAX_WIDTH, PrefixCode};
use super::lanes_used;
use crate::bits::BitReader;
use crate::error::{CodingError, Result};
use crate::isa::IsaKind;
use crate::layout::{Layout, Order};
use std::borrow::Cow;
use std::ops::Range;

/// Set in the low byte of a table entry that stands for the escape codeword.
const ESCAPE: u64 = 0x80;
/// Lanes decoded side by side, so that one lookup's latency hides behind the others'.
const SIDE_BY_SIDE: usize = 8;
/// Lookups between two refills: 4 codewords of 12 bits fit the 57 bits that a refill gives at least.
const LOOKUPS: usize = 4;

/// Decodes tiles with one prefix code: a table lookup gives a whole tuple and the length of its codeword.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// `symbols << 8 | length`, by the next 12 bits.
    entries: Entries,
    tuple: usize,
    raw_bits: u32,
    alphabet: usize,
    has_escape: bool,
    isa: IsaKind,
}

/// Four symbols and a length do not fit 32 bits; fewer do, and then the table takes half the cache.
#[derive(Debug, Clone)]
enum Entries {
    Narrow(Vec<u32>),
    Wide(Vec<u64>),
}

/// An entry of the table.
trait Entry: Copy {
    fn bits(self) -> u64;
}

impl Entry for u32 {
    #[inline(always)]
    fn bits(self) -> u64 {
        self.into()
    }
}

impl Entry for u64 {
    #[inline(always)]
    fn bits(self) -> u64 {
        self
    }
}

impl Decoder {
    /// Fills the lookup table.
    pub fn new(code: &PrefixCode) -> Self {
        Self::with_isa(code, IsaKind::detect())
    }

    /// As [`new`](Self::new), for one instruction set, to compare them.
    pub fn with_isa(code: &PrefixCode, isa: IsaKind) -> Self {
        let alphabet = code.table.alphabet();
        let mut entries = vec![0u64; 1 << MAX_WIDTH];
        let mut fill = |length: u8, codeword: u16, entry: u64| {
            for high in 0..1usize << (MAX_WIDTH - u32::from(length)) {
                entries[usize::from(codeword) | high << length] = entry;
            }
        };
        for (index, (&length, &codeword)) in code.lengths.iter().zip(&code.codewords).enumerate() {
            if length > 0 {
                let digits = (0..code.tuple).map(|i| index / alphabet.pow(i as u32) % alphabet);
                let symbols = digits.enumerate().fold(0, |all, (i, s)| all | (s as u64) << (8 * i));
                fill(length, codeword, symbols << 8 | u64::from(length));
            }
        }
        if let Some((length, codeword)) = code.escape {
            fill(length, codeword, u64::from(length) | ESCAPE);
        }
        let narrow = code.tuple < 4;
        Self {
            entries: match narrow {
                true => Entries::Narrow(entries.iter().map(|&e| e as u32).collect()),
                false => Entries::Wide(entries),
            },
            tuple: code.tuple,
            raw_bits: code.raw_bits(),
            alphabet,
            has_escape: code.escape.is_some(),
            isa: isa.min(IsaKind::detect()),
        }
    }

    /// Decodes the bytes of one tile; row `r` goes to `out[r * stride..][..cols]`.
    ///
    /// # Errors
    /// When `out` is too short for the layout, the bytes end early or are left over, or a lane does not end
    /// where its length says. `out` then holds unspecified symbols.
    pub fn decode(&self, tile: &[u8], layout: Layout, out: &mut [u8], stride: usize) -> Result<()> {
        let mut reader = self.open(tile, layout)?;
        reader.rows(layout.rows, out, stride)
    }

    /// Opens the bytes of one tile, to decode it some rows at a time.
    ///
    /// # Errors
    /// When the lengths of the lanes do not fit the bytes.
    pub fn open<'a>(&'a self, tile: &'a [u8], layout: Layout) -> Result<Reader<'a>> {
        let lanes = read_head(tile, lanes_used(layout, self.tuple))?;
        // A refill reads 8 bytes; a tile shorter than that is moved to where they exist.
        let bytes = match tile.len() {
            8.. => Cow::Borrowed(tile),
            _ => Cow::Owned(tile.iter().copied().chain([0; 8]).collect()),
        };
        let bits = lanes.iter().map(|lane| 8 * lane.start).collect();
        Ok(Reader { decoder: self, layout, bytes, lanes, bits, row: 0 })
    }

    /// Bytes that the lookup table takes.
    pub fn bytes(&self) -> usize {
        match &self.entries {
            Entries::Narrow(entries) => size_of_val(&entries[..]),
            Entries::Wide(entries) => size_of_val(&entries[..]),
        }
    }

    fn side_by_side(
        &self,
        bytes: &[u8],
        bits: &mut [usize; SIDE_BY_SIDE],
        rows: &mut [u8],
        stride: usize,
        lookups: usize,
    ) -> Result<()> {
        #[cfg(target_arch = "x86_64")]
        if self.isa >= IsaKind::Avx2 {
            // SAFETY: BMI2 is part of that level.
            return unsafe { self.side_by_side_bmi2(bytes, bits, rows, stride, lookups) };
        }
        self.side_by_side_of_tuple(bytes, bits, rows, stride, lookups)
    }

    /// The same, with shifts by a register that need no flags: the lookup's critical path.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "bmi1,bmi2,lzcnt,avx2")]
    unsafe fn side_by_side_bmi2(
        &self,
        bytes: &[u8],
        bits: &mut [usize; SIDE_BY_SIDE],
        rows: &mut [u8],
        stride: usize,
        lookups: usize,
    ) -> Result<()> {
        self.side_by_side_of_tuple(bytes, bits, rows, stride, lookups)
    }

    #[inline(always)]
    fn side_by_side_of_tuple(
        &self,
        bytes: &[u8],
        bits: &mut [usize; SIDE_BY_SIDE],
        rows: &mut [u8],
        stride: usize,
        lookups: usize,
    ) -> Result<()> {
        match (&self.entries, self.tuple, self.has_escape) {
            (Entries::Narrow(e), 1, false) => {
                self.lookups::<_, 1, false>(e, bytes, bits, rows, stride, lookups)
            }
            (Entries::Narrow(e), 1, true) => {
                self.lookups::<_, 1, true>(e, bytes, bits, rows, stride, lookups)
            }
            (Entries::Narrow(e), 2, false) => {
                self.lookups::<_, 2, false>(e, bytes, bits, rows, stride, lookups)
            }
            (Entries::Narrow(e), 2, true) => {
                self.lookups::<_, 2, true>(e, bytes, bits, rows, stride, lookups)
            }
            (Entries::Narrow(e), _, false) => {
                self.lookups::<_, 3, false>(e, bytes, bits, rows, stride, lookups)
            }
            (Entries::Narrow(e), _, true) => {
                self.lookups::<_, 3, true>(e, bytes, bits, rows, stride, lookups)
            }
            (Entries::Wide(e), _, false) => {
                self.lookups::<_, 4, false>(e, bytes, bits, rows, stride, lookups)
            }
            (Entries::Wide(e), _, true) => self.lookups::<_, 4, true>(e, bytes, bits, rows, stride, lookups),
        }
    }

    /// `lookups` (a multiple of `LOOKUPS`) tuples of each of four lanes, lane `l` to `rows[l * stride..]`.
    #[inline(always)]
    fn lookups<E: Entry, const TUPLE: usize, const ESCAPES: bool>(
        &self,
        entries: &[E],
        bytes: &[u8],
        bits: &mut [usize; SIDE_BY_SIDE],
        rows: &mut [u8],
        stride: usize,
        lookups: usize,
    ) -> Result<()> {
        let Ok(entries) = <&[E; 1 << MAX_WIDTH]>::try_from(entries) else {
            unreachable!("the table has 2^12 entries by construction")
        };
        let store = if TUPLE == 3 { 4 } else { TUPLE };
        let last = bytes.len() - 8;
        assert!(lookups == 0 || rows.len() >= (SIDE_BY_SIDE - 1) * stride + (lookups - 1) * TUPLE + store);
        let mut at = *bits;
        let mut column = 0;
        for _ in 0..lookups / LOOKUPS {
            // A set bit on top of each buffer moves down with the bits that are taken, and so counts them.
            let mut buffers = [0u64; SIDE_BY_SIDE];
            for lane in 0..SIDE_BY_SIDE {
                buffers[lane] = refill(bytes, at[lane], last) | 1 << 63;
            }
            let mut seen = [0u64; SIDE_BY_SIDE];
            for lookup in 0..LOOKUPS {
                for lane in 0..SIDE_BY_SIDE {
                    let entry = entries[buffers[lane] as usize & ((1 << MAX_WIDTH) - 1)].bits();
                    // The low six bits of an entry are its length; a shift looks at no others.
                    buffers[lane] >>= entry & 63;
                    if ESCAPES {
                        seen[lane] |= entry;
                    }
                    // SAFETY: the assertion above covers the store of the last lane's last tuple.
                    unsafe {
                        let to = rows.as_mut_ptr().add(lane * stride + column + lookup * TUPLE);
                        match TUPLE {
                            1 => to.write((entry >> 8) as u8),
                            2 => to.cast::<[u8; 2]>().write(((entry >> 8) as u16).to_le_bytes()),
                            _ => to.cast::<[u8; 4]>().write(((entry >> 8) as u32).to_le_bytes()),
                        }
                    }
                }
            }
            for lane in 0..SIDE_BY_SIDE {
                if ESCAPES && seen[lane] & ESCAPE != 0 {
                    // Rare: what was decoded after the escape codeword is wrong. Again, one by one.
                    let row = &mut rows[lane * stride + column..];
                    for tuple in row.chunks_exact_mut(TUPLE).take(LOOKUPS) {
                        let symbols = self.one(bytes, &mut at[lane])?;
                        tuple.copy_from_slice(&symbols.to_le_bytes()[..TUPLE]);
                    }
                } else {
                    at[lane] += buffers[lane].leading_zeros() as usize;
                }
            }
            column += LOOKUPS * TUPLE;
        }
        *bits = at;
        Ok(())
    }

    /// One tuple from bit `bit` on, escaped or not; symbols as little-endian bytes.
    fn one(&self, bytes: &[u8], bit: &mut usize) -> Result<u64> {
        let buffer = refill(bytes, *bit, bytes.len() - 8);
        let index = buffer as usize & ((1 << MAX_WIDTH) - 1);
        let entry = match &self.entries {
            Entries::Narrow(entries) => entries[index].bits(),
            Entries::Wide(entries) => entries[index],
        };
        let length = entry & 63;
        if length == 0 {
            return Err(CodingError::Table { at: *bit / 8, why: "no codeword starts with these bits" });
        }
        *bit += length as usize;
        if entry & ESCAPE == 0 {
            return Ok(entry >> 8);
        }
        let mut symbols = 0;
        for i in 0..self.tuple {
            let symbol = refill(bytes, *bit, bytes.len() - 8) & ((1 << self.raw_bits) - 1);
            if symbol as usize >= self.alphabet {
                return Err(CodingError::Table {
                    at: *bit / 8,
                    why: "an escaped symbol is outside the alphabet",
                });
            }
            *bit += self.raw_bits as usize;
            symbols |= symbol << (8 * i);
        }
        Ok(symbols)
    }
}

/// A tile that is being decoded, from its first row on.
#[derive(Debug)]
pub struct Reader<'a> {
    decoder: &'a Decoder,
    layout: Layout,
    /// At least eight.
    bytes: Cow<'a, [u8]>,
    lanes: Vec<Range<usize>>,
    /// Next bit of each lane.
    bits: Vec<usize>,
    /// Rows decoded.
    row: usize,
}

impl Reader<'_> {
    /// Rows not yet decoded.
    pub fn rows_left(&self) -> usize {
        self.layout.rows - self.row
    }

    /// Decodes the next `rows` rows; the one `r` after the last goes to `out[r * stride..][..cols]`.
    ///
    /// Lanes by row take their rows together: there `rows` is a multiple of the lanes, or all that are left.
    ///
    /// # Errors
    /// When `out` is too short, `rows` is not such a number, or a codeword does not exist; with the last row also
    /// when a lane does not end where its length says. `out` then holds unspecified symbols.
    pub fn rows(&mut self, rows: usize, out: &mut [u8], stride: usize) -> Result<()> {
        self.layout.check_next(self.row, rows, out.len(), stride)?;
        match self.layout.order {
            Order::Rows => {
                for group in (0..rows).step_by(self.layout.lanes) {
                    let active = self.layout.lanes.min(rows - group);
                    self.group(active, &mut out[group * stride..], stride)?;
                }
            }
            Order::Interleaved => {
                for row in 0..rows {
                    self.interleaved(self.row + row, &mut out[row * stride..][..self.layout.cols])?;
                }
            }
        }
        self.row += rows;
        if self.rows_left() > 0 {
            return Ok(());
        }
        let ends = self.lanes.iter().zip(&self.bits).enumerate();
        ends.into_iter().try_for_each(|(lane, (range, &bit))| check_end(&self.bytes, lane, bit, range))
    }

    /// The next row of each of `active` lanes, eight lanes in step.
    fn group(&mut self, active: usize, out: &mut [u8], stride: usize) -> Result<()> {
        let (decoder, cols, tuple) = (self.decoder, self.layout.cols, self.decoder.tuple);
        // Whole lookups that may write their full store without leaving the row.
        let store = if tuple > 2 { 4 } else { tuple };
        let whole = (cols + tuple).saturating_sub(store) / tuple / LOOKUPS * LOOKUPS;
        for (bits, first) in self.bits[..active].chunks_mut(SIDE_BY_SIDE).zip((0..).step_by(SIDE_BY_SIDE)) {
            let mut done = 0;
            if let Ok(bits) = <&mut [usize; SIDE_BY_SIDE]>::try_from(&mut *bits) {
                let rows = &mut out[first * stride..][..(SIDE_BY_SIDE - 1) * stride + cols];
                decoder.side_by_side(&self.bytes, bits, rows, stride, whole)?;
                done = whole;
            }
            for (lane, bit) in bits.iter_mut().enumerate() {
                let row = &mut out[(first + lane) * stride..][..cols];
                for tuple in row[done * tuple..].chunks_mut(tuple) {
                    let symbols = decoder.one(&self.bytes, bit)?;
                    tuple.copy_from_slice(&symbols.to_le_bytes()[..tuple.len()]);
                }
            }
        }
        Ok(())
    }

    /// Row `row`, whose tuples are dealt to lanes in turn.
    fn interleaved(&mut self, row: usize, out: &mut [u8]) -> Result<()> {
        let per_row = self.layout.cols.div_ceil(self.decoder.tuple);
        let mut lane = row * per_row % self.layout.lanes;
        for tuple in out.chunks_mut(self.decoder.tuple) {
            let symbols = self.decoder.one(&self.bytes, &mut self.bits[lane])?;
            tuple.copy_from_slice(&symbols.to_le_bytes()[..tuple.len()]);
            lane = if lane + 1 == self.layout.lanes { 0 } else { lane + 1 };
        }
        Ok(())
    }
}

/// At least 57 bits from `bit` on while they lie within the bytes, then zeros (or, past the end, anything:
/// the check of the lane's end finds it). `last` is `bytes.len() - 8`.
#[inline(always)]
fn refill(bytes: &[u8], bit: usize, last: usize) -> u64 {
    let byte = (bit / 8).min(last);
    debug_assert!(bytes.len() >= 8 && last == bytes.len() - 8);
    // SAFETY: `byte + 8 <= bytes.len()`.
    let word = u64::from_le(unsafe { bytes.as_ptr().add(byte).cast::<u64>().read_unaligned() });
    word >> ((bit - 8 * byte) & 63)
}

/// Where each of `count` lanes lies in a tile, in bytes.
fn read_head(tile: &[u8], count: usize) -> Result<Vec<Range<usize>>> {
    let short =
        |needed: usize| CodingError::Truncated { what: "a prefix-coded tile", at: tile.len(), needed };
    let Some((head, rest)) = tile.split_at_checked(5) else {
        return Err(short(5 - tile.len()));
    };
    let least = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let width = u32::from(head[4]);
    if width > 32 {
        return Err(CodingError::Table { at: 4, why: "a lane's length has more than 32 bits" });
    }
    let index_bytes = (count * width as usize).div_ceil(8);
    if rest.len() < index_bytes {
        return Err(short(index_bytes - rest.len()));
    }
    let mut excess = BitReader::new(rest);
    let mut start = 5 + index_bytes;
    let mut lanes = Vec::with_capacity(count);
    for _ in 0..count {
        let end = start.saturating_add(least).saturating_add(excess.get(width)? as usize);
        if end > tile.len() {
            return Err(short(end - tile.len()));
        }
        lanes.push(start..end);
        start = end;
    }
    match tile.len() - start {
        0 => Ok(lanes),
        left => Err(CodingError::LeftOver { what: "a prefix-coded tile", left, len: tile.len() }),
    }
}

/// A lane ends within its last byte, and the rest of that byte is zero.
fn check_end(bytes: &[u8], lane: usize, bit: usize, range: &Range<usize>) -> Result<()> {
    let padding = (8 * range.end).wrapping_sub(bit);
    let clean = padding == 0 || (padding < 8 && u32::from(bytes[range.end - 1]) >> (8 - padding) == 0);
    if clean { Ok(()) } else { Err(CodingError::LaneEnd { lane, bit, expected_byte: range.end }) }
}
