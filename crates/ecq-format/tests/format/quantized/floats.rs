//! Layers of GPTQ whose groups are no consecutive columns or no sure numbers: kept, or read as floats on
//! request.

use super::golden::{Edited, data, find, halves};
use ecq_core::{CoreError, FloatType, FloatVec, Limits};
use ecq_format::checkpoint::{Checkpoint, CheckpointError as E, LoadedWeight, Quantization};
use safetensors::Dtype;
use serde_json::json;

#[test]
fn ambiguous_and_irregular_gptq_layers_are_kept() {
    let note = |edited: Edited| {
        let weights = edited.weights().unwrap();
        weights
            .into_iter()
            .find(|weight| weight.name.ends_with("q_proj.qweight"))
            .and_then(|weight| weight.note)
    };
    let mut doubtful = Edited::of("gptq-tiny");
    doubtful.tensor("q_proj.qzeros").2[3] = 0xf1;
    assert!(note(doubtful).unwrap().contains("in two ways"));
    // With 40 inputs per group, 64 inputs are one group and a shorter one.
    let short =
        Edited::of("gptq-tiny").remove("down_proj.qweight").set("/quantization_config/group_size", json!(40));
    assert!(note(short).unwrap().contains("the last group has 24 of 40"));
    // Without g_idx, groups have consecutive columns.
    let plain = Edited::of("gptq-tiny").remove("k_proj.g_idx").weights().unwrap();
    assert!(plain.iter().all(|weight| weight.note.is_none()));
}

/// Computes the weights of a GPTQ layer by the formula, one at a time, rounded to f16.
fn by_formula(checkpoint: &Checkpoint, layer: &str, group_of: impl Fn(usize) -> usize) -> Vec<u8> {
    let tensor = |part: &str| {
        let info = checkpoint.find(&format!("model.layers.0.{layer}.{part}")).unwrap();
        (checkpoint.read(info).unwrap(), info.shape.clone())
    };
    let ((qweight, shape), (qzeros, _), (scales, _)) =
        (tensor("qweight"), tensor("qzeros"), tensor("scales"));
    let (inputs, outputs) = (shape[0] * 8, shape[1]);
    let nibble = |bytes: &[u8], word: usize, at: usize| (bytes[4 * word + at / 2] >> (at % 2 * 4)) & 15;
    let scales = halves(&scales);
    let mut weights = Vec::new();
    for output in 0..outputs {
        for input in 0..inputs {
            let group = group_of(input);
            let code = nibble(&qweight, input / 8 * outputs + output, input % 8);
            let zero = nibble(&qzeros, group * outputs / 8 + output / 8, output % 8) + 1;
            weights.push(scales.get(group * outputs + output) * (f32::from(code) - f32::from(zero)));
        }
    }
    FloatVec::from_f32(FloatType::F16, &weights).as_bytes().to_vec()
}

#[test]
fn layers_with_act_order_are_read_as_floats_on_request() {
    let checkpoint = Checkpoint::open(&data("gptq-tiny"), &Limits::default()).unwrap();
    let quantization = checkpoint.quantization().unwrap();
    let weights = checkpoint.weights_as_floats(&quantization).unwrap().unwrap();
    // The four tensors become one weight; the other weights do not change.
    assert_eq!(weights.len(), 3 + 2 + 1);
    let k = find(&weights, "k_proj.weight");
    assert_eq!((k.rows, k.cols, k.shape.as_slice()), (32, 64, &[32, 64][..]));
    assert!(k.note.as_deref().unwrap().contains("act-order"), "{:?}", k.note);
    let g_idx = checkpoint.read(checkpoint.find("model.layers.0.self_attn.k_proj.g_idx").unwrap()).unwrap();
    let group_of = |input: usize| g_idx[4 * input] as usize;
    assert!((0..64).any(|input| group_of(input) != input / 32), "the fixture is in act-order");
    match checkpoint.load(k).unwrap() {
        LoadedWeight::Plain(Dtype::F16, bytes) => {
            assert_eq!(bytes, by_formula(&checkpoint, "self_attn.k_proj", group_of));
        }
        other => panic!("{other:?}"),
    }
    let total: u64 = checkpoint.tensors().iter().map(|tensor| tensor.bytes).sum();
    assert!(weights.iter().map(|weight| weight.bytes).sum::<u64>() <= total);
    // If all groups have consecutive columns, there are no weights to read as floats.
    let plain = Edited::of("gptq-tiny").remove("k_proj.g_idx").open();
    assert_eq!(plain.weights_as_floats(&quantization).unwrap(), None);
    assert_eq!(plain.weights_as_floats(&Quantization::None).unwrap(), None);
    let awq = Checkpoint::open(&data("awq-tiny"), &Limits::default()).unwrap();
    assert_eq!(awq.weights_as_floats(&awq.quantization().unwrap()).unwrap(), None);
}

#[test]
fn a_shorter_last_group_is_read_as_floats_on_request() {
    let edited = Edited::of("gptq-tiny")
        .remove("down_proj.qweight")
        .remove("g_idx")
        .set("/quantization_config/group_size", json!(40));
    let checkpoint = edited.open();
    let quantization = checkpoint.quantization().unwrap();
    let weights = checkpoint.weights_as_floats(&quantization).unwrap().unwrap();
    let q = find(&weights, "q_proj.weight");
    let LoadedWeight::Plain(Dtype::F16, bytes) = checkpoint.load(q).unwrap() else { panic!("halves") };
    assert_eq!(bytes, by_formula(&checkpoint, "self_attn.q_proj", |input| input / 40));
}

#[test]
fn ambiguous_layers_are_refused_on_request_for_floats() {
    let mut doubtful = Edited::of("gptq-tiny");
    doubtful.tensor("k_proj.qzeros").2[3] = 0xf1;
    let checkpoint = doubtful.open();
    let quantization = checkpoint.quantization().unwrap();
    assert!(checkpoint.weights(&quantization).is_ok());
    match checkpoint.weights_as_floats(&quantization) {
        Err(error @ E::Quantization { .. }) => {
            let error = error.to_string();
            assert!(error.contains("k_proj.") && error.contains("in two ways"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    // A group index that does not exist.
    for bad in [2i32, -1, i32::MIN] {
        let mut wild = Edited::of("gptq-tiny");
        wild.tensor("k_proj.g_idx").2[..4].copy_from_slice(&bad.to_le_bytes());
        let checkpoint = wild.open();
        let weights = checkpoint.weights_as_floats(&quantization).unwrap().unwrap();
        let error = checkpoint.load(find(&weights, "k_proj.weight")).unwrap_err();
        assert!(
            matches!(error, E::Codes { source: CoreError::Parameter { what: "g_idx", .. }, .. }),
            "{error}"
        );
    }
}
