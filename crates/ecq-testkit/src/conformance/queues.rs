//! Slots that matrices share, and the queue that decodes into them beside computing.

use super::matrices::{Case, Reference, coded, matrices};
use super::rig::{Rig, compute};
use super::{Joined, random};
use bytes::Bytes;
use ecq_codec::encode::TileChoice;
use ecq_core::{Coding, EncodedTensor, Part};
use ecq_fixtures::Numbers;
use ecq_runtime::program::{BufferId, Command, Edge, Operand, Program, Queue, Rows, SlotId, Step, WeightId};
use ecq_runtime::{Matrix, MatrixStorage, Residence, RuntimeError};
use std::sync::Arc;

/// Matrices of other shapes, codings and widths of codes, decoded into the same slot one after the other, in
/// one program and in programs of their own.
pub fn slots(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(7);
    let mut all: Vec<Case> = matrices(&mut numbers, 50, 96);
    all.retain(|case| case.residences().contains(&Residence::Slot));
    for (shape, alphabet, coding) in [
        ([130, 64], 200, Coding::Rans),
        ([17, 33], 3, Coding::Prefix),
        ([1, 32], 16, Coding::Rans),
        ([64, 256], 33, Coding::Packed),
        ([130, 64], 256, Coding::Prefix),
    ] {
        // Large ones among small ones: what a slot held before is longer or shorter.
        all.insert(2 * all.len() / 3, coded(&mut numbers, shape, alphabet, coding, TileChoice::Auto));
    }
    let mut rig = Rig::new(joined);
    let weights: Vec<WeightId> = all.iter().map(|case| rig.load(&case.matrix, Residence::Slot)).collect();
    let slot = rig.slot(&weights);
    let rows = 3;
    let wires: Vec<(Vec<f32>, BufferId, BufferId)> = all
        .iter()
        .map(|case| {
            let [outputs, cols] = case.matrix.shape;
            let x = random(&mut numbers, rows * cols);
            let (id, y) = (rig.filled(&x), rig.results(rows * outputs));
            (x, id, y)
        })
        .collect();
    let linear = |rig: &Rig, i: usize| {
        let operand = Operand::Slot(slot, weights[i]);
        let output = rig.output(operand, rows, 0..all[i].matrix.shape[0], wires[i].2);
        Command::Linear { rows: Rows::Batch, x: wires[i].1, outputs: vec![output] }
    };
    let decode = |i: usize| Command::Decode { weight: weights[i], into: slot };
    let check = |rig: &Rig, what: &str| {
        for (case, (x, _, y)) in all.iter().zip(&wires) {
            let expected = Reference::new(case, x, &joined.tolerances.product);
            let (found, range) = (rig.read::<f32>(*y), 0..case.matrix.shape[0]);
            expected.check(&found, 0, range, None, &|| format!("{} in a slot, {what}", case.name()));
            rig.write(*y, &vec![f32::NAN; found.len()]);
        }
    };
    let commands = (0..all.len()).flat_map(|i| [decode(i), linear(&rig, i)]);
    rig.run([rows, 0], commands.collect());
    check(&rig, "one program");
    // What one program decodes another one multiplies, more than once.
    for (i, &weight) in weights.iter().enumerate() {
        rig.run([rows, 0], vec![decode(i)]);
        let (layout, steps) = (Arc::new(rig.layout.clone()), compute(vec![linear(&rig, i)]));
        let program = Program::new("a test", layout, [rows, 0], &[(slot, weight)], steps).unwrap();
        let program = rig.backend.compile(&program, &rig.bindings).unwrap();
        (0..2).for_each(|_| rig.submit(&program, [rows, 0], &[]).unwrap());
    }
    check(&rig, "a program each");
    2 * all.len()
}

/// Matrices that pass through two slots, each decoded while the one before it computes.
pub(super) struct Ring<'a> {
    pub(super) rig: Rig<'a>,
    pub(super) x: BufferId,
    pub(super) ys: Vec<BufferId>,
    weights: Vec<WeightId>,
    slots: [SlotId; 2],
    rows: usize,
}

/// Columns of the matrices of a ring.
pub(super) const COLS: usize = 64;

/// Sound matrices for a ring.
pub(super) fn ring_cases(numbers: &mut Numbers) -> Vec<Case> {
    let kinds = [(130, 200, Coding::Rans), (50, 16, Coding::Prefix), (1, 13, Coding::Rans)];
    let kinds = kinds.into_iter().chain([(257, 3, Coding::Prefix), (64, 16, Coding::Rans)]);
    kinds
        .map(|(rows, alphabet, coding)| coded(numbers, [rows, COLS], alphabet, coding, TileChoice::Rows(48)))
        .collect()
}

impl<'a> Ring<'a> {
    /// Loads matrices for up to `rows` rows.
    pub(super) fn new<'m>(
        joined: &'a Joined,
        matrices: impl Iterator<Item = &'m Matrix>,
        rows: usize,
    ) -> Result<Self, RuntimeError> {
        let mut rig = Rig::new(joined);
        let weights = matrices.map(|matrix| rig.try_load(matrix, Residence::Slot));
        let weights = weights.collect::<Result<Vec<_>, _>>()?;
        let slots = [(); 2].map(|()| rig.slot(&weights));
        let x = rig.results(rows * COLS);
        let outputs = |id: &WeightId| rig.layout.weights[id.0 as usize].shape[0];
        let lens: Vec<usize> = weights.iter().map(|id| rows * outputs(id)).collect();
        let ys = lens.into_iter().map(|len| rig.results(len)).collect();
        Ok(Self { rig, x, ys, weights, slots, rows })
    }

    /// The products of all matrices with the same rows, decoding on the second queue.
    pub(super) fn steps(&self) -> Vec<Step> {
        let n = self.weights.len();
        let (ready, done) = (|i: usize| Edge(2 * i as u32), |i: usize| Edge(2 * i as u32 + 1));
        let mut steps = Vec::new();
        let decode = |i: usize, steps: &mut Vec<Step>| {
            if i >= 2 {
                steps.push(Step::Wait(Queue::Decode, done(i - 2)));
            }
            let command = Command::Decode { weight: self.weights[i], into: self.slots[i % 2] };
            steps.push(Step::Run(Queue::Decode, command));
            steps.push(Step::Signal(Queue::Decode, ready(i)));
        };
        (0..n.min(2)).for_each(|i| decode(i, &mut steps));
        for i in 0..n {
            let operand = Operand::Slot(self.slots[i % 2], self.weights[i]);
            let outputs = self.rig.layout.weights[self.weights[i].0 as usize].shape[0];
            let output = self.rig.output(operand, self.rows, 0..outputs, self.ys[i]);
            let linear = Command::Linear { rows: Rows::Batch, x: self.x, outputs: vec![output] };
            steps.push(Step::Wait(Queue::Compute, ready(i)));
            steps.push(Step::Run(Queue::Compute, linear));
            steps.push(Step::Signal(Queue::Compute, done(i)));
            if i + 2 < n {
                decode(i + 2, &mut steps);
            }
        }
        steps
    }

    /// Checks the products of `rows` rows, and forgets them.
    pub(super) fn check(&self, joined: &Joined, cases: &[&Case], x: &[f32], what: &str) {
        let rows = x.len() / COLS;
        for (case, &y) in cases.iter().zip(&self.ys) {
            let outputs = case.matrix.shape[0];
            let expected = Reference::new(case, x, &joined.tolerances.product);
            let found = self.rig.part::<f32>(y, 0..rows * outputs);
            expected.check(&found, 0, 0..outputs, None, &|| format!("{}, {what}", case.name()));
            self.rig.write(y, &vec![f32::NAN; self.rows * outputs]);
        }
    }
}

/// Five matrices through two slots, decoded on the second queue, again and again.
pub fn queues(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(15);
    let cases = ring_cases(&mut numbers);
    let ring = Ring::new(joined, cases.iter().map(|case| &case.matrix), 9).unwrap();
    let program = ring.rig.compile([9, 0], ring.steps());
    let cases: Vec<&Case> = cases.iter().collect();
    for replay in 0..20 {
        let rows = [9, 1, 4][replay % 3];
        let x = random(&mut numbers, rows * COLS);
        ring.rig.submit(&program, [rows, 0], &[(ring.x, bytemuck::cast_slice(&x))]).unwrap();
        ring.check(joined, &cases, &x, &format!("replay {replay}"));
    }
    20 * cases.len()
}

/// A matrix whose stream is damaged in the middle, under another name.
pub(super) fn damaged(case: &Case) -> Matrix {
    let mut matrix = case.matrix.clone();
    let MatrixStorage::Codes(tensor) = &mut matrix.stored else { panic!("only codes have streams") };
    let (entry, mut parts) = tensor.clone().into_parts();
    let mut bytes = parts[&Part::Stream].to_vec();
    let middle = bytes.len() / 2;
    bytes[middle..].iter_mut().take(8).for_each(|byte| *byte = !*byte);
    parts.insert(Part::Stream, Bytes::from(bytes));
    *tensor = EncodedTensor::new(entry, parts).expect("the stream is as long as it was");
    matrix.name = "the damaged one".to_owned();
    matrix
}

/// A stream that is damaged gives an error that names its tensor, on whichever queue it is decoded and
/// whatever waits for it, and the backend goes on.
pub fn failures(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(16);
    let cases = ring_cases(&mut numbers);
    let sound: Vec<&Case> = cases.iter().collect();
    let x = random(&mut numbers, 3 * COLS);
    let inputs: &[u8] = bytemuck::cast_slice(&x);
    let good = Ring::new(joined, cases.iter().map(|case| &case.matrix), 3).unwrap();
    let good_program = good.rig.compile([3, 0], good.steps());
    let goes_on = |what: &str| {
        good.rig.submit(&good_program, [3, 0], &[(good.x, inputs)]).unwrap();
        good.check(joined, &sound, &x, what);
    };
    for bad in 0..cases.len() {
        let damaged = damaged(&cases[bad]);
        let all = (0..cases.len()).map(|i| if i == bad { &damaged } else { &cases[i].matrix });
        let ring = Ring::new(joined, all, 3);
        let result = ring.and_then(|ring| {
            let program = ring.rig.compile([3, 0], ring.steps());
            // Twice: the first failure must leave nothing behind that the second one waits for.
            let first = ring.rig.submit(&program, [3, 0], &[(ring.x, inputs)]);
            let second = ring.rig.submit(&program, [3, 0], &[(ring.x, inputs)]);
            assert_eq!(first.is_err(), second.is_err());
            first
        });
        names(result, &damaged, &format!("matrix {bad} of a ring"));
        goes_on("after a failure of the decode queue");
    }
    for case in [&cases[0], &cases[1]] {
        names(fails_in_a_product(joined, &damaged(case), &cases[4]), &damaged(case), "a product");
        goes_on("after a failure of the compute queue");
    }
    cases.len() + 2
}

/// A product decodes a matrix that the decode queue has nothing to do with, but waits for.
fn fails_in_a_product(joined: &Joined, bad: &Matrix, other: &Case) -> Result<(), RuntimeError> {
    let mut rig = Rig::new(joined);
    let operand = Operand::Weight(rig.try_load(bad, Residence::Streams)?);
    let weight = rig.load(&other.matrix, Residence::Slot);
    let (into, x, y) = (rig.slot(&[weight]), rig.filled(&[1.0f32; COLS]), rig.results(bad.shape[0]));
    let output = rig.output(operand, 1, 0..bad.shape[0], y);
    let linear = Command::Linear { rows: Rows::Batch, x, outputs: vec![output] };
    let (done, ready) = (Edge(0), Edge(1));
    let steps = vec![
        Step::Run(Queue::Compute, linear),
        Step::Signal(Queue::Compute, done),
        Step::Wait(Queue::Decode, done),
        Step::Run(Queue::Decode, Command::Decode { weight, into }),
        Step::Signal(Queue::Decode, ready),
        Step::Wait(Queue::Compute, ready),
    ];
    rig.submit(&rig.compile([1, 0], steps), [1, 0], &[])
}

/// Checks that an error says which tensor it is about.
pub(super) fn names<T>(result: Result<T, RuntimeError>, matrix: &Matrix, what: &str) {
    let Err(error) = result else { panic!("{what}: {} decodes", matrix.name) };
    let (found, message) = (error.tensor(), error.to_string());
    assert_eq!(found, Some(matrix.name.as_str()), "{what}: {message}");
    assert!(message.contains(&matrix.name), "{what}: {message}");
}
