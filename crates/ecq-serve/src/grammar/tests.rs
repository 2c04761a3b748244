//! Random answers within a grammar are what the parsers read.

use super::*;
use crate::output::{Answer, Dialect, Forced, Outputs, Tool, ToolParser};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A token for each byte, and special tokens.
fn tokenizer(special: &[&str]) -> Arc<Tokenizer> {
    let printable = |byte: u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 0x100;
    let character = |byte: u32| match printable(byte) {
        true => char::from_u32(byte),
        false => {
            next += 1;
            char::from_u32(next - 1)
        }
    };
    let mut vocabulary: BTreeMap<String, usize> =
        (0..256).map(character).map(|c| c.unwrap().to_string()).zip(0..).collect();
    let mut added = Vec::new();
    for (id, text) in (256..).zip(special) {
        vocabulary.insert((*text).to_owned(), id);
        added.push(json!({
            "id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        }));
    }
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": null, "post_processor": null,
        "decoder": {
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
        },
        "model": { "type": "BPE", "vocab": vocabulary, "merges": [] },
    });
    Arc::new(Tokenizer::new(file.to_string().as_bytes(), 256 + special.len()).unwrap())
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// Generates a text of random allowed tokens, up to an end token.
fn generate(
    mask: &mut dyn TokenMask,
    tokenizer: &Tokenizer,
    vocabulary: usize,
    random: &mut Random,
) -> String {
    let mut bytes = Vec::new();
    for _ in 0..20_000 {
        let mut logits = vec![0.0f32; vocabulary];
        mask.apply(&mut logits);
        let allowed: Vec<u32> = (0..).zip(&logits).filter(|(_, l)| l.is_finite()).map(|(id, _)| id).collect();
        assert!(!allowed.is_empty(), "nothing may follow {:?}", String::from_utf8_lossy(&bytes));
        // Often what ends texts.
        let ends: Vec<u32> = allowed.iter().copied().filter(|id| [10, 60].contains(id)).collect();
        let choices = if random.below(3) == 0 && !ends.is_empty() { &ends } else { &allowed };
        let token = choices[random.below(choices.len())];
        mask.accept(token);
        if tokenizer.end_tokens().contains(&token) {
            return String::from_utf8(bytes).unwrap();
        }
        let special = || tokenizer.token_text(token).unwrap().into_bytes();
        bytes.extend(tokenizer.token_bytes(token).unwrap_or_else(special));
    }
    panic!("no end: {:?}", String::from_utf8_lossy(&bytes[..200]));
}

#[test]
fn forced_calls_of_all_families_are_calls() {
    let parameters = json!({ "type": "object", "properties": {
        "city": { "type": "string", "maxLength": 6 },
        "days": { "type": "integer", "minimum": 0, "maximum": 99 },
        "unit": { "enum": ["C", "F"] } }, "required": ["city", "days"], "additionalProperties": false });
    let tool = |name: &str, parameters: Value| Tool { name: name.to_owned(), parameters };
    let tools = [tool("weather", parameters), tool("say \"hi\"", Value::Null)];
    let mistral = ["</s>", "[TOOL_CALLS]", "[ARGS]"];
    let gemma = ["</s>", "<|tool_call>", "<tool_call|>", "<|\"|>"];
    let families: [(Dialect, &[&str]); 8] = [
        (Dialect::Tagged, &["</s>"]),
        (Dialect::Tagged, &["</s>", "<tool_call>", "</tool_call>", "<|im_end|>"]),
        (Dialect::Xml, &["</s>"]),
        (Dialect::Bare, &["</s>", "<|python_tag|>"]),
        (Dialect::Mistral, &["</s>"]),
        (Dialect::Mistral, &mistral[..2]),
        (Dialect::Mistral, &mistral),
        (Dialect::Gemma, &gemma),
    ];
    let mut random = Random(3);
    for (dialect, special) in families {
        let tokenizer = tokenizer(special);
        let vocabulary = 256 + special.len();
        let grammars = Grammars::new(tokenizer.clone(), vocabulary);
        // Names of XML and Gemma cannot be quoted.
        let named = matches!(dialect, Dialect::Xml | Dialect::Gemma) || special == mistral;
        let tools = if named { &tools[..1] } else { &tools[..] };
        let mut used = std::collections::BTreeSet::new();
        for _ in 0..20 {
            let forced = TopLevelGrammar::from_lark(Forced::new(dialect, tools, &tokenizer).lark);
            let failure = Failure::default();
            let mask = grammars.mask(forced, None, "tools", &failure);
            let mut mask = mask.unwrap_or_else(|error| panic!("{dialect:?}: {error:?}"));
            let text = generate(&mut *mask, &tokenizer, vocabulary, &mut random);
            assert_eq!(failure.take(), None);
            let mut parser = ToolParser::new(dialect, tools.to_vec());
            let (mut out, mut answer) = (Outputs::default(), Answer::default());
            parser.push(&text, &mut out);
            parser.finish(&mut out);
            out.into_vec().into_iter().for_each(|output| answer.add(output));
            assert_eq!((answer.text.as_str(), answer.calls.len()), ("", 1), "{dialect:?}: {text:?}");
            let call = &answer.calls[0];
            let arguments: Value = serde_json::from_str(&call.arguments)
                .unwrap_or_else(|error| panic!("{dialect:?}: {error}: {text:?}: {}", call.arguments));
            assert!(arguments.is_object(), "{text:?}");
            if call.name == "weather" && dialect != Dialect::Gemma {
                assert!(arguments["city"].is_string() && arguments["days"].is_u64(), "{text:?}: {arguments}");
                assert!(
                    ["C", "F"].map(Value::from).contains(&arguments["unit"])
                        || arguments.get("unit").is_none()
                );
            }
            used.insert(call.name.clone());
        }
        assert_eq!(used.len(), tools.len(), "{dialect:?}");
    }
}

#[test]
fn a_grammar_can_wait_for_the_end_of_reasoning() {
    let tokenizer = tokenizer(&["</s>", "<|im_end|>"]);
    let grammars = Grammars::new(tokenizer.clone(), 258);
    let failure = Failure::default();
    let grammar = TopLevelGrammar::from_regex("[0-9]{3}");
    let mut mask = grammars.mask(grammar, Some("</think>"), "f", &failure).unwrap();
    let mut logits = vec![0.0; 258];
    for byte in b"12 hm </thi</think>" {
        mask.apply(&mut logits);
        assert!(logits.iter().all(|logit| *logit == 0.0), "anything goes");
        mask.accept(u32::from(*byte));
    }
    let text = generate(&mut *mask, &tokenizer, 258, &mut Random(1));
    assert!(text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
    // All end tokens are allowed at the end.
    let mut logits = vec![0.0; 258];
    mask.apply(&mut logits);
    let allowed: Vec<usize> = (0..258).filter(|&id| logits[id].is_finite()).collect();
    assert_eq!(allowed.iter().map(|&id| id as u32).collect::<Vec<u32>>(), tokenizer.end_tokens());
}

#[test]
fn grammars_that_cannot_be_used_are_refused() {
    let grammars = Grammars::new(tokenizer(&["</s>"]), 257);
    let refused = |grammar| {
        let error = grammars.mask(grammar, None, "field", &Failure::default()).err().unwrap();
        assert_eq!(error.status.as_u16(), 400);
        error.message().to_owned()
    };
    assert!(refused(TopLevelGrammar::from_regex("(")).starts_with("field: "));
    assert!(refused(TopLevelGrammar::from_lark("start: missing".to_owned())).contains("missing"));
    refused(TopLevelGrammar::from_json_schema(json!({ "type": "nothing" })));
    refused(TopLevelGrammar::from_json_schema(json!({ "$ref": "https://example.com/schema" })));
    // Without an end token, the text could not end.
    let endless = Grammars::new(tokenizer(&[]), 256);
    let error = endless.mask(TopLevelGrammar::from_regex("a"), None, "f", &Failure::default()).err().unwrap();
    assert!(error.message().contains("no end token"), "{error:?}");
}
