//! Commands that a device may run as one.

use super::harness::{Harness, compute};
use super::matrices::{TestMatrix, matrices};
use super::{Subject, random};
use ecq_core::{Activation, Element, RotaryPairs};
use ecq_fixtures::Numbers;
use ecq_runtime::Residence;
use ecq_runtime::backend::LoadedMatrix;
use ecq_runtime::program::{BlockTables, BufferId, CacheView, Command, Norm, Rows};

const OUTPUTS: usize = 50;
const COLS: usize = 96;

/// What precedes products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Nothing,
    Norm,
    /// A norm of activations to which something is added first.
    AddAndNorm,
    /// An activation function.
    Activate,
    /// With factors.
    ActivateGated,
}

/// Products with what precedes and follows them must give the same bits in one program as in a program for
/// each command, also what is between them; likewise rotations and the KV cache.
pub fn adjacent_commands(subject: &Subject) -> usize {
    let mut numbers = Numbers::new(40);
    let all = matrices(&mut numbers, OUTPUTS, COLS);
    let tuples: Vec<usize> = (0..all.len()).filter(|&i| all[i].name().starts_with("tuples")).collect();
    let of_tuples = [(0, 0), (0, 2), (3, 3), (1, 0)].map(|(a, b)| [tuples[a], tuples[b]]);
    let firsts = [First::Nothing, First::Norm, First::AddAndNorm, First::Activate, First::ActivateGated];
    let mut cases = 0;
    // Some pairs of matrices share a kind or column scales, others do not.
    let pairs = [[0, 0], [0, 6], [6, 7], [11, 16], [6, 1], [0, 27], [27, 28]];
    for pair in pairs.into_iter().chain(of_tuples) {
        let pair = pair.map(|i| &all[i % all.len()]);
        for rows in [1, 2, 9, 33] {
            for first in firsts {
                one(subject, &pair, rows, first, &mut numbers);
                // The result of one product is added to something.
                one(subject, &pair[..1], rows, first, &mut numbers);
                cases += 2;
            }
        }
    }
    for rows in [1, 9] {
        for pairs in [RotaryPairs::Neighbours, RotaryPairs::Halves] {
            rotations_and_cache(subject, rows, pairs, &mut numbers);
            cases += 1;
        }
    }
    cases
}

/// Runs commands in one program and in a program each, and compares buffers.
fn compare(
    harness: &Harness,
    rows: usize,
    commands: &[Command],
    inputs: &[(BufferId, &[f32])],
    results: &[BufferId],
    what: &str,
) {
    let programs = [vec![commands.to_vec()], commands.iter().map(|command| vec![command.clone()]).collect()];
    let found = programs.map(|programs: Vec<Vec<Command>>| {
        inputs.iter().for_each(|(id, values)| harness.write(*id, values));
        for commands in programs {
            harness.submit(&harness.compile([rows, 0], compute(commands)), [rows, 0], &[]).unwrap();
        }
        results.iter().map(|&id| harness.bytes(id)).collect::<Vec<_>>()
    });
    assert_eq!(found[0], found[1], "{what}, {rows} rows");
}

/// Tests products with what precedes them; the result of a single one is added to something.
fn one(subject: &Subject, cases: &[&TestMatrix], rows: usize, first: First, numbers: &mut Numbers) {
    let mut harness = Harness::new(subject);
    let loaded: Vec<LoadedMatrix> = cases
        .iter()
        .map(|case| {
            let residences = case.residences(subject);
            let residence = residences.iter().find(|&&residence| residence != Residence::Slot);
            harness.load_operand(&case.matrix, *residence.unwrap_or(&residences[0]))
        })
        .collect();
    let (x, start) = (random(numbers, rows * COLS), random(numbers, rows * OUTPUTS));
    let (given, factors) = (harness.filled(&x), harness.filled(&random(numbers, rows * COLS)));
    let weight = harness.filled(&random(numbers, COLS));
    let (normed, sum) = (harness.results(rows * COLS), harness.filled(&start));
    let norm = Command::Norm {
        norm: Norm::Rms { weight, eps: 1e-5 },
        rows: Rows::Batch,
        heads: 1,
        x: given,
        y: normed,
    };
    let activate = |up| Command::Activate { activation: Activation::Silu, x: given, up, width: COLS };
    let (mut commands, between) = match first {
        First::Nothing => (Vec::new(), given),
        First::Norm => (vec![norm], normed),
        First::AddAndNorm => {
            (vec![Command::Add { x: factors, scale: 0.5, y: given, width: COLS }, norm], normed)
        }
        First::Activate => (vec![activate(None)], given),
        First::ActivateGated => (vec![activate(Some(factors))], given),
    };
    let ys: Vec<BufferId> = loaded.iter().map(|_| harness.results(rows * OUTPUTS)).collect();
    let outputs = loaded.iter().zip(&ys);
    let outputs = outputs.map(|(loaded, &y)| harness.output(loaded.operand, rows, 0..OUTPUTS, y)).collect();
    commands.push(Command::Linear { rows: Rows::Batch, x: between, outputs });
    if let [y] = ys[..] {
        commands.push(Command::Add {
            x: y,
            scale: if rows == 2 { 0.25 } else { 1.0 },
            y: sum,
            width: OUTPUTS,
        });
    }
    let results: Vec<BufferId> = ys.iter().copied().chain([given, sum]).collect();
    // What is between is only there with a norm.
    let results = if between == normed { [results, vec![normed]].concat() } else { results };
    let names: Vec<&str> = cases.iter().map(|case| case.name()).collect();
    let inputs: [(BufferId, &[f32]); 2] = [(given, &x), (sum, &start)];
    compare(&harness, rows, &commands, &inputs, &results, &format!("{names:?}, {first:?}"));
}

/// Tests rotations of queries and keys, and storing keys and values.
fn rotations_and_cache(subject: &Subject, rows: usize, pairs: RotaryPairs, numbers: &mut Numbers) {
    const BLOCK: usize = 8;
    let (heads, kv_heads, head_dim, frequencies) = (3, 2, 16, 6);
    let mut harness = Harness::new(subject);
    let values: Vec<Vec<f32>> =
        [heads, kv_heads, kv_heads].map(|heads| random(numbers, rows * heads * head_dim)).into();
    let [queries, keys, stored] = [0, 1, 2].map(|i: usize| harness.filled(&values[i]));
    let table = harness.filled(&random(numbers, rows * 2 * frequencies));
    let positions: Vec<u32> = (0..rows as u32).map(|row| row + 3).collect();
    let tables = BlockTables {
        tables: harness.filled(&[1u32, 0]),
        width: 2,
        sequences: harness.filled(&vec![0u32; rows]),
        block_positions: BLOCK,
    };
    let positions = harness.filled(&positions);
    let mut cache = |element| {
        let data = harness.zeros(element, 2 * BLOCK * kv_heads * head_dim);
        let scales = (element == Element::I8).then(|| harness.zeros(Element::Bf16, 2 * BLOCK * kv_heads));
        CacheView { data, scales }
    };
    let caches = [cache(Element::F16), cache(Element::I8)];
    let rotate = |x, heads| Command::Rotate { x, heads, head_dim, table, frequencies, pairs };
    let append = |x, cache| Command::Append { x, heads: kv_heads, head_dim, positions, tables, cache };
    let commands =
        [rotate(queries, heads), rotate(keys, kv_heads), append(keys, caches[0]), append(stored, caches[1])];
    let inputs: Vec<(BufferId, &[f32])> =
        [queries, keys, stored].into_iter().zip(values.iter().map(Vec::as_slice)).collect();
    let results = [queries, keys, stored, caches[0].data, caches[1].data];
    compare(&harness, rows, &commands, &inputs, &results, &format!("rotations, {pairs:?}"));
}
