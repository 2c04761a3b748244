//! The steps of a program: the same for every architecture, parameterised by the configuration.

use super::load::{Block, Model, Projection};
use super::ring::Decoding;
use crate::backend::Facts;
use crate::kv::KvViews;
use crate::plan::{Residence, consumption};
use crate::program::{
    Attend, BlockTables, BufferId, Command, Layout, Norm, Operand, Output, Queue, Rows, Step,
};
use ecq_core::Element;

/// Buffers of a step, each `[rows, width]` unless said otherwise.
#[derive(Debug)]
pub(crate) struct Wires {
    pub(crate) tokens: BufferId,
    pub(crate) positions: BufferId,
    pub(crate) sequences: BufferId,
    /// For each group of layers, `[rows, blocks of a sequence]`.
    pub(crate) tables: Vec<BufferId>,
    /// The residual stream.
    x: BufferId,
    /// What a sublayer reads.
    normed: BufferId,
    q: BufferId,
    k: BufferId,
    v: BufferId,
    /// What all heads give.
    heads: BufferId,
    /// What a sublayer gives.
    out: BufferId,
    gate: BufferId,
    up: BufferId,
    pub(crate) rope: Option<Angles>,
    /// For layers with a window, where theirs differ.
    pub(crate) local_rope: Option<Angles>,
    /// Rows whose logits are wanted.
    pub(crate) wanted: BufferId,
    gathered: BufferId,
    pub(crate) logits: BufferId,
    /// `[wanted rows, 5]`.
    pub(crate) draws: BufferId,
    pub(crate) chosen: BufferId,
    /// `[steps, wanted rows]`: tokens of steps that run without the host.
    pub(crate) history: BufferId,
    pub(crate) count: BufferId,
    /// Sources and targets of copied blocks.
    pub(crate) pairs: BufferId,
}

/// Rotary angles.
#[derive(Debug)]
pub(crate) struct Angles {
    table: BufferId,
    pub(crate) frequencies: BufferId,
    count: usize,
    /// Whether each row has frequencies of its own.
    pub(crate) per_row: bool,
    scale: f32,
}

impl Wires {
    /// Adds the buffers to a layout: for `rows` rows, `logits_rows` of logits at once, and `ahead` steps without the host.
    pub(crate) fn new(
        model: &Model,
        views: &KvViews,
        [rows, logits_rows, ahead]: [usize; 3],
        layout: &mut Layout,
    ) -> Self {
        let config = &model.config;
        let angles = |name: &str, rope: &crate::config::Rope, layout: &mut Layout| {
            let (values, scale) = rope.frequencies(1);
            let (count, per_row) = (values.len(), rope.grows());
            let frequencies = if per_row { rows * count } else { count };
            Angles {
                table: layout.buffer(format!("{name}.angles"), Element::F32, rows * 2 * count),
                frequencies: layout.buffer(format!("{name}.frequencies"), Element::F32, frequencies),
                count,
                per_row,
                scale,
            }
        };
        let rope = config.rope.as_ref().map(|rope| angles("rope", rope, layout));
        let local_rope = config.local_rope.as_ref().map(|rope| angles("local_rope", rope, layout));
        let tables = (0..views.groups)
            .map(|group| layout.buffer(format!("tables{group}"), Element::U32, rows * views.table_width));
        let tables = tables.collect();
        let mut u32s = |name: &str, len: usize| layout.buffer(name, Element::U32, len);
        let (tokens, positions) = (u32s("tokens", rows), u32s("positions", rows));
        let (sequences, wanted) = (u32s("sequences", rows), u32s("wanted", rows));
        let (chosen, history) = (u32s("chosen", rows), u32s("history", rows * ahead));
        let (count, pairs) = (u32s("count", 1), u32s("pairs", 2 * rows));
        let mut f32s = |name: &str, width: usize| layout.buffer(name, Element::F32, rows * width);
        Self {
            tokens,
            positions,
            sequences,
            tables,
            x: f32s("x", config.hidden),
            normed: f32s("normed", config.hidden),
            q: f32s("q", config.q_width()),
            k: f32s("k", config.kv_width()),
            v: f32s("v", config.kv_width()),
            heads: f32s("heads", config.q_width()),
            out: f32s("out", config.hidden),
            gate: f32s("gate", config.intermediate),
            up: f32s("up", if config.gated { config.intermediate } else { 1 }),
            rope,
            local_rope,
            wanted,
            gathered: f32s("gathered", config.hidden),
            draws: f32s("draws", crate::sample::Draw::LEN),
            logits: layout.buffer("logits", Element::F32, logits_rows * config.vocabulary),
            chosen,
            history,
            count,
            pairs,
        }
    }
}

/// What becomes of the logits of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tail {
    /// The host reads them.
    Logits,
    /// The likeliest token of each row.
    Argmax,
    /// A token drawn for each row.
    Sample,
    /// The likeliest token of each row, which is the next input of that row.
    Advance,
}

/// Builds the steps of programs of a model.
pub(crate) struct Builder<'a> {
    pub(crate) model: &'a Model,
    pub(crate) facts: &'a Facts,
    pub(crate) wires: &'a Wires,
    pub(crate) views: &'a KvViews,
    pub(crate) rows: usize,
    pub(crate) wanted: usize,
}

impl Builder<'_> {
    /// From the embedding to the logits of the wanted rows, if there are any, and what becomes of them.
    pub(crate) fn step(&self, tail: Tail) -> Vec<Step> {
        let (model, w) = (self.model, self.wires);
        let mut steps = Vec::new();
        let mut decoding = Decoding::new(&model.ring);
        decoding.begin(&mut steps);
        let embed = |table, index, scale, add| Command::Embed { table, index, scale, add, y: w.x };
        compute(&mut steps, embed(model.embedding, w.tokens, model.config.embedding_scale, false));
        if let Some(learned) = model.positions {
            compute(&mut steps, embed(learned, w.positions, 1.0, true));
        }
        for angles in w.rope.iter().chain(&w.local_rope) {
            let &Angles { table, frequencies, count, per_row, scale } = angles;
            let positions = w.positions;
            compute(&mut steps, Command::Angles { positions, frequencies, count, per_row, scale, table });
        }
        for layer in 0..model.blocks.len() {
            decoding.before(layer, &mut steps);
            self.block(layer, &mut steps);
            decoding.after(layer, &mut steps);
        }
        if self.wanted > 0 {
            self.head(tail, &mut steps);
        }
        decoding.end(&mut steps);
        steps
    }

    /// From the residual stream that the last step left to the logits of the wanted rows.
    pub(crate) fn head(&self, tail: Tail, steps: &mut Vec<Step>) {
        let (model, w) = (self.model, self.wires);
        let (hidden, width) = (model.config.hidden, model.config.vocabulary);
        compute(steps, Command::Gather { x: w.x, index: w.wanted, width: hidden, y: w.gathered });
        let (norm, rows, x) = (model.final_norm, Rows::Wanted, w.gathered);
        compute(steps, Command::Norm { norm, rows, heads: 1, x, y: x });
        let operand = Operand::Weight(model.head);
        let consumption = self.consumption(operand, self.wanted);
        let output = Output { operand, consumption, range: 0..width, bias: None, y: w.logits };
        compute(steps, Command::Linear { rows, x, outputs: vec![output] });
        let (logits, draws, y) = (w.logits, w.draws, w.chosen);
        match tail {
            Tail::Logits => {}
            Tail::Argmax | Tail::Advance => compute(steps, Command::Argmax { logits, width, y }),
            Tail::Sample => compute(steps, Command::Sample { logits, width, draws, y }),
        }
        if tail == Tail::Advance {
            let (chosen, index, tokens, positions) = (w.chosen, w.wanted, w.tokens, w.positions);
            let (history, count) = (w.history, w.count);
            compute(steps, Command::Advance { chosen, index, tokens, positions, history, count });
        }
    }

    /// Copies blocks of a group, whose number is that of the batch's rows.
    pub(crate) fn copy_blocks(&self, group: usize) -> Vec<Step> {
        let (config, views, pairs) = (&self.model.config, self.views, self.wires.pairs);
        let (heads, head_dim, block_positions) = (config.kv_heads, config.head_dim, views.block_positions);
        let mut steps = Vec::new();
        for layer in views.layers.iter().filter(|layer| layer.group == group) {
            for cache in [layer.keys, layer.values] {
                compute(&mut steps, Command::CopyBlocks { pairs, block_positions, heads, head_dim, cache });
            }
        }
        steps
    }

    fn consumption(&self, operand: Operand, rows: usize) -> crate::plan::Consumption {
        let info = &self.model.layout.weights[operand.weight().0 as usize];
        let residence = if matches!(operand, Operand::Slot(..)) { Residence::Slot } else { info.residence };
        consumption(residence, info.shape, self.facts, rows).choice
    }

    fn linear(&self, layer: usize, x: BufferId, outputs: &[(&Projection, BufferId)]) -> Command {
        let outputs = outputs.iter().map(|&(projection, y)| {
            let operand = self.model.ring.operand(layer, projection.weight);
            let (range, bias) = (projection.range.clone(), projection.bias);
            Output { operand, consumption: self.consumption(operand, self.rows), range, bias, y }
        });
        Command::Linear { rows: Rows::Batch, x, outputs: outputs.collect() }
    }

    fn block(&self, layer: usize, steps: &mut Vec<Step>) {
        let (config, w, block): (_, _, &Block) = (&self.model.config, self.wires, &self.model.blocks[layer]);
        let norm = |norm: Norm, x, heads, y| Command::Norm { norm, rows: Rows::Batch, heads, x, y };
        let local = config.window_of(layer).and(w.local_rope.as_ref());
        let angles = local.or(w.rope.as_ref());
        let cache = &self.views.layers[layer];
        let tables = BlockTables {
            tables: w.tables[cache.group],
            width: self.views.table_width,
            sequences: w.sequences,
            block_positions: self.views.block_positions,
        };

        compute(steps, norm(block.attention_norm, w.x, 1, w.normed));
        compute(steps, self.linear(layer, w.normed, &[(&block.q, w.q), (&block.k, w.k), (&block.v, w.v)]));
        for (head_norm, x, heads) in [(block.q_norm, w.q, config.heads), (block.k_norm, w.k, config.kv_heads)]
        {
            if let Some(head_norm) = head_norm {
                compute(steps, norm(head_norm, x, heads, x));
            }
            if let Some(&Angles { table, count: frequencies, .. }) = angles {
                let (head_dim, pairs) = (config.head_dim, self.model.pairs);
                compute(steps, Command::Rotate { x, heads, head_dim, table, frequencies, pairs });
            }
        }
        let (heads, head_dim, positions) = (config.kv_heads, config.head_dim, w.positions);
        for (x, cache) in [(w.k, cache.keys), (w.v, cache.values)] {
            compute(steps, Command::Append { x, heads, head_dim, positions, tables, cache });
        }
        let attend = Attend {
            queries: w.q,
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_dim,
            keys: cache.keys,
            values: cache.values,
            tables,
            positions,
            window: config.window_of(layer),
            scale: config.attention_scale,
            y: w.heads,
        };
        compute(steps, Command::Attend(Box::new(attend)));
        compute(steps, self.linear(layer, w.heads, &[(&block.o, w.out)]));
        self.add(block.attention_output_norm, steps);

        compute(steps, norm(block.mlp_norm, w.x, 1, w.normed));
        let (activation, x, width) = (config.activation, w.gate, config.intermediate);
        let up = match &block.gate {
            Some(gate) => {
                compute(steps, self.linear(layer, w.normed, &[(gate, w.gate), (&block.up, w.up)]));
                Some(w.up)
            }
            None => {
                compute(steps, self.linear(layer, w.normed, &[(&block.up, w.gate)]));
                None
            }
        };
        compute(steps, Command::Activate { activation, x, up, width });
        compute(steps, self.linear(layer, w.gate, &[(&block.down, w.out)]));
        self.add(block.mlp_output_norm, steps);
    }

    /// The output of a sublayer, normed where the architecture does that, onto the residual stream.
    fn add(&self, norm: Option<Norm>, steps: &mut Vec<Step>) {
        let w = self.wires;
        let x = match norm {
            Some(norm) => {
                let (x, y) = (w.out, w.normed);
                compute(steps, Command::Norm { norm, rows: Rows::Batch, heads: 1, x, y });
                w.normed
            }
            None => w.out,
        };
        compute(steps, Command::Add { x, y: w.x, width: self.model.config.hidden });
    }
}

fn compute(steps: &mut Vec<Step>, command: Command) {
    steps.push(Step::Run(Queue::Compute, command));
}
