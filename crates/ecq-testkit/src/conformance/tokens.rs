//! Choosing tokens, and multi-step decoding.

use super::harness::{Harness, compute};
use super::{Subject, random};
use ecq_core::{Element, FloatType, FloatVec, RotaryPairs};
use ecq_fixtures::Numbers;
use ecq_runtime::program::{BufferId, Command, Rows};
use ecq_runtime::{Matrix, MatrixStorage, Residence, SamplingParams, sample_token};

/// Creates rows of logits: random, with ties, with NaN and infinities.
fn logits(numbers: &mut Numbers, width: usize) -> Vec<Vec<f32>> {
    let mut rows: Vec<Vec<f32>> = (0..3).map(|_| random(numbers, width)).collect();
    let scaled = |row: &[f32]| row.iter().map(|l| 4.0 * l - 20.0).collect();
    rows.push(scaled(&rows[0]));
    // The maximum occurs several times, also at the end.
    rows.push(rows[1].iter().map(|l| l.round()).collect());
    let mut ends = rows[2].clone();
    (ends[width - 1], ends[width / 2]) = (9.0, 9.0);
    rows.push(ends);
    rows.push(rows[0].iter().enumerate().map(|(i, &l)| if i % 3 == 0 { f32::NAN } else { l }).collect());
    rows.push(rows[0].iter().map(|&l| if l > 0.0 { f32::NEG_INFINITY } else { l }).collect());
    // Only the last token can be chosen.
    let mut last = vec![f32::NEG_INFINITY; width];
    last[width - 1] = -1e30;
    rows.push(last);
    rows.extend([f32::NEG_INFINITY, f32::NAN, -0.0].map(|l| vec![l; width]));
    // The maximum is not finite.
    let mut infinite = rows[1].clone();
    infinite[width / 3] = f32::INFINITY;
    rows.push(infinite);
    rows
}

/// Returns the first largest logit, ignoring NaN; `u32::MAX` if it is not finite.
fn first_of_largest(logits: &[f32]) -> u32 {
    let numbers = logits.iter().filter(|l| !l.is_nan());
    let most = numbers.fold(f32::NEG_INFINITY, |most, &l| most.max(l));
    let first = logits.iter().position(|&l| l == most).filter(|_| most.is_finite());
    first.map_or(u32::MAX, |token| token as u32)
}

/// Tests argmax. Rows not in use must not be written.
pub fn argmax(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(11);
    let mut cases = 0;
    for width in [1, 5, 127, 128, 129, 1000, 40_000] {
        let rows = logits(&mut numbers, width);
        let mut harness = Harness::new(subject);
        let (logits, y) = (harness.filled(&rows.concat()), harness.zeros(Element::U32, rows.len()));
        let program = harness.compile([1, rows.len()], compute(vec![Command::Argmax { logits, width, y }]));
        for active in [rows.len(), 3, 1] {
            harness.write(y, &vec![7u32; rows.len()]);
            harness.submit(&program, [1, active], &[]).unwrap();
            let expected = rows.iter().enumerate();
            let expected = expected.map(|(i, row)| if i < active { first_of_largest(row) } else { 7 });
            assert_eq!(harness.read::<u32>(y), expected.collect::<Vec<_>>(), "width {width}, {active} rows");
            cases += active;
        }
    }
    cases
}

/// Tokens must equal those that the host samples with the same parameters.
pub fn sample(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(12);
    let mut params = Vec::new();
    for temperature in [0.0, 0.7, 1.5] {
        for top_k in [0, 1, 5, 60] {
            for (top_p, min_p) in [(1.0, 0.0), (0.9, 0.0), (0.3, 0.0), (1.0, 0.05), (0.9, 0.2)] {
                let uniform = numbers.below(1 << 24) as f32 / (1 << 24) as f32;
                params.push(SamplingParams { temperature, top_k, top_p, min_p, uniform });
            }
        }
    }
    let plain = SamplingParams { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, uniform: 0.0 };
    params.extend([0.0, 0.5, 1.0 - f32::EPSILON / 2.0].map(|uniform| SamplingParams { uniform, ..plain }));
    let mut cases = 0;
    for width in [1, 50, 1000] {
        for row in logits(&mut numbers, width) {
            let mut harness = Harness::new(subject);
            let logits_rows = params.len();
            let floats: Vec<f32> = params.iter().flat_map(SamplingParams::to_floats).collect();
            let logits = harness.filled(&vec![row.as_slice(); logits_rows].concat());
            let (buffer, y) = (harness.filled(&floats), harness.zeros(Element::U32, logits_rows));
            harness.run([1, logits_rows], vec![Command::Sample { logits, width, params: buffer, y }]);
            for (&found, logits_rows) in harness.read::<u32>(y).iter().zip(&params) {
                let expected = sample_token(&row, logits_rows, &mut Vec::new()).unwrap_or(u32::MAX);
                assert_eq!(
                    found,
                    expected,
                    "{logits_rows:?} of {width} logits {:?}",
                    &row[..row.len().min(9)]
                );
                cases += 1;
            }
        }
    }
    cases
}

const VOCABULARY: usize = 23;
const WIDTH: usize = 8;
/// Steps that the history can hold, and steps that run.
const STEPS: [usize; 2] = [4, 7];
/// Batch rows and logits rows of the program, and the numbers in use.
const CAPACITY: [usize; 2] = [5, 4];
const ACTIVE: [usize; 2] = [3, 2];
/// Length of the chosen tokens' buffer, which exceeds the program's rows.
const CHOSEN: usize = 6;

/// A model without a cache: the next token depends on a token and its position.
struct TokenModel {
    tokens: BufferId,
    positions: BufferId,
    index: BufferId,
    chosen: BufferId,
    commands: Vec<Command>,
}

impl TokenModel {
    fn new(harness: &mut Harness, numbers: &mut Numbers) -> Self {
        let mut table = |harness: &mut Harness| {
            let bytes =
                FloatVec::from_f32(FloatType::F32, &random(numbers, VOCABULARY * WIDTH)).as_bytes().to_vec();
            let storage = MatrixStorage::Plain { dtype: FloatType::F32, bytes: bytes.into() };
            let matrix = Matrix { name: "a table".to_owned(), shape: [VOCABULARY, WIDTH], storage };
            harness.load_operand(&matrix, Residence::Dense).operand
        };
        let (embedding, head) = (table(harness).weight(), table(harness));
        let tokens = harness.filled(&[3u32, 14, 15, 9, 9]);
        let positions = harness.filled(&[0u32, 7, 2, 5, 5]);
        // Entries not in use would advance the first row twice.
        let index = harness.filled(&[2u32, 0, 0, 2, 0]);
        let (x, gathered) = (harness.results(CAPACITY[0] * WIDTH), harness.results(CAPACITY[1] * WIDTH));
        let logits = harness.results(CAPACITY[1] * VOCABULARY);
        let chosen = harness.filled(&[u32::MAX; CHOSEN]);
        let (frequencies, table) = (harness.filled(&[1.0f32, 0.3]), harness.results(CAPACITY[0] * 4));
        let (count, heads, head_dim, pairs) = (2, 2, 4, RotaryPairs::Halves);
        let output = harness.output(head, CAPACITY[1], 0..VOCABULARY, logits);
        let commands = vec![
            Command::Embed { table: embedding, index: tokens, scale: 1.0, add: false, y: x },
            Command::RotaryAngles { positions, frequencies, count, per_row: false, scale: 1.0, table },
            Command::Rotate { x, heads, head_dim, table, frequencies: count, pairs },
            Command::Gather { x, index, width: WIDTH, y: gathered },
            Command::Linear { rows: Rows::Logits, x: gathered, outputs: vec![output] },
            Command::Argmax { logits, width: VOCABULARY, y: chosen },
        ];
        Self { tokens, positions, index, chosen, commands }
    }
}

/// Multi-step decoding must give the same tokens as steps driven by the host. The history drops steps beyond
/// its end.
pub fn advance(subject: &Subject) -> usize {
    let mut harness = Harness::new(subject);
    let model = TokenModel::new(&mut harness, &mut Numbers::new(13));
    let &TokenModel { tokens, positions, index, chosen, .. } = &model;
    let start = (harness.read::<u32>(tokens), harness.read::<u32>(positions));
    let index_of_rows = harness.read::<u32>(index);

    let host_driven = harness.compile(CAPACITY, compute(model.commands.clone()));
    let (mut next, mut all) = (start.clone(), Vec::new());
    for _ in 0..STEPS[1] {
        let inputs = [(tokens, &next.0), (positions, &next.1)];
        let inputs = inputs.map(|(id, values)| (id, bytemuck::cast_slice(values)));
        harness.submit(&host_driven, ACTIVE, &inputs).unwrap();
        let given = harness.part::<u32>(chosen, 0..ACTIVE[1]);
        for (&token, &row) in given.iter().zip(&index_of_rows) {
            next.0[row as usize] = token;
            next.1[row as usize] += 1;
        }
        all.push(given);
    }
    let mut different = all.concat();
    different.sort_unstable();
    different.dedup();
    assert!(different.len() > 3 && !different.contains(&u32::MAX), "generates various tokens: {all:?}");

    let (history, count) = (harness.filled(&[77u32; STEPS[0] * CHOSEN]), harness.filled(&[9u32]));
    let mut commands = model.commands.clone();
    commands.push(Command::Advance { chosen, index, tokens, positions, history, count });
    let program = harness.compile(CAPACITY, compute(commands));
    // Twice, because state of the first run must not matter.
    for _ in 0..2 {
        harness.write(history, &[77u32; STEPS[0] * CHOSEN]);
        let inputs = [(tokens, &start.0), (positions, &start.1), (count, &vec![0])];
        let inputs = inputs.map(|(id, values)| (id, bytemuck::cast_slice(values)));
        for step in 0..STEPS[1] {
            harness.submit(&program, ACTIVE, if step == 0 { &inputs } else { &[] }).unwrap();
        }
        let kept = harness.read::<u32>(history);
        for (step, kept) in kept.chunks_exact(CHOSEN).enumerate() {
            assert_eq!(kept[..ACTIVE[1]], all[step], "step {step}");
            assert!(
                kept[ACTIVE[1]..].iter().all(|&token| token == 77),
                "step {step}: rows that are not in use"
            );
        }
        assert_eq!((harness.read(tokens), harness.read(positions)), next);
        assert_eq!(harness.read::<u32>(count), [STEPS[1] as u32]);
    }
    2 * STEPS[1]
}
