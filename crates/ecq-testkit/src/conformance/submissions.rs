//! Repeated, alternating and concurrent submissions.

use super::harness::{Harness, compute};
use super::matrices::{Reference, TestMatrix, matrices};
use super::queues::{COLS, SlotPipeline, pipeline_matrices};
use super::{Subject, random};
use ecq_fixtures::Numbers;
use ecq_runtime::backend::Compiled;
use ecq_runtime::program::{BufferId, Command, Rows};
use std::thread;

/// Replays a program with different inputs and numbers of rows.
pub fn replay(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(17);
    let (outputs, cols, capacity) = (50, 96, 33);
    let mut cases = 0;
    for case in matrices(&mut numbers, outputs, cols).iter().step_by(4) {
        for &residence in case.residences(subject) {
            let mut harness = Harness::new(subject);
            let loaded = harness.load_operand(&case.matrix, residence);
            let (x_buffer, y) = (harness.results(capacity * cols), harness.results(capacity * outputs));
            let output = harness.output(loaded.operand, capacity, 0..outputs, y);
            let mut commands: Vec<Command> = loaded.decode.into_iter().collect();
            commands.push(Command::Linear { rows: Rows::Batch, x: x_buffer, outputs: vec![output] });
            let program = harness.compile([capacity, 0], compute(commands));
            for rows in [33, 1, 8, 2, 17, 33, 5] {
                let x = random(&mut numbers, rows * cols);
                let expected = Reference::new(case, &x, &subject.tolerances.product);
                harness.submit(&program, [rows, 0], &[(x_buffer, bytemuck::cast_slice(&x))]).unwrap();
                let what = || format!("{} {residence:?}, replay with {rows} of 33 rows", case.name());
                expected.check(&harness.part(y, 0..rows * outputs), 0, 0..outputs, None, &what);
                cases += 1;
            }
        }
    }
    cases
}

/// Two alternating programs, `b += a` and `a += b`. Starting with 1 and 1 they compute Fibonacci numbers, but
/// only if each sees all earlier writes.
struct Fibonacci<'a> {
    harness: Harness<'a>,
    a: BufferId,
    b: BufferId,
    programs: [Compiled; 2],
}

/// Values per buffer; more than one thread of a device handles.
const FIBONACCI_WIDTH: usize = 3000;

impl<'a> Fibonacci<'a> {
    fn new(subject: &'a Subject) -> Self {
        let mut harness = Harness::new(subject);
        let [a, b] = [(); 2].map(|()| harness.filled(&[1.0f32; FIBONACCI_WIDTH]));
        let add = |x, y| vec![Command::Add { x, scale: 1.0, y, width: FIBONACCI_WIDTH }];
        let programs = [add(a, b), add(b, a)].map(|commands| harness.compile([1, 0], compute(commands)));
        Self { harness, a, b, programs }
    }

    /// Runs `steps` steps from `first` in both buffers and checks the result.
    fn check(&self, steps: usize, first: f32) {
        let backend = self.harness.backend;
        let ones = [first; FIBONACCI_WIDTH];
        // One buffer is set by an input, the other by an upload; both must take effect before the first step.
        self.harness.write(self.b, &ones);
        let inputs = [(self.a, bytemuck::cast_slice(&ones))];
        let mut last = None;
        for step in 0..steps {
            let writes: &[(BufferId, &[u8])] = if step == 0 { &inputs } else { &[] };
            let inputs = ecq_runtime::backend::Inputs { rows: 1, logits_rows: 0, writes };
            last = Some(backend.submit(&self.programs[step % 2], &inputs).unwrap());
        }
        let (mut a, mut b) = (first, first);
        (0..steps).for_each(|step| if step % 2 == 0 { b += a } else { a += b });
        // A download waits by itself; half of the runs wait explicitly before.
        if let Some(event) = last.filter(|_| steps.is_multiple_of(2)) {
            backend.wait(&event).unwrap();
        }
        let found = [self.harness.read::<f32>(self.a), self.harness.read(self.b)];
        assert_eq!(found, [a, b].map(|value| vec![value; FIBONACCI_WIDTH]), "{steps} steps");
    }
}

/// Two programs over the same buffers must see each other's writes in submission order, without waiting.
pub fn two_programs(subject: &Subject) -> usize {
    let fibonacci = Fibonacci::new(subject);
    (1..=30).for_each(|steps| fibonacci.check(steps, if steps % 3 == 0 { 2.0 } else { 1.0 }));
    30
}

/// Uses the backend from four threads, each with its own programs and buffers, on both queues.
pub fn threads(subject: &Subject) -> usize {
    const THREADS: u64 = 4;
    const ROUNDS: usize = 12;
    let one = |number: u64| {
        let mut numbers = Numbers::new(18 + number);
        let cases = pipeline_matrices(&mut numbers);
        let pipeline = SlotPipeline::new(subject, cases.iter().map(|case| &case.matrix), 5).unwrap();
        let program = pipeline.harness.compile([5, 0], pipeline.steps());
        let cases: Vec<&TestMatrix> = cases.iter().collect();
        let fibonacci = Fibonacci::new(subject);
        for round in 0..ROUNDS {
            let rows = 1 + (round + number as usize) % 5;
            let x = random(&mut numbers, rows * COLS);
            pipeline.harness.submit(&program, [rows, 0], &[(pipeline.x, bytemuck::cast_slice(&x))]).unwrap();
            pipeline.check(subject, &cases, &x, &format!("thread {number}, round {round}"));
            fibonacci.check(20 + round % 3, 1.0 + number as f32);
        }
    };
    thread::scope(|scope| {
        (0..THREADS).for_each(|number| {
            scope.spawn(move || one(number));
        });
    });
    THREADS as usize * ROUNDS
}
