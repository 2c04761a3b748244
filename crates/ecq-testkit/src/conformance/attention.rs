//! Attention over cached keys and values.

use super::harness::{Harness, compute};
use super::paging::{BlockAllocator, Row, SequenceData, TestCache};
use super::{Subject, bits};
use ecq_core::Element;
use ecq_fixtures::Numbers;
use ecq_runtime::program::{Attention, BufferId, Command};

/// Lengths of the sequences.
const LENGTHS: [usize; 3] = [23, 130, 40];
/// Rows per batch of each sequence in chunked schedules: the first decodes, the others are in prefill.
const CHUNKS: [usize; 3] = [1, 11, 5];
const SCALE: f32 = 0.3;

/// Division of the rows into batches.
#[derive(Debug, Clone, Copy)]
enum Schedule {
    /// One sequence after the other, with the given number of rows per batch.
    Sequential(usize),
    /// All rows of all sequences in one batch.
    AllAtOnce,
    /// A chunk of each sequence per batch, one sequence after the other.
    Chunked,
    /// Like `Chunked`, but with the rows of the sequences interleaved.
    Interleaved,
}

const SCHEDULES: [Schedule; 5] = [
    Schedule::Sequential(1),
    Schedule::Sequential(usize::MAX),
    Schedule::AllAtOnce,
    Schedule::Chunked,
    Schedule::Interleaved,
];

impl Schedule {
    fn batches(self) -> Vec<Vec<Row>> {
        let text = |sequence: usize| (0..LENGTHS[sequence]).map(move |position| (sequence, position));
        match self {
            Self::Sequential(step) => {
                let data = (0..LENGTHS.len()).map(|sequence| text(sequence).collect::<Vec<Row>>());
                data.flat_map(|text| text.chunks(step).map(<[Row]>::to_vec).collect::<Vec<_>>()).collect()
            }
            Self::AllAtOnce => vec![(0..LENGTHS.len()).flat_map(text).collect()],
            Self::Chunked | Self::Interleaved => {
                let steps = LENGTHS.iter().zip(CHUNKS).map(|(length, chunk)| length.div_ceil(chunk));
                let batch = |step: usize| {
                    let chunk =
                        |sequence: usize| text(sequence).skip(step * CHUNKS[sequence]).take(CHUNKS[sequence]);
                    let mut rows: Vec<Row> = (0..LENGTHS.len()).flat_map(chunk).collect();
                    if matches!(self, Self::Interleaved) {
                        let place = |&(sequence, position): &Row| (position % CHUNKS[sequence], sequence);
                        rows.sort_by_key(place);
                    }
                    rows
                };
                (0..steps.max().unwrap_or(0)).map(batch).collect()
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Setup {
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    element: Element,
    window: Option<usize>,
    block_positions: usize,
}

/// Output of attention, and content of the cache, `[positions, heads * head_dim]` per sequence.
#[derive(PartialEq)]
struct Outcome {
    y: Vec<Vec<f32>>,
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
}

/// Tests causal grouped-query attention over shuffled blocks, for all element types, windows, block sizes and
/// schedules. Blocks outside the window are released and reused. On batch-invariant backends the output of a
/// row must be bit-identical for all schedules and block sizes.
pub fn attention(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(5);
    let mut cases = 0;
    for [heads, kv_heads, head_dim] in [[6, 2, 20], [2, 2, 64], [5, 1, 7]] {
        for element in [Element::F32, Element::F16, Element::Bf16, Element::I8] {
            let data = SequenceData::new(&LENGTHS, [heads, kv_heads, head_dim], element, &mut numbers);
            for window in [None, Some(1), Some(5), Some(40)] {
                let mut baseline: Option<(Outcome, Vec<Vec<f64>>)> = None;
                for block_positions in [8, 16, 32] {
                    let setup = Setup { heads, kv_heads, head_dim, element, window, block_positions };
                    for schedule in SCHEDULES {
                        let what = || format!("{setup:?}, {schedule:?}");
                        let outcome = run(subject, setup, &data, schedule, &mut numbers);
                        let known = baseline.as_ref().filter(|(baseline, _)| {
                            baseline.keys == outcome.keys && baseline.values == outcome.values
                        });
                        let (reference, same) = match known {
                            Some((_, reference)) => (reference, true),
                            None => (&setup.reference(&data.queries, &outcome), baseline.is_none()),
                        };
                        for (found, expected) in outcome.y.iter().zip(reference) {
                            for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
                                let error = (f64::from(*found) - expected).abs();
                                let close = error < subject.tolerances.attention;
                                assert!(close, "{}, value {i}: {found} not {expected}", what());
                            }
                        }
                        if subject.backend.info().batch_invariant {
                            assert!(same, "{}: other keys or values are cached", what());
                            let baseline = baseline.as_ref().map_or(&outcome, |(baseline, _)| baseline);
                            let same = outcome.y.iter().zip(&baseline.y).all(|(a, b)| bits(a) == bits(b));
                            assert!(same, "{}: other bits", what());
                        }
                        if baseline.is_none() {
                            baseline = Some((outcome, reference.clone()));
                        }
                        cases += 1;
                    }
                }
            }
        }
    }
    cases
}

fn run(
    subject: &Subject,
    setup: Setup,
    data: &SequenceData,
    schedule: Schedule,
    numbers: &mut Numbers,
) -> Outcome {
    let Setup { heads, kv_heads, head_dim, element, window, block_positions } = setup;
    let (width, kv_width) = (heads * head_dim, kv_heads * head_dim);
    let batches = schedule.batches();
    let capacity = batches.iter().map(Vec::len).max().unwrap_or(0);
    let mut harness = Harness::new(subject);
    let mut allocator = BlockAllocator::new(block_positions, window, &LENGTHS, numbers);
    let [keys, values] = [(); 2].map(|()| {
        TestCache::filled_with_nan(
            &mut harness,
            element,
            allocator.blocks * block_positions,
            [kv_heads, head_dim],
        )
    });
    let (queries, y) = (harness.results(capacity * width), harness.results(capacity * width));
    let [new_keys, new_values] = [(); 2].map(|()| harness.results(capacity * kv_width));
    let (positions, tables) =
        (harness.zeros(Element::U32, capacity), allocator.buffers(&mut harness, capacity));
    let append = |x: BufferId, cache: TestCache| Command::Append {
        x,
        heads: kv_heads,
        head_dim,
        positions,
        tables,
        cache: cache.view,
    };
    let attend = Attention {
        queries,
        heads,
        kv_heads,
        head_dim,
        keys: keys.view,
        values: values.view,
        tables,
        positions,
        window,
        scale: SCALE,
        y,
    };
    let commands =
        vec![append(new_keys, keys), append(new_values, values), Command::Attention(Box::new(attend))];
    let program = harness.compile([capacity, 0], compute(commands));
    let empty = |width: usize| LENGTHS.iter().map(|length| vec![f32::NAN; length * width]).collect();
    let mut outcome = Outcome { y: empty(width), keys: empty(kv_width), values: empty(kv_width) };
    for batch in &batches {
        allocator.prepare(batch);
        let of = |data: &[Vec<f32>], width: usize| -> Vec<f32> {
            batch.iter().flat_map(|&(s, p)| data[s][p * width..(p + 1) * width].to_vec()).collect()
        };
        let rows = [
            (queries, of(&data.queries, width)),
            (new_keys, of(&data.keys, kv_width)),
            (new_values, of(&data.values, kv_width)),
        ];
        let numbers = [
            (tables.sequences, batch.iter().map(|row| row.0 as u32).collect::<Vec<u32>>()),
            (positions, batch.iter().map(|row| row.1 as u32).collect()),
            (tables.tables, allocator.tables.clone()),
        ];
        let floats = rows.iter().map(|(id, values)| (*id, bytemuck::cast_slice(values)));
        let integers = numbers.iter().map(|(id, values)| (*id, bytemuck::cast_slice(values)));
        let writes: Vec<(BufferId, &[u8])> = floats.chain(integers).collect();
        harness.submit(&program, [batch.len(), 0], &writes).unwrap();
        let found = harness.part::<f32>(y, 0..batch.len() * width);
        for (&(s, p), found) in batch.iter().zip(found.chunks_exact(width)) {
            outcome.y[s][p * width..(p + 1) * width].copy_from_slice(found);
            for (cache, given, kept) in
                [(keys, &data.keys, &mut outcome.keys), (values, &data.values, &mut outcome.values)]
            {
                let (stored, place) =
                    (cache.row(&harness, allocator.row((s, p))), p * kv_width..(p + 1) * kv_width);
                let what = || format!("{setup:?}, {schedule:?}, sequence {s}, position {p}");
                cache.check(&stored, &given[s][place.clone()], &what);
                kept[s][place].copy_from_slice(&stored.values);
            }
        }
    }
    outcome
}

impl Setup {
    /// Computes attention over the content of the cache in f64.
    fn reference(&self, queries: &[Vec<f32>], outcome: &Outcome) -> Vec<Vec<f64>> {
        let &Self { heads, kv_heads, head_dim, window, .. } = self;
        let one = |queries: &[f32], keys: &[f32], values: &[f32]| -> Vec<f64> {
            let mut y = vec![0.0; queries.len()];
            let rows = queries.chunks_exact(head_dim).zip(y.chunks_exact_mut(head_dim)).enumerate();
            for (i, (query, y)) in rows {
                let (position, head) = (i / heads, i % heads);
                let place = |p: usize| (p * kv_heads + head / (heads / kv_heads)) * head_dim;
                let first = window.map_or(0, |window| (position + 1).saturating_sub(window));
                let mut total = 0.0;
                for p in first..=position {
                    let products = query.iter().zip(&keys[place(p)..]);
                    let score = products.map(|(&q, &k)| f64::from(q) * f64::from(k)).sum::<f64>();
                    let weight = (f64::from(SCALE) * score).exp();
                    total += weight;
                    y.iter_mut().zip(&values[place(p)..]).for_each(|(y, &v)| *y += weight * f64::from(v));
                }
                y.iter_mut().for_each(|y| *y /= total);
            }
            y
        };
        let caches = outcome.keys.iter().zip(&outcome.values);
        queries.iter().zip(caches).map(|(queries, (keys, values))| one(queries, keys, values)).collect()
    }
}
