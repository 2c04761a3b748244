//! Decodes a tensor: `cargo run --example read_tensor --no-default-features -- [MODEL.ecq] [TENSOR]`.
//!
//! Without arguments, it reads the small model of the repository. Without a tensor, it lists all tensors.

use std::error::Error;

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = ecq::File::open(arguments.next().unwrap_or_else(|| TINY.to_owned()))?;
    let Some(name) = arguments.next() else {
        for tensor in file.tensors() {
            println!(
                "{:<48} {:?}, {:.3} bits per weight",
                tensor.name,
                tensor.shape,
                tensor.bits_per_weight()
            );
        }
        return Ok(());
    };
    let weights = file.tensor(&name)?.to_f32()?;
    let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / weights.len() as f64;
    println!("{} weights, mean {mean:.6}, first {:?}", weights.len(), &weights[..weights.len().min(4)]);
    Ok(())
}
