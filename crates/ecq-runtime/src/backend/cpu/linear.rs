//! Products of several matrices with the same activations, over all threads.

use super::weight::cpu_weight;
use super::{CpuOptions, f32s, read, write};
use crate::backend::{Output, View};
use crate::error::Result;
use rayon::prelude::*;
use std::ops::Range;

/// Rows of a matrix that a task takes at least: a multiple of what kernels take at once.
const TASK_ROWS: usize = 32;
/// Tasks for each thread: more than one, so that a thread that was held up does not hold up all.
const TASKS_PER_THREAD: usize = 4;

/// Rows `range` of matrix `output`, and where their part of the result goes.
struct Task<'a> {
    output: usize,
    range: Range<usize>,
    y: &'a mut [f32],
}

pub(super) fn run(x: &View, rows: usize, outputs: &[Output], _options: CpuOptions) -> Result<()> {
    let total: usize = outputs.iter().map(|output| output.range.len()).sum();
    let most = (total / (TASKS_PER_THREAD * rayon::current_num_threads()).max(1)).next_multiple_of(TASK_ROWS);
    let cols = outputs.first().map_or(0, |output| output.weight.shape()[1]);
    let x_data = read(f32s(&x.buffer)?);
    let x = &x_data[x.start..x.start + rows * cols];
    let multiply = |task: Task| -> Result<()> {
        let output = &outputs[task.output];
        cpu_weight(&output.weight)?.with(|form| form.multiply(x, task.range.clone(), task.y))?;
        if let Some(bias) = &output.bias {
            let bias = read(f32s(bias)?);
            let bias = &bias[task.range.start - output.range.start..][..task.range.len()];
            for y in task.y.chunks_exact_mut(task.range.len()) {
                y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
            }
        }
        Ok(())
    };
    let mut ys = Vec::new();
    for output in outputs {
        ys.push(write(f32s(&output.y.buffer)?));
    }
    if rows == 1 {
        // A row of results is contiguous: tasks write to where they belong.
        let mut tasks = Vec::new();
        for (i, (output, y)) in outputs.iter().zip(&mut ys).enumerate() {
            let y = &mut y[output.y.start..output.y.start + output.range.len()];
            cut(i, &output.range, most, 1, y, &mut tasks);
        }
        return tasks.into_par_iter().try_for_each(multiply);
    }
    // Tasks write to blocks of their own, which are then dealt to the rows.
    let mut blocks = vec![0.0; rows * total];
    let (mut tasks, mut rest) = (Vec::new(), blocks.as_mut_slice());
    for (i, output) in outputs.iter().enumerate() {
        let (own, after) = rest.split_at_mut(rows * output.range.len());
        cut(i, &output.range, most, rows, own, &mut tasks);
        rest = after;
    }
    tasks.into_par_iter().try_for_each(multiply)?;
    let mut rest = blocks.as_slice();
    for (output, y) in outputs.iter().zip(&mut ys) {
        let width = output.range.len();
        let (own, after) = rest.split_at(rows * width);
        let y = &mut y[output.y.start..output.y.start + rows * width];
        y.par_chunks_exact_mut(width).enumerate().for_each(|(row, y)| {
            let mut first = 0;
            for (y, block) in y.chunks_mut(most).zip(own.chunks(rows * most)) {
                let len = y.len();
                y.copy_from_slice(&block[row * len..(row + 1) * len]);
                first += len;
            }
            debug_assert_eq!(first, width);
        });
        rest = after;
    }
    Ok(())
}

/// Cuts `range` into tasks of at most `most` rows of the matrix, and `y` with it.
fn cut<'a>(
    output: usize,
    range: &Range<usize>,
    most: usize,
    rows: usize,
    y: &'a mut [f32],
    tasks: &mut Vec<Task<'a>>,
) {
    for (part, y) in y.chunks_mut(rows * most).enumerate() {
        let start = range.start + part * most;
        tasks.push(Task { output, range: start..range.end.min(start + most), y });
    }
}
