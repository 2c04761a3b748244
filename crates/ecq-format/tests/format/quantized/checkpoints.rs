//! Checkpoints of MLX, GPTQ, AWQ and MXFP4 are read, and invalid ones are refused.

use super::golden::{Edited, assert_is, data, find};
use ecq_core::{FloatType, Limits};
use ecq_format::checkpoint::{Checkpoint, CheckpointError as E, LoadedWeight, Weight, WeightTensors};
use ecq_format::gguf::GgmlType;
use ecq_format::mxfp4;
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use std::fs;
use std::path::Path;

fn open(folder: &Path) -> (Checkpoint, Vec<Weight>) {
    let checkpoint = Checkpoint::open(folder, &Limits::default()).unwrap();
    let weights = checkpoint.weights(&checkpoint.quantization().unwrap()).unwrap();
    (checkpoint, weights)
}

#[test]
fn a_checkpoint_of_mlx_is_read() {
    let (checkpoint, weights) = open(&data("mlx-tiny"));
    let bytes = fs::read(data("mlx-tiny-codes.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&bytes).unwrap();
    let mut quantized = 0;
    for weight in &weights {
        match (checkpoint.load(weight).unwrap(), expected.tensor(&weight.name)) {
            (LoadedWeight::Coded(codes, grid), Ok(expected)) => {
                assert_eq!([codes.rows(), codes.cols()], expected.shape(), "{}", weight.name);
                assert_eq!(codes.symbols(), expected.data(), "{}", weight.name);
                assert_eq!((weight.rows, weight.cols), (codes.rows(), codes.cols()));
                assert_eq!(grid.scales.dtype(), FloatType::Bf16);
                quantized += 1;
            }
            (LoadedWeight::Plain(dtype, bytes), Err(_)) => {
                assert_eq!((dtype, bytes.len()), (Dtype::BF16, 2 * weight.rows * weight.cols));
            }
            other => panic!("{}: {other:?}", weight.name),
        }
    }
    // Norms and o_proj are not quantized. Scales and biases are not separate weights.
    assert_eq!((quantized, weights.len()), (7, 11));
    let groups = |end: &str| match find(&weights, end).tensors {
        WeightTensors::Mlx { groups, .. } => (groups.bits, groups.group_size),
        other => panic!("{other:?}"),
    };
    assert_eq!(groups("q_proj.weight"), (4, 64));
    assert_eq!(groups("down_proj.weight"), (6, 32));
    assert_eq!(groups("embed_tokens.weight"), (8, 64));
    let total: u64 = checkpoint.tensors().iter().map(|tensor| tensor.bytes).sum();
    assert_eq!(weights.iter().map(|weight| weight.bytes).sum::<u64>(), total);
}

#[test]
fn checkpoints_of_gptq_and_awq_are_read() {
    let (checkpoint, weights) = open(&data("gptq-tiny"));
    let q = find(&weights, "q_proj.weight");
    assert_eq!((q.name.as_str(), q.rows, q.cols), ("model.layers.0.self_attn.q_proj.weight", 64, 64));
    let LoadedWeight::Coded(codes, grid) = checkpoint.load(q).unwrap() else { panic!("codes") };
    assert_eq!((codes.rows(), grid.bits), (64, 4));
    let down = find(&weights, "down_proj.weight");
    assert_eq!((down.rows, down.cols), (64, 128));
    // The four tensors of a layer with act-order are separate weights with a note.
    let kept: Vec<_> = weights.iter().filter(|weight| weight.note.is_some()).collect();
    let mut names: Vec<_> = kept.iter().map(|weight| weight.name.rsplit_once("k_proj.").unwrap().1).collect();
    names.sort_unstable();
    assert_eq!(names, ["g_idx", "qweight", "qzeros", "scales"]);
    assert!(kept.iter().all(|weight| weight.note.as_deref().is_some_and(|note| note.contains("act-order"))));
    assert!(kept.iter().all(|weight| matches!(weight.tensors, WeightTensors::Plain(_))));
    assert_eq!(weights.len(), 3 + 2 + 4);
    assert!(matches!(
        checkpoint.load(find(&weights, "o_proj.weight")).unwrap(),
        LoadedWeight::Plain(Dtype::F16, _)
    ));

    let (checkpoint, weights) = open(&data("awq-tiny"));
    assert_eq!(weights.len(), 3 + 3);
    for end in ["q_proj.weight", "k_proj.weight", "down_proj.weight"] {
        let weight = find(&weights, end);
        let WeightTensors::Awq { parts, layer } = weight.tensors else { panic!("{end}") };
        let LoadedWeight::Coded(codes, grid) = checkpoint.load(weight).unwrap() else { panic!("{end}") };
        let packed = layer.pack(&codes, &grid).unwrap();
        let bytes = parts.map(|part| checkpoint.read(&checkpoint.tensors()[part]).unwrap());
        assert_eq!([packed.qweight, packed.qzeros, packed.scales.as_bytes().to_vec()], bytes);
    }
}

#[test]
fn invalid_quantized_checkpoints_are_refused() {
    // MLX.
    let mlx = || Edited::of("mlx-tiny");
    assert!(mlx().weights().is_ok());
    for part in ["q_proj.scales", "q_proj.biases"] {
        let error = mlx().remove(part).weights();
        let Err(E::MissingPart { tensor, part: missing }) = error else { panic!("{part}: {error:?}") };
        assert!(tensor.ends_with("q_proj.weight") && missing.ends_with(part), "{tensor} {missing}");
    }
    let error = mlx().shaped("q_proj.scales", Dtype::BF16, &[64, 2]).weights();
    assert!(matches!(error, Err(E::Shape { tensor, .. }) if tensor.ends_with("q_proj.scales")));
    let error = mlx().shaped("q_proj.biases", Dtype::F16, &[64, 1]).weights();
    assert!(
        matches!(error, Err(E::Dtype { tensor, found: Dtype::F16, .. }) if tensor.ends_with("q_proj.biases"))
    );
    let error = mlx().shaped("q_proj.scales", Dtype::I16, &[64, 1]).weights();
    assert!(matches!(error, Err(E::Dtype { found: Dtype::I16, .. })));
    let error = mlx().shaped("q_proj.weight", Dtype::U32, &[64, 7]).weights();
    assert!(
        matches!(error, Err(E::Shape { expected, .. }) if expected.contains("groups of 64 codes of 4 bits"))
    );
    // Without the settings of the layer, its codes are read with the default width.
    let error = mlx().set("/quantization/bits", json!(8)).weights();
    assert!(matches!(error, Err(E::Shape { .. })));

    // GPTQ.
    let gptq = || Edited::of("gptq-tiny");
    assert!(gptq().weights().is_ok());
    for part in ["q_proj.scales", "q_proj.qzeros"] {
        let error = gptq().remove(part).weights();
        assert!(matches!(error, Err(E::MissingPart { part: p, .. }) if p.ends_with(part)));
    }
    let wrong = |edited: Edited, end: &str| {
        let error = edited.weights();
        assert!(
            matches!(&error, Err(E::Shape { tensor, .. } | E::Dtype { tensor, .. }) if tensor.ends_with(end)),
            "{end}: {error:?}"
        );
    };
    wrong(gptq().shaped("q_proj.qweight", Dtype::I32, &[512]), "q_proj.qweight");
    wrong(gptq().shaped("q_proj.qweight", Dtype::I64, &[8, 64]), "q_proj.qweight");
    wrong(gptq().shaped("q_proj.qzeros", Dtype::I32, &[2, 4]), "q_proj.qzeros");
    wrong(gptq().shaped("q_proj.qzeros", Dtype::I32, &[2, 9]), "q_proj.qzeros");
    wrong(gptq().shaped("q_proj.qzeros", Dtype::I32, &[3, 8]), "q_proj.scales");
    wrong(gptq().shaped("q_proj.scales", Dtype::F16, &[2, 32]), "q_proj.scales");
    wrong(gptq().shaped("q_proj.scales", Dtype::F64, &[2, 64]), "q_proj.scales");
    wrong(gptq().shaped("q_proj.g_idx", Dtype::I32, &[63]), "q_proj.g_idx");
    wrong(gptq().shaped("q_proj.g_idx", Dtype::I64, &[64]), "q_proj.g_idx");
    wrong(gptq().set("/quantization_config/bits", json!(8)), "proj.qzeros");
    wrong(gptq().set("/quantization_config/group_size", json!(64)), "proj.scales");
    wrong(gptq().set("/quantization_config/group_size", json!(-1)), "proj.scales");
    let mut both = gptq();
    let twin = both.tensor("o_proj.weight").clone();
    both.tensors.insert("model.layers.0.self_attn.q_proj.weight".to_owned(), twin);
    assert!(
        matches!(both.weights(), Err(E::QuantizedAndPlain { tensor }) if tensor.ends_with("q_proj.weight"))
    );

    // AWQ.
    let awq = || Edited::of("awq-tiny");
    assert!(awq().weights().is_ok());
    assert!(matches!(awq().remove("q_proj.qzeros").weights(), Err(E::MissingPart { .. })));
    wrong(awq().shaped("q_proj.qweight", Dtype::I32, &[64, 9]), "q_proj.qweight");
    wrong(awq().shaped("q_proj.qweight", Dtype::U32, &[64, 8]), "q_proj.qweight");
    wrong(awq().shaped("q_proj.qzeros", Dtype::I32, &[2, 7]), "q_proj.qzeros");
    wrong(awq().shaped("q_proj.scales", Dtype::F16, &[1, 64]), "q_proj.qzeros");
    wrong(awq().set("/quantization_config/group_size", json!(16)), "proj.scales");
}

#[test]
fn experts_of_mxfp4_are_blocks_of_gguf() {
    let blocks: Vec<u8> = (0..2 * 4 * 3 * 16).map(|i| (i * 37 % 251) as u8).collect();
    let scales: Vec<u8> = (0..2 * 4 * 3).map(|i| 120 + i as u8 % 8).collect();
    let mut edited = Edited::of("awq-tiny");
    edited.config = json!({"model_type": "gpt_oss", "quantization_config": {"quant_method": "mxfp4"}});
    edited.tensors.clear();
    let stem = "model.layers.0.mlp.experts.gate_up_proj";
    edited.tensors.insert(format!("{stem}_blocks"), (Dtype::U8, vec![2, 4, 3, 16], blocks.clone()));
    edited.tensors.insert(format!("{stem}_scales"), (Dtype::U8, vec![2, 4, 3], scales.clone()));
    edited.tensors.insert(format!("{stem}_bias"), (Dtype::BF16, vec![2, 4], vec![0; 16]));
    let weights = edited.weights().unwrap();
    assert_eq!(weights.len(), 2);
    let experts = find(&weights, "gate_up_proj");
    assert_eq!((experts.name.as_str(), experts.rows, experts.cols), (stem, 8, 96));
    assert_eq!((experts.shape.as_slice(), experts.bytes), (&[2, 4, 96][..], 24 * 17));
    let LoadedWeight::Blocks(GgmlType::Mxfp4, bytes) = edited.open().load(experts).unwrap() else {
        panic!("blocks")
    };
    assert_eq!(mxfp4::from_gguf_blocks(&bytes).unwrap(), (blocks, scales));
    // Mismatched tensors are named.
    let wrong = |edit: &dyn Fn(&mut Edited), name: &str| {
        let mut edited = Edited {
            folder: tempfile::tempdir().unwrap(),
            tensors: edited.tensors.clone(),
            config: edited.config.clone(),
        };
        edit(&mut edited);
        let error = edited.weights().unwrap_err();
        assert!(error.tensor().is_some_and(|tensor| tensor.ends_with(name)), "{name}: {error}");
    };
    wrong(&|edited| drop(edited.tensors.remove(&format!("{stem}_scales"))), "_blocks");
    wrong(&|edited| edited.tensor("_scales").1 = vec![2, 3, 4], "_scales");
    wrong(&|edited| edited.tensor("_blocks").1 = vec![2, 4, 6, 8], "_blocks");
    wrong(&|edited| edited.tensor("_scales").0 = Dtype::I8, "_scales");
}

#[test]
fn rules_for_layers_are_read_from_their_shapes() {
    let bytes = fs::read(data("gptq-packed.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut edited = Edited::of("gptq-tiny");
    for part in ["qweight", "qzeros", "scales", "g_idx"] {
        let view = file.tensor(&format!("3.{part}")).unwrap();
        *edited.tensor(&format!("q_proj.{part}")) =
            (view.dtype(), view.shape().to_vec(), view.data().to_vec());
    }
    assert!(matches!(edited.weights(), Err(E::Shape { tensor, .. }) if tensor.ends_with("q_proj.qzeros")));
    edited.config["quantization_config"]["dynamic"] = json!({"+:.*q_proj": {"bits": 3}});
    let weights = edited.weights().unwrap();
    let LoadedWeight::Coded(codes, grid) = edited.open().load(find(&weights, "q_proj.weight")).unwrap()
    else {
        panic!("codes")
    };
    assert_is(&file, "3", &codes, &grid);
}
