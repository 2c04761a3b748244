//! Arbitrary bytes as a tokenizer and as a chat template: no panic, and bounded work.
#![no_main]

use ecq::runtime::{ChatTemplate, Message, Tokenizer};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

/// Upper bound of the length of a rendered text, given the limit of steps of a template.
const MAX_TEXT: usize = 1 << 30;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[a, b], rest)) = bytes.split_first_chunk::<2>() else { return };
    let (json, template) = rest.split_at(rest.len().min(u16::from_le_bytes([a, b]).into()));
    let template = String::from_utf8_lossy(template);
    if let Ok(template) = ChatTemplate::new(&template, "<s>".to_owned(), "</s>".to_owned()) {
        let messages = [
            Message::system("Be brief."),
            Message::user(" Hello {{ x }} \n"),
            Message::assistant("<think>\nH\u{e9}\n</think>\n\u{1f642}"),
            Message::user(""),
        ];
        for conversation in [&messages[..], &messages[1..2], &[]] {
            if let Ok(text) = template.render(conversation) {
                assert!(text.len() < MAX_TEXT);
            }
        }
    }
    let Ok(tokenizer) = Tokenizer::new(json, 1 << 16) else { return };
    let tokenizer = Arc::new(tokenizer);
    let mut text: String = template.chars().take(256).collect();
    text.push_str(" Hello, w\u{f6}rld! \u{1f642}\n");
    let Ok(ids) = tokenizer.encode(&text, true) else { return };
    let _ = tokenizer.decode(&ids);
    let Ok(mut stream) = tokenizer.stream_after(&ids[..ids.len() / 2]) else { return };
    for &id in ids.iter().chain(&[0, 1, 2, 3, u32::MAX]) {
        let _ = stream.push(id);
    }
    let _ = stream.finish();
});
