//! Products of several matrices with the same activations, on all threads.

use super::Shared;
use super::lock::{read, write};
use super::program::Resources;
use super::scratch::PoolGuard;
use super::weight::{CpuSlot, CpuWeight, SlotLinear};
use crate::error::Result;
use crate::program::{BufferId, Operand, Output, SlotId, WeightId};
use ecq_kernels::cpu::linear::{Activations, Linear};
use rayon::prelude::*;
use std::ops::Range;

/// Minimum weights per task; smaller tasks cost more to schedule than to run.
const TASK_WEIGHTS: usize = 1 << 15;
/// Tasks per thread; several, so that a delayed thread does not delay the product.
const TASKS_PER_THREAD: usize = 4;

/// A matrix in its own residence or in a slot.
pub(super) struct Source<'a> {
    weight: &'a CpuWeight,
    slot: Option<SlotLinear<'a>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(resources: &'a Resources, weight: WeightId, slot: Option<SlotId>) -> Result<Self> {
        Self::of(resources.weight(weight), slot.map(|slot| resources.slot(slot)))
    }

    pub(super) fn of(weight: &'a CpuWeight, slot: Option<&'a CpuSlot>) -> Result<Self> {
        Ok(Self { weight, slot: slot.map(CpuSlot::linear).transpose()? })
    }

    pub(super) fn linear(&self) -> Result<&dyn Linear> {
        self.slot.as_ref().map_or_else(|| self.weight.linear(), |slot| Ok(slot.get()))
    }
}

/// A product and the matrix rows that are computed for it.
struct Product<'a> {
    weight: &'a CpuWeight,
    linear: &'a dyn Linear,
    /// The requested rows.
    range: Range<usize>,
    /// The requested rows, extended to the row granularity of the weight.
    aligned: Range<usize>,
    /// Rows per task.
    step: usize,
    /// Index of the prepared activations.
    x: usize,
}

/// TensorPart of a product: some matrix rows and their results, `[rows of x, rows]`.
struct Task<'a, 'b> {
    product: &'a Product<'a>,
    rows: Range<usize>,
    y: &'b mut [f32],
}

pub(super) fn run(resources: &Resources, rows: usize, x: BufferId, outputs: &[Output]) -> Result<()> {
    let sources = outputs.iter().map(|output| match output.operand {
        Operand::Slot(slot, weight) => Source::new(resources, weight, Some(slot)),
        Operand::Weight(weight) => Source::new(resources, weight, None),
    });
    let sources = sources.collect::<Result<Vec<_>>>()?;
    let Some(first) = sources.first() else { return Ok(()) };
    let cols = first.linear()?.shape()[1];
    let x = read(resources.buffer(x).f32s()?);
    let mut ys = Vec::new();
    for output in outputs {
        ys.push(write(resources.buffer(output.y).f32s()?));
    }
    let ranges: Vec<Range<usize>> = outputs.iter().map(|output| output.range.clone()).collect();
    let mut parts: Vec<&mut [f32]> =
        ys.iter_mut().zip(&ranges).map(|(y, range)| &mut y[..rows * range.len()]).collect();
    multiply(&resources.shared, &x[..rows * cols], rows, &sources, &ranges, &mut parts)?;
    for (output, y) in outputs.iter().zip(&mut parts) {
        if let Some(bias) = output.bias {
            let bias = read(resources.buffer(bias).f32s()?);
            for y in y.chunks_exact_mut(output.range.len()) {
                y.iter_mut().zip(&**bias).for_each(|(y, b)| *y += b);
            }
        }
    }
    Ok(())
}

/// Computes the products of the rows of `x` with the rows `ranges` of matrices with equal columns. Results
/// are `[rows of x, range]`.
pub(super) fn multiply(
    shared: &Shared,
    x: &[f32],
    rows: usize,
    sources: &[Source],
    ranges: &[Range<usize>],
    ys: &mut [&mut [f32]],
) -> Result<()> {
    let scratch = &shared.scratch;
    let mut inputs = Vec::new();
    let products = products(shared, x, rows, sources, ranges, &mut inputs)?;
    let multiply = |scratch: &mut _, task: Task| -> Result<()> {
        let Product { linear, weight, x, .. } = *task.product;
        linear.matmul(&inputs[x], task.rows, task.y, scratch).map_err(|error| weight.named(error))
    };
    let exact = products.iter().all(|product| product.aligned == product.range);
    if rows == 1 && exact {
        // The results of one row are contiguous, so tasks write them in place.
        let mut tasks = Vec::new();
        for (product, y) in products.iter().zip(ys) {
            split_tasks(product, 1, y, &mut tasks);
        }
        return tasks
            .into_par_iter()
            .try_for_each_init(|| scratch.products.take(), |s, task| multiply(s, task));
    }
    // Tasks write to separate blocks, which are then copied to the rows of the results.
    let mut blocks = scratch.blocks.take();
    blocks.set_len(rows * products.iter().map(|product| product.aligned.len()).sum::<usize>());
    let (mut tasks, mut rest) = (Vec::new(), &mut blocks[..]);
    for product in &products {
        let (own, after) = rest.split_at_mut(rows * product.aligned.len());
        split_tasks(product, rows, own, &mut tasks);
        rest = after;
    }
    tasks.into_par_iter().try_for_each_init(|| scratch.products.take(), |s, task| multiply(s, task))?;
    let mut rest = &blocks[..];
    for (product, y) in products.iter().zip(ys) {
        let (own, after) = rest.split_at(rows * product.aligned.len());
        scatter(product, rows, own, y);
        rest = after;
    }
    Ok(())
}

/// Plans the products and prepares their activations; matrices with column scales need their own.
fn products<'a, 's>(
    shared: &'s Shared,
    x: &[f32],
    rows: usize,
    sources: &'a [Source],
    ranges: &[Range<usize>],
    inputs: &mut Vec<PoolGuard<'s, Activations>>,
) -> Result<Vec<Product<'a>>> {
    let total: usize = ranges.iter().map(Range::len).sum();
    let balanced = total / (TASKS_PER_THREAD * rayon::current_num_threads());
    let (precision, mut plain) = (shared.options.activations.precision(), None);
    let set = |inputs: &mut Vec<PoolGuard<'s, Activations>>, cols, scales: Option<&[f32]>| {
        let mut prepared = shared.scratch.activations.take();
        prepared.set(precision, x, rows, cols, scales);
        inputs.push(prepared);
        inputs.len() - 1
    };
    let one = |(source, range): (&'a Source, &Range<usize>)| {
        let linear = source.linear()?;
        let [all, cols] = linear.shape();
        let granularity = linear.row_granularity();
        let Range { start, end } = *range;
        let aligned = start / granularity * granularity..all.min(end.next_multiple_of(granularity));
        let min_step = TASK_WEIGHTS.div_ceil(cols * rows.min(16));
        let step = balanced.max(min_step).next_multiple_of(granularity);
        let x = match (linear.col_scales(), plain) {
            (None, Some(plain)) => plain,
            (None, None) => *plain.insert(set(inputs, cols, None)),
            (scales, _) => set(inputs, cols, scales),
        };
        Ok(Product { weight: source.weight, linear, range: range.clone(), aligned, step, x })
    };
    sources.iter().zip(ranges).map(one).collect()
}

/// Splits a product and its results `[rows of x, rows]` into tasks with a block each.
fn split_tasks<'a, 'b>(
    product: &'a Product<'a>,
    x_rows: usize,
    y: &'b mut [f32],
    tasks: &mut Vec<Task<'a, 'b>>,
) {
    let aligned = &product.aligned;
    for (part, y) in y.chunks_mut(x_rows * product.step).enumerate() {
        let start = aligned.start + part * product.step;
        tasks.push(Task { product, rows: start..aligned.end.min(start + product.step), y });
    }
}

/// Copies the blocks of a product's tasks to the rows of its results.
fn scatter(product: &Product, x_rows: usize, blocks: &[f32], y: &mut [f32]) {
    let (range, aligned) = (&product.range, &product.aligned);
    y.par_chunks_exact_mut(range.len()).enumerate().for_each(|(row, y)| {
        for (part, block) in blocks.chunks(x_rows * product.step).enumerate() {
            let first = aligned.start + part * product.step;
            let len = block.len() / x_rows;
            let (from, to) = (range.start.max(first), range.end.min(first + len));
            if from < to {
                let block = &block[row * len..(row + 1) * len];
                y[from - range.start..to - range.start].copy_from_slice(&block[from - first..to - first]);
            }
        }
    });
}
