//! Bit parity with `mx.quantize` of MLX, on tensors of every width, group size and float type.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

use ecq_core::{Biases, FloatType, Grid};
use ecq_quant::{Floats, quantize_affine};
use safetensors::SafeTensors;

#[test]
fn codes_scales_and_biases_equal_those_of_mlx() {
    let bytes = include_bytes!("data/affine.safetensors");
    let file = SafeTensors::deserialize(bytes).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let metadata = metadata.metadata().as_ref().unwrap();
    let mut cases = 0;
    for (name, case) in metadata.iter().filter(|(name, _)| *name != "mlx") {
        let words: Vec<&str> = case.split(' ').collect();
        let (bits, group_size) = (words[0].parse().unwrap(), words[1].parse().unwrap());
        let dtype = match words[2] {
            "f16" => FloatType::F16,
            "bf16" => FloatType::Bf16,
            _ => FloatType::F32,
        };
        let tensor = |part: &str| file.tensor(&format!("{name}.{part}")).unwrap();
        let weights = tensor("weights");
        let shape = [weights.shape()[0], weights.shape()[1]];
        let floats = Floats::new(dtype, shape, weights.data()).unwrap();
        let (codes, Grid::AffineGroups(grid)) = quantize_affine(&floats, bits, group_size).unwrap() else {
            panic!("not an affine grid: {case}")
        };
        let Biases::PerGroup(biases) = &grid.biases else { panic!("no biases: {case}") };
        assert_eq!(grid.scales.as_bytes(), tensor("scales").data(), "scales of {case}");
        assert_eq!(biases.as_bytes(), tensor("biases").data(), "biases of {case}");
        assert_eq!(codes.symbols(), tensor("codes").data(), "codes of {case}");
        cases += 1;
    }
    assert!(cases >= 60, "{cases} cases");
}
