use crate::{CoreError, FloatType, Limits};
use serde::{Deserialize, Serialize};

/// What a tensor is to the model; sizes are reported by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TensorKind {
    /// A projection inside a block (q, k, v, o, gate, up, down and their like).
    Linear,
    /// The token embedding or the output head.
    Embedding,
    /// Everything else: norms, biases, tables.
    Other,
}

/// How the codes are laid down in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// Fixed width: `ceil(log2(alphabet))` bits a code, rows padded to whole bytes.
    Packed,
    /// Interleaved rANS, one static table per tile.
    Rans,
    /// Multi-symbol prefix code, one static table per tile.
    Prefix,
    /// rANS with a static table per symbol context: smallest, slowest, for storage.
    Archive,
}

impl Coding {
    /// All codings, the fastest to decode first.
    pub const ALL: [Self; 4] = [Self::Packed, Self::Prefix, Self::Rans, Self::Archive];

    /// The name that files and options use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Packed => "packed",
            Self::Rans => "rans",
            Self::Prefix => "prefix",
            Self::Archive => "archive",
        }
    }
}

/// Bits of a code of fixed width below `alphabet`, which is 2 or more.
pub fn code_bits(alphabet: u16) -> u32 {
    (u32::from(alphabet) - 1).ilog2() + 1
}

/// Bytes of a row of `cols` codes of `bits` bits, padded to whole bytes.
pub fn packed_row_bytes(cols: usize, bits: u32) -> usize {
    cols.saturating_mul(bits as usize).div_ceil(8)
}

/// Which symbol goes to which lane of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaneOrder {
    /// Lane `l` holds rows `l`, `l + lanes`, `l + 2 lanes`, ... of the tile, each from its first column on.
    Rows,
    /// Symbol `i` of the tile (row-major) goes to lane `i mod lanes`.
    Interleaved,
}

/// The unit that decodes alone: `rows x cols` of the matrix, cut from the top left in row-major order of
/// tiles; tiles at the right and bottom edge are smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tile {
    /// Rows of a full tile.
    pub rows: usize,
    /// Columns of a full tile.
    pub cols: usize,
    /// Interleaved coder states that share the tile's stream, 1 to 256.
    pub lanes: u16,
    /// Which symbol goes to which lane.
    pub order: LaneOrder,
}

impl Tile {
    /// Tiles of a matrix of `rows x cols`.
    pub fn count(&self, rows: usize, cols: usize) -> usize {
        rows.div_ceil(self.rows) * cols.div_ceil(self.cols)
    }

    /// First row, first column, rows and columns of tile `index` of a matrix of `rows x cols`.
    pub fn place(&self, index: usize, rows: usize, cols: usize) -> (usize, usize, usize, usize) {
        let across = cols.div_ceil(self.cols);
        let (row, col) = ((index / across) * self.rows, (index % across) * self.cols);
        (row, col, self.rows.min(rows - row), self.cols.min(cols - col))
    }

    /// Checks that no dimension is zero and lanes are 1 to 256.
    ///
    /// # Errors
    /// Names the parameter that is out of range.
    pub fn check(&self) -> Result<(), CoreError> {
        let facts = [
            ("tile rows", self.rows as u64, u64::MAX, "1 or more"),
            ("tile columns", self.cols as u64, u64::MAX, "1 or more"),
            ("lanes", self.lanes.into(), 256, "1..=256"),
        ];
        match facts.into_iter().find(|&(_, n, most, _)| n == 0 || n > most) {
            Some((what, found, _, expected)) => Err(CoreError::Parameter { what, found, expected }),
            None => Ok(()),
        }
    }
}

/// The facts of a grid that are not side data.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum GridEntry {
    /// See [`AffineGroups`](crate::AffineGroups). Scales are in part `scales`; biases, or with `zeros` the
    /// zero points of groups, in part `biases` unless `zero` is given.
    AffineGroups {
        /// Width of a code in bits.
        bits: u8,
        /// Columns per group.
        group_size: usize,
        /// Element type of scales and biases.
        dtype: FloatType,
        /// The code that means zero, where there is no bias part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        zero: Option<u8>,
        /// Whether part `biases` holds an integer zero point (`u8`) for each group instead of a bias.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        zeros: bool,
    },
    /// See [`UniformRows`](crate::UniformRows). Steps are in part `scales`.
    UniformRows {
        /// The code that means zero.
        zero: u8,
        /// Element type of the steps.
        dtype: FloatType,
        /// Whether there is a step for each row, not one for the tensor.
        per_row: bool,
        /// Element type of the column scales, in part `columns`; absent without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        columns: Option<FloatType>,
        /// Element type of the levels, in part `levels`; absent without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        levels: Option<FloatType>,
        /// How many outliers there are, in part `outliers`; absent without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outliers: Option<u64>,
    },
}

impl GridEntry {
    /// The parts that hold the grid's side data.
    pub fn parts(&self) -> Vec<TensorPart> {
        let mut parts = vec![TensorPart::Scales];
        match *self {
            Self::AffineGroups { zero: Some(_), .. } => {}
            Self::AffineGroups { zero: None, .. } => parts.push(TensorPart::Biases),
            Self::UniformRows { columns, levels, outliers, .. } => {
                let optional = [
                    (columns.is_some(), TensorPart::Columns),
                    (levels.is_some(), TensorPart::Levels),
                    (outliers.is_some(), TensorPart::Outliers),
                ];
                parts.extend(optional.into_iter().filter(|(there, _)| *there).map(|(_, part)| part));
            }
        }
        parts
    }

    /// Checks what does not need the bytes.
    fn check(&self, [rows, cols]: [usize; 2], alphabet: u16) -> Result<(), CoreError> {
        match *self {
            Self::AffineGroups { bits, group_size, zero, zeros, .. } => {
                if !(2..=8).contains(&bits) || u32::from(alphabet) > 1 << bits {
                    return Err(CoreError::Parameter {
                        what: "bits",
                        found: bits.into(),
                        expected: "2..=8 and wide enough for the alphabet",
                    });
                }
                if group_size == 0 || !cols.is_multiple_of(group_size) {
                    return Err(CoreError::Parameter {
                        what: "group size",
                        found: group_size as u64,
                        expected: "a divisor of the columns",
                    });
                }
                match zero {
                    Some(zero) if zeros => Err(CoreError::Parameter {
                        what: "zero",
                        found: zero.into(),
                        expected: "absent where each group has its own",
                    }),
                    Some(zero) if u32::from(zero) >= 1 << bits => {
                        Err(CoreError::Parameter { what: "zero", found: zero.into(), expected: "a code" })
                    }
                    _ => Ok(()),
                }
            }
            Self::UniformRows { zero, outliers, .. } => {
                if u16::from(zero) >= alphabet {
                    return Err(CoreError::Parameter {
                        what: "zero",
                        found: zero.into(),
                        expected: "a code of the alphabet",
                    });
                }
                match outliers {
                    Some(n) if n == 0 || n > rows as u64 * cols as u64 => Err(CoreError::Parameter {
                        what: "outliers",
                        found: n,
                        expected: "1 or more, at most one for each weight",
                    }),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// A tensor without codes, carried as the bytes of its source under the byte-plane coder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawEntry {
    /// Source type, `f32`, `f16`, `bf16`, or a GGUF block type such as `gguf:q4_k`.
    pub dtype: String,
    /// Length in bytes once decoded.
    pub bytes: u64,
}

/// What the bytes of an encoded tensor hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "content", rename_all = "snake_case")]
pub enum TensorContent {
    /// Integer codes on a grid.
    Codes {
        /// Layout of the stream.
        coding: Coding,
        /// Alphabet size, 2 to 256.
        alphabet: u16,
        /// The unit that decodes alone.
        tile: Tile,
        /// Classes of rows and of columns, 1 to 8 each, that choose each symbol's table where the coding is
        /// `rans`; absent where a tile has one table.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        classes: Option<[u8; 2]>,
        /// How codes become weights.
        grid: GridEntry,
    },
    /// Bytes of a float or block type that ecq does not split into codes.
    Raw(RawEntry),
}

impl TensorContent {
    /// The parts that a tensor of this content has, in ascending order.
    pub fn parts(&self) -> Vec<TensorPart> {
        let Self::Codes { coding, grid, .. } = self else {
            return vec![TensorPart::Stream];
        };
        let mut parts = grid.parts();
        parts.push(TensorPart::Stream);
        if *coding != Coding::Packed {
            parts.extend([TensorPart::Table, TensorPart::Index]);
        }
        parts.sort_unstable();
        parts
    }
}

/// A named byte string of an encoded tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TensorPart {
    /// Coded symbols.
    Stream,
    /// Where each tile (and lane) starts in the stream.
    Index,
    /// Frequency or code-length tables, and which tile uses which.
    Table,
    /// Scales or steps of the grid, under the byte-plane coder.
    Scales,
    /// Biases of the grid, under the byte-plane coder.
    Biases,
    /// Column scales of the grid, under the byte-plane coder.
    Columns,
    /// The value of each code, under the byte-plane coder.
    Levels,
    /// Integers outside the alphabet, tile by tile, under the byte-plane coder.
    Outliers,
}

impl TensorPart {
    /// All parts, in the order in which they lie in a file.
    pub const ALL: [Self; 8] = [
        Self::Table,
        Self::Index,
        Self::Scales,
        Self::Biases,
        Self::Columns,
        Self::Levels,
        Self::Outliers,
        Self::Stream,
    ];

    /// The name in a container: `<tensor>.ecq.<name>`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Index => "index",
            Self::Table => "table",
            Self::Scales => "scales",
            Self::Biases => "biases",
            Self::Columns => "columns",
            Self::Levels => "levels",
            Self::Outliers => "outliers",
        }
    }
}

/// What is known of an encoded tensor without its bytes; the JSON entry of the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorEntry {
    /// What the tensor is to the model.
    pub kind: TensorKind,
    /// Rows, columns.
    pub shape: [usize; 2],
    /// What the bytes hold.
    #[serde(flatten)]
    pub content: TensorContent,
}

impl TensorEntry {
    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.shape[0] as u64 * self.shape[1] as u64
    }

    /// Checks every fact that does not need the bytes.
    ///
    /// # Errors
    /// When the shape is empty or passes `limits`, or alphabet, tile or grid are out of range.
    pub fn check(&self, limits: &Limits) -> Result<(), CoreError> {
        let [rows, cols] = self.shape;
        match (rows as u64).checked_mul(cols as u64) {
            Some(n) if n > 0 && n <= limits.tensor_weights && usize::try_from(n).is_ok() => {}
            _ => return Err(CoreError::Shape { rows, cols }),
        }
        let (coding, alphabet, tile, classes, grid) = match &self.content {
            TensorContent::Codes { coding, alphabet, tile, classes, grid } => {
                (coding, alphabet, tile, classes, grid)
            }
            // No source type spends more than 8 bytes on a weight.
            TensorContent::Raw(raw) if raw.bytes <= 8 * self.weights() => return Ok(()),
            TensorContent::Raw(raw) => {
                let expected = "at most 8 bytes a weight";
                return Err(CoreError::Parameter { what: "raw bytes", found: raw.bytes, expected });
            }
        };
        if !(2..=256).contains(alphabet) {
            return Err(CoreError::Alphabet(*alphabet));
        }
        tile.check()?;
        if let Some(classes) = classes {
            let (what, found) = ("classes", classes.iter().copied().max().unwrap_or(0).into());
            if *coding != Coding::Rans {
                return Err(CoreError::Parameter {
                    what,
                    found,
                    expected: "absent where the coding is not rans",
                });
            }
            if !classes.iter().all(|n| (1..=8).contains(n)) {
                return Err(CoreError::Parameter { what, found, expected: "1 to 8 of rows and of columns" });
            }
        }
        grid.check(self.shape, *alphabet)
    }

    /// The length in bytes of a part where it follows from these facts alone; they must have passed
    /// [`check`](Self::check).
    pub(crate) fn part_bytes(&self, part: TensorPart) -> Option<usize> {
        let [rows, cols] = self.shape;
        let TensorContent::Codes { coding, alphabet, tile, .. } = &self.content else { return None };
        match (part, coding) {
            (TensorPart::Stream, Coding::Packed) => {
                Some(rows.saturating_mul(packed_row_bytes(cols, code_bits(*alphabet))))
            }
            (TensorPart::Index, _) => Some(tile.count(rows, cols).saturating_mul(4)),
            _ => None,
        }
    }
}
