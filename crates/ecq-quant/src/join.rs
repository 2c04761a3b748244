//! Joins matrices of rows that were quantized apart.

use crate::QuantizedMatrix;
use crate::error::{QuantError, Result};
use crate::rate::RateModel;
use crate::trellis::coded;
use crate::uniform::matrix_of_integers;
use ecq_core::{FloatVec, Grid, Outlier, TrellisRows, UniformRows};

/// Joins matrices with the same columns, column scales and kind of grid: `parts` are the rows of the result
/// that a part holds, and the part, which has one step per row.
///
/// Integers and steps stay the same; the alphabet is chosen for all of them.
///
/// # Errors
/// [`QuantError::Parameter`] if a row is missing or listed twice, if grids differ, or if a grid is no
/// uniform or trellis grid with column scales.
pub fn join_rows(parts: &[(&[usize], &QuantizedMatrix)], rate: &dyn RateModel) -> Result<QuantizedMatrix> {
    let bad = |what, found: usize, expected| QuantError::Parameter { what, found: found as f64, expected };
    let rows: usize = parts.iter().map(|(rows, _)| rows.len()).sum();
    let Some((_, (first_codes, first_grid))) = parts.first() else {
        return Err(bad("parts", 0, "one or more"));
    };
    let cols = first_codes.cols();
    let (mut integers, mut steps, mut is_set) = (vec![0; rows * cols], vec![0.0; rows], vec![false; rows]);
    for (listed, (codes, grid)) in parts {
        let uniform = uniform_of(grid)?;
        if codes.cols() != cols || codes.rows() != listed.len() || uniform.steps.len() != listed.len() {
            return Err(bad("rows of a part", codes.rows(), "one step and one listed row for each"));
        }
        if kind(grid) != kind(first_grid) || uniform.col_scales != uniform_of(first_grid)?.col_scales {
            return Err(bad("grid of a part", codes.rows(), "that of the other parts"));
        }
        let mut part: Vec<i32> =
            codes.symbols().iter().map(|&code| i32::from(code) - i32::from(uniform.zero)).collect();
        for &Outlier { index, delta } in &uniform.outliers {
            part[index as usize] += delta;
        }
        for (i, (&row, part)) in listed.iter().zip(part.chunks_exact(cols)).enumerate() {
            if is_set.get(row) != Some(&false) {
                return Err(bad("row", row, "a row of the result, listed once"));
            }
            (is_set[row], steps[row]) = (true, uniform.step(i));
            integers[row * cols..(row + 1) * cols].copy_from_slice(part);
        }
    }
    let first = uniform_of(first_grid)?;
    let steps = FloatVec::from_f32(first.steps.dtype(), &steps);
    let Some(col_scales) = &first.col_scales else { return Err(bad("column scales", 0, "one each")) };
    match kind(first_grid) {
        Some((lag, restart)) => coded(&integers, [rows, cols], lag, restart, &steps, Some(col_scales), rate),
        None => matrix_of_integers(&integers, [rows, cols], &steps, col_scales, rate),
    }
}

fn uniform_of(grid: &Grid) -> Result<&UniformRows> {
    match grid {
        Grid::UniformRows(uniform) | Grid::TrellisRows(TrellisRows { uniform, .. }) => Ok(uniform),
        _ => Err(QuantError::Parameter { what: "grid", found: f64::NAN, expected: "uniform or trellis" }),
    }
}

/// Returns lag and restart of a trellis grid; `None` for the scalar grid.
fn kind(grid: &Grid) -> Option<(u16, u32)> {
    match grid {
        Grid::TrellisRows(trellis) => Some((trellis.lag, trellis.restart)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_matrices::{Entropy, bytes, correlated_hessian, noise};
    use crate::{ErrorFeedback, Floats, TrellisShape, quantize_trellis, quantize_with_feedback};
    use ecq_core::FloatType;

    fn dequantized((codes, grid): &QuantizedMatrix, row: usize) -> Vec<f32> {
        let mut weights = vec![0.0; codes.cols()];
        grid.dequantize_row(row, &codes.symbols()[row * codes.cols()..][..codes.cols()], &mut weights);
        weights
    }

    #[test]
    fn joined_rows_have_the_weights_of_the_parts() {
        let (rows, cols) = (7, 48);
        let mut w = noise(rows * cols, 1);
        // An outlier of any alphabet.
        w[3 * cols + 5] = 900.0;
        let hessian = correlated_hessian(cols);
        let shape = TrellisShape { lag: 12, restart: 48, branch_tables: true };
        let scales = FloatVec::from_f32(FloatType::Bf16, &vec![1.0; cols]);
        let listed = [vec![0, 3, 6], vec![1, 4], vec![2, 5]];
        for trellis in [true, false] {
            let part = |listed: &[usize]| {
                let taken: Vec<f32> = listed.iter().flat_map(|&r| w[r * cols..][..cols].to_vec()).collect();
                let data = bytes(&taken);
                let floats = Floats::new(FloatType::F32, [listed.len(), cols], &data).unwrap();
                let steps: Vec<f32> = listed.iter().map(|&row| 0.125 + 0.0625 * row as f32).collect();
                let steps = FloatVec::from_f32(FloatType::Bf16, &steps);
                let feedback = ErrorFeedback::with_order(&hessian, shape.order(cols)).unwrap();
                match trellis {
                    true => {
                        quantize_trellis(&floats, shape, &steps, Some(&scales), Some(&feedback), &Entropy)
                    }
                    false => quantize_with_feedback(&floats, &steps, &scales, &feedback, &Entropy),
                }
                .unwrap()
            };
            let parts = listed.each_ref().map(|listed| part(listed));
            let pairs: Vec<(&[usize], &QuantizedMatrix)> =
                listed.iter().map(Vec::as_slice).zip(&parts).collect();
            let joined = join_rows(&pairs, &Entropy).unwrap();
            for (listed, part) in &pairs {
                for (i, &row) in listed.iter().enumerate() {
                    assert_eq!(dequantized(&joined, row), dequantized(part, i), "row {row}");
                }
            }
            let (twice, other) = ([pairs[0], pairs[0]], [pairs[0], pairs[2]]);
            for wrong in [&twice[..], &other, &[]] {
                let error = join_rows(wrong, &Entropy).unwrap_err();
                assert!(matches!(error, QuantError::Parameter { .. }), "{error}");
            }
        }
    }
}
