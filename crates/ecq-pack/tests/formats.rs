//! Situations that users ran into with files of other programs: each is read as the program that made it
//! reads it, comes back byte for byte or is refused by name, and an export is the same model.

use ecq_codec::encode::{CodingChoice, EncodeOptions};
use ecq_core::{Coding, Limits, TensorKind};
use ecq_fixtures::Numbers;
use ecq_format::container::{EcqFile, EcqWriter};
use ecq_format::gguf::{GgmlType, Gguf, GgufError, TensorToWrite, Value, write};
use ecq_pack::source::{self, EcqSource, Source, Tensor};
use ecq_pack::{
    CalibrationOptions, CalibrationText, CheckpointFormat, CheckpointOptions, GridChoice, PackError,
    PackOptions, analyze, export_checkpoint, export_gguf, pack, pack_calibrated, verify,
};
use ecq_runtime::backend::{ActivationType, Cpu, CpuOptions};
use ecq_runtime::{
    Checkpoint, Engine, EngineOptions, EvalOptions, LoadOptions, Mode, Model, RuntimeError, evaluate,
};
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const HIDDEN: usize = 32;
const INNER: usize = 64;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const HEAD: usize = HIDDEN / HEADS;
const VOCABULARY: usize = 16;
const LAYERS: usize = 2;

/// A GGUF file in the making.
#[derive(Clone)]
struct Made {
    architecture: &'static str,
    metadata: Vec<(String, Value)>,
    tensors: Vec<(String, GgmlType, Vec<u64>, Vec<u8>)>,
}

impl Made {
    /// A small model that runs.
    fn llama() -> Self {
        let text = |s: &str| Value::String(s.to_owned());
        let key = |name: &str, value: Value| (format!("llama.{name}"), value);
        let metadata = vec![
            ("general.architecture".to_owned(), text("llama")),
            key("embedding_length", Value::U32(HIDDEN as u32)),
            key("feed_forward_length", Value::U32(INNER as u32)),
            key("block_count", Value::U32(LAYERS as u32)),
            key("attention.head_count", Value::U32(HEADS as u32)),
            key("attention.head_count_kv", Value::U32(KV_HEADS as u32)),
            key("attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
            key("rope.freq_base", Value::F32(10_000.0)),
            key("context_length", Value::U32(64)),
            ("tokenizer.ggml.model".to_owned(), text("gpt2")),
            (
                "tokenizer.ggml.tokens".to_owned(),
                Value::Array(
                    (0..VOCABULARY as u8).map(|i| text(&char::from(b'a' + i).to_string())).collect(),
                ),
            ),
            ("tokenizer.ggml.merges".to_owned(), Value::Array(vec![])),
            ("tokenizer.ggml.bos_token_id".to_owned(), Value::U32(0)),
        ];
        let mut made = Self { architecture: "llama", metadata, tensors: Vec::new() }
            .matrix("token_embd.weight", VOCABULARY, HIDDEN)
            .vector("output_norm.weight", HIDDEN, 1.0)
            .matrix("output.weight", VOCABULARY, HIDDEN);
        for layer in 0..LAYERS {
            let part = |part: &str| format!("blk.{layer}.{part}.weight");
            made = made
                .vector(&part("attn_norm"), HIDDEN, 1.0)
                .vector(&part("ffn_norm"), HIDDEN, 1.0)
                .matrix(&part("attn_q"), HIDDEN, HIDDEN)
                .matrix(&part("attn_k"), KV_HEADS * HEAD, HIDDEN)
                .matrix(&part("attn_v"), KV_HEADS * HEAD, HIDDEN)
                .matrix(&part("attn_output"), HIDDEN, HIDDEN)
                .matrix(&part("ffn_gate"), INNER, HIDDEN)
                .matrix(&part("ffn_up"), INNER, HIDDEN)
                .matrix(&part("ffn_down"), HIDDEN, INNER);
        }
        made
    }

    fn matrix(self, name: &str, rows: usize, cols: usize) -> Self {
        let mut numbers = Numbers::new(name.bytes().fold(1, |sum, b| sum * 31 % 1_000_003 + u64::from(b)));
        let bytes = (0..rows * cols).flat_map(|_| (0.2 * numbers.normal()).to_le_bytes()).collect();
        self.tensor(name, GgmlType::F32, &[cols as u64, rows as u64], bytes)
    }

    fn vector(self, name: &str, len: usize, mean: f32) -> Self {
        let mut numbers = Numbers::new(name.bytes().fold(7, |sum, b| sum * 31 % 1_000_003 + u64::from(b)));
        let bytes = (0..len).flat_map(|_| (mean + 0.2 * numbers.normal()).to_le_bytes()).collect();
        self.tensor(name, GgmlType::F32, &[len as u64], bytes)
    }

    /// Adds a tensor, or replaces the one of its name.
    fn tensor(mut self, name: &str, ty: GgmlType, dims: &[u64], bytes: Vec<u8>) -> Self {
        let made = (name.to_owned(), ty, dims.to_vec(), bytes);
        match self.tensors.iter_mut().find(|(known, ..)| known == name) {
            Some(tensor) => *tensor = made,
            None => self.tensors.push(made),
        }
        self
    }

    fn key(mut self, name: &str, value: Value) -> Self {
        self.metadata.retain(|(known, _)| known != name);
        self.metadata.push((name.to_owned(), value));
        self
    }

    fn of_model(self, name: &str, value: Value) -> Self {
        let name = format!("{}.{name}", self.architecture);
        self.key(&name, value)
    }

    fn file_of(&self, metadata: &[(String, Value)], range: std::ops::Range<usize>) -> Vec<u8> {
        let all = &self.tensors[range];
        let infos: Vec<TensorToWrite> = all
            .iter()
            .map(|(name, ty, dims, _)| TensorToWrite { name: name.clone(), ty: *ty, dims: dims.clone() })
            .collect();
        let mut file = Vec::new();
        write(&mut file, metadata, &infos, |i| Ok::<_, GgufError>(all[i].3.clone())).unwrap();
        file
    }

    fn file(&self) -> Vec<u8> {
        self.file_of(&self.metadata, 0..self.tensors.len())
    }
}

/// A folder with files in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn open(path: &Path) -> Box<dyn Source> {
    source::open(path, &Limits::default()).unwrap()
}

fn packed_with(source: &Path, dest: &Path, options: &PackOptions) -> PathBuf {
    pack(&*open(source), "source", Some(dest), options, &()).unwrap();
    dest.to_owned()
}

fn packed(source: &Path, dest: &Path) -> PathBuf {
    packed_with(source, dest, &PackOptions::default())
}

fn to_folder(
    file: &Path,
    dest: &Path,
    format: CheckpointFormat,
) -> Result<ecq_pack::ExportReport, PackError> {
    export_checkpoint(file, dest, &CheckpointOptions::new(format), &Limits::default(), &())
}

fn config_of(folder: &Path) -> serde_json::Value {
    ecq_format::python_json::parse(&fs::read(folder.join("config.json")).unwrap()).unwrap()
}

/// Negative log-likelihood of some tokens, in full precision.
fn nll(file: &Path) -> f64 {
    let cpu = CpuOptions { activations: ActivationType::F32, ..CpuOptions::default() };
    let checkpoint = Checkpoint::open(file, &Limits::default()).unwrap();
    let load = LoadOptions { mode: Mode::Cached, budget_bytes: None, free_bytes: None };
    let model = Arc::new(Model::load(&checkpoint, Arc::new(Cpu::new(cpu).unwrap()), load).unwrap());
    let engine = Engine::new(model, None, EngineOptions::default()).unwrap();
    let text: Vec<u32> = (0..40).map(|i| i * 7 % VOCABULARY as u32).collect();
    let options = EvalOptions { window: 40, max_tokens: 40 };
    evaluate(&mut [engine], None, &[], &text, options).unwrap()[0].nll.mean
}

fn nll_of(made: &Made) -> f64 {
    let folder = Folder::new();
    nll(&packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq")))
}

/// Packs without loss, verifies, and exports to GGUF: the file comes back byte for byte.
fn comes_back(bytes: &[u8]) {
    let folder = Folder::new();
    let path = folder.put("m.gguf", bytes);
    let file = packed(&path, &folder.path("m.ecq"));
    let report = verify(&file, Some(&*open(&path)), &Limits::default(), &()).unwrap();
    assert!(report.ok, "{:?}", report.mismatches);
    // Coded again from itself it is no other.
    let again = packed(&file, &folder.path("again.ecq"));
    for file in [file, again] {
        let back = folder.path("back.gguf");
        export_gguf(&file, &back, &Limits::default(), &()).unwrap();
        assert!(fs::read(&back).unwrap() == bytes, "{} bytes", bytes.len());
    }
}

/// Must-show 3 of issue 12: bytes that belong to no tensor, alignments, tensors without elements.
#[test]
fn odd_gguf_files_come_back_byte_for_byte() {
    let plain = Made::llama();
    comes_back(&plain.file());
    // H4: bytes behind the last tensor.
    for tail in [&b"junkdata"[..], &[0; 5000], &[0xff], &[&[0; 100][..], b"end"].concat()] {
        comes_back(&[&plain.file()[..], tail].concat());
    }
    let sum = |made: &Made| {
        let folder = Folder::new();
        let source = open(&folder.put("m.gguf", &made.file()));
        analyze(&*source, &EncodeOptions::default(), &()).unwrap().total
    };
    for alignment in [8u32, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096] {
        let odd = plain
            .clone()
            .key("general.alignment", Value::U32(alignment))
            .tensor("odd.weight", GgmlType::F32, &[3], vec![1; 12])
            .tensor("none.weight", GgmlType::F32, &[0], vec![])
            .tensor("blk.0.ffn_none.weight", GgmlType::Q4_K, &[256, 0], vec![])
            .tensor("blk.0.ffn_up_exps.weight", GgmlType::Q4_0, &[0, 4, 2], vec![])
            .tensor("half.weight", GgmlType::F16, &[5], vec![2; 10]);
        let bytes = odd.file();
        comes_back(&bytes);
        let total = sum(&odd);
        assert!(total.weights > 0 && total.bpw.is_finite() && total.entropy_bits.is_finite(), "{total:?}");
        // The same with padding that is not zero, with and without padding behind the last tensor.
        let gguf = Gguf::parse(&bytes, bytes.len() as u64, &Limits::default()).unwrap();
        let mut filled = vec![0xa5; bytes.len()];
        filled[..gguf.header_bytes().len()].copy_from_slice(gguf.header_bytes());
        let mut end = 0;
        for info in gguf.tensors() {
            let range = info.offset as usize..(info.offset + info.bytes) as usize;
            filled[range.clone()].copy_from_slice(&bytes[range.clone()]);
            end = end.max(range.end);
        }
        comes_back(&filled);
        comes_back(&filled[..end]);
        comes_back(&[&filled[..], &[0, 0, 7, 0]].concat());
    }
}

#[test]
fn verify_tells_of_bytes_that_are_not_kept() {
    let folder = Folder::new();
    let bytes = Made::llama().file();
    let (clean, junk) =
        (folder.put("clean.gguf", &bytes), folder.put("junk.gguf", &[&bytes[..], b"junk"].concat()));
    let against =
        |file: &Path, source: &Path| verify(file, Some(&*open(source)), &Limits::default(), &()).unwrap();
    let (a, b) = (packed(&clean, &folder.path("a.ecq")), packed(&junk, &folder.path("b.ecq")));
    assert!(against(&a, &clean).ok && against(&b, &junk).ok);
    let [first, second] = [against(&a, &junk), against(&b, &clean)];
    assert!(
        !first.ok && first.mismatches[0].what.contains("only in the second model"),
        "{:?}",
        first.mismatches
    );
    assert!(
        !second.ok && second.mismatches[0].what.contains("only in the first model"),
        "{:?}",
        second.mismatches
    );
    // Other bytes in the same place, and another key of the header.
    let other = folder.put("other.gguf", &[&bytes[..], b"jumk"].concat());
    let found = against(&b, &other);
    assert!(!found.ok && found.mismatches[0].what.contains("differs"), "{:?}", found.mismatches);
    let renamed =
        folder.put("renamed.gguf", &Made::llama().of_model("context_length", Value::U32(65)).file());
    let found = against(&a, &renamed);
    assert!(!found.ok && found.mismatches[0].tensor == "gguf.header", "{:?}", found.mismatches);
}

#[test]
fn values_that_are_not_utf8_are_kept() {
    // C6: a description in Latin-1; relatives: in an array, tags, a name.
    let latin = || Value::Bytes(b"caf\xe9 model".to_vec());
    comes_back(&Made::llama().key("general.description", latin()).file());
    let tags = Value::Array(vec![Value::String("x".to_owned()), latin()]);
    let made = Made::llama().key("general.tags", tags).key("general.name", latin());
    comes_back(&made.file());
    assert_eq!(nll_of(&made), nll_of(&Made::llama()));
    // Where text is needed it is asked for by name.
    let folder = Folder::new();
    let bad = folder.put("bad.gguf", &Made::llama().key("general.architecture", latin()).file());
    let error = Checkpoint::open(&packed(&bad, &folder.path("bad.ecq")), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("general.architecture"), "{error}");
}

#[test]
fn split_models_are_read_whole() {
    let made = Made::llama();
    let count = made.tensors.len();
    let folder = Folder::new();
    let of_split = |number: u16| {
        [
            ("split.no", Value::U16(number)),
            ("split.count", Value::U16(2)),
            ("split.tensors.count", Value::I32(count as i32)),
        ]
        .map(|(key, value)| (key.to_owned(), value))
    };
    let first = made.file_of(&[&made.metadata[..], &of_split(0)].concat(), 0..8);
    let paths = [
        folder.put("m-00001-of-00002.gguf", &first),
        folder.put("m-00002-of-00002.gguf", &made.file_of(&of_split(1), 8..count)),
    ];
    let whole = folder.put("whole.gguf", &made.file());
    let expected = nll_of(&made);
    for path in &paths {
        let file = packed(path, &folder.path("m.ecq"));
        assert_eq!(nll(&file), expected);
        for other in &paths {
            assert!(verify(&file, Some(&*open(other)), &Limits::default(), &()).unwrap().ok);
        }
        // Written back it is one file: the model before it was split.
        let back = folder.path("back.gguf");
        export_gguf(&file, &back, &Limits::default(), &()).unwrap();
        assert!(fs::read(&back).unwrap() == fs::read(&whole).unwrap());
    }
    assert_eq!(open(&paths[0]).fingerprint(), open(&paths[1]).fingerprint());
    assert_eq!(open(&paths[0]).bytes(), paths.iter().map(|path| path.metadata().unwrap().len()).sum::<u64>());
    fs::remove_file(&paths[0]).unwrap();
    let error = source::open(&paths[1], &Limits::default()).err().unwrap().to_string();
    assert!(error.contains("m-00001-of-00002.gguf is missing"), "{error}");
}

/// Biases of some projections of a layer.
fn with_biases(mut made: Made, parts: &[(&str, usize)]) -> Made {
    for (part, len) in parts {
        made = made.vector(&format!("blk.1.{part}.bias"), *len, 0.0);
    }
    made
}

#[test]
fn biases_of_llama_run_and_are_exported() {
    let plain = nll_of(&Made::llama());
    // C4: all of attention; relatives: some of it, the feed-forward layers, one layer alone.
    let kv = KV_HEADS * HEAD;
    let attention = [("attn_q", HIDDEN), ("attn_k", kv), ("attn_v", kv), ("attn_output", HIDDEN)];
    let mlp = [("ffn_gate", INNER), ("ffn_up", INNER), ("ffn_down", HIDDEN)];
    for parts in [&attention[..], &attention[..3], &mlp, &mlp[2..], &[&attention[..], &mlp].concat()] {
        let made = with_biases(Made::llama(), parts);
        let folder = Folder::new();
        let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
        let expected = nll(&file);
        assert!((expected - plain).abs() > 1e-4, "biases count: {parts:?}");
        let out = folder.path("out");
        to_folder(&file, &out, CheckpointFormat::Safetensors).unwrap();
        let config = config_of(&out);
        let is_mlp = |part: &(&str, usize)| part.0.starts_with("ffn");
        assert_eq!(config["attention_bias"], json!(!parts.iter().all(is_mlp)));
        assert_eq!(config["mlp_bias"], json!(parts.iter().any(is_mlp)));
        // The folder is the same model, in halves.
        let back = nll(&packed(&out, &folder.path("back.ecq")));
        assert!((back - expected).abs() < 2e-3, "{parts:?}: {back} {expected}");
        // Where the class has a bias each layer has one.
        let bytes = fs::read(out.join("model.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let biases = file.names().iter().filter(|name| name.ends_with(".bias")).count();
        let per_layer = if parts.iter().all(is_mlp) {
            3
        } else if parts.iter().any(is_mlp) {
            7
        } else {
            4
        };
        assert_eq!(biases, LAYERS * per_layer);
    }
}

#[test]
fn gpt2_of_gguf_is_the_model_of_the_folder() {
    // C1: the epsilon of layer norms, as convert_hf_to_gguf.py writes it.
    let mut made = Made::llama();
    made.architecture = "gpt2";
    made.metadata.retain(|(key, _)| !key.starts_with("llama.attention.") && !key.starts_with("llama.rope."));
    for (key, _) in &mut made.metadata {
        *key = key.replacen("llama.", "gpt2.", 1);
    }
    made = made
        .key("general.architecture", Value::String("gpt2".to_owned()))
        .of_model("attention.head_count", Value::U32(HEADS as u32))
        .of_model("attention.layer_norm_epsilon", Value::F32(1e-5));
    made.tensors.clear();
    made = made
        .matrix("token_embd.weight", VOCABULARY, HIDDEN)
        .matrix("position_embd.weight", 64, HIDDEN)
        .vector("output_norm.weight", HIDDEN, 1.0)
        .vector("output_norm.bias", HIDDEN, 0.0);
    for layer in 0..LAYERS {
        for (norm, bias) in [("attn_norm", 0.1), ("ffn_norm", -0.1)] {
            made = made.vector(&format!("blk.{layer}.{norm}.weight"), HIDDEN, 1.0);
            made = made.vector(&format!("blk.{layer}.{norm}.bias"), HIDDEN, bias);
        }
        for (part, rows, cols) in [
            ("attn_qkv", 3 * HIDDEN, HIDDEN),
            ("attn_output", HIDDEN, HIDDEN),
            ("ffn_up", INNER, HIDDEN),
            ("ffn_down", HIDDEN, INNER),
        ] {
            made = made.matrix(&format!("blk.{layer}.{part}.weight"), rows, cols);
            made = made.vector(&format!("blk.{layer}.{part}.bias"), rows, 0.0);
        }
    }
    comes_back(&made.file());
    let folder = Folder::new();
    let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
    let out = folder.path("out");
    to_folder(&file, &out, CheckpointFormat::Safetensors).unwrap();
    assert_eq!(config_of(&out)["layer_norm_epsilon"], json!(1e-5));
    let (before, after) = (nll(&file), nll(&packed(&out, &folder.path("back.ecq"))));
    assert!((before - after).abs() < 2e-3, "{before} {after}");
}

/// Divisors as llama.cpp's converter computes them.
fn llama3_divisors([factor, low, high, original]: [f64; 4]) -> Vec<u8> {
    let one = |i: usize| {
        let wavelength = std::f64::consts::TAU * 10_000f64.powf(2.0 * i as f64 / HEAD as f64);
        let smooth = (original / wavelength - low) / (high - low);
        if wavelength < original / high {
            1.0
        } else if wavelength > original / low {
            factor
        } else {
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    (0..HEAD / 2).flat_map(|i| (one(i) as f32).to_le_bytes()).collect()
}

#[test]
fn divisors_of_frequencies_become_a_rule_or_are_refused() {
    let with = |divisors: Vec<u8>| {
        Made::llama().tensor("rope_freqs.weight", GgmlType::F32, &[HEAD as u64 / 2], divisors)
    };
    let exported = |made: &Made| {
        let folder = Folder::new();
        let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
        let before = nll(&file);
        let out = folder.path("out");
        let result = to_folder(&file, &out, CheckpointFormat::Safetensors);
        result.map(|_| {
            let after = nll(&packed(&out, &folder.path("back.ecq")));
            assert!((before - after).abs() < 2e-3, "{before} {after}");
            (before, config_of(&out)["rope_scaling"].clone())
        })
    };
    let plain = nll_of(&Made::llama());
    // Llama 3's factors, at a context that so few frequencies tell.
    let (found, scaling) = exported(&with(llama3_divisors([8.0, 1.0, 4.0, 512.0]))).unwrap();
    assert_eq!(
        scaling,
        json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 512})
    );
    assert!((found - plain).abs() > 1e-6);
    // Others: a factor for all frequencies, none, a linear scaling on top.
    let of = |divisors: [f32; HEAD / 2]| with(divisors.iter().flat_map(|d| d.to_le_bytes()).collect());
    assert_eq!(exported(&of([4.0; HEAD / 2])).unwrap().1, json!({"rope_type": "linear", "factor": 4.0}));
    assert!(exported(&of([1.0; HEAD / 2])).unwrap().1.is_null());
    let both = of([2.0; HEAD / 2]).of_model("rope.scaling.factor", Value::F32(3.0));
    assert_eq!(exported(&both).unwrap().1, json!({"rope_type": "linear", "factor": 6.0}));
    // H3: divisors of no rule. Nothing is left, and GGUF keeps them.
    let folder = Folder::new();
    let odd = folder.put("odd.gguf", &of([1.0, 3.0, 2.0, 8.0]).file());
    let file = packed(&odd, &folder.path("odd.ecq"));
    let error = to_folder(&file, &folder.path("out"), CheckpointFormat::Safetensors).unwrap_err();
    assert_eq!(error.kind(), "export");
    assert!(
        error.to_string().contains("rope_freqs.weight") && error.to_string().contains("llama3"),
        "{error}"
    );
    assert!(!folder.path("out").exists() && !folder.path("out.partial").exists());
    comes_back(&of([1.0, 3.0, 2.0, 8.0]).file());
    // With yarn on top nothing runs, and it says so.
    let yarn = of([2.0; HEAD / 2])
        .of_model("rope.scaling.type", Value::String("yarn".to_owned()))
        .of_model("rope.scaling.factor", Value::F32(4.0));
    let file = packed(&folder.put("yarn.gguf", &yarn.file()), &folder.path("yarn.ecq"));
    let error = Checkpoint::open(&file, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("rope_freqs.weight") && error.contains("yarn"), "{error}");
}

#[test]
fn factors_of_yarn_are_those_of_llama_cpp() {
    let yarn = |factor: Option<f32>| {
        let made = Made::llama()
            .of_model("rope.scaling.type", Value::String("yarn".to_owned()))
            .of_model("rope.scaling.factor", Value::F32(4.0))
            .of_model("rope.scaling.original_context_length", Value::U32(16));
        factor.into_iter().fold(made, |made, f| made.of_model("rope.scaling.attn_factor", Value::F32(f)))
    };
    // B4: one is the default.
    assert_eq!(nll_of(&yarn(Some(1.0))), nll_of(&yarn(None)));
    let scale = |factor| {
        let folder = Folder::new();
        let file = packed(&folder.put("m.gguf", &yarn(factor).file()), &folder.path("m.ecq"));
        let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
        checkpoint.config().rope.as_ref().unwrap().frequencies(1).1
    };
    let own = 1.0 + 0.1 * 4f32.ln();
    assert!((scale(None) - own).abs() < 1e-6 && (scale(Some(1.5)) - 1.5 * own).abs() < 1e-6);
}

#[test]
fn gemma3_27b_has_a_scale_of_its_own() {
    // B3: 62 layers, whose header alone is needed.
    let scale = |layers: u32| {
        let mut made = Made::llama();
        made.architecture = "gemma3";
        for (key, _) in &mut made.metadata {
            *key = key.replacen("llama.", "gemma3.", 1);
        }
        made = made
            .key("general.architecture", Value::String("gemma3".to_owned()))
            .of_model("block_count", Value::U32(layers))
            .of_model("attention.key_length", Value::U32(16))
            .of_model("attention.sliding_window", Value::U32(8));
        made.tensors.truncate(1);
        let folder = Folder::new();
        let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
        let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
        let config = checkpoint.config();
        let scales: Vec<f32> = config
            .blocks
            .iter()
            .flat_map(|block| block.attention())
            .map(|attention| attention.scale)
            .collect();
        assert_eq!(scales.len(), layers as usize);
        scales[0]
    };
    assert_eq!(scale(62), (HEAD as f32).powf(-0.5));
    assert_eq!([26, 34, 48].map(scale), [0.25; 3]);
}

#[test]
fn keys_that_are_not_implemented_are_no_damage() {
    let folder = Folder::new();
    let made = Made::llama().of_model("final_logit_softcapping", Value::F32(30.0));
    comes_back(&made.file());
    let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
    let error = Checkpoint::open(&file, &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), "unsupported");
    assert!(error.to_string().contains("\"llama.final_logit_softcapping\" is 30"), "{error}");
    let error = to_folder(&file, &folder.path("out"), CheckpointFormat::Safetensors).unwrap_err();
    assert_eq!(error.kind(), "unsupported");
}

#[test]
fn small_block_types_run() {
    // C5, and types of the same kind.
    let cols = 256;
    for ty in [GgmlType::Iq4Nl, GgmlType::Iq4Xs, GgmlType::Mxfp4, GgmlType::Tq1_0, GgmlType::Tq2_0] {
        let (rows, mut numbers) = (8, Numbers::new(ty.id().into()));
        let blocks = rows * cols / ty.block_weights();
        let mut bytes = numbers.bytes(blocks * ty.block_bytes());
        for block in bytes.chunks_exact_mut(ty.block_bytes()) {
            // Factors of ordinary size, wherever they lie.
            match ty {
                GgmlType::Iq4Nl | GgmlType::Iq4Xs => block[1] = 0x20 | block[1] & 3,
                GgmlType::Tq1_0 => block[53] = 0x20 | block[53] & 3,
                GgmlType::Tq2_0 => block[65] = 0x20 | block[65] & 3,
                _ => block[0] = 110 + block[0] % 16,
            }
        }
        let made =
            Made::llama().tensor("blk.0.ffn_down.weight", ty, &[cols as u64, rows as u64], bytes.clone());
        comes_back(&made.file());
        let folder = Folder::new();
        let path = folder.put("m.gguf", &made.file());
        let name = "blk.0.ffn_down.weight";
        let mut expected = vec![0f32; rows * cols];
        ecq_format::gguf::dequantize(ty, &bytes, &mut expected).unwrap();
        // Kept it runs from its own bytes, and on a grid it is near them.
        let mut options = PackOptions::default();
        let kept = packed_with(&path, &folder.path("kept.ecq"), &options);
        let checkpoint = Checkpoint::open(&kept, &Limits::default()).unwrap();
        let matrix = checkpoint.matrix("model.layers.0.mlp.down_proj.weight", [rows, cols]).unwrap();
        assert_eq!(matrix.to_f32().unwrap(), expected, "{}", ty.name());
        if ty == GgmlType::Mxfp4 {
            // Without loss: each value has one bit behind the point.
            let (dtype, floats) = matrix.floats().unwrap();
            let exact = ecq_core::FloatVec::new(dtype, floats).unwrap();
            assert_eq!(exact.to_f32(), expected);
        }
        options.linear = GridChoice::parse("absmax:8:row").unwrap();
        let report = pack(&*open(&path), "m", Some(&folder.path("q.ecq")), &options, &()).unwrap();
        let tensor = report.tensors.iter().find(|tensor| tensor.name == name).unwrap();
        assert!(tensor.sqnr_db.unwrap() > 20.0, "{}: {:?}", ty.name(), tensor.sqnr_db);
    }
}

#[test]
fn block_types_past_half_precision_still_run() {
    // Factors near the end of half precision: products with codes pass it.
    let bytes: Vec<u8> =
        (0..8 * 2).flat_map(|i| [[0xff, 0x7b].as_slice(), &[i * 16 + 15; 16]].concat()).collect();
    let made = Made::llama().tensor("blk.0.ffn_down.weight", GgmlType::Iq4Nl, &[64, 8], bytes);
    let folder = Folder::new();
    let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
    let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
    let matrix = checkpoint.matrix("model.layers.0.mlp.down_proj.weight", [8, 64]).unwrap();
    let (dtype, floats) = matrix.floats().unwrap();
    let floats = ecq_core::FloatVec::new(dtype, floats).unwrap().to_f32();
    let expected = matrix.to_f32().unwrap();
    assert!(expected.iter().any(|w| w.abs() > 65504.0));
    assert!(floats.iter().zip(&expected).all(|(a, b)| (a / b - 1.0).abs() < 0.005), "{dtype:?}");
}

#[test]
fn block_types_that_do_not_run_are_no_damage() {
    let made = Made::llama().tensor("blk.0.ffn_down.weight", GgmlType::Iq2Xxs, &[256, 2], vec![7; 132]);
    comes_back(&made.file());
    let folder = Folder::new();
    let file = packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq"));
    let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
    let matrix = checkpoint.matrix("model.layers.0.mlp.down_proj.weight", [2, 256]).unwrap();
    let error = matrix.to_f32().unwrap_err();
    assert_eq!((error.kind(), error.tensor()), ("unsupported", Some("model.layers.0.mlp.down_proj.weight")));
    assert!(error.to_string().contains("iq2_xxs"), "{error}");
    let error = to_folder(&file, &folder.path("out"), CheckpointFormat::Safetensors).unwrap_err().to_string();
    assert!(error.contains("blk.0.ffn_down.weight") && error.contains("iq2_xxs"), "{error}");
}

/// A fixture of the format crate: written by MLX, AutoGPTQ, AutoAWQ.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-format/tests/data").join(name)
}

type Named = Vec<(String, (Dtype, Vec<usize>, Vec<u8>))>;

fn tensors_of(path: &Path) -> Named {
    let bytes = fs::read(path.join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let of = |(name, view): (String, safetensors::tensor::TensorView)| {
        (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
    };
    file.tensors().into_iter().map(of).collect()
}

fn put_tensors(folder: &Folder, name: &str, tensors: &Named) {
    let mut views = Vec::new();
    for (name, (dtype, shape, bytes)) in tensors {
        views.push((
            name.clone(),
            safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).unwrap(),
        ));
    }
    folder.put(&format!("{name}/model.safetensors"), &safetensors::serialize(views, None).unwrap());
}

#[test]
fn floats_of_a_quantized_checkpoint_are_no_quantized_checkpoint() {
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
fn floats_of_another_type_are_said_in_the_configuration() {
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
fn a_kept_layer_says_how_it_runs() {
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

/// A checkpoint of Hugging Face that runs, made of the small GGUF model.
fn small_folder(folder: &Folder, name: &str) -> Named {
    let file = packed(&folder.put("base.gguf", &Made::llama().file()), &folder.path("base.ecq"));
    to_folder(&file, &folder.path(name), CheckpointFormat::Safetensors).unwrap();
    tensors_of(&folder.path(name))
}

#[test]
fn biases_of_zeros_and_tensors_without_elements_change_nothing() {
    // G3, G4.
    let folder = Folder::new();
    let mut tensors = small_folder(&folder, "m");
    let expected = nll(&packed(&folder.path("m"), &folder.path("m.ecq")));
    let halves = |len: usize, bytes: Vec<u8>| (Dtype::F16, vec![len], bytes);
    tensors.push(("model.layers.0.self_attn.q_proj.bias".to_owned(), halves(HIDDEN, vec![0; 2 * HIDDEN])));
    // Minus zero is zero.
    let minus = [0u8, 0x80].repeat(HIDDEN);
    tensors.push(("model.layers.1.mlp.down_proj.bias".to_owned(), halves(HIDDEN, minus)));
    tensors.push(("model.layers.0.scratch".to_owned(), (Dtype::F32, vec![0], vec![])));
    tensors.push(("model.layers.0.mlp.extra.weight".to_owned(), (Dtype::BF16, vec![4, 0, 2], vec![])));
    put_tensors(&folder, "m", &tensors);
    let source = open(&folder.path("m"));
    for (name, options) in [
        ("kept", PackOptions::default()),
        ("coded", {
            let encode = EncodeOptions {
                coding: CodingChoice::Only(Coding::Rans),
                hybrid_percent: 0.0,
                ..EncodeOptions::default()
            };
            PackOptions { encode, ..PackOptions::default() }
        }),
    ] {
        let file = packed_with(&folder.path("m"), &folder.path(&format!("{name}.ecq")), &options);
        assert!(verify(&file, Some(&*source), &Limits::default(), &()).unwrap().ok);
        assert_eq!(nll(&file), expected);
        // They come back too.
        let out = folder.path(&format!("{name}-out"));
        to_folder(&file, &out, CheckpointFormat::Safetensors).unwrap();
        let (mut back, mut before) = (tensors_of(&out), tensors.clone());
        back.sort();
        before.sort();
        assert!(back == before);
    }
    // A bias that is not zero is a part of the model that must not be left out.
    tensors[0] =
        ("model.layers.0.self_attn.k_proj.bias".to_owned(), halves(16, [&[0; 30][..], &[1, 0]].concat()));
    put_tensors(&folder, "stray", &tensors);
    folder.put("stray/config.json", &fs::read(folder.path("m/config.json")).unwrap());
    let file = packed(&folder.path("stray"), &folder.path("stray.ecq"));
    let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
    let error = checkpoint.check_unused_tensors().unwrap_err();
    assert!(matches!(error, RuntimeError::UnexpectedTensor { .. }), "{error}");
}

#[test]
fn infinity_in_a_configuration_is_kept() {
    // A6; relatives: NaN, -Infinity, numbers that are none of a double, in other files that ride along.
    let folder = Folder::new();
    small_folder(&folder, "m");
    let mut text = fs::read_to_string(folder.path("m/config.json")).unwrap();
    let end = text.rfind('}').unwrap();
    text.truncate(end);
    text += ",\n\"time_step_limit\": [0.0, Infinity], \"x\": -Infinity, \"y\": NaN, \"z\": 1e400, \"s\": \"NaN\"}";
    folder.put("m/config.json", text.as_bytes());
    let file = packed(&folder.path("m"), &folder.path("m.ecq"));
    let out = folder.path("out");
    to_folder(&file, &out, CheckpointFormat::Safetensors).unwrap();
    assert_eq!(config_of(&out), config_of(&folder.path("m")));
    let text = fs::read_to_string(out.join("config.json")).unwrap();
    let squeezed: String = text.split_whitespace().collect();
    assert!(
        squeezed.contains("[0.0,Infinity]")
            && squeezed.contains("\"y\":NaN")
            && squeezed.contains("\"s\":\"NaN\"")
    );
}

#[test]
fn a_folder_without_a_configuration_says_so_before_the_work() {
    let folder = Folder::new();
    small_folder(&folder, "m");
    fs::remove_file(folder.path("m/config.json")).unwrap();
    // Without loss it is packed all the same; what runs it needs to know how.
    let file = packed(&folder.path("m"), &folder.path("m.ecq"));
    let error = Checkpoint::open(&file, &Limits::default()).unwrap_err().to_string();
    assert!(error.contains("no config.json"), "{error}");
    let calibration = CalibrationOptions {
        text: CalibrationText::SelfGenerated,
        tokens: 64,
        sequence_length: 16,
        seed: 0,
        reference_grid: None,
        reuse: false,
    };
    let (source, work) = (open(&folder.path("m")), folder.path("work"));
    let options = PackOptions::quantizing();
    let error = pack_calibrated(&*source, "m", None, &work, options, &calibration, &()).unwrap_err();
    assert!(error.kind() == "calibration" && error.to_string().contains("m has no config.json"), "{error}");
    assert!(!work.exists(), "nothing was done before it");
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

#[test]
fn what_is_no_ecq_is_named_for_what_it_is() {
    // G10, and cut files.
    let folder = Folder::new();
    let gguf = folder.put("m.gguf", &Made::llama().file());
    small_folder(&folder, "m");
    let whole = fs::read(packed(&gguf, &folder.path("m.ecq"))).unwrap();
    for (path, what) in [
        (gguf.clone(), "is a GGUF file"),
        (folder.path("m"), "is a folder"),
        (folder.path("m/model.safetensors"), "is a safetensors file, but not an .ecq file"),
        (folder.path("m/config.json"), "is a JSON text"),
        (folder.put("empty", b""), "is an empty file"),
        (folder.put("page", b"<!DOCTYPE html><html>"), "is a web page"),
        (folder.put("noise", &[0xfe; 600]), "is a file of an unknown format"),
        (folder.put("pointer", b"version https://git-lfs.github.com/spec/v1\n"), "is a Git LFS pointer"),
    ] {
        let error = EcqSource::open(&path, &Limits::default()).map(|_| ()).unwrap_err();
        let text = error.to_string();
        assert!(
            error.kind() == "format" && text.contains(what) && text.contains("an .ecq file is expected"),
            "{text}"
        );
        assert!(text.starts_with(&path.display().to_string()), "{text}");
        let error = Checkpoint::open(&path, &Limits::default()).map(|_| ()).unwrap_err();
        assert!(
            matches!(&error, RuntimeError::NotEcq { found, .. } if found.starts_with(what.trim_start_matches("is "))),
            "{error}"
        );
    }
    for cut in [whole.len() / 2, whole.len() - 1, 40] {
        let half = folder.put("half.ecq", &whole[..cut]);
        let error = EcqSource::open(&half, &Limits::default()).map(|_| ()).unwrap_err();
        let text = error.to_string();
        assert!(error.kind() == "corrupt" && text.contains("half.ecq is truncated: "), "{text}");
    }
    let bytes = fs::read(&gguf).unwrap();
    let error =
        source::open(&folder.put("half.gguf", &bytes[..bytes.len() / 2]), &Limits::default()).err().unwrap();
    assert!(error.to_string().contains("half.gguf is truncated: "), "{error}");
    // What a header claims wrongly is told with the file.
    let lie = folder.put("lie.gguf", &[&bytes[..16], &[0xff; 8], &bytes[24..]].concat());
    let error = source::open(&lie, &Limits::default()).err().unwrap();
    assert!(error.kind() == "corrupt" && error.offset() == Some(16), "{error}");
    assert!(error.to_string().starts_with(&format!("{}: the metadata count", lie.display())), "{error}");
    let half = folder.put("half.ecq", &whole[..whole.len() / 2]);
    let error = EcqSource::open(&half, &Limits::default()).map(|_| ()).unwrap_err().to_string();
    let kb = |bytes: usize| format!("{:.1}", bytes as f64 / 1e3);
    assert!(error.contains(&format!("{} of {} kB", kb(whole.len() / 2), kb(whole.len()))), "{error}");
    // As a source the same files are named too.
    for (name, what) in [("page", "a web page"), ("pointer", "a Git LFS pointer"), ("empty", "an empty file")]
    {
        let error = source::open(&folder.path(name), &Limits::default()).err().unwrap();
        assert!(error.kind() == "format" && error.to_string().contains(what), "{error}");
    }
}

#[test]
fn a_stale_word_of_quantization_goes_with_the_export() {
    let folder = Folder::new();
    small_folder(&folder, "m");
    let file = packed(&folder.path("m"), &folder.path("m.ecq"));
    // What rides along says MLX, and the tensors are floats.
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
