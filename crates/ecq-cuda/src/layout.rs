//! The two layouts of elements on the GPU, which `kernels/codes.cu` and `kernels/linear.cu` describe.

use crate::packing::{BLOCK, MatrixKind, SideData};
use rayon::prelude::*;

/// Rows of a tile.
pub(crate) const TILE_ROWS: usize = 16;
/// Columns of a unit.
pub(crate) const UNIT_COLUMNS: usize = 256;
/// Lanes of a warp.
const WARP: usize = 32;

/// The shape of a matrix in its layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Tiles(TileShape),
    Lanes(LaneShape),
}

impl Shape {
    pub(crate) fn new(kind: MatrixKind, shape: [usize; 2]) -> Self {
        if kind.uses_tensor_cores() {
            Self::Tiles(TileShape::new(shape, kind.bits))
        } else {
            Self::Lanes(LaneShape::new(shape, kind.bits))
        }
    }

    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Tiles(shape) => shape.rows,
            Self::Lanes(shape) => shape.rows,
        }
    }

    pub(crate) fn cols(&self) -> usize {
        match self {
            Self::Tiles(shape) => shape.cols,
            Self::Lanes(shape) => shape.cols,
        }
    }

    /// Returns the bytes of all elements.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Tiles(shape) => 4 * shape.rows.div_ceil(TILE_ROWS) * shape.tile_words(),
            Self::Lanes(shape) => 4 * shape.rows * shape.row_words(),
        }
    }

    /// Packs all rows, in parallel; `row_elements` fills the elements of a row.
    pub(crate) fn pack(&self, row_elements: impl Fn(usize, &mut [u32]) + Sync) -> Vec<u32> {
        match self {
            Self::Tiles(shape) => shape.pack(row_elements),
            Self::Lanes(shape) => shape.pack(row_elements),
        }
    }
}

/// The shape of a matrix in the layout of `kernels/codes.cu`: tiles of 16 rows, units of 256 columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TileShape {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    bits: usize,
    /// Units of a tile.
    pub(crate) units: usize,
}

impl TileShape {
    fn new([rows, cols]: [usize; 2], bits: usize) -> Self {
        Self { rows, cols, bits, units: cols.div_ceil(UNIT_COLUMNS) }
    }

    fn tile_words(&self) -> usize {
        self.units * self.bits * 4 * WARP
    }

    fn pack(&self, row_elements: impl Fn(usize, &mut [u32]) + Sync) -> Vec<u32> {
        let mut words = vec![0; self.rows.div_ceil(TILE_ROWS) * self.tile_words()];
        words.par_chunks_mut(self.tile_words()).enumerate().for_each_init(
            || vec![0; self.units * UNIT_COLUMNS],
            |elements, (tile, words)| {
                for row in tile * TILE_ROWS..self.rows.min((tile + 1) * TILE_ROWS) {
                    row_elements(row, &mut elements[..self.cols]);
                    self.pack_row(row % TILE_ROWS, elements, words);
                }
            },
        );
        words
    }

    /// Adds a row to the words of its tile.
    fn pack_row(&self, row: usize, elements: &[u32], words: &mut [u32]) {
        let units = elements.chunks_exact(UNIT_COLUMNS).zip(words.chunks_exact_mut(self.bits * 4 * WARP));
        for (elements, words) in units {
            for (block, elements) in elements.chunks_exact(BLOCK).enumerate() {
                // Four columns share a word.
                for (quad, elements) in elements.chunks_exact(4).enumerate() {
                    let lane = row % 8 * 4 + quad % 4;
                    let word = row / 8 + 2 * (quad / 4);
                    let codes = u32::from_le_bytes(std::array::from_fn(|i| elements[i] as u8));
                    let (mut load, mut shift) = (0, 0);
                    for width in [8, 4, 2, 1].into_iter().filter(|width| self.bits & width != 0) {
                        let per_word = 8 / width;
                        let mask = ((1u32 << width) - 1) * 0x0101_0101;
                        let at = ((load + block / per_word) * WARP + lane) * 4 + word;
                        words[at] |= (codes >> shift & mask) << (width * (block % per_word));
                        shift += width;
                        load += width;
                    }
                }
            }
        }
    }

    /// Lays side data out as kernels read it: groups of the rows of a tile side by side, biases beside
    /// scales.
    pub(crate) fn arrange(&self, kind: MatrixKind, side: &mut SideData) {
        let groups = side.groups;
        let size = if kind.scales == crate::kernels::element::F32 { 4 } else { 2 };
        if kind.grid != crate::kernels::grid::UNIFORM {
            let biases = std::mem::take(&mut side.biases);
            side.scales = self.side_by_side(&[&side.scales, &biases], size, groups);
        }
        let in_row = if groups == 0 { 0 } else { side.group_scales.len() / self.rows };
        side.group_scales = self.side_by_side(&[&side.group_scales], 1, in_row);
        side.group_minima = self.side_by_side(&[&side.group_minima], 1, in_row);
    }

    /// Arranges arrays `[rows, groups]` of elements of `size` bytes as `[tiles, groups, 16, arrays]`; empty
    /// arrays are left out.
    fn side_by_side(&self, arrays: &[&[u8]], size: usize, groups: usize) -> Vec<u8> {
        let arrays: Vec<&&[u8]> = arrays.iter().filter(|array| !array.is_empty()).collect();
        let tiles = self.rows.div_ceil(TILE_ROWS);
        let mut out =
            vec![0; if arrays.is_empty() { 0 } else { tiles * groups * TILE_ROWS * arrays.len() * size }];
        for (index, array) in arrays.iter().enumerate() {
            for (i, element) in array.chunks_exact(size).enumerate() {
                let (row, group) = (i / groups, i % groups);
                let at = (row / TILE_ROWS * groups + group) * TILE_ROWS + row % TILE_ROWS;
                out[(at * arrays.len() + index) * size..][..size].copy_from_slice(element);
            }
        }
        out
    }
}

/// The shape of a matrix in the layout of `kernels/linear.cu`: blocks, lanes and chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaneShape {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) bits: usize,
    /// Lanes of a row.
    pub(crate) lanes: usize,
    /// Chunks of a row: `lanes` blocks each.
    pub(crate) chunks: usize,
}

impl LaneShape {
    fn new([rows, cols]: [usize; 2], bits: usize) -> Self {
        let blocks = cols.div_ceil(BLOCK);
        let used = |lanes: usize| blocks as f64 / (blocks.div_ceil(lanes) * lanes) as f64;
        let candidates = [32, 16, 8, 4];
        // The most lanes of which few are idle.
        let lanes = candidates.into_iter().find(|&lanes| used(lanes) >= 0.75);
        let lanes = lanes.unwrap_or_else(|| {
            candidates.into_iter().max_by(|&a, &b| used(a).total_cmp(&used(b))).unwrap_or(4)
        });
        Self { rows, cols, bits, lanes, chunks: blocks.div_ceil(lanes) }
    }

    /// Returns the words of a row.
    fn row_words(&self) -> usize {
        self.chunks * self.lanes * self.bits
    }

    fn pack(&self, row_elements: impl Fn(usize, &mut [u32]) + Sync) -> Vec<u32> {
        let mut words = vec![0; self.rows * self.row_words()];
        let rows = words.par_chunks_mut(self.row_words()).enumerate();
        rows.with_min_len((1 << 16) / self.cols.clamp(1, 1 << 16)).for_each_init(
            || vec![0; self.cols.div_ceil(BLOCK) * BLOCK],
            |elements, (row, words)| {
                row_elements(row, &mut elements[..self.cols]);
                self.pack_row(elements, words);
            },
        );
        words
    }

    /// Packs whole blocks of elements below `2^bits`.
    fn pack_row(&self, elements: &[u32], words: &mut [u32]) {
        for (block, elements) in elements.chunks_exact(BLOCK).enumerate() {
            let (chunk, lane) = (block / self.lanes, block % self.lanes);
            let chunk = &mut words[chunk * self.lanes * self.bits..][..self.lanes * self.bits];
            let (mut pending, mut held, mut word) = (0u64, 0, 0);
            for &element in elements {
                pending |= u64::from(element) << held;
                held += self.bits;
                while held >= 32 {
                    chunk[self.word_index(lane, word)] = pending as u32;
                    (pending, held, word) = (pending >> 32, held - 32, word + 1);
                }
            }
        }
    }

    /// Returns the index of a lane's word in its chunk: words are in pieces of 4, then 2, then 1.
    fn word_index(&self, lane: usize, word: usize) -> usize {
        let (fours, rest) = (self.bits / 4 * 4, self.bits % 4);
        let (start, width) = if word < fours {
            (word / 4 * 4, 4)
        } else if word < fours + rest / 2 * 2 {
            (fours, 2)
        } else {
            (self.bits - 1, 1)
        };
        start * self.lanes + lane * width + (word - start)
    }
}
