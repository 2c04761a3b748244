//! The assignment of a tile's symbols to lanes, and the order in which lanes take turns.

use crate::error::{CodingError, Result};

/// The assignment of symbols to lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Lane `l` holds rows `l`, `l + lanes`, `l + 2 lanes`, ... A product with a vector then broadcasts one
    /// column to all lanes.
    Rows,
    /// Symbol `i` (row-major) goes to lane `i mod lanes`.
    Interleaved,
}

/// The shape of a tile and the assignment of its symbols to lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) lanes: usize,
    pub(crate) order: Order,
}

/// A run of turns in which the same lanes take part, one symbol each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Number of turns.
    pub(crate) steps: usize,
    /// Lanes `0..active` take part.
    pub(crate) active: usize,
}

impl Layout {
    /// Returns the layout of a tile of `rows x cols` symbols in `lanes` (1 to 256) lanes.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when the tile is empty, its size overflows, or `lanes` is out of range.
    pub fn new(rows: usize, cols: usize, lanes: usize, order: Order) -> Result<Self> {
        if !(1..=256).contains(&lanes) {
            return Err(CodingError::Parameter { what: "lanes", found: lanes as u64, expected: "1 to 256" });
        }
        match rows.checked_mul(cols) {
            None | Some(0) => Err(CodingError::Parameter {
                what: "tile size",
                found: 0,
                expected: "at least one symbol and no overflow",
            }),
            Some(_) => Ok(Self { rows, cols, lanes, order }),
        }
    }

    /// Returns the number of symbols.
    pub fn symbols(&self) -> usize {
        self.rows * self.cols
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Returns the number of lanes that hold at least one symbol.
    pub fn lanes_used(&self) -> usize {
        match self.order {
            Order::Rows => self.lanes.min(self.rows),
            Order::Interleaved => self.lanes.min(self.symbols()),
        }
    }

    /// Returns the runs of turns in decoding order.
    pub(crate) fn runs(self) -> impl DoubleEndedIterator<Item = Run> {
        let (full, rest, steps) = match self.order {
            Order::Rows => (self.rows / self.lanes, self.rows % self.lanes, self.cols),
            Order::Interleaved => (1, self.symbols() % self.lanes, self.symbols() / self.lanes),
        };
        let rest_steps = if self.order == Order::Rows { self.cols } else { 1 };
        let whole = (0..full).map(move |_| Run { steps, active: self.lanes });
        whole.chain([Run { steps: rest_steps, active: rest }]).filter(|run| run.steps * run.active > 0)
    }
}

impl Layout {
    /// Checks that `len` symbols hold all rows of the tile when rows are `stride` apart.
    pub(crate) fn check_rows(&self, len: usize, stride: usize) -> Result<()> {
        let needed = stride.checked_mul(self.rows - 1).and_then(|n| n.checked_add(self.cols));
        match needed {
            Some(needed) if stride >= self.cols && len >= needed => Ok(()),
            _ => Err(CodingError::Parameter {
                what: "symbols in the slice",
                found: len as u64,
                expected: "whole rows, `stride` (at least the columns) apart",
            }),
        }
    }

    /// Checks that `len` bytes hold the panels, `stride` apart, of the next row of each lane; returns the
    /// number of rows.
    pub(crate) fn check_group(&self, done: usize, len: usize, stride: usize) -> Result<usize> {
        let active = self.lanes.min(self.rows - done);
        if self.order != Order::Rows || active == 0 {
            let expected = "row order with rows left to decode";
            return Err(CodingError::Parameter { what: "order", found: self.order as u64, expected });
        }
        crate::panel::check(active, self.cols, len, stride)?;
        Ok(active)
    }

    /// Checks that `rows` rows after the first `done` can be decoded into `len` symbols, rows `stride` apart.
    pub(crate) fn check_next(&self, done: usize, rows: usize, len: usize, stride: usize) -> Result<()> {
        let left = self.rows - done;
        let together = self.order == Order::Interleaved || rows.is_multiple_of(self.lanes) || rows == left;
        if rows == 0 || rows > left || !together {
            return Err(CodingError::Parameter {
                what: "rows to decode",
                found: rows as u64,
                expected: "1 to the rows left; in row order a multiple of the lanes, or all that are left",
            });
        }
        Self { rows, ..*self }.check_rows(len, stride)
    }
}
