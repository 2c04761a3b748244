//! Questions of a conversation: lines of a terminal, which can be edited, or of another program.

use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{Config, Editor};
use std::io::{BufRead, StdinLock};

/// What the next lines are.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// One line, or several that belong together.
    Question(String),
    /// A line that is no text, and why.
    Broken(String),
    /// There will be no more.
    End,
}

/// What stands before and after a question of several lines.
const FENCE: &str = "\"\"\"";

/// Where lines come from.
trait Lines {
    /// The next line without its end; `more` if it belongs to a question that has begun.
    fn line(&mut self, more: bool) -> anyhow::Result<Line>;
}

enum Line {
    Text(String),
    Broken(String),
    /// The question that has begun is not to be asked.
    Abandoned,
    End,
}

/// Reads questions.
pub struct Input(Box<dyn Lines>);

impl Input {
    /// From a person at a terminal: lines can be edited, and earlier ones are found with the arrow keys.
    pub fn of_person() -> anyhow::Result<Self> {
        let editor = Editor::with_history(Config::default(), MemHistory::new())?;
        Ok(Self(Box::new(Person(editor))))
    }

    /// From another program, a question a line.
    pub fn of_program() -> Self {
        Self(Box::new(Program { lines: std::io::stdin().lock(), number: 0 }))
    }

    /// The next question: a line, lines that end in a backslash and the one after them, or all between
    /// `"""` and `"""`.
    pub fn next(&mut self) -> anyhow::Result<Asked> {
        let mut question = match self.0.line(false)? {
            Line::Text(line) => line,
            Line::Broken(why) => return Ok(Asked::Broken(why)),
            Line::Abandoned => return Ok(Asked::Question(String::new())),
            Line::End => return Ok(Asked::End),
        };
        if let Some(first) = question.trim_start().strip_prefix(FENCE) {
            return self.fenced(first.to_owned());
        }
        while question.ends_with('\\') {
            question.pop();
            match self.0.line(true)? {
                Line::Text(line) => question += &format!("\n{line}"),
                Line::Broken(why) => return Ok(Asked::Broken(why)),
                Line::Abandoned => return Ok(Asked::Question(String::new())),
                Line::End => break,
            }
        }
        Ok(Asked::Question(question.trim().to_owned()))
    }

    fn fenced(&mut self, mut question: String) -> anyhow::Result<Asked> {
        let mut broken = None;
        loop {
            if let Some(whole) = question.trim_end().strip_suffix(FENCE) {
                question.truncate(whole.len());
                break;
            }
            match self.0.line(true)? {
                Line::Text(line) => question += &format!("\n{line}"),
                // The other lines belong to the same question, which cannot be asked.
                Line::Broken(why) => broken = Some(why),
                Line::Abandoned => return Ok(Asked::Question(String::new())),
                Line::End => break,
            }
        }
        Ok(broken.map_or_else(|| Asked::Question(question.trim().to_owned()), Asked::Broken))
    }
}

struct Person(Editor<(), MemHistory>);

impl Lines for Person {
    fn line(&mut self, more: bool) -> anyhow::Result<Line> {
        match self.0.readline(if more { ". " } else { "> " }) {
            Ok(line) => {
                self.0.add_history_entry(&line)?;
                Ok(Line::Text(line))
            }
            Err(ReadlineError::Interrupted) => {
                eprintln!("({}/quit or Ctrl-D ends)", if more { "the question is not asked; " } else { "" });
                Ok(Line::Abandoned)
            }
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(error) => Err(error.into()),
        }
    }
}

struct Program {
    lines: StdinLock<'static>,
    number: usize,
}

impl Lines for Program {
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
            Err(error) => Line::Broken(format!(
                "line {} is no text in UTF-8 (its byte {} is not): it was not asked",
                self.number,
                error.utf8_error().valid_up_to() + 1
            )),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines, the last one first.
    struct Given(Vec<&'static str>);

    impl Lines for Given {
        fn line(&mut self, _: bool) -> anyhow::Result<Line> {
            Ok(self.0.pop().map_or(Line::End, |line| Line::Text(line.to_owned())))
        }
    }

    fn questions(lines: &[&'static str]) -> Vec<String> {
        let mut input = Input(Box::new(Given(lines.iter().rev().copied().collect())));
        let mut questions = Vec::new();
        while let Asked::Question(question) = input.next().unwrap() {
            questions.push(question);
        }
        questions
    }

    #[test]
    fn lines_that_belong_together_are_one_question() {
        assert_eq!(questions(&["one", " two "]), ["one", "two"]);
        assert_eq!(questions(&["one\\", "two\\", "three", "four"]), ["one\ntwo\nthree", "four"]);
        assert_eq!(questions(&["\"\"\"a", "b\\", "\"\"\"", "c"]), ["a\nb\\", "c"]);
        assert_eq!(questions(&["\"\"\"all in one\"\"\"", "c"]), ["all in one", "c"]);
        assert_eq!(questions(&["\"\"\"", "never closed"]), ["never closed"]);
        assert_eq!(questions(&["never continued\\"]), ["never continued"]);
    }
}
