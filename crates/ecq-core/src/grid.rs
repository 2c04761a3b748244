use crate::CoreError;
use serde::{Deserialize, Serialize};

/// How integer codes become weights.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grid {
    /// `w = scale * q + bias` per group of consecutive columns (MLX affine, GGUF Q4_0/Q4_1/Q5_0/Q5_1/Q8_0).
    AffineGroups(AffineGroups),
}

/// The affine grid: groups of `group_size` consecutive columns of a row share a scale and a bias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AffineGroups {
    /// Width of a code in bits, 2 to 8; the alphabet is `2^bits`.
    pub bits: u8,
    /// Columns per group; divides the column count.
    pub group_size: usize,
    /// One scale per group, `[rows, cols / group_size]` row-major.
    pub scales: FloatVec,
    /// Where the additive term comes from.
    pub biases: Biases,
}

/// The additive term of an affine group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Biases {
    /// One bias per group, shaped as the scales.
    PerGroup(FloatVec),
    /// The code that means zero: `bias = -scale * zero` (Q4_0: 8, Q5_0: 16, Q8_0: 128).
    Zero(u8),
}

impl AffineGroups {
    /// The weight of code `q` in group `group` (row-major group index), in f32.
    pub fn weight(&self, group: usize, q: u8) -> f32 {
        let scale = self.scales.get(group);
        match &self.biases {
            Biases::PerGroup(biases) => scale * f32::from(q) + biases.get(group),
            Biases::Zero(zero) => scale * (f32::from(q) - f32::from(*zero)),
        }
    }

    /// Checks the counts against a matrix of `rows x cols`.
    ///
    /// # Errors
    /// When bits or group size are out of range, or a count does not follow from the shape.
    pub fn check(&self, rows: usize, cols: usize) -> Result<(), CoreError> {
        if !(2..=8).contains(&self.bits) {
            return Err(CoreError::Parameter { what: "bits", found: self.bits.into(), expected: "2..=8" });
        }
        if self.group_size == 0 || !cols.is_multiple_of(self.group_size) {
            return Err(CoreError::Parameter {
                what: "group size",
                found: self.group_size as u64,
                expected: "a divisor of the columns",
            });
        }
        let expected = rows.checked_mul(cols / self.group_size).ok_or(CoreError::Shape { rows, cols })?;
        let mut found = vec![("scales", self.scales.len())];
        if let Biases::PerGroup(biases) = &self.biases {
            found.push(("biases", biases.len()));
        }
        match found.into_iter().find(|&(_, n)| n != expected) {
            Some((what, found)) => Err(CoreError::Length { what, found, expected }),
            None => Ok(()),
        }
    }
}

/// Element type of a [`FloatVec`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FloatType {
    /// IEEE half precision.
    F16,
    /// bfloat16.
    Bf16,
    /// IEEE single precision.
    F32,
}

impl FloatType {
    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }
}

/// Floats kept as the little-endian bytes of their source, so that they come back bit for bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloatVec {
    dtype: FloatType,
    bytes: Vec<u8>,
}

impl FloatVec {
    /// Wraps little-endian `bytes`.
    ///
    /// # Errors
    /// When the length is no multiple of the element size.
    pub fn new(dtype: FloatType, bytes: Vec<u8>) -> Result<Self, CoreError> {
        if !bytes.len().is_multiple_of(dtype.bytes()) {
            return Err(CoreError::Length {
                what: "bytes of a float vector",
                found: bytes.len(),
                expected: bytes.len().next_multiple_of(dtype.bytes()),
            });
        }
        Ok(Self { dtype, bytes })
    }

    /// Element type.
    pub fn dtype(&self) -> FloatType {
        self.dtype
    }

    /// Element count.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.dtype.bytes()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The little-endian bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Element `i` in f32 (exact for every type).
    ///
    /// # Panics
    /// When `i` is not below [`len`](Self::len).
    pub fn get(&self, i: usize) -> f32 {
        let at = i * self.dtype.bytes();
        match self.dtype {
            FloatType::F16 => half::f16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]).to_f32(),
            FloatType::Bf16 => half::bf16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]).to_f32(),
            FloatType::F32 => f32::from_le_bytes([
                self.bytes[at],
                self.bytes[at + 1],
                self.bytes[at + 2],
                self.bytes[at + 3],
            ]),
        }
    }
}
