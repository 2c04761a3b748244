//! Rounding, coding and writing of calibrated matrices, each once, within a budget of bits.

use super::Calibration;
use super::input::Input;
use crate::budget::{Budget, LastMatrix};
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::options::PackOptions;
use crate::pack::{Output, PackedTensor, file_bytes};
use crate::predicted_kl::dequantize_rows;
use crate::rates::CoderRates;
use crate::report::CalibrationWork;
use crate::solve_steps::{Solution, role};
use crate::source::{Source, SourceTensor};
use crate::steps::{RelativeSteps, StepSizes};
use crate::trellis::{TrellisChoice, quantize_with_feedback};
use bytemuck::cast_slice;
use bytes::Bytes;
use ecq_codec::encode::{EncodeOptions, Plan, encode, plan, side_data};
use ecq_codec::{CodesEntry, decode_codes, decode_grid};
use ecq_core::{EncodedTensor, FloatType, FloatVec, Grid, TensorKind, TensorPart};
use ecq_quant::{Distortion, ErrorFeedback, Floats, QuantizedMatrix, join_rows};
use std::collections::{BTreeMap, HashMap};

/// Bits per row that are kept for steps that distillation changes: changed steps have more distinct values.
const DISTILLED_BITS: f64 = 2.0;
/// Values per octave that distilled steps are rounded to, finest first: the first one whose steps take no
/// more than the bits that are kept is used. With 32, the largest error is 1.1%, whose square is a
/// hundredth of the error of codes at 2.5 bits.
const DISTILLED_RESOLUTIONS: [f64; 6] = [256.0, 128.0, 64.0, 32.0, 16.0, 8.0];
/// Parts in which the last matrix of a budget is rounded.
const PARTS: usize = 16;
/// Parts of a tensor that hold its codes; the others hold its grid.
const CODE_PARTS: [TensorPart; 3] = [TensorPart::Stream, TensorPart::Table, TensorPart::Index];

/// A matrix that is to be quantized.
pub(super) struct CorrectedMatrix<'a> {
    /// The tensor's name in the file.
    pub(super) name: &'a str,
    /// Row-major.
    pub(super) original: &'a [f32],
    /// The weights that are rounded.
    pub(super) corrected: &'a [f32],
}

/// The size of a tensor in the file against what was planned for its codes.
#[derive(Debug, Clone, Copy)]
struct CodingOverhead {
    /// Ratio of the bits of the codes to the planned ones.
    codes: f64,
    header_bits: f64,
}

impl CodingOverhead {
    /// The overhead that is assumed before the first matrix.
    const UNKNOWN: Self = Self { codes: 1.0, header_bits: 8.0 * 900.0 };

    fn of(tensor: &EncodedTensor, plan: &Plan, file_bits: f64) -> Self {
        let parts = tensor.parts();
        let bits = |codes: bool| -> f64 {
            let counted = parts.iter().filter(|(part, _)| CODE_PARTS.contains(part) == codes);
            counted.map(|(_, bytes)| 8.0 * bytes.len() as f64).sum()
        };
        let planned = code_bits(plan);
        Self { codes: bits(true) / planned.max(1.0), header_bits: file_bits - bits(true) - bits(false) }
    }
}

/// Returns the bits that a plan expects of the codes.
fn code_bits(plan: &Plan) -> f64 {
    plan.estimates
        .iter()
        .find(|estimate| estimate.coding == plan.coding)
        .map_or(0.0, |estimate| estimate.bits)
}

/// The row steps of a tensor after distillation.
struct DistilledSteps {
    /// Index of the tensor.
    index: usize,
    /// As the file has them.
    steps: Bytes,
    /// The error of the tensor with them.
    distortion: Distortion,
}

/// A quantizer of matrices to uniform grids, with step sizes that keep budgets, which writes them to a file.
pub(super) struct BudgetedQuantizer<'a, 'o> {
    source: &'a dyn Source,
    calibration: &'a Calibration,
    choices: &'a [GridChoice],
    options: &'a PackOptions,
    output: &'o mut Output<'a>,
    /// Indices of the tensors that are quantized here, by name.
    indices: HashMap<&'a str, usize>,
    /// The initial factors of relative steps, by tensor index.
    initial: HashMap<usize, f64>,
    budgets: Vec<Budget>,
    /// The last overhead of each role.
    overheads: BTreeMap<String, CodingOverhead>,
    /// The factor of each quantized tensor.
    factors: BTreeMap<usize, f64>,
    /// Bits per weight of each quantized tensor.
    bits: BTreeMap<usize, f64>,
    /// Distilled row steps that are not in the file yet.
    distilled: Vec<DistilledSteps>,
    /// Steps of the distillation of row steps that follows.
    distillation_steps: usize,
    work: CalibrationWork,
}

impl<'a, 'o> BudgetedQuantizer<'a, 'o> {
    /// Makes the quantizer of all tensors that `solution` has relative steps for.
    pub(super) fn new(
        source: &'a dyn Source,
        calibration: &'a Calibration,
        choices: &'a [GridChoice],
        options: &'a PackOptions,
        solution: Solution,
        distillation_steps: usize,
        output: &'o mut Output<'a>,
    ) -> Self {
        let initial: HashMap<usize, f64> =
            solution.steps.iter().filter_map(|(&index, steps)| Some((index, steps.factor?))).collect();
        let tensors = source.tensors();
        let indices: HashMap<&str, usize> =
            initial.keys().map(|&index| (tensors[index].name.as_str(), index)).collect();
        let weights = initial.keys().map(|&index| tensors[index].weights()).sum();
        let work = CalibrationWork { matrices: initial.len(), weights, ..CalibrationWork::default() };
        let (budgets, overheads) = (solution.budgets, BTreeMap::new());
        let (factors, bits) = (BTreeMap::new(), BTreeMap::new());
        Self {
            source,
            calibration,
            choices,
            options,
            output,
            indices,
            initial,
            budgets,
            overheads,
            factors,
            bits,
            distilled: Vec::new(),
            distillation_steps,
            work,
        }
    }

    /// Returns the number of steps of the distillation that follows.
    pub(super) fn distillation_steps(&self) -> usize {
        self.distillation_steps
    }

    /// Returns whether a tensor is quantized here.
    pub(super) fn quantizes(&self, name: &str) -> bool {
        self.indices.contains_key(name)
    }

    /// Returns the bits per weight of a tensor that was quantized here.
    pub(super) fn bits(&self, name: &str) -> Option<f64> {
        self.bits.get(self.indices.get(name)?).copied()
    }

    /// Returns whether a tensor that is quantized here is in the file.
    pub(super) fn is_done(&self, name: &str) -> bool {
        self.indices.get(name).is_some_and(|&index| self.output.is_done(index))
    }

    /// Returns the bits of a tensor in the file, those included that are kept for distilled steps.
    fn file_bits(&self, index: usize, tensor: &EncodedTensor) -> Result<f64> {
        let bytes = file_bytes(self.source, &self.source.tensors()[index].name, tensor)?;
        Ok(8.0 * bytes as f64 + self.kept_bits(index))
    }

    /// Returns the bits that are kept for the distilled steps of a tensor.
    fn kept_bits(&self, index: usize) -> f64 {
        let SourceTensor { kind, rows, .. } = self.source.tensors()[index];
        if self.distillation_steps > 0 && kind == TensorKind::Linear {
            DISTILLED_BITS * rows as f64
        } else {
            0.0
        }
    }

    /// Synchronizes the file to disk.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.output.commit()
    }

    /// Returns the predicted KL divergence of the quantized tensors in nats per token, and the work so far.
    pub(super) fn result(&self) -> Result<(f64, CalibrationWork)> {
        let mut nats = 0.0;
        for (&index, &factor) in &self.factors {
            let SourceTensor { name, rows, cols, .. } = &self.source.tensors()[index];
            nats += self.calibration.survey(name, [*rows, *cols])?.map_or(0.0, |survey| survey.nats(factor));
        }
        Ok((nats, self.work))
    }

    /// Counts the factorizations of an input that was measured.
    pub(super) fn count(&mut self, input: &Input) {
        self.work.inputs += usize::from(input.factorizations() > 0);
        self.work.factorizations += input.factorizations();
    }

    /// Returns the factor of relative steps for tensor `index`, and the index of its budget.
    fn factor(&self, index: usize) -> Option<(f64, Option<usize>)> {
        let budget = self.budgets.iter().position(|budget| budget.contains(index));
        let factor = match budget {
            Some(budget) => self.budgets[budget].factor(index)?,
            // Embedding and head have no budget if the target is that of the block projections; they follow
            // it.
            None => {
                let octaves = self.budgets.first().map_or(0.0, Budget::step_octaves);
                self.initial.get(&index)? * octaves.exp2()
            }
        };
        Some((factor, budget))
    }

    fn record(&mut self, index: usize, factor: f64, budget: Option<usize>, bits: f64) {
        self.factors.insert(index, factor);
        self.bits.insert(index, bits / self.source.tensors()[index].weights() as f64);
        if let Some(budget) = budget {
            self.budgets[budget].record(index, factor, bits);
        }
    }

    /// Returns the dequantized weights of a tensor that an interrupted run has written, and accounts for its
    /// bits; `None` if there is none.
    pub(super) fn resumed(&mut self, name: &str) -> Result<Option<Vec<f32>>> {
        let Some(&index) = self.indices.get(name) else { return Ok(None) };
        let Some(tensor) = self.output.encoded(index)? else { return Ok(None) };
        let Some((factor, budget)) = self.factor(index) else { return Ok(None) };
        let (codes, grid) = (decode_codes(&tensor)?, decode_grid(&tensor)?);
        let bits = self.file_bits(index, &tensor)?;
        let plan = plan(&codes, &grid, &self.options.encode_options(name)?)?;
        let file_bits = bits - self.kept_bits(index);
        self.overheads.insert(role(name), CodingOverhead::of(&tensor, &plan, file_bits));
        self.record(index, factor, budget, bits);
        self.work.resumed += 1;
        Ok(Some(dequantize_rows(&codes, &grid, 0..codes.rows())))
    }

    /// Returns the dequantized weights of a tensor in the file; `None` if it is not quantized here.
    ///
    /// # Errors
    /// [`PackError::InTensor`] if the file cannot be read.
    pub(super) fn written(&mut self, name: &str) -> Result<Option<Vec<f32>>> {
        let Some(&index) = self.indices.get(name) else { return Ok(None) };
        let Some(tensor) = self.output.encoded(index)? else { return Ok(None) };
        let (codes, grid) = (decode_codes(&tensor)?, decode_grid(&tensor)?);
        Ok(Some(dequantize_rows(&codes, &grid, 0..codes.rows())))
    }

    /// Multiplies the row steps of a quantized matrix by `factors`, as far as steps of few bits allow;
    /// returns the multiplied weights, or `None` if the matrix is not quantized here or has no row steps.
    ///
    /// The file has the new steps after [`keep_distilled`](Self::keep_distilled).
    ///
    /// # Errors
    /// [`PackError::InTensor`] if the file cannot be read.
    pub(super) fn distill(
        &mut self,
        name: &str,
        original: &[f32],
        factors: &[f32],
    ) -> Result<Option<Vec<f32>>> {
        let Some(&index) = self.indices.get(name) else { return Ok(None) };
        let Some(tensor) = self.output.encoded(index)? else { return Ok(None) };
        let (codes, grid) = (decode_codes(&tensor)?, decode_grid(&tensor)?);
        let shape = [codes.rows(), codes.cols()];
        let kept_bytes = (self.kept_bits(index) / 8.0) as usize + tensor.part(TensorPart::Scales)?.len();
        for resolution in DISTILLED_RESOLUTIONS {
            let Some(distilled) = with_row_factors(&grid, factors, resolution) else { return Ok(None) };
            let (_, mut side) = side_data(&distilled, CodesEntry::of(&tensor)?.tile, shape)?;
            let steps = side.remove(&TensorPart::Scales).unwrap_or_default();
            if steps.len() <= kept_bytes {
                let original = Floats::new(FloatType::F32, shape, cast_slice(original))?;
                let distortion = Distortion::of(&original, &codes, &distilled)?;
                self.distilled.push(DistilledSteps { index, steps, distortion });
                return Ok(Some(dequantize_rows(&codes, &distilled, 0..shape[0])));
            }
        }
        Ok(Some(dequantize_rows(&codes, &grid, 0..shape[0])))
    }

    /// Replaces the row steps in the file by the distilled ones.
    pub(super) fn keep_distilled(&mut self) -> Result<()> {
        for DistilledSteps { index, steps, distortion } in std::mem::take(&mut self.distilled) {
            self.output.replace_steps(index, steps, distortion)?;
        }
        Ok(())
    }

    /// Quantizes and writes a matrix, unless an interrupted run has done so; returns its dequantized weights,
    /// or `None` if it is not quantized here.
    ///
    /// # Errors
    /// [`PackError::InTensor`] if the matrix cannot be rounded, coded or written.
    pub(super) fn quantize(
        &mut self,
        matrix: &CorrectedMatrix<'_>,
        input: &mut Input,
    ) -> Result<Option<Vec<f32>>> {
        if let Some(weights) = self.resumed(matrix.name).map_err(|error| error.with_tensor(matrix.name))? {
            return Ok(Some(weights));
        }
        self.quantize_now(matrix, input).map_err(|error| error.with_tensor(matrix.name))
    }

    fn quantize_now(&mut self, matrix: &CorrectedMatrix<'_>, input: &mut Input) -> Result<Option<Vec<f32>>> {
        let Some(&index) = self.indices.get(matrix.name) else { return Ok(None) };
        let info = &self.source.tensors()[index];
        let shape = [info.rows, info.cols];
        let survey = self.calibration.survey(matrix.name, shape)?;
        let (Some(survey), Some((factor, budget))) = (survey, self.factor(index)) else { return Ok(None) };
        let trellis = self.choices[index].trellis();
        let (feedback, _) = input.factored(trellis)?;
        let Some(relative) = RelativeSteps::new(feedback, &survey.gradient_moments) else { return Ok(None) };
        let rounding = Rounding {
            trellis,
            relative: &relative,
            feedback,
            corrected: matrix.corrected,
            encode: self.options.encode_options(matrix.name)?,
        };
        let (codes, grid) = match budget.and_then(|budget| self.budgets[budget].last(index)) {
            None => rounding.round(&(0..info.rows).collect::<Vec<_>>(), factor)?,
            Some(last) => {
                let last = LastMatrix { bits: last.bits - self.kept_bits(index), ..last };
                let overhead = self.overheads.get(&role(matrix.name)).or(self.overheads.values().next());
                rounding.round_to(last, factor, overhead.copied().unwrap_or(CodingOverhead::UNKNOWN))?
            }
        };
        self.work.rounded_weights += info.weights();
        let (tensor, plan) = encode(info.kind, &codes, &grid, &rounding.encode)?;
        self.work.encoded += 1;
        let bits = self.file_bits(index, &tensor)?;
        let file_bits = bits - self.kept_bits(index);
        self.overheads.insert(role(matrix.name), CodingOverhead::of(&tensor, &plan, file_bits));
        let original = Floats::new(FloatType::F32, shape, cast_slice(matrix.original))?;
        let distortion = Distortion::of(&original, &codes, &grid)?;
        let note = (feedback.inactive_inputs() > 0).then(|| {
            format!("{} of {} inputs are inactive in calibration", feedback.inactive_inputs(), info.cols)
        });
        self.output.push(index, PackedTensor::encoded(tensor, plan, distortion, note))?;
        self.record(index, factor, budget, bits);
        Ok(Some(dequantize_rows(&codes, &grid, 0..info.rows)))
    }
}

/// Returns a grid whose row steps are multiplied by `factors` and rounded to `resolution` values per octave;
/// `None` if it has no row steps.
fn with_row_factors(grid: &Grid, factors: &[f32], resolution: f64) -> Option<Grid> {
    let mut grid = grid.clone();
    let steps = match &mut grid {
        Grid::UniformRows(uniform) => &mut uniform.steps,
        Grid::TrellisRows(trellis) => &mut trellis.uniform.steps,
        _ => return None,
    };
    if steps.len() != factors.len() {
        return None;
    }
    let rounded = |(step, &factor): (f32, &f32)| {
        let octaves = (f64::from(step) * f64::from(factor)).log2();
        let rounded = ((octaves * resolution).round() / resolution).exp2() as f32;
        // Gradients that are no numbers leave a step as it is.
        if rounded.is_normal() { rounded } else { step }
    };
    let multiplied: Vec<f32> = steps.to_f32().into_iter().zip(factors).map(rounded).collect();
    *steps = FloatVec::from_f32(steps.dtype(), &multiplied);
    Some(grid)
}

/// The rounding of a matrix.
struct Rounding<'a> {
    trellis: Option<TrellisChoice>,
    relative: &'a RelativeSteps,
    feedback: &'a ErrorFeedback,
    corrected: &'a [f32],
    encode: EncodeOptions,
}

impl Rounding<'_> {
    /// Rounds the rows `listed`.
    fn round(&self, listed: &[usize], factor: f64) -> Result<QuantizedMatrix> {
        let cols = self.relative.col_scales.len();
        let taken: Vec<f32>;
        let weights = match listed.len() == self.relative.rows.len() {
            true => self.corrected,
            false => {
                let rows = listed.iter().flat_map(|&row| &self.corrected[row * cols..(row + 1) * cols]);
                taken = rows.copied().collect();
                &taken
            }
        };
        let floats = Floats::new(FloatType::F32, [listed.len(), cols], cast_slice(weights))?;
        let rows = listed.iter().map(|&row| self.relative.rows[row]).collect();
        let of_rows = RelativeSteps { rows, col_scales: self.relative.col_scales.clone() };
        let StepSizes { rows: steps, .. } = of_rows.scaled(factor);
        quantize_with_feedback(self.trellis, &floats, &steps, &of_rows.col_scales, self.feedback)
    }

    /// Rounds all rows in parts, each with the steps that let the matrix take `last.bits` if the rest takes
    /// as much per row as the parts before.
    fn round_to(&self, last: LastMatrix, factor: f64, overhead: CodingOverhead) -> Result<QuantizedMatrix> {
        let rows = self.relative.rows.len();
        let parts = PARTS.min(rows);
        let mut rounded: Vec<(Vec<usize>, QuantizedMatrix)> = Vec::new();
        let mut octaves = 0.0f64;
        // Sum over the rounded rows of the octaves of their factor.
        let (mut sum, mut done) = (0.0, 0);
        for part in 0..parts {
            let listed: Vec<usize> = (part..rows).step_by(parts).collect();
            let matrix = self.round(&listed, factor * octaves.exp2())?;
            (sum, done) = (sum + octaves * listed.len() as f64, done + listed.len());
            rounded.push((listed, matrix));
            if done < rows {
                let [per_row, fixed] = self.planned_bits(&rounded, overhead)?;
                let (mean, left) = (sum / done as f64, (rows - done) as f64);
                let wanted = (last.bits - fixed - per_row * done as f64) / left;
                let per_octave = last.bits_per_octave / rows as f64;
                octaves = (mean + (per_row - wanted) / per_octave).clamp(-1.0, 1.0);
            }
        }
        joined(&rounded, |row| row)
    }

    /// Returns the bits that the rounded rows are expected to take, per row, and those that do not depend on
    /// the number of rows.
    fn planned_bits(
        &self,
        rounded: &[(Vec<usize>, QuantizedMatrix)],
        overhead: CodingOverhead,
    ) -> Result<[f64; 2]> {
        let parts = self.relative.rows.len().min(PARTS);
        // Row `part + i * parts` becomes row `part + i * rounded parts`.
        let (codes, grid) = joined(rounded, |row| row % parts + row / parts * rounded.len())?;
        let plan = plan(&codes, &grid, &self.encode)?;
        let (_, side) = side_data(&grid, plan.tile, [codes.rows(), codes.cols()])?;
        let (mut by_rows, mut fixed) = (overhead.codes * code_bits(&plan), overhead.header_bits);
        for (part, bytes) in &side {
            let bits = 8.0 * bytes.len() as f64;
            if *part == TensorPart::Columns { fixed += bits } else { by_rows += bits }
        }
        Ok([by_rows / codes.rows() as f64, fixed])
    }
}

/// Joins parts of rows, which `place` renumbers.
fn joined(
    rounded: &[(Vec<usize>, QuantizedMatrix)],
    place: impl Fn(usize) -> usize,
) -> Result<QuantizedMatrix> {
    let places: Vec<Vec<usize>> =
        rounded.iter().map(|(listed, _)| listed.iter().map(|&row| place(row)).collect()).collect();
    let parts: Vec<(&[usize], &QuantizedMatrix)> =
        places.iter().map(Vec::as_slice).zip(rounded.iter().map(|(_, matrix)| matrix)).collect();
    join_rows(&parts, &CoderRates).map_err(PackError::from)
}
