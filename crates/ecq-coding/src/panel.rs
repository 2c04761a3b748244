//! Panels: symbols laid out for vectors whose lanes are rows.
//!
//! A panel holds 16 rows as `[columns / 4][16 rows][4 columns]`, one byte per symbol: four columns of a row
//! in a lane of 32 bits, so that a product sums each row in its own lane. What lies behind the last column or
//! row of a tile is unspecified.

use crate::error::{CodingError, Result};
use crate::simd::bytes::interleave;

/// Rows of a panel.
pub const ROWS: usize = 16;
/// Bytes from four columns of a row to its next four.
pub(crate) const STEP: usize = 4 * ROWS;

/// Returns the bytes of a panel of `cols` columns.
pub fn bytes(cols: usize) -> usize {
    cols.div_ceil(4) * STEP
}

/// Returns the offset in its panel of the symbol of a row (below 16) and a column.
#[inline(always)]
pub fn offset(row: usize, col: usize) -> usize {
    col / 4 * STEP + row * 4 + col % 4
}

/// Lays rows, `stride` apart, out as a panel. `rows` holds 1 to 16 rows; the last one may be shorter than
/// `stride` but has `cols` columns. Missing rows, and columns behind the last, become zeros.
///
/// # Panics
/// When `rows` has another length than that, or `panel` is not [`bytes`] long.
pub fn from_rows(rows: &[u8], stride: usize, cols: usize, panel: &mut [u8]) {
    let count = rows.len().div_ceil(stride);
    assert!((1..=ROWS).contains(&count) && cols <= stride && rows.len() >= (count - 1) * stride + cols);
    assert_eq!(panel.len(), bytes(cols), "a panel of {cols} columns");
    let whole = if count == ROWS { cols / 16 * 16 } else { 0 };
    for col in (0..whole).step_by(16) {
        for first in (0..ROWS).step_by(4) {
            let from = &rows[first * stride + col..];
            let quads = transpose([
                read(from),
                read(&from[stride..]),
                read(&from[2 * stride..]),
                read(&from[3 * stride..]),
            ]);
            for (quad, lanes) in quads.into_iter().enumerate() {
                write(&mut panel[offset(first, col) + quad * STEP..], lanes);
            }
        }
    }
    for (quad, out) in panel[bytes(whole)..].chunks_exact_mut(STEP).enumerate() {
        let col = whole + 4 * quad;
        let take = 4.min(cols - col);
        for (row, out) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *out = [0; 4];
            if row < count {
                out[..take].copy_from_slice(&rows[row * stride + col..][..take]);
            }
        }
    }
}

/// Lays the symbols of turns, `[columns][lanes]`, out as a panel that begins with lane `first`. Rows without
/// a lane keep their bytes.
pub(crate) fn from_turns(turns: &[u8], lanes: usize, first: usize, panel: &mut [u8]) {
    let whole = if lanes - first >= ROWS { turns.len() / lanes / 4 } else { 0 };
    for (quad, out) in panel.as_chunks_mut::<STEP>().0.iter_mut().take(whole).enumerate() {
        let column = |i: usize| -> &[u8; ROWS] {
            let at = (4 * quad + i) * lanes + first;
            let Some(column) = turns[at..].first_chunk() else {
                unreachable!("a turn holds a panel's lanes")
            };
            column
        };
        interleave([column(0), column(1), column(2), column(3)], out);
    }
    for (col, turn) in turns.chunks_exact(lanes).enumerate().skip(4 * whole) {
        for (row, &symbol) in turn[first..].iter().take(ROWS).enumerate() {
            panel[offset(row, col)] = symbol;
        }
    }
}

/// Copies the first `count` rows of a panel, `cols` columns, to `rows`, `stride` apart.
pub(crate) fn to_rows(panel: &[u8], count: usize, cols: usize, rows: &mut [u8], stride: usize) {
    let whole = (count / 4 * 4, cols / 16 * 16);
    for first in (0..whole.0).step_by(4) {
        for col in (0..whole.1).step_by(16) {
            let from = &panel[offset(first, col)..];
            let lanes = transpose([
                read(from),
                read(&from[STEP..]),
                read(&from[2 * STEP..]),
                read(&from[3 * STEP..]),
            ]);
            for (row, columns) in lanes.into_iter().enumerate() {
                write(&mut rows[(first + row) * stride + col..], columns);
            }
        }
    }
    for row in 0..count {
        let done = if row < whole.0 { whole.1 } else { 0 };
        for (quad, out) in rows[row * stride..][..cols][done..].chunks_mut(4).enumerate() {
            out.copy_from_slice(&panel[offset(row, done + 4 * quad)..][..out.len()]);
        }
    }
}

/// Checks that `len` bytes hold the panels, `stride` apart, of `rows` rows.
pub(crate) fn check(rows: usize, cols: usize, len: usize, stride: usize) -> Result<()> {
    let needed = (rows.div_ceil(ROWS) - 1).checked_mul(stride).and_then(|n| n.checked_add(bytes(cols)));
    match needed {
        Some(needed) if stride >= bytes(cols) && len >= needed => Ok(()),
        _ => Err(CodingError::Parameter {
            what: "bytes for panels",
            found: len as u64,
            expected: "whole panels, `stride` (at least the bytes of one) apart",
        }),
    }
}

/// Four columns of four rows.
type Lanes = [[u8; 4]; 4];

#[inline(always)]
fn read(bytes: &[u8]) -> Lanes {
    let mut lanes = Lanes::default();
    lanes.as_flattened_mut().copy_from_slice(&bytes[..16]);
    lanes
}

#[inline(always)]
fn write(bytes: &mut [u8], lanes: Lanes) {
    bytes[..16].copy_from_slice(lanes.as_flattened());
}

/// Transposes; compilers use the unpacking instructions of the target.
#[inline(always)]
fn transpose(rows: [Lanes; 4]) -> [Lanes; 4] {
    std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_to_their_places_and_back() {
        for (count, cols) in [(16, 64), (16, 37), (16, 3), (5, 40), (1, 16), (15, 1)] {
            let stride = cols + 3;
            let rows: Vec<u8> = (0..count * stride).map(|i| (i * 7 % 251) as u8).collect();
            let mut panel = vec![0xee; bytes(cols)];
            from_rows(&rows, stride, cols, &mut panel);
            let mut seen = 0;
            for row in 0..ROWS {
                for col in 0..cols.next_multiple_of(4) {
                    let there = row < count && col < cols;
                    assert_eq!(panel[offset(row, col)], if there { rows[row * stride + col] } else { 0 });
                    seen += 1;
                }
            }
            assert_eq!(seen, panel.len());
            let mut back = rows.clone();
            back.iter_mut().for_each(|b| *b = b.wrapping_add(1));
            to_rows(&panel, count, cols, &mut back, stride);
            for (row, (back, rows)) in back.chunks(stride).zip(rows.chunks(stride)).enumerate() {
                assert_eq!(back[..cols], rows[..cols], "row {row}");
                assert!(back[cols..].iter().zip(&rows[cols..]).all(|(b, r)| *b == r.wrapping_add(1)));
            }
        }
    }
}
