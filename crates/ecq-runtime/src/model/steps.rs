//! The steps of a program, from the specification of the architecture.

use super::load::Model;
use super::ring::Decoding;
use crate::arch::{
    AttentionSpec, Config, ExpertsSpec, FeedForwardSpec, LinearSpec, Mixer, NormKind, NormSpec, Rotary,
    Routing,
};
use crate::backend::DeviceInfo;
use crate::kv::KvViews;
use crate::plan::{Residence, consumption};
use crate::program::{
    Attention, BlockTables, BufferId, Command, ExpertWeights, Experts, Layout, Norm, Operand, Output, Queue,
    Rows, Step, WeightId,
};
use ecq_core::Element;

/// Buffers of a step, each `[rows, width]` unless said otherwise.
#[derive(Debug)]
pub(crate) struct StepBuffers {
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
    experts: Option<ExpertWires>,
    pub(crate) rope: Option<RotaryAngles>,
    /// For layers with a window, where theirs differ.
    pub(crate) local_rope: Option<RotaryAngles>,
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

/// Buffers of layers with experts.
#[derive(Debug)]
struct ExpertWires {
    /// `[rows, experts]`.
    scores: BufferId,
    /// `[rows, experts of a row]`.
    choices: BufferId,
    /// As `choices`.
    weights: BufferId,
}

/// Widths of activations: the largest of all blocks.
#[derive(Default)]
struct Widths {
    q: usize,
    kv: usize,
    inner: usize,
    experts: usize,
    top_k: usize,
}

impl Widths {
    fn of(config: &Config) -> Self {
        let mut widths = Self::default();
        for sublayer in config.blocks.iter().flat_map(|block| &block.sublayers) {
            match &sublayer.mixer {
                Mixer::Attention(AttentionSpec { q, k, .. }) => {
                    widths.q = widths.q.max(q.rows.len());
                    widths.kv = widths.kv.max(k.rows.len());
                }
                Mixer::Dense(dense) => widths.inner = widths.inner.max(dense.inner()),
                Mixer::Experts(ExpertsSpec { routing: Routing { top_k, .. }, experts, .. }) => {
                    widths.experts = widths.experts.max(experts.len());
                    widths.top_k = widths.top_k.max(*top_k);
                }
            }
        }
        widths
    }
}

/// Rotary angles.
#[derive(Debug)]
pub(crate) struct RotaryAngles {
    table: BufferId,
    pub(crate) frequencies: BufferId,
    count: usize,
    /// Whether each row has frequencies of its own.
    pub(crate) per_row: bool,
    scale: f32,
}

impl StepBuffers {
    /// Adds the buffers to a layout: for `rows` rows, `logits_rows` of logits at once, and `ahead` steps
    /// without the host.
    pub(crate) fn new(
        model: &Model,
        views: &KvViews,
        [rows, logits_rows, ahead]: [usize; 3],
        layout: &mut Layout,
    ) -> Self {
        let config = &model.config;
        let angles = |name: &str, rope: &crate::arch::Rope, layout: &mut Layout| {
            let (values, scale) = rope.frequencies(1);
            let (count, per_row) = (values.len(), rope.grows());
            let frequencies = if per_row { rows * count } else { count };
            RotaryAngles {
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
        let widths = Widths::of(config);
        let experts = (widths.experts > 0).then(|| ExpertWires {
            scores: layout.buffer("scores", Element::F32, rows * widths.experts),
            choices: layout.buffer("choices", Element::U32, rows * widths.top_k),
            weights: layout.buffer("expert weights", Element::F32, rows * widths.top_k),
        });
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
            q: f32s("q", widths.q),
            k: f32s("k", widths.kv),
            v: f32s("v", widths.kv),
            heads: f32s("heads", widths.q),
            out: f32s("out", config.hidden),
            gate: f32s("gate", widths.inner),
            up: f32s("up", widths.inner),
            experts,
            rope,
            local_rope,
            wanted,
            gathered: f32s("gathered", config.hidden),
            draws: f32s("draws", crate::sample::SamplingParams::LEN),
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
pub(crate) enum LogitsUse {
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
    pub(crate) facts: &'a DeviceInfo,
    pub(crate) wires: &'a StepBuffers,
    pub(crate) views: &'a KvViews,
    pub(crate) rows: usize,
    pub(crate) wanted: usize,
}

impl Builder<'_> {
    /// From the embedding to the logits of the wanted rows, if there are any, and what becomes of them.
    pub(crate) fn step(&self, tail: LogitsUse) -> Vec<Step> {
        let (model, w) = (self.model, self.wires);
        let mut steps = Vec::new();
        let mut decoding = Decoding::new(&model.ring);
        decoding.begin(&mut steps);
        let embed = |table, index, scale, add| Command::Embed { table, index, scale, add, y: w.x };
        let (config, id) = (&model.config, |name: &String| model.ids.weights[name]);
        compute(&mut steps, embed(id(&config.embedding), w.tokens, config.embedding_scale, false));
        if let Some(learned) = &config.positions {
            compute(&mut steps, embed(id(learned), w.positions, 1.0, true));
        }
        for angles in w.rope.iter().chain(&w.local_rope) {
            let &RotaryAngles { table, frequencies, count, per_row, scale } = angles;
            let positions = w.positions;
            compute(
                &mut steps,
                Command::RotaryAngles { positions, frequencies, count, per_row, scale, table },
            );
        }
        let mut attention = 0;
        for layer in 0..config.blocks.len() {
            decoding.before(layer, &mut steps);
            self.block(layer, &mut attention, &mut steps);
            decoding.after(layer, &mut steps);
        }
        if self.wanted > 0 {
            self.head(tail, &mut steps);
        }
        decoding.end(&mut steps);
        steps
    }

    /// From the residual stream that the last step left to the logits of the wanted rows.
    pub(crate) fn head(&self, tail: LogitsUse, steps: &mut Vec<Step>) {
        let (model, w) = (self.model, self.wires);
        let (hidden, width) = (model.config.hidden, model.config.vocabulary);
        compute(steps, Command::Gather { x: w.x, index: w.wanted, width: hidden, y: w.gathered });
        let (norm, rows, x) = (self.norm(&model.config.final_norm), Rows::LogitsSelection, w.gathered);
        compute(steps, Command::Norm { norm, rows, heads: 1, x, y: x });
        let head = model.config.head.as_ref().unwrap_or(&model.config.embedding);
        let operand = Operand::Weight(model.ids.weights[head]);
        let consumption = self.consumption(operand, self.wanted);
        let output = Output { operand, consumption, range: 0..width, bias: None, y: w.logits };
        compute(steps, Command::Linear { rows, x, outputs: vec![output] });
        let (logits, draws, y) = (w.logits, w.draws, w.chosen);
        match tail {
            LogitsUse::Logits => {}
            LogitsUse::Argmax | LogitsUse::Advance => compute(steps, Command::Argmax { logits, width, y }),
            LogitsUse::Sample => compute(steps, Command::Sample { logits, width, draws, y }),
        }
        if tail == LogitsUse::Advance {
            let (chosen, index, tokens, positions) = (w.chosen, w.wanted, w.tokens, w.positions);
            let (history, count) = (w.history, w.count);
            compute(steps, Command::Advance { chosen, index, tokens, positions, history, count });
        }
    }

    /// Copies blocks of a group, whose number is that of the batch's rows.
    pub(crate) fn copy_blocks(&self, group: usize) -> Vec<Step> {
        let (views, pairs) = (self.views, self.wires.pairs);
        let block_positions = views.block_positions;
        let mut steps = Vec::new();
        for layer in views.layers.iter().filter(|layer| layer.group == group) {
            let (heads, head_dim) = (layer.kv_heads, layer.head_dim);
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

    fn norm(&self, spec: &NormSpec) -> Norm {
        let id = |name: String| self.model.ids.vectors[&(name, 0)];
        let (weight, eps) = (id(spec.weight()), spec.eps);
        match spec.kind {
            NormKind::Rms => Norm::Rms { weight, eps },
            NormKind::Layer => Norm::Layer { weight, bias: id(spec.bias_name()), eps },
        }
    }

    fn weight(&self, spec: &LinearSpec) -> WeightId {
        self.model.ids.weights[&spec.weight()]
    }

    fn linear(&self, layer: usize, x: BufferId, outputs: &[(&LinearSpec, BufferId)]) -> Command {
        let outputs = outputs.iter().map(|&(spec, y)| {
            let operand = self.model.ring.operand(layer, self.weight(spec));
            let bias = spec.bias.then(|| self.model.ids.vectors[&(spec.bias_name(), spec.rows.start)]);
            let consumption = self.consumption(operand, self.rows);
            Output { operand, consumption, range: spec.rows.clone(), bias, y }
        });
        Command::Linear { rows: Rows::Batch, x, outputs: outputs.collect() }
    }

    /// The steps of a block; `attention` counts attention layers.
    fn block(&self, layer: usize, attention: &mut usize, steps: &mut Vec<Step>) {
        let (hidden, w) = (self.model.config.hidden, self.wires);
        for sublayer in &self.model.config.blocks[layer].sublayers {
            let (rows, heads) = (Rows::Batch, 1);
            let norm = self.norm(&sublayer.norm);
            compute(steps, Command::Norm { norm, rows, heads, x: w.x, y: w.normed });
            match &sublayer.mixer {
                Mixer::Attention(spec) => {
                    self.attention(layer, spec, *attention, steps);
                    *attention += 1;
                }
                Mixer::Dense(spec) => self.feed_forward(layer, spec, steps),
                Mixer::Experts(spec) => self.experts(layer, spec, steps),
            }
            let x = match &sublayer.output_norm {
                Some(norm) => {
                    let norm = self.norm(norm);
                    compute(steps, Command::Norm { norm, rows, heads, x: w.out, y: w.normed });
                    w.normed
                }
                None => w.out,
            };
            compute(steps, Command::Add { x, scale: sublayer.residual_scale, y: w.x, width: hidden });
        }
    }

    fn attention(&self, layer: usize, spec: &AttentionSpec, number: usize, steps: &mut Vec<Step>) {
        let w = self.wires;
        let cache = &self.views.layers[number];
        let &AttentionSpec { heads, kv_heads, head_dim, window, scale, .. } = spec;
        let angles = match spec.rotary {
            Rotary::None => None,
            Rotary::Global => w.rope.as_ref(),
            Rotary::Local => w.local_rope.as_ref(),
        };
        let tables = BlockTables {
            tables: w.tables[cache.group],
            width: self.views.table_width,
            sequences: w.sequences,
            block_positions: self.views.block_positions,
        };
        compute(steps, self.linear(layer, w.normed, &[(&spec.q, w.q), (&spec.k, w.k), (&spec.v, w.v)]));
        for (head_norm, x, heads) in [(&spec.q_norm, w.q, heads), (&spec.k_norm, w.k, kv_heads)] {
            if let Some(head_norm) = head_norm {
                let norm = self.norm(head_norm);
                compute(steps, Command::Norm { norm, rows: Rows::Batch, heads, x, y: x });
            }
            if let Some(&RotaryAngles { table, count: frequencies, .. }) = angles {
                let pairs = self.model.pairs;
                compute(steps, Command::Rotate { x, heads, head_dim, table, frequencies, pairs });
            }
        }
        let positions = w.positions;
        for (x, cache) in [(w.k, cache.keys), (w.v, cache.values)] {
            let heads = kv_heads;
            compute(steps, Command::Append { x, heads, head_dim, positions, tables, cache });
        }
        let (keys, values) = (cache.keys, cache.values);
        let attend = Attention {
            queries: w.q,
            heads,
            kv_heads,
            head_dim,
            keys,
            values,
            tables,
            positions,
            window,
            scale,
            y: w.heads,
        };
        compute(steps, Command::Attention(Box::new(attend)));
        compute(steps, self.linear(layer, w.heads, &[(&spec.o, w.out)]));
    }

    fn feed_forward(&self, layer: usize, spec: &FeedForwardSpec, steps: &mut Vec<Step>) {
        let w = self.wires;
        let (activation, x, width) = (spec.activation, w.gate, spec.inner());
        let up = match &spec.gate {
            Some(gate) => {
                compute(steps, self.linear(layer, w.normed, &[(gate, w.gate), (&spec.up, w.up)]));
                Some(w.up)
            }
            None => {
                compute(steps, self.linear(layer, w.normed, &[(&spec.up, w.gate)]));
                None
            }
        };
        compute(steps, Command::Activate { activation, x, up, width });
        compute(steps, self.linear(layer, w.gate, &[(&spec.down, w.out)]));
    }

    fn experts(&self, layer: usize, spec: &ExpertsSpec, steps: &mut Vec<Step>) {
        let w = self.wires;
        let (routing, experts) = (spec.routing, spec.experts.len());
        let Some(wires) = &w.experts else { return };
        let &ExpertWires { scores: logits, choices, weights } = wires;
        compute(steps, self.linear(layer, w.normed, &[(&spec.router, logits)]));
        compute(steps, Command::Route { logits, experts, routing, choices, weights });
        let one = |spec: &FeedForwardSpec| ExpertWeights {
            gate: spec.gate.as_ref().map(|gate| self.weight(gate)),
            up: self.weight(&spec.up),
            down: self.weight(&spec.down),
        };
        let Some(activation) = spec.experts.first().map(|expert| expert.activation) else { return };
        let (experts, slots) = (spec.experts.iter().map(one).collect(), self.model.expert_slots.clone());
        let (x, y, top_k) = (w.normed, w.out, routing.top_k);
        let experts = Experts { x, choices, weights, top_k, experts, slots, activation, y };
        compute(steps, Command::Experts(Box::new(experts)));
    }
}

fn compute(steps: &mut Vec<Step>, command: Command) {
    steps.push(Step::Run(Queue::Compute, command));
}
