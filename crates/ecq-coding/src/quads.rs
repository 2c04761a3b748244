//! Symbols laid out for vectors whose lanes are rows.
//!
//! A panel is 16 rows. Its symbols are `[columns / 4][16 rows][4 columns]`, a byte each: four columns of a row (a quad) in
//! a lane of 32 bits, so that a product sums each row in its own lane. Whatever lies behind the last column or row of a
//! tile is unspecified.

use crate::error::{CodingError, Result};

/// Rows of a panel.
pub const ROWS: usize = 16;
/// Bytes from a quad of a row to its next.
pub(crate) const STEP: usize = 4 * ROWS;

/// Bytes of a panel of `cols` columns.
pub fn panel_bytes(cols: usize) -> usize {
    cols.div_ceil(4) * STEP
}

/// Where the symbol of a row (below 16) and a column lies in its panel.
#[inline(always)]
pub fn place(row: usize, col: usize) -> usize {
    col / 4 * STEP + row * 4 + col % 4
}

/// Lays rows, `stride` apart, out as a panel; `rows` holds 1 to 16 of them, and the last one may be shorter than `stride`
/// but has `cols` columns. Rows that are not there and columns behind the last become zeros.
///
/// # Panics
/// When the rows are no such slice, or `panel` is not [`panel_bytes`] long.
pub fn from_rows(rows: &[u8], stride: usize, cols: usize, panel: &mut [u8]) {
    let count = rows.len().div_ceil(stride);
    assert!((1..=ROWS).contains(&count) && cols <= stride && rows.len() >= (count - 1) * stride + cols);
    assert_eq!(panel.len(), panel_bytes(cols), "a panel of {cols} columns");
    let whole = if count == ROWS { cols / 16 * 16 } else { 0 };
    for col in (0..whole).step_by(16) {
        for first in (0..ROWS).step_by(4) {
            let from = &rows[first * stride + col..];
            let quads = transpose([0, 1, 2, 3].map(|row| read(&from[row * stride..])));
            for (quad, lanes) in quads.into_iter().enumerate() {
                write(&mut panel[place(first, col) + quad * STEP..], lanes);
            }
        }
    }
    for (quad, out) in panel[panel_bytes(whole)..].chunks_exact_mut(STEP).enumerate() {
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

/// Lays the symbols of turns, `[columns][lanes]`, out as a panel that begins with lane `first`; lanes that are not there
/// leave their rows as they are.
pub(crate) fn from_turns(turns: &[u8], lanes: usize, first: usize, panel: &mut [u8]) {
    let whole = if lanes - first >= ROWS { turns.len() / lanes / 4 } else { 0 };
    for (quad, out) in panel.chunks_exact_mut(STEP).take(whole).enumerate() {
        let from = |i: usize| -> &[u8; ROWS] {
            let at = (4 * quad + i) * lanes + first;
            turns[at..].first_chunk().expect("a panel of lanes in each turn")
        };
        interleave([from(0), from(1), from(2), from(3)], out);
    }
    for (col, turn) in turns.chunks_exact(lanes).enumerate().skip(4 * whole) {
        for (row, &symbol) in turn[first..].iter().take(ROWS).enumerate() {
            panel[place(row, col)] = symbol;
        }
    }
}

/// Four columns of 16 rows become 16 quads.
#[inline(always)]
fn interleave(columns: [&[u8; ROWS]; 4], out: &mut [u8]) {
    let (out, _) = out.as_chunks_mut::<4>();
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::*;
        assert_eq!(out.len(), ROWS);
        // SAFETY: SSE2 is part of x86-64; columns are 16 bytes, and the quads 64.
        unsafe {
            let [a, b, c, d] = columns.map(|column| _mm_loadu_si128(column.as_ptr().cast()));
            let (ab, cd) = (_mm_unpacklo_epi8(a, b), _mm_unpacklo_epi8(c, d));
            let (ab_high, cd_high) = (_mm_unpackhi_epi8(a, b), _mm_unpackhi_epi8(c, d));
            let to = out.as_mut_ptr().cast::<__m128i>();
            _mm_storeu_si128(to, _mm_unpacklo_epi16(ab, cd));
            _mm_storeu_si128(to.add(1), _mm_unpackhi_epi16(ab, cd));
            _mm_storeu_si128(to.add(2), _mm_unpacklo_epi16(ab_high, cd_high));
            _mm_storeu_si128(to.add(3), _mm_unpackhi_epi16(ab_high, cd_high));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    for (row, out) in out.iter_mut().enumerate() {
        *out = columns.map(|column| column[row]);
    }
}

/// Takes the first `count` rows of `lanes` rows out of quads that lie `STEP` bytes apart, `cols` columns, to `rows`.
pub(crate) fn to_rows(quads: &[u8], count: usize, cols: usize, rows: &mut [u8], stride: usize) {
    let whole = (count / 4 * 4, cols / 16 * 16);
    for first in (0..whole.0).step_by(4) {
        for col in (0..whole.1).step_by(16) {
            let from = &quads[place(first, col)..];
            let lanes = transpose([0, 1, 2, 3].map(|quad| read(&from[quad * STEP..])));
            for (row, columns) in lanes.into_iter().enumerate() {
                write(&mut rows[(first + row) * stride + col..], columns);
            }
        }
    }
    for row in 0..count {
        let done = if row < whole.0 { whole.1 } else { 0 };
        for (quad, out) in rows[row * stride..][..cols][done..].chunks_mut(4).enumerate() {
            out.copy_from_slice(&quads[place(row, done + 4 * quad)..][..out.len()]);
        }
    }
}

/// Checks that `out` holds the panels, `stride` apart, of `rows` rows.
pub(crate) fn check(rows: usize, cols: usize, len: usize, stride: usize) -> Result<()> {
    let needed = (rows.div_ceil(ROWS) - 1).checked_mul(stride).and_then(|n| n.checked_add(panel_bytes(cols)));
    match needed {
        Some(needed) if stride >= panel_bytes(cols) && len >= needed => Ok(()),
        _ => Err(CodingError::Parameter {
            what: "bytes for panels",
            found: len as u64,
            expected: "panels that lie `stride` (at least the bytes of one) apart",
        }),
    }
}

/// Four lanes.
type Lanes = [[u8; 4]; 4];

#[inline(always)]
fn read(bytes: &[u8]) -> Lanes {
    let bytes = &bytes[..16];
    std::array::from_fn(|i| [bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]])
}

#[inline(always)]
fn write(bytes: &mut [u8], lanes: Lanes) {
    bytes[..16].copy_from_slice(lanes.as_flattened());
}

/// Rows become columns; compilers make this the unpacking instructions of their machine.
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
            let mut panel = vec![0xee; panel_bytes(cols)];
            from_rows(&rows, stride, cols, &mut panel);
            let mut seen = 0;
            for row in 0..ROWS {
                for col in 0..cols.next_multiple_of(4) {
                    let there = row < count && col < cols;
                    assert_eq!(panel[place(row, col)], if there { rows[row * stride + col] } else { 0 });
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
