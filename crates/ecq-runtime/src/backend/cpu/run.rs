//! Executes commands with the kernels of `ecq-kernels`. Programs are checked, so a mismatch here is a bug of
//! the check; the caller is responsible for valid tokens, positions and block tables.

use super::attention;
use super::data::{Data, other_type};
use super::experts;
use super::linear;
use super::lock::{read, write};
use super::program::{ActiveRows, Resources};
use crate::error::{Result, RuntimeError};
use crate::program::{BlockTables, BufferId, CacheView, Command, Norm, Rows, WeightId};
use crate::sample::{SamplingParams, argmax, sample_token};
use ecq_kernels::cpu::{BlockTable, CachedMut, activate, angles, glu, layer_norm, rms_norm, rotate};
use half::f16;
use rayon::prelude::*;

/// Number of values that justify a task of their own.
pub(super) const TASK_VALUES: usize = 1 << 14;

/// Executes a command.
pub(super) fn run_command(command: &Command, resources: &Resources, active: ActiveRows) -> Result<()> {
    let count = |rows: Rows| match rows {
        Rows::Batch => active.rows,
        Rows::Logits => active.logits_rows,
    };
    match *command {
        Command::Embed { table, index, scale, add, y } => {
            embed(resources, table, index, active.rows, scale, add, y)
        }
        Command::Norm { ref norm, rows, heads, x, y } => {
            normalise(resources, norm, count(rows) * heads, x, y)
        }
        Command::Linear { rows, x, ref outputs } => match count(rows) {
            0 => Ok(()),
            rows => linear::run(resources, rows, x, outputs),
        },
        Command::RotaryAngles { positions, frequencies, count, per_row, scale, table } => {
            let positions = read(resources.buffer(positions).u32s()?);
            let frequencies = read(resources.buffer(frequencies).f32s()?);
            let mut table = write(resources.buffer(table).f32s()?);
            for (row, table) in table.chunks_exact_mut(2 * count).take(active.rows).enumerate() {
                let first = if per_row { row * count } else { 0 };
                angles(&positions[row..=row], &frequencies[first..first + count], scale, table);
            }
            Ok(())
        }
        Command::Rotate { x, heads, head_dim, table, frequencies, pairs } => {
            let (width, table) = (heads * head_dim, read(resources.buffer(table).f32s()?));
            with_mut(resources, x, active.rows * width, |x| {
                let rows = x.par_chunks_exact_mut(width).zip(table.par_chunks_exact(2 * frequencies));
                rows.with_min_len(TASK_VALUES / width.min(TASK_VALUES))
                    .for_each(|(x, angles)| rotate(x, angles, frequencies, heads, head_dim, pairs));
            })
        }
        Command::Append { x, heads, head_dim, positions, tables, cache } => {
            append(resources, active.rows, x, [heads, head_dim], positions, tables, cache)
        }
        Command::Attention(ref attend) => attention::run(resources, active.rows, attend),
        Command::Activate { activation, x, up, width } => {
            let up = up.map(|up| resources.buffer(up).f32s().map(read)).transpose()?;
            with_mut(resources, x, active.rows * width, |x| {
                let parts = x.par_chunks_mut(TASK_VALUES).enumerate();
                parts.for_each(|(i, x)| match &up {
                    None => activate(activation, x),
                    Some(up) => glu(activation, x, &up[i * TASK_VALUES..][..x.len()]),
                });
            })
        }
        Command::Route { logits, experts, routing, choices, weights } => {
            let logits = read(resources.buffer(logits).f32s()?);
            let mut choices = write(resources.buffer(choices).u32s()?);
            let mut weights = write(resources.buffer(weights).f32s()?);
            let rows = logits.chunks_exact(experts).take(active.rows);
            let chosen = choices.chunks_exact_mut(routing.top_k).zip(weights.chunks_exact_mut(routing.top_k));
            rows.zip(chosen)
                .for_each(|(logits, (choices, weights))| experts::route(logits, routing, choices, weights));
            Ok(())
        }
        Command::Experts(ref experts) => experts::run(resources, active.rows, experts),
        Command::Add { x, scale, y, width } => {
            let (x, len) = (read(resources.buffer(x).f32s()?), active.rows * width);
            with_mut(resources, y, len, |y| {
                let values = y.iter_mut().zip(&x[..len]);
                if scale == 1.0 {
                    values.for_each(|(y, x)| *y += x);
                } else {
                    values.for_each(|(y, x)| *y += scale * x);
                }
            })
        }
        Command::Gather { x, index, width, y } => {
            let (x, index) = (read(resources.buffer(x).f32s()?), read(resources.buffer(index).u32s()?));
            with_mut(resources, y, active.logits_rows * width, |y| {
                for (y, &row) in y.chunks_exact_mut(width).zip(index.iter()) {
                    y.copy_from_slice(&x[row as usize * width..][..width]);
                }
            })
        }
        Command::Argmax { logits, width, y } => {
            let logits = read(resources.buffer(logits).f32s()?);
            let mut y = write(resources.buffer(y).u32s()?);
            let rows = y[..active.logits_rows].par_iter_mut().zip(logits.par_chunks_exact(width));
            rows.for_each(|(y, logits)| *y = argmax(logits).unwrap_or(u32::MAX));
            Ok(())
        }
        Command::Sample { logits, width, params, y } => {
            let (logits, params) =
                (read(resources.buffer(logits).f32s()?), read(resources.buffer(params).f32s()?));
            let mut y = write(resources.buffer(y).u32s()?);
            let rows = y[..active.logits_rows].par_iter_mut().zip(logits.par_chunks_exact(width));
            rows.zip(params.par_chunks_exact(SamplingParams::LEN)).for_each_init(
                Vec::new,
                |candidates, ((y, logits), d)| {
                    *y =
                        sample_token(logits, &SamplingParams::from_floats(d), candidates).unwrap_or(u32::MAX);
                },
            );
            Ok(())
        }
        Command::Advance { chosen, index, tokens, positions, history, count } => {
            let (chosen, index) =
                (read(resources.buffer(chosen).u32s()?), read(resources.buffer(index).u32s()?));
            let mut tokens = write(resources.buffer(tokens).u32s()?);
            let mut positions = write(resources.buffer(positions).u32s()?);
            let mut history = write(resources.buffer(history).u32s()?);
            let mut count = write(resources.buffer(count).u32s()?);
            let capacity = chosen.len();
            for (i, (&token, &row)) in chosen.iter().zip(index.iter()).take(active.logits_rows).enumerate() {
                if let Some(entry) = history.get_mut(count[0] as usize * capacity + i) {
                    *entry = token;
                }
                tokens[row as usize] = token;
                positions[row as usize] += 1;
            }
            count[0] += 1;
            Ok(())
        }
        Command::CopyBlocks { pairs, block_positions, heads, head_dim, cache } => {
            let pairs = read(resources.buffer(pairs).u32s()?);
            for pair in pairs.chunks_exact(2).take(active.rows) {
                let copy = |buffer: BufferId, width: usize| {
                    let len = block_positions * width;
                    resources.buffer(buffer).copy_within(pair[0] as usize * len, pair[1] as usize * len, len);
                };
                copy(cache.data, heads * head_dim);
                if let Some(scales) = cache.scales {
                    copy(scales, heads);
                }
            }
            Ok(())
        }
        Command::Decode { weight, into } => resources.slot(into).decode(resources.weight(weight)),
    }
}

fn with_mut<T>(
    resources: &Resources,
    buffer: BufferId,
    len: usize,
    f: impl FnOnce(&mut [f32]) -> T,
) -> Result<T> {
    Ok(f(&mut write(resources.buffer(buffer).f32s()?)[..len]))
}

fn embed(
    resources: &Resources,
    table: WeightId,
    index: BufferId,
    rows: usize,
    scale: f32,
    add: bool,
    y: BufferId,
) -> Result<()> {
    let (weight, index) = (resources.weight(table), read(resources.buffer(index).u32s()?));
    let linear = weight.linear()?;
    let [vocabulary, width] = linear.shape();
    let (mut row, mut scratch) = (vec![0.0; width], resources.shared.scratch.products.take());
    with_mut(resources, y, rows * width, |y| {
        for (y, &token) in y.chunks_exact_mut(width).zip(index.iter()) {
            if token as usize >= vocabulary {
                return Err(RuntimeError::UnknownToken { token, vocabulary });
            }
            linear.row(token as usize, &mut row, &mut scratch).map_err(|e| weight.named(e))?;
            let values = y.iter_mut().zip(&row);
            if add {
                values.for_each(|(y, w)| *y += w * scale);
            } else {
                values.for_each(|(y, w)| *y = w * scale);
            }
        }
        Ok(())
    })?
}

fn normalise(resources: &Resources, norm: &Norm, rows: usize, x: BufferId, y: BufferId) -> Result<()> {
    let one = |x: &[f32], y: &mut [f32], weight: &[f32], bias: &[f32]| match *norm {
        Norm::Rms { eps, .. } => rms_norm(x, weight, eps, y),
        Norm::Layer { eps, .. } => layer_norm(x, weight, bias, eps, y),
    };
    let weight = read(resources.buffer(norm.weight()).f32s()?);
    let bias = match *norm {
        Norm::Layer { bias, .. } => Some(read(resources.buffer(bias).f32s()?)),
        Norm::Rms { .. } => None,
    };
    let (width, bias): (usize, &[f32]) = (weight.len(), bias.as_ref().map_or(&[], |bias| &bias[..]));
    let at_once = (TASK_VALUES / width.min(TASK_VALUES)) * width;
    if x == y {
        // Norms in place work on a copy of each task's rows.
        return with_mut(resources, y, rows * width, |y| {
            y.par_chunks_mut(at_once).for_each_init(Vec::new, |copy: &mut Vec<f32>, y| {
                copy.clear();
                copy.extend_from_slice(y);
                one(copy, y, &weight, bias);
            });
        });
    }
    let x = read(resources.buffer(x).f32s()?);
    let x = &x[..rows * width];
    with_mut(resources, y, rows * width, |y| {
        y.par_chunks_mut(at_once).zip(x.par_chunks(at_once)).for_each(|(y, x)| one(x, y, &weight, bias));
    })
}

fn append(
    resources: &Resources,
    rows: usize,
    x: BufferId,
    [heads, head_dim]: [usize; 2],
    positions: BufferId,
    tables: BlockTables,
    cache: CacheView,
) -> Result<()> {
    let width = heads * head_dim;
    let (x, positions) = (read(resources.buffer(x).f32s()?), read(resources.buffer(positions).u32s()?));
    let sequences = read(resources.buffer(tables.sequences).u32s()?);
    let table = read(resources.buffer(tables.tables).u32s()?);
    let store = |cache: &mut CachedMut| {
        for (row, x) in x[..rows * width].chunks_exact(width).enumerate() {
            let table = &table[sequences[row] as usize * tables.width..][..tables.width];
            let blocks = BlockTable { table, shift: tables.block_positions.trailing_zeros() };
            cache.store(x, heads, blocks.row(positions[row] as usize));
        }
    };
    match resources.buffer(cache.data) {
        Data::F32(data) => store(&mut CachedMut::F32(&mut write(data))),
        Data::F16(data) => {
            let magnitudes = x[..rows * width].iter().map(|x| x.abs());
            let largest = magnitudes.fold(0f32, f32::max);
            // Infinite values come from the weights and are reported with the logits.
            if largest > f32::from(f16::MAX) && largest.is_finite() {
                return Err(RuntimeError::CacheRange { largest });
            }
            store(&mut CachedMut::F16(&mut write(data)));
        }
        Data::Bf16(data) => store(&mut CachedMut::Bf16(&mut write(data))),
        Data::I8(data) => {
            let mut scales = write(resources.buffer(cache.scales.ok_or_else(other_type)?).bf16s()?);
            store(&mut CachedMut::I8(&mut write(data), &mut scales));
        }
        Data::U32(_) => return Err(other_type()),
    }
    Ok(())
}
