use ecq_core::TensorKind;

/// Returns the role of the tensor with this GGUF name, by the naming scheme of llama.cpp
/// (`gguf-py/gguf/tensor_mapping.py`): a projection of a block such as `blk.N.attn_q.weight`, the embedding
/// or the output head, or another tensor.
pub fn tensor_kind(name: &str) -> TensorKind {
    if matches!(name, "token_embd.weight" | "output.weight") {
        return TensorKind::Embedding;
    }
    let block = name.strip_prefix("blk.").and_then(|rest| rest.strip_suffix(".weight"));
    match block.and_then(|rest| rest.split_once('.')) {
        Some((layer, part)) if is_number(layer) && is_projection(part) => TensorKind::Linear,
        _ => TensorKind::Other,
    }
}

fn is_number(layer: &str) -> bool {
    !layer.is_empty() && layer.bytes().all(|b| b.is_ascii_digit())
}

fn is_projection(part: &str) -> bool {
    // `ffn_gate_inp` is the router of a mixture of experts, not a projection of the block.
    matches!(
        part,
        "attn_q" | "attn_k" | "attn_v" | "attn_output" | "attn_qkv" | "ffn_gate" | "ffn_up" | "ffn_down"
    ) || part.starts_with("ffn_") && part.ends_with("_exps")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensor_kinds_follow_from_names() {
        let linear =
            ["attn_q", "attn_k", "attn_v", "attn_output", "attn_qkv", "ffn_gate", "ffn_up", "ffn_down"];
        for part in linear.into_iter().chain(["ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"]) {
            assert_eq!(tensor_kind(&format!("blk.11.{part}.weight")), TensorKind::Linear, "{part}");
            assert_eq!(tensor_kind(&format!("blk.11.{part}.bias")), TensorKind::Other, "{part}");
            assert_eq!(tensor_kind(&format!("blk.x.{part}.weight")), TensorKind::Other, "{part}");
            assert_eq!(tensor_kind(&format!("blk..{part}.weight")), TensorKind::Other, "{part}");
        }
        for name in ["token_embd.weight", "output.weight"] {
            assert_eq!(tensor_kind(name), TensorKind::Embedding, "{name}");
        }
        for part in ["attn_norm", "ffn_norm", "attn_q_norm", "ffn_gate_inp", "post_ffw_norm"] {
            assert_eq!(tensor_kind(&format!("blk.0.{part}.weight")), TensorKind::Other, "{part}");
        }
        for name in ["output_norm.weight", "rope_freqs.weight", "", "blk.", "blk.0.weight"] {
            assert_eq!(tensor_kind(name), TensorKind::Other, "{name}");
        }
    }
}
