use thiserror::Error;

/// Why symbols could not be encoded, or bytes could not be decoded.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CodingError {
    /// A parameter is outside its range.
    #[error("{what} is {found}, expected {expected}")]
    Parameter {
        /// Name of the parameter.
        what: &'static str,
        /// Value of the parameter.
        found: u64,
        /// Allowed range in words.
        expected: &'static str,
    },
    /// A symbol has no code in the table.
    #[error("symbol {symbol} at index {index} has no code in its table")]
    UncodedSymbol {
        /// The symbol.
        symbol: u8,
        /// Row-major index of the symbol in the tile.
        index: usize,
    },
    /// A row or a column has a class that does not exist.
    #[error("{what}: number {index} has class {class}, expected a class below {classes}")]
    ClassOutOfRange {
        /// `classes of rows` or `classes of columns`.
        what: &'static str,
        /// Number of the row or column.
        index: usize,
        /// Class of the row or column.
        class: usize,
        /// Number of classes.
        classes: usize,
    },
    /// A pair of classes uses a table that does not exist.
    #[error("pair {pair} of classes uses table {table}, expected a table below {tables}")]
    MissingTable {
        /// Number of the pair: row class times column classes plus column class.
        pair: usize,
        /// Table of the pair.
        table: usize,
        /// Number of tables.
        tables: usize,
    },
    /// Tables that lanes use side by side have different precisions.
    #[error("table {table} has a precision of {found} bits, the first table {expected}: expected the same")]
    MixedPrecision {
        /// Number of the table.
        table: usize,
        /// Precision of the table in bits.
        found: u8,
        /// Precision of the first table in bits.
        expected: u8,
    },
    /// The bytes end too early.
    #[error("{what} ends at byte {at}: {needed} more bytes needed")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Length of the bytes.
        at: usize,
        /// Missing bytes, at least.
        needed: usize,
    },
    /// Bytes remain after the last symbol.
    #[error("{remaining} of {len} bytes of {what} remain after the last symbol")]
    TrailingBytes {
        /// What was being read.
        what: &'static str,
        /// Bytes not consumed.
        remaining: usize,
        /// Length of the bytes.
        len: usize,
    },
    /// A lane did not end in the state that every encoder starts from.
    #[error(
        "lane {lane} ends in state {state:#x}, expected {expected:#x}: the stream or its table is corrupt"
    )]
    FinalState {
        /// Number of the lane.
        lane: usize,
        /// State of the lane.
        state: u32,
        /// State that encoders start from.
        expected: u32,
    },
    /// A lane of prefix codewords does not end where its length says.
    #[error(
        "lane {lane} ends at bit {bit} of its tile, expected in the last byte before {expected_byte}: the \
         stream or its table is corrupt"
    )]
    LaneEnd {
        /// Number of the lane.
        lane: usize,
        /// First bit after the lane's last codeword.
        bit: usize,
        /// First byte after the lane.
        expected_byte: usize,
    },
    /// A lane of tuples does not end between its segment and the next.
    #[error(
        "tile {tile}, segment {segment}, lane {lane}: codewords end at bit {bit}, expected at most {limit}: \
         the stream, its index or its table is corrupt"
    )]
    SegmentEnd {
        /// Number of the tile.
        tile: usize,
        /// Number of the segment.
        segment: usize,
        /// Number of the lane.
        lane: usize,
        /// First bit after the lane's last codeword.
        bit: usize,
        /// Last bit at which the segment may end.
        limit: usize,
    },
    /// Bytes are not what an encoder writes.
    #[error("invalid bytes at byte {at}: {reason}")]
    InvalidBytes {
        /// Offset in the bytes.
        at: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

pub(crate) type Result<T> = std::result::Result<T, CodingError>;
