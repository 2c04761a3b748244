//! Checkpoints of MLX, GPTQ, AWQ and MXFP4.

use super::models::{
    Folder, Named, config_of, fixture, open, packed, packed_with, put_tensors, small_folder, tensors_of,
    to_folder,
};
use ecq_core::{Limits, TensorKind};
use ecq_fixtures::Numbers;
use ecq_format::container::{EcqFile, EcqWriter};
use ecq_pack::source::{EcqSource, Source, Tensor};
use ecq_pack::{
    CheckpointFormat, CheckpointOptions, GridChoice, PackOptions, export_checkpoint, pack, verify,
};
use ecq_runtime::{Checkpoint, RuntimeError};
use safetensors::Dtype;
use serde_json::json;
use std::fs;

#[test]
fn floats_of_a_quantized_checkpoint_have_no_quantization_key() {
    // H1: GPTQ; relatives: AWQ, MLX, what its first versions kept in files of their own.
    for (name, file, kept) in [
        ("gptq-tiny", "quantize_config.json", "k_proj."),
        ("awq-tiny", "quant_config.json", "nothing"),
        ("mlx-tiny", "none.json", "nothing"),
    ] {
        let folder = Folder::new();
        let mut tensors = tensors_of(&fixture(name));
        tensors.retain(|(tensor, _)| !tensor.contains(kept));
        put_tensors(&folder, "m", &tensors);
        let mut config = config_of(&fixture(name));
        config["text_config"] = json!({"quantization_config": config["quantization_config"].clone()});
        folder.put("m/config.json", config.to_string().as_bytes());
        folder.put(&format!("m/{file}"), br#"{"bits": 4, "group_size": 32}"#);
        let ecq = packed(&folder.path("m"), &folder.path("m.ecq"));
        let out = folder.path("out");
        to_folder(&ecq, &out, CheckpointFormat::Safetensors).unwrap();
        let text = fs::read_to_string(out.join("config.json")).unwrap();
        assert!(!text.contains("quantization"), "{name}: {text}");
        assert!(!out.join(file).exists(), "{name}");
        let back = open(&out);
        assert_eq!(back.format(), "safetensors");
        assert_eq!(back.tensors().len(), open(&folder.path("m")).tensors().len());
        // To MLX it says MLX's grids, and only where there are some.
        let mlx = to_folder(&ecq, &folder.path("mlx"), CheckpointFormat::Mlx);
        match name {
            "mlx-tiny" => {
                mlx.unwrap();
                let config = config_of(&folder.path("mlx"));
                assert!(config["quantization"].is_object() && config.get("quantization_config").is_none());
            }
            // Integer zero points have no place there: these layers are floats.
            _ => {
                mlx.unwrap();
                assert!(config_of(&folder.path("mlx")).get("quantization").is_none(), "{name}");
            }
        }
    }
}

#[test]
fn the_configuration_names_the_type_of_floats() {
    let folder = Folder::new();
    let file = packed(&fixture("awq-tiny"), &folder.path("m.ecq"));
    let mut options = CheckpointOptions::new(CheckpointFormat::Safetensors);
    options.dtype = Some(ecq_core::FloatType::F32);
    export_checkpoint(&file, &folder.path("out"), &options, &Limits::default(), &()).unwrap();
    assert!(tensors_of(&folder.path("out")).iter().all(|(_, (dtype, ..))| *dtype == Dtype::F32));
    let config = config_of(&folder.path("out"));
    let said = config.get("torch_dtype").or(config.get("dtype"));
    assert!(said.is_none_or(|said| said == "float32"), "{config}");
}

#[test]
fn layers_in_act_order_get_new_grids_and_keep_their_bytes() {
    // G5.
    let folder = Folder::new();
    let path = fixture("gptq-tiny");
    let source = open(&path);
    let mut options = PackOptions::quantizing();
    options.linear = GridChoice::parse("absmax:8:row").unwrap();
    let file = folder.path("q.ecq");
    let report = pack(&*source, "m", Some(&file), &options, &()).unwrap();
    let k = report.tensors.iter().find(|tensor| tensor.name.contains("k_proj")).unwrap();
    assert_eq!((k.name.as_str(), k.kind), ("model.layers.0.self_attn.k_proj.weight", TensorKind::Linear));
    assert!(k.sqnr_db.unwrap() > 30.0 && k.reason.as_deref().unwrap().contains("act-order"), "{k:?}");
    assert!(verify(&file, Some(&*source), &Limits::default(), &()).unwrap().ok);
    // The weights are those of the formula.
    let floats = source.for_requantizing().unwrap().unwrap();
    let at = floats.tensors().iter().position(|tensor| tensor.name == k.name).unwrap();
    assert!(matches!(floats.load(at).unwrap(), Tensor::Raw { dtype, .. } if dtype == "f16"));
    // Without loss its bytes are kept; to run it, it must be quantized anew, and that is said.
    let kept = packed(&path, &folder.path("kept.ecq"));
    assert!(verify(&kept, Some(&*source), &Limits::default(), &()).unwrap().ok);
    let names = EcqSource::open(&kept, &Limits::default()).unwrap();
    assert!(names.tensors().iter().any(|tensor| tensor.name.ends_with("k_proj.qweight")));
    // Some layers of floats and some of GPTQ are no checkpoint that anybody reads.
    for format in [CheckpointFormat::Safetensors, CheckpointFormat::Mlx] {
        let error = to_folder(&kept, &folder.path("out"), format).unwrap_err();
        assert!(error.kind() == "export" && error.to_string().contains("k_proj.qweight"), "{error}");
    }
    assert!(!folder.path("out").exists());
    // Where all layers are kept, they are still a GPTQ checkpoint.
    let mut tensors = tensors_of(&path);
    tensors.retain(|(name, _)| !name.contains("q_proj") && !name.contains("down_proj"));
    put_tensors(&folder, "all", &tensors);
    folder.put("all/config.json", &fs::read(path.join("config.json")).unwrap());
    let all = packed(&folder.path("all"), &folder.path("all.ecq"));
    to_folder(&all, &folder.path("all-out"), CheckpointFormat::Safetensors).unwrap();
    assert_eq!(config_of(&folder.path("all-out")), config_of(&path));
    let mut back = tensors_of(&folder.path("all-out"));
    back.sort();
    tensors.sort();
    assert!(back == tensors);
}

#[test]
fn the_error_of_a_kept_layer_names_the_remedy() {
    let folder = Folder::new();
    let mut tensors = tensors_of(&fixture("gptq-tiny"));
    let layer = "model.layers.0.self_attn.q_proj";
    for (name, _) in &mut tensors {
        *name = name
            .replace("self_attn.q_proj", "self_attn.x_proj")
            .replace("self_attn.k_proj", "self_attn.q_proj");
    }
    put_tensors(&folder, "m", &tensors);
    let mut config = config_of(&fixture("gptq-tiny"));
    for (key, value) in [
        ("intermediate_size", 128),
        ("num_attention_heads", 2),
        ("num_hidden_layers", 1),
        ("vocab_size", 16),
        ("max_position_embeddings", 64),
    ] {
        config[key] = json!(value);
    }
    folder.put("m/config.json", config.to_string().as_bytes());
    let file = packed(&folder.path("m"), &folder.path("m.ecq"));
    let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
    let error = checkpoint.matrix(&format!("{layer}.weight"), [32, 64]).unwrap_err();
    assert!(
        matches!(error, RuntimeError::ForeignQuantization { .. }) && error.kind() == "unsupported",
        "{error}"
    );
    assert!(error.to_string().contains("--bpw"), "{error}");
    let error = checkpoint.matrix("model.layers.0.nowhere.weight", [1, 1]).unwrap_err();
    assert!(matches!(error, RuntimeError::MissingTensor { .. }));
}

#[test]
fn experts_of_mxfp4_come_back() {
    let folder = Folder::new();
    let mut numbers = Numbers::new(4);
    let stem = "model.layers.0.mlp.experts.down_proj";
    let tensors: Named = vec![
        (format!("{stem}_blocks"), (Dtype::U8, vec![2, 32, 4, 16], numbers.bytes(2 * 32 * 4 * 16))),
        (format!("{stem}_scales"), (Dtype::U8, vec![2, 32, 4], vec![121; 2 * 32 * 4])),
        ("model.norm.weight".to_owned(), (Dtype::BF16, vec![8], vec![1; 16])),
    ];
    put_tensors(&folder, "m", &tensors);
    let config = json!({"model_type": "gpt_oss", "torch_dtype": "bfloat16",
        "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}});
    folder.put("m/config.json", config.to_string().as_bytes());
    let source = open(&folder.path("m"));
    let experts = |name: &str| name == stem;
    let kinds: Vec<_> = source.tensors().iter().filter(|t| experts(&t.name)).map(|t| t.kind).collect();
    assert_eq!((source.format(), &kinds[..]), ("mxfp4", &[TensorKind::Linear][..]));
    let file = packed(&folder.path("m"), &folder.path("m.ecq"));
    assert!(verify(&file, Some(&*source), &Limits::default(), &()).unwrap().ok);
    to_folder(&file, &folder.path("out"), CheckpointFormat::Safetensors).unwrap();
    assert_eq!(config_of(&folder.path("out")), config);
    let (mut back, mut before) = (tensors_of(&folder.path("out")), tensors);
    back.sort();
    before.sort();
    assert!(back == before);
    // On a grid of ecq they are weights like others.
    let mut options = PackOptions::quantizing();
    options.linear = GridChoice::parse("absmax:8:row").unwrap();
    let report = pack(&*source, "m", None, &options, &()).unwrap();
    let tensor = report.tensors.iter().find(|tensor| experts(&tensor.name)).unwrap();
    assert!(tensor.sqnr_db.unwrap() > 25.0, "{tensor:?}");
    let error = to_folder(&file, &folder.path("mlx"), CheckpointFormat::Mlx).unwrap_err();
    assert!(error.kind() == "export" && error.to_string().contains("MLX"), "{error}");
}

/// Source: `convert_moe_packed_tensors` of transformers, which transposes what it decodes.
#[test]
fn experts_of_mxfp4_are_transposed_where_they_are_floats() {
    let folder = Folder::new();
    let mut numbers = Numbers::new(9);
    let (experts, rows, groups) = (2, 6, 3);
    let cols = 32 * groups;
    let mut tensors: Named = Vec::new();
    for part in ["gate_up_proj", "down_proj"] {
        let stem = format!("model.layers.0.mlp.experts.{part}");
        let blocks = numbers.bytes(experts * rows * groups * 16);
        tensors.push((format!("{stem}_blocks"), (Dtype::U8, vec![experts, rows, groups, 16], blocks)));
        let scales = vec![125; experts * rows * groups];
        tensors.push((format!("{stem}_scales"), (Dtype::U8, vec![experts, rows, groups], scales)));
        let bias = (Dtype::BF16, vec![experts, rows], vec![0; 2 * experts * rows]);
        tensors.push((format!("{stem}_bias"), bias));
    }
    put_tensors(&folder, "m", &tensors);
    let config = json!({"model_type": "gpt_oss", "torch_dtype": "float32",
        "quantization_config": {"quant_method": "mxfp4"}});
    folder.put("m/config.json", config.to_string().as_bytes());
    let mut options = PackOptions::quantizing();
    options.linear = GridChoice::parse("absmax:8:row").unwrap();
    let file = packed_with(&folder.path("m"), &folder.path("m.ecq"), &options);
    let out = folder.path("out");
    to_folder(&file, &out, CheckpointFormat::Safetensors).unwrap();
    assert!(config_of(&out).get("quantization_config").is_none());
    let values = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];
    for (name, (dtype, shape, bytes)) in tensors_of(&out).iter().filter(|(name, _)| !name.ends_with("bias")) {
        assert_eq!((*dtype, &shape[..]), (Dtype::F32, &[experts, cols, rows][..]), "{name}");
        let (_, (_, _, blocks)) =
            tensors.iter().find(|(known, _)| *known == format!("{name}_blocks")).unwrap();
        let floats: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        for (at, float) in floats.into_iter().enumerate() {
            let (expert, col, row) = (at / (rows * cols), at / rows % cols, at % rows);
            let place = (expert * rows + row) * cols + col;
            let code = blocks[place / 2] >> (place % 2 * 4) & 15;
            // Scales are 2^(125 - 127).
            let expected = 0.25 * values[usize::from(code & 7)] * if code > 7 { -1.0 } else { 1.0 };
            assert!((float - expected).abs() < 0.01, "{name} {expert} {row} {col}: {float} {expected}");
        }
    }
    let error = to_folder(&file, &folder.path("mlx"), CheckpointFormat::Mlx).unwrap_err().to_string();
    assert!(error.contains("experts.") && error.contains("--format safetensors"), "{error}");
}

#[test]
fn a_stale_quantization_key_is_removed_by_the_export() {
    let folder = Folder::new();
    small_folder(&folder, "m");
    let file = packed(&folder.path("m"), &folder.path("m.ecq"));
    // The attached configuration describes MLX, and the tensors are floats.
    let mut config = config_of(&folder.path("m"));
    config["quantization"] = json!({"bits": 4, "group_size": 64});
    let ecq = EcqFile::open(&file, &Limits::default()).unwrap();
    let lying = folder.path("lying.ecq");
    let mut spool = EcqWriter::create(&lying, "key", false).unwrap();
    for name in ecq.names() {
        match ecq.encoded(name) {
            Ok(tensor) => spool.push_encoded(name, &tensor).unwrap(),
            Err(_) => {
                let plain = ecq.plain(name).unwrap();
                spool.push_plain(name, plain.dtype, &plain.shape, &plain.bytes).unwrap();
            }
        }
    }
    spool.push_file("config.json", config.to_string().as_bytes()).unwrap();
    spool.finish(ecq.model()).unwrap();
    to_folder(&lying, &folder.path("out"), CheckpointFormat::Safetensors).unwrap();
    assert!(config_of(&folder.path("out")).get("quantization").is_none());
}
