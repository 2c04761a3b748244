//! Texts that users give: files, standard input, and what is written for them.

use anyhow::{Context, anyhow};
use ecq::{Destination, PackError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Reads a text in UTF-8; `-` is standard input.
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

/// Bytes as a text, or where they are none.
pub fn utf8(bytes: Vec<u8>, name: &str) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let why =
            format!("is no text in UTF-8: the byte at {at} is not; convert it, for instance with iconv");
        PackError::Option { option: name.to_owned(), why }.into()
    })
}

/// The text without the end of its last line.
pub fn without_last_line_end(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// Writes a file that appears when it is complete; none of `inputs` is overwritten.
pub fn write(path: &Path, bytes: &[u8], inputs: &[PathBuf], force: bool) -> anyhow::Result<()> {
    Destination::file(path).replacing(force).check(inputs)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let io = || path.display().to_string();
    let mut file = tempfile::Builder::new().prefix(".ecq-").tempfile_in(parent).with_context(io)?;
    file.write_all(bytes).with_context(io)?;
    permit(&file).with_context(io)?;
    file.persist(path).map_err(|error| anyhow!(error.error)).with_context(io)?;
    Ok(())
}

/// Gives a temporary file the rights of an ordinary one: others may read it.
#[cfg(unix)]
fn permit(file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn permit(_: &tempfile::NamedTempFile) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_left_out() {
        for (text, without) in
            [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("", ""), ("\n", "")]
        {
            assert_eq!(without_last_line_end(text.to_owned()), without);
        }
    }

    #[test]
    fn what_is_no_text_is_said_with_its_place() {
        let error = utf8(b"na\xefve".to_vec(), "p.txt").unwrap_err().to_string();
        assert!(error.starts_with("p.txt: is no text in UTF-8: the byte at 2"), "{error}");
    }
}
