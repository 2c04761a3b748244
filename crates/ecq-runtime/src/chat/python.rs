//! Python's `str`, `repr`, `json.dumps` and operators.

use super::limits::{charge, limit_error};
use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};
use std::fmt::Write;

type Result<T> = std::result::Result<T, Error>;

/// Maximum nesting of lists; Python's own limit is about 1000.
const MAX_DEPTH: usize = 100;

pub(super) fn operation_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// `str(value)`, charged to the limits.
pub(super) fn text(state: &mut State, value: &Value) -> Result<String> {
    let mut out = String::new();
    match value.as_str() {
        Some(text) => out.push_str(text),
        None if value.is_undefined() => {}
        None => write_repr(&mut out, value, 0)?,
    }
    charge(state, out.len())?;
    Ok(out)
}

/// `repr(value)`, except for values that only minijinja has.
fn write_repr(out: &mut String, value: &Value, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(limit_error("values are nested too deeply"));
    }
    if out.len() > super::limits::MAX_VALUE_BYTES {
        return Err(limit_error("it produces too much text"));
    }
    match value.kind() {
        ValueKind::Undefined => out.push_str("Undefined"),
        ValueKind::Number if !value.is_integer() => match f64::try_from(value.clone()) {
            Ok(number) => out.push_str(&float(number)),
            Err(_) => push(out, value),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<Value> = value.try_iter()?.checked().collect::<Result<_>>()?;
            let (open, close) = if value.is_tuple() { ('(', ")") } else { ('[', "]") };
            out.push(open);
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                write_repr(out, item, depth + 1)?;
            }
            out.push_str(if value.is_tuple() && items.len() == 1 { ",)" } else { close });
        }
        ValueKind::Map => {
            out.push('{');
            for (i, key) in value.try_iter()?.checked().enumerate() {
                let key = key?;
                out.push_str(if i == 0 { "" } else { ", " });
                write_repr(out, &key, depth + 1)?;
                out.push_str(": ");
                write_repr(out, &value.get_item(&key)?, depth + 1)?;
            }
            out.push('}');
        }
        // minijinja writes strings, integers, `True` and `None` like Python.
        ValueKind::String => {
            let _ = write!(out, "{value:?}");
        }
        _ => push(out, value),
    }
    Ok(())
}

fn push(out: &mut String, value: &Value) {
    let _ = write!(out, "{value}");
}

/// `repr` of a float: the shortest digits that round-trip, in Python's notation.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if number != 0.0 && !(1e-4..1e16).contains(&number.abs()) {
        let text = format!("{number:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) => {
                let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
                format!("{digits}e{sign}{exponent:0>2}")
            }
            None => text,
        };
    }
    let text = format!("{number}");
    if text.contains('.') { text } else { text + ".0" }
}

/// Options of `json.dumps`.
pub(super) struct JsonStyle {
    pub(super) ensure_ascii: bool,
    pub(super) indent: Option<String>,
    pub(super) item_separator: String,
    pub(super) key_separator: String,
    pub(super) sort_keys: bool,
}

/// `json.dumps(value)`.
pub(super) fn json(state: &mut State, value: &Value, style: &JsonStyle) -> Result<String> {
    let mut out = String::new();
    write_json(&mut out, value, style, 0)?;
    charge(state, out.len())?;
    Ok(out)
}

fn write_json(out: &mut String, value: &Value, style: &JsonStyle, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(limit_error("values are nested too deeply"));
    }
    if out.len() > super::limits::MAX_VALUE_BYTES {
        return Err(limit_error("it produces too much text"));
    }
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = &style.indent {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
    };
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => out.push_str(&json_number(value)),
        ValueKind::String => json_string(out, value.as_str().unwrap_or_default(), style.ensure_ascii),
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            let mut items = 0;
            for item in value.try_iter()?.checked() {
                out.push_str(if items == 0 { "" } else { &style.item_separator });
                line(out, depth + 1);
                write_json(out, &item?, style, depth + 1)?;
                items += 1;
            }
            if items > 0 {
                line(out, depth);
            }
            out.push(']');
        }
        ValueKind::Map => {
            let mut pairs = Vec::new();
            for key in value.try_iter()?.checked() {
                let key = key?;
                let name = match key.kind() {
                    ValueKind::String => key.as_str().unwrap_or_default().to_owned(),
                    ValueKind::None => "null".to_owned(),
                    ValueKind::Bool => if key.is_true() { "true" } else { "false" }.to_owned(),
                    ValueKind::Number => json_number(&key),
                    kind => return Err(operation_error(format!("JSON keys must be strings, not {kind}"))),
                };
                pairs.push((name, value.get_item(&key)?));
            }
            if style.sort_keys {
                pairs.sort_by(|a, b| a.0.cmp(&b.0));
            }
            out.push('{');
            for (i, (key, value)) in pairs.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { &style.item_separator });
                line(out, depth + 1);
                json_string(out, key, style.ensure_ascii);
                out.push_str(&style.key_separator);
                write_json(out, value, style, depth + 1)?;
            }
            if !pairs.is_empty() {
                line(out, depth);
            }
            out.push('}');
        }
        kind => return Err(operation_error(format!("{kind} cannot be serialized to JSON"))),
    }
    Ok(())
}

fn json_number(value: &Value) -> String {
    match f64::try_from(value.clone()) {
        Ok(number) if !value.is_integer() => match number {
            n if n.is_nan() => "NaN".to_owned(),
            n if n.is_infinite() => if n > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
            n => float(n),
        },
        _ => value.to_string(),
    }
}

fn json_string(out: &mut String, text: &str, ensure_ascii: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            // U+007F is ASCII, so `json.dumps` does not escape it.
            c if u32::from(c) < 0x20 || (ensure_ascii && !c.is_ascii()) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

fn integer(value: &Value) -> Option<i128> {
    match value.kind() {
        ValueKind::Bool => Some(i128::from(value.is_true())),
        ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok(),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match integer(value) {
        Some(whole) => Some(whole as f64),
        None if value.kind() == ValueKind::Number => f64::try_from(value.clone()).ok(),
        None => None,
    }
}

/// Uses the smallest integer type, because minijinja's comparisons and subscripts need it.
fn python_integer(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

fn unsupported(operator: &str, left: &Value, right: &Value) -> Error {
    let kind = |value: &Value| match value.kind() {
        ValueKind::Undefined => "an undefined value".to_owned(),
        kind => kind.to_string(),
    };
    operation_error(format!("unsupported operands: {} {operator} {}", kind(left), kind(right)))
}

/// `left + right`.
pub(super) fn add(state: &mut State, left: &Value, right: &Value) -> Result<Value> {
    if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
        charge(state, a.len() + b.len())?;
        return Ok(Value::from([a, b].concat()));
    }
    if is_list(left) && is_list(right) && left.is_tuple() == right.is_tuple() {
        let items: Vec<Value> =
            left.try_iter()?.checked().chain(right.try_iter()?.checked()).collect::<Result<_>>()?;
        charge(state, items.len() * size_of::<Value>())?;
        return Ok(if left.is_tuple() { Value::from(Tuple::from(items)) } else { Value::from(items) });
    }
    if let (Some(a), Some(b)) = (integer(left), integer(right)) {
        return a.checked_add(b).map(python_integer).ok_or_else(|| operation_error("the sum is too large"));
    }
    match (number(left), number(right)) {
        (Some(a), Some(b)) => Ok(Value::from(a + b)),
        _ => Err(unsupported("+", left, right)),
    }
}

/// `left * right`.
pub(super) fn multiply(state: &mut State, left: &Value, right: &Value) -> Result<Value> {
    let of_sequence = |sequence: &Value, count: &Value| integer(count).map(|n| (sequence.clone(), n.max(0)));
    let repeated = if left.as_str().is_some() || is_list(left) {
        of_sequence(left, right)
    } else if right.as_str().is_some() || is_list(right) {
        of_sequence(right, left)
    } else {
        None
    };
    if let Some((sequence, count)) = repeated {
        let count = usize::try_from(count).map_err(|_| limit_error("a repetition count is too large"))?;
        if let Some(text) = sequence.as_str() {
            charge(state, text.len().saturating_mul(count))?;
            return Ok(Value::from(text.repeat(count)));
        }
        let items: Vec<Value> = sequence.try_iter()?.checked().collect::<Result<_>>()?;
        charge(state, items.len().saturating_mul(count).saturating_mul(size_of::<Value>()))?;
        let all: Vec<Value> =
            (0..if items.is_empty() { 0 } else { count }).flat_map(|_| items.clone()).collect();
        return Ok(if sequence.is_tuple() { Value::from(Tuple::from(all)) } else { Value::from(all) });
    }
    if let (Some(a), Some(b)) = (integer(left), integer(right)) {
        return a
            .checked_mul(b)
            .map(python_integer)
            .ok_or_else(|| operation_error("the product is too large"));
    }
    match (number(left), number(right)) {
        (Some(a), Some(b)) => Ok(Value::from(a * b)),
        _ => Err(unsupported("*", left, right)),
    }
}

/// `left % right` of numbers; the result has the sign of the divisor, as in Python.
pub(super) fn remainder(left: &Value, right: &Value) -> Result<Value> {
    if let (Some(a), Some(b)) = (integer(left), integer(right)) {
        let rest = a.checked_rem(b).ok_or_else(|| operation_error("remainder of a division by zero"))?;
        return Ok(python_integer(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }));
    }
    match (number(left), number(right)) {
        (Some(_), Some(0.0)) => Err(operation_error("remainder of a division by zero")),
        (Some(a), Some(b)) => {
            let rest = a % b;
            let shifted = if (rest < 0.0) == (b < 0.0) { rest } else { rest + b };
            Ok(Value::from(if rest == 0.0 { 0f64.copysign(b) } else { shifted }))
        }
        _ => Err(unsupported("%", left, right)),
    }
}

/// `value[start:stop:step]`; undefined for values without slices, as in Jinja2.
pub(super) fn slice(
    state: &mut State,
    value: &Value,
    start: &Value,
    stop: &Value,
    step: &Value,
) -> Result<Value> {
    let bound = |value: &Value| match value.is_none() || value.is_undefined() {
        true => Ok(None),
        false => integer(value).map(Some).ok_or_else(|| operation_error("slice bounds must be integers")),
    };
    let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?.unwrap_or(1));
    if value.is_undefined() {
        return Err(operation_error("an undefined value cannot be sliced"));
    }
    if value.as_str().is_none() && !is_list(value) {
        return Ok(Value::UNDEFINED);
    }
    let items: Vec<Value> = match value.as_str() {
        Some(text) => text.chars().map(Value::from).collect(),
        None => value.try_iter()?.checked().collect::<Result<_>>()?,
    };
    charge(state, items.len() * size_of::<Value>())?;
    let length = items.len() as i128;
    // Limits of missing or out-of-range bounds (`PySlice_AdjustIndices`).
    let (first, last) = if step < 0 { (-1, length - 1) } else { (0, length) };
    let clamp = |bound: Option<i128>, missing: i128| match bound {
        None => missing,
        Some(at) if at < 0 => (at.saturating_add(length)).max(first),
        Some(at) => at.min(last),
    };
    let (mut at, end) = match step {
        0 => return Err(operation_error("the slice step is zero")),
        1.. => (clamp(start, first), clamp(stop, last)),
        _ => (clamp(start, last), clamp(stop, first)),
    };
    let mut taken = Vec::new();
    while if step > 0 { at < end } else { at > end } {
        taken.extend(usize::try_from(at).ok().and_then(|at| items.get(at)).cloned());
        at = at.saturating_add(step);
    }
    Ok(match value.as_str() {
        Some(_) => Value::from(taken.iter().filter_map(Value::as_str).collect::<String>()),
        None if value.is_tuple() => Value::from(Tuple::from(taken)),
        None => Value::from(taken),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_formatted_like_python() {
        for (number, expected) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e16, "1e+16"),
            (123456789012345.0, "123456789012345.0"),
            (1e-4, "0.0001"),
            (1.5e-5, "1.5e-05"),
            (1e300, "1e+300"),
            (0.0, "0.0"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(float(number), expected);
        }
    }
}
