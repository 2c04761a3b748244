//! Checks of decoders, and of products with coded matrices.
//!
//! Activations are integers of at most 127, and each block of 32 columns has one of that magnitude. Devices
//! that round activations to integers of 8 or 16 bits, with a scale for each block, round none of these.

use super::Device;
use super::answers::{Answers, Expected};
use super::commands::{floats, noise, read, run};
use ecq_codec::CodesEntry;
use ecq_codec::encode::{CodingChoice, EncodeOptions, encode};
use ecq_core::{
    AffineGroups, Biases, Codes, Coding, FloatType, FloatVec, Grid, Outlier, TensorKind, TrellisRows,
    UniformRows,
};
use ecq_runtime::backend::Workspace;
use ecq_runtime::program::{Command, Rows};
use ecq_runtime::{Matrix, MatrixStorage, Residence, RuntimeError};

type Result<T> = std::result::Result<T, RuntimeError>;

/// Rows that fill no tile, columns that fill blocks of 32.
const SHAPE: [usize; 2] = [70, 288];
const ALPHABET: u16 = 16;
/// One row, as many as take kernels of several rows and of one, and those of a prompt.
const ROWS: [usize; 3] = [1, 9, 40];
/// Error of a product, relative to the sum of the magnitudes of its terms.
const PRODUCT: f64 = 1e-5;

struct Coded {
    name: &'static str,
    codes: Codes,
    grid: Grid,
}

impl Coded {
    /// Codes of about 2.5 bits of entropy, and the last one of the alphabet in the middle.
    fn new(name: &'static str, grid: Grid) -> Result<Self> {
        let [rows, cols] = SHAPE;
        let mut symbols: Vec<u8> =
            (0..rows * cols).map(|i| 4 + (noise(i) & 0xff).count_ones() as u8).collect();
        symbols[rows * cols / 2] = ALPHABET as u8 - 1;
        Ok(Self { name, codes: Codes::new(rows, cols, ALPHABET, symbols)?, grid })
    }

    /// Equal steps with an integer far outside of the alphabet.
    fn uniform(step: f32) -> UniformRows {
        let [rows, cols] = SHAPE;
        UniformRows {
            zero: 8,
            steps: FloatVec::from_f32(FloatType::F16, &vec![step; rows]),
            col_scales: None,
            levels: None,
            outliers: vec![Outlier { index: (rows * cols / 2) as u64, delta: 40 }],
        }
    }

    fn on_uniform(step: f32) -> Result<Self> {
        Self::new("uniform grid", Grid::UniformRows(Self::uniform(step)))
    }

    fn on_trellis(step: f32) -> Result<Self> {
        let grid = TrellisRows { uniform: Self::uniform(step), lag: 12, restart: 72 };
        Self::new("trellis grid", Grid::TrellisRows(grid))
    }

    /// Groups of 32 columns with scales and biases.
    fn on_groups() -> Result<Self> {
        let groups = SHAPE[0] * SHAPE[1] / 32;
        let scales: Vec<f32> = (0..groups).map(|i| (1 + i % 3) as f32 / 64.0).collect();
        let biases: Vec<f32> = scales.iter().map(|scale| -7.5 * scale).collect();
        let grid = AffineGroups {
            bits: 4,
            group_size: 32,
            scales: FloatVec::from_f32(FloatType::F16, &scales),
            biases: Biases::PerGroup(FloatVec::from_f32(FloatType::F16, &biases)),
        };
        Self::new("groups of 32", Grid::AffineGroups(grid))
    }

    fn matrix(&self, coding: Coding) -> Result<Matrix> {
        let options =
            EncodeOptions { coding: CodingChoice::Only(coding), hybrid_percent: 0.0, ..Default::default() };
        let (tensor, _) = encode(TensorKind::Linear, &self.codes, &self.grid, &options)?;
        if CodesEntry::of(&tensor)?.coding != coding {
            return Err(RuntimeError::InvalidInput("the coding does not hold the codes of the check"));
        }
        let name = format!("{}, {}", coding.name(), self.name);
        Ok(Matrix { name, shape: SHAPE, storage: MatrixStorage::Codes(tensor) })
    }

    /// Returns the weights, from the codes before they were encoded.
    fn weights(&self) -> Vec<f32> {
        let [rows, cols] = SHAPE;
        let mut weights = vec![0.0; rows * cols];
        for (row, weights) in weights.chunks_exact_mut(cols).enumerate() {
            self.grid.dequantize_row(row, &self.codes.symbols()[row * cols..][..cols], weights);
        }
        weights
    }
}

/// Returns activations; see the module.
fn activations(rows: usize) -> Vec<f32> {
    let one = |i: usize| match (i % 32, noise(i) % 255) {
        (0, random) => [127.0, -127.0][random as usize % 2],
        (_, random) => random as f32 - 127.0,
    };
    (0..rows * SHAPE[1]).map(one).collect()
}

/// Multiplies rows of activations by a matrix and compares each result.
fn products(
    device: &Device,
    answers: &mut Answers,
    matrix: &Matrix,
    residence: Residence,
    w: &[f32],
) -> Result<()> {
    let [outputs, cols] = SHAPE;
    for rows in ROWS {
        let x = activations(rows);
        let mut space = Workspace::new(device.backend());
        let loaded = space.load_operand(matrix, residence)?;
        let (from, y) = (floats(&mut space, &x)?, floats(&mut space, &vec![f32::NAN; rows * outputs])?);
        let output = space.output(loaded.operand, rows, 0..outputs, y);
        let linear = Command::Linear { rows: Rows::Batch, x: from, outputs: vec![output] };
        run(device, &space, answers, [rows, 0], vec![linear])?;
        let expected = x.chunks_exact(cols).flat_map(|x| {
            w.chunks_exact(cols).map(move |w| {
                let terms = x.iter().zip(w).map(|(&x, &w)| f64::from(x) * f64::from(w));
                let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t.abs()));
                Expected::within(sum, PRODUCT * size + 1e-6)
            })
        });
        answers.compare(&format!("{}, {rows} rows", matrix.name), outputs, read(&space, y)?, expected);
    }
    Ok(())
}

/// Products with a matrix of a coding, which the device keeps in a residence.
pub(super) fn product(device: &Device, coding: Coding, residence: Residence) -> Result<Answers> {
    let mut answers = Answers::default();
    let mut all = vec![Coded::on_uniform(0.0625)?, Coded::on_trellis(0.0625)?];
    // Tuples have no groups.
    if coding != Coding::Tuples {
        all.push(Coded::on_groups()?);
    }
    for coded in all {
        products(device, &mut answers, &coded.matrix(coding)?, residence, &coded.weights())?;
    }
    Ok(answers)
}

/// Products with half-precision floats.
pub(super) fn float_product(device: &Device) -> Result<Answers> {
    let mut answers = Answers::default();
    let weights = Coded::on_uniform(0.0625)?.weights();
    let bytes = FloatVec::from_f32(FloatType::F16, &weights).as_bytes().to_vec().into();
    let storage = MatrixStorage::Plain { dtype: FloatType::F16, bytes };
    let matrix = Matrix { name: "f16".to_owned(), shape: SHAPE, storage };
    products(device, &mut answers, &matrix, Residence::Dense, &weights)?;
    Ok(answers)
}

/// Decodes a matrix of integers to a slot and reads it by products with unit vectors.
pub(super) fn decoding(device: &Device, coding: Coding) -> Result<Answers> {
    let [rows, cols] = SHAPE;
    let mut answers = Answers::default();
    let mut units = vec![0.0f32; cols * cols];
    units.iter_mut().step_by(cols + 1).for_each(|x| *x = 1.0);
    for coded in [Coded::on_uniform(1.0)?, Coded::on_trellis(1.0)?] {
        let matrix = coded.matrix(coding)?;
        let mut space = Workspace::new(device.backend());
        let loaded = space.load_operand(&matrix, Residence::Slot)?;
        let (x, y) = (floats(&mut space, &units)?, floats(&mut space, &vec![f32::NAN; cols * rows])?);
        let output = space.output(loaded.operand, cols, 0..rows, y);
        let mut commands: Vec<Command> = loaded.decode.into_iter().collect();
        commands.push(Command::Linear { rows: Rows::Batch, x, outputs: vec![output] });
        run(device, &space, &mut answers, [cols, 0], commands)?;
        let found: Vec<f64> = read(&space, y)?.collect();
        let transposed = (0..rows * cols).map(|i| found[i % cols * rows + i / cols]);
        // Rounded activations leave a part of a million.
        let expected = coded.weights().into_iter().map(|w| Expected::within(w.into(), 0.02));
        answers.compare(&matrix.name, cols, transposed, expected);
    }
    Ok(answers)
}

/// Looks up rows of a matrix.
pub(super) fn embedding(device: &Device) -> Result<Answers> {
    let cols = SHAPE[1];
    let tokens = [69u32, 0, 7, 35, 7];
    let mut answers = Answers::default();
    for coded in [Coded::on_uniform(0.0625)?, Coded::on_groups()?] {
        let (matrix, weights) = (coded.matrix(Coding::Packed)?, coded.weights());
        let mut space = Workspace::new(device.backend());
        let table = space.load(&matrix, Residence::Packed)?;
        let y = floats(&mut space, &vec![f32::NAN; tokens.len() * cols])?;
        let index = space.filled(ecq_core::Element::U32, &tokens.map(u32::to_le_bytes).concat())?;
        let embed = Command::Embed { table, index, scale: 2.0, add: false, y };
        run(device, &space, &mut answers, [tokens.len(), 0], vec![embed])?;
        let rows = tokens.iter().flat_map(|&token| &weights[token as usize * cols..][..cols]);
        let expected = rows.map(|&w| 2.0 * f64::from(w)).map(|w| Expected::within(w, 1e-6 * (1.0 + w.abs())));
        answers.compare(&matrix.name, cols, read(&space, y)?, expected);
    }
    Ok(answers)
}
