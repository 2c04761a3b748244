//! Programs that run more than once, one after the other, and side by side.

use super::matrices::{Case, Reference, matrices};
use super::queues::{COLS, Ring, ring_cases};
use super::rig::{Rig, compute};
use super::{Joined, random};
use ecq_fixtures::Numbers;
use ecq_runtime::backend::Compiled;
use ecq_runtime::program::{BufferId, Command, Rows};
use std::thread;

/// One program with other inputs and other numbers of rows each time.
pub fn replay(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(17);
    let (outputs, cols, capacity) = (50, 96, 33);
    let mut cases = 0;
    for case in matrices(&mut numbers, outputs, cols).iter().step_by(4) {
        for &residence in case.residences() {
            let mut rig = Rig::new(joined);
            let held = rig.hold(&case.matrix, residence);
            let (x_buffer, y) = (rig.results(capacity * cols), rig.results(capacity * outputs));
            let output = rig.output(held.operand, capacity, 0..outputs, y);
            let mut commands: Vec<Command> = held.decode.into_iter().collect();
            commands.push(Command::Linear { rows: Rows::Batch, x: x_buffer, outputs: vec![output] });
            let program = rig.compile([capacity, 0], compute(commands));
            for rows in [33, 1, 8, 2, 17, 33, 5] {
                let x = random(&mut numbers, rows * cols);
                let expected = Reference::new(case, &x, &joined.tolerances.product);
                rig.submit(&program, [rows, 0], &[(x_buffer, bytemuck::cast_slice(&x))]).unwrap();
                let what = || format!("{} {residence:?}, replay with {rows} of 33 rows", case.name());
                expected.check(&rig.part(y, 0..rows * outputs), 0, 0..outputs, None, &what);
                cases += 1;
            }
        }
    }
    cases
}

/// The steps that two programs take in turn: `b += a`, `a += b`. From 1 and 1 on they go through the
/// Fibonacci numbers, which is what comes out only where each sees what all before it have written.
struct Fibonacci<'a> {
    rig: Rig<'a>,
    a: BufferId,
    b: BufferId,
    programs: [Compiled; 2],
}

/// Values of each buffer: too many for one thread of a device.
const FIBONACCI_WIDTH: usize = 3000;

impl<'a> Fibonacci<'a> {
    fn new(joined: &'a Joined) -> Self {
        let mut rig = Rig::new(joined);
        let [a, b] = [(); 2].map(|()| rig.filled(&[1.0f32; FIBONACCI_WIDTH]));
        let add = |x, y| vec![Command::Add { x, scale: 1.0, y, width: FIBONACCI_WIDTH }];
        let programs = [add(a, b), add(b, a)].map(|commands| rig.compile([1, 0], compute(commands)));
        Self { rig, a, b, programs }
    }

    /// Takes `steps` steps from `first` in both buffers, and checks where that leads.
    fn check(&self, steps: usize, first: f32) {
        let backend = self.rig.backend;
        let ones = [first; FIBONACCI_WIDTH];
        // One buffer by an input, the other by an upload: both come before the first step.
        self.rig.write(self.b, &ones);
        let inputs = [(self.a, bytemuck::cast_slice(&ones))];
        let mut last = None;
        for step in 0..steps {
            let writes: &[(BufferId, &[u8])] = if step == 0 { &inputs } else { &[] };
            let inputs = ecq_runtime::backend::Inputs { rows: 1, wanted: 0, writes };
            last = Some(backend.submit(&self.programs[step % 2], &inputs).unwrap());
        }
        let (mut a, mut b) = (first, first);
        (0..steps).for_each(|step| if step % 2 == 0 { b += a } else { a += b });
        // A download waits for itself; half of the time somebody has waited before.
        if let Some(event) = last.filter(|_| steps.is_multiple_of(2)) {
            backend.wait(&event).unwrap();
        }
        let found = [self.rig.read::<f32>(self.a), self.rig.read(self.b)];
        assert_eq!(found, [a, b].map(|value| vec![value; FIBONACCI_WIDTH]), "{steps} steps");
    }
}

/// Two programs over the same buffers see each other's writes in the order of submission, nobody waiting in
/// between.
pub fn two_programs(joined: &Joined) -> usize {
    let fibonacci = Fibonacci::new(joined);
    (1..=30).for_each(|steps| fibonacci.check(steps, if steps % 3 == 0 { 2.0 } else { 1.0 }));
    30
}

/// The backend used from four threads at once, each with programs and buffers of its own, on both queues.
pub fn threads(joined: &Joined) -> usize {
    const THREADS: u64 = 4;
    const ROUNDS: usize = 12;
    let one = |number: u64| {
        let mut numbers = Numbers::new(18 + number);
        let cases = ring_cases(&mut numbers);
        let ring = Ring::new(joined, cases.iter().map(|case| &case.matrix), 5).unwrap();
        let program = ring.rig.compile([5, 0], ring.steps());
        let cases: Vec<&Case> = cases.iter().collect();
        let fibonacci = Fibonacci::new(joined);
        for round in 0..ROUNDS {
            let rows = 1 + (round + number as usize) % 5;
            let x = random(&mut numbers, rows * COLS);
            ring.rig.submit(&program, [rows, 0], &[(ring.x, bytemuck::cast_slice(&x))]).unwrap();
            ring.check(joined, &cases, &x, &format!("thread {number}, round {round}"));
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
