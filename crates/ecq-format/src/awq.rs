//! AWQ's layout (4 bits, version `gemm`): `qweight`, `qzeros` and `scales` of a layer with `inputs` columns and `outputs`
//! rows.
//!
//! `qweight` is `[inputs, outputs / 8]` i32: word `n` of an input holds the codes of outputs `8n..8n + 8`, from its least
//! significant four bits on those of 0, 2, 4, 6, 1, 3, 5, 7. `qzeros` is `[groups, outputs / 8]` likewise, `scales`
//! `[groups, outputs]`, and `w = scale * (code - zero)`. Source: `WQLinear_GEMM.from_linear` in
//! `awq/modules/linear/gemm.py` of casper-hansen/AutoAWQ.

use crate::gptq::{length, of_zeros, to_zeros, turned};
use crate::transpose::transpose;
use ecq_core::{AffineGroups, Codes, CoreError, FloatVec};

/// Width of a code.
pub const BITS: u8 = 4;
/// Codes of a word.
const WORD_CODES: usize = 8;
/// Which of a word's eight outputs each four bits hold.
const ORDER: [usize; WORD_CODES] = [0, 2, 4, 6, 1, 3, 5, 7];

/// Shape and grid of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwqLayer {
    /// Columns of a group, all groups alike.
    pub group_size: usize,
    /// Columns (input features).
    pub inputs: usize,
    /// Rows (output features).
    pub outputs: usize,
}

/// The bytes of a layer's tensors as they lie in a file.
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
    /// Groups of a row.
    pub fn groups(&self) -> usize {
        self.inputs / self.group_size
    }

    fn check(&self) -> Result<(), CoreError> {
        if self.group_size == 0 || !self.inputs.is_multiple_of(self.group_size) {
            let (found, expected) = (self.group_size as u64, "a divisor of the columns");
            return Err(CoreError::Parameter { what: "group size", found, expected });
        }
        if !self.outputs.is_multiple_of(WORD_CODES) {
            let (found, expected) = (self.outputs as u64, "a multiple of eight");
            return Err(CoreError::Parameter { what: "output features", found, expected });
        }
        match self.inputs.checked_mul(self.outputs) {
            Some(weights) if weights > 0 => Ok(()),
            _ => Err(CoreError::Shape { rows: self.outputs, cols: self.inputs }),
        }
    }

    /// Takes a layer apart: codes `[outputs, inputs]` and their grid; the exact inverse of [`pack`](Self::pack).
    ///
    /// # Errors
    /// When the layout has no such layer, or a length is not that of the shape.
    pub fn unpack(&self, packed: &AwqTensors) -> Result<(Codes, AffineGroups), CoreError> {
        self.check()?;
        let Self { group_size, inputs, outputs } = *self;
        let groups = self.groups();
        length("bytes of qweight", packed.qweight.len(), inputs * outputs / 2)?;
        length("bytes of qzeros", packed.qzeros.len(), groups * outputs / 2)?;
        length("scales", packed.scales.len(), groups * outputs)?;
        let symbols = transpose::<1>(&from_words(&packed.qweight), inputs, outputs);
        let codes = Codes::new(outputs, inputs, 1 << BITS, symbols)?;
        let scales = turned(&packed.scales, groups, outputs)?;
        let biases = of_zeros(from_words(&packed.qzeros), groups, outputs);
        Ok((codes, AffineGroups { bits: BITS, group_size, scales, biases }))
    }

    /// The bytes of a layer with these codes and this grid.
    ///
    /// # Errors
    /// When the layout has no such layer, codes or grid are not of this layer, or a zero point is no code.
    pub fn pack(&self, codes: &Codes, grid: &AffineGroups) -> Result<AwqTensors, CoreError> {
        self.check()?;
        let Self { group_size, inputs, outputs } = *self;
        let shape = (codes.rows(), codes.cols(), grid.bits, grid.group_size);
        if shape != (outputs, inputs, BITS, group_size) || codes.alphabet() > 1 << BITS {
            return Err(CoreError::Shape { rows: codes.rows(), cols: codes.cols() });
        }
        grid.check(outputs, inputs)?;
        let groups = self.groups();
        let zeros = to_zeros(&grid.biases, groups, outputs)?;
        if let Some(&found) = zeros.iter().find(|&&zero| zero >= 1 << BITS) {
            let expected = "a code";
            return Err(CoreError::Parameter { what: "zero point", found: found.into(), expected });
        }
        Ok(AwqTensors {
            qweight: to_words(&transpose::<1>(codes.symbols(), outputs, inputs)),
            qzeros: to_words(&zeros),
            scales: turned(&grid.scales, outputs, groups)?,
        })
    }
}

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

fn to_words(codes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0; codes.len() / 2];
    for (codes, word) in codes.as_chunks::<WORD_CODES>().0.iter().zip(packed.as_chunks_mut::<4>().0) {
        let bits = ORDER.iter().enumerate().map(|(i, &output)| u32::from(codes[output]) << (4 * i));
        *word = bits.fold(0, |word, bits| word | bits).to_le_bytes();
    }
    packed
}
