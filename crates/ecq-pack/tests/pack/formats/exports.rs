//! Exports that requantize.

use super::models::{Folder, HIDDEN, LAYERS, Made, VOCABULARY, config_of, nll, open, packed, packed_with};
use ecq_core::{FloatType, Grid, Limits};
use ecq_format::gguf::{GgmlType, Gguf, Value};
use ecq_pack::source::Tensor;
use ecq_pack::{
    CheckpointFormat, CheckpointOptions, ExportReport, GgufFileType, GgufOptions, GridChoice, MlxGrid,
    PackError, PackOptions, expected_checkpoint_bytes, expected_gguf_bytes, export_checkpoint, export_gguf,
};
use std::fs;
use std::path::Path;

/// A model whose matrices of layer 0 have 256 columns and those of layer 1 have 32. It need not run.
fn wide() -> Made {
    let mut made = Made::llama().matrix("token_embd.weight", VOCABULARY, 256);
    for part in ["attn_q", "attn_k", "attn_v", "ffn_up", "ffn_down"] {
        made = made.matrix(&format!("blk.0.{part}.weight"), HIDDEN, 256);
    }
    made.matrix("blk.0.ffn_gate_inp.weight", 4, 256).key("general.name", Value::String("wide".to_owned()))
}

fn to_gguf(file: &Path, dest: &Path, file_type: GgufFileType) -> Result<ExportReport, PackError> {
    let options = GgufOptions { file_type: Some(file_type), strict: false };
    export_gguf(file, dest, &options, &Limits::default(), &())
}

#[test]
fn a_mixture_of_llama_cpp_has_its_types_and_small_errors() {
    let folder = Folder::new();
    let path = folder.put("m.gguf", &wide().file());
    // From floats, and from a grid that GGUF has no type for.
    let mut options = PackOptions::quantizing();
    options.linear = GridChoice::parse("absmax:8:row").unwrap();
    options.embedding = GridChoice::parse("absmax:8:row").unwrap();
    for (name, file) in [
        ("floats", packed(&path, &folder.path("floats.ecq"))),
        ("quantized", packed_with(&path, &folder.path("quantized.ecq"), &options)),
    ] {
        let out = folder.path(&format!("{name}.gguf"));
        let report = to_gguf(&file, &out, GgufFileType::Q4_K_M).unwrap();
        let requantized = report.requantized.unwrap();
        let gguf = Gguf::open(&out, &Limits::default()).unwrap();
        let type_of = |name: &str| gguf.tensors().iter().find(|info| info.name == name).unwrap().ty;
        for (tensor, ty) in [
            ("token_embd.weight", GgmlType::Q4_K),
            // 32 columns: what stands in for Q6_K.
            ("output.weight", GgmlType::Q8_0),
            ("blk.0.attn_q.weight", GgmlType::Q4_K),
            // Layer 0 of 2 has no more bits, layer 1 has.
            ("blk.0.ffn_down.weight", GgmlType::Q4_K),
            ("blk.0.attn_v.weight", GgmlType::Q4_K),
            ("blk.1.attn_v.weight", GgmlType::Q8_0),
            ("blk.1.attn_q.weight", GgmlType::Q5_0),
            ("blk.0.attn_norm.weight", GgmlType::F32),
            ("blk.0.ffn_gate_inp.weight", GgmlType::F32),
        ] {
            assert_eq!(type_of(tensor), ty, "{name}: {tensor}");
        }
        assert_eq!(gguf.get("general.file_type"), Some(&Value::U32(15)));
        assert_eq!(gguf.get("general.quantization_version"), Some(&Value::U32(2)));
        assert_eq!(gguf.get("general.name").and_then(Value::as_str), Some("wide"));
        assert!(requantized.fallbacks.iter().any(|tensor| tensor == "blk.1.attn_q.weight"));
        assert!(!requantized.fallbacks.iter().any(|tensor| tensor == "blk.0.attn_q.weight"));
        assert_eq!(requantized.types.values().sum::<usize>(), gguf.tensors().len());
        let error = requantized.error.relative_error.unwrap();
        assert!(
            (0.01..0.08).contains(&error) && requantized.error.sqnr_db.unwrap() > 22.0,
            "{requantized:?}"
        );
        let length = fs::metadata(&out).unwrap().len();
        assert_eq!(report.bytes, length);
        let options = GgufOptions { file_type: Some(GgufFileType::Q4_K_M), strict: false };
        let expected = expected_gguf_bytes(&file, &options, &Limits::default()).unwrap();
        assert!(expected.abs_diff(length) < 2048, "{expected} {length}");
        // The file is a source like others, and on these grids already.
        let again = packed(&out, &folder.path(&format!("{name}-again.ecq")));
        let report = to_gguf(&again, &folder.path("again.gguf"), GgufFileType::Q4_K_M).unwrap();
        assert_eq!(report.requantized.unwrap().tensors, 0);
        assert!(fs::read(folder.path("again.gguf")).unwrap() == fs::read(&out).unwrap());
    }
}

#[test]
fn every_file_type_is_written_and_read_again() {
    let folder = Folder::new();
    let made = Made::llama();
    let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
    let before = nll(&file);
    for file_type in GgufFileType::ALL {
        let out = folder.path("out.gguf");
        let report = to_gguf(&file, &out, file_type).unwrap();
        let requantized = report.requantized.unwrap();
        let is_float = file_type.tensor_type().block_weights() == 1;
        let bound = if is_float { 0.003 } else { 0.1 };
        let error = requantized.error.relative_error.unwrap_or(0.0);
        assert!(error < bound, "{file_type}: {error}");
        assert_eq!(requantized.tensors, if file_type == GgufFileType::F32 { 0 } else { 2 + 7 * LAYERS });
        let after = nll(&packed(&out, &folder.path("back.ecq")));
        assert!((before - after).abs() < if is_float { 0.01 } else { 0.3 }, "{file_type}: {before} {after}");
        let gguf = Gguf::open(&out, &Limits::default()).unwrap();
        assert_eq!(gguf.get("general.file_type"), Some(&Value::U32(file_type.id())));
    }
    // Without a type the file is the source.
    export_gguf(&file, &folder.path("same.gguf"), &GgufOptions::default(), &Limits::default(), &()).unwrap();
    assert!(fs::read(folder.path("same.gguf")).unwrap() == made.file());
}

#[test]
fn weights_that_a_type_does_not_hold_are_refused_by_name() {
    let folder = Folder::new();
    for bad in [f32::NAN, f32::INFINITY, 1e30] {
        let mut values = vec![0.25f32; HIDDEN * HIDDEN];
        values[77] = bad;
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let dims = [HIDDEN as u64; 2];
        let made = Made::llama().tensor("blk.1.attn_q.weight", GgmlType::F32, &dims, bytes);
        let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
        for file_type in [GgufFileType::Q4_0, GgufFileType::Q8_0, GgufFileType::Q4_K_M] {
            let out = folder.path("out.gguf");
            let error = to_gguf(&file, &out, file_type).unwrap_err();
            assert_eq!(error.tensor(), Some("blk.1.attn_q.weight"), "{error}");
            assert!(!out.exists() && !folder.path("out.gguf.partial").exists());
        }
    }
}

#[test]
fn floats_that_were_not_asked_for_fail_a_strict_export() {
    let folder = Folder::new();
    let made = Made::llama().matrix("blk.0.ffn_up.weight", 4, 40);
    let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
    let out = folder.path("out.gguf");
    let options = GgufOptions { file_type: Some(GgufFileType::Q4_K_M), strict: true };
    let error = export_gguf(&file, &out, &options, &Limits::default(), &()).unwrap_err();
    assert!(error.kind() == "export" && error.to_string().contains("blk.0.ffn_up.weight"), "{error}");
    let report = to_gguf(&file, &out, GgufFileType::Q4_K_M).unwrap();
    assert!(report.requantized.unwrap().types.contains_key("f16"));
}

#[test]
fn a_checkpoint_without_a_gguf_header_is_refused_with_the_way_out() {
    let folder = Folder::new();
    super::models::small_folder(&folder, "m");
    let file = packed(&folder.path("m"), &folder.path("m.ecq"));
    let error = to_gguf(&file, &folder.path("out.gguf"), GgufFileType::Q4_K_M).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("--format safetensors") && text.contains("convert_hf_to_gguf.py"), "{text}");
}

#[test]
fn grids_of_mlx_are_those_of_the_quantizer() {
    let folder = Folder::new();
    let file = packed(&folder.put("m.gguf", &Made::llama().file()), &folder.path("m.ecq"));
    let before = nll(&file);
    for (bits, bound) in [(2, 0.6), (3, 0.3), (4, 0.13), (5, 0.06), (6, 0.03), (8, 0.008)] {
        let out = folder.path(&format!("mlx{bits}"));
        let options = CheckpointOptions {
            requantize: Some(MlxGrid::new(bits, 32).unwrap()),
            ..CheckpointOptions::new(CheckpointFormat::Mlx)
        };
        let report = export_checkpoint(&file, &out, &options, &Limits::default(), &()).unwrap();
        let requantized = report.requantized.unwrap();
        assert_eq!((requantized.tensors, requantized.fallbacks.len()), (2 + 7 * LAYERS, 0));
        let error = requantized.error.relative_error.unwrap();
        assert!(error < bound && error > 0.2 * bound, "{bits}: {error}");
        let quantization = &config_of(&out)["quantization"];
        assert_eq!((&quantization["bits"], &quantization["group_size"]), (&bits.into(), &32.into()));
        let expected = expected_checkpoint_bytes(&file, &options, &Limits::default()).unwrap();
        assert!(expected < report.bytes && report.bytes < expected + 16384, "{expected} {}", report.bytes);
        let back = open(&out);
        assert_eq!(back.format(), "mlx");
        let at = back.tensors().iter().position(|facts| facts.name.contains("q_proj")).unwrap();
        let Tensor::Coded(_, Grid::AffineGroups(grid)) = back.load(at).unwrap() else { panic!() };
        assert_eq!((grid.bits, grid.scales.dtype()), (bits, FloatType::F16));
        if bits == 8 {
            let after = nll(&packed(&out, &folder.path("back.ecq")));
            assert!((before - after).abs() < 0.02, "{before} {after}");
            // On this grid already, nothing changes.
            let ecq = folder.path("back.ecq");
            let again = folder.path("again");
            let report = export_checkpoint(&ecq, &again, &options, &Limits::default(), &()).unwrap();
            assert_eq!(report.requantized.unwrap().tensors, 0);
            let file = "model.safetensors";
            assert!(fs::read(out.join(file)).unwrap() == fs::read(again.join(file)).unwrap());
        }
    }
    // Groups that do not divide the columns leave floats.
    let options = CheckpointOptions {
        requantize: Some(MlxGrid::default()),
        ..CheckpointOptions::new(CheckpointFormat::Mlx)
    };
    let report = export_checkpoint(&file, &folder.path("g64"), &options, &Limits::default(), &()).unwrap();
    let requantized = report.requantized.unwrap();
    assert_eq!((requantized.tensors, requantized.fallbacks.len()), (LAYERS, 2 + 6 * LAYERS));
    for wrong in [MlxGrid::new(7, 64), MlxGrid::new(1, 64), MlxGrid::new(4, 16)] {
        let text = wrong.unwrap_err().to_string();
        assert!(text.contains("expected one of"), "{text}");
    }
    let options = CheckpointOptions { format: CheckpointFormat::Safetensors, ..options };
    let error = export_checkpoint(&file, &folder.path("st"), &options, &Limits::default(), &()).unwrap_err();
    assert_eq!(error.kind(), "option");
}
