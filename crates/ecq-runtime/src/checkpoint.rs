//! An `.ecq` file as named tensors of known shapes.

use crate::arch::{Config, LinearSpec, NormSpec, Scaling};
use crate::error::{Result, RuntimeError};
use crate::weights::{Matrix, MatrixStorage};
use ecq_core::RotaryPairs;
use ecq_core::{Content, FloatType, Limits};
use ecq_format::container::{ContainerError, EcqFile, PlainTensor};
use ecq_format::gguf::{self, Gguf};
use ecq_format::hf::{self, Change};
use ecq_format::python_json;
use safetensors::Dtype;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// An open model file: configuration, tensors by their Hugging Face names, files that ride along.
///
/// Parts of a tensor are compared with their checksums when it is asked for.
#[derive(Debug)]
pub struct Checkpoint {
    file: EcqFile,
    config: Config,
    /// The header of the GGUF file that the model came from; converting to it changed names and some values.
    gguf: Option<Gguf>,
    /// From names of Hugging Face to those in the file, and what a converter changed.
    names: HashMap<String, (String, Change)>,
    /// Whether biases that the configuration speaks of may be absent.
    biases_may_lack: bool,
    /// Names in the file that were asked for.
    used: Mutex<HashSet<String>>,
}

/// Files that ride along.
const CONFIG_FILE: &str = "config.json";
const GENERATION_FILE: &str = "generation_config.json";
const TOKENIZER_FILE: &str = "tokenizer.json";
const TOKENIZER_CONFIG_FILE: &str = "tokenizer_config.json";
const SPECIAL_TOKENS_FILE: &str = "special_tokens_map.json";
const TEMPLATE_FILE: &str = "chat_template.jinja";
/// Where processors of multi-modal models keep the template.
const TEMPLATE_JSON_FILE: &str = "chat_template.json";
const GGUF_FILE: &str = "gguf.header";
/// Divisors of the rotary frequencies in GGUF files; Hugging Face computes them.
const DIVISORS: &str = "rope_freqs.weight";
/// Architectures whose biases are optional, each by itself, in GGUF files (`create_tensor` of llama.cpp).
const OPTIONAL_BIASES: [&str; 3] = ["llama", "qwen3", "gemma3_text"];
/// What stands in front of names in checkpoints of multi-modal models.
const PREFIXES: [&str; 2] = ["model.language_model.", "language_model."];

impl Checkpoint {
    /// Opens an `.ecq` file and reads its configuration; no tensor is read.
    ///
    /// # Errors
    /// When it is no sound `.ecq` file, carries no configuration, or is of an architecture that is not known.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        match EcqFile::open(path, limits) {
            Err(ContainerError::NotTheFile { path, what: found }) => {
                Err(RuntimeError::NotEcq { path, found })
            }
            file => Self::new(file?, limits),
        }
    }

    /// Reads the configuration of an open file.
    ///
    /// # Errors
    /// When there is none, or it is of an architecture that is not known.
    pub fn new(file: EcqFile, limits: &Limits) -> Result<Self> {
        let has = |name: &str| file.files().any(|file| file == name);
        let mut names = HashMap::new();
        let (config, gguf) = if has(CONFIG_FILE) {
            let canonical = |name: &String| {
                let bare = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
                // Bare models (without a head) leave out the first word.
                let first = bare.split('.').next().unwrap_or_default();
                match first {
                    "embed_tokens" | "layers" | "norm" => format!("model.{bare}"),
                    "wte" | "wpe" | "h" | "ln_f" => format!("transformer.{bare}"),
                    _ => bare.to_owned(),
                }
            };
            names.extend(file.names().iter().map(|name| (canonical(name), (name.clone(), Change::None))));
            let generation = has(GENERATION_FILE).then(|| file.file(GENERATION_FILE)).transpose()?;
            let mut config = Config::from_json(&text(&file.file(CONFIG_FILE)?))?;
            config
                .end_tokens
                .extend(generation.map_or(Vec::new(), |json| Config::end_tokens_of(&text(&json))));
            (config, None)
        } else if has(GGUF_FILE) {
            // Its tensors lie in the source's file: as far as the header knows, it is as long as it was.
            let gguf = Gguf::parse(&file.file(GGUF_FILE)?, file.model().source.bytes, limits)?;
            let facts = gguf::config(&gguf)?;
            let json = hf::config_json(&facts, Some(&gguf::tokenizer(&gguf)?), "float32")?;
            for name in file.names() {
                if let Some(tensor) = hf::hf_tensor(&facts, name)? {
                    names.insert(tensor.name, (name.clone(), tensor.change));
                }
            }
            (Config::from_json(&json.to_string())?, Some(gguf))
        } else {
            return Err(RuntimeError::Absent {
                what: "config.json and no GGUF header: how its layers fit together is not known",
            });
        };
        let biases_may_lack = gguf.is_some() && OPTIONAL_BIASES.contains(&config.architecture.as_str());
        let mut checkpoint = Self { file, config, gguf, names, biases_may_lack, used: Mutex::default() };
        checkpoint.divisors()?;
        Ok(checkpoint)
    }

    /// GGUF files of Llama 3.1 and later carry what their frequencies are divided by.
    fn divisors(&mut self) -> Result<()> {
        let stored = self.file.names().iter().any(|name| name == DIVISORS);
        if let (true, Some(dim)) =
            (stored && self.gguf.is_some(), self.config.rope.as_ref().map(|rope| rope.dim))
        {
            self.names.insert(DIVISORS.to_owned(), (DIVISORS.to_owned(), Change::None));
            let divisors = self.vector(DIVISORS, dim / 2)?;
            if let Some(rope) = &mut self.config.rope {
                // llama.cpp divides by them first and scales then.
                rope.scaling = Scaling::Divisors(match rope.scaling {
                    Scaling::Default => divisors,
                    Scaling::Linear { factor } => divisors.iter().map(|d| d * factor as f32).collect(),
                    _ => {
                        let (key, why) =
                            (DIVISORS.to_owned(), "together with yarn it does not run".to_owned());
                        return Err(RuntimeError::Config { key, why });
                    }
                });
            }
        }
        Ok(())
    }

    /// Shape and variants of the model.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The file.
    pub fn file(&self) -> &EcqFile {
        &self.file
    }

    /// The text of `tokenizer.json`, or one rebuilt from the GGUF header.
    ///
    /// # Errors
    /// When there is none, or it is of a kind that cannot be rebuilt.
    pub fn tokenizer_json(&self) -> Result<Vec<u8>> {
        match &self.gguf {
            Some(gguf) => Ok(hf::tokenizer_json(&gguf::tokenizer(gguf)?)?.to_string().into_bytes()),
            None => self.optional_file(TOKENIZER_FILE)?.ok_or(RuntimeError::Absent { what: TOKENIZER_FILE }),
        }
    }

    /// What a `tokenizer_config.json` says: special tokens, perhaps the chat template.
    ///
    /// # Errors
    /// When it is there and not JSON.
    pub fn tokenizer_config(&self) -> Result<Value> {
        if let Some(gguf) = &self.gguf {
            let facts = gguf::tokenizer(gguf)?;
            let template = gguf::chat_template(gguf);
            return Ok(hf::tokenizer_config_json(&facts, template, self.config.context as u64));
        }
        Ok(self.optional_json(TOKENIZER_CONFIG_FILE)?.unwrap_or_else(|| json!({})))
    }

    /// The chat template (Jinja), where there is one: of `chat_template.jinja`, `tokenizer_config.json` or
    /// `chat_template.json`, and of several the one that is named `default`.
    ///
    /// # Errors
    /// When a file does not decode, or there are templates and none is the default.
    pub fn chat_template(&self) -> Result<Option<String>> {
        if let Some(template) = self.optional_file(TEMPLATE_FILE)? {
            return Ok(Some(text(&template)));
        }
        let config = self.tokenizer_config()?;
        if let Some(template) = default_template(&config["chat_template"])? {
            return Ok(Some(template));
        }
        let named = self.gguf.as_ref().map(gguf::named_chat_templates).unwrap_or_default();
        if !named.is_empty() {
            let list =
                named.iter().map(|(name, template)| json!({ "name": name, "template": template })).collect();
            return default_template(&Value::Array(list));
        }
        match self.optional_json(TEMPLATE_JSON_FILE)? {
            Some(file) => default_template(&file["chat_template"]),
            None => Ok(None),
        }
    }

    /// Special tokens by the names that chat templates give them: `bos_token` and its like, each a string,
    /// and `additional_special_tokens`, a list.
    ///
    /// They come from `tokenizer_config.json`; what it does not name from `special_tokens_map.json`, then
    /// from the class of the tokenizer. As transformers does, the former comes first only if it lists added
    /// tokens.
    ///
    /// # Errors
    /// When a file is there and not JSON.
    pub fn special_tokens(&self) -> Result<BTreeMap<String, Value>> {
        let config = self.tokenizer_config()?;
        let map = self.optional_json(SPECIAL_TOKENS_FILE)?.unwrap_or_default();
        let files = match config.get("added_tokens_decoder") {
            Some(_) => [&config, &map],
            None => [&map, &config],
        };
        let mut tokens = BTreeMap::new();
        let mut absent = HashSet::new();
        for (name, value) in files.into_iter().flat_map(named_tokens) {
            match token_text(value) {
                Some(text) => {
                    tokens.entry(name).or_insert(Value::String(text));
                }
                None if value.is_null() => {
                    absent.insert(name);
                }
                None => {}
            }
        }
        let list = |key: &str| files.iter().find_map(|file| file.get(key)?.as_array());
        if let Some(list) = list("additional_special_tokens").or(list("extra_special_tokens")) {
            let texts: Vec<String> = list.iter().filter_map(token_text).collect();
            tokens.insert("additional_special_tokens".to_owned(), json!(texts));
        }
        let class = config["tokenizer_class"].as_str().unwrap_or_default();
        let class = class.trim_end_matches("Fast");
        for (_, names) in CLASS_TOKENS.iter().filter(|(name, _)| *name == class) {
            for (name, token) in names.iter().filter(|(name, _)| !absent.contains(*name)) {
                tokens.entry((*name).to_owned()).or_insert(json!(token));
            }
        }
        Ok(tokens)
    }

    /// Tokens that end a text, as the files beside the weights state them: ids, and texts of tokens.
    ///
    /// # Errors
    /// When a file is there and not JSON.
    pub(crate) fn end_tokens(&self) -> Result<(Vec<u32>, Vec<String>)> {
        let mut ids = self.config.end_tokens.clone();
        let mut texts = Vec::new();
        for name in [CONFIG_FILE, GENERATION_FILE] {
            // What is wrong with the configuration is said where it is read as a whole.
            let json = self.optional_json(name).ok().flatten().unwrap_or_default();
            for part in [Some(&json), json.get("text_config")].into_iter().flatten() {
                let one = part
                    .get("eos_token_id")
                    .map_or(&[][..], |ids| ids.as_array().map_or(std::slice::from_ref(ids), Vec::as_slice));
                ids.extend(one.iter().filter_map(|id| u32::try_from(id.as_u64()?).ok()));
            }
        }
        for file in [self.tokenizer_config()?, self.optional_json(SPECIAL_TOKENS_FILE)?.unwrap_or_default()] {
            let named = ["eos_token", "eot_token", "eom_token"].into_iter();
            texts.extend(named.filter_map(|name| token_text(file.get(name)?)));
        }
        if let Some(gguf) = &self.gguf {
            let facts = gguf::tokenizer(gguf)?;
            ids.extend([facts.eos, facts.eot, facts.eom].into_iter().flatten());
        }
        Ok((ids, texts))
    }

    /// A file that is JSON, if it is there.
    fn optional_json(&self, name: &str) -> Result<Option<Value>> {
        let Some(bytes) = self.optional_file(name)? else { return Ok(None) };
        let json = python_json::parse(&bytes);
        json.map(Some).map_err(|error| RuntimeError::Tokenizer(format!("{name}: {error}")))
    }

    fn optional_file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let there = self.file.files().any(|file| file == name);
        Ok(there.then(|| self.file.file(name)).transpose()?)
    }

    /// Which values of a head rotate together: converters to GGUF reorder Llama's queries and keys.
    pub fn pairs(&self) -> RotaryPairs {
        let interleaved = |(_, change): &(String, Change)| matches!(change, Change::HeadRows { .. });
        if self.names.values().any(interleaved) { RotaryPairs::Neighbours } else { RotaryPairs::Halves }
    }

    /// The name in the file of a tensor of Hugging Face's name, if it is there.
    pub fn stored_name(&self, name: &str) -> Option<&str> {
        self.names.get(name).map(|(stored, _)| stored.as_str())
    }

    fn find(&self, name: &str) -> Result<&(String, Change)> {
        let missing = || {
            let codes = name.strip_suffix(".weight").map(|layer| format!("{layer}.qweight"));
            match codes.and_then(|codes| self.names.get(&codes)) {
                Some((found, _)) => RuntimeError::KeptLayer { name: name.to_owned(), found: found.clone() },
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

    /// A weight matrix of `[rows, cols]`, rows being output features.
    ///
    /// # Errors
    /// Names the tensor that is missing, has another shape, or does not match its checksum.
    pub fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix> {
        self.stored(name, &self.find(name)?.0, shape)
    }

    /// The tensor of a matrix of a block: as [`matrix`](Self::matrix), whichever way round the checkpoint
    /// stores it.
    ///
    /// # Errors
    /// As [`matrix`](Self::matrix).
    pub fn linear(&self, spec: &LinearSpec) -> Result<Matrix> {
        let (name, [rows, cols]) = (spec.weight(), spec.shape);
        if !spec.input_major || self.find(&name)?.1 == Change::Transposed {
            return self.matrix(&name, [rows, cols]);
        }
        let matrix = self.matrix(&name, [cols, rows])?;
        Ok(Matrix {
            name: matrix.name.clone(),
            shape: [rows, cols],
            stored: MatrixStorage::Transposed(Box::new(matrix)),
        })
    }

    fn stored(&self, name: &str, stored: &str, shape: [usize; 2]) -> Result<Matrix> {
        let check = |found: &[usize]| match found == shape {
            true => Ok(()),
            false => {
                let (found, expected) = (found.to_vec(), shape.to_vec());
                Err(RuntimeError::Shape { name: stored.to_owned(), found, expected })
            }
        };
        let stored_as = if let Some(entry) = self.file.entry(stored) {
            check(&entry.shape)?;
            self.file.check(stored)?;
            let tensor = self.file.encoded(stored)?;
            match &entry.content {
                Content::Codes { .. } => MatrixStorage::Codes(tensor),
                Content::Raw(raw) => MatrixStorage::Bytes { dtype: raw.dtype.clone(), tensor },
            }
        } else {
            let PlainTensor { dtype, shape, bytes } = self.file.plain(stored)?;
            check(&shape)?;
            MatrixStorage::Plain { dtype: plain_type(stored, dtype)?, bytes }
        };
        Ok(Matrix { name: name.to_owned(), shape, stored: stored_as })
    }

    /// A vector of `len` values, in f32.
    ///
    /// # Errors
    /// As [`matrix`](Self::matrix).
    pub fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>> {
        let stored = &self.find(name)?.0;
        if self.file.entry(stored).is_some() {
            return self.stored(name, stored, [1, len])?.to_f32();
        }
        let PlainTensor { dtype, shape, bytes } = self.file.plain(stored)?;
        if shape.iter().product::<usize>() != len || shape.iter().any(|&n| n != 1 && n != len) {
            return Err(RuntimeError::Shape { name: stored.clone(), found: shape, expected: vec![len] });
        }
        let dtype = plain_type(stored, dtype)?;
        Matrix { name: name.to_owned(), shape: [1, len], stored: MatrixStorage::Plain { dtype, bytes } }
            .to_f32()
    }

    /// The biases of a matrix of a block, those of its own rows, if it has any.
    ///
    /// # Errors
    /// As [`matrix`](Self::matrix).
    pub fn bias(&self, spec: &LinearSpec) -> Result<Option<Vec<f32>>> {
        if !spec.bias {
            return Ok(None);
        }
        let name = spec.bias_name();
        // The class at Hugging Face has biases everywhere or nowhere; a GGUF file may lack some: they are
        // zero.
        if self.biases_may_lack && !self.names.contains_key(&name) {
            return Ok(Some(vec![0.0; spec.rows.len()]));
        }
        Ok(Some(self.vector(&name, spec.shape[0])?[spec.rows.clone()].to_vec()))
    }

    /// The weights of a norm, as they are multiplied.
    ///
    /// # Errors
    /// As [`matrix`](Self::matrix).
    pub fn norm(&self, spec: &NormSpec) -> Result<Vec<f32>> {
        let name = spec.weight();
        let mut weights = self.vector(&name, spec.width)?;
        if spec.less_one && self.find(&name)?.1 != Change::PlusOne {
            weights.iter_mut().for_each(|w| *w += 1.0);
        }
        Ok(weights)
    }

    /// Checks that every tensor of a block was asked for: one that was not is a part of the model that would
    /// be left out.
    ///
    /// # Errors
    /// Names the first tensor that the architecture does not explain.
    pub fn all_used(&self) -> Result<()> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let of_block = |name: &str| ["layers.", "blk.", "h."].iter().any(|part| name.contains(part));
        // Constants that old checkpoints carry along, and the eyes and ears of multi-modal ones.
        let constant = |name: &str| {
            [".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias"].iter().any(|end| name.ends_with(end))
                || ["vision", "audio", "multi_modal"].iter().any(|part| name.contains(part))
        };
        let stray = |name: &&String| !used.contains(*name) && of_block(name) && !constant(name);
        for name in self.file.names().iter().filter(stray) {
            if !self.changes_nothing(name)? {
                let architecture = self.config.architecture.clone();
                return Err(RuntimeError::StrayTensor { name: name.clone(), architecture });
            }
        }
        Ok(())
    }

    /// Whether a model without this tensor computes the same: it has no elements, or is a bias of zeros, as
    /// AutoGPTQ gave every layer.
    fn changes_nothing(&self, name: &str) -> Result<bool> {
        let elements = match self.file.entry(name) {
            Some(entry) => entry.shape[0].saturating_mul(entry.shape[1]),
            None => self.file.plain(name)?.shape.iter().product(),
        };
        if elements == 0 || !name.ends_with(".bias") {
            return Ok(elements == 0);
        }
        let PlainTensor { dtype, shape, bytes } = match self.file.entry(name) {
            // Biases of more than a few elements are coded all the same where that is shorter.
            Some(_) => {
                let values = self.stored(name, name, [1, elements])?.to_f32()?;
                return Ok(values.iter().all(|&value| value == 0.0));
            }
            None => self.file.plain(name)?,
        };
        let values = Matrix {
            name: name.to_owned(),
            shape: [1, shape.iter().product()],
            stored: MatrixStorage::Plain { dtype: plain_type(name, dtype)?, bytes },
        };
        Ok(values.to_f32()?.iter().all(|&value| value == 0.0))
    }
}

/// Special tokens that a class of transformers has where no file names them (5.24,
/// `models/*/tokenization_*.py`).
const CLASS_TOKENS: &[(&str, &[(&str, &str)])] = &[
    ("LlamaTokenizer", &[("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")]),
    (
        "GemmaTokenizer",
        &[
            ("bos_token", "<bos>"),
            ("eos_token", "<eos>"),
            ("unk_token", "<unk>"),
            ("pad_token", "<pad>"),
            ("mask_token", "<mask>"),
        ],
    ),
    (
        "GPT2Tokenizer",
        &[("bos_token", "<|endoftext|>"), ("eos_token", "<|endoftext|>"), ("unk_token", "<|endoftext|>")],
    ),
    (
        "Qwen2Tokenizer",
        &[("eos_token", "<|endoftext|>"), ("unk_token", "<|endoftext|>"), ("pad_token", "<|endoftext|>")],
    ),
    (
        "CohereTokenizer",
        &[
            ("bos_token", "<BOS_TOKEN>"),
            ("eos_token", "<|END_OF_TURN_TOKEN|>"),
            ("unk_token", "<UNK>"),
            ("pad_token", "<PAD>"),
        ],
    ),
];

/// The text of a token: a string, or an object with its content.
fn token_text(value: &Value) -> Option<String> {
    value.as_str().or(value["content"].as_str()).map(str::to_owned)
}

/// Names and values of the special tokens of a file: all keys that end so, and named extra ones.
fn named_tokens(file: &Value) -> impl Iterator<Item = (String, &Value)> {
    let own = file.as_object().into_iter().flatten().filter(|(key, _)| key.ends_with("_token"));
    let extra = file.get("extra_special_tokens").and_then(Value::as_object).into_iter().flatten();
    own.chain(extra).map(|(key, value)| (key.clone(), value))
}

/// The template of a model that has one, or several by name: a list, or an object.
fn default_template(value: &Value) -> Result<Option<String>> {
    let named: Vec<(&str, &str)> = match value {
        Value::String(template) => return Ok(Some(template.clone())),
        Value::Array(list) => list
            .iter()
            .filter_map(|item| Some((item["name"].as_str()?, item["template"].as_str()?)))
            .collect(),
        Value::Object(map) => {
            map.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
        }
        _ => return Ok(None),
    };
    match (named.iter().find(|(name, _)| *name == "default"), named.as_slice()) {
        (Some((_, template)), _) | (None, [(_, template)]) => Ok(Some((*template).to_owned())),
        (None, []) => Ok(None),
        (None, _) => {
            let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
            Err(RuntimeError::ChatTemplate(format!(
                "the model has the templates {}, and none of them is named default",
                names.join(", ")
            )))
        }
    }
}

fn plain_type(name: &str, dtype: Dtype) -> Result<FloatType> {
    match dtype {
        Dtype::F32 => Ok(FloatType::F32),
        Dtype::F16 => Ok(FloatType::F16),
        Dtype::BF16 => Ok(FloatType::Bf16),
        other => Err(RuntimeError::TensorType {
            name: name.to_owned(),
            dtype: format!("{other:?}").to_lowercase(),
        }),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
