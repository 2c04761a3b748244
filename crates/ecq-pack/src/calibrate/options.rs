//! Options of calibration.

use crate::grids::GridChoice;

/// A text to take passages from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The kind of text, or the name of a file. Every kind has the same share of the passages.
    pub kind: String,
    /// The text.
    pub text: String,
}

/// Whether the model writes a part of the calibration text, or all of it if there are no documents.
///
/// It answers the prompts of ecq in its chat template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnText {
    /// Documents alone.
    No,
    /// Conversations if the model has a chat template; otherwise documents alone.
    IfChat,
    /// Conversations if the model has a chat template, otherwise text that continues nothing.
    Yes,
}

/// What the model writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Nothing,
    Conversations,
    Continuations,
}

impl OwnText {
    /// Returns what a model with or without a chat template writes.
    pub(super) fn written(self, has_template: bool) -> Written {
        match (self, has_template) {
            (Self::No, _) | (Self::IfChat, false) => Written::Nothing,
            (Self::IfChat | Self::Yes, true) => Written::Conversations,
            (Self::Yes, false) => Written::Continuations,
        }
    }
}

impl Written {
    /// Returns the kind of the text.
    pub(super) fn kind(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Conversations => Some("conversations"),
            Self::Continuations => Some("the model's own text"),
        }
    }
}

/// The text to calibrate on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalibrationText {
    /// Texts to take passages from.
    pub documents: Vec<Document>,
    /// Text that the model writes.
    pub own: OwnText,
}

/// Options of calibration.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationOptions {
    /// The text to calibrate on.
    pub text: CalibrationText,
    /// Number of tokens for the Hessians of sequential quantization; a quarter of them serve to collect
    /// gradients.
    pub tokens: usize,
    /// Number of these tokens on which row steps are distilled at the end, in steps of one sequence; 0 for
    /// none.
    pub distillation_tokens: usize,
    /// Tokens per sequence; limited to the context of the model.
    pub sequence_length: usize,
    /// Seed of the choice of passages and of all random numbers.
    pub seed: u64,
    /// A grid that replaces the target: the model becomes as small as possible at a predicted KL divergence
    /// that is no larger than on this grid.
    pub reference_grid: Option<GridChoice>,
    /// Whether to reuse the files of earlier runs in the folder: of this run, interrupted, or of runs at
    /// other rates.
    pub reuse: bool,
}

/// The default documents: prose (literature, speeches, essays), manuals of free software, and source code.
const DOCUMENTS: &str = include_str!("../../assets/calibration.txt");
/// Conversations for the model to answer, separated by empty lines. Messages begin with their role.
pub(super) const PROMPTS: &str = include_str!("../../assets/prompts.txt");
/// Begins each of the [`DOCUMENTS`], whose first line is its kind.
const DOCUMENT_START: char = '\u{c}';

impl CalibrationText {
    /// Returns the text of models without options: the documents of ecq, and conversations if the model has a
    /// chat template.
    pub fn mixture() -> Self {
        Self { documents: Self::default_documents(), own: OwnText::IfChat }
    }

    /// Adds the documents of another text, and what the model writes for it.
    pub fn add(&mut self, other: Self) {
        self.documents.extend(other.documents);
        self.own = self.own.max(other.own);
    }

    /// Returns the documents that are part of ecq.
    pub fn default_documents() -> Vec<Document> {
        let document = |text: &str| {
            let (kind, text) = text.split_once('\n')?;
            Some(Document { kind: kind.to_owned(), text: text.trim_end().to_owned() })
        };
        DOCUMENTS.split(DOCUMENT_START).filter_map(document).collect()
    }

    /// Returns the kinds of documents, in the order of their first occurrence.
    pub(super) fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = Vec::new();
        for Document { kind, .. } in &self.documents {
            if !kinds.contains(&kind.as_str()) {
                kinds.push(kind);
            }
        }
        kinds
    }
}

impl CalibrationOptions {
    /// The default number of tokens.
    pub const TOKENS: usize = 24_576;
    /// The default number of tokens that row steps are distilled on.
    pub const DISTILLATION_TOKENS: usize = 6144;
    /// The default number of tokens per sequence.
    pub const SEQUENCE_LENGTH: usize = 512;

    /// Returns a description of text, tokens and seed. Files store it, and journals are keyed by it.
    pub(super) fn description(&self, written: Written) -> String {
        let documents = &self.text.documents;
        let texts = (!documents.is_empty()).then(|| {
            let hash = hash(documents.iter().map(|document| &document.text[..]));
            format!("{} texts ({hash})", documents.len())
        });
        let own = written.kind().map(|kind| match written {
            Written::Conversations => format!("{kind} ({})", hash([PROMPTS])),
            _ => kind.to_owned(),
        });
        let text = texts.into_iter().chain(own).collect::<Vec<_>>().join(" and ");
        let (tokens, length, seed) = (self.tokens, self.sequence_length, self.seed);
        format!("{tokens} tokens of {text} in windows of {length}, seed {seed}")
    }
}

/// Returns a short hash of texts.
fn hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = blake3::Hasher::new();
    texts.into_iter().for_each(|text| {
        hasher.update(text.as_bytes());
    });
    hasher.finalize().to_hex()[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_text_has_documents_of_three_kinds() {
        let text = CalibrationText::mixture();
        assert_eq!(text.kinds(), ["prose", "manuals", "source code"]);
        assert!(text.documents.len() >= 12 && DOCUMENTS.len() <= 2 << 20);
        assert!(text.documents.iter().all(|document| document.text.len() > 10_000));
    }
}
