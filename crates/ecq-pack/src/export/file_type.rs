//! The types of whole GGUF files, and which type each tensor has in one.
//!
//! Names, numbers and the choice of types are those of llama.cpp: `enum llama_ftype` in `include/llama.h`;
//! `tensor_allows_quantization`, `llama_tensor_get_type_impl` and `tensor_type_fallback` in
//! `src/llama-quant.cpp` (commit 007dbbf3), without an importance matrix.

use crate::error::PackError;
use crate::weight_error::layer_order;
use ecq_format::gguf::{GgmlType, Gguf, GgufTensorInfo, Value};
use std::fmt;
use std::str::FromStr;

/// A type of GGUF file, under the names of llama.cpp's `llama-quantize`: the type of most of its matrices.
#[allow(non_camel_case_types, reason = "the names of llama.cpp")]
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GgufFileType {
    /// Single precision.
    F32,
    /// Half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
    /// 8.5 bits per weight.
    Q8_0,
    /// 4.5 bits per weight; the head has 6.6.
    Q4_0,
    /// 5 bits per weight; the head has 6.6.
    Q4_1,
    /// 5.5 bits per weight; the head has 6.6.
    Q5_0,
    /// 6 bits per weight; the head has 6.6.
    Q5_1,
    /// 6.6 bits per weight.
    Q6_K,
    /// 5.5 bits per weight; 6.6 in the head and in half of the matrices that lose most.
    Q5_K_M,
    /// 5.5 bits per weight; the head has 6.6.
    Q5_K_S,
    /// 4.5 bits per weight; 6.6 in the head and in half of the matrices that lose most.
    Q4_K_M,
    /// 4.5 bits per weight; 6.6 in the head, 5.5 in the first matrices that lose most.
    Q4_K_S,
}

/// Type, name, number in `general.file_type`, type of most matrices.
type Row = (GgufFileType, &'static str, u32, GgmlType);

const FILE_TYPES: [Row; 13] = {
    use GgufFileType::*;
    [
        (F32, "f32", 0, GgmlType::F32),
        (F16, "f16", 1, GgmlType::F16),
        (Bf16, "bf16", 32, GgmlType::Bf16),
        (Q8_0, "q8_0", 7, GgmlType::Q8_0),
        (Q4_0, "q4_0", 2, GgmlType::Q4_0),
        (Q4_1, "q4_1", 3, GgmlType::Q4_1),
        (Q5_0, "q5_0", 8, GgmlType::Q5_0),
        (Q5_1, "q5_1", 9, GgmlType::Q5_1),
        (Q6_K, "q6_k", 18, GgmlType::Q6_K),
        (Q5_K_M, "q5_k_m", 17, GgmlType::Q5_K),
        (Q5_K_S, "q5_k_s", 16, GgmlType::Q5_K),
        (Q4_K_M, "q4_k_m", 15, GgmlType::Q4_K),
        (Q4_K_S, "q4_k_s", 14, GgmlType::Q4_K),
    ]
};

impl GgufFileType {
    /// All file types.
    pub const ALL: [Self; FILE_TYPES.len()] = {
        let mut all = [Self::F32; FILE_TYPES.len()];
        let mut i = 0;
        while i < all.len() {
            all[i] = FILE_TYPES[i].0;
            i += 1;
        }
        all
    };

    fn row(self) -> &'static Row {
        &FILE_TYPES[self as usize]
    }

    /// Lower-case name, such as `q4_k_m`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The number in `general.file_type`.
    pub fn id(self) -> u32 {
        self.row().2
    }

    /// The type of most matrices.
    pub fn tensor_type(self) -> GgmlType {
        self.row().3
    }
}

impl fmt::Display for GgufFileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for GgufFileType {
    type Err = PackError;

    /// Parses a name, in upper or lower case.
    fn from_str(name: &str) -> Result<Self, PackError> {
        let found = FILE_TYPES.iter().find(|row| row.1.eq_ignore_ascii_case(name));
        found.map(|row| row.0).ok_or_else(|| {
            let names: Vec<&str> = FILE_TYPES.iter().map(|row| row.1).collect();
            let (option, why) = (format!("--type {name}"), format!("expected one of {}", names.join(", ")));
            PackError::Option { option, why }
        })
    }
}

/// The type that a matrix gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChosenType {
    pub(super) ty: GgmlType,
    /// Whether another type was meant, whose blocks do not divide the columns.
    pub(super) is_fallback: bool,
}

/// For each tensor of `gguf` the type it gets in a file of type `file_type`; `None` for tensors that are
/// never quantized, such as norms and routers.
pub(super) fn tensor_types(file_type: GgufFileType, gguf: &Gguf) -> Vec<Option<ChosenType>> {
    let mixture = Mixture::new(file_type, gguf);
    gguf.tensors()
        .iter()
        .map(|info| is_quantized(info).then(|| with_fallback(mixture.wanted(info), info.cols())))
        .collect()
}

/// Whether a tensor is one that llama.cpp quantizes.
fn is_quantized(info: &GgufTensorInfo) -> bool {
    /// TensorParts of names of small matrices, positions and convolutions.
    const KEPT: [&str; 35] = [
        "_norm.weight",
        "ffn_gate_inp.weight",
        "ffn_gate_tid2eid.weight",
        "altup",
        "laurel",
        "per_layer_model_proj",
        "ssm_conv1d",
        "shortconv.conv.weight",
        "indexer.k_proj.weight",
        "indexer.q_proj.weight",
        "time_mix_first.weight",
        "time_mix_w0.weight",
        "time_mix_w1.weight",
        "time_mix_w2.weight",
        "time_mix_v0.weight",
        "time_mix_v1.weight",
        "time_mix_v2.weight",
        "time_mix_a0.weight",
        "time_mix_a1.weight",
        "time_mix_a2.weight",
        "time_mix_g1.weight",
        "time_mix_g2.weight",
        "time_mix_decay_w1.weight",
        "time_mix_decay_w2.weight",
        "time_mix_lerp_fused.weight",
        "attn_rel_b.weight",
        ".position_embd",
        "sam.pos_embd",
        "sam.neck.",
        "sam.net_",
        ".rel_pos",
        ".patch_embd",
        ".patch_merger",
        "a.rvq.codebook",
        "mm.a.code_embd",
    ];
    let dimensions = info.dims.iter().rposition(|&d| d != 1).map_or(1, |last| last + 1);
    dimensions >= 2
        && info.bytes > 0
        && info.name.ends_with("weight")
        && !matches!(info.name.as_str(), "position_embd.weight" | "token_types.weight")
        && !KEPT.iter().any(|part| info.name.contains(part))
}

/// The type of a matrix of `cols` columns where `ty` is wanted: where its blocks do not divide the columns, a
/// type of blocks of 32 with more bits, or halves.
fn with_fallback(ty: GgmlType, cols: usize) -> ChosenType {
    if cols.is_multiple_of(ty.block_weights()) {
        return ChosenType { ty, is_fallback: false };
    }
    let other = match ty {
        GgmlType::Q4_K => GgmlType::Q5_0,
        GgmlType::Q5_K => GgmlType::Q5_1,
        GgmlType::Q6_K => GgmlType::Q8_0,
        _ => GgmlType::F16,
    };
    let ty = if cols.is_multiple_of(other.block_weights()) { other } else { GgmlType::F16 };
    ChosenType { ty, is_fallback: true }
}

/// Facts of a model that choose the types of its matrices.
struct Mixture<'a> {
    file_type: GgufFileType,
    is_falcon: bool,
    /// Llama or Qwen of 70 billion weights, whose values are shared by eight heads.
    is_70b: bool,
    experts: u64,
    layers: u64,
    /// Whether the embedding is the head too.
    is_tied: bool,
    /// Names of the matrices that make values of attention, by layer.
    values: Vec<&'a str>,
    /// Names of the matrices that lead out of feed-forward layers, by layer.
    downs: Vec<&'a str>,
}

impl<'a> Mixture<'a> {
    fn new(file_type: GgufFileType, gguf: &'a Gguf) -> Self {
        let architecture = gguf.get("general.architecture").and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| gguf.get(&format!("{architecture}.{key}")).and_then(Value::as_u64);
        let names = |is_one: fn(&str) -> bool| {
            let infos = gguf.tensors().iter().filter(|info| is_quantized(info));
            let mut names: Vec<&str> =
                infos.map(|info| info.name.as_str()).filter(|name| is_one(name)).collect();
            names.sort_by_key(|name| layer_order(name));
            names
        };
        let layers = number("block_count").unwrap_or(0);
        Self {
            file_type,
            is_falcon: architecture == "falcon",
            is_70b: matches!(architecture, "llama" | "qwen2")
                && layers == 80
                && number("attention.head_count") != number("attention.head_count_kv"),
            experts: number("expert_count").unwrap_or(0),
            layers,
            is_tied: !gguf.tensors().iter().any(|info| info.name == "output.weight"),
            values: names(is_values),
            downs: names(|name| name.contains("ffn_down")),
        }
    }

    /// The type of a matrix before its columns are looked at.
    fn wanted(&self, info: &GgufTensorInfo) -> GgmlType {
        use GgufFileType::{Q4_K_M, Q4_K_S, Q5_K_M};
        let (name, ty) = (info.name.as_str(), self.file_type.tensor_type());
        let is_embedding = matches!(name, "token_embd.weight" | "per_layer_token_embd.weight");
        if ty.block_weights() == 1 {
            return ty;
        }
        if name == "output.weight" || self.is_tied && is_embedding {
            let eight_bits =
                ty == GgmlType::Q8_0 || self.is_falcon || !info.cols().is_multiple_of(ty.block_weights());
            return if eight_bits { GgmlType::Q8_0 } else { GgmlType::Q6_K };
        }
        let place = |names: &[&str]| names.iter().position(|other| *other == name).unwrap_or(0) as u64;
        if is_values(name) {
            let (index, count) = (place(&self.values), self.values.len() as u64);
            return match self.file_type {
                _ if self.experts == 8 => GgmlType::Q8_0,
                Q4_K_M | Q5_K_M if takes_more_bits(index, count) => GgmlType::Q6_K,
                Q4_K_S if index < 4 => GgmlType::Q5_K,
                Q4_K_M | Q4_K_S if self.is_70b => GgmlType::Q5_K,
                _ => ty,
            };
        }
        if name.contains("attn_k.weight") && self.experts == 8 {
            return GgmlType::Q8_0;
        }
        if name.contains("attn_output.weight") && self.experts == 8 && !self.is_falcon {
            return if matches!(self.file_type, Q4_K_M | Q4_K_S) { GgmlType::Q5_K } else { ty };
        }
        if name.contains("ffn_down") {
            let number = name.strip_prefix("blk.").and_then(|rest| rest.split('.').next()?.parse().ok());
            let layer = number.filter(|_| self.experts > 1).unwrap_or_else(|| place(&self.downs));
            let more = takes_more_bits(layer, self.layers);
            return match self.file_type {
                Q4_K_M if self.is_falcon && layer < self.layers / 16 => GgmlType::Q6_K,
                Q4_K_M if self.is_falcon => {
                    if more {
                        GgmlType::Q5_K
                    } else {
                        ty
                    }
                }
                Q4_K_M | Q5_K_M if more => GgmlType::Q6_K,
                Q4_K_S if !self.is_falcon && layer < self.layers / 8 => GgmlType::Q5_K,
                _ => ty,
            };
        }
        ty
    }
}

/// Whether a matrix makes the values of attention.
fn is_values(name: &str) -> bool {
    ["attn_v.weight", "attn_qkv.weight", "attn_kv_b.weight"].iter().any(|part| name.contains(part))
}

/// Whether layer `layer` of `layers` is one of those where errors cost most: the first and the last eighth,
/// and each third layer between them (`use_more_bits`).
fn takes_more_bits(layer: u64, layers: u64) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || layer.checked_sub(eighth).is_some_and(|at| at % 3 == 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_core::Limits;
    use ecq_format::gguf::{GgufError, TensorToWrite, write};

    /// A model of `layers` layers with matrices of `cols` columns.
    fn model(layers: u64, cols: u64, tied: bool, keys: &[(&str, u32)]) -> Gguf {
        let mut metadata = vec![
            ("general.architecture".to_owned(), Value::String("llama".to_owned())),
            ("llama.block_count".to_owned(), Value::U32(layers as u32)),
        ];
        metadata.extend(keys.iter().map(|(key, value)| (format!("llama.{key}"), Value::U32(*value))));
        let one = |name: String, dims: &[u64]| TensorToWrite { name, ty: GgmlType::F32, dims: dims.to_vec() };
        let mut tensors = vec![one("token_embd.weight".to_owned(), &[cols, 2])];
        // Blocks 2 to 9 come after block 10 in the order of letters.
        let mut names: Vec<String> = (0..layers).map(|layer| format!("blk.{layer}")).collect();
        names.sort();
        for name in names {
            for part in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down", "ffn_gate_inp"] {
                tensors.push(one(format!("{name}.{part}.weight"), &[cols, 2]));
            }
            tensors.push(one(format!("{name}.attn_norm.weight"), &[cols]));
        }
        if !tied {
            tensors.push(one("output.weight".to_owned(), &[cols, 2]));
        }
        let mut file = Vec::new();
        let bytes =
            |i: usize| Ok::<_, GgufError>(vec![0; tensors[i].dims.iter().product::<u64>() as usize * 4]);
        write(&mut file, &metadata, &tensors, bytes).unwrap();
        Gguf::parse(&file, file.len() as u64, &Limits::default()).unwrap()
    }

    fn type_of(file_type: GgufFileType, gguf: &Gguf, name: &str) -> Option<GgmlType> {
        let index = gguf.tensors().iter().position(|info| info.name == name).unwrap();
        tensor_types(file_type, gguf)[index].map(|chosen| chosen.ty)
    }

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (row, file_type) in FILE_TYPES.iter().zip(GgufFileType::ALL) {
            assert_eq!(row.0, file_type);
            assert_eq!(file_type.name().to_uppercase().parse::<GgufFileType>().unwrap(), file_type);
        }
        let error = "q9_0".parse::<GgufFileType>().unwrap_err().to_string();
        assert!(error.contains("q4_k_m") && error.contains("bf16"), "{error}");
    }

    #[test]
    fn more_bits_go_to_the_layers_of_llama_cpp() {
        let gguf = model(12, 256, false, &[]);
        let more: Vec<u64> = (0..12).filter(|&layer| takes_more_bits(layer, 12)).collect();
        assert_eq!(more, [0, 3, 6, 9, 10, 11]);
        for layer in 0..12 {
            for part in ["attn_v", "ffn_down"] {
                let name = format!("blk.{layer}.{part}.weight");
                let high = more.contains(&layer);
                let expected = |low| Some(if high { GgmlType::Q6_K } else { low });
                assert_eq!(type_of(GgufFileType::Q4_K_M, &gguf, &name), expected(GgmlType::Q4_K), "{name}");
                assert_eq!(type_of(GgufFileType::Q5_K_M, &gguf, &name), expected(GgmlType::Q5_K), "{name}");
                let first = if part == "attn_v" { layer < 4 } else { layer < 1 };
                let low = if first { GgmlType::Q5_K } else { GgmlType::Q4_K };
                assert_eq!(type_of(GgufFileType::Q4_K_S, &gguf, &name), Some(low), "{name}");
                assert_eq!(type_of(GgufFileType::Q4_0, &gguf, &name), Some(GgmlType::Q4_0), "{name}");
            }
            let name = format!("blk.{layer}.ffn_up.weight");
            assert_eq!(type_of(GgufFileType::Q4_K_M, &gguf, &name), Some(GgmlType::Q4_K));
            for part in ["attn_norm", "ffn_gate_inp"] {
                assert_eq!(type_of(GgufFileType::Q4_K_M, &gguf, &format!("blk.{layer}.{part}.weight")), None);
            }
        }
    }

    #[test]
    fn the_head_has_more_bits_wherever_it_is() {
        let (own, tied) = (model(1, 256, false, &[]), model(1, 256, true, &[]));
        for (file_type, head) in [
            (GgufFileType::Q4_K_M, GgmlType::Q6_K),
            (GgufFileType::Q4_0, GgmlType::Q6_K),
            (GgufFileType::Q8_0, GgmlType::Q8_0),
            (GgufFileType::Bf16, GgmlType::Bf16),
        ] {
            assert_eq!(type_of(file_type, &own, "output.weight"), Some(head));
            assert_eq!(type_of(file_type, &tied, "token_embd.weight"), Some(head));
            let embedding = type_of(file_type, &own, "token_embd.weight");
            assert_eq!(embedding, Some(file_type.tensor_type()));
        }
    }

    #[test]
    fn columns_that_blocks_do_not_divide_take_other_types() {
        let fallback = |ty, cols| {
            let chosen = with_fallback(ty, cols);
            assert!(chosen.is_fallback);
            chosen.ty
        };
        assert_eq!(fallback(GgmlType::Q4_K, 576), GgmlType::Q5_0);
        assert_eq!(fallback(GgmlType::Q5_K, 576), GgmlType::Q5_1);
        assert_eq!(fallback(GgmlType::Q6_K, 576), GgmlType::Q8_0);
        assert_eq!(fallback(GgmlType::Q6_K, 40), GgmlType::F16);
        assert_eq!(fallback(GgmlType::Q4_0, 40), GgmlType::F16);
        assert!(!with_fallback(GgmlType::Q4_K, 512).is_fallback);
        assert!(!with_fallback(GgmlType::F16, 3).is_fallback);
        let narrow = model(1, 96, true, &[]);
        assert_eq!(type_of(GgufFileType::Q4_K_M, &narrow, "token_embd.weight"), Some(GgmlType::Q8_0));
    }

    #[test]
    fn eight_experts_and_seventy_billion_weights_have_rules_of_their_own() {
        let experts = model(16, 256, false, &[("expert_count", 8)]);
        for (part, ty) in
            [("attn_v", GgmlType::Q8_0), ("attn_k", GgmlType::Q8_0), ("attn_output", GgmlType::Q5_K)]
        {
            assert_eq!(type_of(GgufFileType::Q4_K_M, &experts, &format!("blk.2.{part}.weight")), Some(ty));
        }
        let large = model(80, 256, false, &[("attention.head_count", 64), ("attention.head_count_kv", 8)]);
        assert_eq!(type_of(GgufFileType::Q4_K_M, &large, "blk.11.attn_v.weight"), Some(GgmlType::Q5_K));
    }
}
