use super::Result;
use super::error::CheckpointError;
use crate::file_type::{HEAD_BYTES, describe_file_type};
use ecq_core::Limits;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// What the pointers of Git LFS begin with.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// Files beside the weights that a model needs to run: configuration, tokenizer, chat template.
pub const ATTACHED_FILES: &[&str] = &[
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

/// The error of a file that is a download gone wrong, whatever its name promises.
pub(super) fn wrong_file_error(path: &Path, bytes: &[u8]) -> Option<CheckpointError> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    // A text that begins as JSON has an error of its own, with its place.
    let what = describe_file_type(head, bytes.len() as u64)
        .filter(|_| !matches!(head.first(), Some(b'{' | b'[')))?;
    let expected = if path.extension()? == "json" { "a JSON file" } else { "a file of the checkpoint" };
    Some(CheckpointError::WrongFileType { path: path.to_owned(), what, expected })
}

/// The bytes of a small file; `None` when it is not there.
///
/// # Errors
/// When it cannot be read or passes `limits.file_bytes`.
pub(super) fn read_small_file(path: &Path, limits: &Limits) -> Result<Option<Vec<u8>>> {
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
    // Files of Hugging Face's repositories may be pointers to where their bytes lie, large tokenizers above
    // all.
    if bytes.starts_with(LFS_POINTER)
        && let Some(error) = wrong_file_error(path, &bytes)
    {
        return Err(error);
    }
    if bytes.len() as u64 > most { too_large(bytes.len() as u64) } else { Ok(Some(bytes)) }
}
