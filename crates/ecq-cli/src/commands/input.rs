//! Messages of a chat, from a terminal with line editing or from standard input.

use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};
use std::io::{BufRead, StdinLock};

/// The next entry of the user.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// A message or command of one or several lines; empty if it was abandoned.
    Message(String),
    /// A message that is not valid UTF-8, with an explanation.
    Invalid(String),
    /// The end of the input.
    End,
}

/// Delimiter of a message of several lines.
const FENCE: &str = "\"\"\"";

/// A source of lines.
trait Lines {
    /// Reads the next line without its line break; `continued` if it continues a message.
    fn line(&mut self, continued: bool) -> anyhow::Result<Line>;
}

enum Line {
    Text(String),
    Invalid(String),
    /// The message is abandoned (Ctrl-C).
    Abandoned,
    End,
}

/// Reads messages.
pub struct Input(Box<dyn Lines>);

impl Input {
    /// Reads from a terminal, with line editing and history.
    pub fn from_terminal() -> anyhow::Result<Self> {
        let editor = Editor::with_history(Config::default(), MemHistory::new())?;
        Ok(Self(Box::new(Terminal(editor))))
    }

    /// Reads from standard input.
    pub fn from_stdin() -> Self {
        Self(Box::new(Stdin { lines: std::io::stdin().lock(), number: 0 }))
    }

    /// Reads the next message: one line, lines joined by a backslash at the end, or all lines between `"""`
    /// and `"""`.
    pub fn next(&mut self) -> anyhow::Result<Entry> {
        let mut message = match self.0.line(false)? {
            Line::Text(line) => line,
            Line::Invalid(why) => return Ok(Entry::Invalid(why)),
            Line::Abandoned => return Ok(Entry::Message(String::new())),
            Line::End => return Ok(Entry::End),
        };
        if let Some(first) = message.trim_start().strip_prefix(FENCE) {
            return self.fenced(first.to_owned());
        }
        while message.ends_with('\\') {
            message.pop();
            match self.0.line(true)? {
                Line::Text(line) => message += &format!("\n{line}"),
                Line::Invalid(why) => return Ok(Entry::Invalid(why)),
                Line::Abandoned => return Ok(Entry::Message(String::new())),
                Line::End => break,
            }
        }
        Ok(Entry::Message(message.trim().to_owned()))
    }

    fn fenced(&mut self, mut message: String) -> anyhow::Result<Entry> {
        let mut invalid = None;
        loop {
            if let Some(whole) = message.trim_end().strip_suffix(FENCE) {
                message.truncate(whole.len());
                break;
            }
            match self.0.line(true)? {
                Line::Text(line) => message += &format!("\n{line}"),
                // The remaining lines belong to the same message.
                Line::Invalid(why) => invalid = Some(why),
                Line::Abandoned => return Ok(Entry::Message(String::new())),
                Line::End => break,
            }
        }
        Ok(invalid.map_or_else(|| Entry::Message(message.trim().to_owned()), Entry::Invalid))
    }
}

struct Terminal(Editor<(), MemHistory>);

impl Lines for Terminal {
    fn line(&mut self, continued: bool) -> anyhow::Result<Line> {
        match self.0.readline(if continued { ". " } else { "> " }) {
            Ok(line) => {
                self.0.add_history_entry(&line)?;
                Ok(Line::Text(line))
            }
            Err(ReadlineError::Interrupted) => {
                eprintln!("({}/quit or Ctrl-D quits)", if continued { "message discarded; " } else { "" });
                Ok(Line::Abandoned)
            }
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(error) => Err(error.into()),
        }
    }
}

struct Stdin {
    lines: StdinLock<'static>,
    number: usize,
}

impl Lines for Stdin {
    fn line(&mut self, _: bool) -> anyhow::Result<Line> {
        let mut bytes = Vec::new();
        if self.lines.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(Line::End);
        }
        self.number += 1;
        if bytes.ends_with(b"\n") {
            bytes.pop();
        }
        Ok(match String::from_utf8(bytes) {
            Ok(line) => Line::Text(line.trim_end_matches('\r').to_owned()),
            Err(error) => Line::Invalid(format!(
                "line {} is not valid UTF-8 (byte {}); the message was not sent",
                self.number,
                error.utf8_error().valid_up_to() + 1
            )),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines in reverse order.
    struct Fixed(Vec<&'static str>);

    impl Lines for Fixed {
        fn line(&mut self, _: bool) -> anyhow::Result<Line> {
            Ok(self.0.pop().map_or(Line::End, |line| Line::Text(line.to_owned())))
        }
    }

    fn messages(lines: &[&'static str]) -> Vec<String> {
        let mut input = Input(Box::new(Fixed(lines.iter().rev().copied().collect())));
        let mut messages = Vec::new();
        while let Entry::Message(message) = input.next().unwrap() {
            messages.push(message);
        }
        messages
    }

    #[test]
    fn continued_and_fenced_lines_are_one_message() {
        assert_eq!(messages(&["one", " two "]), ["one", "two"]);
        assert_eq!(messages(&["one\\", "two\\", "three", "four"]), ["one\ntwo\nthree", "four"]);
        assert_eq!(messages(&["\"\"\"a", "b\\", "\"\"\"", "c"]), ["a\nb\\", "c"]);
        assert_eq!(messages(&["\"\"\"all in one\"\"\"", "c"]), ["all in one", "c"]);
        assert_eq!(messages(&["\"\"\"", "never closed"]), ["never closed"]);
        assert_eq!(messages(&["never continued\\"]), ["never continued"]);
    }
}
