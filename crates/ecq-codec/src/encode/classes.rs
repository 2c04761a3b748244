//! Classes of rows and columns with similar distributions of codes, so that a few tables fit a matrix better
//! than one.

use crate::error::Result;
use crate::parts::encode_classes;
use ecq_coding::rans::{Branches, Classes};
use ecq_coding::{Counts, FrequencyTable, cluster};
use ecq_core::Codes;
use rayon::prelude::*;

/// Rounds in which rows, then columns, move to the class that codes them in the fewest bits.
const ROUNDS: usize = 3;
/// Rows or columns that a thread counts at a time.
const BAND: usize = 256;
/// The largest number of tables: 8 tables of 2^11 slots are 64 KiB, which leaves cache to the rest of a
/// decoder. Precision 12 would take twice as much for 0.03% of the rate
/// (`bench/record/2026-11-21-classes.md`).
const MAX_TABLES: usize = 8;
const PRECISION: u8 = 11;

/// Classes of the rows and columns of a matrix and their tables.
#[derive(Debug, Clone)]
pub(crate) struct Classed {
    pub(crate) classes: Classes,
    pub(crate) tables: Vec<FrequencyTable>,
    /// Bits of an ideal coder with these tables.
    pub(crate) ideal: f64,
    /// Bits of the tables, the classes and the map of pairs to tables.
    side: f64,
}

impl Classed {
    /// Returns the bits of codes and tables.
    pub(super) fn bits(&self) -> f64 {
        self.ideal + self.side
    }

    /// Returns the cheapest of a few numbers of classes. `by_tile` is the cost in bits with one table per
    /// tile.
    pub(super) fn best(codes: &Codes, branches: Option<Branches>, by_tile: f64) -> Result<Self> {
        let first = Self::of(codes, branches, [4, 4])?;
        let saved = 1.0 - first.bits() / by_tile;
        // More classes are tried only if the first ones save much, fewer if they save little. On a trellis
        // grid branch bits alone save much.
        let more: &[[usize; 2]] = match saved {
            _ if branches.is_some() => &[[8, 8], [1, 4], [1, 1]],
            0.02.. => &[[8, 8]],
            0.0..0.01 => &[[1, 4], [4, 1]],
            _ => &[],
        };
        more.iter().try_fold(first, |best, &counts| {
            let next = Self::of(codes, branches, counts)?;
            Ok(if next.bits() < best.bits() { next } else { best })
        })
    }

    /// Finds `counts` classes of rows and of columns that code `codes` in few bits: Lloyd's algorithm, rows
    /// and columns in turn, started from quantiles of their variance. Then pairs of classes share tables;
    /// each pair with each branch bit, if there is a rule of `branches`.
    pub(super) fn of(
        codes: &Codes,
        branches: Option<Branches>,
        counts @ [row_classes, col_classes]: [usize; 2],
    ) -> Result<Self> {
        let [of_rows, of_cols] = variances(codes);
        let (mut of_rows, mut of_cols) = (quantiles(&of_rows, row_classes), quantiles(&of_cols, col_classes));
        let mut pairs = count_pairs(codes, &of_rows, &of_cols, counts);
        for _ in 0..ROUNDS {
            if row_classes > 1 {
                (of_rows, pairs) = moved_rows(codes, &of_cols, &pairs, counts);
            }
            if col_classes > 1 {
                (of_cols, pairs) = moved_cols(codes, &of_rows, &pairs, counts);
            }
        }
        if let Some(rule) = branches {
            pairs = count_branches(codes, rule, &of_rows, &of_cols, counts);
        }
        let pairs: Vec<Counts> = pairs.chunks_exact(codes.alphabet().into()).map(to_counts).collect();
        let sharing =
            |most| Self::sharing(codes.alphabet(), &pairs, [&of_rows, &of_cols], counts, branches, most);
        let mut best = sharing(1)?;
        for most in [2, 3, 4, 6, MAX_TABLES].into_iter().filter(|&most| most <= pairs.len()) {
            let next = sharing(most)?;
            if next.bits() < best.bits() {
                best = next;
            }
        }
        Ok(best)
    }

    /// Groups the pairs of classes (and branch bits), with symbols `counts`, to at most `most` tables.
    fn sharing(
        alphabet: u16,
        counts: &[Counts],
        [of_rows, of_cols]: [&[u8]; 2],
        classes: [usize; 2],
        branches: Option<Branches>,
        most: usize,
    ) -> Result<Self> {
        let map = cluster(counts, most);
        let mut sums = vec![Counts::default(); map.iter().max().map_or(1, |&table| usize::from(table) + 1)];
        counts.iter().zip(&map).for_each(|(counts, &table)| sums[usize::from(table)].merge(counts));
        let table = |sum: &Counts| FrequencyTable::new(sum, alphabet, PRECISION);
        let tables = sums.iter().map(table).collect::<std::result::Result<Vec<_>, _>>()?;
        let ideal = tables.iter().zip(&sums).map(|(table, sum)| table.cost_bits(sum)).sum();
        let classes = Classes::new(classes, of_rows.to_vec(), of_cols.to_vec(), branches, map)?;
        let bytes = encode_classes(&classes, tables.len()).len()
            + tables.iter().map(|table| table.to_bytes().len()).sum::<usize>();
        Ok(Self { classes, tables, ideal, side: 8.0 * bytes as f64 })
    }
}

/// Returns the variance of the symbols of each row and of each column.
fn variances(codes: &Codes) -> [Vec<f64>; 2] {
    let variance = |(sum, squares): (u64, u64), n: usize| {
        let mean = sum as f64 / n as f64;
        squares as f64 / n as f64 - mean * mean
    };
    let add = |(sum, squares): (u64, u64), &symbol: &u8| {
        (sum + u64::from(symbol), squares + u64::from(symbol) * u64::from(symbol))
    };
    let (rows, cols) = (codes.rows(), codes.cols());
    let of_row = |row: &[u8]| variance(row.iter().fold((0, 0), add), cols);
    let bands = (0..cols).step_by(BAND).collect::<Vec<_>>().into_par_iter().flat_map_iter(|first| {
        let mut moments = vec![(0, 0); BAND.min(cols - first)];
        for row in codes.symbols().chunks_exact(cols) {
            moments.iter_mut().zip(&row[first..]).for_each(|(moment, symbol)| *moment = add(*moment, symbol));
        }
        moments.into_iter().map(move |moment| variance(moment, rows))
    });
    [codes.symbols().par_chunks_exact(cols).map(of_row).collect(), bands.collect()]
}

/// Returns the class of each value in classes of equal size, the lowest values first.
fn quantiles(values: &[f64], classes: usize) -> Vec<u8> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let mut out = vec![0; order.len()];
    order.iter().enumerate().for_each(|(rank, &i)| out[i] = (rank * classes / values.len()) as u8);
    out
}

/// Counts the symbols of each pair of classes and branch bit, `[row classes][column classes][2][alphabet]`.
fn count_branches(
    codes: &Codes,
    rule: Branches,
    of_rows: &[u8],
    of_cols: &[u8],
    counts: [usize; 2],
) -> Vec<u64> {
    let (alphabet, cols) = (usize::from(codes.alphabet()), codes.cols());
    let len = 2 * counts[0] * counts[1] * alphabet;
    let band = |(symbols, of_rows): (&[u8], &[u8])| {
        let (mut sums, mut bits) = (vec![0u64; len], vec![0; cols]);
        for (symbols, &row) in symbols.chunks_exact(cols).zip(of_rows) {
            rule.of_row(symbols, &mut bits);
            for ((&symbol, &branch), &col) in symbols.iter().zip(&bits).zip(of_cols) {
                let pair = usize::from(row) * counts[1] + usize::from(col);
                sums[(2 * pair + usize::from(branch)) * alphabet + usize::from(symbol)] += 1;
            }
        }
        sums
    };
    let bands = codes.symbols().par_chunks(BAND * cols).zip(of_rows.par_chunks(BAND));
    bands.map(band).reduce(|| vec![0; len], merged)
}

/// Counts the symbols of each pair of classes, `[row classes][column classes][alphabet]`.
fn count_pairs(codes: &Codes, of_rows: &[u8], of_cols: &[u8], counts: [usize; 2]) -> Vec<u64> {
    let alphabet = usize::from(codes.alphabet());
    let each = counts[1] * alphabet;
    let add = |mut pairs: Vec<u64>, (row, &class): (&[u8], &u8)| {
        let pairs_of_row = &mut pairs[usize::from(class) * each..][..each];
        for (&symbol, &class) in row.iter().zip(of_cols) {
            pairs_of_row[usize::from(class) * alphabet + usize::from(symbol)] += 1;
        }
        pairs
    };
    let none = || vec![0; counts[0] * each];
    let rows = codes.symbols().par_chunks_exact(codes.cols()).zip(of_rows);
    rows.with_min_len(64).fold(none, add).reduce(none, merged)
}

/// Moves each row to the class that codes it in the fewest bits; returns the classes and the new counts of
/// pairs.
fn moved_rows(codes: &Codes, of_cols: &[u8], pairs: &[u64], counts: [usize; 2]) -> (Vec<u8>, Vec<u64>) {
    let alphabet = usize::from(codes.alphabet());
    let (bits, cols) = (bits(pairs, alphabet), codes.cols());
    let band = |rows: &[u8]| {
        let mut sums = vec![0; pairs.len()];
        let mut counted = vec![0u32; counts[1] * alphabet];
        let class = |row: &[u8]| {
            counted.fill(0);
            for (&symbol, &class) in row.iter().zip(of_cols) {
                counted[usize::from(class) * alphabet + usize::from(symbol)] += 1;
            }
            moved(&counted, &bits, &mut sums)
        };
        let classes: Vec<u8> = rows.chunks_exact(cols).map(class).collect();
        (classes, sums)
    };
    joined(codes.symbols().par_chunks(BAND * cols).map(band).collect(), pairs.len())
}

/// As [`moved_rows`], for columns.
fn moved_cols(codes: &Codes, of_rows: &[u8], pairs: &[u64], counts: [usize; 2]) -> (Vec<u8>, Vec<u64>) {
    let (alphabet, cols) = (usize::from(codes.alphabet()), codes.cols());
    let bits = bits(&transposed(pairs, counts, alphabet), alphabet);
    let each = counts[0] * alphabet;
    let band = |first: usize| {
        let mut counted = vec![0u32; BAND.min(cols - first) * each];
        for (row, &class) in codes.symbols().chunks_exact(cols).zip(of_rows) {
            let at = usize::from(class) * alphabet;
            for (counted, &symbol) in counted.chunks_exact_mut(each).zip(&row[first..]) {
                counted[at + usize::from(symbol)] += 1;
            }
        }
        let mut sums = vec![0; pairs.len()];
        let classes: Vec<u8> =
            counted.chunks_exact(each).map(|counted| moved(counted, &bits, &mut sums)).collect();
        (classes, sums)
    };
    let bands: Vec<usize> = (0..cols).step_by(BAND).collect();
    let (classes, sums) = joined(bands.into_par_iter().map(band).collect(), pairs.len());
    (classes, transposed(&sums, [counts[1], counts[0]], alphabet))
}

/// Returns the class (of `bits`, `[classes][counted]`) that codes the symbols of `counted` in the fewest
/// bits, and adds them to the class's sums.
fn moved(counted: &[u32], bits: &[f32], sums: &mut [u64]) -> u8 {
    let cost = |bits: &[f32]| counted.iter().zip(bits).map(|(&n, bits)| n as f32 * bits).sum::<f32>();
    let costs = bits.chunks_exact(counted.len()).map(cost).enumerate();
    let class = costs.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(class, _)| class);
    let sums = &mut sums[class * counted.len()..][..counted.len()];
    sums.iter_mut().zip(counted).for_each(|(sum, &n)| *sum += u64::from(n));
    class as u8
}

/// Concatenates the classes of bands and adds their counts.
fn joined(bands: Vec<(Vec<u8>, Vec<u64>)>, len: usize) -> (Vec<u8>, Vec<u64>) {
    bands.into_iter().fold((Vec::new(), vec![0; len]), |(mut classes, sums), (more, counted)| {
        classes.extend(more);
        (classes, merged(sums, counted))
    })
}

fn merged(mut a: Vec<u64>, b: Vec<u64>) -> Vec<u64> {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    a
}

/// Transposes `[a][b][alphabet]` to `[b][a][alphabet]`.
fn transposed(pairs: &[u64], [a, b]: [usize; 2], alphabet: usize) -> Vec<u64> {
    let pair = |i: usize| &pairs[(i % a * b + i / a) * alphabet..][..alphabet];
    (0..a * b).flat_map(pair).copied().collect()
}

/// Returns the cost in bits of each symbol of each pair. Half a count is added, so that no symbol is
/// impossible.
fn bits(pairs: &[u64], alphabet: usize) -> Vec<f32> {
    let of_pair = |counts: &[u64]| {
        let total = counts.iter().sum::<u64>() as f64 + 0.5 * alphabet as f64;
        counts.iter().map(|&n| (total / (n as f64 + 0.5)).log2() as f32).collect::<Vec<_>>()
    };
    pairs.chunks_exact(alphabet).flat_map(of_pair).collect()
}

fn to_counts(symbols: &[u64]) -> Counts {
    let mut counts = Counts::default();
    symbols.iter().enumerate().for_each(|(symbol, &n)| counts.add_many(symbol as u8, n));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{ClassChoice, CodingChoice, EncodeOptions, plan};
    use ecq_core::{Coding, FloatType, FloatVec, Grid, UniformRows};

    /// Returns rounded normal numbers whose deviation is the product of a row's and a column's factor.
    fn codes(rows: usize, cols: usize, spread: f32) -> (Codes, Grid) {
        let mut numbers = ecq_fixtures::Numbers::new(11);
        let factor = |i: usize| if i.is_multiple_of(3) { 1.0 + spread } else { 1.0 };
        let symbol = |i: usize| {
            let deviation = 1.2 * factor(i / cols) * factor(i % cols);
            (8.0 + numbers.normal() * deviation).round().clamp(0.0, 16.0) as u8
        };
        let symbols = (0..rows * cols).map(symbol).collect();
        let grid = UniformRows {
            zero: 8,
            steps: FloatVec::from_f32(FloatType::F32, &[1.0]),
            col_scales: None,
            levels: None,
            outliers: Vec::new(),
        };
        (Codes::new(rows, cols, 17, symbols).unwrap(), Grid::UniformRows(grid))
    }

    #[test]
    fn different_rows_and_columns_get_different_classes() {
        let (codes, _) = codes(300, 400, 1.5);
        let found = Classed::of(&codes, None, [2, 2]).unwrap();
        for (classes, n) in [(found.classes.rows(), 300), (found.classes.cols(), 400)] {
            let right = (0..n).filter(|&i| (classes[i] == classes[0]) == (i % 3 == 0)).count();
            assert!(right * 100 > n * 98, "{right} of {n}");
        }
        // A wide row with a narrow column and the reverse have one distribution: three tables suffice.
        assert!((3..=4).contains(&found.tables.len()));
    }

    #[test]
    fn classes_are_used_only_where_they_save_bytes() {
        let choose = |(codes, grid): &(Codes, Grid), classes| {
            let coding = CodingChoice::Only(Coding::Rans);
            plan(codes, grid, &EncodeOptions { coding, classes, ..EncodeOptions::default() }).unwrap()
        };
        let unlike = codes(300, 400, 1.5);
        let (with, without) = (choose(&unlike, ClassChoice::Auto), choose(&unlike, ClassChoice::Off));
        assert!(without.classed.is_none() && with.cross_entropy_bits < 0.95 * without.cross_entropy_bits);
        assert!(with.reason.contains("classes of rows and columns save"), "{}", with.reason);
        let bytes = |plan| -> usize {
            let parts = super::super::static_tables::rans(&unlike.0, plan).unwrap();
            parts.values().map(|part| part.len()).sum()
        };
        let (with_bytes, without_bytes) = (bytes(&with) as f64, bytes(&without) as f64);
        assert!(with_bytes < 0.95 * without_bytes);
        // The estimate is close to the bytes.
        let promised = with.classed.as_ref().unwrap().bits() / 8.0;
        assert!((with_bytes - promised) / promised < 0.01, "{with_bytes} {promised}");
        let alike = codes(300, 400, 0.0);
        let plan = choose(&alike, ClassChoice::Auto);
        assert!(plan.classed.is_none() && !plan.reason.contains("classes"), "{}", plan.reason);
        assert_eq!(choose(&alike, ClassChoice::Only([2, 3])).classed.unwrap().classes.counts(), [2, 3]);
    }
}
