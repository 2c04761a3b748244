//! Rewrites the source of a template so that expressions mean what they mean in Python.
//!
//! minijinja fixes what its operators do. Here they become calls of our own functions: `a + b`, `a ~ b`, `a *
//! b` and `a % b` (they format strings and count what is made), slices, methods of mappings that a key of the
//! same name would hide, what a loop goes through, and values that are kept in a namespace. The tag
//! `generation` of transformers becomes `with`, which also is a scope of its own. Line breaks are `\n`, as
//! Jinja2's lexer makes them.
//!
//! Grammar: `jinja2/parser.py` and `jinja2/lexer.py` of Jinja2 3.1. A tag that this grammar does not accept
//! is an error: nothing else reaches minijinja, whose own slices can panic and whose own operators have no
//! bounds.

use std::fmt::Write;

/// Names of the functions that operators become.
pub(super) mod functions {
    pub(in super::super) const ADD: &str = "__add";
    pub(in super::super) const CONCAT: &str = "__concat";
    pub(in super::super) const MULTIPLY: &str = "__multiply";
    pub(in super::super) const REMAINDER: &str = "__remainder";
    pub(in super::super) const METHOD: &str = "__method";
    pub(in super::super) const ITEMS: &str = "__items";
    pub(in super::super) const SLICE: &str = "__slice";
    pub(in super::super) const KEPT: &str = "__kept";
    pub(in super::super) const MADE: &str = "__made";
}

/// Methods of a Python dict that a template may call; a key of that name does not hide them.
const DICT_METHODS: [&str; 5] = ["get", "items", "keys", "values", "copy"];
/// Expressions within expressions, at most: less than what minijinja's parser allows.
const MAX_DEPTH: usize = 60;
/// Raw text longer than this is counted each time that it is written.
const COUNTED_TEXT: usize = 32;

/// The source as minijinja shall read it.
///
/// # Errors
/// Says which tag this grammar does not accept.
pub(super) fn rewritten(template: &str) -> Result<String, String> {
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

/// Raw text, and a call that counts it if it is long.
fn raw_text(out: &mut String, text: &str) {
    // Behind a character that is no white space the call changes nothing about trimming, and behind one
    // that is no brace it is a tag of its own.
    let place = text.char_indices().find(|(_, c)| !c.is_whitespace() && *c != '{');
    match place.filter(|_| text.len() > COUNTED_TEXT) {
        Some((at, c)) => {
            let (head, tail) = text.split_at(at + c.len_utf8());
            let _ = write!(out, "{head}{{{{ {}({}) }}}}{tail}", functions::MADE, text.len());
        }
        None => out.push_str(text),
    }
}

/// A comment as it is; how long it is.
fn comment(out: &mut String, rest: &str) -> Option<usize> {
    let end = rest[2..].find("#}")? + 4;
    out.push_str(&rest[..end]);
    Some(end)
}

/// `{% raw %}` to `{% endraw %}` as a string within an `if`: minijinja trims raw text in other places than
/// Jinja2.
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
            // The rest of a line before a tag, if it is white space.
            Some((lines, blank)) if blank.trim().is_empty() => &text[..=lines.len()],
            _ => text,
        },
    };
    let lines = "\n".repeat(rest[..at + close.length].matches('\n').count());
    let _ = write!(
        out,
        "{{%{} if true %}}{{{{ {} }}}}{{% endif {lines}{}%}}",
        open.open_sign,
        quoted(text),
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

/// A tag, rewritten if possible; how long it is.
fn tag(out: &mut String, rest: &str, close: &str) -> Option<usize> {
    let Lexed { tokens, open_sign, close_sign, length } = lex(rest, close)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let text = match close {
        "}}" => parser.expressions(),
        _ => parser.statement(),
    };
    let text = text.filter(|_| parser.at == tokens.len())?;
    let lines = rest[..length].matches('\n').count();
    let written = text.matches('\n').count();
    // Lines keep their numbers, for messages.
    let lines = "\n".repeat(lines.saturating_sub(written));
    let (open, text) = (&rest[..2], text.trim());
    let _ = write!(out, "{open}{open_sign} {text} {lines}{close_sign}{close}");
    Some(length)
}

#[derive(Debug, Clone, PartialEq)]
enum Token<'a> {
    Name(&'a str),
    /// The value of a string.
    Text(String),
    Number(&'a str),
    Sign(&'a str),
}

struct Lexed<'a> {
    tokens: Vec<Token<'a>>,
    open_sign: &'a str,
    close_sign: &'a str,
    length: usize,
}

/// Operators, longer ones first (`jinja2/lexer.py`).
const SIGNS: [&str; 27] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".", ":", "|", ",", ";", "!",
];

fn lex<'a>(source: &'a str, close: &str) -> Option<Lexed<'a>> {
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
            tokens.push(Token::Text(unescaped(&rest[1..end])?));
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

/// Bytes of a number: whole, with a fraction, with an exponent, or of another radix.
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

/// What Python's `unicode-escape` makes of a string; `None` where a code is no character.
fn unescaped(text: &str) -> Option<String> {
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

/// A string as minijinja reads it.
fn quoted(text: &str) -> String {
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

/// Turns tokens into text, operators into calls. `None`: this grammar does not accept them.
struct Parser<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<&'a Token<'a>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(found)) if *found == name)
    }

    fn sign(&mut self, sign: &str) -> Option<()> {
        self.is_sign(sign).then(|| self.at += 1)
    }

    fn name(&mut self) -> Option<&'a str> {
        match self.next()? {
            Token::Name(name) => Some(name),
            _ => None,
        }
    }

    fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.at += usize::from(found);
        found
    }

    fn ends(&self) -> bool {
        self.at == self.tokens.len()
    }

    fn statement(&mut self) -> Option<String> {
        let keyword = self.name()?;
        match keyword {
            "if" | "elif" => Some(format!("{keyword} {}", self.expression()?)),
            "for" => self.for_loop(),
            "set" => self.set(),
            "macro" => {
                let name = self.name()?;
                Some(format!("macro {name}{}", self.arguments()?))
            }
            "call" => {
                let arguments = if self.is_sign("(") { self.arguments()? } else { String::new() };
                Some(format!("call{arguments} {}", self.expression()?))
            }
            "filter" => {
                let (name, arguments) = (self.dotted()?, self.optional_arguments()?);
                let first = format!("{name}{arguments}");
                Some(format!("filter {}", self.filters(first)?))
            }
            "with" => {
                let mut parts = Vec::new();
                while !self.ends() {
                    let name = self.name()?;
                    self.sign("=")?;
                    parts.push(format!("{name} = {}", self.expression()?));
                    if !self.ends() {
                        self.sign(",")?;
                    }
                }
                Some(format!("with {}", parts.join(", ")))
            }
            "generation" => Some("with".to_owned()),
            "endgeneration" => Some("endwith".to_owned()),
            // One without its end: what has one is a block.
            "raw" => None,
            _ => {
                // Nothing in it is an expression: `else`, `endif`, `block name`.
                let mut out = keyword.to_owned();
                while !self.ends() {
                    let _ = write!(out, " {}", self.name()?);
                }
                Some(out)
            }
        }
    }

    fn for_loop(&mut self) -> Option<String> {
        let mut targets = String::new();
        while !self.is_name("in") {
            match self.next()? {
                Token::Name(name) => targets += name,
                Token::Sign(sign @ ("," | "(" | ")")) => targets += sign,
                _ => return None,
            }
            targets.push(' ');
        }
        self.at += 1;
        let mut items = vec![self.or()?];
        while self.sign(",").is_some() {
            if !self.ends() && !self.is_name("if") && !self.is_name("recursive") {
                items.push(self.or()?);
            }
        }
        let items = if items.len() == 1 { items.remove(0) } else { format!("({})", items.join(", ")) };
        let mut out = format!("for {targets}in {}({items})", functions::ITEMS);
        if self.skip_name("if") {
            let _ = write!(out, " if {}", self.expression()?);
        }
        if self.skip_name("recursive") {
            out += " recursive";
        }
        Some(out)
    }

    fn set(&mut self) -> Option<String> {
        let mut targets = String::new();
        let mut kept = false;
        while !self.ends() && !self.is_sign("=") && !self.is_sign("|") {
            match self.next()? {
                Token::Name(name) => targets += name,
                Token::Sign(".") => {
                    kept = true;
                    targets.push('.');
                }
                Token::Sign(sign @ ("," | "(" | ")")) => targets += sign,
                _ => return None,
            }
        }
        let targets = targets.replace(',', ", ");
        if self.sign("=").is_none() {
            return Some(format!("set {}", self.filters(targets)?));
        }
        let value = self.expressions()?;
        Some(match kept {
            true => format!("set {targets} = {}(({value}))", functions::KEPT),
            false => format!("set {targets} = {value}"),
        })
    }

    /// One expression, or several that make a tuple.
    fn expressions(&mut self) -> Option<String> {
        let mut out = self.expression()?;
        let mut several = false;
        while self.sign(",").is_some() {
            several = true;
            out.push(',');
            if self.ends() {
                break;
            }
            out.push(' ');
            out += &self.expression()?;
        }
        Some(if several { format!("({out})") } else { out })
    }

    fn expression(&mut self) -> Option<String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut out = self.or()?;
        while self.skip_name("if") {
            let condition = self.or()?;
            let _ = write!(out, " if {condition}");
            if self.skip_name("else") {
                let _ = write!(out, " else {}", self.expression()?);
            }
        }
        self.depth -= 1;
        Some(out)
    }

    fn or(&mut self) -> Option<String> {
        let mut out = self.and()?;
        while self.skip_name("or") {
            let _ = write!(out, " or {}", self.and()?);
        }
        Some(out)
    }

    fn and(&mut self) -> Option<String> {
        let mut out = self.not()?;
        while self.skip_name("and") {
            let _ = write!(out, " and {}", self.not()?);
        }
        Some(out)
    }

    fn not(&mut self) -> Option<String> {
        let mut out = String::new();
        while self.skip_name("not") {
            out += "not ";
        }
        out += &self.compare()?;
        Some(out)
    }

    fn compare(&mut self) -> Option<String> {
        let mut out = self.sum()?;
        loop {
            let operator = match self.peek() {
                Some(Token::Sign(sign @ ("==" | "!=" | "<" | "<=" | ">" | ">="))) => *sign,
                Some(Token::Name("in")) => "in",
                Some(Token::Name("not")) if self.tokens.get(self.at + 1) == Some(&Token::Name("in")) => {
                    self.at += 1;
                    "not in"
                }
                _ => return Some(out),
            };
            self.at += 1;
            let _ = write!(out, " {operator} {}", self.sum()?);
        }
    }

    fn sum(&mut self) -> Option<String> {
        let mut out = self.concatenation()?;
        loop {
            if self.sign("-").is_some() {
                let _ = write!(out, " - {}", self.concatenation()?);
            } else if self.is_sign("+") {
                // Chains are one call: calls within calls would be too deep for a parser.
                while self.sign("+").is_some() {
                    let _ = write!(out, ", {}", self.concatenation()?);
                }
                out = format!("{}({out})", functions::ADD);
            } else {
                return Some(out);
            }
        }
    }

    fn concatenation(&mut self) -> Option<String> {
        let mut out = self.product()?;
        if self.is_sign("~") {
            while self.sign("~").is_some() {
                let _ = write!(out, ", {}", self.product()?);
            }
            out = format!("{}({out})", functions::CONCAT);
        }
        Some(out)
    }

    fn product(&mut self) -> Option<String> {
        let mut out = self.power()?;
        loop {
            let Some(Token::Sign(sign @ ("*" | "/" | "//" | "%"))) = self.peek() else { return Some(out) };
            self.at += 1;
            let right = self.power()?;
            out = match *sign {
                "*" => format!("{}({out}, {right})", functions::MULTIPLY),
                "%" => format!("{}({out}, {right})", functions::REMAINDER),
                sign => format!("{out} {sign} {right}"),
            };
        }
    }

    fn power(&mut self) -> Option<String> {
        let mut out = self.unary(true)?;
        while self.sign("**").is_some() {
            let _ = write!(out, " ** {}", self.unary(true)?);
        }
        Some(out)
    }

    fn unary(&mut self, with_filters: bool) -> Option<String> {
        let mut out = String::new();
        while let Some(Token::Sign(sign @ ("-" | "+"))) = self.peek() {
            self.at += 1;
            if *sign == "-" {
                out.push('-');
            }
        }
        let primary = self.primary()?;
        out += &self.postfix(primary)?;
        if with_filters { self.filters(out) } else { Some(out) }
    }

    fn primary(&mut self) -> Option<String> {
        Some(match self.next()? {
            Token::Name("and" | "or" | "not" | "in" | "is" | "if" | "else") => return None,
            Token::Name(name) => (*name).to_owned(),
            Token::Number(number) => number.replace('_', ""),
            Token::Text(text) => {
                let mut text = text.clone();
                while let Some(Token::Text(more)) = self.peek() {
                    text += more;
                    self.at += 1;
                }
                quoted(&text)
            }
            Token::Sign("(") => format!("({})", self.list(")", Self::expression)?),
            Token::Sign("[") => format!("[{}]", self.list("]", Self::expression)?),
            Token::Sign("{") => {
                let pair = |parser: &mut Self| {
                    let key = parser.expression()?;
                    parser.sign(":")?;
                    Some(format!("{key}: {}", parser.expression()?))
                };
                // The blank keeps it from being a tag.
                format!("{{ {} }}", self.list("}", pair)?)
            }
            Token::Sign(_) => return None,
        })
    }

    /// Items with commas between and perhaps behind, to the sign that closes them.
    fn list(&mut self, close: &str, item: impl Fn(&mut Self) -> Option<String>) -> Option<String> {
        let mut out = String::new();
        while self.sign(close).is_none() {
            out += &item(self)?;
            if self.sign(close).is_some() {
                return Some(out);
            }
            self.sign(",")?;
            out += ", ";
        }
        Some(out)
    }

    fn arguments(&mut self) -> Option<String> {
        self.sign("(")?;
        let argument = |parser: &mut Self| {
            let splat = match parser.peek() {
                Some(Token::Sign(sign @ ("*" | "**"))) => *sign,
                _ => "",
            };
            parser.at += usize::from(!splat.is_empty());
            if let (Some(Token::Name(name)), Some(Token::Sign("="))) =
                (parser.peek(), parser.tokens.get(parser.at + 1))
            {
                parser.at += 2;
                return Some(format!("{name}={}", parser.expression()?));
            }
            Some(format!("{splat}{}", parser.expression()?))
        };
        Some(format!("({})", self.list(")", argument)?))
    }

    fn optional_arguments(&mut self) -> Option<String> {
        if self.is_sign("(") { self.arguments() } else { Some(String::new()) }
    }

    fn postfix(&mut self, mut out: String) -> Option<String> {
        loop {
            if self.sign(".").is_some() {
                match self.next()? {
                    Token::Name(name) if DICT_METHODS.contains(name) && self.is_sign("(") => {
                        let arguments = self.arguments()?;
                        let inner = arguments[1..arguments.len() - 1].trim();
                        let comma = if inner.is_empty() { "" } else { ", " };
                        out = format!("{}({out}, \"{name}\"{comma}{inner})", functions::METHOD);
                    }
                    Token::Name(name) => {
                        let _ = write!(out, ".{name}");
                    }
                    Token::Number(number) => {
                        let _ = write!(out, "[{number}]");
                    }
                    _ => return None,
                }
            } else if self.sign("[").is_some() {
                let mut parts = vec![None];
                while self.sign("]").is_none() {
                    if self.sign(":").is_some() {
                        parts.push(None);
                    } else {
                        let part = parts.last_mut().filter(|part| part.is_none())?;
                        *part = Some(self.expression()?);
                    }
                }
                out = match parts.as_slice() {
                    [subscript] => format!("{out}[{}]", subscript.as_ref()?),
                    [_, _] | [_, _, _] => {
                        let parts: Vec<&str> =
                            parts.iter().map(|part| part.as_deref().unwrap_or("none")).collect();
                        format!("{}({out}, {})", functions::SLICE, parts.join(", "))
                    }
                    _ => return None,
                };
            } else if self.is_sign("(") {
                out += &self.arguments()?;
            } else {
                return Some(out);
            }
        }
    }

    fn dotted(&mut self) -> Option<String> {
        let mut out = self.name()?.to_owned();
        while self.sign(".").is_some() {
            let _ = write!(out, ".{}", self.name()?);
        }
        Some(out)
    }

    fn filters(&mut self, mut out: String) -> Option<String> {
        loop {
            if self.sign("|").is_some() {
                let (name, arguments) = (self.dotted()?, self.optional_arguments()?);
                let _ = write!(out, " | {name}{arguments}");
            } else if self.skip_name("is") {
                let not = if self.skip_name("not") { "not " } else { "" };
                let name = self.dotted()?;
                let _ = write!(out, " is {not}{name}");
                let argument = match self.peek() {
                    Some(Token::Sign("(")) => self.arguments()?,
                    Some(Token::Name("else" | "or" | "and" | "is" | "if" | "in" | "not" | "recursive")) => {
                        String::new()
                    }
                    Some(Token::Name(_) | Token::Text(_) | Token::Number(_) | Token::Sign("[" | "{")) => {
                        let primary = self.primary()?;
                        format!("({})", self.postfix(primary)?)
                    }
                    _ => String::new(),
                };
                out += &argument;
            } else if self.is_sign("(") {
                // What a filter gives may be called.
                let _ = write!(out, "{}", self.arguments()?);
            } else {
                return Some(out);
            }
        }
    }
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
            ("{% set ns.a = ns.a + [x] %}", "{% set ns.a = __kept((__add(ns.a, [x]))) %}"),
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
            assert_eq!(rewritten(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_the_grammar_does_not_accept_is_named() {
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
            let error = rewritten(&format!("text\n {template}")).unwrap_err();
            assert!(error.starts_with("syntax error in line 2, at \"{"), "{template}: {error}");
        }
    }

    #[test]
    fn strings_are_what_python_reads() {
        for (text, expected) in [
            (r"a\nb", Some("a\nb")),
            (r"\d\.", Some(r"\d\.")),
            (r"\x41\u00e9\U0001F600\101", Some("Aé😀A")),
            (r"\\n", Some(r"\n")),
            (r"\ud800", None),
            (r"\x4", None),
        ] {
            assert_eq!(unescaped(text).as_deref(), expected, "{text}");
        }
    }
}
