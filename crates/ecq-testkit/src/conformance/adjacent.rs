//! Commands that a device may run as one.

use super::harness::{Harness, LoadedMatrix, compute};
use super::matrices::{TestMatrix, matrices};
use super::{Subject, bits, random};
use ecq_core::Activation;
use ecq_fixtures::Numbers;
use ecq_runtime::Residence;
use ecq_runtime::program::{BufferId, Command, Norm, Rows};

const OUTPUTS: usize = 50;
const COLS: usize = 96;

/// A norm or an activation function followed by products of its results must give the same bits as in
/// programs of their own, also what is between them.
pub fn adjacent_commands(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(40);
    let all = matrices(&mut numbers, OUTPUTS, COLS);
    let mut cases = 0;
    // Some pairs of matrices share a kind or column scales, others do not.
    for pair in [[0, 0], [0, 6], [6, 7], [11, 16], [6, 1], [0, 27], [27, 28]] {
        let pair = pair.map(|i| &all[i % all.len()]);
        for rows in [1, 2, 9, 33] {
            for activation in [None, Some(false), Some(true)] {
                cases += one(subject, pair, rows, activation, &mut numbers);
            }
        }
    }
    cases
}

/// Tests one first command: a norm, or an activation function without or with factors.
fn one(
    subject: &Subject,
    pair: [&TestMatrix; 2],
    rows: usize,
    activation: Option<bool>,
    numbers: &mut Numbers,
) -> usize {
    let mut harness = Harness::new(subject);
    let x = random(numbers, rows * COLS);
    let loaded: Vec<LoadedMatrix> = pair
        .into_iter()
        .map(|case| {
            let residences = case.residences(subject);
            let residence = residences.iter().find(|&&residence| residence != Residence::Slot);
            harness.load_operand(&case.matrix, *residence.unwrap_or(&residences[0]))
        })
        .collect();
    let (given, factors) = (harness.filled(&x), harness.filled(&random(numbers, rows * COLS)));
    let weight = harness.filled(&random(numbers, COLS));
    let between = if activation.is_some() { given } else { harness.results(rows * COLS) };
    let first = match activation {
        None => Command::Norm {
            norm: Norm::Rms { weight, eps: 1e-5 },
            rows: Rows::Batch,
            heads: 1,
            x: given,
            y: between,
        },
        Some(gated) => Command::Activate {
            activation: Activation::Silu,
            x: given,
            up: gated.then_some(factors),
            width: COLS,
        },
    };
    let ys: Vec<BufferId> = loaded.iter().map(|_| harness.results(rows * OUTPUTS)).collect();
    let outputs = loaded.iter().zip(&ys);
    let outputs = outputs.map(|(loaded, &y)| harness.output(loaded.operand, rows, 0..OUTPUTS, y)).collect();
    let second = Command::Linear { rows: Rows::Batch, x: between, outputs };
    let programs = [vec![vec![first.clone(), second.clone()]], vec![vec![first], vec![second]]];
    let found = programs.map(|programs| {
        harness.write(given, &x);
        for commands in programs {
            harness.submit(&harness.compile([rows, 0], compute(commands)), [rows, 0], &[]).unwrap();
        }
        let buffers = ys.iter().chain([&between]);
        buffers.map(|&id| bits(&harness.read::<f32>(id))).collect::<Vec<_>>()
    });
    let what = pair.map(|case| case.name().to_owned());
    assert_eq!(found[0], found[1], "{what:?}, {rows} rows, activation {activation:?}");
    1
}
