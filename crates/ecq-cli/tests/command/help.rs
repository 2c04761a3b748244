//! Tests of `--version`, `--help`, completions and man pages.

use super::common::Folder;
use super::usage::{refused, said};
use std::path::Path;

#[test]
fn version_has_commit_and_instruction_sets() {
    let text = said(&["--version"]).0;
    let prefix = concat!("ecq ", env!("CARGO_PKG_VERSION"), " (");
    assert!(text.starts_with(prefix) && text.ends_with(")\n"), "{text}");
    assert!(text.contains(&format!("{}: ", std::env::consts::ARCH)), "{text}");
    if let Some((_, commit)) = text.split_once("commit ") {
        assert!(commit.len() > 7 && commit.as_bytes()[..7].iter().all(u8::is_ascii_hexdigit), "{text}");
    }
}

#[test]
fn completions_and_man_pages_are_generated() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = said(&["completions", shell]).0;
        assert!(script.contains("quantize") && script.contains("calibrate"), "{shell}: {script}");
    }
    let folder = Folder::new();
    let pages = folder.name("man");
    assert!(refused(&["man", &pages], 4).contains("is not a folder"));
    std::fs::create_dir(&pages).unwrap();
    said(&["man", &pages]);
    for (page, words) in [("ecq", "quantize"), ("ecq-run", "max\\-tokens"), ("ecq-bench-model", "sequences")]
    {
        let text = std::fs::read_to_string(Path::new(&pages).join(format!("{page}.1"))).unwrap();
        assert!(text.contains(".TH") && text.contains(words), "{page}: {text}");
    }
}

#[test]
fn short_help_hides_advanced_options() {
    for verb in ["quantize", "run", "chat", "eval"] {
        let (short, long) = (said(&[verb, "-h"]).0, said(&[verb, "--help"]).0);
        assert!(
            short.lines().count() < 45 && long.lines().count() > short.lines().count(),
            "{verb}: {short}"
        );
        // What runs a model names every mode.
        assert_eq!(long.contains("async"), verb != "quantize", "{long}");
    }
    let (short, long) = (said(&["quantize", "-h"]).0, said(&["quantize", "--help"]).0);
    assert!(!short.contains("--lanes") && long.contains("--lanes"));
    let at = |words: &str| long.find(words).unwrap_or_else(|| panic!("{words} in {long}"));
    assert!(at("--output") < at("Calibration:") && at("Calibration:") < at("Entropy coding:"));
}
