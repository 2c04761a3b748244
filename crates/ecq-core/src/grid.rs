use crate::{CoreError, SuperBlocks};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Mapping from integer codes to weights, with its side data.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grid {
    /// `w = scale * q + bias` for each group of consecutive columns (MLX affine, GPTQ, AWQ, GGUF Q4_0, Q4_1,
    /// Q5_0, Q5_1, Q8_0).
    AffineGroups(AffineGroups),
    /// `w = step[row] * (q - zero) * scale[column]`, the grid for entropy-constrained quantization. Its
    /// integers are unbounded: values outside the alphabet are outliers.
    UniformRows(UniformRows),
    /// `w = step[row] * (2 (q - zero) + branch) * scale[column]`, the grid for entropy-constrained trellis
    /// quantization: the branch bit follows from the parities of earlier codes of the row.
    TrellisRows(TrellisRows),
    /// `w = (step * scale) * (q - zero) - minimum_step * minimum`, with integer scales and minima for each
    /// group and steps for each super-block of 256 columns (GGUF Q2_K to Q6_K).
    SuperBlocks(SuperBlocks),
}

impl Grid {
    /// Checks the grid against a matrix of `rows x cols` whose codes are below `alphabet`.
    ///
    /// # Errors
    /// [`CoreError::Parameter`] if a parameter is out of range, and [`CoreError::Length`] if the number of
    /// scales, biases, minima, steps or levels does not match the shape.
    pub fn check(&self, rows: usize, cols: usize, alphabet: u16) -> Result<(), CoreError> {
        match self {
            Self::AffineGroups(groups) => groups.check(rows, cols),
            Self::UniformRows(uniform) => uniform.check(rows, cols, alphabet),
            Self::TrellisRows(trellis) => trellis.check(rows, cols, alphabet),
            Self::SuperBlocks(blocks) => blocks.check(rows, cols, alphabet),
        }
    }

    /// Dequantizes the codes `symbols` of row `row` into `weights`, in f32.
    ///
    /// # Panics
    /// If the grid does not pass [`check`](Self::check) for the matrix, or if `symbols` and `weights` differ
    /// in length.
    pub fn dequantize_row(&self, row: usize, symbols: &[u8], weights: &mut [f32]) {
        assert_eq!(symbols.len(), weights.len(), "one weight per code");
        match self {
            Self::AffineGroups(groups) => groups.dequantize_row(row, symbols, weights),
            Self::UniformRows(uniform) => uniform.dequantize_row(row, symbols, weights),
            Self::TrellisRows(trellis) => trellis.dequantize_row(row, symbols, weights),
            Self::SuperBlocks(blocks) => blocks.dequantize_row(row, symbols, weights),
        }
    }
}

/// Affine grid: each group of `group_size` consecutive columns of a row has a scale and a bias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AffineGroups {
    /// Width of a code in bits, 2 to 8; the alphabet is `2^bits`.
    pub bits: u8,
    /// Number of columns per group; a divisor of the number of columns.
    pub group_size: usize,
    /// Scale of each group; shape `[rows, cols / group_size]`, row-major.
    pub scales: FloatVec,
    /// Bias of each group.
    pub biases: Biases,
}

/// Biases of an affine grid, stored directly or as zero points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Biases {
    /// One bias per group; same shape as the scales.
    PerGroup(FloatVec),
    /// One zero point for all groups: `bias = -scale * zero` (Q4_0: 8, Q5_0: 16, Q8_0: 128).
    Zero(u8),
    /// One integer zero point per group; same shape as the scales: `bias = -scale * zero` (GPTQ, AWQ).
    Zeros(Vec<u8>),
}

impl AffineGroups {
    /// Returns the weight of code `q` in group `group` (row-major index) in f32.
    pub fn weight(&self, group: usize, q: u8) -> f32 {
        let scale = self.scales.get(group);
        match &self.biases {
            Biases::PerGroup(biases) => scale * f32::from(q) + biases.get(group),
            Biases::Zero(zero) => scale * (f32::from(q) - f32::from(*zero)),
            Biases::Zeros(zeros) => scale * (f32::from(q) - f32::from(zeros[group])),
        }
    }

    fn dequantize_row(&self, row: usize, symbols: &[u8], weights: &mut [f32]) {
        let first = row * (symbols.len() / self.group_size);
        let groups = symbols.chunks(self.group_size).zip(weights.chunks_mut(self.group_size));
        for (group, (symbols, weights)) in groups.enumerate() {
            let scale = self.scales.get(first + group);
            let zero = match &self.biases {
                Biases::PerGroup(biases) => {
                    let bias = biases.get(first + group);
                    for (weight, &q) in weights.iter_mut().zip(symbols) {
                        *weight = scale * f32::from(q) + bias;
                    }
                    continue;
                }
                Biases::Zero(zero) => f32::from(*zero),
                Biases::Zeros(zeros) => f32::from(zeros[first + group]),
            };
            for (weight, &q) in weights.iter_mut().zip(symbols) {
                *weight = scale * (f32::from(q) - zero);
            }
        }
    }

    /// Checks the grid against a matrix of `rows x cols`.
    ///
    /// # Errors
    /// [`CoreError::Parameter`] if the bits or the group size are out of range, and [`CoreError::Length`] if
    /// the number of scales or biases does not match the shape.
    pub fn check(&self, rows: usize, cols: usize) -> Result<(), CoreError> {
        if !(2..=8).contains(&self.bits) {
            return Err(CoreError::Parameter { what: "bits", found: self.bits.into(), expected: "2 to 8" });
        }
        if self.group_size == 0 || !cols.is_multiple_of(self.group_size) {
            return Err(CoreError::Parameter {
                what: "group size",
                found: self.group_size as u64,
                expected: "a divisor of the number of columns",
            });
        }
        let expected = rows.checked_mul(cols / self.group_size).ok_or(CoreError::Shape { rows, cols })?;
        let mut found = vec![("scales", self.scales.len())];
        match &self.biases {
            Biases::PerGroup(biases) => found.push(("biases", biases.len())),
            Biases::Zeros(zeros) => found.push(("zero points", zeros.len())),
            Biases::Zero(_) => {}
        }
        match found.into_iter().find(|&(_, n)| n != expected) {
            Some((what, found)) => Err(CoreError::Length { what, found, expected }),
            None => Ok(()),
        }
    }
}

/// Uniform grid: one step for the tensor or one per row, and optionally one scale per column.
///
/// The weight of code `q` at row `n` and column `k` is `(step[n] * v) * scale[k]` in single precision, where
/// `v` is `levels[q]` or, without levels, `q - zero`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniformRows {
    /// The code of the value 0; below the alphabet size.
    pub zero: u8,
    /// Step size of the tensor (one element), or of each row (shape `[rows]`).
    pub steps: FloatVec,
    /// Scale of each column; shape `[cols]`. `None` means 1.
    pub col_scales: Option<FloatVec>,
    /// Value of each code in units of the step (its centroid); shape `[alphabet]`. `None` means the grid
    /// points `q - zero`.
    pub levels: Option<FloatVec>,
    /// Integers outside the alphabet, in ascending order of their index.
    pub outliers: Vec<Outlier>,
}

/// An integer of the uniform grid outside the alphabet. Its code is the nearest one of the alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlier {
    /// Row-major index of the weight.
    pub index: u64,
    /// Difference to its code `q`: the value in steps is `q + delta - zero`, even if the grid has levels.
    pub delta: i32,
}

impl UniformRows {
    /// Returns the step of a row.
    pub fn step(&self, row: usize) -> f32 {
        self.steps.get(if self.steps.len() == 1 { 0 } else { row })
    }

    /// Returns the value of code `q` in units of the step.
    pub fn level(&self, q: u8) -> f32 {
        match &self.levels {
            Some(levels) => levels.get(q.into()),
            None => f32::from(q) - f32::from(self.zero),
        }
    }

    /// Returns the outliers of rows `rows` of a matrix with `cols` columns.
    pub fn row_outliers(&self, rows: Range<usize>, cols: usize) -> &[Outlier] {
        let before = |row: usize| self.outliers.partition_point(|o| o.index < row as u64 * cols as u64);
        &self.outliers[before(rows.start)..before(rows.end)]
    }

    fn dequantize_row(&self, row: usize, symbols: &[u8], weights: &mut [f32]) {
        let (step, cols) = (self.step(row), symbols.len());
        for (weight, &q) in weights.iter_mut().zip(symbols) {
            *weight = step * self.level(q);
        }
        for outlier in self.row_outliers(row..row + 1, cols) {
            let col = (outlier.index % cols as u64) as usize;
            let value = i64::from(symbols[col]) + i64::from(outlier.delta) - i64::from(self.zero);
            weights[col] = step * value as f32;
        }
        if let Some(scales) = &self.col_scales {
            scales.multiply(weights);
        }
    }

    fn check(&self, rows: usize, cols: usize, alphabet: u16) -> Result<(), CoreError> {
        if u16::from(self.zero) >= alphabet {
            let found = self.zero.into();
            return Err(CoreError::Parameter { what: "zero", found, expected: "a code of the alphabet" });
        }
        let per_row = self.steps.len() != 1;
        let counts = [
            ("steps", self.steps.len(), if per_row { rows } else { 1 }),
            ("column scales", self.col_scales.as_ref().map_or(cols, FloatVec::len), cols),
            ("levels", self.levels.as_ref().map_or(alphabet.into(), FloatVec::len), alphabet.into()),
        ];
        if let Some((what, found, expected)) =
            counts.into_iter().find(|(_, found, expected)| found != expected)
        {
            return Err(CoreError::Length { what, found, expected });
        }
        let weights = rows as u64 * cols as u64;
        let mut next = 0;
        for outlier in &self.outliers {
            if outlier.index < next || outlier.index >= weights {
                let (found, expected) = (outlier.index, "an index inside the matrix, in ascending order");
                return Err(CoreError::Parameter { what: "index of an outlier", found, expected });
            }
            next = outlier.index + 1;
        }
        Ok(())
    }
}

/// The trellis grid: a four-state trellis code over the integers of a uniform grid, for an entropy coder.
///
/// Code `q` at column `j` of a row stands for the level `2 k + b[j]` with `k = q - zero`, and the weight is
/// `(step[row] * level) * scale[j]` in single precision. The branch bit `b[j]` follows from earlier codes of
/// the row: with `p` the parity of `k`, `b[j] = p[j - lag] XOR b[j - 2 lag]`, where terms before the last
/// column that is a multiple of `restart` are zero. Each of the `lag` phases of a row is a four-state
/// trellis code (Marcellin and Fischer, trellis coded quantization, IEEE Trans. Commun. 38, 1990;
/// entropy-constrained: Fischer and Wang, IEEE Trans. Inf. Theory 38, 1992), whose branch bits are linear in
/// the parities: decoding takes two bitwise operations for all columns of a vector no wider than `lag`.
///
/// Branch bits depend on codes alone, never on coding or tile. An outlier changes `k` by an even number, so
/// that a decoder derives parities from the codes of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrellisRows {
    /// Zero, steps, column scales and outliers; without levels. An outlier's `delta` is added to `k`.
    pub uniform: UniformRows,
    /// Columns between a code and the branch bits that follow from it: a multiple of 4, at least 4.
    pub lag: u16,
    /// Branch bits start anew at columns that are multiples of this: a multiple of `lag`.
    pub restart: u32,
}

impl TrellisRows {
    /// Largest alphabet: levels of its codes fit a byte.
    pub const MAX_ALPHABET: u16 = 128;

    /// Checks that `lag` is a positive multiple of 4 and `restart` a positive multiple of `lag`.
    ///
    /// # Errors
    /// [`CoreError::Parameter`] names the number that is not.
    pub fn check_lag(lag: u16, restart: u32) -> Result<(), CoreError> {
        if lag == 0 || !lag.is_multiple_of(4) {
            let expected = "a positive multiple of 4";
            return Err(CoreError::Parameter { what: "trellis lag", found: lag.into(), expected });
        }
        if restart == 0 || !restart.is_multiple_of(lag.into()) {
            let expected = "a positive multiple of the lag";
            return Err(CoreError::Parameter { what: "trellis restart", found: restart.into(), expected });
        }
        Ok(())
    }

    /// Writes the branch bits of a row whose codes are `symbols` to `branches`, one byte each.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn branches(&self, symbols: &[u8], branches: &mut [u8]) {
        assert_eq!(symbols.len(), branches.len(), "a branch bit for each code");
        let (lag, restart) = (usize::from(self.lag), self.restart as usize);
        let parity = |symbol: u8| (symbol ^ self.uniform.zero) & 1;
        for (symbols, branches) in symbols.chunks(restart).zip(branches.chunks_mut(restart)) {
            let cols = symbols.len();
            branches[..lag.min(cols)].fill(0);
            for (branch, &symbol) in branches.iter_mut().take(2 * lag).skip(lag).zip(symbols) {
                *branch = parity(symbol);
            }
            // Steps of two lags, so that those of one are independent of each other.
            for at in (2 * lag..cols).step_by(2 * lag) {
                let (before, rest) = branches.split_at_mut(at);
                let codes_and_branches = symbols[at - lag..].iter().zip(&before[at - 2 * lag..]);
                for (branch, (&symbol, &earlier)) in rest.iter_mut().zip(codes_and_branches) {
                    *branch = parity(symbol) ^ earlier;
                }
            }
        }
    }

    fn dequantize_row(&self, row: usize, symbols: &[u8], weights: &mut [f32]) {
        let (step, cols) = (self.uniform.step(row), symbols.len());
        let zero = i32::from(self.uniform.zero);
        let mut branches = vec![0; cols];
        self.branches(symbols, &mut branches);
        for (weight, (&symbol, &branch)) in weights.iter_mut().zip(symbols.iter().zip(&branches)) {
            *weight = step * (2 * (i32::from(symbol) - zero) + i32::from(branch)) as f32;
        }
        for outlier in self.uniform.row_outliers(row..row + 1, cols) {
            let col = (outlier.index % cols as u64) as usize;
            let k = i64::from(symbols[col]) + i64::from(outlier.delta) - i64::from(zero);
            weights[col] = step * (2 * k + i64::from(branches[col])) as f32;
        }
        if let Some(scales) = &self.uniform.col_scales {
            scales.multiply(weights);
        }
    }

    fn check(&self, rows: usize, cols: usize, alphabet: u16) -> Result<(), CoreError> {
        Self::check_lag(self.lag, self.restart)?;
        if alphabet > Self::MAX_ALPHABET {
            let (found, expected) = (alphabet.into(), "at most 128 on a trellis grid");
            return Err(CoreError::Parameter { what: "alphabet", found, expected });
        }
        if let Some(levels) = &self.uniform.levels {
            let (found, expected) = (levels.len() as u64, "absent on a trellis grid");
            return Err(CoreError::Parameter { what: "levels", found, expected });
        }
        if let Some(outlier) = self.uniform.outliers.iter().find(|outlier| outlier.delta % 2 != 0) {
            let (found, expected) = (u64::from(outlier.delta.unsigned_abs()), "even on a trellis grid");
            return Err(CoreError::Parameter { what: "delta of an outlier", found, expected });
        }
        self.uniform.check(rows, cols, alphabet)
    }
}

/// Float type that files store.
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
    /// Returns the size of one element in bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }
}

/// Vector of floats, kept as the little-endian bytes of their source so that they are exported bit for bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloatVec {
    dtype: FloatType,
    bytes: Vec<u8>,
}

impl FloatVec {
    /// Wraps little-endian `bytes`.
    ///
    /// # Errors
    /// [`CoreError::Length`] if the length is not a multiple of the element size.
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

    /// Rounds `values` to the nearest values of `dtype`, ties to even.
    pub fn from_f32(dtype: FloatType, values: &[f32]) -> Self {
        let bytes = match dtype {
            FloatType::F16 => values.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect(),
            FloatType::Bf16 => values.iter().flat_map(|&v| half::bf16::from_f32(v).to_le_bytes()).collect(),
            FloatType::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        };
        Self { dtype, bytes }
    }

    /// Converts all elements to f32.
    pub fn to_f32(&self) -> Vec<f32> {
        (0..self.len()).map(|i| self.get(i)).collect()
    }

    /// Multiplies each of `values` by the element with its index.
    pub fn multiply(&self, values: &mut [f32]) {
        fn by<const N: usize>(values: &mut [f32], bytes: &[u8], float: impl Fn([u8; N]) -> f32) {
            let elements = bytes.as_chunks().0.iter().map(|&bytes| float(bytes));
            values.iter_mut().zip(elements).for_each(|(value, element)| *value *= element);
        }
        match self.dtype {
            FloatType::F16 => by(values, &self.bytes, |bytes| half::f16::from_le_bytes(bytes).to_f32()),
            FloatType::Bf16 => by(values, &self.bytes, |bytes| half::bf16::from_le_bytes(bytes).to_f32()),
            FloatType::F32 => by(values, &self.bytes, f32::from_le_bytes),
        }
    }

    /// Returns the element type.
    pub fn dtype(&self) -> FloatType {
        self.dtype
    }

    /// Returns the number of elements.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.dtype.bytes()
    }

    /// Returns whether the vector is empty.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the little-endian bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Converts element `i` to f32; the conversion is exact for every type.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len).
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

#[cfg(test)]
mod tests {
    use super::*;

    fn trellis(lag: u16, restart: u32) -> TrellisRows {
        let uniform = UniformRows {
            zero: 3,
            steps: FloatVec::from_f32(FloatType::F32, &[0.5]),
            col_scales: None,
            levels: None,
            outliers: Vec::new(),
        };
        TrellisRows { uniform, lag, restart }
    }

    #[test]
    fn branch_bits_follow_the_rule_at_every_length() {
        for (lag, restart) in [(4, 4), (4, 8), (4, 12), (8, 24), (12, 24), (12, 48), (12, 288)] {
            let grid = trellis(lag, restart);
            let lag = usize::from(lag);
            for cols in (1..60).chain([287, 288, 289, 600]) {
                let symbols: Vec<u8> = (0..cols).map(|col| (col * col * 7 + col / 3) as u8 % 128).collect();
                let mut branches = vec![9; cols];
                grid.branches(&symbols, &mut branches);
                for col in 0..cols {
                    let at = col % restart as usize;
                    let parity = if at >= lag { (symbols[col - lag] ^ 3) & 1 } else { 0 };
                    let earlier = if at >= 2 * lag { branches[col - 2 * lag] } else { 0 };
                    assert_eq!(branches[col], parity ^ earlier, "lag {lag}, restart {restart}, column {col}");
                }
            }
        }
    }

    #[test]
    fn values_are_multiplied_by_elements_of_each_type() {
        for dtype in [FloatType::F16, FloatType::Bf16, FloatType::F32] {
            let elements = FloatVec::from_f32(dtype, &[0.5, -1.1, 3e-5, 1000.3]);
            let mut values = [2.0, 3.0, -4.0, 0.1];
            elements.multiply(&mut values);
            let expected = [2.0, 3.0, -4.0, 0.1].iter().enumerate().map(|(i, v)| v * elements.get(i));
            assert_eq!(values.to_vec(), expected.collect::<Vec<f32>>(), "{dtype:?}");
        }
    }
}
