//! A layout without a device, and a sound command of every kind whose buffers are as long as they must be and
//! no longer.

use ecq_core::{Activation, Element, RotaryPairs};
use ecq_runtime::arch::Routing;
use ecq_runtime::program::{
    Attention, BlockTables, BufferId, CacheView, Command, ExpertWeights, Experts, Layout, Norm, Operand,
    Output, Program, Rows, SlotId, Step, WeightId, WeightInfo,
};
use ecq_runtime::{Consumption, Residence, RuntimeError};
use std::sync::Arc;

/// Rows of the batch, wanted rows.
pub(super) const ROWS: [usize; 2] = [3, 2];
/// Bytes of the slots.
pub(super) const SLOT_BYTES: usize = 64;

/// Things that programs name.
pub(super) struct World {
    pub(super) layout: Layout,
    /// `[5, 4]`, packed.
    pub(super) plain: WeightId,
    /// `[5, 4]`, decoded into slots.
    pub(super) slotted: [WeightId; 2],
    pub(super) slots: [SlotId; 2],
}

/// A buffer of a command.
pub(super) struct Wire<'a> {
    pub(super) id: &'a mut BufferId,
    pub(super) written: bool,
}

impl World {
    pub(super) fn new() -> Self {
        let mut layout = Layout::default();
        let mut weight = |name: &str, residence, slot_bytes| {
            layout.weight(WeightInfo { name: name.to_owned(), shape: [5, 4], residence, slot_bytes })
        };
        let plain = weight("plain", Residence::Packed, 0);
        let slotted = ["slotted", "other"].map(|name| weight(name, Residence::Slot, SLOT_BYTES));
        let slots = ["first slot", "second slot"].map(|name| layout.slot(name, SLOT_BYTES));
        Self { layout, plain, slotted, slots }
    }

    pub(super) fn weight(&mut self, shape: [usize; 2], residence: Residence, slot_bytes: usize) -> WeightId {
        let name = format!("weight {}", self.layout.weights.len());
        self.layout.weight(WeightInfo { name, shape, residence, slot_bytes })
    }

    pub(super) fn buffer(&mut self, element: Element, len: usize) -> BufferId {
        self.layout.buffer(format!("buffer {}", self.layout.buffers.len()), element, len)
    }

    fn f32s(&mut self, len: usize) -> BufferId {
        self.buffer(Element::F32, len)
    }

    fn u32s(&mut self, len: usize) -> BufferId {
        self.buffer(Element::U32, len)
    }

    pub(super) fn program(
        &self,
        decoded: &[(SlotId, WeightId)],
        steps: Vec<Step>,
    ) -> Result<Program, RuntimeError> {
        self.program_of(ROWS, decoded, steps)
    }

    pub(super) fn program_of(
        &self,
        rows: [usize; 2],
        decoded: &[(SlotId, WeightId)],
        steps: Vec<Step>,
    ) -> Result<Program, RuntimeError> {
        Program::new("a test", Arc::new(self.layout.clone()), rows, decoded, steps)
    }

    /// A product with all rows of a weight.
    pub(super) fn output(&mut self, operand: Operand) -> Output {
        let y = self.f32s(ROWS[0] * 5);
        Output { operand, consumption: Consumption::PackedGemm, range: 0..5, bias: None, y }
    }

    /// A product with what is in a slot.
    pub(super) fn linear_of(&mut self, slot: SlotId, weight: WeightId) -> Command {
        let outputs = vec![self.output(Operand::Slot(slot, weight))];
        Command::Linear { rows: Rows::Batch, x: self.f32s(ROWS[0] * 4), outputs }
    }

    pub(super) fn linear(&mut self) -> (BufferId, Vec<Output>) {
        let bias = Some(self.f32s(5));
        let first = Output { bias, ..self.output(Operand::Weight(self.plain)) };
        let second = self.output(Operand::Weight(self.plain));
        (self.f32s(ROWS[0] * 4), vec![first, second])
    }

    pub(super) fn cache(&mut self, element: Element) -> CacheView {
        // Two blocks of eight positions of two heads of four values.
        let data = self.buffer(element, 2 * 8 * 2 * 4);
        let scales = (element == Element::I8).then(|| self.buffer(Element::Bf16, 2 * 8 * 2));
        CacheView { data, scales }
    }

    fn tables(&mut self) -> BlockTables {
        let (tables, sequences) = (self.u32s(2), self.u32s(ROWS[0]));
        BlockTables { tables, width: 2, sequences, block_positions: 8 }
    }

    pub(super) fn append(&mut self, element: Element) -> Command {
        let (x, positions) = (self.f32s(ROWS[0] * 8), self.u32s(ROWS[0]));
        let (tables, cache) = (self.tables(), self.cache(element));
        Command::Append { x, heads: 2, head_dim: 4, positions, tables, cache }
    }

    pub(super) fn attend(&mut self, element: Element) -> Attention {
        let (queries, y) = (self.f32s(ROWS[0] * 16), self.f32s(ROWS[0] * 16));
        let (keys, values) = (self.cache(element), self.cache(element));
        let (tables, positions) = (self.tables(), self.u32s(ROWS[0]));
        let (heads, kv_heads, head_dim, window, scale) = (4, 2, 4, Some(3), 0.5);
        Attention { queries, heads, kv_heads, head_dim, keys, values, tables, positions, window, scale, y }
    }

    /// Two experts of two matrices, and sets of slots for them.
    pub(super) fn experts(&mut self, residence: Residence, sets: usize) -> Experts {
        let batch = ROWS[0];
        let bytes = if residence == Residence::Slot { SLOT_BYTES } else { 0 };
        let experts = [(); 2].map(|()| ExpertWeights {
            gate: None,
            up: self.weight([5, 4], residence, bytes),
            down: self.weight([4, 5], residence, bytes),
        });
        let mut slot = |i: usize| self.layout.slot(format!("expert slot {i}"), SLOT_BYTES);
        let slots = (0..sets).map(|set| vec![slot(2 * set), slot(2 * set + 1)]).collect();
        let (x, y) = (self.f32s(batch * 4), self.f32s(batch * 4));
        let (choices, weights) = (self.u32s(batch * 2), self.f32s(batch * 2));
        let (top_k, activation, experts) = (2, Activation::Silu, experts.to_vec());
        Experts { x, choices, weights, top_k, experts, slots, activation, y }
    }

    /// One of every kind that runs on the compute queue.
    pub(super) fn sound(&mut self) -> Vec<Command> {
        let [batch, wanted] = ROWS;
        let (activation, pairs) = (Activation::Silu, RotaryPairs::Halves);
        let mut commands = Vec::new();
        let (index, y) = (self.u32s(batch), self.f32s(batch * 4));
        commands.push(Command::Embed { table: self.plain, index, scale: 1.0, add: true, y });
        let (weight, bias) = (self.f32s(4), self.f32s(4));
        for (norm, rows, heads) in [
            (Norm::Rms { weight, eps: 0.0 }, Rows::Batch, 2),
            (Norm::Layer { weight, bias, eps: 0.0 }, Rows::LogitsSelection, 1),
        ] {
            let len = 4 * heads * if rows == Rows::Batch { batch } else { wanted };
            commands.push(Command::Norm { norm, rows, heads, x: self.f32s(len), y: self.f32s(len) });
        }
        let (x, outputs) = self.linear();
        commands.push(Command::Linear { rows: Rows::Batch, x, outputs });
        for per_row in [false, true] {
            let (positions, count) = (self.u32s(batch), 2);
            let frequencies = self.f32s(if per_row { 2 * batch } else { 2 });
            let table = self.f32s(batch * 4);
            commands.push(Command::RotaryAngles {
                positions,
                frequencies,
                count,
                per_row,
                scale: 1.0,
                table,
            });
        }
        let (x, table) = (self.f32s(batch * 8), self.f32s(batch * 4));
        commands.push(Command::Rotate { x, heads: 2, head_dim: 4, table, frequencies: 2, pairs });
        for element in [Element::F32, Element::F16, Element::Bf16, Element::I8] {
            commands.push(self.append(element));
            commands.push(Command::Attention(Box::new(self.attend(element))));
            let (pairs, cache) = (self.u32s(2 * batch), self.cache(element));
            commands.push(Command::CopyBlocks { pairs, block_positions: 8, heads: 2, head_dim: 4, cache });
        }
        let up = Some(self.f32s(batch * 6));
        commands.push(Command::Activate { activation, x: self.f32s(batch * 6), up, width: 6 });
        commands.push(Command::Add {
            x: self.f32s(batch * 6),
            scale: 0.5,
            y: self.f32s(batch * 6),
            width: 6,
        });
        let (logits, choices, weights) = (self.f32s(batch * 7), self.u32s(batch * 2), self.f32s(batch * 2));
        let routing = Routing { top_k: 2, renormalize: true };
        commands.push(Command::Route { logits, experts: 7, routing, choices, weights });
        commands.push(Command::Experts(Box::new(self.experts(Residence::Packed, 0))));
        commands.push(Command::Experts(Box::new(self.experts(Residence::Slot, 2))));
        let (x, index, y) = (self.f32s(batch * 6), self.u32s(wanted), self.f32s(wanted * 6));
        commands.push(Command::Gather { x, index, width: 6, y });
        let (logits, draws) = (self.f32s(wanted * 7), self.f32s(wanted * 5));
        commands.push(Command::Argmax { logits, width: 7, y: self.u32s(wanted) });
        commands.push(Command::Sample { logits, width: 7, draws, y: self.u32s(wanted) });
        let (chosen, index) = (self.u32s(wanted), self.u32s(wanted));
        let (tokens, positions) = (self.u32s(batch), self.u32s(batch));
        let (history, count) = (self.u32s(wanted), self.u32s(1));
        commands.push(Command::Advance { chosen, index, tokens, positions, history, count });
        commands
    }
}

/// The buffers of a command, in no order that matters.
pub(super) fn wires(command: &mut Command) -> Vec<Wire<'_>> {
    let (mut read, mut written) = (Vec::new(), Vec::new());
    match command {
        Command::Embed { index, y, .. } => (read, written) = (vec![index], vec![y]),
        Command::Norm { norm, x, y, .. } => {
            match norm {
                Norm::Rms { weight, .. } => read.push(weight),
                Norm::Layer { weight, bias, .. } => read.extend([weight, bias]),
            }
            read.push(x);
            written.push(y);
        }
        Command::Linear { x, outputs, .. } => {
            read.push(x);
            for Output { bias, y, .. } in outputs {
                read.extend(bias);
                written.push(y);
            }
        }
        Command::RotaryAngles { positions, frequencies, table, .. } => {
            (read, written) = (vec![positions, frequencies], vec![table]);
        }
        Command::Rotate { x, table, .. } => (read, written) = (vec![table], vec![x]),
        Command::Append { x, positions, tables, cache, .. } => {
            read = vec![x, positions, &mut tables.tables, &mut tables.sequences];
            written.push(&mut cache.data);
            written.extend(&mut cache.scales);
        }
        Command::Attention(attend) => {
            let Attention { queries, keys, values, tables, positions, y, .. } = &mut **attend;
            read = vec![queries, positions, &mut tables.tables, &mut tables.sequences];
            for cache in [keys, values] {
                read.push(&mut cache.data);
                read.extend(&mut cache.scales);
            }
            written.push(y);
        }
        Command::Activate { x, up, .. } => {
            read.extend(up);
            written.push(x);
        }
        Command::Route { logits, choices, weights, .. } => {
            (read, written) = (vec![logits], vec![choices, weights]);
        }
        Command::Experts(experts) => {
            let Experts { x, choices, weights, y, .. } = &mut **experts;
            (read, written) = (vec![x, choices, weights], vec![y]);
        }
        Command::Add { x, y, .. } => (read, written) = (vec![x], vec![y]),
        Command::Gather { x, index, y, .. } => (read, written) = (vec![x, index], vec![y]),
        Command::Argmax { logits, y, .. } => (read, written) = (vec![logits], vec![y]),
        Command::Sample { logits, draws, y, .. } => (read, written) = (vec![logits, draws], vec![y]),
        Command::Advance { chosen, index, tokens, positions, history, count } => {
            (read, written) = (vec![chosen, index], vec![tokens, positions, history, count]);
        }
        Command::CopyBlocks { pairs, cache, .. } => {
            read.push(pairs);
            written.push(&mut cache.data);
            written.extend(&mut cache.scales);
        }
        Command::Decode { .. } => {}
    }
    let read = read.into_iter().map(|id| Wire { id, written: false });
    read.chain(written.into_iter().map(|id| Wire { id, written: true })).collect()
}
