//! Word wrapping for terminals.

use std::io::IsTerminal;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Width in columns if the width of the terminal is unknown.
pub const COLUMNS: usize = 80;

/// Width in columns of the terminal on standard output; `None` if standard output is not a terminal.
pub fn terminal_columns() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let size = terminal_size::terminal_size_of(std::io::stdout());
    Some(size.map_or(COLUMNS, |(width, _)| usize::from(width.0)).max(20))
}

/// Wraps a text to the width of the terminal, or to [`COLUMNS`].
pub fn fill(text: &str) -> String {
    textwrap::fill(text, terminal_columns().unwrap_or(COLUMNS))
}

/// Wraps a stream of text between words.
///
/// A word is returned once it is complete: at a blank, or at the end of the text.
pub struct Wrap {
    columns: usize,
    /// Used columns of the current line.
    used: usize,
    /// Blanks before the current word, not returned yet.
    blanks: String,
    word: String,
}

impl Wrap {
    /// Wraps to lines of `columns`.
    pub fn new(columns: usize) -> Self {
        Self { columns, used: 0, blanks: String::new(), word: String::new() }
    }

    /// Adds a piece of text and returns the part of the output that is final.
    pub fn push(&mut self, text: &str) -> String {
        let mut out = String::new();
        for c in text.chars() {
            match c {
                '\n' => {
                    self.end_word(&mut out);
                    out.push_str(&self.blanks);
                    self.blanks.clear();
                    out.push('\n');
                    self.used = 0;
                }
                ' ' | '\t' => {
                    self.end_word(&mut out);
                    self.blanks.push(c);
                }
                c => {
                    self.word.push(c);
                    // Text without blanks, such as Chinese or a URL, fills the line.
                    if self.word.width() >= self.columns || c.width() == Some(2) {
                        self.end_word(&mut out);
                    }
                }
            }
        }
        out
    }

    /// Returns the rest at the end of the text.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        self.end_word(&mut out);
        out
    }

    fn end_word(&mut self, out: &mut String) {
        if self.word.is_empty() {
            return;
        }
        let (blanks, word) = (self.blanks.width(), self.word.width());
        if self.used > 0 && self.used + blanks + word > self.columns {
            out.push('\n');
            self.used = 0;
        } else {
            out.push_str(&self.blanks);
            self.used += blanks;
        }
        out.push_str(&self.word);
        self.used += word;
        self.blanks.clear();
        self.word.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(pieces: &[&str], columns: usize) -> String {
        let mut wrap = Wrap::new(columns);
        let mut out: String = pieces.iter().map(|piece| wrap.push(piece)).collect();
        out += &wrap.finish();
        out
    }

    #[test]
    fn wrapping_does_not_depend_on_how_the_text_is_split() {
        let text = "one two three four  five\n  indented line\n\nend";
        let expected = "one two\nthree four\nfive\n  indented\nline\n\nend";
        let by_char: Vec<String> = text.chars().map(String::from).collect();
        let by_char: Vec<&str> = by_char.iter().map(String::as_str).collect();
        assert_eq!(wrapped(&[text], 10), wrapped(&by_char, 10));
        assert!(wrapped(&[text], 10).lines().all(|line| line.width() <= 10));
        assert_eq!(wrapped(&[text], 10), expected);
        assert_eq!(wrapped(&[text], 80), text);
    }

    #[test]
    fn text_without_blanks_fills_lines() {
        let out = wrapped(&["日本語の長い文字列", " tail"], 8);
        assert!(out.lines().all(|line| line.width() <= 8), "{out}");
        let text = "see https://example.org/a/very/long/path now";
        let address = wrapped(&[text], 12);
        assert!(address.lines().all(|line| line.width() <= 12), "{address}");
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(letters(&address), letters(text));
    }
}
