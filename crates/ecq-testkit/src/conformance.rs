//! What every backend must do, as tests that it joins with one line:
//!
//! ```text
//! ecq_testkit::backend_conformance!(Arc::new(Cpu::new(CpuOptions::default()).unwrap()));
//! ```
//!
//! Results are compared with slow formulas in double precision. Products must lie within `1e-5` of the sum of magnitudes,
//! and forms of the same codes must agree bit for bit where the backend says so.

use crate::Numbers;
use ecq_core::{AffineGroups, Biases, Codes, Coding, FloatType, FloatVec, Grid, Kind, Outlier, UniformRows};
use ecq_kernels::cpu::{Activation, Pairs};
use ecq_pack::encode::{CodingChoice, EncodeOptions, TileChoice, encode};
use ecq_runtime::backend::{Attend, Backend, Buffer, Command, Element, Norm, Output, Queue, View, Weight};
use ecq_runtime::{DecodePlan, How, Matrix, Stored};
use half::f16;

/// The tests, for a backend made by an expression of type `Arc<dyn Backend>` or of an `Arc` of one.
#[macro_export]
macro_rules! backend_conformance {
    ($backend:expr) => {
        $crate::backend_conformance!(@ $backend; products embeddings norms rotations attention elementwise queues refusals);
    };
    (@ $backend:expr; $($test:ident)*) => {
        $(#[test]
        fn $test() {
            let backend = $backend;
            $crate::conformance::$test(&*backend);
        })*
    };
}

/// How weights are held: what a plan decides.
const FORMS: [How; 3] = [How::FusedGemv, How::Resident, How::Host];

fn plan(how: How) -> DecodePlan {
    DecodePlan { how, scratch_bytes: 0, reason: "a test".to_owned() }
}

fn random(numbers: &mut Numbers, n: usize) -> Vec<f32> {
    (0..n).map(|_| numbers.normal()).collect()
}

fn upload(backend: &dyn Backend, values: &[f32]) -> Buffer {
    let buffer = backend.alloc(Element::F32, values.len()).unwrap();
    backend.upload(&buffer, 0, bytemuck::cast_slice(values)).unwrap();
    buffer
}

fn upload_u32(backend: &dyn Backend, values: &[u32]) -> Buffer {
    let buffer = backend.alloc(Element::U32, values.len()).unwrap();
    backend.upload(&buffer, 0, bytemuck::cast_slice(values)).unwrap();
    buffer
}

fn download(backend: &dyn Backend, buffer: &Buffer) -> Vec<f32> {
    let mut values = vec![0f32; buffer.len()];
    backend.download(buffer, 0, bytemuck::cast_slice_mut(&mut values)).unwrap();
    values
}

fn run(backend: &dyn Backend, commands: Vec<Command>) {
    let recording = backend.record(commands).unwrap();
    let event = backend.submit(Queue::Compute, &recording, None).unwrap();
    backend.wait(&event).unwrap();
}

/// Matrices of `rows x cols` in every way of storing that has codes, and as floats.
fn matrices(numbers: &mut Numbers, rows: usize, cols: usize) -> Vec<(String, Matrix)> {
    let symbols = |numbers: &mut Numbers, alphabet: u64| -> Vec<u8> {
        let bell =
            |n: &mut Numbers| ((n.normal() * 0.15 + 0.5) * alphabet as f32).clamp(0.0, alphabet as f32 - 1.0);
        (0..rows * cols).map(|_| bell(numbers) as u8).collect()
    };
    let floats = |numbers: &mut Numbers, n: usize, scale: f32| -> FloatVec {
        FloatVec::of(
            FloatType::F16,
            &(0..n).map(|_| scale * (1.5 + 0.3 * numbers.normal())).collect::<Vec<_>>(),
        )
    };
    let group_size = if cols.is_multiple_of(32) { 32 } else { cols };
    let groups = rows * cols / group_size;
    let affine = AffineGroups {
        bits: 4,
        group_size,
        scales: floats(numbers, groups, 0.02),
        biases: Biases::PerGroup(floats(numbers, groups, -0.1)),
    };
    let uniform = UniformRows {
        zero: 6,
        steps: floats(numbers, rows, 0.05),
        col_scales: Some(floats(numbers, cols, 0.7)),
        levels: None,
        outliers: vec![Outlier { index: (rows * cols / 2) as u64, delta: 900 }],
    };
    let cases = [(Grid::AffineGroups(affine), 16u16), (Grid::UniformRows(uniform), 13)];
    let tiles = [
        TileChoice::Auto,
        TileChoice::Matrix,
        TileChoice::Row,
        TileChoice::Rows(48),
        TileChoice::Block(20, 24),
    ];
    let mut all = Vec::new();
    for (grid, alphabet) in cases {
        let mut symbols = symbols(numbers, alphabet.into());
        if let Grid::UniformRows(_) = &grid {
            // An outlier's code is the nearest one inside the alphabet.
            symbols[rows * cols / 2] = alphabet as u8 - 1;
        }
        let codes = Codes::new(rows, cols, alphabet, symbols).unwrap();
        for coding in [Coding::Packed, Coding::Rans, Coding::Prefix] {
            for tile in tiles {
                let options = EncodeOptions {
                    coding: CodingChoice::Only(coding),
                    tile,
                    hybrid_percent: 0.0,
                    ..EncodeOptions::default()
                };
                let (tensor, _) = encode(Kind::Linear, &codes, &grid, &options).unwrap();
                let name = format!("{coding:?} {tile:?} alphabet {alphabet}, {rows} x {cols}");
                let matrix =
                    Matrix { name: name.clone(), shape: [rows, cols], stored: Stored::Codes(tensor) };
                all.push((name, matrix));
                if coding == Coding::Packed {
                    break;
                }
            }
        }
    }
    for dtype in [FloatType::F32, FloatType::F16, FloatType::Bf16] {
        let weights = FloatVec::of(dtype, &random(numbers, rows * cols));
        let stored = Stored::Plain { dtype, bytes: weights.as_bytes().to_vec().into() };
        let name = format!("{dtype:?}, {rows} x {cols}");
        all.push((name.clone(), Matrix { name, shape: [rows, cols], stored }));
    }
    all
}

/// `x W^T + bias` of some rows, and the sum of magnitudes behind each result.
fn product(
    x: &[f32],
    w: &[f32],
    cols: usize,
    range: std::ops::Range<usize>,
    bias: &[f32],
) -> Vec<(f64, f64)> {
    let mut all = Vec::new();
    for x in x.chunks_exact(cols) {
        for (row, bias) in range.clone().zip(bias) {
            let terms = x.iter().zip(&w[row * cols..]).map(|(&x, &w)| f64::from(x) * f64::from(w));
            let (sum, size) = terms.fold((f64::from(*bias), 0.0), |(sum, size), t| (sum + t, size + t.abs()));
            all.push((sum, size));
        }
    }
    all
}

fn weight(backend: &dyn Backend, matrix: &Matrix, how: How) -> Weight {
    let weight = backend.load(matrix, &plan(how)).unwrap();
    run(backend, vec![Command::Decode(weight.clone())]);
    assert!(weight.bytes() > 0);
    weight
}

/// Products of every form, coding and tile, of many rows and of odd shapes, of parts of a matrix, with biases.
pub fn products(backend: &dyn Backend) {
    let mut numbers = Numbers::new(1);
    for (rows, cols) in [(1, 32), (17, 33), (50, 96), (130, 64)] {
        for (name, matrix) in matrices(&mut numbers, rows, cols) {
            let w = matrix.to_f32().unwrap();
            let range = rows / 3..rows;
            let bias = random(&mut numbers, range.len());
            for x_rows in [1, 2, 8, 17, 33, 256] {
                let x = random(&mut numbers, x_rows * cols);
                let expected = product(&x, &w, cols, range.clone(), &bias);
                let mut first: Option<Vec<f32>> = None;
                for how in FORMS {
                    let weight = weight(backend, &matrix, how);
                    let (x, bias) = (upload(backend, &x), upload(backend, &bias));
                    let y = backend.alloc(Element::F32, x_rows * range.len()).unwrap();
                    let output = Output {
                        weight: weight.clone(),
                        range: range.clone(),
                        bias: Some(bias),
                        y: (&y).into(),
                    };
                    run(
                        backend,
                        vec![Command::Linear { x: (&x).into(), rows: x_rows, outputs: vec![output] }],
                    );
                    run(backend, vec![Command::Release(weight)]);
                    let found = download(backend, &y);
                    for (found, (sum, size)) in found.iter().zip(&expected) {
                        let error = (f64::from(*found) - sum).abs();
                        assert!(error <= 1e-5 * size + 1e-6, "{name} {how:?} {x_rows}: {found} not {sum}");
                    }
                    if backend.facts().same_bits {
                        assert_eq!(
                            first.get_or_insert_with(|| found.clone()),
                            &found,
                            "{name} {how:?} {x_rows}"
                        );
                    }
                }
            }
        }
    }
}

/// Rows of every form as embeddings.
pub fn embeddings(backend: &dyn Backend) {
    let mut numbers = Numbers::new(2);
    let (rows, cols) = (50, 96);
    for (name, matrix) in matrices(&mut numbers, rows, cols) {
        let w = matrix.to_f32().unwrap();
        let tokens = [49, 0, 7, 7, 23];
        for how in FORMS {
            let table = weight(backend, &matrix, how);
            let y = upload(backend, &[1.0; 5 * 96]);
            let one = |scale, add| Command::Embed {
                table: table.clone(),
                index: upload_u32(backend, &tokens),
                rows: 5,
                scale,
                add,
                y: (&y).into(),
            };
            run(backend, vec![one(2.0, false), one(0.5, true)]);
            let found = download(backend, &y);
            for (row, &token) in tokens.iter().enumerate() {
                for col in 0..cols {
                    let expected = 2.5 * w[token as usize * cols + col];
                    let error = (found[row * cols + col] - expected).abs();
                    assert!(
                        error <= 1e-6 * (1.0 + expected.abs()),
                        "{name} {how:?} row {token} column {col}"
                    );
                }
            }
        }
    }
}

/// Norms, into another buffer and in place.
pub fn norms(backend: &dyn Backend) {
    let mut numbers = Numbers::new(3);
    for (rows, cols) in [(1, 8), (3, 33), (40, 576)] {
        let (x, w, b) =
            (random(&mut numbers, rows * cols), random(&mut numbers, cols), random(&mut numbers, cols));
        let (weight, bias) = (upload(backend, &w), upload(backend, &b));
        let kinds = [
            Norm::Rms { weight: weight.clone(), eps: 1e-5 },
            Norm::Layer { weight: weight.clone(), bias, eps: 1e-5 },
        ];
        for norm in kinds {
            let (from, to) = (upload(backend, &x), upload(backend, &x));
            let command =
                |x: &Buffer, y: &Buffer| Command::Norm { norm: norm.clone(), x: x.into(), rows, y: y.into() };
            run(backend, vec![command(&from, &to)]);
            let found = download(backend, &to);
            run(backend, vec![command(&from, &from)]);
            assert_eq!(download(backend, &from), found, "in place");
            for (x, found) in x.chunks_exact(cols).zip(found.chunks_exact(cols)) {
                let n = cols as f64;
                let mean = match norm {
                    Norm::Rms { .. } => 0.0,
                    Norm::Layer { .. } => x.iter().map(|&x| f64::from(x)).sum::<f64>() / n,
                };
                let square = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
                for i in 0..cols {
                    let bias = if matches!(norm, Norm::Layer { .. }) { f64::from(b[i]) } else { 0.0 };
                    let expected = (f64::from(x[i]) - mean) / (square + 1e-5).sqrt() * f64::from(w[i]) + bias;
                    assert!((f64::from(found[i]) - expected).abs() < 1e-5 * (1.0 + expected.abs()));
                }
            }
        }
    }
}

/// Rotary embedding of both orders, of a part of a head.
pub fn rotations(backend: &dyn Backend) {
    let mut numbers = Numbers::new(4);
    let (rows, heads, head_dim, frequencies) = (3usize, 2usize, 10usize, [1.0f32, 0.3, 0.01, 0.002]);
    let positions = [0u32, 5, 700];
    let x = random(&mut numbers, rows * heads * head_dim);
    for pairs in [Pairs::Halves, Pairs::Neighbours] {
        let buffer = upload(backend, &x);
        let table = backend.alloc(Element::F32, rows * 8).unwrap();
        let angles = Command::Angles {
            positions: upload_u32(backend, &positions),
            rows,
            frequencies: upload(backend, &frequencies),
            scale: 1.5,
            table: table.clone(),
        };
        let rotate =
            Command::Rotate { x: (&buffer).into(), rows, heads, head_dim, table, frequencies: 4, pairs };
        run(backend, vec![angles, rotate]);
        let found = download(backend, &buffer);
        for (row, &position) in positions.iter().enumerate() {
            for head in 0..heads {
                let at = (row * heads + head) * head_dim;
                for (i, frequency) in frequencies.iter().enumerate() {
                    let (a, b) = match pairs {
                        Pairs::Halves => (at + i, at + i + 4),
                        Pairs::Neighbours => (at + 2 * i, at + 2 * i + 1),
                    };
                    let angle = f64::from(position) * f64::from(*frequency);
                    let (u, v) = (f64::from(x[a]), f64::from(x[b]));
                    let expected = [u * angle.cos() - v * angle.sin(), v * angle.cos() + u * angle.sin()];
                    for (found, expected) in [found[a], found[b]].into_iter().zip(expected) {
                        assert!(
                            (f64::from(found) - 1.5 * expected).abs() < 2e-4,
                            "{pairs:?} {found} {expected}"
                        );
                    }
                }
                assert_eq!(found[at + 8..at + 10], x[at + 8..at + 10], "what is not rotated stays");
            }
        }
    }
}

/// Causal attention with grouped heads over a ring that wraps, with and without a window, of halves and singles.
pub fn attention(backend: &dyn Backend) {
    let mut numbers = Numbers::new(5);
    let (heads, kv_heads, head_dim, total) = (6usize, 2usize, 20usize, 23usize);
    let width = kv_heads * head_dim;
    let rounded = |numbers: &mut Numbers, n: usize| -> Vec<f32> {
        random(numbers, n).into_iter().map(|x| f16::from_f32(x).to_f32()).collect()
    };
    let (keys, values) = (rounded(&mut numbers, total * width), rounded(&mut numbers, total * width));
    let queries = random(&mut numbers, total * heads * head_dim);
    // Window, positions of the ring, rows at a time: as few positions as the window and the rows need.
    let cases = [
        (None, 32, 5),
        (Some(5), 9, 5),
        (Some(1), 6, 5),
        (None, 23, 11),
        (Some(5), 15, 11),
        (Some(1), 11, 11),
    ];
    for (window, capacity, step) in cases {
        for element in [Element::F32, Element::F16] {
            let rings = [(); 2].map(|()| backend.alloc(element, capacity * width).unwrap());
            // Some rows at a time, as a text grows.
            for first in (0..total).step_by(step) {
                let rows = step.min(total - first);
                let positions =
                    upload_u32(backend, &(first as u32..(first + rows) as u32).collect::<Vec<_>>());
                let part =
                    |all: &[f32], width: usize| upload(backend, &all[first * width..(first + rows) * width]);
                let append = |x: Buffer, ring: &Buffer| Command::Append {
                    x: (&x).into(),
                    rows,
                    width,
                    positions: positions.clone(),
                    ring: ring.clone(),
                };
                let y = backend.alloc(Element::F32, rows * heads * head_dim).unwrap();
                let attend = Attend {
                    queries: (&part(&queries, heads * head_dim)).into(),
                    rows,
                    heads,
                    kv_heads,
                    head_dim,
                    keys: rings[0].clone(),
                    values: rings[1].clone(),
                    positions: positions.clone(),
                    window,
                    scale: 0.3,
                    y: (&y).into(),
                };
                let commands = vec![
                    append(part(&keys, width), &rings[0]),
                    append(part(&values, width), &rings[1]),
                    Command::Attend(Box::new(attend)),
                ];
                run(backend, commands);
                let found = download(backend, &y);
                for (i, found) in found.iter().enumerate() {
                    let (row, head, at) = (i / (heads * head_dim), i / head_dim % heads, i % head_dim);
                    let query = &queries[((first + row) * heads + head) * head_dim..][..head_dim];
                    let start = window.map_or(0, |w| (first + row + 1).saturating_sub(w));
                    let place = |p: usize| p * width + head / (heads / kv_heads) * head_dim;
                    let score = |p: usize| -> f64 {
                        let key = &keys[place(p)..][..head_dim];
                        0.3 * query.iter().zip(key).map(|(&q, &k)| f64::from(q) * f64::from(k)).sum::<f64>()
                    };
                    let weights = (start..=first + row).map(|p| (p, score(p).exp()));
                    let (sum, all) = weights.fold((0.0, 0.0), |(sum, all), (p, w)| {
                        (sum + w * f64::from(values[place(p) + at]), all + w)
                    });
                    assert!(
                        (f64::from(*found) - sum / all).abs() < 1e-5,
                        "{window:?} {element:?} {first} {i}"
                    );
                }
            }
        }
    }
}

/// Activations, sums, copies.
pub fn elementwise(backend: &dyn Backend) {
    let mut numbers = Numbers::new(6);
    let n = 40_000;
    let (x, up) = (random(&mut numbers, n), random(&mut numbers, n));
    let gelu =
        |x: f64| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh());
    let silu = |x: f64| x / (1.0 + (-x).exp());
    for activation in [Activation::Silu, Activation::GeluTanh] {
        for gated in [false, true] {
            let (buffer, factor) = (upload(backend, &x), upload(backend, &up));
            let up_view: Option<View> = gated.then(|| (&factor).into());
            run(backend, vec![Command::Activate { activation, x: (&buffer).into(), up: up_view, len: n }]);
            for (i, found) in download(backend, &buffer).into_iter().enumerate() {
                let x = f64::from(x[i]);
                let f = if activation == Activation::Silu { silu(x) } else { gelu(x) };
                let expected = if gated { f * f64::from(up[i]) } else { f };
                assert!(
                    (f64::from(found) - expected).abs() < 2e-6 * (1.0 + expected.abs()),
                    "{activation:?} {i}"
                );
            }
        }
    }
    let (a, b, c) = (upload(backend, &x), upload(backend, &up), upload(backend, &vec![9.0; n]));
    let add = Command::Add { x: View::at(&a, 3), y: View::at(&b, 1), len: n - 3 };
    run(backend, vec![add, Command::Copy { from: b.clone(), to: c.clone(), len: 7 }]);
    let (found, copied) = (download(backend, &b), download(backend, &c));
    assert_eq!(found[0], up[0]);
    assert!((1..n - 2).all(|i| found[i] == up[i] + x[i + 2]));
    assert_eq!((&copied[..7], copied[7]), (&found[..7], 9.0));
}

/// What the second queue decodes, the first may use after its event.
pub fn queues(backend: &dyn Backend) {
    let mut numbers = Numbers::new(7);
    let (_, matrix) = matrices(&mut numbers, 130, 64).remove(1);
    let weight = backend.load(&matrix, &plan(How::Host)).unwrap();
    let before = weight.bytes();
    let decode = backend.record(vec![Command::Decode(weight.clone())]).unwrap();
    let release = backend.record(vec![Command::Release(weight.clone())]).unwrap();
    let x = random(&mut numbers, 64);
    let expected = product(&x, &matrix.to_f32().unwrap(), 64, 0..130, &[0.0; 130]);
    let y = backend.alloc(Element::F32, 130).unwrap();
    let output = Output { weight: weight.clone(), range: 0..130, bias: None, y: (&y).into() };
    let linear = Command::Linear { x: (&upload(backend, &x)).into(), rows: 1, outputs: vec![output] };
    let linear = backend.record(vec![linear]).unwrap();
    for _ in 0..5 {
        let decoded = backend.submit(Queue::Decode, &decode, None).unwrap();
        let done = backend.submit(Queue::Compute, &linear, Some(&decoded)).unwrap();
        backend.wait(&done).unwrap();
        assert!(weight.bytes() > before);
        for (found, (sum, size)) in download(backend, &y).iter().zip(&expected) {
            assert!((f64::from(*found) - sum).abs() <= 1e-5 * size);
        }
        let released = backend.submit(Queue::Compute, &release, Some(&done)).unwrap();
        backend.wait(&released).unwrap();
        assert_eq!(weight.bytes(), before);
        backend.upload(&y, 0, &[0; 130 * 4]).unwrap();
    }
}

/// Recordings that leave their buffers, and streams that are damaged, are refused.
pub fn refusals(backend: &dyn Backend) {
    let small = upload(backend, &[0.0; 8]);
    let tokens = upload_u32(backend, &[0; 8]);
    let view = |start| View::at(&small, start);
    let other = upload(backend, &[0.0; 8]);
    let wrong = [
        Command::Add { x: view(0), y: (&other).into(), len: 9 },
        Command::Add { x: view(5), y: (&other).into(), len: 4 },
        Command::Add { x: view(usize::MAX), y: (&other).into(), len: 2 },
        Command::Add { x: view(0), y: view(0), len: 2 },
        Command::Add { x: (&tokens).into(), y: view(0), len: 2 },
        Command::Copy { from: small.clone(), to: tokens.clone(), len: 1 },
        Command::Norm {
            norm: Norm::Rms { weight: other.clone(), eps: 0.0 },
            x: view(0),
            rows: 2,
            y: view(0),
        },
    ];
    for command in wrong {
        assert!(backend.record(vec![command.clone()]).is_err(), "{command:?}");
    }
    assert!(backend.upload(&small, 7, &[0; 8]).is_err());
    assert!(backend.download(&small, 9, &mut [0; 4]).is_err());
    let mut numbers = Numbers::new(8);
    let matrix = matrices(&mut numbers, 50, 96).remove(1).1;
    let used = weight(backend, &matrix, How::Resident);
    let wide = Output { weight: used, range: 0..51, bias: None, y: (&other).into() };
    assert!(
        backend.record(vec![Command::Linear { x: (&small).into(), rows: 1, outputs: vec![wide] }]).is_err()
    );
    // A stream cut short: refused when it is loaded, or when it is decoded.
    let Stored::Codes(mut tensor) = matrix.stored.clone() else { panic!("codes first") };
    let stream = tensor.parts.get_mut(&ecq_core::Part::Stream).unwrap();
    *stream = stream.slice(..stream.len() / 2);
    let cut = Matrix { stored: Stored::Codes(tensor), ..matrix };
    let decode = |weight: Weight| -> Result<(), ecq_runtime::RuntimeError> {
        let recording = backend.record(vec![Command::Decode(weight)])?;
        backend.wait(&backend.submit(Queue::Decode, &recording, None)?)
    };
    for how in FORMS {
        let result = backend.load(&cut, &plan(how)).and_then(decode);
        assert!(result.unwrap_err().to_string().contains(&cut.name), "{how:?}");
    }
}
