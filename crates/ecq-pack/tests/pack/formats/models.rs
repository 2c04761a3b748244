//! Small models that the tests write, and the steps that most of them take.

use ecq_core::Limits;
use ecq_fixtures::Numbers;
use ecq_format::gguf::{GgmlType, GgufError, TensorToWrite, Value, write};
use ecq_pack::source::{self, Source};
use ecq_pack::{
    CheckpointFormat, CheckpointOptions, ExportReport, GgufOptions, PackError, PackOptions,
    export_checkpoint, export_gguf, pack, verify,
};
use ecq_runtime::backend::{ActivationType, Cpu, CpuOptions};
use ecq_runtime::{Checkpoint, Engine, EngineOptions, EvalOptions, LoadOptions, Mode, Model, evaluate};
use safetensors::{Dtype, SafeTensors};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const HIDDEN: usize = 32;
pub const INNER: usize = 64;
pub const HEADS: usize = 4;
pub const KV_HEADS: usize = 2;
pub const HEAD: usize = HIDDEN / HEADS;
pub const VOCABULARY: usize = 16;
pub const LAYERS: usize = 2;

/// A GGUF file in the making.
#[derive(Clone)]
pub struct Made {
    pub architecture: &'static str,
    pub metadata: Vec<(String, Value)>,
    pub tensors: Vec<(String, GgmlType, Vec<u64>, Vec<u8>)>,
}

impl Made {
    /// A small model that runs.
    pub fn llama() -> Self {
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

    pub fn matrix(self, name: &str, rows: usize, cols: usize) -> Self {
        let mut numbers = Numbers::new(name.bytes().fold(1, |sum, b| sum * 31 % 1_000_003 + u64::from(b)));
        let bytes = (0..rows * cols).flat_map(|_| (0.2 * numbers.normal()).to_le_bytes()).collect();
        self.tensor(name, GgmlType::F32, &[cols as u64, rows as u64], bytes)
    }

    pub fn vector(self, name: &str, len: usize, mean: f32) -> Self {
        let mut numbers = Numbers::new(name.bytes().fold(7, |sum, b| sum * 31 % 1_000_003 + u64::from(b)));
        let bytes = (0..len).flat_map(|_| (mean + 0.2 * numbers.normal()).to_le_bytes()).collect();
        self.tensor(name, GgmlType::F32, &[len as u64], bytes)
    }

    /// Adds a tensor, or replaces the one of its name.
    pub fn tensor(mut self, name: &str, ty: GgmlType, dims: &[u64], bytes: Vec<u8>) -> Self {
        let made = (name.to_owned(), ty, dims.to_vec(), bytes);
        match self.tensors.iter_mut().find(|(known, ..)| known == name) {
            Some(tensor) => *tensor = made,
            None => self.tensors.push(made),
        }
        self
    }

    pub fn key(mut self, name: &str, value: Value) -> Self {
        self.metadata.retain(|(known, _)| known != name);
        self.metadata.push((name.to_owned(), value));
        self
    }

    pub fn of_model(self, name: &str, value: Value) -> Self {
        let name = format!("{}.{name}", self.architecture);
        self.key(&name, value)
    }

    pub fn file_of(&self, metadata: &[(String, Value)], range: std::ops::Range<usize>) -> Vec<u8> {
        let all = &self.tensors[range];
        let infos: Vec<TensorToWrite> = all
            .iter()
            .map(|(name, ty, dims, _)| TensorToWrite { name: name.clone(), ty: *ty, dims: dims.clone() })
            .collect();
        let mut file = Vec::new();
        write(&mut file, metadata, &infos, |i| Ok::<_, GgufError>(all[i].3.clone())).unwrap();
        file
    }

    pub fn file(&self) -> Vec<u8> {
        self.file_of(&self.metadata, 0..self.tensors.len())
    }
}

/// A folder with files in it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

pub fn open(path: &Path) -> Box<dyn Source> {
    source::open(path, &Limits::default()).unwrap()
}

pub fn packed_with(source: &Path, dest: &Path, options: &PackOptions) -> PathBuf {
    pack(&*open(source), "source", Some(dest), options, &()).unwrap();
    dest.to_owned()
}

pub fn packed(source: &Path, dest: &Path) -> PathBuf {
    packed_with(source, dest, &PackOptions::default())
}

pub fn to_folder(file: &Path, dest: &Path, format: CheckpointFormat) -> Result<ExportReport, PackError> {
    export_checkpoint(file, dest, &CheckpointOptions::new(format), &Limits::default(), &())
}

pub fn config_of(folder: &Path) -> serde_json::Value {
    ecq_format::python_json::parse(&fs::read(folder.join("config.json")).unwrap()).unwrap()
}

/// Negative log-likelihood of some tokens, in full precision.
pub fn nll(file: &Path) -> f64 {
    let cpu = CpuOptions { activations: ActivationType::F32, ..CpuOptions::default() };
    let checkpoint = Checkpoint::open(file, &Limits::default()).unwrap();
    let load = LoadOptions { mode: Mode::Cached, budget_bytes: None, free_bytes: None };
    let model = Arc::new(Model::load(&checkpoint, Arc::new(Cpu::new(cpu).unwrap()), load).unwrap());
    let engine = Engine::new(model, None, EngineOptions::default()).unwrap();
    let text: Vec<u32> = (0..40).map(|i| i * 7 % VOCABULARY as u32).collect();
    let options = EvalOptions { window: 40, max_tokens: 40 };
    evaluate(&mut [engine], None, &[], &text, options).unwrap()[0].nll.mean
}

pub fn nll_of(made: &Made) -> f64 {
    let folder = Folder::new();
    nll(&packed(&folder.put("m.gguf", &made.file()), &folder.path("m.ecq")))
}

/// Packs without loss, verifies, and exports to GGUF: the file comes back byte for byte.
pub fn comes_back(bytes: &[u8]) {
    let folder = Folder::new();
    let path = folder.put("m.gguf", bytes);
    let file = packed(&path, &folder.path("m.ecq"));
    let report = verify(&file, Some(&*open(&path)), &Limits::default(), &()).unwrap();
    assert!(report.ok, "{:?}", report.mismatches);
    // Coded again from itself it is no other.
    let again = packed(&file, &folder.path("again.ecq"));
    for file in [file, again] {
        let back = folder.path("back.gguf");
        export_gguf(&file, &back, &GgufOptions::default(), &Limits::default(), &()).unwrap();
        assert!(fs::read(&back).unwrap() == bytes, "{} bytes", bytes.len());
    }
}

/// A fixture of the format crate: written by MLX, AutoGPTQ, AutoAWQ.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-format/tests/data").join(name)
}

pub type Named = Vec<(String, (Dtype, Vec<usize>, Vec<u8>))>;

pub fn tensors_of(path: &Path) -> Named {
    let bytes = fs::read(path.join("model.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let of = |(name, view): (String, safetensors::tensor::TensorView)| {
        (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
    };
    file.tensors().into_iter().map(of).collect()
}

pub fn put_tensors(folder: &Folder, name: &str, tensors: &Named) {
    let mut views = Vec::new();
    for (name, (dtype, shape, bytes)) in tensors {
        views.push((
            name.clone(),
            safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).unwrap(),
        ));
    }
    folder.put(&format!("{name}/model.safetensors"), &safetensors::serialize(views, None).unwrap());
}

/// A checkpoint of Hugging Face that runs, made of the small GGUF model.
pub fn small_folder(folder: &Folder, name: &str) -> Named {
    let file = packed(&folder.put("base.gguf", &Made::llama().file()), &folder.path("base.ecq"));
    to_folder(&file, &folder.path(name), CheckpointFormat::Safetensors).unwrap();
    tensors_of(&folder.path(name))
}
