//! What a matrix has beside its elements, as `kernels/matrix.wgsl` reads it.

use crate::error::Result;
use crate::gpu::Gpu;
use crate::layout::{Shape, TILE_ROWS};
use ecq_kernels::gpu::{BLOCK, MatrixKind, SideData, element, grid};
use std::ops::Range;

/// Side data of a range of rows on the GPU, and the words that describe a matrix to kernels.
pub(crate) struct Side {
    pub(crate) buffer: wgpu::Buffer,
    /// `Matrix` of `matrix.wgsl`.
    matrix: [u32; 16],
    zero: i32,
}

/// Place of the zero among the words of a matrix, and of scales of columns.
const ZERO: usize = 5;
const COL_SCALES: usize = 8;

/// Words in one buffer, each list at a multiple of four.
#[derive(Default)]
struct Arena(Vec<u32>);

impl Arena {
    /// Adds words and returns the place of the first one.
    fn push(&mut self, words: impl IntoIterator<Item = u32>) -> u32 {
        let at = self.0.len().next_multiple_of(4);
        self.0.resize(at, 0);
        self.0.extend(words);
        at as u32
    }
}

impl Side {
    /// Uploads the side data of the rows `range` of a matrix of `shape`.
    ///
    /// # Errors
    /// As [`Gpu::buffer`].
    pub(crate) fn new(
        gpu: &Gpu,
        kind: MatrixKind,
        side: &SideData,
        shape: Shape,
        range: Range<usize>,
    ) -> Result<Self> {
        let mut arena = Arena::default();
        let rows = || range.clone();
        let (mut scales, mut more) = (0, 0);
        match kind.grid {
            grid::UNIFORM | grid::LEVELS => {
                scales = arena.push(rows().map(|row| word(&side.scales, row)));
                more = arena.push(side.levels.iter().map(|level| level.to_bits()));
            }
            grid::AFFINE => {
                let size = if kind.scales == element::F32 { 4 } else { 2 };
                let pair = |row: usize, group: usize| {
                    let at = row * side.groups + group;
                    [number(&side.scales, size, at), number(&side.biases, size, at)]
                };
                let words = in_tiles(&range, side.groups, |row, group| match (pair(row, group), size) {
                    ([scale, bias], 4) => vec![scale, bias],
                    ([scale, bias], _) => vec![scale | bias << 16],
                });
                scales = arena.push(words);
            }
            grid::AFFINE_ANY => {
                let float = |bytes: &[u8], at: usize| match kind.scales {
                    element::F32 => number(bytes, 4, at),
                    element::F16 => half::f16::from_bits(number(bytes, 2, at) as u16).to_f32().to_bits(),
                    _ => number(bytes, 2, at) << 16,
                };
                let all = rows().flat_map(|row| row * side.groups..(row + 1) * side.groups);
                scales = arena.push(all.flat_map(|at| [float(&side.scales, at), float(&side.biases, at)]));
            }
            grid::SUPER_BLOCKS => {
                let steps = in_tiles(&range, side.groups, |row, group| {
                    let at = row * side.groups + group;
                    vec![number(&side.scales, 2, at) | number(&side.biases, 2, at) << 16]
                });
                scales = arena.push(steps);
                let per_row = shape.cols / kind.group;
                let per_block = BLOCK / kind.group;
                let blocks = in_tiles(&range, shape.blocks(), |row, block| {
                    let half = |half: usize| {
                        let at = row * per_row + block * per_block + half * (per_block - 1);
                        number(&side.group_scales, 1, at) | number(&side.group_minima, 1, at) << 8
                    };
                    vec![half(0) | half(1) << 16]
                });
                more = arena.push(blocks);
            }
            _ => {}
        }
        let col_scales = arena.push(side.col_scales.iter().map(|scale| scale.to_bits()));
        let (mut starts, mut outliers) = (0, 0);
        if !side.outlier_starts.is_empty() {
            let first = side.outlier_starts[range.start];
            let own = &side.outlier_starts[range.start..=range.end];
            starts = arena.push(own.iter().map(|start| start - first));
            let own = &side.outliers[first as usize..side.outlier_starts[range.end] as usize];
            outliers = arena.push(own.iter().flatten().copied());
        }
        let matrix = [
            range.len() as u32,
            shape.cols as u32,
            shape.blocks() as u32,
            side.groups as u32,
            side.group_size as u32,
            side.zero as u32,
            scales,
            more,
            col_scales,
            u32::from(!side.col_scales.is_empty()),
            starts,
            outliers,
            u32::from(!side.outlier_starts.is_empty()),
            0,
            0,
            0,
        ];
        Ok(Self { buffer: gpu.filled("the side data of the matrix", &arena.0)?, matrix, zero: side.zero })
    }

    /// Returns the bytes of GPU memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.buffer.size()
    }

    /// Returns the words of the matrix for kernels that read single codes.
    pub(crate) fn matrix(&self) -> [u32; 16] {
        self.matrix
    }

    /// Returns the words of the matrix for products, in which codes of eight bits are less 128.
    pub(crate) fn product_matrix(&self, kind: MatrixKind) -> [u32; 16] {
        let mut words = self.matrix;
        if kind.is_integer() && kind.bits == 8 {
            words[ZERO] = (self.zero - 128) as u32;
        }
        words
    }

    /// Returns the place of scales of columns, and whether there are any.
    pub(crate) fn col_scales(&self) -> [u32; 2] {
        [self.matrix[COL_SCALES], self.matrix[COL_SCALES + 1]]
    }
}

/// Returns a word of bytes, or 0 behind the last.
fn word(bytes: &[u8], at: usize) -> u32 {
    number(bytes, 4, at)
}

/// Returns number `at` of `size` bytes, or 0 if there are no bytes.
fn number(bytes: &[u8], size: usize, at: usize) -> u32 {
    let bytes = bytes.get(at * size..(at + 1) * size).unwrap_or_default();
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

/// Returns the words of all groups of the rows of a range, `[tiles, groups, 32 rows]`; 0 for missing rows.
fn in_tiles(range: &Range<usize>, groups: usize, of: impl Fn(usize, usize) -> Vec<u32>) -> Vec<u32> {
    let len = of(range.start, 0).len();
    let mut words = Vec::new();
    for tile in range.clone().step_by(TILE_ROWS) {
        for group in 0..groups {
            for row in tile..tile + TILE_ROWS {
                match row < range.end {
                    true => words.extend(of(row, group)),
                    false => words.extend(std::iter::repeat_n(0, len)),
                }
            }
        }
    }
    words
}
