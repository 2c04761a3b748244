//! Parser of tags (`jinja2/parser.py` of Jinja2 3.1) that writes the rewritten text.

use super::functions;
use super::lexer::{Token, quote};
use std::fmt::Write;

/// Dict methods that have priority over keys of the same name.
const DICT_METHODS: [&str; 5] = ["get", "items", "keys", "values", "copy"];
/// Maximum nesting of expressions, below the limit of minijinja's parser.
const MAX_DEPTH: usize = 60;

/// Parses tokens and returns text in which operators are calls. `None` means a syntax error.
pub(super) struct Parser<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(tokens: &'a [Token<'a>]) -> Self {
        Self { tokens, at: 0, depth: 0 }
    }

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

    fn accept(&mut self, sign: &str) -> Option<()> {
        self.is_sign(sign).then(|| self.at += 1)
    }

    fn expect_name(&mut self) -> Option<&'a str> {
        match self.next()? {
            Token::Name(name) => Some(name),
            _ => None,
        }
    }

    fn accept_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.at += usize::from(found);
        found
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.tokens.len()
    }

    pub(super) fn statement(&mut self) -> Option<String> {
        let keyword = self.expect_name()?;
        match keyword {
            "if" | "elif" => Some(format!("{keyword} {}", self.expression()?)),
            "for" => self.for_loop(),
            "set" => self.set(),
            "macro" => {
                let name = self.expect_name()?;
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
                while !self.is_at_end() {
                    let name = self.expect_name()?;
                    self.accept("=")?;
                    parts.push(format!("{name} = {}", self.expression()?));
                    if !self.is_at_end() {
                        self.accept(",")?;
                    }
                }
                Some(format!("with {}", parts.join(", ")))
            }
            "generation" => Some("with".to_owned()),
            "endgeneration" => Some("endwith".to_owned()),
            // A complete `raw` block is handled before the parser.
            "raw" => None,
            _ => {
                // Tags without expressions: `else`, `endif`, `block name`.
                let mut out = keyword.to_owned();
                while !self.is_at_end() {
                    let _ = write!(out, " {}", self.expect_name()?);
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
        while self.accept(",").is_some() {
            if !self.is_at_end() && !self.is_name("if") && !self.is_name("recursive") {
                items.push(self.or()?);
            }
        }
        let items = if items.len() == 1 { items.remove(0) } else { format!("({})", items.join(", ")) };
        let mut out = format!("for {targets}in {}({items})", functions::ITEMS);
        if self.accept_name("if") {
            let _ = write!(out, " if {}", self.expression()?);
        }
        if self.accept_name("recursive") {
            out += " recursive";
        }
        Some(out)
    }

    fn set(&mut self) -> Option<String> {
        let mut targets = String::new();
        let mut is_attribute = false;
        while !self.is_at_end() && !self.is_sign("=") && !self.is_sign("|") {
            match self.next()? {
                Token::Name(name) => targets += name,
                Token::Sign(".") => {
                    is_attribute = true;
                    targets.push('.');
                }
                Token::Sign(sign @ ("," | "(" | ")")) => targets += sign,
                _ => return None,
            }
        }
        let targets = targets.replace(',', ", ");
        if self.accept("=").is_none() {
            return Some(format!("set {}", self.filters(targets)?));
        }
        let value = self.expressions()?;
        Some(match is_attribute {
            true => format!("set {targets} = {}(({value}))", functions::NAMESPACE_VALUE),
            false => format!("set {targets} = {value}"),
        })
    }

    /// Parses one expression, or several that form a tuple.
    pub(super) fn expressions(&mut self) -> Option<String> {
        let mut out = self.expression()?;
        let mut several = false;
        while self.accept(",").is_some() {
            several = true;
            out.push(',');
            if self.is_at_end() {
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
        while self.accept_name("if") {
            let condition = self.or()?;
            let _ = write!(out, " if {condition}");
            if self.accept_name("else") {
                let _ = write!(out, " else {}", self.expression()?);
            }
        }
        self.depth -= 1;
        Some(out)
    }

    fn or(&mut self) -> Option<String> {
        let mut out = self.and()?;
        while self.accept_name("or") {
            let _ = write!(out, " or {}", self.and()?);
        }
        Some(out)
    }

    fn and(&mut self) -> Option<String> {
        let mut out = self.not()?;
        while self.accept_name("and") {
            let _ = write!(out, " and {}", self.not()?);
        }
        Some(out)
    }

    fn not(&mut self) -> Option<String> {
        let mut out = String::new();
        while self.accept_name("not") {
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
            if self.accept("-").is_some() {
                let _ = write!(out, " - {}", self.concatenation()?);
            } else if self.is_sign("+") {
                // A chain becomes a single call, because nested calls would exceed the parser's depth.
                while self.accept("+").is_some() {
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
            while self.accept("~").is_some() {
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
        while self.accept("**").is_some() {
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
                quote(&text)
            }
            Token::Sign("(") => format!("({})", self.list(")", Self::expression)?),
            Token::Sign("[") => format!("[{}]", self.list("]", Self::expression)?),
            Token::Sign("{") => {
                let pair = |parser: &mut Self| {
                    let key = parser.expression()?;
                    parser.accept(":")?;
                    Some(format!("{key}: {}", parser.expression()?))
                };
                // The space prevents `{{`.
                format!("{{ {} }}", self.list("}", pair)?)
            }
            Token::Sign(_) => return None,
        })
    }

    /// Parses items separated by commas, with an optional trailing comma, up to the closing sign.
    fn list(&mut self, close: &str, item: impl Fn(&mut Self) -> Option<String>) -> Option<String> {
        let mut out = String::new();
        while self.accept(close).is_none() {
            out += &item(self)?;
            if self.accept(close).is_some() {
                return Some(out);
            }
            self.accept(",")?;
            out += ", ";
        }
        Some(out)
    }

    fn arguments(&mut self) -> Option<String> {
        self.accept("(")?;
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
            if self.accept(".").is_some() {
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
            } else if self.accept("[").is_some() {
                let mut parts = vec![None];
                while self.accept("]").is_none() {
                    if self.accept(":").is_some() {
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
        let mut out = self.expect_name()?.to_owned();
        while self.accept(".").is_some() {
            let _ = write!(out, ".{}", self.expect_name()?);
        }
        Some(out)
    }

    fn filters(&mut self, mut out: String) -> Option<String> {
        loop {
            if self.accept("|").is_some() {
                let (name, arguments) = (self.dotted()?, self.optional_arguments()?);
                let _ = write!(out, " | {name}{arguments}");
            } else if self.accept_name("is") {
                let not = if self.accept_name("not") { "not " } else { "" };
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
                // The result of a filter can be called.
                let _ = write!(out, "{}", self.arguments()?);
            } else {
                return Some(out);
            }
        }
    }
}
