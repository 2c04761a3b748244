use super::Result;
use super::error::CheckpointError;
use crate::file_type::{HEAD_BYTES, describe_file_type};
use ecq_core::Limits;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// First bytes of a Git LFS pointer.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// Names of the files that an `.ecq` file stores with the weights: configuration, tokenizer, chat template,
/// ...
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

/// Returns the error of a file that is not of the type of its name, such as a failed download; `None` if its
/// type is unknown or JSON.
pub(super) fn wrong_file_error(path: &Path, bytes: &[u8]) -> Option<CheckpointError> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    // The error of the JSON parser is more precise, because it has a position.
    let what = describe_file_type(head, bytes.len() as u64)
        .filter(|_| !matches!(head.first(), Some(b'{' | b'[')))?;
    let expected = if path.extension()? == "json" { "a JSON file" } else { "a file of the checkpoint" };
    Some(CheckpointError::WrongFileType { path: path.to_owned(), what, expected })
}

/// Reads a small file; `None` if it does not exist.
///
/// # Errors
/// [`CheckpointError::Io`] if it cannot be read, [`CheckpointError::FileTooLarge`] if it is longer than
/// `limits.file_bytes`, and [`CheckpointError::WrongFileType`] if it is a Git LFS pointer.
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
    // A special file may have more bytes than its metadata reports.
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(io)?;
    // Large files of Hugging Face repositories, such as tokenizers, may be Git LFS pointers.
    if bytes.starts_with(LFS_POINTER)
        && let Some(error) = wrong_file_error(path, &bytes)
    {
        return Err(error);
    }
    if bytes.len() as u64 > most { too_large(bytes.len() as u64) } else { Ok(Some(bytes)) }
}
