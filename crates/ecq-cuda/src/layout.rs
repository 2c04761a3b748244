//! The two layouts of elements on the GPU, which `kernels/codes.cu` and `kernels/linear.cu` describe.

use ecq_kernels::gpu::{BLOCK, MatrixKind, PackedMatrix, SideData};
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
        if kind.is_integer() {
            Self::Tiles(TileShape::new(shape, kind.bits))
        } else {
            Self::Lanes(LaneShape::new(shape, kind.bits))
        }
    }

    /// Returns the shape of a matrix whose bits are known.
    pub(crate) fn of(packed: &PackedMatrix) -> Self {
        Self::new(packed.kind, packed.shape)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{element, grid};

    fn kind(grid: usize, bits: usize) -> MatrixKind {
        MatrixKind { bits, grid, scales: element::F16, biased: true, group: BLOCK }
    }

    /// Elements below `2^bits` that differ from their neighbours.
    fn elements(row: usize, bits: usize, out: &mut [u32]) {
        let value = |col: usize| ((row as u64 * 7919 + col as u64 * 104_729 + 13) * 2_654_435_761) >> 7;
        out.iter_mut().enumerate().for_each(|(col, out)| *out = (value(col) % (1 << bits)) as u32);
    }

    /// Reads a code as `single_code` of `codes.cu`.
    fn single_code(words: &[u32], units: usize, bits: usize, row: usize, col: usize) -> u32 {
        let (tile, unit, block) = (row / TILE_ROWS, col / UNIT_COLUMNS, col % UNIT_COLUMNS / BLOCK);
        let in_block = col % BLOCK;
        let lane = row % 8 * 4 + in_block % 16 / 4;
        let (word, byte) = (row % TILE_ROWS / 8 + 2 * (in_block / 16), 8 * (in_block % 4));
        let start = (tile * units + unit) * bits * 4 * WARP;
        let (mut code, mut load, mut shift) = (0, 0, 0);
        for width in [8, 4, 2, 1].into_iter().filter(|width| bits & width != 0) {
            let per_word = 8 / width;
            let found = words[start + ((load + block / per_word) * WARP + lane) * 4 + word];
            code |= (found >> (byte + width * (block % per_word)) & ((1 << width) - 1)) << shift;
            shift += width;
            load += width;
        }
        code
    }

    #[test]
    fn codes_are_where_kernels_read_them() {
        for bits in 2..=8 {
            for [rows, cols] in [[1, 32], [16, 256], [17, 33], [50, 600]] {
                let Shape::Tiles(shape) = Shape::new(kind(grid::UNIFORM, bits), [rows, cols]) else {
                    panic!("uniform grids run on tensor cores")
                };
                let words = shape.pack(|row, out| elements(row, bits, out));
                assert_eq!(4 * words.len(), Shape::Tiles(shape).bytes());
                let mut expected = vec![0; cols];
                for row in 0..rows {
                    elements(row, bits, &mut expected);
                    for (col, &expected) in expected.iter().enumerate() {
                        let found = single_code(&words, shape.units, bits, row, col);
                        assert_eq!(found, expected, "{bits} bits, {rows} x {cols}, row {row}, column {col}");
                    }
                }
            }
        }
    }

    /// Pieces of words hold one bit stream per lane.
    #[test]
    fn lanes_hold_bit_streams() {
        for bits in [2, 3, 5, 7, 8, 16, 32] {
            let (rows, cols) = (3, 200);
            let Shape::Lanes(shape) = Shape::new(kind(grid::DENSE, bits), [rows, cols]) else {
                panic!("floats are multiplied in f32")
            };
            let words = shape.pack(|row, out| elements(row, bits.min(20), out));
            let mut expected = vec![0; cols];
            for row in 0..rows {
                elements(row, bits.min(20), &mut expected);
                for (col, &expected) in expected.iter().enumerate() {
                    let (block, bit) = (col / BLOCK, col % BLOCK * bits);
                    let (chunk, lane) = (block / shape.lanes, block % shape.lanes);
                    let chunk = &words[row * shape.row_words() + chunk * shape.lanes * bits..];
                    let word = |index: usize| u64::from(chunk[shape.word_index(lane, index.min(bits - 1))]);
                    let pair = word(bit / 32) | word(bit / 32 + 1) << 32;
                    let found = pair >> (bit % 32) & ((1u64 << bits) - 1);
                    assert_eq!(found, u64::from(expected), "{bits} bits, row {row}, column {col}");
                }
            }
        }
    }

    #[test]
    fn biases_are_beside_scales_and_rows_beside_rows() {
        let (rows, groups) = (18, 2);
        let halves = |first: u16| (0..rows as u16 * 2).flat_map(|i| (first + i).to_le_bytes()).collect();
        let mut side = SideData { scales: halves(100), biases: halves(1000), groups, ..SideData::default() };
        let kind = kind(grid::AFFINE, 4);
        let Shape::Tiles(shape) = Shape::new(kind, [rows, 64]) else { panic!("groups of whole blocks") };
        shape.arrange(kind, &mut side);
        let found = |tile: usize, group: usize, row: usize, which: usize| {
            let at = 2 * (((tile * groups + group) * TILE_ROWS + row) * 2 + which);
            u16::from_le_bytes([side.scales[at], side.scales[at + 1]])
        };
        assert_eq!([found(0, 0, 0, 0), found(0, 0, 0, 1)], [100, 1000]);
        assert_eq!([found(0, 1, 3, 0), found(0, 1, 3, 1)], [107, 1007]);
        assert_eq!([found(1, 0, 1, 0), found(1, 1, 1, 1)], [134, 1035]);
        assert_eq!(found(1, 0, 5, 0), 0);
    }
}
