//! Functions of Python's `str`.

use super::limits::{charge, limit_error};
use super::python::{operation_error, text};
use minijinja::formatting::{FormatStyle, format};
use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

type Result<T> = std::result::Result<T, Error>;

/// Returns whether Python's `str` methods treat a character as white space.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `str.strip`, `str.lstrip`, `str.rstrip`.
pub(super) fn strip<'a>(text: &'a str, characters: Option<&str>, left: bool, right: bool) -> &'a str {
    let strips = |c: char| characters.map_or(is_space(c), |characters| characters.contains(c));
    let text = if left { text.trim_start_matches(strips) } else { text };
    if right { text.trim_end_matches(strips) } else { text }
}

/// `str.replace`; a negative `count` means no limit.
pub(super) fn replace(state: &mut State, text: &str, old: &str, new: &str, count: i64) -> Result<String> {
    let max = usize::try_from(count).unwrap_or(usize::MAX);
    let times = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() }.min(max);
    charge(state, text.len().saturating_add(times.saturating_mul(new.len())))?;
    Ok(text.replacen(old, new, max))
}

/// `str.title` if `words`, else `str.capitalize`.
pub(super) fn title_case(text: &str, words: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        // As in CPython, letters without case end a word.
        inside = !words || c.is_lowercase() || c.is_uppercase();
    }
    out
}

pub(super) fn split(text: &str, separator: Option<&str>, max: i64, from_right: bool) -> Vec<Value> {
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let mut parts: Vec<&str> = Vec::new();
    match (separator, from_right) {
        (Some(separator), false) => parts.extend(text.splitn(max.saturating_add(1), separator)),
        (Some(separator), true) => parts.extend(text.rsplitn(max.saturating_add(1), separator)),
        (None, false) => {
            let mut rest = text.trim_start_matches(is_space);
            while !rest.is_empty() {
                let end = if parts.len() == max { None } else { rest.find(is_space) };
                let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
                parts.push(part);
                rest = after.trim_start_matches(is_space);
            }
        }
        (None, true) => {
            let mut rest = text.trim_end_matches(is_space);
            while !rest.is_empty() {
                let last = rest.char_indices().rfind(|(_, c)| is_space(*c)).filter(|_| parts.len() < max);
                let start = last.map_or(0, |(at, c)| at + c.len_utf8());
                parts.push(&rest[start..]);
                rest = rest[..start].trim_end_matches(is_space);
            }
        }
    }
    if from_right {
        parts.reverse();
    }
    parts.into_iter().map(Value::from).collect()
}

/// `str.splitlines`.
pub(super) fn lines(text: &str, keep_ends: bool) -> Vec<Value> {
    let ends = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(at) = rest.find(ends) else {
            out.push(Value::from(rest));
            break;
        };
        let length = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        out.push(Value::from(&rest[..if keep_ends { at + length } else { at }]));
        rest = &rest[at + length..];
    }
    out
}

/// `str.ljust`, `str.rjust`, `str.center`.
pub(super) fn justify(state: &mut State, text: &str, width: i64, fill: &str, side: Side) -> Result<String> {
    let mut characters = fill.chars();
    let (Some(fill), None) = (characters.next(), characters.next()) else {
        return Err(operation_error("the fill character must be a single character"));
    };
    let length = text.chars().count();
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(length);
    charge(state, missing.saturating_mul(fill.len_utf8()).saturating_add(text.len()))?;
    let left = match side {
        Side::Left => missing,
        Side::Right => 0,
        // Rounds like CPython.
        Side::Both => missing / 2 + (missing & (length + missing) & 1),
    };
    let of = |count: usize| fill.to_string().repeat(count);
    Ok(format!("{}{text}{}", of(left), of(missing - left)))
}

/// Side on which padding is added.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Left,
    Right,
    Both,
}

/// Formats values; widths and precisions in the pattern are limited.
pub(super) fn format_values(
    state: &mut State,
    style: FormatStyle,
    pattern: &str,
    args: &[Value],
) -> Result<String> {
    // A width or precision is a run of digits or another argument.
    let digits = pattern.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    let named = match style {
        FormatStyle::Printf => pattern.contains('*'),
        FormatStyle::StrFormat => {
            pattern.split('}').any(|field| field.trim_start_matches("{{").matches('{').count() > 1)
        }
    };
    let large = |value: &Value| value.as_i64().is_none_or(|n| n.unsigned_abs() > 1 << 10);
    if digits > 4 || (named && args.iter().any(large)) {
        return Err(limit_error("a width or precision of the format is too large"));
    }
    if !has_plain_fields(style, pattern) {
        return Err(operation_error("the format has a field that is incomplete or not ASCII"));
    }
    // Other values are converted with Python's `str`.
    let written = |state: &mut State, value: &Value| match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Ok(value.clone()),
        _ if value.is_kwargs() => Ok(value.clone()),
        _ => text(state, value).map(Value::from),
    };
    let args: Vec<Value> = args.iter().map(|value| written(state, value)).collect::<Result<_>>()?;
    let formatted = format(style, pattern, &args)?;
    charge(state, formatted.len())?;
    Ok(formatted)
}

/// Returns whether all fields of a pattern are complete and ASCII; minijinja panics on some others.
pub(super) fn has_plain_fields(style: FormatStyle, pattern: &str) -> bool {
    let (open, close) = if style == FormatStyle::Printf { ('%', None) } else { ('{', Some('}')) };
    let mut rest = pattern;
    while let Some(at) = rest.find(open) {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(open) {
            rest = after;
            continue;
        }
        let length = match close {
            Some(close) => rest.find(close),
            None => {
                let key = if rest.starts_with('(') { rest.find(')').map(|end| end + 1) } else { Some(0) };
                let conversion = |c: char| !"#0- +*.123456789hlL".contains(c);
                key.and_then(|key| Some(key + rest[key..].find(conversion)?))
            }
        };
        let field = length.and_then(|length| rest.get(..=length));
        let Some(field) = field.filter(|field| field.is_ascii()) else { return false };
        rest = &rest[field.len()..];
    }
    true
}

/// Returns the characters from `start` to `end`; negative positions count from the end.
pub(super) fn substring(text: &str, start: Option<i64>, end: Option<i64>) -> &str {
    if start.is_none() && end.is_none() {
        return text;
    }
    let count = text.chars().count() as i64;
    let clamp = |at: i64| if at < 0 { (count + at).max(0) } else { at.min(count) } as usize;
    let (start, end) = (clamp(start.unwrap_or(0)), clamp(end.unwrap_or(count)));
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    text.get(byte(start)..byte(end)).unwrap_or("")
}
