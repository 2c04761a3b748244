use ecq_core::TensorKind;

/// Last components of the names of projections.
#[rustfmt::skip]
const PROJECTIONS: &[&str] = &[
    // Llama, Mistral, Qwen, Gemma, Phi, OLMo and most newer models.
    "q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "gate_proj", "up_proj", "down_proj", "gate_up_proj",
    "out_proj",
    // Latent attention of DeepSeek.
    "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj",
    // Experts of Mixtral; the original Llama.
    "w1", "w2", "w3", "wq", "wk", "wv", "wo", "wqkv",
    // GPT-2 (its Conv1D keeps [inputs, outputs]).
    "c_attn", "c_proj", "c_fc", "q_attn",
    // GPT-NeoX, Falcon, BLOOM, Phi 1, ModernBERT.
    "query_key_value", "dense_h_to_4h", "dense_4h_to_h", "dense", "fc1", "fc2", "fc_in", "fc_out", "Wqkv",
    "Wi", "Wo",
    // BERT and DistilBERT.
    "query", "key", "value", "q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2",
    // T5.
    "q", "k", "v", "o", "wi", "wi_0", "wi_1",
    // Mamba, linear attention.
    "in_proj", "x_proj", "in_proj_qkv", "in_proj_qkvz", "in_proj_z",
];

/// Last components of the names of token embeddings and output heads.
#[rustfmt::skip]
const EMBEDDINGS: &[&str] = &[
    "embed_tokens", "embed_tokens_per_layer", "lm_head", "wte", "word_embeddings", "tok_embeddings",
    "embed_in", "embed_out", "embedding", "embeddings", "shared", "decoder",
];

/// Returns the role of the tensor with this Hugging Face name: a projection inside a numbered block, the
/// embedding or the output head, or another tensor.
pub fn tensor_kind(name: &str) -> TensorKind {
    // Experts that are fused into one tensor have no `.weight` suffix.
    let stem = name.strip_suffix(".weight").unwrap_or(name);
    let fused = stem.len() == name.len();
    let mut parts = stem.rsplit('.');
    let last = parts.next().unwrap_or_default();
    let in_block = parts.clone().any(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let in_experts = parts.any(|part| part == "experts");
    let linear = PROJECTIONS.contains(&last) && in_block && (!fused || in_experts);
    // The original Llama names its head `output`.
    let embedding = EMBEDDINGS.contains(&last) && !in_block || stem == "output";
    match (linear, embedding && !fused) {
        (true, _) => TensorKind::Linear,
        (_, true) => TensorKind::Embedding,
        _ => TensorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensor_kinds_follow_from_names() {
        for name in [
            "model.layers.0.self_attn.q_proj.weight",
            "model.layers.31.mlp.down_proj.weight",
            "model.language_model.layers.3.self_attn.o_proj.weight",
            "model.layers.1.self_attn.qkv_proj.weight",
            "model.layers.1.self_attn.kv_a_proj_with_mqa.weight",
            "model.layers.1.mlp.experts.63.up_proj.weight",
            "model.layers.1.mlp.shared_experts.gate_proj.weight",
            "model.layers.1.mlp.switch_mlp.gate_proj.weight",
            "model.layers.1.mlp.experts.gate_up_proj",
            "model.layers.1.block_sparse_moe.experts.7.w2.weight",
            "transformer.h.11.attn.c_attn.weight",
            "h.11.mlp.c_fc.weight",
            "gpt_neox.layers.5.attention.query_key_value.weight",
            "encoder.layer.5.attention.self.query.weight",
            "bert.encoder.layer.5.attention.output.dense.weight",
            "encoder.layer.0.intermediate.dense.weight",
            "encoder.layer.0.output.dense.weight",
            "decoder.block.3.layer.1.EncDecAttention.q.weight",
            "model.decoder.layers.2.fc1.weight",
            "layers.3.feed_forward.w1.weight",
        ] {
            assert_eq!(tensor_kind(name), TensorKind::Linear, "{name}");
        }
        for name in [
            "model.embed_tokens.weight",
            "lm_head.weight",
            "transformer.wte.weight",
            "embeddings.word_embeddings.weight",
            "gpt_neox.embed_in.weight",
            "embed_out.weight",
            "shared.weight",
            "tok_embeddings.weight",
            "output.weight",
        ] {
            assert_eq!(tensor_kind(name), TensorKind::Embedding, "{name}");
        }
        for name in [
            "model.norm.weight",
            "model.layers.0.input_layernorm.weight",
            "model.layers.0.self_attn.q_proj.bias",
            "model.layers.0.self_attn.q_norm.weight",
            "model.layers.0.self_attn.q_proj.scales",
            "model.layers.0.mlp.gate.weight",
            "model.layers.0.mlp.shared_expert_gate.weight",
            "model.layers.0.mlp.down_proj",
            "pooler.dense.weight",
            "embeddings.position_embeddings.weight",
            "embeddings.LayerNorm.weight",
            "encoder.layer.0.output.LayerNorm.weight",
            "transformer.wpe.weight",
            "q_proj.weight",
            "lm_head.bias",
            "lm_head",
            "",
            ".",
            ".weight",
        ] {
            assert_eq!(tensor_kind(name), TensorKind::Other, "{name}");
        }
    }
}
