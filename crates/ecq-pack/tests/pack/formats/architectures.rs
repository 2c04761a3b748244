//! Architectures in GGUF files: biases, rotary frequencies, scales.

use super::models::{
    Folder, HEAD, HEADS, HIDDEN, INNER, KV_HEADS, LAYERS, Made, VOCABULARY, comes_back, config_of, nll,
    nll_of, packed, to_folder,
};
use ecq_core::Limits;
use ecq_format::gguf::{GgmlType, Value};
use ecq_pack::CheckpointFormat;
use ecq_runtime::Checkpoint;
use safetensors::SafeTensors;
use serde_json::json;
use std::fs;

/// Biases of some projections of a layer.
fn with_biases(mut made: Made, parts: &[(&str, usize)]) -> Made {
    for (part, len) in parts {
        made = made.vector(&format!("blk.1.{part}.bias"), *len, 0.0);
    }
    made
}

#[test]
fn biases_of_llama_run_and_are_exported() {
    let plain = nll_of(&Made::llama());
    // C4: all of attention; relatives: some of it, the feed-forward layers, one layer alone.
    let kv = KV_HEADS * HEAD;
    let attention = [("attn_q", HIDDEN), ("attn_k", kv), ("attn_v", kv), ("attn_output", HIDDEN)];
    let mlp = [("ffn_gate", INNER), ("ffn_up", INNER), ("ffn_down", HIDDEN)];
    for parts in [&attention[..], &attention[..3], &mlp, &mlp[2..], &[&attention[..], &mlp].concat()] {
        let made = with_biases(Made::llama(), parts);
        let folder = Folder::new();
        let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
        let expected = nll(&file);
        assert!((expected - plain).abs() > 1e-4, "biases count: {parts:?}");
        let out = folder.path("out");
        to_folder(&file, &out, CheckpointFormat::Safetensors).unwrap();
        let config = config_of(&out);
        let is_mlp = |part: &(&str, usize)| part.0.starts_with("ffn");
        assert_eq!(config["attention_bias"], json!(!parts.iter().all(is_mlp)));
        assert_eq!(config["mlp_bias"], json!(parts.iter().any(is_mlp)));
        // The folder is the same model, in halves.
        let back = nll(&packed(&out, &folder.path("back.ecq")));
        assert!((back - expected).abs() < 2e-3, "{parts:?}: {back} {expected}");
        // Where the class has a bias each layer has one.
        let bytes = fs::read(out.join("model.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let biases = file.names().iter().filter(|name| name.ends_with(".bias")).count();
        let per_layer = if parts.iter().all(is_mlp) {
            3
        } else if parts.iter().any(is_mlp) {
            7
        } else {
            4
        };
        assert_eq!(biases, LAYERS * per_layer);
    }
}

#[test]
fn gpt2_of_gguf_is_the_model_of_the_folder() {
    // C1: the epsilon of layer norms, as convert_hf_to_gguf.py writes it.
    let mut made = Made::llama();
    made.architecture = "gpt2";
    made.metadata.retain(|(key, _)| !key.starts_with("llama.attention.") && !key.starts_with("llama.rope."));
    for (key, _) in &mut made.metadata {
        *key = key.replacen("llama.", "gpt2.", 1);
    }
    made = made
        .key("general.architecture", Value::String("gpt2".to_owned()))
        .of_model("attention.head_count", Value::U32(HEADS as u32))
        .of_model("attention.layer_norm_epsilon", Value::F32(1e-5));
    made.tensors.clear();
    made = made
        .matrix("token_embd.weight", VOCABULARY, HIDDEN)
        .matrix("position_embd.weight", 64, HIDDEN)
        .vector("output_norm.weight", HIDDEN, 1.0)
        .vector("output_norm.bias", HIDDEN, 0.0);
    for layer in 0..LAYERS {
        for (norm, bias) in [("attn_norm", 0.1), ("ffn_norm", -0.1)] {
            made = made.vector(&format!("blk.{layer}.{norm}.weight"), HIDDEN, 1.0);
            made = made.vector(&format!("blk.{layer}.{norm}.bias"), HIDDEN, bias);
        }
        for (part, rows, cols) in [
            ("attn_qkv", 3 * HIDDEN, HIDDEN),
            ("attn_output", HIDDEN, HIDDEN),
            ("ffn_up", INNER, HIDDEN),
            ("ffn_down", HIDDEN, INNER),
        ] {
            made = made.matrix(&format!("blk.{layer}.{part}.weight"), rows, cols);
            made = made.vector(&format!("blk.{layer}.{part}.bias"), rows, 0.0);
        }
    }
    comes_back(&made.file());
    let folder = Folder::new();
    let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
    let out = folder.path("out");
    to_folder(&file, &out, CheckpointFormat::Safetensors).unwrap();
    assert_eq!(config_of(&out)["layer_norm_epsilon"], json!(1e-5));
    let (before, after) = (nll(&file), nll(&packed(&out, &folder.path("back.ecq"))));
    assert!((before - after).abs() < 2e-3, "{before} {after}");
}

/// Divisors as llama.cpp's converter computes them.
fn llama3_divisors([factor, low, high, original]: [f64; 4]) -> Vec<u8> {
    let one = |i: usize| {
        let wavelength = std::f64::consts::TAU * 10_000f64.powf(2.0 * i as f64 / HEAD as f64);
        let smooth = (original / wavelength - low) / (high - low);
        if wavelength < original / high {
            1.0
        } else if wavelength > original / low {
            factor
        } else {
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    (0..HEAD / 2).flat_map(|i| (one(i) as f32).to_le_bytes()).collect()
}

#[test]
fn divisors_of_frequencies_become_a_rule_or_are_refused() {
    let with = |divisors: Vec<u8>| {
        Made::llama().tensor("rope_freqs.weight", GgmlType::F32, &[HEAD as u64 / 2], divisors)
    };
    let exported = |made: &Made| {
        let folder = Folder::new();
        let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
        let before = nll(&file);
        let out = folder.path("out");
        let result = to_folder(&file, &out, CheckpointFormat::Safetensors);
        result.map(|_| {
            let after = nll(&packed(&out, &folder.path("back.ecq")));
            assert!((before - after).abs() < 2e-3, "{before} {after}");
            (before, config_of(&out)["rope_scaling"].clone())
        })
    };
    let plain = nll_of(&Made::llama());
    // Llama 3's factors, at a context that so few frequencies tell.
    let (found, scaling) = exported(&with(llama3_divisors([8.0, 1.0, 4.0, 512.0]))).unwrap();
    assert_eq!(
        scaling,
        json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 512})
    );
    assert!((found - plain).abs() > 1e-6);
    // Others: a factor for all frequencies, none, a linear scaling on top.
    let of = |divisors: [f32; HEAD / 2]| with(divisors.iter().flat_map(|d| d.to_le_bytes()).collect());
    assert_eq!(exported(&of([4.0; HEAD / 2])).unwrap().1, json!({"rope_type": "linear", "factor": 4.0}));
    assert!(exported(&of([1.0; HEAD / 2])).unwrap().1.is_null());
    let both = of([2.0; HEAD / 2]).of_model("rope.scaling.factor", Value::F32(3.0));
    assert_eq!(exported(&both).unwrap().1, json!({"rope_type": "linear", "factor": 6.0}));
    // H3: divisors of no rule. Nothing is left, and GGUF keeps them.
    let folder = Folder::new();
    let odd = folder.put("odd.gguf", &of([1.0, 3.0, 2.0, 8.0]).file());
    let file = packed(&odd, &folder.path("odd.ecq"));
    let error = to_folder(&file, &folder.path("out"), CheckpointFormat::Safetensors).unwrap_err();
    assert_eq!(error.kind(), "export");
    assert!(
        error.to_string().contains("rope_freqs.weight") && error.to_string().contains("llama3"),
        "{error}"
    );
    assert!(!folder.path("out").exists() && !folder.path("out.partial").exists());
    comes_back(&of([1.0, 3.0, 2.0, 8.0]).file());
    // With yarn on top nothing runs, and it says so.
    let yarn = of([2.0; HEAD / 2])
        .of_model("rope.scaling.type", Value::String("yarn".to_owned()))
        .of_model("rope.scaling.factor", Value::F32(4.0));
    let file = packed(&folder.put("yarn.gguf", &yarn.file()), &folder.path("yarn.ecq"));
    let error = Checkpoint::open(&file, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("rope_freqs.weight") && error.contains("yarn"), "{error}");
}

#[test]
fn factors_of_yarn_are_those_of_llama_cpp() {
    let yarn = |factor: Option<f32>| {
        let made = Made::llama()
            .of_model("rope.scaling.type", Value::String("yarn".to_owned()))
            .of_model("rope.scaling.factor", Value::F32(4.0))
            .of_model("rope.scaling.original_context_length", Value::U32(16));
        factor.into_iter().fold(made, |made, f| made.of_model("rope.scaling.attn_factor", Value::F32(f)))
    };
    // B4: one is the default.
    assert_eq!(nll_of(&yarn(Some(1.0))), nll_of(&yarn(None)));
    let scale = |factor| {
        let folder = Folder::new();
        let file = packed(&folder.put("m.gguf", &yarn(factor).file()), &folder.path("m.ecq"));
        let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
        checkpoint.config().rope.as_ref().unwrap().frequencies(1).1
    };
    let own = 1.0 + 0.1 * 4f32.ln();
    assert!((scale(None) - own).abs() < 1e-6 && (scale(Some(1.5)) - 1.5 * own).abs() < 1e-6);
}

#[test]
fn gemma3_27b_has_a_scale_of_its_own() {
    // B3: 62 layers, whose header alone is needed.
    let scale = |layers: u32| {
        let mut made = Made::llama();
        made.architecture = "gemma3";
        for (key, _) in &mut made.metadata {
            *key = key.replacen("llama.", "gemma3.", 1);
        }
        made = made
            .key("general.architecture", Value::String("gemma3".to_owned()))
            .of_model("block_count", Value::U32(layers))
            .of_model("attention.key_length", Value::U32(16))
            .of_model("attention.sliding_window", Value::U32(8));
        made.tensors.truncate(1);
        let folder = Folder::new();
        let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
        let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
        let config = checkpoint.config();
        let scales: Vec<f32> = config
            .blocks
            .iter()
            .flat_map(|block| block.attention())
            .map(|attention| attention.scale)
            .collect();
        assert_eq!(scales.len(), layers as usize);
        scales[0]
    };
    assert_eq!(scale(62), (HEAD as f32).powf(-0.5));
    assert_eq!([26, 34, 48].map(scale), [0.25; 3]);
}
