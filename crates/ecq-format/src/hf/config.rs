use super::{HfError, Result};
use crate::gguf::{ModelConfig, TokenizerMetadata};
use serde_json::{Map, Value, json};

/// Every how many layers of Gemma 3 one attends to the whole context.
const GEMMA_PATTERN: u64 = 6;

/// `config.json` of a model, with weights of type `dtype` (`float16`, `bfloat16`, `float32`).
///
/// # Errors
/// When the architecture is not covered.
pub fn config_json(
    config: &ModelConfig,
    tokenizer: Option<&TokenizerMetadata>,
    dtype: &str,
) -> Result<Value> {
    let (class, model_type) = match config.architecture.as_str() {
        // The converter gives Mistral's models the name of Llama's; the window tells them apart.
        "llama" if config.sliding_window.is_some() => ("MistralForCausalLM", "mistral"),
        "llama" => ("LlamaForCausalLM", "llama"),
        "qwen2" => ("Qwen2ForCausalLM", "qwen2"),
        "qwen3" => ("Qwen3ForCausalLM", "qwen3"),
        "gemma3" => ("Gemma3ForCausalLM", "gemma3_text"),
        "gpt2" => ("GPT2LMHeadModel", "gpt2"),
        other => return Err(HfError::Architecture { found: other.to_owned() }),
    };
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
    put("architectures", json!([class]));
    put("model_type", json!(model_type));
    put("torch_dtype", json!(dtype));
    put("vocab_size", json!(config.vocab_size));
    put("tie_word_embeddings", json!(config.tie_word_embeddings));
    if let Some(facts) = tokenizer {
        for (key, id) in
            [("bos_token_id", facts.bos), ("eos_token_id", facts.eos), ("pad_token_id", facts.pad)]
        {
            if let Some(id) = id {
                put(key, json!(id));
            }
        }
    }
    if model_type == "gpt2" {
        put("n_embd", json!(config.hidden_size));
        put("n_inner", json!(config.intermediate_size));
        put("n_layer", json!(config.num_hidden_layers));
        put("n_head", json!(config.num_attention_heads));
        put("n_positions", json!(config.max_position_embeddings));
        put("layer_norm_epsilon", json!(shortest(config.rms_norm_eps)));
        put("activation_function", json!("gelu_new"));
        return Ok(Value::Object(out));
    }
    put("hidden_size", json!(config.hidden_size));
    put("intermediate_size", json!(config.intermediate_size));
    put("num_hidden_layers", json!(config.num_hidden_layers));
    put("num_attention_heads", json!(config.num_attention_heads));
    put("num_key_value_heads", json!(config.num_key_value_heads));
    put("head_dim", json!(config.head_dim));
    put("rms_norm_eps", json!(shortest(config.rms_norm_eps)));
    put("rope_theta", json!(shortest(config.rope_theta)));
    put("max_position_embeddings", json!(config.max_position_embeddings));
    put("hidden_act", json!("silu"));
    // Classes without biases, or with fixed ones, have no place for others.
    let fixed = model_type == "qwen2" || model_type == "mistral";
    if config.mlp_bias && model_type != "llama" || config.attention_bias && model_type == "mistral" {
        let which = if config.mlp_bias { "the feed-forward layers" } else { "attention" };
        return Err(HfError::Biases { architecture: class.to_owned(), which });
    }
    put("attention_bias", json!(if fixed { model_type == "qwen2" } else { config.attention_bias }));
    if model_type == "llama" {
        put("mlp_bias", json!(config.mlp_bias));
    }
    if let Some(window) = config.sliding_window {
        put("sliding_window", json!(window));
    }
    if let Some(scaling) = &config.rope_scaling {
        let mut rope = Map::new();
        rope.insert("rope_type".to_owned(), json!(scaling.rope_type));
        rope.insert("factor".to_owned(), json!(shortest(scaling.factor)));
        // llama.cpp scales from the context of the model where the file names no other.
        let context = scaling.original_max_position_embeddings.unwrap_or(config.max_position_embeddings);
        if scaling.rope_type == "yarn" {
            rope.insert("original_max_position_embeddings".to_owned(), json!(context));
        }
        if let Some(factor) = scaling.attention_factor {
            rope.insert("attention_factor".to_owned(), json!(shortest(factor)));
        }
        for (key, turns) in [("beta_fast", scaling.beta_fast), ("beta_slow", scaling.beta_slow)] {
            if let Some(turns) = turns {
                rope.insert(key.to_owned(), json!(shortest(turns)));
            }
        }
        put("rope_scaling", Value::Object(rope));
    }
    if model_type == "gemma3_text" {
        put("hidden_act", json!("gelu_pytorch_tanh"));
        put("hidden_activation", json!("gelu_pytorch_tanh"));
        let scalar = config.query_pre_attn_scalar.unwrap_or(config.head_dim as f64);
        // A whole number, as Google's files have it, where it is one.
        let whole = scalar.fract() == 0.0;
        put("query_pre_attn_scalar", if whole { json!(scalar as u64) } else { json!(scalar) });
        put("rope_local_base_freq", json!(shortest(config.rope_local_base_freq.unwrap_or(10_000.0))));
        // Without a window all layers see all positions, and rotate alike.
        let pattern = if config.sliding_window.is_some() { GEMMA_PATTERN } else { 1 };
        put("sliding_window_pattern", json!(pattern));
        let kind = |layer: u64| match (layer + 1).is_multiple_of(pattern) {
            true => "full_attention",
            false => "sliding_attention",
        };
        put("layer_types", (0..config.num_hidden_layers).map(kind).collect());
    }
    Ok(Value::Object(out))
}

/// GGUF keeps constants in single precision: 1e-5 there is 9.999999747378752e-06 in double.
fn shortest(value: f64) -> f64 {
    let single = value as f32;
    match f64::from(single) == value {
        true => single.to_string().parse().unwrap_or(value),
        false => value,
    }
}
