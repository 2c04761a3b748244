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

/// The branch bits of the rows that lanes decode side by side, in rings of columns.
///
/// Bits of eight lanes are a byte, the first lane's in bit 0.
#[derive(Debug)]
pub(super) struct BranchState {
    rule: Branches,
    lanes: usize,
    /// Columns since the last restart.
    column: usize,
    /// `[lag][lanes]`: the parities of the last `lag` columns.
    parities: Vec<u8>,
    /// `[2 lag][lanes]`: the branch bits of the last `2 lag` columns.
    bits: Vec<u8>,
    /// First bytes of the next column in both rings.
    next: [usize; 2],
}

impl BranchState {
    /// Starts rows of `cols` columns at a restart.
    pub(super) fn new(rule: Branches, cols: usize, lanes: usize) -> Self {
        // With a longer lag all branch bits of the rows are zero.
        let lag = rule.lag.min(cols.max(1));
        let bytes = lanes.div_ceil(8);
        let (parities, bits) = (vec![0; lag * bytes], vec![0; 2 * lag * bytes]);
        Self { rule, lanes, column: 0, parities, bits, next: [0; 2] }
    }

    /// Returns the number of lanes.
    pub(super) fn lanes(&self) -> usize {
        self.lanes
    }

    /// Returns what to XOR with the lowest bits of symbols, so that they are their parities.
    #[inline(always)]
    pub(super) fn inversion(&self) -> u32 {
        if self.rule.inverted { u32::MAX } else { 0 }
    }

    /// Begins the next column and returns its parities, which the caller writes, and its branch bits.
    ///
    /// The bits of `lag` columns are computed at once: where each followed the symbols `lag` before by a load
    /// of its own, processors took it to depend on the last symbols and waited for them.
    #[inline(always)]
    pub(super) fn begin(&mut self) -> (&mut [u8], &[u8]) {
        if self.column == self.rule.restart {
            self.column = 0;
            self.parities.fill(0);
            self.bits.fill(0);
            self.next = [0; 2];
        }
        let [parities, bits] = self.next;
        if parities == 0 {
            // The XOR of the parities `lag` columns and the bits `2 lag` columns before.
            for (bits, &parities) in self.bits[bits..].iter_mut().zip(&self.parities) {
                *bits ^= parities;
            }
        }
        self.column += 1;
        let bytes = self.lanes.div_ceil(8);
        let (parities_end, bits_end) = (parities + bytes, bits + bytes);
        self.next = [
            if parities_end == self.parities.len() { 0 } else { parities_end },
            if bits_end == self.bits.len() { 0 } else { bits_end },
        ];
        (&mut self.parities[parities..parities_end], &self.bits[bits..bits_end])
    }
}
