//! A matrix of a chosen shape with the codes of a model: as irregular as those are, and as large as products
//! on a GPU must be to be measured.

use anyhow::Context;
use ecq::{Codes, FloatVec, Grid, Outlier, TrellisRows, UniformRows};

/// Fills a matrix of `shape` with copies of the one of `matrices` whose codes have the median entropy, beside
/// and below each other, so that rows and columns differ from each other as they do there.
///
/// # Errors
/// If no matrix has a uniform or a trellis grid.
pub fn filled([rows, cols]: [usize; 2], matrices: &[(Codes, Grid)]) -> anyhow::Result<(Codes, Grid)> {
    let mut found: Vec<(f64, &Codes, &Grid, &UniformRows)> = matrices
        .iter()
        .filter_map(|(codes, grid)| Some((entropy(codes), codes, grid, uniform(grid)?)))
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let median = found.get(found.len() / 2);
    let &(_, codes, grid, own) =
        median.context("no selected tensor has a uniform or a trellis grid; choose others with --name")?;
    let [height, width] = [codes.rows(), codes.cols()];
    let source = |row: usize, col: usize| row % height * width + col % width;
    let symbols =
        (0..rows).flat_map(|row| (0..cols).map(move |col| codes.symbols()[source(row, col)])).collect();
    let repeated = |values: &FloatVec, count: usize| {
        let all: Vec<f32> = (0..count).map(|i| values.get(i % values.len())).collect();
        FloatVec::from_f32(values.dtype(), &all)
    };
    let copies =
        (0..rows).step_by(height).flat_map(|top| (0..cols).step_by(width).map(move |left| [top, left]));
    let mut outliers: Vec<Outlier> = copies
        .flat_map(|[top, left]| {
            let place = move |o: &Outlier| {
                let [row, col] = [top + o.index as usize / width, left + o.index as usize % width];
                (row < rows && col < cols).then(|| Outlier { index: (row * cols + col) as u64, ..*o })
            };
            own.outliers.iter().filter_map(place)
        })
        .collect();
    outliers.sort_by_key(|outlier| outlier.index);
    let uniform = UniformRows {
        steps: repeated(&own.steps, if own.steps.len() == 1 { 1 } else { rows }),
        col_scales: own.col_scales.as_ref().map(|scales| repeated(scales, cols)),
        outliers,
        ..own.clone()
    };
    let grid = match grid {
        Grid::TrellisRows(trellis) => Grid::TrellisRows(TrellisRows { uniform, ..trellis.clone() }),
        _ => Grid::UniformRows(uniform),
    };
    Ok((Codes::new(rows, cols, codes.alphabet(), symbols)?, grid))
}

/// Returns the entropy of codes in bits.
fn entropy(codes: &Codes) -> f64 {
    let mut counts = [0u64; 256];
    codes.symbols().iter().for_each(|&symbol| counts[usize::from(symbol)] += 1);
    let all = codes.symbols().len() as f64;
    let bits = |&count: &u64| if count > 0 { -(count as f64 / all).log2() * count as f64 / all } else { 0.0 };
    counts.iter().map(bits).sum()
}

/// Returns steps and outliers of a grid of one step per row.
fn uniform(grid: &Grid) -> Option<&UniformRows> {
    match grid {
        Grid::UniformRows(uniform) | Grid::TrellisRows(TrellisRows { uniform, .. }) => Some(uniform),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq::FloatType;

    fn matrix([rows, cols]: [usize; 2], alphabet: u16, outlier: u64) -> (Codes, Grid) {
        let symbols = (0..rows * cols).map(|i| (i % usize::from(alphabet)) as u8).collect();
        let codes = Codes::new(rows, cols, alphabet, symbols).expect("codes");
        let floats = |count: usize| {
            FloatVec::from_f32(FloatType::F16, &(0..count).map(|i| 1.0 + i as f32).collect::<Vec<f32>>())
        };
        let uniform = UniformRows {
            zero: 1,
            steps: floats(rows),
            col_scales: Some(floats(cols)),
            levels: None,
            outliers: vec![Outlier { index: outlier, delta: 90 }],
        };
        (codes, Grid::UniformRows(uniform))
    }

    #[test]
    fn every_weight_is_that_of_the_matrix_of_median_entropy() {
        let sources = [matrix([2, 3], 2, 0), matrix([3, 2], 6, 5), matrix([2, 3], 4, 4)];
        let (codes, grid) = filled([5, 7], &sources).expect("a matrix");
        grid.check(5, 7, codes.alphabet()).expect("a grid of this shape");
        let (from, from_grid) = &sources[2];
        for row in 0..5 {
            let [mut found, mut expected] = [vec![0.0; 7], vec![0.0; 3]];
            grid.dequantize_row(row, &codes.symbols()[row * 7..][..7], &mut found);
            from_grid.dequantize_row(row % 2, &from.symbols()[row % 2 * 3..][..3], &mut expected);
            let expected: Vec<f32> = (0..7).map(|col| expected[col % 3]).collect();
            assert_eq!(found, expected, "row {row}");
        }
        let outliers = uniform(&grid).map_or(0, |grid| grid.outliers.len());
        // Two rows have the outlier in each of two whole copies; the third copy ends before it.
        assert_eq!(outliers, 4);
    }
}
