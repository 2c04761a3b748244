//! Layout of GPTQ: tensors `qweight`, `qzeros`, `scales` and `g_idx` of a layer with `inputs` columns and
//! `outputs` rows.
//!
//! - `qweight`: i32 `[inputs * bits / 32, outputs]`. The codes of an output are a bit string down a column,
//!   least significant bit first.
//! - `qzeros`: i32 `[groups, outputs * bits / 32]`. The zero points of a group are a bit string along its
//!   row; version 1 of the format stores each zero point minus one.
//! - `scales`: floats `[groups, outputs]`.
//! - `g_idx`: i32 `[inputs]`, the group of each column.
//!
//! The weight is `scale * (code - zero)`. Source of the layout: `pack` in
//! `auto_gptq/nn_modules/qlinear/qlinear_cuda_old.py` of AutoGPTQ/AutoGPTQ; of the versions:
//! `gptqmodel/utils/model.py` of ModelCloud/GPTQModel.

use crate::bit_stream;
use crate::packed_layer::{
    biases_from_zeros, check_codes, check_group_size, check_length, transpose_floats, zeros_from_biases,
};
use crate::transpose::transpose;
use ecq_core::{AffineGroups, Codes, CoreError, FloatVec};

/// Version of the GPTQ format, which determines how zero points are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GptqVersion {
    /// Zero points are stored minus one.
    V1,
    /// Zero points are stored unchanged.
    V2,
}

/// Shape and grid of a GPTQ layer whose groups have consecutive columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GptqLayer {
    /// Width of a code: 2, 3, 4 or 8 bits.
    pub bits: u8,
    /// Number of columns of each group.
    pub group_size: usize,
    /// Number of columns (input features).
    pub inputs: usize,
    /// Number of rows (output features).
    pub outputs: usize,
    /// Version of the format.
    pub version: GptqVersion,
}

/// The tensors of a GPTQ layer as stored in a file, without `g_idx`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GptqTensors {
    /// i32 `[inputs * bits / 32, outputs]`.
    pub qweight: Vec<u8>,
    /// i32 `[groups, outputs * bits / 32]`.
    pub qzeros: Vec<u8>,
    /// Floats `[groups, outputs]`.
    pub scales: FloatVec,
}

/// Returns whether GPTQ supports codes of `bits` bits.
pub fn supports_bits(bits: u8) -> bool {
    matches!(bits, 2 | 3 | 4 | 8)
}

/// Returns whether the zero points in `qzeros` have only one interpretation.
///
/// Version 1 stores zero points minus one, so the largest stored value means either `2^bits` or 0, and
/// readers differ in which.
pub fn zeros_are_unambiguous(bits: u8, version: GptqVersion, qzeros: &[u8]) -> bool {
    let last = ((1u16 << bits) - 1) as u8;
    version == GptqVersion::V2 || !bit_stream::unpack(bits, qzeros).contains(&last)
}

impl GptqLayer {
    /// Returns the number of groups of a row.
    pub fn groups(&self) -> usize {
        self.inputs / self.group_size
    }

    /// Checks that the layout can store the layer.
    fn check(&self) -> Result<(), CoreError> {
        if !supports_bits(self.bits) {
            let found = self.bits.into();
            return Err(CoreError::Parameter { what: "bits", found, expected: "2, 3, 4 or 8" });
        }
        check_group_size(self.group_size, self.inputs)?;
        // Rows and columns must be whole 32-bit words. The zero points of a group are unpacked in groups of
        // eight.
        for (what, features, codes) in
            [("input features", self.inputs, 1), ("output features", self.outputs, bit_stream::CODES)]
        {
            let bits = features.checked_mul(self.bits.into());
            if features == 0
                || !features.is_multiple_of(codes)
                || bits.is_none_or(|bits| !bits.is_multiple_of(32))
            {
                let (found, expected) =
                    (features as u64, "whole 32-bit words of codes, and a multiple of 8 outputs");
                return Err(CoreError::Parameter { what, found, expected });
            }
        }
        match self.inputs.checked_mul(self.outputs).and_then(|weights| weights.checked_mul(8)) {
            Some(_) => Ok(()),
            None => Err(CoreError::Shape { rows: self.outputs, cols: self.inputs }),
        }
    }

    /// Unpacks the zero points `[groups, outputs]`.
    fn unpack_zeros(&self, qzeros: &[u8]) -> Result<Vec<u8>, CoreError> {
        let Self { bits, version, .. } = *self;
        let mut zeros = bit_stream::unpack(bits, qzeros);
        if version == GptqVersion::V1 {
            if !zeros_are_unambiguous(bits, version, qzeros) {
                let found = (1u64 << bits) - 1;
                let expected = "below 2^bits - 1, because version 1 stores zero points minus one";
                return Err(CoreError::Parameter { what: "stored zero point", found, expected });
            }
            zeros.iter_mut().for_each(|zero| *zero += 1);
        }
        Ok(zeros)
    }

    /// Unpacks a layer into codes `[outputs, inputs]` and their grid; the exact inverse of
    /// [`pack`](Self::pack).
    ///
    /// # Errors
    /// [`CoreError::Parameter`] or [`CoreError::Shape`] if the layout cannot store such a layer or a zero
    /// point is ambiguous ([`zeros_are_unambiguous`]), and [`CoreError::Length`] if the length of a tensor
    /// does not match the shape.
    pub fn unpack(&self, packed: &GptqTensors) -> Result<(Codes, AffineGroups), CoreError> {
        self.check()?;
        let Self { bits, group_size, inputs, outputs, .. } = *self;
        let groups = self.groups();
        let row_words = inputs * usize::from(bits) / 32;
        check_length("bytes of qweight", packed.qweight.len(), row_words * outputs * 4)?;
        check_length("bytes of qzeros", packed.qzeros.len(), groups * outputs * usize::from(bits) / 8)?;
        check_length("scales", packed.scales.len(), groups * outputs)?;
        // After the transposition the codes of a row are a contiguous bit string.
        let symbols = bit_stream::unpack(bits, &transpose::<4>(&packed.qweight, row_words, outputs));
        let zeros = self.unpack_zeros(&packed.qzeros)?;
        let codes = Codes::new(outputs, inputs, 1 << bits, symbols)?;
        let scales = transpose_floats(&packed.scales, groups, outputs)?;
        Ok((
            codes,
            AffineGroups { bits, group_size, scales, biases: biases_from_zeros(zeros, groups, outputs) },
        ))
    }

    /// Packs codes and their grid; the exact inverse of [`unpack`](Self::unpack).
    ///
    /// # Errors
    /// [`CoreError::Parameter`] if the layout cannot store such a layer or a zero point, and
    /// [`CoreError::Shape`] if codes or grid do not match the layer.
    pub fn pack(&self, codes: &Codes, grid: &AffineGroups) -> Result<GptqTensors, CoreError> {
        self.check()?;
        let Self { bits, group_size, inputs, outputs, version } = *self;
        check_codes(codes, grid, [outputs, inputs], bits, group_size)?;
        let groups = self.groups();
        let row_words = inputs * usize::from(bits) / 32;
        let offset = if version == GptqVersion::V1 { 1 } else { 0 };
        let largest = ((1u16 << bits) - 1) as u8;
        let mut zeros = zeros_from_biases(&grid.biases, groups, outputs)?;
        if let Some(&found) = zeros.iter().find(|zero| !(offset..=largest).contains(*zero)) {
            let expected = "1 to 2^bits - 1 in version 1, 0 to 2^bits - 1 in version 2";
            return Err(CoreError::Parameter { what: "zero point", found: found.into(), expected });
        }
        zeros.iter_mut().for_each(|zero| *zero -= offset);
        Ok(GptqTensors {
            qweight: transpose::<4>(&bit_stream::pack(bits, codes.symbols()), outputs, row_words),
            qzeros: bit_stream::pack(bits, &zeros),
            scales: transpose_floats(&grid.scales, outputs, groups)?,
        })
    }
}

/// Shape of a GPTQ layer whose groups have arbitrary columns, because of act-order or a shorter last group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GptqActOrderLayer {
    /// Width of a code: 2, 3, 4 or 8 bits.
    pub bits: u8,
    /// Number of groups.
    pub groups: usize,
    /// Number of columns (input features).
    pub inputs: usize,
    /// Number of rows (output features).
    pub outputs: usize,
    /// Version of the format.
    pub version: GptqVersion,
}

impl GptqActOrderLayer {
    /// Dequantizes a layer to weights `[outputs, inputs]` of the type of the scales. Column `i` is in group
    /// `group_of[i]`.
    ///
    /// Products are computed in single precision and rounded once, as in AutoGPTQ.
    ///
    /// # Errors
    /// [`CoreError::Parameter`] if the layout cannot store such a layer, a group does not exist, or a zero
    /// point is ambiguous ([`zeros_are_unambiguous`]), and [`CoreError::Length`] if the length of a tensor
    /// does not match the shape.
    pub fn dequantize(&self, packed: &GptqTensors, group_of: &[u32]) -> Result<FloatVec, CoreError> {
        let Self { bits, groups, inputs, outputs, version } = *self;
        let one_group = GptqLayer { bits, group_size: inputs, inputs, outputs, version };
        one_group.check()?;
        let row_words = inputs * usize::from(bits) / 32;
        check_length("bytes of qweight", packed.qweight.len(), row_words * outputs * 4)?;
        check_length(
            "bytes of qzeros",
            packed.qzeros.len(),
            groups.saturating_mul(outputs * usize::from(bits) / 8),
        )?;
        check_length("scales", packed.scales.len(), groups.saturating_mul(outputs))?;
        check_length("groups of columns", group_of.len(), inputs)?;
        if let Some(&found) = group_of.iter().find(|&&group| group as usize >= groups) {
            let expected = "an index below the number of groups";
            return Err(CoreError::Parameter { what: "g_idx", found: found.into(), expected });
        }
        let zeros = one_group.unpack_zeros(&packed.qzeros)?;
        let symbols = bit_stream::unpack(bits, &transpose::<4>(&packed.qweight, row_words, outputs));
        let mut weights = Vec::with_capacity(inputs * outputs);
        for (output, symbols) in symbols.chunks_exact(inputs).enumerate() {
            weights.extend(symbols.iter().zip(group_of).map(|(&code, &group)| {
                let at = group as usize * outputs + output;
                packed.scales.get(at) * (f32::from(code) - f32::from(zeros[at]))
            }));
        }
        Ok(FloatVec::from_f32(packed.scales.dtype(), &weights))
    }
}
