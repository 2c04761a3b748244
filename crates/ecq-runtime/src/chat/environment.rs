//! The Jinja environment of transformers (`transformers/utils/chat_template_utils.py`), in minijinja.

use super::limits::{self, charge, limit_error, namespace_value};
use super::methods;
use super::python::{self, JsonStyle, operation_error, text};
use super::rewrite::functions;
use super::strings::{Side, format_values, justify, replace, strip};
use minijinja::formatting::FormatStyle;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Rest, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, Output, State, Value};

type Result<T> = std::result::Result<T, Error>;

/// Creates the environment, without templates.
pub(super) fn environment() -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_fuel(Some(limits::FUEL));
    environment.set_recursion_limit(limits::MAX_CALL_DEPTH);
    environment.set_unknown_method_callback(methods::call);
    environment.set_formatter(|out: &mut Output, state: &mut State, value: &Value| {
        let text = text(state, value)?;
        out.write_str(&text).map_err(|_| operation_error("the text could not be written"))
    });
    operators(&mut environment);
    globals(&mut environment);
    filters(&mut environment);
    tests(&mut environment);
    Ok(environment)
}

fn operators(environment: &mut Environment<'static>) {
    environment.add_function(functions::ADD, |state: &mut State, values: Rest<Value>| {
        let mut values = values.iter();
        let first = values.next().cloned().unwrap_or_default();
        values.try_fold(first, |sum, value| python::add(state, &sum, value))
    });
    environment.add_function(functions::CONCAT, |state: &mut State, values: Rest<Value>| {
        let mut out = String::new();
        for value in values.iter() {
            out += &text(state, value)?;
        }
        charge(state, out.len())?;
        Ok::<_, Error>(out)
    });
    environment.add_function(functions::MULTIPLY, |state: &mut State, left: Value, right: Value| {
        python::multiply(state, &left, &right)
    });
    environment.add_function(functions::REMAINDER, |state: &mut State, left: Value, right: Value| {
        let Some(format) = left.as_str() else { return python::remainder(&left, &right) };
        let args = match right.kind() {
            ValueKind::Seq if right.is_tuple() => right.try_iter()?.checked().collect::<Result<Vec<_>>>()?,
            ValueKind::Map => vec![Value::from(to_kwargs(state, &right)?)],
            _ => vec![right],
        };
        format_values(state, FormatStyle::Printf, format, &args).map(Value::from)
    });
    environment.add_function(
        functions::METHOD,
        |state: &mut State, value: Value, name: String, args: Arguments| {
            methods::call_method(state, &value, &name, &values(args))
        },
    );
    environment.add_function(
        functions::SLICE,
        |state: &mut State, value: Value, start: Value, stop: Value, step: Option<Value>| {
            let step = step.unwrap_or_default();
            python::slice(state, &value, &start, &stop, &step)
        },
    );
    environment.add_function(functions::ITEMS, |value: Value| match value.kind() {
        ValueKind::String => {
            let characters = value.as_str().unwrap_or_default().chars();
            Ok(Value::from(characters.map(Value::from).collect::<Vec<_>>()))
        }
        ValueKind::None | ValueKind::Bool | ValueKind::Number => {
            Err(operation_error(format!("{} is not iterable", value.kind())))
        }
        _ => Ok(value),
    });
    environment.add_function(functions::NAMESPACE_VALUE, |state: &mut State, value: Value| {
        namespace_value(state, value)
    });
    environment.add_function(functions::CHARGE, |state: &mut State, bytes: usize| {
        charge(state, bytes)?;
        Ok::<_, Error>(Value::from(""))
    });
}

/// Arguments of a function; the last value may hold the named ones.
type Arguments = Rest<ValueOrKwargs>;

fn values(arguments: Arguments) -> Vec<Value> {
    arguments.0.into_iter().map(Value::from).collect()
}

fn to_kwargs(state: &mut State, map: &Value) -> Result<Kwargs> {
    let mut out = Vec::new();
    for key in map.try_iter()?.checked() {
        let key = key?;
        out.push((text(state, &key)?, map.get_item(&key)?));
    }
    Ok(out.into_iter().collect())
}

fn globals(environment: &mut Environment<'static>) {
    environment.add_function("raise_exception", |state: &mut State, message: Value| {
        Err::<Value, _>(operation_error(text(state, &message)?))
    });
    environment.add_function("strftime_now", |format: String| now(&format));
    environment.add_function("cycler", |items: Rest<Value>| match items.0.as_slice() {
        [] => Err(operation_error("cycler requires at least one item")),
        _ => minijinja_contrib::globals::cycler(items.0),
    });
    environment.add_function("joiner", minijinja_contrib::globals::joiner);
}

/// Formats the local date and time; unknown directives are kept, as in C.
fn now(format: &str) -> Result<String> {
    const DIRECTIVES: &str = "aAwdbBmyYHIpMSfzZjUWcxX%GuVeDFTRrnthCgklsP";
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        out.push_str(before);
        let flags = after.find(|c: char| !"-_0^#".contains(c) && !c.is_ascii_digit()).unwrap_or(after.len());
        if after[..flags].bytes().filter(u8::is_ascii_digit).count() > 3 {
            return Err(limit_error("the width of a date field is too large"));
        }
        match after[flags..].chars().next().filter(|c| DIRECTIVES.contains(*c)) {
            // Python's `%f` is microseconds.
            Some('f') => out.push_str("%6f"),
            Some(directive) => out.extend(["%", &after[..flags], directive.encode_utf8(&mut [0; 4])]),
            None => {
                out.push_str("%%");
                rest = after;
                continue;
            }
        }
        rest = &after[flags + 1..];
    }
    out.push_str(rest);
    let config = jiff::fmt::strtime::Config::new().lenient(true);
    let time = jiff::fmt::strtime::BrokenDownTime::from(&jiff::Zoned::now());
    time.to_string_with_config(&config, &out)
        .map_err(|error| operation_error(format!("strftime_now: {error}")))
}

fn filters(environment: &mut Environment<'static>) {
    environment.add_filter("tojson", to_json);
    environment.add_filter("string", |state: &mut State, value: Value| text(state, &value));
    environment.add_filter(
        "replace",
        |state: &mut State, value: Value, old: Value, new: Value, args: Arguments| {
            let count = match values(args).first() {
                Some(count) if count.is_kwargs() => {
                    Kwargs::try_from(count.clone())?.get::<Option<i64>>("count")?
                }
                Some(count) => count.as_i64(),
                None => None,
            };
            let (value, old, new) = (text(state, &value)?, text(state, &old)?, text(state, &new)?);
            replace(state, &value, &old, &new, count.unwrap_or(-1))
        },
    );
    environment.add_filter("trim", |state: &mut State, value: Value, chars: Option<String>| {
        let value = text(state, &value)?;
        Ok::<_, Error>(strip(&value, chars.as_deref(), true, true).to_owned())
    });
    environment.add_filter("join", join);
    environment.add_filter("indent", indent);
    environment.add_filter("center", |state: &mut State, value: Value, width: Option<i64>| {
        let value = text(state, &value)?;
        justify(state, &value, width.unwrap_or(80), " ", Side::Both)
    });
    environment.add_filter("format", |state: &mut State, value: Value, args: Arguments| {
        let value = text(state, &value)?;
        format_values(state, FormatStyle::Printf, &value, &values(args))
    });
    for name in ["length", "count"] {
        environment.add_filter(name, |value: &Value| match value.len() {
            Some(length) => Ok(length),
            None if value.is_undefined() => Ok(0),
            None => value.try_iter().map(Iterator::count),
        });
    }
    environment.add_filter("int", |value: Value, args: Arguments| {
        let args = values(args);
        let (positional, named): (&[Value], Kwargs) = minijinja::value::from_args(&args)?;
        let argument = |index: usize, name: &str| match positional.get(index) {
            Some(value) => Ok(Some(value.clone())),
            None => named.get::<Option<Value>>(name),
        };
        let base = argument(1, "base")?
            .and_then(|base| u32::try_from(base).ok())
            .filter(|base| (2..=36).contains(base));
        let found = match value.as_str() {
            Some(text) => {
                let text = text.trim().replace('_', "");
                let whole = i64::from_str_radix(&text, base.unwrap_or(10)).ok();
                whole.or_else(|| text.parse::<f64>().ok().filter(|f| f.is_finite()).map(|f| f as i64))
            }
            None if value.kind() == ValueKind::Bool => Some(i64::from(value.is_true())),
            None => value
                .as_i64()
                .or_else(|| f64::try_from(value).ok().filter(|f| f.is_finite()).map(|f| f as i64)),
        };
        let default = argument(0, "default")?;
        Ok::<_, Error>(found.map_or_else(|| default.unwrap_or(Value::from(0)), Value::from))
    });
    environment.add_filter("float", |value: Value, default: Option<Value>| {
        let found = match value.as_str() {
            Some(text) => text.trim().replace('_', "").parse::<f64>().ok(),
            None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
            None => f64::try_from(value).ok(),
        };
        found.map_or_else(|| default.unwrap_or(Value::from(0.0)), Value::from)
    });
    environment.add_filter("wordcount", |state: &mut State, value: Value| {
        Ok::<_, Error>(text(state, &value)?.split_whitespace().count())
    });
    // Escaping is off in the environment of transformers, so the result is plain text.
    environment.add_filter("safe", |state: &mut State, value: Value| text(state, &value));
    for name in ["batch", "slice"] {
        // The first argument is a number of lists.
        environment.add_filter(name, move |state: &mut State, value: Value, args: Rest<Value>| {
            if args.first().and_then(Value::as_i64).is_some_and(|count| count > 10_000) {
                return Err(limit_error("it creates too many lists"));
            }
            let args: Vec<Value> = std::iter::once(value).chain(args.iter().cloned()).collect();
            apply_builtin(state, name, &args)
        });
    }
}

/// Applies a filter of minijinja that the environment wraps.
fn apply_builtin(state: &mut State, name: &str, args: &[Value]) -> Result<Value> {
    let builtin = match name {
        "batch" => Value::from_function(minijinja::filters::batch),
        _ => Value::from_function(minijinja::filters::slice),
    };
    builtin.call(state, args)
}

fn to_json(state: &mut State, value: Value, args: Arguments) -> Result<String> {
    let args = values(args);
    let (positional, named): (&[Value], Kwargs) = minijinja::value::from_args(&args)?;
    let argument = |index: usize, name: &str| match positional.get(index) {
        Some(value) => Ok(value.clone()),
        None => named.get::<Option<Value>>(name).map(Option::unwrap_or_default),
    };
    let indent = argument(1, "indent")?;
    let separators = argument(2, "separators")?;
    let indent = match indent.as_i64() {
        Some(width) if width > 1000 => return Err(limit_error("the indent is too wide")),
        Some(width) => Some(" ".repeat(usize::try_from(width).unwrap_or(0))),
        None => indent.as_str().map(str::to_owned),
    };
    let (item_separator, key_separator) = match separators.try_iter() {
        Ok(iter) if !separators.is_undefined() && !separators.is_none() => {
            let both: Vec<Value> = iter.checked().collect::<Result<_>>()?;
            let [item, key] = both.as_slice() else {
                return Err(operation_error("separators must be two strings"));
            };
            (text(state, item)?, text(state, key)?)
        }
        _ => ((if indent.is_some() { "," } else { ", " }).to_owned(), ": ".to_owned()),
    };
    let style = JsonStyle {
        ensure_ascii: argument(0, "ensure_ascii")?.is_true(),
        indent,
        item_separator,
        key_separator,
        sort_keys: argument(3, "sort_keys")?.is_true(),
    };
    named.assert_all_used()?;
    python::json(state, &value, &style)
}

fn join(state: &mut State, value: Value, args: Arguments) -> Result<String> {
    let args = values(args);
    let (positional, named): (&[Value], Kwargs) = minijinja::value::from_args(&args)?;
    let separator = match positional.first() {
        Some(separator) => text(state, separator)?,
        None => named.get::<Option<String>>("d")?.unwrap_or_default(),
    };
    let attribute = match positional.get(1) {
        Some(attribute) => Some(attribute.clone()),
        None => named.get::<Option<Value>>("attribute")?,
    };
    named.assert_all_used()?;
    let mut out = String::new();
    if value.is_undefined() {
        return Ok(out);
    }
    for (i, item) in value.try_iter()?.checked().enumerate() {
        let mut item = item?;
        if let Some(attribute) = &attribute {
            item = item.get_item(attribute)?;
        }
        let item = text(state, &item)?;
        charge(state, separator.len())?;
        out.extend([if i == 0 { "" } else { &separator }, &item]);
    }
    Ok(out)
}

/// `jinja2.filters.do_indent`.
fn indent(state: &mut State, value: Value, args: Arguments) -> Result<String> {
    let args = values(args);
    let (positional, named): (&[Value], Kwargs) = minijinja::value::from_args(&args)?;
    let argument = |index: usize, name: &str| match positional.get(index) {
        Some(value) => Ok(value.clone()),
        None => named.get::<Option<Value>>(name).map(Option::unwrap_or_default),
    };
    let (width, first, blank) = (argument(0, "width")?, argument(1, "first")?, argument(2, "blank")?);
    named.assert_all_used()?;
    let width = match width.as_str() {
        Some(text) => text.to_owned(),
        None => match width.as_i64().unwrap_or(4) {
            width if width > 1000 => return Err(limit_error("the indent is too wide")),
            width => " ".repeat(usize::try_from(width).unwrap_or(0)),
        },
    };
    let value = text(state, &value)?;
    let lines = value.matches('\n').count() + 1;
    charge(state, value.len() + lines * width.len())?;
    let mut out = String::new();
    for (i, line) in value.split('\n').enumerate() {
        out.push_str(if i == 0 { "" } else { "\n" });
        let indented = if i == 0 { first.is_true() } else { blank.is_true() || !line.is_empty() };
        out.push_str(if indented { &width } else { "" });
        out.push_str(line);
    }
    Ok(out)
}

/// Tests of `jinja2/tests.py` that differ in minijinja.
fn tests(environment: &mut Environment<'static>) {
    let listed =
        |value: &Value| matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable | ValueKind::Map);
    // Undefined values have a length of 0 and can be iterated.
    environment.add_test("sequence", move |value: &Value| {
        listed(value) || value.as_str().is_some() || value.is_undefined()
    });
    environment.add_test("iterable", move |value: &Value| {
        listed(value) || value.as_str().is_some() || value.is_undefined()
    });
    environment.add_test("callable", |value: &Value| {
        value.kind() == ValueKind::Plain && !matches!(value.to_string().as_str(), "" | "<namespace>")
    });
    let is_number = |value: &Value| value.kind() == ValueKind::Number;
    environment.add_test("number", move |value: &Value| is_number(value) || value.kind() == ValueKind::Bool);
}
