//! Matrices of a chosen shape with the codes of a model: as irregular as those are, and as large as products
//! on a GPU must be to be measured.

use anyhow::Context;
use ecq::{Codes, FloatType, FloatVec, Grid, Outlier, TrellisRows, UniformRows};
use std::collections::BTreeMap;

/// Fills a matrix of `shape` with the codes of `matrices`, which all have the grid of the first one.
///
/// Matrices of equal width are stacked in a strip of that width; strips of all widths take turns until the
/// columns are full. Row steps are those of the first strip, column scales those of the topmost matrices: only
/// codes and outliers matter to the time of a product.
///
/// # Errors
/// If the grid is neither uniform nor a trellis, or if the alphabets do not fit into one of 256 codes (128 on
/// a trellis).
pub fn filled(shape: [usize; 2], matrices: &[(Codes, Grid)]) -> anyhow::Result<(Codes, Grid)> {
    let [rows, cols] = shape;
    let trellis = matrices.first().and_then(|(_, grid)| rule(grid));
    let mut by_width: BTreeMap<usize, Vec<(&Codes, &UniformRows)>> = BTreeMap::new();
    for (codes, grid) in matrices.iter().filter(|(_, grid)| rule(grid) == trellis) {
        if let Some(uniform) = uniform(grid) {
            by_width.entry(codes.cols()).or_default().push((codes, uniform));
        }
    }
    let all = || by_width.values().flatten();
    let zero = all().map(|(_, grid)| grid.zero).max();
    let zero =
        zero.context("no selected tensor has a uniform or a trellis grid; choose others with --name")?;
    let above = all().map(|(codes, grid)| codes.alphabet() - u16::from(grid.zero)).max().unwrap_or(0);
    let most = if trellis.is_some() { 128 } else { 256 };
    let alphabet = u16::from(zero) + above;
    anyhow::ensure!(alphabet <= most, "the alphabets of the selected tensors need {alphabet} codes together");
    let mut symbols = vec![0; rows * cols];
    let (mut steps, mut scales, mut outliers) = (Vec::new(), Vec::new(), Vec::new());
    let mut used: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut col, mut widths) = (0, by_width.keys().copied().cycle());
    while col < cols {
        let own = widths.next().and_then(|width| Some((width, by_width.get(&width)?)));
        let (width, strip) = own.context("there is no matrix")?;
        let taken = width.min(cols - col);
        let mut row = 0;
        while row < rows {
            let number = used.entry(width).or_default();
            let (codes, grid) = strip[*number % strip.len()];
            *number += 1;
            let count = codes.rows().min(rows - row);
            let place = |at: usize| (row + at / width) * cols + col + at % width;
            for (i, from) in codes.symbols().chunks(width).take(count).enumerate() {
                let at = place(i * width);
                // Codes of a smaller zero move up: the same integers.
                let moved = symbols[at..at + taken].iter_mut().zip(from);
                moved.for_each(|(to, &symbol)| *to = symbol + (zero - grid.zero));
            }
            let inside =
                |o: &&Outlier| o.index < (count * width) as u64 && (o.index % width as u64) < taken as u64;
            outliers.extend(
                grid.outliers
                    .iter()
                    .filter(inside)
                    .map(|o| Outlier { index: place(o.index as usize) as u64, delta: o.delta }),
            );
            if col == 0 {
                steps.extend((0..count).map(|i| grid.step(i)));
            }
            if row == 0 {
                let scale = |i| grid.col_scales.as_ref().map_or(1.0, |scales| scales.get(i));
                scales.extend((0..taken).map(scale));
            }
            row += count;
        }
        col += taken;
    }
    outliers.sort_by_key(|outlier| outlier.index);
    let uniform = UniformRows {
        zero,
        steps: FloatVec::from_f32(FloatType::F16, &steps),
        col_scales: Some(FloatVec::from_f32(FloatType::F16, &scales)),
        levels: None,
        outliers,
    };
    let codes = Codes::new(rows, cols, alphabet, symbols)?;
    Ok(match trellis {
        Some((lag, restart)) => (codes, Grid::TrellisRows(TrellisRows { uniform, lag, restart })),
        None => (codes, Grid::UniformRows(uniform)),
    })
}

/// Returns lag and restart of a trellis grid.
fn rule(grid: &Grid) -> Option<(u16, u32)> {
    match grid {
        Grid::TrellisRows(TrellisRows { lag, restart, .. }) => Some((*lag, *restart)),
        _ => None,
    }
}

/// Returns steps and outliers of grids of one step per row; none of those that have levels.
fn uniform(grid: &Grid) -> Option<&UniformRows> {
    match grid {
        Grid::UniformRows(uniform) | Grid::TrellisRows(TrellisRows { uniform, .. }) => {
            uniform.levels.is_none().then_some(uniform)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, cols: usize, zero: u8, outlier: u64) -> (Codes, Grid) {
        let symbols = (0..rows * cols).map(|i| (i % 5) as u8).collect();
        let codes = Codes::new(rows, cols, 5, symbols).expect("codes");
        let steps = FloatVec::from_f32(FloatType::F16, &vec![0.5; rows]);
        let outliers = vec![Outlier { index: outlier, delta: 90 }];
        (codes, Grid::UniformRows(UniformRows { zero, steps, col_scales: None, levels: None, outliers }))
    }

    #[test]
    fn every_place_has_the_integer_of_its_matrix() {
        let sources = [matrix(2, 3, 1, 4), matrix(3, 2, 2, 5), matrix(1, 3, 2, 0)];
        let (codes, grid) = filled([4, 7], &sources).expect("a matrix");
        let filled_grid = uniform(&grid).expect("a uniform grid");
        grid.check(4, 7, codes.alphabet()).expect("a grid of this shape");
        // Strips of width 2, 3 and 2: [source, row, column] of some places.
        for ([row, col], (source, at)) in [
            ([0, 0], (1, 0)),
            ([2, 1], (1, 5)),
            ([3, 0], (1, 0)),
            ([0, 2], (0, 0)),
            ([1, 4], (0, 5)),
            ([2, 3], (2, 1)),
            ([3, 2], (0, 0)),
            ([3, 6], (1, 1)),
        ] {
            let (from, from_grid) = &sources[source];
            let zero = uniform(from_grid).map_or(0, |grid| grid.zero);
            let expected = i32::from(from.symbols()[at]) - i32::from(zero);
            let found = i32::from(codes.symbols()[row * 7 + col]) - i32::from(filled_grid.zero);
            assert_eq!(found, expected, "row {row}, column {col}");
        }
        let indices: Vec<u64> = filled_grid.outliers.iter().map(|outlier| outlier.index).collect();
        assert_eq!(indices, [7 + 3, 2 * 7 + 1, 2 * 7 + 2, 2 * 7 + 6]);
    }
}
