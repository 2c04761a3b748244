//! The bytes of single tokens.

use super::Tokenizer;
use tokenizers::DecoderWrapper;

/// How the vocabulary of a tokenizer spells bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// One character for each byte (GPT-2).
    ByteLevel,
    /// Text with `▁` for a space, and `<0xNN>` for single bytes (SentencePiece).
    ByteFallback,
    /// Text as it is.
    Text,
}

impl Tokenizer {
    /// Returns the bytes that a token stands for, which may be part of a character; `None` for special tokens
    /// and ids without a token.
    pub fn token_bytes(&self, id: u32) -> Option<Vec<u8>> {
        let text = self.inner.id_to_token(id)?;
        if let Some(added) = self.inner.get_added_tokens_decoder().get(&id) {
            return (!added.special).then(|| text.into_bytes());
        }
        Some(bytes_of(&text, self.spelling()))
    }

    /// Returns the bytes of all tokens below `count`, as [`token_bytes`](Self::token_bytes) does.
    pub fn vocabulary_bytes(&self, count: usize) -> Vec<Option<Vec<u8>>> {
        let (spelling, added) = (self.spelling(), self.inner.get_added_tokens_decoder());
        let of = |id: u32| {
            let text = self.inner.id_to_token(id)?;
            match added.get(&id) {
                Some(token) => (!token.special).then(|| text.into_bytes()),
                None => Some(bytes_of(&text, spelling)),
            }
        };
        (0..count as u32).map(of).collect()
    }

    fn spelling(&self) -> Spelling {
        fn of(decoder: &DecoderWrapper) -> Option<Spelling> {
            match decoder {
                DecoderWrapper::ByteLevel(_) => Some(Spelling::ByteLevel),
                DecoderWrapper::ByteFallback(_) | DecoderWrapper::Metaspace(_) => {
                    Some(Spelling::ByteFallback)
                }
                DecoderWrapper::Sequence(all) => all.get_decoders().iter().find_map(of),
                _ => None,
            }
        }
        self.inner.get_decoder().and_then(of).unwrap_or(Spelling::Text)
    }
}

fn bytes_of(text: &str, spelling: Spelling) -> Vec<u8> {
    match spelling {
        Spelling::Text => text.as_bytes().to_vec(),
        Spelling::ByteLevel => match text.chars().map(byte_of).collect() {
            Some(bytes) => bytes,
            None => text.as_bytes().to_vec(),
        },
        Spelling::ByteFallback => {
            let hex = text.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
            match hex.filter(|hex| hex.len() == 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) => vec![byte],
                None => text.replace('\u{2581}', " ").into_bytes(),
            }
        }
    }
}

/// Returns the byte that a character stands for in byte-level vocabularies: printable characters of Latin-1
/// are themselves, and the other 68 bytes, in order, are the characters from U+0100 (GPT-2, `encoder.py`).
fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_of_byte_level_vocabularies_are_all_bytes() {
        let mut found: Vec<u8> = (0..0x200).filter_map(char::from_u32).filter_map(byte_of).collect();
        assert_eq!((byte_of('Ġ'), byte_of('Ċ'), byte_of('A')), (Some(b' '), Some(b'\n'), Some(b'A')));
        found.sort_unstable();
        assert_eq!(found, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn spellings_of_sentence_piece_are_bytes() {
        let bytes = |text| bytes_of(text, Spelling::ByteFallback);
        assert_eq!(bytes("<0xE2>"), [0xe2]);
        assert_eq!(bytes("▁a▁"), b" a ");
        assert_eq!(bytes("<0xEZ>"), b"<0xEZ>");
    }
}
