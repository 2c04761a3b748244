//! Runs a decoder or a product on the same 512 x 576 codes again and again, to count instructions: the
//! difference of two runs, divided by the difference of passes and by 294,912, is the number per symbol or
//! weight.
//!
//!     cargo build --release -p ecq-kernels --example instructions
//!     valgrind --tool=callgrind target/release/examples/instructions rans16 1
//!
//! `bench/record/2026-11-26-arm.md` has the commands for AArch64 and the numbers.

use ecq_coding::{Counts, FrequencyTable, Isa, Layout, Order, prefix, rans};
use ecq_core::{AffineGroups, Biases, Codes, FloatType, FloatVec, Grid};
use ecq_kernels::cpu::linear::{Activations, Linear, PackedLinear, Scratch};
use std::error::Error;

const ROWS: usize = 512;
const COLS: usize = 576;

/// Name, alphabet, and range of the codes (sums of six uniform numbers below it).
const KERNELS: [(&str, u16, u32); 9] = [
    ("rans16", 16, 16),
    ("rans24", 24, 24),
    ("rans256", 256, 256),
    ("prefix2", 16, 16),
    ("prefix3", 16, 6),
    ("gemv3", 8, 8),
    ("gemv4", 16, 16),
    ("gemv8", 256, 256),
    ("gemvf4", 16, 16),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (name, passes) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    let Some((_, alphabet, range)) = KERNELS.into_iter().find(|(kernel, ..)| *kernel == name) else {
        let names: Vec<&str> = KERNELS.iter().map(|(name, ..)| *name).collect();
        return Err(format!("kernel {name:?}, expected one of {}", names.join(", ")).into());
    };
    let passes: usize = passes.parse().map_err(|e| format!("number of passes: {e}"))?;
    let symbols = symbols(range);
    eprintln!("{}", Isa::detect().name());
    if name.starts_with("gemv") {
        return product(symbols, alphabet, name.starts_with("gemvf"), passes);
    }
    let table = FrequencyTable::new(&Counts::of(&symbols), alphabet, FrequencyTable::PRECISION)?;
    let layout = Layout::new(ROWS, COLS, 32, Order::Rows)?;
    let mut out = vec![0; symbols.len()];
    if name.starts_with("rans") {
        let stream = rans::Encoder::new(&table).encode(&symbols, COLS, layout)?;
        let decoder = rans::Decoder::new(&table);
        for _ in 0..passes {
            decoder.decode(&stream, layout, &mut out, COLS)?;
        }
    } else {
        let code = prefix::PrefixCode::best(&table, 0.01)?;
        eprintln!("{} symbols per lookup, {:.3} bits each", code.tuple(), code.bits_per_symbol());
        let stream = prefix::Encoder::new(&code).encode(&symbols, COLS, layout)?;
        let decoder = prefix::Decoder::new(&code);
        for _ in 0..passes {
            decoder.decode(&stream, layout, &mut out, COLS)?;
        }
    }
    assert_eq!(out, symbols);
    Ok(())
}

/// Multiplies packed codes, in groups of 32 columns with f16 scales and biases, with one row of activations.
fn product(symbols: Vec<u8>, alphabet: u16, floats: bool, passes: usize) -> Result<(), Box<dyn Error>> {
    let codes = Codes::new(ROWS, COLS, alphabet, symbols)?;
    let scales = FloatVec::from_f32(FloatType::F16, &[0.01; ROWS * COLS / 32]);
    let grid = Grid::AffineGroups(AffineGroups {
        bits: (alphabet - 1).ilog2() as u8 + 1,
        group_size: 32,
        scales: scales.clone(),
        biases: Biases::PerGroup(scales),
    });
    let packed = PackedLinear::new(&codes, &grid)?;
    let x: Vec<f32> = (0..COLS).map(|i| (i % 37) as f32 / 37.0 - 0.4).collect();
    let x = if floats { Activations::f32(&x, 1, COLS) } else { Activations::i8(&x, 1, COLS) };
    let (mut y, mut scratch) = (vec![0.0; ROWS], Scratch::new());
    for _ in 0..passes {
        packed.matmul(&x, 0..ROWS, &mut y, &mut scratch)?;
    }
    eprintln!("{:x?}", y[..4].iter().map(|y| y.to_bits()).collect::<Vec<_>>());
    Ok(())
}

/// Returns codes with about a normal distribution.
fn symbols(range: u32) -> Vec<u8> {
    let mut x = 0x9e37_79b9_7f4a_7c15u64;
    let mut uniform = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 40) as u32 % range
    };
    (0..ROWS * COLS).map(|_| ((0..6).map(|_| uniform()).sum::<u32>() / 6) as u8).collect()
}
