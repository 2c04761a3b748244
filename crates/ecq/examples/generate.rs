//! Continues a text: `cargo run --release --example generate -- MODEL.ecq "Once upon a time"`.

use ecq::{Model, Sampling};
use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, prompt] = &arguments[..] else { return Err("expected a model and a prompt".into()) };
    let model = Model::open(path)?;
    print!("{prompt}");
    let mut generation = model.generate(prompt, Sampling::new().max_tokens(128))?;
    for piece in generation.by_ref() {
        print!("{}", piece?);
        std::io::stdout().flush()?;
    }
    eprintln!("\n{:.1} tokens per second", generation.usage().decode_tokens_per_s());
    Ok(())
}
