//! Step sizes of uniform grids that meet a target rate or size, measured in bytes of the file.
//!
//! A histogram of every tensor gives an estimate of its bits at any step size, without reading the weights
//! again. Parts that the estimate does not contain (several frequency tables, start states, side data, the
//! header) are measured: some tensors of each role are packed at the first solution, and the difference
//! corrects the estimates of their role. Calibrated matrices are not packed here: a budget compares their
//! bits with the estimates while they are quantized.

use crate::budget::{Budget, ExpectedBits};
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::options::{PackOptions, Target};
use crate::pack::{model_entry, pack_tensor, push};
use crate::progress::{Progress, map_tensors};
use crate::rates::CoderRates;
use crate::source::Source;
use crate::steps::{RelativeSteps, StepSizes};
use crate::weights::weights;
use ecq_codec::encode::CodingChoice;
use ecq_core::{Coding, TensorKind};
use ecq_format::container::{EcqWriter, ModelEntry, SizeSummary};
use ecq_quant::{Alphabet, StepGranularity, WeightHistogram, solve_step_scale};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// Number of tensors of each role and shape that are packed to correct the estimates: as many as have
/// `PROBED_WEIGHTS` together, within these bounds.
const MIN_PROBED: usize = 4;
const MAX_PROBED: usize = 8;
const PROBED_WEIGHTS: usize = 1 << 24;
/// Most rounds of packing tensors and solving again.
const MAX_ROUNDS: usize = 4;
/// The same where all tensors are packed, so that bits are exact: alphabets and tables change in jumps.
const MAX_EXACT_ROUNDS: usize = 8;
/// Relative error of the estimates above which another round follows.
const ROUND_TOLERANCE: f64 = 0.03;
/// Relative difference from the target that counts as meeting it; the result is never above the target.
const RATE_TOLERANCE: f64 = 0.0008;
/// Fraction of a target size that is used: the rest is a margin for errors of the estimates.
const SIZE_MARGIN: f64 = 0.9995;

/// The rate of a tensor as a function of its step sizes.
struct TensorRate {
    index: usize,
    histogram: WeightHistogram,
    /// `None` if the tensor has no calibration statistics.
    relative_steps: Option<RelativeSteps>,
    correction: EstimateCorrection,
}

/// The difference between the bits that a tensor takes and the estimate from its histogram.
///
/// Excess bits are side data, whose size hardly depends on the rate: they are added. Savings come from
/// several frequency tables for a matrix with different parts, and are a constant fraction at every rate:
/// they are a factor.
#[derive(Debug, Clone, Copy)]
struct EstimateCorrection {
    factor: f64,
    bits: f64,
}

impl EstimateCorrection {
    const NONE: Self = Self { factor: 1.0, bits: 0.0 };
    /// Bits of the header for a calibrated matrix, and side data of a row.
    const CALIBRATED: [f64; 2] = [8.0 * 700.0, 8.0];

    /// Returns the expected correction of a calibrated matrix. The remaining error is a few percent, of which
    /// a budget learns while matrices are quantized.
    fn calibrated(rows: usize) -> Self {
        let [header, row] = Self::CALIBRATED;
        Self { bits: header + row * rows as f64, ..Self::NONE }
    }

    fn new(actual: f64, estimate: f64) -> Self {
        match actual >= estimate {
            true => Self { bits: actual - estimate, ..Self::NONE },
            false => Self { factor: actual / estimate, ..Self::NONE },
        }
    }

    /// Returns the mean of the corrections of several tensors.
    fn mean(all: &[Self]) -> Self {
        let mean = |value: fn(&Self) -> f64| all.iter().map(value).sum::<f64>() / all.len() as f64;
        Self { factor: mean(|correction| correction.factor), bits: mean(|correction| correction.bits) }
    }
}

impl TensorRate {
    /// Returns the step sizes at a scale, which is relative to the units of the histogram.
    fn steps(&self, scale: f64) -> Result<StepSizes> {
        Ok(match &self.relative_steps {
            None => StepSizes { rows: self.histogram.steps(scale)?, factor: None },
            Some(relative) => relative.scaled(self.factor(scale, relative)),
        })
    }

    /// Returns the factor of the relative steps at a scale.
    fn factor(&self, scale: f64, relative: &RelativeSteps) -> f64 {
        scale * self.histogram.unit() / f64::from(relative.rows[0])
    }

    /// Returns the bits of the codes at a scale, without a correction.
    fn estimate(&self, scale: f64) -> f64 {
        let counts = self.histogram.counts(scale);
        Alphabet::cheapest(&counts, &CoderRates).bits(&counts, &CoderRates)
    }

    /// Returns the corrected estimate of all bits of the tensor at a scale.
    fn bits(&self, scale: f64) -> f64 {
        self.estimate(scale) * self.correction.factor + self.correction.bits
    }
}

/// The step sizes of a model.
#[derive(Default)]
pub(crate) struct Solution {
    /// The step sizes of every tensor with a uniform grid, by index.
    pub(crate) steps: HashMap<usize, StepSizes>,
    /// Budgets for sequential quantization: the first is that of the tensors that share the target, one more
    /// follows for each tensor with a target of its own.
    pub(crate) budgets: Vec<Budget>,
}

/// Finds step sizes for all tensors with uniform grids.
///
/// With calibration the rate is met to a few percent here, because sequential quantization changes the bits
/// that matrices take; a [`Budget`] corrects it then.
///
/// # Errors
/// [`PackError::InTensor`] if a tensor cannot be read or packed, [`PackError::Option`] or
/// [`PackError::Quant`] if the target is out of reach.
pub(crate) fn solve_steps(
    source: &dyn Source,
    choices: &[GridChoice],
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<Solution> {
    let tensors = source.tensors();
    let uniform: Vec<usize> =
        (0..tensors.len()).filter(|&i| matches!(choices[i], GridChoice::Uniform { .. })).collect();
    if uniform.is_empty() {
        return Ok(Solution::default());
    }
    for &i in &uniform {
        if options.encode_options(&tensors[i].name)?.coding == CodingChoice::Only(Coding::Packed) {
            return Err(PackError::Option {
                option: "coding packed".to_owned(),
                why: "takes whole bits per weight, so no step size meets a rate: use rans, prefix or auto"
                    .to_owned(),
            });
        }
    }
    let solver = Solver { source, choices, options };
    let mut alone = Vec::new();
    let mut shared = Vec::new();
    for rate in solver.measure(&uniform, progress)? {
        match choices[rate.index] {
            GridChoice::Uniform { bpw: Some(bpw), .. } => alone.push((rate, bpw)),
            _ => shared.push(rate),
        }
    }

    unify_units(&mut shared, choices);
    // A target rate is that of the block projections; embedding and head follow with the same scale.
    let is_linear = |m: &TensorRate| tensors[m.index].kind == TensorKind::Linear;
    let counts = |m: &TensorRate| !matches!(options.target, Target::Bpw(_)) || is_linear(m);
    let followers: Vec<TensorRate> = match shared.iter().any(is_linear) {
        true => shared.extract_if(.., |m| !counts(m)).collect(),
        false => Vec::new(),
    };

    let (mut steps, mut own_budgets) = (HashMap::new(), Vec::new());
    for (rate, bpw) in alone {
        let mut one = [rate];
        unify_units(&mut one, choices);
        let target_bits = bpw * one[0].histogram.weights() as f64;
        let scale = solver.solve(&mut one, target_bits, &())?;
        own_budgets.push(solver.budget(&one, scale, target_bits));
        steps.insert(one[0].index, one[0].steps(scale)?);
    }
    let mut budgets = Vec::new();
    if !shared.is_empty() {
        let weights: u64 = shared.iter().map(|m| m.histogram.weights()).sum();
        let mut solve = |target_bits: f64, shared: &mut [TensorRate]| -> Result<f64> {
            let scale = solver.solve(shared, target_bits, progress)?;
            budgets.push(solver.budget(shared, scale, target_bits));
            Ok(scale)
        };
        let scale = match options.target {
            Target::Bpw(bpw) => solve(bpw * weights as f64, &mut shared)?,
            Target::Size(bytes) => {
                let rest: Vec<usize> =
                    (0..tensors.len()).filter(|i| shared.iter().all(|m| m.index != *i)).collect();
                let taken = solver.file_bytes_of(&rest, &steps, progress)?;
                let left = SIZE_MARGIN * bytes as f64 - taken as f64;
                if left <= 0.0 {
                    return Err(PackError::Option {
                        option: format!("size {bytes}"),
                        why: format!("embedding, norms, tokenizer and header alone take {taken} bytes"),
                    });
                }
                solve(8.0 * left, &mut shared)?
            }
            // All calibrated tensors have the same factor at a scale.
            Target::Factor(factor) => {
                let unit = shared.iter().find_map(|m| Some(m.factor(1.0, m.relative_steps.as_ref()?)));
                factor / unit.ok_or(PackError::UnknownGrid)?
            }
        };
        for rate in shared.into_iter().chain(followers) {
            steps.insert(rate.index, rate.steps(scale)?);
        }
    }
    budgets.extend(own_budgets);
    Ok(Solution { steps, budgets })
}

/// Returns the bytes of an entry in the header: JSON in a JSON string.
fn header_bytes(entry: &ModelEntry) -> u64 {
    let json = serde_json::to_string(entry).unwrap_or_default();
    json.len() as u64 + json.matches('"').count() as u64
}

/// Makes the units of tensors that share a target comparable, so that one scale applies to all of them.
fn unify_units(rates: &mut [TensorRate], choices: &[GridChoice]) {
    // The units of calibrated tensors keep their ratios, which reflect the cost of errors; their geometric
    // mean becomes comparable to a root mean square.
    let is_calibrated = |m: &&mut TensorRate| m.relative_steps.is_some();
    let log_rms: Vec<f64> =
        rates.iter_mut().filter(is_calibrated).map(|m| m.histogram.rms_in_units().ln()).collect();
    let typical = (log_rms.iter().sum::<f64>() / log_rms.len().max(1) as f64).exp();
    rates.iter_mut().filter(is_calibrated).for_each(|m| m.histogram.scale_units(typical));

    // Tensors with one step for the model get the root mean square of all of them as their unit.
    let shares_step = |m: &&mut TensorRate| {
        m.relative_steps.is_none()
            && matches!(choices[m.index], GridChoice::Uniform { steps: StepGranularity::Model, .. })
    };
    let sum = |value: fn(&WeightHistogram) -> f64, rates: &mut [TensorRate]| -> f64 {
        rates.iter_mut().filter(shares_step).map(|m| value(&m.histogram)).sum()
    };
    let energy = sum(WeightHistogram::energy, rates);
    let weights = sum(|histogram| histogram.weights() as f64, rates);
    let unit = (energy / weights).sqrt() as f32;
    rates.iter_mut().filter(shares_step).for_each(|m| m.histogram.set_unit(unit));
}

/// Returns the role of a tensor in its block: its name without the block's number.
pub(crate) fn role(name: &str) -> String {
    name.replace(|c: char| c.is_ascii_digit(), "")
}

/// The model and the options that step sizes are solved for.
struct Solver<'a> {
    source: &'a dyn Source,
    /// The grid of each tensor.
    choices: &'a [GridChoice],
    options: &'a PackOptions,
}

impl Solver<'_> {
    /// Makes the histograms of the tensors `indices`.
    fn measure(&self, indices: &[usize], progress: &dyn Progress) -> Result<Vec<TensorRate>> {
        let calibration = self.options.calibration.as_deref();
        let measure = |index: usize| {
            let info = &self.source.tensors()[index];
            let GridChoice::Uniform { steps, .. } = self.choices[index] else {
                return Err(PackError::UnknownGrid);
            };
            let tensor = self.source.load(index)?;
            let floats = weights(&tensor, info, self.source.format()).ok_or(PackError::UnknownGrid)?;
            let survey = calibration.map(|c| c.survey(&info.name, [info.rows, info.cols])).transpose()?;
            let relative_steps = survey.flatten().and_then(|survey| survey.steps);
            let histogram = match &relative_steps {
                Some(relative) => {
                    WeightHistogram::with_units(&*floats, &relative.rows, &relative.col_scales.to_f32())
                }
                None => WeightHistogram::new(&*floats, steps),
            }?;
            let correction = match relative_steps {
                None => EstimateCorrection::NONE,
                Some(_) => EstimateCorrection::calibrated(info.rows),
            };
            Ok(TensorRate { index, histogram, relative_steps, correction })
        };
        let mut rates = Vec::new();
        map_tensors(self.source, indices, "measuring", progress, measure, |_, rate| {
            rates.push(rate);
            Ok(())
        })?;
        Ok(rates)
    }

    /// Returns the scale at which `rates` take `target_bits` together, with estimates corrected by packing
    /// some of the tensors that are not calibrated.
    fn solve(&self, rates: &mut [TensorRate], target_bits: f64, progress: &dyn Progress) -> Result<f64> {
        let weights: f64 = rates.iter().map(|m| m.histogram.weights() as f64).sum();
        // Alphabets and tables change in jumps, so the middle of the tolerated interval is the target.
        let target_middle = target_bits * (1.0 - 0.5 * RATE_TOLERANCE);
        let solve_estimate = |rates: &[TensorRate]| {
            let bits =
                |scale: f64| rates.par_iter().map(|m| m.bits(scale)).collect::<Vec<_>>().iter().sum::<f64>();
            solve_step_scale(bits, target_middle, weights).map_err(PackError::from)
        };
        let mut alike: BTreeMap<(String, [usize; 2]), Vec<usize>> = BTreeMap::new();
        for (position, m) in rates.iter().enumerate().filter(|(_, m)| m.relative_steps.is_none()) {
            let role = role(&self.source.tensors()[m.index].name);
            alike.entry((role, m.histogram.shape())).or_default().push(position);
        }
        let probed: Vec<Vec<usize>> = alike
            .iter()
            .map(|((_, [rows, cols]), all)| {
                let wanted = PROBED_WEIGHTS.div_ceil(rows * cols).clamp(MIN_PROBED, MAX_PROBED);
                let count = wanted.min(all.len());
                // Evenly spread over the depth of the model: the middle of each of `count` intervals.
                (0..count).map(|i| all[(2 * i + 1) * all.len() / (2 * count)]).collect()
            })
            .collect();
        let mut scale = solve_estimate(rates)?;
        if alike.is_empty() {
            return Ok(scale);
        }
        // The most bits that were measured of all tensors and do not exceed the target, and their scale.
        let mut met: Option<(f64, f64)> = None;
        let flat: Vec<usize> = probed.iter().flatten().copied().collect();
        let all_probed = flat.len() == rates.len();
        for _ in 0..if all_probed { MAX_EXACT_ROUNDS } else { MAX_ROUNDS } {
            let bits = self.probe(&flat.iter().map(|&i| &rates[i]).collect::<Vec<_>>(), scale, progress)?;
            let total: f64 = bits.values().sum();
            // If all tensors were packed, the total is exact.
            if all_probed && total <= target_bits && met.is_none_or(|(most, _)| total > most) {
                met = Some((total, scale));
            }
            if all_probed && (1.0 - RATE_TOLERANCE..=1.0).contains(&(total / target_bits)) {
                break;
            }
            let estimated: f64 = flat.iter().map(|&i| rates[i].bits(scale)).sum();
            let was_accurate = (total / estimated - 1.0).abs() <= ROUND_TOLERANCE;
            for (all, probed) in alike.values().zip(&probed) {
                for &i in probed {
                    let estimate = rates[i].estimate(scale);
                    rates[i].correction = EstimateCorrection::new(bits[&rates[i].index], estimate);
                }
                let corrections: Vec<_> = probed.iter().map(|&i| rates[i].correction).collect();
                for &i in all.iter().filter(|i| !probed.contains(i)) {
                    rates[i].correction = EstimateCorrection::mean(&corrections);
                }
            }
            scale = solve_estimate(rates)?;
            if was_accurate && !all_probed {
                break;
            }
        }
        Ok(met.map_or(scale, |(_, scale)| scale))
    }

    /// Makes the budget of the calibrated tensors among `rates`, which take `target_bits` together at
    /// `scale`.
    fn budget(&self, rates: &[TensorRate], scale: f64, target_bits: f64) -> Budget {
        let mut max_bits = target_bits;
        let mut expected = BTreeMap::new();
        for m in rates {
            match &m.relative_steps {
                Some(relative) => {
                    let (factor, bits) = (m.factor(scale, relative), m.bits(scale));
                    let bits_per_octave = bits - m.bits(2.0 * scale);
                    let role = role(&self.source.tensors()[m.index].name);
                    expected.insert(m.index, ExpectedBits { role, factor, bits, bits_per_octave });
                }
                None => max_bits -= m.bits(scale),
            }
        }
        Budget::new(expected, max_bits, RATE_TOLERANCE)
    }

    /// Packs the tensors of `rates` at a scale; returns the bits of each in the file, by tensor index.
    fn probe(
        &self,
        rates: &[&TensorRate],
        scale: f64,
        progress: &dyn Progress,
    ) -> Result<HashMap<usize, f64>> {
        let indices: Vec<usize> = rates.iter().map(|m| m.index).collect();
        let steps = rates.iter().map(|m| Ok((m.index, m.steps(scale)?))).collect::<Result<_>>()?;
        let (spool, order) = self.pack(&indices, &steps, "probing", progress)?;
        let summary = self.finish(spool, order)?;
        let bits = |&i: &usize| {
            let bytes = summary.tensors.get(&self.source.tensors()[i].name).map_or(0, |t| t.total());
            (i, 8.0 * bytes as f64)
        };
        Ok(indices.iter().map(bits).collect())
    }

    /// Returns the bytes of a file that holds the tensors `indices`, the names and shapes of all tensors, and
    /// all attached files.
    fn file_bytes_of(
        &self,
        indices: &[usize],
        steps: &HashMap<usize, StepSizes>,
        progress: &dyn Progress,
    ) -> Result<u64> {
        let (mut spool, order) = self.pack(indices, steps, "sizing the rest", progress)?;
        for (name, bytes) in self.source.attached_files()? {
            spool.push_file(&name, &bytes)?;
        }
        let all = self.source.tensors().iter().map(|tensor| tensor.name.clone()).collect();
        let calibration = self.options.calibration.as_ref();
        let measured_kl = calibration.map(|calibration| calibration.longest_measured_kl());
        let entry = |names| ModelEntry {
            measured_kl: measured_kl.clone().unwrap_or_default(),
            ..model_entry(self.source, "", names, Some(self.options.recipe()))
        };
        let [all, own] = [entry(all), entry(order)];
        let missing = header_bytes(&all).saturating_sub(header_bytes(&own));
        Ok(spool.finish(&own)?.file_bytes + missing)
    }

    /// Packs the tensors `indices` into a spool that only counts bytes; returns it with their names.
    fn pack(
        &self,
        indices: &[usize],
        steps: &HashMap<usize, StepSizes>,
        stage: &'static str,
        progress: &dyn Progress,
    ) -> Result<(EcqWriter, Vec<String>)> {
        let tensors = self.source.tensors();
        let (mut spool, mut order) = (EcqWriter::counting(), Vec::new());
        let pack = |i: usize| pack_tensor(self.source, i, self.choices[i], steps.get(&i), self.options);
        map_tensors(self.source, indices, stage, progress, pack, |i, packed| {
            push(&mut spool, &tensors[i].name, &packed)?;
            order.push(tensors[i].name.clone());
            Ok(())
        })?;
        Ok((spool, order))
    }

    fn finish(&self, spool: EcqWriter, order: Vec<String>) -> Result<SizeSummary> {
        Ok(spool.finish(&model_entry(self.source, "", order, None))?)
    }
}
