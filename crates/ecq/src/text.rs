//! Calibration texts.

use crate::error::{Error, Result};
use ecq_pack::{CalibrationText, Document, OwnText};
use std::path::PathBuf;

/// Calibration text. What the model writes itself are answers to prompts of the library, in its chat
/// template.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// Documents included in the library (prose, manuals, source code), and a third of the tokens written by
    /// the model if it has a chat template.
    Default,
    /// The documents of [`Default`](Self::Default) alone.
    Included,
    /// Text written by the model alone; without a chat template, it continues nothing.
    SelfGenerated,
    /// Text files in UTF-8. Tokens are taken from all files in turn.
    Files(Vec<PathBuf>),
    /// Texts. Tokens are taken from all texts in turn.
    Documents(Vec<String>),
    /// Several of these together.
    Mixture(Vec<Text>),
}

impl Text {
    /// Reads the texts.
    pub(crate) fn read(&self) -> Result<CalibrationText> {
        let documents = |documents| CalibrationText { documents, own: OwnText::No };
        Ok(match self {
            Self::Default => CalibrationText::mixture(),
            Self::Included => documents(CalibrationText::default_documents()),
            Self::SelfGenerated => CalibrationText { documents: Vec::new(), own: OwnText::Yes },
            Self::Files(paths) => {
                let read = |path: &PathBuf| {
                    let text = std::fs::read_to_string(path).map_err(|error| Error::of_io(path, error))?;
                    Ok(Document { kind: path.display().to_string(), text })
                };
                documents(paths.iter().map(read).collect::<Result<_>>()?)
            }
            Self::Documents(texts) => {
                let document = |text: &String| Document { kind: "documents".to_owned(), text: text.clone() };
                documents(texts.iter().map(document).collect())
            }
            Self::Mixture(texts) => {
                let mut mixture = CalibrationText { documents: Vec::new(), own: OwnText::No };
                for text in texts {
                    mixture.add(text.read()?);
                }
                mixture
            }
        })
    }
}
