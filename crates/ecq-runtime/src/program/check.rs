//! Validation of programs, done once for all backends.

use super::{
    Attention, BlockTables, BufferId, CacheView, Command, Edge, Experts, Norm, Operand, Output, Program,
    Queue, Rows, SlotId, Step, WeightId, WeightInfo,
};
use crate::error::{Result, RuntimeError};
use crate::plan::Residence;
use crate::sample::SamplingParams;
use ecq_core::Element;
use std::collections::HashMap;

pub(super) fn check(program: &Program, decoded: &[(SlotId, WeightId)]) -> Result<()> {
    let mut order = HappensBefore::new(decoded);
    for (number, step) in program.steps.iter().enumerate() {
        let checked = match step {
            Step::Run(queue, command) => {
                Checker(program).command(*queue, command).and_then(|()| order.run(*queue, command))
            }
            Step::Signal(queue, edge) => order.signal(*queue, *edge),
            Step::Wait(queue, edge) => order.wait(*queue, *edge),
        };
        checked.map_err(|why| fault(program, number, &why))?;
    }
    order.check_decoding_done().map_err(|why| fault(program, program.steps.len(), &why))
}

fn fault(program: &Program, step: usize, why: &str) -> RuntimeError {
    RuntimeError::Program { program: program.name.clone(), step, why: why.to_owned() }
}

type CheckResult<T = ()> = std::result::Result<T, String>;

struct Checker<'a>(&'a Program);

impl Checker<'_> {
    fn f32s(&self, buffer: BufferId, len: usize) -> CheckResult {
        self.check_buffer(buffer, Element::F32, len)
    }

    fn u32s(&self, buffer: BufferId, len: usize) -> CheckResult {
        self.check_buffer(buffer, Element::U32, len)
    }

    fn check_buffer(&self, id: BufferId, element: Element, len: usize) -> CheckResult {
        let Some(buffer) = self.0.layout.buffers.get(id.0 as usize) else {
            return Err(format!("buffer {} does not exist", id.0));
        };
        if buffer.element != element || buffer.len < len {
            let (name, found) = (&buffer.name, buffer.element);
            return Err(format!(
                "{name} holds {} x {found}, expected at least {len} x {element}",
                buffer.len
            ));
        }
        Ok(())
    }

    fn len(&self, id: BufferId) -> CheckResult<usize> {
        let buffer = self.0.layout.buffers.get(id.0 as usize);
        buffer.map(|buffer| buffer.len).ok_or_else(|| format!("buffer {} does not exist", id.0))
    }

    fn weight(&self, id: WeightId) -> CheckResult<&WeightInfo> {
        self.0.layout.weights.get(id.0 as usize).ok_or_else(|| format!("weight {} does not exist", id.0))
    }

    fn check_distinct(&self, read: &[BufferId], written: BufferId) -> CheckResult {
        if read.contains(&written) {
            let name =
                self.0.layout.buffers.get(written.0 as usize).map_or("?", |buffer| buffer.name.as_str());
            return Err(format!("{name} is read and written by one command"));
        }
        Ok(())
    }

    /// Returns the number of blocks of a cache.
    fn cache(
        &self,
        view: CacheView,
        heads: usize,
        head_dim: usize,
        block_positions: usize,
    ) -> CheckResult<usize> {
        let Some(data) = self.0.layout.buffers.get(view.data.0 as usize) else {
            return Err(format!("buffer {} does not exist", view.data.0));
        };
        let block = heads * head_dim * block_positions;
        if !block_positions.is_power_of_two() || block == 0 {
            return Err(format!("blocks of {block_positions} positions of {heads} x {head_dim}"));
        }
        let blocks = data.len / block;
        match (data.element, view.scales) {
            (Element::F32 | Element::F16 | Element::Bf16, None) => Ok(blocks),
            (Element::I8, Some(scales)) => {
                self.check_buffer(scales, Element::Bf16, blocks * block_positions * heads).map(|()| blocks)
            }
            (element, scales) => Err(format!("a cache of {element} with scales {scales:?}")),
        }
    }

    fn tables(&self, tables: BlockTables, rows: usize) -> CheckResult {
        self.u32s(tables.sequences, rows)?;
        self.u32s(tables.tables, tables.width)
    }

    /// Rejects widths and counts of 0.
    fn sizes(command: &Command) -> CheckResult {
        let sizes: &[usize] = match command {
            Command::Norm { heads, .. } => &[*heads],
            Command::RotaryAngles { count, .. } => &[*count],
            Command::Rotate { heads, head_dim, frequencies, .. } => &[*heads, *head_dim, *frequencies],
            Command::Activate { width, .. }
            | Command::Add { width, .. }
            | Command::Gather { width, .. }
            | Command::Argmax { width, .. }
            | Command::Sample { width, .. } => &[*width],
            _ => &[],
        };
        if sizes.contains(&0) { Err("a width or a count of 0".to_owned()) } else { Ok(()) }
    }

    fn command(&self, queue: Queue, command: &Command) -> CheckResult {
        Self::sizes(command)?;
        if queue == Queue::Decode && !matches!(command, Command::Decode { .. }) {
            return Err("the decode queue runs a command other than Decode".to_owned());
        }
        let batch = self.0.capacity(Rows::Batch);
        let logits_rows = self.0.capacity(Rows::Logits);
        match *command {
            Command::Embed { table, index, y, .. } => {
                let table = self.weight(table)?;
                if table.residence == Residence::Slot {
                    return Err(format!(
                        "{} is decoded into slots and cannot be an embedding table",
                        table.name
                    ));
                }
                self.u32s(index, batch)?;
                self.f32s(y, batch * table.shape[1])
            }
            Command::Norm { norm, rows, heads, x, y } => {
                let width = self.len(norm.weight())?;
                self.f32s(norm.weight(), width)?;
                self.check_distinct(&[norm.weight()], y)?;
                if let Norm::Layer { bias, .. } = norm {
                    self.check_distinct(&[bias], y)?;
                    self.f32s(bias, width)?;
                }
                let len = self.0.capacity(rows) * heads * width;
                self.f32s(x, len)?;
                self.f32s(y, len)
            }
            Command::Linear { rows, x, ref outputs } => self.linear(self.0.capacity(rows), x, outputs),
            Command::RotaryAngles { positions, frequencies, count, per_row, table, .. } => {
                self.u32s(positions, batch)?;
                self.f32s(frequencies, if per_row { batch * count } else { count })?;
                self.check_distinct(&[frequencies], table)?;
                self.f32s(table, batch * 2 * count)
            }
            Command::Rotate { x, heads, head_dim, table, frequencies, .. } => {
                if 2 * frequencies > head_dim {
                    return Err(format!("{frequencies} pairs exceed a head of {head_dim} values"));
                }
                self.check_distinct(&[table], x)?;
                self.f32s(table, batch * 2 * frequencies)?;
                self.f32s(x, batch * heads * head_dim)
            }
            Command::Append { x, heads, head_dim, positions, tables, cache } => {
                self.u32s(positions, batch)?;
                self.tables(tables, batch)?;
                self.cache(cache, heads, head_dim, tables.block_positions)?;
                self.check_distinct(&[x], cache.data)?;
                self.f32s(x, batch * heads * head_dim)
            }
            Command::Attention(ref attend) => self.attend(attend, batch),
            Command::Activate { x, up, width, .. } => {
                if let Some(up) = up {
                    self.check_distinct(&[up], x)?;
                    self.f32s(up, batch * width)?;
                }
                self.f32s(x, batch * width)
            }
            Command::Route { logits, experts, routing, choices, weights } => {
                if routing.top_k == 0 || routing.top_k > experts {
                    return Err(format!("{} of {experts} experts are chosen", routing.top_k));
                }
                self.check_distinct(&[logits], weights)?;
                self.f32s(logits, batch * experts)?;
                self.u32s(choices, batch * routing.top_k)?;
                self.f32s(weights, batch * routing.top_k)
            }
            Command::Experts(ref experts) => self.experts(experts, batch),
            Command::Add { x, y, width, .. } => {
                self.check_distinct(&[x], y)?;
                self.f32s(x, batch * width)?;
                self.f32s(y, batch * width)
            }
            Command::Gather { x, index, width, y } => {
                self.check_distinct(&[x], y)?;
                self.u32s(index, logits_rows)?;
                self.f32s(x, batch * width)?;
                self.f32s(y, logits_rows * width)
            }
            Command::Argmax { logits, width, y } => {
                self.f32s(logits, logits_rows * width)?;
                self.u32s(y, logits_rows)
            }
            Command::Sample { logits, width, params, y } => {
                self.f32s(logits, logits_rows * width)?;
                self.f32s(params, logits_rows * SamplingParams::LEN)?;
                self.u32s(y, logits_rows)
            }
            Command::Advance { chosen, index, tokens, positions, history, count } => {
                self.check_distinct(&[chosen, index, positions, count], tokens)?;
                self.check_distinct(&[chosen, index, count], positions)?;
                self.check_distinct(&[chosen, index, tokens, positions, count], history)?;
                self.check_distinct(&[chosen, index], count)?;
                self.u32s(chosen, logits_rows)?;
                self.u32s(index, logits_rows)?;
                self.u32s(tokens, batch)?;
                self.u32s(positions, batch)?;
                self.u32s(history, logits_rows)?;
                self.u32s(count, 1)
            }
            Command::CopyBlocks { pairs, block_positions, heads, head_dim, cache } => {
                self.u32s(pairs, 2 * batch)?;
                self.cache(cache, heads, head_dim, block_positions).map(|_| ())
            }
            Command::Decode { weight, into } => self.slot(into, weight),
        }
    }

    fn slot(&self, slot: SlotId, weight: WeightId) -> CheckResult {
        let weight = self.weight(weight)?;
        let Some(slot) = self.0.layout.slots.get(slot.0 as usize) else {
            return Err(format!("slot {} does not exist", slot.0));
        };
        if weight.residence != Residence::Slot || weight.slot_bytes > slot.bytes {
            let (name, bytes) = (&weight.name, weight.slot_bytes);
            return Err(format!(
                "{name} ({bytes} bytes) cannot be decoded into {} ({} bytes)",
                slot.name, slot.bytes
            ));
        }
        Ok(())
    }

    fn linear(&self, rows: usize, x: BufferId, outputs: &[Output]) -> CheckResult {
        for (i, Output { operand, range, bias, y, .. }) in outputs.iter().enumerate() {
            let weight = self.weight(operand.weight())?;
            match *operand {
                Operand::Slot(slot, weight) => self.slot(slot, weight)?,
                Operand::Weight(_) if weight.residence == Residence::Slot => {
                    return Err(format!("{} must be multiplied from a slot", weight.name));
                }
                Operand::Weight(_) => {}
            }
            let [weight_rows, cols] = weight.shape;
            if range.is_empty() || range.end > weight_rows {
                return Err(format!("rows {range:?} of {}, which has {weight_rows}", weight.name));
            }
            self.f32s(x, rows * cols)?;
            self.f32s(*y, rows * range.len())?;
            if let Some(bias) = bias {
                self.f32s(*bias, range.len())?;
                outputs.iter().try_for_each(|output| self.check_distinct(&[*bias], output.y))?;
            }
            if cols != self.weight(outputs[0].operand.weight())?.shape[1] {
                return Err(format!(
                    "{} has another number of columns than the other matrices of the command",
                    weight.name
                ));
            }
            self.check_distinct(&[x], *y)?;
            outputs[..i].iter().try_for_each(|other| self.check_distinct(&[other.y], *y))?;
        }
        Ok(())
    }

    fn experts(&self, e: &Experts, rows: usize) -> CheckResult {
        let Some(first) = e.experts.first() else { return Err("the command has no experts".to_owned()) };
        let [inner, hidden] = self.weight(first.up)?.shape;
        for expert in &e.experts {
            let gate = expert.gate.map(|gate| (gate, [inner, hidden]));
            let all = gate.into_iter().chain([(expert.up, [inner, hidden]), (expert.down, [hidden, inner])]);
            for (i, (id, shape)) in all.enumerate() {
                let weight = self.weight(id)?;
                if weight.shape != shape {
                    return Err(format!("{} has another shape than in the first expert", weight.name));
                }
                if weight.residence != Residence::Slot {
                    continue;
                }
                if e.slots.is_empty() {
                    return Err(format!("{} needs a slot", weight.name));
                }
                for set in &e.slots {
                    let slot = set.get(i).ok_or("a set of slots is too small for an expert")?;
                    self.slot(*slot, id)?;
                }
            }
        }
        self.check_distinct(&[e.x, e.weights], e.y)?;
        self.u32s(e.choices, rows * e.top_k)?;
        self.f32s(e.weights, rows * e.top_k)?;
        self.f32s(e.x, rows * hidden)?;
        self.f32s(e.y, rows * hidden)
    }

    fn attend(&self, a: &Attention, rows: usize) -> CheckResult {
        if a.kv_heads == 0 || !a.heads.is_multiple_of(a.kv_heads) {
            return Err(format!("{} query heads are not a multiple of {} key heads", a.heads, a.kv_heads));
        }
        if a.window == Some(0) {
            return Err("the window has 0 positions".to_owned());
        }
        self.u32s(a.positions, rows)?;
        self.tables(a.tables, rows)?;
        let blocks =
            [a.keys, a.values].map(|view| self.cache(view, a.kv_heads, a.head_dim, a.tables.block_positions));
        let [keys, values] = blocks;
        let element = |view: CacheView| self.0.layout.buffers[view.data.0 as usize].element;
        if keys? != values? || element(a.keys) != element(a.values) {
            return Err("keys and values have different numbers of blocks or element types".to_owned());
        }
        self.check_distinct(&[a.queries, a.keys.data, a.values.data], a.y)?;
        self.f32s(a.queries, rows * a.heads * a.head_dim)?;
        self.f32s(a.y, rows * a.heads * a.head_dim)
    }
}

/// Happens-before order of the commands, as vector clocks of both queues (Fidge, 1988; Mattern, 1989). Entry
/// `[a][b]` is the number of steps of queue `b` that are known to be done by the last step of queue `a`.
struct HappensBefore {
    clocks: [[usize; 2]; 2],
    edges: HashMap<Edge, (Queue, [usize; 2])>,
    slots: HashMap<SlotId, SlotUse>,
}

/// The last write of a slot and the reads since then, each as a queue and a step.
struct SlotUse {
    holds: Option<WeightId>,
    last: Vec<(usize, usize)>,
    written: Option<(usize, usize)>,
}

impl HappensBefore {
    fn new(decoded: &[(SlotId, WeightId)]) -> Self {
        let slots = decoded
            .iter()
            .map(|&(slot, weight)| (slot, SlotUse { holds: Some(weight), last: Vec::new(), written: None }));
        Self { clocks: [[0; 2]; 2], edges: HashMap::new(), slots: slots.collect() }
    }

    fn tick(&mut self, queue: usize) -> (usize, usize) {
        self.clocks[queue][queue] += 1;
        (queue, self.clocks[queue][queue])
    }

    fn is_done(&self, queue: usize, (other, step): (usize, usize)) -> bool {
        self.clocks[queue][other] >= step
    }

    fn run(&mut self, queue: Queue, command: &Command) -> CheckResult {
        let queue = queue as usize;
        let now = self.tick(queue);
        match command {
            Command::Decode { weight, into } => {
                self.check_unused(queue, *into)?;
                let used = SlotUse { holds: Some(*weight), last: Vec::new(), written: Some(now) };
                self.slots.insert(*into, used);
            }
            Command::Linear { outputs, .. } => {
                for output in outputs {
                    let Operand::Slot(slot, weight) = output.operand else { continue };
                    let used = self.slots.get(&slot).filter(|used| used.holds == Some(weight));
                    let Some(used) = used else {
                        return Err(format!("slot {} is read before weight {} is in it", slot.0, weight.0));
                    };
                    if used.written.is_some_and(|step| !self.is_done(queue, step)) {
                        return Err(format!("slot {} is read without waiting for its decoding", slot.0));
                    }
                    if let Some(used) = self.slots.get_mut(&slot) {
                        used.last.push(now);
                    }
                }
            }
            // The command itself manages what is in its slots.
            Command::Experts(experts) => {
                for &slot in experts.slots.iter().flatten() {
                    self.check_unused(queue, slot)?;
                    self.slots.insert(slot, SlotUse { holds: None, last: Vec::new(), written: Some(now) });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that all uses of a slot are done.
    fn check_unused(&self, queue: usize, slot: SlotId) -> CheckResult {
        let Some(used) = self.slots.get(&slot) else { return Ok(()) };
        match used.last.iter().chain(&used.written).all(|&step| self.is_done(queue, step)) {
            true => Ok(()),
            false => Err(format!("slot {} may be in use when it is decoded", slot.0)),
        }
    }

    fn signal(&mut self, queue: Queue, edge: Edge) -> CheckResult {
        let clock = self.clocks[queue as usize];
        match self.edges.insert(edge, (queue, clock)) {
            Some(_) => Err(format!("edge {} is signalled twice", edge.0)),
            None => Ok(()),
        }
    }

    fn wait(&mut self, queue: Queue, edge: Edge) -> CheckResult {
        let Some(&(from, clock)) = self.edges.get(&edge) else {
            return Err(format!("edge {} is awaited before it is signalled", edge.0));
        };
        if from == queue {
            return Err(format!("edge {} is signalled and awaited on the same queue", edge.0));
        }
        let own = &mut self.clocks[queue as usize];
        own.iter_mut().zip(clock).for_each(|(own, theirs)| *own = (*own).max(theirs));
        Ok(())
    }

    /// Checks that the compute queue has waited for all decoding, because a program ends with that queue.
    fn check_decoding_done(&self) -> CheckResult {
        let decode = Queue::Decode as usize;
        if self.clocks[Queue::Compute as usize][decode] < self.clocks[decode][decode] {
            return Err("the program ends before decoding is done".to_owned());
        }
        Ok(())
    }
}
