//! Programs whose queues are not synchronized correctly.

use super::Subject;
use super::layout_fixture::LayoutFixture;
use super::queues::{SlotPipeline, pipeline_matrices};
use ecq_fixtures::Numbers;
use ecq_runtime::RuntimeError;
use ecq_runtime::program::{Command, Edge, Queue, SlotId, Step, WeightId};

/// Tests slots that are read or written too early, and invalid edges.
pub fn queue_order(subject: &Subject) -> usize {
    single_rules() + without_a_step(subject)
}

fn single_rules() -> usize {
    use Queue::{Compute, Decode};
    let mut fixture = LayoutFixture::new();
    let ([slot, _], [a, b]) = (fixture.slots, fixture.slotted);
    let decode = |queue, weight| Step::Run(queue, Command::Decode { weight, into: slot });
    let mut read = |weight| Step::Run(Compute, fixture.linear_of(slot, weight));
    let (read_a, read_b) = (read(a), read(b));
    let (signal, wait) = (|queue, n| Step::Signal(queue, Edge(n)), |queue, n| Step::Wait(queue, Edge(n)));
    let loaded: &[(SlotId, WeightId)] = &[(slot, a)];

    let before = "slot 0 is read before weight 1 is in it";
    let without = "slot 0 is read without waiting for its decoding";
    let in_use = "slot 0 may be in use when it is decoded";
    let over = "the program ends before decoding is done";
    // Weights in slots at the start, the steps, and the expected error.
    type Rule<'a> = (&'a [(SlotId, WeightId)], Vec<Step>, Option<(usize, &'a str)>);
    let rules: Vec<Rule> = vec![
        (&[], vec![decode(Compute, a), read_a.clone(), decode(Compute, b), read_b.clone()], None),
        (loaded, vec![read_a.clone(), decode(Compute, b), read_b.clone()], None),
        (&[], vec![decode(Decode, a), signal(Decode, 0), wait(Compute, 0), read_a.clone()], None),
        (&[], vec![read_a.clone()], Some((0, before))),
        (&[], vec![decode(Compute, b), read_a.clone()], Some((1, before))),
        (loaded, vec![decode(Compute, b), read_a.clone()], Some((1, before))),
        (&[], vec![decode(Decode, a), read_a.clone()], Some((1, without))),
        (
            &[],
            // An edge only covers the steps before it.
            vec![signal(Decode, 0), decode(Decode, a), wait(Compute, 0), read_a.clone()],
            Some((3, without)),
        ),
        (loaded, vec![read_a.clone(), decode(Decode, b)], Some((1, in_use))),
        (
            loaded,
            vec![signal(Compute, 0), read_a.clone(), wait(Decode, 0), decode(Decode, b)],
            Some((3, in_use)),
        ),
        (&[], vec![decode(Compute, a), decode(Decode, b)], Some((1, in_use))),
        (&[], vec![decode(Decode, a), decode(Compute, b)], Some((1, in_use))),
        (
            loaded,
            vec![
                read_a.clone(),
                signal(Compute, 0),
                wait(Decode, 0),
                decode(Decode, b),
                signal(Decode, 1),
                wait(Compute, 1),
                read_b.clone(),
            ],
            None,
        ),
        (&[], vec![signal(Compute, 3), signal(Decode, 3)], Some((1, "edge 3 is signalled twice"))),
        (&[], vec![wait(Compute, 5)], Some((0, "edge 5 is awaited before it is signalled"))),
        (
            &[],
            vec![wait(Decode, 5), signal(Compute, 5)],
            Some((0, "edge 5 is awaited before it is signalled")),
        ),
        (
            &[],
            vec![signal(Compute, 2), wait(Compute, 2)],
            Some((1, "edge 2 is signalled and awaited on the same queue")),
        ),
        (
            &[],
            vec![signal(Decode, 2), wait(Decode, 2)],
            Some((1, "edge 2 is signalled and awaited on the same queue")),
        ),
        (&[], vec![decode(Decode, a)], Some((1, over))),
        (&[], vec![decode(Decode, a), signal(Decode, 0)], Some((2, over))),
        (&[], vec![signal(Decode, 0), wait(Compute, 0), decode(Decode, a)], Some((3, over))),
    ];
    for (number, (loaded, steps, expected)) in rules.iter().enumerate() {
        let found = match fixture.program(loaded, steps.clone()) {
            Ok(_) => None,
            Err(RuntimeError::Program { step, why, .. }) => Some((step, why)),
            Err(error) => panic!("rule {number}: {error}"),
        };
        let found = found.as_ref().map(|(step, why)| (*step, why.as_str()));
        assert_eq!(found, *expected, "rule {number}: {steps:#?}");
    }
    rules.len()
}

/// A valid pipeline must become invalid without any of its waits, awaited signals or decode commands.
fn without_a_step(subject: &Subject) -> usize {
    let cases = pipeline_matrices(&mut Numbers::new(19));
    let pipeline = SlotPipeline::new(subject, cases.iter().map(|case| &case.matrix), 2).unwrap();
    let steps = pipeline.steps();
    pipeline.harness.program([2, 0], steps.clone()).unwrap();
    let waited = |edge: &Edge| steps.iter().any(|step| matches!(step, Step::Wait(_, other) if other == edge));
    for (i, step) in steps.iter().enumerate() {
        let mut others = steps.clone();
        others.remove(i);
        let sound = match step {
            Step::Run(_, command) => !matches!(command, Command::Decode { .. }),
            Step::Signal(_, edge) => !waited(edge),
            Step::Wait(..) => false,
        };
        let found = pipeline.harness.program([2, 0], others);
        assert_eq!(found.is_ok(), sound, "without step {i}, {step:?}: {found:?}");
    }
    steps.len()
}
