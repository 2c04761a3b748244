use super::Result;
use super::error::CheckpointError;
use super::quantization::{MlxGroups, Quantization};
use super::read::{Checkpoint, CheckpointTensorInfo};
use crate::gguf::GgmlType;
use crate::gptq::GptqVersion;
use crate::{awq, gptq, mlx, mxfp4};
use ecq_core::{AffineGroups, Codes, FloatType, FloatVec};
use safetensors::Dtype;
use std::collections::HashSet;

/// Note on a layer with ambiguous zero points ([`gptq::zeros_are_unambiguous`]).
const AMBIGUOUS_ZEROS: &str = "has zero points that version 1 of GPTQ stores in two ways";

/// A weight of the model: one tensor of the checkpoint, or the tensors of a quantized layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// Name without quantization, such as `X.weight` for `X.qweight`.
    pub name: String,
    /// Number of rows (output features); 1 for a vector or a scalar.
    pub rows: usize,
    /// Number of columns (input features), the last dimension.
    pub cols: usize,
    /// Shape without quantization.
    pub shape: Vec<usize>,
    /// Size of all its tensors in bytes.
    pub bytes: u64,
    /// Its tensors.
    pub tensors: WeightTensors,
    /// Reason why a tensor of a quantized layer is read unchanged or as floats; `None` for other weights.
    pub note: Option<String>,
}

/// The tensors of a weight, as indices into [`Checkpoint::tensors`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightTensors {
    /// One tensor, unchanged.
    Plain(usize),
    /// Packed codes, scales and biases of MLX.
    Mlx {
        /// Indices of the tensors.
        parts: [usize; 3],
        /// Code width and group size.
        groups: MlxGroups,
    },
    /// `qweight`, `qzeros` and `scales` of GPTQ.
    Gptq {
        /// Indices of the tensors.
        parts: [usize; 3],
        /// Shape and grid.
        layer: gptq::GptqLayer,
    },
    /// `qweight`, `qzeros` and `scales` of a GPTQ layer whose groups have arbitrary columns, read as floats.
    ActOrder {
        /// Indices of the tensors.
        parts: [usize; 3],
        /// The tensor with the group of each column; `None` if groups have consecutive columns.
        g_idx: Option<usize>,
        /// Number of columns of each group but the last.
        group_size: usize,
        /// Shape.
        layer: gptq::GptqActOrderLayer,
    },
    /// Blocks and scales of MXFP4, as in gpt-oss.
    Mxfp4 {
        /// Indices of the tensors.
        parts: [usize; 2],
    },
    /// `qweight`, `qzeros` and `scales` of AWQ.
    Awq {
        /// Indices of the tensors.
        parts: [usize; 3],
        /// Shape and grid.
        layer: awq::AwqLayer,
    },
}

/// Contents of a weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadedWeight {
    /// Element type and little-endian elements.
    Plain(Dtype, Vec<u8>),
    /// Codes and their grid.
    Coded(Codes, AffineGroups),
    /// GGUF block type and blocks.
    Blocks(GgmlType, Vec<u8>),
}

/// Handling of layers whose codes are not on a grid of ecq: GPTQ with act-order or a shorter last group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UnsupportedGroups {
    /// Read their tensors unchanged, with a note.
    Keep,
    /// Dequantize them to one weight.
    Dequantize,
}

impl Checkpoint {
    /// Returns all weights, in the order of the (first) tensor of each in [`tensors`](Self::tensors).
    ///
    /// The tensors of GPTQ layers with act-order or a shorter last group are separate weights, which have a
    /// [`note`](Weight::note).
    ///
    /// # Errors
    /// [`CheckpointError`] if a tensor of a quantized layer is missing or has the wrong type or shape, if a
    /// weight is both quantized and plain, or if a tensor has floats of eight bits or fewer.
    pub fn weights(&self, quantization: &Quantization) -> Result<Vec<Weight>> {
        self.weights_with(quantization, UnsupportedGroups::Keep)
    }

    /// Returns all weights as [`weights`](Self::weights) does, but with GPTQ layers with act-order or a
    /// shorter last group as floats; `None` if there are no such layers.
    ///
    /// # Errors
    /// The errors of [`weights`](Self::weights); [`CheckpointError::Quantization`] if such a layer has
    /// ambiguous zero points ([`gptq::zeros_are_unambiguous`]).
    pub fn weights_as_floats(&self, quantization: &Quantization) -> Result<Option<Vec<Weight>>> {
        if !matches!(quantization, Quantization::Gptq { .. }) {
            return Ok(None);
        }
        let weights = self.weights_with(quantization, UnsupportedGroups::Dequantize)?;
        let any_act_order =
            weights.iter().any(|weight| matches!(weight.tensors, WeightTensors::ActOrder { .. }));
        if let Some(kept) = weights
            .iter()
            .find(|weight| weight.note.is_some() && matches!(weight.tensors, WeightTensors::Plain(_)))
        {
            let file = self.shards()[0].name.clone();
            let what = format!("layer {:?}, which {},", kept.name, kept.note.as_deref().unwrap_or_default());
            return Err(CheckpointError::Quantization { file, what });
        }
        Ok(any_act_order.then_some(weights))
    }

    fn weights_with(
        &self,
        quantization: &Quantization,
        unsupported: UnsupportedGroups,
    ) -> Result<Vec<Weight>> {
        let tensors = self.tensors();
        // Quantized layers come first, because other tensors of a layer may precede its codes.
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
                    self.gptq_weight(place, layer, (*bits, *group_size, *version, *dynamic), unsupported)
                }
                Quantization::Awq { group_size } => self.awq_weight(place, layer, *group_size).map(Ok),
                Quantization::Mxfp4 => self.mxfp4_weight(place, layer).map(Ok),
            }?;
            let suffixes = [".scales", ".biases", ".qzeros", ".g_idx", "_scales"];
            let others = suffixes.iter().filter_map(|part| self.places.get(&format!("{layer}{part}")));
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
                    let expected =
                        "F64, F32, F16, BF16 or an integer type; floats of 8 bits or fewer are not read";
                    return Err(wrong_dtype(tensor, expected));
                }
                weights.push(Weight {
                    name: tensor.name.clone(),
                    rows: tensor.rows(),
                    cols: tensor.cols(),
                    shape: tensor.shape.clone(),
                    bytes: tensor.bytes,
                    tensors: WeightTensors::Plain(place),
                    note: notes[place].take(),
                });
            }
        }
        // A weight may be both quantized and plain.
        let mut names = HashSet::new();
        match weights.iter().find(|weight| !names.insert(weight.name.as_str())) {
            Some(weight) => Err(CheckpointError::QuantizedAndPlain { tensor: weight.name.clone() }),
            None => Ok(weights),
        }
    }

    /// Reads a weight.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] if a shard cannot be read, and [`CheckpointError::Codes`] if codes and grid do
    /// not match.
    ///
    /// # Panics
    /// If the weight does not belong to this checkpoint.
    pub fn load(&self, weight: &Weight) -> Result<LoadedWeight> {
        let codes = |source| CheckpointError::Codes { tensor: weight.name.clone(), source };
        let bytes = |place: usize| self.read(&self.tensors()[place]);
        let floats = |place: usize| -> Result<FloatVec> {
            let dtype = float_type(&self.tensors()[place])?;
            FloatVec::new(dtype, bytes(place)?).map_err(codes)
        };
        let coded = match weight.tensors {
            WeightTensors::Plain(place) => {
                return Ok(LoadedWeight::Plain(self.tensors()[place].dtype, bytes(place)?));
            }
            WeightTensors::ActOrder { parts: [qweight, qzeros, scales], g_idx, group_size, layer } => {
                let packed = gptq::GptqTensors {
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
                let blocks = mxfp4::to_gguf_blocks(&bytes(blocks)?, &bytes(scales)?).map_err(codes)?;
                return Ok(LoadedWeight::Blocks(GgmlType::Mxfp4, blocks));
            }
            WeightTensors::Mlx {
                parts: [packed, scales, biases],
                groups: MlxGroups { bits, group_size },
            } => mlx::unpack_weight(
                bits,
                group_size,
                weight.rows,
                &bytes(packed)?,
                floats(scales)?,
                floats(biases)?,
            ),
            WeightTensors::Gptq { parts: [qweight, qzeros, scales], layer } => {
                layer.unpack(&gptq::GptqTensors {
                    qweight: bytes(qweight)?,
                    qzeros: bytes(qzeros)?,
                    scales: floats(scales)?,
                })
            }
            WeightTensors::Awq { parts: [qweight, qzeros, scales], layer } => {
                layer.unpack(&awq::AwqTensors {
                    qweight: bytes(qweight)?,
                    qzeros: bytes(qzeros)?,
                    scales: floats(scales)?,
                })
            }
        };
        coded.map(|(symbols, grid)| LoadedWeight::Coded(symbols, grid)).map_err(codes)
    }

    /// Returns the index of tensor `part` of a quantized layer, whose codes are in tensor `codes`.
    fn part(&self, part: String, codes: &CheckpointTensorInfo) -> Result<usize> {
        self.places.get(&part).copied().ok_or_else(|| {
            let tensor = codes.name.clone();
            CheckpointError::MissingPart { tensor, part }
        })
    }

    /// Returns the weight of an MLX layer.
    fn mlx_weight(&self, place: usize, layer: &str, groups: MlxGroups) -> Result<Weight> {
        let tensors = self.tensors();
        let codes = &tensors[place];
        let (scales, biases) =
            (self.part(format!("{layer}.scales"), codes)?, self.part(format!("{layer}.biases"), codes)?);
        let parts = [place, scales, biases];
        let MlxGroups { bits, group_size } = groups;
        let (rows, words) = (codes.rows(), codes.cols());
        let whole = |cols: &usize| cols.is_multiple_of(group_size) && codes.bytes > 0;
        let Some(cols) = mlx::unpacked_cols(words, bits).filter(whole) else {
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

    /// Returns the weight of a GPTQ layer, or the reason why its tensors are read unchanged.
    fn gptq_weight(
        &self,
        place: usize,
        layer: &str,
        (bits, group_size, version, dynamic): (u8, Option<usize>, GptqVersion, bool),
        unsupported: UnsupportedGroups,
    ) -> Result<std::result::Result<Weight, String>> {
        let tensors = self.tensors();
        let codes = &tensors[place];
        let (qzeros, scales) =
            (self.part(format!("{layer}.qzeros"), codes)?, self.part(format!("{layer}.scales"), codes)?);
        let parts = [place, qzeros, scales];
        let ([words, outputs], [groups, zero_words], [scale_groups, scale_outputs]) = (
            matrix(codes, Dtype::I32)?,
            matrix(&tensors[qzeros], Dtype::I32)?,
            float_matrix(&tensors[scales])?,
        );
        // The number of words of the zero points of a group determines the width of a code.
        let found = (zero_words as u64).saturating_mul(32) / outputs as u64;
        let bits = match u8::try_from(found) {
            Ok(found) if found == bits || dynamic && gptq::supports_bits(found) => found,
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
        let unambiguous_zeros = version == GptqVersion::V2
            || gptq::zeros_are_unambiguous(bits, version, &self.read(&tensors[qzeros])?);
        let g_idx = self.places.get(&format!("{layer}.g_idx")).copied();
        let kept = |note: String, g_idx: Option<usize>| match unsupported {
            // Ambiguous zero points cannot be dequantized.
            UnsupportedGroups::Dequantize if unambiguous_zeros => {
                let name = format!("{layer}.weight");
                let layer = gptq::GptqActOrderLayer { bits, groups, inputs, outputs, version };
                let form = WeightTensors::ActOrder { parts, g_idx, group_size, layer };
                let all: Vec<usize> = parts.into_iter().chain(g_idx).collect();
                let note = Some(format!("{note}: read as floats"));
                Ok(Ok(Weight { note, ..self.weight(name, outputs, inputs, &all, form) }))
            }
            UnsupportedGroups::Dequantize => Ok(Err(AMBIGUOUS_ZEROS.to_owned())),
            UnsupportedGroups::Keep => Ok(Err(note)),
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
            let is_consecutive =
                |(i, group): (usize, &[u8; 4])| i32::from_le_bytes(*group) as usize == i / group_size;
            if !groups.as_chunks::<4>().0.iter().enumerate().all(is_consecutive) {
                return kept("in act-order: groups do not have consecutive inputs".to_owned(), Some(g_idx));
            }
        }
        if !unambiguous_zeros {
            return Ok(Err(AMBIGUOUS_ZEROS.to_owned()));
        }
        let gptq_layer = gptq::GptqLayer { bits, group_size, inputs, outputs, version };
        let name = format!("{layer}.weight");
        Ok(Ok(self.weight(name, outputs, inputs, &parts, WeightTensors::Gptq { parts, layer: gptq_layer })))
    }

    /// Returns the weight of an MXFP4 layer: `X_blocks`, u8 `[..., rows, blocks, 16]`, and `X_scales`, u8
    /// `[..., rows, blocks]`.
    fn mxfp4_weight(&self, place: usize, layer: &str) -> Result<Weight> {
        let tensors = self.tensors();
        let blocks = &tensors[place];
        let scales = self.part(format!("{layer}_scales"), blocks)?;
        for tensor in [blocks, &tensors[scales]] {
            if tensor.dtype != Dtype::U8 {
                return Err(wrong_dtype(tensor, "U8"));
            }
        }
        let Some((&mxfp4::PACKED_BYTES, of_rows)) = blocks.shape.split_last() else {
            return Err(wrong_shape(
                blocks,
                format!("a last dimension of {} bytes per block", mxfp4::PACKED_BYTES),
            ));
        };
        if tensors[scales].shape != of_rows {
            return Err(wrong_shape(&tensors[scales], format!("{of_rows:?}, one scale per block")));
        }
        let Some((cols, rows)) = of_rows.split_last().filter(|(_, rows)| !rows.is_empty()) else {
            return Err(wrong_shape(blocks, "at least three dimensions: rows, blocks, bytes".to_owned()));
        };
        let Some(cols) = cols.checked_mul(mxfp4::BLOCK).filter(|_| blocks.bytes > 0) else {
            return Err(wrong_shape(blocks, "at least one block".to_owned()));
        };
        let shape: Vec<usize> = rows.iter().copied().chain([cols]).collect();
        let (rows, parts) = (rows.iter().product(), [place, scales]);
        Ok(Weight {
            shape,
            ..self.weight(layer.to_owned(), rows, cols, &parts, WeightTensors::Mxfp4 { parts })
        })
    }

    /// Returns the weight of an AWQ layer.
    fn awq_weight(&self, place: usize, layer: &str, group_size: Option<usize>) -> Result<Weight> {
        let tensors = self.tensors();
        let codes = &tensors[place];
        let (qzeros, scales) =
            (self.part(format!("{layer}.qzeros"), codes)?, self.part(format!("{layer}.scales"), codes)?);
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
        let form = WeightTensors::Awq { parts, layer: awq::AwqLayer { group_size, inputs, outputs } };
        Ok(self.weight(name, outputs, inputs, &parts, form))
    }

    fn weight(
        &self,
        name: String,
        rows: usize,
        cols: usize,
        parts: &[usize],
        tensors: WeightTensors,
    ) -> Weight {
        let bytes = parts.iter().map(|&part| self.tensors()[part].bytes).sum();
        Weight { name, rows, cols, shape: vec![rows, cols], bytes, tensors, note: None }
    }
}

/// Returns the shape of a matrix of type `dtype`.
fn matrix(tensor: &CheckpointTensorInfo, dtype: Dtype) -> Result<[usize; 2]> {
    if tensor.dtype != dtype {
        return Err(wrong_dtype(tensor, "I32"));
    }
    match <[usize; 2]>::try_from(&tensor.shape[..]) {
        Ok(shape) if !shape.contains(&0) => Ok(shape),
        _ => Err(wrong_shape(tensor, "a matrix that is not empty".to_owned())),
    }
}

/// Returns the shape of a matrix of floats.
fn float_matrix(tensor: &CheckpointTensorInfo) -> Result<[usize; 2]> {
    float_type(tensor)?;
    matrix(tensor, tensor.dtype)
}

/// Returns whether `dtype` is a float type of eight bits or fewer. Such tensors have separate scales, which
/// ecq does not interpret.
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

/// Returns the type of a tensor of floats.
fn float_type(tensor: &CheckpointTensorInfo) -> Result<FloatType> {
    match tensor.dtype {
        Dtype::F16 => Ok(FloatType::F16),
        Dtype::BF16 => Ok(FloatType::Bf16),
        Dtype::F32 => Ok(FloatType::F32),
        _ => Err(wrong_dtype(tensor, "F16, BF16 or F32")),
    }
}

fn wrong_dtype(tensor: &CheckpointTensorInfo, expected: &'static str) -> CheckpointError {
    CheckpointError::Dtype { tensor: tensor.name.clone(), found: tensor.dtype, expected }
}

fn wrong_shape(tensor: &CheckpointTensorInfo, expected: String) -> CheckpointError {
    CheckpointError::Shape { tensor: tensor.name.clone(), found: tensor.shape.clone(), expected }
}
