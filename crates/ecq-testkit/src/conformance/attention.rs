//! Attention over blocks of cached keys and values.

use super::paging::{Cache, Paging, Row, Texts};
use super::rig::{Rig, compute};
use super::{Joined, bits};
use ecq_core::Element;
use ecq_fixtures::Numbers;
use ecq_runtime::program::{Attention, BufferId, Command};

/// Lengths of the sequences.
const LENGTHS: [usize; 3] = [23, 130, 40];
/// Rows that they have in a batch at most, where they are mixed: one decodes, the others read their prompts.
const CHUNKS: [usize; 3] = [1, 11, 5];
const SCALE: f32 = 0.3;

/// Which rows run together.
#[derive(Debug, Clone, Copy)]
enum Schedule {
    /// One sequence after the other, so many rows at a time.
    Alone(usize),
    /// All rows of all sequences at once.
    Together,
    /// Some rows of each sequence at a time, one sequence behind the other.
    Mixed,
    /// As mixed, but dealt like cards: no neighbours are of one sequence as long as there are others.
    Dealt,
}

const SCHEDULES: [Schedule; 5] =
    [Schedule::Alone(1), Schedule::Alone(usize::MAX), Schedule::Together, Schedule::Mixed, Schedule::Dealt];

impl Schedule {
    fn batches(self) -> Vec<Vec<Row>> {
        let text = |sequence: usize| (0..LENGTHS[sequence]).map(move |position| (sequence, position));
        match self {
            Self::Alone(step) => {
                let texts = (0..LENGTHS.len()).map(|sequence| text(sequence).collect::<Vec<Row>>());
                texts.flat_map(|text| text.chunks(step).map(<[Row]>::to_vec).collect::<Vec<_>>()).collect()
            }
            Self::Together => vec![(0..LENGTHS.len()).flat_map(text).collect()],
            Self::Mixed | Self::Dealt => {
                let steps = LENGTHS.iter().zip(CHUNKS).map(|(length, chunk)| length.div_ceil(chunk));
                let batch = |step: usize| {
                    let chunk =
                        |sequence: usize| text(sequence).skip(step * CHUNKS[sequence]).take(CHUNKS[sequence]);
                    let mut rows: Vec<Row> = (0..LENGTHS.len()).flat_map(chunk).collect();
                    if matches!(self, Self::Dealt) {
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

/// What came out, and what the cache held of each position, `[positions, heads * head_dim]` of each sequence.
#[derive(PartialEq)]
struct Outcome {
    y: Vec<Vec<f32>>,
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
}

/// Causal attention with grouped heads over blocks in no order, with and without a window, of every element,
/// with all orders of the same rows. Blocks of which no row sees anything any more are given back and used
/// again. Where a backend has the same bits, a row's are the same whatever runs beside it, however a text is
/// cut and into whatever blocks.
pub fn attention(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(5);
    let mut cases = 0;
    for [heads, kv_heads, head_dim] in [[6, 2, 20], [2, 2, 64], [5, 1, 7]] {
        for element in [Element::F32, Element::F16, Element::Bf16, Element::I8] {
            let texts = Texts::new(&LENGTHS, [heads, kv_heads, head_dim], element, &mut numbers);
            for window in [None, Some(1), Some(5), Some(40)] {
                let mut standard: Option<(Outcome, Vec<Vec<f64>>)> = None;
                for block_positions in [8, 16, 32] {
                    let setup = Setup { heads, kv_heads, head_dim, element, window, block_positions };
                    for schedule in SCHEDULES {
                        let what = || format!("{setup:?}, {schedule:?}");
                        let outcome = run(joined, setup, &texts, schedule, &mut numbers);
                        let known = standard.as_ref().filter(|(standard, _)| {
                            standard.keys == outcome.keys && standard.values == outcome.values
                        });
                        let (reference, same) = match known {
                            Some((_, reference)) => (reference, true),
                            None => (&setup.reference(&texts.queries, &outcome), standard.is_none()),
                        };
                        for (found, expected) in outcome.y.iter().zip(reference) {
                            for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
                                let error = (f64::from(*found) - expected).abs();
                                let close = error < joined.tolerances.attention;
                                assert!(close, "{}, value {i}: {found} not {expected}", what());
                            }
                        }
                        if joined.backend.facts().same_bits {
                            assert!(same, "{}: other keys or values are cached", what());
                            let standard = standard.as_ref().map_or(&outcome, |(standard, _)| standard);
                            let same = outcome.y.iter().zip(&standard.y).all(|(a, b)| bits(a) == bits(b));
                            assert!(same, "{}: other bits", what());
                        }
                        if standard.is_none() {
                            standard = Some((outcome, reference.clone()));
                        }
                        cases += 1;
                    }
                }
            }
        }
    }
    cases
}

fn run(joined: &Joined, setup: Setup, texts: &Texts, schedule: Schedule, numbers: &mut Numbers) -> Outcome {
    let Setup { heads, kv_heads, head_dim, element, window, block_positions } = setup;
    let (width, kv_width) = (heads * head_dim, kv_heads * head_dim);
    let batches = schedule.batches();
    let capacity = batches.iter().map(Vec::len).max().unwrap_or(0);
    let mut rig = Rig::new(joined);
    let mut paging = Paging::new(block_positions, window, &LENGTHS, numbers);
    let [keys, values] = [(); 2]
        .map(|()| Cache::poisoned(&mut rig, element, paging.blocks * block_positions, [kv_heads, head_dim]));
    let (queries, y) = (rig.results(capacity * width), rig.results(capacity * width));
    let [new_keys, new_values] = [(); 2].map(|()| rig.results(capacity * kv_width));
    let (positions, tables) = (rig.zeros(Element::U32, capacity), paging.buffers(&mut rig, capacity));
    let append = |x: BufferId, cache: Cache| Command::Append {
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
    let program = rig.compile([capacity, 0], compute(commands));
    let empty = |width: usize| LENGTHS.iter().map(|length| vec![f32::NAN; length * width]).collect();
    let mut outcome = Outcome { y: empty(width), keys: empty(kv_width), values: empty(kv_width) };
    for batch in &batches {
        paging.prepare(batch);
        let of = |texts: &[Vec<f32>], width: usize| -> Vec<f32> {
            batch.iter().flat_map(|&(s, p)| texts[s][p * width..(p + 1) * width].to_vec()).collect()
        };
        let rows = [
            (queries, of(&texts.queries, width)),
            (new_keys, of(&texts.keys, kv_width)),
            (new_values, of(&texts.values, kv_width)),
        ];
        let numbers = [
            (tables.sequences, batch.iter().map(|row| row.0 as u32).collect::<Vec<u32>>()),
            (positions, batch.iter().map(|row| row.1 as u32).collect()),
            (tables.tables, paging.tables.clone()),
        ];
        let floats = rows.iter().map(|(id, values)| (*id, bytemuck::cast_slice(values)));
        let integers = numbers.iter().map(|(id, values)| (*id, bytemuck::cast_slice(values)));
        let writes: Vec<(BufferId, &[u8])> = floats.chain(integers).collect();
        rig.submit(&program, [batch.len(), 0], &writes).unwrap();
        let found = rig.part::<f32>(y, 0..batch.len() * width);
        for (&(s, p), found) in batch.iter().zip(found.chunks_exact(width)) {
            outcome.y[s][p * width..(p + 1) * width].copy_from_slice(found);
            for (cache, given, kept) in
                [(keys, &texts.keys, &mut outcome.keys), (values, &texts.values, &mut outcome.values)]
            {
                let (stored, place) = (cache.row(&rig, paging.row((s, p))), p * kv_width..(p + 1) * kv_width);
                let what = || format!("{setup:?}, {schedule:?}, sequence {s}, position {p}");
                cache.check(&stored, &given[s][place.clone()], &what);
                kept[s][place].copy_from_slice(&stored.values);
            }
        }
    }
    outcome
}

impl Setup {
    /// Attention over what the cache holds.
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
