//! Detection of file types by their first bytes, for error messages: failed downloads, and model formats that
//! ecq does not read.

/// Number of bytes that [`describe_file_type`] needs from the start of a file.
pub const HEAD_BYTES: usize = 512;

/// First bytes of formats, and descriptions. Sources: the specifications of the formats, and `magic` of
/// file(1).
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself (run `git lfs pull` in its folder)"),
    (b"GGUF", "a GGUF file"),
    (b"GGML", "a GGML file, the predecessor of GGUF (convert it with an older release of llama.cpp)"),
    (b"ggjt", "a GGML file, the predecessor of GGUF (convert it with an older release of llama.cpp)"),
    (b"tjgg", "a GGML file, the predecessor of GGUF (convert it with an older release of llama.cpp)"),
    (b"\x1f\x8b", "a gzip archive (unpack it first)"),
    (b"BZh", "a bzip2 archive (unpack it first)"),
    (b"\xfd7zXZ\0", "an xz archive (unpack it first)"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive (unpack it first)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive (unpack it first)"),
    (b"Rar!", "a RAR archive (unpack it first)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (such as Keras weights; convert them to safetensors)"),
    (b"\x93NUMPY", "a NumPy array (a single tensor, not a model)"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"TFL3", "a TensorFlow Lite model (convert the original to safetensors)"),
];
/// Offset of the signature of TensorFlow Lite.
const TFLITE_AT: usize = 4;
/// Offset of the signature of a tar archive.
const TAR_AT: usize = 257;
const PYTORCH: &str =
    "a PyTorch checkpoint (pickle; convert it to safetensors with transformers' save_pretrained)";

/// Describes the type of a file of `file_bytes` bytes whose first bytes are `head`, such as `a gzip archive
/// (unpack it first)`.
///
/// Returns `None` if the type is unknown, and for safetensors files.
pub fn describe_file_type(head: &[u8], file_bytes: u64) -> Option<String> {
    if file_bytes == 0 {
        return Some("an empty file".to_owned());
    }
    // A safetensors file starts with a length, which may look like any signature, and the brace of its
    // header.
    if head.get(4..9) == Some(b"\0\0\0\0{") {
        return None;
    }
    if head.starts_with(b"PK\x03\x04") {
        // PyTorch stores the pickle first, in a folder named after the archive.
        let pickle = head.windows(9).any(|name| name == b"/data.pkl")
            || head[30.min(head.len())..].starts_with(b"data.pkl");
        return Some(if pickle { PYTORCH } else { "a zip archive (unpack it first)" }.to_owned());
    }
    if head.starts_with(b"\x80") && matches!(head.get(1), Some(2..=5)) {
        return Some(PYTORCH.to_owned());
    }
    if head.get(TAR_AT..).is_some_and(|at| at.starts_with(b"ustar")) {
        return Some("a tar archive (unpack it first)".to_owned());
    }
    if head.get(TFLITE_AT..).is_some_and(|at| at.starts_with(b"TFL3")) {
        return describe_file_type(b"TFL3", file_bytes);
    }
    if let Some((_, what)) = SIGNATURES.iter().find(|(signature, _)| head.starts_with(signature)) {
        return Some((*what).to_owned());
    }
    // An ONNX model starts with its version, a small number, and the name of its producer.
    if let [8, 1..=20, 0x12, len, rest @ ..] = head
        && rest.get(..usize::from(*len)).is_some_and(|name| name.iter().all(u8::is_ascii_graphic))
    {
        return Some("an ONNX model (use the checkpoint that it was converted from)".to_owned());
    }
    describe_text(head, file_bytes)
}

/// Describes a text file; `None` if the bytes are not text.
fn describe_text(head: &[u8], file_bytes: u64) -> Option<String> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // `head` may end inside a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.is_empty() || text.contains(|c: char| c.is_control() && !c.is_whitespace()) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let hint = "(probably a server error; download the file again)";
    Some(if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        format!("a web page {hint}")
    } else if lower.starts_with("<?xml") || lower.starts_with("<error") {
        format!("an XML document {hint}")
    } else if text.starts_with(['{', '[']) {
        match ["\"error\"", "\"message\"", "\"detail\""].iter().any(|key| lower.contains(key)) {
            true => format!("an error message in JSON, {:?} {hint}", first_words(text)),
            false => "a JSON text".to_owned(),
        }
    } else if file_bytes <= head.len() as u64 {
        format!("a text, {:?} {hint}", first_words(text))
    } else {
        "a text".to_owned()
    })
}

/// Returns the start of a text on one line.
fn first_words(text: &str) -> String {
    const MOST: usize = 60;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Formats the size of an incomplete file next to its expected size, such as `31.6 of 63.2 MB`.
pub(crate) fn partial_size(found: u64, expected: u64) -> String {
    let (unit, name) = match expected {
        0..10_000 => (1.0, "bytes"),
        10_000..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    let [few, all] = [found, expected].map(|bytes| match unit == 1.0 {
        true => bytes.to_string(),
        false => format!("{:.1}", bytes as f64 / unit),
    });
    // Use bytes if both sizes round to the same number.
    if few == all { format!("{found} of {expected} bytes") } else { format!("{few} of {all} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_types_are_detected_by_their_first_bytes() {
        let tar = [&[b'x'; 257][..], b"ustar\0"].concat();
        let cases: &[(&[u8], &str)] = &[
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
            (b"<!DOCTYPE html>\n<html>", "a web page"),
            (b"\n  <HTML lang=en>", "a web page"),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>", "an XML document"),
            (b"<Error><Code>NoSuchKey", "an XML document"),
            (b"{\"error\":\"Repository not found\"}", "an error message in JSON, \"{"),
            (b"{\"message\": \"Not Found\"}", "an error message in JSON"),
            (b"{\"a\": 1}", "a JSON text"),
            (b"Entry not found", "a text, \"Entry not found\""),
            (b"Invalid username or password.", "a text"),
            (b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaaaaaarchive/data.pkl", "a PyTorch checkpoint"),
            (b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaaaaa", "a zip archive"),
            (b"\x80\x02}q\0", "a PyTorch checkpoint"),
            (b"\x1f\x8b\x08", "a gzip archive"),
            (&tar, "a tar archive"),
            (b"\x08\x07\x12\x07pytorch\x1a\x03", "an ONNX model"),
            (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
            (b"GGUF\x03\0\0\0", "a GGUF file"),
            (b"tjgg\x03\0\0\0", "a GGML file"),
            (b"\x1c\0\0\0TFL3", "a TensorFlow Lite model"),
            ("{\"error\": \"\u{e9}\u{e9}".as_bytes(), "an error message"),
        ];
        for (head, what) in cases {
            let found = describe_file_type(head, head.len() as u64).unwrap_or_default();
            assert!(found.starts_with(what), "{found:?} of {:?}", String::from_utf8_lossy(head));
        }
        assert_eq!(describe_file_type(b"", 0).unwrap(), "an empty file");
        for head in [&b"\x40\0\0\0\0\0\0\0{\"a\":"[..], &[0; 64], &[0xff; 20], b"\0\x01"] {
            assert_eq!(describe_file_type(head, 1000), None);
        }
        // Header lengths that look like the signatures of gzip, pickle, ONNX and zip.
        for length in [0x8b1f_u64, 0x0280, 0x0012_0708, 0x0403_4b50] {
            let head = [&length.to_le_bytes()[..], b"{\"a\""].concat();
            assert_eq!(describe_file_type(&head, 1 << 40), None, "{length:#x}");
        }
        // A text may end inside a character.
        assert_eq!(describe_file_type(b"caf\xc3", 1000).unwrap(), "a text");
    }

    #[test]
    fn partial_sizes_have_one_unit() {
        assert_eq!(partial_size(31_600_000, 63_200_000), "31.6 of 63.2 MB");
        assert_eq!(partial_size(0, 63_200_000_000), "0.0 of 63.2 GB");
        assert_eq!(partial_size(63_199_999, 63_200_000), "63199999 of 63200000 bytes");
        assert_eq!(partial_size(5, 9_999), "5 of 9999 bytes");
        assert_eq!(partial_size(5_000, 20_000), "5.0 of 20.0 kB");
    }
}
