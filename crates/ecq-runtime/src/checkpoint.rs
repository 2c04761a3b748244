//! An `.ecq` file as named tensors of known shapes.

use crate::config::{Config, Naming};
use crate::error::{Result, RuntimeError};
use crate::gguf;
use crate::weights::{Matrix, Stored};
use ecq_core::{Content, FloatType, Limits};
use ecq_format::container::{ContainerError, EcqFile, PlainTensor};
use ecq_format::gguf::Gguf;
use ecq_kernels::cpu::Pairs;
use safetensors::Dtype;
use std::collections::HashSet;
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// An open model file: configuration, tensors by their Hugging Face names, files that ride along.
///
/// Parts of a tensor are compared with their checksums when it is asked for.
#[derive(Debug)]
pub struct Checkpoint {
    file: EcqFile,
    config: Config,
    /// The header of the GGUF file that the model came from; its tensors have GGUF names.
    gguf: Option<Gguf>,
    /// Names that were asked for.
    used: Mutex<HashSet<String>>,
}

/// The configuration of a Hugging Face model, as a file that rides along.
const CONFIG_FILE: &str = "config.json";
/// The header of a GGUF source, as a file that rides along.
const GGUF_FILE: &str = "gguf.header";
/// What may stand in front of a name: checkpoints of bare or multi-modal models.
const PREFIXES: [&str; 4] = ["", "language_model.", "model.language_model.", "model."];

impl Checkpoint {
    /// Opens an `.ecq` file and reads its configuration; no tensor is read.
    ///
    /// # Errors
    /// When it is no sound `.ecq` file, carries no configuration, or is of an architecture that is not known.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let io = |source| ContainerError::Io { path: path.to_owned(), source };
        let not = |found: &str| Err(RuntimeError::NotEcq { path: path.to_owned(), found: found.to_owned() });
        if path.is_dir() {
            return not("a folder");
        }
        let mut head = Vec::new();
        std::fs::File::open(path).map_err(io)?.take(16).read_to_end(&mut head).map_err(io)?;
        if head.starts_with(b"GGUF") {
            return not("a GGUF file");
        }
        match EcqFile::open(path, limits) {
            Err(ContainerError::NotEcq(_)) => not("a safetensors file that is not an .ecq"),
            Err(error @ (ContainerError::TooShort { .. } | ContainerError::HeaderTooLarge { .. }))
                if head.get(8) != Some(&b'{') =>
            {
                not(&format!("not of a known format ({error})"))
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
        let (config, gguf) = if has(CONFIG_FILE) {
            let text = String::from_utf8_lossy(&file.file(CONFIG_FILE)?).into_owned();
            (Config::from_json(&text)?, None)
        } else if has(GGUF_FILE) {
            // Its tensors lie in the source's file: as far as the header knows, it is as long as it was.
            let gguf = Gguf::parse(&file.file(GGUF_FILE)?, file.model().source.bytes, limits)?;
            (gguf::config(&gguf)?, Some(gguf))
        } else {
            return Err(RuntimeError::Absent {
                what: "config.json and no GGUF header: how its layers fit together is not known",
            });
        };
        Ok(Self { file, config, gguf, used: Mutex::default() })
    }

    /// Shape and variants of the model.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The file.
    pub fn file(&self) -> &EcqFile {
        &self.file
    }

    /// The header of the GGUF source, where there was one.
    pub fn gguf(&self) -> Option<&Gguf> {
        self.gguf.as_ref()
    }

    /// Which values of a head rotate together: converters to GGUF reorder Llama's queries and keys.
    pub fn pairs(&self) -> Pairs {
        match &self.gguf {
            Some(_) if self.config.architecture == "llama" => Pairs::Neighbours,
            _ => Pairs::Halves,
        }
    }

    /// Whether norm weights are stored less one.
    pub fn norms_less_one(&self) -> bool {
        self.config.norms_less_one && self.gguf.is_none()
    }

    /// The name in the file of the tensor that Hugging Face calls `name`.
    fn stored_name(&self, name: &str) -> Option<String> {
        let there = |name: &String| self.file.names().iter().any(|n| n == name);
        let candidates: Vec<String> = if self.gguf.is_some() {
            vec![gguf::name(name, self.config.output_norms)?]
        } else {
            let bare = name.strip_prefix("transformer.").or(name.strip_prefix("model."));
            PREFIXES.iter().map(|prefix| format!("{prefix}{name}")).chain(bare.map(str::to_owned)).collect()
        };
        candidates.into_iter().find(there)
    }

    /// Whether there is a tensor that Hugging Face calls `name`.
    pub fn has(&self, name: &str) -> bool {
        self.stored_name(name).is_some()
    }

    fn find(&self, name: &str) -> Result<String> {
        let missing = || RuntimeError::MissingTensor {
            name: name.to_owned(),
            architecture: self.config.architecture.clone(),
        };
        let stored = self.stored_name(name).ok_or_else(missing)?;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(stored.clone());
        Ok(stored)
    }

    /// A weight matrix of `[rows, cols]`, rows being output features.
    ///
    /// # Errors
    /// Names the tensor that is missing, has another shape, or does not match its checksum.
    pub fn matrix(&self, name: &str, shape: [usize; 2]) -> Result<Matrix> {
        self.stored(name, &self.find(name)?, shape)
    }

    /// A projection of a block: as [`matrix`](Self::matrix), whichever way round the checkpoint stores it.
    ///
    /// # Errors
    /// As [`matrix`](Self::matrix).
    pub fn projection(&self, name: &str, [rows, cols]: [usize; 2]) -> Result<Matrix> {
        if self.config.naming == Naming::Llama || self.gguf.is_some() {
            return self.matrix(name, [rows, cols]);
        }
        let matrix = self.matrix(name, [cols, rows])?;
        Ok(Matrix {
            name: matrix.name.clone(),
            shape: [rows, cols],
            stored: Stored::Transposed(Box::new(matrix)),
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
                Content::Codes { .. } => Stored::Codes(tensor),
                Content::Raw(raw) => Stored::Bytes { dtype: raw.dtype.clone(), tensor },
            }
        } else {
            let PlainTensor { dtype, shape, bytes } = self.file.plain(stored)?;
            check(&shape)?;
            Stored::Plain { dtype: plain_type(stored, dtype)?, bytes }
        };
        Ok(Matrix { name: name.to_owned(), shape, stored: stored_as })
    }

    /// A vector of `len` values, in f32.
    ///
    /// # Errors
    /// As [`matrix`](Self::matrix).
    pub fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>> {
        let stored = self.find(name)?;
        if self.file.entry(&stored).is_some() {
            return self.stored(name, &stored, [1, len])?.to_f32();
        }
        let PlainTensor { dtype, shape, bytes } = self.file.plain(&stored)?;
        if shape.iter().product::<usize>() != len || shape.iter().any(|&n| n != 1 && n != len) {
            return Err(RuntimeError::Shape { name: stored, found: shape, expected: vec![len] });
        }
        let dtype = plain_type(&stored, dtype)?;
        Matrix { name: stored, shape: [1, len], stored: Stored::Plain { dtype, bytes } }.to_f32()
    }

    /// Checks that every tensor of a block was asked for: one that was not is a part of the model that would be left out.
    ///
    /// # Errors
    /// Names the first tensor that the architecture does not explain.
    pub fn all_used(&self) -> Result<()> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let of_block =
            |name: &str| name.contains("layers.") || name.starts_with("blk.") || name.contains("h.");
        // Constants that old checkpoints carry along, and the eyes and ears of multi-modal ones.
        let constant = |name: &str| {
            [".rotary_emb.inv_freq", ".attn.bias", ".attn.masked_bias"].iter().any(|end| name.ends_with(end))
                || ["vision", "audio", "multi_modal"].iter().any(|part| name.contains(part))
        };
        let stray = |name: &&String| !used.contains(*name) && of_block(name) && !constant(name);
        match self.file.names().iter().find(stray) {
            Some(name) => Err(RuntimeError::StrayTensor {
                name: name.clone(),
                architecture: self.config.architecture.clone(),
            }),
            None => Ok(()),
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
