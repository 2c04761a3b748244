//! Decodes tensors without a model: `cargo run --example read_tensor --no-default-features -- MODEL.ecq
//! [TENSOR]`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = ecq::File::open(arguments.next().ok_or("expected a file")?)?;
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
