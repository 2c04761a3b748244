//! The commands of a block: the same for every architecture, parameterised by the configuration.

use super::load::{Block, Model, Projection};
use crate::backend::{Attend, Buffer, Command, Norm, Output, View};

/// Activations of a pass, each `[rows, width]`.
pub(super) struct Activations {
    /// The residual stream.
    pub(super) x: Buffer,
    /// What a sublayer reads.
    pub(super) normed: Buffer,
    pub(super) q: Buffer,
    pub(super) k: Buffer,
    pub(super) v: Buffer,
    /// What all heads give.
    pub(super) heads: Buffer,
    /// What a sublayer gives.
    pub(super) out: Buffer,
    pub(super) gate: Buffer,
    pub(super) up: Buffer,
    pub(super) positions: Buffer,
}

/// Rotary angles of the rows of a pass.
pub(super) struct Angles {
    pub(super) table: Buffer,
    pub(super) frequencies: Buffer,
    pub(super) scale: f32,
}

/// Keys and values of a layer.
#[derive(Clone)]
pub(super) struct Cache {
    pub(super) keys: Buffer,
    pub(super) values: Buffer,
}

/// The commands of block `layer` for `rows` rows.
pub(super) fn commands(
    model: &Model,
    layer: usize,
    rows: usize,
    a: &Activations,
    angles: Option<&Angles>,
    cache: &Cache,
) -> Vec<Command> {
    let (config, block): (_, &Block) = (&model.config, &model.blocks[layer]);
    let mut commands = Vec::new();
    let norm = |norm: &Norm, x: &Buffer, rows: usize, y: &Buffer| Command::Norm {
        norm: norm.clone(),
        x: x.into(),
        rows,
        y: y.into(),
    };
    let linear = |x: &Buffer, outputs: &[(&Projection, &Buffer)]| Command::Linear {
        x: x.into(),
        rows,
        outputs: outputs.iter().map(|(projection, y)| projection.output(y)).collect(),
    };

    commands.push(norm(&block.attention_norm, &a.x, rows, &a.normed));
    commands.push(linear(&a.normed, &[(&block.q, &a.q), (&block.k, &a.k), (&block.v, &a.v)]));
    let heads = [(&block.q_norm, &a.q, config.heads), (&block.k_norm, &a.k, config.kv_heads)];
    for (head_norm, x, heads) in heads {
        commands.extend(head_norm.as_ref().map(|head_norm| norm(head_norm, x, rows * heads, x)));
        commands.extend(angles.map(|angles| Command::Rotate {
            x: x.into(),
            rows,
            heads,
            head_dim: config.head_dim,
            table: angles.table.clone(),
            frequencies: angles.frequencies.len(),
            pairs: model.pairs,
        }));
    }
    for (x, ring) in [(&a.k, &cache.keys), (&a.v, &cache.values)] {
        let (x, width, positions, ring) = (x.into(), config.kv_width(), a.positions.clone(), ring.clone());
        commands.push(Command::Append { x, rows, width, positions, ring });
    }
    commands.push(Command::Attend(Box::new(Attend {
        queries: (&a.q).into(),
        rows,
        heads: config.heads,
        kv_heads: config.kv_heads,
        head_dim: config.head_dim,
        keys: cache.keys.clone(),
        values: cache.values.clone(),
        positions: a.positions.clone(),
        window: config.window_of(layer),
        scale: config.attention_scale,
        y: (&a.heads).into(),
    })));
    commands.push(linear(&a.heads, &[(&block.o, &a.out)]));
    add(&mut commands, block.attention_output_norm.as_ref(), rows, config.hidden, a);

    commands.push(norm(&block.mlp_norm, &a.x, rows, &a.normed));
    let (len, activation) = (rows * config.intermediate, config.activation);
    match &block.gate {
        Some(gate) => {
            commands.push(linear(&a.normed, &[(gate, &a.gate), (&block.up, &a.up)]));
            commands.push(Command::Activate {
                activation,
                x: (&a.gate).into(),
                up: Some((&a.up).into()),
                len,
            });
        }
        None => {
            commands.push(linear(&a.normed, &[(&block.up, &a.gate)]));
            commands.push(Command::Activate { activation, x: (&a.gate).into(), up: None, len });
        }
    }
    commands.push(linear(&a.gate, &[(&block.down, &a.out)]));
    add(&mut commands, block.mlp_output_norm.as_ref(), rows, config.hidden, a);
    commands
}

/// The output of a sublayer, normed where the architecture does that, onto the residual stream.
fn add(commands: &mut Vec<Command>, norm: Option<&Norm>, rows: usize, hidden: usize, a: &Activations) {
    let from = match norm {
        Some(norm) => {
            let (x, y): (View, View) = ((&a.out).into(), (&a.normed).into());
            commands.push(Command::Norm { norm: norm.clone(), x, rows, y });
            &a.normed
        }
        None => &a.out,
    };
    commands.push(Command::Add { x: from.into(), y: (&a.x).into(), len: rows * hidden });
}

impl Projection {
    fn output(&self, y: &Buffer) -> Output {
        Output {
            weight: self.weight.clone(),
            range: self.range.clone(),
            bias: self.bias.clone(),
            y: y.into(),
        }
    }
}
