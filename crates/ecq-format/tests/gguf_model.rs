//! Model and tokenizer facts: defaults where the format has them, a named key where it has not.

use ecq_core::Limits;
use ecq_format::gguf::{
    GgmlType, Gguf, GgufError, RopeScaling, TensorToWrite, Value, chat_template, config, tokenizer, write,
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

/// The base with `changes`: a value replaces or adds a key, `None` takes it away.
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
    Gguf::parse(&file, file.len() as u64, &Limits::default()).expect("sound")
}

#[test]
fn absent_keys_have_the_defaults_of_the_format() {
    let config = config(&gguf(&[], &["token_embd.weight"])).expect("whole");
    assert_eq!(config.architecture, "toy");
    assert_eq!((config.hidden_size, config.intermediate_size, config.num_hidden_layers), (64, 256, 2));
    assert_eq!((config.num_attention_heads, config.num_key_value_heads, config.head_dim), (4, 4, 16));
    assert_eq!((config.rms_norm_eps, config.rope_theta), (0.5, 10_000.0));
    assert_eq!((config.max_position_embeddings, config.vocab_size), (1024, 3));
    assert!(config.tie_word_embeddings);
    assert_eq!((config.rope_scaling, config.sliding_window, config.rope_dim), (None, None, None));
}

#[test]
fn present_keys_are_taken() {
    let changes = [
        ("toy.attention.head_count_kv", Some(Value::U32(1))),
        ("toy.attention.key_length", Some(Value::U32(32))),
        ("toy.attention.sliding_window", Some(Value::U32(512))),
        ("toy.rope.freq_base", Some(Value::F32(1e6))),
        ("toy.rope.freq_base_swa", Some(Value::F32(1e4))),
        ("toy.rope.dimension_count", Some(Value::U32(8))),
        ("toy.rope.scaling.type", Some(Value::String("yarn".to_owned()))),
        ("toy.rope.scaling.factor", Some(Value::F32(4.0))),
        ("toy.rope.scaling.original_context_length", Some(Value::U32(256))),
        ("toy.rope.scaling.attn_factor", Some(Value::F32(1.25))),
        ("toy.vocab_size", Some(Value::U32(5))),
    ];
    let config = config(&gguf(&changes, &["output.weight"])).expect("whole");
    assert_eq!((config.num_key_value_heads, config.head_dim, config.sliding_window), (1, 32, Some(512)));
    assert_eq!((config.rope_theta, config.rope_local_base_freq), (1e6, Some(1e4)));
    assert_eq!((config.rope_dim, config.vocab_size), (Some(8), 5));
    assert!(!config.tie_word_embeddings);
    let scaling = RopeScaling {
        rope_type: "yarn".to_owned(),
        factor: 4.0,
        original_max_position_embeddings: Some(256),
        attention_factor: Some(1.25),
    };
    assert_eq!(config.rope_scaling, Some(scaling));
    let json = serde_json::to_string(&config).expect("serializable");
    assert_eq!(serde_json::from_str::<ecq_format::gguf::ModelConfig>(&json).expect("the same"), config);
}

#[test]
fn old_files_scale_positions_by_a_factor_alone() {
    let scaling =
        |changes: &[(&str, Option<Value>)]| config(&gguf(changes, &[])).expect("whole").rope_scaling;
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
        named(config(&gguf(&[(&key, None)], &[])), &key);
    }
    for key in ["tokenizer.ggml.model", "tokenizer.ggml.tokens"] {
        named(tokenizer(&gguf(&[(key, None)], &[])), key);
    }
}

#[test]
fn a_mistyped_key_is_named_even_if_it_may_be_absent() {
    let wrong = || Some(Value::Array(vec![Value::Bool(true)]));
    for key in [
        "attention.head_count_kv",
        "attention.key_length",
        "attention.sliding_window",
        "block_count",
        "rope.freq_base",
        "rope.freq_base_swa",
        "rope.dimension_count",
        "rope.scaling.type",
        "rope.scale_linear",
        "vocab_size",
    ] {
        let key = format!("toy.{key}");
        named(config(&gguf(&[(&key, wrong())], &[])), &key);
    }
    named(
        config(&gguf(&[("toy.attention.head_count", Some(Value::U32(0)))], &[])),
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
        named(tokenizer(&gguf(&[(&key, wrong())], &[])), &key);
    }
    let strings = Some(Value::Array(vec![Value::String("1".to_owned())]));
    named(tokenizer(&gguf(&[("tokenizer.ggml.token_type", strings)], &[])), "tokenizer.ggml.token_type");
    let id = Some(Value::U64(1 << 32));
    named(tokenizer(&gguf(&[("tokenizer.ggml.bos_token_id", id)], &[])), "tokenizer.ggml.bos_token_id");
}

#[test]
fn tokenizer_facts_are_taken() {
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
    let facts = tokenizer(&full).expect("whole");
    assert_eq!((facts.model.as_str(), facts.pre.as_deref()), ("gpt2", Some("smollm")));
    assert_eq!((facts.tokens.len(), facts.merges.len()), (3, 1));
    assert_eq!((facts.token_types, facts.scores), (vec![1, 1, 3], vec![0.0, -1.0, -2.0]));
    assert_eq!((facts.bos, facts.eos, facts.unk, facts.pad), (Some(0), Some(1), Some(2), Some(1)));
    assert_eq!((facts.add_bos, facts.add_eos, facts.add_space_prefix), (Some(true), None, Some(false)));
    assert_eq!(chat_template(&full), Some("{{ x }}"));
    assert_eq!(chat_template(&gguf(&[], &[])), None);
}

#[test]
fn types_and_scores_are_one_for_each_token() {
    for (key, value) in [
        ("tokenizer.ggml.token_type", vec![Value::I32(1); 2]),
        ("tokenizer.ggml.scores", vec![Value::F32(0.0); 4]),
    ] {
        let error = tokenizer(&gguf(&[(key, Some(Value::Array(value)))], &[])).expect_err("another count");
        assert!(matches!(error, GgufError::Length { expected: 3, .. }), "{error}");
    }
}
