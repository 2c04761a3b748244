//! Lexer of tags (`jinja2/lexer.py` of Jinja2 3.1).

use std::fmt::Write;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    Name(&'a str),
    /// The unescaped value of a string.
    Text(String),
    Number(&'a str),
    Sign(&'a str),
}

pub(super) struct Lexed<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    pub(super) open_sign: &'a str,
    pub(super) close_sign: &'a str,
    pub(super) length: usize,
}

/// Operators, longer ones first.
const SIGNS: [&str; 27] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".", ":", "|", ",", ";", "!",
];

pub(super) fn lex<'a>(source: &'a str, close: &str) -> Option<Lexed<'a>> {
    let sign_length = |at: usize| usize::from(source[at..].starts_with(['-', '+']));
    let mut at = 2 + sign_length(2);
    let open_sign = &source[2..at];
    let mut tokens = Vec::new();
    let mut open = 0usize;
    loop {
        let rest = &source[at..];
        let c = rest.chars().next()?;
        if open == 0 {
            let sign = sign_length(at);
            if rest[sign..].starts_with(close) {
                let length = at + sign + close.len();
                return Some(Lexed { tokens, open_sign, close_sign: &rest[..sign], length });
            }
        }
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if c == '_' || c.is_alphabetic() {
            let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
            tokens.push(Token::Name(&rest[..end]));
            at += end;
        } else if c.is_ascii_digit() {
            let after_dot = tokens.last() == Some(&Token::Sign("."));
            let end = number(rest, after_dot);
            tokens.push(Token::Number(&rest[..end]));
            at += end;
        } else if c == '"' || c == '\'' {
            let end = string_end(rest, c)?;
            tokens.push(Token::Text(unescape(&rest[1..end])?));
            at += end + 1;
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign))?;
            match *sign {
                "(" | "[" | "{" => open += 1,
                ")" | "]" | "}" => open = open.checked_sub(1)?,
                _ => {}
            }
            tokens.push(Token::Sign(sign));
            at += sign.len();
        }
    }
}

/// Returns the length of a number: integer, fraction, exponent, or another radix.
fn number(text: &str, whole: bool) -> usize {
    let digits = |text: &str| text.find(|c: char| c != '_' && !c.is_ascii_digit()).unwrap_or(text.len());
    let bytes = text.as_bytes();
    if let [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..] = bytes {
        let tail = &text[2..];
        return 2 + tail.find(|c: char| c != '_' && !c.is_ascii_hexdigit()).unwrap_or(tail.len());
    }
    let mut end = digits(text);
    if whole {
        return end;
    }
    if let [b'.', b'0'..=b'9', ..] = &bytes[end..] {
        end += 1 + digits(&text[end + 1..]);
    }
    match &bytes[end..] {
        [b'e' | b'E', b'0'..=b'9', ..] => end + 1 + digits(&text[end + 1..]),
        [b'e' | b'E', b'+' | b'-', b'0'..=b'9', ..] => end + 2 + digits(&text[end + 2..]),
        _ => end,
    }
}

fn string_end(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at)
    })
}

/// Unescapes a Python string (`unicode-escape`); `None` if an escape is not a character.
fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        let digits = match c {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '0'..='7' => {
                let more = rest.bytes().take(2).take_while(|b| matches!(b, b'0'..=b'7')).count();
                let code =
                    rest[..more].bytes().fold(u32::from(c) - 48, |code, b| code * 8 + u32::from(b - b'0'));
                out.push(char::from_u32(code)?);
                rest = &rest[more..];
                continue;
            }
            'N' => return None,
            _ => {
                match c {
                    '\n' => {}
                    '\\' | '\'' | '"' => out.push(c),
                    'a' => out.push('\u{7}'),
                    'b' => out.push('\u{8}'),
                    't' => out.push('\t'),
                    'n' => out.push('\n'),
                    'v' => out.push('\u{b}'),
                    'f' => out.push('\u{c}'),
                    'r' => out.push('\r'),
                    other => out.extend(['\\', other]),
                }
                continue;
            }
        };
        let code = rest.get(..digits).filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()))?;
        out.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        rest = &rest[digits..];
    }
    out.push_str(rest);
    Some(out)
}

/// Quotes a string for minijinja.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_unescaped_like_python() {
        for (text, expected) in [
            (r"a\nb", Some("a\nb")),
            (r"\d\.", Some(r"\d\.")),
            (r"\x41\u00e9\U0001F600\101", Some("Aé😀A")),
            (r"\\n", Some(r"\n")),
            (r"\ud800", None),
            (r"\x4", None),
        ] {
            assert_eq!(unescape(text).as_deref(), expected, "{text}");
        }
    }
}
