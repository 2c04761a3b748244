use super::Result;
use super::error::CheckpointError;
use super::read::Checkpoint;
use crate::gptq;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const CONFIG: &str = "config.json";

/// What a checkpoint says of its quantization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quantization {
    /// Nothing: its weights are floats.
    None,
    /// MLX's affine groups.
    Mlx {
        /// For every quantized layer without settings of its own.
        default: MlxGroups,
        /// By the path of a layer.
        layers: BTreeMap<String, MlxGroups>,
    },
    /// GPTQ.
    Gptq {
        /// Width of a code where no rule says otherwise.
        bits: u8,
        /// Columns of a group; `None` for one group a row.
        group_size: Option<usize>,
        /// How zero points are stored.
        version: gptq::GptqVersion,
        /// Whether rules give some layers widths or groups of their own; shapes say which.
        dynamic: bool,
    },
    /// MXFP4 blocks of the experts, as gpt-oss has them.
    Mxfp4,
    /// AWQ, version `gemm`, 4 bits.
    Awq {
        /// Columns of a group; `None` for one group a row.
        group_size: Option<usize>,
    },
}

/// The grid of a layer that MLX quantized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MlxGroups {
    /// Width of a code.
    pub bits: u8,
    /// Columns of a group.
    pub group_size: usize,
}

impl Checkpoint {
    /// What `config.json`, or `quantize_config.json` (GPTQ) and `quant_config.json` (AWQ) beside it, say of
    /// the quantization.
    ///
    /// # Errors
    /// When a file cannot be read or is not what it must be, or the quantization is none that is read.
    pub fn quantization(&self) -> Result<Quantization> {
        if let Some(config) = self.json(CONFIG)? {
            let said = Quantization::of_config(&config)?;
            if said != Quantization::None {
                return Ok(said);
            }
        }
        for (file, method) in [("quantize_config.json", "gptq"), ("quant_config.json", "awq")] {
            if let Some(settings) = self.json(file)? {
                let method = settings.get("quant_method").map_or(method, |value| text_of(Some(value)));
                return of_method(file, method, &settings);
            }
        }
        Ok(Quantization::None)
    }
}

impl Quantization {
    /// What a `config.json` says of the quantization.
    ///
    /// # Errors
    /// When it says what cannot be, or the quantization is none that is read.
    pub fn of_config(config: &Map<String, Value>) -> Result<Self> {
        if let Some(Value::Object(mlx)) = config.get("quantization") {
            return of_mlx(CONFIG, mlx);
        }
        // Models with pictures keep it with their language model.
        let text = config.get("text_config").and_then(Value::as_object);
        let nested = || text.and_then(|text| text.get("quantization_config"));
        match config.get("quantization_config").or_else(nested) {
            Some(Value::Object(settings)) => match settings.get("quant_method") {
                None if settings.contains_key("group_size") => of_mlx(CONFIG, settings),
                method => of_method(CONFIG, text_of(method), settings),
            },
            _ => Ok(Self::None),
        }
    }
}

fn text_of(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or("an unnamed method")
}

fn of_method(file: &str, method: &str, settings: &Map<String, Value>) -> Result<Quantization> {
    let refused = |what: String| CheckpointError::Quantization { file: file.to_owned(), what };
    if method == "mxfp4" {
        return Ok(Quantization::Mxfp4);
    }
    let key = |names: &[&str]| names.iter().find_map(|name| settings.get(*name));
    let bits = whole(file, "bits", key(&["bits", "w_bit", "wbits"]))?.unwrap_or(4);
    let group_size = match key(&["group_size", "q_group_size"]) {
        Some(Value::Number(n)) if n.as_i64() == Some(-1) => None,
        value => Some(whole(file, "group_size", value)?.unwrap_or(128) as usize),
    };
    let format = key(&["checkpoint_format", "format", "version"]);
    let format = format.and_then(Value::as_str).map(str::to_lowercase);
    let narrow = u8::try_from(bits).ok();
    match (method, format.as_deref()) {
        ("gptq", None | Some("gptq" | "gptq_v2")) => {
            let Some(bits) = narrow.filter(|&bits| gptq::supports_bits(bits)) else {
                return Err(refused(format!("GPTQ of {bits} bits (2, 3, 4 and 8 are)")));
            };
            let version = match format.as_deref() {
                Some("gptq_v2") => gptq::GptqVersion::V2,
                _ => gptq::GptqVersion::V1,
            };
            let dynamic = settings.get("dynamic").is_some_and(|rules| !rules.is_null());
            Ok(Quantization::Gptq { bits, group_size, version, dynamic })
        }
        ("awq", None | Some("gemm")) if narrow == Some(crate::awq::BITS) => {
            Ok(Quantization::Awq { group_size })
        }
        ("awq", None | Some("gemm")) => Err(refused(format!("AWQ of {bits} bits (4 are)"))),
        ("gptq" | "awq", Some(format)) => Err(refused(format!("the {method} format {format:?}"))),
        (method, _) => Err(refused(format!("the quantization {method:?}"))),
    }
}

/// A positive number that may be absent.
fn whole(file: &str, key: &str, value: Option<&Value>) -> Result<Option<u64>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(n @ 1..=0xffff_ffff) => Ok(Some(n)),
            _ => {
                let why = format!("quantization: {key} is {value}, expected a positive number");
                Err(CheckpointError::Json { file: file.to_owned(), why })
            }
        },
    }
}

fn of_mlx(file: &str, settings: &Map<String, Value>) -> Result<Quantization> {
    let groups = |layer: Option<&str>, settings: &Map<String, Value>, default: MlxGroups| {
        let of = |what: String| match layer {
            Some(layer) => format!("{what} of layer {layer:?}"),
            None => what,
        };
        let refused = |what: String| CheckpointError::Quantization { file: file.to_owned(), what: of(what) };
        match settings.get("mode") {
            None => {}
            Some(Value::String(mode)) if mode == "affine" => {}
            Some(mode) => return Err(refused(format!("the MLX mode {mode}"))),
        }
        let bits = whole(file, "bits", settings.get("bits"))?.unwrap_or(default.bits.into());
        let group_size = whole(file, "group_size", settings.get("group_size"))?;
        match u8::try_from(bits).ok().filter(|&bits| crate::mlx::supports_bits(bits)) {
            Some(bits) => Ok(MlxGroups {
                bits,
                group_size: group_size.map_or(default.group_size, |size| size as usize),
            }),
            None => Err(refused(format!("an MLX grid of {bits} bits (2, 3, 4, 5, 6 and 8 are)"))),
        }
    };
    let default = groups(None, settings, MlxGroups { bits: 4, group_size: 64 })?;
    let mut layers = BTreeMap::new();
    // Beside numbers there are objects by the path of a layer (and `false` for a layer that is not
    // quantized).
    for (layer, settings) in settings {
        if let Value::Object(settings) = settings {
            layers.insert(layer.clone(), groups(Some(layer), settings, default)?);
        }
    }
    Ok(Quantization::Mlx { default, layers })
}
