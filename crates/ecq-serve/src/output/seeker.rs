//! Finds marks in a text that arrives in pieces.

/// Searches for the first of several marks and holds back what may become one.
///
/// The mark that starts first wins; no mark may be the beginning of another one.
#[derive(Debug, Clone)]
pub struct Seeker {
    marks: &'static [&'static str],
    held: String,
}

/// Result of adding a piece.
#[derive(Debug, PartialEq)]
pub struct Sought {
    /// Text before the mark, or that can no longer become part of one.
    pub text: String,
    /// Index of the mark, and the text after it.
    pub mark: Option<(usize, String)>,
}

impl Seeker {
    /// Searches for `marks`.
    pub fn new(marks: &'static [&'static str]) -> Self {
        Self { marks, held: String::new() }
    }

    /// Adds a piece of text.
    pub fn push(&mut self, piece: &str) -> Sought {
        self.held.push_str(piece);
        for (start, _) in self.held.char_indices() {
            let rest = &self.held[start..];
            if let Some(mark) = self.marks.iter().position(|mark| rest.starts_with(mark)) {
                let after = rest[self.marks[mark].len()..].to_owned();
                let mut text = std::mem::take(&mut self.held);
                text.truncate(start);
                return Sought { text, mark: Some((mark, after)) };
            }
            if self.marks.iter().any(|mark| mark.starts_with(rest)) {
                let held = self.held.split_off(start);
                return Sought { text: std::mem::replace(&mut self.held, held), mark: None };
            }
        }
        Sought { text: std::mem::take(&mut self.held), mark: None }
    }

    /// Ends the text and returns what was held back.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}
