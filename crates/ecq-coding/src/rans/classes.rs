use super::Branches;
use crate::error::{CodingError, Result};
use crate::layout::{Layout, Order};
use crate::table::FrequencyTable;

/// Classes of the rows and columns of a matrix, each pair of which selects the table of a symbol; with
/// [`Branches`], the pair and the symbol's branch bit.
///
/// The codes of a matrix have a smaller variance in some rows and columns than in others. Similar ones share
/// a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classes {
    counts: [usize; 2],
    rows: Vec<u8>,
    cols: Vec<u8>,
    branches: Option<Branches>,
    tables: Vec<u8>,
}

impl Classes {
    /// The largest number of classes of rows, and of columns.
    pub const MAX: usize = 8;

    /// Returns the classes of a matrix from the number of row and of column classes (`counts`), the class of
    /// each row and of each column, and the number of the table of each pair, `[row classes][column
    /// classes]`, or with branches of each pair and branch bit, `[row classes][column classes][2]`.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when a count is not 1 to 8, the restart of `branches` is not a positive
    /// multiple of their lag, or `tables` has another length; [`CodingError::ClassOutOfRange`] when a class
    /// is not below its count.
    pub fn new(
        counts: [usize; 2],
        rows: Vec<u8>,
        cols: Vec<u8>,
        branches: Option<Branches>,
        tables: Vec<u8>,
    ) -> Result<Self> {
        for (what, count, classes) in
            [("classes of rows", counts[0], &rows), ("classes of columns", counts[1], &cols)]
        {
            if !(1..=Self::MAX).contains(&count) {
                return Err(CodingError::Parameter { what, found: count as u64, expected: "1 to 8" });
            }
            if let Some(index) = classes.iter().position(|&class| usize::from(class) >= count) {
                return Err(CodingError::ClassOutOfRange {
                    what,
                    index,
                    class: classes[index].into(),
                    classes: count,
                });
            }
        }
        if let Some(Branches { lag, restart, .. }) = branches
            && (lag == 0 || restart == 0 || !restart.is_multiple_of(lag))
        {
            let (found, expected) = (restart as u64, "a positive multiple of a positive lag");
            return Err(CodingError::Parameter { what: "restart of branches", found, expected });
        }
        let bits = if branches.is_some() { 2 } else { 1 };
        if tables.len() != counts[0] * counts[1] * bits {
            let (found, expected) =
                (tables.len() as u64, "one table for each pair of classes and branch bit");
            return Err(CodingError::Parameter { what: "tables of classes", found, expected });
        }
        Ok(Self { counts, rows, cols, branches, tables })
    }

    /// Returns the number of classes of rows, and of columns.
    pub fn counts(&self) -> [usize; 2] {
        self.counts
    }

    /// Returns the class of each row.
    pub fn rows(&self) -> &[u8] {
        &self.rows
    }

    /// Returns the class of each column.
    pub fn cols(&self) -> &[u8] {
        &self.cols
    }

    /// Returns the rule of branch bits, if they select tables.
    pub fn branches(&self) -> Option<Branches> {
        self.branches
    }

    /// Returns the number of the table of each pair of classes, `[row classes][column classes]`; with
    /// branches `[row classes][column classes][2]`.
    pub fn tables(&self) -> &[u8] {
        &self.tables
    }

    /// Returns the numbers of the tables of a row, by class of column; with branches `[column classes][2]`.
    pub(crate) fn of_row(&self, row: usize) -> &[u8] {
        let each = self.tables.len() / self.counts[0];
        &self.tables[usize::from(self.rows[row]) * each..][..each]
    }

    /// Returns the number of the table of a symbol; `branch` is 0 without branches.
    pub(crate) fn table(&self, row: usize, col: usize, branch: u8) -> usize {
        let bits = if self.branches.is_some() { 2 } else { 1 };
        self.of_row(row)[bits * usize::from(self.cols[col]) + usize::from(branch)].into()
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.len() + self.cols.len() + self.tables.len()
    }

    /// Checks that the tables of all pairs exist, that they are no more than the pairs, and that they have
    /// one precision.
    ///
    /// # Errors
    /// As [`Decoder::with_classes`](super::Decoder::with_classes).
    pub fn check_tables(&self, tables: &[FrequencyTable]) -> Result<()> {
        if tables.len() > self.tables.len() {
            let (found, expected) = (tables.len() as u64, "at most one table for each pair of classes");
            return Err(CodingError::Parameter { what: "tables", found, expected });
        }
        if let Some(pair) = self.tables.iter().position(|&table| usize::from(table) >= tables.len()) {
            let table = self.tables[pair].into();
            return Err(CodingError::MissingTable { pair, table, tables: tables.len() });
        }
        let expected = tables[0].precision();
        match tables.iter().position(|table| table.precision() != expected) {
            Some(table) => {
                Err(CodingError::MixedPrecision { table, found: tables[table].precision(), expected })
            }
            None => Ok(()),
        }
    }

    /// Checks that a tile at `origin` (row, column) lies inside the matrix and, with branches, that its lanes
    /// hold rows that begin at a restart.
    pub(crate) fn check_tile(&self, origin: [usize; 2], layout: Layout) -> Result<()> {
        let (rows, cols) = (layout.rows, layout.cols);
        if let Some(Branches { restart, .. }) = self.branches
            && (layout.order != Order::Rows || !origin[1].is_multiple_of(restart))
        {
            let (found, expected) = (origin[1] as u64, "lanes of rows from a restart of branches on");
            return Err(CodingError::Parameter { what: "tile", found, expected });
        }
        let inside = |at: usize, n: usize, all: usize| at.checked_add(n).is_some_and(|end| end <= all);
        if inside(origin[0], rows, self.rows.len()) && inside(origin[1], cols, self.cols.len()) {
            return Ok(());
        }
        let found = (origin[0].saturating_add(rows)).max(origin[1].saturating_add(cols)) as u64;
        Err(CodingError::Parameter {
            what: "tile",
            found,
            expected: "a tile inside the matrix of the classes",
        })
    }
}
