//! Commands that the check of programs must reject.

use super::Subject;
use super::harness::compute;
use super::layout_fixture::{LayoutFixture, ROWS, SLOT_BYTES, buffer_uses};
use ecq_core::Element;
use ecq_runtime::program::{
    Attention, BufferId, CacheView, Command, Norm, Operand, Program, Queue, Rows, SlotId, Step, WeightId,
};
use ecq_runtime::{Residence, RuntimeError};

/// Collects all failures, so that they are reported together.
#[derive(Default)]
struct Report {
    cases: usize,
    wrong: Vec<String>,
}

impl Report {
    /// Expects an error that contains one of `words`.
    fn refused(&mut self, fixture: &LayoutFixture, command: Command, words: &[&str], what: &str) {
        // After a valid step, so that a wrong step index is detected.
        let decode = Command::Decode { weight: fixture.slotted[0], into: fixture.slots[0] };
        let what = format!("{what}: {command:?}");
        self.step(fixture.program(&[], compute(vec![decode, command])), 1, words, &what);
    }

    fn step(&mut self, found: Result<Program, RuntimeError>, number: usize, words: &[&str], what: &str) {
        self.cases += 1;
        match found {
            Ok(_) => self.wrong.push(format!("accepted: {what}")),
            Err(RuntimeError::Program { step, ref why, .. })
                if step == number && words.iter().any(|words| why.contains(words)) => {}
            Err(error) => self.wrong.push(format!("{words:?} expected, but {error}: {what}")),
        }
    }
}

/// Each rule is broken by one change of a valid command.
pub fn invalid_commands(_: &Subject) -> usize {
    let mut fixture = LayoutFixture::new();
    let sound = fixture.sound();
    fixture.program(&[], compute(sound.clone())).unwrap();
    let mut report = Report::default();
    for command in &sound {
        buffers(&mut report, command);
    }
    operands(&mut report);
    parameters(&mut report);
    caches(&mut report);
    assert!(report.wrong.is_empty(), "{}", report.wrong.join("\n"));
    report.cases
}

/// Replaces each buffer of a command with a missing one, a short one, one of another element type, or another
/// buffer of the same command.
fn buffers(report: &mut Report, sound: &Command) {
    let mut fixture = LayoutFixture::new();
    fixture.sound();
    let count = buffer_uses(&mut sound.clone()).len();
    let with = |i: usize, id: BufferId| {
        let mut command = sound.clone();
        *buffer_uses(&mut command)[i].id = id;
        command
    };
    for i in 0..count {
        let mut original = sound.clone();
        let buffer_use = &buffer_uses(&mut original)[i];
        let (id, written) = (*buffer_use.id, buffer_use.written);
        let (element, len) = {
            let info = &fixture.layout.buffers[id.0 as usize];
            (info.element, info.len)
        };
        report.refused(&fixture, with(i, BufferId(9999)), &["buffer 9999 does not exist"], "no buffer");
        let other = if element == Element::U32 { Element::F32 } else { Element::U32 };
        let other = fixture.buffer(other, len);
        let name = format!("buffer {}", other.0);
        report.refused(&fixture, with(i, other), &[&name, "a cache of u32"], "another element");
        if bounds_itself(sound, id) {
            continue;
        }
        let short = fixture.buffer(element, len - 1);
        let name = format!("buffer {}", short.0);
        report.refused(&fixture, with(i, short), &[&name, "different numbers of blocks"], "a short buffer");
        for j in (0..count).filter(|&j| j != i && written) {
            let mut command = sound.clone();
            let read = *buffer_uses(&mut command)[j].id;
            let info = &fixture.layout.buffers[read.0 as usize];
            // Norms may run in place. The weights determine the width of the other buffers, see `parameters`.
            let other_rule =
                matches!(*sound, Command::Norm { x, .. } if x == read) || bounds_itself(sound, read);
            if info.element == element && !other_rule {
                let both = fixture.buffer(element, len.max(info.len));
                *buffer_uses(&mut command)[i].id = both;
                *buffer_uses(&mut command)[j].id = both;
                report.refused(
                    &fixture,
                    command,
                    &["is read and written by one command"],
                    "one buffer twice",
                );
            }
        }
    }
}

/// Returns whether the length of a buffer is not checked because it defines a size: norm weights, and caches
/// without a given number of blocks.
fn bounds_itself(command: &Command, id: BufferId) -> bool {
    match command {
        Command::Norm { norm, .. } => norm.weight() == id,
        Command::Append { cache, .. } | Command::CopyBlocks { cache, .. } => cache.data == id,
        _ => false,
    }
}

/// Invalid weights and slots.
fn operands(report: &mut Report) {
    let mut fixture = LayoutFixture::new();
    let (slot, slotted, plain) = (fixture.slots[0], fixture.slotted[0], fixture.plain);
    let narrow = fixture.weight([5, 3], Residence::Packed, 0);
    let large = fixture.weight([5, 4], Residence::Slot, SLOT_BYTES + 1);
    let (nowhere, no_slot) = (WeightId(99), SlotId(99));

    let (index, y) = (fixture.buffer(Element::U32, ROWS[0]), fixture.buffer(Element::F32, ROWS[0] * 4));
    let embed = |table| Command::Embed { table, index, scale: 1.0, add: false, y };
    report.refused(&fixture, embed(nowhere), &["weight 99 does not exist"], "an embedding");
    report.refused(&fixture, embed(slotted), &["slotted is decoded into slots"], "an embedding");

    let (x, outputs) = fixture.linear();
    let linear = |change: &dyn Fn(&mut Vec<_>)| {
        let mut outputs = outputs.clone();
        change(&mut outputs);
        Command::Linear { rows: Rows::Batch, x, outputs }
    };
    let operand = |operand| linear(&|outputs| outputs[1].operand = operand);
    for (found, words) in [
        (Operand::Weight(nowhere), "weight 99 does not exist"),
        (Operand::Slot(slot, nowhere), "weight 99 does not exist"),
        (Operand::Slot(no_slot, slotted), "slot 99 does not exist"),
        (Operand::Weight(slotted), "slotted must be multiplied from a slot"),
        (Operand::Slot(slot, plain), "plain (0 bytes) cannot be decoded into first slot"),
        (Operand::Slot(slot, large), "(65 bytes) cannot be decoded into first slot (64 bytes)"),
        (Operand::Weight(narrow), "another number of columns"),
    ] {
        report.refused(&fixture, operand(found), &[words], "an operand");
    }
    for range in [0..6, 4..6, 2..2, 6..7] {
        let command = linear(&|outputs| outputs[0].range = range.clone());
        report.refused(&fixture, command, &[&format!("rows {range:?} of plain, which has 5")], "a range");
    }

    for (weight, into, words) in [
        (nowhere, slot, "weight 99 does not exist"),
        (slotted, no_slot, "slot 99 does not exist"),
        (plain, slot, "plain (0 bytes) cannot be decoded into first slot"),
        (large, slot, "(65 bytes) cannot be decoded into first slot (64 bytes)"),
    ] {
        report.refused(&fixture, Command::Decode { weight, into }, &[words], "decoding");
    }
    let compute_there = fixture.sound().into_iter().map(|command| vec![Step::Run(Queue::Decode, command)]);
    for steps in compute_there.collect::<Vec<_>>() {
        let what = format!("{steps:?}");
        report.step(fixture.program(&[], steps), 0, &["runs a command other than Decode"], &what);
    }
}

/// Inconsistent parameters.
fn parameters(report: &mut Report) {
    let mut fixture = LayoutFixture::new();
    for command in fixture.sound() {
        let mut broken = command.clone();
        if let Command::Rotate { frequencies, .. } = &mut broken {
            *frequencies = 3;
            report.refused(&fixture, broken, &["3 pairs exceed a head of 4 values"], "rotation");
        }
    }
    let weight = fixture.buffer(Element::F32, 4);
    let (x, norm) = (fixture.buffer(Element::F32, 4), Norm::Rms { weight, eps: 0.0 });
    let norm = Command::Norm { norm, rows: Rows::Batch, heads: 1, x, y: weight };
    let steps = vec![Step::Run(Queue::Compute, norm)];
    report.step(fixture.program_of([1, 1], &[], steps), 0, &["is read and written by one command"], "a norm");

    let attend = fixture.attend(Element::F32);
    let with = |change: &dyn Fn(&mut Attention)| {
        let mut attend = attend.clone();
        change(&mut attend);
        Command::Attention(Box::new(attend))
    };
    let shared = with(&|attend| attend.heads = 3);
    report.refused(&fixture, shared, &["3 query heads are not a multiple of 2 key heads"], "heads");
    let none = with(&|attend| attend.kv_heads = 0);
    report.refused(&fixture, none, &["4 query heads are not a multiple of 0 key heads"], "heads");
    let window = with(&|attend| attend.window = Some(0));
    report.refused(&fixture, window, &["the window has 0 positions"], "a window");
    for size in [0, 12] {
        let blocks = with(&|attend| attend.tables.block_positions = size);
        report.refused(&fixture, blocks, &[&format!("blocks of {size} positions")], "blocks");
    }
    let fewer = fixture.buffer(Element::F32, 8 * 2 * 4);
    let values = with(&|attend| attend.values.data = fewer);
    report.refused(&fixture, values, &["different numbers of blocks"], "values");
}

/// Caches with invalid element types or scales.
fn caches(report: &mut Report) {
    let mut fixture = LayoutFixture::new();
    let (floats, integers) = (fixture.cache(Element::F16), fixture.cache(Element::I8));
    let no_scales = CacheView { scales: None, ..integers };
    let needless = CacheView { scales: integers.scales, ..floats };
    let tokens = CacheView { data: fixture.buffer(Element::U32, 2 * 8 * 8), scales: None };
    let halves = CacheView { scales: Some(fixture.buffer(Element::F16, 2 * 8 * 2)), ..integers };
    let few = CacheView { scales: Some(fixture.buffer(Element::Bf16, 2 * 8 * 2 - 1)), ..integers };
    for (view, words) in [
        (no_scales, "a cache of i8 with scales None"),
        (needless, "a cache of f16 with scales Some"),
        (tokens, "a cache of u32"),
        (halves, "expected at least 32 x bf16"),
        (few, "expected at least 32 x bf16"),
    ] {
        let mut commands = vec![fixture.append(Element::F32)];
        let mut attend = fixture.attend(Element::F32);
        (attend.keys, attend.values) = (view, view);
        commands.push(Command::Attention(Box::new(attend)));
        let (pairs, cache) = (fixture.buffer(Element::U32, 2 * ROWS[0]), view);
        commands.push(Command::CopyBlocks { pairs, block_positions: 8, heads: 2, head_dim: 4, cache });
        if let Command::Append { cache, .. } = &mut commands[0] {
            *cache = view;
        }
        for command in commands {
            report.refused(&fixture, command, &[words], "a cache");
        }
    }
}
