//! Special tokens in a model's files: before a text, after a text, and in chat templates.

use ecq_core::Limits;
use ecq_format::container::{EcqFile, EcqWriter, ModelEntry, SourceRecord};
use ecq_format::gguf::{GgmlType, TensorToWrite, Value as GgufValue, write};
use ecq_runtime::{ChatTemplate, Checkpoint, Message, RuntimeError, Tokenizer};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Creates a model of attached files, without weights.
fn with_files(files: &[(&str, Vec<u8>)], source_bytes: u64) -> Checkpoint {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.ecq");
    let mut spool = EcqWriter::create(&path, "key", false).unwrap();
    for (name, bytes) in files {
        spool.push_file(name, bytes).unwrap();
    }
    let source = SourceRecord { format: "safetensors".to_owned(), file: "m".to_owned(), bytes: source_bytes };
    let (writer, shapes) = ("test".to_owned(), BTreeMap::new());
    spool
        .finish(&ModelEntry {
            source,
            order: Vec::new(),
            writer,
            shapes,
            recipe: None,
            measured_kl: Vec::new(),
        })
        .unwrap();
    let file = EcqFile::parse(std::fs::read(&path).unwrap().into(), &Limits::default()).unwrap();
    Checkpoint::new(file, &Limits::default()).unwrap()
}

/// Creates a small Llama; JSON files that are not given have typical content.
fn checkpoint(files: &[(&str, Value)]) -> Checkpoint {
    let config = json!({
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": ROWS, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 64, "rope_theta": 10000.0, "tie_word_embeddings": true
    });
    let mut all = BTreeMap::from([("config.json", config), ("tokenizer.json", tokenizer_json())]);
    all.extend(files.iter().map(|(name, json)| (*name, json.clone())));
    let text = |name: &str, json: &Value| match json {
        Value::String(text) if name.ends_with(".jinja") => text.clone(),
        json => json.to_string(),
    };
    let bytes: Vec<_> = all.iter().map(|(name, json)| (*name, text(name, json).into_bytes())).collect();
    with_files(&bytes, 0)
}

/// The vocabulary; the last token is an added one beyond the embedding.
const TOKENS: [&str; 9] = ["<s>", "</t>", "<|end|>", "<|turn|>", "a", "b", "c", "ab", "<image>"];
const ROWS: usize = 8;

fn id(token: &str) -> u32 {
    TOKENS.iter().position(|known| *known == token).unwrap() as u32
}

fn tokenizer_json() -> Value {
    let special = |token: &str| {
        json!({
            "id": id(token), "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        })
    };
    let own: BTreeMap<&str, usize> = TOKENS[..ROWS].iter().copied().zip(0..).collect();
    let added: Vec<Value> =
        ["<s>", "</t>", "<|end|>", "<|turn|>", "<image>"].into_iter().map(special).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": null, "post_processor": null, "decoder": null,
        "model": { "type": "BPE", "vocab": own, "merges": [["a", "b"]] }
    })
}

fn with(change: impl FnOnce(&mut Value)) -> (&'static str, Value) {
    let mut json = tokenizer_json();
    change(&mut json);
    ("tokenizer.json", json)
}

fn post_processor(single: &[&str]) -> Value {
    let piece = |name: &&str| match *name {
        "A" => json!({ "Sequence": { "id": "A", "type_id": 0 } }),
        token => json!({ "SpecialToken": { "id": token, "type_id": 0 } }),
    };
    let single: Vec<Value> = single.iter().map(piece).collect();
    let token = |name: &str| json!({ "id": name, "ids": [id(name)], "tokens": [name] });
    json!({
        "type": "TemplateProcessing", "single": single, "pair": single,
        "special_tokens": { "<s>": token("<s>"), "</t>": token("</t>"), "<|turn|>": token("<|turn|>") }
    })
}

fn tokenizer(files: &[(&str, Value)]) -> Tokenizer {
    Tokenizer::from_checkpoint(&checkpoint(files)).unwrap()
}

/// Returns the end tokens.
fn ends(files: &[(&str, Value)]) -> Vec<&'static str> {
    tokenizer(files).end_tokens().iter().map(|&id| TOKENS[id as usize]).collect()
}

#[test]
fn truncation_and_padding_settings_are_ignored() {
    let changed = with(|json| {
        json["truncation"] =
            json!({ "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0 });
        json["padding"] = json!({
            "strategy": { "Fixed": 20 }, "direction": "Left", "pad_to_multiple_of": 8, "pad_id": 1,
            "pad_type_id": 0, "pad_token": "</t>"
        });
        json["post_processor"] = post_processor(&["<s>", "A"]);
    });
    let tokenizer = tokenizer(&[changed]);
    let text = "abc".repeat(10);
    let expected = [id("ab"), id("c")].repeat(10);
    assert_eq!(tokenizer.encode(&text, false).unwrap(), expected);
    assert_eq!(tokenizer.encode(&text, true).unwrap(), [vec![id("<s>")], expected].concat());
    assert_eq!(tokenizer.encode("", true).unwrap(), [id("<s>")]);
    assert_eq!(tokenizer.encode("a", false).unwrap(), [id("a")]);
}

#[test]
fn added_tokens_may_lie_beyond_the_embedding() {
    let tokenizer = tokenizer(&[]);
    assert_eq!(tokenizer.encode("abc", true).unwrap(), [id("ab"), id("c")]);
    let error = tokenizer.encode("ab<image>", true).unwrap_err();
    assert!(
        matches!(&error, RuntimeError::TokenWithoutEmbedding { token, id: 8, rows: 8 } if token == "<image>")
    );
    assert!(error.to_string().contains("\"<image>\""), "{error}");
    // A gap in the ids, as in some fine-tuned models.
    let far = with(|json| json["added_tokens"][4]["id"] = json!(9));
    assert_eq!(
        Tokenizer::from_checkpoint(&checkpoint(&[far])).unwrap().encode("a", false).unwrap(),
        [id("a")]
    );
    // A vocabulary larger than the embedding belongs to another model.
    let other = with(|json| json["model"]["vocab"]["ac"] = json!(8));
    assert!(
        Tokenizer::from_checkpoint(&checkpoint(&[other])).unwrap_err().to_string().contains("another model")
    );
}

#[test]
fn damaged_tokenizers_are_refused() {
    let mut json = tokenizer_json();
    json["decoder"] = json!({ "type": "ByteFallback" });
    let whole = json.to_string();
    assert!(Tokenizer::new(whole.as_bytes(), ROWS).is_ok());
    for cut in (0..whole.len()).step_by(3) {
        assert!(Tokenizer::new(&whole.as_bytes()[..cut], ROWS).is_err(), "{}", &whole[..cut]);
    }
    let quoted = whole.replace(r#"{"type":"ByteFallback"}"#, r#"{"type" "ByteFallback"}"#);
    assert!(Tokenizer::new(quoted.as_bytes(), ROWS).is_err());
    assert!(Tokenizer::new(b"\xff\xfe", ROWS).is_err());
}

#[test]
fn end_tokens_come_from_every_file() {
    let config = |key: &str, value: Value| {
        let mut config = json!({
            "model_type": "llama", "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": ROWS, "rms_norm_eps": 1e-5,
            "max_position_embeddings": 64, "rope_theta": 10000.0, "tie_word_embeddings": true
        });
        config[key] = value;
        ("config.json", config)
    };
    let plain = ["<|end|>"];
    assert_eq!(ends(&[]), plain, "known by its name");
    for (name, json) in [
        config("eos_token_id", json!(1)),
        config("eos_token_id", json!([2, 1])),
        ("generation_config.json", json!({ "eos_token_id": [1] })),
        ("generation_config.json", json!({ "eos_token_id": 1 })),
        ("tokenizer_config.json", json!({ "eos_token": "</t>" })),
        ("tokenizer_config.json", json!({ "eos_token": { "content": "</t>", "special": true } })),
        ("tokenizer_config.json", json!({ "eot_token": "</t>" })),
        ("special_tokens_map.json", json!({ "eos_token": "</t>" })),
        ("special_tokens_map.json", json!({ "eos_token": { "content": "</t>" } })),
    ] {
        assert_eq!(ends(&[(name, json.clone())]), ["</t>", "<|end|>"], "{name} {json}");
    }
    for (name, json) in [
        ("tokenizer_config.json", json!({ "eos_token": null })),
        ("tokenizer_config.json", json!({ "eos_token": "no such token" })),
        ("generation_config.json", json!({ "eos_token_id": null })),
        ("generation_config.json", json!({ "eos_token_id": "1" })),
        ("special_tokens_map.json", json!([])),
    ] {
        assert_eq!(ends(&[(name, json.clone())]), plain, "{name} {json}");
    }
}

#[test]
fn text_after_an_answer_defines_end_of_turn_tokens() {
    for (template, expected) in [
        (
            "{% for m in messages %}{{ m.role }}: {{ m.content }}<|turn|>{% endfor %}",
            vec!["<|end|>", "<|turn|>"],
        ),
        (
            "{% for m in messages %}{{ m.content | trim }}\n<|turn|>\n{% endfor %}",
            vec!["<|end|>", "<|turn|>"],
        ),
        ("{% for m in messages %}{{ m.content + eos_token }}{% endfor %}", vec!["</t>", "<|end|>"]),
        ("{% for m in messages %}<|turn|>{{ m.content }}{% endfor %}", vec!["<|end|>"]),
        (
            "{% for m in messages %}{{ m.content }}{% endfor %}{{ '<|turn|>' if add_generation_prompt }}",
            vec!["<|end|>"],
        ),
        ("{{ raise_exception('no') }}", vec!["<|end|>"]),
        ("{% broken", vec!["<|end|>"]),
    ] {
        let files = [
            ("chat_template.jinja", json!(template)),
            (
                "tokenizer_config.json",
                json!({ "bos_token": "<s>", "eos_token": template.contains("eos").then_some("</t>") }),
            ),
        ];
        assert_eq!(ends(&files), expected, "{template}");
    }
}

#[test]
fn messages_within_a_turn_do_not_end_it() {
    let harmony = with(|json| {
        json["added_tokens"][1]["content"] = json!("<|return|>");
        json["added_tokens"][3]["content"] = json!("<|call|>");
        let tokens = ["<s>", "<|return|>", "<|end|>", "<|call|>", "a", "b", "c", "ab"];
        json["model"]["vocab"] = json!(tokens.into_iter().zip(0..).collect::<BTreeMap<_, u32>>());
    });
    assert_eq!(tokenizer(&[harmony]).end_tokens(), [1, 3]);
}

#[test]
fn prefix_tokens_are_not_end_tokens() {
    for (single, expected) in [
        (&["<s>", "A", "</t>"][..], &["<s>"][..]),
        (&["<s>", "A"], &["<s>"]),
        (&["A", "</t>"], &[]),
        (&["<s>", "<|turn|>", "A"], &["<s>", "<|turn|>"]),
        (&["A"], &[]),
    ] {
        let tokenizer = tokenizer(&[with(|json| json["post_processor"] = post_processor(single))]);
        let expected: Vec<u32> = expected.iter().map(|token| id(token)).collect();
        assert_eq!(tokenizer.encode("", true).unwrap(), expected, "{single:?}");
        assert_eq!(tokenizer.encode("ab", true).unwrap(), [expected, vec![id("ab")]].concat(), "{single:?}");
        assert_eq!(tokenizer.encode("ab", false).unwrap(), [id("ab")]);
    }
    for kind in ["BertProcessing", "RobertaProcessing"] {
        let mut processor = json!({ "type": kind, "sep": ["</t>", 1], "cls": ["<s>", 0] });
        if kind == "RobertaProcessing" {
            processor["trim_offsets"] = json!(true);
            processor["add_prefix_space"] = json!(false);
        }
        let tokenizer = tokenizer(&[with(|json| json["post_processor"] = processor)]);
        assert_eq!(tokenizer.encode("", true).unwrap(), [id("<s>")], "{kind}");
    }
}

#[test]
fn templates_name_the_special_tokens_of_every_file() {
    let template = "[{{ bos_token }}][{{ eos_token }}][{{ unk_token }}][{{ pad_token }}][{{ sep_token }}]\
        [{{ cls_token }}][{{ mask_token }}][{{ image_token }}][{{ additional_special_tokens | join('+') }}]\
        [{{ pad_token is defined }}]";
    let render = |files: &[(&str, Value)]| {
        let files: Vec<_> =
            [("chat_template.jinja", json!(template))].into_iter().chain(files.iter().cloned()).collect();
        ChatTemplate::from_checkpoint(&checkpoint(&files)).unwrap().render(&[Message::user("a")]).unwrap()
    };
    let config = json!({
        "bos_token": "<s>", "eos_token": { "content": "</t>" }, "unk_token": null, "pad_token": "P",
        "image_token": "I", "additional_special_tokens": ["x", { "content": "y" }],
        "tokenizer_class": "LlamaTokenizerFast"
    });
    let map =
        json!({ "pad_token": "Q", "sep_token": "S", "cls_token": { "content": "C" }, "mask_token": "M" });
    assert_eq!(render(&[("tokenizer_config.json", config.clone())]), "[<s>][</t>][][P][][][][I][x+y][True]");
    let both = [("tokenizer_config.json", config.clone()), ("special_tokens_map.json", map.clone())];
    assert_eq!(render(&both), "[<s>][</t>][][Q][S][C][M][I][x+y][True]");
    // A file that lists its added tokens has a later format and takes precedence.
    let mut later = config;
    later["added_tokens_decoder"] = json!({});
    let both = [("tokenizer_config.json", later), ("special_tokens_map.json", map.clone())];
    assert_eq!(render(&both), "[<s>][</t>][][P][S][C][M][I][x+y][True]");
    assert_eq!(render(&[("special_tokens_map.json", map)]), "[][][][Q][S][C][M][][][True]");
    // Tokens that no file names come from the tokenizer class.
    let class = |name: &str| ("tokenizer_config.json", json!({ "tokenizer_class": name, "pad_token": null }));
    assert_eq!(render(&[class("GemmaTokenizer")]), "[<bos>][<eos>][<unk>][][][][<mask>][][][False]");
    assert_eq!(render(&[class("PreTrainedTokenizerFast")]), "[][][][][][][][][][False]");
    let named = json!({ "extra_special_tokens": { "image_token": "J" } });
    assert_eq!(render(&[("tokenizer_config.json", named)]), "[][][][][][][][J][][False]");
}

#[test]
fn the_default_template_is_used() {
    let of = |files: &[(&str, Value)]| {
        let template = ChatTemplate::from_checkpoint(&checkpoint(files));
        template
            .and_then(|template| template.render(&[Message::user("a")]))
            .map_err(|error| error.to_string())
    };
    let list = |names: &[&str]| {
        let items: Vec<Value> =
            names.iter().map(|name| json!({ "name": name, "template": format!("<{name}>") })).collect();
        json!({ "chat_template": items })
    };
    let config = |json: Value| ("tokenizer_config.json", json);
    let file = ("chat_template.jinja", json!("{{ 'file' }}"));
    let processor = |json: Value| ("chat_template.json", json!({ "chat_template": json }));
    assert_eq!(of(&[config(list(&["tool_use", "default"]))]), Ok("<default>".to_owned()));
    assert_eq!(of(&[config(list(&["rag"]))]), Ok("<rag>".to_owned()));
    let error = of(&[config(list(&["tool_use", "rag"]))]).unwrap_err();
    assert!(error.contains("tool_use, rag"), "{error}");
    assert_eq!(of(&[config(json!({ "chat_template": { "default": "D", "x": "X" } }))]), Ok("D".to_owned()));
    assert_eq!(
        of(&[config(json!({ "chat_template": "C" })), file.clone(), processor(json!("P"))]),
        Ok("file".to_owned())
    );
    assert_eq!(of(&[config(json!({ "chat_template": "C" })), processor(json!("P"))]), Ok("C".to_owned()));
    assert_eq!(of(&[processor(json!("P"))]), Ok("P".to_owned()));
    assert_eq!(of(&[config(json!({ "chat_template": null })), processor(json!("P"))]), Ok("P".to_owned()));
    assert!(of(&[]).unwrap_err().contains("no chat template"));
}

#[test]
fn templates_have_a_date_and_no_tools() {
    let render = |template: &str| {
        let template = ChatTemplate::new(template, String::new(), String::new()).unwrap();
        template.render(&[Message::user("Hello")]).unwrap()
    };
    let today = jiff::Zoned::now().strftime("%Y-%m-%d").to_string();
    let found = render("{{ strftime_now('%Y-%m-%d') }}");
    assert!(found == today || jiff::Zoned::now().strftime("%Y-%m-%d").to_string() == found);
    assert_eq!(
        render(
            "{{ strftime_now('%Y')|length }}{{ strftime_now('%d %b %Y')|length }}{{ strftime_now('%%') }}"
        ),
        "411%"
    );
    assert_eq!(render("{{ strftime_now('%-d')|int > 0 }}{{ strftime_now('100 %Q') }}"), "True100 %Q");
    assert_eq!(
        render("{% if tools is not none or documents is not none %}T{% endif %}{{ messages[0].content }}"),
        "Hello"
    );
    assert_eq!(render("{{ tools is defined and documents is defined }}{{ tools }}"), "TrueNone");
}

/// Creates a model from a GGUF header of a Llama with additional keys.
fn gguf(keys: &[(&str, GgufValue)]) -> Checkpoint {
    struct Failed;
    impl From<ecq_format::gguf::GgufError> for Failed {
        fn from(_: ecq_format::gguf::GgufError) -> Self {
            Self
        }
    }
    impl From<std::io::Error> for Failed {
        fn from(_: std::io::Error) -> Self {
            Self
        }
    }
    let text = |text: &str| GgufValue::String(text.to_owned());
    let words = |list: &[&str]| GgufValue::Array(list.iter().map(|word| text(word)).collect());
    let mut metadata = vec![
        ("general.architecture", text("llama")),
        ("llama.embedding_length", GgufValue::U32(64)),
        ("llama.feed_forward_length", GgufValue::U32(64)),
        ("llama.block_count", GgufValue::U32(1)),
        ("llama.attention.head_count", GgufValue::U32(2)),
        ("llama.attention.head_count_kv", GgufValue::U32(2)),
        ("llama.attention.layer_norm_rms_epsilon", GgufValue::F32(1e-5)),
        ("llama.rope.freq_base", GgufValue::F32(10000.0)),
        ("llama.context_length", GgufValue::U32(64)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.tokens", words(&TOKENS[..ROWS])),
        ("tokenizer.ggml.token_type", GgufValue::Array([3, 3, 1, 3, 1, 1, 1, 1].map(GgufValue::I32).into())),
        ("tokenizer.ggml.merges", words(&["a b"])),
        ("tokenizer.ggml.bos_token_id", GgufValue::U32(0)),
    ];
    metadata.extend(keys.iter().cloned());
    let metadata: Vec<_> = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let tensor = TensorToWrite {
        name: "token_embd.weight".to_owned(),
        ty: GgmlType::F32,
        dims: vec![64, ROWS as u64],
    };
    let mut file = Vec::new();
    assert!(write::<Failed>(&mut file, &metadata, &[tensor], |_| Ok(vec![0; 64 * ROWS * 4])).is_ok());
    let bytes = file.len() as u64;
    with_files(&[("gguf.header", file)], bytes)
}

#[test]
fn gguf_files_define_end_tokens() {
    let ends = |keys: &[(&str, GgufValue)]| {
        let tokenizer = Tokenizer::from_checkpoint(&gguf(keys)).unwrap();
        tokenizer.end_tokens().iter().map(|&id| TOKENS[id as usize]).collect::<Vec<_>>()
    };
    for key in ["eos", "eot", "eom"] {
        let key = format!("tokenizer.ggml.{key}_token_id");
        assert_eq!(ends(&[(&key, GgufValue::U32(1))]), ["</t>", "<|end|>"], "{key}");
    }
    let template = GgufValue::String("{% for m in messages %}{{ m.content }}<|turn|>{% endfor %}".to_owned());
    assert_eq!(ends(&[("tokenizer.chat_template", template)]), ["<|end|>", "<|turn|>"]);
}

#[test]
fn gguf_files_may_have_several_templates() {
    let text = |text: &str| GgufValue::String(text.to_owned());
    let names = GgufValue::Array(vec![text("tool_use"), text("rag")]);
    let named = [
        ("tokenizer.chat_templates", names),
        ("tokenizer.chat_template.tool_use", text("T")),
        ("tokenizer.chat_template.rag", text("R")),
    ];
    let error = ChatTemplate::from_checkpoint(&gguf(&named)).unwrap_err().to_string();
    assert!(error.contains("tool_use, rag"), "{error}");
    let with_default: Vec<_> =
        named.into_iter().chain([("tokenizer.chat_template", text("{{ bos_token }}D"))]).collect();
    let template = ChatTemplate::from_checkpoint(&gguf(&with_default)).unwrap();
    assert_eq!(template.render(&[Message::user("a")]).unwrap(), "<s>D");
}
