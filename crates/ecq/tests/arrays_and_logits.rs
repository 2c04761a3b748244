//! What other languages need of the public types: arrays in memory, logits, log-probabilities, devices.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests")]

use ecq::{ArrayInfo, Error, ErrorKind, File, Model, Quantizer, Sampling, Tensor};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::OnceLock;

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
const PROMPT: &str = "The Debian project is";

fn model() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| Model::options().threads(2).open(TINY).unwrap())
}

/// The tensors of the embedded model's first block, as arrays.
fn arrays(file: &File) -> Vec<(ArrayInfo, Vec<u8>)> {
    let first = file.tensors().iter().filter(|tensor| tensor.name.starts_with("model.layers.0."));
    let array = |tensor: &ecq::TensorInfo| {
        let (name, dtype, shape) = (tensor.name.clone(), tensor.dtype.clone(), tensor.shape.clone());
        (ArrayInfo { name, dtype, shape }, file.tensor(&tensor.name).unwrap().bytes().unwrap())
    };
    first.map(array).collect()
}

fn quantizer(arrays: &[(ArrayInfo, Vec<u8>)]) -> Result<Quantizer, Error> {
    let (infos, bytes): (Vec<_>, Vec<_>) = arrays.iter().cloned().unzip();
    let files = vec![("config.json".to_owned(), b"{}".to_vec())];
    Quantizer::from_arrays(infos, files, move |index| Ok(bytes[index].clone()))
}

fn weights(path: &Path) -> Vec<Vec<f32>> {
    let file = File::open(path).unwrap();
    let tensors = file.tensors().iter().map(|info| file.tensor(&info.name).unwrap());
    tensors.map(|tensor: Tensor<'_>| tensor.to_f32().unwrap()).collect()
}

#[test]
fn arrays_are_quantized_as_the_tensors_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let [lossless, of_arrays, of_file] = ["a", "b", "c"].map(|name| folder.path().join(name));
    let arrays = arrays(&File::open(TINY).unwrap());
    quantizer(&arrays).unwrap().lossless().write(&lossless).unwrap();
    let file = File::open(&lossless).unwrap();
    assert_eq!(file.attached("config.json").unwrap(), b"{}");
    assert_eq!(file.tensors().len(), arrays.len());
    for (info, bytes) in &arrays {
        let tensor = file.tensor(&info.name).unwrap();
        assert_eq!((&tensor.info().shape, &tensor.info().dtype), (&info.shape, &info.dtype));
        assert_eq!(tensor.bytes().unwrap(), *bytes);
    }
    quantizer(&arrays).unwrap().bpw(3.0).write(&of_arrays).unwrap();
    Quantizer::new(&lossless).unwrap().bpw(3.0).write(&of_file).unwrap();
    assert_eq!(weights(&of_arrays), weights(&of_file));
}

#[test]
fn wrong_arrays_are_refused() {
    let arrays = arrays(&File::open(TINY).unwrap());
    let refused = |change: fn(&mut Vec<(ArrayInfo, Vec<u8>)>), expected: &str| {
        let mut arrays = arrays.clone();
        change(&mut arrays);
        let error = quantizer(&arrays).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        assert!(error.to_string().contains(expected), "{error}");
    };
    refused(|arrays| arrays[1].0.name = arrays[0].0.name.clone(), "two arrays have this name");
    refused(|arrays| arrays[1].0.dtype = "f8".to_owned(), "elements of type f8");
    refused(|arrays| arrays[1].0.shape = vec![usize::MAX, 2], "too large");
    refused(|arrays| arrays[1].1.truncate(1), "bytes; expected");
    let name = arrays[0].0.name.clone();
    let info = ArrayInfo { name: name.clone(), dtype: "f32".to_owned(), shape: vec![2] };
    let error = Quantizer::from_arrays(vec![info], vec![], |_| Err("it is gone".into())).unwrap_err();
    assert!(error.to_string().contains("it is gone") && error.to_string().contains(&name), "{error}");
}

#[test]
fn calibration_is_the_default_below_four_bits() {
    let new = || Quantizer::new(TINY).unwrap().calibrate_by_default().calibration_tokens(64).trellis("off");
    let calibrated = |quantizer: Quantizer| quantizer.dry_run().unwrap().expected_kl.is_some();
    assert!(calibrated(new().bpw(3.9)));
    assert!(!calibrated(new().bpw(4.0)));
    assert!(!calibrated(new().bpw(3.9).grid("affine:4:64")));
    assert!(!calibrated(Quantizer::new(TINY).unwrap().calibrate_by_default().lossless()));
}

#[test]
fn forward_has_the_logits_of_each_position() {
    let tokens = model().tokenize(PROMPT).unwrap();
    let logits = model().forward(&tokens).unwrap();
    assert_eq!(logits.len(), tokens.len() * model().vocabulary());
    let last = logits.chunks(model().vocabulary()).last().unwrap();
    assert_eq!(last, model().logits(PROMPT).unwrap());
    let cancelled = model().forward_with(&tokens, |_| ControlFlow::Break(())).unwrap_err();
    assert_eq!(cancelled.kind(), ErrorKind::Cancelled);
    for wrong in [vec![], vec![u32::MAX]] {
        assert_eq!(model().forward(&wrong).unwrap_err().kind(), ErrorKind::InvalidOption);
    }
}

#[test]
fn log_probs_are_those_of_a_generation() {
    let prompt = model().tokenize(PROMPT).unwrap();
    let sampling = Sampling::greedy().max_tokens(12).log_probs(3);
    let mut generation = model().generate(PROMPT, sampling).unwrap();
    generation.by_ref().for_each(|piece| drop(piece.unwrap()));
    assert_eq!(generation.log_probs().len(), generation.tokens().len());
    let tokens = [&prompt[..], generation.tokens()].concat();
    let scores = model().log_probs(&tokens).unwrap();
    assert_eq!(scores.len(), tokens.len() - 1);
    let new = &scores[prompt.len() - 1..];
    for ((found, &score), &token) in generation.log_probs().iter().zip(new).zip(generation.tokens()) {
        assert_eq!((found.top.len(), found.top[0]), (3, (token, found.token)));
        assert!((found.token - score).abs() < 1e-4, "{} {score}", found.token);
    }
    let plain = model().generate(PROMPT, Sampling::greedy().max_tokens(1)).unwrap();
    assert!(plain.log_probs().is_empty());
}

#[test]
fn devices_have_names() {
    for wrong in ["", "tpu", "cpu:0", "cuda:", "cuda:x", "cuda:-1"] {
        let error = Model::options().device(wrong).open(TINY).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{wrong}");
        assert!(error.to_string().contains("cpu, cuda, cuda:N, wgpu, wgpu:N or wgpu:NAME"), "{error}");
    }
    let model = Model::options().device("cpu").threads(1).open(TINY).unwrap();
    assert_eq!(model.logits("a").unwrap(), self::model().logits("a").unwrap());
}

#[test]
fn kinds_have_the_names_of_the_command() {
    let error = File::open("missing.ecq").unwrap_err();
    assert_eq!((error.kind(), error.kind().name()), (ErrorKind::NotFound, "io"));
    assert_eq!(ErrorKind::Damaged.name(), "corrupt");
}
