//! Model files: configuration, tensors, tokenizer files.

mod tokenizer_files;

use crate::arch::{Config, LinearSpec, NormSpec, Scaling};
use crate::error::{Result, RuntimeError};
use crate::weights::{Matrix, MatrixStorage};
use ecq_core::Limits;
use ecq_core::RotaryPairs;
use ecq_format::container::{ContainerError, EcqFile};
use ecq_format::gguf::{self, Gguf};
use ecq_format::hf::{self, GgufTransform};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// An open `.ecq` file: configuration, tensors by Hugging Face name, attached files.
///
/// The checksums of a tensor are verified when it is read.
#[derive(Debug)]
pub struct Checkpoint {
    file: EcqFile,
    config: Config,
    /// Header of the source GGUF file, if there is one. GGUF converters rename tensors and change some
    /// values.
    gguf: Option<Gguf>,
    /// Hugging Face names to names in the file and the converter's transform.
    names: HashMap<String, (String, GgufTransform)>,
    /// Whether biases of the configuration may be missing in the file.
    optional_biases: bool,
    /// Names in the file that were read.
    used: Mutex<HashSet<String>>,
}

/// Attached files.
const CONFIG_FILE: &str = "config.json";
const GENERATION_FILE: &str = "generation_config.json";
const GGUF_FILE: &str = "gguf.header";
/// Divisors of the rotary frequencies in GGUF files; Hugging Face computes them.
const DIVISORS: &str = "rope_freqs.weight";
/// Architectures whose biases are individually optional in GGUF files (`create_tensor` of llama.cpp).
const OPTIONAL_BIASES: [&str; 3] = ["llama", "qwen3", "gemma3_text"];
/// Name prefixes in checkpoints of multimodal models.
const PREFIXES: [&str; 2] = ["model.language_model.", "language_model."];

impl Checkpoint {
    /// Opens an `.ecq` file and reads its configuration, but no tensor.
    ///
    /// # Errors
    /// If the file is not a valid `.ecq` file, has no configuration, or its architecture is not supported.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        match EcqFile::open(path, limits) {
            Err(ContainerError::WrongFileType { path, what: found }) => {
                Err(RuntimeError::NotEcq { path, found })
            }
            file => Self::new(file?, limits),
        }
    }

    /// Reads the configuration of an open file.
    ///
    /// # Errors
    /// If there is none or its architecture is not supported.
    pub fn new(file: EcqFile, limits: &Limits) -> Result<Self> {
        let has = |name: &str| file.files().any(|file| file == name);
        let mut names = HashMap::new();
        let (config, gguf) = if has(CONFIG_FILE) {
            let canonical = |name: &String| {
                let bare = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
                // Names of models without a head lack the first component.
                let first = bare.split('.').next().unwrap_or_default();
                match first {
                    "embed_tokens" | "layers" | "norm" => format!("model.{bare}"),
                    "wte" | "wpe" | "h" | "ln_f" => format!("transformer.{bare}"),
                    _ => bare.to_owned(),
                }
            };
            names.extend(
                file.names().iter().map(|name| (canonical(name), (name.clone(), GgufTransform::None))),
            );
            let generation = has(GENERATION_FILE).then(|| file.file(GENERATION_FILE)).transpose()?;
            let mut config = Config::from_json(&text(&file.file(CONFIG_FILE)?))?;
            config
                .end_tokens
                .extend(generation.map_or(Vec::new(), |json| Config::generation_end_tokens(&text(&json))));
            (config, None)
        } else if has(GGUF_FILE) {
            // The header describes the source file, so its length is checked against the length of that file.
            let gguf = Gguf::parse(&file.file(GGUF_FILE)?, file.model().source.bytes, limits)?;
            let metadata = gguf::model_config(&gguf)?;
            let json = hf::config_json(&metadata, Some(&gguf::tokenizer_metadata(&gguf)?), "float32")?;
            for name in file.names() {
                if let Some(tensor) = hf::hf_tensor(&metadata, name)? {
                    names.insert(tensor.name, (name.clone(), tensor.transform));
                }
            }
            (Config::from_json(&json.to_string())?, Some(gguf))
        } else {
            return Err(RuntimeError::Missing {
                what: "config.json and no GGUF header, which describe the architecture",
            });
        };
        let optional_biases = gguf.is_some() && OPTIONAL_BIASES.contains(&config.architecture.as_str());
        let mut checkpoint = Self { file, config, gguf, names, optional_biases, used: Mutex::default() };
        checkpoint.apply_rope_divisors()?;
        Ok(checkpoint)
    }

    /// Applies the frequency divisors that GGUF files of Llama 3.1 and later contain.
    fn apply_rope_divisors(&mut self) -> Result<()> {
        let stored = self.file.names().iter().any(|name| name == DIVISORS);
        if let (true, Some(dim)) =
            (stored && self.gguf.is_some(), self.config.rope.as_ref().map(|rope| rope.dim))
        {
            self.names.insert(DIVISORS.to_owned(), (DIVISORS.to_owned(), GgufTransform::None));
            let divisors = self.vector(DIVISORS, dim / 2)?;
            if let Some(rope) = &mut self.config.rope {
                // llama.cpp applies the divisors first and then the scaling.
                rope.scaling = Scaling::Divisors(match rope.scaling {
                    Scaling::Default => divisors,
                    Scaling::Linear { factor } => divisors.iter().map(|d| d * factor as f32).collect(),
                    _ => {
                        let (key, why) =
                            (DIVISORS.to_owned(), "is not supported together with yarn scaling".to_owned());
                        return Err(RuntimeError::Config { key, why });
                    }
                });
            }
        }
        Ok(())
    }

    /// Returns the model's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the container.
    pub fn file(&self) -> &EcqFile {
        &self.file
    }

    /// Returns which values of a head rotate together. GGUF converters reorder Llama's queries and keys.
    pub fn rotary_pairs(&self) -> RotaryPairs {
        let interleaved = |(_, transform): &(String, GgufTransform)| {
            matches!(transform, GgufTransform::InterleavedHeadRows { .. })
        };
        if self.names.values().any(interleaved) { RotaryPairs::Neighbours } else { RotaryPairs::Halves }
    }

    /// Returns the name in the file of a Hugging Face tensor, if the tensor exists.
    pub fn stored_name(&self, name: &str) -> Option<&str> {
        self.names.get(name).map(|(stored, _)| stored.as_str())
    }

    fn find(&self, name: &str) -> Result<&(String, GgufTransform)> {
        let missing = || {
            let codes = name.strip_suffix(".weight").map(|layer| format!("{layer}.qweight"));
            match codes.and_then(|codes| self.names.get(&codes)) {
                Some((found, _)) => {
                    RuntimeError::ForeignQuantization { name: name.to_owned(), found: found.clone() }
                }
                None => RuntimeError::MissingTensor {
                    name: name.to_owned(),
                    architecture: self.config.architecture.clone(),
                },
            }
        };
        let stored = self.names.get(name).ok_or_else(missing)?;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(stored.0.clone());
        Ok(stored)
    }

    /// Reads a weight matrix of `[rows, cols]` (output features, input features).
    ///
    /// # Errors
    /// With the tensor's name if it is missing, has another shape, or fails its checksum.
    pub fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix> {
        self.load_matrix(name, &self.find(name)?.0, shape)
    }

    /// Reads the whole tensor of a block's matrix, in either storage order.
    ///
    /// # Errors
    /// Like [`matrix`](Self::matrix).
    pub fn linear(&self, spec: &LinearSpec) -> Result<Matrix> {
        let (name, [rows, cols]) = (spec.weight(), spec.shape);
        if !spec.input_major || self.find(&name)?.1 == GgufTransform::Transposed {
            return self.matrix(&name, [rows, cols]);
        }
        let matrix = self.matrix(&name, [cols, rows])?;
        Ok(Matrix {
            name: matrix.name.clone(),
            shape: [rows, cols],
            storage: MatrixStorage::Transposed(Box::new(matrix)),
        })
    }

    fn load_matrix(&self, name: &str, stored: &str, shape: [usize; 2]) -> Result<Matrix> {
        let (storage, found) = MatrixStorage::read(&self.file, stored)?;
        if found != shape {
            let (name, expected) = (stored.to_owned(), shape.to_vec());
            return Err(RuntimeError::Shape { name, found, expected });
        }
        Ok(Matrix { name: name.to_owned(), shape, storage })
    }

    /// Reads a vector of `len` values as f32.
    ///
    /// # Errors
    /// Like [`matrix`](Self::matrix).
    pub fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>> {
        let stored = &self.find(name)?.0;
        if self.file.entry(stored).is_some() {
            return self.load_matrix(name, stored, [1, len])?.to_f32();
        }
        let (storage, shape) = MatrixStorage::read(&self.file, stored)?;
        if shape.iter().product::<usize>() != len || shape.iter().any(|&n| n != 1 && n != len) {
            return Err(RuntimeError::Shape { name: stored.clone(), found: shape, expected: vec![len] });
        }
        Matrix { name: name.to_owned(), shape: [1, len], storage }.to_f32()
    }

    /// Reads the biases of the rows of a block's matrix; `None` if it has none.
    ///
    /// # Errors
    /// Like [`matrix`](Self::matrix).
    pub fn bias(&self, spec: &LinearSpec) -> Result<Option<Vec<f32>>> {
        if !spec.bias {
            return Ok(None);
        }
        let name = spec.bias_name();
        // Hugging Face classes have biases in all layers or in none; a GGUF file may omit some, which are
        // zero.
        if self.optional_biases && !self.names.contains_key(&name) {
            return Ok(Some(vec![0.0; spec.rows.len()]));
        }
        Ok(Some(self.vector(&name, spec.shape[0])?[spec.rows.clone()].to_vec()))
    }

    /// Reads the weights of a norm, as factors.
    ///
    /// # Errors
    /// Like [`matrix`](Self::matrix).
    pub fn norm(&self, spec: &NormSpec) -> Result<Vec<f32>> {
        let name = spec.weight();
        let mut weights = self.vector(&name, spec.width)?;
        if spec.stored_minus_one && self.find(&name)?.1 != GgufTransform::PlusOne {
            weights.iter_mut().for_each(|w| *w += 1.0);
        }
        Ok(weights)
    }

    /// Checks that every tensor of a block was read. An unread tensor would be missing from the model.
    ///
    /// # Errors
    /// [`UnexpectedTensor`](RuntimeError::UnexpectedTensor) with the first unread tensor.
    pub fn check_unused_tensors(&self) -> Result<()> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let of_block = |name: &str| ["layers.", "blk.", "h."].iter().any(|part| name.contains(part));
        // Constants of old checkpoints, and the vision and audio parts of multimodal ones.
        let constant = |name: &str| {
            [".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias"].iter().any(|end| name.ends_with(end))
                || ["vision", "audio", "multi_modal"].iter().any(|part| name.contains(part))
        };
        let stray = |name: &&String| !used.contains(*name) && of_block(name) && !constant(name);
        for name in self.file.names().iter().filter(stray) {
            if !self.has_no_effect(name)? {
                let architecture = self.config.architecture.clone();
                return Err(RuntimeError::UnexpectedTensor { name: name.clone(), architecture });
            }
        }
        Ok(())
    }

    /// Returns whether the model computes the same without this tensor: it is empty, or a bias of zeros
    /// (AutoGPTQ adds one to every layer).
    fn has_no_effect(&self, name: &str) -> Result<bool> {
        let elements = match self.file.entry(name) {
            Some(entry) => entry.shape[0].saturating_mul(entry.shape[1]),
            None => self.file.plain(name)?.shape.iter().product(),
        };
        if elements == 0 || !name.ends_with(".bias") {
            return Ok(elements == 0);
        }
        // Biases may be coded where that is shorter.
        let (storage, _) = MatrixStorage::read(&self.file, name)?;
        let values = Matrix { name: name.to_owned(), shape: [1, elements], storage };
        Ok(values.to_f32()?.iter().all(|&value| value == 0.0))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
