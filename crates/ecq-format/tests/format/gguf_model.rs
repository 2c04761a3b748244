//! Model configuration and tokenizer metadata: defaults of the format, and errors that name the key.

use ecq_core::Limits;
use ecq_format::gguf::{
    GgmlType, Gguf, GgufError, RopeScaling, TensorToWrite, Value, chat_template, model_config,
    tokenizer_metadata, write,
};

fn base() -> Vec<(String, Value)> {
    let strings = |all: &[&str]| Value::Array(all.iter().map(|&s| Value::String(s.to_owned())).collect());
    let all = [
        ("general.architecture", Value::String("toy".to_owned())),
        ("toy.embedding_length", Value::U32(64)),
        ("toy.feed_forward_length", Value::U64(256)),
        ("toy.block_count", Value::U32(2)),
        ("toy.attention.head_count", Value::U32(4)),
        ("toy.attention.layer_norm_rms_epsilon", Value::F32(0.5)),
        ("toy.context_length", Value::I32(1024)),
        ("tokenizer.ggml.model", Value::String("gpt2".to_owned())),
        ("tokenizer.ggml.tokens", strings(&["a", "b", "ab"])),
    ];
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Returns a file with the keys of [`base`] and `changes`: a value replaces or adds a key, `None` removes it.
fn gguf(changes: &[(&str, Option<Value>)], tensors: &[&str]) -> Gguf {
    let mut metadata = base();
    for (key, value) in changes {
        metadata.retain(|(k, _)| k != key);
        metadata.extend(value.clone().map(|value| (key.to_string(), value)));
    }
    let tensor = |name: &&str| TensorToWrite { name: name.to_string(), ty: GgmlType::F32, dims: vec![1] };
    let tensors: Vec<_> = tensors.iter().map(tensor).collect();
    let mut file = Vec::new();
    write(&mut file, &metadata, &tensors, |_| Ok::<_, GgufError>(vec![0; 4])).expect("written");
    Gguf::parse(&file, file.len() as u64, &Limits::default()).expect("valid")
}

#[test]
fn absent_keys_have_the_defaults_of_the_format() {
    let config = model_config(&gguf(&[], &["token_embd.weight"])).expect("whole");
    assert_eq!(config.architecture, "toy");
    assert_eq!((config.hidden_size, config.intermediate_size, config.num_hidden_layers), (64, 256, 2));
    assert_eq!((config.num_attention_heads, config.num_key_value_heads, config.head_dim), (4, 4, 16));
    assert_eq!((config.rms_norm_eps, config.rope_theta), (0.5, 10_000.0));
    assert_eq!((config.max_position_embeddings, config.vocab_size), (1024, 3));
    assert!(config.tie_word_embeddings);
    assert_eq!((config.rope_scaling, config.sliding_window, config.rope_dim), (None, None, None));
}

#[test]
fn present_keys_are_read() {
    let changes = [
        ("toy.attention.head_count_kv", Some(Value::U32(1))),
        ("toy.attention.key_length", Some(Value::U32(32))),
        ("toy.attention.sliding_window", Some(Value::U32(512))),
        ("toy.rope.freq_base", Some(Value::F32(1e6))),
        ("toy.rope.freq_base_swa", Some(Value::F32(1e6))),
        ("toy.rope.dimension_count", Some(Value::U32(32))),
        ("toy.rope.scaling.type", Some(Value::String("yarn".to_owned()))),
        ("toy.rope.scaling.factor", Some(Value::F32(4.0))),
        ("toy.rope.scaling.original_context_length", Some(Value::U32(256))),
        ("toy.rope.scaling.attn_factor", Some(Value::F32(1.25))),
        ("toy.vocab_size", Some(Value::U32(5))),
    ];
    let config = model_config(&gguf(&changes, &["output.weight"])).expect("whole");
    assert_eq!((config.num_key_value_heads, config.head_dim, config.sliding_window), (1, 32, Some(512)));
    assert_eq!((config.rope_theta, config.rope_local_base_freq), (1e6, Some(1e6)));
    assert_eq!((config.rope_dim, config.vocab_size), (Some(32), 5));
    assert!(!config.tie_word_embeddings);
    let scaling = RopeScaling {
        rope_type: "yarn".to_owned(),
        factor: 4.0,
        original_max_position_embeddings: Some(256),
        // Multiplied with the factor of YaRN.
        attention_factor: Some(1.25 * (1.0 + 0.1 * 4f64.ln())),
        beta_fast: None,
        beta_slow: None,
    };
    assert_eq!(config.rope_scaling, Some(scaling));
    let json = serde_json::to_string(&config).expect("serializable");
    assert_eq!(serde_json::from_str::<ecq_format::gguf::ModelConfig>(&json).expect("the same"), config);
}

#[test]
fn old_files_have_a_rope_factor_without_type() {
    let scaling =
        |changes: &[(&str, Option<Value>)]| model_config(&gguf(changes, &[])).expect("whole").rope_scaling;
    let old = scaling(&[("toy.rope.scale_linear", Some(Value::F32(2.0)))]).expect("scaled");
    assert_eq!((old.rope_type.as_str(), old.factor), ("linear", 2.0));
    assert_eq!(scaling(&[("toy.rope.scale_linear", Some(Value::F32(1.0)))]), None);
    assert_eq!(scaling(&[("toy.rope.scaling.type", Some(Value::String("none".to_owned())))]), None);
}

fn named<T: std::fmt::Debug>(result: Result<T, GgufError>, expected: &str) {
    match result {
        Err(GgufError::Key { key, .. }) => assert_eq!(key, expected),
        other => panic!("{expected}: {other:?}"),
    }
}

#[test]
fn a_missing_key_is_named() {
    for (key, _) in base().into_iter().filter(|(key, _)| !key.starts_with("tokenizer.ggml.model")) {
        named(model_config(&gguf(&[(&key, None)], &[])), &key);
    }
    for key in ["tokenizer.ggml.model", "tokenizer.ggml.tokens"] {
        named(tokenizer_metadata(&gguf(&[(key, None)], &[])), key);
    }
}

#[test]
fn an_optional_key_of_the_wrong_type_is_named() {
    let wrong = || Some(Value::Array(vec![Value::Bool(true)]));
    for key in [
        "attention.head_count_kv",
        "attention.key_length",
        "attention.sliding_window",
        "block_count",
        "rope.freq_base",
        "rope.scaling.type",
        "rope.scale_linear",
        "vocab_size",
    ] {
        let key = format!("toy.{key}");
        named(model_config(&gguf(&[(&key, wrong())], &[])), &key);
    }
    named(
        model_config(&gguf(&[("toy.attention.head_count", Some(Value::U32(0)))], &[])),
        "toy.attention.head_count",
    );
    for key in [
        "model",
        "pre",
        "tokens",
        "scores",
        "merges",
        "bos_token_id",
        "eos_token_id",
        "unknown_token_id",
        "padding_token_id",
        "add_bos_token",
        "add_eos_token",
        "add_space_prefix",
    ] {
        let key = format!("tokenizer.ggml.{key}");
        named(tokenizer_metadata(&gguf(&[(&key, wrong())], &[])), &key);
    }
    let strings = Some(Value::Array(vec![Value::String("1".to_owned())]));
    named(
        tokenizer_metadata(&gguf(&[("tokenizer.ggml.token_type", strings)], &[])),
        "tokenizer.ggml.token_type",
    );
    let id = Some(Value::U64(1 << 32));
    named(
        tokenizer_metadata(&gguf(&[("tokenizer.ggml.bos_token_id", id)], &[])),
        "tokenizer.ggml.bos_token_id",
    );
}

#[test]
fn tokenizer_metadata_is_read() {
    let changes = [
        ("tokenizer.ggml.pre", Some(Value::String("smollm".to_owned()))),
        ("tokenizer.ggml.token_type", Some(Value::Array([1, 1, 3].map(Value::I32).into()))),
        ("tokenizer.ggml.scores", Some(Value::Array([0.0, -1.0, -2.0].map(Value::F32).into()))),
        ("tokenizer.ggml.merges", Some(Value::Array(vec![Value::String("a b".to_owned())]))),
        ("tokenizer.ggml.bos_token_id", Some(Value::U32(0))),
        ("tokenizer.ggml.eos_token_id", Some(Value::U32(1))),
        ("tokenizer.ggml.unknown_token_id", Some(Value::U32(2))),
        ("tokenizer.ggml.padding_token_id", Some(Value::I32(1))),
        ("tokenizer.ggml.add_bos_token", Some(Value::Bool(true))),
        ("tokenizer.ggml.add_space_prefix", Some(Value::Bool(false))),
        ("tokenizer.chat_template", Some(Value::String("{{ x }}".to_owned()))),
    ];
    let full = gguf(&changes, &[]);
    let facts = tokenizer_metadata(&full).expect("whole");
    assert_eq!((facts.model.as_str(), facts.pre.as_deref()), ("gpt2", Some("smollm")));
    assert_eq!((facts.tokens.len(), facts.merges.len()), (3, 1));
    assert_eq!((facts.token_types, facts.scores), (vec![1, 1, 3], vec![0.0, -1.0, -2.0]));
    assert_eq!((facts.bos, facts.eos, facts.unk, facts.pad), (Some(0), Some(1), Some(2), Some(1)));
    assert_eq!((facts.add_bos, facts.add_eos, facts.add_space_prefix), (Some(true), None, Some(false)));
    assert_eq!(chat_template(&full), Some("{{ x }}"));
    assert_eq!(chat_template(&gguf(&[], &[])), None);
}

#[test]
fn types_and_scores_must_match_the_tokens() {
    for (key, value) in [
        ("tokenizer.ggml.token_type", vec![Value::I32(1); 2]),
        ("tokenizer.ggml.scores", vec![Value::F32(0.0); 4]),
    ] {
        let error =
            tokenizer_metadata(&gguf(&[(key, Some(Value::Array(value)))], &[])).expect_err("another count");
        assert!(matches!(error, GgufError::Length { expected: 3, .. }), "{error}");
    }
}

/// Reads the configuration of [`base`] with another architecture and these keys of it.
fn of(
    architecture: &str,
    changes: &[(&str, Value)],
    tensors: &[&str],
) -> Result<ecq_format::gguf::ModelConfig, GgufError> {
    let mut metadata: Vec<(String, Value)> = base()
        .into_iter()
        .map(|(key, value)| (key.replacen("toy.", &format!("{architecture}."), 1), value))
        .map(|(key, value)| match key.as_str() {
            "general.architecture" => (key, Value::String(architecture.to_owned())),
            _ => (key, value),
        })
        .collect();
    for (key, value) in changes {
        let key = format!("{architecture}.{key}");
        metadata.retain(|(known, _)| *known != key);
        metadata.push((key, value.clone()));
    }
    let tensor = |name: &&str| TensorToWrite { name: name.to_string(), ty: GgmlType::F32, dims: vec![1] };
    let tensors: Vec<_> = tensors.iter().map(tensor).collect();
    let mut file = Vec::new();
    write(&mut file, &metadata, &tensors, |_| Ok::<_, GgufError>(vec![0; 4])).expect("written");
    model_config(&Gguf::parse(&file, file.len() as u64, &Limits::default()).expect("valid"))
}

#[test]
fn keys_that_change_the_computation_are_implemented_or_refused() {
    let text = |s: &str| Value::String(s.to_owned());
    let wrong = [
        ("logit_scale", Value::F32(0.5)),
        ("residual_scale", Value::F32(0.22)),
        ("embedding_scale", Value::F32(12.0)),
        ("attn_logit_softcapping", Value::F32(50.0)),
        ("final_logit_softcapping", Value::F32(30.0)),
        ("router_logit_softcapping", Value::F32(30.0)),
        ("use_parallel_residual", Value::Bool(true)),
        ("expert_count", Value::U32(8)),
        ("attention.causal", Value::Bool(false)),
        ("attention.clamp_kqv", Value::F32(8.0)),
        ("attention.max_alibi_bias", Value::F32(8.0)),
        ("attention.scale", Value::F32(0.5)),
        ("attention.value_length", Value::U32(8)),
        ("attention.output_scale", Value::F32(2.0)),
        ("attention.sliding_window_pattern", Value::U32(2)),
        ("rope.dimension_count", Value::U32(8)),
        ("rope.dimension_sections", Value::Array([8, 4, 4, 0].map(Value::I32).into())),
        ("rope.freq_base_swa", Value::F32(5e5)),
        ("rope.scaling.type", text("longrope")),
        ("rope.scaling.attn_factor", Value::F32(1.5)),
        ("rope.scaling.yarn_log_multiplier", Value::F32(0.1)),
        ("rope.scaling.yarn_ext_factor", Value::F32(1.0)),
        ("rope.scaling.yarn_attn_factor", Value::F32(1.2)),
        // Unknown keys.
        ("attention.some_new_scale", Value::F32(1.0)),
        ("ffn_clamp_max", Value::F32(7.0)),
        // A value of another type is not neutral.
        ("logit_scale", text("1")),
    ];
    for (key, value) in wrong {
        match of("llama", &[(key, value.clone())], &[]) {
            Err(GgufError::Unimplemented { key: found, .. }) => assert_eq!(found, format!("llama.{key}")),
            other => panic!("{key}: {other:?}"),
        }
    }
    let neutral = [
        ("logit_scale", Value::F32(1.0)),
        ("residual_scale", Value::F32(0.0)),
        ("final_logit_softcapping", Value::F32(0.0)),
        ("use_parallel_residual", Value::Bool(false)),
        ("expert_count", Value::U32(0)),
        ("attention.causal", Value::Bool(true)),
        ("attention.scale", Value::F32(0.25)),
        ("attention.value_length", Value::U32(16)),
        ("rope.dimension_count", Value::U32(16)),
        ("rope.dimension_sections", Value::Array([0, 0].map(Value::I32).into())),
        ("rope.scaling.yarn_ext_factor", Value::F32(-1.0)),
        ("rope.scaling.finetuned", Value::Bool(true)),
        ("expert_gating_func", Value::U32(1)),
        ("tensor_data_layout", text("Meta AI original pth")),
    ];
    for (key, value) in neutral {
        assert!(of("llama", &[(key, value)], &[]).is_ok(), "{key}");
    }
    // Keys of another architecture are ignored.
    assert!(model_config(&gguf(&[("other.logit_scale", Some(Value::F32(0.5)))], &[])).is_ok());
}

#[test]
fn scaling_follows_the_defaults_of_llama_cpp() {
    let of = |changes: &[(&str, Value)]| of("llama", changes, &[]).expect("whole").rope_scaling;
    let factor = || ("rope.scaling.factor", Value::F32(4.0));
    // Linear is the default, and an older key has the same meaning.
    assert_eq!(of(&[factor()]).map(|s| (s.rope_type, s.factor)), Some(("linear".to_owned(), 4.0)));
    assert_eq!(of(&[("rope.scaling.factor", Value::F32(0.0))]), None);
    let yarn = || ("rope.scaling.type", Value::String("yarn".to_owned()));
    let own = of(&[yarn(), factor()]).expect("scaled");
    assert_eq!(own.attention_factor, None);
    // The factor 1 is equivalent to an absent key.
    assert_eq!(of(&[yarn(), factor(), ("rope.scaling.attn_factor", Value::F32(1.0))]), Some(own));
    let turns =
        [("rope.scaling.yarn_beta_fast", Value::F32(16.0)), ("rope.scaling.yarn_beta_slow", Value::F32(2.0))];
    let found = of(&[&[yarn(), factor()][..], &turns].concat()).expect("scaled");
    assert_eq!((found.beta_fast, found.beta_slow), (Some(16.0), Some(2.0)));
    assert!(of(&[yarn(), factor(), ("rope.scaling.yarn_ext_factor", Value::F32(1.0))]).is_some());
}

#[test]
fn biases_are_those_of_the_tensors() {
    let of = |tensors: &[&str]| {
        let config = of("llama", &[], tensors).expect("whole");
        (config.attention_bias, config.mlp_bias)
    };
    assert_eq!(of(&["blk.0.attn_q.weight", "output_norm.bias", "blk.0.attn_norm.bias"]), (false, false));
    assert_eq!(of(&["blk.1.attn_q.bias"]), (true, false));
    assert_eq!(of(&["blk.1.attn_output.bias", "blk.0.ffn_down.bias"]), (true, true));
}

#[test]
fn architectures_have_their_own_epsilon_and_scale() {
    // GPT-2 has layer norms, which have a key of their own.
    let float = |x| Value::F32(x);
    let gpt2 =
        |key| of("gpt2", &[("attention.layer_norm_rms_epsilon", Value::Bool(true)), (key, float(0.25))], &[]);
    assert_eq!(gpt2("attention.layer_norm_rms_epsilon").expect("an old file").rms_norm_eps, 0.25);
    let both =
        [("attention.layer_norm_epsilon", float(0.125)), ("attention.layer_norm_rms_epsilon", float(0.5))];
    assert_eq!(of("gpt2", &both, &[]).expect("whole").rms_norm_eps, 0.125);
    assert_eq!(of("llama", &both, &[]).expect("whole").rms_norm_eps, 0.5);
    // GPT-2 has no rotary embeddings, so their keys are ignored.
    assert!(of("gpt2", &[("rope.dimension_count", Value::U32(8))], &[]).is_ok());
    let layers =
        |n| of("gemma3", &[("block_count", Value::U32(n))], &[]).expect("whole").query_pre_attn_scalar;
    assert_eq!([26, 34, 48, 62].map(layers), [None, None, None, Some(16.0)]);
    assert_eq!(
        of("llama", &[("block_count", Value::U32(62))], &[]).expect("whole").query_pre_attn_scalar,
        None
    );
    let pattern: Vec<Value> = (1..=12).map(|layer| Value::Bool(layer % 6 != 0)).collect();
    let key = "attention.sliding_window_pattern";
    assert!(of("gemma3", &[(key, Value::Array(pattern)), ("rope.freq_base_swa", float(1e4))], &[]).is_ok());
    assert!(of("gemma3", &[(key, Value::U32(4))], &[]).is_err());
}

#[test]
fn an_array_of_equal_numbers_is_read_as_that_number() {
    let list = |all: &[u32]| Value::Array(all.iter().map(|&n| Value::U32(n)).collect());
    let found = of("llama", &[("attention.head_count_kv", list(&[2, 2]))], &[]).expect("whole");
    assert_eq!(found.num_key_value_heads, 2);
    for bad in [list(&[2, 1]), list(&[])] {
        named(of("llama", &[("attention.head_count_kv", bad)], &[]), "llama.attention.head_count_kv");
    }
}
