//! Amounts of bytes, as numbers or words.

use crate::error::{Error, Result};

/// An amount of bytes: a `u64`, or text such as `"4GiB"`, `"750 MB"` or `"1.5GB"` (`MB` is 10^6 bytes, `MiB`
/// 2^20).
///
/// Text is read where the amount is used; what is not understood is an error of kind
/// [`InvalidOption`](crate::ErrorKind::InvalidOption) then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByteSize(Words);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Words {
    Bytes(u64),
    Text(String),
}

impl ByteSize {
    /// The bytes; `option` is what they are for.
    pub(crate) fn bytes(&self, option: &str) -> Result<u64> {
        let text = match &self.0 {
            Words::Bytes(bytes) => return Ok(*bytes),
            Words::Text(text) => text,
        };
        let wrong =
            || Error::option(option, format!("{text:?}"), "bytes, such as 4000000000, \"4GB\" or \"4GiB\"");
        text.parse::<bytesize::ByteSize>().map(|size| size.as_u64()).map_err(|_| wrong())
    }
}

impl From<u64> for ByteSize {
    fn from(bytes: u64) -> Self {
        Self(Words::Bytes(bytes))
    }
}

impl From<&str> for ByteSize {
    fn from(text: &str) -> Self {
        Self(Words::Text(text.to_owned()))
    }
}

impl From<String> for ByteSize {
    fn from(text: String) -> Self {
        Self(Words::Text(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_bytes() {
        let bytes = |size: ByteSize| size.bytes("memory");
        assert_eq!(bytes(12.into()).unwrap(), 12);
        assert_eq!(bytes("4GiB".into()).unwrap(), 4 << 30);
        assert_eq!(bytes("1.5 GB".to_owned().into()).unwrap(), 1_500_000_000);
        for wrong in ["", "much", "4 apples", "-1", "-4GiB"] {
            let error = bytes(wrong.into()).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidOption);
            assert!(
                error.to_string().starts_with(&format!("memory is {wrong:?}, expected bytes")),
                "{error}"
            );
        }
    }
}
