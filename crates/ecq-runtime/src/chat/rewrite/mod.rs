//! Rewrites the source of a template so that expressions have Python's semantics.
//!
//! minijinja's operators cannot be overridden. They are rewritten to calls of our functions: `a + b`, `a ~
//! b`, `a * b` and `a % b` (which format strings and charge the limits), slices, dict methods that a key of
//! the same name would hide, the iterable of a loop, and values stored in a namespace. The tag `generation`
//! of transformers becomes `with`, which also opens a scope. Line breaks become `\n`, as in Jinja2's lexer.
//!
//! The grammar is that of `jinja2/parser.py` and `jinja2/lexer.py` of Jinja2 3.1. Other tags are errors and
//! never reach minijinja, whose own slices can panic and whose own operators have no limits.

mod lexer;
mod parser;

use lexer::{Lexed, lex, quote};
use parser::Parser;
use std::fmt::Write;

/// Names of the functions that replace operators.
pub(super) mod functions {
    pub(in super::super) const ADD: &str = "__add";
    pub(in super::super) const CONCAT: &str = "__concat";
    pub(in super::super) const MULTIPLY: &str = "__multiply";
    pub(in super::super) const REMAINDER: &str = "__remainder";
    pub(in super::super) const METHOD: &str = "__method";
    pub(in super::super) const ITEMS: &str = "__items";
    pub(in super::super) const SLICE: &str = "__slice";
    pub(in super::super) const NAMESPACE_VALUE: &str = "__namespace_value";
    pub(in super::super) const CHARGE: &str = "__charge";
}

/// Raw text longer than this is charged each time it is written.
const COUNTED_TEXT: usize = 32;

/// Rewrites a template for minijinja.
///
/// # Errors
/// With the line and start of a tag that the grammar does not accept.
pub(super) fn rewrite(template: &str) -> Result<String, String> {
    let template = template.replace("\r\n", "\n").replace('\r', "\n");
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template.as_str();
    while let Some(start) = tag_start(rest) {
        raw_text(&mut out, &rest[..start]);
        rest = &rest[start..];
        let used = match rest.as_bytes()[1] {
            b'#' => comment(&mut out, rest),
            b'%' => raw_block(&mut out, rest).or_else(|| tag(&mut out, rest, "%}")),
            _ => tag(&mut out, rest, "}}"),
        };
        let Some(used) = used else {
            let line = template[..template.len() - rest.len()].matches('\n').count() + 1;
            let shown: String = rest.chars().take_while(|&c| c != '\n').take(60).collect();
            return Err(format!("syntax error in line {line}, at {shown:?}"));
        };
        rest = &rest[used..];
    }
    out.push_str(rest);
    Ok(out)
}

fn tag_start(text: &str) -> Option<usize> {
    let begins = |pair: &[u8]| matches!(pair, [b'{', b'{' | b'%' | b'#']);
    text.as_bytes().windows(2).position(begins)
}

/// Writes raw text, with a call that charges it if it is long.
fn raw_text(out: &mut String, text: &str) {
    // After a character that is not white space, the call does not affect trimming; after one that is not a
    // brace, it is a separate tag.
    let insertion = text.char_indices().find(|(_, c)| !c.is_whitespace() && *c != '{');
    match insertion.filter(|_| text.len() > COUNTED_TEXT) {
        Some((at, c)) => {
            let (head, tail) = text.split_at(at + c.len_utf8());
            let _ = write!(out, "{head}{{{{ {}({}) }}}}{tail}", functions::CHARGE, text.len());
        }
        None => out.push_str(text),
    }
}

/// Copies a comment and returns its length.
fn comment(out: &mut String, rest: &str) -> Option<usize> {
    let end = rest[2..].find("#}")? + 4;
    out.push_str(&rest[..end]);
    Some(end)
}

/// Rewrites `{% raw %}` ... `{% endraw %}` to a string within an `if`, because minijinja trims raw text
/// differently from Jinja2. Returns the length of the block.
fn raw_block(out: &mut String, rest: &str) -> Option<usize> {
    let open = named_tag(rest, "raw")?;
    let mut at = open.length;
    let close = loop {
        at += rest[at..].find("{%")?;
        match named_tag(&rest[at..], "endraw") {
            Some(close) => break close,
            None => at += 2,
        }
    };
    let text = &rest[open.length..at];
    let text = if open.close_sign == "-" { text.trim_start() } else { text };
    let text = match close.open_sign {
        "-" => text.trim_end(),
        "+" => text,
        _ => match text.rsplit_once('\n') {
            // White space between the last line break and the tag is trimmed.
            Some((lines, blank)) if blank.trim().is_empty() => &text[..=lines.len()],
            _ => text,
        },
    };
    let lines = "\n".repeat(rest[..at + close.length].matches('\n').count());
    let _ = write!(
        out,
        "{{%{} if true %}}{{{{ {} }}}}{{% endif {lines}{}%}}",
        open.open_sign,
        quote(text),
        close.close_sign
    );
    Some(at + close.length)
}

/// A tag that holds only a name.
struct NamedTag<'a> {
    length: usize,
    open_sign: &'a str,
    close_sign: &'a str,
}

fn named_tag<'a>(rest: &'a str, name: &str) -> Option<NamedTag<'a>> {
    fn sign(text: &str) -> (&str, &str) {
        text.split_at(usize::from(text.starts_with(['-', '+'])))
    }
    let (open_sign, body) = sign(rest.strip_prefix("{%")?);
    let (close_sign, after) = sign(body.trim_start().strip_prefix(name)?.trim_start());
    let length = rest.len() - after.strip_prefix("%}")?.len();
    Some(NamedTag { length, open_sign, close_sign })
}

/// Rewrites a tag and returns its length; `None` if the grammar does not accept it.
fn tag(out: &mut String, rest: &str, close: &str) -> Option<usize> {
    let Lexed { tokens, open_sign, close_sign, length } = lex(rest, close)?;
    let mut parser = Parser::new(&tokens);
    let text = match close {
        "}}" => parser.expressions(),
        _ => parser.statement(),
    };
    let text = text.filter(|_| parser.is_at_end())?;
    let lines = rest[..length].matches('\n').count();
    let written = text.matches('\n').count();
    // Keeps line numbers for error messages.
    let lines = "\n".repeat(lines.saturating_sub(written));
    let (open, text) = (&rest[..2], text.trim());
    let _ = write!(out, "{open}{open_sign} {text} {lines}{close_sign}{close}");
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_become_calls() {
        let cases = [
            ("{{ a + b ~ c }}", "{{ __add(a, __concat(b, c)) }}"),
            ("{{- 'a' 'b\\'' % x -}}", "{{- __remainder(\"ab'\", x) -}}"),
            ("{% if a is not none and b in c %}", "{% if a is not none and b in c %}"),
            (
                "{%- for k, v in d.items() if k recursive %}",
                "{%- for k , v in __items(__method(d, \"items\")) if k recursive %}",
            ),
            ("{% set ns.a = ns.a + [x] %}", "{% set ns.a = __namespace_value((__add(ns.a, [x]))) %}"),
            ("{% set a, b = 1, 2 %}", "{% set a, b = (1, 2) %}"),
            ("{% generation %}{% endgeneration -%}", "{% with %}{% endwith -%}"),
            ("{%- raw %} {{ a + b }}{% endraw -%}", "{%- if true %}{{ \" {{ a + b }}\" }}{% endif -%}"),
            ("{# a + b #}", "{# a + b #}"),
            ("{{ {'a': {'b': 1}} }}", "{{ { \"a\": { \"b\": 1 } } }}"),
            ("{{ a[1:]|length - 1 }}\r\n", "{{ __slice(a, 1, none) | length - 1 }}\n"),
            ("{{ a[::-1][0] }}", "{{ __slice(a, none, none, -1)[0] }}"),
            ("{{ a\n+ b }}", "{{ __add(a, b) \n}}"),
            ("{{ x is divisibleby 3 }}", "{{ x is divisibleby(3) }}"),
            ("{% block a %}{% endblock a %}", "{% block a %}{% endblock a %}"),
        ];
        for (template, expected) in cases {
            assert_eq!(rewrite(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn syntax_errors_name_line_and_tag() {
        let deep = format!("{{{{ {}1{} }}}}", "(".repeat(99), ")".repeat(99));
        for template in [
            "{{ a ? b }}",
            "{{ unclosed",
            "{# unclosed",
            "{% raw %}",
            "{% include 'x' %}",
            "{{ a b }}",
            "{{ }}",
            &deep,
        ] {
            let error = rewrite(&format!("text\n {template}")).unwrap_err();
            assert!(error.starts_with("syntax error in line 2, at \"{"), "{template}: {error}");
        }
    }
}
