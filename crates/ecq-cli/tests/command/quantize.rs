//! Tests of `ecq quantize`, `verify`, `analyze` and others: JSON output, exit codes, interruption, memory.

use super::common::{Folder, embedded};
use ecq::{CalibrationText, Document};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn ecq(args: &[&str]) -> Output {
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/cache");
    Command::new(env!("CARGO_BIN_EXE_ecq")).args(args).env("ECQ_CACHE", cache).output().unwrap()
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "one object: {text}");
    serde_json::from_str(&text).unwrap()
}

impl Folder {
    /// A folder with a small GGUF model.
    fn with_model(rows: u64, cols: u64) -> Self {
        let folder = Self::new();
        std::fs::write(folder.path("m.gguf"), ecq_fixtures::small_gguf(rows, cols)).unwrap();
        folder
    }
}

#[test]
fn json_objects_have_the_documented_keys() {
    let folder = Folder::with_model(64, 256);
    let (model, packed, back) = (folder.name("m.gguf"), folder.name("m.ecq"), folder.name("b.gguf"));

    let report = json(&ecq(&["quantize", &model, "-o", &packed, "--lossless", "--json"]));
    for name in ["file_bytes", "source_bytes", "bpw_linear", "bpw_embedding", "bpw_total", "seconds"] {
        assert!(report[name].as_f64().unwrap() > 0.0, "{name} in {report}");
    }
    assert_eq!(report["file_bytes"].as_u64().unwrap(), std::fs::metadata(&packed).unwrap().len());
    assert!(report.get("peak_rss_bytes").is_some());

    let verified = ecq(&["verify", &packed, "--against", &model, "--json"]);
    assert_eq!(verified.status.code(), Some(0));
    let report = json(&verified);
    assert_eq!(report["ok"], true);
    assert_eq!(report["tensors"], 10);
    assert_eq!(report["codes_checked"], 7 * 64 * 256);
    assert_eq!(report["mismatches"].as_array().unwrap().len(), 0);

    let report = json(&ecq(&["analyze", &model, "--json"]));
    let tensor = &report["tensors"][2];
    assert_eq!(tensor["name"], "blk.0.attn_q.weight");
    assert_eq!(tensor["kind"], "linear");
    assert_eq!((&tensor["rows"], &tensor["cols"]), (&Value::from(64), &Value::from(256)));
    assert!(tensor["entropy_bits"].as_f64().unwrap() < 4.0 && tensor["bpw"].as_f64().unwrap() > 0.0);
    assert!(report["total"]["bpw"].as_f64().unwrap() > 0.0);

    let report = json(&ecq(&["bench", "decode", &model, "--threads", "1", "--seconds", "0.01", "--json"]));
    let result = &report["results"][0];
    assert!(
        result["name"].is_string()
            && result["threads"] == 1
            && result["symbols_per_s"].as_f64().unwrap() > 0.0
    );

    assert_eq!(json(&ecq(&["inspect", &packed, "--json"]))["tensors"].as_array().unwrap().len(), 10);
    assert!(json(&ecq(&["doctor", "--json"]))["findings"].is_array());
    assert_eq!(
        json(&ecq(&["export", &packed, "--format", "gguf", "-o", &back, "--json"]))["file_bytes"],
        std::fs::metadata(&model).unwrap().len()
    );
    assert_eq!(std::fs::read(&back).unwrap(), std::fs::read(&model).unwrap());
    assert_eq!(json(&ecq(&["diff", &packed, &back, "--json"]))["ok"], true);
}

#[test]
fn text_output_is_quiet_on_standard_error() {
    let folder = Folder::with_model(64, 256);
    let (model, packed, plot) = (folder.name("m.gguf"), folder.name("m.ecq"), folder.name("m.svg"));
    let said = |args: &[&str]| {
        let output = ecq(args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "quiet when piped");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(said(&["quantize", &model, "-o", &packed, "--lossless", "-v"]).contains("block projections"));
    assert!(said(&["quantize", &model, "--lossless", "--dry-run"]).contains("nothing written"));
    assert!(said(&["verify", &packed]).contains("file hash and checksums match"));
    assert!(said(&["verify", &packed, "--against", &model]).contains("identical to"));
    assert!(said(&["inspect", &packed, "-v"]).contains("blk.0.ffn_down.weight"));
    assert!(said(&["diff", &packed, &model]).contains("identical: "));
    assert!(said(&["analyze", &model, "-v", "--plot", &plot]).contains("entropy"));
    let svg = std::fs::read_to_string(&plot).unwrap();
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.contains("blk.0.attn_q.weight"));
}

#[test]
fn a_model_is_quantized_to_a_rate_or_a_size_and_analyzed() {
    let folder = Folder::with_model(64, 256);
    let (model, packed, page) = (folder.name("f.gguf"), folder.name("f.ecq"), folder.name("f.html"));
    std::fs::write(&model, ecq_fixtures::finite_gguf(256, 1024)).unwrap();
    let quantize = ["quantize", &model, "--calibrate", "off", "--json"];
    let report = json(&ecq(&[&quantize[..], &["-o", &packed, "--bpw", "3.25"]].concat()));
    assert!((report["bpw_linear"].as_f64().unwrap() - 3.25).abs() < 0.01, "{report}");
    assert!(report["sqnr_linear_db"].as_f64().unwrap() > 10.0);
    let verified = json(&ecq(&["verify", &packed, "--against", &model, "--json"]));
    assert!(verified["ok"] == true && verified["quantized"].as_array().unwrap().len() == 8);
    let words = String::from_utf8(ecq(&["verify", &packed, "--against", &model]).stdout).unwrap();
    assert!(words.contains("8 are quantized") && words.contains("SQNR dB"), "{words}");

    let size = report["file_bytes"].as_u64().unwrap() / 1000 * 1000;
    let sized = json(&ecq(&[&quantize[..], &["--dry-run", "--size", &size.to_string()]].concat()));
    assert!(sized["file_bytes"].as_u64().unwrap() <= size);

    let grids = json(&ecq(&["analyze", &model, "--grids", "--json"]))["grids"].clone();
    let rows = grids["grids"].as_array().unwrap();
    let of = |grid: &str| rows.iter().find(|row| row["grid"] == grid).unwrap();
    assert!(
        of("affine:4:64")["sqnr_db"].as_f64().unwrap() > of("absmax:4:tensor")["sqnr_db"].as_f64().unwrap()
    );
    assert!(ecq(&["report", &model, "-o", &page]).status.success());
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.contains("<svg") && page.contains("affine:4:64") && page.ends_with("</html>\n"));
    assert!(!page.contains("http-equiv") && !page.contains(" src="), "a self-contained page");

    // NaN weights are an error with the tensor, and no file is written.
    let (bad, none) = (folder.name("m.gguf"), folder.name("none.ecq"));
    let error = json(&ecq(&["quantize", &bad, "-o", &none, "--json"]))["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("is NaN; finite numbers are expected"), "{error}");
    assert!(error["tensor"].as_str().is_some() && !Path::new(&none).exists());
    for (option, value) in
        [("--bpw", "9"), ("--bpw", "x"), ("--size", "10 apples"), ("--grid", "q4"), ("--steps", "col")]
    {
        let output = ecq(&["quantize", &model, "-o", &none, option, value, "--json"]);
        assert_eq!(
            (output.status.code(), &json(&output)["error"]["kind"]),
            (Some(2), &Value::from("option"))
        );
    }
    assert_eq!(ecq(&["quantize", &model, "-o", &none, "--lossless", "--bpw", "3"]).status.code(), Some(2));
}

#[test]
fn the_demo_reports_the_files_that_it_keeps() {
    let folder = Folder::new();
    let demo = json(&ecq(&["demo", "--keep", &folder.name("demo"), "--json"]));
    let rows = demo["grids"].as_array().unwrap();
    assert!(rows.len() >= 6 && rows.iter().all(|row| row["verified"] == true), "{demo}");
    for row in rows {
        let length = std::fs::metadata(row["file"].as_str().unwrap()).unwrap().len();
        assert_eq!(row["file_bytes"], length);
    }
    // The lossless conversion of the embedded model has the same size.
    assert_eq!(demo["model_bytes"], rows[0]["file_bytes"]);
}

#[test]
fn errors_have_kind_tensor_offset_and_exit_code() {
    let folder = Folder::with_model(64, 256);
    let (model, packed, none) = (folder.name("m.gguf"), folder.name("m.ecq"), folder.name("none"));
    ecq(&["quantize", &model, "-o", &packed, "--lossless"]);
    let fails = |args: &[&str], code: i32, kind: &str| -> Value {
        let output = ecq(&[args, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
        let error = json(&output)["error"].clone();
        assert_eq!(error["kind"], kind, "{error}");
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert!(error.get("tensor").is_some() && error.get("offset").is_some());
        error
    };
    fails(&["analyze", &none], 4, "io");
    fails(&["quantize", &model, "--lossless"], 2, "usage");
    fails(&["quantize", &model, "-o", &none, "--lossless", "--coding", "zip"], 2, "option");
    fails(&["quantize", &model, "-o", &none, "--lossless", "--override", "x"], 2, "option");
    assert!(!Path::new(&none).exists());

    // Another model: exit code 1 and a list of differences.
    let other = folder.name("o.gguf");
    std::fs::write(&other, ecq_fixtures::small_gguf(65, 256)).unwrap();
    let output = ecq(&["verify", &packed, "--against", &other, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!json(&output)["mismatches"].as_array().unwrap().is_empty());

    // One flipped bit in a stream: the error contains tensor and offset.
    let mut bytes = std::fs::read(&packed).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 4;
    std::fs::write(&packed, &bytes).unwrap();
    fails(&["verify", &packed], 3, "corrupt");
    let back = folder.name("b.gguf");
    let error = fails(&["export", &packed, "--format", "gguf", "-o", &back], 3, "corrupt");
    assert!(error["tensor"].is_string() && error["offset"].as_u64().unwrap() <= at as u64, "{error}");
    assert!(!Path::new(&back).exists() && !folder.path("b.gguf.partial").exists(), "nothing half-written");
    std::fs::write(&packed, b"not a model").unwrap();
    fails(&["analyze", &packed], 3, "format");
}

#[test]
fn a_killed_run_leaves_no_partial_file_and_resumes_to_the_same_bytes() {
    let folder = Folder::with_model(1024, 1024);
    let (model, undisturbed, dest) = (folder.name("m.gguf"), folder.name("u.ecq"), folder.name("d.ecq"));
    let start = Instant::now();
    assert!(ecq(&["quantize", &model, "-o", &undisturbed, "--lossless"]).status.success());
    let took = start.elapsed();
    let expected = std::fs::read(&undisturbed).unwrap();
    let mut numbers = ecq_fixtures::Numbers::new(u64::from(std::process::id()));
    let (mut killed, mut resumed) = (0, 0);
    while killed < 50 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ecq"))
            .args(["quantize", &model, "-o", &dest, "--lossless", "--resume"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(numbers.below(took.as_micros() as u64 * 11 / 10)));
        // SIGKILL on Unix, which cannot be handled.
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            // It finished before the signal.
            assert!(std::fs::read(&dest).unwrap() == expected);
            std::fs::remove_file(&dest).unwrap();
            continue;
        }
        killed += 1;
        if let Ok(bytes) = std::fs::read(&dest) {
            // Killed between rename and exit: the file must be complete.
            assert!(bytes == expected, "a half-written file under the final name");
            std::fs::remove_file(&dest).unwrap();
            continue;
        }
        if killed % 5 == 0 {
            let report = json(&ecq(&["quantize", &model, "-o", &dest, "--lossless", "--resume", "--json"]));
            resumed += report["resumed_tensors"].as_u64().unwrap();
            assert!(std::fs::read(&dest).unwrap() == expected, "resumed to other bytes");
            std::fs::remove_file(&dest).unwrap();
        }
    }
    println!("{killed} kills, {resumed} tensors reused by resumed runs");
}

#[test]
fn memory_stays_bounded_by_the_largest_tensor() {
    // Four tensors of 60 MB each, as 4-bit codes.
    let folder = Folder::new();
    let model = folder.path("big.gguf");
    ecq_fixtures::big_gguf(&model, 4, 60_000_000).unwrap();
    for coding in ["rans", "archive"] {
        let dest = folder.name("big.ecq");
        let args =
            ["quantize", model.to_str().unwrap(), "-o", &dest, "--lossless", "--coding", coding, "--json"];
        let report = json(&ecq(&args));
        let Some(peak) = report["peak_rss_bytes"].as_u64() else {
            println!("SKIPPED: this system does not report the peak memory of a process");
            return;
        };
        println!("{coding}: peak {} MB", peak / 1_000_000);
        assert!(peak <= 320_000_000, "{peak}");
    }
}

/// Text of kinds that neither calibration nor the training of the embedded model uses; see its README.
const EVALUATION_TEXT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/evaluation.txt");

#[test]
fn calibration_makes_a_model_better_at_equal_bits() {
    let folder = Folder::new();
    let name = |file: &str| folder.name(file);
    let model = embedded();
    let statistics = name("statistics");
    let rate_and_kl = |options: &[&str]| {
        let out = name("q.ecq");
        let all =
            [&["quantize", &model, "-o", &out, "--force", "--embedding", "keep", "--json"][..], options];
        let report = json(&ecq(&all.concat()));
        let eval = [
            "eval",
            &out,
            "--text",
            EVALUATION_TEXT,
            "--reference",
            &model,
            "--max-tokens",
            "2048",
            "--json",
        ];
        let eval = json(&ecq(&eval));
        assert!(eval["tokens"].as_u64().unwrap() > 2040, "{eval}");
        let (bpw, kl) = (report["bpw_linear"].as_f64().unwrap(), eval["kl"].as_f64().unwrap());
        println!("{options:?}: {bpw:.4} bits per weight, KL {kl:.4}");
        (bpw, kl)
    };
    let kl = |options: &[&str]| {
        let (bpw, kl) = rate_and_kl(&[&["--bpw", "2.5"], options].concat());
        assert!((2.495..=2.5).contains(&bpw), "{bpw}");
        kl
    };
    // The statistics of the first calibrated run are reused by the others.
    let tokens = |count: &'static str| ["--calibration-tokens", count, "--calibration-window", "128"];
    // The default text without source code, on which the embedded model was not trained; one file for each
    // document, so that every document has the same share.
    let documents = CalibrationText::default_documents().into_iter().filter(|d| d.kind != "source code");
    let write = |(i, document): (usize, Document)| {
        let path = name(&format!("{i}.txt"));
        std::fs::write(&path, document.text).unwrap();
        path
    };
    let paths: Vec<String> = documents.enumerate().map(write).collect();
    let mut default = vec!["--calibration-folder", statistics.as_str()];
    default.extend(paths.iter().flat_map(|path| ["--calibrate", path.as_str()]));
    default.extend(tokens("8192"));
    let plain = kl(&["--calibrate", "off"]);
    let calibrated = kl(&default);
    assert!(calibrated < 0.8 * plain, "{calibrated} of {plain}");
    // Half as many tokens are enough to be better than no calibration.
    let own = kl(&[&["--calibrate", "self"][..], &tokens("4096")].concat());
    assert!(own < plain, "{own} of {plain}");
    // A KL divergence no larger than that of MLX's 4 bits, in fewer bits.
    let (mlx_bpw, mlx) = rate_and_kl(&["--grid", "affine:4:64"]);
    let matched = |trellis| rate_and_kl(&[&["--match", "mlx4", "--trellis", trellis], &default[..]].concat());
    let (bpw, scalar) = matched("off");
    assert!(bpw < 0.9 * mlx_bpw && scalar < 1.3 * mlx, "{bpw} of {mlx_bpw}, {scalar} of {mlx}");
    // The trellis takes fewer bits than the scalar grid, also at an equal KL divergence: KL halves with about
    // half a bit.
    let (trellis_bpw, trellis) = matched("on");
    let at_equal_kl = trellis_bpw + 0.5 * (trellis / scalar).log2();
    assert!(trellis_bpw < bpw && at_equal_kl < bpw - 0.05, "{trellis_bpw} of {bpw}, {trellis} of {scalar}");
}

#[test]
fn a_calibrated_file_has_the_given_size() {
    let folder = Folder::new();
    let (model, out) = (folder.first_layers(2), folder.name("size.ecq"));
    let few = ["--calibrate", "default", "--calibration-tokens", "1024", "--calibration-window", "128"];
    // Embedding included.
    let size = ["quantize", &model, "-o", &out, "--size", "1000000", "--json"];
    json(&ecq(&[&size[..], &few].concat()));
    let bytes = std::fs::metadata(&out).unwrap().len();
    assert!((995_000..=1_000_000).contains(&bytes), "{bytes}");
}
