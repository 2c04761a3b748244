use ecq_core::Kind;

/// What a tensor of this GGUF name is to the model: projections of a block, embedding and head, or other.
pub fn kind(name: &str) -> Kind {
    if matches!(name, "token_embd.weight" | "output.weight") {
        return Kind::Embedding;
    }
    let Some(rest) = name.strip_prefix("blk.").and_then(|n| n.strip_suffix(".weight")) else {
        return Kind::Other;
    };
    match rest.split_once('.') {
        Some((layer, part)) if layer.bytes().all(|b| b.is_ascii_digit()) && is_projection(part) => Kind::Linear,
        _ => Kind::Other,
    }
}

fn is_projection(part: &str) -> bool {
    matches!(part, "attn_q" | "attn_k" | "attn_v" | "attn_output" | "attn_qkv")
        || (["ffn_gate", "ffn_up", "ffn_down"].iter().any(|p| part.starts_with(p)) && !part.contains("norm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_llama_cpp_are_told_apart() {
        for name in ["blk.0.attn_q.weight", "blk.11.ffn_down.weight", "blk.3.ffn_up_exps.weight"] {
            assert_eq!(kind(name), Kind::Linear, "{name}");
        }
        for name in ["token_embd.weight", "output.weight"] {
            assert_eq!(kind(name), Kind::Embedding);
        }
        for name in ["blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "output_norm.weight", "blk.0.attn_q.bias"] {
            assert_eq!(kind(name), Kind::Other, "{name}");
        }
    }
}
