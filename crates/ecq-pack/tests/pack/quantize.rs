//! Quantization of a model: files meet their target rate or size, and invalid options are refused.

use ecq_core::Limits;
use ecq_pack::source::{Source, open};
use ecq_pack::{GridChoice, PackError, PackOptions, PackReport, Target, pack, verify};
use std::path::{Path, PathBuf};

struct Model {
    folder: tempfile::TempDir,
    source: Box<dyn Source>,
}

fn model() -> Model {
    let folder = tempfile::tempdir().unwrap();
    let gguf = folder.path().join("small.gguf");
    std::fs::write(&gguf, ecq_fixtures::finite_gguf(512, 512)).unwrap();
    Model { source: open(&gguf, &Limits::default()).unwrap(), folder }
}

impl Model {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pack(&self, dest: Option<&Path>, options: &PackOptions) -> Result<PackReport, PackError> {
        pack(&*self.source, "small.gguf", dest, options, &())
    }
}

fn at(target: Target) -> PackOptions {
    PackOptions { target, ..PackOptions::quantizing() }
}

#[test]
fn files_meet_the_target_rate() {
    let model = model();
    let grids = [("row", "grid"), ("tensor", "centroid")];
    for (i, bpw) in [1.5, 2.25, 3.1, 4.0, 5.5].into_iter().enumerate() {
        for (j, (steps, levels)) in grids.into_iter().enumerate() {
            let mut options = at(Target::Bpw(bpw));
            options.linear.set_steps(steps).unwrap();
            options.linear.set_levels(levels).unwrap();
            let dest = model.file("x.ecq");
            let report = model.pack(Some(&dest), &options).unwrap();
            let actual = report.bpw_linear.unwrap();
            assert!((actual - bpw).abs() < 0.01, "{actual} for {bpw} with one step per {steps}");
            assert_eq!(report.file_bytes, std::fs::metadata(&dest).unwrap().len());
            // Without a file the same is done, so four cases are enough, with low and high rates of both
            // grids.
            if (2 * i + j) % 3 == 0 {
                let dry = model.pack(None, &options).unwrap();
                assert_eq!((dry.file_bytes, dry.bpw_linear), (report.file_bytes, report.bpw_linear));
            }
            let verified = verify(&dest, Some(&*model.source), &Limits::default(), &()).unwrap();
            assert!(
                verified.ok && verified.quantized.len() == verified.tensors - 2,
                "{:?}",
                verified.mismatches
            );
            assert!((verified.sqnr_db.unwrap() - report.sqnr_linear_db.unwrap()).abs() < 3.0);
        }
    }
}

#[test]
fn files_are_at_most_as_large_as_their_target_size_and_hardly_smaller() {
    let model = model();
    let largest = model.pack(None, &at(Target::Bpw(6.0))).unwrap().file_bytes;
    for share in [0.5, 0.7, 0.9] {
        let bytes = (share * largest as f64) as u64;
        let actual = model.pack(None, &at(Target::Size(bytes))).unwrap().file_bytes;
        assert!(actual <= bytes && actual as f64 > 0.995 * bytes as f64, "{actual} of {bytes}");
    }
}

#[test]
fn the_embedded_model_is_at_most_as_large_as_its_target_size() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq");
    let source = open(&path, &Limits::default()).unwrap();
    // Its header is large for its size.
    for bytes in [2_200_000, 2_500_000, 2_700_000] {
        let mut options = at(Target::Size(bytes));
        options.embedding = GridChoice::parse("absmax:8:row").unwrap();
        let actual = pack(&*source, "tiny.ecq", None, &options, &()).unwrap().file_bytes;
        assert!(actual <= bytes && actual as f64 > 0.995 * bytes as f64, "{actual} of {bytes}");
    }
}

#[test]
fn grids_are_chosen_by_kind_and_by_name() {
    let model = model();
    let mut options = PackOptions::quantizing();
    options.linear = GridChoice::parse("affine:4:64").unwrap();
    options.embedding = GridChoice::Keep;
    options.add_override("attn_q=grid:uniform:2.5,coding:prefix").unwrap();
    options.add_override("attn_k=grid:absmax:3:tensor").unwrap();
    let dest = model.file("x.ecq");
    let report = model.pack(Some(&dest), &options).unwrap();
    let of = |part: &str| report.tensors.iter().find(|t| t.name.contains(part)).unwrap();
    assert!((of("attn_q").bpw - 2.5).abs() < 0.02 && of("attn_q").coding.as_deref() == Some("prefix"));
    assert!(of("attn_k").bpw < 3.2 && of("attn_k").sqnr_db.unwrap() < 20.0);
    assert!((3.5..4.6).contains(&of("attn_v").bpw));
    assert!(of("token_embd").sqnr_db.is_none());
    let verified = verify(&dest, Some(&*model.source), &Limits::default(), &()).unwrap();
    assert!(verified.ok && verified.quantized.iter().all(|t| !t.tensor.contains("token_embd")));
}

#[test]
fn unreachable_targets_and_invalid_grids_are_refused() {
    let model = model();
    let refused = |options: &PackOptions, words: &str| {
        let dest = model.file("none.ecq");
        let error = model.pack(Some(&dest), options).unwrap_err();
        assert!(error.kind() == "option" && error.to_string().contains(words), "{error}");
        assert!(!dest.exists());
    };
    refused(&at(Target::Bpw(0.01)), "out of reach");
    refused(&at(Target::Size(1000)), "take");
    let mut packed = at(Target::Bpw(3.0));
    packed.encode.coding = ecq_codec::encode::CodingChoice::Only(ecq_core::Coding::Packed);
    refused(&packed, "whole bits");
    for word in [
        "",
        "uniform:x",
        "uniform:-1",
        "uniform:9",
        "affine",
        "affine:7",
        "affine:4:16",
        "absmax:9",
        "absmax:4:0",
        "keep:1",
        "a:4:64:1",
    ] {
        assert!(GridChoice::parse(word).is_err(), "{word}");
    }
    assert!(packed.linear.set_steps("column").is_err() && packed.linear.set_levels("mean").is_err());
}

/// Writes a checkpoint of one projection of shape `[4, 64]`: bf16 values of 0.25, except for one.
fn checkpoint(folder: &Path, odd: u16) -> PathBuf {
    let name = "model.layers.0.mlp.up_proj.weight";
    let json = format!(r#"{{"{name}":{{"dtype":"BF16","shape":[4,64],"data_offsets":[0,512]}}}}"#);
    let mut file = (json.len() as u64).to_le_bytes().to_vec();
    file.extend(json.as_bytes());
    let values = (0..256).map(|i| if i == 2 * 64 + 17 { odd } else { 0x3e80 });
    file.extend(values.flat_map(u16::to_le_bytes));
    let path = folder.join("model.safetensors");
    std::fs::write(&path, file).unwrap();
    path
}

#[test]
fn errors_name_the_position_of_weights_that_are_not_finite() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("x.ecq");
    for (bits, word) in [(0x7fc0u16, "NaN"), (0x7f80, "inf"), (0xff80, "-inf")] {
        let path = checkpoint(folder.path(), bits);
        let source = open(&path, &Limits::default()).unwrap();
        for grid in ["uniform:3", "affine:4:32", "absmax:4:row"] {
            let options =
                PackOptions { linear: GridChoice::parse(grid).unwrap(), ..PackOptions::quantizing() };
            let error = pack(&*source, "m", Some(&dest), &options, &()).unwrap_err();
            assert_eq!(error.tensor(), Some("model.layers.0.mlp.up_proj.weight"));
            let words = error.to_string();
            assert!(words.contains(&format!("at row 2, column 17 is {word};")), "{grid}: {words}");
            assert!(!dest.exists());
        }
        // Lossless packing keeps every bit pattern.
        pack(&*source, "m", Some(&dest), &PackOptions::default(), &()).unwrap();
        assert!(verify(&dest, Some(&*source), &Limits::default(), &()).unwrap().ok);
        std::fs::remove_file(&dest).unwrap();
    }
}
