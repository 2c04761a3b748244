//! Programs have room for more rows than a step uses.

use super::Joined;
use super::matrices::{coded, matrices};
use super::rig::{Rig, compute};
use ecq_codec::encode::TileChoice;
use ecq_core::{Activation, Coding, Element, RotaryPairs};
use ecq_fixtures::Numbers;
use ecq_runtime::backend::Compiled;
use ecq_runtime::program::{Attention, BlockTables, BufferId, CacheView, Command, Norm, Rows};
use ecq_runtime::{Residence, SamplingParams};
use half::{bf16, f16};

/// Rows of the batch, and wanted ones, that the larger program has room for. Buffers have room for one more.
const CAPACITY: [usize; 2] = [8, 5];
const WIDTH: usize = 8;
const VOCABULARY: usize = 11;
const BLOCK: usize = 8;
/// What a cache holds before.
const BEFORE: f32 = 0.25;

/// What may become of a buffer.
enum Kind {
    /// It stays as it is.
    Read,
    /// Rows in use get results; others that the program has room for may hold anything.
    Results { bytes: usize, rows: Rows },
    /// It becomes what the program without room for more makes of it.
    State,
}

/// A program of all commands that work on rows, on buffers that are the same for every capacity.
struct Step<'a> {
    rig: Rig<'a>,
    buffers: Vec<(BufferId, &'static str, Kind)>,
    caches: [CacheView; 2],
    program: Compiled,
}

/// Rows of a cache that rows of the batch write: alternately of two sequences, whose blocks are the numbers 2
/// and 0. All of them see positions from before.
fn places(rows: usize) -> Vec<(u32, u32)> {
    (0..rows as u32).map(|row| (row % 2, 2 + row / 2)).collect()
}

impl<'a> Step<'a> {
    /// With room for `capacity` rows, and inputs for `live` ones; behind them stand rows that would do
    /// damage.
    fn new(joined: &'a Joined, element: Element, capacity: [usize; 2], live: [usize; 2]) -> Self {
        let mut numbers = Numbers::new(14);
        let mut rig = Rig::new(joined);
        let mut buffers = Vec::new();
        let [rows, wanted] = CAPACITY.map(|rows| rows + 1);
        let mut read = |rig: &mut Rig, name, values: &[u32]| {
            let id = rig.filled(values);
            buffers.push((id, name, if name == "state" { Kind::State } else { Kind::Read }));
            id
        };
        let padded = |mut values: Vec<u32>, len: usize, with: u32| {
            values.resize(len, with);
            values
        };
        let tokens: Vec<u32> = (0..live[0]).map(|_| numbers.below(VOCABULARY as u64) as u32).collect();
        let tokens = read(&mut rig, "state", &padded(tokens, rows, 3));
        // Rows that are not in use name the first sequence and a position that it has.
        let (sequences, positions): (Vec<u32>, Vec<u32>) = places(live[0]).into_iter().unzip();
        let sequences = read(&mut rig, "sequences", &padded(sequences, rows, 0));
        let positions = read(&mut rig, "state", &padded(positions, rows, 1));
        let tables = read(&mut rig, "tables", &[2, u32::MAX, 0, u32::MAX]);
        let index = (0..live[1]).map(|i| (live[0] - 1 - i) as u32).collect();
        let index = read(&mut rig, "index", &padded(index, wanted, 0));
        let history = read(&mut rig, "state", &vec![77; 3 * wanted]);
        let count = read(&mut rig, "state", &[1]);

        let mut inputs = |rig: &mut Rig, name, len| {
            let id = rig.filled(&super::random(&mut numbers, len));
            buffers.push((id, name, Kind::Read));
            id
        };
        let [new_keys, new_values] = [(); 2].map(|()| inputs(&mut rig, "new keys or values", rows * 4));
        let (weight, frequencies) = (inputs(&mut rig, "norm", 4), inputs(&mut rig, "frequencies", 2));
        let draws = SamplingParams { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, uniform: 0.7 };
        let draws = rig.filled(&vec![draws.to_floats(); wanted].concat());
        buffers.push((draws, "draws", Kind::Read));

        let mut results = |rig: &mut Rig, name, width: usize, which: Rows| {
            let id = rig.results(width * if which == Rows::Batch { rows } else { wanted });
            buffers.push((id, name, Kind::Results { bytes: 4 * width, rows: which }));
            id
        };
        let [x, normed, q, heads] =
            ["x", "normed", "q", "heads"].map(|name| results(&mut rig, name, WIDTH, Rows::Batch));
        let table = results(&mut rig, "angles", 4, Rows::Batch);
        let gathered = results(&mut rig, "gathered", WIDTH, Rows::LogitsSelection);
        let logits = results(&mut rig, "logits", VOCABULARY, Rows::LogitsSelection);
        let [chosen, drawn] = ["chosen", "drawn"].map(|name| {
            let id = rig.filled(&vec![77u32; wanted]);
            buffers.push((id, name, Kind::Results { bytes: 4, rows: Rows::LogitsSelection }));
            id
        });
        let caches = [(); 2].map(|()| {
            let len = 3 * BLOCK * 4;
            let (data, scales) = match element {
                Element::F32 => (rig.filled(&vec![BEFORE; len]), None),
                Element::F16 => (rig.filled(&vec![f16::from_f32(BEFORE); len]), None),
                _ => {
                    let scales = rig.filled(&[bf16::from_f32(BEFORE); 3 * BLOCK]);
                    (rig.filled(&vec![1i8; len]), Some(scales))
                }
            };
            buffers.extend(scales.map(|scales| (scales, "state", Kind::State)));
            buffers.push((data, "state", Kind::State));
            CacheView { data, scales }
        });

        let shape = [WIDTH, WIDTH];
        let matrix = coded(&mut numbers, shape, 16, Coding::Rans, TileChoice::Auto).matrix;
        let q_weight = rig.hold(&matrix, Residence::Packed).operand;
        let q_output = rig.output(q_weight, capacity[0], 0..WIDTH, q);
        let ends = &matrices(&mut numbers, VOCABULARY, WIDTH)[1].matrix;
        let head = rig.hold(ends, Residence::Streams).operand;
        let output = rig.output(head, capacity[1], 0..VOCABULARY, logits);
        let norm = Norm::Rms { weight, eps: 1e-5 };
        let tables = BlockTables { tables, width: 2, sequences, block_positions: BLOCK };
        let append = |x, cache| Command::Append { x, heads: 1, head_dim: 4, positions, tables, cache };
        let attend = Attention {
            queries: q,
            heads: 2,
            kv_heads: 1,
            head_dim: 4,
            keys: caches[0],
            values: caches[1],
            tables,
            positions,
            window: None,
            scale: 0.5,
            y: heads,
        };
        let (batch, last) = (Rows::Batch, Rows::LogitsSelection);
        let pairs = RotaryPairs::Halves;
        let commands = vec![
            Command::Embed { table: head.weight(), index: tokens, scale: 1.0, add: false, y: x },
            Command::Norm { norm, rows: batch, heads: 2, x, y: normed },
            Command::Linear { rows: batch, x: normed, outputs: vec![q_output] },
            Command::RotaryAngles { positions, frequencies, count: 2, per_row: false, scale: 1.0, table },
            Command::Rotate { x: q, heads: 2, head_dim: 4, table, frequencies: 2, pairs },
            append(new_keys, caches[0]),
            append(new_values, caches[1]),
            Command::Attention(Box::new(attend)),
            Command::Activate { activation: Activation::Silu, x: heads, up: Some(q), width: WIDTH },
            Command::Add { x: heads, scale: 1.0, y: x, width: WIDTH },
            Command::Gather { x, index, width: WIDTH, y: gathered },
            Command::Norm { norm, rows: last, heads: 2, x: gathered, y: gathered },
            Command::Linear { rows: last, x: gathered, outputs: vec![output] },
            Command::Argmax { logits, width: VOCABULARY, y: chosen },
            Command::Sample { logits, width: VOCABULARY, draws, y: drawn },
            Command::Advance { chosen, index, tokens, positions, history, count },
        ];
        let program = rig.compile(capacity, compute(commands));
        Self { rig, buffers, caches, program }
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        self.buffers.iter().map(|(id, ..)| self.rig.bytes(*id)).collect()
    }
}

/// With fewer rows in use than there is room for, live rows give what they give in a program without room for
/// more, they alone reach caches, tokens and positions, and nothing is written behind the rows that there is
/// room for.
pub fn padding(joined: &Joined) -> usize {
    let mut cases = 0;
    for element in [Element::F32, Element::F16, Element::I8] {
        for live in [[8, 5], [3, 2], [1, 1], [5, 0], [7, 4], [2, 2]] {
            let exact = Step::new(joined, element, live, live);
            exact.rig.submit(&exact.program, live, &[]).unwrap();
            let step = Step::new(joined, element, CAPACITY, live);
            let before = step.bytes();
            step.rig.submit(&step.program, live, &[]).unwrap();
            let all = step.bytes().into_iter().zip(exact.bytes()).zip(before);
            for ((id, name, kind), ((after, exact), before)) in step.buffers.iter().zip(all) {
                let what = format!("{live:?} rows, cache of {element}: {name} ({id:?})");
                match kind {
                    Kind::Read => assert!(after == before, "{what} is written to"),
                    Kind::State => assert!(after == exact, "{what}: not what live rows make of it"),
                    &Kind::Results { bytes, rows } => {
                        let [live, room] =
                            [live, CAPACITY].map(|r| r[(rows == Rows::LogitsSelection) as usize] * bytes);
                        let floats = step.rig.layout.buffers[id.0 as usize].element == Element::F32;
                        let bits = !floats || joined.backend.facts().same_bits;
                        let same = same_results(&after[..live], &exact[..live], bits);
                        assert!(same, "{what}: live rows give something else");
                        assert!(after[room..] == before[room..], "{what}: written behind all rows");
                    }
                }
            }
            check_caches(&step, live[0]);
            cases += 1;
        }
    }
    cases
}

/// Tokens are the same everywhere, floats where the backend has the same bits.
fn same_results(found: &[u8], expected: &[u8], bits: bool) -> bool {
    let floats = |bytes: &[u8]| -> Vec<f32> { bytemuck::pod_collect_to_vec(bytes) };
    let near = |(a, b): (f32, f32)| (a - b).abs() <= 1e-4 * (1.0 + b.abs());
    if bits { found == expected } else { floats(found).into_iter().zip(floats(expected)).all(near) }
}

/// Rows of the caches that no live row has written are as before.
fn check_caches(step: &Step, live: usize) {
    let written: Vec<usize> = places(live)
        .into_iter()
        .map(|(sequence, position)| [2, 0][sequence as usize] * BLOCK + position as usize)
        .collect();
    for view in step.caches {
        for id in [Some(view.data), view.scales].into_iter().flatten() {
            let bytes = step.rig.bytes(id);
            let width = bytes.len() / (3 * BLOCK);
            // No position has been written in block 1.
            let before = &bytes[BLOCK * width..(BLOCK + 1) * width];
            for (row, bytes) in bytes.chunks_exact(width).enumerate() {
                assert_eq!(bytes != before, written.contains(&row), "{live} rows: row {row} of the cache");
            }
        }
    }
}
