//! Builds the steps of a program from the specification of an architecture.

use super::load::Model;
use super::slots::DecodeScheduler;
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

/// Buffers of a step, `[rows, width]` unless stated otherwise.
#[derive(Debug)]
pub(crate) struct StepBuffers {
    pub(crate) tokens: BufferId,
    pub(crate) positions: BufferId,
    pub(crate) sequences: BufferId,
    /// Block tables of each group of layers, `[rows, blocks of a sequence]`.
    pub(crate) tables: Vec<BufferId>,
    /// The residual stream.
    x: BufferId,
    /// Input of a sublayer.
    normed: BufferId,
    q: BufferId,
    k: BufferId,
    v: BufferId,
    /// Attention output of all heads.
    heads: BufferId,
    /// Output of a sublayer.
    out: BufferId,
    gate: BufferId,
    up: BufferId,
    experts: Option<ExpertBuffers>,
    pub(crate) rope: Option<RotaryAngles>,
    /// Angles of layers with a window, if they differ.
    pub(crate) local_rope: Option<RotaryAngles>,
    /// Indices of the rows whose logits are computed.
    pub(crate) logits_rows: BufferId,
    /// Hidden states of the rows whose logits are computed, after the last norm.
    pub(crate) states: BufferId,
    pub(crate) logits: BufferId,
    /// `[logits rows, 5]`.
    pub(crate) sampling_params: BufferId,
    pub(crate) chosen: BufferId,
    /// Tokens of multi-step decoding, `[steps, logits rows]`.
    pub(crate) history: BufferId,
    pub(crate) count: BufferId,
    /// Source and target blocks of copies.
    pub(crate) pairs: BufferId,
}

/// Buffers of expert layers.
#[derive(Debug)]
struct ExpertBuffers {
    /// `[rows, experts]`.
    scores: BufferId,
    /// `[rows, top_k]`.
    choices: BufferId,
    /// `[rows, top_k]`.
    weights: BufferId,
}

/// Widths of the activations: the maximum over all blocks.
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

/// Buffers and parameters of rotary angles.
#[derive(Debug)]
pub(crate) struct RotaryAngles {
    table: BufferId,
    pub(crate) frequencies: BufferId,
    count: usize,
    /// Whether each row has its own frequencies.
    pub(crate) per_row: bool,
    scale: f32,
}

impl StepBuffers {
    /// Adds the buffers to a layout, for up to `rows` rows, `max_logits_rows` logits rows at once, and
    /// `ahead` steps of multi-step decoding.
    pub(crate) fn new(
        model: &Model,
        views: &KvViews,
        [rows, max_logits_rows, ahead]: [usize; 3],
        layout: &mut Layout,
    ) -> Self {
        let config = &model.config;
        let angles = |name: &str, rope: &crate::arch::Rope, layout: &mut Layout| {
            let (values, scale) = rope.frequencies(1);
            let (count, per_row) = (values.len(), rope.depends_on_length());
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
        let experts = (widths.experts > 0).then(|| ExpertBuffers {
            scores: layout.buffer("scores", Element::F32, rows * widths.experts),
            choices: layout.buffer("choices", Element::U32, rows * widths.top_k),
            weights: layout.buffer("expert weights", Element::F32, rows * widths.top_k),
        });
        let mut u32s = |name: &str, len: usize| layout.buffer(name, Element::U32, len);
        let (tokens, positions) = (u32s("tokens", rows), u32s("positions", rows));
        let (sequences, logits_rows) = (u32s("sequences", rows), u32s("logits_rows", rows));
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
            logits_rows,
            states: f32s("states", config.hidden),
            sampling_params: f32s("sampling_params", crate::sample::SamplingParams::LEN),
            logits: layout.buffer("logits", Element::F32, max_logits_rows * config.vocabulary),
            chosen,
            history,
            count,
            pairs,
        }
    }
}

/// Use of the logits of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LogitsUse {
    /// They are not computed; the host reads the hidden states that the head would get.
    None,
    /// The host reads them.
    Logits,
    /// The most likely token of each row is chosen.
    Argmax,
    /// A token of each row is sampled.
    Sample,
    /// The most likely token of each row becomes the row's next input.
    Advance,
}

/// Builds the steps of a model's programs.
pub(crate) struct Builder<'a> {
    pub(crate) model: &'a Model,
    pub(crate) device: &'a DeviceInfo,
    pub(crate) buffers: &'a StepBuffers,
    pub(crate) views: &'a KvViews,
    pub(crate) rows: usize,
    pub(crate) logits_rows: usize,
}

impl Builder<'_> {
    /// Builds a whole step: from the embedding to the logits and their use.
    pub(crate) fn step(&self, logits_use: LogitsUse) -> Vec<Step> {
        let (model, b) = (self.model, self.buffers);
        let mut steps = Vec::new();
        let mut scheduler = DecodeScheduler::new(&model.block_slots);
        scheduler.begin(&mut steps);
        let embed = |table, index, scale, add| Command::Embed { table, index, scale, add, y: b.x };
        let (config, id) = (&model.config, |name: &String| model.ids.weights[name]);
        compute(&mut steps, embed(id(&config.embedding), b.tokens, config.embedding_scale, false));
        if let Some(learned) = &config.positions {
            compute(&mut steps, embed(id(learned), b.positions, 1.0, true));
        }
        for angles in b.rope.iter().chain(&b.local_rope) {
            let &RotaryAngles { table, frequencies, count, per_row, scale } = angles;
            let positions = b.positions;
            compute(
                &mut steps,
                Command::RotaryAngles { positions, frequencies, count, per_row, scale, table },
            );
        }
        let mut attention = 0;
        for layer in 0..config.blocks.len() {
            scheduler.before(layer, &mut steps);
            self.block(layer, &mut attention, &mut steps);
            scheduler.after(layer, &mut steps);
        }
        if self.logits_rows > 0 {
            self.head(logits_use, &mut steps);
        }
        scheduler.end(&mut steps);
        steps
    }

    /// Builds the head: from the residual stream of the last step to the logits and their use.
    pub(crate) fn head(&self, logits_use: LogitsUse, steps: &mut Vec<Step>) {
        let (model, b) = (self.model, self.buffers);
        let (hidden, width) = (model.config.hidden, model.config.vocabulary);
        compute(steps, Command::Gather { x: b.x, index: b.logits_rows, width: hidden, y: b.states });
        let (norm, rows, x) = (self.norm(&model.config.final_norm), Rows::Logits, b.states);
        compute(steps, Command::Norm { norm, rows, heads: 1, x, y: x });
        if logits_use == LogitsUse::None {
            return;
        }
        let head = model.config.head.as_ref().unwrap_or(&model.config.embedding);
        let operand = Operand::Weight(model.ids.weights[head]);
        let consumption = self.consumption(operand, self.logits_rows);
        let output = Output { operand, consumption, range: 0..width, bias: None, y: b.logits };
        compute(steps, Command::Linear { rows, x, outputs: vec![output] });
        let (logits, params, y) = (b.logits, b.sampling_params, b.chosen);
        match logits_use {
            LogitsUse::None | LogitsUse::Logits => {}
            LogitsUse::Argmax | LogitsUse::Advance => compute(steps, Command::Argmax { logits, width, y }),
            LogitsUse::Sample => compute(steps, Command::Sample { logits, width, params, y }),
        }
        if logits_use == LogitsUse::Advance {
            let (chosen, index, tokens, positions) = (b.chosen, b.logits_rows, b.tokens, b.positions);
            let (history, count) = (b.history, b.count);
            compute(steps, Command::Advance { chosen, index, tokens, positions, history, count });
        }
    }

    /// Builds copies of cache blocks of a group; the batch rows are the copies.
    pub(crate) fn copy_blocks(&self, group: usize) -> Vec<Step> {
        let (views, pairs) = (self.views, self.buffers.pairs);
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
        consumption(residence, info.shape, self.device, rows).choice
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
            let operand = self.model.block_slots.operand(layer, self.weight(spec));
            let bias = spec.bias.then(|| self.model.ids.vectors[&(spec.bias_name(), spec.rows.start)]);
            let consumption = self.consumption(operand, self.rows);
            Output { operand, consumption, range: spec.rows.clone(), bias, y }
        });
        Command::Linear { rows: Rows::Batch, x, outputs: outputs.collect() }
    }

    /// Builds a block. `attention` counts the attention layers.
    fn block(&self, layer: usize, attention: &mut usize, steps: &mut Vec<Step>) {
        let (hidden, b) = (self.model.config.hidden, self.buffers);
        for sublayer in &self.model.config.blocks[layer].sublayers {
            let (rows, heads) = (Rows::Batch, 1);
            let norm = self.norm(&sublayer.norm);
            compute(steps, Command::Norm { norm, rows, heads, x: b.x, y: b.normed });
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
                    compute(steps, Command::Norm { norm, rows, heads, x: b.out, y: b.normed });
                    b.normed
                }
                None => b.out,
            };
            compute(steps, Command::Add { x, scale: sublayer.residual_scale, y: b.x, width: hidden });
        }
    }

    fn attention(&self, layer: usize, spec: &AttentionSpec, number: usize, steps: &mut Vec<Step>) {
        let b = self.buffers;
        let cache = &self.views.layers[number];
        let &AttentionSpec { heads, kv_heads, head_dim, window, scale, .. } = spec;
        let angles = match spec.rotary {
            Rotary::None => None,
            Rotary::Global => b.rope.as_ref(),
            Rotary::Local => b.local_rope.as_ref(),
        };
        let tables = BlockTables {
            tables: b.tables[cache.group],
            width: self.views.table_width,
            sequences: b.sequences,
            block_positions: self.views.block_positions,
        };
        compute(steps, self.linear(layer, b.normed, &[(&spec.q, b.q), (&spec.k, b.k), (&spec.v, b.v)]));
        for (head_norm, x, heads) in [(&spec.q_norm, b.q, heads), (&spec.k_norm, b.k, kv_heads)] {
            if let Some(head_norm) = head_norm {
                let norm = self.norm(head_norm);
                compute(steps, Command::Norm { norm, rows: Rows::Batch, heads, x, y: x });
            }
            if let Some(&RotaryAngles { table, count: frequencies, .. }) = angles {
                let pairs = self.model.pairs;
                compute(steps, Command::Rotate { x, heads, head_dim, table, frequencies, pairs });
            }
        }
        let positions = b.positions;
        for (x, cache) in [(b.k, cache.keys), (b.v, cache.values)] {
            let heads = kv_heads;
            compute(steps, Command::Append { x, heads, head_dim, positions, tables, cache });
        }
        let (keys, values) = (cache.keys, cache.values);
        let attend = Attention {
            queries: b.q,
            heads,
            kv_heads,
            head_dim,
            keys,
            values,
            tables,
            positions,
            window,
            scale,
            y: b.heads,
        };
        compute(steps, Command::Attention(Box::new(attend)));
        compute(steps, self.linear(layer, b.heads, &[(&spec.o, b.out)]));
    }

    fn feed_forward(&self, layer: usize, spec: &FeedForwardSpec, steps: &mut Vec<Step>) {
        let b = self.buffers;
        let (activation, x, width) = (spec.activation, b.gate, spec.inner());
        let up = match &spec.gate {
            Some(gate) => {
                compute(steps, self.linear(layer, b.normed, &[(gate, b.gate), (&spec.up, b.up)]));
                Some(b.up)
            }
            None => {
                compute(steps, self.linear(layer, b.normed, &[(&spec.up, b.gate)]));
                None
            }
        };
        compute(steps, Command::Activate { activation, x, up, width });
        compute(steps, self.linear(layer, b.gate, &[(&spec.down, b.out)]));
    }

    fn experts(&self, layer: usize, spec: &ExpertsSpec, steps: &mut Vec<Step>) {
        let b = self.buffers;
        let (routing, experts) = (spec.routing, spec.experts.len());
        let Some(buffers) = &b.experts else { return };
        let &ExpertBuffers { scores: logits, choices, weights } = buffers;
        compute(steps, self.linear(layer, b.normed, &[(&spec.router, logits)]));
        compute(steps, Command::Route { logits, experts, routing, choices, weights });
        let one = |spec: &FeedForwardSpec| ExpertWeights {
            gate: spec.gate.as_ref().map(|gate| self.weight(gate)),
            up: self.weight(&spec.up),
            down: self.weight(&spec.down),
        };
        let Some(activation) = spec.experts.first().map(|expert| expert.activation) else { return };
        let (experts, slots) = (spec.experts.iter().map(one).collect(), self.model.expert_slots.clone());
        let (x, y, top_k) = (b.normed, b.out, routing.top_k);
        let experts = Experts { x, choices, weights, top_k, experts, slots, activation, y };
        compute(steps, Command::Experts(Box::new(experts)));
    }
}

fn compute(steps: &mut Vec<Step>, command: Command) {
    steps.push(Step::Run(Queue::Compute, command));
}
