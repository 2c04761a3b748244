use super::Result;
use super::error::CheckpointError;
use ecq_core::Limits;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Files beside the weights that a model needs to run: configuration, tokenizer, chat template.
pub const RIDE_ALONG: &[&str] = &[
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "quantize_config.json",
    "quant_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_Pooling/config.json",
];

/// The bytes of a small file; `None` when it is not there.
///
/// # Errors
/// When it cannot be read or passes `limits.file_bytes`.
pub(super) fn read_small(path: &Path, limits: &Limits) -> Result<Option<Vec<u8>>> {
    let io = |source| CheckpointError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(io(error)),
    };
    let most = limits.file_bytes as u64;
    let too_large = |found| {
        let file = path.display().to_string();
        Err(CheckpointError::FileTooLarge { file, found, most })
    };
    let found = file.metadata().map_err(io)?.len();
    if found > most {
        return too_large(found);
    }
    // What is no plain file may give more than it says.
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > most { too_large(bytes.len() as u64) } else { Ok(Some(bytes)) }
}
