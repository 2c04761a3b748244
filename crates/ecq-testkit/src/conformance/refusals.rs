//! Commands that leave their buffers, or ask for what cannot be.

use super::Joined;
use super::rig::compute;
use super::world::{ROWS, SLOT_BYTES, World, wires};
use ecq_core::Element;
use ecq_runtime::program::{
    Attention, BufferId, CacheView, Command, Norm, Operand, Program, Queue, Rows, SlotId, Step, WeightId,
};
use ecq_runtime::{Residence, RuntimeError};

/// What was refused wrongly or not at all; all of it is told at once.
#[derive(Default)]
struct Verdicts {
    cases: usize,
    wrong: Vec<String>,
}

impl Verdicts {
    /// A command must be refused in words that hold one of `words`.
    fn refused(&mut self, world: &World, command: Command, words: &[&str], what: &str) {
        // Behind a sound step, so that the number of the step can be wrong.
        let decode = Command::Decode { weight: world.slotted[0], into: world.slots[0] };
        let what = format!("{what}: {command:?}");
        self.step(world.program(&[], compute(vec![decode, command])), 1, words, &what);
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

/// Each rule of the check of programs is broken by one change of a sound command.
pub fn refusals(_: &Joined) -> usize {
    let mut world = World::new();
    let sound = world.sound();
    world.program(&[], compute(sound.clone())).unwrap();
    let mut verdicts = Verdicts::default();
    for command in &sound {
        buffers(&mut verdicts, command);
    }
    operands(&mut verdicts);
    parameters(&mut verdicts);
    caches(&mut verdicts);
    assert!(verdicts.wrong.is_empty(), "{}", verdicts.wrong.join("\n"));
    verdicts.cases
}

/// Each buffer of a command as one that is not there, one too short, of another element, or another one of
/// the same command.
fn buffers(verdicts: &mut Verdicts, sound: &Command) {
    let mut world = World::new();
    world.sound();
    let count = wires(&mut sound.clone()).len();
    let with = |i: usize, id: BufferId| {
        let mut command = sound.clone();
        *wires(&mut command)[i].id = id;
        command
    };
    for i in 0..count {
        let mut original = sound.clone();
        let wire = &wires(&mut original)[i];
        let (id, written) = (*wire.id, wire.written);
        let (element, len) = {
            let info = &world.layout.buffers[id.0 as usize];
            (info.element, info.len)
        };
        verdicts.refused(&world, with(i, BufferId(9999)), &["buffer 9999 does not exist"], "no buffer");
        let other = if element == Element::U32 { Element::F32 } else { Element::U32 };
        let other = world.buffer(other, len);
        let name = format!("buffer {}", other.0);
        verdicts.refused(&world, with(i, other), &[&name, "a cache of u32"], "another element");
        if bounds_itself(sound, id) {
            continue;
        }
        let short = world.buffer(element, len - 1);
        let name = format!("buffer {}", short.0);
        verdicts.refused(&world, with(i, short), &[&name, "different numbers of blocks"], "a short buffer");
        for j in (0..count).filter(|&j| j != i && written) {
            let mut command = sound.clone();
            let read = *wires(&mut command)[j].id;
            let info = &world.layout.buffers[read.0 as usize];
            // Norms may run in place; their weights say how wide all the others are, see `parameters`.
            let other_rule =
                matches!(*sound, Command::Norm { x, .. } if x == read) || bounds_itself(sound, read);
            if info.element == element && !other_rule {
                let both = world.buffer(element, len.max(info.len));
                *wires(&mut command)[i].id = both;
                *wires(&mut command)[j].id = both;
                verdicts.refused(&world, command, &["is read and written at once"], "one buffer twice");
            }
        }
    }
}

/// Whether a buffer's own length says how much there is: weights of norms, and caches of which nothing says
/// how many blocks they have.
fn bounds_itself(command: &Command, id: BufferId) -> bool {
    match command {
        Command::Norm { norm, .. } => norm.weight() == id,
        Command::Append { cache, .. } | Command::CopyBlocks { cache, .. } => cache.data == id,
        _ => false,
    }
}

/// Weights and slots.
fn operands(verdicts: &mut Verdicts) {
    let mut world = World::new();
    let (slot, slotted, plain) = (world.slots[0], world.slotted[0], world.plain);
    let narrow = world.weight([5, 3], Residence::Packed, 0);
    let large = world.weight([5, 4], Residence::Slot, SLOT_BYTES + 1);
    let (nowhere, no_slot) = (WeightId(99), SlotId(99));

    let (index, y) = (world.buffer(Element::U32, ROWS[0]), world.buffer(Element::F32, ROWS[0] * 4));
    let embed = |table| Command::Embed { table, index, scale: 1.0, add: false, y };
    verdicts.refused(&world, embed(nowhere), &["weight 99 does not exist"], "an embedding");
    verdicts.refused(&world, embed(slotted), &["slotted is decoded into slots"], "an embedding");

    let (x, outputs) = world.linear();
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
        (Operand::Weight(slotted), "slotted is multiplied from its slot alone"),
        (Operand::Slot(slot, plain), "plain (0 bytes) does not go into first slot"),
        (Operand::Slot(slot, large), "(65 bytes) does not go into first slot (64 bytes)"),
        (Operand::Weight(narrow), "other columns"),
    ] {
        verdicts.refused(&world, operand(found), &[words], "an operand");
    }
    for range in [0..6, 4..6, 2..2, 6..7] {
        let command = linear(&|outputs| outputs[0].range = range.clone());
        verdicts.refused(&world, command, &[&format!("rows {range:?} of plain, which has 5")], "a range");
    }

    for (weight, into, words) in [
        (nowhere, slot, "weight 99 does not exist"),
        (slotted, no_slot, "slot 99 does not exist"),
        (plain, slot, "plain (0 bytes) does not go into first slot"),
        (large, slot, "(65 bytes) does not go into first slot (64 bytes)"),
    ] {
        verdicts.refused(&world, Command::Decode { weight, into }, &[words], "decoding");
    }
    let compute_there = world.sound().into_iter().map(|command| vec![Step::Run(Queue::Decode, command)]);
    for steps in compute_there.collect::<Vec<_>>() {
        let what = format!("{steps:?}");
        verdicts.step(world.program(&[], steps), 0, &["only decodes is asked to compute"], &what);
    }
}

/// Numbers that do not go together.
fn parameters(verdicts: &mut Verdicts) {
    let mut world = World::new();
    for command in world.sound() {
        let mut broken = command.clone();
        if let Command::Rotate { frequencies, .. } = &mut broken {
            *frequencies = 3;
            verdicts.refused(&world, broken, &["3 pairs in a head of 4"], "rotation");
        }
    }
    let weight = world.buffer(Element::F32, 4);
    let (x, norm) = (world.buffer(Element::F32, 4), Norm::Rms { weight, eps: 0.0 });
    let norm = Command::Norm { norm, rows: Rows::Batch, heads: 1, x, y: weight };
    let steps = vec![Step::Run(Queue::Compute, norm)];
    verdicts.step(world.program_of([1, 1], &[], steps), 0, &["is read and written at once"], "a norm");

    let attend = world.attend(Element::F32);
    let with = |change: &dyn Fn(&mut Attention)| {
        let mut attend = attend.clone();
        change(&mut attend);
        Command::Attention(Box::new(attend))
    };
    let shared = with(&|attend| attend.heads = 3);
    verdicts.refused(&world, shared, &["3 query heads share 2 heads of keys"], "heads");
    let none = with(&|attend| attend.kv_heads = 0);
    verdicts.refused(&world, none, &["4 query heads share 0 heads of keys"], "heads");
    let window = with(&|attend| attend.window = Some(0));
    verdicts.refused(&world, window, &["a window of no position"], "a window");
    for size in [0, 12] {
        let blocks = with(&|attend| attend.tables.block_positions = size);
        verdicts.refused(&world, blocks, &[&format!("blocks of {size} positions")], "blocks");
    }
    let fewer = world.buffer(Element::F32, 8 * 2 * 4);
    let values = with(&|attend| attend.values.data = fewer);
    verdicts.refused(&world, values, &["different numbers of blocks"], "values");
}

/// Caches of other elements, and without what their element needs.
fn caches(verdicts: &mut Verdicts) {
    let mut world = World::new();
    let (floats, integers) = (world.cache(Element::F16), world.cache(Element::I8));
    let no_scales = CacheView { scales: None, ..integers };
    let needless = CacheView { scales: integers.scales, ..floats };
    let tokens = CacheView { data: world.buffer(Element::U32, 2 * 8 * 8), scales: None };
    let halves = CacheView { scales: Some(world.buffer(Element::F16, 2 * 8 * 2)), ..integers };
    let few = CacheView { scales: Some(world.buffer(Element::Bf16, 2 * 8 * 2 - 1)), ..integers };
    for (view, words) in [
        (no_scales, "a cache of i8 with scales None"),
        (needless, "a cache of f16 with scales Some"),
        (tokens, "a cache of u32"),
        (halves, "32 x bf16 wanted of"),
        (few, "32 x bf16 wanted of"),
    ] {
        let mut commands = vec![world.append(Element::F32)];
        let mut attend = world.attend(Element::F32);
        (attend.keys, attend.values) = (view, view);
        commands.push(Command::Attention(Box::new(attend)));
        let (pairs, cache) = (world.buffer(Element::U32, 2 * ROWS[0]), view);
        commands.push(Command::CopyBlocks { pairs, block_positions: 8, heads: 2, head_dim: 4, cache });
        if let Command::Append { cache, .. } = &mut commands[0] {
            *cache = view;
        }
        for command in commands {
            verdicts.refused(&world, command, &[words], "a cache");
        }
    }
}
