//! Tables selected by the branch bits of a trellis code.

/// The rule of a trellis-coded matrix that gives each symbol a branch bit, which follows from the parities of
/// earlier symbols of its row: `q[j] = parity[j - lag] XOR q[j - 2 lag]`.
///
/// Terms before the last restart are zero: `q` is zero in the first `lag` columns after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Branches {
    /// Columns between a symbol and the branch bits that follow from it.
    pub lag: usize,
    /// Columns after which the rule starts anew: a multiple of `lag`.
    pub restart: usize,
    /// Whether even symbols, not odd ones, have parity 1.
    pub inverted: bool,
}

impl Branches {
    /// Writes the branch bits of a row, or of its columns from a restart on, one byte each.
    ///
    /// # Panics
    /// When there are fewer `bits` than `symbols`, or the restart is zero.
    pub fn of_row(self, symbols: &[u8], bits: &mut [u8]) {
        for col in 0..symbols.len() {
            let at = col % self.restart;
            let parity = if at >= self.lag { self.parity(symbols[col - self.lag]) } else { 0 };
            bits[col] = parity ^ if at >= 2 * self.lag { bits[col - 2 * self.lag] } else { 0 };
        }
    }

    /// Returns the parity of a symbol.
    pub(crate) fn parity(self, symbol: u8) -> u8 {
        (symbol ^ u8::from(self.inverted)) & 1
    }
}

/// The branch bits of the rows that lanes decode side by side.
#[derive(Debug, Default)]
pub(super) struct BranchState {
    /// `[lag][lanes]`: the parities of the last `lag` columns; column `c` after a restart at `c % lag`.
    parities: Vec<u8>,
    /// `[2 lag][lanes]`: the branch bits of the last `2 lag` columns; column `c` at `c % (2 lag)`.
    bits: Vec<u8>,
    /// `[columns][lanes]`: the first entry of each symbol's table.
    selected: Vec<u32>,
}

impl BranchState {
    /// Computes the branch bits of the columns from `at` columns after a restart on, and returns the first
    /// entry of each symbol's table, `[columns][lanes]`.
    ///
    /// `classes` are the classes of the columns, which end before the next multiple of the lag at the latest;
    /// `firsts` the first entries by class and branch bit, `[column classes][2][lanes]`.
    pub(super) fn select(
        &mut self,
        rule: Branches,
        at: usize,
        classes: &[u8],
        firsts: &[u32],
        lanes: usize,
    ) -> &[u32] {
        if at == 0 {
            self.parities.clear();
            self.parities.resize(rule.lag * lanes, 0);
            self.bits.clear();
            self.bits.resize(2 * rule.lag * lanes, 0);
        }
        let n = classes.len() * lanes;
        self.selected.resize(n, 0);
        let parities = &self.parities[at % rule.lag * lanes..][..n];
        // These are the bits of the columns `2 lag` before.
        let bits = &mut self.bits[at % (2 * rule.lag) * lanes..][..n];
        select(parities, bits, classes, firsts, &mut self.selected);
        &self.selected
    }

    /// Records the symbols, `[columns][lanes]`, of the columns that [`select`](Self::select) was called for.
    pub(super) fn record(&mut self, rule: Branches, at: usize, symbols: &[u8]) {
        let first = at % rule.lag * (self.parities.len() / rule.lag);
        let parities = &mut self.parities[first..];
        parities.iter_mut().zip(symbols).for_each(|(parity, &symbol)| *parity = rule.parity(symbol));
    }
}

crate::multiversion! {
    /// Advances the branch bits of some columns and selects the first entries of their tables.
    fn select(parities: &[u8], bits: &mut [u8], classes: &[u8], firsts: &[u32], selected: &mut [u32]) {
        let lanes = bits.len() / classes.len().max(1);
        let columns = bits.chunks_exact_mut(lanes).zip(parities.chunks_exact(lanes));
        for ((&class, (bits, parities)), selected) in
            classes.iter().zip(columns).zip(selected.chunks_exact_mut(lanes))
        {
            let (zero, one) = firsts[2 * usize::from(class) * lanes..][..2 * lanes].split_at(lanes);
            for (lane, selected) in selected.iter_mut().enumerate() {
                bits[lane] ^= parities[lane];
                *selected = if bits[lane] == 0 { zero[lane] } else { one[lane] };
            }
        }
    }
}
