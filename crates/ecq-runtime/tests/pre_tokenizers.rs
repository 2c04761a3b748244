//! How texts are cut by the pre-tokenizers that GGUF files name.

use ecq_format::gguf::TokenizerMetadata;
use ecq_format::hf::{known_pre_tokenizers, tokenizer_json};
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer};

fn facts(pre: &str) -> TokenizerMetadata {
    TokenizerMetadata {
        model: "gpt2".to_owned(),
        pre: Some(pre.to_owned()),
        tokens: vec!["<s>".to_owned(), "a".to_owned()],
        token_types: vec![3, 1],
        bos: Some(0),
        ..TokenizerMetadata::default()
    }
}

fn tokenizer(pre: &str) -> Tokenizer {
    let json = tokenizer_json(&facts(pre)).unwrap().to_string();
    Tokenizer::from_bytes(json).unwrap_or_else(|error| panic!("{pre}: {error}"))
}

/// The pieces that a text is cut into, with bars between.
fn cut(pre: &str, text: &str) -> String {
    let tokenizer = tokenizer(pre);
    let mut pieces = PreTokenizedString::from(text);
    if let Some(pre_tokenizer) = tokenizer.get_pre_tokenizer() {
        pre_tokenizer.pre_tokenize(&mut pieces).unwrap();
    }
    let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
    let pieces: Vec<&str> = splits.into_iter().map(|(_, (start, end), _)| &text[start..end]).collect();
    assert_eq!(pieces.concat(), text, "{pre}");
    pieces.join("|")
}

#[test]
fn every_known_name_makes_a_tokenizer_that_loses_nothing() {
    let names = known_pre_tokenizers();
    assert!(names.len() > 80);
    for pre in names {
        for text in [
            "I'M sure they'll  say 1234567,\n\n x86_64 (a+b)\r\n\t\
                über Ünï 你好，世界 カタ 한국어 नमस्ते 🙂‍🚀 e\u{301} \u{a0} ",
            "",
            " ",
            "   \n",
            "<sentinel:12>IMGIMGABZ",
        ] {
            cut(pre, text);
        }
    }
}

#[test]
fn texts_are_cut_as_the_models_cut_them() {
    let text = "it's 12345 x,y\n\n  ok";
    let mut wrong = Vec::new();
    for (pre, expected) in [
        ("gpt-2", "it|'s| 12345| x|,|y|\n\n | ok"),
        ("smollm", "it|'s| |1|2|3|4|5| x|,|y|\n\n | ok"),
        ("starcoder", "it|'s| |1|2|3|4|5| x|,|y|\n\n | ok"),
        ("llama-bpe", "it|'s| |123|45| x|,y|\n\n| | ok"),
        ("llama3", "it|'s| |123|45| x|,y|\n\n| | ok"),
        ("smaug-bpe", "it|'s| |123|45| x|,y|\n\n| | ok"),
        ("falcon3", "it|'s| |123|45| x|,y|\n\n| | ok"),
        ("qwen2", "it|'s| |1|2|3|4|5| x|,y|\n\n| | ok"),
        ("deepseek-r1-qwen", "it|'s| |1|2|3|4|5| x|,y|\n\n| | ok"),
        ("tekken", "it|'s| |1|2|3|4|5| x|,y|\n\n| | ok"),
        ("gpt-4o", "it's| |123|45| x|,y|\n\n| | ok"),
        ("llama4", "it's| |123|45| x|,y|\n\n| | ok"),
        ("deepseek-llm", "it|'|s| |12345| x|,|y|\n|\n| | ok"),
        ("deepseek-coder", "it|'|s| |1|2|3|4|5| x|,|y|\n|\n| | ok"),
        ("deepseek-v3", "it|'s| |123|45| x|,y|\n\n| | ok"),
        ("falcon", "it|'|s| |123|45| x|,|y|\n\n | ok"),
        ("superbpe", "it's |12|345| x,y\n\n  ok"),
        ("bloom", "it's| 12345| x|,|y|\n\n | ok"),
        ("viking", "it's| |1|2|3|4|5| x|,|y|\n\n | ok"),
        ("chameleon", "it|'|s| |1|2|3|4|5| x|,|y|\n|\n|  |ok"),
        ("afmoe", "it|'s| |12|345| x|,y|\n\n| | ok"),
        ("default", "it|'|s| |123|45| x|,|y|\n\n | ok"),
    ] {
        let found = cut(pre, text);
        if found != expected {
            wrong.push(format!("{pre}: {found:?}, {expected:?} expected"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cut("kimi-k2", "ab你好cd 世X"), "ab|你好|cd| |世|X");
    assert_eq!(cut("tekken", "HelloWorld ABCdef"), "Hello|World| ABCdef");
    assert_eq!(cut("qwen35", "नमस्ते"), "नमस्ते");
    assert_eq!(cut("bailingmoe", "a \n\n b"), "a| \n\n| b");
    assert_eq!(cut("seed-coder", "a,\n"), "a|,|\n");
}

#[test]
fn a_text_begins_as_its_pre_tokenizer_says() {
    let begins = |pre: &str| !tokenizer(pre).encode("", true).unwrap().get_ids().is_empty();
    assert!(["llama-bpe", "llama3", "falcon3", "pixtral", "tekken", "chameleon"].into_iter().all(begins));
    assert!(
        !["gpt-2", "qwen2", "smollm", "dbrx", "smaug-bpe", "deepseek-llm", "gpt-4o"].into_iter().any(begins)
    );
}

#[test]
fn gemma_4_merges_pieces_of_sentence_piece() {
    let tokens = ["<unk>", "<bos>", "\u{2581}", "a", "b", "ab", "\u{2581}ab", "<0xC3>", "<0xA9>", "\n"];
    let facts = TokenizerMetadata {
        model: "gemma4".to_owned(),
        pre: None,
        tokens: tokens.map(str::to_owned).to_vec(),
        token_types: vec![2, 3, 1, 1, 1, 1, 1, 6, 6, 1],
        merges: ["a b", "\u{2581} ab"].map(str::to_owned).to_vec(),
        bos: Some(1),
        add_bos: Some(false),
        ..facts("")
    };
    let tokenizer = Tokenizer::from_bytes(tokenizer_json(&facts).unwrap().to_string()).unwrap();
    assert_eq!(tokenizer.encode("ab ab\né", true).unwrap().get_ids(), [1, 5, 6, 9, 7, 8]);
    assert_eq!(tokenizer.decode(&[5, 6, 9, 7, 8], true).unwrap(), "ab ab\né");
}
