//! Encodes a matrix of symbols with rANS, decodes it, and prints the rate.
//!
//!     cargo run --release -p ecq-coding --example rans

use ecq_coding::{CodingError, Counts, FrequencyTable, Isa, Layout, Order, rans};

const ROWS: usize = 256;
const COLS: usize = 1024;
const ALPHABET: u16 = 16;

fn main() -> Result<(), CodingError> {
    let symbols = symbols(ROWS * COLS);

    // The table of the symbols, and the layout: one row per lane, 32 lanes.
    let counts = Counts::of(&symbols);
    let table = FrequencyTable::new(&counts, ALPHABET, FrequencyTable::PRECISION)?;
    let layout = Layout::new(ROWS, COLS, 32, Order::Rows)?;
    let stream = rans::Encoder::new(&table).encode(&symbols, COLS, layout)?;

    // A decoder needs the serialized table, the layout and the stream.
    let (table, _) = FrequencyTable::from_bytes(&table.to_bytes())?;
    let mut decoded = vec![0; symbols.len()];
    rans::Decoder::new(&table).decode(&stream, layout, &mut decoded, COLS)?;
    assert_eq!(decoded, symbols);

    let rate = 8.0 * stream.len() as f64 / symbols.len() as f64;
    println!("{} symbols of {ALPHABET}, decoded with {}", symbols.len(), Isa::detect().name());
    println!("{rate:.4} bits per symbol, entropy {:.4}", counts.entropy_bits());
    Ok(())
}

/// Returns symbols with a distribution similar to that of quantized weights: rounded sums of four uniform
/// numbers.
fn symbols(count: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut uniform = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 16
    };
    (0..count).map(|_| ((0..4).map(|_| uniform() % u32::from(ALPHABET)).sum::<u32>() / 4) as u8).collect()
}
