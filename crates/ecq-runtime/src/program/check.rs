//! What every program is checked for, once and above all backends.

use super::{
    Attention, BlockTables, BufferId, CacheView, Command, Edge, Experts, Norm, Operand, Output, Program,
    Queue, Rows, SlotId, Step, WeightId, WeightInfo,
};
use crate::error::{Result, RuntimeError};
use crate::plan::Residence;
use ecq_core::Element;
use std::collections::HashMap;

pub(super) fn check(program: &Program, decoded: &[(SlotId, WeightId)]) -> Result<()> {
    let mut order = Order::new(decoded);
    for (number, step) in program.steps.iter().enumerate() {
        let checked = match step {
            Step::Run(queue, command) => {
                Check(program).command(*queue, command).and_then(|()| order.run(*queue, command))
            }
            Step::Signal(queue, edge) => order.signal(*queue, *edge),
            Step::Wait(queue, edge) => order.wait(*queue, *edge),
        };
        checked.map_err(|why| fault(program, number, &why))?;
    }
    order.joined().map_err(|why| fault(program, program.steps.len(), &why))
}

fn fault(program: &Program, step: usize, why: &str) -> RuntimeError {
    RuntimeError::Program { program: program.name.clone(), step, why: why.to_owned() }
}

type Checked<T = ()> = std::result::Result<T, String>;

struct Check<'a>(&'a Program);

impl Check<'_> {
    fn f32s(&self, buffer: BufferId, len: usize) -> Checked {
        self.holds(buffer, Element::F32, len)
    }

    fn u32s(&self, buffer: BufferId, len: usize) -> Checked {
        self.holds(buffer, Element::U32, len)
    }

    fn holds(&self, id: BufferId, element: Element, len: usize) -> Checked {
        let Some(buffer) = self.0.layout.buffers.get(id.0 as usize) else {
            return Err(format!("buffer {} does not exist", id.0));
        };
        if buffer.element != element || buffer.len < len {
            let (name, found) = (&buffer.name, buffer.element);
            return Err(format!("{len} x {element} wanted of {name}, which holds {} x {found}", buffer.len));
        }
        Ok(())
    }

    fn len(&self, id: BufferId) -> Checked<usize> {
        let buffer = self.0.layout.buffers.get(id.0 as usize);
        buffer.map(|buffer| buffer.len).ok_or_else(|| format!("buffer {} does not exist", id.0))
    }

    fn weight(&self, id: WeightId) -> Checked<&WeightInfo> {
        self.0.layout.weights.get(id.0 as usize).ok_or_else(|| format!("weight {} does not exist", id.0))
    }

    fn apart(&self, read: &[BufferId], written: BufferId) -> Checked {
        if read.contains(&written) {
            let name =
                self.0.layout.buffers.get(written.0 as usize).map_or("?", |buffer| buffer.name.as_str());
            return Err(format!("{name} is read and written at once"));
        }
        Ok(())
    }

    /// Blocks that the cache has room for.
    fn cache(
        &self,
        view: CacheView,
        heads: usize,
        head_dim: usize,
        block_positions: usize,
    ) -> Checked<usize> {
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
                self.holds(scales, Element::Bf16, blocks * block_positions * heads).map(|()| blocks)
            }
            (element, scales) => Err(format!("a cache of {element} with scales {scales:?}")),
        }
    }

    fn tables(&self, tables: BlockTables, rows: usize) -> Checked {
        self.u32s(tables.sequences, rows)?;
        self.u32s(tables.tables, tables.width)
    }

    /// Refuses widths and counts of 0.
    fn sizes(command: &Command) -> Checked {
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

    fn command(&self, queue: Queue, command: &Command) -> Checked {
        Self::sizes(command)?;
        if queue == Queue::Decode && !matches!(command, Command::Decode { .. }) {
            return Err("a queue that only decodes is asked to compute".to_owned());
        }
        let batch = self.0.capacity(Rows::Batch);
        let wanted = self.0.capacity(Rows::LogitsSelection);
        match *command {
            Command::Embed { table, index, y, .. } => {
                let table = self.weight(table)?;
                if table.residence == Residence::Slot {
                    return Err(format!(
                        "{} is decoded into slots, rows are looked up in streams",
                        table.name
                    ));
                }
                self.u32s(index, batch)?;
                self.f32s(y, batch * table.shape[1])
            }
            Command::Norm { norm, rows, heads, x, y } => {
                let width = self.len(norm.weight())?;
                self.f32s(norm.weight(), width)?;
                self.apart(&[norm.weight()], y)?;
                if let Norm::Layer { bias, .. } = norm {
                    self.apart(&[bias], y)?;
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
                self.apart(&[frequencies], table)?;
                self.f32s(table, batch * 2 * count)
            }
            Command::Rotate { x, heads, head_dim, table, frequencies, .. } => {
                if 2 * frequencies > head_dim {
                    return Err(format!("{frequencies} pairs in a head of {head_dim}"));
                }
                self.apart(&[table], x)?;
                self.f32s(table, batch * 2 * frequencies)?;
                self.f32s(x, batch * heads * head_dim)
            }
            Command::Append { x, heads, head_dim, positions, tables, cache } => {
                self.u32s(positions, batch)?;
                self.tables(tables, batch)?;
                self.cache(cache, heads, head_dim, tables.block_positions)?;
                self.apart(&[x], cache.data)?;
                self.f32s(x, batch * heads * head_dim)
            }
            Command::Attention(ref attend) => self.attend(attend, batch),
            Command::Activate { x, up, width, .. } => {
                if let Some(up) = up {
                    self.apart(&[up], x)?;
                    self.f32s(up, batch * width)?;
                }
                self.f32s(x, batch * width)
            }
            Command::Route { logits, experts, routing, choices, weights } => {
                if routing.top_k == 0 || routing.top_k > experts {
                    return Err(format!("{} of {experts} experts are chosen", routing.top_k));
                }
                self.apart(&[logits], weights)?;
                self.f32s(logits, batch * experts)?;
                self.u32s(choices, batch * routing.top_k)?;
                self.f32s(weights, batch * routing.top_k)
            }
            Command::Experts(ref experts) => self.experts(experts, batch),
            Command::Add { x, y, width, .. } => {
                self.apart(&[x], y)?;
                self.f32s(x, batch * width)?;
                self.f32s(y, batch * width)
            }
            Command::Gather { x, index, width, y } => {
                self.apart(&[x], y)?;
                self.u32s(index, wanted)?;
                self.f32s(x, batch * width)?;
                self.f32s(y, wanted * width)
            }
            Command::Argmax { logits, width, y } => {
                self.f32s(logits, wanted * width)?;
                self.u32s(y, wanted)
            }
            Command::Sample { logits, width, draws, y } => {
                self.f32s(logits, wanted * width)?;
                self.f32s(draws, wanted * 5)?;
                self.u32s(y, wanted)
            }
            Command::Advance { chosen, index, tokens, positions, history, count } => {
                self.apart(&[chosen, index, positions, count], tokens)?;
                self.apart(&[chosen, index, count], positions)?;
                self.apart(&[chosen, index, tokens, positions, count], history)?;
                self.apart(&[chosen, index], count)?;
                self.u32s(chosen, wanted)?;
                self.u32s(index, wanted)?;
                self.u32s(tokens, batch)?;
                self.u32s(positions, batch)?;
                self.u32s(history, wanted)?;
                self.u32s(count, 1)
            }
            Command::CopyBlocks { pairs, block_positions, heads, head_dim, cache } => {
                self.u32s(pairs, 2 * batch)?;
                self.cache(cache, heads, head_dim, block_positions).map(|_| ())
            }
            Command::Decode { weight, into } => self.slot(into, weight),
        }
    }

    fn slot(&self, slot: SlotId, weight: WeightId) -> Checked {
        let weight = self.weight(weight)?;
        let Some(slot) = self.0.layout.slots.get(slot.0 as usize) else {
            return Err(format!("slot {} does not exist", slot.0));
        };
        if weight.residence != Residence::Slot || weight.slot_bytes > slot.bytes {
            let (name, bytes) = (&weight.name, weight.slot_bytes);
            return Err(format!(
                "{name} ({bytes} bytes) does not go into {} ({} bytes)",
                slot.name, slot.bytes
            ));
        }
        Ok(())
    }

    fn linear(&self, rows: usize, x: BufferId, outputs: &[Output]) -> Checked {
        for (i, Output { operand, range, bias, y, .. }) in outputs.iter().enumerate() {
            let weight = self.weight(operand.weight())?;
            match *operand {
                Operand::Slot(slot, weight) => self.slot(slot, weight)?,
                Operand::Weight(_) if weight.residence == Residence::Slot => {
                    return Err(format!("{} is multiplied from its slot alone", weight.name));
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
                outputs.iter().try_for_each(|output| self.apart(&[*bias], output.y))?;
            }
            if cols != self.weight(outputs[0].operand.weight())?.shape[1] {
                return Err(format!("{} has other columns than what reads the same rows", weight.name));
            }
            self.apart(&[x], *y)?;
            outputs[..i].iter().try_for_each(|other| self.apart(&[other.y], *y))?;
        }
        Ok(())
    }

    fn experts(&self, e: &Experts, rows: usize) -> Checked {
        let Some(first) = e.experts.first() else { return Err("no expert to choose from".to_owned()) };
        let [inner, hidden] = self.weight(first.up)?.shape;
        for expert in &e.experts {
            let gate = expert.gate.map(|gate| (gate, [inner, hidden]));
            let all = gate.into_iter().chain([(expert.up, [inner, hidden]), (expert.down, [hidden, inner])]);
            for (i, (id, shape)) in all.enumerate() {
                let weight = self.weight(id)?;
                if weight.shape != shape {
                    return Err(format!("{} has another shape than the first expert's", weight.name));
                }
                if weight.residence != Residence::Slot {
                    continue;
                }
                if e.slots.is_empty() {
                    return Err(format!("{} has no slot to be decoded into", weight.name));
                }
                for set in &e.slots {
                    let slot = set.get(i).ok_or("a set of slots is too small for an expert")?;
                    self.slot(*slot, id)?;
                }
            }
        }
        self.apart(&[e.x, e.weights], e.y)?;
        self.u32s(e.choices, rows * e.top_k)?;
        self.f32s(e.weights, rows * e.top_k)?;
        self.f32s(e.x, rows * hidden)?;
        self.f32s(e.y, rows * hidden)
    }

    fn attend(&self, a: &Attention, rows: usize) -> Checked {
        if a.kv_heads == 0 || !a.heads.is_multiple_of(a.kv_heads) {
            return Err(format!("{} query heads share {} heads of keys", a.heads, a.kv_heads));
        }
        if a.window == Some(0) {
            return Err("a window of no position".to_owned());
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
        self.apart(&[a.queries, a.keys.data, a.values.data], a.y)?;
        self.f32s(a.queries, rows * a.heads * a.head_dim)?;
        self.f32s(a.y, rows * a.heads * a.head_dim)
    }
}

/// What has happened before what, as clocks of both queues (Fidge, 1988; Mattern, 1989): entry `[a][b]` is
/// how many steps of queue `b` are known to be done by the last step of queue `a`.
struct Order {
    clocks: [[usize; 2]; 2],
    edges: HashMap<Edge, (Queue, [usize; 2])>,
    slots: HashMap<SlotId, SlotUse>,
}

/// Who wrote a slot and who has read it since, each as a queue and a step of it.
struct SlotUse {
    holds: Option<WeightId>,
    last: Vec<(usize, usize)>,
    written: Option<(usize, usize)>,
}

impl Order {
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

    fn knows(&self, queue: usize, (other, step): (usize, usize)) -> bool {
        self.clocks[queue][other] >= step
    }

    fn run(&mut self, queue: Queue, command: &Command) -> Checked {
        let queue = queue as usize;
        let now = self.tick(queue);
        match command {
            Command::Decode { weight, into } => {
                self.free(queue, *into)?;
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
                    if used.written.is_some_and(|step| !self.knows(queue, step)) {
                        return Err(format!("slot {} is read without waiting for its decoding", slot.0));
                    }
                    if let Some(used) = self.slots.get_mut(&slot) {
                        used.last.push(now);
                    }
                }
            }
            // What such a command leaves in its slots is its own affair.
            Command::Experts(experts) => {
                for &slot in experts.slots.iter().flatten() {
                    self.free(queue, slot)?;
                    self.slots.insert(slot, SlotUse { holds: None, last: Vec::new(), written: Some(now) });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether all that was done with a slot is over.
    fn free(&self, queue: usize, slot: SlotId) -> Checked {
        let Some(used) = self.slots.get(&slot) else { return Ok(()) };
        match used.last.iter().chain(&used.written).all(|&step| self.knows(queue, step)) {
            true => Ok(()),
            false => Err(format!("slot {} is decoded into while it may be in use", slot.0)),
        }
    }

    fn signal(&mut self, queue: Queue, edge: Edge) -> Checked {
        let clock = self.clocks[queue as usize];
        match self.edges.insert(edge, (queue, clock)) {
            Some(_) => Err(format!("edge {} is signalled twice", edge.0)),
            None => Ok(()),
        }
    }

    fn wait(&mut self, queue: Queue, edge: Edge) -> Checked {
        let Some(&(from, clock)) = self.edges.get(&edge) else {
            return Err(format!("edge {} is waited for before it is signalled", edge.0));
        };
        if from == queue {
            return Err(format!("edge {} leads back to its own queue", edge.0));
        }
        let own = &mut self.clocks[queue as usize];
        own.iter_mut().zip(clock).for_each(|(own, theirs)| *own = (*own).max(theirs));
        Ok(())
    }

    /// The end of the program is the end of its compute queue, so that must have waited for all decoding.
    fn joined(&self) -> Checked {
        let decode = Queue::Decode as usize;
        if self.clocks[Queue::Compute as usize][decode] < self.clocks[decode][decode] {
            return Err("decoding is not over when the program ends".to_owned());
        }
        Ok(())
    }
}
