//! Tests of `ecq fake-quant`, `ecq bench fake-quant`, `ecq sweep` and activations `fake:BITS`.

use super::common::{Folder, embedded};
use super::run::{ecq, object, refusal};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use std::fs;

/// A file with a matrix, a vector in half precision, and integers.
fn tensors(folder: &Folder) -> String {
    let matrix: Vec<u8> = (0..24).flat_map(|i| ((i as f32 - 11.5) / 8.0).to_le_bytes()).collect();
    // 1, -0.5 and 0.25 as bfloat16.
    let vector: Vec<u8> = [0x3f80u16, 0xbf00, 0x3e80].iter().flat_map(|bits| bits.to_le_bytes()).collect();
    let integers = [1u8, 2, 3];
    let views = [
        ("matrix", TensorView::new(Dtype::F32, vec![4, 6], &matrix).unwrap()),
        ("vector", TensorView::new(Dtype::BF16, vec![3], &vector).unwrap()),
        ("integers", TensorView::new(Dtype::U8, vec![3], &integers).unwrap()),
    ];
    let file = folder.name("in.safetensors");
    fs::write(&file, safetensors::serialize(views, None).unwrap()).unwrap();
    file
}

fn floats(file: &str, name: &str) -> Vec<f32> {
    let bytes = fs::read(file).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor(name).unwrap();
    assert_eq!(tensor.dtype(), Dtype::F32, "{name}");
    tensor.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
}

#[test]
fn tensors_are_rounded_and_others_copied() {
    let folder = Folder::new();
    let (input, output) = (tensors(&folder), folder.name("out.safetensors"));
    let args = ["fake-quant", &input, "-o", &output, "--bits", "3"];
    let report = object(&args);
    assert_eq!((report["quantized"].as_array().unwrap().len(), &report["copied"]), (2, &Value::from(1)));
    // Thirds, clipped to 1, halves away from zero.
    let third = |x: f32| (x.clamp(-1.0, 1.0) * 3.0).round() / 3.0;
    let x: Vec<f32> = (0..24).map(|i| third((i as f32 - 11.5) / 8.0)).collect();
    assert_eq!(floats(&output, "matrix"), x);
    assert_eq!(floats(&output, "vector"), [1.0, -2.0 / 3.0, 1.0 / 3.0]);
    let bytes = fs::read(&output).unwrap();
    let integers = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(integers.tensor("integers").unwrap().data(), [1, 2, 3]);
    // Rows by themselves, two levels each.
    let more = ["--force", "--bits", "1", "--per-channel", "--name", "matrix"];
    let report = object(&[&args[..4], &more].concat());
    assert_eq!((&report["quantized"][0]["channels"], &report["copied"]), (&Value::from(4), &Value::from(2)));
    let rows = floats(&output, "matrix");
    assert!(rows[..6].iter().all(|x| *x == -11.5 / 8.0) && rows[18..].iter().all(|x| *x == 11.5 / 8.0));
    for (more, levels) in [
        (&["--levels", "quantile"][..], 8),
        (&["--range", "-0.5,1", "--rounding", "half-even"], 8),
        (&["--range", "2.5"], 7),
        (&["--range", "minmax", "--per-channel", "0"], 8),
    ] {
        let report = object(&[&args[..], &["--force", "--name", "matrix"], more].concat());
        assert_eq!(report["quantized"][0]["levels"], levels, "{more:?}");
    }
}

#[test]
fn fake_quantization_refuses_what_it_cannot_do() {
    let folder = Folder::new();
    let (input, output) = (tensors(&folder), folder.name("out.safetensors"));
    let refused = |more: &[&str], code, kind: &str, words: &str| {
        let said = refusal(&[&["fake-quant", &input, "-o", &output][..], more].concat(), code, kind);
        assert!(said.contains(words), "{more:?}: {said}");
        assert!(!fs::exists(&output).unwrap(), "{more:?}");
    };
    refused(&["--bits", "0"], 2, "usage", "1 to 16");
    refused(&["--bits", "17"], 2, "usage", "1 to 16");
    refused(&["--bits", "4", "--range", "wide"], 2, "usage", "minmax");
    refused(&["--bits", "4", "--range", "2,1"], 2, "option", "ascending");
    refused(&["--bits", "4", "--range", "1e-40"], 2, "option", "1e-30");
    refused(&["--bits", "4", "--per-channel", "1"], 2, "option", "axis 1 of an array with 1 axes");
    refused(&["--bits", "4", "--range", "1", "--per-channel"], 2, "option", "max or minmax");
    refused(&["--bits", "4", "--levels", "quantile", "--range", "max"], 2, "option", "remove one");
    refused(&["--bits", "4", "--name", "bias"], 2, "option", "no tensor of floats");
    refused(&["--bits", "4", "--device", "tpu"], 2, "option", "unknown device");
    let bytes = fs::read(&input).unwrap();
    let said = refusal(&["fake-quant", &input, "-o", &input, "--bits", "4", "--force"], 2, "option");
    assert!(said.contains("is the input") && fs::read(&input).unwrap() == bytes, "{said}");
    refusal(&["fake-quant", &folder.name("none"), "-o", &output, "--bits", "4"], 4, "io");
    fs::write(folder.path("bad.safetensors"), &bytes[..bytes.len() - 1]).unwrap();
    refusal(&["fake-quant", &folder.name("bad.safetensors"), "-o", &output, "--bits", "4"], 3, "corrupt");
}

#[test]
fn the_benchmark_has_a_row_for_each_length() {
    let args = ["bench", "fake-quant", "--values", "1000", "--values", "300000", "--repeat", "3"];
    let report = object(&args);
    let rows = report["results"].as_array().unwrap();
    assert!(rows.len() == 2 || rows.len() == 4, "{rows:?}");
    for row in rows {
        for name in ["seconds", "bytes_per_s", "copy_bytes_per_s", "of_copy"] {
            assert!(row[name].as_f64().unwrap() > 0.0, "{name} in {row}");
        }
    }
    let text = String::from_utf8(ecq(&args).stdout).unwrap();
    assert!(text.contains("G values/s") && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    refusal(&["bench", "fake-quant", "--kernel", "block"], 2, "option");
    refusal(&["bench", "fake-quant", "--device", "wgpu", "--threads", "2"], 2, "option");
}

/// Models whose activations have few levels are worse, and activations of 16 bits change little.
#[test]
fn activations_of_few_bits_are_evaluated() {
    let folder = Folder::new();
    let text = folder.name("text");
    fs::write(&text, "The quick brown fox jumps over the lazy dog, and then it sleeps. ".repeat(4)).unwrap();
    let kl = |bits: &str| {
        let args = ["--reference", &embedded(), "--max-tokens", "48", "--activations", bits];
        let report = object(&[&["eval", &embedded(), "--text", &text][..], &args].concat());
        assert_eq!(report["activations"], bits);
        report["kl"].as_f64().unwrap()
    };
    let [coarse, middle, fine] = ["fake:2", "fake:6", "fake:16"].map(kl);
    assert!(coarse > 2.0 * middle && middle > 10.0 * fine && fine < 1e-4, "{coarse} {middle} {fine}");
    for wrong in ["fake:0", "fake:17", "fake", "f16"] {
        let args = ["eval", &embedded(), "--text", &text, "--activations", wrong];
        assert!(refusal(&args, 2, "usage").contains("fake:BITS"));
    }
    let args = ["eval", &embedded(), "--text", &text, "--activations", "fake:4", "--device", "wgpu"];
    assert!(refusal(&args, 2, "option").contains("f32"));
}

/// Finished points are kept, half a line is ignored, a changed point is measured again.
#[test]
fn a_sweep_continues() {
    let folder = Folder::new();
    fs::write(folder.path("text"), "The quick brown fox jumps over the lazy dog. ".repeat(4)).unwrap();
    fs::copy(embedded(), folder.path("tiny.ecq")).unwrap();
    let write = |bits: &str, tokens: usize| {
        let grids = r#"grids = ["uniform", "affine:32"]"#;
        let text = format!(
            "models = [\"tiny.ecq\"]\n{grids}\nbits = {bits}\ntext = \"text\"\nmax-tokens = {tokens}\n\
             window = 16\n"
        );
        fs::write(folder.path("sweep.toml"), text).unwrap();
    };
    let (sweep, out) = (folder.name("sweep.toml"), folder.name("out"));
    let args = ["sweep", &sweep, "-o", &out];
    write("[3]", 32);
    let first = object(&args);
    assert_eq!((&first["computed"], &first["reused"]), (&Value::from(2), &Value::from(0)));
    // A sweep that is killed leaves half a line and a folder.
    let journal = folder.path("out/points.jsonl");
    let whole = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, format!("{whole}{{\"point\":\"0123")).unwrap();
    fs::create_dir(folder.path("out/.point-x")).unwrap();
    write("[3, 4]", 32);
    let second = object(&args);
    assert_eq!((&second["computed"], &second["reused"]), (&Value::from(2), &Value::from(2)));
    let results = second["results"].as_array().unwrap();
    let of = |record: &Value| (record["grid"].as_str().unwrap().to_owned(), record["bits"].as_f64().unwrap());
    let points: Vec<_> = results.iter().map(of).collect();
    let name = str::to_owned;
    let expected =
        [(name("uniform"), 3.0), (name("uniform"), 4.0), (name("affine:32"), 3.0), (name("affine:32"), 4.0)];
    assert_eq!(points, expected);
    assert_eq!(results[0], first["results"][0]);
    assert!(results.iter().all(|record| record["kl"].as_f64().unwrap() > 0.0));
    assert!(!fs::exists(folder.path("out/.point-x")).unwrap());
    let table = fs::read_to_string(folder.path("out/table.md")).unwrap();
    assert_eq!(table.lines().count(), 6, "{table}");
    let plot = fs::read_to_string(folder.path("out/plot.svg")).unwrap();
    assert_eq!(plot.matches("<circle").count(), 4);
    assert!(plot.contains("tiny affine:32"), "{plot}");
    // All points have other tokens.
    write("[3]", 16);
    let third = object(&args);
    assert_eq!((&third["computed"], &third["reused"]), (&Value::from(2), &Value::from(0)));
    fs::write(&journal, "a diary\n\n").unwrap();
    assert!(refusal(&args, 2, "option").contains("line 1 is no point"));
}

#[test]
fn sweeps_with_mistakes_are_refused() {
    let folder = Folder::new();
    fs::write(folder.path("text"), "text").unwrap();
    fs::copy(embedded(), folder.path("tiny.ecq")).unwrap();
    let (sweep, out) = (folder.name("sweep.toml"), folder.name("out"));
    let refused = |content: &str, code, kind, words: &str| {
        fs::write(&sweep, content).unwrap();
        let said = refusal(&["sweep", &sweep, "-o", &out], code, kind);
        assert!(said.contains(words), "{content}: {said}");
        assert!(!fs::exists(&out).unwrap());
    };
    let plan = |grid: &str, bits: &str, more: &str| {
        format!("models = [\"tiny.ecq\"]\ngrids = [\"{grid}\"]\nbits = [{bits}]\ntext = \"text\"\n{more}")
    };
    refused("models = 3", 2, "option", "sweep.toml");
    refused(&plan("uniform", "3", "colour = 1"), 2, "option", "colour");
    refused(&plan("uniform", "", ""), 2, "option", "bits is empty");
    refused(&plan("uniform", "9", ""), 2, "option", "0.1 to 8");
    refused(&plan("affine", "2.5", ""), 2, "option", "2.5");
    refused(&plan("hexagonal", "3", ""), 2, "option", "absmax[:SPAN]");
    refused(&plan("uniform", "3", "window = 1"), 2, "option", "window");
    refused(&plan("uniform", "3", "activations = \"f64\""), 2, "option", "fake:BITS");
    refused(&plan("uniform", "3", "").replace("tiny", "tinier"), 4, "io", "tinier");
    refusal(&["sweep", &folder.name("none.toml"), "-o", &out], 4, "io");
}
