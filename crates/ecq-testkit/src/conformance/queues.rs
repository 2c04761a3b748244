//! Shared slots and the decode queue.

use super::harness::{Harness, compute};
use super::matrices::{Reference, TestMatrix, coded, matrices};
use super::{Subject, random};
use bytes::Bytes;
use ecq_codec::encode::TileChoice;
use ecq_core::{Coding, EncodedTensor, TensorPart};
use ecq_fixtures::Numbers;
use ecq_runtime::program::{BufferId, Command, Edge, Operand, Program, Queue, Rows, SlotId, Step, WeightId};
use ecq_runtime::{Matrix, MatrixStorage, Residence, RuntimeError};
use std::sync::Arc;

/// Decodes matrices of different shapes, codings and code widths into one slot, in one program and in
/// separate programs.
pub fn slots(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(7);
    let mut all: Vec<TestMatrix> = matrices(&mut numbers, 50, 96);
    all.retain(|case| case.residences(subject).contains(&Residence::Slot));
    for (shape, alphabet, coding) in [
        ([130, 64], 200, Coding::Rans),
        ([17, 33], 3, Coding::Prefix),
        ([1, 32], 16, Coding::Rans),
        ([64, 256], 33, Coding::Packed),
        ([130, 64], 256, Coding::Prefix),
    ] {
        // Large matrices between small ones, so that the previous content is longer or shorter.
        all.insert(2 * all.len() / 3, coded(&mut numbers, shape, alphabet, coding, TileChoice::Auto));
    }
    let mut harness = Harness::new(subject);
    let weights: Vec<WeightId> = all.iter().map(|case| harness.load(&case.matrix, Residence::Slot)).collect();
    let slot = harness.slot(&weights);
    let rows = 3;
    let wires: Vec<(Vec<f32>, BufferId, BufferId)> = all
        .iter()
        .map(|case| {
            let [outputs, cols] = case.matrix.shape;
            let x = random(&mut numbers, rows * cols);
            let (id, y) = (harness.filled(&x), harness.results(rows * outputs));
            (x, id, y)
        })
        .collect();
    let linear = |harness: &Harness, i: usize| {
        let operand = Operand::Slot(slot, weights[i]);
        let output = harness.output(operand, rows, 0..all[i].matrix.shape[0], wires[i].2);
        Command::Linear { rows: Rows::Batch, x: wires[i].1, outputs: vec![output] }
    };
    let decode = |i: usize| Command::Decode { weight: weights[i], into: slot };
    let check = |harness: &Harness, what: &str| {
        for (case, (x, _, y)) in all.iter().zip(&wires) {
            let expected = Reference::new(case, x, &subject.tolerances.product);
            let (found, range) = (harness.read::<f32>(*y), 0..case.matrix.shape[0]);
            expected.check(&found, 0, range, None, &|| format!("{} in a slot, {what}", case.name()));
            harness.write(*y, &vec![f32::NAN; found.len()]);
        }
    };
    let commands = (0..all.len()).flat_map(|i| [decode(i), linear(&harness, i)]);
    harness.run([rows, 0], commands.collect());
    check(&harness, "one program");
    // A matrix decoded by one program is multiplied by another one, twice.
    for (i, &weight) in weights.iter().enumerate() {
        harness.run([rows, 0], vec![decode(i)]);
        let (layout, steps) = (Arc::new(harness.layout.clone()), compute(vec![linear(&harness, i)]));
        let program = Program::new("a test", layout, [rows, 0], &[(slot, weight)], steps).unwrap();
        let program = harness.backend.compile(&program, &harness.bindings).unwrap();
        (0..2).for_each(|_| harness.submit(&program, [rows, 0], &[]).unwrap());
    }
    check(&harness, "a program each");
    2 * all.len()
}

/// Matrices that use two slots in turn, each decoded while the previous one is multiplied.
pub(super) struct SlotPipeline<'a> {
    pub(super) harness: Harness<'a>,
    pub(super) x: BufferId,
    pub(super) ys: Vec<BufferId>,
    weights: Vec<WeightId>,
    slots: [SlotId; 2],
    rows: usize,
}

/// Columns of the matrices of a pipeline.
pub(super) const COLS: usize = 64;

/// Creates valid matrices for a pipeline.
pub(super) fn pipeline_matrices(numbers: &mut Numbers) -> Vec<TestMatrix> {
    let kinds = [(130, 200, Coding::Rans), (50, 16, Coding::Prefix), (1, 13, Coding::Rans)];
    let kinds = kinds.into_iter().chain([(257, 3, Coding::Prefix), (64, 16, Coding::Rans)]);
    kinds
        .map(|(rows, alphabet, coding)| coded(numbers, [rows, COLS], alphabet, coding, TileChoice::Rows(48)))
        .collect()
}

impl<'a> SlotPipeline<'a> {
    /// Loads matrices for products with up to `rows` rows.
    pub(super) fn new<'m>(
        subject: &'a Subject,
        matrices: impl Iterator<Item = &'m Matrix>,
        rows: usize,
    ) -> Result<Self, RuntimeError> {
        let mut harness = Harness::new(subject);
        let weights = matrices.map(|matrix| harness.try_load(matrix, Residence::Slot));
        let weights = weights.collect::<Result<Vec<_>, _>>()?;
        let slots = [(); 2].map(|()| harness.slot(&weights));
        let x = harness.results(rows * COLS);
        let outputs = |id: &WeightId| harness.layout.weights[id.0 as usize].shape[0];
        let lens: Vec<usize> = weights.iter().map(|id| rows * outputs(id)).collect();
        let ys = lens.into_iter().map(|len| harness.results(len)).collect();
        Ok(Self { harness, x, ys, weights, slots, rows })
    }

    /// Returns the products of all matrices with the same rows, decoded on the decode queue.
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
            let outputs = self.harness.layout.weights[self.weights[i].0 as usize].shape[0];
            let output = self.harness.output(operand, self.rows, 0..outputs, self.ys[i]);
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

    /// Checks the products of the rows of `x` and clears them.
    pub(super) fn check(&self, subject: &Subject, cases: &[&TestMatrix], x: &[f32], what: &str) {
        let rows = x.len() / COLS;
        for (case, &y) in cases.iter().zip(&self.ys) {
            let outputs = case.matrix.shape[0];
            let expected = Reference::new(case, x, &subject.tolerances.product);
            let found = self.harness.part::<f32>(y, 0..rows * outputs);
            expected.check(&found, 0, 0..outputs, None, &|| format!("{}, {what}", case.name()));
            self.harness.write(y, &vec![f32::NAN; self.rows * outputs]);
        }
    }
}

/// Runs five matrices through two slots repeatedly.
pub fn queues(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(15);
    let cases = pipeline_matrices(&mut numbers);
    let pipeline = SlotPipeline::new(subject, cases.iter().map(|case| &case.matrix), 9).unwrap();
    let program = pipeline.harness.compile([9, 0], pipeline.steps());
    let cases: Vec<&TestMatrix> = cases.iter().collect();
    for replay in 0..20 {
        let rows = [9, 1, 4][replay % 3];
        let x = random(&mut numbers, rows * COLS);
        pipeline.harness.submit(&program, [rows, 0], &[(pipeline.x, bytemuck::cast_slice(&x))]).unwrap();
        pipeline.check(subject, &cases, &x, &format!("replay {replay}"));
    }
    20 * cases.len()
}

/// Returns a renamed copy of a matrix with a damaged stream.
pub(super) fn damaged(case: &TestMatrix) -> Matrix {
    let mut matrix = case.matrix.clone();
    let MatrixStorage::Codes(tensor) = &mut matrix.storage else { panic!("only codes have streams") };
    let (entry, mut parts) = tensor.clone().into_parts();
    let mut bytes = parts[&TensorPart::Stream].to_vec();
    let middle = bytes.len() / 2;
    bytes[middle..].iter_mut().take(8).for_each(|byte| *byte = !*byte);
    parts.insert(TensorPart::Stream, Bytes::from(bytes));
    *tensor = EncodedTensor::new(entry, parts).expect("the stream is as long as it was");
    matrix.name = "the damaged one".to_owned();
    matrix
}

/// A damaged stream must give an error with the tensor's name, on either queue, and the backend must remain
/// usable.
pub fn failures(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(16);
    let cases = pipeline_matrices(&mut numbers);
    let sound: Vec<&TestMatrix> = cases.iter().collect();
    let x = random(&mut numbers, 3 * COLS);
    let inputs: &[u8] = bytemuck::cast_slice(&x);
    let good = SlotPipeline::new(subject, cases.iter().map(|case| &case.matrix), 3).unwrap();
    let good_program = good.harness.compile([3, 0], good.steps());
    let check_still_works = |what: &str| {
        good.harness.submit(&good_program, [3, 0], &[(good.x, inputs)]).unwrap();
        good.check(subject, &sound, &x, what);
    };
    for bad in 0..cases.len() {
        let damaged = damaged(&cases[bad]);
        let all = (0..cases.len()).map(|i| if i == bad { &damaged } else { &cases[i].matrix });
        let pipeline = SlotPipeline::new(subject, all, 3);
        let result = pipeline.and_then(|pipeline| {
            let program = pipeline.harness.compile([3, 0], pipeline.steps());
            // Twice, because the first failure must not leave state that blocks the second run.
            let first = pipeline.harness.submit(&program, [3, 0], &[(pipeline.x, inputs)]);
            let second = pipeline.harness.submit(&program, [3, 0], &[(pipeline.x, inputs)]);
            assert_eq!(first.is_err(), second.is_err());
            first
        });
        assert_names_tensor(result, &damaged, &format!("matrix {bad} of a pipeline"));
        check_still_works("after a failure of the decode queue");
    }
    for case in [&cases[0], &cases[1]] {
        assert_names_tensor(
            fails_in_a_product(subject, &damaged(case), &cases[4]),
            &damaged(case),
            "a product",
        );
        check_still_works("after a failure of the compute queue");
    }
    cases.len() + 2
}

/// A product fails while the decode queue waits for it.
fn fails_in_a_product(subject: &Subject, bad: &Matrix, other: &TestMatrix) -> Result<(), RuntimeError> {
    let mut harness = Harness::new(subject);
    let operand = Operand::Weight(harness.try_load(bad, Residence::Streams)?);
    let weight = harness.load(&other.matrix, Residence::Slot);
    let (into, x, y) =
        (harness.slot(&[weight]), harness.filled(&[1.0f32; COLS]), harness.results(bad.shape[0]));
    let output = harness.output(operand, 1, 0..bad.shape[0], y);
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
    harness.submit(&harness.compile([1, 0], steps), [1, 0], &[])
}

/// Checks that an error names a matrix.
pub(super) fn assert_names_tensor<T>(result: Result<T, RuntimeError>, matrix: &Matrix, what: &str) {
    let Err(error) = result else { panic!("{what}: {} decodes", matrix.name) };
    let (found, message) = (error.tensor(), error.to_string());
    assert_eq!(found, Some(matrix.name.as_str()), "{what}: {message}");
    assert!(message.contains(&matrix.name), "{what}: {message}");
}
