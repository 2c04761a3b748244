//! Times products of one and several rows with matrices of the sizes of real models.
//!
//! Each time is that of a graph with one product per copy of a matrix, divided by their number; copies exceed
//! the cache together.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example")]

use ecq_codec::encode::{CodingChoice, EncodeOptions, encode};
use ecq_core::{
    AffineGroups, Biases, Codes, Coding, Element, FloatType, FloatVec, Grid, TensorKind, UniformRows,
};
use ecq_cuda::Cuda;
use ecq_runtime::backend::{Backend, Bindings, Inputs};
use ecq_runtime::program::{Command, Layout, Operand, Output, Program, Queue, Rows, Step, WeightInfo};
use ecq_runtime::{Consumption, Matrix, MatrixStorage, Residence};
use std::sync::Arc;
use std::time::Instant;

const SHAPES: [[usize; 2]; 4] = [[4096, 4096], [16384, 4096], [8192, 8192], [4096, 14336]];
const ROWS: [usize; 6] = [1, 2, 4, 8, 32, 128];
/// Bytes of the copies of a matrix.
const BYTES: usize = 160 << 20;

fn main() {
    let cuda = match Cuda::new(0) {
        Ok(cuda) => cuda,
        Err(error) => return println!("SKIPPED: {error}"),
    };
    println!("{}", cuda.info().name);
    println!("{:>14} {:>26} {:>9}  microseconds for {ROWS:?} rows, GB/s of one", "shape", "matrix", "MB");
    for shape in SHAPES {
        for (name, matrix, residence) in matrices(shape) {
            measure(&cuda, shape, &name, &matrix, residence);
        }
    }
}

fn matrices(shape @ [rows, cols]: [usize; 2]) -> Vec<(String, Matrix, Residence)> {
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state >> 33
    };
    let mut all = Vec::new();
    for (bits, alphabet) in [(2u8, 4u16), (3, 8), (4, 16), (8, 256)] {
        let symbols: Vec<u8> = (0..rows * cols).map(|_| (random() % u64::from(alphabet)) as u8).collect();
        let codes = Codes::new(rows, cols, alphabet, symbols).unwrap();
        let uniform = Grid::UniformRows(UniformRows {
            zero: (alphabet / 2) as u8,
            steps: FloatVec::from_f32(FloatType::F16, &vec![0.01; rows]),
            col_scales: None,
            levels: None,
            outliers: Vec::new(),
        });
        let groups = rows * cols / 64;
        let affine = Grid::AffineGroups(AffineGroups {
            bits,
            group_size: 64,
            scales: FloatVec::from_f32(FloatType::F16, &vec![0.01; groups]),
            biases: Biases::PerGroup(FloatVec::from_f32(FloatType::F16, &vec![-0.07; groups])),
        });
        for (kind, grid) in [("uniform", uniform), ("affine, groups of 64", affine)] {
            let options =
                EncodeOptions { coding: CodingChoice::Only(Coding::Packed), ..EncodeOptions::default() };
            let (tensor, _) = encode(TensorKind::Linear, &codes, &grid, &options).unwrap();
            let matrix = Matrix { name: kind.to_owned(), shape, storage: MatrixStorage::Codes(tensor) };
            all.push((format!("{bits} bits, {kind}"), matrix, Residence::Packed));
        }
    }
    let bytes: Vec<u8> = (0..rows * cols).flat_map(|_| ((random() % 0x3c00) as u16).to_le_bytes()).collect();
    let storage = MatrixStorage::Plain { dtype: FloatType::F16, bytes: bytes.into() };
    all.push(("f16".to_owned(), Matrix { name: "f16".to_owned(), shape, storage }, Residence::Dense));
    all
}

fn measure(
    cuda: &Cuda,
    shape @ [outputs, cols]: [usize; 2],
    name: &str,
    matrix: &Matrix,
    residence: Residence,
) {
    let mut layout = Layout::default();
    let mut bindings = Bindings::default();
    let first = cuda.load(matrix, residence).unwrap();
    let bytes = first.bytes() as usize;
    let copies = (BYTES / bytes).clamp(2, 16);
    let most = ROWS.into_iter().max().unwrap_or(1);
    let x = layout.buffer("x", Element::F32, most * cols);
    let y = layout.buffer("y", Element::F32, most * outputs);
    for len in [most * cols, most * outputs] {
        bindings.buffers.push(cuda.alloc(Element::F32, len).unwrap());
    }
    let ones = vec![1.0f32; most * cols];
    cuda.upload(&bindings.buffers[0], 0, bytemuck::cast_slice(&ones)).unwrap();
    let mut steps = Vec::new();
    for copy in 0..copies {
        bindings.weights.push(match copy {
            0 => first.clone(),
            _ => cuda.load(matrix, residence).unwrap(),
        });
        let info = WeightInfo { name: format!("copy {copy}"), shape, residence, slot_bytes: 0 };
        let operand = Operand::Weight(layout.weight(info));
        let consumption = match residence {
            Residence::Dense => Consumption::Dense,
            _ => Consumption::PackedGemm,
        };
        let output = Output { operand, consumption, range: 0..outputs, bias: None, y };
        let command = Command::Linear { rows: Rows::Batch, x, outputs: vec![output] };
        steps.push(Step::Run(Queue::Compute, command));
    }
    let layout = Arc::new(layout);
    let mut times = Vec::new();
    for rows in ROWS {
        let program = Program::new("products", layout.clone(), [rows, 0], &[], steps.clone()).unwrap();
        let program = cuda.compile(&program, &bindings).unwrap();
        let run = || {
            let inputs = Inputs { rows, logits_rows: 0, writes: &[] };
            let start = Instant::now();
            cuda.wait(&cuda.submit(&program, &inputs).unwrap()).unwrap();
            start.elapsed().as_secs_f64()
        };
        (0..3).for_each(|_| {
            run();
        });
        let mut all: Vec<f64> = (0..15).map(|_| run()).collect();
        all.sort_by(f64::total_cmp);
        times.push(1e6 * all[all.len() / 2] / copies as f64);
    }
    let list: Vec<String> = times.iter().map(|time| format!("{time:8.1}")).collect();
    let shape = format!("{outputs}x{cols}");
    let rate = bytes as f64 / times[0] / 1e3;
    println!("{shape:>14} {name:>26} {:>9.1}  {} {rate:8.0}", bytes as f64 / 1e6, list.join(" "));
}
