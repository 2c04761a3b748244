//! Methods of Python's `str`, `dict` and `list`.

use super::limits::charge;
use super::python::{operation_error, text};
use super::strings::{
    Side, format_values, is_space, justify, lines, replace, split, strip, substring, title_case,
};
use minijinja::formatting::FormatStyle;
use minijinja::value::{Kwargs, Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

type Result<T> = std::result::Result<T, Error>;

/// Calls a method that minijinja does not implement.
pub(super) fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value> {
    match value.kind() {
        ValueKind::String => call_string_method(state, value.as_str().unwrap_or_default(), method, args),
        ValueKind::Map => call_dict_method(value, method, args),
        ValueKind::Seq | ValueKind::Iterable => call_list_method(value, method, args),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// Calls a method; methods of a dict have priority over keys of the same name.
pub(super) fn call_method(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value> {
    match value.kind() {
        ValueKind::Map => call_dict_method(value, method, args),
        _ => value.call_method(state, method, args),
    }
}

/// Positional and named arguments, read in order.
struct Arguments<'a> {
    positional: &'a [Value],
    named: Kwargs,
    at: usize,
}

impl<'a> Arguments<'a> {
    fn new(args: &'a [Value]) -> Result<Self> {
        let (positional, named): (&[Value], Kwargs) = from_args(args)?;
        Ok(Self { positional, named, at: 0 })
    }

    fn next(&mut self, name: &str) -> Result<Option<Value>> {
        self.at += 1;
        match self.positional.get(self.at - 1) {
            Some(value) => Ok(Some(value.clone())),
            None if self.named.has(name) => self.named.get(name).map(Some),
            None => Ok(None),
        }
    }

    fn required(&mut self, name: &str) -> Result<Value> {
        self.next(name)?.ok_or_else(|| Error::new(ErrorKind::MissingArgument, format!("{name} is missing")))
    }

    fn string(&mut self, name: &str) -> Result<String> {
        string(&self.required(name)?)
    }

    fn optional_string(&mut self, name: &str) -> Result<Option<String>> {
        self.next(name)?.filter(|value| !value.is_none()).map(|value| string(&value)).transpose()
    }

    fn integer(&mut self, name: &str) -> Result<Option<i64>> {
        let whole =
            |value: Value| value.as_i64().ok_or_else(|| operation_error(format!("{name} is not an integer")));
        self.next(name)?.filter(|value| !value.is_none()).map(whole).transpose()
    }

    fn finish(self) -> Result<()> {
        if self.positional.len() > self.at {
            return Err(Error::from(ErrorKind::TooManyArguments));
        }
        self.named.assert_all_used()
    }
}

fn string(value: &Value) -> Result<String> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| operation_error(format!("expected a string, found {}", value.kind())))
}

fn call_string_method(state: &mut State, this: &str, method: &str, args: &[Value]) -> Result<Value> {
    let mut arguments = Arguments::new(args)?;
    let all = |test: fn(char) -> bool| !this.is_empty() && this.chars().all(test);
    let cased =
        |test: fn(char) -> bool, other: fn(char) -> bool| this.chars().any(test) && !this.chars().any(other);
    let value = match method {
        "upper" => Value::from(this.to_uppercase()),
        "lower" | "casefold" => Value::from(this.to_lowercase()),
        "swapcase" => {
            let swapped = |c: char| match c.is_uppercase() {
                true => c.to_lowercase().to_string(),
                false => c.to_uppercase().to_string(),
            };
            Value::from(this.chars().map(swapped).collect::<String>())
        }
        "title" => Value::from(title_case(this, true)),
        "capitalize" => Value::from(title_case(this, false)),
        "strip" | "lstrip" | "rstrip" => {
            let characters = arguments.optional_string("chars")?;
            Value::from(strip(this, characters.as_deref(), method != "rstrip", method != "lstrip"))
        }
        "removeprefix" => {
            let prefix = arguments.string("prefix")?;
            Value::from(this.strip_prefix(prefix.as_str()).unwrap_or(this))
        }
        "removesuffix" => {
            let suffix = arguments.string("suffix")?;
            Value::from(this.strip_suffix(suffix.as_str()).unwrap_or(this))
        }
        "replace" => {
            let (old, new) = (arguments.string("old")?, arguments.string("new")?);
            let count = arguments.integer("count")?.unwrap_or(-1);
            Value::from(replace(state, this, &old, &new, count)?)
        }
        "split" | "rsplit" => {
            let separator = arguments.optional_string("sep")?;
            if separator.as_deref() == Some("") {
                return Err(operation_error("the separator is empty"));
            }
            let maxsplit = arguments.integer("maxsplit")?.unwrap_or(-1);
            Value::from(split(this, separator.as_deref(), maxsplit, method == "rsplit"))
        }
        "splitlines" => {
            let keep_ends = arguments.next("keepends")?.is_some_and(|keep| keep.is_true());
            Value::from(lines(this, keep_ends))
        }
        "partition" | "rpartition" => {
            let separator = arguments.string("sep")?;
            let parts = match method {
                "partition" => this.split_once(separator.as_str()),
                _ => this.rsplit_once(separator.as_str()),
            };
            let parts = match (parts, method) {
                (Some((before, after)), _) => [before, separator.as_str(), after],
                (None, "partition") => [this, "", ""],
                (None, _) => ["", "", this],
            };
            Value::from(Tuple::from(parts.map(Value::from)))
        }
        "startswith" | "endswith" => {
            let needle = arguments.required("prefix")?;
            let (start, end) = (arguments.integer("start")?, arguments.integer("end")?);
            let part = substring(this, start, end);
            let matches = |needle: &str| match method {
                "startswith" => part.starts_with(needle),
                _ => part.ends_with(needle),
            };
            let mut found = false;
            match needle.as_str() {
                Some(needle) => found = matches(needle),
                None if needle.is_tuple() => {
                    for one in needle.try_iter()?.checked() {
                        found |= matches(&string(&one?)?);
                    }
                }
                None => return Err(operation_error("expected a string or a tuple of strings")),
            }
            Value::from(found)
        }
        "find" | "rfind" | "index" | "rindex" | "count" => {
            let needle = arguments.string("sub")?;
            let (start, end) = (arguments.integer("start")?, arguments.integer("end")?);
            let part = substring(this, start, end);
            if method == "count" {
                let empty = needle.is_empty();
                Value::from(if empty {
                    part.chars().count() + 1
                } else {
                    part.matches(needle.as_str()).count()
                })
            } else {
                let at = if method.starts_with('r') { part.rfind(&needle) } else { part.find(&needle) };
                let before = this[..part.as_ptr() as usize - this.as_ptr() as usize].chars().count();
                match at {
                    Some(at) => Value::from(before + part[..at].chars().count()),
                    None if method.ends_with("find") => Value::from(-1),
                    None => return Err(operation_error("the substring is not found")),
                }
            }
        }
        "join" => {
            let mut out = String::new();
            for (i, item) in arguments.required("iterable")?.try_iter()?.checked().enumerate() {
                let item = string(&item?)?;
                let separator = if i == 0 { "" } else { this };
                charge(state, separator.len() + item.len())?;
                out.extend([separator, &item]);
            }
            Value::from(out)
        }
        "ljust" | "rjust" | "center" => {
            let width = arguments.integer("width")?.ok_or_else(|| operation_error("width is missing"))?;
            let fill = arguments.optional_string("fillchar")?.unwrap_or_else(|| " ".to_owned());
            let side = match method {
                "ljust" => Side::Right,
                "rjust" => Side::Left,
                _ => Side::Both,
            };
            Value::from(justify(state, this, width, &fill, side)?)
        }
        "zfill" => {
            let width = arguments.integer("width")?.ok_or_else(|| operation_error("width is missing"))?;
            let (sign, digits) = this.split_at(usize::from(this.starts_with(['+', '-'])));
            let digits = justify(state, digits, width.saturating_sub(sign.len() as i64), "0", Side::Left)?;
            Value::from(format!("{sign}{digits}"))
        }
        "expandtabs" => {
            let size = arguments.integer("tabsize")?.unwrap_or(8).clamp(0, 1 << 10) as usize;
            let mut out = String::new();
            let mut column = 0;
            for c in this.chars() {
                match c {
                    '\t' if size > 0 => {
                        let missing = size - column % size;
                        out.extend(std::iter::repeat_n(' ', missing));
                        column += missing;
                    }
                    '\t' => {}
                    _ => {
                        out.push(c);
                        column = if matches!(c, '\n' | '\r') { 0 } else { column + 1 };
                    }
                }
            }
            charge(state, out.len())?;
            Value::from(out)
        }
        "isalnum" => Value::from(all(char::is_alphanumeric)),
        "isalpha" => Value::from(all(char::is_alphabetic)),
        "isascii" => Value::from(this.is_ascii()),
        "isdigit" | "isdecimal" | "isnumeric" => Value::from(all(char::is_numeric)),
        "isspace" => Value::from(all(is_space)),
        "isprintable" => {
            Value::from(this.chars().all(|c| !c.is_control() && (c == ' ' || !c.is_whitespace())))
        }
        "isidentifier" => {
            let first = this.chars().next().is_some_and(|c| c == '_' || c.is_alphabetic());
            Value::from(first && this.chars().all(|c| c == '_' || c.is_alphanumeric()))
        }
        "islower" => Value::from(cased(char::is_lowercase, char::is_uppercase)),
        "isupper" => Value::from(cased(char::is_uppercase, char::is_lowercase)),
        "istitle" => Value::from(this.chars().any(char::is_alphabetic) && title_case(this, true) == this),
        "format" => return format_values(state, FormatStyle::StrFormat, this, args).map(Value::from),
        "format_map" => {
            let map = arguments.required("mapping")?;
            let mut named = Vec::new();
            for key in map.try_iter()?.checked() {
                let key = key?;
                named.push((text(state, &key)?, map.get_item(&key)?));
            }
            let named = named.into_iter().collect::<Kwargs>();
            arguments.finish()?;
            return format_values(state, FormatStyle::StrFormat, this, &[Value::from(named)])
                .map(Value::from);
        }
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    };
    arguments.finish()?;
    Ok(value)
}

fn pairs(value: &Value) -> Result<Vec<(Value, Value)>> {
    let pair = |key: Result<Value>| {
        let key = key?;
        let value = value.get_item(&key)?;
        Ok((key, value))
    };
    value.try_iter()?.checked().map(pair).collect()
}

fn call_dict_method(value: &Value, method: &str, args: &[Value]) -> Result<Value> {
    let mut arguments = Arguments::new(args)?;
    let found = match method {
        "get" => {
            let key = arguments.required("key")?;
            let default = arguments.next("default")?.unwrap_or(Value::from(()));
            let found = value.as_object().and_then(|object| object.get_value(&key));
            found.unwrap_or(default)
        }
        "keys" => Value::from(pairs(value)?.into_iter().map(|(key, _)| key).collect::<Vec<_>>()),
        "values" => Value::from(pairs(value)?.into_iter().map(|(_, value)| value).collect::<Vec<_>>()),
        "items" => {
            let items = pairs(value)?.into_iter().map(|(key, value)| Value::from(Tuple::from([key, value])));
            Value::from(items.collect::<Vec<_>>())
        }
        "copy" => value.clone(),
        "update" | "pop" | "popitem" | "setdefault" | "clear" => return Err(mutation_error(method)),
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    };
    arguments.finish()?;
    Ok(found)
}

fn call_list_method(value: &Value, method: &str, args: &[Value]) -> Result<Value> {
    let mut arguments = Arguments::new(args)?;
    let items = |value: &Value| value.try_iter()?.checked().collect::<Result<Vec<Value>>>();
    let found = match method {
        "count" => {
            let needle = arguments.required("value")?;
            Value::from(items(value)?.iter().filter(|item| **item == needle).count())
        }
        "index" => {
            let needle = arguments.required("value")?;
            let index = items(value)?.iter().position(|item| *item == needle);
            index.map(Value::from).ok_or_else(|| operation_error("the value is not in the list"))?
        }
        "copy" => Value::from(items(value)?),
        "append" | "extend" | "insert" | "pop" | "remove" | "reverse" | "sort" | "clear" => {
            return Err(mutation_error(method));
        }
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    };
    arguments.finish()?;
    Ok(found)
}

/// Error of methods that modify a value, which the sandbox of transformers forbids.
fn mutation_error(method: &str) -> Error {
    operation_error(format!("{method} is not allowed: templates cannot modify values"))
}
