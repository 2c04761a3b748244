//! Sizes in bytes, as numbers or text.

use crate::error::{Error, Result};

/// A size in bytes: a `u64`, or text such as `"4GiB"`, `"750 MB"` or `"1.5GB"` (`MB` is 10^6 bytes, `MiB`
/// 2^20).
///
/// Text is parsed when the size is used; invalid text is an error of kind
/// [`InvalidOption`](crate::ErrorKind::InvalidOption).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByteSize(Repr);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Repr {
    Bytes(u64),
    Text(String),
}

impl ByteSize {
    /// Returns the size in bytes; `option` is the name of the option for the error.
    pub(crate) fn bytes(&self, option: &str) -> Result<u64> {
        let text = match &self.0 {
            Repr::Bytes(bytes) => return Ok(*bytes),
            Repr::Text(text) => text,
        };
        let invalid = || {
            Error::option(
                option,
                format!("{text:?}"),
                "a size in bytes, such as 4000000000, \"4GB\" or \"4GiB\"",
            )
        };
        text.parse::<bytesize::ByteSize>().map(|size| size.as_u64()).map_err(|_| invalid())
    }
}

impl From<u64> for ByteSize {
    fn from(bytes: u64) -> Self {
        Self(Repr::Bytes(bytes))
    }
}

impl From<&str> for ByteSize {
    fn from(text: &str) -> Self {
        Self(Repr::Text(text.to_owned()))
    }
}

impl From<String> for ByteSize {
    fn from(text: String) -> Self {
        Self(Repr::Text(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_numbers_or_text() {
        let bytes = |size: ByteSize| size.bytes("memory");
        assert_eq!(bytes(12.into()).unwrap(), 12);
        assert_eq!(bytes("4GiB".into()).unwrap(), 4 << 30);
        assert_eq!(bytes("1.5 GB".to_owned().into()).unwrap(), 1_500_000_000);
        for wrong in ["", "much", "4 apples", "-1", "-4GiB"] {
            let error = bytes(wrong.into()).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidOption);
            assert!(
                error.to_string().starts_with(&format!("memory is {wrong:?}, expected a size in bytes")),
                "{error}"
            );
        }
    }
}
