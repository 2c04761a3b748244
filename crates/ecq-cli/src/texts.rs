//! Reads text files and standard input, and writes output files atomically.

use anyhow::{Context, anyhow};
use ecq::{Destination, PackError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Reads a text file in UTF-8; `-` is standard input.
pub fn read(path: &Path) -> anyhow::Result<String> {
    let (bytes, name) = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("standard input")?;
        (bytes, "standard input".to_owned())
    } else {
        let name = path.display().to_string();
        (std::fs::read(path).with_context(|| name.clone())?, name)
    };
    utf8(bytes, &name)
}

/// Converts bytes to text; the error contains the offset of the first invalid byte.
pub fn utf8(bytes: Vec<u8>, name: &str) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let why = format!("not valid UTF-8 at byte {offset}; convert the text, for instance with iconv");
        PackError::Option { option: name.to_owned(), why }.into()
    })
}

/// Removes one line break from the end of a text.
pub fn without_final_line_break(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// Writes a file through a temporary file in the same folder. `inputs` are never overwritten, other existing
/// files only if `force`.
pub fn write(path: &Path, bytes: &[u8], inputs: &[PathBuf], force: bool) -> anyhow::Result<()> {
    Destination::file(path).replacing(force).check(inputs)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let context = || path.display().to_string();
    let mut file = tempfile::Builder::new().prefix(".ecq-").tempfile_in(parent).with_context(context)?;
    file.write_all(bytes).with_context(context)?;
    set_permissions(&file).with_context(context)?;
    file.persist(path).map_err(|error| anyhow!(error.error)).with_context(context)?;
    Ok(())
}

/// Gives a temporary file the permissions of an ordinary one (0644).
#[cfg(unix)]
fn set_permissions(file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_permissions(_: &tempfile::NamedTempFile) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_is_removed() {
        for (text, expected) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("", ""), ("\n", "")]
        {
            assert_eq!(without_final_line_break(text.to_owned()), expected);
        }
    }

    #[test]
    fn invalid_utf8_is_reported_with_its_offset() {
        let error = utf8(b"na\xefve".to_vec(), "p.txt").unwrap_err().to_string();
        assert!(error.starts_with("p.txt: not valid UTF-8 at byte 2"), "{error}");
    }
}
