//! Invalid bindings, handles of other backends, and transfers.

use super::Subject;
use super::harness::{Harness, Item, compute};
use super::matrices::{coded, matrices};
use ecq_codec::encode::TileChoice;
use ecq_core::{Coding, Element};
use ecq_fixtures::Numbers;
use ecq_runtime::backend::{Bindings, Buffer, Compiled, Event, Inputs, LoadedMatrix, Slot, Weight};
use ecq_runtime::program::{BufferId, Command, Program, Rows};
use ecq_runtime::{Residence, RuntimeError};
use half::{bf16, f16};
use std::fmt::Debug;
use std::sync::Arc;

/// Creates a program that decodes a matrix into a slot and multiplies it.
fn harness(subject: &Subject) -> (Harness<'_>, Program) {
    let mut harness = Harness::new(subject);
    let matrix = &matrices(&mut Numbers::new(20), 50, 96)[1].matrix;
    let LoadedMatrix { operand, decode } = harness.load_operand(matrix, Residence::Slot);
    let (x, y) = (harness.filled(&[1.0f32; 96]), harness.results(50));
    let output = harness.output(operand, 1, 0..50, y);
    let mut commands: Vec<Command> = decode.into_iter().collect();
    commands.push(Command::Linear { rows: Rows::Batch, x, outputs: vec![output] });
    let program = harness.program([1, 0], compute(commands)).unwrap();
    (harness, program)
}

/// Bindings that do not match the layout must be rejected with the name of the mismatch.
pub fn bindings(subject: &Subject) -> usize {
    let (harness, program) = harness(subject);
    let mut numbers = Numbers::new(21);
    let backend = harness.backend;
    let load = |matrix| backend.load(&matrix, Residence::Slot).unwrap();
    let shape = load(coded(&mut numbers, [50, 95], 16, Coding::Rans, TileChoice::Auto).matrix);
    let width = load(coded(&mut numbers, [50, 96], 200, Coding::Rans, TileChoice::Auto).matrix);
    let packed = backend.load(&matrices(&mut numbers, 50, 96)[1].matrix, Residence::Packed).unwrap();
    let buffer = |element, len| backend.alloc(element, len).unwrap();
    let bytes = harness.bindings.slots[0].bytes();
    let names =
        [&harness.layout.buffers[0].name, &harness.layout.weights[0].name, &harness.layout.slots[0].name];
    let [buffer_name, weight_name, slot_name] = names.map(String::as_str);
    type Change<'a> = Box<dyn Fn(&mut Bindings) + 'a>;
    let numbers_differ = "numbers of buffers, weights or slots differ";
    let changes: Vec<(&str, Change)> = vec![
        (numbers_differ, Box::new(|b| b.buffers.truncate(1))),
        (numbers_differ, Box::new(|b| b.buffers.push(buffer(Element::F32, 1)))),
        (numbers_differ, Box::new(|b| b.weights.clear())),
        (numbers_differ, Box::new(|b| b.slots.clear())),
        (buffer_name, Box::new(|b| b.buffers[0] = buffer(Element::U32, 96))),
        (buffer_name, Box::new(|b| b.buffers[0] = buffer(Element::F32, 95))),
        (buffer_name, Box::new(|b| b.buffers[0] = buffer(Element::F32, 97))),
        (weight_name, Box::new(|b| b.weights[0] = shape.clone())),
        (weight_name, Box::new(|b| b.weights[0] = width.clone())),
        (weight_name, Box::new(|b| b.weights[0] = packed.clone())),
        (slot_name, Box::new(|b| b.slots[0] = backend.slot(bytes - 1).unwrap())),
    ];
    for (words, change) in &changes {
        let mut bindings = harness.bindings.clone();
        change(&mut bindings);
        refused(backend.compile(&program, &bindings).map(|_| ()), words);
    }
    // A slot may be larger than required.
    let mut bindings = harness.bindings.clone();
    bindings.slots[0] = backend.slot(bytes + 1000).unwrap();
    harness.submit(&backend.compile(&program, &bindings).unwrap(), [1, 0], &[]).unwrap();
    changes.len() + 1
}

/// Handles of another backend must be rejected.
pub fn foreign_handles(subject: &Subject) -> usize {
    struct Foreign;
    let (harness, program) = harness(subject);
    let (backend, foreign) = (harness.backend, Arc::new(Foreign));
    let buffer = Buffer::new(Element::F32, 96, foreign.clone());
    refused(backend.upload(&buffer, 0, &[0; 4]), "another backend");
    refused(backend.download(&buffer, 0, &mut [0; 4]), "another backend");
    let weight = &harness.bindings.weights[0];
    let weight = Weight::new(weight.shape(), weight.bytes(), weight.slot_bytes(), foreign.clone());
    let slot = Slot::new(harness.bindings.slots[0].bytes(), foreign.clone());
    let mut with = [harness.bindings.clone(), harness.bindings.clone(), harness.bindings.clone()];
    with[0].buffers[0] = buffer;
    with[1].weights[0] = weight;
    with[2].slots[0] = slot;
    for bindings in &with {
        refused(backend.compile(&program, bindings).map(|_| ()), "another backend");
    }
    let inputs = Inputs { rows: 1, logits_rows: 0, writes: &[] };
    refused(backend.submit(&Compiled::new(foreign.clone()), &inputs).map(|_| ()), "another backend");
    refused(backend.wait(&Event::new(foreign)), "another backend");
    7
}

/// Buffers start as zeros, keep uploaded data, and reject transfers outside their range.
pub fn transfers(subject: &Subject) -> usize {
    let one = f16::from_f32(1.5);
    transfer(subject, [1.5f32, -2.25, 3e30])
        + transfer(subject, [one, f16::MIN, f16::MAX])
        + transfer(subject, [bf16::from_f32(1.5), bf16::MIN, bf16::EPSILON])
        + transfer(subject, [-128i8, 1, 127])
        + transfer(subject, [0u32, 7, u32::MAX])
        + inputs(subject)
}

fn transfer<T: Item + PartialEq + Debug>(subject: &Subject, values: [T; 3]) -> usize {
    let mut harness = Harness::new(subject);
    let id = harness.zeros(T::ELEMENT, 8);
    assert_eq!(harness.read::<T>(id), [T::zeroed(); 8]);
    let buffer = harness.bindings.buffers[0].clone();
    assert_eq!((buffer.element(), buffer.len()), (T::ELEMENT, 8));
    let backend = harness.backend;
    for at in [0, 2, 5] {
        backend.upload(&buffer, at, bytemuck::cast_slice(&values)).unwrap();
    }
    let zero = T::zeroed();
    let [a, b, c] = values;
    let all = [a, b, a, b, c, a, b, c];
    assert_eq!(harness.read::<T>(id), all, "{zero:?}");
    assert_eq!(harness.part::<T>(id, 3..6), [b, c, a]);
    let bytes = size_of::<T>();
    // In bytes, the last offsets overflow and may wrap to the start.
    let places =
        [(8, 1), (7, 2), (0, 9), (usize::MAX, 1), (usize::MAX - 2, 8), (usize::MAX / bytes.max(2) + 1, 1)];
    for (at, len) in places {
        let mut room = vec![0; len * bytes];
        refused(backend.upload(&buffer, at, &room), "outside");
        refused(backend.download(&buffer, at, &mut room), "outside");
    }
    assert_eq!(harness.read::<T>(id), all, "what is refused changes nothing");
    harness.zeros(T::ELEMENT, 0);
    3 + 2 * places.len()
}

/// Inputs that exceed their buffer or name an unknown buffer must be rejected.
fn inputs(subject: &Subject) -> usize {
    let (harness, program) = harness(subject);
    let compiled = harness.backend.compile(&program, &harness.bindings).unwrap();
    let writes: &[(BufferId, &[u8])] = &[(BufferId(0), &[0; 97 * 4])];
    refused(harness.submit(&compiled, [1, 0], writes), "does not fit its buffer");
    let nowhere: &[(BufferId, &[u8])] = &[(BufferId(1 << 20), &[0; 4])];
    refused(harness.submit(&compiled, [1, 0], nowhere), "does not fit its buffer");
    harness.submit(&compiled, [1, 0], &[(BufferId(0), &[0; 96 * 4])]).unwrap();
    2
}

fn refused<T: Debug>(result: Result<T, RuntimeError>, words: &str) {
    let error = result.expect_err(words).to_string();
    assert!(error.contains(words), "{words:?} expected: {error}");
}
