//! Text, evaluation, measurements: what scripts get, and what people are told when it does not work.

use serde_json::Value;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn ecq(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ecq")).args(args).output().unwrap()
}

/// The object that a command prints when it succeeds.
fn object(args: &[&str]) -> Value {
    let output = ecq(&[args, &["--json"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{args:?}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// The message of a command that fails with this exit code and kind.
fn refusal(args: &[&str], code: i32, kind: &str) -> String {
    let output = ecq(&[args, &["--json"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    let error = serde_json::from_str::<Value>(&text).unwrap()["error"].clone();
    assert_eq!(error["kind"], kind, "{error}");
    error["message"].as_str().unwrap().to_owned()
}

fn embedded() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/tiny.ecq");
    path.to_str().unwrap().to_owned()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The embedded model on 4-bit codes.
    fn quantized(&self) -> String {
        let file = self.name("tiny4.ecq");
        object(&["quantize", &embedded(), "--grid", "affine:4:64", "-o", &file]);
        file
    }

    /// The embedded model as a checkpoint folder, changed by `change`, as an `.ecq`.
    fn changed(&self, change: impl FnOnce(&Path)) -> String {
        let (folder, file) = (self.name("hf"), self.name("changed.ecq"));
        object(&["export", &embedded(), "--format", "safetensors", "-o", &folder]);
        change(Path::new(&folder));
        object(&["quantize", &folder, "--lossless", "-o", &file]);
        file
    }
}

/// Changes a JSON file.
fn change(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(file, value.to_string()).unwrap();
}

#[test]
fn run_tells_scripts_what_it_promises() {
    let model = embedded();
    let run = object(&["run", &model, "-p", "In the beginning", "--greedy", "--tokens", "12"]);
    assert!(run["text"].as_str().unwrap().len() > 12, "{run}");
    assert_eq!(run["tokens"].as_array().unwrap().len(), 12);
    assert!(run["prompt_tokens"].as_u64().unwrap() >= 4);
    for name in ["prefill_tokens_per_s", "decode_tokens_per_s", "weight_bytes_resident", "peak_rss_bytes"] {
        assert!(run[name].as_f64().unwrap() > 0.0, "{name} in {run}");
    }
    assert_eq!((&run["mode"], &run["device"]), (&Value::from("cached"), &Value::from("cpu")));
    // People get the text on standard output, and what it took on standard error.
    let said = ecq(&["run", &model, "-p", "In the beginning", "--greedy", "--tokens", "12", "-v"]);
    let (text, rest) = (String::from_utf8(said.stdout).unwrap(), String::from_utf8(said.stderr).unwrap());
    assert_eq!(text, format!("In the beginning{}\n", run["text"].as_str().unwrap()));
    for words in
        ["mode cached: all decoded weights", "model.layers.0.mlp.down_proj.weight", "tokens/s; weights"]
    {
        assert!(rest.contains(words), "{words} in {rest}");
    }
}

#[test]
fn sampling_follows_its_seed() {
    let model = embedded();
    let text = |seed: &str| {
        object(&["run", &model, "-p", "It was", "--tokens", "16", "--seed", seed])["tokens"].clone()
    };
    assert_eq!(text("7"), text("7"));
    assert_ne!(text("7"), text("8"));
}

#[test]
fn evaluations_and_measurements_become_drawings() {
    let folder = Folder::new();
    let (model, words) = (folder.quantized(), folder.name("words.txt"));
    std::fs::write(&words, "In the beginning the system is installed from a package. ".repeat(20)).unwrap();
    let eval = object(&[
        "eval",
        &model,
        "--text",
        &words,
        "--reference",
        &embedded(),
        "--max-tokens",
        "200",
        "--window",
        "64",
    ]);
    for name in ["perplexity", "nll", "kl", "top1", "tokens", "stderr", "bpw_linear", "file_bytes"] {
        assert!(eval[name].as_f64().unwrap() > 0.0, "{name} in {eval}");
    }
    assert_eq!((eval["window"].as_u64(), eval["windows"].as_u64()), (Some(64), Some(4)));
    assert!((eval["nll"].as_f64().unwrap().exp() / eval["perplexity"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    assert!(eval["kl"].as_f64().unwrap() < 0.5 && eval["top1"].as_f64().unwrap() > 0.5, "{eval}");

    // Every mode gives the same numbers, and a model is at no distance from itself, in whatever format.
    let hf = folder.name("hf");
    object(&["export", &embedded(), "--format", "safetensors", "-o", &hf]);
    let all = object(&[
        "eval",
        &embedded(),
        "--text",
        &words,
        "--reference",
        &hf,
        "--max-tokens",
        "100",
        "--modes",
        "all",
        "--cache",
        "f32",
        "--activations",
        "f32",
    ]);
    let modes = all["modes"].as_array().unwrap();
    assert_eq!(modes.len(), 4);
    for mode in modes {
        assert_eq!((mode["kl"].as_f64(), mode["top1"].as_f64()), (Some(0.0), Some(1.0)), "{mode}");
        assert_eq!(mode["nll"], modes[0]["nll"]);
    }

    let (records, drawing) = (folder.name("eval.jsonl"), folder.name("rd.svg"));
    std::fs::write(&records, format!("{eval}\n{all}\n")).unwrap();
    let plot = object(&["plot", "rd", &format!("tiny={records}"), "-o", &drawing, "--y", "perplexity"]);
    assert_eq!(plot["points"], 5);
    let svg = std::fs::read_to_string(&drawing).unwrap();
    assert_eq!(svg.matches("<circle").count(), 5);
    assert!(svg.contains(">tiny</text>") && svg.trim_end().ends_with("</svg>"));

    let bench = object(&["bench", "model", &model, "--prompt-tokens", "8", "--tokens", "4", "--repeat", "1"]);
    let results = bench["results"].as_array().unwrap();
    assert_eq!(
        results.iter().map(|r| r["mode"].as_str().unwrap()).collect::<Vec<_>>(),
        ["fused", "cached", "lru", "prefetch"]
    );
    std::fs::write(folder.path("bench.json"), bench.to_string()).unwrap();
    let plot = object(&["plot", "modes", &folder.name("bench.json"), "-o", &drawing]);
    assert_eq!(plot["points"], 4);
    assert!(std::fs::read_to_string(&drawing).unwrap().contains(">prefetch</text>"));
    let nothing = refusal(&["plot", "rd", &folder.name("bench.json"), "-o", &drawing], 4, "io");
    assert!(nothing.contains("none of its 4 records has what the axes show"), "{nothing}");
}

#[test]
fn modes_are_refused_with_the_reason_and_the_nearest() {
    let model = embedded();
    let run = |more: &[&str], code: i32, kind: &str| {
        refusal(&[&["run", &model, "-p", "x", "--tokens", "1"], more].concat(), code, kind)
    };
    assert_eq!(
        run(&["--mode", "warp"], 2, "option"),
        "--mode warp: unknown mode \"warp\"; known are fused, cached, lru, prefetch, async, auto"
    );
    let refused = run(&["--mode", "async"], 2, "option");
    assert!(refused.starts_with("mode async: CPU, "), "{refused}");
    assert!(
        refused.ends_with(
            "has no second queue to decode on; the nearest is prefetch (host threads decode ahead)"
        ),
        "{refused}"
    );
    assert_eq!(
        run(&["--mode", "lru"], 2, "option"),
        "mode lru: needs --memory BYTES, what decoded layers may take"
    );
    let refused = run(&["--mode", "lru", "--memory", "0"], 2, "option");
    assert!(
        refused.starts_with("mode lru: a budget of 0 bytes does not hold one decoded layer of "),
        "{refused}"
    );
    assert!(refused.ends_with("; fused needs none"), "{refused}");
    assert_eq!(run(&["--device", "tpu"], 2, "option"), "--device tpu: this build knows cpu");
    assert_eq!(run(&["--top-p", "0"], 2, "option"), "top-p is 0, expected above 0, at most 1");
    assert!(run(&["--memory", "12XB"], 2, "usage").contains("unknown unit \"XB\""));
    let long = "word ".repeat(40);
    let refused = refusal(&["run", &model, "-p", &long, "--context", "16"], 2, "option");
    assert!(refused.ends_with("tokens do not fit into the context of 16"), "{refused}");
}

#[test]
fn files_that_do_not_run_are_named_with_what_is_wrong() {
    let folder = Folder::new();
    let run =
        |file: &str, code: i32, kind: &str| refusal(&["run", file, "-p", "x", "--tokens", "1"], code, kind);

    assert!(run(&folder.name("none.ecq"), 4, "io").contains("none.ecq"));
    std::fs::write(folder.path("m.gguf"), ecq_testkit::small_gguf(64, 256)).unwrap();
    assert!(
        run(&folder.name("m.gguf"), 3, "format")
            .ends_with("a GGUF file; only .ecq files run, `ecq quantize --lossless` makes one of it")
    );

    // Truncated at some places, and one flipped bit in the largest stream.
    let bytes = std::fs::read(embedded()).unwrap();
    let broken = folder.name("broken.ecq");
    for part in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&broken, &bytes[..part]).unwrap();
        let output = ecq(&["run", &broken, "-p", "x", "--json"]);
        assert_eq!(output.status.code(), Some(3), "{part}: {}", String::from_utf8_lossy(&output.stdout));
    }
    let mut poisoned = bytes.clone();
    poisoned[bytes.len() / 2] ^= 16;
    std::fs::write(&broken, &poisoned).unwrap();
    let message = run(&broken, 3, "corrupt");
    assert!(message.contains(".weight") && message.contains("checksum"), "{message}");
}

#[test]
fn an_unknown_architecture_is_named_with_those_that_run() {
    let folder = Folder::new();
    let file = folder.changed(|hf| {
        change(&hf.join("config.json"), |config| config["model_type"] = Value::from("mamba"));
    });
    let message = refusal(&["run", &file, "-p", "x"], 5, "unsupported");
    assert!(message.starts_with("architecture \"mamba\" is not known; known are "), "{message}");
}

#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let folder = Folder::new();
    let file = folder.changed(|hf| {
        change(&hf.join("tokenizer.json"), |json| json["model"]["vocab"]["elsewhere"] = Value::from(9999));
    });
    assert_eq!(
        refusal(&["run", &file, "-p", "x"], 3, "corrupt"),
        "tokenizer: has ids up to 9999, the model's embedding 5120 rows: it belongs to another model"
    );
}

#[test]
fn conversations_follow_the_template_and_obey_commands() {
    let folder = Folder::new();
    assert_eq!(
        refusal(&["chat", &embedded()], 3, "corrupt"),
        "the file carries no chat template: it is no model for conversations"
    );
    let file = folder.changed(|hf| {
        let template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:";
        std::fs::write(hf.join("chat_template.jinja"), template).unwrap();
    });
    let talk = |lines: &str, more: &[&str]| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ecq"))
            .args([&["chat", &file, "--tokens", "8", "--seed", "1"], more].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    };
    let (out, said) =
        talk("/help\n/nonsense\n/stats\nWhat is it?\n/stats\n/undo\n/reset\n/quit\nnever read\n", &[]);
    for words in ["/undo", "/nonsense is no command; /help lists them", "nothing was answered yet", "read "] {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert!(!out.trim().is_empty() && !said.contains("never read"));
    let (out, _) = talk("What is it?\nAnd then?\n", &["--json"]);
    let answers: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2);
    assert!(answers.iter().all(|answer| !answer["tokens"].as_array().unwrap().is_empty()));
    // What does not fit is said, and the conversation goes on.
    let (_, said) = talk(&format!("{}\n/reset\nHi\n", "word ".repeat(100)), &["--context", "32"]);
    assert!(said.contains("of 32: /reset or /undo makes room"), "{said}");
}

#[cfg(unix)]
#[test]
fn an_interruption_ends_a_text_at_once_and_says_so() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ecq"))
        .args(["run", &embedded(), "-p", "In the beginning", "--tokens", "100000", "--ignore-end"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Text has begun to come when it is interrupted.
    let mut first = [0; 24];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let start = Instant::now();
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    // A quick machine may have filled the context before.
    match output.status.code() {
        Some(130) => assert!(said.contains("stopped: interrupted"), "{said}"),
        code => {
            assert!(code == Some(0) && said.contains("the context of 512 tokens is full"), "{code:?} {said}")
        }
    }
}
