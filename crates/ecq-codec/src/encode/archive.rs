use super::{Plan, stream_parts};
use crate::archive::{BASE_PRECISION, GroupClass, MAX_TABLES, Model, ZERO_CLASSES, group_classes, size_code};
use crate::error::{CodecError, Result};
use crate::parts::tile_layout;
use ecq_coding::context::ContextCoder;
use ecq_coding::{Counts, FrequencyTable, cluster};
use ecq_core::{AffineGroups, Biases, Codes, Grid, TensorPart, TensorParts};
use rayon::prelude::*;

/// Number of classes of a column's magnitude relative to its group's scale, in a model that distinguishes
/// them.
const WIDTH_CLASSES: usize = 8;

/// Whether the archive model supports the groups of `grid`.
pub(super) fn fits(grid: &Grid) -> bool {
    match grid {
        Grid::AffineGroups(groups) => groups.group_size <= MAX_TABLES,
        _ => false,
    }
}

/// Encodes table, index and stream of an archived tensor with the cheapest of a few models.
pub(super) fn encode(codes: &Codes, groups: &AffineGroups, plan: &Plan) -> Result<TensorParts> {
    let classes = group_classes(groups);
    let ends = ends(codes, groups.group_size);
    let (columns, lowest) = column_sizes(codes, groups, &classes);
    let mut best: Option<(f64, Model)> = None;
    for widths in [1, WIDTH_CLASSES] {
        let mut model = Model {
            ends,
            bases: Vec::new(),
            columns: if widths > 1 { columns.clone() } else { Vec::new() },
            lowest,
            base_of: vec![0; ZERO_CLASSES * widths],
        };
        let counts = count_contexts(codes, groups.group_size, &classes, &model);
        for most in [1, 2, 4, 8, 16, 32].into_iter().filter(|n| n * groups.group_size <= MAX_TABLES) {
            model.base_of = cluster(&counts, most);
            let used = model.base_of.iter().max().map_or(1, |&b| usize::from(b) + 1);
            let mut sums = vec![Counts::default(); used];
            counts.iter().zip(&model.base_of).for_each(|(c, &base)| sums[usize::from(base)].merge(c));
            let bases = sums.iter().map(|sum| base(sum, codes.alphabet(), ends, groups.group_size));
            model.bases = bases.collect::<Result<_>>()?;
            // Missing ends save about the same in all models, so order-0 costs rank them.
            let coded: f64 = sums.iter().map(|sum| sum.entropy_bits() * sum.total() as f64).sum();
            let bits = coded + 8.0 * model.to_bytes()?.len() as f64;
            if best.as_ref().is_none_or(|b| bits < b.0) {
                best = Some((bits, model.clone()));
            }
        }
    }
    let Some((_, model)) = best else {
        return Err(CodecError::UnsupportedGrid);
    };
    let coder = ContextCoder::new(&model.tables(groups.group_size)?);
    let chooser = model.chooser(codes.alphabet(), groups.group_size);
    let (rows, cols) = (codes.rows(), codes.cols());
    let streams = (0..plan.tile.count(rows, cols)).into_par_iter().map(|index| {
        let (row, _, tile_rows, tile_cols) = plan.tile.place(index, rows, cols);
        let layout = tile_layout(plan.tile, tile_rows, tile_cols)?;
        let symbols = &codes.symbols()[row * cols..(row + tile_rows) * cols];
        let mut ids = Vec::with_capacity(symbols.len());
        for (group, members) in symbols.chunks_exact(groups.group_size).enumerate() {
            let class = classes[row * cols / groups.group_size + group];
            let first_col = group * groups.group_size % cols;
            let mut missing = 0;
            for at in 0..members.len() {
                missing = chooser.missing(missing, at, &members[..at]);
                ids.push(chooser.table(model.context(class, first_col + at), missing, at) as u16);
            }
        }
        coder.encode(symbols, &ids, layout).map_err(CodecError::from)
    });
    let mut parts = TensorParts::from(stream_parts(&streams.collect::<Result<Vec<_>>>()?)?);
    parts.insert(TensorPart::Table, model.to_bytes()?.into());
    Ok(parts)
}

/// Whether all groups but a few hold code 0, and the last code.
fn ends(codes: &Codes, group_size: usize) -> [bool; 2] {
    [0, (codes.alphabet() - 1) as u8].map(|end| {
        let groups = codes.symbols().par_chunks_exact(group_size);
        let without = groups.filter(|group| !group.contains(&end)).count();
        // An exception costs about nine bits, those of a code that the model excludes.
        200 * without < codes.symbols().len() / group_size
    })
}

/// Returns the magnitude of each column as a code, and the difference to a group's scale of the lowest class.
fn column_sizes(codes: &Codes, groups: &AffineGroups, classes: &[GroupClass]) -> (Vec<u8>, i8) {
    let cols = codes.cols();
    let per_row = cols / groups.group_size;
    // Mean square of `(q - zero) * scale`, in one pass over the rows.
    let mut squares = vec![0f64; cols];
    for (group, members) in codes.symbols().chunks_exact(groups.group_size).enumerate() {
        let scale = groups.scales.get(group);
        let bias = match &groups.biases {
            Biases::PerGroup(biases) => biases.get(group),
            Biases::Zero(zero) => -scale * f32::from(*zero),
            Biases::Zeros(zeros) => -scale * f32::from(zeros[group]),
        };
        let first_col = group % per_row * groups.group_size;
        for (sum, &q) in squares[first_col..].iter_mut().zip(members) {
            let w = f64::from(scale * f32::from(q) + bias);
            *sum += if w.is_finite() { w * w } else { 0.0 };
        }
    }
    let sizes: Vec<u8> = squares.iter().map(|s| size_code((s / codes.rows() as f64).sqrt() as f32)).collect();
    // The classes are centred on the mean difference.
    let scale_mean: f64 = (0..classes.len()).map(|g| f64::from(size_code(groups.scales.get(g)))).sum::<f64>()
        / classes.len() as f64;
    let size_mean: f64 = sizes.iter().map(|&s| f64::from(s)).sum::<f64>() / sizes.len() as f64;
    let lowest = (size_mean - scale_mean).round() - (WIDTH_CLASSES / 2) as f64;
    (sizes, lowest.clamp(-128.0, 127.0) as i8)
}

fn count_contexts(codes: &Codes, group_size: usize, classes: &[GroupClass], model: &Model) -> Vec<Counts> {
    let per_row = codes.cols() / group_size;
    let contexts = model.base_of.len();
    let rows_at_once = codes.rows().div_ceil(4);
    let partial =
        codes.symbols().par_chunks(rows_at_once * codes.cols()).enumerate().map(|(part, symbols)| {
            let mut counts = vec![Counts::default(); contexts];
            for (group, members) in symbols.chunks_exact(group_size).enumerate() {
                let class = classes[part * rows_at_once * per_row + group];
                for (i, &q) in members.iter().enumerate() {
                    counts[model.context(class, group % per_row * group_size + i)].push(q);
                }
            }
            counts
        });
    let sum = |mut a: Vec<Counts>, b: Vec<Counts>| {
        a.iter_mut().zip(&b).for_each(|(a, b)| a.merge(b));
        a
    };
    partial.reduce(|| vec![Counts::default(); contexts], sum)
}

/// Returns the distribution of independent codes of which `counts` are the expected counts once groups
/// without an end are excluded.
///
/// A group that must hold an end holds it more often than independent codes would. The probability of an end
/// is scaled by (observed / expected) until they agree.
fn base(counts: &Counts, alphabet: u16, ends: [bool; 2], group_size: usize) -> Result<FrequencyTable> {
    let last = usize::from(alphabet) - 1;
    let total = counts.total().max(1) as f64;
    let seen: Vec<f64> = counts.as_array()[..=last].iter().map(|&n| n as f64 / total).collect();
    let g = group_size as f64;
    let (mut low, mut high) = (seen[0], seen[last]);
    for _ in 0..60 {
        let holds = |p: f64, n: f64| 1.0 - (1.0 - p).powf(n);
        let both = |n: f64| holds(low, n) + holds(high, n) - holds(low + high, n);
        let expected = |p: f64, which: usize| match ends {
            [true, true] if which == 0 => p * holds(high, g - 1.0) / both(g),
            [true, true] => p * holds(low, g - 1.0) / both(g),
            _ if ends[which] => p / holds(p, g),
            _ => p,
        };
        let next_low = low * seen[0] / expected(low, 0);
        let next_high = high * seen[last] / expected(high, 1);
        // In a class with an end exactly once per group the probability tends to zero.
        let kept = |next: f64| if next.is_finite() { next.clamp(1e-6, 0.5) } else { 1e-6 };
        (low, high) = (kept(next_low), kept(next_high));
    }
    let inner: f64 = seen[1..last].iter().sum();
    let scale = if inner > 0.0 { (1.0 - low - high) / inner } else { 0.0 };
    let mut weights = Counts::default();
    let mut add = |symbol: usize, p: f64| weights.add_many(symbol as u8, (p * 1e9).ceil() as u64);
    add(0, low);
    add(last, high);
    (1..last).for_each(|s| add(s, (seen[s] * scale).max(1e-7)));
    Ok(FrequencyTable::new(&weights, alphabet, BASE_PRECISION)?)
}
