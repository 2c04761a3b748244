//! The disk space and the memory that calibration takes, computed from the shapes of a model.

use super::CalibrationOptions;
use super::collect::HEAD_TOKENS;
use super::passages::HELD_OUT_TOKENS;
use super::{BATCH_TOKENS, BATCHES_TOGETHER, batches};
use ecq_runtime::arch::{BlockSpec, Config, LinearSpec, Role};

/// The most disk space and memory that calibration takes, in bytes, besides the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalibrationSizes {
    /// Files of the calibration folder: the model without loss, activations, and the survey.
    pub disk_bytes: u64,
    /// Memory, the weights of one block in f32 included; without the output's tensors and the program.
    pub memory_bytes: u64,
}

const F32: usize = size_of::<f32>();
const F64: usize = size_of::<f64>();
/// Copies of a matrix while it is quantized: corrected weights, integers, codes, dequantized weights.
const QUANTIZED_BYTES: usize = 2 * F32 + size_of::<i32>() + 1;
/// A survey is JSON: about so many bytes for a row (its gradient moment and its step) and for a column.
const SURVEY_BYTES: usize = 24;

/// Returns what the calibration of a model with this configuration takes, whose source has `source_bytes`.
///
/// Activations are on disk, for all tokens; in memory are those of one batch, one block (twice when it is
/// quantized), the moments of the inputs of a block, and the factor of one of them.
pub fn calibration_sizes(
    config: &Config,
    source_bytes: u64,
    options: &CalibrationOptions,
) -> CalibrationSizes {
    let (hidden, layers, vocabulary) = (config.hidden, config.blocks.len(), config.vocabulary);
    let length = options.sequence_length.clamp(1, config.context.max(1));
    let tokens = (options.tokens / length).max(1) * length;
    let quarter = tokens.div_ceil(4);
    // Of each kind, what the model writes included.
    let held_out = (options.text.kinds().len() + 1) * HELD_OUT_TOKENS;
    let linears = || config.blocks.iter().flat_map(BlockSpec::tensors);
    let largest = |value: &dyn Fn(&LinearSpec) -> usize| linears().map(value).max().unwrap_or(0);
    let inputs_of =
        |roles: &[Role]| largest(&|linear| if roles.contains(&linear.role) { linear.shape[1] } else { 0 });
    let [heads, product] = [Role::Output, Role::Down].map(|role| inputs_of(&[role]));
    let head_count = if config.tied() { 1 } else { 2 };

    let survey_stream = (layers + 3) * quarter * hidden * F32;
    let activations = 2 * (tokens + held_out) * (2 * hidden + heads + product) * F32;
    let surveys = SURVEY_BYTES * linears().map(|linear| linear.shape[0] + linear.shape[1]).sum::<usize>();
    let ends = head_count * (hidden * hidden + vocabulary) * F32;
    // Residual streams of the sequence of a distillation step.
    let distilled_stream = (layers + 1) * length * hidden * F32;
    let disk = survey_stream.max(activations + distilled_stream) + surveys + ends;

    let block = config.blocks.iter().map(|block| {
        let weights: usize = block.tensors().iter().map(|linear| linear.shape[0] * linear.shape[1]).sum();
        weights * F32
    });
    let block = block.max().unwrap_or(0);
    let matrix = largest(&|linear| linear.shape[0] * linear.shape[1]);
    let batch = batches(tokens, length).first().map_or(BATCH_TOKENS, |&(_, rows)| rows);
    // The forward and backward pass of a batch: some eight rows of the residual stream, nine of heads and six
    // of the feed-forward layer for each token.
    let pass = batch * (8 * hidden + 9 * heads + 6 * product) * F32;
    // A forward pass keeps less, for several batches.
    let forward = BATCHES_TOGETHER * batch * (4 * hidden + 4 * heads + 3 * product) * F32;
    let squares = |factor: usize, cols: usize| factor * cols * cols;
    let largest_input = hidden.max(heads).max(product);
    // A factorization in f64 and its result in f32.
    let factor = squares(F64 + F32, largest_input);
    let moments = 2 * squares(F32, hidden) + squares(F32, heads) + squares(F32, product);
    let survey = block + moments + factor.max(pass);
    // The moments and the deviation of one input.
    let quantizing =
        2 * block + squares(2 * F32, largest_input) + factor.max(forward).max(QUANTIZED_BYTES * matrix);
    let table = vocabulary * hidden;
    let logits = HEAD_TOKENS * (vocabulary + 4 * hidden) * F32;
    let of_ends = head_count * table * F32 + squares(4 * F32, hidden) + logits.max(QUANTIZED_BYTES * table);
    // The quantized embedding, the heads of both models, and their logits.
    let measuring = 3 * table * F32 + 2 * logits;
    let distilling = 3 * table * F32 + (block + pass).max(2 * logits);
    let memory = survey.max(quantizing).max(of_ends).max(measuring).max(distilling);
    CalibrationSizes { disk_bytes: source_bytes + disk as u64, memory_bytes: memory as u64 }
}

#[cfg(test)]
mod tests {
    use super::super::{CalibrationOptions, CalibrationText};
    use super::*;
    use ecq_runtime::Checkpoint;
    use std::path::Path;

    fn options(tokens: usize) -> CalibrationOptions {
        let text = CalibrationText::mixture();
        CalibrationOptions {
            text,
            tokens,
            distillation_tokens: CalibrationOptions::DISTILLATION_TOKENS,
            sequence_length: 512,
            seed: 0,
            reference_grid: None,
            reuse: false,
        }
    }

    #[test]
    fn sizes_follow_tokens_and_shapes() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq");
        let checkpoint = Checkpoint::open(&path, &ecq_core::Limits::default()).unwrap();
        let sizes = |tokens| calibration_sizes(checkpoint.config(), 7_000_000, &options(tokens));
        let (few, many) = (sizes(16_384), sizes(65_536));
        // Residual streams, heads and products of both models, in f32.
        let config = checkpoint.config();
        let product = config.blocks[0].tensors().iter().map(|linear| linear.shape[1]).max().unwrap();
        let per_token = 4 * 2 * (3 * config.hidden + product) as u64;
        assert_eq!(many.disk_bytes - few.disk_bytes, (65_536 - 16_384) * per_token);
        assert_eq!(many.memory_bytes, few.memory_bytes);
        assert!(few.disk_bytes > 7_000_000 && few.memory_bytes < 100 << 20, "{few:?}");
    }

    /// Prints the table of docs/quantization.md.
    #[test]
    fn memory_is_that_of_a_block_and_not_of_the_model() {
        for (name, [hidden, inner, layers, heads, kv_heads, vocabulary], tied) in [
            ("SmolLM2-135M", [576, 1536, 30, 9, 3, 49_152], true),
            ("Llama-3.2-1B", [2048, 8192, 16, 32, 8, 128_256], true),
            ("Llama-3-8B", [4096, 14_336, 32, 32, 8, 128_256], false),
            ("Llama-3-70B", [8192, 28_672, 80, 64, 8, 128_256], false),
        ] {
            let config = Config::from_json(&format!(
                r#"{{"model_type": "llama", "hidden_size": {hidden}, "intermediate_size": {inner},
                "num_hidden_layers": {layers}, "num_attention_heads": {heads}, "rms_norm_eps": 1e-5,
                "num_key_value_heads": {kv_heads}, "vocab_size": {vocabulary}, "rope_theta": 500000.0,
                "max_position_embeddings": 8192, "tie_word_embeddings": {tied}}}"#
            ))
            .unwrap();
            let weights: usize =
                config.blocks.iter().flat_map(BlockSpec::tensors).map(|l| l.shape[0] * l.shape[1]).sum();
            let model = 2 * (weights + vocabulary * hidden * if tied { 1 } else { 2 }) as u64;
            let CalibrationSizes { disk_bytes, memory_bytes } =
                calibration_sizes(&config, model, &options(16_384));
            let gb = |bytes: u64| bytes as f64 / 1e9;
            println!("| {name} | {:.2} | {:.2} | {:.2} |", gb(model), gb(disk_bytes), gb(memory_bytes));
            assert!(disk_bytes < 6 * model, "{name}: {disk_bytes}");
            assert!(layers < 32 || memory_bytes < model, "{name}: {memory_bytes}");
        }
    }
}
