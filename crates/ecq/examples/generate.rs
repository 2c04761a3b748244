//! Generates text: `cargo run --release --example generate -- [MODEL.ecq] [PROMPT]`.
//!
//! Without arguments, it runs the small model of the repository.

use ecq::{Model, Sampling};
use std::error::Error;
use std::io::Write;

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = Model::open(arguments.next().unwrap_or_else(|| TINY.to_owned()))?;
    let prompt = arguments.next().unwrap_or_else(|| "The Debian project is".to_owned());
    print!("{prompt}");
    let mut generation = model.generate(&prompt, Sampling::new().max_tokens(64))?;
    for piece in generation.by_ref() {
        print!("{}", piece?);
        std::io::stdout().flush()?;
    }
    eprintln!("\n{:.1} tokens per second", generation.usage().decode_tokens_per_s());
    Ok(())
}
