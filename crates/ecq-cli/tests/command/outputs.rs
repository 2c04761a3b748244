//! Tests of output files: existing ones, impossible ones, full disks, interruptions.

use super::common::{Folder, embedded};
use super::usage::{self, command, ecq, plain, refused, said};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

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
    usage::said(&["quantize", &model, "--lossless", "-o", &packed]);
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

#[cfg(unix)]
#[test]
fn an_interrupted_run_prints_how_to_resume() {
    let folder = Folder::new();
    let (model, dest) = (folder.name("big.gguf"), folder.name("big.ecq"));
    ecq_fixtures::big_gguf(Path::new(&model), 6, 6_000_000).unwrap();
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
fn exports_requantize_on_request() {
    let folder = Folder::new();
    let (packed, gguf) = (folder.name("packed.ecq"), folder.gguf());
    said(&["quantize", &gguf, "--lossless", "-o", &packed]);
    // Types in upper or lower case; length and loss before the work, the error after it.
    let out = folder.name("out.gguf");
    let (text, notes) = said(&["export", &packed, "--format", "gguf", "--type", "Q4_0", "-o", &out]);
    let (text, notes) = (plain(&text), plain(&notes));
    assert!(
        notes.contains("the export will take about") && notes.contains("requantizes to GGUF's q4_0"),
        "{notes}"
    );
    assert!(text.contains("tensors requantized") && text.contains("relative error 0."), "{text}");
    let out = folder.name("json.gguf");
    let (text, _) = said(&["export", &packed, "--format", "gguf", "--type", "q8_0", "-o", &out, "--json"]);
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
    let (text, notes) =
        said(&["export", &embedded(), "--format", "mlx", "--bits", "4", "--group-size", "32", "-o", &mlx]);
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
