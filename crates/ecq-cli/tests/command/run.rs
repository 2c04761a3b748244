//! Tests of `ecq run`, `chat`, `eval`, `bench` and `plot`: JSON output, text output and errors.

use super::common::{Folder, embedded};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub fn ecq(args: &[&str]) -> Output {
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/cache");
    Command::new(env!("CARGO_BIN_EXE_ecq")).args(args).env("ECQ_CACHE", cache).output().unwrap()
}

/// Returns the JSON output of a command that succeeds.
pub fn object(args: &[&str]) -> Value {
    let output = ecq(&[args, &["--json"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{args:?}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Returns the message of a command that fails with this exit code and kind.
pub fn refusal(args: &[&str], code: i32, kind: &str) -> String {
    let output = ecq(&[args, &["--json"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    let error = serde_json::from_str::<Value>(&text).unwrap()["error"].clone();
    assert_eq!(error["kind"], kind, "{error}");
    error["message"].as_str().unwrap().to_owned()
}

impl Folder {
    /// The embedded model, quantized to 4-bit affine groups.
    fn quantized(&self) -> String {
        let file = self.name("tiny4.ecq");
        object(&["quantize", &embedded(), "--grid", "affine:4:64", "-o", &file]);
        file
    }

    /// The embedded model as an `.ecq` file, after `change` has modified its checkpoint folder.
    pub(super) fn changed(&self, change: impl FnOnce(&Path)) -> String {
        let (folder, file) = (self.name("hf"), self.name("changed.ecq"));
        object(&["export", &embedded(), "--format", "safetensors", "-o", &folder]);
        change(Path::new(&folder));
        object(&["quantize", &folder, "--lossless", "-o", &file]);
        file
    }
}

/// Modifies a JSON file.
fn change(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(file, value.to_string()).unwrap();
}

#[test]
fn run_prints_json_for_scripts_and_text_for_people() {
    let model = embedded();
    let run = object(&["run", &model, "-p", "In the beginning", "--greedy", "--tokens", "12"]);
    assert!(run["text"].as_str().unwrap().len() > 12, "{run}");
    assert_eq!(run["tokens"].as_array().unwrap().len(), 12);
    assert!(run["prompt_tokens"].as_u64().unwrap() >= 4);
    let positive = [
        "prefill_tokens_per_s",
        "decode_tokens_per_s",
        "weight_bytes_resident",
        "weight_bytes_stored",
        "cache_bytes",
        "peak_rss_bytes",
    ];
    for name in positive {
        assert!(run[name].as_f64().unwrap() > 0.0, "{name} in {run}");
    }
    assert_eq!(run["finish_reason"], "length");
    for name in ["sequences", "log_probs", "drafted", "accepted"] {
        assert!(run.get(name).is_none(), "{name} in {run}");
    }
    assert_eq!((&run["mode"], &run["device"]), (&Value::from("cached"), &Value::from("cpu")));
    // Without --json, the text is on standard output and the statistics are on standard error.
    let said = ecq(&["run", &model, "-p", "In the beginning", "--greedy", "--tokens", "12", "-v"]);
    let (text, rest) = (String::from_utf8(said.stdout).unwrap(), String::from_utf8(said.stderr).unwrap());
    assert_eq!(text, format!("In the beginning{}\n", run["text"].as_str().unwrap()));
    for words in [
        "mode cached: all decoded weights",
        "model.layers.0.mlp.down_proj.weight",
        "tokens/s\nmemory: weights ",
    ] {
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
fn a_stop_string_ends_the_text_before_it() {
    let model = embedded();
    let run = ["run", &model, "-p", "The Debian project is", "--greedy", "--tokens", "24"];
    let whole = object(&run);
    let text = whole["text"].as_str().unwrap();
    // A stop string of two words has several tokens. A stop string that does not occur has no effect.
    let words: Vec<&str> = text.split_whitespace().collect();
    let stop = format!("{} {}", words[4], words[5]);
    let shown = &text[..text.find(&stop).unwrap()];
    let stops = ["--stop", "nowhere in it", "--stop", &stop];
    let cut = object(&[&run[..], &stops].concat());
    assert_eq!((cut["text"].as_str(), &cut["finish_reason"]), (Some(shown), &Value::from("stop")));
    assert!(cut["tokens"].as_array().unwrap().len() < 24);
    let said = ecq(&[&run[..], &stops].concat());
    assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("The Debian project is{shown}\n"));
    // Text held back as the possible beginning of a stop string is printed at the end.
    let longer = format!("{text} and more");
    let rest = object(&[&run[..], &["--stop", &longer]].concat());
    assert_eq!((&rest["text"], &rest["finish_reason"]), (&whole["text"], &Value::from("length")));
}

#[test]
fn the_first_of_several_completions_is_that_of_a_single_one() {
    let model = embedded();
    let run = ["run", &model, "-p", "It was", "--tokens", "16", "--seed", "7"];
    let (one, three) = (object(&run), object(&[&run[..], &["--samples", "3"]].concat()));
    let sequences = three["sequences"].as_array().unwrap();
    assert_eq!(sequences.len(), 3);
    for name in ["text", "tokens", "finish_reason"] {
        assert_eq!((&three[name], &sequences[0][name]), (&one[name], &one[name]), "{name}");
    }
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        assert_ne!(sequences[a]["tokens"], sequences[b]["tokens"]);
    }
    // Without --json, each completion follows its number.
    let said = String::from_utf8(ecq(&[&run[..], &["--samples", "3"]].concat()).stdout).unwrap();
    let texts = sequences.iter().enumerate();
    let expected = texts.map(|(i, s)| format!("--- {}\nIt was{}\n", i + 1, s["text"].as_str().unwrap()));
    assert_eq!(said, expected.collect::<String>());
    // Greedy completions are equal.
    let greedy = object(&["run", &model, "-p", "It was", "--tokens", "16", "--greedy", "--samples", "2"]);
    assert_eq!(greedy["sequences"][0], greedy["sequences"][1]);
    refusal(&[&run[..], &["--samples", "0"]].concat(), 2, "usage");
}

#[test]
fn a_draft_model_changes_no_token() {
    let folder = Folder::new();
    let (model, small) = (embedded(), folder.name("tiny3.ecq"));
    object(&["quantize", &model, "--grid", "affine:3:64", "-o", &small]);
    for sampling in [&["--greedy"][..], &["--seed", "3"], &["--seed", "4", "--repetition-penalty", "1.2"]] {
        let run = [&["run", &model, "-p", "The Debian project is", "--tokens", "40"], sampling].concat();
        let plain = object(&run);
        for (draft, tokens) in [(&model, "4"), (&small, "4"), (&small, "7")] {
            let drafted = object(&[&run[..], &["--draft", draft, "--draft-tokens", tokens]].concat());
            assert_eq!(drafted["tokens"], plain["tokens"], "{sampling:?} {draft} {tokens}");
            assert_eq!(drafted["text"], plain["text"]);
            let (proposed, accepted) =
                (drafted["drafted"].as_u64().unwrap(), drafted["accepted"].as_u64().unwrap());
            assert!(proposed > 10 && accepted <= proposed, "{drafted}");
            if sampling == ["--greedy"] {
                // The model accepts all of its own proposals and some of those of its quantized version.
                assert!(accepted > 0 && (draft != &model || accepted == proposed), "{drafted}");
            }
        }
    }
    let run = ["run", &model, "-p", "The Debian project is", "--greedy", "--tokens", "40"];
    let said = String::from_utf8(ecq(&[&run[..], &["--draft", &model]].concat()).stderr).unwrap();
    assert!(said.contains("draft: 100% of "), "{said}");
    let refused = refusal(&[&run[..], &["--draft", &model, "--draft-tokens", "33"]].concat(), 2, "option");
    assert_eq!(refused, "draft tokens is 33, expected 1 to 32");
}

#[test]
fn the_kv_cache_has_every_type() {
    let model = embedded();
    let run = |cache: &str| {
        object(&["run", &model, "-p", "In the beginning", "--greedy", "--tokens", "12", "--cache", cache])
    };
    let bytes = |run: &Value| run["cache_bytes"].as_u64().unwrap();
    let f16 = run("f16");
    for cache in ["f32", "bf16", "i8"] {
        let other = run(cache);
        assert_eq!(other["tokens"].as_array().unwrap().len(), 12, "{cache}");
        // Integers have a scale per head.
        let (least, most) = match cache {
            "f32" => (2.0, 2.0),
            "bf16" => (1.0, 1.0),
            _ => (0.5, 0.6),
        };
        let ratio = bytes(&other) as f64 / bytes(&f16) as f64;
        assert!((least..=most).contains(&ratio), "{cache}: {ratio}");
    }
    assert!(refusal(&["run", &model, "-p", "x", "--cache", "u32"], 2, "usage").contains("bf16"));
}

#[test]
fn log_probabilities_are_those_of_the_tokens() {
    let run = ["run", &embedded(), "-p", "It was", "--tokens", "8", "--log-probs", "3"];
    let tokens_and_probabilities = |object: &Value| {
        let tokens = object["tokens"].as_array().unwrap().clone();
        let of_tokens = object["log_probs"].as_array().unwrap().clone();
        assert_eq!((tokens.len(), of_tokens.len()), (8, 8));
        for (token, of_token) in tokens.iter().zip(&of_tokens) {
            assert_eq!(&of_token["token"], token);
            let top = of_token["top"].as_array().unwrap();
            let logprob = |value: &Value| value["logprob"].as_f64().unwrap();
            assert_eq!(top.len(), 3);
            assert!(top.windows(2).all(|pair| logprob(&pair[0]) >= logprob(&pair[1])));
            assert!(logprob(of_token) < 0.0 && logprob(of_token) <= logprob(&top[0]));
            for other in top.iter().filter(|other| other["token"] == of_token["token"]) {
                assert_eq!(logprob(other), logprob(of_token));
            }
        }
        (tokens, of_tokens)
    };
    let greedy = object(&[&run[..], &["--greedy"]].concat());
    let (tokens, of_tokens) = tokens_and_probabilities(&greedy);
    assert!(tokens.iter().zip(&of_tokens).all(|(token, of_token)| of_token["top"][0]["token"] == *token));
    let two = object(&[&run[..], &["--seed", "5", "--samples", "2"]].concat());
    assert_eq!(two["log_probs"], two["sequences"][0]["log_probs"]);
    two["sequences"].as_array().unwrap().iter().for_each(|sequence| drop(tokens_and_probabilities(sequence)));
    // They are available in JSON only.
    let said = ecq(&run);
    assert_eq!(said.status.code(), Some(2));
    assert_eq!(String::from_utf8(said.stderr).unwrap(), "error: --log-probs 3: needs --json\n");
}

#[test]
fn inspect_lists_the_commands_of_a_step() {
    let folder = Folder::new();
    let file = folder.quantized();
    let listing = |args: &[&str]| {
        let output = ecq(&[&["inspect", &file, "--program"], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let lines = |text: &str, queue: &str| text.lines().filter(|l| l.trim_start().starts_with(queue)).count();
    let fused = listing(&["1", "--mode", "fused"]);
    assert!(fused.starts_with("program step of llama in mode fused: up to 1 rows, 1 of them"), "{fused}");
    assert!(lines(&fused, "compute ") > 50 && lines(&fused, "decode ") == 0, "{fused}");
    assert!(fused.contains("model.layers.0.mlp.down_proj.weight (fused gemv)"), "{fused}");
    let prefetch = listing(&["5", "--mode", "prefetch"]);
    assert!(prefetch.contains("mode prefetch: up to 8 rows"), "{prefetch}");
    assert!(lines(&prefetch, "compute ") > 50 && lines(&prefetch, "decode ") > 10, "{prefetch}");
    assert!(listing(&["1", "--mode", "lru", "--memory", "900kB"]).contains(" decoded\n"));
    let object = object(&["inspect", &file, "--program", "1", "--mode", "fused"]);
    assert_eq!(object["program"].as_str().unwrap(), fused);
    assert!(object["tensors"].is_array());
    refusal(&["inspect", &file, "--program", "257"], 2, "usage");
    refusal(&["inspect", &file, "--mode", "fused"], 2, "usage");
}

#[test]
fn concurrent_sequences_are_measured_in_every_mode() {
    let folder = Folder::new();
    let file = folder.quantized();
    let bench = ["bench", "model", &file, "--prompt-tokens", "24", "--tokens", "6", "--repeat", "2"];
    let measured = object(&[&bench[..], &["--modes", "fused,prefetch", "--sequences", "1,3"]].concat());
    let rows = measured["results"].as_array().unwrap();
    let of = |row: &Value| (row["mode"].as_str().unwrap().to_owned(), row["sequences"].as_u64().unwrap());
    let expected = [("fused", 1), ("fused", 3), ("prefetch", 1), ("prefetch", 3)];
    assert_eq!(rows.iter().map(of).collect::<Vec<_>>(), expected.map(|(mode, n)| (mode.to_owned(), n)));
    for row in rows {
        for name in ["prefill_tokens_per_s", "decode_tokens_per_s", "cache_bytes", "weight_bytes_resident"] {
            assert!(row[name].as_f64().unwrap() > 0.0, "{name} in {row}");
        }
    }
    // Prompts share no KV cache.
    assert_eq!(rows[1]["cache_bytes"].as_u64().unwrap(), 3 * rows[0]["cache_bytes"].as_u64().unwrap());
    let said =
        String::from_utf8(ecq(&[&bench[..], &["--modes", "fused", "--sequences", "2"]].concat()).stdout);
    let said = said.unwrap();
    for words in ["sequences", "per sequence", "KV cache"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    let full = refusal(&[&bench[..], &["--modes", "fused", "--context", "28"]].concat(), 4, "io");
    assert!(
        full.contains("the context of 28 tokens is full before every sequence has 6 new tokens"),
        "{full}"
    );
    // The last token is not stored in the context.
    object(&[&bench[..], &["--modes", "fused", "--context", "29"]].concat());
    refusal(&[&bench[..], &["--sequences", "1,0"]].concat(), 2, "usage");
}

#[test]
fn evaluations_and_measurements_are_plotted() {
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

    // Every mode gives the same numbers, and the KL divergence of a model from itself is 0 in every format.
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
    assert!(results.iter().all(|r| r["sequences"] == 1 && r["decode_tokens_per_s"].as_f64().unwrap() > 0.0));
    std::fs::write(folder.path("bench.json"), bench.to_string()).unwrap();
    let plot = object(&["plot", "modes", &folder.name("bench.json"), "-o", &drawing, "--force"]);
    assert_eq!(plot["points"], 4);
    assert!(std::fs::read_to_string(&drawing).unwrap().contains(">prefetch</text>"));
    let nothing = refusal(&["plot", "rd", &folder.name("bench.json"), "-o", &drawing, "--force"], 4, "io");
    assert!(nothing.contains("none of its 4 records has the quantities of both axes"), "{nothing}");
}

#[test]
fn unsupported_modes_are_errors_with_reason_and_alternative() {
    let model = embedded();
    let run = |more: &[&str], code: i32, kind: &str| {
        refusal(&[&["run", &model, "-p", "x", "--tokens", "1"], more].concat(), code, kind)
    };
    assert_eq!(
        run(&["--mode", "warp"], 2, "option"),
        "--mode warp: unknown mode \"warp\"; expected one of fused, cached, lru, prefetch, async, auto"
    );
    let refused = run(&["--mode", "async"], 2, "option");
    assert!(refused.starts_with("mode async: CPU, "), "{refused}");
    assert!(refused.ends_with("has no second queue to decode on; use prefetch"), "{refused}");
    assert_eq!(
        run(&["--mode", "lru"], 2, "option"),
        "mode lru: needs a memory budget for decoded layers (set it with `--memory BYTES`)"
    );
    let refused = run(&["--mode", "lru", "--memory", "0"], 2, "option");
    assert!(
        refused.starts_with("mode lru: a budget of 0 bytes is less than one decoded layer ("),
        "{refused}"
    );
    assert!(refused.ends_with("; use fused, which needs none (set it with `--memory BYTES`)"), "{refused}");
    assert_eq!(
        run(&["--device", "tpu"], 2, "option"),
        "unknown device; expected cpu, cuda, cuda:N, wgpu, wgpu:N or wgpu:NAME"
    );
    assert_eq!(run(&["--top-p", "0"], 2, "option"), "top-p is 0, expected above 0, at most 1");
    assert!(run(&["--memory", "12XB"], 2, "usage").contains("unknown unit \"XB\""));
    let long = "word ".repeat(40);
    let refused = refusal(&["run", &model, "-p", &long, "--context", "16"], 2, "option");
    assert!(refused.ends_with("tokens do not fit into the context of 16"), "{refused}");
}

#[test]
fn files_that_cannot_run_are_errors_with_a_reason() {
    let folder = Folder::new();
    let run =
        |file: &str, code: i32, kind: &str| refusal(&["run", file, "-p", "x", "--tokens", "1"], code, kind);

    assert!(run(&folder.name("none.ecq"), 4, "io").contains("none.ecq"));
    // A GGUF file whose tensors do not form a model.
    std::fs::write(folder.path("m.gguf"), ecq_fixtures::small_gguf(64, 256)).unwrap();
    let message = run(&folder.name("m.gguf"), 3, "corrupt");
    assert!(message.starts_with("tensor \"token_embd.weight\" has shape"), "{message}");
    std::fs::write(folder.path("text"), "not a model at all, but some text").unwrap();
    let message = run(&folder.name("text"), 3, "format");
    assert!(message.contains("text is not a model but a text, "), "{message}");
    assert!(message.ends_with("(expected GGUF, safetensors, .ecq or a checkpoint folder)"), "{message}");

    // Truncated files, and one flipped bit in the largest stream.
    let bytes = std::fs::read(embedded()).unwrap();
    let broken = folder.name("broken.ecq");
    for part in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&broken, &bytes[..part]).unwrap();
        let output = ecq(&["run", &broken, "-p", "x", "--json"]);
        assert_eq!(output.status.code(), Some(3), "{part}: {}", String::from_utf8_lossy(&output.stdout));
    }
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 16;
    std::fs::write(&broken, &flipped).unwrap();
    let message = run(&broken, 3, "corrupt");
    assert!(message.contains(".weight") && message.contains("checksum"), "{message}");
}

#[test]
fn an_unknown_architecture_is_an_error_that_lists_the_known_ones() {
    let folder = Folder::new();
    let file = folder.changed(|hf| {
        change(&hf.join("config.json"), |config| config["model_type"] = Value::from("mamba"));
    });
    let message = refusal(&["run", &file, "-p", "x"], 5, "unsupported");
    assert!(message.starts_with("architecture \"mamba\" is not supported; supported: "), "{message}");
}

#[test]
fn a_tokenizer_of_another_model_is_an_error() {
    let folder = Folder::new();
    let file = folder.changed(|hf| {
        change(&hf.join("tokenizer.json"), |json| json["model"]["vocab"]["elsewhere"] = Value::from(9999));
    });
    assert_eq!(
        refusal(&["run", &file, "-p", "x"], 3, "corrupt"),
        "tokenizer: has ids up to 9999, but the model has 5120 embedding rows: it belongs to another model"
    );
}

#[test]
fn chats_use_the_template_and_execute_commands() {
    let folder = Folder::new();
    assert_eq!(
        refusal(&["chat", &embedded()], 3, "corrupt"),
        "the file has no chat template: it is not a chat model"
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
    for words in ["/undo", "unknown command /nonsense; /help lists the commands", "no answer yet", "prompt: "]
    {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert!(!out.trim().is_empty() && !said.contains("never read"));
    let (out, _) = talk("What is it?\nAnd then?\n", &["--json"]);
    let answers: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2);
    assert!(answers.iter().all(|answer| !answer["tokens"].as_array().unwrap().is_empty()));
    // A draft model does not change answers; a stop string shortens them.
    let (drafted, _) = talk("What is it?\nAnd then?\n", &["--json", "--draft", &file]);
    assert_eq!(drafted, out);
    let text = answers[0]["text"].as_str().unwrap();
    let stop = text.trim().chars().last().unwrap().to_string();
    let (cut, _) = talk("What is it?\n", &["--json", "--stop", &stop]);
    let cut: Value = serde_json::from_str(cut.trim_end()).unwrap();
    assert_eq!(cut["text"].as_str(), text.split_once(&stop).map(|(before, _)| before));
    // The KV cache of the conversation is reused when a message is repeated.
    let question = "What is a package of the system, and how is it installed? ".repeat(3);
    let (_, said) = talk(&format!("{question}\n/stats\n/undo\n{question}\n/stats\n"), &[]);
    let read = |line: &str| {
        let mut numbers = line.split(' ').filter_map(|word| word.parse::<usize>().ok());
        (numbers.next().unwrap(), numbers.next().unwrap())
    };
    let reads: Vec<(usize, usize)> = said.lines().filter(|l| l.starts_with("prompt: ")).map(read).collect();
    assert!(reads[0].0 == reads[0].1 && reads[1].1 == reads[0].1, "{said}");
    assert!(reads[1].0 <= 16 && reads[1].1 > 32, "all but the last block is cached: {said}");
    // A message that exceeds the context is rejected, and the conversation continues.
    let (_, said) = talk(&format!("{}\n/reset\nHi\n", "word ".repeat(100)), &["--context", "32"]);
    assert!(said.contains("of a context of 32; the message was not sent"), "{said}");
}

#[cfg(unix)]
#[test]
fn an_interruption_ends_generation_at_once() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ecq"))
        .args(["run", &embedded(), "-p", "In the beginning", "--tokens", "100000", "--ignore-end"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Interrupted once text has been printed.
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
