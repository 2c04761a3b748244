use super::{HfError, Result};
use crate::gguf::ModelConfig;

/// Transform that llama.cpp's converter applied to a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GgufTransform {
    /// No transform.
    None,
    /// The rows of each head were interleaved, so that the two values of a rotary pair are adjacent (see
    /// [`gguf_row_order`]).
    InterleavedHeadRows {
        /// Number of heads.
        heads: usize,
    },
    /// One was added to each element (norms of Gemma).
    PlusOne,
    /// The matrix was transposed (`Conv1D` of GPT-2, whose weights are `[inputs, outputs]`).
    Transposed,
}

/// Hugging Face name of a tensor, and the transform of its values in a GGUF file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HfTensor {
    /// Hugging Face name.
    pub name: String,
    /// Transform to undo to get the original values.
    pub transform: GgufTransform,
}

/// Returns the Hugging Face name and the transform of a GGUF tensor; `None` for `rope_freqs.weight`, which
/// Hugging Face computes.
///
/// # Errors
/// [`HfError::Architecture`] if the architecture is not supported, and [`HfError::Tensor`] if it has no such
/// tensor.
pub fn hf_tensor(config: &ModelConfig, gguf_name: &str) -> Result<Option<HfTensor>> {
    let architecture = config.architecture.as_str();
    if !matches!(architecture, "llama" | "qwen2" | "qwen3" | "gemma3" | "gpt2") {
        return Err(HfError::Architecture { found: architecture.to_owned() });
    }
    if gguf_name == "rope_freqs.weight" {
        return Ok(None);
    }
    let unknown = || HfError::Tensor { tensor: gguf_name.to_owned(), architecture: architecture.to_owned() };
    let gpt2 = architecture == "gpt2";
    let gemma = architecture == "gemma3";
    let (stem, suffix) = gguf_name.rsplit_once('.').ok_or_else(unknown)?;
    if !matches!(suffix, "weight" | "bias") {
        return Err(unknown());
    }
    let plus_one = if gemma && suffix == "weight" { GgufTransform::PlusOne } else { GgufTransform::None };
    let model_tensor = match (stem, gpt2) {
        ("token_embd", false) => Some(("model.embed_tokens", GgufTransform::None)),
        ("output", _) => Some(("lm_head", GgufTransform::None)),
        ("output_norm", false) => Some(("model.norm", plus_one)),
        ("token_embd", true) => Some(("transformer.wte", GgufTransform::None)),
        ("position_embd", true) => Some(("transformer.wpe", GgufTransform::None)),
        ("output_norm", true) => Some(("transformer.ln_f", GgufTransform::None)),
        _ => None,
    };
    if let Some((name, transform)) = model_tensor {
        return Ok(Some(HfTensor { name: format!("{name}.{suffix}"), transform }));
    }
    let (layer, part) =
        stem.strip_prefix("blk.").and_then(|rest| rest.split_once('.')).ok_or_else(unknown)?;
    let layer: usize = layer.parse().map_err(|_| unknown())?;
    let rotary = |heads: u64| match architecture {
        "llama" => GgufTransform::InterleavedHeadRows { heads: heads as usize },
        _ => GgufTransform::None,
    };
    let conv = if suffix == "weight" { GgufTransform::Transposed } else { GgufTransform::None };
    let (name, transform) = match (part, gpt2) {
        ("attn_norm", false) => ("input_layernorm", plus_one),
        ("attn_q", false) => ("self_attn.q_proj", rotary(config.num_attention_heads)),
        ("attn_k", false) => ("self_attn.k_proj", rotary(config.num_key_value_heads)),
        ("attn_v", false) => ("self_attn.v_proj", GgufTransform::None),
        ("attn_output", false) => ("self_attn.o_proj", GgufTransform::None),
        ("attn_q_norm", false) => ("self_attn.q_norm", plus_one),
        ("attn_k_norm", false) => ("self_attn.k_norm", plus_one),
        ("ffn_gate", false) => ("mlp.gate_proj", GgufTransform::None),
        ("ffn_up", false) => ("mlp.up_proj", GgufTransform::None),
        ("ffn_down", false) => ("mlp.down_proj", GgufTransform::None),
        ("ffn_norm", false) if gemma => ("pre_feedforward_layernorm", plus_one),
        ("post_attention_norm", false) if gemma => ("post_attention_layernorm", plus_one),
        ("post_ffw_norm", false) if gemma => ("post_feedforward_layernorm", plus_one),
        ("ffn_norm", false) => ("post_attention_layernorm", GgufTransform::None),
        ("attn_norm", true) => ("ln_1", GgufTransform::None),
        ("ffn_norm", true) => ("ln_2", GgufTransform::None),
        ("attn_qkv", true) => ("attn.c_attn", conv),
        ("attn_output", true) => ("attn.c_proj", conv),
        ("ffn_up", true) => ("mlp.c_fc", conv),
        ("ffn_down", true) => ("mlp.c_proj", conv),
        _ => return Err(unknown()),
    };
    let layers = if gpt2 { "transformer.h" } else { "model.layers" };
    Ok(Some(HfTensor { name: format!("{layers}.{layer}.{name}.{suffix}"), transform }))
}

/// Returns for each row of a Hugging Face matrix its row in the GGUF matrix, for
/// [`GgufTransform::InterleavedHeadRows`].
///
/// A rotary pair is `2i, 2i + 1` of a head in llama.cpp, and `i, i + width / 2` in Hugging Face models.
///
/// # Errors
/// [`HfError::Heads`] if the rows cannot be divided into heads of even width.
pub fn gguf_row_order(rows: usize, heads: usize) -> Result<Vec<usize>> {
    let width = rows.checked_div(heads).filter(|width| width * heads == rows && width.is_multiple_of(2));
    let width = width.ok_or(HfError::Heads { rows, heads })?;
    let gguf_row = |row: usize| {
        let (head, at) = (row / width, row % width);
        let (half, i) = (at / (width / 2), at % (width / 2));
        head * width + 2 * i + half
    };
    Ok((0..rows).map(gguf_row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(architecture: &str) -> ModelConfig {
        ModelConfig {
            architecture: architecture.to_owned(),
            hidden_size: 64,
            intermediate_size: 128,
            num_hidden_layers: 2,
            num_attention_heads: 4,
            num_key_value_heads: 2,
            head_dim: 16,
            rms_norm_eps: 1e-5,
            rope_theta: 1e4,
            rope_local_base_freq: None,
            rope_dim: None,
            rope_scaling: None,
            max_position_embeddings: 128,
            vocab_size: 100,
            tie_word_embeddings: true,
            sliding_window: None,
            attention_bias: false,
            mlp_bias: false,
            query_pre_attn_scalar: None,
        }
    }

    #[test]
    fn names_and_transforms_are_those_of_the_converter() {
        let of = |architecture: &str, name: &str| hf_tensor(&config(architecture), name).unwrap().unwrap();
        let tensor = |name: &str, transform| HfTensor { name: name.to_owned(), transform };
        let q = of("llama", "blk.3.attn_q.weight");
        assert_eq!(
            q,
            tensor("model.layers.3.self_attn.q_proj.weight", GgufTransform::InterleavedHeadRows { heads: 4 })
        );
        let k = of("llama", "blk.3.attn_k.weight");
        assert_eq!(
            k,
            tensor("model.layers.3.self_attn.k_proj.weight", GgufTransform::InterleavedHeadRows { heads: 2 })
        );
        assert_eq!(
            of("qwen2", "blk.0.attn_q.bias"),
            tensor("model.layers.0.self_attn.q_proj.bias", GgufTransform::None)
        );
        let norm = of("gemma3", "blk.1.ffn_norm.weight");
        assert_eq!(norm, tensor("model.layers.1.pre_feedforward_layernorm.weight", GgufTransform::PlusOne));
        let qkv = of("gpt2", "blk.0.attn_qkv.weight");
        assert_eq!(qkv, tensor("transformer.h.0.attn.c_attn.weight", GgufTransform::Transposed));
        assert_eq!(of("gpt2", "blk.0.attn_qkv.bias").transform, GgufTransform::None);
        assert_eq!(hf_tensor(&config("llama"), "rope_freqs.weight").unwrap(), None);
        for (architecture, name) in [
            ("llama", "blk.x.attn_q.weight"),
            ("llama", "blk.0.ssm.weight"),
            ("gpt2", "a"),
            ("llama", "blk.0.attn_q.scale"),
        ] {
            assert!(matches!(hf_tensor(&config(architecture), name), Err(HfError::Tensor { .. })), "{name}");
        }
        assert!(matches!(hf_tensor(&config("mamba"), "output.weight"), Err(HfError::Architecture { .. })));
    }

    #[test]
    fn head_rows_are_deinterleaved() {
        // Two heads of four rows.
        assert_eq!(gguf_row_order(8, 2).unwrap(), [0, 2, 1, 3, 4, 6, 5, 7]);
        assert!(
            gguf_row_order(9, 2).is_err() && gguf_row_order(6, 2).is_err() && gguf_row_order(4, 0).is_err()
        );
    }
}
