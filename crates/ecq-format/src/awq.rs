//! Layout of AWQ (4 bits, version `gemm`): tensors `qweight`, `qzeros` and `scales` of a layer with `inputs`
//! columns and `outputs` rows.
//!
//! - `qweight`: i32 `[inputs, outputs / 8]`. Word `n` of an input holds the codes of outputs `8n..8n + 8`;
//!   from the least significant four bits upwards, these are the codes of outputs 0, 2, 4, 6, 1, 3, 5, 7 of
//!   the eight.
//! - `qzeros`: i32 `[groups, outputs / 8]`, packed in the same way.
//! - `scales`: floats `[groups, outputs]`.
//!
//! The weight is `scale * (code - zero)`. Source: `WQLinear_GEMM.from_linear` in `awq/modules/linear/gemm.py`
//! of casper-hansen/AutoAWQ.

use crate::packed_layer::{
    biases_from_zeros, check_codes, check_group_size, check_length, transpose_floats, zeros_from_biases,
};
use crate::transpose::transpose;
use ecq_core::{AffineGroups, Codes, CoreError, FloatVec};

/// Width of a code in bits.
pub const BITS: u8 = 4;
/// Number of codes in a word.
const WORD_CODES: usize = 8;
/// Output (of the eight of a word) of each four bits, from the least significant bits upwards.
const ORDER: [usize; WORD_CODES] = [0, 2, 4, 6, 1, 3, 5, 7];

/// Shape and grid of an AWQ layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwqLayer {
    /// Number of columns of each group.
    pub group_size: usize,
    /// Number of columns (input features).
    pub inputs: usize,
    /// Number of rows (output features).
    pub outputs: usize,
}

/// The tensors of an AWQ layer as stored in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwqTensors {
    /// i32 `[inputs, outputs / 8]`.
    pub qweight: Vec<u8>,
    /// i32 `[groups, outputs / 8]`.
    pub qzeros: Vec<u8>,
    /// Floats `[groups, outputs]`.
    pub scales: FloatVec,
}

impl AwqLayer {
    /// Returns the number of groups of a row.
    pub fn groups(&self) -> usize {
        self.inputs / self.group_size
    }

    /// Checks that the layout can store the layer.
    fn check(&self) -> Result<(), CoreError> {
        check_group_size(self.group_size, self.inputs)?;
        if !self.outputs.is_multiple_of(WORD_CODES) {
            let (found, expected) = (self.outputs as u64, "a multiple of 8");
            return Err(CoreError::Parameter { what: "output features", found, expected });
        }
        match self.inputs.checked_mul(self.outputs) {
            Some(weights) if weights > 0 => Ok(()),
            _ => Err(CoreError::Shape { rows: self.outputs, cols: self.inputs }),
        }
    }

    /// Unpacks a layer into codes `[outputs, inputs]` and their grid; the exact inverse of
    /// [`pack`](Self::pack).
    ///
    /// # Errors
    /// [`CoreError::Parameter`] or [`CoreError::Shape`] if the layout cannot store such a layer, and
    /// [`CoreError::Length`] if the length of a tensor does not match the shape.
    pub fn unpack(&self, packed: &AwqTensors) -> Result<(Codes, AffineGroups), CoreError> {
        self.check()?;
        let Self { group_size, inputs, outputs } = *self;
        let groups = self.groups();
        check_length("bytes of qweight", packed.qweight.len(), inputs * outputs / 2)?;
        check_length("bytes of qzeros", packed.qzeros.len(), groups * outputs / 2)?;
        check_length("scales", packed.scales.len(), groups * outputs)?;
        let symbols = transpose::<1>(&from_words(&packed.qweight), inputs, outputs);
        let codes = Codes::new(outputs, inputs, 1 << BITS, symbols)?;
        let scales = transpose_floats(&packed.scales, groups, outputs)?;
        let biases = biases_from_zeros(from_words(&packed.qzeros), groups, outputs);
        Ok((codes, AffineGroups { bits: BITS, group_size, scales, biases }))
    }

    /// Packs codes and their grid; the exact inverse of [`unpack`](Self::unpack).
    ///
    /// # Errors
    /// [`CoreError::Parameter`] if the layout cannot store such a layer or a zero point has more than 4 bits,
    /// and [`CoreError::Shape`] if codes or grid do not match the layer.
    pub fn pack(&self, codes: &Codes, grid: &AffineGroups) -> Result<AwqTensors, CoreError> {
        self.check()?;
        let Self { group_size, inputs, outputs } = *self;
        check_codes(codes, grid, [outputs, inputs], BITS, group_size)?;
        let groups = self.groups();
        let zeros = zeros_from_biases(&grid.biases, groups, outputs)?;
        if let Some(&found) = zeros.iter().find(|&&zero| zero >= 1 << BITS) {
            let expected = "0 to 15";
            return Err(CoreError::Parameter { what: "zero point", found: found.into(), expected });
        }
        Ok(AwqTensors {
            qweight: to_words(&transpose::<1>(codes.symbols(), outputs, inputs)),
            qzeros: to_words(&zeros),
            scales: transpose_floats(&grid.scales, outputs, groups)?,
        })
    }
}

/// Unpacks words of eight codes.
fn from_words(packed: &[u8]) -> Vec<u8> {
    let mut codes = vec![0; packed.len() * 2];
    for (word, codes) in packed.as_chunks::<4>().0.iter().zip(codes.as_chunks_mut::<WORD_CODES>().0) {
        let word = u32::from_le_bytes(*word);
        for (i, &output) in ORDER.iter().enumerate() {
            codes[output] = (word >> (4 * i)) as u8 & 15;
        }
    }
    codes
}

/// Packs codes into words of eight; the inverse of [`from_words`].
fn to_words(codes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0; codes.len() / 2];
    for (codes, word) in codes.as_chunks::<WORD_CODES>().0.iter().zip(packed.as_chunks_mut::<4>().0) {
        let bits = ORDER.iter().enumerate().map(|(i, &output)| u32::from(codes[output]) << (4 * i));
        *word = bits.fold(0, |word, bits| word | bits).to_le_bytes();
    }
    packed
}
