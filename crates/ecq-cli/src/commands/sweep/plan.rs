//! The file of a sweep, and its points.

use anyhow::{Context, anyhow};
use ecq::{ActivationType, GridChoice, PackError, PackOptions, Target};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The file of a sweep; paths are relative to its folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Plan {
    /// Models that are quantized.
    pub models: Vec<PathBuf>,
    /// `trellis`, `uniform`, `affine[:GROUP]` and `absmax[:SPAN]`.
    pub grids: Vec<String>,
    /// Bits per weight; whole numbers of bits per code for `affine` and `absmax`.
    pub bits: Vec<f64>,
    /// The text on which models are evaluated.
    pub text: PathBuf,
    /// The most tokens of it.
    #[serde(default = "tokens")]
    pub max_tokens: usize,
    /// Tokens of a window.
    #[serde(default = "window")]
    pub window: usize,
    /// As in `ecq quantize`.
    #[serde(default = "embedding")]
    pub embedding: String,
    /// Activations of the evaluation, as in `ecq eval`.
    #[serde(default = "activations")]
    pub activations: String,
}

fn tokens() -> usize {
    4096
}

fn window() -> usize {
    512
}

fn embedding() -> String {
    "8".to_owned()
}

fn activations() -> String {
    "f32".to_owned()
}

/// One combination of model, grid and bits.
#[derive(Debug, Clone)]
pub struct Point {
    pub model: PathBuf,
    pub grid: String,
    pub bits: f64,
    /// A hash of everything that the result depends on.
    pub key: String,
}

/// What a key is the hash of.
#[derive(Serialize)]
struct Inputs<'a> {
    version: &'a str,
    model: PathBuf,
    model_bytes: u64,
    model_modified: u128,
    text: String,
    grid: &'a str,
    bits: f64,
    max_tokens: usize,
    window: usize,
    embedding: &'a str,
    activations: &'a str,
}

impl Plan {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = super::read(path)?;
        let wrong = |why: String| PackError::Option { option: path.display().to_string(), why };
        let mut plan: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        plan.models.iter_mut().chain([&mut plan.text]).for_each(|file| *file = folder.join(&*file));
        for (name, empty) in [
            ("models", plan.models.is_empty()),
            ("grids", plan.grids.is_empty()),
            ("bits", plan.bits.is_empty()),
        ] {
            if empty {
                return Err(wrong(format!("{name} is empty; a sweep needs one or more")).into());
            }
        }
        if plan.max_tokens == 0 || plan.window < 2 {
            return Err(wrong("max-tokens is at least 1, window at least 2".to_owned()).into());
        }
        plan.activations.parse::<ActivationType>()?;
        Ok(plan)
    }

    /// Returns all points: of each model, the bits of each grid. Checks their grids.
    pub fn points(&self) -> anyhow::Result<Vec<Point>> {
        let text = blake3::hash(super::read(&self.text)?.as_bytes()).to_hex().to_string();
        let mut all = Vec::new();
        for model in &self.models {
            let context = || model.display().to_string();
            let metadata = std::fs::metadata(model).with_context(context)?;
            let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            for grid in &self.grids {
                for &bits in &self.bits {
                    options(grid, bits, &self.embedding)?;
                    let inputs = Inputs {
                        version: env!("CARGO_PKG_VERSION"),
                        model: std::fs::canonicalize(model).with_context(context)?,
                        model_bytes: metadata.len(),
                        model_modified: modified.map_or(0, |time| time.as_nanos()),
                        text: text.clone(),
                        grid,
                        bits,
                        max_tokens: self.max_tokens,
                        window: self.window,
                        embedding: &self.embedding,
                        activations: &self.activations,
                    };
                    let key = blake3::hash(serde_json::to_string(&inputs)?.as_bytes());
                    let key = key.to_hex()[..16].to_owned();
                    all.push(Point { model: model.clone(), grid: grid.clone(), bits, key });
                }
            }
        }
        Ok(all)
    }
}

impl Point {
    /// Returns the name of the model without its folder.
    pub fn model_name(&self) -> String {
        self.model.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Returns the point in words.
    pub fn title(&self) -> String {
        format!("{}, {}, {} bits", self.model_name(), self.grid, self.bits)
    }
}

/// Returns the options of quantizing to a grid of the sweep.
pub fn options(grid: &str, bits: f64, embedding: &str) -> anyhow::Result<PackOptions> {
    let mut options = PackOptions::quantizing();
    options.embedding = GridChoice::parse_embedding(embedding)?;
    let of_codes = |kind: &str, rest: Option<&str>| {
        let rest = rest.map_or(String::new(), |rest| format!(":{rest}"));
        GridChoice::parse(&format!("{kind}:{bits}{rest}"))
    };
    options.linear = match grid.split_once(':').map_or((grid, None), |(kind, rest)| (kind, Some(rest))) {
        ("trellis" | "uniform", None) => {
            let mut choice = GridChoice::parse("uniform")?;
            choice.set_trellis(if grid == "trellis" { "on" } else { "off" })?;
            options.target = Target::Bpw(bits);
            if !(0.1..=8.0).contains(&bits) {
                return Err(anyhow!(PackError::Option {
                    option: format!("bits {bits}"),
                    why: "expected 0.1 to 8 bits per weight".to_owned(),
                }));
            }
            choice
        }
        (kind @ ("affine" | "absmax"), rest) => of_codes(kind, rest)?,
        _ => {
            return Err(anyhow!(PackError::Option {
                option: format!("grid {grid:?}"),
                why: "expected trellis, uniform, affine[:GROUP] or absmax[:SPAN]".to_owned(),
            }));
        }
    };
    Ok(options)
}
