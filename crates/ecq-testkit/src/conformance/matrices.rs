//! Matrices of every storage kind, and reference products in f64.

use super::{ProductTolerance, Rounding, Subject, random};
use ecq_codec::encode::{CodingChoice, EncodeOptions, TileChoice, encode, encode_raw};
use ecq_core::{
    AffineGroups, Biases, Codes, Coding, FloatType, FloatVec, Grid, Minima, Outlier, SuperBlockLayout,
    SuperBlocks, TensorKind, TrellisRows, UniformRows,
};
use ecq_fixtures::Numbers;
use ecq_runtime::{Matrix, MatrixStorage, Residence, StorageKind};
use std::ops::Range;

/// A matrix and its decoded weights.
#[derive(Clone)]
pub(super) struct TestMatrix {
    pub(super) matrix: Matrix,
    /// In f32, row-major.
    pub(super) weights: Vec<f32>,
    /// Column scales, which are applied to activations before rounding.
    columns: Option<Vec<f32>>,
}

impl TestMatrix {
    fn codes(name: String, codes: &Codes, grid: &Grid, coding: Coding, tile: TileChoice) -> Self {
        let coding = CodingChoice::Only(coding);
        let options = EncodeOptions { coding, tile, hybrid_percent: 0.0, ..EncodeOptions::default() };
        let (tensor, _) = encode(TensorKind::Linear, codes, grid, &options).unwrap();
        let matrix =
            Matrix { name, shape: [codes.rows(), codes.cols()], storage: MatrixStorage::Codes(tensor) };
        let columns = match grid {
            Grid::UniformRows(UniformRows { col_scales: Some(scales), .. })
            | Grid::TrellisRows(TrellisRows {
                uniform: UniformRows { col_scales: Some(scales), .. }, ..
            }) => Some((0..scales.len()).map(|i| scales.get(i)).collect()),
            _ => None,
        };
        Self { weights: matrix.to_f32().unwrap(), matrix, columns }
    }

    fn floats(name: String, shape: [usize; 2], storage: MatrixStorage) -> Self {
        let matrix = Matrix { name, shape, storage };
        let (dtype, bytes) = matrix.floats().unwrap();
        let weights = FloatVec::new(dtype, bytes).unwrap();
        Self { weights: (0..weights.len()).map(|i| weights.get(i)).collect(), matrix, columns: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.matrix.name
    }

    /// Returns the coding, if the matrix has codes.
    pub(super) fn coding(&self) -> Option<Coding> {
        match self.matrix.storage_kind() {
            StorageKind::Codes { coding, .. } => Some(coding),
            _ => None,
        }
    }

    /// Returns the residences of the matrix on a backend.
    pub(super) fn residences(&self, subject: &Subject) -> &'static [Residence] {
        let Some(coding) = self.coding() else {
            return &[Residence::Dense];
        };
        match coding {
            Coding::Archive => &[Residence::Packed],
            _ if subject.backend.info().fused_codings.contains(&coding) => {
                &[Residence::Streams, Residence::Packed, Residence::Slot]
            }
            _ => &[Residence::Packed, Residence::Slot],
        }
    }
}

fn symbols(numbers: &mut Numbers, n: usize, alphabet: u16) -> Vec<u8> {
    let (middle, last) = (0.5 * f32::from(alphabet), f32::from(alphabet) - 1.0);
    (0..n).map(|_| (numbers.normal() * 0.3 * middle + middle).clamp(0.0, last) as u8).collect()
}

fn halves(numbers: &mut Numbers, n: usize, scale: f32) -> FloatVec {
    let values: Vec<f32> = (0..n).map(|_| scale * (1.5 + 0.3 * numbers.normal())).collect();
    FloatVec::from_f32(FloatType::F16, &values)
}

/// Creates a matrix of codes below `alphabet`, on a uniform grid.
pub(super) fn coded(
    numbers: &mut Numbers,
    [rows, cols]: [usize; 2],
    alphabet: u16,
    coding: Coding,
    tile: TileChoice,
) -> TestMatrix {
    let codes = Codes::new(rows, cols, alphabet, symbols(numbers, rows * cols, alphabet)).unwrap();
    let grid = UniformRows {
        zero: (alphabet / 2) as u8,
        steps: halves(numbers, rows, 0.5 / f32::from(alphabet)),
        col_scales: None,
        levels: None,
        outliers: Vec::new(),
    };
    let name = format!("{coding:?} {tile:?} alphabet {alphabet} without columns, {rows} x {cols}");
    TestMatrix::codes(name, &codes, &Grid::UniformRows(grid), coding, tile)
}

fn uniform_rows(numbers: &mut Numbers, rows: usize, cols: usize) -> UniformRows {
    UniformRows {
        zero: 6,
        steps: halves(numbers, rows, 0.05),
        col_scales: Some(halves(numbers, cols, 0.7)),
        levels: None,
        outliers: vec![Outlier { index: (rows * cols / 2) as u64, delta: 900 }],
    }
}

fn on_trellis(uniform: &UniformRows, zero: u8, lag: u16, restart: u32) -> Grid {
    let uniform = UniformRows { zero, ..uniform.clone() };
    Grid::TrellisRows(TrellisRows { uniform, lag, restart })
}

/// Returns grids for every tuple; the last segment of a row is as long as the others, longer or shorter.
fn tuple_grids(uniform: &UniformRows) -> [Grid; 5] {
    let narrow = Grid::UniformRows(UniformRows { zero: 4, ..uniform.clone() });
    let trellis = |lag, restart| on_trellis(uniform, 4, lag, restart);
    [narrow, trellis(8, 48), trellis(12, 24), trellis(12, 72), trellis(16, 96)]
}

fn tuple_matrix(numbers: &mut Numbers, [rows, cols]: [usize; 2], grid: &Grid) -> TestMatrix {
    let codes = Codes::new(rows, cols, 8, symbols(numbers, rows * cols, 8)).unwrap();
    let lag = if let Grid::TrellisRows(grid) = grid { grid.lag } else { 0 };
    let name = format!("tuples lag {lag}, {rows} x {cols}");
    let case = TestMatrix::codes(name, &codes, grid, Coding::Tuples, TileChoice::Auto);
    assert_eq!(case.coding(), Some(Coding::Tuples), "{}", case.name());
    case
}

/// Creates matrices of `rows x cols` in the tuple coding.
pub(super) fn tuple_matrices(numbers: &mut Numbers, rows: usize, cols: usize) -> Vec<TestMatrix> {
    let grids = tuple_grids(&uniform_rows(numbers, rows, cols));
    grids.iter().map(|grid| tuple_matrix(numbers, [rows, cols], grid)).collect()
}

/// Creates matrices of `rows x cols` of every storage kind.
pub(super) fn matrices(numbers: &mut Numbers, rows: usize, cols: usize) -> Vec<TestMatrix> {
    every_nth_matrix(numbers, rows, cols, 1)
}

/// Creates every `n`-th one of [`matrices`].
pub(super) fn every_nth_matrix(numbers: &mut Numbers, rows: usize, cols: usize, n: usize) -> Vec<TestMatrix> {
    let mut number = 0;
    let mut chosen = || {
        number += 1;
        (number - 1) % n == 0
    };
    let group_size = if cols.is_multiple_of(32) { 32 } else { cols };
    let groups = rows * cols / group_size;
    let affine = Grid::AffineGroups(AffineGroups {
        bits: 4,
        group_size,
        scales: halves(numbers, groups, 0.02),
        biases: Biases::PerGroup(halves(numbers, groups, -0.1)),
    });
    let uniform = uniform_rows(numbers, rows, cols);
    // The restart divides the columns of every tile below. Weights have a mean near zero: the test of errors
    // takes those of outputs as independent.
    let (short, long) = (on_trellis(&uniform, 6, 4, 8), on_trellis(&uniform, 64, 12, 24));
    let tiles = [
        TileChoice::Auto,
        TileChoice::Matrix,
        TileChoice::Row,
        TileChoice::Rows(48),
        TileChoice::Block(20, 24),
    ];
    let mut all = Vec::new();
    for (grid, alphabet) in [(affine, 16), (Grid::UniformRows(uniform.clone()), 13), (short, 13), (long, 128)]
    {
        let mut symbols = symbols(numbers, rows * cols, alphabet);
        let has_groups = matches!(grid, Grid::AffineGroups(_));
        if !has_groups {
            // An outlier's code is the nearest one in the alphabet.
            symbols[rows * cols / 2] = alphabet as u8 - 1;
        }
        let codes = Codes::new(rows, cols, alphabet, symbols).unwrap();
        for (coding, tiles) in [
            (Coding::Packed, &tiles[..1]),
            (Coding::Rans, &tiles),
            (Coding::Prefix, &tiles),
            // Archive coding only supports groups.
            (Coding::Archive, &tiles[..usize::from(has_groups)]),
        ] {
            for &tile in tiles.iter().filter(|_| chosen()) {
                let kind = if matches!(grid, Grid::TrellisRows(_)) { " trellis" } else { "" };
                let name = format!("{coding:?} {tile:?} alphabet {alphabet}{kind}, {rows} x {cols}");
                all.push(TestMatrix::codes(name, &codes, &grid, coding, tile));
            }
        }
    }
    for grid in tuple_grids(&uniform).into_iter().filter(|_| chosen()) {
        all.push(tuple_matrix(numbers, [rows, cols], &grid));
    }
    for alphabet in [3, 200].into_iter().filter(|_| chosen()) {
        all.push(coded(numbers, [rows, cols], alphabet, Coding::Rans, TileChoice::Auto));
    }
    for dtype in [FloatType::F32, FloatType::F16, FloatType::Bf16].into_iter().filter(|_| chosen()) {
        let weights = FloatVec::from_f32(dtype, &random(numbers, rows * cols));
        let storage = MatrixStorage::Plain { dtype, bytes: weights.as_bytes().to_vec().into() };
        all.push(TestMatrix::floats(format!("{dtype:?}, {rows} x {cols}"), [rows, cols], storage));
    }
    let weights = FloatVec::from_f32(FloatType::F16, &random(numbers, rows * cols));
    let (dtype, bytes) = ("f16".to_owned(), weights.as_bytes());
    let tensor = encode_raw(TensorKind::Linear, [rows, cols], &dtype, bytes, &[1, 1]).unwrap();
    let name = format!("F16 coded as bytes, {rows} x {cols}");
    if chosen() {
        all.push(TestMatrix::floats(name.clone(), [rows, cols], MatrixStorage::Bytes { dtype, tensor }));
    }
    if chosen() {
        let storage = MatrixStorage::Plain { dtype: FloatType::F16, bytes: bytes.to_vec().into() };
        let source = Box::new(Matrix { name, shape: [cols, rows], storage });
        let name = format!("F16 transposed, {rows} x {cols}");
        all.push(TestMatrix::floats(name, [rows, cols], MatrixStorage::Transposed(source)));
    }
    all
}

/// Creates matrices of `rows x cols` on super-blocks, in every coding of every layout; `cols` is a multiple
/// of 256.
pub(super) fn super_block_matrices(numbers: &mut Numbers, rows: usize, cols: usize) -> Vec<TestMatrix> {
    let mut all = Vec::new();
    for layout in SuperBlockLayout::ALL {
        let alphabet = layout.alphabet();
        let codes = Codes::new(rows, cols, alphabet, symbols(numbers, rows * cols, alphabet)).unwrap();
        let (blocks, groups) = (rows * cols / 256, rows * cols / layout.group_size());
        // Negative scales where the layout has them. Minima give the weights a mean near zero, as in
        // `matrices`.
        let (lowest, highest) = (layout.scales().start() / 2, *layout.scales().end());
        let scale = |n: &mut Numbers| {
            let scale = (0.6 + 0.15 * n.normal()) * f32::from(highest);
            let sign = if lowest < 0 && n.below(2) == 0 { -0.5 } else { 1.0 };
            (sign * scale).clamp(lowest.into(), highest.into()) as i8
        };
        let scales: Vec<i8> = (0..groups).map(|_| scale(numbers)).collect();
        let size = 1.0 / (f32::from(alphabet) * f32::from(highest));
        let steps = halves(numbers, blocks, size);
        let minima = layout.largest_minimum().map(|_| Minima {
            steps: halves(numbers, blocks, 0.5 * f32::from(alphabet) * size),
            values: scales.iter().map(|scale| scale.unsigned_abs()).collect(),
        });
        let grid = Grid::SuperBlocks(SuperBlocks { layout, steps, scales, minima });
        for (coding, tile) in [
            (Coding::Packed, TileChoice::Auto),
            (Coding::Rans, TileChoice::Auto),
            (Coding::Rans, TileChoice::Block(20, 96)),
            (Coding::Prefix, TileChoice::Rows(48)),
        ] {
            let name = format!("{coding:?} {tile:?} super-blocks of {}, {rows} x {cols}", layout.name());
            all.push(TestMatrix::codes(name, &codes, &grid, coding, tile));
        }
    }
    all
}

/// Reference products with all rows of a matrix, `[rows of x, rows of the matrix]`.
pub(super) struct Reference {
    outputs: usize,
    expected: Vec<Expected>,
}

struct Expected {
    sum: f64,
    /// Error bound of single precision.
    float: f64,
    /// Error bound of rounded activations.
    rounded: f64,
    /// Mean squared error of rounded activations.
    variance: f64,
}

/// Number of results from which the mean squared error is checked too.
const MANY_RESULTS: usize = 2000;

impl Reference {
    pub(super) fn new(case: &TestMatrix, x: &[f32], tolerance: &ProductTolerance) -> Self {
        let [outputs, cols] = case.matrix.shape;
        let scale = |col: usize| case.columns.as_ref().map_or(1.0, |scales| f64::from(scales[col]));
        // Without rounding: one block with an error of 0.
        let Rounding { columns, largest } =
            tolerance.rounding.unwrap_or(Rounding { columns: cols, largest: f64::INFINITY });
        let sums = |values: &[f32], f: &dyn Fn(f64, f64) -> f64, add: fn(f64, f64) -> f64| -> Vec<f64> {
            let blocks = values.chunks(columns).enumerate();
            let one = |(block, values): (usize, &[f32])| {
                let values = values.iter().enumerate();
                values.map(|(i, &v)| f(v.into(), scale(block * columns + i))).fold(0.0, add)
            };
            blocks.map(one).collect()
        };
        let sides: Vec<[Vec<f64>; 2]> = case
            .weights
            .chunks_exact(cols)
            .map(|w| {
                [sums(w, &|w, s| (w / s).abs(), |a, b| a + b), sums(w, &|w, s| (w / s).powi(2), |a, b| a + b)]
            })
            .collect();
        let mut expected = Vec::with_capacity(x.len() / cols * outputs);
        for x in x.chunks_exact(cols) {
            let steps: Vec<f64> =
                sums(x, &|x, s| (x * s).abs(), f64::max).into_iter().map(|most| most / largest).collect();
            for (w, [sizes, squares]) in case.weights.chunks_exact(cols).zip(&sides) {
                let terms = x.iter().zip(w).map(|(&x, &w)| f64::from(x) * f64::from(w));
                let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t.abs()));
                let rounded = steps.iter().zip(sizes).map(|(step, size)| step / 2.0 * size).sum();
                let variance = steps.iter().zip(squares).map(|(step, square)| step.powi(2) / 12.0 * square);
                let float = tolerance.relative * size + tolerance.absolute;
                expected.push(Expected { sum, float, rounded, variance: variance.sum() });
            }
        }
        Self { outputs, expected }
    }

    /// Checks products with the matrix rows `range`, for rows of `x` from `first` on.
    pub(super) fn check(
        &self,
        found: &[f32],
        first: usize,
        range: Range<usize>,
        bias: Option<&[f32]>,
        what: &dyn Fn() -> String,
    ) {
        let (mut squares, mut allowed) = (0.0, 0.0);
        for (i, found) in found.chunks_exact(range.len()).enumerate() {
            let expected = &self.expected[(first + i) * self.outputs..][range.clone()];
            for (j, (&found, expected)) in found.iter().zip(expected).enumerate() {
                let sum = expected.sum + bias.map_or(0.0, |bias| f64::from(bias[j]));
                let error = (f64::from(found) - sum).abs();
                let bound = expected.float + expected.rounded;
                assert!(error <= bound, "{}, row {i}, output {j}: {found} not {sum} +- {bound:e}", what());
                squares += error.powi(2);
                allowed += expected.float.powi(2) + 2.0 * expected.variance;
            }
        }
        let enough = found.len() >= MANY_RESULTS;
        assert!(!enough || squares <= allowed, "{}: errors are larger than those of rounding", what());
    }
}
