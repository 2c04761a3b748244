use super::{AttentionSpec, Config, Mixer, Rotary, Scaling};
use crate::error::RuntimeError;
use serde_json::{Value, json};

fn read(config: &Value) -> Config {
    Config::from_json(&config.to_string()).unwrap_or_else(|error| panic!("{config}: {error}"))
}

/// Returns the key named by the error.
fn refused(config: &Value) -> String {
    match Config::from_json(&config.to_string()) {
        Err(RuntimeError::Config { key, .. } | RuntimeError::Unsupported { key, .. }) => key,
        other => panic!("{config}: {other:?}"),
    }
}

fn attention(config: &Config, layer: usize) -> &AttentionSpec {
    config.blocks[layer].attention().next().unwrap()
}

/// Returns the configuration of a small model with some keys changed.
fn small(model_type: &str, changes: Value) -> Value {
    let mut config = json!({
        "model_type": model_type, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 8,
        "num_attention_heads": 8, "vocab_size": 100,
    });
    config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    config
}

#[test]
fn omitted_keys_have_class_defaults() {
    // Layers, hidden size, heads, key heads, head dimension, inner width, vocabulary, context, base, epsilon,
    // tied embedding, as in `AutoConfig.for_model(NAME)` of transformers 5.24.
    let classes = [
        ("llama", [32, 4096, 32, 32, 128, 11_008, 32_000, 2048], 1e4, 1e-6, false),
        ("mistral", [32, 4096, 32, 8, 128, 14_336, 32_000, 131_072], 1e4, 1e-6, false),
        ("qwen2", [32, 4096, 32, 32, 128, 22_016, 151_936, 32_768], 1e4, 1e-6, false),
        ("qwen3", [32, 4096, 32, 32, 128, 22_016, 151_936, 32_768], 1e4, 1e-6, false),
        ("gemma3_text", [26, 2304, 8, 4, 256, 9216, 262_208, 131_072], 1e6, 1e-6, true),
        ("mixtral", [32, 4096, 32, 8, 128, 14_336, 32_000, 131_072], 1e6, 1e-5, false),
        ("qwen3_moe", [24, 2048, 32, 4, 64, 768, 151_936, 32_768], 1e4, 1e-6, false),
        ("smollm3", [36, 2048, 16, 4, 128, 11_008, 128_256, 32_768], 2e6, 1e-6, true),
    ];
    for (name, shape, theta, eps, tied) in classes {
        let config = read(&json!({ "model_type": name }));
        let first = attention(&config, 0);
        let inner = match &config.blocks[0].sublayers[1].mixer {
            Mixer::Dense(dense) => dense.inner(),
            Mixer::Experts(experts) => experts.experts[0].inner(),
            Mixer::Attention(_) => panic!("{name}"),
        };
        let found = [
            config.blocks.len(),
            config.hidden,
            first.heads,
            first.kv_heads,
            first.head_dim,
            inner,
            config.vocabulary,
            config.context,
        ];
        assert_eq!(found, shape, "{name}");
        assert_eq!(config.rope.as_ref().unwrap().theta, theta, "{name}");
        assert_eq!((config.final_norm.eps, config.tied()), (eps, tied), "{name}");
    }
    let gpt2 = read(&json!({ "model_type": "gpt2" }));
    assert_eq!([gpt2.blocks.len(), gpt2.hidden, gpt2.vocabulary, gpt2.context], [12, 768, 50_257, 1024]);
    let experts = |name: &str| match &read(&json!({ "model_type": name })).blocks[0].sublayers[1].mixer {
        Mixer::Experts(experts) => (experts.experts.len(), experts.routing.top_k),
        _ => panic!("{name}"),
    };
    assert_eq!((experts("mixtral"), experts("qwen3_moe")), ((8, 2), (128, 8)));
}

#[test]
fn null_differs_from_omitted() {
    let heads = |changes| attention(&read(&small("mistral", changes)), 0).kv_heads;
    assert_eq!(heads(json!({})), 8);
    assert_eq!(heads(json!({ "num_attention_heads": 16, "num_key_value_heads": null })), 16);
    let window = |changes| attention(&read(&small("mistral", changes)), 3).window;
    assert_eq!(window(json!({})), Some(4096));
    for none in [json!(null), json!(0), json!(-1)] {
        assert_eq!(window(json!({ "sliding_window": none })), None);
    }
    assert_eq!(window(json!({ "sliding_window": 32 })), Some(32));
    // A text model may have an empty `text_config`.
    assert_eq!(read(&small("llama", json!({ "text_config": null }))).hidden, 64);
    assert_eq!(attention(&read(&small("llama", json!({ "head_dim": null }))), 0).head_dim, 8);
    assert!(read(&small("llama", json!({ "eos_token_id": -1 }))).end_tokens.is_empty());
    let ends = json!({ "eos_token_id": [3, 4, 5] });
    assert_eq!(read(&small("llama", ends)).end_tokens, [3, 4, 5]);
    assert_eq!(
        read(&small("llama", json!({ "rope_parameters": null, "rope_scaling": null }))).blocks.len(),
        8
    );
}

#[test]
fn numbers_are_parsed_like_python() {
    assert_eq!(read(&small("llama", json!({ "max_position_embeddings": 4096.0 }))).context, 4096);
    // Implausibly large contexts are reduced.
    assert_eq!(read(&small("llama", json!({ "max_position_embeddings": 1e30 }))).context, 1 << 24);
    let text =
        small("llama", json!({ "time_step_limit": "X" })).to_string().replace("\"X\"", "[0.0, Infinity]");
    assert_eq!(Config::from_json(&text).unwrap().hidden, 64);
    let text = small("llama", json!({ "rope_theta": "X" })).to_string().replace("\"X\"", "Infinity");
    assert!(Config::from_json(&text).unwrap_err().to_string().contains("rope_theta"));
}

#[test]
fn windows_depend_on_the_family() {
    let windows = |config: &Value| {
        let config = read(config);
        (0..8).map(|layer| usize::from(config.attention_window(layer).is_some())).collect::<Vec<_>>()
    };
    let used = |changes: Value| {
        let mut config = small(
            "qwen2",
            json!({
                "use_sliding_window": true, "sliding_window": 16, "num_key_value_heads": 8,
            }),
        );
        config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        windows(&config)
    };
    assert_eq!(used(json!({})), [0; 8], "the first 28 layers have none");
    assert_eq!(used(json!({ "max_window_layers": 0 })), [1; 8]);
    assert_eq!(used(json!({ "max_window_layers": 6 })), [0, 0, 0, 0, 0, 0, 1, 1]);
    assert_eq!(used(json!({ "use_sliding_window": false })), [0; 8]);
    assert_eq!(windows(&small("gemma3_text", json!({}))), [1, 1, 1, 1, 1, 0, 1, 1]);
    assert_eq!(
        windows(&small("gemma3_text", json!({ "sliding_window_pattern": 2 }))),
        [1, 0, 1, 0, 1, 0, 1, 0]
    );
    let windowed = json!({ "use_sliding_window": true, "sliding_window": 4 });
    assert_eq!(windows(&small("smollm3", windowed)), [0, 0, 0, 1, 0, 0, 0, 1]);
}

#[test]
fn smollm3_has_layers_without_rotary_embedding() {
    let rotated = |changes| {
        let config = read(&small("smollm3", changes));
        (0..8).map(|layer| attention(&config, layer).rotary != Rotary::None).collect::<Vec<_>>()
    };
    let (y, n) = (true, false);
    assert_eq!(rotated(json!({})), [y, y, y, n, y, y, y, n]);
    assert_eq!(rotated(json!({ "no_rope_layer_interval": 2 })), [y, n, y, n, y, n, y, n]);
    assert_eq!(rotated(json!({ "no_rope_layers": [1, 0, 0, 1, 1, 1, 1, 0] })), [y, n, n, y, y, y, y, n]);
    assert_eq!(refused(&small("smollm3", json!({ "no_rope_layers": [1] }))), "no_rope_layers");
}

#[test]
fn unsupported_keys_are_rejected_by_name() {
    let cases = [
        ("gemma3_text", "final_logit_softcapping", json!(30.0)),
        ("gemma3_text", "attn_logit_softcapping", json!(50.0)),
        ("gemma3_text", "use_bidirectional_attention", json!(true)),
        ("llama", "logits_scaling", json!(8.0)),
        ("llama", "residual_multiplier", json!(0.22)),
        ("llama", "embedding_multiplier", json!(12.0)),
        ("llama", "attention_multiplier", json!(0.015625)),
        ("mistral", "attention_chunk_size", json!(8192)),
        ("qwen3", "use_qk_norm", json!(true)),
        ("llama", "clip_qkv", json!(8)),
        ("gpt2", "add_cross_attention", json!(true)),
        ("gpt2", "scale_attn_by_inverse_layer_idx", json!(true)),
        ("llama", "hidden_act", json!("gelu")),
        ("llama", "hidden_size", json!(65)),
        ("llama", "num_attention_heads", json!(0)),
        // One specification per layer would exhaust the memory.
        ("llama", "num_hidden_layers", json!(1 << 24)),
        ("gpt2", "n_layer", json!(1 << 20)),
        ("mixtral", "num_local_experts", json!(1 << 20)),
        ("qwen3_moe", "num_experts", json!(1 << 20)),
        ("llama", "rope_scaling", json!("yarn")),
        ("llama", "rope_scaling.rope_type", json!({ "rope_type": "longrope", "factor": 2.0 })),
        ("llama", "rope_parameters", json!({ "full_attention": { "rope_theta": 5e5 } })),
    ];
    for (model_type, key, value) in cases {
        let stated = key.split('.').next().unwrap();
        assert_eq!(refused(&small(model_type, json!({ stated: value }))), key, "{model_type} {value}");
    }
    let neutral = json!({
        "final_logit_softcapping": null, "attn_logit_softcapping": 0, "logits_scaling": 1.0, "clip_qkv": null,
        "use_qk_norm": false, "residual_multiplier": 1,
        "rope_scaling": { "rope_type": "linear", "factor": 1.0 },
    });
    assert_eq!(read(&small("llama", neutral)).blocks.len(), 8);
}

#[test]
fn gemma_3_scales_only_layers_without_window() {
    // The format of google/gemma-3-4b-it, and that of transformers 5.
    let old = json!({ "rope_scaling": { "factor": 8.0, "rope_type": "linear" } });
    let new = json!({ "rope_parameters": {
        "full_attention": { "rope_type": "linear", "factor": 8.0, "rope_theta": 1e6 },
        "sliding_attention": { "rope_type": "default", "rope_theta": 1e4 },
    } });
    for changes in [old, new] {
        let config = read(&small("gemma3_text", changes));
        let (rope, local) = (config.rope.unwrap(), config.local_rope.unwrap());
        assert_eq!((rope.theta, rope.scaling), (1e6, Scaling::Linear { factor: 8.0 }));
        assert_eq!((local.theta, local.scaling, local.dim), (1e4, Scaling::Default, 256));
    }
}
