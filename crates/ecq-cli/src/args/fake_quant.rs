//! Arguments of `ecq fake-quant`, `ecq bench fake-quant` and `ecq sweep`.

use super::ForceArg;
use super::engine::MAX_THREADS;
use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use ecq::fake_quant::{Bits, RangeChoice, Rounding};
use ecq::kernels::gpu::FakeQuantForm;
use std::path::PathBuf;

/// Arguments of `ecq fake-quant`.
#[derive(Args)]
pub struct FakeQuantArgs {
    /// Safetensors file
    pub input: PathBuf,
    /// The safetensors file to write
    #[arg(short, long, value_name = "SAFETENSORS")]
    pub output: PathBuf,
    #[command(flatten)]
    pub force: ForceArg,
    /// Number of bits, 1 to 16
    ///
    /// A symmetric range has 2^BITS - 1 levels, any other range and quantiles have 2^BITS. One bit of a
    /// symmetric range is the sign.
    #[arg(long, value_parser = bits)]
    pub bits: Bits,
    /// Rounding of values halfway between two levels: half-away (from zero) or half-even
    #[arg(long, default_value = "half-away", value_parser = rounding())]
    pub rounding: Rounding,
    /// Range of the levels: LIMIT (from -LIMIT to LIMIT), LOW,HIGH, max (the largest magnitude) or minmax
    ///
    /// The default is 1, and max with --per-channel.
    #[arg(long, value_parser = range, allow_hyphen_values = true)]
    pub range: Option<RangeChoice>,
    /// Where levels lie
    #[arg(long, value_enum, default_value = "uniform")]
    pub levels: LevelsArg,
    /// Choose the range, or quantiles, for each index of this axis [default with the option: 0]
    ///
    /// Tensors without such an axis are an error.
    #[arg(long, value_name = "AXIS", num_args = 0..=1, default_missing_value = "0")]
    pub per_channel: Option<usize>,
    /// Quantize only tensors whose name contains this; copy the others
    #[arg(long, default_value = "")]
    pub name: String,
    /// Device: cpu, cuda (the first NVIDIA GPU), cuda:N, wgpu, wgpu:N or wgpu:NAME
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Kernel of a GPU: auto, vector (for small arrays) or block (for large ones)
    #[arg(long, default_value = "auto", value_parser = form(), hide_short_help = true)]
    pub kernel: FakeQuantForm,
    /// Number of threads of the CPU [default: one per core]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_THREADS))]
    pub threads: Option<usize>,
}

/// Spacing of levels.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelsArg {
    /// At equal distances
    Uniform,
    /// At quantiles of the values, so that all levels are used equally often
    Quantile,
}

/// Arguments of `ecq bench fake-quant`.
#[derive(Args)]
pub struct FakeQuantBenchArgs {
    /// Number of bits (repeatable) [default: 4]
    #[arg(long, value_parser = bits)]
    pub bits: Vec<Bits>,
    /// Rounding: half-away or half-even
    #[arg(long, default_value = "half-away", value_parser = rounding())]
    pub rounding: Rounding,
    /// Number of values (repeatable) [default: 1000, 10000, up to 100000000]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 32))]
    pub values: Vec<usize>,
    /// Device: cpu, cuda (the first NVIDIA GPU), cuda:N, wgpu, wgpu:N or wgpu:NAME
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Kernel of a GPU: auto, vector (for small arrays) or block (for large ones)
    #[arg(long, default_value = "auto", value_parser = form())]
    pub kernel: FakeQuantForm,
    /// Number of threads of the CPU (repeatable) [default: 1 and all cores]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_THREADS))]
    pub threads: Vec<usize>,
    /// Number of measurements, whose median is reported
    #[arg(long, value_name = "N", default_value = "15",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub repeat: usize,
}

/// Arguments of `ecq sweep`.
#[derive(Args)]
pub struct SweepArgs {
    /// TOML file with the keys models, grids, bits and text; see docs/fake-quantization.md
    pub sweep: PathBuf,
    /// Folder for the journal, the table and the plot; a sweep continues where an earlier one has stopped
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,
    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_THREADS))]
    pub threads: Option<usize>,
    /// Measure one point and print it: what the sweep runs in a process of its own
    #[arg(long, value_name = "KEY", hide = true)]
    pub point: Option<String>,
}

pub(super) fn bits(text: &str) -> Result<Bits, String> {
    let bits = text.parse().map_err(|_| "expected an integer from 1 to 16".to_owned())?;
    Bits::new(bits).map_err(|_| "expected an integer from 1 to 16".to_owned())
}

fn rounding() -> impl TypedValueParser<Value = Rounding> {
    PossibleValuesParser::new(Rounding::ALL.map(Rounding::name)).try_map(|name| name.parse::<Rounding>())
}

fn form() -> impl TypedValueParser<Value = FakeQuantForm> {
    let names = PossibleValuesParser::new(FakeQuantForm::ALL.map(FakeQuantForm::name));
    names.map(|name| FakeQuantForm::ALL.into_iter().find(|form| form.name() == name).unwrap_or_default())
}

fn range(text: &str) -> Result<RangeChoice, String> {
    let number = |text: &str| text.trim().parse::<f32>().ok().filter(|x| x.is_finite());
    let found = match (text, text.split_once(',')) {
        ("max", _) => Some(RangeChoice::LargestMagnitude),
        ("minmax", _) => Some(RangeChoice::LeastToLargest),
        (_, None) => number(text).map(RangeChoice::Limit),
        (_, Some((low, high))) => {
            number(low).zip(number(high)).map(|(low, high)| RangeChoice::Between(low, high))
        }
    };
    found.ok_or_else(|| "expected LIMIT, such as 2.5, LOW,HIGH, such as -0.5,1, max or minmax".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_bits_are_parsed() {
        assert_eq!(range("2.5"), Ok(RangeChoice::Limit(2.5)));
        assert_eq!(range("-0.5,1"), Ok(RangeChoice::Between(-0.5, 1.0)));
        assert_eq!(range("max"), Ok(RangeChoice::LargestMagnitude));
        assert_eq!(range("minmax"), Ok(RangeChoice::LeastToLargest));
        for wrong in ["", "1,", "inf", "nan", "1,2,3", "least"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
        assert!(bits("16").is_ok() && bits("0").is_err() && bits("17").is_err() && bits("4.0").is_err());
    }
}
