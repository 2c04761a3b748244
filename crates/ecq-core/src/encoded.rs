use crate::{CoreError, FloatType, Limits, SuperBlockLayout, TrellisRows};
use serde::{Deserialize, Serialize};

/// Role of a tensor in the model. Sizes and errors are reported by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TensorKind {
    /// A projection inside a transformer block (q, k, v, o, gate, up, down, ...).
    Linear,
    /// The token embedding or the output head.
    Embedding,
    /// Any other tensor: a norm, a bias, a table.
    Other,
}

/// Coding of the codes of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// Fixed width: `ceil(log2(alphabet))` bits per code, each row padded to whole bytes.
    Packed,
    /// Interleaved rANS with static tables: one per tile, or one per pair of row class and column class.
    Rans,
    /// Prefix code over tuples of symbols, one static table per tile.
    Prefix,
    /// rANS with a static table per symbol context. The smallest and slowest coding, meant for storage.
    Archive,
    /// Prefix code over tuples of symbols in the layout of tensor-core operands, for products on GPUs.
    Tuples,
}

impl Coding {
    /// All codings, from the fastest to the slowest decoder of a CPU, and `tuples`, which is for GPUs.
    pub const ALL: [Self; 5] = [Self::Packed, Self::Prefix, Self::Rans, Self::Archive, Self::Tuples];

    /// Returns the name that files and options use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Packed => "packed",
            Self::Rans => "rans",
            Self::Prefix => "prefix",
            Self::Archive => "archive",
            Self::Tuples => "tuples",
        }
    }
}

/// Returns the width in bits of a fixed-width code below `alphabet`, which must be at least 2.
pub fn code_bits(alphabet: u16) -> u32 {
    (u32::from(alphabet) - 1).ilog2() + 1
}

/// Returns the size in bytes of a row of `cols` codes of `bits` bits, padded to whole bytes.
pub fn packed_row_bytes(cols: usize, bits: u32) -> usize {
    cols.saturating_mul(bits as usize).div_ceil(8)
}

/// Assignment of the symbols of a tile to its lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaneOrder {
    /// Lane `l` holds rows `l`, `l + lanes`, `l + 2 lanes`, ... of the tile, each in ascending column order.
    Rows,
    /// Lane `i mod lanes` holds symbol `i` of the tile (row-major).
    Interleaved,
}

/// Size and lanes of the tiles of a matrix. A tile can be decoded without the others.
///
/// Tiles are numbered in row-major order from the top left; tiles at the right and bottom edges are smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tile {
    /// Number of rows of a full tile.
    pub rows: usize,
    /// Number of columns of a full tile.
    pub cols: usize,
    /// Number of interleaved coder states that share the stream of a tile, 1 to 256.
    pub lanes: u16,
    /// Assignment of symbols to lanes.
    pub order: LaneOrder,
}

impl Tile {
    /// Returns the number of tiles of a matrix of `rows x cols`.
    pub fn count(&self, rows: usize, cols: usize) -> usize {
        rows.div_ceil(self.rows) * cols.div_ceil(self.cols)
    }

    /// Returns first row, first column, number of rows and number of columns of tile `index` of a matrix of
    /// `rows x cols`.
    pub fn place(&self, index: usize, rows: usize, cols: usize) -> (usize, usize, usize, usize) {
        let across = cols.div_ceil(self.cols);
        let (row, col) = ((index / across) * self.rows, (index % across) * self.cols);
        (row, col, self.rows.min(rows - row), self.cols.min(cols - col))
    }

    /// Returns the tile of [`Coding::Tuples`] of a matrix of `cols` columns: the rows of an operand of a
    /// matrix instruction, and a lane for each thread of a warp.
    pub fn of_tuples(cols: usize) -> Self {
        Self { rows: 16, cols, lanes: 32, order: LaneOrder::Rows }
    }

    /// Checks that no dimension is zero and that there are 1 to 256 lanes.
    ///
    /// # Errors
    /// [`CoreError::Parameter`] for the parameter that is out of range.
    pub fn check(&self) -> Result<(), CoreError> {
        let facts = [
            ("tile rows", self.rows as u64, u64::MAX, "1 or more"),
            ("tile columns", self.cols as u64, u64::MAX, "1 or more"),
            ("lanes", self.lanes.into(), 256, "1 to 256"),
        ];
        match facts.into_iter().find(|&(_, n, most, _)| n == 0 || n > most) {
            Some((what, found, _, expected)) => Err(CoreError::Parameter { what, found, expected }),
            None => Ok(()),
        }
    }
}

/// Metadata of a grid: everything but the side data (scales, biases, levels, outliers).
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum GridEntry {
    /// [`AffineGroups`](crate::AffineGroups). The scales are in part `scales`. Unless `zero` is given, part
    /// `biases` holds the biases or, with `zeros`, the zero points of the groups.
    AffineGroups {
        /// Width of a code in bits, 2 to 8.
        bits: u8,
        /// Number of columns per group.
        group_size: usize,
        /// Element type of scales and biases.
        dtype: FloatType,
        /// The zero point of all groups; `None` if each group has its own bias or zero point.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        zero: Option<u8>,
        /// Whether part `biases` holds an integer zero point (`u8`) per group instead of a bias.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        zeros: bool,
    },
    /// [`UniformRows`](crate::UniformRows). The steps are in part `scales`.
    UniformRows {
        /// The code of the value 0.
        zero: u8,
        /// Element type of the steps.
        dtype: FloatType,
        /// Whether each row has a step of its own; otherwise the tensor has one step.
        per_row: bool,
        /// Element type of the column scales in part `columns`; `None` if there are none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        columns: Option<FloatType>,
        /// Element type of the levels in part `levels`; `None` if there are none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        levels: Option<FloatType>,
        /// Number of outliers in part `outliers`; `None` if there are none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outliers: Option<u64>,
    },
    /// See [`TrellisRows`]. Steps are in part `scales`.
    TrellisRows {
        /// The code whose `k` is zero.
        zero: u8,
        /// Element type of the steps.
        dtype: FloatType,
        /// Whether there is a step for each row, not one for the tensor.
        per_row: bool,
        /// Element type of the column scales, in part `columns`; absent without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        columns: Option<FloatType>,
        /// How many outliers there are, in part `outliers`; absent without.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outliers: Option<u64>,
        /// See [`TrellisRows::lag`].
        lag: u16,
        /// See [`TrellisRows::restart`].
        restart: u32,
    },
    /// [`SuperBlocks`](crate::SuperBlocks). Part `scales` holds steps and scales, part `biases` steps of
    /// minima and minima.
    SuperBlocks {
        /// Groups of a super-block and ranges of its integers.
        layout: SuperBlockLayout,
    },
}

impl GridEntry {
    /// Returns the parts that hold the side data of the grid.
    pub fn parts(&self) -> Vec<TensorPart> {
        let mut parts = vec![TensorPart::Scales];
        match *self {
            Self::AffineGroups { zero: Some(_), .. } => {}
            Self::AffineGroups { zero: None, .. } => parts.push(TensorPart::Biases),
            Self::SuperBlocks { layout } if layout.largest_minimum().is_none() => {}
            Self::SuperBlocks { .. } => parts.push(TensorPart::Biases),
            Self::TrellisRows { columns, outliers, .. } => {
                let optional =
                    [(columns.is_some(), TensorPart::Columns), (outliers.is_some(), TensorPart::Outliers)];
                parts.extend(optional.into_iter().filter(|(there, _)| *there).map(|(_, part)| part));
            }
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

    /// Checks the parameters of a grid of a matrix `[rows, cols]` whose codes are below `alphabet`.
    fn check(&self, [rows, cols]: [usize; 2], alphabet: u16) -> Result<(), CoreError> {
        match *self {
            Self::AffineGroups { bits, group_size, zero, zeros, .. } => {
                if !(2..=8).contains(&bits) || u32::from(alphabet) > 1 << bits {
                    return Err(CoreError::Parameter {
                        what: "bits",
                        found: bits.into(),
                        expected: "2 to 8 bits, enough for the alphabet",
                    });
                }
                if group_size == 0 || !cols.is_multiple_of(group_size) {
                    return Err(CoreError::Parameter {
                        what: "group size",
                        found: group_size as u64,
                        expected: "a divisor of the number of columns",
                    });
                }
                match zero {
                    Some(zero) if zeros => Err(CoreError::Parameter {
                        what: "zero",
                        found: zero.into(),
                        expected: "no common zero point, because each group has its own",
                    }),
                    Some(zero) if u32::from(zero) >= 1 << bits => Err(CoreError::Parameter {
                        what: "zero",
                        found: zero.into(),
                        expected: "a code of the grid's width",
                    }),
                    _ => Ok(()),
                }
            }
            Self::SuperBlocks { layout } => layout.check(cols, alphabet),
            Self::UniformRows { zero, outliers, .. } | Self::TrellisRows { zero, outliers, .. } => {
                if let Self::TrellisRows { lag, restart, .. } = *self {
                    TrellisRows::check_lag(lag, restart)?;
                    if alphabet > TrellisRows::MAX_ALPHABET {
                        let (found, expected) = (alphabet.into(), "at most 128 on a trellis grid");
                        return Err(CoreError::Parameter { what: "alphabet", found, expected });
                    }
                }
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
                        expected: "1 to the number of weights",
                    }),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// Metadata of a tensor without codes: the bytes of its source, coded as byte planes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawEntry {
    /// Source type: `f32`, `f16`, `bf16`, or a GGUF block type such as `q4_k`.
    pub dtype: String,
    /// Length of the decoded tensor in bytes.
    pub bytes: u64,
}

/// Content of an encoded tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "content", rename_all = "snake_case")]
pub enum TensorContent {
    /// Integer codes on a grid.
    Codes {
        /// Coding of the stream.
        coding: Coding,
        /// Size of the alphabet, 2 to 256.
        alphabet: u16,
        /// Size and lanes of the tiles.
        tile: Tile,
        /// Numbers of row classes and column classes, 1 to 8 each, which choose the table of each symbol
        /// ([`Coding::Rans`] only); `None` if each tile has one table.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        classes: Option<[u8; 2]>,
        /// Whether the branch bit of a [trellis grid](TrellisRows) selects one of two tables of each pair of
        /// classes.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        branch_tables: bool,
        /// Metadata of the grid that maps codes to weights.
        grid: GridEntry,
    },
    /// Bytes of a float or block type that ecq does not convert to codes.
    Raw(RawEntry),
}

impl TensorContent {
    /// Returns the parts that a tensor of this content has, in ascending order.
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

/// Name of a byte string of an encoded tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TensorPart {
    /// The coded symbols.
    Stream,
    /// Length of the stream of each tile.
    Index,
    /// Frequency tables, and the table number of each tile.
    Table,
    /// Scales or steps of the grid, coded as byte planes.
    Scales,
    /// Biases, zero points or minima of the grid, coded as byte planes.
    Biases,
    /// Column scales of the grid, coded as byte planes.
    Columns,
    /// The value of each code, coded as byte planes.
    Levels,
    /// Deltas of the integers outside the alphabet, tile by tile, as varints.
    Outliers,
}

impl TensorPart {
    /// All parts, in the order in which a container stores them.
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

    /// Returns the part's name. A container stores the part as tensor `<tensor>.ecq.<name>`.
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

/// Metadata of an encoded tensor; a container stores it as a JSON entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorEntry {
    /// Role of the tensor in the model.
    pub kind: TensorKind,
    /// `[rows, columns]`.
    pub shape: [usize; 2],
    /// Content of the parts.
    #[serde(flatten)]
    pub content: TensorContent,
}

impl TensorEntry {
    /// Returns the number of weights.
    pub fn weights(&self) -> u64 {
        self.shape[0] as u64 * self.shape[1] as u64
    }

    /// Checks the entry without the bytes of the tensor.
    ///
    /// # Errors
    /// [`CoreError::Shape`] if the shape is empty or exceeds `limits`; [`CoreError::Alphabet`] or
    /// [`CoreError::Parameter`] if a parameter of alphabet, tile, classes or grid is out of range.
    pub fn check(&self, limits: &Limits) -> Result<(), CoreError> {
        let [rows, cols] = self.shape;
        match (rows as u64).checked_mul(cols as u64) {
            Some(n) if n > 0 && n <= limits.tensor_weights && usize::try_from(n).is_ok() => {}
            _ => return Err(CoreError::Shape { rows, cols }),
        }
        let (coding, alphabet, tile, classes, branch_tables, grid) = match &self.content {
            TensorContent::Codes { coding, alphabet, tile, classes, branch_tables, grid } => {
                (coding, alphabet, tile, classes, *branch_tables, grid)
            }
            // The widest source types (f64, i64) take 8 bytes per weight.
            TensorContent::Raw(raw) if raw.bytes <= 8 * self.weights() => return Ok(()),
            TensorContent::Raw(raw) => {
                let expected = "at most 8 bytes per weight";
                return Err(CoreError::Parameter { what: "raw bytes", found: raw.bytes, expected });
            }
        };
        if !(2..=256).contains(alphabet) {
            return Err(CoreError::Alphabet(*alphabet));
        }
        tile.check()?;
        if let GridEntry::TrellisRows { restart, .. } = grid
            && tile.cols < self.shape[1]
            && !tile.cols.is_multiple_of(*restart as usize)
        {
            let expected = "a multiple of the restart of the trellis grid, or whole rows";
            return Err(CoreError::Parameter { what: "tile columns", found: tile.cols as u64, expected });
        }
        if let Some(classes) = classes {
            let (what, found) = ("classes", classes.iter().copied().max().unwrap_or(0).into());
            if *coding != Coding::Rans {
                return Err(CoreError::Parameter {
                    what,
                    found,
                    expected: "no classes, because the coding is not rans",
                });
            }
            if !classes.iter().all(|n| (1..=8).contains(n)) {
                return Err(CoreError::Parameter {
                    what,
                    found,
                    expected: "1 to 8 row classes and 1 to 8 column classes",
                });
            }
        }
        let allows_branch_tables = classes.is_some()
            && tile.order == LaneOrder::Rows
            && matches!(grid, GridEntry::TrellisRows { .. });
        if branch_tables && !allows_branch_tables {
            let expected = "false, or classes, lanes of rows and a trellis grid";
            return Err(CoreError::Parameter { what: "branch tables", found: 1, expected });
        }
        if *coding == Coding::Tuples {
            if *tile != Tile::of_tuples(self.shape[1]) {
                let expected = "16, with all columns and 32 lanes in the order of rows";
                return Err(CoreError::Parameter { what: "tile rows", found: tile.rows as u64, expected });
            }
            let (GridEntry::UniformRows { levels: None, .. } | GridEntry::TrellisRows { .. }) = grid else {
                let expected = "a uniform grid without levels, or a trellis grid";
                return Err(CoreError::Parameter { what: "grid of coding tuples", found: 0, expected });
            };
        }
        grid.check(self.shape, *alphabet)
    }

    /// Returns the length of a part in bytes, or `None` if it does not follow from the entry. The entry must
    /// have passed [`check`](Self::check).
    pub(crate) fn part_bytes(&self, part: TensorPart) -> Option<usize> {
        let [rows, cols] = self.shape;
        let TensorContent::Codes { coding, alphabet, tile, .. } = &self.content else { return None };
        match (part, coding) {
            (TensorPart::Stream, Coding::Packed) => {
                Some(rows.saturating_mul(packed_row_bytes(cols, code_bits(*alphabet))))
            }
            (TensorPart::Index, Coding::Tuples) => None,
            (TensorPart::Index, _) => Some(tile.count(rows, cols).saturating_mul(4)),
            _ => None,
        }
    }
}
