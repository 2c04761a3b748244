//! Lossless packing of checkpoints: Hugging Face, MLX, GPTQ and AWQ.

use ecq_codec::encode::{CodingChoice, EncodeOptions};
use ecq_core::{Biases, Coding, Grid, Limits, TensorKind};
use ecq_fixtures::checkpoint::{Float, Matrix, write_sharded};
use ecq_pack::source::{Source, Tensor};
use ecq_pack::{PackError, PackOptions, PackReport, pack, source, verify};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the path of a fixture of ecq-format, which MLX, AutoGPTQ or AutoAWQ has written.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-format/tests/data").join(name)
}

fn open(path: &Path) -> Box<dyn Source> {
    source::open(path, &Limits::default()).unwrap()
}

/// Packs without loss in every coding, and compares each file with its source.
fn round_trip(path: &Path) -> PackReport {
    let folder = tempfile::tempdir().unwrap();
    let source = open(path);
    let mut last = None;
    for coding in [Coding::Packed, Coding::Rans, Coding::Prefix, Coding::Archive] {
        let encode = EncodeOptions {
            coding: CodingChoice::Only(coding),
            hybrid_percent: 0.0,
            ..EncodeOptions::default()
        };
        let options = PackOptions { encode, ..PackOptions::default() };
        let dest = folder.path().join("x.ecq");
        let report = pack(&*source, "x", Some(&dest), &options, &()).unwrap();
        let verified = verify(&dest, Some(&*source), &Limits::default(), &()).unwrap();
        assert!(verified.ok, "{} {coding:?}: {:?}", path.display(), verified.mismatches);
        let packed = open(&dest);
        for (tensor, original) in packed.tensors().iter().zip(source.tensors()) {
            assert_eq!((&tensor.name, &tensor.shape), (&original.name, &original.shape));
        }
        assert_eq!(packed.attached_files().unwrap(), sorted(source.attached_files().unwrap()));
        last = Some(report);
    }
    last.unwrap()
}

fn sorted(mut files: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    files.sort();
    files
}

/// Returns the biases of the tensor whose name ends with `suffix`, if it has affine groups.
fn biases_of(source: &dyn Source, suffix: &str) -> Option<Biases> {
    let index = source.tensors().iter().position(|tensor| tensor.name.ends_with(suffix)).unwrap();
    match source.load(index).unwrap() {
        Tensor::Coded(_, Grid::AffineGroups(grid)) => Some(grid.biases),
        _ => None,
    }
}

#[test]
fn sharded_floats_are_packed_bit_exactly() {
    for float in [Float::F32, Float::F16, Float::Bf16] {
        let folder = tempfile::tempdir().unwrap();
        let matrices = [
            Matrix::new("model.embed_tokens.weight", &[500, 64]),
            Matrix::new("model.layers.0.self_attn.q_proj.weight", &[320, 256]),
            Matrix::new("model.layers.0.mlp.experts.gate_up_proj", &[3, 128, 256]),
            Matrix::new("model.layers.0.conv.weight", &[8, 1, 4]),
            Matrix::new("model.layers.0.row.weight", &[1, 64]),
            Matrix::new("model.norm.weight", &[64]),
            Matrix::new("logit_scale", &[]),
        ];
        write_sharded(folder.path(), float, &matrices, 3).unwrap();
        fs::write(folder.path().join("config.json"), r#"{"model_type": "llama"}"#).unwrap();
        fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
        let source = open(folder.path());
        assert_eq!((source.format(), source.tensors().len()), ("safetensors", matrices.len()));
        let report = round_trip(folder.path());
        let kinds = |kind| report.tensors.iter().filter(|tensor| tensor.kind == kind).count();
        assert_eq!((kinds(TensorKind::Linear), kinds(TensorKind::Embedding)), (2, 1));
        let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.extension().is_some_and(|end| end == "safetensors"));
        assert_eq!(source.bytes(), files.map(|path| path.metadata().unwrap().len()).sum::<u64>());
    }
}

#[test]
fn layers_quantized_by_mlx_are_packed_bit_exactly() {
    let report = round_trip(&fixture("mlx-tiny"));
    assert_eq!(open(&fixture("mlx-tiny")).format(), "mlx");
    let coded = report.tensors.iter().filter(|tensor| tensor.coding.is_some()).count();
    assert_eq!((coded, report.tensors.len()), (7, 11));
    // Weights, scales and biases of a layer are one tensor.
    assert!(report.tensors.iter().all(|tensor| !tensor.name.ends_with("scales")));
    let q = report.tensors.iter().find(|tensor| tensor.name.ends_with("q_proj.weight")).unwrap();
    assert_eq!((q.rows, q.cols, q.dtype.as_str(), q.kind), (64, 64, "mlx 4-bit g64", TensorKind::Linear));
    assert_eq!(q.source_bytes, 64 * 32 + 2 * 2 * 64);
}

#[test]
fn layers_quantized_by_gptq_and_awq_are_packed_bit_exactly() {
    let report = round_trip(&fixture("gptq-tiny"));
    let source = open(&fixture("gptq-tiny"));
    assert_eq!(source.format(), "gptq");
    assert!(matches!(biases_of(&*source, "q_proj.weight"), Some(Biases::Zeros(_))));
    // The act-order layer is kept in its original form, and the report contains the reason.
    let kept: Vec<_> = report
        .tensors
        .iter()
        .filter(|tensor| tensor.reason.as_deref().is_some_and(|reason| reason.contains("act-order")))
        .collect();
    assert_eq!(kept.len(), 4);
    assert!(kept.iter().all(|tensor| tensor.name.contains("k_proj.") && tensor.coding.is_none()));

    let report = round_trip(&fixture("awq-tiny"));
    assert_eq!(open(&fixture("awq-tiny")).format(), "awq");
    assert_eq!(report.tensors.iter().filter(|tensor| tensor.coding.is_some()).count(), 3);
}

/// These files of the first release have zero points per group. They are never rewritten, and must decode to
/// their source as long as the version of the schema is 1.
#[test]
fn golden_files_with_zero_points_decode_to_their_source() {
    for coding in ["packed", "rans", "archive"] {
        let golden = format!("{}/tests/data/zeros-{coding}-v1.ecq", env!("CARGO_MANIFEST_DIR"));
        let source = open(&fixture("awq-tiny"));
        let verified = verify(golden.as_ref(), Some(&*source), &Limits::default(), &()).unwrap();
        assert!(verified.ok, "{coding}: {:?}", verified.mismatches);
        assert!(matches!(biases_of(&*open(golden.as_ref()), "q_proj.weight"), Some(Biases::Zeros(_))));
    }
}

#[test]
fn a_changed_checkpoint_has_another_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name| {
        let path = folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        for file in ["model.safetensors", "config.json"] {
            fs::copy(fixture("mlx-tiny").join(file), path.join(file)).unwrap();
        }
        path
    };
    let path = write("a");
    let before = open(&path).fingerprint().to_owned();
    assert_eq!(open(&path).fingerprint(), before);
    let config = fs::read_to_string(path.join("config.json")).unwrap();
    fs::write(path.join("config.json"), config.replace("\"down_proj", "\"other")).unwrap();
    let file = path.join("model.safetensors");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, [&bytes[..bytes.len() - 1], &[!bytes[bytes.len() - 1]]].concat()).unwrap();
    // The modification time must differ even if the file system's clock is coarse.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(10);
    fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
    assert_ne!(open(&path).fingerprint(), before);
}

#[test]
fn invalid_checkpoints_are_refused_with_an_error_kind() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| source::open(path, &Limits::default()).map(|_| ()).unwrap_err();
    assert!(matches!(refused(folder.path()), PackError::Checkpoint(_)));
    assert_eq!(refused(&folder.path().join("none.json")).kind(), "io");
    fs::write(folder.path().join("model.safetensors"), b"\x02\0\0\0\0\0\0\0[]").unwrap();
    assert!(matches!(refused(folder.path()), PackError::Checkpoint(_)));
    fs::write(folder.path().join("config.json"), r#"{"quantization_config": {"quant_method": "fp8"}}"#)
        .unwrap();
    fs::write(folder.path().join("model.safetensors"), b"\x02\0\0\0\0\0\0\0{}").unwrap();
    assert!(refused(folder.path()).to_string().contains("no tensors"));
    let header = br#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let one = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
    fs::write(folder.path().join("model.safetensors"), one).unwrap();
    let error = refused(folder.path());
    assert_eq!(
        (error.kind(), error.to_string().contains("\"fp8\" is not read")),
        ("unsupported", true),
        "{error}"
    );
}

#[test]
fn a_real_encoder_is_packed_bit_exactly() {
    let Some(path) = ecq_fixtures::installed("all-MiniLM-L6-v2.safetensors") else { return };
    let source = open(&path);
    let dest = tempfile::tempdir().unwrap();
    let file = dest.path().join("x.ecq");
    let report = pack(&*source, "x", Some(&file), &PackOptions::default(), &()).unwrap();
    assert_eq!(report.tensors.iter().filter(|tensor| tensor.kind == TensorKind::Linear).count(), 6 * 6);
    assert_eq!(report.tensors.iter().filter(|tensor| tensor.kind == TensorKind::Embedding).count(), 1);
    let verified = verify(&file, Some(&*source), &Limits::default(), &()).unwrap();
    assert!(verified.ok, "{:?}", verified.mismatches);
}
