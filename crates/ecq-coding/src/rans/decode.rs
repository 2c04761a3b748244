use super::{Classes, LOWER, turns};
use crate::alias::Slots;
use crate::error::{CodingError, Result};
use crate::layout::{Layout, Order};
use crate::panel;
use crate::simd::{self, Isa};
use crate::table::FrequencyTable;
use std::ops::Range;

/// Decodes tiles with one frequency table, or with the one of each symbol's place, by the widest instruction set that
/// this machine has.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// Of each table.
    slots: Vec<Slots>,
    classes: Option<Classes>,
    /// What vectors look entries up in; absent where an entry takes more than a lane.
    tables: Option<turns::Tables>,
    isa: Isa,
}

/// Symbols decoded turn by turn that wait before they are dealt to rows: at least 16 turns of the most lanes.
const CHUNK: usize = 16 * 256;

impl Decoder {
    /// Prepares lookup tables.
    pub fn new(table: &FrequencyTable) -> Self {
        Self::with_isa(table, Isa::detect())
    }

    /// As [`new`](Self::new), for one instruction set, to compare them.
    ///
    /// An instruction set that this machine lacks falls to the best one it has.
    pub fn with_isa(table: &FrequencyTable, isa: Isa) -> Self {
        Self::of(vec![Slots::new(table)], None, isa)
    }

    /// Prepares the lookup tables of a matrix whose symbols are coded with the table of their row's and column's class.
    ///
    /// # Errors
    /// When a table that `classes` name is not there, there are more tables than pairs of classes, or their precisions
    /// differ.
    pub fn with_classes(tables: &[FrequencyTable], classes: Classes) -> Result<Self> {
        Self::with_classes_and_isa(tables, classes, Isa::detect())
    }

    /// As [`with_classes`](Self::with_classes), for one instruction set, to compare them.
    ///
    /// # Errors
    /// As [`with_classes`](Self::with_classes).
    pub fn with_classes_and_isa(tables: &[FrequencyTable], classes: Classes, isa: Isa) -> Result<Self> {
        classes.check_tables(tables)?;
        Ok(Self::of(tables.iter().map(Slots::new).collect(), Some(classes), isa))
    }

    fn of(slots: Vec<Slots>, classes: Option<Classes>, isa: Isa) -> Self {
        let isa = isa.resolve();
        let tables = turns::Tables::new(isa, &slots, classes.is_some());
        Self { slots, classes, tables, isa }
    }

    /// Decodes the stream of one tile; row `r` goes to `out[r * stride..][..cols]`.
    ///
    /// # Errors
    /// When `out` is too short for the layout, the stream ends early, bytes are left over, or a lane does not
    /// end in its start state. `out` then holds unspecified symbols.
    pub fn decode(&self, stream: &[u8], layout: Layout, out: &mut [u8], stride: usize) -> Result<()> {
        self.decode_at([0, 0], stream, layout, out, stride)
    }

    /// As [`decode`](Self::decode), of the tile whose first symbol is at row and column `corner` of the matrix: where
    /// symbols have classes it is the place that tells them.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and when symbols have classes and the tile is not inside their matrix.
    pub fn decode_at(
        &self,
        corner: [usize; 2],
        stream: &[u8],
        layout: Layout,
        out: &mut [u8],
        stride: usize,
    ) -> Result<()> {
        self.open_at(corner, stream, layout)?.read_rows(layout.rows, out, stride)
    }

    /// Opens the stream of one tile, to decode it some rows at a time.
    ///
    /// # Errors
    /// When the start states are not there.
    pub fn open<'a>(&'a self, stream: &'a [u8], layout: Layout) -> Result<Reader<'a>> {
        self.open_at([0, 0], stream, layout)
    }

    /// As [`open`](Self::open), of the tile at `corner` of the matrix (see [`decode_at`](Self::decode_at)).
    ///
    /// # Errors
    /// As [`open`](Self::open), and when symbols have classes and the tile is not inside their matrix.
    pub fn open_at<'a>(&'a self, corner: [usize; 2], stream: &'a [u8], layout: Layout) -> Result<Reader<'a>> {
        if let Some(classes) = &self.classes {
            classes.check_tile(corner, [layout.rows, layout.cols])?;
        }
        let (states, words) = Words::split(stream, layout.lanes_used())?;
        Ok(Reader {
            decoder: self,
            layout,
            corner,
            states,
            words,
            row: 0,
            next: 0,
            firsts: Vec::new(),
            turn: [0; 256],
            waiting: 0..0,
        })
    }

    /// Bytes that the tables take.
    pub fn bytes(&self) -> usize {
        self.slots.iter().map(Slots::bytes).sum::<usize>()
            + self.tables.as_ref().map_or(0, turns::Tables::bytes)
            + self.classes.as_ref().map_or(0, Classes::bytes)
    }

    /// Decodes `out.len() / states.len()` turns of all lanes into `out`, turn-major; `places` where symbols have classes.
    fn turns(
        &self,
        places: Option<turns::Places>,
        states: &mut [u32],
        words: &mut Words,
        out: &mut [u8],
    ) -> Result<()> {
        let lanes = states.len();
        let done = match &self.tables {
            Some(tables) => turns::decode(self.isa, tables, places, states, words, out),
            None => 0,
        };
        for (turn, out) in out.chunks_exact_mut(lanes).enumerate().skip(done) {
            for (lane, (state, symbol)) in states.iter_mut().zip(out).enumerate() {
                let table = places.map_or(0, |places| places.first(turn, lane, lanes) >> self.precision());
                *symbol = self.slots[table as usize].pop(state, words)?;
            }
        }
        Ok(())
    }

    fn precision(&self) -> u32 {
        self.slots[0].precision
    }
}

/// A tile that is being decoded, from its first row on.
#[derive(Debug)]
pub struct Reader<'a> {
    decoder: &'a Decoder,
    layout: Layout,
    /// Row and column of the matrix where the tile begins.
    corner: [usize; 2],
    states: [u32; 256],
    words: Words<'a>,
    /// Rows decoded.
    row: usize,
    /// Interleaved lanes: symbols decoded, those that wait too.
    next: usize,
    /// Where tables begin for the next turns, where symbols have classes.
    firsts: Vec<u32>,
    /// Interleaved lanes: symbols of the last turn, those of the next rows still waiting.
    turn: [u8; 256],
    waiting: Range<usize>,
}

impl Reader<'_> {
    /// Rows not yet decoded.
    pub fn remaining_rows(&self) -> usize {
        self.layout.rows - self.row
    }

    /// Decodes the next `rows` rows; the one `r` after the last goes to `out[r * stride..][..cols]`.
    ///
    /// Lanes by row take their rows together: there `rows` is a multiple of the lanes, or all that are left.
    ///
    /// # Errors
    /// When `out` is too short, `rows` is not such a number, or the stream ends early; with the last row also
    /// when bytes are left over or a lane does not end in its start state. `out` then holds unspecified symbols.
    pub fn read_rows(&mut self, rows: usize, out: &mut [u8], stride: usize) -> Result<()> {
        self.layout.check_next(self.row, rows, out.len(), stride)?;
        let (cols, lanes) = (self.layout.cols, self.layout.lanes);
        match self.layout.order {
            Order::Rows => {
                for group in (0..rows).step_by(lanes) {
                    let active = lanes.min(rows - group);
                    self.group(active, &mut out[group * stride..], stride)?;
                    self.row += active;
                }
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
    /// [`panel`](crate::panel) says; only where lanes hold rows. Returns how many rows that were.
    ///
    /// # Errors
    /// As [`read_rows`](Self::read_rows).
    pub fn read_panels(&mut self, out: &mut [u8], stride: usize) -> Result<usize> {
        let active = self.layout.check_group(self.row, out.len(), stride)?;
        self.chunks(active, |step, chunk| {
            for (first, panel) in (0..active).step_by(panel::ROWS).zip(out.chunks_mut(stride)) {
                panel::from_turns(chunk, active, first, &mut panel[panel::offset(0, step)..]);
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
        let Self { decoder, layout, corner, states, words, row, firsts, .. } = self;
        let classes = decoder.classes.as_ref();
        if let Some(classes) = classes {
            // A column's class is the same in all lanes: it picks one of these rows.
            firsts.clear();
            for class in 0..classes.counts()[1] {
                let table = |lane: usize| u32::from(classes.of_row(corner[0] + *row + lane)[class]);
                firsts.extend((0..active).map(|lane| table(lane) << decoder.precision()));
            }
        }
        let mut chunk = [0u8; CHUNK];
        let turns = CHUNK / active / 16 * 16;
        for step in (0..layout.cols).step_by(turns) {
            let turns = turns.min(layout.cols - step);
            let places = classes.map(|classes| turns::Places {
                turns: Some(&classes.cols()[corner[1] + step..][..turns]),
                firsts,
            });
            let chunk = &mut chunk[..turns * active];
            decoder.turns(places, &mut states[..active], words, chunk)?;
            take(step, chunk);
        }
        Ok(())
    }

    /// After the last row, nothing may be left.
    fn finish(&self) -> Result<()> {
        match self.remaining_rows() {
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
        self.in_order(lanes, turns)?;
        if !last.is_empty() {
            // In the last turn of the tile the last lanes may have no symbol.
            let active = lanes.min(last.len() + self.remaining_rows() * self.layout.cols);
            let mut turn = self.turn;
            self.in_order(active, &mut turn[..active])?;
            self.turn = turn;
            last.copy_from_slice(&self.turn[..last.len()]);
            self.waiting = last.len()..active;
        }
        Ok(())
    }

    /// Whole turns of lanes that take turns symbol by symbol.
    fn in_order(&mut self, lanes: usize, out: &mut [u8]) -> Result<()> {
        let Self { decoder, layout, corner, states, words, next, firsts, .. } = self;
        let states = &mut states[..lanes];
        let Some(classes) = &decoder.classes else {
            return decoder.turns(None, states, words, out);
        };
        for out in out.chunks_mut(CHUNK / lanes * lanes) {
            firsts.clear();
            while firsts.len() < out.len() {
                let (row, col) = (*next / layout.cols, *next % layout.cols);
                let count = (layout.cols - col).min(out.len() - firsts.len());
                let mut tables = [0; Classes::MAX];
                for (first, &table) in tables.iter_mut().zip(classes.of_row(corner[0] + row)) {
                    *first = u32::from(table) << decoder.precision();
                }
                let cols = &classes.cols()[corner[1] + col..][..count];
                // Classes are below their number: what is cut off spares a check each.
                firsts.extend(cols.iter().map(|&class| tables[usize::from(class) % Classes::MAX]));
                *next += count;
            }
            decoder.turns(Some(turns::Places { turns: None, firsts }), states, words, out)?;
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
            left => {
                Err(CodingError::TrailingBytes { what: "rANS words", remaining: left, len: self.bytes.len() })
            }
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
    let (whole_lanes, whole_steps) = (lanes / 16 * 16, steps / 16 * 16);
    for lane in (0..whole_lanes).step_by(16) {
        for step in (0..whole_steps).step_by(16) {
            let from = &turns[step * lanes + lane..];
            simd::bytes::transpose_16x16(from, lanes, &mut out[lane * stride + step..], stride);
        }
    }
    for lane in 0..lanes {
        for step in if lane < whole_lanes { whole_steps } else { 0 }..steps {
            out[lane * stride + step] = turns[step * lanes + lane];
        }
    }
}
