//! Matrices multiplied and looked up, wherever they live.

use super::matrices::{Case, Reference, matrices};
use super::rig::Rig;
use super::{Joined, bits, random};
use ecq_fixtures::Numbers;
use ecq_runtime::Residence;
use ecq_runtime::program::{Command, Output, Rows};
use std::ops::Range;

/// Rows of activations that a product is tried with, and which of all rows is the first of them.
const PLACES: [(usize, usize); 6] = [(256, 0), (1, 255), (2, 77), (8, 200), (17, 3), (33, 100)];

/// Products of every form, coding and tile, of many rows and of odd shapes, of parts of a matrix, with
/// biases. Where a backend has the same bits, a row's are the same wherever the weights live, however many
/// rows there are, and whichever it is among them.
pub fn products(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(1);
    let mut cases = 0;
    for (rows, cols) in [(1, 32), (17, 33), (50, 96), (130, 64)] {
        for case in matrices(&mut numbers, rows, cols) {
            cases += one(joined, &case, &PLACES, &mut numbers);
        }
        cases += several_matrices(joined, rows, cols, &mut numbers);
    }
    // So many outputs that a row of activations is shared by threads.
    for case in matrices(&mut numbers, 1030, 96).into_iter().step_by(5) {
        cases += one(joined, &case, &[(33, 0), (1, 7), (8, 25)], &mut numbers);
    }
    cases
}

/// Outputs of a matrix: all rows, and parts of them, the first with a bias.
fn ranges(rows: usize) -> [Range<usize>; 3] {
    let start = rows / 3;
    [0..rows, start..rows, start..(rows - rows / 4).max(start + 1)]
}

fn one(joined: &Joined, case: &Case, places: &[(usize, usize)], numbers: &mut Numbers) -> usize {
    let [rows, cols] = case.matrix.shape;
    let ranges = ranges(rows);
    let all = places[0].0;
    let (x, bias) = (random(numbers, all * cols), random(numbers, ranges[1].len()));
    let expected = Reference::new(case, &x, &joined.tolerances.product);
    let mut standard: Option<Vec<Vec<f32>>> = None;
    let mut cases = 0;
    for &residence in case.residences() {
        let mut rig = Rig::new(joined);
        let held = rig.hold(&case.matrix, residence);
        let (x_buffer, bias_buffer) = (rig.filled(&x), rig.filled(&bias));
        let ys = ranges.clone().map(|range| rig.results(all * range.len()));
        for &(x_rows, first) in places {
            let output = |i: usize| Output {
                bias: (i == 1).then_some(bias_buffer),
                ..rig.output(held.operand, x_rows, ranges[i].clone(), ys[i])
            };
            let linear = |rows, outputs| Command::Linear { rows, x: x_buffer, outputs };
            let mut commands: Vec<Command> = held.decode.iter().cloned().collect();
            commands.push(linear(Rows::Batch, vec![output(0)]));
            commands.push(linear(Rows::LogitsSelection, vec![output(1), output(2)]));
            ys.iter().zip(&ranges).for_each(|(&y, range)| rig.write(y, &vec![f32::NAN; all * range.len()]));
            rig.write(x_buffer, &x[first * cols..(first + x_rows) * cols]);
            rig.run([x_rows, x_rows], commands);
            let what = || format!("{} {residence:?}, {x_rows} rows", case.name());
            let mut found = Vec::new();
            for (i, range) in ranges.iter().enumerate() {
                let y = rig.part(ys[i], 0..x_rows * range.len());
                let bias = (i == 1).then_some(bias.as_slice());
                expected.check(&y, first, range.clone(), bias, &what);
                found.push(y);
            }
            if joined.backend.facts().same_bits {
                let standard = standard.get_or_insert_with(|| found.clone());
                for ((found, standard), range) in found.iter().zip(standard).zip(&ranges) {
                    let standard = &standard[first * range.len()..][..found.len()];
                    assert_eq!(bits(found), bits(standard), "{}, outputs {range:?}", what());
                }
            }
            cases += 1;
        }
    }
    cases
}

/// Matrices with other forms, places and column scales that read the same rows at once.
fn several_matrices(joined: &Joined, rows: usize, cols: usize, numbers: &mut Numbers) -> usize {
    let all = matrices(numbers, rows, cols);
    let residence = |case: &Case, i: usize| {
        let residences = case.residences();
        residences[i % residences.len()]
    };
    let mut cases = 0;
    for chosen in [[0, 14, 3], [9, 25, 20], [27, 1, 12]] {
        let chosen = chosen.map(|i| &all[i]);
        let x_rows = 9;
        let x = random(numbers, x_rows * cols);
        let mut rig = Rig::new(joined);
        let x_buffer = rig.filled(&x);
        let (mut commands, mut outputs) = (Vec::new(), Vec::new());
        for (i, case) in chosen.into_iter().enumerate() {
            let held = rig.hold(&case.matrix, residence(case, i));
            let y = rig.results(x_rows * rows);
            outputs.push(rig.output(held.operand, x_rows, 0..rows, y));
            commands.extend(held.decode);
        }
        commands.push(Command::Linear { rows: Rows::Batch, x: x_buffer, outputs: outputs.clone() });
        rig.run([x_rows, 0], commands);
        for (case, output) in chosen.into_iter().zip(outputs) {
            let expected = Reference::new(case, &x, &joined.tolerances.product);
            let what = || format!("{} beside others", case.name());
            expected.check(&rig.read::<f32>(output.y), 0, 0..rows, None, &what);
            cases += 1;
        }
    }
    cases
}

/// Rows of every form as embeddings, in place of what was there and added to it.
pub fn embeddings(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(2);
    let (rows, cols) = (50, 96);
    let tokens = [49u32, 0, 7, 7, 23];
    let mut cases = 0;
    for case in matrices(&mut numbers, rows, cols) {
        for &residence in case.residences().iter().filter(|&&residence| residence != Residence::Slot) {
            let mut rig = Rig::new(joined);
            let table = rig.load(&case.matrix, residence);
            let (y, index) = (rig.results(5 * cols), rig.filled(&tokens));
            let one = |scale, add| Command::Embed { table, index, scale, add, y };
            rig.run([5, 0], vec![one(2.0, false), one(0.5, true)]);
            let found = rig.read::<f32>(y);
            for (row, &token) in tokens.iter().enumerate() {
                for col in 0..cols {
                    let expected = 2.5 * f64::from(case.weights[token as usize * cols + col]);
                    let error = (f64::from(found[row * cols + col]) - expected).abs();
                    let bound = joined.tolerances.embedding * (1.0 + expected.abs());
                    assert!(error <= bound, "{} {residence:?} row {token} column {col}", case.name());
                }
            }
            cases += 1;
        }
    }
    cases
}
