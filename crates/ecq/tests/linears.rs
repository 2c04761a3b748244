//! Matrices for products in layers of other libraries.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests")]

use ecq::{ErrorKind, File, Linear, Linears, Mode, Quantizer, Residence};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
const UP: &str = "model.layers.0.mlp.up_proj.weight";
const EMBEDDING: &str = "model.embed_tokens.weight";

/// The embedded model in 4-bit groups.
fn quantized() -> &'static Path {
    static FILE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FILE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.ecq");
        Quantizer::new(TINY).unwrap().bpw(4.0).write(&path).unwrap();
        (folder, path)
    });
    path
}

fn open(mode: Mode) -> Linears {
    let options = Linears::options().mode(mode).threads(2);
    let options = if mode == Mode::Lru { options.memory(400_000_u64) } else { options };
    options.open(quantized()).unwrap()
}

fn input(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0).collect()
}

fn product(linear: &Linear, rows: usize) -> Vec<f32> {
    let [outputs, inputs] = linear.shape();
    let mut y = vec![f32::NAN; rows * outputs];
    linear.multiply(&input(rows * inputs), &mut y).unwrap();
    y
}

#[test]
fn products_equal_a_plain_sum_and_do_not_depend_on_the_mode() {
    let modes = [Mode::Cached, Mode::Fused, Mode::Lru, Mode::Prefetch].map(open);
    let names: Vec<&str> = modes[0].names().filter(|name| name.contains("proj")).collect();
    assert!(names.len() > 10);
    // Three passes: `prefetch` learns the order in the first one.
    for pass in 0..3 {
        for name in &names {
            let rows = [1, 3, 1][pass];
            let expected = product(&modes[0].linear(name).unwrap(), rows);
            for linears in &modes[1..] {
                assert_eq!(product(&linears.linear(name).unwrap(), rows), expected, "{name}");
            }
        }
    }
    let up = modes[0].linear(UP).unwrap();
    let (weights, x) = (up.values().unwrap(), input(up.shape()[1]));
    for (row, y) in weights.chunks_exact(x.len()).zip(product(&up, 1)) {
        let sum: f64 = row.iter().zip(&x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
        assert!((sum - f64::from(y)).abs() < 1e-3, "{sum} {y}");
    }
}

#[test]
fn prefetch_survives_another_order_and_several_threads() {
    let (prefetch, cached) = (open(Mode::Prefetch), open(Mode::Cached));
    let names: Vec<&str> = prefetch.names().filter(|name| name.contains("mlp")).collect();
    let of = |linears: &Linears, name: &str| product(&linears.linear(name).unwrap(), 2);
    for name in names.iter().chain(names.iter().rev()).chain(names.iter().step_by(2)) {
        assert_eq!(of(&prefetch, name), of(&cached, name), "{name}");
    }
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (names, prefetch, cached) = (&names, &prefetch, &cached);
            scope.spawn(move || {
                for name in names.iter().cycle().skip(thread * 5).take(12) {
                    assert_eq!(of(prefetch, name), of(cached, name), "{name}");
                }
            });
        }
    });
}

#[test]
fn residences_follow_the_mode() {
    let residence = |mode: Mode| open(mode).linear(UP).unwrap().residence();
    assert_eq!(residence(Mode::Fused), Residence::Streams);
    assert_eq!(residence(Mode::Cached), Residence::Packed);
    assert_eq!(residence(Mode::Prefetch), Residence::Slot);
    let lru = open(Mode::Lru);
    let all: Vec<Residence> = lru
        .names()
        .filter(|name| name.contains("proj"))
        .map(|name| lru.linear(name).unwrap().residence())
        .collect();
    assert!(all.contains(&Residence::Packed) && all.contains(&Residence::Slot), "{all:?}");
    // Floats have no codes.
    let floats = Linears::options().mode(Mode::Fused).open(TINY).unwrap();
    assert_eq!(floats.linear(UP).unwrap().residence(), Residence::Dense);
    assert!(!floats.is_coded(UP).unwrap());
}

#[test]
fn values_and_rows_are_those_of_the_file() {
    let (file, linears) = (File::open(quantized()).unwrap(), open(Mode::Fused));
    for info in file.tensors() {
        assert_eq!(linears.values(&info.name).unwrap(), file.tensor(&info.name).unwrap().to_f32().unwrap());
        assert_eq!(linears.shape(&info.name).unwrap(), info.shape);
    }
    let table = linears.linear(EMBEDDING).unwrap();
    let ([rows, cols], values) = (table.shape(), table.values().unwrap());
    let mut found = vec![0.0; 2 * cols];
    table.rows(&[7, 0], &mut found).unwrap();
    assert_eq!(found[..cols], values[7 * cols..8 * cols]);
    assert_eq!(found[cols..], values[..cols]);
    let error = table.rows(&[rows as u32], &mut found[..cols]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
}

/// Where there is a GPU, `bindings/python/tests/cuda_checks.py` tests products.
#[cfg(feature = "cuda")]
#[test]
fn a_gpu_that_is_not_there_is_an_error() {
    let up = open(Mode::Fused).linear(UP).unwrap();
    let error = up.to_cuda(999).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Device);
    let text = error.to_string();
    let expected = ["there is no GPU 999", "driver", "NVRTC"];
    assert!(expected.iter().any(|expected| text.contains(expected)), "{text}");
    assert!(up.packed_bytes() > 0);
}

#[test]
fn errors_have_their_kinds() {
    let linears = open(Mode::Fused);
    assert_eq!(linears.linear("nothing").unwrap_err().kind(), ErrorKind::UnknownTensor);
    let up = linears.linear(UP).unwrap();
    let [outputs, inputs] = up.shape();
    for (x, y) in [(inputs - 1, outputs), (inputs, outputs + 1), (0, outputs)] {
        assert!(up.multiply(&input(x), &mut vec![0.0; y]).is_err(), "{x} {y}");
    }
    assert!(up.rows(&[0], &mut vec![0.0; inputs - 1]).is_err());
    let refused = |mode: Mode, memory: u64| {
        Linears::options().mode(mode).memory(memory).open(quantized()).unwrap_err().kind()
    };
    assert_eq!(refused(Mode::Async, 1 << 30), ErrorKind::InvalidOption);
    assert_eq!(refused(Mode::Lru, 1), ErrorKind::InvalidOption);
    assert_eq!(Linears::options().open("missing.ecq").unwrap_err().kind(), ErrorKind::NotFound);
    let text = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    assert_eq!(Linears::options().open(text).unwrap_err().kind(), ErrorKind::WrongFormat);
}
