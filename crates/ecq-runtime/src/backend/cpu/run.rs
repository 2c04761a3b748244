//! Commands carried out by the kernels of `ecq-kernels`. A program was checked: what is missing here is a
//! mistake of the checks, and what tokens and tables say is the batch's to get right.

use super::attention;
use super::data::{Data, other_type};
use super::experts;
use super::linear;
use super::lock::{read, write};
use super::program::{Env, Live};
use crate::error::{Result, RuntimeError};
use crate::program::{BlockTables, BufferId, CacheView, Command, Norm, Rows, WeightId};
use crate::sample::{SamplingParams, argmax, draw};
use ecq_kernels::cpu::{BlockTable, CachedMut, activate, angles, glu, layer_norm, rms_norm, rotate};
use half::f16;
use rayon::prelude::*;

/// Values that are worth a task of their own.
pub(super) const TASK_VALUES: usize = 1 << 14;

/// Carries out a command.
pub(super) fn one(command: &Command, env: &Env, live: Live) -> Result<()> {
    let count = |rows: Rows| match rows {
        Rows::Batch => live.rows,
        Rows::LogitsSelection => live.wanted,
    };
    match *command {
        Command::Embed { table, index, scale, add, y } => embed(env, table, index, live.rows, scale, add, y),
        Command::Norm { ref norm, rows, heads, x, y } => normalise(env, norm, count(rows) * heads, x, y),
        Command::Linear { rows, x, ref outputs } => match count(rows) {
            0 => Ok(()),
            rows => linear::run(env, rows, x, outputs),
        },
        Command::RotaryAngles { positions, frequencies, count, per_row, scale, table } => {
            let positions = read(env.buffer(positions).u32s()?);
            let frequencies = read(env.buffer(frequencies).f32s()?);
            let mut table = write(env.buffer(table).f32s()?);
            for (row, table) in table.chunks_exact_mut(2 * count).take(live.rows).enumerate() {
                let first = if per_row { row * count } else { 0 };
                angles(&positions[row..=row], &frequencies[first..first + count], scale, table);
            }
            Ok(())
        }
        Command::Rotate { x, heads, head_dim, table, frequencies, pairs } => {
            let (width, table) = (heads * head_dim, read(env.buffer(table).f32s()?));
            with_mut(env, x, live.rows * width, |x| {
                let rows = x.par_chunks_exact_mut(width).zip(table.par_chunks_exact(2 * frequencies));
                rows.with_min_len(TASK_VALUES / width.min(TASK_VALUES))
                    .for_each(|(x, angles)| rotate(x, angles, frequencies, heads, head_dim, pairs));
            })
        }
        Command::Append { x, heads, head_dim, positions, tables, cache } => {
            append(env, live.rows, x, heads, head_dim, positions, tables, cache)
        }
        Command::Attention(ref attend) => attention::run(env, live.rows, attend),
        Command::Activate { activation, x, up, width } => {
            let up = up.map(|up| env.buffer(up).f32s().map(read)).transpose()?;
            with_mut(env, x, live.rows * width, |x| {
                let parts = x.par_chunks_mut(TASK_VALUES).enumerate();
                parts.for_each(|(i, x)| match &up {
                    None => activate(activation, x),
                    Some(up) => glu(activation, x, &up[i * TASK_VALUES..][..x.len()]),
                });
            })
        }
        Command::Route { logits, experts, routing, choices, weights } => {
            let logits = read(env.buffer(logits).f32s()?);
            let mut choices = write(env.buffer(choices).u32s()?);
            let mut weights = write(env.buffer(weights).f32s()?);
            let rows = logits.chunks_exact(experts).take(live.rows);
            let chosen = choices.chunks_exact_mut(routing.top_k).zip(weights.chunks_exact_mut(routing.top_k));
            rows.zip(chosen)
                .for_each(|(logits, (choices, weights))| experts::route(logits, routing, choices, weights));
            Ok(())
        }
        Command::Experts(ref experts) => experts::run(env, live.rows, experts),
        Command::Add { x, scale, y, width } => {
            let (x, len) = (read(env.buffer(x).f32s()?), live.rows * width);
            with_mut(env, y, len, |y| {
                let values = y.iter_mut().zip(&x[..len]);
                if scale == 1.0 {
                    values.for_each(|(y, x)| *y += x);
                } else {
                    values.for_each(|(y, x)| *y += scale * x);
                }
            })
        }
        Command::Gather { x, index, width, y } => {
            let (x, index) = (read(env.buffer(x).f32s()?), read(env.buffer(index).u32s()?));
            with_mut(env, y, live.wanted * width, |y| {
                for (y, &row) in y.chunks_exact_mut(width).zip(index.iter()) {
                    y.copy_from_slice(&x[row as usize * width..][..width]);
                }
            })
        }
        Command::Argmax { logits, width, y } => {
            let logits = read(env.buffer(logits).f32s()?);
            let mut y = write(env.buffer(y).u32s()?);
            let rows = y[..live.wanted].par_iter_mut().zip(logits.par_chunks_exact(width));
            rows.for_each(|(y, logits)| *y = argmax(logits).unwrap_or(u32::MAX));
            Ok(())
        }
        Command::Sample { logits, width, draws, y } => {
            let (logits, draws) = (read(env.buffer(logits).f32s()?), read(env.buffer(draws).f32s()?));
            let mut y = write(env.buffer(y).u32s()?);
            let rows = y[..live.wanted].par_iter_mut().zip(logits.par_chunks_exact(width));
            rows.zip(draws.par_chunks_exact(SamplingParams::LEN)).for_each_init(
                Vec::new,
                |candidates, ((y, logits), d)| {
                    *y = draw(logits, &SamplingParams::of_floats(d), candidates).unwrap_or(u32::MAX);
                },
            );
            Ok(())
        }
        Command::Advance { chosen, index, tokens, positions, history, count } => {
            let (chosen, index) = (read(env.buffer(chosen).u32s()?), read(env.buffer(index).u32s()?));
            let mut tokens = write(env.buffer(tokens).u32s()?);
            let mut positions = write(env.buffer(positions).u32s()?);
            let mut history = write(env.buffer(history).u32s()?);
            let mut count = write(env.buffer(count).u32s()?);
            let capacity = chosen.len();
            for (i, (&token, &row)) in chosen.iter().zip(index.iter()).take(live.wanted).enumerate() {
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
            let pairs = read(env.buffer(pairs).u32s()?);
            for pair in pairs.chunks_exact(2).take(live.rows) {
                let copy = |buffer: BufferId, width: usize| {
                    let len = block_positions * width;
                    env.buffer(buffer).copy_within(pair[0] as usize * len, pair[1] as usize * len, len);
                };
                copy(cache.data, heads * head_dim);
                if let Some(scales) = cache.scales {
                    copy(scales, heads);
                }
            }
            Ok(())
        }
        Command::Decode { weight, into } => env.slot(into).decode(env.weight(weight)),
    }
}

fn with_mut<T>(env: &Env, buffer: BufferId, len: usize, f: impl FnOnce(&mut [f32]) -> T) -> Result<T> {
    Ok(f(&mut write(env.buffer(buffer).f32s()?)[..len]))
}

fn embed(
    env: &Env,
    table: WeightId,
    index: BufferId,
    rows: usize,
    scale: f32,
    add: bool,
    y: BufferId,
) -> Result<()> {
    let (weight, index) = (env.weight(table), read(env.buffer(index).u32s()?));
    let linear = weight.linear()?;
    let [vocabulary, width] = linear.shape();
    let (mut row, mut scratch) = (vec![0.0; width], env.shared.scratch.products.take());
    with_mut(env, y, rows * width, |y| {
        for (y, &token) in y.chunks_exact_mut(width).zip(index.iter()) {
            if token as usize >= vocabulary {
                return Err(RuntimeError::Token { token, vocabulary });
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

fn normalise(env: &Env, norm: &Norm, rows: usize, x: BufferId, y: BufferId) -> Result<()> {
    let one = |x: &[f32], y: &mut [f32], weight: &[f32], bias: &[f32]| match *norm {
        Norm::Rms { eps, .. } => rms_norm(x, weight, eps, y),
        Norm::Layer { eps, .. } => layer_norm(x, weight, bias, eps, y),
    };
    let weight = read(env.buffer(norm.weight()).f32s()?);
    let bias = match *norm {
        Norm::Layer { bias, .. } => Some(read(env.buffer(bias).f32s()?)),
        Norm::Rms { .. } => None,
    };
    let (width, bias): (usize, &[f32]) = (weight.len(), bias.as_ref().map_or(&[], |bias| &bias[..]));
    let at_once = (TASK_VALUES / width.min(TASK_VALUES)) * width;
    if x == y {
        // Heads are normed in place, through a copy of each task's rows.
        return with_mut(env, y, rows * width, |y| {
            y.par_chunks_mut(at_once).for_each_init(Vec::new, |copy: &mut Vec<f32>, y| {
                copy.clear();
                copy.extend_from_slice(y);
                one(copy, y, &weight, bias);
            });
        });
    }
    let x = read(env.buffer(x).f32s()?);
    let x = &x[..rows * width];
    with_mut(env, y, rows * width, |y| {
        y.par_chunks_mut(at_once).zip(x.par_chunks(at_once)).for_each(|(y, x)| one(x, y, &weight, bias));
    })
}

#[allow(clippy::too_many_arguments)]
fn append(
    env: &Env,
    rows: usize,
    x: BufferId,
    heads: usize,
    head_dim: usize,
    positions: BufferId,
    tables: BlockTables,
    cache: CacheView,
) -> Result<()> {
    let width = heads * head_dim;
    let (x, positions) = (read(env.buffer(x).f32s()?), read(env.buffer(positions).u32s()?));
    let sequences = read(env.buffer(tables.sequences).u32s()?);
    let table = read(env.buffer(tables.tables).u32s()?);
    let store = |cache: &mut CachedMut| {
        for (row, x) in x[..rows * width].chunks_exact(width).enumerate() {
            let table = &table[sequences[row] as usize * tables.width..][..tables.width];
            let blocks = BlockTable { table, shift: tables.block_positions.trailing_zeros() };
            cache.store(x, heads, blocks.row(positions[row] as usize));
        }
    };
    match env.buffer(cache.data) {
        Data::F32(data) => store(&mut CachedMut::F32(&mut write(data))),
        Data::F16(data) => {
            let magnitudes = x[..rows * width].iter().map(|x| x.abs());
            let largest = magnitudes.fold(0f32, f32::max);
            // Infinities are the weights' doing, and are told from the logits.
            if largest > f32::from(f16::MAX) && largest.is_finite() {
                return Err(RuntimeError::CacheRange { largest });
            }
            store(&mut CachedMut::F16(&mut write(data)));
        }
        Data::Bf16(data) => store(&mut CachedMut::Bf16(&mut write(data))),
        Data::I8(data) => {
            let mut scales = write(env.buffer(cache.scales.ok_or_else(other_type)?).bf16s()?);
            store(&mut CachedMut::I8(&mut write(data), &mut scales));
        }
        Data::U32(_) => return Err(other_type()),
    }
    Ok(())
}
