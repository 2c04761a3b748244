//! Models that came from GGUF files: their names and configuration as Hugging Face has them.

use crate::config::Config;
use crate::error::{Result, RuntimeError};
use ecq_format::gguf::{Gguf, tokenizer};
use serde_json::json;

/// The configuration, through the `config.json` that the model would have.
pub(crate) fn config(gguf: &Gguf) -> Result<Config> {
    let c = ecq_format::gguf::config(gguf)?;
    let facts = tokenizer(gguf)?;
    let model_type = match c.architecture.as_str() {
        "gemma3" => "gemma3_text",
        other => other,
    };
    let mut value = json!({
        "model_type": model_type, "hidden_size": c.hidden_size, "intermediate_size": c.intermediate_size,
        "num_hidden_layers": c.num_hidden_layers, "num_attention_heads": c.num_attention_heads,
        "num_key_value_heads": c.num_key_value_heads, "head_dim": c.head_dim, "rms_norm_eps": c.rms_norm_eps,
        "rope_theta": c.rope_theta, "max_position_embeddings": c.max_position_embeddings,
        "vocab_size": c.vocab_size, "tie_word_embeddings": c.tie_word_embeddings,
        "query_pre_attn_scalar": c.head_dim, "eos_token_id": facts.eos,
    });
    if let Some(window) = c.sliding_window {
        value["sliding_window"] = window.into();
    }
    if let Some(scaling) = c.rope_scaling {
        value["rope_scaling"] = serde_json::to_value(scaling).unwrap_or_default();
    }
    Config::from_json(&value.to_string())
        .map_err(|error| RuntimeError::Config { key: "gguf.header".to_owned(), why: error.to_string() })
}

/// The GGUF name of a tensor.
pub(crate) fn name(hugging_face: &str, output_norms: bool) -> Option<String> {
    let whole = match hugging_face {
        "model.embed_tokens.weight" => Some("token_embd.weight"),
        "model.norm.weight" => Some("output_norm.weight"),
        "lm_head.weight" => Some("output.weight"),
        _ => None,
    };
    if let Some(whole) = whole {
        return Some(whole.to_owned());
    }
    let (layer, rest) = hugging_face.strip_prefix("model.layers.")?.split_once('.')?;
    let (part, kind) = rest.rsplit_once('.')?;
    let part = match part {
        "input_layernorm" => "attn_norm",
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.o_proj" => "attn_output",
        "self_attn.q_norm" => "attn_q_norm",
        "self_attn.k_norm" => "attn_k_norm",
        "post_attention_layernorm" if output_norms => "post_attention_norm",
        "post_attention_layernorm" => "ffn_norm",
        "pre_feedforward_layernorm" => "ffn_norm",
        "post_feedforward_layernorm" => "post_ffw_norm",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        _ => return None,
    };
    Some(format!("blk.{layer}.{part}.{kind}"))
}

/// The text of a `tokenizer.json`, and the token that begins a text where it does not add it.
pub(crate) fn tokenizer_json(gguf: &Gguf) -> Result<(Vec<u8>, Option<u32>)> {
    let facts = tokenizer(gguf)?;
    if facts.model != "gpt2" {
        return Err(RuntimeError::Tokenizer(format!("GGUF tokenizer {:?} is not rebuilt yet", facts.model)));
    }
    let vocab: serde_json::Map<_, _> =
        facts.tokens.iter().zip(0..).map(|(t, id): (_, u32)| (t.clone(), id.into())).collect();
    let special = |ty: &i32| *ty == 3 || *ty == 4;
    let added = facts.tokens.iter().zip(&facts.token_types).zip(0..).filter(|((_, ty), _)| special(ty));
    let added: Vec<_> = added
        .map(|((token, ty), id): (_, u32)| json!({ "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": *ty == 3 }))
        .collect();
    let value = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
            { "type": "Digits", "individual_digits": true },
            { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true } ] },
        "post_processor": null,
        "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
        "model": { "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocab, "merges": facts.merges },
    });
    let begin = facts.bos.filter(|_| facts.add_bos.unwrap_or(false));
    Ok((value.to_string().into_bytes(), begin))
}
