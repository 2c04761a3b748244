//! GPTQ's layout: `qweight`, `qzeros`, `scales` and `g_idx` of a layer with `inputs` columns and `outputs`
//! rows.
//!
//! `qweight` is `[inputs * bits / 32, outputs]` i32: the codes of an output are one string of bits down a
//! column, least significant first. `qzeros` is `[groups, outputs * bits / 32]` i32, the zero points of a
//! group one string along its row; version 1 stores each less one. `scales` is `[groups, outputs]`, and `w =
//! scale * (code - zero)`. Source: `pack` in
//! `auto_gptq/nn_modules/qlinear/qlinear_cuda_old.py` of AutoGPTQ/AutoGPTQ; versions:
//! `gptqmodel/utils/model.py` of ModelCloud/GPTQModel.

use crate::bit_stream;
use crate::transpose::transpose;
use ecq_core::{AffineGroups, Biases, Codes, CoreError, FloatVec};

/// How zero points are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Less one.
    V1,
    /// As they are.
    V2,
}

/// Shape and grid of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Width of a code: 2, 3, 4 or 8 bits.
    pub bits: u8,
    /// Columns of a group, all groups alike.
    pub group_size: usize,
    /// Columns (input features).
    pub inputs: usize,
    /// Rows (output features).
    pub outputs: usize,
    /// How zero points are stored.
    pub version: Version,
}

/// The bytes of a layer's tensors as they lie in a file; `g_idx` follows from the group size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// i32 `[inputs * bits / 32, outputs]`.
    pub qweight: Vec<u8>,
    /// i32 `[groups, outputs * bits / 32]`.
    pub qzeros: Vec<u8>,
    /// Floats `[groups, outputs]`.
    pub scales: FloatVec,
}

/// Whether GPTQ packs codes of `bits` bits.
pub fn has_bits(bits: u8) -> bool {
    matches!(bits, 2 | 3 | 4 | 8)
}

/// Whether version 1 can say the zero points in `qzeros` without doubt.
///
/// It stores each less one, so the largest field means either 2^bits or 0; readers disagree on which.
pub fn zeros_are_plain(bits: u8, version: Version, qzeros: &[u8]) -> bool {
    let last = ((1u16 << bits) - 1) as u8;
    version == Version::V2 || !bit_stream::unpack(bits, qzeros).contains(&last)
}

impl Layer {
    /// Groups of a row.
    pub fn groups(&self) -> usize {
        self.inputs / self.group_size
    }

    fn check(&self) -> Result<(), CoreError> {
        if !has_bits(self.bits) {
            let found = self.bits.into();
            return Err(CoreError::Parameter { what: "bits", found, expected: "2, 3, 4 or 8" });
        }
        if self.group_size == 0 || !self.inputs.is_multiple_of(self.group_size) {
            let found = self.group_size as u64;
            return Err(CoreError::Parameter {
                what: "group size",
                found,
                expected: "a divisor of the columns",
            });
        }
        // Eight codes are a whole number of bytes at every width, and 32 bits' worth of them one of words.
        for (what, features, codes) in
            [("input features", self.inputs, 1), ("output features", self.outputs, bit_stream::CODES)]
        {
            let bits = features.checked_mul(self.bits.into());
            if features == 0
                || !features.is_multiple_of(codes)
                || bits.is_none_or(|bits| !bits.is_multiple_of(32))
            {
                let (found, expected) =
                    (features as u64, "a whole number of 32-bit words, outputs in eights");
                return Err(CoreError::Parameter { what, found, expected });
            }
        }
        match self.inputs.checked_mul(self.outputs).and_then(|weights| weights.checked_mul(8)) {
            Some(_) => Ok(()),
            None => Err(CoreError::Shape { rows: self.outputs, cols: self.inputs }),
        }
    }

    /// Zero points `[groups, outputs]` as they are subtracted.
    fn plain_zeros(&self, qzeros: &[u8]) -> Result<Vec<u8>, CoreError> {
        let Self { bits, version, .. } = *self;
        let mut zeros = bit_stream::unpack(bits, qzeros);
        if version == Version::V1 {
            if !zeros_are_plain(bits, version, qzeros) {
                let found = (1u64 << bits) - 1;
                let expected = "below 2^bits - 1 where zero points are stored less one";
                return Err(CoreError::Parameter { what: "stored zero point", found, expected });
            }
            zeros.iter_mut().for_each(|zero| *zero += 1);
        }
        Ok(zeros)
    }

    /// Takes a layer apart: codes `[outputs, inputs]` and their grid; the exact inverse of
    /// [`pack`](Self::pack).
    ///
    /// # Errors
    /// When the layout has no such layer, a length is not that of the shape, or a zero point is not plain
    /// ([`zeros_are_plain`]).
    pub fn unpack(&self, packed: &Packed) -> Result<(Codes, AffineGroups), CoreError> {
        self.check()?;
        let Self { bits, group_size, inputs, outputs, .. } = *self;
        let groups = self.groups();
        let row_words = inputs * usize::from(bits) / 32;
        length("bytes of qweight", packed.qweight.len(), row_words * outputs * 4)?;
        length("bytes of qzeros", packed.qzeros.len(), groups * outputs * usize::from(bits) / 8)?;
        length("scales", packed.scales.len(), groups * outputs)?;
        // Words down a column become words along a row; then the codes of a row are one string of bits.
        let symbols = bit_stream::unpack(bits, &transpose::<4>(&packed.qweight, row_words, outputs));
        let zeros = self.plain_zeros(&packed.qzeros)?;
        let codes = Codes::new(outputs, inputs, 1 << bits, symbols)?;
        let scales = turned(&packed.scales, groups, outputs)?;
        Ok((codes, AffineGroups { bits, group_size, scales, biases: of_zeros(zeros, groups, outputs) }))
    }

    /// The bytes of a layer with these codes and this grid.
    ///
    /// # Errors
    /// When the layout has no such layer, codes or grid are not of this layer, or a zero point cannot be
    /// stored.
    pub fn pack(&self, codes: &Codes, grid: &AffineGroups) -> Result<Packed, CoreError> {
        self.check()?;
        let Self { bits, group_size, inputs, outputs, version } = *self;
        let shape = (codes.rows(), codes.cols(), grid.bits, grid.group_size);
        if shape != (outputs, inputs, bits, group_size) || codes.alphabet() > 1 << bits {
            return Err(CoreError::Shape { rows: codes.rows(), cols: codes.cols() });
        }
        grid.check(outputs, inputs)?;
        let groups = self.groups();
        let row_words = inputs * usize::from(bits) / 32;
        let least = if version == Version::V1 { 1 } else { 0 };
        let most = ((1u16 << bits) - 1) as u8;
        let mut zeros = to_zeros(&grid.biases, groups, outputs)?;
        if let Some(&found) = zeros.iter().find(|zero| !(least..=most).contains(*zero)) {
            let expected = "a number that the version can store";
            return Err(CoreError::Parameter { what: "zero point", found: found.into(), expected });
        }
        zeros.iter_mut().for_each(|zero| *zero -= least);
        Ok(Packed {
            qweight: transpose::<4>(&bit_stream::pack(bits, codes.symbols()), outputs, row_words),
            qzeros: bit_stream::pack(bits, &zeros),
            scales: turned(&grid.scales, outputs, groups)?,
        })
    }
}

/// Shape of a layer whose groups may be any columns: what act-order makes, or a last group that is shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActOrderLayer {
    /// Width of a code: 2, 3, 4 or 8 bits.
    pub bits: u8,
    /// Groups, whatever their sizes.
    pub groups: usize,
    /// Columns (input features).
    pub inputs: usize,
    /// Rows (output features).
    pub outputs: usize,
    /// How zero points are stored.
    pub version: Version,
}

impl ActOrderLayer {
    /// The weights `[outputs, inputs]` in the type of the scales, where column `i` is of group `group_of[i]`.
    ///
    /// Products are computed in single precision and rounded once: what AutoGPTQ multiplies with.
    ///
    /// # Errors
    /// When the layout has no such layer, a length is not that of the shape, a group is none of the layer's,
    /// or a zero point is not plain ([`zeros_are_plain`]).
    pub fn dequantize(&self, packed: &Packed, group_of: &[u32]) -> Result<FloatVec, CoreError> {
        let Self { bits, groups, inputs, outputs, version } = *self;
        let one_group = Layer { bits, group_size: inputs, inputs, outputs, version };
        one_group.check()?;
        let row_words = inputs * usize::from(bits) / 32;
        length("bytes of qweight", packed.qweight.len(), row_words * outputs * 4)?;
        length(
            "bytes of qzeros",
            packed.qzeros.len(),
            groups.saturating_mul(outputs * usize::from(bits) / 8),
        )?;
        length("scales", packed.scales.len(), groups.saturating_mul(outputs))?;
        length("groups of columns", group_of.len(), inputs)?;
        if let Some(&found) = group_of.iter().find(|&&group| group as usize >= groups) {
            let expected = "a group of the layer";
            return Err(CoreError::Parameter { what: "g_idx", found: found.into(), expected });
        }
        let zeros = one_group.plain_zeros(&packed.qzeros)?;
        let symbols = bit_stream::unpack(bits, &transpose::<4>(&packed.qweight, row_words, outputs));
        let mut weights = Vec::with_capacity(inputs * outputs);
        for (output, symbols) in symbols.chunks_exact(inputs).enumerate() {
            weights.extend(symbols.iter().zip(group_of).map(|(&code, &group)| {
                let at = group as usize * outputs + output;
                packed.scales.get(at) * (f32::from(code) - f32::from(zeros[at]))
            }));
        }
        Ok(FloatVec::of(packed.scales.dtype(), &weights))
    }
}

/// Floats `[rows, cols]` as `[cols, rows]`.
pub(crate) fn turned(floats: &FloatVec, rows: usize, cols: usize) -> Result<FloatVec, CoreError> {
    let bytes = match floats.dtype().bytes() {
        2 => transpose::<2>(floats.as_bytes(), rows, cols),
        _ => transpose::<4>(floats.as_bytes(), rows, cols),
    };
    FloatVec::new(floats.dtype(), bytes)
}

/// Zero points `[groups, outputs]` as a grid keeps them; one for all where they are the same.
pub(crate) fn of_zeros(zeros: Vec<u8>, groups: usize, outputs: usize) -> Biases {
    match zeros.first() {
        Some(&first) if zeros.iter().all(|&zero| zero == first) => Biases::Zero(first),
        _ => Biases::Zeros(transpose::<1>(&zeros, groups, outputs)),
    }
}

/// Zero points of a grid as `[groups, outputs]`.
pub(crate) fn to_zeros(biases: &Biases, groups: usize, outputs: usize) -> Result<Vec<u8>, CoreError> {
    match biases {
        Biases::Zero(zero) => Ok(vec![*zero; groups * outputs]),
        Biases::Zeros(zeros) => Ok(transpose::<1>(zeros, outputs, groups)),
        Biases::PerGroup(biases) => {
            let (found, expected) = (biases.len() as u64, "none: integer zero points");
            Err(CoreError::Parameter { what: "biases", found, expected })
        }
    }
}

pub(crate) fn length(what: &'static str, found: usize, expected: usize) -> Result<(), CoreError> {
    if found == expected { Ok(()) } else { Err(CoreError::Length { what, found, expected }) }
}
