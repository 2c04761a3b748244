//! Finding the steps of uniform grids that make a model as small as was asked, in real bytes.
//!
//! A pass over the weights leaves a sketch of every tensor, from which the bits at any step follow in a
//! millisecond. What the sketch does not know (several tables a tensor, start states, side data, the header)
//! is measured: some tensors of each role are packed for real at the steps first found, and the difference is
//! added to the estimates of their role.

use crate::budget::{Budget, Share};
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::options::{PackOptions, Target};
use crate::pack::{Packed, model_entry, pack_one, push};
use crate::progress::{Progress, in_batches};
use crate::source::Source;
use crate::spacing::{Spacing, Steps, aim};
use crate::weights::weights;
use ecq_codec::encode::CodingChoice;
use ecq_core::{Coding, Kind};
use ecq_format::container::Spool;
use ecq_quant::{Alphabet, IntegerCounts, RateModel, StepGranularity, WeightHistogram, Weights, solve};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// What the static tables of this crate's coders take for codes, without what [`measured`](steps) adds.
pub(crate) struct CoderRates;

/// No probability is below one slot of a table.
const LEAST_PROBABILITY: f64 = 1.0 / 4096.0;

impl RateModel for CoderRates {
    fn code_bits(&self, counts: &[f64]) -> f64 {
        let total: f64 = counts.iter().sum();
        if total == 0.0 {
            return 0.0;
        }
        let present = counts.iter().filter(|&&n| n > 0.0);
        let probabilities = present.map(|&n| (n, (n / total).max(LEAST_PROBABILITY)));
        let (sum, table_bits) = probabilities.clone().fold((0.0, 32.0), |(s, t), (_, p)| (s + p, t + 7.0));
        probabilities.map(|(n, p)| n * (sum / p).log2()).sum::<f64>() + table_bits
    }

    fn outlier_bits(&self) -> f64 {
        // Two varints: how many weights after the one before, and a small delta.
        24.0
    }
}

/// Tensors of one role and shape that are packed for real before the steps are fixed: so many, or fewer if
/// these hold
/// [`PROBED_WEIGHTS`], but never fewer than [`LEAST_PROBED`].
const PROBED: usize = 8;
const LEAST_PROBED: usize = 4;
const PROBED_WEIGHTS: usize = 1 << 24;
/// Rounds of packing some tensors for real; one is enough unless they are all, or took quite other bits than
/// were estimated.
const ROUNDS: usize = 4;
const FAR: f64 = 0.03;
/// What counts as hitting a rate.
const NEAR: f64 = 0.0008;
/// A file must not be longer than was asked: what estimates may miss.
const SIZE_MARGIN: f64 = 0.9995;

/// A tensor whose step is looked for.
struct Measured {
    index: usize,
    sketch: WeightHistogram,
    /// Where the model was watched.
    spacing: Option<Spacing>,
    miss: Miss,
}

/// What a tensor takes beside its sketch's estimate. What is more is side data, about the same at every rate;
/// what is less is a matrix of unlike parts with tables of their own, which take about the same share at
/// every rate.
#[derive(Debug, Clone, Copy)]
struct Miss {
    share: f64,
    bits: f64,
}

impl Miss {
    const NONE: Self = Self { share: 1.0, bits: 0.0 };

    fn of(real: f64, estimate: f64) -> Self {
        match real >= estimate {
            true => Self { bits: real - estimate, ..Self::NONE },
            false => Self { share: real / estimate, ..Self::NONE },
        }
    }

    /// Some tensors of a shape may take more, others less: both count.
    fn mean(all: &[Self]) -> Self {
        let mean = |value: fn(&Self) -> f64| all.iter().map(value).sum::<f64>() / all.len() as f64;
        Self { share: mean(|miss| miss.share), bits: mean(|miss| miss.bits) }
    }
}

impl Measured {
    fn steps(&self, scale: f64) -> Result<Steps> {
        Ok(match &self.spacing {
            None => Steps { rows: self.sketch.steps(scale)?, col_scales: None, factor: None },
            Some(spacing) => spacing.at(self.factor(scale, spacing)),
        })
    }

    /// What the units of its spacing are multiplied with at a scale.
    fn factor(&self, scale: f64, spacing: &Spacing) -> f64 {
        scale * self.sketch.unit() / f64::from(spacing.rows[0])
    }

    fn estimate(&self, scale: f64) -> f64 {
        let spectrum: IntegerCounts = self.sketch.spectrum(scale);
        Alphabet::cheapest(&spectrum, &CoderRates).bits(&spectrum, &CoderRates)
    }

    fn bits(&self, scale: f64) -> f64 {
        self.estimate(scale) * self.miss.share + self.miss.bits
    }
}

/// Steps for a model.
#[derive(Default)]
pub(crate) struct Found {
    /// Of every tensor with a uniform grid, by index.
    pub(crate) steps: HashMap<usize, Steps>,
    /// What tensors may take that will be quantized one after another: for those that share a target, then
    /// for each that has a rate of its own.
    pub(crate) budgets: Vec<Budget>,
}

/// Finds the steps of tensors with uniform grids: where the model was watched, to some hundredths of the
/// rate, for what is quantized one after another takes other bits than it would by itself.
///
/// # Errors
/// When a tensor cannot be read, or the rate or size asked for is out of reach.
pub(crate) fn find(
    source: &dyn Source,
    choices: &[GridChoice],
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<Found> {
    let tensors = source.tensors();
    let uniform: Vec<usize> =
        (0..tensors.len()).filter(|&i| matches!(choices[i], GridChoice::Uniform { .. })).collect();
    if uniform.is_empty() {
        return Ok(Found::default());
    }
    for &i in &uniform {
        if options.of(&tensors[i].name)?.coding == CodingChoice::Only(Coding::Packed) {
            return Err(PackError::Option {
                option: "coding packed".to_owned(),
                why: "takes whole bits a weight, so no step hits a rate: use rans, prefix or auto".to_owned(),
            });
        }
    }
    let mut alone = Vec::new();
    let mut shared = Vec::new();
    for measured in measure(source, &uniform, choices, options, progress)? {
        match choices[measured.index] {
            GridChoice::Uniform { bpw: Some(bpw), .. } => alone.push((measured, bpw)),
            _ => shared.push(measured),
        }
    }

    share_units(&mut shared, choices);
    // A rate is that of the block projections: embedding and head take the steps that go with it.
    let is_linear = |m: &Measured| tensors[m.index].kind == Kind::Linear;
    let counts = |m: &Measured| !matches!(options.target, Target::Bpw(_)) || is_linear(m);
    let followers: Vec<Measured> = match shared.iter().any(is_linear) {
        true => shared.extract_if(.., |m| !counts(m)).collect(),
        false => Vec::new(),
    };

    let (mut steps, mut own) = (HashMap::new(), Vec::new());
    for (measured, bpw) in alone {
        let mut one = [measured];
        let wanted = bpw * one[0].sketch.weights() as f64;
        let scale = calibrated(&mut one, wanted, source, choices, options, &())?;
        own.push(budget(&one, scale, wanted, source));
        steps.insert(one[0].index, one[0].steps(scale)?);
    }
    let mut budgets = Vec::new();
    if !shared.is_empty() {
        let weights: u64 = shared.iter().map(|m| m.sketch.weights()).sum();
        let wanted = match options.target {
            Target::Bpw(bpw) => Some(bpw * weights as f64),
            Target::Factor(_) => None,
            Target::Size(bytes) => {
                let rest: Vec<usize> =
                    (0..tensors.len()).filter(|i| shared.iter().all(|m| m.index != *i)).collect();
                let taken = rest_bytes(source, &rest, choices, options, &steps, progress)?;
                let left = SIZE_MARGIN * bytes as f64 - taken as f64;
                if left <= 0.0 {
                    return Err(PackError::Option {
                        option: format!("size {bytes}"),
                        why: format!("embedding, norms, tokenizer and header take {taken} bytes alone"),
                    });
                }
                Some(8.0 * left)
            }
        };
        let scale = match (wanted, options.target) {
            (Some(wanted), _) => {
                let scale = calibrated(&mut shared, wanted, source, choices, options, progress)?;
                budgets.push(budget(&shared, scale, wanted, source));
                scale
            }
            // One scale for the model is one factor for all that was watched.
            (None, Target::Factor(factor)) => {
                let one = shared.iter().find_map(|m| Some(m.factor(1.0, m.spacing.as_ref()?)));
                factor / one.ok_or(PackError::UnknownGrid)?
            }
            (None, _) => return Err(PackError::UnknownGrid),
        };
        for measured in shared.into_iter().chain(followers) {
            steps.insert(measured.index, measured.steps(scale)?);
        }
    }
    budgets.extend(own);
    Ok(Found { steps, budgets })
}

/// What those of `measured` that were watched may take of `wanted` bits.
fn budget(measured: &[Measured], scale: f64, wanted: f64, source: &dyn Source) -> Budget {
    let mut most = wanted;
    let mut shares = BTreeMap::new();
    for m in measured {
        match &m.spacing {
            Some(spacing) => {
                let (factor, bits) = (m.factor(scale, spacing), m.bits(scale));
                let per_octave = bits - m.bits(2.0 * scale);
                let role = role(&source.tensors()[m.index].name);
                shares.insert(m.index, Share { role, factor, bits, per_octave });
            }
            None => most -= m.bits(scale),
        }
    }
    Budget::new(shares, most, NEAR)
}

/// Gives tensors with one step for the model the unit of all of them.
fn share_units(measured: &mut [Measured], choices: &[GridChoice]) {
    // Where the model was watched, units say what errors cost: they stay as they are to each other.
    let watched = |m: &&mut Measured| m.spacing.is_some();
    let spreads: Vec<f64> = measured.iter_mut().filter(watched).map(|m| m.sketch.spread().ln()).collect();
    let typical = (spreads.iter().sum::<f64>() / spreads.len().max(1) as f64).exp();
    measured.iter_mut().filter(watched).for_each(|m| m.sketch.stretch(typical));

    let shares = |m: &&mut Measured| {
        m.spacing.is_none()
            && matches!(choices[m.index], GridChoice::Uniform { steps: StepGranularity::Model, .. })
    };
    let sum = |value: fn(&WeightHistogram) -> f64, measured: &mut [Measured]| -> f64 {
        measured.iter_mut().filter(shares).map(|m| value(&m.sketch)).sum()
    };
    let (energy, weights) =
        (sum(WeightHistogram::energy, measured), sum(|sketch| sketch.weights() as f64, measured));
    let unit = (energy / weights).sqrt() as f32;
    measured.iter_mut().filter(shares).for_each(|m| m.sketch.share_unit(unit));
}

/// Sketches of the tensors `indices`.
fn measure(
    source: &dyn Source,
    indices: &[usize],
    choices: &[GridChoice],
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<Vec<Measured>> {
    let tensors = source.tensors();
    let mut measured = Vec::new();
    progress.begin("measuring", indices.iter().map(|&i| tensors[i].bytes).sum());
    in_batches(
        progress,
        indices,
        |&i| tensors[i].bytes,
        |batch| {
            let sketches = batch.par_iter().map(|&index| {
                let GridChoice::Uniform { steps, .. } = choices[index] else {
                    return Err(PackError::UnknownGrid);
                };
                let tensor = source.load(index)?;
                let named = |error| PackError::in_tensor(&tensors[index].name, error);
                let calibration = options.calibration.as_deref();
                let aim = aim(calibration, &tensors[index]).map_err(named)?;
                let floats = match &aim {
                    Some(aim) => Some(Box::new(aim.floats()?) as Box<dyn Weights>),
                    None => weights(&tensor, &tensors[index], source.format()),
                };
                let floats = floats.ok_or_else(|| named(PackError::UnknownGrid))?;
                let spacing = Spacing::of(calibration, &tensors[index]).map_err(named)?;
                let sketch = match &spacing {
                    Some(spacing) => {
                        WeightHistogram::spaced(&*floats, &spacing.rows, &spacing.col_scales.to_f32())
                    }
                    None => WeightHistogram::of(&*floats, steps),
                };
                let sketch = sketch.map_err(|error| named(error.into()))?;
                progress.advance(tensors[index].bytes, &tensors[index].name);
                Ok(Measured { index, sketch, spacing, miss: Miss::NONE })
            });
            measured.extend(sketches.collect::<Result<Vec<_>>>()?);
            Ok(())
        },
    )?;
    progress.end();
    Ok(measured)
}

/// The scale at which `measured` take `wanted` bits, after some of them were packed for real.
fn calibrated(
    measured: &mut [Measured],
    wanted: f64,
    source: &dyn Source,
    choices: &[GridChoice],
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<f64> {
    let weights: f64 = measured.iter().map(|m| m.sketch.weights() as f64).sum();
    let watched = measured.iter().any(|m| m.spacing.is_some());
    let solved = |measured: &[Measured]| {
        let bits =
            |scale: f64| measured.par_iter().map(|m| m.bits(scale)).collect::<Vec<_>>().iter().sum::<f64>();
        solve(bits, wanted * (1.0 - 0.5 * NEAR), weights).map_err(PackError::from)
    };
    let mut alike: BTreeMap<(String, [usize; 2]), Vec<usize>> = BTreeMap::new();
    for (at, m) in measured.iter().enumerate() {
        alike.entry((role(&source.tensors()[m.index].name), m.sketch.shape())).or_default().push(at);
    }
    let probed: Vec<Vec<usize>> = alike
        .iter()
        .map(|((_, [rows, cols]), all)| {
            let enough = PROBED_WEIGHTS.div_ceil(rows * cols).clamp(LEAST_PROBED, PROBED).min(all.len());
            // Spread over the depth of the model, its ends no more than the rest.
            (0..enough).map(|i| all[(2 * i + 1) * all.len() / (2 * enough)]).collect()
        })
        .collect();
    let mut scale = solved(measured)?;
    for _ in 0..ROUNDS {
        let flat: Vec<usize> = probed.iter().flatten().copied().collect();
        let all_probed = flat.len() == measured.len();
        let bits = probe(measured, &flat, scale, source, choices, options, progress)?;
        // Where all were packed for real, what they take is known; it may be a little less than wanted, not
        // more.
        let share = bits.values().sum::<f64>() / wanted;
        if all_probed && (1.0 - NEAR..=1.0).contains(&share) {
            break;
        }
        let estimated: f64 = flat.iter().map(|&at| measured[at].bits(scale)).sum();
        let far = (bits.values().sum::<f64>() / estimated - 1.0).abs() > FAR;
        for (all, probed) in alike.values().zip(&probed) {
            for &at in probed {
                measured[at].miss = Miss::of(bits[&at], measured[at].estimate(scale));
            }
            let misses: Vec<Miss> = probed.iter().map(|&at| measured[at].miss).collect();
            for at in all.iter().filter(|at| !probed.contains(at)) {
                measured[*at].miss = Miss::mean(&misses);
            }
        }
        // Alphabets and tables change by jumps: aim at the middle of what is near enough.
        scale = solved(measured)?;
        if !far && (watched || !all_probed) {
            break;
        }
    }
    Ok(scale)
}

/// What a tensor does in its block: its name without the block's number.
fn role(name: &str) -> String {
    name.replace(|c: char| c.is_ascii_digit(), "")
}

/// What the tensors at `places` really take at a scale, in bits.
fn probe(
    measured: &[Measured],
    places: &[usize],
    scale: f64,
    source: &dyn Source,
    choices: &[GridChoice],
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<HashMap<usize, f64>> {
    let tensors = source.tensors();
    progress.begin("probing", places.iter().map(|&at| tensors[measured[at].index].bytes).sum());
    let mut spool = Spool::counting();
    let mut order = Vec::new();
    in_batches(
        progress,
        places,
        |&at| tensors[measured[at].index].bytes,
        |batch| {
            let packed = batch.par_iter().map(|&at| {
                let index = &measured[at].index;
                let steps = measured[at].steps(scale)?;
                let packed = pack_one(source, *index, choices[*index], Some(&steps), options)?;
                progress.advance(tensors[*index].bytes, &tensors[*index].name);
                Ok((*index, packed))
            });
            for (index, packed) in packed.collect::<Result<Vec<(usize, Packed)>>>()? {
                push(&mut spool, &tensors[index].name, &packed)?;
                order.push(tensors[index].name.clone());
            }
            Ok(())
        },
    )?;
    progress.end();
    let summary = spool.finish(&model_entry(source, "", order, None))?;
    let bits = |&at: &usize| (at, 8.0 * summary.tensors[&tensors[measured[at].index].name].total() as f64);
    Ok(places.iter().map(bits).collect())
}

/// Bytes of a file without the tensors that share the target.
fn rest_bytes(
    source: &dyn Source,
    rest: &[usize],
    choices: &[GridChoice],
    options: &PackOptions,
    steps: &HashMap<usize, Steps>,
    progress: &dyn Progress,
) -> Result<u64> {
    let tensors = source.tensors();
    let mut spool = Spool::counting();
    progress.begin("sizing the rest", rest.iter().map(|&i| tensors[i].bytes).sum());
    in_batches(
        progress,
        rest,
        |&i| tensors[i].bytes,
        |batch| {
            let packed = batch.par_iter().map(|&i| {
                let packed = pack_one(source, i, choices[i], steps.get(&i), options)?;
                progress.advance(tensors[i].bytes, &tensors[i].name);
                Ok((i, packed))
            });
            for (i, packed) in packed.collect::<Result<Vec<(usize, Packed)>>>()? {
                push(&mut spool, &tensors[i].name, &packed)?;
            }
            Ok(())
        },
    )?;
    progress.end();
    for (name, bytes) in source.attached_files()? {
        spool.push_file(&name, &bytes)?;
    }
    let order = rest.iter().map(|&i| tensors[i].name.clone()).collect();
    Ok(spool.finish(&model_entry(source, "", order, None))?.file_bytes)
}
