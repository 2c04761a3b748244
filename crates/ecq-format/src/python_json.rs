//! JSON as the `json` module of Python reads and writes it: `NaN`, `Infinity` and `-Infinity` are numbers.
//!
//! A [`Value`] of `serde_json` cannot hold these numbers. [`parse`] stores each of them as a string that
//! starts with a Unicode noncharacter, which is refused in input. [`as_f64`] returns the number, and
//! [`to_string`] and [`to_string_pretty`] write it as Python does. A number outside the range of a double
//! becomes infinite, as in Python. Source: `json/decoder.py` and `json/encoder.py` of CPython
//! (`parse_constant`, `allow_nan`).

use serde_json::{Map, Value};
use std::borrow::Cow;
use thiserror::Error;

/// Noncharacter before the name of a number that JSON does not support.
const MARK: char = '\u{fdd0}';
/// The numbers that JSON does not support, under the names that Python writes.
const NAMES: [(&str, f64); 3] =
    [("NaN", f64::NAN), ("Infinity", f64::INFINITY), ("-Infinity", f64::NEG_INFINITY)];

/// Error of parsing JSON as Python reads it.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum PythonJsonError {
    /// The bytes are not UTF-8.
    #[error("not UTF-8 at byte {at}")]
    Utf8 {
        /// Offset of the first invalid byte.
        at: usize,
    },
    /// The text is not JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A string contains the noncharacter that this module reserves.
    #[error("a string contains the noncharacter U+FDD0, which is not supported")]
    Mark,
    /// The top-level value is not an object.
    #[error("the top-level value is {found}, expected an object")]
    NotAnObject {
        /// Kind of the value that was found.
        found: &'static str,
    },
}

/// Parses JSON as Python's `json.loads` does; skips a leading byte order mark.
///
/// # Errors
/// [`PythonJsonError`] if the bytes are not UTF-8, are not JSON (apart from the three numbers), or contain
/// the noncharacter U+FDD0.
pub fn parse(bytes: &[u8]) -> Result<Value, PythonJsonError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text =
        std::str::from_utf8(bytes).map_err(|error| PythonJsonError::Utf8 { at: error.valid_up_to() })?;
    // The mark can also be written as a JSON escape.
    if text.contains(MARK) || text.to_ascii_lowercase().contains("\\ufdd0") {
        return Err(PythonJsonError::Mark);
    }
    Ok(serde_json::from_str(&marked(text))?)
}

/// Parses a JSON object, such as a configuration file.
///
/// # Errors
/// The errors of [`parse`]; [`PythonJsonError::NotAnObject`] if the top-level value is not an object.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, PythonJsonError> {
    let found = match parse(bytes)? {
        Value::Object(object) => return Ok(object),
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(text) if text.starts_with(MARK) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
    };
    Err(PythonJsonError::NotAnObject { found })
}

/// Returns the number that a value represents, which may be NaN or infinite; `None` if it is not a number.
pub fn as_f64(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => {
            let name = text.strip_prefix(MARK)?;
            NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
        }
        other => other.as_f64(),
    }
}

/// Converts a number, which may be NaN or infinite, to a value; the inverse of [`as_f64`].
pub fn from_f64(number: f64) -> Value {
    let name = match number {
        n if n.is_nan() => "NaN",
        n if n == f64::INFINITY => "Infinity",
        n if n == f64::NEG_INFINITY => "-Infinity",
        n => return Value::from(n),
    };
    Value::String(format!("{MARK}{name}"))
}

/// Writes a value on one line, in the JSON that Python reads.
pub fn to_string(value: &Value) -> String {
    unmarked(value.to_string())
}

/// Writes a value, indented by two spaces, in the JSON that Python reads.
pub fn to_string_pretty(value: &Value) -> String {
    unmarked(format!("{value:#}"))
}

/// Replaces the names of numbers that `serde_json` does not support, and numbers outside the range of a
/// double, by strings with the mark.
fn marked(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut kept, mut at) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' {
            at = string_end(bytes, at);
            continue;
        }
        let end = at + bytes[at..].iter().take_while(|b| is_word_byte(**b)).count();
        if end == at {
            at += 1;
            continue;
        }
        if let Some(name) = nonfinite_name(&text[at..end]) {
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

/// Returns the offset after the closing quote of the string that starts at `at`; the length of the text if
/// the string is not closed.
fn string_end(bytes: &[u8], at: usize) -> usize {
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

/// Returns whether a byte can be part of a name or a number.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_')
}

/// Returns the name of the number that `word` represents if JSON does not support it.
fn nonfinite_name(word: &str) -> Option<&'static str> {
    if let Some((name, _)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Some(name);
    }
    // Rust parses `inf` and `nan` as numbers; Python's json module does not.
    let digits = word.strip_prefix('-').unwrap_or(word);
    let numeric = digits.starts_with(|c: char| c.is_ascii_digit()) && is_json_number(digits);
    match word.parse::<f64>() {
        Ok(number) if numeric && number == f64::INFINITY => Some("Infinity"),
        Ok(number) if numeric && number == f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// Returns whether `word` is an unsigned number in the syntax of JSON.
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

/// Replaces strings with the mark by the names of the numbers; the inverse of [`marked`].
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
    fn nan_and_infinities_are_preserved() {
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
    fn numbers_outside_the_range_of_a_double_are_infinite() {
        let value = parse(b"[1e400, -2.5E+999, 1e-400, 1000000000000000019884624838656]").unwrap();
        assert_eq!(as_f64(&value[0]), Some(f64::INFINITY));
        assert_eq!(as_f64(&value[1]), Some(f64::NEG_INFINITY));
        assert_eq!(as_f64(&value[2]), Some(0.0));
        assert_eq!(as_f64(&value[3]), Some(1e30));
        assert_eq!(parse(format!("[1{}]", "0".repeat(400)).as_bytes()).unwrap()[0], from_f64(f64::INFINITY));
    }

    #[test]
    fn text_that_python_refuses_is_refused() {
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
        /// JSON that serde_json parses is parsed to the same value, and written JSON is parsed again.
        #[test]
        fn json_is_parsed_as_by_serde_json(text in "[\\[\\]{}:,\"\\\\0-9eE+.aIfnNty -]{0,40}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(parse(text.as_bytes()).unwrap(), value);
            }
            if let Ok(value) = parse(text.as_bytes()) {
                prop_assert_eq!(parse(to_string(&value).as_bytes()).unwrap(), value);
            }
        }

        #[test]
        fn numbers_are_preserved(number in any::<f64>()) {
            let back = as_f64(&parse(to_string(&from_f64(number)).as_bytes()).unwrap()).unwrap();
            prop_assert!(back == number || back.is_nan() && number.is_nan());
        }
    }
}
