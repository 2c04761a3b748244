//! Programs with room for more rows than a step uses.

use super::Subject;
use super::harness::{Harness, compute};
use super::matrices::{TestMatrix, coded, matrices};
use ecq_codec::encode::TileChoice;
use ecq_core::{Activation, Coding, Element, RotaryPairs};
use ecq_fixtures::Numbers;
use ecq_runtime::backend::Compiled;
use ecq_runtime::program::{Attention, BlockTables, BufferId, CacheView, Command, Norm, Rows};
use ecq_runtime::{Residence, SamplingParams};
use half::{bf16, f16};

/// Batch rows and logits rows of the larger program. Buffers have room for one more row.
const CAPACITY: [usize; 2] = [8, 5];
const WIDTH: usize = 8;
const VOCABULARY: usize = 11;
const BLOCK: usize = 8;
/// Initial content of caches.
const BEFORE: f32 = 0.25;

/// Expected effect of a step on a buffer.
enum TensorKind {
    /// Unchanged.
    Read,
    /// Rows in use have results; other rows of the program may have any value.
    Results { bytes: usize, rows: Rows },
    /// Changed exactly as by a program without spare rows.
    State,
}

/// A program with all commands over rows, on buffers of the same size for every capacity; its embedding and
/// its output head are one matrix.
struct Step<'a> {
    harness: Harness<'a>,
    buffers: Vec<(BufferId, &'static str, TensorKind)>,
    caches: [CacheView; 2],
    program: Compiled,
}

/// Returns the sequence and position of each row: two alternating sequences, whose blocks are 2 and 0 and
/// whose first positions are already cached.
fn places(rows: usize) -> Vec<(u32, u32)> {
    (0..rows as u32).map(|row| (row % 2, 2 + row / 2)).collect()
}

impl<'a> Step<'a> {
    /// Creates a program for `capacity` rows with inputs for `active` rows. The inputs of unused rows would
    /// do damage if they were used.
    fn new(
        subject: &'a Subject,
        ends: &TestMatrix,
        element: Element,
        capacity: [usize; 2],
        active: [usize; 2],
    ) -> Self {
        let mut numbers = Numbers::new(14);
        let mut harness = Harness::new(subject);
        let mut buffers = Vec::new();
        let [rows, logits_rows] = CAPACITY.map(|rows| rows + 1);
        let mut read = |harness: &mut Harness, name, values: &[u32]| {
            let id = harness.filled(values);
            buffers.push((id, name, if name == "state" { TensorKind::State } else { TensorKind::Read }));
            id
        };
        let padded = |mut values: Vec<u32>, len: usize, with: u32| {
            values.resize(len, with);
            values
        };
        let tokens: Vec<u32> = (0..active[0]).map(|_| numbers.below(VOCABULARY as u64) as u32).collect();
        let tokens = read(&mut harness, "state", &padded(tokens, rows, 3));
        // Unused rows name the first sequence and one of its positions.
        let (sequences, positions): (Vec<u32>, Vec<u32>) = places(active[0]).into_iter().unzip();
        let sequences = read(&mut harness, "sequences", &padded(sequences, rows, 0));
        let positions = read(&mut harness, "state", &padded(positions, rows, 1));
        let tables = read(&mut harness, "tables", &[2, u32::MAX, 0, u32::MAX]);
        let index = (0..active[1]).map(|i| (active[0] - 1 - i) as u32).collect();
        let index = read(&mut harness, "index", &padded(index, logits_rows, 0));
        let history = read(&mut harness, "state", &vec![77; 3 * logits_rows]);
        let count = read(&mut harness, "state", &[1]);

        let mut inputs = |harness: &mut Harness, name, len| {
            let id = harness.filled(&super::random(&mut numbers, len));
            buffers.push((id, name, TensorKind::Read));
            id
        };
        let [new_keys, new_values] = [(); 2].map(|()| inputs(&mut harness, "new keys or values", rows * 4));
        let (weight, frequencies) = (inputs(&mut harness, "norm", 4), inputs(&mut harness, "frequencies", 2));
        let params = SamplingParams { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, uniform: 0.7 };
        let params = harness.filled(&vec![params.to_floats(); logits_rows].concat());
        buffers.push((params, "params", TensorKind::Read));

        let mut results = |harness: &mut Harness, name, width: usize, which: Rows| {
            let id = harness.results(width * if which == Rows::Batch { rows } else { logits_rows });
            buffers.push((id, name, TensorKind::Results { bytes: 4 * width, rows: which }));
            id
        };
        let [x, normed, q, heads] =
            ["x", "normed", "q", "heads"].map(|name| results(&mut harness, name, WIDTH, Rows::Batch));
        let table = results(&mut harness, "angles", 4, Rows::Batch);
        let gathered = results(&mut harness, "gathered", WIDTH, Rows::Logits);
        let logits = results(&mut harness, "logits", VOCABULARY, Rows::Logits);
        let [chosen, sampled] = ["chosen", "sampled"].map(|name| {
            let id = harness.filled(&vec![77u32; logits_rows]);
            buffers.push((id, name, TensorKind::Results { bytes: 4, rows: Rows::Logits }));
            id
        });
        let caches = [(); 2].map(|()| {
            let len = 3 * BLOCK * 4;
            let (data, scales) = match element {
                Element::F32 => (harness.filled(&vec![BEFORE; len]), None),
                Element::F16 => (harness.filled(&vec![f16::from_f32(BEFORE); len]), None),
                _ => {
                    let scales = harness.filled(&[bf16::from_f32(BEFORE); 3 * BLOCK]);
                    (harness.filled(&vec![1i8; len]), Some(scales))
                }
            };
            buffers.extend(scales.map(|scales| (scales, "state", TensorKind::State)));
            buffers.push((data, "state", TensorKind::State));
            CacheView { data, scales }
        });

        let shape = [WIDTH, WIDTH];
        let matrix = coded(&mut numbers, shape, 16, Coding::Rans, TileChoice::Auto).matrix;
        let q_weight = harness.load_operand(&matrix, Residence::Packed).operand;
        let q_output = harness.output(q_weight, capacity[0], 0..WIDTH, q);
        let head = harness.load_operand(&ends.matrix, ends.residences(subject)[0]).operand;
        let output = harness.output(head, capacity[1], 0..VOCABULARY, logits);
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
        let (batch, last) = (Rows::Batch, Rows::Logits);
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
            Command::Sample { logits, width: VOCABULARY, params, y: sampled },
            Command::Advance { chosen, index, tokens, positions, history, count },
        ];
        let program = harness.compile(capacity, compute(commands));
        Self { harness, buffers, caches, program }
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        self.buffers.iter().map(|(id, ..)| self.harness.bytes(*id)).collect()
    }
}

/// With fewer rows in use than the program has room for, the rows in use must have the same results as
/// without spare rows, only they may change caches, tokens and positions, and nothing may be written beyond
/// the program's rows.
pub fn padding(subject: &Subject) -> usize {
    let mut cases = 0;
    let ends = matrices(&mut Numbers::new(15), VOCABULARY, WIDTH).swap_remove(1);
    for element in [Element::F32, Element::F16, Element::I8] {
        for active in [[8, 5], [3, 2], [1, 1], [5, 0], [7, 4], [2, 2]] {
            let exact = Step::new(subject, &ends, element, active, active);
            exact.harness.submit(&exact.program, active, &[]).unwrap();
            let step = Step::new(subject, &ends, element, CAPACITY, active);
            let before = step.bytes();
            step.harness.submit(&step.program, active, &[]).unwrap();
            let all = step.bytes().into_iter().zip(exact.bytes()).zip(before);
            for ((id, name, kind), ((after, exact), before)) in step.buffers.iter().zip(all) {
                let what = format!("{active:?} rows, cache of {element}: {name} ({id:?})");
                match kind {
                    TensorKind::Read => assert!(after == before, "{what} is written to"),
                    TensorKind::State => assert!(after == exact, "{what}: not the expected state"),
                    &TensorKind::Results { bytes, rows } => {
                        let [active, room] =
                            [active, CAPACITY].map(|r| r[(rows == Rows::Logits) as usize] * bytes);
                        let floats = step.harness.layout.buffers[id.0 as usize].element == Element::F32;
                        let bits = !floats || subject.backend.info().batch_invariant;
                        let same = same_results(&after[..active], &exact[..active], bits);
                        assert!(same, "{what}: rows in use have other results");
                        assert!(after[room..] == before[room..], "{what}: written beyond the last row");
                    }
                }
            }
            check_caches(&step, active[0]);
            cases += 1;
        }
    }
    cases
}

/// Compares results: bit-identical for integers and batch-invariant backends, otherwise within a tolerance.
fn same_results(found: &[u8], expected: &[u8], bits: bool) -> bool {
    let floats = |bytes: &[u8]| -> Vec<f32> { bytemuck::pod_collect_to_vec(bytes) };
    let near = |(a, b): (f32, f32)| (a - b).abs() <= 1e-4 * (1.0 + b.abs());
    if bits { found == expected } else { floats(found).into_iter().zip(floats(expected)).all(near) }
}

/// Checks that only rows in use changed the caches.
fn check_caches(step: &Step, active: usize) {
    let written: Vec<usize> = places(active)
        .into_iter()
        .map(|(sequence, position)| [2, 0][sequence as usize] * BLOCK + position as usize)
        .collect();
    for view in step.caches {
        for id in [Some(view.data), view.scales].into_iter().flatten() {
            let bytes = step.harness.bytes(id);
            let width = bytes.len() / (3 * BLOCK);
            // No position of block 1 is written.
            let before = &bytes[BLOCK * width..(BLOCK + 1) * width];
            for (row, bytes) in bytes.chunks_exact(width).enumerate() {
                assert_eq!(bytes != before, written.contains(&row), "{active} rows: row {row} of the cache");
            }
        }
    }
}
