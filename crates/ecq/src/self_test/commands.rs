//! Checks of transfers, of commands other than products, and of fake quantization.

use super::Device;
use super::answers::{Answers, Expected};
use ecq_core::{Activation, Element, RotaryPairs};
use ecq_kernels::fake_quant::{Bits, FakeQuantError, FakeQuantizer, Rounding, Symmetric};
use ecq_kernels::gpu::FakeQuantForm;
use ecq_runtime::RuntimeError;
use ecq_runtime::arch::Routing;
use ecq_runtime::backend::Workspace;
use ecq_runtime::program::{Attention, BlockTables, BufferId, CacheView, Command, Norm, Rows};

type Result<T> = std::result::Result<T, RuntimeError>;

/// Returns the bits of a number in no visible order (the finalizer of MurmurHash3, Appleby).
pub(super) fn noise(i: usize) -> u32 {
    let mut bits = (i as u32).wrapping_add(1).wrapping_mul(0x9e37_79b9);
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x85eb_ca6b);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0xc2b2_ae35);
    bits ^ (bits >> 16)
}

/// Returns multiples of 1/64 in [-2, 2), which are exact in every float type.
fn values(first: usize, len: usize) -> Vec<f32> {
    (first..first + len).map(|i| (noise(i) % 256) as f32 / 64.0 - 2.0).collect()
}

pub(super) fn floats(space: &mut Workspace, x: &[f32]) -> Result<BufferId> {
    let bytes: Vec<u8> = x.iter().flat_map(|x| x.to_le_bytes()).collect();
    space.filled(Element::F32, &bytes)
}

fn integers(space: &mut Workspace, x: &[u32]) -> Result<BufferId> {
    let bytes: Vec<u8> = x.iter().flat_map(|x| x.to_le_bytes()).collect();
    space.filled(Element::U32, &bytes)
}

/// Reads a buffer of floats or of integers.
pub(super) fn read(space: &Workspace, id: BufferId) -> Result<impl Iterator<Item = f64> + use<>> {
    let (element, len) =
        (space.layout.buffers[id.0 as usize].element, space.layout.buffers[id.0 as usize].len);
    let bytes = space.read(id, 0..len)?;
    Ok((0..len).map(move |i| {
        let word = [0, 1, 2, 3].map(|byte| bytes[4 * i + byte]);
        if element == Element::U32 {
            u32::from_le_bytes(word).into()
        } else {
            f32::from_le_bytes(word).into()
        }
    }))
}

/// Runs commands once, with all rows in use.
pub(super) fn run(
    device: &Device,
    space: &Workspace,
    answers: &mut Answers,
    rows: [usize; 2],
    commands: Vec<Command>,
) -> Result<()> {
    let program = space.compile("a check", rows, commands)?;
    answers.ran(device, &program);
    space.submit(&program, rows, &[])
}

/// Writes a part of a buffer that begins and ends within words, and reads it back.
pub(super) fn transfers(device: &Device) -> Result<Answers> {
    let (backend, mut answers) = (device.backend(), Answers::default());
    let buffer = backend.alloc(Element::I8, 4099)?;
    let written: Vec<u8> = (0..4091).map(|i| noise(i) as u8).collect();
    backend.upload(&buffer, 3, &written)?;
    let mut found = vec![0xff; 4099];
    backend.download(&buffer, 0, &mut found)?;
    let zeros = |n: usize| std::iter::repeat_n(0, n);
    let expected = zeros(3).chain(written).chain(zeros(5)).map(|byte| Expected::exactly(byte.into()));
    answers.compare("bytes", 4099, found.into_iter().map(f64::from), expected);
    Ok(answers)
}

/// Norms of rows and of heads.
pub(super) fn norms(device: &Device) -> Result<Answers> {
    const EPS: f32 = 1e-5;
    let mut answers = Answers::default();
    for (rows, heads, width) in [(3, 1, 576), (2, 3, 64)] {
        let (x, w, b) = (values(0, rows * heads * width), values(1000, width), values(2000, width));
        for layer in [false, true] {
            let mut space = Workspace::new(device.backend());
            let (from, weight, bias) =
                (floats(&mut space, &x)?, floats(&mut space, &w)?, floats(&mut space, &b)?);
            let y = floats(&mut space, &vec![f32::NAN; x.len()])?;
            let norm = match layer {
                true => Norm::Layer { weight, bias, eps: EPS },
                false => Norm::Rms { weight, eps: EPS },
            };
            let command = Command::Norm { norm, rows: Rows::Batch, heads, x: from, y };
            run(device, &space, &mut answers, [rows, 0], vec![command])?;
            let expected = x.chunks_exact(width).flat_map(|x| {
                let sum = |f: &dyn Fn(f64) -> f64| x.iter().map(|&x| f(x.into())).sum::<f64>() / width as f64;
                let mean = if layer { sum(&|x| x) } else { 0.0 };
                let size = (sum(&|x| (x - mean).powi(2)) + f64::from(EPS)).sqrt();
                let one = |i: usize| {
                    let bias = if layer { f64::from(b[i]) } else { 0.0 };
                    (f64::from(x[i]) - mean) / size * f64::from(w[i]) + bias
                };
                (0..width).map(one).map(|y| Expected::within(y, 1e-5 * (1.0 + y.abs()))).collect::<Vec<_>>()
            });
            let what = if layer { "layer norm" } else { "rms norm" };
            answers.compare(what, width, read(&space, y)?, expected);
        }
    }
    Ok(answers)
}

/// Rotary embedding near and far from the start of a text.
pub(super) fn rotation(device: &Device) -> Result<Answers> {
    let (positions, heads, head_dim, count) = ([0u32, 5, 700, 4095], 2, 64, 32);
    let frequencies: Vec<f32> = (0..count).map(|i| 10000f32.powf(-(i as f32) / 32.0)).collect();
    let x = values(0, positions.len() * heads * head_dim);
    let mut answers = Answers::default();
    let mut space = Workspace::new(device.backend());
    let (buffer, at) = (floats(&mut space, &x)?, integers(&mut space, &positions)?);
    let angles = floats(&mut space, &frequencies)?;
    let table = floats(&mut space, &vec![f32::NAN; positions.len() * 2 * count])?;
    let (scale, pairs) = (1.0, RotaryPairs::Halves);
    let commands = vec![
        Command::RotaryAngles { positions: at, frequencies: angles, count, per_row: false, scale, table },
        Command::Rotate { x: buffer, heads, head_dim, table, frequencies: count, pairs },
    ];
    run(device, &space, &mut answers, [positions.len(), 0], commands)?;
    let expected = (0..x.len()).map(|i| {
        let (position, j) = (positions[i / (heads * head_dim)], i % head_dim);
        let (sin, cos) = (f64::from(position) * f64::from(frequencies[j % count])).sin_cos();
        let value = match j < count {
            true => f64::from(x[i]) * cos - f64::from(x[i + count]) * sin,
            false => f64::from(x[i]) * cos + f64::from(x[i - count]) * sin,
        };
        Expected::within(value, 2e-4 * (1.0 + f64::from(position) / 1000.0))
    });
    answers.compare("rotated values", heads * head_dim, read(&space, buffer)?, expected);
    Ok(answers)
}

/// Activation functions with a gate.
pub(super) fn activation(device: &Device) -> Result<Answers> {
    let (rows, width) = (3, 500);
    let (x, up) = (values(0, rows * width), values(5000, rows * width));
    let silu = |x: f64| x / (1.0 + (-x).exp());
    let gelu =
        |x: f64| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh());
    let mut answers = Answers::default();
    for (activation, what) in [(Activation::Silu, "silu"), (Activation::GeluTanh, "gelu")] {
        let mut space = Workspace::new(device.backend());
        let (buffer, factor) = (floats(&mut space, &x)?, floats(&mut space, &up)?);
        let command = Command::Activate { activation, x: buffer, up: Some(factor), width };
        run(device, &space, &mut answers, [rows, 0], vec![command])?;
        let expected = x.iter().zip(&up).map(|(&x, &up)| {
            let f = if activation == Activation::Silu { silu(x.into()) } else { gelu(x.into()) };
            let y = f * f64::from(up);
            Expected::within(y, 2e-6 * (1.0 + y.abs()))
        });
        answers.compare(what, width, read(&space, buffer)?, expected);
    }
    Ok(answers)
}

/// Writes keys and values to blocks that are not in order, and attends to them.
pub(super) fn attention(device: &Device) -> Result<Answers> {
    const SCALE: f32 = 0.125;
    let (rows, heads, kv_heads, head_dim, block_positions) = (40, 4, 2, 64, 16);
    let (width, kv_width) = (heads * head_dim, kv_heads * head_dim);
    let queries = values(0, rows * width);
    let kv = [1, 2].map(|i| values(100_000 * i, rows * kv_width));
    let mut answers = Answers::default();
    let mut space = Workspace::new(device.backend());
    let q = floats(&mut space, &queries)?;
    let y = floats(&mut space, &vec![f32::NAN; rows * width])?;
    let positions = integers(&mut space, &(0..rows as u32).collect::<Vec<_>>())?;
    let tables = BlockTables {
        tables: integers(&mut space, &[2, 0, 1])?,
        width: 3,
        sequences: integers(&mut space, &vec![0; rows])?,
        block_positions,
    };
    let (mut commands, mut caches) = (Vec::new(), Vec::new());
    for values in &kv {
        let x = floats(&mut space, values)?;
        let data = space.zeros(Element::F16, 3 * block_positions * kv_width)?;
        let cache = CacheView { data, scales: None };
        commands.push(Command::Append { x, heads: kv_heads, head_dim, positions, tables, cache });
        caches.push(cache);
    }
    commands.push(Command::Attention(Box::new(Attention {
        queries: q,
        heads,
        kv_heads,
        head_dim,
        keys: caches[0],
        values: caches[1],
        tables,
        positions,
        window: None,
        scale: SCALE,
        y,
    })));
    run(device, &space, &mut answers, [rows, 0], commands)?;
    let mut expected = Vec::new();
    for (i, query) in queries.chunks_exact(head_dim).enumerate() {
        let (position, head) = (i / heads, i % heads / (heads / kv_heads));
        let of =
            |values: &'_ [f32], p: usize, j: usize| f64::from(values[(p * kv_heads + head) * head_dim + j]);
        let score = |p: usize| (0..head_dim).map(|j| f64::from(query[j]) * of(&kv[0], p, j)).sum::<f64>();
        let weights: Vec<f64> = (0..=position).map(|p| (f64::from(SCALE) * score(p)).exp()).collect();
        let total: f64 = weights.iter().sum();
        for j in 0..head_dim {
            let sum: f64 = weights.iter().enumerate().map(|(p, weight)| weight * of(&kv[1], p, j)).sum();
            expected.push(Expected::within(sum / total, 1e-5));
        }
    }
    answers.compare("attention", width, read(&space, y)?, expected);
    Ok(answers)
}

/// The four most likely of 32 experts.
pub(super) fn routing(device: &Device) -> Result<Answers> {
    let (rows, experts, top_k) = (5, 32, 4);
    // Different logits, so that the order is known.
    let logits: Vec<f32> =
        (0..rows * experts).map(|i| ((i % experts * 13 + i / experts) % 32) as f32 / 8.0).collect();
    let mut answers = Answers::default();
    let mut space = Workspace::new(device.backend());
    let from = floats(&mut space, &logits)?;
    let choices = integers(&mut space, &vec![u32::MAX; rows * top_k])?;
    let weights = floats(&mut space, &vec![f32::NAN; rows * top_k])?;
    let routing = Routing { top_k, renormalize: true };
    let route = Command::Route { logits: from, experts, routing, choices, weights };
    run(device, &space, &mut answers, [rows, 0], vec![route])?;
    let mut expected = [Vec::new(), Vec::new()];
    for logits in logits.chunks_exact(experts) {
        let mut order: Vec<usize> = (0..experts).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        order.truncate(top_k);
        order.sort_unstable();
        let total: f64 = order.iter().map(|&i| f64::from(logits[i]).exp()).sum();
        for i in order {
            expected[0].push(Expected::exactly(i as f32));
            expected[1].push(Expected::within(f64::from(logits[i]).exp() / total, 1e-5));
        }
    }
    for ((id, what), expected) in
        [(choices, "experts"), (weights, "weights of experts")].into_iter().zip(expected)
    {
        answers.compare(what, top_k, read(&space, id)?, expected);
    }
    Ok(answers)
}

/// The first of equal largest logits, at both ends and in the middle.
pub(super) fn argmax(device: &Device) -> Result<Answers> {
    let width = 5000;
    let places = [0u32, 2499, 4999];
    let mut logits = values(0, places.len() * width);
    for (row, &place) in logits.chunks_exact_mut(width).zip(&places) {
        row[place as usize] = 3.0;
        row[width - 1] = 3.0;
    }
    let mut answers = Answers::default();
    let mut space = Workspace::new(device.backend());
    let (logits, y) = (floats(&mut space, &logits)?, integers(&mut space, &[7; 3])?);
    run(device, &space, &mut answers, [3, 3], vec![Command::Argmax { logits, width, y }])?;
    answers.compare("tokens", 1, read(&space, y)?, places.map(|place| Expected::exactly(place as f32)));
    Ok(answers)
}

/// Quantizes numbers in and around the range, and those that are none.
pub(super) fn fake_quantization(device: &Device) -> Result<Answers> {
    let mut x: Vec<f32> = (0..10_000).map(|i| noise(i) as f32 / (1u64 << 31) as f32 * 1.1 - 1.1).collect();
    // Halves between levels of 4 bits, and the ends.
    x.extend((0..14).map(|n| (n as f32 - 6.5) / 7.0));
    x.extend([0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE / 4.0]);
    let mut answers = Answers::default();
    for (bits, rounding) in [(1, Rounding::HalfAway), (4, Rounding::HalfAway), (8, Rounding::HalfEven)] {
        let named =
            |error: FakeQuantError| RuntimeError::Device { device: "self-test", why: error.to_string() };
        let bits = Bits::new(bits).map_err(named)?;
        let quantizer = FakeQuantizer::from(Symmetric::unit(bits, rounding));
        let expected = || x.iter().map(|&x| Expected::exactly(rounded(x, bits, rounding)));
        for form in [FakeQuantForm::Vector, FakeQuantForm::Block] {
            let found = device.quantize(&quantizer, form, &x)?;
            let what = format!("{bits} bits, {}, {}", rounding.name(), form.name());
            answers.compare(&what, x.len(), found.into_iter().map(f64::from), expected());
        }
    }
    Ok(answers)
}

/// Rounds to the levels of `[-1, 1]` by the definition, with a division.
fn rounded(x: f32, bits: Bits, rounding: Rounding) -> f32 {
    let largest = bits.largest() as f32;
    if x.is_nan() {
        return x;
    }
    if largest == 0.0 {
        return if x < 0.0 { -1.0 } else { 1.0 };
    }
    let p = x.clamp(-1.0, 1.0) * largest;
    let n = if rounding == Rounding::HalfEven { p.round_ties_even() } else { p.round() };
    (n / largest).copysign(x)
}
