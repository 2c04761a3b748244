//! Names of tensors in checkpoints of Hugging Face.

use crate::config::{Config, Naming};

/// Names of tensors, by the habit of an architecture.
#[derive(Debug, Clone, Copy)]
pub struct Names(pub Naming);

impl Names {
    /// A tensor outside the blocks: `embed_tokens`, `norm`, or as the checkpoint calls it.
    pub fn top(&self, part: &str) -> String {
        match (self.0, part) {
            (Naming::Llama, part) => format!("model.{part}.weight"),
            (Naming::Gpt2, "embed_tokens") => "transformer.wte.weight".to_owned(),
            (Naming::Gpt2, "norm") => "transformer.ln_f.weight".to_owned(),
            (Naming::Gpt2, part) => format!("transformer.{part}.weight"),
        }
    }

    /// A tensor of a block.
    pub fn block(&self, layer: usize, part: &str) -> String {
        match self.0 {
            Naming::Llama => format!("model.layers.{layer}.{part}.weight"),
            Naming::Gpt2 => format!("transformer.h.{layer}.{part}.weight"),
        }
    }

    /// The bias that belongs to a weight.
    pub fn bias_of(weight: &str) -> String {
        format!("{}.bias", weight.strip_suffix(".weight").unwrap_or(weight))
    }

    /// The matrices of a block and their shapes: q, k, v, attention output, up, down, perhaps gate; or q, k and v as one,
    /// attention output, up, down.
    pub fn parts(config: &Config) -> Vec<(&'static str, [usize; 2])> {
        let c = config;
        match c.naming {
            Naming::Llama => {
                let gate = c.gated.then_some(("mlp.gate_proj", [c.intermediate, c.hidden]));
                [
                    ("self_attn.q_proj", [c.q_width(), c.hidden]),
                    ("self_attn.k_proj", [c.kv_width(), c.hidden]),
                    ("self_attn.v_proj", [c.kv_width(), c.hidden]),
                    ("self_attn.o_proj", [c.hidden, c.q_width()]),
                    ("mlp.up_proj", [c.intermediate, c.hidden]),
                    ("mlp.down_proj", [c.hidden, c.intermediate]),
                ]
                .into_iter()
                .chain(gate)
                .collect()
            }
            Naming::Gpt2 => vec![
                ("attn.c_attn", [3 * c.hidden, c.hidden]),
                ("attn.c_proj", [c.hidden, c.hidden]),
                ("mlp.c_fc", [c.intermediate, c.hidden]),
                ("mlp.c_proj", [c.hidden, c.intermediate]),
            ],
        }
    }
}
