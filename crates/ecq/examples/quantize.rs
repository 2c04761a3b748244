//! Quantizes a checkpoint: `cargo run --release --example quantize -- [CHECKPOINT BPW OUTPUT.ecq]`.
//!
//! Without arguments, it quantizes the small model of the repository to 3 bits per weight in a temporary
//! folder.

use std::error::Error;
use std::ops::ControlFlow;

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let mut arguments = std::env::args().skip(1);
    let checkpoint = arguments.next().unwrap_or_else(|| TINY.to_owned());
    let bpw = arguments.next().map_or(Ok(3.0), |bpw| bpw.parse())?;
    let output = arguments.next().map_or_else(|| temporary.path().join("tiny-3bit.ecq"), Into::into);
    let report = ecq::Quantizer::new(checkpoint)?
        .bpw(bpw)
        .progress(|update| {
            let total = update.total.unwrap_or(update.done).max(1);
            eprint!("\r{}: {:3.0}%  ", update.step, 100.0 * update.done as f64 / total as f64);
            ControlFlow::Continue(())
        })
        .write(&output)?;
    eprintln!(
        "\n{} -> {} bytes, {:.2} bits per weight",
        report.source_bytes, report.file_bytes, report.bpw_total
    );
    Ok(())
}
