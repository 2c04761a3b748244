//! The side data of a grid, laid out in panels of 16 rows.

use super::activations::BLOCK;
use super::super_blocks::GroupIntegers;
use crate::Result;
use crate::cpu::AlignedVec;
use ecq_core::{Biases, FloatType, FloatVec, Grid, SUPER_BLOCK, TrellisRows};

/// Rows of a panel: the lanes of the widest vector.
pub(super) const PANEL: usize = 16;

/// A matrix of floats `[rows, groups]` as `[panels][groups][16]`, in its source's type.
#[derive(Debug, Clone)]
pub(super) struct FloatPanels {
    pub(super) dtype: FloatType,
    groups: usize,
    bytes: AlignedVec<u8>,
}

impl FloatPanels {
    fn new(values: &FloatVec, rows: usize, groups: usize) -> Self {
        let size = values.dtype().bytes();
        let mut bytes = AlignedVec::default();
        bytes.set_len(rows.div_ceil(PANEL) * groups * PANEL * size);
        for (i, value) in values.as_bytes().chunks_exact(size).enumerate() {
            let (row, group) = (i / groups, i % groups);
            let at = (row / PANEL * groups + group) * PANEL + row % PANEL;
            bytes[at * size..][..size].copy_from_slice(value);
        }
        Self { dtype: values.dtype(), groups, bytes }
    }

    /// Returns the floats of a panel, `[groups][16]`.
    pub(super) fn panel(&self, panel: usize) -> &[u8] {
        let len = self.groups * PANEL * self.dtype.bytes();
        &self.bytes[panel * len..][..len]
    }

    pub(super) fn get(&self, row: usize, group: usize) -> f32 {
        let at = (row / PANEL * self.groups + group) * PANEL + row % PANEL;
        match self.dtype {
            FloatType::F16 => half::f16::from_le_bytes([self.bytes[2 * at], self.bytes[2 * at + 1]]).to_f32(),
            FloatType::Bf16 => {
                half::bf16::from_le_bytes([self.bytes[2 * at], self.bytes[2 * at + 1]]).to_f32()
            }
            FloatType::F32 => {
                let bytes = &self.bytes[4 * at..][..4];
                f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
            }
        }
    }
}

/// A weight whose integer is outside the alphabet: its code plus `delta`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outlier {
    pub(super) row: u32,
    pub(super) col: u32,
    pub(super) delta: i32,
}

/// The parameters of dequantization: a weight is `scale[row][group] * v + bias[row][group]`, where `v` is the
/// code minus `zero`, or the code's level, or the integer of an outlier.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Columns of a group; all columns on the uniform grid, whose row steps are the scales.
    pub(super) group_size: usize,
    pub(super) scales: FloatPanels,
    pub(super) biases: Option<FloatPanels>,
    pub(super) zero: i32,
    pub(super) levels: Option<Box<[f32; 256]>>,
    pub(super) col_scales: Option<Vec<f32>>,
    /// Outliers in the order of rows, then columns.
    outliers: Vec<Outlier>,
    /// The number of the first outlier of each panel, then the number of outliers.
    first_outlier: Vec<usize>,
    uniform: bool,
    /// On super-blocks: scales and minima of groups. Groups of this struct are then the super-blocks,
    /// `scales` their steps and `biases` the steps of minima.
    pub(super) group_integers: Option<GroupIntegers>,
}

impl Side {
    /// # Errors
    /// [`CodecError`](ecq_codec::CodecError) when the grid does not fit a matrix of this shape and alphabet.
    pub(super) fn new(matrix_grid: &Grid, [rows, cols]: [usize; 2], alphabet: u16) -> Result<Self> {
        matrix_grid.check(rows, cols, alphabet)?;
        match matrix_grid {
            Grid::AffineGroups(grid) => {
                let groups = cols / grid.group_size;
                let (biases, zero) = match &grid.biases {
                    Biases::PerGroup(biases) => (Some(FloatPanels::new(biases, rows, groups)), 0),
                    Biases::Zero(zero) => (None, i32::from(*zero)),
                    Biases::Zeros(zeros) => {
                        // Exact in single precision if scales are f16 or bf16.
                        let bias = |(group, &zero): (usize, &u8)| -grid.scales.get(group) * f32::from(zero);
                        let biases: Vec<f32> = zeros.iter().enumerate().map(bias).collect();
                        (
                            Some(FloatPanels::new(
                                &FloatVec::from_f32(FloatType::F32, &biases),
                                rows,
                                groups,
                            )),
                            0,
                        )
                    }
                };
                Ok(Self {
                    rows,
                    cols,
                    group_size: grid.group_size,
                    scales: FloatPanels::new(&grid.scales, rows, groups),
                    biases,
                    zero,
                    levels: None,
                    col_scales: None,
                    outliers: Vec::new(),
                    first_outlier: Vec::new(),
                    uniform: false,
                    group_integers: None,
                })
            }
            Grid::UniformRows(grid) | Grid::TrellisRows(TrellisRows { uniform: grid, .. }) => {
                // A product reads levels of a trellis grid in place of codes (`trellis.rs`): two per integer.
                let levels_per_code = if matches!(matrix_grid, Grid::TrellisRows(_)) { 2 } else { 1 };
                let steps: Vec<f32> = (0..rows).map(|row| grid.step(row)).collect();
                let outliers: Vec<Outlier> = grid
                    .outliers
                    .iter()
                    .map(|o| Outlier {
                        row: (o.index / cols as u64) as u32,
                        col: (o.index % cols as u64) as u32,
                        delta: levels_per_code * o.delta,
                    })
                    .collect();
                let panels = rows.div_ceil(PANEL);
                let before = |panel: usize| outliers.partition_point(|o| (o.row as usize) < panel * PANEL);
                Ok(Self {
                    rows,
                    cols,
                    group_size: cols,
                    scales: FloatPanels::new(&FloatVec::from_f32(FloatType::F32, &steps), rows, 1),
                    biases: None,
                    zero: levels_per_code * i32::from(grid.zero),
                    levels: grid.levels.as_ref().map(|levels| {
                        let level = |q| if q < levels.len() { levels.get(q) } else { 0.0 };
                        Box::new(std::array::from_fn(level))
                    }),
                    col_scales: grid.col_scales.as_ref().map(FloatVec::to_f32),
                    first_outlier: (0..=panels).map(before).collect(),
                    outliers,
                    uniform: true,
                    group_integers: None,
                })
            }
            Grid::SuperBlocks(grid) => {
                let blocks = cols / SUPER_BLOCK;
                Ok(Self {
                    rows,
                    cols,
                    group_size: SUPER_BLOCK,
                    scales: FloatPanels::new(&grid.steps, rows, blocks),
                    biases: grid.minima.as_ref().map(|minima| FloatPanels::new(&minima.steps, rows, blocks)),
                    zero: grid.layout.zero().into(),
                    levels: None,
                    col_scales: None,
                    outliers: Vec::new(),
                    first_outlier: Vec::new(),
                    uniform: false,
                    group_integers: Some(GroupIntegers::new(grid, [rows, cols])),
                })
            }
            _ => Err(ecq_codec::CodecError::Content {
                found: "a grid of an unknown kind",
                expected: "affine groups, uniform rows, trellis rows or super-blocks",
            }),
        }
    }

    /// Returns the number of groups of a row.
    pub(super) fn groups(&self) -> usize {
        self.cols / self.group_size
    }

    /// Returns the blocks of a group; `None` if groups are not whole blocks, or codes have levels.
    pub(super) fn blocks_per_group(&self) -> Option<usize> {
        let whole = self.group_size.is_multiple_of(BLOCK) || self.groups() == 1;
        (whole && self.levels.is_none()).then(|| self.group_size.div_ceil(BLOCK))
    }

    /// Returns the outliers of a panel.
    pub(super) fn outliers(&self, panel: usize) -> &[Outlier] {
        match self.first_outlier.get(panel..panel + 2) {
            Some(&[first, end]) => &self.outliers[first..end],
            _ => &[],
        }
    }

    /// Whether the matrix has outliers.
    pub(super) fn has_outliers(&self) -> bool {
        !self.outliers.is_empty()
    }

    /// Whether the grid is uniform: row steps are applied to the sums of a product, not to weights.
    pub(super) fn is_uniform(&self) -> bool {
        self.uniform
    }

    /// Returns the row steps of a panel of the uniform grid.
    pub(super) fn steps(&self, panel: usize) -> [f32; PANEL] {
        let (bytes, _) = self.scales.panel(panel).as_chunks::<4>();
        std::array::from_fn(|row| bytes.get(row).map_or(0.0, |&bytes| f32::from_le_bytes(bytes)))
    }

    /// Dequantizes a row to f32, as [`Grid::dequantize_row`] does.
    pub(super) fn dequantize_row(&self, row: usize, codes: &[u8], weights: &mut [f32]) {
        if let Some(integers) = &self.group_integers {
            return integers.dequantize_row(self, row, codes, weights);
        }
        if !self.uniform {
            let groups = codes.chunks(self.group_size).zip(weights.chunks_mut(self.group_size));
            for (group, (codes, weights)) in groups.enumerate() {
                let scale = self.scales.get(row, group);
                let bias = self.biases.as_ref().map_or(0.0, |biases| biases.get(row, group));
                for (weight, &q) in weights.iter_mut().zip(codes) {
                    *weight = scale * (i32::from(q) - self.zero) as f32;
                    if self.biases.is_some() {
                        *weight += bias;
                    }
                }
            }
            return;
        }
        let step = self.scales.get(row, 0);
        for (weight, &q) in weights.iter_mut().zip(codes) {
            *weight = step * self.value(q);
        }
        let panel = self.outliers(row / PANEL);
        for outlier in panel.iter().filter(|outlier| outlier.row as usize == row) {
            let col = outlier.col as usize;
            weights[col] = step * self.outlier_value(codes[col], outlier.delta);
        }
        if let Some(scales) = &self.col_scales {
            weights.iter_mut().zip(scales).for_each(|(weight, scale)| *weight *= scale);
        }
    }

    /// Returns the value of a code in row steps.
    pub(super) fn value(&self, q: u8) -> f32 {
        match &self.levels {
            Some(levels) => levels[usize::from(q)],
            None => (i32::from(q) - self.zero) as f32,
        }
    }

    /// Returns the value of an outlier in row steps.
    pub(super) fn outlier_value(&self, q: u8, delta: i32) -> f32 {
        (i64::from(q) + i64::from(delta) - i64::from(self.zero)) as f32
    }

    /// Returns the bytes held.
    pub(super) fn bytes(&self) -> usize {
        let floats = |panels: &FloatPanels| panels.bytes.len();
        floats(&self.scales)
            + self.biases.as_ref().map_or(0, floats)
            + self.levels.as_ref().map_or(0, |levels| size_of_val(&**levels))
            + self.col_scales.as_ref().map_or(0, |scales| 4 * scales.len())
            + size_of::<Outlier>() * self.outliers.len()
            + size_of::<usize>() * self.first_outlier.len()
            + self.group_integers.as_ref().map_or(0, GroupIntegers::bytes)
    }
}
