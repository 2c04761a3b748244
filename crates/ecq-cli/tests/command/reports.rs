//! Tests of reports and notes: `verify`, `diff`, calibration, damaged files.

use super::common::{Folder, embedded};
use super::usage::{self, ecq, plain, refused, said};
use std::path::Path;

#[test]
fn a_file_is_verified_against_its_source() {
    let folder = Folder::new();
    let (hf, low) = (folder.first_layers(2), folder.name("low.ecq"));
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
    let (out, _) = usage::said(&["inspect", &hf]);
    assert!(plain(&out).contains("format safetensors, ") && out.contains("llama"), "{out}");
}

#[test]
fn diff_lists_errors_in_layer_order() {
    let folder = Folder::new();
    let (a, b) = (folder.name("a.ecq"), folder.name("b.ecq"));
    let model = folder.first_layers(2);
    said(&["quantize", &model, "--bpw", "4", "-o", &a]);
    said(&["quantize", &model, "--grid", "affine:4:64", "-o", &b]);
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

#[test]
fn below_four_bits_a_model_is_calibrated_unless_that_is_off() {
    let folder = Folder::new();
    let (x, y) = (folder.name("x.ecq"), folder.name("y.ecq"));
    let model = folder.first_layers(2);
    let few = ["--calibration-tokens", "1024", "--calibration-window", "64"];
    let (out, rest) = said(&[&["quantize", &model, "--bpw", "3", "-o", &x], &few[..]].concat());
    for words in ["calibrating by default below 4 bits per weight", "1024 tokens, less than a minute on"] {
        assert!(plain(&rest).contains(words), "{words} in {rest}");
    }
    assert!(
        plain(&out).contains("KL divergence from the source, on passages that calibration did not use")
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
    let (out, rest) = said(&["quantize", &model, "--bpw", "3", "--calibrate", "off", "-o", &y]);
    assert!(out.contains("SQNR dB") && rest.is_empty(), "{out} {rest}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    assert!(!out.contains("projections  │"), "no cell folds: {out}");
    // --calibrate takes one value: the next argument is the model.
    let z = folder.name("z.ecq");
    let few = ["--calibration-tokens", "64", "--calibration-window", "64"];
    said(&[&["quantize", "--calibrate", "default", &model, "--bpw", "3", "-o", &z], &few[..]].concat());
    // The old name of `self`.
    let none = ["quantize", &model, "--bpw", "3", "--calibrate", "none", "-o", &z, "--force"];
    let (_, rest) = said(&[&none[..], &few].concat());
    assert!(plain(&rest).contains("`--calibrate none` is deprecated"), "{rest}");
    let said = refused(&["quantize", &model, "--bpw", "3", "--calibrate", "chat", "-o", &z, "--force"], 2);
    assert!(said.contains("was renamed to `self`"), "{said}");
    let said = refused(
        &["quantize", &model, "--bpw", "3", "--calibrate", "off", "--calibrate", "self", "-o", &z, "--force"],
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
fn models_with_a_chat_template_are_calibrated_on_conversations() {
    let folder = Folder::new();
    let (x, y, z) = (folder.name("x.ecq"), folder.name("y.ecq"), folder.name("z.ecq"));
    let few = ["--bpw", "3", "--calibration-tokens", "1024", "--calibration-window", "64"];
    let model = folder.changed(|hf| {
        let template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:";
        std::fs::write(hf.join("chat_template.jinja"), template).unwrap();
    });
    let quantize = |texts: &[&str], file: &str| {
        let (out, _) = said(&[&["quantize", &model, "-o", file], texts, &few].concat());
        assert!(plain(&out).contains("KL divergence from the source, on passages"), "{out}");
        plain(&said(&["inspect", file]).0)
    };
    let own = quantize(&["--calibrate", "self"], &x);
    assert!(own.contains("1024 tokens of conversations"), "{own}");
    let mixed = quantize(&[], &y);
    assert!(mixed.contains("texts (") && mixed.contains("and conversations ("), "{mixed}");
    for kind in ["prose", "manuals", "source code"] {
        assert!(mixed.contains(&format!("tokens of {kind}")), "{mixed}");
    }
    // The same conversations for the same seed.
    quantize(&["--calibrate", "self"], &z);
    assert!(std::fs::read(&x).unwrap() == std::fs::read(&z).unwrap(), "runs differ");
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
    let model = folder.first_layers(2);
    usage::said(&["quantize", &model, "--bpw", "2", "--calibrate", "off", "-o", &small]);
    let (_, rest) = usage::said(&["export", &small, "--format", "safetensors", "-o", &big]);
    let rest = plain(&rest);
    assert!(rest.contains("the export will be about") && rest.contains("tensors become floats"), "{rest}");
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

#[test]
fn doctor_tests_every_device() {
    let output = ecq(&["doctor", "--self-test", "--json"]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &said["ok"]), (Some(0), &true.into()), "{said}");
    let devices = said["devices"].as_array().unwrap();
    assert_eq!(devices[0]["device"], "cpu");
    for device in devices {
        let checks = device["checks"].as_array().map_or(0, Vec::len);
        assert!(checks >= 15 || device["not_tested"].is_string(), "{device}");
    }
    match devices.iter().find(|device| device["device"] == "wgpu:0") {
        None => println!("SKIPPED the wgpu device: no driver reports an adapter"),
        Some(device) => {
            let checks = device["checks"].as_array().unwrap();
            let fused = checks.iter().find(|check| check["check"] == "fused rans").unwrap();
            let kernels = fused["kernels"].as_array().unwrap();
            assert!(kernels.contains(&"decode_rans".into()), "{fused}");
        }
    }
    let (out, _) = usage::said(&["doctor", "--self-test", "--device", "cpu"]);
    assert!(out.contains("cpu with --activations i8") && out.contains("checks are right"), "{out}");
    assert!(out.lines().skip(1).all(|line| line.chars().count() <= 80), "{out}");
    assert!(refused(&["doctor", "--self-test", "--device", "tpu"], 2).contains("unknown device"));
    assert!(refused(&["doctor", "--device", "cpu"], 2).contains("--self-test"));
}
