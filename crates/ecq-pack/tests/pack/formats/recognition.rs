//! Files that are no model, or not the expected kind.

use super::models::{Folder, Made, packed, small_folder};
use ecq_core::Limits;
use ecq_pack::source::{self, EcqSource};
use ecq_runtime::{Checkpoint, RuntimeError};
use std::fs;

#[test]
fn what_is_no_ecq_is_named_for_what_it_is() {
    // G10, and cut files.
    let folder = Folder::new();
    let gguf = folder.put("m.gguf", &Made::llama().file());
    small_folder(&folder, "m");
    let whole = fs::read(packed(&gguf, &folder.path("m.ecq"))).unwrap();
    for (path, what) in [
        (gguf.clone(), "is a GGUF file"),
        (folder.path("m"), "is a folder"),
        (folder.path("m/model.safetensors"), "is a safetensors file, but not an .ecq file"),
        (folder.path("m/config.json"), "is a JSON text"),
        (folder.put("empty", b""), "is an empty file"),
        (folder.put("page", b"<!DOCTYPE html><html>"), "is a web page"),
        (folder.put("noise", &[0xfe; 600]), "is a file of an unknown format"),
        (folder.put("pointer", b"version https://git-lfs.github.com/spec/v1\n"), "is a Git LFS pointer"),
    ] {
        let error = EcqSource::open(&path, &Limits::default()).map(|_| ()).unwrap_err();
        let text = error.to_string();
        assert!(
            error.kind() == "format" && text.contains(what) && text.contains("an .ecq file is expected"),
            "{text}"
        );
        assert!(text.starts_with(&path.display().to_string()), "{text}");
        let error = Checkpoint::open(&path, &Limits::default()).map(|_| ()).unwrap_err();
        let expected = what.trim_start_matches("is ");
        let is_told = matches!(&error, RuntimeError::NotEcq { found, .. } if found.starts_with(expected));
        assert!(is_told, "{error}");
    }
    for cut in [whole.len() / 2, whole.len() - 1, 40] {
        let half = folder.put("half.ecq", &whole[..cut]);
        let error = EcqSource::open(&half, &Limits::default()).map(|_| ()).unwrap_err();
        let text = error.to_string();
        assert!(error.kind() == "corrupt" && text.contains("half.ecq is truncated: "), "{text}");
    }
    let bytes = fs::read(&gguf).unwrap();
    let error =
        source::open(&folder.put("half.gguf", &bytes[..bytes.len() / 2]), &Limits::default()).err().unwrap();
    assert!(error.to_string().contains("half.gguf is truncated: "), "{error}");
    // What a header claims wrongly is told with the file.
    let lie = folder.put("lie.gguf", &[&bytes[..16], &[0xff; 8], &bytes[24..]].concat());
    let error = source::open(&lie, &Limits::default()).err().unwrap();
    assert!(error.kind() == "corrupt" && error.offset() == Some(16), "{error}");
    assert!(error.to_string().starts_with(&format!("{}: the metadata count", lie.display())), "{error}");
    let half = folder.put("half.ecq", &whole[..whole.len() / 2]);
    let error = EcqSource::open(&half, &Limits::default()).map(|_| ()).unwrap_err().to_string();
    let kb = |bytes: usize| format!("{:.1}", bytes as f64 / 1e3);
    assert!(error.contains(&format!("{} of {} kB", kb(whole.len() / 2), kb(whole.len()))), "{error}");
    // As a source the same files are named too.
    for (name, what) in [("page", "a web page"), ("pointer", "a Git LFS pointer"), ("empty", "an empty file")]
    {
        let error = source::open(&folder.path(name), &Limits::default()).err().unwrap();
        assert!(error.kind() == "format" && error.to_string().contains(what), "{error}");
    }
}
