use thiserror::Error;

/// Why symbols could not be coded, or bytes could not be decoded.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CodingError {
    /// A parameter is outside its range.
    #[error("{what} is {found}, expected {expected}")]
    Parameter {
        /// Which parameter.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The allowed range in words.
        expected: &'static str,
    },
    /// A symbol has no code in the table.
    #[error("symbol {symbol} at index {index} has no code in its table")]
    UncodedSymbol {
        /// The symbol.
        symbol: u8,
        /// Its row-major index in the tile.
        index: usize,
    },
    /// A row or a column is of a class that is not there.
    #[error("{what}: number {index} is of class {class}, there are {classes}")]
    Class {
        /// Classes of rows, or of columns.
        what: &'static str,
        /// Which row or column.
        index: usize,
        /// The class it names.
        class: usize,
        /// Classes there are.
        classes: usize,
    },
    /// A pair of classes names a table that is not there.
    #[error("pair {pair} of classes uses table {table} of {tables}")]
    TableOfClasses {
        /// The pair: row class times column classes plus column class.
        pair: usize,
        /// The table it names.
        table: usize,
        /// Tables there are.
        tables: usize,
    },
    /// Tables that lanes use side by side have not the same precision.
    #[error("table {table} has {found} bits of precision, the first one {expected}")]
    Precision {
        /// The table.
        table: usize,
        /// Its precision in bits.
        found: u8,
        /// That of the first table.
        expected: u8,
    },
    /// The bytes end too early.
    #[error("{what} ends at byte {at}: {needed} more bytes needed")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it ends.
        at: usize,
        /// How many bytes are missing at least.
        needed: usize,
    },
    /// Decoding finished before the bytes did.
    #[error("{left} of {len} bytes of {what} are left over after the last symbol")]
    LeftOver {
        /// What was being read.
        what: &'static str,
        /// Bytes not consumed.
        left: usize,
        /// Bytes in all.
        len: usize,
    },
    /// A lane did not end in the state that every encoder starts from.
    #[error(
        "lane {lane} ends in state {state:#x}, expected {expected:#x}: the stream or its table is corrupt"
    )]
    FinalState {
        /// The lane.
        lane: usize,
        /// The state found.
        state: u32,
        /// The state expected.
        expected: u32,
    },
    /// A lane of prefix codewords does not end where its length says.
    #[error(
        "lane {lane} ends at bit {bit} of its tile, expected in the last byte before {expected_byte}: corrupt"
    )]
    LaneEnd {
        /// The lane.
        lane: usize,
        /// First bit after its last codeword.
        bit: usize,
        /// First byte after the lane.
        expected_byte: usize,
    },
    /// A serialised table is not one that an encoder writes.
    #[error("table at byte {at}: {why}")]
    Table {
        /// Where in the bytes.
        at: usize,
        /// What is wrong.
        why: &'static str,
    },
}

pub(crate) type Result<T> = std::result::Result<T, CodingError>;
