use crate::CoreError;

/// Integer codes of one weight matrix, `[rows, cols]` in row-major order; a row is an output feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    rows: usize,
    cols: usize,
    alphabet: u16,
    symbols: Vec<u8>,
}

impl Codes {
    /// Wraps `symbols`: `rows * cols` codes in row-major order, each below `alphabet`.
    ///
    /// # Errors
    /// [`CoreError::Alphabet`] if `alphabet` is not in `2..=256`, [`CoreError::Shape`] if the shape is empty
    /// or its product overflows, [`CoreError::Length`] if the number of symbols is not `rows * cols`, and
    /// [`CoreError::SymbolOutsideAlphabet`] if a symbol is not below `alphabet`.
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
        // The maximum vectorizes; the position is needed only for the error.
        let max = symbols.iter().copied().max().unwrap_or(0);
        if u16::from(max) >= alphabet {
            let index = symbols.iter().position(|&s| u16::from(s) >= alphabet).unwrap_or(0);
            return Err(CoreError::SymbolOutsideAlphabet { symbol: symbols[index], index, alphabet });
        }
        Ok(Self { rows, cols, alphabet, symbols })
    }

    /// Number of rows (output features).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns (input features).
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Size of the alphabet, 2 to 256. Each code is in `0..alphabet`.
    pub fn alphabet(&self) -> u16 {
        self.alphabet
    }

    /// Returns all symbols in row-major order.
    pub fn symbols(&self) -> &[u8] {
        &self.symbols
    }

    /// Returns the symbols in row-major order without copying them.
    pub fn into_symbols(self) -> Vec<u8> {
        self.symbols
    }
}
