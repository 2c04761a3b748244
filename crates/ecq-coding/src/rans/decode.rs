use super::{LOWER, simd};
use crate::alias::Slots;
use crate::error::{CodingError, Result};
use crate::isa::IsaKind;
use crate::layout::{Layout, Order};
use crate::quads;
use crate::table::FrequencyTable;
use std::ops::Range;

/// Decodes tiles with one frequency table, by the widest instruction set that this machine has.
#[derive(Debug, Clone)]
pub struct Decoder {
    slots: Slots,
    /// What vectors look entries up in; absent where an entry takes more than a lane.
    tables: Option<simd::Tables>,
    isa: IsaKind,
}

/// Symbols decoded turn by turn that wait before they are dealt to rows: at least 16 turns of the most lanes.
const CHUNK: usize = 16 * 256;

impl Decoder {
    /// Prepares lookup tables.
    pub fn new(table: &FrequencyTable) -> Self {
        Self::with_isa(table, IsaKind::detect())
    }

    /// As [`new`](Self::new), for one instruction set, to compare them.
    ///
    /// An instruction set that this machine lacks falls to the best one it has.
    pub fn with_isa(table: &FrequencyTable, isa: IsaKind) -> Self {
        let slots = Slots::new(table);
        let isa = isa.min(IsaKind::detect());
        let tables = simd::Tables::new(isa, &slots);
        Self { slots, tables, isa }
    }

    /// Decodes the stream of one tile; row `r` goes to `out[r * stride..][..cols]`.
    ///
    /// # Errors
    /// When `out` is too short for the layout, the stream ends early, bytes are left over, or a lane does not
    /// end in its start state. `out` then holds unspecified symbols.
    pub fn decode(&self, stream: &[u8], layout: Layout, out: &mut [u8], stride: usize) -> Result<()> {
        let mut reader = self.open(stream, layout)?;
        reader.rows(layout.rows, out, stride)
    }

    /// Opens the stream of one tile, to decode it some rows at a time.
    ///
    /// # Errors
    /// When the start states are not there.
    pub fn open<'a>(&'a self, stream: &'a [u8], layout: Layout) -> Result<Reader<'a>> {
        let (states, words) = Words::split(stream, layout.lanes_used())?;
        Ok(Reader { decoder: self, layout, states, words, row: 0, turn: [0; 256], waiting: 0..0 })
    }

    /// Bytes that the tables take.
    pub fn bytes(&self) -> usize {
        self.slots.bytes() + self.tables.as_ref().map_or(0, simd::Tables::bytes)
    }

    /// Decodes `out.len() / states.len()` turns of all lanes into `out`, turn-major.
    fn turns(&self, states: &mut [u32], words: &mut Words, out: &mut [u8]) -> Result<()> {
        let lanes = states.len();
        let done = match &self.tables {
            Some(tables) => simd::turns(self.isa, tables, states, words, out),
            None => 0,
        };
        for turn in out[done * lanes..].chunks_exact_mut(lanes) {
            for (state, symbol) in states.iter_mut().zip(turn) {
                *symbol = self.slots.pop(state, words)?;
            }
        }
        Ok(())
    }
}

/// A tile that is being decoded, from its first row on.
#[derive(Debug)]
pub struct Reader<'a> {
    decoder: &'a Decoder,
    layout: Layout,
    states: [u32; 256],
    words: Words<'a>,
    /// Rows decoded.
    row: usize,
    /// Interleaved lanes: symbols of the last turn, those of the next rows still waiting.
    turn: [u8; 256],
    waiting: Range<usize>,
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
    /// When `out` is too short, `rows` is not such a number, or the stream ends early; with the last row also
    /// when bytes are left over or a lane does not end in its start state. `out` then holds unspecified symbols.
    pub fn rows(&mut self, rows: usize, out: &mut [u8], stride: usize) -> Result<()> {
        self.layout.check_next(self.row, rows, out.len(), stride)?;
        let (cols, lanes) = (self.layout.cols, self.layout.lanes);
        match self.layout.order {
            Order::Rows => {
                for group in (0..rows).step_by(lanes) {
                    self.group(lanes.min(rows - group), &mut out[group * stride..], stride)?;
                }
                self.row += rows;
            }
            // Rows without gaps are one run of symbols.
            Order::Interleaved if stride == cols || rows == 1 => {
                self.row += rows;
                self.run(&mut out[..rows * cols])?;
            }
            Order::Interleaved => {
                for row in 0..rows {
                    self.row += 1;
                    self.run(&mut out[row * stride..][..cols])?;
                }
            }
        }
        self.finish()
    }

    /// Decodes the next row of each lane (of those that have one) to panels of 16 rows, `stride` bytes apart, laid out as
    /// [`quads`](crate::quads) says; only where lanes hold rows. Returns how many rows that were.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn quads(&mut self, out: &mut [u8], stride: usize) -> Result<usize> {
        let active = self.layout.check_group(self.row, out.len(), stride)?;
        self.chunks(active, |step, chunk| {
            for (first, panel) in (0..active).step_by(quads::ROWS).zip(out.chunks_mut(stride)) {
                quads::from_turns(chunk, active, first, &mut panel[quads::place(0, step)..]);
            }
        })?;
        self.row += active;
        self.finish()?;
        Ok(active)
    }

    /// The next row of each of `active` lanes.
    fn group(&mut self, active: usize, out: &mut [u8], stride: usize) -> Result<()> {
        self.chunks(active, |step, chunk| transpose(chunk, active, &mut out[step..], stride))
    }

    /// The next row of each of `active` lanes, some turns at a time: the column of the first and the turns' symbols.
    fn chunks(&mut self, active: usize, mut take: impl FnMut(usize, &[u8])) -> Result<()> {
        let mut chunk = [0u8; CHUNK];
        let turns = CHUNK / active / 16 * 16;
        for step in (0..self.layout.cols).step_by(turns) {
            let chunk = &mut chunk[..turns.min(self.layout.cols - step) * active];
            self.decoder.turns(&mut self.states[..active], &mut self.words, chunk)?;
            take(step, chunk);
        }
        Ok(())
    }

    /// After the last row, nothing may be left.
    fn finish(&self) -> Result<()> {
        match self.rows_left() {
            0 => self.words.finish(&self.states[..self.layout.lanes_used()]),
            _ => Ok(()),
        }
    }

    /// The next symbols, row-major, of lanes that take turns symbol by symbol; `row` is already behind them.
    fn run(&mut self, out: &mut [u8]) -> Result<()> {
        let waiting = out.len().min(self.waiting.len());
        let (first, out) = out.split_at_mut(waiting);
        first.copy_from_slice(&self.turn[self.waiting.start..][..waiting]);
        self.waiting.start += waiting;
        let lanes = self.layout.lanes_used();
        let (turns, last) = out.split_at_mut(out.len() / lanes * lanes);
        self.decoder.turns(&mut self.states[..lanes], &mut self.words, turns)?;
        if !last.is_empty() {
            // In the last turn of the tile the last lanes may have no symbol.
            let active = lanes.min(last.len() + self.rows_left() * self.layout.cols);
            self.decoder.turns(&mut self.states[..active], &mut self.words, &mut self.turn[..active])?;
            last.copy_from_slice(&self.turn[..last.len()]);
            self.waiting = last.len()..active;
        }
        Ok(())
    }
}

impl Slots {
    /// The decoding step, as every instruction set must do it.
    #[inline(always)]
    pub(crate) fn pop(&self, state: &mut u32, words: &mut Words) -> Result<u8> {
        let mask = (1u32 << self.precision) - 1;
        let slot = *state & mask;
        let entry = self.entry(slot);
        let rank = (slot + u32::from(entry.bias)) & mask;
        // A state from a hostile stream may be below LOWER; the product still fits: f < 2^p, x >> p < 2^(32-p).
        *state = u32::from(entry.frequency) * (*state >> self.precision) + rank;
        if *state < LOWER {
            *state = *state << 16 | u32::from(words.next()?);
        }
        Ok(entry.symbol)
    }
}

/// The words of a stream, little endian, unaligned.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    pub(super) bytes: &'a [u8],
    /// Next byte.
    pub(super) at: usize,
}

impl<'a> Words<'a> {
    /// The start states of `lanes` lanes and the words behind them.
    pub(crate) fn split(stream: &'a [u8], lanes: usize) -> Result<([u32; 256], Self)> {
        let Some((heads, bytes)) = stream.split_at_checked(4 * lanes) else {
            return Err(CodingError::Truncated {
                what: "rANS start states",
                at: stream.len(),
                needed: 4 * lanes - stream.len(),
            });
        };
        let mut states = [LOWER; 256];
        for (state, head) in states.iter_mut().zip(heads.as_chunks::<4>().0) {
            *state = u32::from_le_bytes(*head);
        }
        Ok((states, Self { bytes, at: 0 }))
    }

    /// Checks that all words were taken and that every lane is back where its encoder began.
    pub(crate) fn finish(&self, states: &[u32]) -> Result<()> {
        if let Some(lane) = states.iter().position(|&state| state != LOWER) {
            return Err(CodingError::FinalState { lane, state: states[lane], expected: LOWER });
        }
        match self.bytes.len() - self.at {
            0 => Ok(()),
            left => Err(CodingError::LeftOver { what: "rANS words", left, len: self.bytes.len() }),
        }
    }

    #[inline(always)]
    fn next(&mut self) -> Result<u16> {
        let Some(word) = self.bytes.get(self.at..self.at + 2) else {
            return Err(CodingError::Truncated { what: "rANS words", at: self.at, needed: 2 });
        };
        self.at += 2;
        Ok(u16::from_le_bytes([word[0], word[1]]))
    }
}

/// Writes `turns` (`[turns][lanes]`) as rows: symbol `t` of lane `l` to `out[l * stride + t]`.
fn transpose(turns: &[u8], lanes: usize, out: &mut [u8], stride: usize) {
    let steps = turns.len() / lanes;
    let done = simd::transpose(turns, lanes, out, stride);
    for lane in 0..lanes {
        for step in if lane < done.0 { done.1 } else { 0 }..steps {
            out[lane * stride + step] = turns[step * lanes + lane];
        }
    }
}
