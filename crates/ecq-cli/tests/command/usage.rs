//! Runs the command, for the tests of usage.

use super::common::{Folder, embedded};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecq"));
    command.env("ECQ_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
    command
}

pub fn ecq<S: AsRef<OsStr>>(args: &[S]) -> Output {
    command().args(args).stdin(Stdio::null()).output().unwrap()
}

/// Returns standard output and standard error of a command that succeeds.
pub fn said(args: &[&str]) -> (String, String) {
    let output = ecq(args);
    let [out, rest] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{args:?}: {out} {rest}");
    (out, rest)
}

/// Returns standard error of a command that fails with this exit code.
pub fn refused<S: AsRef<OsStr>>(args: &[S], code: i32) -> String {
    let output = ecq(args);
    let [out, rest] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(output.status.code(), Some(code), "{out} {rest}");
    rest
}

/// Joins the lines of a text.
pub fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn with_input(args: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let mut child = command()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

impl Folder {
    /// A GGUF file that can be quantized but not run.
    pub fn gguf(&self) -> String {
        let file = self.name("m.gguf");
        std::fs::write(&file, ecq_fixtures::finite_gguf(64, 256)).unwrap();
        file
    }

    /// The embedded model as a checkpoint folder.
    pub fn checkpoint(&self) -> String {
        let folder = self.name("hf");
        said(&["export", &embedded(), "--format", "safetensors", "-o", &folder]);
        folder
    }

    /// The first layers of the embedded model as a checkpoint folder: trained weights, but few of them.
    pub fn first_layers(&self, layers: u64) -> String {
        let (whole, folder) = (self.name("whole"), self.name("first-layers"));
        said(&["export", &embedded(), "--format", "safetensors", "-o", &whole]);
        ecq_fixtures::checkpoint::first_layers(whole.as_ref(), folder.as_ref(), layers).unwrap();
        folder
    }

    /// The embedded model with a chat template.
    pub fn talking(&self) -> String {
        let (folder, file) = (self.checkpoint(), self.name("talking.ecq"));
        let template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:";
        std::fs::write(Path::new(&folder).join("chat_template.jinja"), template).unwrap();
        said(&["quantize", &folder, "--lossless", "-o", &file]);
        file
    }

    pub fn names(&self) -> Vec<OsString> {
        let mut names: Vec<_> =
            std::fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }
}
