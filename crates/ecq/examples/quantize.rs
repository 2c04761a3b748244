//! Quantizes a checkpoint: `cargo run --release --example quantize -- MODEL.gguf MODEL.ecq 2.5`.

use std::error::Error;
use std::ops::ControlFlow;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [checkpoint, dest, bpw] = &arguments[..] else {
        return Err("expected a checkpoint, a file to write, and bits per weight".into());
    };
    let report = ecq::Quantizer::new(checkpoint)?
        .bpw(bpw.parse()?)
        .progress(|update| {
            let total = update.total.unwrap_or(update.done).max(1);
            eprint!("\r{}: {:3.0}%  ", update.step, 100.0 * update.done as f64 / total as f64);
            ControlFlow::Continue(())
        })
        .write(dest)?;
    eprintln!(
        "\n{} of {} bytes, {:.2} bits per weight",
        report.file_bytes, report.source_bytes, report.bpw_total
    );
    Ok(())
}
