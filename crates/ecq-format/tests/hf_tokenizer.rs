//! `tokenizer.json` from the facts of a GGUF file. Whole published tokenizers are compared by
//! `scripts/check_tokenizer.py`.

use ecq_format::gguf::TokenizerMetadata;
use ecq_format::hf::{HfError, tokenizer_config_json, tokenizer_json};
use serde_json::{Value, json};

fn facts(model: &str, tokens: &[(&str, i32, f32)]) -> TokenizerMetadata {
    TokenizerMetadata {
        model: model.to_owned(),
        tokens: tokens.iter().map(|token| token.0.to_owned()).collect(),
        token_types: tokens.iter().map(|token| token.1).collect(),
        scores: tokens.iter().map(|token| token.2).collect(),
        ..TokenizerMetadata::default()
    }
}

fn sentence_piece() -> TokenizerMetadata {
    let tokens = [
        ("<unk>", 2, 0.0),
        ("<s>", 3, 0.0),
        ("  ", 4, -1000.0),
        ("   ", 4, -1000.0),
        ("<0x0A>", 6, 0.0),
        ("ab", 1, -1.0),
        ("abc", 1, -2.0),
        ("bc", 1, -3.0),
        ("\u{2581}", 1, -4.0),
        ("a", 1, -5.0),
        ("b", 1, -6.0),
        ("c", 1, -7.0),
        ("<a b>", 4, -1000.0),
    ];
    TokenizerMetadata { unk: Some(0), bos: Some(1), ..facts("llama", &tokens) }
}

fn merges(json: &Value) -> Vec<String> {
    let pair = |merge: &Value| format!("{} {}", merge[0].as_str().unwrap(), merge[1].as_str().unwrap());
    json["model"]["merges"].as_array().unwrap().iter().map(pair).collect()
}

#[test]
fn merges_of_sentence_piece_follow_from_scores_and_spaces_are_signs() {
    let json = tokenizer_json(&sentence_piece()).unwrap();
    // What a user defined first, of that the longer left part; then by score.
    assert_eq!(merges(&json), ["▁▁ ▁", "▁ ▁▁", "▁ ▁", "a b", "ab c", "a bc", "b c"]);
    assert_eq!((&json["model"]["vocab"]["▁▁"], &json["model"]["vocab"]["▁▁▁"]), (&json!(2), &json!(3)));
    let added: Vec<_> = json["added_tokens"].as_array().unwrap().iter().map(|t| &t["content"]).collect();
    assert_eq!(added, ["<unk>", "<s>", "▁▁", "▁▁▁", "<a b>"]);
    assert_eq!(json["added_tokens"][2]["special"], json!(false));
    assert_eq!(json["model"]["unk_token"], json!("<unk>"));
    assert_eq!(json["model"]["byte_fallback"], json!(true));
}

#[test]
fn a_space_before_the_text_is_the_files_choice() {
    let replace = json!({ "type": "Replace", "pattern": { "String": " " }, "content": "▁" });
    let prepend = json!({ "type": "Prepend", "prepend": "▁" });
    let with = tokenizer_json(&sentence_piece()).unwrap();
    assert_eq!(with["normalizer"], json!({ "type": "Sequence", "normalizers": [prepend, replace] }));
    assert_eq!(with["decoder"]["decoders"].as_array().unwrap().len(), 4);
    let facts = TokenizerMetadata { add_space_prefix: Some(false), ..sentence_piece() };
    let without = tokenizer_json(&facts).unwrap();
    assert_eq!(without["normalizer"], replace);
    assert_eq!(without["decoder"]["decoders"].as_array().unwrap().len(), 3);
}

#[test]
fn prompts_begin_as_llama_cpp_begins_them() {
    let begins = |facts: &TokenizerMetadata| !tokenizer_json(facts).unwrap()["post_processor"].is_null();
    assert!(begins(&sentence_piece()));
    assert!(!begins(&TokenizerMetadata { add_bos: Some(false), ..sentence_piece() }));
    assert!(!begins(&TokenizerMetadata { bos: None, ..sentence_piece() }));
    assert!(!begins(&TokenizerMetadata { bos: Some(99), ..sentence_piece() }));
    let bpe = |pre: &str| TokenizerMetadata {
        pre: Some(pre.to_owned()),
        bos: Some(0),
        ..facts("gpt2", &[("<bos>", 3, 0.0)])
    };
    assert!(begins(&bpe("llama-bpe")) && !begins(&bpe("qwen2")) && !begins(&bpe("smollm")));
    assert!(begins(&TokenizerMetadata { add_bos: Some(true), ..bpe("qwen2") }));
}

#[test]
fn byte_level_texts_are_cut_as_the_pre_tokenizer_says() {
    let json = |pre: Option<&str>| {
        let tokens = [("a", 1, 0.0), ("Ġ", 1, 0.0), ("Ġa", 1, 0.0)];
        let (pre, merges) = (pre.map(str::to_owned), vec!["Ġ a".to_owned()]);
        tokenizer_json(&TokenizerMetadata { pre, merges, ..facts("gpt2", &tokens) })
    };
    let first = |json: &Value| json["pre_tokenizer"]["pretokenizers"][0].clone();
    assert_eq!(json(None).unwrap()["pre_tokenizer"]["type"], "ByteLevel");
    assert_eq!(json(Some("gpt-2")).unwrap(), json(None).unwrap());
    let smollm = json(Some("smollm")).unwrap();
    assert_eq!(first(&smollm), json!({ "type": "Digits", "individual_digits": true }));
    assert_eq!(merges(&smollm), ["Ġ a"]);
    let (llama, qwen) = (json(Some("llama-bpe")).unwrap(), json(Some("qwen2")).unwrap());
    assert!(first(&llama)["pattern"]["Regex"].as_str().unwrap().contains(r"\p{N}{1,3}"));
    assert!(!first(&qwen)["pattern"]["Regex"].as_str().unwrap().contains(r"\p{N}{1,3}"));
    assert_eq!(
        (&llama["model"]["ignore_merges"], &qwen["model"]["ignore_merges"]),
        (&json!(true), &json!(false))
    );
    assert_eq!((&llama["normalizer"], &qwen["normalizer"]["type"]), (&Value::Null, &json!("NFC")));

    let unknown = HfError::Tokenizer { model: "gpt2".to_owned(), pre: "tekkn".to_owned() };
    assert!(unknown.to_string().contains(" tekken, "), "{unknown}");
    assert_eq!(json(Some("tekkn")), Err(unknown));
    let unknown = HfError::Tokenizer { model: "t5".to_owned(), pre: String::new() };
    assert_eq!(tokenizer_json(&facts("t5", &[])), Err(unknown));
}

#[test]
fn special_tokens_and_the_chat_template_are_in_the_configuration() {
    let facts = TokenizerMetadata { eos: Some(5), pad: Some(99), add_bos: Some(true), ..sentence_piece() };
    let json = tokenizer_config_json(&facts, Some("{{ x }}"), 77);
    let expected = json!({
        "tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": false, "model_max_length": 77,
        "bos_token": "<s>", "eos_token": "ab", "unk_token": "<unk>", "add_bos_token": true, "chat_template": "{{ x }}",
    });
    assert_eq!(json, expected);
}
