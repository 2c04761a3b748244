//! Methods of Python's strings, dicts and lists (`str`, `dict`, `list` of the standard library).

use super::limits::{made, refused};
use super::python::{text, wrong};
use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Kwargs, Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

type Result<T> = std::result::Result<T, Error>;

/// A method that minijinja does not know.
pub(super) fn call(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value> {
    match value.kind() {
        ValueKind::String => of_string(state, value.as_str().unwrap_or_default(), method, args),
        ValueKind::Map => of_dict(value, method, args),
        ValueKind::Seq | ValueKind::Iterable => of_list(value, method, args),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// A method of a dict, which a key of its name does not hide.
pub(super) fn of_value(state: &mut State, value: &Value, method: &str, args: &[Value]) -> Result<Value> {
    match value.kind() {
        ValueKind::Map => of_dict(value, method, args),
        _ => value.call_method(state, method, args),
    }
}

/// Arguments by place or by name; each is asked for once.
struct Arguments<'a> {
    places: &'a [Value],
    names: Kwargs,
    at: usize,
}

impl<'a> Arguments<'a> {
    fn new(args: &'a [Value]) -> Result<Self> {
        let (places, names): (&[Value], Kwargs) = from_args(args)?;
        Ok(Self { places, names, at: 0 })
    }

    fn next(&mut self, name: &str) -> Result<Option<Value>> {
        self.at += 1;
        match self.places.get(self.at - 1) {
            Some(value) => Ok(Some(value.clone())),
            None if self.names.has(name) => self.names.get(name).map(Some),
            None => Ok(None),
        }
    }

    fn needed(&mut self, name: &str) -> Result<Value> {
        self.next(name)?.ok_or_else(|| Error::new(ErrorKind::MissingArgument, format!("{name} is missing")))
    }

    fn string(&mut self, name: &str) -> Result<String> {
        string(&self.needed(name)?)
    }

    fn optional_string(&mut self, name: &str) -> Result<Option<String>> {
        self.next(name)?.filter(|value| !value.is_none()).map(|value| string(&value)).transpose()
    }

    fn whole(&mut self, name: &str) -> Result<Option<i64>> {
        let whole = |value: Value| value.as_i64().ok_or_else(|| wrong(format!("{name} is no whole number")));
        self.next(name)?.filter(|value| !value.is_none()).map(whole).transpose()
    }

    fn done(self) -> Result<()> {
        if self.places.len() > self.at {
            return Err(Error::from(ErrorKind::TooManyArguments));
        }
        self.names.assert_all_used()
    }
}

fn string(value: &Value) -> Result<String> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| wrong(format!("a string is expected, not {}", value.kind())))
}

/// White space as Python's strings know it.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// `strip`, `lstrip`, `rstrip`.
pub(super) fn stripped<'a>(text: &'a str, characters: Option<&str>, left: bool, right: bool) -> &'a str {
    let strips = |c: char| characters.map_or(is_space(c), |characters| characters.contains(c));
    let text = if left { text.trim_start_matches(strips) } else { text };
    if right { text.trim_end_matches(strips) } else { text }
}

/// `replace`; at most `count` times if that is not negative.
pub(super) fn replaced(state: &mut State, text: &str, old: &str, new: &str, count: i64) -> Result<String> {
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let times = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() }.min(most);
    made(state, text.len().saturating_add(times.saturating_mul(new.len())))?;
    Ok(text.replacen(old, new, most))
}

/// `first`-letter case of `str.title` and `str.capitalize`.
fn titled(text: &str, words: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        // Letters without case end a word, as CPython has it.
        inside = !words || c.is_lowercase() || c.is_uppercase();
    }
    out
}

fn split(text: &str, separator: Option<&str>, most: i64, from_right: bool) -> Vec<Value> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut parts: Vec<&str> = Vec::new();
    match (separator, from_right) {
        (Some(separator), false) => parts.extend(text.splitn(most.saturating_add(1), separator)),
        (Some(separator), true) => parts.extend(text.rsplitn(most.saturating_add(1), separator)),
        (None, false) => {
            let mut rest = text.trim_start_matches(is_space);
            while !rest.is_empty() {
                let end = if parts.len() == most { None } else { rest.find(is_space) };
                let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
                parts.push(part);
                rest = after.trim_start_matches(is_space);
            }
        }
        (None, true) => {
            let mut rest = text.trim_end_matches(is_space);
            while !rest.is_empty() {
                let last = rest.char_indices().rfind(|(_, c)| is_space(*c)).filter(|_| parts.len() < most);
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

/// Lines at the ends that Python knows, `\r\n` among them.
fn lines(text: &str, keep_ends: bool) -> Vec<Value> {
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

/// `ljust`, `rjust`, `center`.
pub(super) fn justified(state: &mut State, text: &str, width: i64, fill: &str, side: Side) -> Result<String> {
    let mut characters = fill.chars();
    let (Some(fill), None) = (characters.next(), characters.next()) else {
        return Err(wrong("what fills up is one character"));
    };
    let length = text.chars().count();
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(length);
    made(state, missing.saturating_mul(fill.len_utf8()).saturating_add(text.len()))?;
    let left = match side {
        Side::Left => missing,
        Side::Right => 0,
        // As CPython rounds.
        Side::Both => missing / 2 + (missing & (length + missing) & 1),
    };
    let of = |count: usize| fill.to_string().repeat(count);
    Ok(format!("{}{text}{}", of(left), of(missing - left)))
}

/// Where characters are added.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Left,
    Right,
    Both,
}

/// Text with values in it; widths in the format are bounded.
pub(super) fn formatted(
    state: &mut State,
    style: FormatStyle,
    pattern: &str,
    args: &[Value],
) -> Result<String> {
    // A width or a precision is a run of digits, or another argument.
    let digits = pattern.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    let named = match style {
        FormatStyle::Printf => pattern.contains('*'),
        FormatStyle::StrFormat => {
            pattern.split('}').any(|field| field.trim_start_matches("{{").matches('{').count() > 1)
        }
    };
    let large = |value: &Value| value.as_i64().is_none_or(|n| n.unsigned_abs() > 1 << 10);
    if digits > 4 || (named && args.iter().any(large)) {
        return Err(refused("a width or a precision of a format is too large"));
    }
    if !has_plain_fields(style, pattern) {
        return Err(wrong("a format has a field that is incomplete or not ASCII"));
    }
    // Other values are written as Python writes them.
    let written = |state: &mut State, value: &Value| match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Ok(value.clone()),
        _ if value.is_kwargs() => Ok(value.clone()),
        _ => text(state, value).map(Value::from),
    };
    let args: Vec<Value> = args.iter().map(|value| written(state, value)).collect::<Result<_>>()?;
    let formatted = format(style, pattern, &args)?;
    made(state, formatted.len())?;
    Ok(formatted)
}

/// Whether all fields of a format are complete and ASCII: minijinja panics on some that are not.
fn has_plain_fields(style: FormatStyle, pattern: &str) -> bool {
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

fn of_string(state: &mut State, this: &str, method: &str, args: &[Value]) -> Result<Value> {
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
        "title" => Value::from(titled(this, true)),
        "capitalize" => Value::from(titled(this, false)),
        "strip" | "lstrip" | "rstrip" => {
            let characters = arguments.optional_string("chars")?;
            Value::from(stripped(this, characters.as_deref(), method != "rstrip", method != "lstrip"))
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
            let count = arguments.whole("count")?.unwrap_or(-1);
            Value::from(replaced(state, this, &old, &new, count)?)
        }
        "split" | "rsplit" => {
            let separator = arguments.optional_string("sep")?;
            if separator.as_deref() == Some("") {
                return Err(wrong("a separator is empty"));
            }
            let most = arguments.whole("maxsplit")?.unwrap_or(-1);
            Value::from(split(this, separator.as_deref(), most, method == "rsplit"))
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
            let wanted = arguments.needed("prefix")?;
            let (start, end) = (arguments.whole("start")?, arguments.whole("end")?);
            let part = sliced(this, start, end);
            let matches = |wanted: &str| match method {
                "startswith" => part.starts_with(wanted),
                _ => part.ends_with(wanted),
            };
            let mut found = false;
            match wanted.as_str() {
                Some(wanted) => found = matches(wanted),
                None if wanted.is_tuple() => {
                    for one in wanted.try_iter()?.checked() {
                        found |= matches(&string(&one?)?);
                    }
                }
                None => return Err(wrong("a string or a tuple of strings is expected")),
            }
            Value::from(found)
        }
        "find" | "rfind" | "index" | "rindex" | "count" => {
            let wanted = arguments.string("sub")?;
            let (start, end) = (arguments.whole("start")?, arguments.whole("end")?);
            let part = sliced(this, start, end);
            if method == "count" {
                let empty = wanted.is_empty();
                Value::from(if empty {
                    part.chars().count() + 1
                } else {
                    part.matches(wanted.as_str()).count()
                })
            } else {
                let at = if method.starts_with('r') { part.rfind(&wanted) } else { part.find(&wanted) };
                let before = this[..part.as_ptr() as usize - this.as_ptr() as usize].chars().count();
                match at {
                    Some(at) => Value::from(before + part[..at].chars().count()),
                    None if method.ends_with("find") => Value::from(-1),
                    None => return Err(wrong("the substring is not found")),
                }
            }
        }
        "join" => {
            let mut out = String::new();
            for (i, item) in arguments.needed("iterable")?.try_iter()?.checked().enumerate() {
                let item = string(&item?)?;
                let separator = if i == 0 { "" } else { this };
                made(state, separator.len() + item.len())?;
                out.extend([separator, &item]);
            }
            Value::from(out)
        }
        "ljust" | "rjust" | "center" => {
            let width = arguments.whole("width")?.ok_or_else(|| wrong("width is missing"))?;
            let fill = arguments.optional_string("fillchar")?.unwrap_or_else(|| " ".to_owned());
            let side = match method {
                "ljust" => Side::Right,
                "rjust" => Side::Left,
                _ => Side::Both,
            };
            Value::from(justified(state, this, width, &fill, side)?)
        }
        "zfill" => {
            let width = arguments.whole("width")?.ok_or_else(|| wrong("width is missing"))?;
            let (sign, digits) = this.split_at(usize::from(this.starts_with(['+', '-'])));
            let digits = justified(state, digits, width.saturating_sub(sign.len() as i64), "0", Side::Left)?;
            Value::from(format!("{sign}{digits}"))
        }
        "expandtabs" => {
            let size = arguments.whole("tabsize")?.unwrap_or(8).clamp(0, 1 << 10) as usize;
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
            made(state, out.len())?;
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
        "istitle" => Value::from(this.chars().any(char::is_alphabetic) && titled(this, true) == this),
        "format" => return formatted(state, FormatStyle::StrFormat, this, args).map(Value::from),
        "format_map" => {
            let map = arguments.needed("mapping")?;
            let mut names = Vec::new();
            for key in map.try_iter()?.checked() {
                let key = key?;
                names.push((text(state, &key)?, map.get_item(&key)?));
            }
            let names = names.into_iter().collect::<Kwargs>();
            arguments.done()?;
            return formatted(state, FormatStyle::StrFormat, this, &[Value::from(names)]).map(Value::from);
        }
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    };
    arguments.done()?;
    Ok(value)
}

/// The characters from `start` to `end`, either counted from the end if negative.
fn sliced(text: &str, start: Option<i64>, end: Option<i64>) -> &str {
    if start.is_none() && end.is_none() {
        return text;
    }
    let count = text.chars().count() as i64;
    let place = |at: i64| if at < 0 { (count + at).max(0) } else { at.min(count) } as usize;
    let (start, end) = (place(start.unwrap_or(0)), place(end.unwrap_or(count)));
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    text.get(byte(start)..byte(end)).unwrap_or("")
}

fn pairs(value: &Value) -> Result<Vec<(Value, Value)>> {
    let pair = |key: Result<Value>| {
        let key = key?;
        let value = value.get_item(&key)?;
        Ok((key, value))
    };
    value.try_iter()?.checked().map(pair).collect()
}

fn of_dict(value: &Value, method: &str, args: &[Value]) -> Result<Value> {
    let mut arguments = Arguments::new(args)?;
    let found = match method {
        "get" => {
            let key = arguments.needed("key")?;
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
        "update" | "pop" | "popitem" | "setdefault" | "clear" => return Err(immutable(method)),
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    };
    arguments.done()?;
    Ok(found)
}

fn of_list(value: &Value, method: &str, args: &[Value]) -> Result<Value> {
    let mut arguments = Arguments::new(args)?;
    let items = |value: &Value| value.try_iter()?.checked().collect::<Result<Vec<Value>>>();
    let found = match method {
        "count" => {
            let wanted = arguments.needed("value")?;
            Value::from(items(value)?.iter().filter(|item| **item == wanted).count())
        }
        "index" => {
            let wanted = arguments.needed("value")?;
            let place = items(value)?.iter().position(|item| *item == wanted);
            place.map(Value::from).ok_or_else(|| wrong("the value is not in the list"))?
        }
        "copy" => Value::from(items(value)?),
        "append" | "extend" | "insert" | "pop" | "remove" | "reverse" | "sort" | "clear" => {
            return Err(immutable(method));
        }
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    };
    arguments.done()?;
    Ok(found)
}

/// The sandbox of transformers lets no template change a value.
fn immutable(method: &str) -> Error {
    wrong(format!("{method} would change a value, which templates may not"))
}
