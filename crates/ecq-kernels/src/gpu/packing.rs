//! Matrices at a fixed number of bits per element, before their elements are laid out for a GPU.

use ecq_core::{
    AffineGroups, Biases, Codes, CoreError, FloatType, FloatVec, Grid, SUPER_BLOCK, TrellisRows, UniformRows,
    code_bits,
};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

use super::{element, grid};

/// Columns of a block of activations.
pub const BLOCK: usize = 32;

/// The form of a matrix, which selects kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixKind {
    /// Bits of an element.
    pub bits: usize,
    /// One of [`grid`].
    pub grid: usize,
    /// One of [`element`]: of scales, or of floats.
    pub scales: usize,
    /// Whether groups have biases or minima.
    pub biased: bool,
    /// Columns of a group on super-blocks.
    pub group: usize,
}

impl MatrixKind {
    /// Returns whether products sum integers exactly in blocks of columns, not floats.
    pub fn is_integer(&self) -> bool {
        matches!(self.grid, grid::UNIFORM | grid::AFFINE | grid::SUPER_BLOCKS)
    }
}

/// What a matrix has beside its elements.
#[derive(Debug, Default)]
pub struct SideData {
    /// Steps of rows in f32, or scales of groups, `[rows, groups]`, in the element type of the kind; steps of
    /// super-blocks in f16.
    pub scales: Vec<u8>,
    /// As `scales`: biases of groups, or steps of minima; may be empty.
    pub biases: Vec<u8>,
    /// Signed scales of the groups of super-blocks.
    pub group_scales: Vec<u8>,
    /// Minima of the groups of super-blocks; may be empty.
    pub group_minima: Vec<u8>,
    /// 256 levels, or none.
    pub levels: Vec<f32>,
    /// Scales of columns, or none.
    pub col_scales: Vec<f32>,
    /// First outlier of each row, and the number of all; empty without outliers.
    pub outlier_starts: Vec<u32>,
    /// Columns, and bits of the floats to add in units of the step.
    pub outliers: Vec<[u32; 2]>,
    /// Groups of a row.
    pub groups: usize,
    /// Columns of a group.
    pub group_size: usize,
    /// What is subtracted from elements.
    pub zero: i32,
}

/// How codes become elements.
#[derive(Debug, Clone, Copy)]
enum Elements {
    /// Codes as they are.
    Codes,
    /// Levels of a trellis grid.
    Levels { zero: u8, lag: u16, restart: u32 },
}

/// A matrix of codes in the form of a GPU, without its elements.
#[derive(Debug)]
pub struct PackedMatrix {
    /// The form.
    pub kind: MatrixKind,
    /// `[rows, cols]`.
    pub shape: [usize; 2],
    /// What belongs to the elements.
    pub side: SideData,
    elements: Elements,
    /// What is subtracted from elements, so that those of most weights take fewer bits. Of the others the
    /// lowest bits are kept, and outliers have the rest.
    base: u32,
}

impl PackedMatrix {
    /// Plans a matrix whose elements take the bits of its alphabet.
    ///
    /// # Errors
    /// If the grid does not fit.
    pub fn fixed(grid: &Grid, shape: [usize; 2], alphabet: u16) -> Result<Self, CoreError> {
        grid.check(shape[0], shape[1], alphabet)?;
        let elements = Elements::of(grid);
        let bits =
            (code_bits(alphabet) as usize + usize::from(matches!(elements, Elements::Levels { .. }))).max(2);
        let (kind, side) = side_data(grid, shape, bits)?;
        Ok(Self { kind, shape, side, elements, base: 0 })
    }

    /// Plans a matrix for its codes. On grids without groups the bits are those that take the fewest bytes;
    /// elements outside the range are listed as outliers.
    ///
    /// # Errors
    /// If the grid does not fit.
    pub fn of(codes: &Codes, grid: &Grid) -> Result<Self, CoreError> {
        let (rows, cols) = (codes.rows(), codes.cols());
        let mut packed = Self::fixed(grid, [rows, cols], codes.alphabet())?;
        let elements = packed.elements;
        let row_elements = |row: usize, out: &mut [u32]| {
            elements.row(&codes.symbols()[row * cols..(row + 1) * cols], out);
        };
        if packed.is_narrowed() {
            let range = packed.narrow(&counts(rows, cols, row_elements));
            let outside = |row: usize| -> Vec<[u32; 2]> {
                let mut all = vec![0; cols];
                row_elements(row, &mut all);
                let all = (0..).zip(all).map(|(col, element)| [col, element]);
                all.filter(|[_, element]| !range.contains(element)).collect()
            };
            packed.list(&(0..rows).into_par_iter().map(outside).collect::<Vec<_>>());
        }
        packed.resolve_outliers(|row, col| codes.symbols()[row * cols + col]);
        Ok(packed)
    }

    /// Takes the side data, which the device keeps in its own form.
    pub fn take_side(&mut self) -> SideData {
        std::mem::take(&mut self.side)
    }

    /// Returns whether bits and base depend on how often elements occur.
    pub fn is_narrowed(&self) -> bool {
        self.kind.grid == grid::UNIFORM
    }

    /// Returns whether outliers depend on codes.
    pub fn has_relative_outliers(&self) -> bool {
        self.kind.grid == grid::LEVELS && !self.side.outliers.is_empty()
    }

    /// Makes outliers on a grid with levels relative to the levels of their codes: their integers are
    /// relative to the codes.
    pub fn resolve_outliers(&mut self, code: impl Fn(usize, usize) -> u8) {
        if !self.has_relative_outliers() {
            return;
        }
        let SideData { outlier_starts, outliers, levels, zero, .. } = &mut self.side;
        for (row, range) in outlier_starts.windows(2).enumerate() {
            for [col, bits] in &mut outliers[range[0] as usize..range[1] as usize] {
                let code = code(row, *col as usize);
                let value = f64::from(code) + f64::from(f32::from_bits(*bits)) - f64::from(*zero);
                *bits = ((value - f64::from(levels[usize::from(code)])) as f32).to_bits();
            }
        }
    }

    /// Returns what is subtracted from elements.
    pub fn base(&self) -> u32 {
        self.base
    }

    /// Writes what is packed of the codes of a row.
    pub fn elements(&self, symbols: &[u8], out: &mut [u32]) {
        self.elements.row(symbols, out);
        out.iter_mut().for_each(|element| *element = self.kept(*element));
    }

    /// Chooses bits and base from how often each element occurs; returns the elements that fit.
    pub fn narrow(&mut self, counts: &[u64]) -> Range<u32> {
        let total: u64 = counts.iter().sum();
        let mut best = (u64::MAX, self.kind.bits, 0);
        for bits in 2..=self.kind.bits {
            let range = 1usize << bits;
            for base in 0..=256 - range.min(256) {
                let inside: u64 = counts[base..base + range.min(256)].iter().sum();
                let size = bits as u64 * total + OUTLIER_BITS * (total - inside);
                best = best.min((size, bits, base));
            }
        }
        let (_, bits, base) = best;
        self.base = base as u32;
        self.kind.bits = bits;
        self.side.zero -= self.base as i32;
        self.range()
    }

    /// Returns what is packed of an element.
    fn kept(&self, element: u32) -> u32 {
        element.wrapping_sub(self.base) & ((1 << self.kind.bits) - 1)
    }

    /// Returns the elements that are not outliers.
    fn range(&self) -> Range<u32> {
        self.base..self.base + (1 << self.kind.bits)
    }

    /// Adds the elements outside the range, column and element of each in each row, to the outliers.
    pub fn list(&mut self, outside: &[Vec<[u32; 2]>]) {
        if outside.iter().all(Vec::is_empty) {
            return;
        }
        // The grid's outliers have what is added to the element, of which a part is packed.
        let listed = std::mem::take(&mut self.side.outliers);
        let starts = std::mem::take(&mut self.side.outlier_starts);
        let row = |(row, outside): (usize, &Vec<[u32; 2]>)| -> Vec<[u32; 2]> {
            let own = if starts.is_empty() { 0..0 } else { starts[row] as usize..starts[row + 1] as usize };
            let mut added: BTreeMap<u32, f64> =
                listed[own].iter().map(|&[col, bits]| (col, f64::from(f32::from_bits(bits)))).collect();
            for &[col, element] in outside {
                let packed = self.base + self.kept(element);
                *added.entry(col).or_default() += f64::from(element) - f64::from(packed);
            }
            added.into_iter().map(|(col, added)| [col, (added as f32).to_bits()]).collect()
        };
        let found: Vec<Vec<[u32; 2]>> = outside.par_iter().enumerate().map(row).collect();
        self.side.outlier_starts = starts_of(found.iter().map(Vec::len));
        self.side.outliers = found.concat();
    }
}

/// Returns how often each element occurs.
fn counts(rows: usize, cols: usize, row_elements: impl Fn(usize, &mut [u32]) + Sync) -> Vec<u64> {
    let count = |mut counts: Vec<u64>, row: usize| {
        let mut elements = vec![0; cols];
        row_elements(row, &mut elements);
        elements.iter().for_each(|&element| counts[element as usize] += 1);
        counts
    };
    let add = |mut a: Vec<u64>, b: Vec<u64>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    (0..rows).into_par_iter().fold(|| vec![0; 256], count).reduce(|| vec![0; 256], add)
}

/// Cost of an outlier when bits are chosen: its entry, and the time of reading it, which is that of more
/// bytes because an entry's column is not that of its neighbour.
const OUTLIER_BITS: u64 = 128;

/// Returns the first entry of each row, and the number of all entries.
pub fn starts_of(lens: impl Iterator<Item = usize>) -> Vec<u32> {
    let mut starts = vec![0u32];
    let mut sum = 0;
    starts.extend(lens.map(|len| {
        sum += len as u32;
        sum
    }));
    starts
}

impl Elements {
    fn of(grid: &Grid) -> Self {
        match grid {
            Grid::TrellisRows(TrellisRows { uniform, lag, restart }) => {
                Self::Levels { zero: uniform.zero, lag: *lag, restart: *restart }
            }
            _ => Self::Codes,
        }
    }

    /// Writes the elements of a row of codes.
    fn row(self, symbols: &[u8], elements: &mut [u32]) {
        elements.iter_mut().zip(symbols).for_each(|(element, &symbol)| *element = symbol.into());
        let Self::Levels { zero, lag, restart } = self else { return };
        // A level is twice the code plus the branch bit, which follows from earlier codes of the row; see
        // `TrellisRows`.
        let (lag, restart) = (usize::from(lag), restart as usize);
        for (start, part) in (0..).step_by(restart).zip(elements.chunks_mut(restart)) {
            for at in 0..part.len() {
                let parity = if at >= lag { u32::from((symbols[start + at - lag] ^ zero) & 1) } else { 0 };
                let before = if at >= 2 * lag { part[at - 2 * lag] & 1 } else { 0 };
                part[at] = 2 * part[at] + (parity ^ before);
            }
        }
    }
}

/// Returns the kind of a matrix and its side data.
fn side_data(
    matrix_grid: &Grid,
    shape: [usize; 2],
    bits: usize,
) -> Result<(MatrixKind, SideData), CoreError> {
    match matrix_grid {
        Grid::AffineGroups(groups) => Ok(affine(groups, shape, bits)),
        Grid::UniformRows(uniform) => Ok(uniform_rows(uniform, shape, bits, 1)),
        Grid::TrellisRows(trellis) => Ok(uniform_rows(&trellis.uniform, shape, bits, 2)),
        Grid::SuperBlocks(blocks) => {
            let side = SideData {
                scales: blocks.steps.as_bytes().to_vec(),
                biases: blocks
                    .minima
                    .as_ref()
                    .map_or_else(Vec::new, |minima| minima.steps.as_bytes().to_vec()),
                group_scales: bytemuck::cast_slice(&blocks.scales).to_vec(),
                group_minima: blocks.minima.as_ref().map_or_else(Vec::new, |minima| minima.values.clone()),
                groups: shape[1] / SUPER_BLOCK,
                group_size: SUPER_BLOCK,
                zero: blocks.layout.zero().into(),
                ..SideData::default()
            };
            let kind = MatrixKind {
                bits,
                grid: grid::SUPER_BLOCKS,
                scales: element::F16,
                biased: blocks.minima.is_some(),
                group: blocks.layout.group_size(),
            };
            Ok((kind, side))
        }
        _ => Err(CoreError::Parameter { what: "grid", found: 0, expected: "one that this version knows" }),
    }
}

fn affine(groups: &AffineGroups, [rows, cols]: [usize; 2], bits: usize) -> (MatrixKind, SideData) {
    let per_row = cols / groups.group_size;
    let bytes = |values: &FloatVec, dtype: FloatType| match values.dtype() == dtype {
        true => values.as_bytes().to_vec(),
        false => FloatVec::from_f32(dtype, &values.to_f32()).as_bytes().to_vec(),
    };
    let (dtype, biases, zero) = match &groups.biases {
        Biases::Zero(zero) => (groups.scales.dtype(), Vec::new(), i32::from(*zero)),
        Biases::PerGroup(biases) if biases.dtype() == groups.scales.dtype() => {
            (biases.dtype(), biases.as_bytes().to_vec(), 0)
        }
        Biases::PerGroup(biases) => (FloatType::F32, bytes(biases, FloatType::F32), 0),
        Biases::Zeros(zeros) => {
            // Exact in single precision if scales are f16 or bf16.
            let bias = |(group, &zero): (usize, &u8)| -groups.scales.get(group) * f32::from(zero);
            let biases: Vec<f32> = zeros.iter().enumerate().map(bias).collect();
            (FloatType::F32, bytemuck::cast_slice(&biases).to_vec(), 0)
        }
    };
    debug_assert_eq!(groups.scales.len(), rows * per_row, "checked against the shape");
    let whole = groups.group_size.is_multiple_of(BLOCK) || per_row == 1;
    let kind = MatrixKind {
        bits,
        grid: if whole { grid::AFFINE } else { grid::AFFINE_ANY },
        scales: float_element(dtype),
        biased: !biases.is_empty(),
        group: BLOCK,
    };
    let scales = bytes(&groups.scales, dtype);
    let side = SideData {
        scales,
        biases,
        groups: per_row,
        group_size: groups.group_size,
        zero,
        ..SideData::default()
    };
    (kind, side)
}

/// Returns the side data of a matrix whose elements are integers or levels of a trellis, for products that
/// decode them.
///
/// # Errors
/// If the grid does not fit or is another one.
pub fn side_of_rows(grid: &Grid, shape: [usize; 2]) -> Result<SideData, CoreError> {
    let (uniform, levels_per_code) = match grid {
        Grid::UniformRows(uniform) if uniform.levels.is_none() => (uniform, 1),
        Grid::TrellisRows(trellis) => (&trellis.uniform, 2),
        _ => {
            let expected = "a uniform or a trellis grid";
            return Err(CoreError::Parameter { what: "grid", found: 0, expected });
        }
    };
    Ok(uniform_rows(uniform, shape, 8, levels_per_code).1)
}

/// `levels_per_code` is 2 on a trellis grid, whose elements are levels.
fn uniform_rows(
    uniform: &UniformRows,
    [rows, cols]: [usize; 2],
    bits: usize,
    levels_per_code: i32,
) -> (MatrixKind, SideData) {
    let steps: Vec<f32> = (0..rows).map(|row| uniform.step(row)).collect();
    let levels = uniform.levels.as_ref().map(|levels| {
        let mut all = levels.to_f32();
        all.resize(256, 0.0);
        all
    });
    let zero = levels_per_code * i32::from(uniform.zero);
    let mut side = SideData {
        scales: bytemuck::cast_slice(&steps).to_vec(),
        col_scales: uniform.col_scales.as_ref().map_or_else(Vec::new, FloatVec::to_f32),
        groups: 1,
        group_size: cols,
        zero,
        ..SideData::default()
    };
    if !uniform.outliers.is_empty() {
        let count = |row: usize| uniform.row_outliers(row..row + 1, cols).len();
        side.outlier_starts = starts_of((0..rows).map(count));
        let outliers = uniform.outliers.iter().map(|outlier| {
            let delta = i64::from(levels_per_code) * i64::from(outlier.delta);
            [(outlier.index % cols as u64) as u32, (delta as f32).to_bits()]
        });
        side.outliers = outliers.collect();
    }
    let grid = if levels.is_some() { grid::LEVELS } else { grid::UNIFORM };
    side.levels = levels.unwrap_or_default();
    (MatrixKind { bits, grid, scales: element::F32, biased: false, group: BLOCK }, side)
}

/// Returns the number of a float type in kernels.
fn float_element(dtype: FloatType) -> usize {
    match dtype {
        FloatType::F32 => element::F32,
        FloatType::F16 => element::F16,
        FloatType::Bf16 => element::BF16,
    }
}

/// Returns the form of a matrix of floats.
pub fn float_kind(dtype: FloatType) -> MatrixKind {
    let (bits, scales) = (8 * dtype.bytes(), float_element(dtype));
    MatrixKind { bits, grid: grid::DENSE, scales, biased: false, group: BLOCK }
}

/// Writes the bits of the floats of a row, which are little-endian.
pub fn float_elements(dtype: FloatType, row: &[u8], out: &mut [u32]) {
    let bits = |bytes: &[u8]| bytes.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte));
    out.iter_mut().zip(row.chunks_exact(dtype.bytes())).for_each(|(out, bytes)| *out = bits(bytes));
}
