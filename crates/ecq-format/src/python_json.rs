//! JSON as Python's `json` module writes and reads it: `NaN`, `Infinity` and `-Infinity` are numbers there.
//!
//! A [`Value`] of `serde_json` has no such numbers. [`parse`] keeps each as a string that no file may hold
//! (it begins with a code point that Unicode sets aside for use inside a program), so that it stays in its
//! place; [`as_f64`] gives the number, and [`to_string`] and [`to_string_pretty`] write it as Python does. A
//! number that passes the range of a double is infinite, as it is in Python. Source: `json/decoder.py` and
//! `json/encoder.py` of CPython (`parse_constant`, `allow_nan`).

use serde_json::{Map, Value};
use std::borrow::Cow;
use thiserror::Error;

/// What stands before the name of a number that JSON does not have; Unicode calls it a noncharacter.
const MARK: char = '\u{fdd0}';
/// The names, as Python writes them.
const NAMES: [(&str, f64); 3] =
    [("NaN", f64::NAN), ("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)];

/// Why a text is not JSON as Python reads it.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum PythonJsonError {
    /// The bytes are not UTF-8.
    #[error("not UTF-8 at byte {at}")]
    Utf8 {
        /// Where.
        at: usize,
    },
    /// The text is not JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A string holds the code point that marks numbers here.
    #[error("a string holds the noncharacter U+FDD0, which no text has a use for")]
    Mark,
    /// The text is another kind of value than an object.
    #[error("it is {found}, expected an object")]
    NotAnObject {
        /// The kind of value.
        found: &'static str,
    },
}

/// Parses bytes as Python's `json.loads` does; a byte order mark before them is skipped.
///
/// # Errors
/// When they are not UTF-8, or not JSON apart from the three numbers.
pub fn parse(bytes: &[u8]) -> Result<Value, PythonJsonError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text =
        std::str::from_utf8(bytes).map_err(|error| PythonJsonError::Utf8 { at: error.valid_up_to() })?;
    // A JSON escape can spell the mark too.
    if text.contains(MARK) || text.to_ascii_lowercase().contains("\\ufdd0") {
        return Err(PythonJsonError::Mark);
    }
    Ok(serde_json::from_str(&marked(text))?)
}

/// Parses bytes that must be an object, as every configuration is.
///
/// # Errors
/// As [`parse`], and when they are another kind of value.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, PythonJsonError> {
    let found = match parse(bytes)? {
        Value::Object(object) => return Ok(object),
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(text) if text.starts_with(MARK) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
    };
    Err(PythonJsonError::NotAnObject { found })
}

/// The number that a value is: finite, or one of the three that JSON does not have.
pub fn as_f64(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => {
            let name = text.strip_prefix(MARK)?;
            NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
        }
        other => other.as_f64(),
    }
}

/// The value of a number, whether JSON has it or not; the inverse of [`as_f64`] for finite numbers,
/// infinities and NaN.
pub fn from_f64(number: f64) -> Value {
    let name = match number {
        n if n.is_nan() => "NaN",
        n if n == f64::INFINITY => "Infinity",
        n if n == f64::NEG_INFINITY => "-Infinity",
        n => return Value::from(n),
    };
    Value::String(format!("{MARK}{name}"))
}

/// The text of a value on one line, as Python reads it.
pub fn to_string(value: &Value) -> String {
    unmarked(value.to_string())
}

/// The text of a value, indented by two spaces, as Python reads it.
pub fn to_string_pretty(value: &Value) -> String {
    unmarked(format!("{value:#}"))
}

/// Names that the parser does not know become strings with the mark; so do numbers past the range of a
/// double.
fn marked(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut kept, mut at) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' {
            at = end_of_string(bytes, at);
            continue;
        }
        let end = at + bytes[at..].iter().take_while(|b| is_of_word(**b)).count();
        if end == at {
            at += 1;
            continue;
        }
        if let Some(name) = name_of(&text[at..end]) {
            out.push_str(&text[kept..at]);
            out.push('"');
            out.push(MARK);
            out.push_str(name);
            out.push('"');
            kept = end;
        }
        at = end;
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[kept..]);
    Cow::Owned(out)
}

/// Behind the closing quote of the string that begins at `at`; the end of the text if there is none.
fn end_of_string(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(&byte) = bytes.get(end) {
        match byte {
            b'"' => return end + 1,
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    bytes.len()
}

/// Bytes of names and numbers, all of one byte each.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_')
}

/// The name of the number that a word is, where JSON does not have it.
fn name_of(word: &str) -> Option<&'static str> {
    if let Some((name, _)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Some(name);
    }
    // `inf` and its like are numbers to Rust, not to Python's json.
    let digits = word.strip_prefix('-').unwrap_or(word);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit()) && is_json_number(digits);
    match word.parse::<f64>() {
        Ok(number) if numeric && number == f64::INFINITY => Some("Infinity"),
        Ok(number) if numeric && number == f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// Whether digits, perhaps with a fraction and an exponent, are written as JSON asks for.
fn is_json_number(word: &str) -> bool {
    let (mantissa, exponent) = match word.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (word, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

/// Strings with the mark become the names again.
fn unmarked(mut text: String) -> String {
    if text.contains(MARK) {
        for (name, _) in NAMES {
            text = text.replace(&format!("\"{MARK}{name}\""), name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_that_json_does_not_have_keep_their_place() {
        let text = br#"{"a":[0.0,Infinity],"b":{"c":-Infinity,"d":NaN},"e":"NaN, \"Infinity\" -Infinity"}"#;
        let value = parse(text).unwrap();
        assert_eq!(as_f64(&value["a"][1]), Some(f64::INFINITY));
        assert_eq!(as_f64(&value["b"]["c"]), Some(f64::NEG_INFINITY));
        assert!(as_f64(&value["b"]["d"]).unwrap().is_nan());
        assert_eq!((as_f64(&value["a"][0]), as_f64(&value["e"])), (Some(0.0), None));
        assert_eq!(value["e"], "NaN, \"Infinity\" -Infinity");
        assert_eq!(to_string(&value).as_bytes(), text);
        assert_eq!(parse(to_string_pretty(&value).as_bytes()).unwrap(), value);
    }

    #[test]
    fn numbers_past_the_range_of_a_double_are_infinite() {
        let value = parse(b"[1e400, -2.5E+999, 1e-400, 1000000000000000019884624838656]").unwrap();
        assert_eq!(as_f64(&value[0]), Some(f64::INFINITY));
        assert_eq!(as_f64(&value[1]), Some(f64::NEG_INFINITY));
        assert_eq!(as_f64(&value[2]), Some(0.0));
        assert_eq!(as_f64(&value[3]), Some(1e30));
        assert_eq!(parse(format!("[1{}]", "0".repeat(400)).as_bytes()).unwrap()[0], from_f64(f64::INFINITY));
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for text in [
            "",
            "{",
            "Inf",
            "inf",
            "nan",
            "+Infinity",
            "--Infinity",
            "Infinityx",
            "[-NaN]",
            "01e999",
            "1.e999",
            "'a'",
        ] {
            assert!(matches!(parse(text.as_bytes()), Err(PythonJsonError::Json(_))), "{text}");
        }
        assert!(matches!(parse(b"\"\xff\""), Err(PythonJsonError::Utf8 { at: 1 })));
        for text in ["\"\u{fdd0}NaN\"", r#"["\uFdD0NaN"]"#] {
            assert!(matches!(parse(text.as_bytes()), Err(PythonJsonError::Mark)), "{text}");
        }
        for (text, kind) in [("[]", "a list"), ("NaN", "a number"), ("null", "null"), ("\"x\"", "a string")] {
            match parse_object(text.as_bytes()) {
                Err(PythonJsonError::NotAnObject { found }) => assert_eq!(found, kind),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(parse("\u{feff}{\"a\": 1}".as_bytes()).unwrap()["a"], 1);
    }

    proptest! {
        /// What serde_json reads is read in the same way, and what is written is read again.
        #[test]
        fn json_is_read_as_it_was(text in "[\\[\\]{}:,\"\\\\0-9eE+.aIfnNty -]{0,40}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(parse(text.as_bytes()).unwrap(), value);
            }
            if let Ok(value) = parse(text.as_bytes()) {
                prop_assert_eq!(parse(to_string(&value).as_bytes()).unwrap(), value);
            }
        }

        #[test]
        fn numbers_come_back(number in any::<f64>()) {
            let back = as_f64(&parse(to_string(&from_f64(number)).as_bytes()).unwrap()).unwrap();
            prop_assert!(back == number || back.is_nan() && number.is_nan());
        }
    }
}
