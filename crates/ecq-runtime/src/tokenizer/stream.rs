//! Streaming detokenization.

use super::Tokenizer;
use crate::error::Result;
use std::sync::Arc;

/// Number of preceding tokens kept as context; enough to contain a whole character.
const CONTEXT_TOKENS: usize = 6;

/// Maximum tokens held back for one character, which has up to four bytes.
const MAX_HELD_TOKENS: usize = 5;

/// Decodes tokens one at a time to text.
///
/// The stream keeps a few tokens, because the text of a token can depend on the tokens before it, and because
/// a character can span several tokens.
#[derive(Debug, Clone)]
pub struct TextStream {
    tokenizer: Arc<Tokenizer>,
    /// Emitted tokens, kept as context, followed by tokens that are not (or only partly) emitted.
    tokens: Vec<u32>,
    /// Number of `tokens` that are fully emitted.
    emitted_tokens: usize,
    /// Emitted text of `tokens`.
    emitted: String,
}

impl TextStream {
    /// Adds a token and returns the text that it completes; empty while a character is incomplete.
    ///
    /// Bytes that form no character within four further tokens are emitted as U+FFFD.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn push(&mut self, token: u32) -> Result<String> {
        if !self.tokenizer.is_visible(token) {
            return Ok(String::new());
        }
        self.tokens.push(token);
        let mut pieces = String::new();
        loop {
            let text = self.tokenizer.decode(&self.tokens)?;
            let whole = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
            let complete = whole.len() == text.len();
            if complete && let Some(lost) = self.undecodable_prefix(&text)? {
                pieces.push_str(&self.emit_undecodable(lost)?);
                continue;
            }
            match whole.strip_prefix(self.emitted.as_str()) {
                // A token without text would only extend the context.
                Some("") if complete && !self.emitted.is_empty() => {
                    self.tokens.pop();
                    return Ok(pieces);
                }
                Some(piece) if complete || !piece.is_empty() => {
                    pieces.push_str(piece);
                    self.advance(complete)?;
                    return Ok(pieces);
                }
                // Byte-fallback decoders turn a whole run of byte tokens with one invalid byte into U+FFFD,
                // including bytes already emitted as characters. Without the context, the run has only new
                // tokens.
                None if complete => self.discard(self.emitted_tokens),
                _ if self.tokens.len() - self.emitted_tokens <= MAX_HELD_TOKENS => return Ok(pieces),
                _ => pieces.push_str(&self.emit_undecodable(1)?),
            }
        }
    }

    /// As [`push`](Self::push), but the text of special tokens among `visible` is part of the output.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn push_visible(&mut self, token: u32, visible: &[u32]) -> Result<String> {
        if !visible.contains(&token) || self.tokenizer.is_visible(token) {
            return self.push(token);
        }
        // An incomplete character cannot continue after a special token.
        let before = self.finish()?;
        Ok(before + &self.tokenizer.token_text(token).unwrap_or_default())
    }

    /// Ends the stream and returns the text held back.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn finish(&mut self) -> Result<String> {
        if self.emitted_tokens == self.tokens.len() {
            return Ok(String::new());
        }
        let mut pieces = String::new();
        while let Some(lost) = self.undecodable_prefix(&self.tokenizer.decode(&self.tokens)?)? {
            pieces.push_str(&self.emit_undecodable(lost)?);
        }
        pieces.push_str(&self.remaining_text(self.tokens.len())?);
        self.discard(self.tokens.len());
        Ok(pieces)
    }

    /// Returns how many of the held tokens form no character although the tokens after them do. A
    /// byte-fallback decoder turns the whole run into U+FFFD because of them.
    fn undecodable_prefix(&self, text: &str) -> Result<Option<usize>> {
        let unknown = |text: &str| text.matches(char::REPLACEMENT_CHARACTER).count();
        if unknown(text) == 0 {
            return Ok(None);
        }
        let held = &self.tokens[self.emitted_tokens..];
        let together = unknown(&self.tokenizer.decode(held)?);
        for lost in 1..held.len() {
            let (before, after) = held.split_at(lost);
            let apart = unknown(&self.tokenizer.decode(before)?) + unknown(&self.tokenizer.decode(after)?);
            if apart < together {
                return Ok(Some(lost));
            }
        }
        Ok(None)
    }

    /// Emits the first held tokens as they decode on their own.
    fn emit_undecodable(&mut self, tokens: usize) -> Result<String> {
        let end = self.emitted_tokens + tokens;
        let piece = self.remaining_text(end)?;
        self.discard(end);
        Ok(piece)
    }

    /// Returns the text of the first `end` tokens that is not emitted yet.
    fn remaining_text(&self, end: usize) -> Result<String> {
        let text = self.tokenizer.decode(&self.tokens[..end])?;
        match text.strip_prefix(self.emitted.as_str()) {
            Some(piece) => Ok(piece.to_owned()),
            None => self.tokenizer.decode(&self.tokens[self.emitted_tokens..end]),
        }
    }

    /// Turns the emitted tokens into context. If not `complete`, the last token also starts a character.
    fn advance(&mut self, complete: bool) -> Result<()> {
        self.tokens.drain(..self.emitted_tokens);
        self.emitted_tokens = self.tokens.len() - usize::from(!complete);
        // Context that starts within a character decodes to a leading U+FFFD, now and later, so it belongs to
        // the emitted prefix.
        self.emitted = self.tokenizer.decode(&self.tokens)?;
        self.emitted.truncate(self.emitted.trim_end_matches(char::REPLACEMENT_CHARACTER).len());
        Ok(())
    }

    /// Removes the first tokens and all context.
    fn discard(&mut self, tokens: usize) {
        self.tokens.drain(..tokens);
        self.emitted_tokens = 0;
        self.emitted.clear();
    }
}

impl Tokenizer {
    /// Creates a stream that decodes tokens one at a time.
    pub fn stream(self: &Arc<Self>) -> TextStream {
        TextStream {
            tokenizer: Arc::clone(self),
            tokens: Vec::new(),
            emitted_tokens: 0,
            emitted: String::new(),
        }
    }

    /// Creates a stream for tokens that follow `before`, whose text is not emitted.
    ///
    /// Tokenizers that strip a leading space of a text keep it here.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn stream_after(self: &Arc<Self>, before: &[u32]) -> Result<TextStream> {
        let visible = before.iter().rev().copied().filter(|&token| self.is_visible(token));
        let mut tokens: Vec<u32> = visible.take(CONTEXT_TOKENS).collect();
        tokens.reverse();
        let mut given = self.decode(&tokens)?;
        // Context that starts within a character would turn the following byte tokens into U+FFFD.
        while given.starts_with(char::REPLACEMENT_CHARACTER) {
            tokens.remove(0);
            given = self.decode(&tokens)?;
        }
        Ok(TextStream { tokenizer: Arc::clone(self), emitted_tokens: tokens.len(), tokens, emitted: given })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    /// Returns the character that stands for a byte in byte-level vocabularies.
    fn byte_character(byte: u8) -> char {
        let printable = |b: &u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        if printable(&byte) {
            return char::from(byte);
        }
        let earlier = (0..byte).filter(|b| !printable(b)).count() as u32;
        char::from_u32(256 + earlier).unwrap()
    }

    fn tokenizer(vocabulary: &[String], model: Value, decoder: Value) -> Arc<Tokenizer> {
        let ids: BTreeMap<&str, usize> = vocabulary.iter().map(String::as_str).zip(0..).collect();
        assert_eq!(ids.len(), vocabulary.len());
        let mut model = model;
        model["type"] = json!("BPE");
        model["vocab"] = json!(ids);
        model["merges"] = json!([]);
        let special = json!({
            "id": ids["<s>"], "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        });
        let file = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [special],
            "normalizer": null, "pre_tokenizer": null, "post_processor": null,
            "decoder": decoder, "model": model
        });
        Arc::new(Tokenizer::new(file.to_string().as_bytes(), vocabulary.len()).unwrap())
    }

    const WORDS: [&str; 8] = ["▁", "▁Hello", "▁world", "lo", "é", "世界", "😀", "\u{fffd}"];

    /// Like Llama 2: token 0 is special, 1 to 256 are bytes, then words.
    fn byte_fallback() -> Arc<Tokenizer> {
        let mut vocabulary = vec!["<s>".to_owned()];
        vocabulary.extend((0..=255u8).map(|b| format!("<0x{b:02X}>")));
        vocabulary.extend(WORDS.map(str::to_owned));
        let decoder = json!({"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}
        ]});
        tokenizer(&vocabulary, json!({"byte_fallback": true, "fuse_unk": true, "unk_token": "<s>"}), decoder)
    }

    /// Byte tokens that start or end within characters.
    const PARTS: [&[u8]; 9] = [
        b" Hello",
        b" world",
        "é".as_bytes(),
        "世界".as_bytes(),
        b"\x9f\x98\x80\xf0",
        b" \xf0\x9f",
        b"\x98\x80\xf0\x9f",
        b"\x98\x80 and",
        "\u{fffd}".as_bytes(),
    ];

    /// Like GPT-2: token 0 is special, 1 to 256 are bytes, then `PARTS`.
    fn byte_level() -> Arc<Tokenizer> {
        let mut vocabulary = vec!["<s>".to_owned()];
        vocabulary.extend((0..=255u8).map(|b| byte_character(b).to_string()));
        vocabulary.extend(PARTS.map(|part| part.iter().map(|&b| byte_character(b)).collect()));
        let decoder =
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
        tokenizer(&vocabulary, json!({}), decoder)
    }

    fn bytes(bytes: &[u8]) -> Vec<u32> {
        bytes.iter().map(|&b| u32::from(b) + 1).collect()
    }

    fn word(word: &str) -> u32 {
        257 + WORDS.iter().position(|w| *w == word).unwrap() as u32
    }

    fn part(part: &[u8]) -> u32 {
        257 + PARTS.iter().position(|p| *p == part).unwrap() as u32
    }

    /// Returns the pieces of tokens and then the result of `finish`.
    fn pieces(mut stream: TextStream, tokens: &[u32]) -> Vec<String> {
        let mut pieces: Vec<String> = tokens.iter().map(|&token| stream.push(token).unwrap()).collect();
        pieces.push(stream.finish().unwrap());
        assert_eq!(stream.finish().unwrap(), "");
        pieces
    }

    struct Random(u64);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % n
        }
    }

    #[test]
    fn characters_of_several_tokens_stay_whole() {
        for tokenizer in [byte_fallback(), byte_level()] {
            let tokens = [bytes("a😀".as_bytes()), vec![0], bytes("😀é".as_bytes())].concat();
            let expected = ["a", "", "", "", "😀", "", "", "", "", "😀", "", "é", ""];
            assert_eq!(pieces(tokenizer.stream(), &tokens), expected);
        }
        let straddling: [&[u8]; 4] =
            [b" \xf0\x9f", b"\x98\x80\xf0\x9f", b"\x98\x80\xf0\x9f", b"\x98\x80 and"];
        assert_eq!(pieces(byte_level().stream(), &straddling.map(part)), [" ", "😀", "😀", "😀 and", ""]);
    }

    #[test]
    fn invalid_bytes_do_not_hide_later_text() {
        let (fallback, level) = (byte_fallback(), byte_level());
        // An invalid byte is held until the next token shows that it is invalid.
        let tokens = [bytes(b"a\xff"), vec![word("lo"), word("▁world")]].concat();
        assert_eq!(pieces(fallback.stream(), &tokens), ["a", "", "\u{fffd}lo", " world", ""]);
        let tokens = [bytes(b"a\xff"), vec![part(b" world")]].concat();
        assert_eq!(pieces(level.stream(), &tokens), ["a", "", "\u{fffd} world", ""]);
        // Invalid bytes are emitted after four further tokens; the characters after them stay whole.
        for (tokenizer, next) in [(fallback, word("世界")), (level, part("世界".as_bytes()))] {
            let tokens = [bytes(&[0xff; 8]), vec![next], bytes("😀".as_bytes())].concat();
            let bad = "\u{fffd}";
            let expected =
                ["", "", "", "", "", bad, bad, bad, "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}世界"];
            let found = pieces(tokenizer.stream(), &tokens);
            assert_eq!(found[..9], expected);
            assert_eq!(found[9..], ["", "", "", "😀", ""]);
            // `finish` emits an incomplete character.
            assert_eq!(pieces(tokenizer.stream(), &bytes(b"a\xc3")), ["a", "", "\u{fffd}"]);
            // Valid characters between invalid bytes are emitted eventually.
            let mut stream = tokenizer.stream();
            let mut random = Random(3);
            for _ in 0..300 {
                for _ in 0..random.below(9) {
                    stream.push(1 + random.below(256) as u32).unwrap();
                }
                assert!(stream.push(next).unwrap().ends_with("世界"));
            }
        }
    }

    #[test]
    fn characters_after_invalid_bytes_stay_whole() {
        let face = "😀".as_bytes();
        for tokenizer in [byte_fallback(), byte_level()] {
            let word = if tokenizer.token_text(257).as_deref() == Some("▁") {
                word("lo")
            } else {
                part(b" world")
            };
            for broken in 0..20 {
                for end in [vec![], vec![word], bytes(b"."), bytes(b"\xf0")] {
                    let tokens = [bytes(&vec![0xff; broken]), bytes(face), end].concat();
                    let text = pieces(tokenizer.stream(), &tokens).concat();
                    let expected = format!("{}😀", "\u{fffd}".repeat(broken));
                    assert!(text.starts_with(&expected), "{broken}: {text:?}");
                }
            }
            // A truncated character, and a continuation byte without a start.
            for broken in [&b"\xf0\x9f"[..], b"\x80", b"\xe4\xb8", b"\xf0\x9f\xff\xc3"] {
                let tokens = [bytes(b"a"), bytes(broken), bytes(face), vec![word], bytes(face)].concat();
                let text = pieces(tokenizer.stream(), &tokens).concat();
                assert_eq!(text.matches('😀').count(), 2, "{broken:?}: {text:?}");
            }
        }
    }

    #[test]
    fn a_leading_space_is_kept_after_context() {
        let tokenizer = byte_fallback();
        let answer = [word("▁Hello"), word("▁world")];
        assert_eq!(pieces(tokenizer.stream(), &answer), ["Hello", " world", ""]);
        for before in
            [vec![word("lo")], vec![word("▁"), 0, 0], bytes(b"\n"), (0..50).map(|_| word("lo")).collect()]
        {
            let stream = tokenizer.stream_after(&before).unwrap();
            assert_eq!(pieces(stream, &answer), [" Hello", " world", ""], "{before:?}");
        }
        // Special tokens have no text, so the text after them is at its start.
        for before in [&[][..], &[0, 0]] {
            assert_eq!(pieces(tokenizer.stream_after(before).unwrap(), &answer), ["Hello", " world", ""]);
        }
        let spaces = [word("▁"), word("▁"), word("▁Hello")];
        assert_eq!(pieces(tokenizer.stream(), &spaces).concat(), "  Hello");
    }

    #[test]
    fn pieces_join_to_the_decoded_text() {
        let characters = ["a", " ", "\n", "é", "世", "😀", "👩", "🏽"];
        let mut random = Random(5);
        for round in 0..2000 {
            for (tokenizer, straddles) in [(byte_fallback(), false), (byte_level(), true)] {
                // Bytes, words and special tokens in an order that forms whole characters.
                let mut tokens = Vec::new();
                while tokens.len() < 1 + round % 30 {
                    match random.below(8) {
                        0 => tokens.push(0),
                        1..=3 => tokens.extend(bytes(characters[random.below(8)].as_bytes())),
                        4 if straddles => {
                            tokens.push(part(b" \xf0\x9f"));
                            tokens.extend(vec![part(b"\x98\x80\xf0\x9f"); random.below(40)]);
                            tokens.push(part(b"\x98\x80 and"));
                        }
                        _ if straddles => tokens.push(257 + [0, 1, 2, 3, 8][random.below(5)]),
                        _ => tokens.push(257 + random.below(8) as u32),
                    }
                }
                let whole = tokenizer.decode(&tokens).unwrap();
                let mut stream = tokenizer.stream();
                let mut text = String::new();
                for (i, &token) in tokens.iter().enumerate() {
                    text += &stream.push(token).unwrap();
                    assert!(whole.starts_with(&text), "{tokens:?} {i}: {text:?} {whole:?}");
                }
                text += &stream.finish().unwrap();
                assert_eq!(text, whole, "{tokens:?}");
                // A stream after some of the tokens emits the rest of the text, unless the cut is within a
                // character.
                let (before, after) = tokens.split_at(random.below(tokens.len() + 1));
                let start = tokenizer.decode(before).unwrap();
                if !start.is_empty() && !start.contains('\u{fffd}') {
                    let text = pieces(tokenizer.stream_after(before).unwrap(), after).concat();
                    assert_eq!(start + &text, whole, "{before:?} {after:?}");
                }
            }
        }
    }

    #[test]
    fn chosen_special_tokens_are_visible() {
        for tokenizer in [byte_fallback(), byte_level()] {
            let mut stream = tokenizer.stream();
            let text = |stream: &mut TextStream, token, visible: &[u32]| {
                stream.push_visible(token, visible).unwrap()
            };
            assert_eq!(text(&mut stream, 0, &[]), "");
            assert_eq!(text(&mut stream, 0, &[0]), "<s>");
            assert_eq!(text(&mut stream, bytes(b"a")[0], &[0]), "a");
            // A character that is cut off comes before the special token.
            assert_eq!(text(&mut stream, bytes(b"\xf0")[0], &[0]), "");
            assert_eq!(text(&mut stream, 0, &[0]), "\u{fffd}<s>");
            assert_eq!(text(&mut stream, bytes(b"b")[0], &[0]) + &stream.finish().unwrap(), "b");
            assert_eq!(tokenizer.special_tokens(), [(0, "<s>".to_owned())]);
        }
    }

    #[test]
    fn tokens_are_bytes() {
        for (tokenizer, last) in [(byte_fallback(), "😀".as_bytes()), (byte_level(), b"\x98\x80 and")] {
            assert_eq!(tokenizer.token_bytes(0), None);
            for byte in 0..=255u8 {
                assert_eq!(tokenizer.token_bytes(bytes(&[byte])[0]), Some(vec![byte]));
            }
            let all = tokenizer.vocabulary_bytes(300);
            assert_eq!(
                all[257..].iter().flatten().find(|bytes| **bytes == last).map(Vec::len),
                Some(last.len())
            );
            assert!((0..300).all(|id| all[id as usize] == tokenizer.token_bytes(id)));
            assert_eq!(all[299], None);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut random = Random(7);
        for tokenizer in [byte_fallback(), byte_level()] {
            let mut stream = tokenizer.stream();
            for _ in 0..20_000 {
                stream.push(random.below(270) as u32).unwrap();
                assert!(
                    stream.tokens.len() <= 2 * (MAX_HELD_TOKENS + 1),
                    "{} tokens are kept",
                    stream.tokens.len()
                );
            }
        }
    }
}
