//! Options of calibration.

use crate::grids::GridChoice;

/// The text to calibrate on.
#[derive(Debug, Clone, PartialEq)]
pub enum CalibrationText {
    /// Text that the model itself writes, continuing nothing. No data are needed.
    SelfGenerated,
    /// Conversations: the model answers the prompts of ecq in its chat template. No data are needed.
    Conversations,
    /// Names and contents of texts; passages are taken from all of them in turn.
    Texts(Vec<(String, String)>),
    /// Texts, and as many tokens of [`Conversations`](Self::Conversations).
    Mixed(Vec<(String, String)>),
}

/// Options of calibration.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationOptions {
    /// The text to calibrate on.
    pub text: CalibrationText,
    /// Number of tokens for the Hessians of sequential quantization; a quarter of them serve to collect
    /// gradients.
    pub tokens: usize,
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

/// The default text: novels, speeches, scripture, physics, manuals of free software, and source code.
pub(super) const DEFAULT_TEXT: &str = include_str!("../../assets/calibration.txt");
/// Conversations for the model to answer, separated by empty lines. Messages begin with their role.
pub(super) const PROMPTS: &str = include_str!("../../assets/prompts.txt");
/// Separator of the documents of [`DEFAULT_TEXT`].
const DOCUMENT_SEPARATOR: &str = "\n\n\u{c}\n";

impl CalibrationOptions {
    /// Returns the default text, one text per document.
    pub fn default_text() -> CalibrationText {
        let documents = DEFAULT_TEXT.split(DOCUMENT_SEPARATOR).enumerate();
        CalibrationText::Texts(documents.map(|(i, text)| (format!("default {i}"), text.to_owned())).collect())
    }

    /// Returns a description of text, tokens and seed. Files store it, and journals are keyed by it.
    pub(super) fn description(&self) -> String {
        let chat = format!("conversations ({})", hash([PROMPTS]));
        let named = |texts: &[(String, String)]| {
            format!("{} texts ({})", texts.len(), hash(texts.iter().map(|(_, text)| &text[..])))
        };
        let text = match &self.text {
            CalibrationText::SelfGenerated => "the model's own text".to_owned(),
            CalibrationText::Conversations => chat,
            CalibrationText::Texts(texts) => named(texts),
            CalibrationText::Mixed(texts) => format!("{} and {chat}", named(texts)),
        };
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
    fn the_default_text_has_many_documents() {
        let CalibrationText::Texts(texts) = CalibrationOptions::default_text() else { panic!("texts") };
        assert!(texts.len() >= 12 && DEFAULT_TEXT.len() <= 2 << 20);
        assert!(texts.iter().all(|(_, text)| text.len() > 10_000));
    }
}
