//! Tests of inputs: prompts, chats, limits, arguments, models of every format.

use super::common::{Folder, embedded};
use super::usage::{command, ecq, plain, refused, said, with_input};
use serde_json::Value;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;

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
