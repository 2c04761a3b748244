use super::Result;
use super::error::CheckpointError;
use super::read::Checkpoint;
use crate::gptq;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const CONFIG: &str = "config.json";

/// Quantization of a checkpoint, as its configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Quantization {
    /// No quantization: the weights are floats.
    None,
    /// Affine groups of MLX.
    Mlx {
        /// Settings of quantized layers without an entry in `layers`.
        default: MlxGroups,
        /// Settings of individual layers, by the path of the layer.
        layers: BTreeMap<String, MlxGroups>,
    },
    /// GPTQ.
    Gptq {
        /// Width of a code in bits, unless a rule changes it.
        bits: u8,
        /// Number of columns per group; `None` for one group per row.
        group_size: Option<usize>,
        /// Version of the format.
        version: gptq::GptqVersion,
        /// Whether rules change width or group size of some layers. They are then derived from the shapes.
        dynamic: bool,
    },
    /// MXFP4 blocks of the experts, as in gpt-oss.
    Mxfp4,
    /// AWQ, version `gemm`, 4 bits.
    Awq {
        /// Number of columns per group; `None` for one group per row.
        group_size: Option<usize>,
    },
}

/// Code width and group size of a layer that MLX quantized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MlxGroups {
    /// Width of a code in bits.
    pub bits: u8,
    /// Number of columns per group.
    pub group_size: usize,
}

impl Checkpoint {
    /// Reads the quantization from `config.json`, or else from `quantize_config.json` (GPTQ) or
    /// `quant_config.json` (AWQ).
    ///
    /// # Errors
    /// [`CheckpointError::Quantization`] if the quantization is not supported; other variants if a file
    /// cannot be read or is invalid.
    pub fn quantization(&self) -> Result<Quantization> {
        if let Some(config) = self.json(CONFIG)? {
            let quantization = Quantization::of_config(&config)?;
            if quantization != Quantization::None {
                return Ok(quantization);
            }
        }
        for (file, method) in [("quantize_config.json", "gptq"), ("quant_config.json", "awq")] {
            if let Some(settings) = self.json(file)? {
                let method = settings.get("quant_method").map_or(method, |value| method_name(Some(value)));
                return parse_method(file, method, &settings);
            }
        }
        Ok(Quantization::None)
    }
}

impl Quantization {
    /// Reads the quantization from the object in `config.json`.
    ///
    /// # Errors
    /// [`CheckpointError::Quantization`] if the quantization is not supported, and [`CheckpointError::Json`]
    /// if a value is invalid.
    pub fn of_config(config: &Map<String, Value>) -> Result<Self> {
        if let Some(Value::Object(mlx)) = config.get("quantization") {
            return parse_mlx(CONFIG, mlx);
        }
        // Multimodal models store it in the configuration of their language model.
        let text = config.get("text_config").and_then(Value::as_object);
        let nested = || text.and_then(|text| text.get("quantization_config"));
        match config.get("quantization_config").or_else(nested) {
            Some(Value::Object(settings)) => match settings.get("quant_method") {
                None if settings.contains_key("group_size") => parse_mlx(CONFIG, settings),
                method => parse_method(CONFIG, method_name(method), settings),
            },
            _ => Ok(Self::None),
        }
    }
}

/// Returns the name of a quantization method.
fn method_name(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or("an unnamed method")
}

/// Reads the settings of a quantization with a `quant_method`.
fn parse_method(file: &str, method: &str, settings: &Map<String, Value>) -> Result<Quantization> {
    let refused = |what: String| CheckpointError::Quantization { file: file.to_owned(), what };
    if method == "mxfp4" {
        return Ok(Quantization::Mxfp4);
    }
    let key = |names: &[&str]| names.iter().find_map(|name| settings.get(*name));
    let bits = positive_integer(file, "bits", key(&["bits", "w_bit", "wbits"]))?.unwrap_or(4);
    let group_size = match key(&["group_size", "q_group_size"]) {
        Some(Value::Number(n)) if n.as_i64() == Some(-1) => None,
        value => Some(positive_integer(file, "group_size", value)?.unwrap_or(128) as usize),
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

/// Reads an optional positive integer.
fn positive_integer(file: &str, key: &str, value: Option<&Value>) -> Result<Option<u64>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(n @ 1..=0xffff_ffff) => Ok(Some(n)),
            _ => {
                let why = format!("quantization: {key} is {value}, expected an integer from 1 to 2^32 - 1");
                Err(CheckpointError::Json { file: file.to_owned(), why })
            }
        },
    }
}

/// Reads the settings of MLX.
fn parse_mlx(file: &str, settings: &Map<String, Value>) -> Result<Quantization> {
    let groups = |layer: Option<&str>, settings: &Map<String, Value>, default: MlxGroups| {
        let in_layer = |what: String| match layer {
            Some(layer) => format!("{what} of layer {layer:?}"),
            None => what,
        };
        let refused =
            |what: String| CheckpointError::Quantization { file: file.to_owned(), what: in_layer(what) };
        match settings.get("mode") {
            None => {}
            Some(Value::String(mode)) if mode == "affine" => {}
            Some(mode) => return Err(refused(format!("the MLX mode {mode}"))),
        }
        let bits = positive_integer(file, "bits", settings.get("bits"))?.unwrap_or(default.bits.into());
        let group_size = positive_integer(file, "group_size", settings.get("group_size"))?;
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
    // The settings also contain an object for each layer with its own settings (and `false` for a layer that
    // is not quantized), by the path of the layer.
    for (layer, settings) in settings {
        if let Value::Object(settings) = settings {
            layers.insert(layer.clone(), groups(Some(layer), settings, default)?);
        }
    }
    Ok(Quantization::Mlx { default, layers })
}
