//! MLX, GPTQ and AWQ checkpoints against what their own software wrote and read (`data/make_*_fixture*.py`).

use ecq_core::{AffineGroups, Biases, Codes, CoreError, FloatType, FloatVec, Grid, Limits};
use ecq_format::checkpoint::{
    Checkpoint, CheckpointError as E, LoadedWeight, MlxGroups, Quantization, Weight, WeightTensors,
};
use ecq_format::gguf::GgmlType;
use ecq_format::{awq, gptq, mxfp4};
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn halves(bytes: &[u8]) -> FloatVec {
    FloatVec::new(FloatType::F16, bytes.to_vec()).unwrap()
}

/// The weights of a grid, row-major.
fn dequantized(codes: &Codes, grid: &AffineGroups) -> Vec<f32> {
    let grid = Grid::AffineGroups(grid.clone());
    let mut weights = vec![0.0; codes.symbols().len()];
    for (row, (symbols, weights)) in
        codes.symbols().chunks(codes.cols()).zip(weights.chunks_mut(codes.cols())).enumerate()
    {
        grid.dequantize_row(row, symbols, weights);
    }
    weights
}

/// Holds codes, zero points and weights to those that the fixture's software was given or made.
fn assert_is(file: &SafeTensors, prefix: &str, codes: &Codes, grid: &AffineGroups) {
    let expected = |name: &str| file.tensor(&format!("{prefix}.{name}")).unwrap();
    assert_eq!([codes.rows(), codes.cols()], expected("codes").shape());
    assert_eq!(codes.symbols(), expected("codes").data(), "{prefix} bits");
    assert!(
        matches!(&grid.biases, Biases::Zeros(zeros) if zeros == expected("zeros").data()),
        "{prefix} bits"
    );
    let weights: Vec<u8> = dequantized(codes, grid).iter().flat_map(|w| w.to_le_bytes()).collect();
    assert_eq!(weights, expected("weight").data(), "{prefix} bits");
}

#[test]
fn gptq_is_taken_apart_and_put_together_as_autogptq_does() {
    let bytes = fs::read(data("gptq-packed.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for bits in [2u8, 3, 4, 8] {
        let tensor = |name: &str| file.tensor(&format!("{bits}.{name}")).unwrap().data().to_vec();
        let packed = gptq::Packed {
            qweight: tensor("qweight"),
            qzeros: tensor("qzeros"),
            scales: halves(&tensor("scales")),
        };
        let layer = gptq::Layer { bits, group_size: 32, inputs: 64, outputs: 32, version: gptq::Version::V1 };
        let (codes, grid) = layer.unpack(&packed).unwrap();
        assert_is(&file, &bits.to_string(), &codes, &grid);
        assert_eq!(layer.pack(&codes, &grid).unwrap(), packed, "{bits} bits");
        // Version 2 is the same with zero points as they are.
        let second = gptq::Layer { version: gptq::Version::V2, ..layer };
        let repacked = second.pack(&codes, &grid).unwrap();
        assert_ne!(repacked.qzeros, packed.qzeros);
        assert_eq!(second.unpack(&repacked).unwrap(), (codes, grid), "{bits} bits");
    }
}

#[test]
fn awq_is_taken_apart_and_put_together_as_autoawq_does() {
    let bytes = fs::read(data("awq-packed.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |name: &str| file.tensor(&format!("4.{name}")).unwrap().data().to_vec();
    let packed = awq::Packed {
        qweight: tensor("qweight"),
        qzeros: tensor("qzeros"),
        scales: halves(&tensor("scales")),
    };
    let layer = awq::Layer { group_size: 32, inputs: 64, outputs: 32 };
    let (codes, grid) = layer.unpack(&packed).unwrap();
    assert_is(&file, "4", &codes, &grid);
    assert_eq!(layer.pack(&codes, &grid).unwrap(), packed);
}

#[test]
fn one_zero_point_for_all_is_kept_once() {
    let layer = gptq::Layer { bits: 4, group_size: 8, inputs: 16, outputs: 8, version: gptq::Version::V1 };
    let packed = gptq::Packed { qweight: vec![0x5a; 64], qzeros: vec![0x77; 8], scales: halves(&[0; 32]) };
    let (codes, grid) = layer.unpack(&packed).unwrap();
    assert_eq!(grid.biases, Biases::Zero(8));
    assert_eq!(layer.pack(&codes, &grid).unwrap(), packed);
    let layer = awq::Layer { group_size: 8, inputs: 16, outputs: 8 };
    let (codes, grid) = layer
        .unpack(&awq::Packed { qweight: vec![0x5a; 64], qzeros: vec![0x77; 8], scales: halves(&[0; 32]) })
        .unwrap();
    assert_eq!(grid.biases, Biases::Zero(7));
    assert_eq!(layer.pack(&codes, &grid).unwrap().qzeros, [0x77; 8]);
}

#[test]
fn layers_that_the_layouts_do_not_have_are_refused() {
    let what = |result: Result<_, CoreError>| match result {
        Err(CoreError::Parameter { what, .. } | CoreError::Length { what, .. }) => what,
        Err(CoreError::Shape { .. }) => "shape",
        other => panic!("{other:?}"),
    };
    let sound = gptq::Layer { bits: 4, group_size: 8, inputs: 16, outputs: 8, version: gptq::Version::V1 };
    let packed = gptq::Packed { qweight: vec![0x11; 64], qzeros: vec![0x37; 8], scales: halves(&[0; 32]) };
    let (codes, grid) = sound.unpack(&packed).unwrap();
    let unpack = |layer: gptq::Layer, packed: &gptq::Packed| what(layer.unpack(packed).map(|_| ()));
    assert_eq!(unpack(gptq::Layer { bits: 5, ..sound }, &packed), "bits");
    assert_eq!(unpack(gptq::Layer { group_size: 5, ..sound }, &packed), "group size");
    assert_eq!(unpack(gptq::Layer { group_size: 0, ..sound }, &packed), "group size");
    assert_eq!(unpack(gptq::Layer { inputs: 24, bits: 3, ..sound }, &packed), "input features");
    assert_eq!(unpack(gptq::Layer { outputs: 12, bits: 8, ..sound }, &packed), "output features");
    assert_eq!(unpack(gptq::Layer { outputs: 0, ..sound }, &packed), "output features");
    let huge = gptq::Layer { outputs: 1 << 62, inputs: 1 << 60, group_size: 1 << 60, ..sound };
    assert_eq!(unpack(huge, &packed), "output features");
    let huge = gptq::Layer { outputs: 1 << 40, inputs: 1 << 40, ..sound };
    assert_eq!(unpack(huge, &packed), "shape");
    assert_eq!(unpack(sound, &gptq::Packed { qweight: vec![0; 60], ..packed.clone() }), "bytes of qweight");
    assert_eq!(unpack(sound, &gptq::Packed { qzeros: vec![0; 4], ..packed.clone() }), "bytes of qzeros");
    assert_eq!(unpack(sound, &gptq::Packed { scales: halves(&[0; 30]), ..packed.clone() }), "scales");
    let doubtful = gptq::Packed { qzeros: vec![0x3f; 8], ..packed.clone() };
    assert_eq!(unpack(sound, &doubtful), "stored zero point");
    assert!(gptq::Layer { version: gptq::Version::V2, ..sound }.unpack(&doubtful).is_ok());

    let pack = |codes: &Codes, grid: &AffineGroups| what(sound.pack(codes, grid).map(|_| ()));
    let other = Codes::new(16, 8, 16, vec![0; 128]).unwrap();
    assert_eq!(pack(&other, &grid), "shape");
    let zero = |biases| AffineGroups { biases, ..grid.clone() };
    assert_eq!(pack(&codes, &zero(Biases::Zero(0))), "zero point");
    assert_eq!(pack(&codes, &zero(Biases::Zero(16))), "zero point");
    assert_eq!(pack(&codes, &zero(Biases::PerGroup(halves(&[0; 32])))), "biases");
    assert_eq!(pack(&codes, &zero(Biases::Zeros(vec![1; 3]))), "zero points");

    let sound = awq::Layer { group_size: 8, inputs: 16, outputs: 8 };
    let packed = awq::Packed { qweight: vec![0x11; 64], qzeros: vec![0x37; 8], scales: halves(&[0; 32]) };
    let unpack = |layer: awq::Layer, packed: &awq::Packed| what(layer.unpack(packed).map(|_| ()));
    assert_eq!(unpack(awq::Layer { group_size: 0, ..sound }, &packed), "group size");
    assert_eq!(unpack(awq::Layer { outputs: 12, ..sound }, &packed), "output features");
    assert_eq!(unpack(awq::Layer { outputs: 0, ..sound }, &packed), "shape");
    assert_eq!(unpack(sound, &awq::Packed { qweight: vec![0; 60], ..packed.clone() }), "bytes of qweight");
    assert_eq!(unpack(sound, &awq::Packed { qzeros: vec![0; 60], ..packed.clone() }), "bytes of qzeros");
    assert_eq!(unpack(sound, &awq::Packed { scales: halves(&[0; 2]), ..packed.clone() }), "scales");
    let pack = |codes: &Codes, grid: &AffineGroups| what(sound.pack(codes, grid).map(|_| ()));
    assert_eq!(pack(&other, &grid), "shape");
    assert_eq!(pack(&codes, &zero(Biases::Zero(16))), "zero point");
}

fn open(folder: &Path) -> (Checkpoint, Vec<Weight>) {
    let checkpoint = Checkpoint::open(folder, &Limits::default()).unwrap();
    let weights = checkpoint.weights(&checkpoint.quantization().unwrap()).unwrap();
    (checkpoint, weights)
}

fn find<'a>(weights: &'a [Weight], end: &str) -> &'a Weight {
    weights.iter().find(|weight| weight.name.ends_with(end)).unwrap()
}

#[test]
fn a_checkpoint_of_mlx_is_read_whole() {
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
    // Norms and o_proj are as they were; scales and biases are no weights of their own.
    assert_eq!((quantized, weights.len()), (7, 11));
    let groups = |end: &str| match find(&weights, end).form {
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
fn checkpoints_of_gptq_and_awq_are_read_whole() {
    let (checkpoint, weights) = open(&data("gptq-tiny"));
    let q = find(&weights, "q_proj.weight");
    assert_eq!((q.name.as_str(), q.rows, q.cols), ("model.layers.0.self_attn.q_proj.weight", 64, 64));
    assert!(
        matches!(checkpoint.load(q).unwrap(), LoadedWeight::Coded(codes, grid) if codes.rows() == 64 && grid.bits == 4)
    );
    let down = find(&weights, "down_proj.weight");
    assert_eq!((down.rows, down.cols), (64, 128));
    // Act-order stays the four tensors that it is, and says why.
    let kept: Vec<_> = weights.iter().filter(|weight| weight.note.is_some()).collect();
    let mut names: Vec<_> = kept.iter().map(|weight| weight.name.rsplit_once("k_proj.").unwrap().1).collect();
    names.sort_unstable();
    assert_eq!(names, ["g_idx", "qweight", "qzeros", "scales"]);
    assert!(kept.iter().all(|weight| weight.note.as_deref().is_some_and(|note| note.contains("act-order"))));
    assert!(kept.iter().all(|weight| matches!(weight.form, WeightTensors::Plain(_))));
    assert_eq!(weights.len(), 3 + 2 + 4);
    assert!(matches!(
        checkpoint.load(find(&weights, "o_proj.weight")).unwrap(),
        LoadedWeight::Plain(Dtype::F16, _)
    ));

    let (checkpoint, weights) = open(&data("awq-tiny"));
    assert_eq!(weights.len(), 3 + 3);
    for end in ["q_proj.weight", "k_proj.weight", "down_proj.weight"] {
        let weight = find(&weights, end);
        let WeightTensors::Awq { parts, layer } = weight.form else { panic!("{end}") };
        let LoadedWeight::Coded(codes, grid) = checkpoint.load(weight).unwrap() else { panic!("{end}") };
        let packed = layer.pack(&codes, &grid).unwrap();
        let bytes = parts.map(|part| checkpoint.read(&checkpoint.tensors()[part]).unwrap());
        assert_eq!([packed.qweight, packed.qzeros, packed.scales.as_bytes().to_vec()], bytes);
    }
}

/// A copy of a fixture whose configuration or tensors went through `edit`.
struct Edited {
    folder: tempfile::TempDir,
    tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
    config: serde_json::Value,
}

impl Edited {
    fn of(fixture: &str) -> Self {
        let bytes = fs::read(data(fixture).join("model.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |(name, view): (String, safetensors::tensor::TensorView)| {
            (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        };
        let tensors = file.tensors().into_iter().map(tensor).collect();
        let config = serde_json::from_slice(&fs::read(data(fixture).join("config.json")).unwrap()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), tensors, config }
    }

    fn tensor(&mut self, end: &str) -> &mut (Dtype, Vec<usize>, Vec<u8>) {
        let found = self.tensors.iter_mut().find(|(name, _)| name.ends_with(end));
        found.unwrap().1
    }

    fn remove(mut self, end: &str) -> Self {
        self.tensors.retain(|name, _| !name.ends_with(end));
        self
    }

    /// Gives a tensor another type and shape; its bytes follow.
    fn shaped(mut self, end: &str, dtype: Dtype, shape: &[usize]) -> Self {
        let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
        let tensor = self.tensor(end);
        tensor.2.resize(bytes, 0);
        (tensor.0, tensor.1) = (dtype, shape.to_vec());
        self
    }

    fn set(mut self, pointer: &str, value: serde_json::Value) -> Self {
        *self.config.pointer_mut(pointer).unwrap() = value;
        self
    }

    fn open(&self) -> Checkpoint {
        let views = self.tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name.clone(), safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        let file = safetensors::serialize(views, None).unwrap();
        fs::write(self.folder.path().join("model.safetensors"), file).unwrap();
        if !self.config.is_null() {
            fs::write(self.folder.path().join("config.json"), self.config.to_string()).unwrap();
        }
        Checkpoint::open(self.folder.path(), &Limits::default()).unwrap()
    }

    fn weights(&self) -> Result<Vec<Weight>, E> {
        let checkpoint = self.open();
        checkpoint.weights(&checkpoint.quantization()?)
    }
}

#[test]
fn malformed_quantized_checkpoints_have_their_own_errors() {
    // MLX.
    let mlx = || Edited::of("mlx-tiny");
    assert!(mlx().weights().is_ok());
    for part in ["q_proj.scales", "q_proj.biases"] {
        let error = mlx().remove(part).weights();
        assert!(
            matches!(error, Err(E::MissingPart { tensor, part: p }) if tensor.ends_with("q_proj.weight") && p.ends_with(part))
        );
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
    // Without its scales' configuration the codes are taken for another width.
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
    assert!(matches!(both.weights(), Err(E::Both { tensor }) if tensor.ends_with("q_proj.weight")));

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
fn what_gptq_cannot_say_plainly_stays_as_it_is() {
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
    // 40 inputs a group: 64 are one group and the half of another.
    let short =
        Edited::of("gptq-tiny").remove("down_proj.qweight").set("/quantization_config/group_size", json!(40));
    assert!(note(short).unwrap().contains("the last group has 24 of 40"));
    // Without g_idx groups are consecutive.
    let plain = Edited::of("gptq-tiny").remove("k_proj.g_idx").weights().unwrap();
    assert!(plain.iter().all(|weight| weight.note.is_none()));
}

/// Weights of a GPTQ layer by the formula, one at a time, rounded to halves.
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
    FloatVec::of(FloatType::F16, &weights).as_bytes().to_vec()
}

#[test]
fn layers_in_act_order_are_read_as_floats_when_asked() {
    let checkpoint = Checkpoint::open(&data("gptq-tiny"), &Limits::default()).unwrap();
    let quantization = checkpoint.quantization().unwrap();
    let weights = checkpoint.weights_as_floats(&quantization).unwrap().unwrap();
    // The four tensors are one weight now, and the others what they were.
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
    // Where all groups are of consecutive columns there is nothing to ask for.
    let plain = Edited::of("gptq-tiny").remove("k_proj.g_idx").open();
    assert_eq!(plain.weights_as_floats(&quantization).unwrap(), None);
    assert_eq!(plain.weights_as_floats(&Quantization::None).unwrap(), None);
    let awq = Checkpoint::open(&data("awq-tiny"), &Limits::default()).unwrap();
    assert_eq!(awq.weights_as_floats(&awq.quantization().unwrap()).unwrap(), None);
}

#[test]
fn a_last_group_that_is_shorter_is_read_as_floats_when_asked() {
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
fn layers_that_no_way_of_reading_is_sure_of_are_refused_by_name() {
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
    // A group that the layer does not have.
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
    assert_eq!(mxfp4::split(&bytes).unwrap(), (blocks, scales));
    // What does not fit is named.
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

#[test]
fn what_a_configuration_says_is_read_or_refused() {
    let of = |config: serde_json::Value| {
        let mut edited = Edited::of("awq-tiny");
        edited.config = config;
        edited.open().quantization()
    };
    let gptq = |bits, group_size, version, dynamic| Quantization::Gptq { bits, group_size, version, dynamic };
    let (first, second) = (gptq::Version::V1, gptq::Version::V2);
    assert_eq!(of(json!({})).unwrap(), Quantization::None);
    assert_eq!(
        of(json!({"quantization_config": {"quant_method": "gptq", "bits": 3, "group_size": -1}})).unwrap(),
        gptq(3, None, first, false)
    );
    let nested = json!({"text_config": {"quantization_config":
        {"quant_method": "gptq", "bits": 8, "group_size": 64, "checkpoint_format": "gptq_v2", "dynamic": {}}}});
    assert_eq!(of(nested).unwrap(), gptq(8, Some(64), second, true));
    let old = json!({"quantization_config": {"quant_method": "awq", "w_bit": 4, "q_group_size": 64, "version": "GEMM"}});
    assert_eq!(of(old).unwrap(), Quantization::Awq { group_size: Some(64) });
    let default = MlxGroups { bits: 4, group_size: 64 };
    let mlx = json!({"quantization_config": {"bits": 4, "group_size": 64, "a.b": false}});
    assert_eq!(of(mlx).unwrap(), Quantization::Mlx { default, layers: BTreeMap::new() });
    for (quantization, word) in [
        (json!({"quantization": {"bits": 4, "group_size": 32, "mode": "mxfp4"}}), "mxfp4"),
        (json!({"quantization": {"bits": 4, "group_size": 16, "mode": "nvfp4"}}), "nvfp4"),
        (json!({"quantization": {"bits": 4, "group_size": 64, "a.b": {"mode": "mxfp8"}}}), "\"a.b\""),
        (json!({"quantization": {"bits": 7, "group_size": 64}}), "7 bits"),
        (json!({"quantization_config": {"quant_method": "fp8"}}), "\"fp8\""),
        (json!({"quantization_config": {"quant_method": "bitsandbytes"}}), "bitsandbytes"),
        (json!({"quantization_config": {"quant_method": 7}}), "unnamed"),
        (json!({"quantization_config": {"quant_method": "gptq", "bits": 5}}), "5 bits"),
        (json!({"quantization_config": {"quant_method": "gptq", "checkpoint_format": "marlin"}}), "marlin"),
        (json!({"quantization_config": {"quant_method": "awq", "version": "gemv"}}), "gemv"),
        (json!({"quantization_config": {"quant_method": "awq", "bits": 3}}), "3 bits"),
    ] {
        match of(quantization.clone()) {
            Err(E::Quantization { file, what }) => {
                assert!(file == "config.json" && what.contains(word), "{quantization}: {what}");
            }
            other => panic!("{quantization}: {other:?}"),
        }
    }
    for bad in [json!(0), json!(-4), json!(4.5), json!("4"), json!(1u64 << 40)] {
        let config = json!({"quantization_config": {"quant_method": "gptq", "group_size": bad}});
        assert!(matches!(of(config), Err(E::Json { why, .. }) if why.contains("group_size")), "{bad}");
    }
    // Files of the first quantizers stand beside config.json.
    for (name, method) in [("quantize_config.json", "gptq"), ("quant_config.json", "awq")] {
        let edited = Edited::of("awq-tiny").set("", json!({}));
        fs::write(edited.folder.path().join(name), r#"{"bits": 4, "group_size": 128}"#).unwrap();
        let found = edited.open().quantization().unwrap();
        assert_eq!(matches!(found, Quantization::Gptq { .. }), method == "gptq", "{name}");
        assert_eq!(matches!(found, Quantization::Awq { .. }), method == "awq", "{name}");
    }
}
