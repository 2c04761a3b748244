//! Mixture-of-experts layers.

use super::harness::Harness;
use super::matrices::{TestMatrix, matrices};
use super::{Subject, bits, random};
use ecq_core::{Activation, Element};
use ecq_fixtures::Numbers;
use ecq_runtime::Residence;
use ecq_runtime::arch::Routing;
use ecq_runtime::backend::LoadedMatrix;
use ecq_runtime::program::{BufferId, Command, ExpertWeights, Experts, Rows, SlotId};

/// Tests routing: the largest logits, ascending indices, and a softmax over all logits.
pub fn routing(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(31);
    let mut cases = 0;
    for (experts, top_k) in [(2, 1), (8, 2), (9, 9), (128, 8)] {
        for renormalize in [false, true] {
            for rows in [1, 3, 40] {
                let mut scores = random(&mut numbers, rows * experts);
                // Of equal logits the first is chosen.
                scores[experts - 1] = scores[0];
                let mut harness = Harness::new(subject);
                let logits = harness.filled(&scores);
                let choices = harness.zeros(Element::U32, rows * top_k);
                let weights = harness.results(rows * top_k);
                let routing = Routing { top_k, renormalize };
                harness.run([rows, 0], vec![Command::Route { logits, experts, routing, choices, weights }]);
                let (choices, weights) = (harness.read::<u32>(choices), harness.read::<f32>(weights));
                for (row, scores) in scores.chunks_exact(experts).enumerate() {
                    let mut order: Vec<usize> = (0..experts).collect();
                    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
                    order.truncate(top_k);
                    order.sort_unstable();
                    let all: f64 = scores.iter().map(|&s| f64::from(s).exp()).sum();
                    let mut expected: Vec<f64> =
                        order.iter().map(|&expert| f64::from(scores[expert]).exp() / all).collect();
                    if renormalize {
                        let sum: f64 = expected.iter().sum();
                        expected.iter_mut().for_each(|weight| *weight /= sum);
                    }
                    let part = row * top_k..(row + 1) * top_k;
                    let found: Vec<usize> = choices[part.clone()].iter().map(|&c| c as usize).collect();
                    assert_eq!(found, order, "{top_k} of {experts}, row {row}");
                    for (found, expected) in weights[part].iter().zip(expected) {
                        assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} not {expected}");
                    }
                }
                cases += 1;
            }
        }
    }
    cases
}

const EXPERTS: usize = 5;
const TOP_K: usize = 2;
const SHAPE: [usize; 2] = [50, 96];

/// The loaded matrices of an expert.
struct Expert {
    gate: Option<LoadedMatrix>,
    up: LoadedMatrix,
    down: LoadedMatrix,
}

/// Compares expert layers with the same products run one after the other, for every residence. A row must not
/// depend on the choices of other rows or on the content of the slots.
pub fn experts(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(32);
    let [inner, hidden] = SHAPE;
    let first = matrices(&mut numbers, inner, hidden);
    let second = matrices(&mut numbers, hidden, inner);
    let mut cases = 0;
    for residence in [Residence::Streams, Residence::Packed, Residence::Slot, Residence::Dense] {
        let takes = |case: &&TestMatrix| case.residences(subject).contains(&residence);
        let wide: Vec<&TestMatrix> = first.iter().filter(takes).collect();
        let tall: Vec<&TestMatrix> = second.iter().filter(takes).collect();
        for gated in [false, true] {
            let mut harness = Harness::new(subject);
            let mut hold = |cases: &[&TestMatrix], i: usize| {
                harness.load_operand(&cases[i * 3 % cases.len()].matrix, residence)
            };
            let all: Vec<Expert> = (0..EXPERTS)
                .map(|i| Expert {
                    gate: gated.then(|| hold(&wide, i + 1)),
                    up: hold(&wide, i),
                    down: hold(&tall, i),
                })
                .collect();
            let ids: Vec<ExpertWeights> = all
                .iter()
                .map(|expert| ExpertWeights {
                    gate: expert.gate.as_ref().map(|gate| gate.operand.weight()),
                    up: expert.up.operand.weight(),
                    down: expert.down.operand.weight(),
                })
                .collect();
            let mut sets: Vec<Vec<SlotId>> = Vec::new();
            if residence == Residence::Slot {
                for _ in 0..2 {
                    let places = ids[0].all().count();
                    let of = |place: usize| ids.iter().filter_map(move |expert| expert.all().nth(place));
                    sets.push(
                        (0..places).map(|place| harness.slot(&of(place).collect::<Vec<_>>())).collect(),
                    );
                }
            }
            for rows in [1, 6, 33] {
                let x = random(&mut numbers, rows * hidden);
                let choices: Vec<u32> = (0..rows).flat_map(|_| two(&mut numbers)).collect();
                let weights: Vec<f32> = (0..rows * TOP_K).map(|_| numbers.normal()).collect();
                let expected: Vec<Vec<f32>> = (0..rows)
                    .map(|row| {
                        let part = row * TOP_K..(row + 1) * TOP_K;
                        let chosen = choices[part.clone()].iter().zip(&weights[part]);
                        alone(&mut harness, &all, chosen, &x[row * hidden..(row + 1) * hidden])
                    })
                    .collect();
                let y = harness.results(rows * hidden);
                let command = Experts {
                    x: harness.filled(&x),
                    choices: harness.filled(&choices),
                    weights: harness.filled(&weights),
                    top_k: TOP_K,
                    experts: ids.clone(),
                    slots: sets.clone(),
                    activation: Activation::Silu,
                    y,
                };
                harness.run([rows, 0], vec![Command::Experts(Box::new(command))]);
                let found = harness.read::<f32>(y);
                for (row, (found, expected)) in found.chunks_exact(hidden).zip(&expected).enumerate() {
                    let what = format!("{residence:?}, gated {gated}, row {row} of {rows}");
                    if subject.backend.info().batch_invariant {
                        assert_eq!(bits(found), bits(expected), "{what}");
                    }
                    for (found, expected) in found.iter().zip(expected) {
                        assert!((found - expected).abs() <= 1e-4 * (1.0 + expected.abs()), "{what}");
                    }
                }
                cases += 1;
            }
        }
    }
    cases
}

/// Returns two different experts in ascending order.
fn two(numbers: &mut Numbers) -> [u32; 2] {
    let first = numbers.below(EXPERTS as u64 - 1) as u32;
    [first, first + 1 + numbers.below(EXPERTS as u64 - 1 - u64::from(first)) as u32]
}

/// Computes one row with commands that have tests of their own.
fn alone<'a>(
    harness: &mut Harness,
    all: &[Expert],
    chosen: impl Iterator<Item = (&'a u32, &'a f32)>,
    x: &[f32],
) -> Vec<f32> {
    let [inner, hidden] = SHAPE;
    let mut sum = vec![0f32; hidden];
    for (&expert, &weight) in chosen {
        let expert = &all[expert as usize];
        let x = harness.filled(x);
        let [gate, up] = [(); 2].map(|()| harness.results(inner));
        let y = harness.results(hidden);
        let mut commands = Vec::new();
        let mut product = |harness: &Harness, loaded: &LoadedMatrix, x: BufferId, len: usize, y: BufferId| {
            commands.extend(loaded.decode.clone());
            let output = harness.output(loaded.operand, 1, 0..len, y);
            commands.push(Command::Linear { rows: Rows::Batch, x, outputs: vec![output] });
        };
        product(harness, &expert.up, x, inner, up);
        let middle = match &expert.gate {
            Some(loaded) => {
                product(harness, loaded, x, inner, gate);
                gate
            }
            None => up,
        };
        let factor = expert.gate.as_ref().map(|_| up);
        let activation = Activation::Silu;
        commands.push(Command::Activate { activation, x: middle, up: factor, width: inner });
        commands.extend(expert.down.decode.clone());
        let output = harness.output(expert.down.operand, 1, 0..hidden, y);
        commands.push(Command::Linear { rows: Rows::Batch, x: middle, outputs: vec![output] });
        harness.run([1, 0], commands);
        sum.iter_mut().zip(harness.read::<f32>(y)).for_each(|(sum, y)| *sum += weight * y);
    }
    sum
}
