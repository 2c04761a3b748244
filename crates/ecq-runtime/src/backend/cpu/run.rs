//! Commands carried out by the kernels of `ecq-kernels`.

use super::stash::Stashes;
use super::weight::{CpuWeight, cpu_weight};
use super::{CpuOptions, Data, data, f32s, linear, read, u32s, write};
use crate::backend::command::Attend;
use crate::backend::{Command, Norm, View, Weight};
use crate::error::{Result, RuntimeError};
use ecq_kernels::cpu::{
    AttentionScratch, Cached, HeadPlace, activate, angles, attend, glu, layer_norm, rms_norm, rotate,
};
use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use std::ops::Range;

/// Values that are worth a task of their own.
const TASK_VALUES: usize = 1 << 14;
/// Rows of queries for which keys and values are converted before use, at least.
const LEAST_UNROLLED: usize = 8;
/// Rows of queries that share a conversion at most.
const MOST_UNROLLED: usize = 32;

/// Checks that a command's handles are the CPU's.
pub(super) fn own(command: &Command) -> Result<()> {
    command.buffers().into_iter().try_for_each(|buffer| data(buffer).map(|_| ()))?;
    command.weights().into_iter().try_for_each(|weight| cpu_weight(weight).map(|_| ()))
}

/// Carries out a command.
pub(super) fn one(command: &Command, options: CpuOptions, stashes: &Stashes) -> Result<()> {
    match command {
        Command::Embed { table, index, rows, scale, add, y } => {
            embed(table, index, *rows, *scale, *add, y, stashes)
        }
        Command::Norm { norm, x, rows, y } => normalise(norm, x, *rows, y),
        Command::Linear { x, rows, outputs } => linear::run(x, *rows, outputs, options, stashes),
        Command::Angles { positions, rows, frequencies, scale, table } => {
            let (positions, frequencies) = (read(u32s(positions)?), read(f32s(frequencies)?));
            angles(&positions[..*rows], &frequencies, *scale, &mut write(f32s(table)?));
            Ok(())
        }
        &Command::Rotate { ref x, rows, heads, head_dim, ref table, frequencies, pairs } => {
            let (width, table) = (heads * head_dim, read(f32s(table)?));
            with_mut(x, rows * width, |x| {
                let rows = x.par_chunks_exact_mut(width).zip(table.par_chunks_exact(2 * frequencies));
                rows.with_min_len(TASK_VALUES / width.min(TASK_VALUES))
                    .for_each(|(x, angles)| rotate(x, angles, frequencies, heads, head_dim, pairs));
            })
        }
        Command::Append { x, rows, width, positions, ring } => {
            let (x_data, positions) = (read(f32s(&x.buffer)?), read(u32s(positions)?));
            let capacity = ring.len() / width;
            let x_rows = x_data[x.start..x.start + rows * width].chunks_exact(*width);
            let place = |position: u32| {
                let row = position as usize % capacity;
                row * width..(row + 1) * width
            };
            let moves = x_rows.zip(positions.iter());
            match data(ring)? {
                Data::F32(ring) => {
                    let mut ring = write(ring);
                    moves.for_each(|(x, &position)| ring[place(position)].copy_from_slice(x));
                }
                Data::F16(ring) => {
                    let mut ring = write(ring);
                    moves.for_each(|(x, &position)| ring[place(position)].convert_from_f32_slice(x));
                }
                Data::U32(_) => return Err(RuntimeError::Recording("a ring of u32".to_owned())),
            }
            Ok(())
        }
        Command::Attend(command) => all_heads(command),
        Command::Activate { activation, x, up, len } => {
            let up = up
                .as_ref()
                .map(|up| Ok::<_, RuntimeError>((read(f32s(&up.buffer)?), up.start)))
                .transpose()?;
            with_mut(x, *len, |x| {
                let parts = x.par_chunks_mut(TASK_VALUES).enumerate();
                parts.for_each(|(i, x)| match &up {
                    None => activate(*activation, x),
                    Some((up, start)) => glu(*activation, x, &up[start + i * TASK_VALUES..][..x.len()]),
                });
            })
        }
        Command::Add { x, y, len } => {
            let x_data = read(f32s(&x.buffer)?);
            let x = &x_data[x.start..x.start + len];
            with_mut(y, *len, |y| y.iter_mut().zip(x).for_each(|(y, x)| *y += x))
        }
        Command::Copy { from, to, len } => {
            match (data(from)?, data(to)?) {
                (Data::F32(from), Data::F32(to)) => write(to)[..*len].copy_from_slice(&read(from)[..*len]),
                (Data::F16(from), Data::F16(to)) => write(to)[..*len].copy_from_slice(&read(from)[..*len]),
                (Data::U32(from), Data::U32(to)) => write(to)[..*len].copy_from_slice(&read(from)[..*len]),
                _ => return Err(RuntimeError::Recording(format!("a copy from {from:?} to {to:?}"))),
            }
            Ok(())
        }
        Command::Decode(weight) => cpu_weight(weight)?.decode(),
        Command::Release(weight) => {
            cpu_weight(weight)?.release();
            Ok(())
        }
    }
}

fn with_mut<T>(view: &View, len: usize, f: impl FnOnce(&mut [f32]) -> T) -> Result<T> {
    let mut data = write(f32s(&view.buffer)?);
    Ok(f(&mut data[view.start..view.start + len]))
}

#[allow(clippy::too_many_arguments)]
fn embed(
    table: &Weight,
    index: &crate::backend::Buffer,
    rows: usize,
    scale: f32,
    add: bool,
    y: &View,
    stashes: &Stashes,
) -> Result<()> {
    let [vocabulary, width] = table.shape();
    let (weight, index): (&CpuWeight, _) = (cpu_weight(table)?, read(u32s(index)?));
    let (mut row, mut scratch) = (vec![0.0; width], stashes.scratch.take());
    with_mut(y, rows * width, |y| {
        for (y, &token) in y.chunks_exact_mut(width).zip(index.iter()) {
            if token as usize >= vocabulary {
                return Err(RuntimeError::Token { token, vocabulary });
            }
            weight
                .with(|form| form.row(token as usize, &mut row, &mut scratch).map_err(|e| weight.named(e)))?;
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

fn normalise(norm: &Norm, x: &View, rows: usize, y: &View) -> Result<()> {
    let one = |x: &[f32], y: &mut [f32], weight: &[f32], bias: &[f32]| match *norm {
        Norm::Rms { eps, .. } => rms_norm(x, weight, eps, y),
        Norm::Layer { eps, .. } => layer_norm(x, weight, bias, eps, y),
    };
    let (Norm::Rms { weight, .. } | Norm::Layer { weight, .. }) = norm;
    let weight = read(f32s(weight)?);
    let bias = match norm {
        Norm::Layer { bias, .. } => Some(read(f32s(bias)?)),
        Norm::Rms { .. } => None,
    };
    let (width, bias): (usize, &[f32]) = (weight.len(), bias.as_deref().map_or(&[], Vec::as_slice));
    let at_once = (TASK_VALUES / width.min(TASK_VALUES)) * width;
    if x.buffer.same(&y.buffer) {
        // Heads are normed in place, through a copy of each task's rows.
        return with_mut(y, rows * width, |y| {
            y.par_chunks_mut(at_once).for_each_init(Vec::new, |copy: &mut Vec<f32>, y| {
                copy.clear();
                copy.extend_from_slice(y);
                one(copy, y, &weight, bias);
            });
        });
    }
    let x_data = read(f32s(&x.buffer)?);
    let x = &x_data[x.start..x.start + rows * width];
    with_mut(y, rows * width, |y| {
        y.par_chunks_mut(at_once).zip(x.par_chunks(at_once)).for_each(|(y, x)| one(x, y, &weight, bias));
    })
}

/// Keys or values under their lock.
enum Ring<'a> {
    F32(std::sync::RwLockReadGuard<'a, Vec<f32>>),
    F16(std::sync::RwLockReadGuard<'a, Vec<f16>>),
}

impl Ring<'_> {
    fn cached(&self) -> Cached<'_> {
        match self {
            Self::F32(rows) => Cached::F32(rows),
            Self::F16(rows) => Cached::F16(rows),
        }
    }
}

fn ring(buffer: &crate::backend::Buffer) -> Result<Ring<'_>> {
    match data(buffer)? {
        Data::F32(rows) => Ok(Ring::F32(read(rows))),
        Data::F16(rows) => Ok(Ring::F16(read(rows))),
        Data::U32(_) => Err(RuntimeError::Recording("a ring of u32".to_owned())),
    }
}

/// The positions that the row at `position` sees.
fn seen(position: usize, window: Option<usize>) -> Range<usize> {
    window.map_or(0, |window| (position + 1).saturating_sub(window))..position + 1
}

fn all_heads(command: &Attend) -> Result<()> {
    let &Attend { rows, heads, kv_heads, head_dim, window, scale, .. } = command;
    let width = kv_heads * head_dim;
    let capacity = command.keys.len() / width;
    let (keys, values) = (ring(&command.keys)?, ring(&command.values)?);
    let (positions, queries) = (read(u32s(&command.positions)?), read(f32s(&command.queries.buffer)?));
    let queries = &queries[command.queries.start..][..rows * heads * head_dim];
    if let Some(&position) = positions[..rows].iter().find(|&&p| seen(p as usize, window).len() > capacity) {
        return Err(RuntimeError::ContextFull { tokens: position as usize + 1, context: capacity });
    }
    let longest = positions[..rows].iter().map(|&p| seen(p as usize, window).len()).max().unwrap_or(1);
    let place = |kv_head: usize| HeadPlace { capacity, width, first: kv_head * head_dim, head_dim };
    let group = heads / kv_heads;
    if rows < LEAST_UNROLLED {
        return with_mut(&command.y, rows * heads * head_dim, |y| {
            let tasks = y.par_chunks_exact_mut(head_dim).zip(queries.par_chunks_exact(head_dim)).enumerate();
            tasks.with_min_len((TASK_VALUES / (longest * head_dim)).max(1)).for_each_init(
                AttentionScratch::default,
                |scratch, (i, (y, query))| {
                    let (row, place) = (i / heads, place(i % heads / group));
                    let seen = seen(positions[row] as usize, window);
                    attend(query, keys.cached(), values.cached(), place, seen, scale, scratch, y);
                },
            );
        });
    }
    // Rows and heads that look at the same keys share their conversion.
    let at_once = rows.div_ceil(2 * rayon::current_num_threads()).clamp(1, MOST_UNROLLED);
    with_mut(&command.y, rows * heads * head_dim, |y| {
        let tasks = y.par_chunks_mut(at_once * heads * head_dim).enumerate();
        tasks.for_each_init(Default::default, |(scratch, k, v): &mut (_, Vec<f32>, Vec<f32>), (i, y)| {
            let positions = &positions[i * at_once..rows.min((i + 1) * at_once)];
            let queries = &queries[i * at_once * heads * head_dim..];
            let range = |p: &u32| seen(*p as usize, window);
            let first = positions.iter().map(|p| range(p).start).min().unwrap_or(0);
            let end = positions.iter().map(|p| range(p).end).max().unwrap_or(0);
            let flat = HeadPlace { capacity: end - first, width: head_dim, first: 0, head_dim };
            for kv_head in 0..kv_heads {
                keys.cached().unroll(place(kv_head), first..end, k);
                values.cached().unroll(place(kv_head), first..end, v);
                for (row, position) in positions.iter().enumerate() {
                    let Range { start, end } = range(position);
                    for head in kv_head * group..(kv_head + 1) * group {
                        let at = (row * heads + head) * head_dim;
                        let (query, y) = (&queries[at..at + head_dim], &mut y[at..at + head_dim]);
                        let (k, v) = (Cached::F32(k), Cached::F32(v));
                        attend(query, k, v, flat, start - first..end - first, scale, scratch, y);
                    }
                }
            }
        });
    })
}
