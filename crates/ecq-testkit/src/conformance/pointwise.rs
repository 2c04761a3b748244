//! What works on each row, or each value, alone.

use super::rig::Rig;
use super::{Joined, bits, random};
use ecq_core::{Activation, Element, RotaryPairs};
use ecq_fixtures::Numbers;
use ecq_runtime::program::{Command, Norm, Rows};

/// Norms of rows and of heads, of all rows and of the wanted ones, into another buffer and in place.
pub fn norms(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(3);
    let mut cases = 0;
    for (count, heads, width) in [(1, 1, 8), (3, 1, 33), (40, 1, 576), (1, 3, 7), (5, 4, 20), (40, 6, 64)] {
        let len = count * heads * width;
        let (mut x, w, b) =
            (random(&mut numbers, len), random(&mut numbers, width), random(&mut numbers, width));
        // Some so small that what is added to their squares counts.
        x[len / width / 2 * width..].iter_mut().for_each(|x| *x *= 0.003);
        for layer in [false, true] {
            let mut standard = None;
            for rows in [Rows::Batch, Rows::LogitsSelection] {
                let mut rig = Rig::new(joined);
                let (weight, bias) = (rig.filled(&w), rig.filled(&b));
                let norm = match layer {
                    true => Norm::Layer { weight, bias, eps: 1e-5 },
                    false => Norm::Rms { weight, eps: 1e-5 },
                };
                let (from, to) = (rig.filled(&x), rig.results(len));
                let command = |x, y| Command::Norm { norm, rows, heads, x, y };
                let capacity = if rows == Rows::Batch { [count, 0] } else { [1, count] };
                rig.run(capacity, vec![command(from, to), command(from, from)]);
                let found = rig.read::<f32>(to);
                let what = format!("{norm:?}, {count} {rows:?} of {heads} x {width}");
                assert_eq!(bits(&rig.read(from)), bits(&found), "{what}, in place");
                assert_eq!(bits(standard.get_or_insert_with(|| found.clone())), bits(&found), "{what}");
                check_norm(&x, &found, &w, layer.then_some(&b), joined.tolerances.norm, &what);
                cases += 1;
            }
        }
    }
    cases
}

/// A norm with a bias takes the mean away, one without does not.
fn check_norm(x: &[f32], found: &[f32], w: &[f32], b: Option<&Vec<f32>>, tolerance: f64, what: &str) {
    let n = w.len() as f64;
    for (x, found) in x.chunks_exact(w.len()).zip(found.chunks_exact(w.len())) {
        let mean = b.map_or(0.0, |_| x.iter().map(|&x| f64::from(x)).sum::<f64>() / n);
        let square = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
        for i in 0..w.len() {
            let bias = b.map_or(0.0, |b| f64::from(b[i]));
            let expected = (f64::from(x[i]) - mean) / (square + 1e-5).sqrt() * f64::from(w[i]) + bias;
            let error = (f64::from(found[i]) - expected).abs();
            assert!(error < tolerance * (1.0 + expected.abs()), "{what}: {} not {expected}", found[i]);
        }
    }
}

/// Rotary embedding of both orders, of a part of a head, with frequencies for all rows and with each row's
/// own.
pub fn rotations(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(4);
    let (positions, heads, head_dim, count) = ([0u32, 5, 700], 2, 10, 4);
    let shared = [1.0f32, 0.3, 0.01, 0.002];
    let own = [shared, [0.9, 0.4, 0.03, 0.001], [0.5, 0.25, 0.02, 0.003]].concat();
    let x = random(&mut numbers, positions.len() * heads * head_dim);
    let mut cases = 0;
    for pairs in [RotaryPairs::Halves, RotaryPairs::Neighbours] {
        for per_row in [false, true] {
            let mut rig = Rig::new(joined);
            let (buffer, positions_buffer) = (rig.filled(&x), rig.filled(&positions));
            let frequencies = rig.filled(if per_row { &own } else { &shared[..] });
            let table = rig.results(positions.len() * 2 * count);
            let (scale, positions_id) = (1.5, positions_buffer);
            let angles =
                Command::RotaryAngles { positions: positions_id, frequencies, count, per_row, scale, table };
            let rotate = Command::Rotate { x: buffer, heads, head_dim, table, frequencies: count, pairs };
            rig.run([positions.len(), 0], vec![angles, rotate]);
            let found = rig.read::<f32>(buffer);
            for (row, &position) in positions.iter().enumerate() {
                let frequencies = if per_row { &own[row * count..][..count] } else { &shared };
                for head in 0..heads {
                    let at = (row * heads + head) * head_dim;
                    for (i, frequency) in frequencies.iter().enumerate() {
                        let (a, b) = match pairs {
                            RotaryPairs::Halves => (at + i, at + i + count),
                            RotaryPairs::Neighbours => (at + 2 * i, at + 2 * i + 1),
                        };
                        let (sin, cos) = (f64::from(position) * f64::from(*frequency)).sin_cos();
                        let (u, v) = (f64::from(x[a]), f64::from(x[b]));
                        let expected = [u * cos - v * sin, v * cos + u * sin];
                        for (found, expected) in [found[a], found[b]].into_iter().zip(expected) {
                            let error = (f64::from(found) - 1.5 * expected).abs();
                            let what =
                                || format!("{pairs:?}, own frequencies {per_row}, position {position}");
                            assert!(error < joined.tolerances.rotation, "{}: {found} {expected}", what());
                        }
                    }
                    assert_eq!(found[at + 8..at + 10], x[at + 8..at + 10], "what is not rotated stays");
                }
            }
            cases += 1;
        }
    }
    cases
}

/// Activations, gated and not, and sums.
pub fn elementwise(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(6);
    let mut cases = 0;
    let gelu =
        |x: f64| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh());
    let silu = |x: f64| x / (1.0 + (-x).exp());
    for (rows, width) in [(1, 1), (3, 37), (40, 1000), (1, 40_000)] {
        let n = rows * width;
        let (x, up) = (random(&mut numbers, n), random(&mut numbers, n));
        for activation in [Activation::Silu, Activation::GeluTanh] {
            for gated in [false, true] {
                let mut rig = Rig::new(joined);
                let (buffer, factor) = (rig.filled(&x), rig.filled(&up));
                let up_buffer = gated.then_some(factor);
                let command = Command::Activate { activation, x: buffer, up: up_buffer, width };
                rig.run([rows, 0], vec![command]);
                for (i, found) in rig.read::<f32>(buffer).into_iter().enumerate() {
                    let x = f64::from(x[i]);
                    let f = if activation == Activation::Silu { silu(x) } else { gelu(x) };
                    let expected = if gated { f * f64::from(up[i]) } else { f };
                    let error = (f64::from(found) - expected).abs();
                    let bound = joined.tolerances.activation * (1.0 + expected.abs());
                    assert!(error < bound, "{activation:?} {gated} {i}: {found} {expected}");
                }
                assert_eq!(rig.read::<f32>(factor), up, "factors are read alone");
                cases += 1;
            }
        }
        let mut rig = Rig::new(joined);
        let (from, to) = (rig.filled(&x), rig.filled(&up));
        rig.run([rows, 0], vec![Command::Add { x: from, scale: 1.0, y: to, width }]);
        let sums: Vec<f32> = x.iter().zip(&up).map(|(x, y)| y + x).collect();
        assert_eq!((rig.read(from), rig.read(to)), (x, sums));
        cases += 1;
    }
    cases
}

/// Rows that are wanted, in any order and more than once.
pub fn gather(joined: &Joined) -> usize {
    let mut numbers = Numbers::new(9);
    let mut cases = 0;
    for (rows, width, index) in [(1, 1, vec![0u32]), (9, 33, vec![8, 0, 3, 3]), (4, 700, vec![3, 2, 1, 0])] {
        let x = random(&mut numbers, rows * width);
        for wanted in 0..=index.len() {
            let mut rig = Rig::new(joined);
            let (from, index_buffer) = (rig.filled(&x), rig.filled(&index));
            let y = rig.zeros(Element::F32, index.len() * width);
            let command = Command::Gather { x: from, index: index_buffer, width, y };
            rig.run([rows, wanted], vec![command]);
            let mut expected: Vec<f32> =
                index[..wanted].iter().flat_map(|&row| x[row as usize * width..][..width].to_vec()).collect();
            expected.resize(index.len() * width, 0.0);
            assert_eq!(rig.read::<f32>(y), expected, "{wanted} of {index:?}");
            cases += 1;
        }
    }
    cases
}
