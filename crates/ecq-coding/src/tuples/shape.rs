use super::{LANES, TILE_ROWS};
use crate::error::{CodingError, Result};

/// The largest number of columns of a segment: corrections have nine bits for a column, and sums of 16-bit
/// activations times 8-bit weights of a segment fit 32 bits.
const MAX_SEGMENT_COLS: usize = 512;

/// The geometry of a matrix: tiles, groups of columns, segments and lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    rows: usize,
    cols: usize,
    tuple: usize,
    segment_groups: usize,
}

impl Shape {
    /// Returns the geometry of a matrix of `rows x cols` symbols in tuples of `tuple` (2 to 4) symbols, with
    /// `segment_groups` groups of `8 * tuple` columns in a segment.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when the matrix is empty or overflows, `tuple` is out of range, or a
    /// segment has no or more than 512 columns.
    pub fn new(rows: usize, cols: usize, tuple: usize, segment_groups: usize) -> Result<Self> {
        let parameter = |what, found: usize, expected| {
            Err(CodingError::Parameter { what, found: found as u64, expected })
        };
        if !(2..=4).contains(&tuple) {
            return parameter("symbols per tuple", tuple, "2 to 4");
        }
        if segment_groups == 0 || segment_groups > MAX_SEGMENT_COLS / (8 * tuple) {
            return parameter("groups per segment", segment_groups, "1 group to 512 columns");
        }
        let padded = rows.checked_add(TILE_ROWS).zip(cols.checked_add(MAX_SEGMENT_COLS));
        let size = padded.and_then(|(rows, cols)| rows.checked_mul(cols)).filter(|&n| n < 1 << 48);
        if rows == 0 || cols == 0 || size.is_none() {
            return parameter("matrix size", rows, "at least one row and column, and no overflow");
        }
        let shape = Self { rows, cols, tuple, segment_groups };
        if shape.longest_segment() > MAX_SEGMENT_COLS / (8 * tuple) {
            return parameter(
                "groups per segment",
                segment_groups,
                "fewer, so that the last has 512 columns",
            );
        }
        Ok(shape)
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Returns the number of symbols of a tuple.
    pub fn tuple(&self) -> usize {
        self.tuple
    }

    /// Returns the number of groups of a segment that is not the last.
    pub fn segment_groups(&self) -> usize {
        self.segment_groups
    }

    /// Returns the number of columns of a group.
    pub fn group_cols(&self) -> usize {
        8 * self.tuple
    }

    /// Returns the number of groups; the last one may have columns outside the matrix.
    pub fn groups(&self) -> usize {
        self.cols.div_ceil(self.group_cols())
    }

    /// Returns the number of segments: the last one has half to one and a half times the groups of the
    /// others.
    pub fn segments(&self) -> usize {
        ((self.groups() + self.segment_groups / 2) / self.segment_groups).max(1)
    }

    /// Returns the number of tiles.
    pub fn tiles(&self) -> usize {
        self.rows.div_ceil(TILE_ROWS)
    }

    /// Returns the number of groups of a segment: the last one has those that are left.
    pub fn groups_of(&self, segment: usize) -> usize {
        if segment + 1 < self.segments() {
            return self.segment_groups;
        }
        self.groups() - segment * self.segment_groups
    }

    /// Returns the number of groups of the longest segment.
    pub fn longest_segment(&self) -> usize {
        let last = self.groups_of(self.segments() - 1);
        if self.segments() > 1 { last.max(self.segment_groups) } else { last }
    }

    /// Returns the first column of a segment.
    pub fn first_col(&self, segment: usize) -> usize {
        segment * self.segment_groups * self.group_cols()
    }

    /// Returns row in the tile and first column in the segment of a tuple: number `f` (below 4) of a lane in
    /// a group of the segment.
    #[inline]
    pub(super) fn place(&self, lane: usize, group: usize, f: usize) -> (usize, usize) {
        debug_assert!(lane < LANES && f < 4);
        let row = lane / 4 + 8 * (f % 2);
        (row, group * self.group_cols() + f / 2 * 4 * self.tuple + lane % 4 * self.tuple)
    }
}
