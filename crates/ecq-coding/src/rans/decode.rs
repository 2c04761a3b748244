use super::{LOWER, simd};
use crate::alias::Slots;
use crate::error::{CodingError, Result};
use crate::isa::IsaKind;
use crate::layout::{Layout, Order};
use crate::table::FrequencyTable;

/// Decodes tiles with one frequency table, by the widest instruction set that this machine has.
#[derive(Debug, Clone)]
pub struct Decoder {
    slots: Slots,
    /// What vectors look entries up in; absent where an entry takes more than a lane.
    tables: Option<simd::Tables>,
    isa: IsaKind,
}

/// Symbols decoded turn by turn wait here before they are transposed to rows; in turns.
const CHUNK: usize = 128;

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
        layout.check_rows(out.len(), stride)?;
        let (mut states, mut words) = Words::split(stream, layout.lanes_used())?;
        let contiguous = layout.order == Order::Interleaved && (stride == layout.cols || layout.rows == 1);
        let mut chunk = [0u8; CHUNK * 256];
        let (mut group, mut index) = (0, 0);
        for run in layout.runs() {
            if contiguous {
                let symbols = run.steps * run.active;
                let out = &mut out[index..index + symbols];
                self.turns(&mut states[..run.active], &mut words, out)?;
                index += symbols;
                continue;
            }
            let mut step = 0;
            while step < run.steps {
                let steps = CHUNK.min(run.steps - step);
                let chunk = &mut chunk[..steps * run.active];
                self.turns(&mut states[..run.active], &mut words, chunk)?;
                match layout.order {
                    Order::Rows => {
                        let out = &mut out[group * layout.lanes * stride + step..];
                        transpose(chunk, run.active, out, stride);
                    }
                    Order::Interleaved => {
                        for &symbol in chunk.iter() {
                            out[(index / layout.cols) * stride + index % layout.cols] = symbol;
                            index += 1;
                        }
                    }
                }
                step += steps;
            }
            group += 1;
        }
        words.finish(&states[..layout.lanes_used()])
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
