//! Text on a terminal, broken between words.

use std::io::IsTerminal;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of texts and tables where nothing tells how wide the window is.
pub const COLUMNS: usize = 80;

/// Columns of the terminal that standard output goes to; `None` where it goes elsewhere.
pub fn terminal_columns() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let size = terminal_size::terminal_size_of(std::io::stdout());
    Some(size.map_or(COLUMNS, |(width, _)| usize::from(width.0)).max(20))
}

/// A text as lines that fit the terminal, or a page where there is none.
pub fn fill(text: &str) -> String {
    textwrap::fill(text, terminal_columns().unwrap_or(COLUMNS))
}

/// Breaks a stream of text between words where a line would pass the last column.
///
/// A word is shown when it is complete: up to a blank, or the end.
pub struct Wrap {
    columns: usize,
    /// Columns of the current line that are taken.
    at: usize,
    /// Blanks that stand before the word, not shown yet.
    blanks: String,
    word: String,
}

impl Wrap {
    /// For lines of `columns`, the first of which has `at` taken.
    pub fn new(columns: usize, at: usize) -> Self {
        Self { columns, at, blanks: String::new(), word: String::new() }
    }

    /// What can be shown after this piece of text.
    pub fn push(&mut self, text: &str) -> String {
        let mut out = String::new();
        for c in text.chars() {
            match c {
                '\n' => {
                    self.end_word(&mut out);
                    out.push_str(&self.blanks);
                    self.blanks.clear();
                    out.push('\n');
                    self.at = 0;
                }
                ' ' | '\t' => {
                    self.end_word(&mut out);
                    self.blanks.push(c);
                }
                c => {
                    self.word.push(c);
                    // A script without blanks, or an address, fills the line.
                    if self.word.width() >= self.columns || c.width() == Some(2) {
                        self.end_word(&mut out);
                    }
                }
            }
        }
        out
    }

    /// The rest, when the text has ended.
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
        if self.at > 0 && self.at + blanks + word > self.columns {
            out.push('\n');
            self.at = 0;
        } else {
            out.push_str(&self.blanks);
            self.at += blanks;
        }
        out.push_str(&self.word);
        self.at += word;
        self.blanks.clear();
        self.word.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(pieces: &[&str], columns: usize) -> String {
        let mut wrap = Wrap::new(columns, 0);
        let mut out: String = pieces.iter().map(|piece| wrap.push(piece)).collect();
        out += &wrap.finish();
        out
    }

    #[test]
    fn lines_break_between_words_however_the_text_comes() {
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
    fn what_has_no_blanks_fills_lines() {
        let out = wrapped(&["日本語の長い文字列", " tail"], 8);
        assert!(out.lines().all(|line| line.width() <= 8), "{out}");
        let text = "see https://example.org/a/very/long/path now";
        let address = wrapped(&[text], 12);
        assert!(address.lines().all(|line| line.width() <= 12), "{address}");
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(letters(&address), letters(text));
    }
}
