use crate::CoreError;

/// Integer codes of one weight matrix, `[rows, cols]`, row = output feature, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    rows: usize,
    cols: usize,
    alphabet: u16,
    symbols: Vec<u8>,
}

impl Codes {
    /// Wraps `symbols` (row-major, `rows * cols` of them, each below `alphabet`).
    ///
    /// # Errors
    /// When the shape is empty or overflows, the alphabet is outside 2..=256, the count differs from the
    /// shape, or a symbol is outside the alphabet.
    pub fn new(rows: usize, cols: usize, alphabet: u16, symbols: Vec<u8>) -> Result<Self, CoreError> {
        if !(2..=256).contains(&alphabet) {
            return Err(CoreError::Alphabet(alphabet));
        }
        let expected = match rows.checked_mul(cols) {
            Some(n) if n > 0 => n,
            _ => return Err(CoreError::Shape { rows, cols }),
        };
        if symbols.len() != expected {
            return Err(CoreError::Length { what: "symbols", found: symbols.len(), expected });
        }
        // The maximum first: it vectorises, and the search for the culprit is only for the error.
        let max = symbols.iter().copied().max().unwrap_or(0);
        if u16::from(max) >= alphabet {
            let index = symbols.iter().position(|&s| u16::from(s) >= alphabet).unwrap_or(0);
            return Err(CoreError::SymbolOutsideAlphabet { symbol: symbols[index], index, alphabet });
        }
        Ok(Self { rows, cols, alphabet, symbols })
    }

    /// Output features.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Input features.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of symbols a code may take (2..=256); codes are `0..alphabet`.
    pub fn alphabet(&self) -> u16 {
        self.alphabet
    }

    /// All symbols, row-major.
    pub fn symbols(&self) -> &[u8] {
        &self.symbols
    }

    /// The symbols, row-major, without a copy.
    pub fn into_symbols(self) -> Vec<u8> {
        self.symbols
    }
}
