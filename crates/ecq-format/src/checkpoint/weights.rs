use super::Result;
use super::error::CheckpointError;
use super::quantization::{MlxGroups, Quantization};
use super::read::{Checkpoint, TensorInfo};
use crate::gguf::GgmlType;
use crate::gptq::Version;
use crate::{awq, gptq, mlx, mxfp4};
use ecq_core::{AffineGroups, Codes, FloatType, FloatVec};
use safetensors::Dtype;
use std::collections::HashSet;

const TWO_WAYS: &str = "holds zero points that version 1 of GPTQ stores in two ways";

/// A weight as the model knows it: one tensor of the checkpoint, or those that a quantizer made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// The name that it has without quantization (`X.weight` for `X.qweight` and its like).
    pub name: String,
    /// Rows (output features); 1 for a vector or a scalar.
    pub rows: usize,
    /// Columns (input features): the last dimension.
    pub cols: usize,
    /// Shape without quantization; its last dimension is the columns.
    pub shape: Vec<usize>,
    /// Bytes that all its tensors take.
    pub bytes: u64,
    /// Which tensors it is.
    pub form: WeightTensors,
    /// Why it is carried as it is although it is part of a quantized layer.
    pub note: Option<String>,
}

/// The tensors of a weight, as indices into [`Checkpoint::tensors`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightTensors {
    /// One tensor, as it is.
    Plain(usize),
    /// MLX's packed codes, scales and biases.
    Mlx {
        /// Their tensors.
        parts: [usize; 3],
        /// The grid.
        groups: MlxGroups,
    },
    /// GPTQ's qweight, qzeros and scales.
    Gptq {
        /// Their tensors.
        parts: [usize; 3],
        /// Shape and grid.
        layer: gptq::Layer,
    },
    /// GPTQ's qweight, qzeros and scales of a layer whose groups are not of consecutive columns, as floats.
    ActOrder {
        /// Their tensors.
        parts: [usize; 3],
        /// The tensor that names the group of each column; consecutive ones without it.
        g_idx: Option<usize>,
        /// Columns of a group that is whole.
        group_size: usize,
        /// Shape.
        layer: gptq::ActOrderLayer,
    },
    /// MXFP4's blocks and scales, as gpt-oss has them.
    Mxfp4 {
        /// Their tensors.
        parts: [usize; 2],
    },
    /// AWQ's qweight, qzeros and scales.
    Awq {
        /// Their tensors.
        parts: [usize; 3],
        /// Shape and grid.
        layer: awq::Layer,
    },
}

/// A weight that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadedWeight {
    /// Little-endian elements.
    Plain(Dtype, Vec<u8>),
    /// Codes and their grid.
    Coded(Codes, AffineGroups),
    /// Blocks of a GGUF type.
    Blocks(GgmlType, Vec<u8>),
}

/// How layers are read whose codes are on no grid that ecq has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ActOrder {
    /// As the tensors that they are, with a note.
    Kept,
    /// As one weight of floats.
    Floats,
}

impl Checkpoint {
    /// All weights, each where its (first) tensor is in [`tensors`](Self::tensors).
    ///
    /// Layers that GPTQ quantized in act-order, or with a last group shorter than the others, stay the
    /// tensors that they are; their [`note`](Weight::note) says why.
    ///
    /// # Errors
    /// When a quantized layer lacks a tensor, or has one of another type or shape than its grid asks for, or
    /// a tensor is of floats of eight bits or fewer.
    pub fn weights(&self, quantization: &Quantization) -> Result<Vec<Weight>> {
        self.weights_with(quantization, ActOrder::Kept)
    }

    /// All weights as [`weights`](Self::weights) gives them, but layers that GPTQ quantized in act-order, or
    /// with a last group shorter than the others, are floats; `None` where there are no such layers.
    ///
    /// # Errors
    /// As [`weights`](Self::weights); when such a layer holds zero points that version 1 of GPTQ stores in
    /// two ways.
    pub fn weights_as_floats(&self, quantization: &Quantization) -> Result<Option<Vec<Weight>>> {
        if !matches!(quantization, Quantization::Gptq { .. }) {
            return Ok(None);
        }
        let weights = self.weights_with(quantization, ActOrder::Floats)?;
        let scattered = weights.iter().any(|weight| matches!(weight.form, WeightTensors::ActOrder { .. }));
        if let Some(kept) = weights
            .iter()
            .find(|weight| weight.note.is_some() && matches!(weight.form, WeightTensors::Plain(_)))
        {
            let file = self.shards()[0].name.clone();
            let what = format!("layer {:?}, which {},", kept.name, kept.note.as_deref().unwrap_or_default());
            return Err(CheckpointError::Quantization { file, what });
        }
        Ok(scattered.then_some(weights))
    }

    fn weights_with(&self, quantization: &Quantization, scattered: ActOrder) -> Result<Vec<Weight>> {
        let tensors = self.tensors();
        // First the quantized layers, since a layer's other tensors may lie before its codes.
        let mut layers: Vec<Option<Weight>> = vec![None; tensors.len()];
        let mut notes: Vec<Option<String>> = vec![None; tensors.len()];
        let mut taken: HashSet<usize> = HashSet::new();
        for (place, tensor) in tensors.iter().enumerate() {
            let layer = match quantization {
                Quantization::None => continue,
                Quantization::Mlx { .. } => tensor.name.strip_suffix(".weight"),
                Quantization::Gptq { .. } | Quantization::Awq { .. } => tensor.name.strip_suffix(".qweight"),
                Quantization::Mxfp4 => tensor.name.strip_suffix("_blocks"),
            };
            let Some(layer) = layer else { continue };
            let weight = match quantization {
                Quantization::None => continue,
                Quantization::Mlx { .. } if tensor.dtype != Dtype::U32 => continue,
                Quantization::Mlx { default, layers } => {
                    self.mlx_weight(place, layer, *layers.get(layer).unwrap_or(default)).map(Ok)
                }
                Quantization::Gptq { bits, group_size, version, dynamic } => {
                    self.gptq_weight(place, layer, (*bits, *group_size, *version, *dynamic), scattered)
                }
                Quantization::Awq { group_size } => self.awq_weight(place, layer, *group_size).map(Ok),
                Quantization::Mxfp4 => self.mxfp4_weight(place, layer).map(Ok),
            }?;
            let others = [".scales", ".biases", ".qzeros", ".g_idx", "_scales"];
            let others = others.iter().filter_map(|part| self.places.get(&format!("{layer}{part}")));
            match weight {
                Ok(weight) => {
                    taken.extend(others);
                    layers[place] = Some(weight);
                }
                Err(note) => {
                    others.chain([&place]).for_each(|&other| notes[other] = Some(note.clone()));
                }
            }
        }
        let mut weights = Vec::new();
        for (place, layer) in layers.into_iter().enumerate() {
            if let Some(weight) = layer {
                weights.push(weight);
            } else if !taken.contains(&place) {
                let tensor = &tensors[place];
                if is_minifloat(tensor.dtype) {
                    return Err(wrong_dtype(
                        tensor,
                        "F64, F32, F16, BF16 or integers: minifloats are not read",
                    ));
                }
                weights.push(Weight {
                    name: tensor.name.clone(),
                    rows: tensor.rows(),
                    cols: tensor.cols(),
                    shape: tensor.shape.clone(),
                    bytes: tensor.bytes,
                    form: WeightTensors::Plain(place),
                    note: notes[place].take(),
                });
            }
        }
        // A layer may be there in both forms.
        let mut names = HashSet::new();
        match weights.iter().find(|weight| !names.insert(weight.name.as_str())) {
            Some(weight) => Err(CheckpointError::Both { tensor: weight.name.clone() }),
            None => Ok(weights),
        }
    }

    /// Reads a weight.
    ///
    /// # Errors
    /// When a shard cannot be read, or codes and grid do not belong together.
    ///
    /// # Panics
    /// When the weight is none of this checkpoint.
    pub fn load(&self, weight: &Weight) -> Result<LoadedWeight> {
        let codes = |source| CheckpointError::Codes { tensor: weight.name.clone(), source };
        let bytes = |place: usize| self.read(&self.tensors()[place]);
        let floats = |place: usize| -> Result<FloatVec> {
            let dtype = float_type(&self.tensors()[place])?;
            FloatVec::new(dtype, bytes(place)?).map_err(codes)
        };
        let coded = match weight.form {
            WeightTensors::Plain(place) => {
                return Ok(LoadedWeight::Plain(self.tensors()[place].dtype, bytes(place)?));
            }
            WeightTensors::ActOrder { parts: [qweight, qzeros, scales], g_idx, group_size, layer } => {
                let packed = gptq::Packed {
                    qweight: bytes(qweight)?,
                    qzeros: bytes(qzeros)?,
                    scales: floats(scales)?,
                };
                let group_of: Vec<u32> = match g_idx {
                    Some(place) => bytes(place)?
                        .as_chunks::<4>()
                        .0
                        .iter()
                        .map(|&group| u32::from_le_bytes(group))
                        .collect(),
                    None => (0..layer.inputs).map(|input| (input / group_size) as u32).collect(),
                };
                let weights = layer.dequantize(&packed, &group_of).map_err(codes)?;
                return Ok(LoadedWeight::Plain(self.tensors()[scales].dtype, weights.as_bytes().to_vec()));
            }
            WeightTensors::Mxfp4 { parts: [blocks, scales] } => {
                let blocks = mxfp4::join(&bytes(blocks)?, &bytes(scales)?).map_err(codes)?;
                return Ok(LoadedWeight::Blocks(GgmlType::Mxfp4, blocks));
            }
            WeightTensors::Mlx {
                parts: [packed, scales, biases],
                groups: MlxGroups { bits, group_size },
            } => mlx::join(bits, group_size, weight.rows, &bytes(packed)?, floats(scales)?, floats(biases)?),
            WeightTensors::Gptq { parts: [qweight, qzeros, scales], layer } => layer.unpack(&gptq::Packed {
                qweight: bytes(qweight)?,
                qzeros: bytes(qzeros)?,
                scales: floats(scales)?,
            }),
            WeightTensors::Awq { parts: [qweight, qzeros, scales], layer } => layer.unpack(&awq::Packed {
                qweight: bytes(qweight)?,
                qzeros: bytes(qzeros)?,
                scales: floats(scales)?,
            }),
        };
        coded.map(|(symbols, grid)| LoadedWeight::Coded(symbols, grid)).map_err(codes)
    }

    /// The place of a part of a quantized layer.
    fn part(&self, layer: &str, codes: &TensorInfo, part: &str) -> Result<usize> {
        let part = format!("{layer}.{part}");
        self.places.get(&part).copied().ok_or_else(|| {
            let tensor = codes.name.clone();
            CheckpointError::MissingPart { tensor, part }
        })
    }

    fn mlx_weight(&self, place: usize, layer: &str, groups: MlxGroups) -> Result<Weight> {
        let tensors = self.tensors();
        let codes = &tensors[place];
        let (scales, biases) = (self.part(layer, codes, "scales")?, self.part(layer, codes, "biases")?);
        let parts = [place, scales, biases];
        let MlxGroups { bits, group_size } = groups;
        let (rows, words) = (codes.rows(), codes.cols());
        let whole = |cols: &usize| cols.is_multiple_of(group_size) && codes.bytes > 0;
        let Some(cols) = mlx::cols(words, bits).filter(whole) else {
            let expected = format!("rows of whole groups of {group_size} codes of {bits} bits");
            return Err(wrong_shape(codes, expected));
        };
        let mut expected = codes.shape.clone();
        if let Some(last) = expected.last_mut() {
            *last = cols / group_size;
        }
        for side in [scales, biases] {
            if tensors[side].shape != expected {
                let expected = format!("{expected:?}: groups of {group_size} codes of {bits} bits");
                return Err(wrong_shape(&tensors[side], expected));
            }
            float_type(&tensors[side])?;
        }
        if tensors[biases].dtype != tensors[scales].dtype {
            return Err(wrong_dtype(&tensors[biases], "that of the scales"));
        }
        let name = codes.name.clone();
        let mut shape = codes.shape.clone();
        shape.pop();
        shape.push(cols);
        Ok(Weight { shape, ..self.weight(name, rows, cols, &parts, WeightTensors::Mlx { parts, groups }) })
    }

    /// The weight of a GPTQ layer, or why its tensors stay as they are.
    fn gptq_weight(
        &self,
        place: usize,
        layer: &str,
        (bits, group_size, version, dynamic): (u8, Option<usize>, Version, bool),
        scattered: ActOrder,
    ) -> Result<std::result::Result<Weight, String>> {
        let tensors = self.tensors();
        let codes = &tensors[place];
        let (qzeros, scales) = (self.part(layer, codes, "qzeros")?, self.part(layer, codes, "scales")?);
        let parts = [place, qzeros, scales];
        let ([words, outputs], [groups, zero_words], [scale_groups, scale_outputs]) = (
            matrix(codes, Dtype::I32)?,
            matrix(&tensors[qzeros], Dtype::I32)?,
            float_matrix(&tensors[scales])?,
        );
        // The words of a group's zero points say how wide a code is.
        let found = (zero_words as u64).saturating_mul(32) / outputs as u64;
        let bits = match u8::try_from(found) {
            Ok(found) if found == bits || dynamic && gptq::has_bits(found) => found,
            _ => {
                return Err(wrong_shape(
                    &tensors[qzeros],
                    format!("{bits} bits for each of {outputs} outputs"),
                ));
            }
        };
        if zero_words.checked_mul(32) != outputs.checked_mul(bits.into()) {
            return Err(wrong_shape(&tensors[qzeros], format!("{bits} bits for each of {outputs} outputs")));
        }
        if (scale_groups, scale_outputs) != (groups, outputs) {
            return Err(wrong_shape(&tensors[scales], format!("[{groups}, {outputs}]")));
        }
        let packed_bits = words.checked_mul(32).filter(|n| n.is_multiple_of(bits.into()));
        let Some(inputs) = packed_bits.map(|n| n / usize::from(bits)) else {
            return Err(wrong_shape(codes, format!("a whole number of {bits}-bit codes in a column")));
        };
        let group_size = match group_size {
            Some(size) if inputs.div_ceil(size) == groups => size.min(inputs),
            None if groups == 1 => inputs,
            _ if dynamic && inputs.is_multiple_of(groups) => inputs / groups,
            _ => {
                let of = group_size.map_or("one group".to_owned(), |size| format!("groups of {size}"));
                return Err(wrong_shape(&tensors[scales], format!("{of} for {inputs} inputs")));
            }
        };
        let plain_zeros =
            version == Version::V2 || gptq::zeros_are_plain(bits, version, &self.read(&tensors[qzeros])?);
        let g_idx = self.places.get(&format!("{layer}.g_idx")).copied();
        let kept = |note: String, g_idx: Option<usize>| match scattered {
            // Zero points that are not plain are the lesser news of the two, but those that end the matter.
            ActOrder::Floats if plain_zeros => {
                let name = format!("{layer}.weight");
                let layer = gptq::ActOrderLayer { bits, groups, inputs, outputs, version };
                let form = WeightTensors::ActOrder { parts, g_idx, group_size, layer };
                let all: Vec<usize> = parts.into_iter().chain(g_idx).collect();
                let note = Some(format!("{note}: read as floats"));
                Ok(Ok(Weight { note, ..self.weight(name, outputs, inputs, &all, form) }))
            }
            ActOrder::Floats => Ok(Err(TWO_WAYS.to_owned())),
            ActOrder::Kept => Ok(Err(note)),
        };
        if !inputs.is_multiple_of(group_size) {
            let note = format!("the last group has {} of {group_size} inputs", inputs % group_size);
            return kept(note, g_idx);
        }
        if let Some(g_idx) = g_idx {
            let info = &tensors[g_idx];
            if info.dtype != Dtype::I32 {
                return Err(wrong_dtype(info, "I32"));
            }
            if info.shape != [inputs] {
                return Err(wrong_shape(info, format!("[{inputs}]")));
            }
            let groups = self.read(info)?;
            let plain = |(i, group): (usize, &[u8; 4])| i32::from_le_bytes(*group) as usize == i / group_size;
            if !groups.as_chunks::<4>().0.iter().enumerate().all(plain) {
                return kept("in act-order: groups are not of consecutive inputs".to_owned(), Some(g_idx));
            }
        }
        if !plain_zeros {
            return Ok(Err(TWO_WAYS.to_owned()));
        }
        let layer_facts = gptq::Layer { bits, group_size, inputs, outputs, version };
        let name = format!("{layer}.weight");
        Ok(Ok(self.weight(name, outputs, inputs, &parts, WeightTensors::Gptq { parts, layer: layer_facts })))
    }

    /// MXFP4: `X_blocks` u8 `[..., rows, blocks, 16]` and `X_scales` u8 `[..., rows, blocks]`.
    fn mxfp4_weight(&self, place: usize, layer: &str) -> Result<Weight> {
        let tensors = self.tensors();
        let blocks = &tensors[place];
        let part = format!("{layer}_scales");
        let scales = self.places.get(&part).copied().ok_or_else(|| {
            let tensor = blocks.name.clone();
            CheckpointError::MissingPart { tensor, part }
        })?;
        for tensor in [blocks, &tensors[scales]] {
            if tensor.dtype != Dtype::U8 {
                return Err(wrong_dtype(tensor, "U8"));
            }
        }
        let Some((&mxfp4::PACKED_BYTES, of_rows)) = blocks.shape.split_last() else {
            return Err(wrong_shape(blocks, format!("{} bytes a block last", mxfp4::PACKED_BYTES)));
        };
        if tensors[scales].shape != of_rows {
            return Err(wrong_shape(&tensors[scales], format!("{of_rows:?}, one scale a block")));
        }
        let Some((cols, rows)) = of_rows.split_last().filter(|(_, rows)| !rows.is_empty()) else {
            return Err(wrong_shape(blocks, "rows of blocks".to_owned()));
        };
        let Some(cols) = cols.checked_mul(mxfp4::BLOCK).filter(|_| blocks.bytes > 0) else {
            return Err(wrong_shape(blocks, "blocks".to_owned()));
        };
        let shape: Vec<usize> = rows.iter().copied().chain([cols]).collect();
        let (rows, parts) = (rows.iter().product(), [place, scales]);
        Ok(Weight {
            shape,
            ..self.weight(layer.to_owned(), rows, cols, &parts, WeightTensors::Mxfp4 { parts })
        })
    }

    fn awq_weight(&self, place: usize, layer: &str, group_size: Option<usize>) -> Result<Weight> {
        let tensors = self.tensors();
        let codes = &tensors[place];
        let (qzeros, scales) = (self.part(layer, codes, "qzeros")?, self.part(layer, codes, "scales")?);
        let parts = [place, qzeros, scales];
        let ([inputs, words], zeros, [groups, outputs]) = (
            matrix(codes, Dtype::I32)?,
            matrix(&tensors[qzeros], Dtype::I32)?,
            float_matrix(&tensors[scales])?,
        );
        if words.checked_mul(8) != Some(outputs) {
            return Err(wrong_shape(codes, format!("[{inputs}, {outputs} / 8]")));
        }
        if zeros != [groups, words] {
            return Err(wrong_shape(&tensors[qzeros], format!("[{groups}, {words}]")));
        }
        let group_size = group_size.unwrap_or(inputs).min(inputs);
        if groups.checked_mul(group_size) != Some(inputs) {
            let expected = format!("one group for each {group_size} of {inputs} inputs");
            return Err(wrong_shape(&tensors[scales], expected));
        }
        let name = format!("{layer}.weight");
        let form = WeightTensors::Awq { parts, layer: awq::Layer { group_size, inputs, outputs } };
        Ok(self.weight(name, outputs, inputs, &parts, form))
    }

    fn weight(&self, name: String, rows: usize, cols: usize, parts: &[usize], form: WeightTensors) -> Weight {
        let bytes = parts.iter().map(|&part| self.tensors()[part].bytes).sum();
        Weight { name, rows, cols, shape: vec![rows, cols], bytes, form, note: None }
    }
}

/// The shape of a matrix of `dtype`.
fn matrix(tensor: &TensorInfo, dtype: Dtype) -> Result<[usize; 2]> {
    if tensor.dtype != dtype {
        return Err(wrong_dtype(tensor, "I32"));
    }
    match <[usize; 2]>::try_from(&tensor.shape[..]) {
        Ok(shape) if !shape.contains(&0) => Ok(shape),
        _ => Err(wrong_shape(tensor, "a matrix".to_owned())),
    }
}

fn float_matrix(tensor: &TensorInfo) -> Result<[usize; 2]> {
    float_type(tensor)?;
    matrix(tensor, tensor.dtype)
}

/// Floats of eight bits and fewer: without the scales that belong to them they are no weights.
fn is_minifloat(dtype: Dtype) -> bool {
    !matches!(
        dtype,
        Dtype::BOOL
            | Dtype::U8
            | Dtype::I8
            | Dtype::I16
            | Dtype::U16
            | Dtype::I32
            | Dtype::U32
            | Dtype::I64
            | Dtype::U64
            | Dtype::F16
            | Dtype::BF16
            | Dtype::F32
            | Dtype::F64
            | Dtype::C64
    )
}

fn float_type(tensor: &TensorInfo) -> Result<FloatType> {
    match tensor.dtype {
        Dtype::F16 => Ok(FloatType::F16),
        Dtype::BF16 => Ok(FloatType::Bf16),
        Dtype::F32 => Ok(FloatType::F32),
        _ => Err(wrong_dtype(tensor, "F16, BF16 or F32")),
    }
}

fn wrong_dtype(tensor: &TensorInfo, expected: &'static str) -> CheckpointError {
    CheckpointError::Dtype { tensor: tensor.name.clone(), found: tensor.dtype, expected }
}

fn wrong_shape(tensor: &TensorInfo, expected: String) -> CheckpointError {
    CheckpointError::Shape { tensor: tensor.name.clone(), found: tensor.shape.clone(), expected }
}
