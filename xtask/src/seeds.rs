//! Seeds of the fuzz targets.

use anyhow::Context;
use ecq::coding::prefix::{self, PrefixCode};
use ecq::coding::{Counts, FrequencyTable, Layout, Order, rans};
use ecq::encode::{CodingChoice, EncodeOptions};
use ecq::{Coding, Limits, PackOptions, pack, source};
use serde_json::json;
use std::fs;
use std::path::Path;

/// Writes seeds for every fuzz target.
pub fn write() -> anyhow::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let folder = |name: &str| -> anyhow::Result<_> {
        let folder = corpus.join(name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    };
    let gguf = ecq_fixtures::small_gguf(2, 256);
    // The parser of GGUF files reads only the header.
    fs::write(folder("gguf")?.join("small"), &gguf[..gguf.len().min(4096)])?;
    for ty in [2u8, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23, 34, 35, 39] {
        let bytes: Vec<u8> = [ty].into_iter().chain((0..440u32).map(|i| (i * 37 % 251) as u8)).collect();
        fs::write(folder("gguf")?.join(format!("blocks-{ty}")), bytes)?;
    }

    let checkpoint = folder("checkpoint")?;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/ecq-format/tests/data");
    for name in ["mlx-tiny", "gptq-tiny", "awq-tiny"] {
        let config = fs::read(fixtures.join(name).join("config.json"))?;
        let file = fs::read(fixtures.join(name).join("model.safetensors"))?;
        // The parser needs the header and the length of the file.
        let header = &file[..8 + u64::from_le_bytes(*file.first_chunk().context("a header")?) as usize];
        fs::write(checkpoint.join(name), seed_of_checkpoint(&[], header, file.len() as u32, &[], 0))?;
        fs::write(checkpoint.join(format!("{name}-config")), seed_of_checkpoint(&config, &[], 0, &[], 0))?;
    }
    let config = folder("config")?;
    for name in ["mlx-tiny", "gptq-tiny", "awq-tiny"] {
        fs::copy(fixtures.join(name).join("config.json"), config.join(name))?;
    }
    // One per architecture, with keys that the others lack.
    for (name, keys) in [
        ("llama", r#""attention_bias":true,"rope_scaling":{"rope_type":"llama3","factor":8.0}"#),
        (
            "mistral",
            r#""sliding_window":8,"rope_scaling":{"type":"yarn","factor":4.0,"attention_factor":Infinity}"#,
        ),
        ("qwen2", r#""use_sliding_window":true,"max_window_layers":1,"rope_theta":1e400"#),
        (
            "gemma3_text",
            r#""query_pre_attn_scalar":168,"layer_types":["sliding_attention","full_attention"]"#,
        ),
        ("gpt2", r#""n_embd":8,"n_head":2,"n_layer":1,"n_positions":16,"layer_norm_epsilon":NaN"#),
        ("mixtral", r#""num_local_experts":2,"num_experts_per_tok":1"#),
    ] {
        let json = format!(
            r#"{{"model_type":"{name}","hidden_size":8,"intermediate_size":16,"num_hidden_layers":2,
            "num_attention_heads":2,"vocab_size":4,"max_position_embeddings":16,"time_step_limit":[0,Infinity],{keys}}}"#
        );
        fs::write(config.join(name), json)?;
    }
    let shard = |tensor: &str| {
        let json = format!(r#"{{"{tensor}":{{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}}}"#);
        [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat()
    };
    let (first, second) = (shard("a"), shard("b"));
    let index = br#"{"metadata":{},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#;
    let lens = [&first, &second].map(|shard| shard.len() as u32 + 12);
    fs::write(checkpoint.join("sharded"), seed_of_checkpoint(index, &first, lens[0], &second, lens[1]))?;

    let container = folder("container")?;
    let model = container.join("small.gguf");
    fs::write(&model, &gguf)?;
    for coding in [Coding::Packed, Coding::Rans, Coding::Prefix, Coding::Archive] {
        let encode = EncodeOptions {
            coding: CodingChoice::Only(coding),
            hybrid_percent: 0.0,
            ..EncodeOptions::default()
        };
        let source = source::open(&model, &Limits::default())?;
        let dest = container.join(format!("{coding:?}").to_lowercase());
        pack(&*source, "small.gguf", Some(&dest), &PackOptions { encode, ..PackOptions::default() }, &())?;
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/ecq-pack/tests/data");
    for name in ["classes-v1.ecq", "super-blocks-v1.ecq", "trellis-v1.ecq"] {
        fs::copy(golden.join(name), container.join(name)).with_context(|| name.to_owned())?;
    }
    fs::remove_file(&model)?;

    let (rows, cols, lanes) = (40u8, 50u8, 32u8);
    let symbols: Vec<u8> = (0..2000u32).map(|i| (i * i % 97 % 13) as u8).collect();
    let layout = Layout::new(rows.into(), cols.into(), lanes.into(), Order::Rows)?;
    let table = FrequencyTable::new(&Counts::of(&symbols), 16, FrequencyTable::PRECISION)?;
    let head = [rows, cols, lanes - 1, 0];
    let stream = rans::Encoder::new(&table).encode(&symbols, cols.into(), layout)?;
    fs::write(folder("rans")?.join("tile"), [&head[..], &table.to_bytes(), &stream].concat())?;
    fs::write(folder("rans")?.join("symbols"), [&head[..], &symbols].concat())?;
    // One row class, one column class, branch bits with lag 4 and restart 12.
    let by_branch = [1, 1, 0b0110, 4 | 8 | 3 << 4];
    let tables = [table.to_bytes(), table.to_bytes()].concat();
    fs::write(folder("rans")?.join("branches"), [&head[..], &by_branch, &tables, &symbols].concat())?;
    for tuple in 1..=4 {
        let code = PrefixCode::new(table.clone(), tuple, 1)?;
        let tile = prefix::Encoder::new(&code).encode(&symbols, cols.into(), layout)?;
        let bytes = [&head[..], &[0], &code.to_bytes(), &tile].concat();
        fs::write(folder("prefix")?.join(format!("tile-{tuple}")), bytes)?;
    }
    fs::write(folder("prefix")?.join("symbols"), [&head[..], &[1], &symbols].concat())?;
    seeds_of_chat(&folder("chat")?)?;
    println!("wrote seeds to {}", corpus.display());
    Ok(())
}

/// Writes seeds of a tokenizer and each chat template of the tests.
fn seeds_of_chat(folder: &Path) -> anyhow::Result<()> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/ecq-runtime/tests/data");
    let file: serde_json::Value = serde_json::from_slice(&fs::read(tests.join("chat_templates.json"))?)?;
    let special = json!({
        "id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true
    });
    let tokenizer = json!({
        "version": "1.0", "added_tokens": [special], "normalizer": { "type": "NFC" },
        "pre_tokenizer": {
            "type": "Split", "pattern": { "Regex": "\\p{L}+" }, "behavior": "Isolated", "invert": false
        },
        "post_processor": null, "decoder": { "type": "ByteFallback" },
        "model": {
            "type": "BPE", "byte_fallback": true, "merges": ["H e"],
            "vocab": { "<s>": 0, "<0x0A>": 1, "H": 2, "e": 3, "He": 4 }
        }
    });
    let tokenizer = tokenizer.to_string();
    let tokenizer = tokenizer.as_bytes();
    let of = |key: &str| file[key].as_array().cloned().unwrap_or_default();
    let templates = of("templates").into_iter().map(|item| item["template"].clone());
    for (i, template) in
        templates.chain(of("expressions").into_iter().map(|item| item[0].clone())).enumerate()
    {
        let template = template.as_str().unwrap_or_default().as_bytes();
        let bytes = [&(tokenizer.len() as u16).to_le_bytes()[..], tokenizer, template].concat();
        fs::write(folder.join(format!("template-{i}")), bytes)?;
    }
    Ok(())
}

/// Encodes an input of the target `checkpoint`: lengths of index and first shard, lengths of both files,
/// index, shards.
fn seed_of_checkpoint(index: &[u8], first: &[u8], first_len: u32, second: &[u8], second_len: u32) -> Vec<u8> {
    let mut out = Vec::new();
    [index, first].iter().for_each(|part| out.extend((part.len() as u16).to_le_bytes()));
    [first_len, second_len].iter().for_each(|len| out.extend(len.to_le_bytes()));
    [index, first, second].iter().for_each(|part| out.extend(*part));
    out
}
