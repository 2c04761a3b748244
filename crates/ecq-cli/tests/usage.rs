//! Tests of argument checks, defaults, prompts, chats and messages.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests")]

mod common;

use common::{Folder, embedded};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecq"));
    command.env("ECQ_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
    command
}

fn ecq<S: AsRef<OsStr>>(args: &[S]) -> Output {
    command().args(args).stdin(Stdio::null()).output().unwrap()
}

/// Returns standard output and standard error of a command that succeeds.
fn said(args: &[&str]) -> (String, String) {
    let output = ecq(args);
    let [out, rest] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{args:?}: {out} {rest}");
    (out, rest)
}

/// Returns standard error of a command that fails with this exit code.
fn refused<S: AsRef<OsStr>>(args: &[S], code: i32) -> String {
    let output = ecq(args);
    let [out, rest] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(output.status.code(), Some(code), "{out} {rest}");
    rest
}

/// Joins the lines of a text.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn with_input(args: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
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
    fn gguf(&self) -> String {
        let file = self.name("m.gguf");
        std::fs::write(&file, ecq_fixtures::finite_gguf(64, 256)).unwrap();
        file
    }

    /// The embedded model as a checkpoint folder.
    fn checkpoint(&self) -> String {
        let folder = self.name("hf");
        said(&["export", &embedded(), "--format", "safetensors", "-o", &folder]);
        folder
    }

    /// The embedded model with a chat template.
    fn talking(&self) -> String {
        let (folder, file) = (self.checkpoint(), self.name("talking.ecq"));
        let template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:";
        std::fs::write(Path::new(&folder).join("chat_template.jinja"), template).unwrap();
        said(&["quantize", &folder, "--lossless", "-o", &file]);
        file
    }

    fn names(&self) -> Vec<OsString> {
        let mut names: Vec<_> =
            std::fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }
}

#[test]
fn an_input_is_never_overwritten() {
    let folder = Folder::new();
    let (model, packed) = (folder.gguf(), folder.name("m.ecq"));
    let bytes = std::fs::read(&model).unwrap();
    // By name, through another path, and with --force.
    let through = folder
        .name("../")
        .replace("../", &format!("../{}/m.gguf", folder.0.path().file_name().unwrap().to_str().unwrap()));
    for output in [&model, &through] {
        for options in
            [&["--bpw", "3", "--calibrate", "off"][..], &["--lossless"], &["--lossless", "--force"]]
        {
            let said = refused(&[&["quantize", &model, "-o", output], options].concat(), 2);
            assert!(said.contains("is the input"), "{said}");
        }
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&model, folder.path("link.ecq")).unwrap();
        std::fs::hard_link(&model, folder.path("hard.ecq")).unwrap();
        for link in ["link.ecq", "hard.ecq"] {
            let said = refused(&["quantize", &model, "--lossless", "--force", "-o", &folder.name(link)], 2);
            assert!(said.contains("is the input"), "{said}");
        }
    }
    assert!(std::fs::read(&model).unwrap() == bytes);
    // Exports, reports, plots and codes over their input.
    said(&["quantize", &model, "--lossless", "-o", &packed]);
    let coded = std::fs::read(&packed).unwrap();
    let said_of = |args: &[&str]| {
        let said = refused(args, 2);
        assert!(said.contains("is the input"), "{args:?}: {said}");
    };
    said_of(&["export", &packed, "--format", "gguf", "--force", "-o", &packed]);
    said_of(&["report", &packed, "--force", "-o", &packed]);
    said_of(&["analyze", &packed, "--force", "--plot", &packed]);
    said_of(&["bench", "codes", &packed, "--name", "attn_q", "--force", "-o", &packed]);
    assert!(std::fs::read(&packed).unwrap() == coded);
    let records = folder.name("records.json");
    std::fs::write(&records, "{\"bpw_linear\": 4.0, \"kl\": 0.1}").unwrap();
    said_of(&["plot", "rd", &records, "--force", "-o", &records]);
    // A file of a checkpoint folder, and its attached files.
    let hf = folder.checkpoint();
    for part in ["model.safetensors", "config.json", "tokenizer.json"] {
        let part = format!("{hf}/{part}");
        let before = std::fs::read(&part).unwrap();
        said_of(&["quantize", &hf, "--lossless", "--force", "-o", &part]);
        assert!(std::fs::read(&part).unwrap() == before, "{part}");
    }
    // A calibration text.
    let text = folder.name("text.txt");
    std::fs::write(&text, "some words").unwrap();
    said_of(&["quantize", &hf, "--bpw", "3", "--calibrate", &text, "--force", "-o", &text]);
    assert_eq!(std::fs::read_to_string(&text).unwrap(), "some words");
}

#[test]
fn an_impossible_output_is_an_error_before_any_work() {
    let folder = Folder::new();
    let model = folder.gguf();
    std::fs::create_dir(folder.path("out")).unwrap();
    let before = folder.names();
    let quantize = |output: &str| refused(&["quantize", &model, "--lossless", "-o", output], 2);
    let said = quantize(&folder.name("out"));
    assert!(
        said.contains("is a folder, a file is expected, such as") && said.contains("out/model.ecq"),
        "{said}"
    );
    let said = quantize(&folder.name("no/such/x.ecq"));
    assert!(said.contains("does not exist; create it first"), "{said}");
    let said = quantize(&format!("{model}/x.ecq"));
    assert!(said.contains("its parent is a file"), "{said}");
    assert_eq!(folder.names(), before, "nothing is left");
    // An output folder must be empty, and must not be a file.
    let packed = folder.name("m.ecq");
    said_ok(&["quantize", &model, "--lossless", "-o", &packed]);
    std::fs::write(folder.path("out/precious"), "x").unwrap();
    let export =
        |output: &str| refused(&["export", &packed, "--format", "safetensors", "--force", "-o", output], 2);
    assert!(export(&folder.name("out")).contains("is a folder with files in it, which are never replaced"));
    assert!(export(&model).contains("is a file, a folder is expected"));
    assert!(export(&packed).contains("is the input"));
    #[cfg(unix)]
    {
        let said = refused(&["quantize", &model, "--lossless", "--force", "-o", "/dev/null"], 2);
        assert!(said.contains("is neither a file nor a folder"), "{said}");
    }
}

fn said_ok(args: &[&str]) {
    said(args);
}

#[test]
fn an_existing_output_is_replaced_only_with_force_and_only_when_complete() {
    let folder = Folder::new();
    let (model, packed, back) = (folder.gguf(), folder.name("m.ecq"), folder.name("b.gguf"));
    let quantize = ["quantize", &model, "--lossless", "-o", &packed];
    said(&quantize);
    let whole = std::fs::read(&packed).unwrap();
    let again = refused(&quantize, 2);
    assert!(again.contains("exists already (use `--force` to replace it"), "{again}");
    std::fs::write(&packed, "precious").unwrap();
    // A run that fails keeps the existing file.
    let bad = folder.name("bad.gguf");
    std::fs::write(&bad, &std::fs::read(&model).unwrap()[..9000]).unwrap();
    ecq(&["quantize", &bad, "--lossless", "--force", "-o", &packed]);
    assert_eq!(std::fs::read_to_string(&packed).unwrap(), "precious");
    said(&[&quantize[..], &["--force"]].concat());
    assert!(std::fs::read(&packed).unwrap() == whole);
    let export = ["export", &packed, "--format", "gguf", "-o", &back];
    said(&export);
    assert!(refused(&export, 2).contains("exists already"));
    said(&[&export[..], &["--force"]].concat());
    // Also reports and the files of the demo.
    let page = folder.name("p.html");
    said(&["report", &model, "-o", &page]);
    assert!(refused(&["report", &model, "-o", &page], 2).contains("exists already"));
    let kept = folder.name("kept");
    std::fs::create_dir(&kept).unwrap();
    std::fs::write(format!("{kept}/tiny.ecq"), "precious").unwrap();
    assert!(refused(&["demo", "--keep", &kept], 2).contains("exists already"));
    assert_eq!(std::fs::read_to_string(format!("{kept}/tiny.ecq")).unwrap(), "precious");
}

#[test]
fn a_file_is_verified_against_its_source() {
    let folder = Folder::new();
    let (hf, low) = (folder.checkpoint(), folder.name("low.ecq"));
    // At half a bit per weight the noise is as large as the signal, and the file is still valid.
    said(&["quantize", &hf, "--bpw", "0.5", "--calibrate", "off", "-o", &low]);
    let (out, _) = said(&["verify", &low, "--against", &hf]);
    assert!(out.contains("made from") && out.contains("block projections"), "{out}");
    assert!(plain(&out).contains("It does not measure the quality"), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    // A model with the same names and shapes but other weights.
    let weights = Path::new(&hf).join("model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut numbers = ecq_fixtures::Numbers::new(3);
    // Random signs.
    bytes[header..].iter_mut().skip(1).step_by(2).for_each(|byte| *byte ^= (numbers.below(2) as u8) << 7);
    std::fs::write(&weights, bytes).unwrap();
    let output = ecq(&["verify", &low, "--against", &hf]);
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("differs from"), "{out}");
    // A file of another format is an error.
    let said = refused(&["verify", &folder.gguf()], 3);
    assert!(said.contains("is a GGUF file; an .ecq file is expected"), "{said}");
    assert!(refused(&["verify", &hf], 3).contains("is a folder; an .ecq file is expected"));
    let (out, _) = said_pair(&["inspect", &hf]);
    assert!(plain(&out).contains("format safetensors, ") && out.contains("llama"), "{out}");
}

fn said_pair(args: &[&str]) -> (String, String) {
    said(args)
}

#[test]
fn diff_lists_errors_in_layer_order() {
    let folder = Folder::new();
    let (a, b) = (folder.name("a.ecq"), folder.name("b.ecq"));
    said(&["quantize", &embedded(), "--bpw", "4", "-o", &a]);
    said(&["quantize", &embedded(), "--grid", "affine:4:64", "-o", &b]);
    let output = ecq(&["diff", &a, &b]);
    assert_eq!(output.status.code(), Some(1));
    let out = String::from_utf8(output.stdout).unwrap();
    let at = |words: &str| out.find(words).unwrap_or_else(|| panic!("{words} in {out}"));
    assert!(at("layers.0.") < at("layers.1.") && out.contains("SQNR dB") && out.contains('%'), "{out}");
    let layers: Vec<u32> = out
        .lines()
        .filter_map(|line| line.split("layers.").nth(1)?.split('.').next()?.parse().ok())
        .collect();
    assert!(layers.is_sorted() || layers[..layers.len() - 1].is_sorted(), "{layers:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_on_standard_output_is_an_error_and_a_closed_pipe_is_none() {
    let model = embedded();
    let commands: [&[&str]; 5] = [
        &["run", &model, "-p", "It was", "-n", "4"],
        &["run", &model, "-p", "It was", "-n", "4", "--json"],
        &["inspect", &model],
        &["--help"],
        &["--version"],
    ];
    for args in commands {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command().args(args).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{args:?}: {said}");
        assert!(said.contains("error: standard output: No space left on device"), "{said}");
        // A closed pipe.
        let mut child = command().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && !said.contains("error"), "{args:?}: {said}");
    }
}

#[test]
fn below_four_bits_a_model_is_calibrated_unless_that_is_off() {
    let folder = Folder::new();
    let (x, y) = (folder.name("x.ecq"), folder.name("y.ecq"));
    let few = ["--calibration-tokens", "1024", "--calibration-window", "64"];
    let (out, rest) = said(&[&["quantize", &embedded(), "--bpw", "3", "-o", &x], &few[..]].concat());
    for words in ["calibrating by default below 4 bits per weight", "1024 tokens, less than a minute on"] {
        assert!(plain(&rest).contains(words), "{words} in {rest}");
    }
    assert!(
        plain(&out).contains("predicted KL divergence (on calibration text, lower bound): 0.")
            && !out.contains("SQNR"),
        "{out}"
    );
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    let (out, _) = said(&["inspect", &x]);
    for words in [
        "calibration",
        "1024 tokens of",
        "architecture llama",
        "context",
        "parameters",
        "bits per weight",
        "quantization",
    ] {
        assert!(plain(&out).contains(words), "{words} in {out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    let (out, rest) = said(&["quantize", &embedded(), "--bpw", "3", "--calibrate", "off", "-o", &y]);
    assert!(out.contains("SQNR dB") && rest.is_empty(), "{out} {rest}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    assert!(!out.contains("projections  │"), "no cell folds: {out}");
    // --calibrate takes one value: the next argument is the model.
    let z = folder.name("z.ecq");
    let few = ["--calibration-tokens", "64", "--calibration-window", "64"];
    said(&[&["quantize", "--calibrate", "default", &embedded(), "--bpw", "3", "-o", &z], &few[..]].concat());
    let said =
        refused(&["quantize", &embedded(), "--bpw", "3", "--calibrate", "none", "-o", &z, "--force"], 2);
    assert!(said.contains("was renamed to `self`"), "{said}");
    let said = refused(
        &[
            "quantize",
            &embedded(),
            "--bpw",
            "3",
            "--calibrate",
            "off",
            "--calibrate",
            "self",
            "-o",
            &z,
            "--force",
        ],
        2,
    );
    assert!(said.contains("cannot be combined"), "{said}");
    // A model that cannot run cannot be calibrated: an error before any work, with the alternative.
    let hf = folder.checkpoint();
    std::fs::remove_file(Path::new(&hf).join("config.json")).unwrap();
    let said = refused(&["quantize", &hf, "--bpw", "3", "-o", &folder.name("w.ecq")], 5);
    assert!(said.contains("`--calibrate off` quantizes without"), "{said}");
}

#[test]
fn notes_are_printed_before_the_work() {
    let folder = Folder::new();
    let (hf, x) = (folder.checkpoint(), folder.name("x.ecq"));
    std::fs::remove_file(Path::new(&hf).join("config.json")).unwrap();
    let (_, rest) = said(&["quantize", &hf, "--lossless", "-o", &x]);
    assert!(plain(&rest).contains("has no config.json"));
    // Quantizing a quantized model.
    let (model, y) = (folder.gguf(), folder.name("y.ecq"));
    let (_, rest) = said(&["quantize", &model, "--bpw", "4", "-o", &y]);
    assert!(
        plain(&rest).contains("is already quantized (gguf, q4_1); quantizing it again adds to the error")
    );
    // An override that matches nothing.
    let none = folder.name("none.ecq");
    let said = refused(&["quantize", &model, "--lossless", "--override", "attn_z=lanes:8", "-o", &none], 2);
    assert!(
        said.contains(
            "override attn_z: matches none of the 10 tensors; one is named \"blk.0.attn_q.weight\""
        ),
        "{said}"
    );
    // An export several times as large as the file.
    let (small, big) = (folder.name("small.ecq"), folder.name("big"));
    said_ok(&["quantize", &embedded(), "--bpw", "2", "--calibrate", "off", "-o", &small]);
    let (_, rest) = said_pair(&["export", &small, "--format", "safetensors", "-o", &big]);
    let rest = plain(&rest);
    assert!(rest.contains("the export will be about") && rest.contains("tensors become floats"), "{rest}");
}

#[test]
fn prompts_come_from_options_files_and_standard_input() {
    let folder = Folder::new();
    let (model, file) = (embedded(), folder.name("prompt.txt"));
    let expected = said(&["run", &model, "-p", "The Debian project", "--greedy", "-n", "6"]).0;
    std::fs::write(&file, "The Debian project\n").unwrap();
    let run = ["run", &model, "--greedy", "-n", "6"];
    assert_eq!(said(&[&run[..], &["-f", &file]].concat()).0, expected);
    for args in [&["-p", "-"][..], &["-f", "-"]] {
        let (code, out, rest) = with_input(&[&run[..], args].concat(), b"The Debian project\n");
        assert_eq!((code, &out), (Some(0), &expected), "{rest}");
    }
    // Every name of the limit, and no limit.
    for limit in [&["--max-tokens", "6"][..], &["--tokens", "6"]] {
        let run = ["run", &model, "--greedy", "-p", "The Debian project"];
        assert_eq!(said(&[&run[..], limit].concat()).0, expected);
    }
    let (_, rest) =
        said(&["run", &model, "--greedy", "-p", "It was", "-n", "-1", "--context", "40", "--ignore-end"]);
    assert!(rest.contains("the context of 40 tokens is full"), "{rest}");
    // A prompt may look like an option.
    assert!(said(&["run", &model, "-p", "-5 is a number", "-n", "2"]).0.starts_with("-5 is a number"));
    let (code, _, rest) = with_input(&[&run[..], &["-p", "-"]].concat(), b"na\xefve");
    assert!(code == Some(2) && rest.contains("standard input: not valid UTF-8 at byte 2"), "{rest}");
    assert!(refused(&["run", &model], 2).contains("--prompt <TEXT>"));
    let (_, rest) = said(&["run", &model, "-p", "It was", "-n", "4", "--greedy", "--samples", "2"]);
    assert!(plain(&rest).contains("greedy sampling gives the same completion"), "{rest}");
}

#[test]
fn limits_are_checked_with_their_range() {
    let model = embedded();
    let run = |more: &[&str]| refused(&[&["run", &model, "-p", "x"], more].concat(), 2);
    for (more, words) in [
        (&["--memory", "1"][..], "expected 0, or 4096 bytes or more, with a unit such as 64MiB"),
        (&["--threads", "0"], "0 is not in 1..=1024"),
        (&["--threads", "100000"], "100000 is not in 1..=1024"),
        (&["--threads", "-1"], "invalid"),
        (&["--context", "100000"], "the model has a context of 512 tokens; expected 1 to 512"),
        (&["--context", "0"], "0 is not in 1.."),
        (&["--temperature", "-1"], "temperature is -1, expected"),
        (&["--temperature", "NaN"], "temperature is NaN, expected"),
        (&["--temperature", "inf"], "temperature is inf, expected"),
        (&["--top-p", "1.5"], "top-p is 1.5, expected above 0, at most 1"),
        (&["--top-p", "-0.5"], "top-p is -0.5, expected above 0, at most 1"),
        (&["--min-p", "-0.5"], "min-p is -0.5, expected"),
        (&["--repetition-penalty", "0"], "repetition penalty is 0, expected"),
        (&["--tokens", "-2"], "expected a number of tokens, 0 or more, or -1"),
    ] {
        let said = run(more);
        assert!(said.contains(words), "{more:?}: {said}");
    }
    let said = refused(&["quantize", &model, "--bpw", "-3", "-o", "none.ecq"], 2);
    assert!(said.contains("--bpw -3: expected 0.1 to 8"), "{said}");
}

#[cfg(unix)]
#[test]
fn arguments_may_be_any_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let word = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    let model = OsString::from(embedded());
    let args = ["run".into(), model.clone(), "-p".into(), word(b"a\xff")];
    assert!(refused(&args, 2).contains("UTF-8"));
    let said = refused(&["quantize".into(), word(b"caf\xe9.gguf"), "--bogus".into()], 2);
    assert!(said.contains("unexpected argument '--bogus'"), "{said}");
    let json = [&args[..], &["--json".into()]].concat();
    let output = ecq(&json);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["error"]["kind"], "usage");
    // Input and output paths need not be UTF-8, also with --json.
    let folder = Folder::new();
    let packed = folder.0.path().join(word(b"caf\xe9.ecq"));
    let back = folder.0.path().join(word(b"b\xe9.gguf"));
    let gguf = OsString::from(folder.gguf());
    let args = ["quantize".into(), gguf, "--lossless".into(), "-o".into(), packed.clone().into()];
    assert!(ecq(&args).status.success());
    for args in [
        vec!["verify".into(), packed.clone().into_os_string()],
        vec!["inspect".into(), packed.clone().into()],
        vec!["export".into(), packed.into(), "--format".into(), "gguf".into(), "-o".into(), back.into()],
    ] {
        let output = ecq(&[&args[..], &["--json".into()]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice::<Value>(&output.stdout).unwrap();
    }
}

#[test]
fn commands_accept_models_of_every_format() {
    let folder = Folder::new();
    let (hf, cache) = (folder.checkpoint(), folder.name("cache"));
    let file = format!("{hf}/model.safetensors");
    let run = |model: &str| {
        let args = ["run", model, "-p", "The Debian project", "--greedy", "-n", "6"];
        let output = command().args(args).env("ECQ_CACHE", &cache).output().unwrap();
        let [out, rest] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(output.status.success(), "{rest}");
        (out, rest)
    };
    let (expected, _) = run(&embedded());
    let (out, rest) = run(&hf);
    assert_eq!(out, expected);
    assert!(
        rest.contains("to .ecq without loss") && rest.contains("wrote ") && rest.contains(&cache),
        "{rest}"
    );
    let (out, rest) = run(&hf);
    assert!(out == expected && rest.contains("using ") && !rest.contains("wrote "), "{rest}");
    assert_eq!(run(&file).0, expected);
    // A modified model is converted again, and the old conversion is removed.
    let packed = || std::fs::read_dir(&cache).unwrap().count();
    let before = packed();
    let config = Path::new(&hf).join("config.json");
    std::fs::write(&config, std::fs::read_to_string(&config).unwrap() + "\n").unwrap();
    assert!(run(&hf).1.contains("to .ecq without loss"));
    assert_eq!(packed(), before);
    let words = folder.name("words.txt");
    std::fs::write(&words, "In the beginning the system is installed from a package. ".repeat(4)).unwrap();
    let eval = said(&["eval", &hf, "--text", &words, "--max-tokens", "40", "--json"]).0;
    assert!(serde_json::from_str::<Value>(&eval).unwrap()["nll"].as_f64().unwrap() > 0.0);
    said(&[
        "bench",
        "model",
        &hf,
        "--modes",
        "cached",
        "--prompt-tokens",
        "4",
        "--tokens",
        "2",
        "--repeat",
        "1",
    ]);
    assert!(plain(&said(&["inspect", &file]).0).contains("format safetensors, "));
}

#[test]
fn a_chat_continues_after_invalid_input() {
    let folder = Folder::new();
    let model = folder.talking();
    let talk = |input: &[u8], more: &[&str]| {
        let (code, out, rest) = with_input(&[&["chat", &model, "--greedy"], more].concat(), input);
        assert_eq!(code, Some(0), "{rest}");
        (out, rest)
    };
    let objects =
        |out: &str| -> Vec<Value> { out.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    // An invalid line is reported, and the others are answered.
    let (out, rest) = talk(b"Hello\nna\xefve\nAgain\n", &["-n", "3"]);
    assert!(rest.contains("line 2 is not valid UTF-8 (byte 3); the message was not sent"), "{rest}");
    assert!(out.lines().count() >= 2, "{out}");
    let answers = objects(&talk(b"Hello\nna\xefve\nAgain\n", &["-n", "3", "--json"]).0);
    assert_eq!(answers.len(), 3);
    assert!(answers[0]["text"].is_string() && answers[2]["text"].is_string());
    assert_eq!(answers[1]["error"]["kind"], "encoding");
    // Several lines form one message.
    let answers = objects(&talk(b"\"\"\"one\ntwo\"\"\"\nthree\\\nfour\n", &["-n", "3", "--json"]).0);
    assert_eq!(answers.len(), 2);
    // A full context is reported in text and in JSON.
    let (_, rest) = talk(b"Hello\n", &["--context", "16", "-n", "500"]);
    assert!(rest.contains("the context of 16 tokens is full"), "{rest}");
    let (out, rest) = talk(b"Hello\nHello\n", &["--context", "16", "-n", "500", "--json"]);
    let answers = objects(&out);
    assert_eq!((&answers[0]["context_full"], &answers[0]["context"]), (&Value::from(true), &Value::from(16)));
    assert_eq!(answers[1]["error"]["kind"], "context_full");
    assert!(rest.contains("the context of 16 tokens is full"), "{rest}");
    assert_eq!(objects(&talk(b"Hello\n", &["-n", "3", "--json"]).0)[0]["context_full"], false);
    // A conversation is saved and loaded.
    let file = folder.name("talk.json");
    let asked = format!("Hello\n/save {file}\n/save {file}\nAgain\n");
    let (out, rest) = talk(asked.as_bytes(), &["-n", "3", "--json"]);
    assert_eq!(rest.matches("saved 2 messages to").count(), 2, "{rest}");
    let (loaded, _) = talk(format!("/load {file}\nAgain\n").as_bytes(), &["-n", "3", "--json"]);
    assert_eq!(objects(&out)[1]["text"], objects(&loaded)[0]["text"]);
    let asked = format!("/save {file}\n/load {model}\n/load {}\n/save {model}\nHi\n", folder.name("none"));
    let (out, rest) = talk(asked.as_bytes(), &["-n", "3", "--json"]);
    assert_eq!(rest.matches("error: ").count(), 4, "{rest}");
    assert!(rest.contains("exists already"), "{rest}");
    assert_eq!(objects(&out).len(), 1);
}

#[test]
fn damaged_files_are_errors_with_a_reason() {
    let folder = Folder::new();
    let (half, text) = (folder.name("half.ecq"), folder.name("txt.bin"));
    let bytes = std::fs::read(embedded()).unwrap();
    std::fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(&text, "words and no model").unwrap();
    for args in [&["inspect", &half][..], &["verify", &half], &["run", &half, "-p", "x"], &["analyze", &half]]
    {
        let said = refused(args, 3);
        assert!(said.contains("half.ecq is truncated: 3.7 of 7.4 MB; copy it again"), "{said}");
    }
    let expected = "(expected GGUF, safetensors, .ecq or a checkpoint folder)";
    for args in
        [&["inspect", &text][..], &["run", &text, "-p", "x"], &["quantize", &text, "--lossless", "--dry-run"]]
    {
        let said = refused(args, 3);
        assert!(said.contains("txt.bin is not a model") && said.contains(expected), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_prints_how_to_resume() {
    let folder = Folder::new();
    let (model, dest) = (folder.name("big.gguf"), folder.name("big.ecq"));
    ecq_fixtures::big_gguf(Path::new(&model), 6, 12_000_000).unwrap();
    let args = ["quantize", &model, "--lossless", "--coding", "archive", "-o", &dest];
    let child = command().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let partial = folder.path("big.ecq.partial/journal");
    while std::fs::metadata(&partial).map_or(0, |file| file.len()) == 0 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("big.ecq.partial (") && said.contains("with --resume to continue"), "{said}");
    assert!(!Path::new(&dest).exists());
    let again = self::said(&[&args[..], &["--resume"]].concat());
    assert!(again.0.contains("wrote "), "{again:?}");
}

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
        assert!(!long.contains("async"), "{long}");
    }
    let (short, long) = (said(&["quantize", "-h"]).0, said(&["quantize", "--help"]).0);
    assert!(!short.contains("--lanes") && long.contains("--lanes"));
    let at = |words: &str| long.find(words).unwrap_or_else(|| panic!("{words} in {long}"));
    assert!(at("--output") < at("Calibration:") && at("Calibration:") < at("Entropy coding:"));
}

/// Multiplies the bf16 values of a tensor of a safetensors file by a power of two.
fn scale(file: &Path, tensor: &str, exponent: i16) {
    let mut bytes = std::fs::read(file).unwrap();
    let start = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..start]).unwrap();
    assert_eq!(header[tensor]["dtype"], "BF16");
    let [from, to] = [0, 1].map(|i| start + header[tensor]["data_offsets"][i].as_u64().unwrap() as usize);
    for pair in bytes[from..to].chunks_exact_mut(2) {
        let bits = u16::from_le_bytes([pair[0], pair[1]]);
        let scaled = ((bits >> 7) & 255) as i16 + exponent;
        let scaled =
            if (bits >> 7) & 255 == 0 || scaled <= 0 { 0 } else { (bits & 0x807f) | (scaled as u16) << 7 };
        pair.copy_from_slice(&scaled.to_le_bytes());
    }
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn keys_beyond_f16_are_an_error_that_names_the_option() {
    let folder = Folder::new();
    let hf = folder.name("hf");
    said(&["export", &embedded(), "--format", "safetensors", "--dtype", "bf16", "-o", &hf]);
    // Keys a million times larger and queries as much smaller: the logits are the same.
    let weights = Path::new(&hf).join("model.safetensors");
    scale(&weights, "model.layers.0.self_attn.k_proj.weight", 20);
    scale(&weights, "model.layers.0.self_attn.q_proj.weight", -20);
    let words = folder.name("words.txt");
    std::fs::write(&words, "In the beginning the system is installed from a package.").unwrap();
    for args in [&["run", &hf, "-p", "It was", "-n", "4"][..], &["eval", &hf, "--text", &words]] {
        let said = refused(args, 2);
        assert!(
            said.contains("exceeds the range of a cache of f16") && said.contains("(use `--cache bf16`)"),
            "{said}"
        );
    }
    for cache in ["bf16", "f32"] {
        let run =
            |model: &str| said(&["run", model, "-p", "It was", "-n", "4", "--greedy", "--cache", cache]).0;
        assert_eq!(run(&hf), run(&embedded()));
    }
}

#[test]
fn exports_requantize_on_request() {
    let folder = Folder::new();
    let (packed, gguf) = (folder.name("packed.ecq"), folder.gguf());
    said_ok(&["quantize", &gguf, "--lossless", "-o", &packed]);
    // Types in upper or lower case; length and loss before the work, the error after it.
    let out = folder.name("out.gguf");
    let (text, notes) = said_pair(&["export", &packed, "--format", "gguf", "--type", "Q4_0", "-o", &out]);
    let (text, notes) = (plain(&text), plain(&notes));
    assert!(
        notes.contains("the export will take about") && notes.contains("requantizes to GGUF's q4_0"),
        "{notes}"
    );
    assert!(text.contains("tensors requantized") && text.contains("relative error 0."), "{text}");
    let out = folder.name("json.gguf");
    let (text, _) =
        said_pair(&["export", &packed, "--format", "gguf", "--type", "q8_0", "-o", &out, "--json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    let requantized = &report["requantized"];
    assert!(
        requantized["tensors"].as_u64().unwrap() > 0 && requantized["types"]["q8_0"].is_u64(),
        "{report}"
    );
    assert!(requantized["relative_error"].is_f64() && requantized["sqnr_db"].is_f64(), "{report}");
    assert!(requantized["fallbacks"].is_array() && report["file_bytes"].is_u64(), "{report}");
    // MLX, from a model that came from a checkpoint.
    let mlx = folder.name("mlx");
    let (text, notes) = said_pair(&[
        "export",
        &embedded(),
        "--format",
        "mlx",
        "--bits",
        "4",
        "--group-size",
        "32",
        "-o",
        &mlx,
    ]);
    assert!(plain(&notes).contains("MLX's grid of 4 bits in groups of 32"), "{notes}");
    assert!(plain(&text).contains("4-bit g32"), "{text}");
    let config = std::fs::read_to_string(Path::new(&mlx).join("config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(
        (&config["quantization"]["bits"], &config["quantization"]["group_size"]),
        (&4.into(), &32.into())
    );
    // Options of other formats, and values that no format has, name what there is.
    let fails = |args: &[&str], words: &[&str]| {
        let none = folder.name("none");
        let said = plain(&refused(&[&["export", &packed, "-o", &none], args].concat(), 2));
        assert!(words.iter().all(|word| said.contains(word)), "{args:?}: {said}");
        assert!(!Path::new(&none).exists());
    };
    fails(&["--format", "mlx", "--type", "q4_0"], &["--type", "--bits 2, 3, 4, 5, 6 or 8", "--group-size"]);
    fails(&["--format", "gguf", "--bits", "4"], &["--bits", "q4_k_m", "bf16"]);
    fails(&["--format", "gguf", "--group-size", "64"], &["--group-size", "q4_k_m"]);
    fails(&["--format", "gguf", "--dtype", "f16"], &["--dtype", "--type f32, f16 or bf16"]);
    fails(&["--format", "safetensors", "--type", "q4_0"], &["--type", "--dtype"]);
    fails(&["--format", "gguf", "--type", "q9_k"], &["q9_k", "q4_k_m", "q8_0", "bf16"]);
    fails(&["--format", "mlx", "--bits", "7"], &["--bits 7", "2, 3, 4, 5, 6, 8"]);
    fails(&["--format", "mlx", "--group-size", "48"], &["--group-size 48", "32, 64, 128"]);
    // A model that came from a checkpoint has no GGUF header.
    let none = folder.name("none.gguf");
    let said = ecq(&["export", &embedded(), "--format", "gguf", "--type", "q4_k_m", "-o", &none]);
    let said = plain(&String::from_utf8_lossy(&said.stderr));
    assert!(said.contains("--format safetensors") && said.contains("convert_hf_to_gguf.py"), "{said}");
}
