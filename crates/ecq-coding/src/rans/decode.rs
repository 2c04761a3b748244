use super::branches::BranchState;
use super::{Classes, LOWER, turns};
use crate::alias::Slots;
use crate::error::{CodingError, Result};
use crate::layout::{Layout, Order};
use crate::panel;
use crate::simd::{self, Isa};
use crate::table::FrequencyTable;
use std::ops::Range;

/// Decodes tiles with one frequency table, or with tables selected by classes of rows and columns.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// The slots of each table.
    slots: Vec<Slots>,
    classes: Option<Classes>,
    /// The lookup tables of vectors; `None` where an entry takes more than a lane.
    tables: Option<turns::Tables>,
    isa: Isa,
}

/// Symbols decoded turn by turn before they are copied to rows: at least 16 turns of the most lanes.
const CHUNK: usize = 16 * 256;

impl Decoder {
    /// Builds the lookup tables, for the widest instruction set of this processor.
    pub fn new(table: &FrequencyTable) -> Self {
        Self::with_isa(table, Isa::detect())
    }

    /// As [`new`](Self::new), for `isa` (to compare instruction sets); see [`Isa::resolve`].
    pub fn with_isa(table: &FrequencyTable, isa: Isa) -> Self {
        Self::with_slots(vec![Slots::new(table)], None, isa)
    }

    /// Builds the lookup tables of a matrix each of whose symbols is coded with the table of its row's and
    /// column's class.
    ///
    /// # Errors
    /// [`CodingError::MissingTable`] when a pair of classes uses a table that does not exist;
    /// [`CodingError::Parameter`] when there are more tables than pairs; [`CodingError::MixedPrecision`] when
    /// precisions differ.
    pub fn with_classes(tables: &[FrequencyTable], classes: Classes) -> Result<Self> {
        Self::with_classes_and_isa(tables, classes, Isa::detect())
    }

    /// As [`with_classes`](Self::with_classes), for `isa` (to compare instruction sets); see
    /// [`Isa::resolve`].
    ///
    /// # Errors
    /// As [`with_classes`](Self::with_classes).
    pub fn with_classes_and_isa(tables: &[FrequencyTable], classes: Classes, isa: Isa) -> Result<Self> {
        classes.check_tables(tables)?;
        Ok(Self::with_slots(tables.iter().map(Slots::new).collect(), Some(classes), isa))
    }

    fn with_slots(slots: Vec<Slots>, classes: Option<Classes>, isa: Isa) -> Self {
        let isa = isa.resolve();
        let tables = turns::Tables::new(isa, &slots, classes.is_some());
        Self { slots, classes, tables, isa }
    }

    /// Decodes the stream of one tile; row `r` goes to `out[r * stride..][..cols]`.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when `out` is too short for the layout; [`CodingError::Truncated`] or
    /// [`CodingError::TrailingBytes`] when the stream has another length than its symbols;
    /// [`CodingError::FinalState`] when a lane does not end in the state that encoders start from. `out` then
    /// holds unspecified symbols.
    pub fn decode(&self, stream: &[u8], layout: Layout, out: &mut [u8], stride: usize) -> Result<()> {
        self.decode_at([0, 0], stream, layout, out, stride)
    }

    /// As [`decode`](Self::decode), for the tile whose first symbol is at row and column `origin` of the
    /// matrix. Classes select tables by the place in the matrix.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and [`CodingError::Parameter`] when the tile is not inside the matrix of
    /// the classes.
    pub fn decode_at(
        &self,
        origin: [usize; 2],
        stream: &[u8],
        layout: Layout,
        out: &mut [u8],
        stride: usize,
    ) -> Result<()> {
        self.open_at(origin, stream, layout)?.read_rows(layout.rows, out, stride)
    }

    /// Opens the stream of one tile, to decode it a few rows at a time.
    ///
    /// # Errors
    /// [`CodingError::Truncated`] when the stream is shorter than the start states.
    pub fn open<'a>(&'a self, stream: &'a [u8], layout: Layout) -> Result<Reader<'a>> {
        self.open_at([0, 0], stream, layout)
    }

    /// As [`open`](Self::open), for the tile at `origin` of the matrix (see [`decode_at`](Self::decode_at)).
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`CodingError::Parameter`] when the tile is not inside the matrix of the
    /// classes.
    pub fn open_at<'a>(&'a self, origin: [usize; 2], stream: &'a [u8], layout: Layout) -> Result<Reader<'a>> {
        if let Some(classes) = &self.classes {
            classes.check_tile(origin, layout)?;
        }
        let (states, words) = Words::split(stream, layout.lanes_used())?;
        Ok(Reader {
            decoder: self,
            layout,
            origin,
            states,
            words,
            row: 0,
            next: 0,
            firsts: Vec::new(),
            branches: None,
            turn: [0; 256],
            pending: 0..0,
        })
    }

    /// Returns the bytes of the tables.
    pub fn bytes(&self) -> usize {
        self.slots.iter().map(Slots::bytes).sum::<usize>()
            + self.tables.as_ref().map_or(0, turns::Tables::bytes)
            + self.classes.as_ref().map_or(0, Classes::bytes)
    }

    /// Decodes all turns of runs, of two of equal lanes and turns together. Returns an error with the number
    /// of its run.
    fn turns<const N: usize>(
        &self,
        mut runs: [turns::Run; N],
    ) -> std::result::Result<(), (usize, CodingError)> {
        if N > 1
            && let Some(tables) = &self.tables
        {
            turns::decode(self.isa, tables, &mut runs);
        }
        for (number, run) in runs.iter_mut().enumerate() {
            if let Some(tables) = &self.tables {
                turns::decode(self.isa, tables, std::array::from_mut(run));
            }
            self.last_turns(run).map_err(|error| (number, error))?;
        }
        Ok(())
    }

    /// Decodes all turns of a run.
    fn run(&self, run: turns::Run) -> Result<()> {
        self.turns([run]).map_err(|(_, error)| error)
    }

    /// Decodes the turns of a run that are left, symbol by symbol.
    fn last_turns(&self, run: &mut turns::Run) -> Result<()> {
        let (lanes, done) = (run.lanes(), run.done);
        let turns::Run { places, branches, states, words, out, .. } = run;
        let turns = out.chunks_exact_mut(lanes).enumerate().skip(done);
        let Some(places) = places else {
            for (_, out) in turns {
                for (state, symbol) in states.iter_mut().zip(out) {
                    *symbol = self.slots[0].pop(state, words)?;
                }
            }
            return Ok(());
        };
        let table = |at: usize| &self.slots[(places.firsts[at] >> self.precision()) as usize];
        for (turn, out) in turns {
            let row = places.row(turn);
            match branches {
                None => {
                    for (lane, (state, symbol)) in states.iter_mut().zip(out).enumerate() {
                        *symbol = table(row * lanes + lane).pop(state, words)?;
                    }
                }
                Some(branches) => {
                    let inversion = branches.inversion();
                    let (parities, bits) = branches.begin();
                    for (lane, (state, symbol)) in states.iter_mut().zip(out).enumerate() {
                        let (byte, bit) = (lane / 8, lane % 8);
                        let branch = usize::from(bits[byte] >> bit & 1);
                        *symbol = table((2 * row + branch) * lanes + lane).pop(state, words)?;
                        let parity = (*symbol ^ inversion as u8) & 1;
                        parities[byte] = parities[byte] & !(1 << bit) | parity << bit;
                    }
                }
            }
        }
        Ok(())
    }

    fn precision(&self) -> u32 {
        self.slots[0].precision
    }
}

/// Decodes a tile from its first row to its last, a few rows at a time.
#[derive(Debug)]
pub struct Reader<'a> {
    decoder: &'a Decoder,
    layout: Layout,
    /// Row and column of the tile's first symbol in the matrix.
    origin: [usize; 2],
    states: [u32; 256],
    words: Words<'a>,
    /// Number of rows decoded.
    row: usize,
    /// Interleaved order: number of symbols decoded, pending ones included.
    next: usize,
    /// First entries of the tables of the next turns, with classes.
    firsts: Vec<u32>,
    /// Row order, with branches: of the rows that lanes decode now.
    branches: Option<BranchState>,
    /// Interleaved order: symbols of the last turn, of which those in `pending` belong to the next rows.
    turn: [u8; 256],
    pending: Range<usize>,
}

impl Reader<'_> {
    /// Returns the number of rows not yet decoded.
    pub fn remaining_rows(&self) -> usize {
        self.layout.rows - self.row
    }

    /// Decodes the next `rows` rows; the `r`-th of them goes to `out[r * stride..][..cols]`.
    ///
    /// In row order, `rows` is a multiple of the lanes, or all rows that are left.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when `out` is too short or `rows` is another number;
    /// [`CodingError::Truncated`] when the stream ends early; after the last row also
    /// [`CodingError::TrailingBytes`] and [`CodingError::FinalState`]. `out` then holds unspecified symbols.
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
            // Rows without gaps between them are one run of symbols.
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

    /// Decodes the next row of each lane (of those that have one) to panels of 16 rows, `stride` bytes apart,
    /// laid out as [`panel`](crate::panel) says; only where lanes hold rows. Returns how many rows that were.
    ///
    /// # Errors
    /// As [`read_rows`](Self::read_rows).
    pub fn read_panels(&mut self, out: &mut [u8], stride: usize) -> Result<usize> {
        let active = self.layout.check_group(self.row, out.len(), stride)?;
        Self::chunks([&mut *self], active, |_, step, chunk| to_panels(step, chunk, active, out, stride))
            .map_err(|(_, error)| error)?;
        self.row += active;
        self.finish()?;
        Ok(active)
    }

    /// As [`read_panels`](Self::read_panels), for two tiles of one matrix at the same time: the symbols of
    /// one decode while those of the other wait for their last ones. Returns the rows of each tile, and the
    /// number of the tile in errors.
    ///
    /// # Errors
    /// As [`read_panels`](Self::read_panels), of the first tile that has one.
    pub fn read_panels_of_two(
        readers: [&mut Self; 2],
        mut out: [&mut [u8]; 2],
        stride: usize,
    ) -> std::result::Result<[usize; 2], (usize, CodingError)> {
        let [one, two] = readers;
        let active = |reader: &Self, out: &[u8]| reader.layout.check_group(reader.row, out.len(), stride);
        let rows = [active(one, out[0]).map_err(|e| (0, e))?, active(two, out[1]).map_err(|e| (1, e))?];
        if rows[0] != rows[1] || one.layout.cols != two.layout.cols || !std::ptr::eq(one.decoder, two.decoder)
        {
            let [first, second] = out;
            one.read_panels(first, stride).map_err(|e| (0, e))?;
            two.read_panels(second, stride).map_err(|e| (1, e))?;
            return Ok(rows);
        }
        let active = rows[0];
        Self::chunks([&mut *one, &mut *two], active, |reader, step, chunk| {
            to_panels(step, chunk, active, out[reader], stride);
        })?;
        for (number, reader) in [one, two].into_iter().enumerate() {
            reader.row += active;
            reader.finish().map_err(|e| (number, e))?;
        }
        Ok(rows)
    }

    /// Decodes the next row of each of `active` lanes.
    fn group(&mut self, active: usize, out: &mut [u8], stride: usize) -> Result<()> {
        Self::chunks([self], active, |_, step, chunk| transpose(chunk, active, &mut out[step..], stride))
            .map_err(|(_, error)| error)
    }

    /// Decodes the next row of each of `active` lanes of each reader, some turns at a time; calls `take` with
    /// the number of the reader, the column of the first turn and the symbols of the turns. Readers have one
    /// decoder and equal columns. Returns an error with the number of its reader.
    fn chunks<const N: usize>(
        mut readers: [&mut Self; N],
        active: usize,
        mut take: impl FnMut(usize, usize, &[u8]),
    ) -> std::result::Result<(), (usize, CodingError)> {
        let (decoder, cols) = (readers[0].decoder, readers[0].layout.cols);
        for reader in &mut readers {
            reader.begin_group(active);
        }
        let mut chunks = [[0u8; CHUNK]; N];
        let turns = CHUNK / active / 16 * 16;
        for step in (0..cols).step_by(turns) {
            let turns = turns.min(cols - step);
            let mut out = chunks.iter_mut();
            let runs = readers.each_mut().map(|reader| {
                let Self { origin, states, words, firsts, branches, .. } = &mut **reader;
                let places = decoder.classes.as_ref().map(|classes| turns::Places {
                    turns: Some(&classes.cols()[origin[1] + step..][..turns]),
                    firsts,
                });
                let out = out.next().map_or(&mut [][..], |chunk| &mut chunk[..turns * active]);
                let (states, branches) = (&mut states[..active], branches.as_mut());
                turns::Run { places, branches, states, words, out, done: 0 }
            });
            decoder.turns(runs)?;
            for (number, chunk) in chunks.iter().enumerate() {
                take(number, step, &chunk[..turns * active]);
            }
        }
        Ok(())
    }

    /// Begins the next row of each of `active` lanes: finds the tables of the rows.
    fn begin_group(&mut self, active: usize) {
        let Some(classes) = &self.decoder.classes else { return };
        // A column's class is the same in all lanes: it selects a row of `firsts`, or with branches two.
        self.firsts.clear();
        for place in 0..classes.tables().len() / classes.counts()[0] {
            let table = |lane: usize| u32::from(classes.of_row(self.origin[0] + self.row + lane)[place]);
            self.firsts.extend((0..active).map(|lane| table(lane) << self.decoder.precision()));
        }
        self.branches = classes.branches().map(|rule| BranchState::new(rule, self.layout.cols, active));
    }

    /// After the last row, checks that the stream ends and that states are those that encoders start from.
    fn finish(&self) -> Result<()> {
        match self.remaining_rows() {
            0 => self.words.finish(&self.states[..self.layout.lanes_used()]),
            _ => Ok(()),
        }
    }

    /// Decodes the next symbols, row-major, in interleaved order; `row` is already behind them.
    fn run(&mut self, out: &mut [u8]) -> Result<()> {
        let pending = out.len().min(self.pending.len());
        let (first, out) = out.split_at_mut(pending);
        first.copy_from_slice(&self.turn[self.pending.start..][..pending]);
        self.pending.start += pending;
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
            self.pending = last.len()..active;
        }
        Ok(())
    }

    /// Decodes whole turns in interleaved order.
    fn in_order(&mut self, lanes: usize, out: &mut [u8]) -> Result<()> {
        let Self { decoder, layout, origin, states, words, next, firsts, .. } = self;
        let states = &mut states[..lanes];
        let Some(classes) = &decoder.classes else {
            return decoder.run(turns::Run { places: None, branches: None, states, words, out, done: 0 });
        };
        for out in out.chunks_mut(CHUNK / lanes * lanes) {
            firsts.clear();
            while firsts.len() < out.len() {
                let (row, col) = (*next / layout.cols, *next % layout.cols);
                let count = (layout.cols - col).min(out.len() - firsts.len());
                let mut tables = [0; Classes::MAX];
                for (first, &table) in tables.iter_mut().zip(classes.of_row(origin[0] + row)) {
                    *first = u32::from(table) << decoder.precision();
                }
                let cols = &classes.cols()[origin[1] + col..][..count];
                // Classes are below `MAX`: the remainder only removes bounds checks.
                firsts.extend(cols.iter().map(|&class| tables[usize::from(class) % Classes::MAX]));
                *next += count;
            }
            let places = Some(turns::Places { turns: None, firsts });
            decoder.run(turns::Run { places, branches: None, states, words, out, done: 0 })?;
        }
        Ok(())
    }
}

impl Slots {
    /// Decodes one symbol: the reference for every instruction set.
    #[inline(always)]
    pub(crate) fn pop(&self, state: &mut u32, words: &mut Words) -> Result<u8> {
        let mask = (1u32 << self.precision) - 1;
        let slot = *state & mask;
        let entry = self.entry(slot);
        let rank = (slot + u32::from(entry.bias)) & mask;
        // A state of a hostile stream may be below LOWER. The product fits: f < 2^p, x >> p < 2^(32-p).
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
    /// Splits a stream into the start states of `lanes` lanes and the words behind them.
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

    /// Checks that all words were taken and that every lane is in the state that encoders start from.
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

/// Writes turns from column `step` on, `[turns][lanes]`, to panels, `stride` bytes apart.
fn to_panels(step: usize, turns: &[u8], lanes: usize, out: &mut [u8], stride: usize) {
    for (first, panel) in (0..lanes).step_by(panel::ROWS).zip(out.chunks_mut(stride)) {
        panel::from_turns(turns, lanes, first, &mut panel[panel::offset(0, step)..]);
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
