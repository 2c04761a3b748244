//! Decodes the rows of an encoded matrix in order, a few at a time or as panels.

use super::activations::BLOCK;
use super::blocks_of;
use super::integer::BLOCK_BYTES;
use super::side::PANEL;
use super::trellis::Trellis;
use crate::Result;
use crate::cpu::AlignedVec;
use bytes::Bytes;
use ecq_codec::{CodecError, CodesEntry, Tables, TupleLayout, tile_layout, tile_ranges, unpack};
use ecq_coding::{CodingError, Layout, panel, prefix, rans, tuples};
use ecq_core::{Coding, EncodedTensor, LaneOrder, TensorPart, Tile, code_bits, packed_row_bytes};
use std::ops::Range;

/// The streams of a matrix and their decoders.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    rows: usize,
    cols: usize,
    alphabet: u16,
    /// Converts decoded codes to levels; `None` on other grids than the trellis grid.
    trellis: Option<Trellis>,
    tile: Tile,
    stream: Bytes,
    /// Bytes of each tile in the stream; empty if codes are packed.
    ranges: Vec<Range<usize>>,
    decoders: Decoders,
}

#[derive(Debug, Clone)]
enum Decoders {
    Packed,
    Rans(Tables<rans::Decoder>),
    Prefix(Tables<prefix::Decoder>),
    Tuples(Box<Tuples>),
}

/// A matrix in the tuple coding, whose tiles share one stream.
#[derive(Debug, Clone)]
struct Tuples {
    decoder: tuples::Decoder,
    index: tuples::Index<Bytes>,
    index_bytes: usize,
}

/// The reader of a tile.
enum TileReader<'a> {
    Rans(Box<rans::Reader<'a>>),
    Prefix(prefix::Reader<'a>),
}

impl TileReader<'_> {
    fn rows(&mut self, rows: usize, out: &mut [u8], stride: usize) -> std::result::Result<(), CodingError> {
        match self {
            Self::Rans(reader) => reader.read_rows(rows, out, stride),
            Self::Prefix(reader) => reader.read_rows(rows, out, stride),
        }
    }

    fn panels(&mut self, out: &mut [u8], stride: usize) -> std::result::Result<usize, CodingError> {
        match self {
            Self::Rans(reader) => reader.read_panels(out, stride),
            Self::Prefix(reader) => reader.read_panels(out, stride),
        }
    }
}

impl Streams {
    /// # Errors
    /// [`CodecError`] when a part is corrupt, or the coding cannot be decoded by rows.
    pub(super) fn new(tensor: &EncodedTensor) -> Result<Self> {
        let CodesEntry { coding, alphabet, tile, grid, .. } = CodesEntry::of(tensor)?;
        let trellis = Trellis::of_entry(&grid);
        let [rows, cols] = tensor.shape();
        let stream = tensor.part(TensorPart::Stream)?.clone();
        let (decoders, ranges) = match coding {
            Coding::Packed => (Decoders::Packed, Vec::new()),
            Coding::Rans => (Decoders::Rans(Tables::decoders(tensor)?), tile_ranges(tensor)?),
            Coding::Prefix => {
                let Tables { tables, ids } = Tables::prefix(tensor)?;
                let tables = tables.iter().map(prefix::Decoder::new).collect();
                (Decoders::Prefix(Tables { tables, ids }), tile_ranges(tensor)?)
            }
            Coding::Tuples => {
                let layout = TupleLayout::of(tensor)?;
                let (decoder, index) = (tuples::Decoder::new(&layout.code), layout.index(tensor)?);
                let index_bytes = tensor.part(TensorPart::Index)?.len();
                (Decoders::Tuples(Box::new(Tuples { decoder, index, index_bytes })), Vec::new())
            }
            Coding::Archive => {
                return Err(CodecError::Content {
                    found: "archived codes",
                    expected: "packed, rans, prefix or tuples",
                });
            }
        };
        Ok(Self { rows, cols, alphabet, trellis, tile, stream, ranges, decoders })
    }

    /// Returns the bits such that every code, or level on a trellis grid, is below `2^bits`.
    pub(super) fn bits(&self) -> usize {
        code_bits(self.alphabet) as usize + usize::from(self.trellis.is_some())
    }

    /// Returns the alphabet size.
    pub(super) fn code_alphabet(&self) -> u16 {
        self.alphabet
    }

    /// Returns the branch rule of a trellis grid. [`read`](Self::read) returns codes, not levels.
    pub(super) fn trellis(&self) -> Option<Trellis> {
        self.trellis
    }

    /// Returns the rows of a tile; 1 if codes are packed.
    pub(super) fn rows_of_tile(&self) -> usize {
        match self.decoders {
            Decoders::Packed => 1,
            _ => self.tile.rows.min(self.rows),
        }
    }

    /// Returns the smallest number of rows that are whole tiles and whole panels.
    pub(super) fn row_granularity(&self) -> usize {
        let tile = self.rows_of_tile();
        let (mut a, mut b) = (tile, PANEL);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        (tile / a).saturating_mul(PANEL).min(self.rows)
    }

    /// Returns the bytes held: stream, ranges of tiles, expanded tables.
    pub(super) fn bytes(&self) -> usize {
        let tables = match &self.decoders {
            Decoders::Packed => 0,
            Decoders::Rans(tables) => {
                tables.ids.len() + tables.tables.iter().map(rans::Decoder::bytes).sum::<usize>()
            }
            Decoders::Prefix(tables) => {
                tables.ids.len() + tables.tables.iter().map(prefix::Decoder::bytes).sum::<usize>()
            }
            Decoders::Tuples(tuples) => tuples.index_bytes + tuples.decoder.bytes(),
        };
        self.stream.len() + size_of::<Range<usize>>() * self.ranges.len() + tables
    }

    /// Reads rows from `first`, the first row of a tile, on. They are decoded into `buffer`, `stride` apart.
    pub(super) fn read<'a>(&'a self, first: usize, stride: usize, buffer: &'a mut Vec<u8>) -> RowReader<'a> {
        buffer.clear();
        RowReader { streams: self, next: first, tiles: Vec::new(), left: 0, buffer, stride, taken: 0 }
    }

    /// Reads panels from row `first`, the first row of a tile and of a panel, on.
    pub(super) fn panels<'a>(
        &'a self,
        first: usize,
        rows: &'a mut Vec<u8>,
        panels: &'a mut AlignedVec<u8>,
    ) -> PanelReader<'a> {
        let (direct, bytes) = (self.decodes_to_panels(), self.panel_bytes());
        panels.set_len(bytes * if direct { usize::from(self.tile.lanes) / PANEL } else { 1 });
        let rows = self.read(first, blocks_of(self.cols) * BLOCK, rows);
        PanelReader { rows, direct, panels, bytes, pending: 0..0 }
    }

    /// Calls `take` with the first row of each panel of `rows`, which are whole tiles and panels, and its
    /// codes at one byte each (levels on a trellis grid). Panels come in any order: two tiles decode at the
    /// same time where that is faster.
    ///
    /// # Errors
    /// [`CodecError::Tile`] when a stream is corrupt.
    pub(super) fn for_each_panel(
        &self,
        rows: Range<usize>,
        buffer: &mut Vec<u8>,
        panels: &mut AlignedVec<u8>,
        mut take: impl FnMut(usize, &[u8]),
    ) -> Result<()> {
        let mut next = rows.start;
        if self.decodes_to_panels()
            && let Decoders::Rans(tables) = &self.decoders
        {
            while next.saturating_add(self.tile.rows) < rows.end {
                next = self.two_tiles(tables, next, panels, &mut take)?;
            }
        }
        let mut reader = self.panels(next, buffer, panels);
        for row in (next..rows.end).step_by(PANEL) {
            take(row, reader.take(PANEL.min(rows.end - row))?);
        }
        Ok(())
    }

    /// Decodes the tile that begins at row `first` and the one behind it; returns the row behind both.
    fn two_tiles(
        &self,
        tables: &Tables<rans::Decoder>,
        first: usize,
        panels: &mut AlignedVec<u8>,
        take: &mut impl FnMut(usize, &[u8]),
    ) -> Result<usize> {
        let bytes = self.panel_bytes();
        let together = usize::from(self.tile.lanes) / PANEL * bytes;
        panels.set_len(2 * together);
        let numbers = [first / self.tile.rows, first / self.tile.rows + 1];
        let open = |number: usize| -> Result<rans::Reader> {
            let (row, col, rows, cols) = self.tile.place(number, self.rows, self.cols);
            let (layout, stream) =
                (tile_layout(self.tile, rows, cols)?, &self.stream[self.ranges[number].clone()]);
            let decoder = &tables.tables[tables.id(number)];
            decoder.open_at([row, col], stream, layout).map_err(|e| self.error(number, e))
        };
        let mut readers = [open(numbers[0])?, open(numbers[1])?];
        let mut rows = [first, first + self.tile.rows];
        loop {
            let [one, two] = &mut readers;
            let (low, high) = panels.split_at_mut(together);
            let decoded = match (one.remaining_rows(), two.remaining_rows()) {
                (0, 0) => return Ok(rows[1]),
                (_, 0) => [one.read_panels(low, bytes).map_err(|e| self.error(numbers[0], e))?, 0],
                (0, _) => [0, two.read_panels(high, bytes).map_err(|e| self.error(numbers[1], e))?],
                _ => rans::Reader::read_panels_of_two([one, two], [&mut *low, &mut *high], bytes)
                    .map_err(|(tile, e)| self.error(numbers[tile], e))?,
            };
            for ((row, decoded), codes) in rows.iter_mut().zip(decoded).zip([low, high]) {
                for (panel, codes) in codes.chunks_exact_mut(bytes).take(decoded.div_ceil(PANEL)).enumerate()
                {
                    if let Some(trellis) = self.trellis {
                        trellis.panel(codes);
                    }
                    take(*row + panel * PANEL, codes);
                }
                *row += decoded;
            }
        }
    }

    /// Returns whether lanes are the rows of whole panels, and a tile has all columns.
    fn decodes_to_panels(&self) -> bool {
        !matches!(self.decoders, Decoders::Packed | Decoders::Tuples(_))
            && self.tile.order == LaneOrder::Rows
            && self.tile.cols >= self.cols
            && usize::from(self.tile.lanes).is_multiple_of(PANEL)
            && (self.tile.rows.is_multiple_of(PANEL) || self.tile.rows >= self.rows)
    }

    /// Returns the bytes of a panel at one byte per code.
    fn panel_bytes(&self) -> usize {
        blocks_of(self.cols) * BLOCK_BYTES
    }

    /// Opens the tiles of the band that begins at row `row`; returns its rows.
    fn open<'a>(&'a self, row: usize, tiles: &mut Vec<(usize, TileReader<'a>)>) -> Result<usize> {
        tiles.clear();
        let across = self.cols.div_ceil(self.tile.cols);
        let first = row / self.tile.rows * across;
        for index in first..first + across {
            let (row, col, rows, cols) = self.tile.place(index, self.rows, self.cols);
            let layout = tile_layout(self.tile, rows, cols)?;
            let stream = &self.stream[self.ranges[index].clone()];
            let tile = self.open_tile(index, [row, col], stream, layout);
            tiles.push((index, tile.map_err(|e| self.error(index, e))?));
        }
        Ok(self.tile.rows.min(self.rows - row))
    }

    fn open_tile<'a>(
        &'a self,
        index: usize,
        origin: [usize; 2],
        stream: &'a [u8],
        layout: Layout,
    ) -> std::result::Result<TileReader<'a>, CodingError> {
        match &self.decoders {
            Decoders::Rans(tables) => {
                let decoder = &tables.tables[tables.id(index)];
                decoder.open_at(origin, stream, layout).map(Box::new).map(TileReader::Rans)
            }
            Decoders::Prefix(tables) => {
                tables.tables[tables.id(index)].open(stream, layout).map(TileReader::Prefix)
            }
            Decoders::Packed | Decoders::Tuples(_) => unreachable!("the rows are decoded without readers"),
        }
    }

    fn error(&self, tile: usize, source: CodingError) -> CodecError {
        let offset = match &self.decoders {
            Decoders::Tuples(tuples) => tuples.index.segment(tile, 0).row * tuples::STREAM_ROW_BYTES,
            _ => self.ranges[tile].start,
        };
        CodecError::Tile { tile, offset, source }
    }
}

/// Reads panels in order: decoded to panels directly, or assembled from rows.
pub(super) struct PanelReader<'a> {
    rows: RowReader<'a>,
    direct: bool,
    /// Panels of `bytes` bytes, of which those in `pending` are decoded and not yet taken.
    panels: &'a mut [u8],
    bytes: usize,
    pending: Range<usize>,
}

impl PanelReader<'_> {
    /// Returns the next panel, of `rows` rows, at one byte per code (level on a trellis grid).
    ///
    /// # Errors
    /// [`CodecError::Tile`] when a stream is corrupt.
    pub(super) fn take(&mut self, rows: usize) -> Result<&[u8]> {
        let trellis = self.rows.streams.trellis;
        let panel = self.codes(rows)?;
        if let Some(trellis) = trellis {
            trellis.panel(panel);
        }
        Ok(panel)
    }

    /// As [`take`](Self::take), but returns codes on a trellis grid too.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub(super) fn codes(&mut self, rows: usize) -> Result<&mut [u8]> {
        if !self.direct {
            let (stride, cols) = (self.rows.stride, self.rows.streams.cols);
            panel::from_rows(self.rows.take(rows)?, stride, cols, &mut self.panels[..panel::bytes(cols)]);
            return Ok(self.panels);
        }
        let panel = match self.pending.next() {
            Some(panel) => panel,
            None => {
                self.pending = 1..self.rows.panels(self.panels, self.bytes)?.div_ceil(PANEL);
                0
            }
        };
        Ok(&mut self.panels[panel * self.bytes..][..self.bytes])
    }
}

/// Reads rows in order.
pub(super) struct RowReader<'a> {
    streams: &'a Streams,
    /// The next row to decode.
    next: usize,
    /// The tiles of its band with their numbers, and the rows left in them.
    tiles: Vec<(usize, TileReader<'a>)>,
    left: usize,
    /// Decoded rows, `stride` apart, of which the first `taken` were returned.
    buffer: &'a mut Vec<u8>,
    stride: usize,
    taken: usize,
}

impl RowReader<'_> {
    /// Returns the next `rows` rows.
    ///
    /// # Errors
    /// [`CodecError::Tile`] when a stream is corrupt.
    pub(super) fn take(&mut self, rows: usize) -> Result<&[u8]> {
        let pending = self.buffer.len() / self.stride - self.taken;
        if pending < rows {
            // Rows not yet returned move to the front.
            self.buffer.copy_within(self.taken * self.stride.., 0);
            self.buffer.truncate(pending * self.stride);
            self.taken = 0;
            while self.buffer.len() < rows * self.stride {
                self.decode()?;
            }
        }
        self.taken += rows;
        Ok(&self.buffer[(self.taken - rows) * self.stride..self.taken * self.stride])
    }

    /// Decodes the next row of each lane to panels, `stride` apart; returns the number of rows.
    fn panels(&mut self, panels: &mut [u8], stride: usize) -> Result<usize> {
        let streams = self.streams;
        if self.left == 0 {
            self.left = streams.open(self.next, &mut self.tiles)?;
        }
        let (index, tile) = &mut self.tiles[0];
        let rows = tile.panels(panels, stride).map_err(|e| streams.error(*index, e))?;
        self.left -= rows;
        self.next += rows;
        Ok(rows)
    }

    /// Decodes some more rows: a panel, or a row of each lane.
    fn decode(&mut self) -> Result<()> {
        let streams = self.streams;
        let at = self.buffer.len();
        if matches!(streams.decoders, Decoders::Packed) {
            let rows = PANEL.min(streams.rows - self.next);
            self.buffer.resize(at + rows * self.stride, 0);
            let row_bytes = packed_row_bytes(streams.cols, code_bits(streams.alphabet));
            let packed = streams.stream[self.next * row_bytes..].chunks_exact(row_bytes);
            for (row, packed) in self.buffer[at..].chunks_exact_mut(self.stride).zip(packed) {
                unpack(packed, streams.alphabet, &mut row[..streams.cols]);
            }
            self.next += rows;
            return Ok(());
        }
        if let Decoders::Tuples(tuples) = &streams.decoders {
            let (tile, rows) = (self.next / PANEL, PANEL.min(streams.rows - self.next));
            self.buffer.resize(at + rows * self.stride, 0);
            let decoder = &tuples.decoder;
            decoder
                .decode_tile(&tuples.index, &streams.stream, tile, &mut self.buffer[at..], self.stride)
                .map_err(|error| streams.error(tile, error))?;
            self.next += rows;
            return Ok(());
        }
        if self.left == 0 {
            self.left = streams.open(self.next, &mut self.tiles)?;
        }
        let together = match streams.tile.order {
            LaneOrder::Rows => usize::from(streams.tile.lanes),
            LaneOrder::Interleaved => 1,
        };
        let rows = PANEL.next_multiple_of(together).min(self.left);
        self.buffer.resize(at + rows * self.stride, 0);
        for (across, (index, tile)) in self.tiles.iter_mut().enumerate() {
            let out = &mut self.buffer[at + across * streams.tile.cols..];
            tile.rows(rows, out, self.stride).map_err(|e| streams.error(*index, e))?;
        }
        self.left -= rows;
        self.next += rows;
        Ok(())
    }
}
