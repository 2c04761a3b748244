//! Conversion of codes of the trellis grid to levels.
//!
//! Products multiply `byte - zero`. On a [trellis grid](ecq_core::TrellisRows) decoded codes are replaced by
//! `2 code + branch`, the level plus twice the zero, so that all products work as on the uniform grid. The
//! bytes of earlier columns contain their codes and branch bits, so no other memory is needed. `direct.rs`
//! does the same in registers.

use super::activations::BLOCK;
use super::side::PANEL;
use ecq_coding::multiversion;
use ecq_core::{Grid, GridEntry, TrellisRows};

/// Bytes of four columns of the 16 rows of a panel.
const QUAD: usize = 4 * PANEL;

/// The branch rule of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trellis {
    /// Columns; multiples of 4.
    lag: usize,
    restart: usize,
    /// The parity of the code whose `k` is zero.
    odd: u8,
}

impl Trellis {
    /// Returns the rule of a tensor's grid; `None` for other grids.
    pub(super) fn of_entry(grid: &GridEntry) -> Option<Self> {
        match *grid {
            GridEntry::TrellisRows { zero, lag, restart, .. } => Some(Self::new(zero, lag, restart)),
            _ => None,
        }
    }

    /// Returns the rule of a grid; `None` for other grids.
    pub(super) fn of_grid(grid: &Grid) -> Option<Self> {
        match grid {
            Grid::TrellisRows(TrellisRows { uniform, lag, restart }) => {
                Some(Self::new(uniform.zero, *lag, *restart))
            }
            _ => None,
        }
    }

    fn new(zero: u8, lag: u16, restart: u32) -> Self {
        Self { lag: lag.into(), restart: restart as usize, odd: zero & 1 }
    }

    /// Returns the quads of a panel between a code and the branch bits that follow from it.
    pub(super) fn lag_quads(self) -> usize {
        self.lag / 4
    }

    /// Returns the blocks between restarts in a row of `cols` columns, `usize::MAX` if there is no restart;
    /// `None` if they are not whole blocks.
    pub(super) fn restart_blocks(self, cols: usize) -> Option<usize> {
        if self.restart >= cols {
            return Some(usize::MAX);
        }
        self.restart.is_multiple_of(BLOCK).then_some(self.restart / BLOCK)
    }

    /// Returns the parity of the code whose `k` is zero.
    pub(super) fn odd(self) -> u8 {
        self.odd
    }

    /// Replaces the codes of a panel (see [`ecq_coding::panel`]) by levels.
    pub(super) fn panel(self, quads: &mut [u8]) {
        for segment in quads.chunks_mut(self.restart / 4 * QUAD) {
            levels(segment, self.lag / 4 * QUAD, self.odd);
        }
    }

    /// Replaces the codes of a row by levels.
    pub(super) fn row(self, codes: &mut [u8]) {
        for segment in codes.chunks_mut(self.restart) {
            levels(segment, self.lag, self.odd);
        }
    }
}

multiversion! {
    /// Replaces the codes between two restarts by levels; a branch bit follows from the bytes `lag` and
    /// `2 lag` before.
    fn levels(bytes: &mut [u8], lag: usize, odd: u8) {
        let (first, rest) = bytes.split_at_mut(lag.min(bytes.len()));
        first.iter_mut().for_each(|byte| *byte <<= 1);
        // Chunks of `lag` bytes depend on the two before them alone.
        let (second, rest) = rest.split_at_mut(lag.min(rest.len()));
        for (byte, &one) in second.iter_mut().zip(&*first) {
            *byte = *byte << 1 | (one >> 1 ^ odd) & 1;
        }
        let (mut two_before, mut before) = (&*first, &*second);
        for chunk in rest.chunks_mut(lag) {
            for ((byte, &one), &two) in chunk.iter_mut().zip(before).zip(two_before) {
                *byte = *byte << 1 | (one >> 1 ^ odd ^ two) & 1;
            }
            (two_before, before) = (before, chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_coding::panel;
    use ecq_core::{FloatType, FloatVec, UniformRows};

    #[test]
    fn panels_and_rows_have_the_levels_of_the_grid() {
        let cols = 83;
        for (lag, restart, zero) in
            [(4, 4, 3), (4, 24, 60), (8, 8, 0), (12, 36, 7), (12, 288, 64), (16, 80, 127)]
        {
            let uniform = UniformRows {
                zero,
                steps: FloatVec::from_f32(FloatType::F32, &[1.0]),
                col_scales: None,
                levels: None,
                outliers: Vec::new(),
            };
            let grid = TrellisRows { uniform, lag, restart };
            let code = |row: usize, col: usize| ((row * 37 + col * 11 + col * col % 7) % 128) as u8;
            let rows: Vec<u8> = (0..PANEL * cols).map(|i| code(i / cols, i % cols)).collect();
            let trellis = Trellis::of_grid(&Grid::TrellisRows(grid.clone())).unwrap();
            let mut panel = vec![0; panel::bytes(cols)];
            panel::from_rows(&rows, cols, cols, &mut panel);
            trellis.panel(&mut panel);
            for (row, codes) in rows.chunks_exact(cols).enumerate() {
                let mut branches = vec![0; cols];
                grid.branches(codes, &mut branches);
                let mut levels = codes.to_vec();
                trellis.row(&mut levels);
                for col in 0..cols {
                    let expected = 2 * codes[col] + branches[col];
                    assert_eq!(
                        levels[col], expected,
                        "row {row}, column {col}, lag {lag}, restart {restart}"
                    );
                    assert_eq!(panel[panel::offset(row, col)], expected, "panel, row {row}, column {col}");
                }
            }
        }
    }
}
