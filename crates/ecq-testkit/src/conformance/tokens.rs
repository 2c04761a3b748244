//! From logits to tokens, and on to the next step without the host.

use super::rig::{Rig, compute};
use super::{Joined, random};
use ecq_core::{Element, FloatType, FloatVec, RotaryPairs};
use ecq_fixtures::Numbers;
use ecq_runtime::program::{BufferId, Command, Rows};
use ecq_runtime::{Matrix, MatrixStorage, Residence, SamplingParams, draw};

/// Rows of logits: of one shape, of many, with equals, with what is no number.
fn logits(numbers: &mut Numbers, width: usize) -> Vec<Vec<f32>> {
    let mut rows: Vec<Vec<f32>> = (0..3).map(|_| random(numbers, width)).collect();
    let scaled = |row: &[f32]| row.iter().map(|l| 4.0 * l - 20.0).collect();
    rows.push(scaled(&rows[0]));
    // The largest at several places, the last one among them.
    rows.push(rows[1].iter().map(|l| l.round()).collect());
    let mut ends = rows[2].clone();
    (ends[width - 1], ends[width / 2]) = (9.0, 9.0);
    rows.push(ends);
    rows.push(rows[0].iter().enumerate().map(|(i, &l)| if i % 3 == 0 { f32::NAN } else { l }).collect());
    rows.push(rows[0].iter().map(|&l| if l > 0.0 { f32::NEG_INFINITY } else { l }).collect());
    // Only the last one can be chosen.
    let mut last = vec![f32::NEG_INFINITY; width];
    last[width - 1] = -1e30;
    rows.push(last);
    rows.extend([f32::NEG_INFINITY, f32::NAN, -0.0].map(|l| vec![l; width]));
    // The largest is not finite.
    let mut infinite = rows[1].clone();
    infinite[width / 3] = f32::INFINITY;
    rows.push(infinite);
    rows
}

/// The first of the largest, NaN ignored; nothing where that is not finite.
fn first_of_largest(logits: &[f32]) -> u32 {
    let numbers = logits.iter().filter(|l| !l.is_nan());
    let most = numbers.fold(f32::NEG_INFINITY, |most, &l| most.max(l));
    let first = logits.iter().position(|&l| l == most).filter(|_| most.is_finite());
    first.map_or(u32::MAX, |token| token as u32)
}

/// The first of the largest logits, whatever else is there; rows that are not in use are left alone.
pub fn argmax(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(11);
    let mut cases = 0;
    for width in [1, 5, 127, 128, 129, 1000, 40_000] {
        let rows = logits(&mut numbers, width);
        let mut rig = Rig::new(joined);
        let (logits, y) = (rig.filled(&rows.concat()), rig.zeros(Element::U32, rows.len()));
        let program = rig.compile([1, rows.len()], compute(vec![Command::Argmax { logits, width, y }]));
        for live in [rows.len(), 3, 1] {
            rig.write(y, &vec![7u32; rows.len()]);
            rig.submit(&program, [1, live], &[]).unwrap();
            let expected = rows.iter().enumerate();
            let expected = expected.map(|(i, row)| if i < live { first_of_largest(row) } else { 7 });
            assert_eq!(rig.read::<u32>(y), expected.collect::<Vec<_>>(), "width {width}, {live} rows");
            cases += live;
        }
    }
    cases
}

/// Tokens as the host draws them from the same numbers.
pub fn sample(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(12);
    let mut draws = Vec::new();
    for temperature in [0.0, 0.7, 1.5] {
        for top_k in [0, 1, 5, 60] {
            for (top_p, min_p) in [(1.0, 0.0), (0.9, 0.0), (0.3, 0.0), (1.0, 0.05), (0.9, 0.2)] {
                let uniform = numbers.below(1 << 24) as f32 / (1 << 24) as f32;
                draws.push(SamplingParams { temperature, top_k, top_p, min_p, uniform });
            }
        }
    }
    let plain = SamplingParams { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, uniform: 0.0 };
    draws.extend([0.0, 0.5, 1.0 - f32::EPSILON / 2.0].map(|uniform| SamplingParams { uniform, ..plain }));
    let mut cases = 0;
    for width in [1, 50, 1000] {
        for row in logits(&mut numbers, width) {
            let mut rig = Rig::new(joined);
            let wanted = draws.len();
            let floats: Vec<f32> = draws.iter().flat_map(SamplingParams::to_floats).collect();
            let logits = rig.filled(&vec![row.as_slice(); wanted].concat());
            let (buffer, y) = (rig.filled(&floats), rig.zeros(Element::U32, wanted));
            rig.run([1, wanted], vec![Command::Sample { logits, width, draws: buffer, y }]);
            for (&found, wanted) in rig.read::<u32>(y).iter().zip(&draws) {
                let expected = draw(&row, wanted, &mut Vec::new()).unwrap_or(u32::MAX);
                assert_eq!(found, expected, "{wanted:?} of {width} logits {:?}", &row[..row.len().min(9)]);
                cases += 1;
            }
        }
    }
    cases
}

const VOCABULARY: usize = 23;
const WIDTH: usize = 8;
/// Steps that the history has room for, and steps that run.
const STEPS: [usize; 2] = [4, 7];
/// Rows of the batch and wanted rows that there is room for; how many are in use.
const CAPACITY: [usize; 2] = [5, 4];
const LIVE: [usize; 2] = [3, 2];
/// Tokens of a step in the history: the chosen tokens have more room than the program uses.
const CHOSEN: usize = 6;

/// A small model without a cache: a token and its position decide the next token.
struct Stepper {
    tokens: BufferId,
    positions: BufferId,
    index: BufferId,
    chosen: BufferId,
    commands: Vec<Command>,
}

impl Stepper {
    fn new(rig: &mut Rig, numbers: &mut Numbers) -> Self {
        let mut table = |rig: &mut Rig| {
            let bytes =
                FloatVec::of(FloatType::F32, &random(numbers, VOCABULARY * WIDTH)).as_bytes().to_vec();
            let stored = MatrixStorage::Plain { dtype: FloatType::F32, bytes: bytes.into() };
            let matrix = Matrix { name: "a table".to_owned(), shape: [VOCABULARY, WIDTH], stored };
            rig.hold(&matrix, Residence::Dense).operand
        };
        let (embedding, head) = (table(rig).weight(), table(rig));
        let tokens = rig.filled(&[3u32, 14, 15, 9, 9]);
        let positions = rig.filled(&[0u32, 7, 2, 5, 5]);
        // What is behind the live rows would count the first row twice.
        let index = rig.filled(&[2u32, 0, 0, 2, 0]);
        let (x, gathered) = (rig.results(CAPACITY[0] * WIDTH), rig.results(CAPACITY[1] * WIDTH));
        let logits = rig.results(CAPACITY[1] * VOCABULARY);
        let chosen = rig.filled(&[u32::MAX; CHOSEN]);
        let (frequencies, table) = (rig.filled(&[1.0f32, 0.3]), rig.results(CAPACITY[0] * 4));
        let (count, heads, head_dim, pairs) = (2, 2, 4, RotaryPairs::Halves);
        let output = rig.output(head, CAPACITY[1], 0..VOCABULARY, logits);
        let commands = vec![
            Command::Embed { table: embedding, index: tokens, scale: 1.0, add: false, y: x },
            Command::RotaryAngles { positions, frequencies, count, per_row: false, scale: 1.0, table },
            Command::Rotate { x, heads, head_dim, table, frequencies: count, pairs },
            Command::Gather { x, index, width: WIDTH, y: gathered },
            Command::Linear { rows: Rows::LogitsSelection, x: gathered, outputs: vec![output] },
            Command::Argmax { logits, width: VOCABULARY, y: chosen },
        ];
        Self { tokens, positions, index, chosen, commands }
    }
}

/// Steps that run without the host between them give what steps by hand give; the history keeps what it has
/// room for.
pub fn advance(joined: &Joined) -> usize {
    let mut rig = Rig::new(joined);
    let stepper = Stepper::new(&mut rig, &mut Numbers::new(13));
    let &Stepper { tokens, positions, index, chosen, .. } = &stepper;
    let start = (rig.read::<u32>(tokens), rig.read::<u32>(positions));
    let index_of_rows = rig.read::<u32>(index);

    let by_hand = rig.compile(CAPACITY, compute(stepper.commands.clone()));
    let (mut next, mut all) = (start.clone(), Vec::new());
    for _ in 0..STEPS[1] {
        let inputs = [(tokens, &next.0), (positions, &next.1)];
        let inputs = inputs.map(|(id, values)| (id, bytemuck::cast_slice(values)));
        rig.submit(&by_hand, LIVE, &inputs).unwrap();
        let given = rig.part::<u32>(chosen, 0..LIVE[1]);
        for (&token, &row) in given.iter().zip(&index_of_rows) {
            next.0[row as usize] = token;
            next.1[row as usize] += 1;
        }
        all.push(given);
    }
    let mut different = all.concat();
    different.sort_unstable();
    different.dedup();
    assert!(different.len() > 3 && !different.contains(&u32::MAX), "a model that says something: {all:?}");

    let (history, count) = (rig.filled(&[77u32; STEPS[0] * CHOSEN]), rig.filled(&[9u32]));
    let mut commands = stepper.commands.clone();
    commands.push(Command::Advance { chosen, index, tokens, positions, history, count });
    let program = rig.compile(CAPACITY, compute(commands));
    // Twice: what the first time left behind must not show.
    for _ in 0..2 {
        rig.write(history, &[77u32; STEPS[0] * CHOSEN]);
        let inputs = [(tokens, &start.0), (positions, &start.1), (count, &vec![0])];
        let inputs = inputs.map(|(id, values)| (id, bytemuck::cast_slice(values)));
        for step in 0..STEPS[1] {
            rig.submit(&program, LIVE, if step == 0 { &inputs } else { &[] }).unwrap();
        }
        let kept = rig.read::<u32>(history);
        for (step, kept) in kept.chunks_exact(CHOSEN).enumerate() {
            assert_eq!(kept[..LIVE[1]], all[step], "step {step}");
            assert!(
                kept[LIVE[1]..].iter().all(|&token| token == 77),
                "step {step}: rows that are not in use"
            );
        }
        assert_eq!((rig.read(tokens), rig.read(positions)), next);
        assert_eq!(rig.read::<u32>(count), [STEPS[1] as u32]);
    }
    2 * STEPS[1]
}
