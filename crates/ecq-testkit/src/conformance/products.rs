//! Products and embedding lookups for every residence.

use super::harness::Harness;
use super::matrices::{
    Reference, TestMatrix, every_nth_matrix, matrices, super_block_matrices, tuple_matrices,
};
use super::{ProductTolerance, Subject, bits, random};
use ecq_core::Coding;
use ecq_fixtures::Numbers;
use ecq_runtime::Residence;
use ecq_runtime::program::{Command, Output, Rows};
use std::ops::Range;

/// Numbers of activation rows, and the index of the first one.
const PLACES: [(usize, usize); 7] = [(256, 0), (1, 255), (2, 77), (8, 200), (17, 3), (32, 51), (33, 100)];

/// Tests products for every storage kind, coding and tile, odd shapes, many rows, parts of a matrix, and
/// biases. On batch-invariant backends a row must be bit-identical for every residence and number of rows.
pub fn products(subject: &Subject) -> usize {
    let fused = subject.backend.info().fused_codings;
    let all = [Coding::Packed, Coding::Rans, Coding::Prefix, Coding::Tuples];
    for coding in all.iter().filter(|coding| !fused.contains(coding)) {
        println!("SKIPPED products that read streams of {}: the device has none", coding.name());
    }
    let mut numbers = Numbers::new(1);
    let mut cases = 0;
    for (rows, cols) in [(1, 32), (17, 33), (50, 96), (130, 64)] {
        let all = matrices(&mut numbers, rows, cols);
        for case in &all {
            cases += one(subject, case, &PLACES, &mut numbers);
        }
        cases += several_matrices(subject, &all, &mut numbers);
    }
    for (rows, cols) in [(1, 256), (50, 512)] {
        for case in super_block_matrices(&mut numbers, rows, cols) {
            cases += one(subject, &case, &PLACES, &mut numbers);
        }
    }
    // More segments of tuples than workgroups of some devices have teams for.
    for case in &tuple_matrices(&mut numbers, 40, 300) {
        cases += one(subject, case, &[(33, 0), (1, 7), (8, 25)], &mut numbers);
    }
    // Enough outputs that several threads share a row of activations.
    for case in every_nth_matrix(&mut numbers, 1030, 96, 5) {
        cases += one(subject, &case, &[(33, 0), (1, 7), (8, 25)], &mut numbers);
    }
    cases
}

/// Tests products with many rows of activations, with every third matrix: of kernels that the device does not
/// choose by itself. Compares them bit for bit with those of few rows, as [`products`] does.
pub fn products_of_many_rows(subject: &Subject) -> usize {
    let places = [(70, 0), (1, 69), (32, 20), (33, 3)];
    let mut numbers = Numbers::new(37);
    let mut all = every_nth_matrix(&mut numbers, 17, 33, 3);
    all.extend(every_nth_matrix(&mut numbers, 130, 96, 3));
    all.extend(super_block_matrices(&mut numbers, 50, 512));
    all.extend(tuple_matrices(&mut numbers, 40, 300));
    all.iter().map(|case| one(subject, case, &places, &mut numbers)).sum()
}

/// Returns the tolerance of products with a matrix, and whether it is that of tuples.
fn tolerance(subject: &Subject, case: &TestMatrix, residence: Residence) -> (ProductTolerance, bool) {
    let decodes = residence == Residence::Streams && case.coding() == Some(Coding::Tuples);
    let tuples = subject.tolerances.tuples.filter(|_| decodes);
    (tuples.unwrap_or(subject.tolerances.product), tuples.is_some())
}

/// Returns ranges of matrix rows: all of them, and two parts, the first of which has a bias.
fn ranges(rows: usize) -> [Range<usize>; 3] {
    let start = rows / 3;
    [0..rows, start..rows, start..(rows - rows / 4).max(start + 1)]
}

fn one(subject: &Subject, case: &TestMatrix, places: &[(usize, usize)], numbers: &mut Numbers) -> usize {
    let [rows, cols] = case.matrix.shape;
    let ranges = ranges(rows);
    let all = places[0].0;
    let (mut x, bias) = (random(numbers, all * cols), random(numbers, ranges[1].len()));
    // Rows with an activation that is much larger than those of other blocks and segments.
    x.chunks_exact_mut(cols).skip(1).step_by(4).for_each(|x| x[3 % cols] *= 1e6);
    // Of products with and without decoded tuples, where these round differently.
    let mut baselines: [Option<Vec<Vec<f32>>>; 2] = [None, None];
    let mut cases = 0;
    for &residence in case.residences(subject) {
        let (tolerance, decodes_tuples) = tolerance(subject, case, residence);
        let expected = Reference::new(case, &x, &tolerance);
        let baseline = &mut baselines[usize::from(decodes_tuples)];
        let mut harness = Harness::new(subject);
        let loaded = harness.load_operand(&case.matrix, residence);
        let (x_buffer, bias_buffer) = (harness.filled(&x), harness.filled(&bias));
        let ys = ranges.clone().map(|range| harness.results(all * range.len()));
        for &(x_rows, first) in places {
            let output = |i: usize| Output {
                bias: (i == 1).then_some(bias_buffer),
                ..harness.output(loaded.operand, x_rows, ranges[i].clone(), ys[i])
            };
            let linear = |rows, outputs| Command::Linear { rows, x: x_buffer, outputs };
            let mut commands: Vec<Command> = loaded.decode.iter().cloned().collect();
            commands.push(linear(Rows::Batch, vec![output(0)]));
            commands.push(linear(Rows::Logits, vec![output(1), output(2)]));
            ys.iter()
                .zip(&ranges)
                .for_each(|(&y, range)| harness.write(y, &vec![f32::NAN; all * range.len()]));
            harness.write(x_buffer, &x[first * cols..(first + x_rows) * cols]);
            harness.run([x_rows, x_rows], commands);
            let what = || format!("{} {residence:?}, {x_rows} rows", case.name());
            let mut found = Vec::new();
            for (i, range) in ranges.iter().enumerate() {
                let y = harness.part(ys[i], 0..x_rows * range.len());
                let bias = (i == 1).then_some(bias.as_slice());
                expected.check(&y, first, range.clone(), bias, &what);
                found.push(y);
            }
            if subject.backend.info().batch_invariant {
                let baseline = baseline.get_or_insert_with(|| found.clone());
                for ((found, baseline), range) in found.iter().zip(baseline).zip(&ranges) {
                    let baseline = &baseline[first * range.len()..][..found.len()];
                    assert_eq!(bits(found), bits(baseline), "{}, outputs {range:?}", what());
                }
            }
            cases += 1;
        }
    }
    cases
}

/// Tests one command with matrices of different storage, residence and column scales.
fn several_matrices(subject: &Subject, all: &[TestMatrix], numbers: &mut Numbers) -> usize {
    let [rows, cols] = all[0].matrix.shape;
    let residence = |case: &TestMatrix, i: usize| {
        let residences = case.residences(subject);
        residences[i % residences.len()]
    };
    let mut cases = 0;
    let of = |lag: usize| {
        let matches = |case: &TestMatrix| case.name().starts_with(&format!("tuples lag {lag},"));
        all.iter().position(matches).unwrap()
    };
    // Also tuples of one kind and of several, which one launch can multiply or not.
    let tuples = [[of(0), of(0), of(12)], [of(12), of(12) + 1, of(12)], [of(8), of(16), 3]];
    for chosen in [[0, 14, 3], [9, 25, 20], [27, 1, 12]].into_iter().chain(tuples) {
        let chosen = chosen.map(|i| &all[i]);
        let x_rows = 9;
        let x = random(numbers, x_rows * cols);
        let mut harness = Harness::new(subject);
        let x_buffer = harness.filled(&x);
        let (mut commands, mut outputs) = (Vec::new(), Vec::new());
        let residences: Vec<Residence> =
            chosen.iter().enumerate().map(|(i, case)| residence(case, i)).collect();
        for (case, &residence) in chosen.into_iter().zip(&residences) {
            let loaded = harness.load_operand(&case.matrix, residence);
            let y = harness.results(x_rows * rows);
            outputs.push(harness.output(loaded.operand, x_rows, 0..rows, y));
            commands.extend(loaded.decode);
        }
        commands.push(Command::Linear { rows: Rows::Batch, x: x_buffer, outputs: outputs.clone() });
        harness.run([x_rows, 0], commands);
        for ((case, output), residence) in chosen.into_iter().zip(outputs).zip(residences) {
            let expected = Reference::new(case, &x, &tolerance(subject, case, residence).0);
            let what = || format!("{} beside others", case.name());
            expected.check(&harness.read::<f32>(output.y), 0, 0..rows, None, &what);
            cases += 1;
        }
    }
    cases
}

/// Tests embedding lookups, both overwriting and adding.
pub fn embeddings(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(2);
    let rows = 50;
    let tokens = [49u32, 0, 7, 7, 23];
    let mut cases = 0;
    let mut all = matrices(&mut numbers, rows, 96);
    all.extend(super_block_matrices(&mut numbers, rows, 256));
    for case in all {
        let [_, cols] = case.matrix.shape;
        for &residence in case.residences(subject).iter().filter(|&&residence| residence != Residence::Slot) {
            let mut harness = Harness::new(subject);
            let table = harness.load(&case.matrix, residence);
            let (y, index) = (harness.results(5 * cols), harness.filled(&tokens));
            let one = |scale, add| Command::Embed { table, index, scale, add, y };
            harness.run([5, 0], vec![one(2.0, false), one(0.5, true)]);
            let found = harness.read::<f32>(y);
            for (row, &token) in tokens.iter().enumerate() {
                for col in 0..cols {
                    let expected = 2.5 * f64::from(case.weights[token as usize * cols + col]);
                    let error = (f64::from(found[row * cols + col]) - expected).abs();
                    let bound = subject.tolerances.embedding * (1.0 + expected.abs());
                    assert!(error <= bound, "{} {residence:?} row {token} column {col}", case.name());
                }
            }
            cases += 1;
        }
    }
    cases
}
