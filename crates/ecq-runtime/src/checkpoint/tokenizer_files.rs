//! Attached files of the tokenizer: `tokenizer.json`, special tokens, chat templates.

use super::{CONFIG_FILE, Checkpoint, GENERATION_FILE, text};
use crate::error::{Result, RuntimeError};
use ecq_format::gguf;
use ecq_format::hf;
use ecq_format::python_json;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

const TOKENIZER_FILE: &str = "tokenizer.json";
const TOKENIZER_CONFIG_FILE: &str = "tokenizer_config.json";
const SPECIAL_TOKENS_FILE: &str = "special_tokens_map.json";
const TEMPLATE_FILE: &str = "chat_template.jinja";
/// Template file of processors of multimodal models.
const TEMPLATE_JSON_FILE: &str = "chat_template.json";

impl Checkpoint {
    /// Returns `tokenizer.json`, rebuilt from the GGUF header if the source was a GGUF file.
    ///
    /// # Errors
    /// If there is none, or its kind cannot be rebuilt.
    pub fn tokenizer_json(&self) -> Result<Vec<u8>> {
        match &self.gguf {
            Some(gguf) => Ok(hf::tokenizer_json(&gguf::tokenizer_metadata(gguf)?)?.to_string().into_bytes()),
            None => self.optional_file(TOKENIZER_FILE)?.ok_or(RuntimeError::Missing { what: TOKENIZER_FILE }),
        }
    }

    /// Returns `tokenizer_config.json`: special tokens, often the chat template. Empty if there is none.
    ///
    /// # Errors
    /// If the file is not JSON.
    pub fn tokenizer_config(&self) -> Result<Value> {
        if let Some(gguf) = &self.gguf {
            let metadata = gguf::tokenizer_metadata(gguf)?;
            let template = gguf::chat_template(gguf);
            return Ok(hf::tokenizer_config_json(&metadata, template, self.config.context as u64));
        }
        Ok(self.optional_json(TOKENIZER_CONFIG_FILE)?.unwrap_or_else(|| json!({})))
    }

    /// Returns the chat template (Jinja): from `chat_template.jinja`, `tokenizer_config.json` or
    /// `chat_template.json`. Of several templates it is the one named `default`.
    ///
    /// # Errors
    /// If a file is invalid, or there are several templates and none is named `default`.
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

    /// Returns the special tokens by their names in chat templates: strings such as `bos_token`, and the list
    /// `additional_special_tokens`.
    ///
    /// As in transformers, values come from `tokenizer_config.json` and `special_tokens_map.json`, then from
    /// the tokenizer class. The former has priority if it lists added tokens, otherwise the latter.
    ///
    /// # Errors
    /// If a file is not JSON.
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

    /// Returns the end tokens named by the attached files: ids, and texts of tokens.
    ///
    /// # Errors
    /// If a file is not JSON.
    pub(crate) fn end_tokens(&self) -> Result<(Vec<u32>, Vec<String>)> {
        let mut ids = self.config.end_tokens.clone();
        let mut texts = Vec::new();
        for name in [CONFIG_FILE, GENERATION_FILE] {
            // An invalid configuration is reported by `new`.
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
            let metadata = gguf::tokenizer_metadata(gguf)?;
            ids.extend([metadata.eos, metadata.eot, metadata.eom].into_iter().flatten());
        }
        Ok((ids, texts))
    }

    /// Parses an attached JSON file, if it exists.
    fn optional_json(&self, name: &str) -> Result<Option<Value>> {
        let Some(bytes) = self.optional_file(name)? else { return Ok(None) };
        let json = python_json::parse(&bytes);
        json.map(Some).map_err(|error| RuntimeError::Tokenizer(format!("{name}: {error}")))
    }

    fn optional_file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let there = self.file.files().any(|file| file == name);
        Ok(there.then(|| self.file.file(name)).transpose()?)
    }
}

/// Default special tokens of tokenizer classes (transformers 5.24, `models/*/tokenization_*.py`).
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

/// Returns the text of a token: a string, or an object with `content`.
fn token_text(value: &Value) -> Option<String> {
    value.as_str().or(value["content"].as_str()).map(str::to_owned)
}

/// Returns the special tokens of a file: all keys that end in `_token`, and named extra tokens.
fn named_tokens(file: &Value) -> impl Iterator<Item = (String, &Value)> {
    let own = file.as_object().into_iter().flatten().filter(|(key, _)| key.ends_with("_token"));
    let extra = file.get("extra_special_tokens").and_then(Value::as_object).into_iter().flatten();
    own.chain(extra).map(|(key, value)| (key.clone(), value))
}

/// Returns the template, or the default of several named ones (a list or an object).
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
                "the model has several templates ({}), but none is named default",
                names.join(", ")
            )))
        }
    }
}
