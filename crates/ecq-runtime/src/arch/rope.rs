//! Rotary frequencies and context scaling, as computed by `modeling_rope_utils.py` of transformers.

use std::f64::consts::TAU;

/// A rotary position embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f64,
    /// Number of rotated values of a head; even.
    pub dim: usize,
    /// Scaling for positions beyond the trained context.
    pub scaling: Scaling,
}

/// Scaling of the rotary frequencies.
#[derive(Debug, Clone, PartialEq)]
pub enum Scaling {
    /// None.
    Default,
    /// All frequencies are divided by a factor (Chen et al., 2023).
    Linear {
        /// The factor.
        factor: f64,
    },
    /// The base grows with the text length beyond the trained context ("dynamic NTK").
    Dynamic {
        /// The factor.
        factor: f64,
        /// Trained context in tokens.
        original: usize,
    },
    /// YaRN: low frequencies are divided, high ones kept, with a linear ramp between (Peng et al., 2023).
    Yarn {
        /// The factor.
        factor: f64,
        /// Trained context in tokens.
        original: usize,
        /// Rotations within the trained context above which a frequency is kept.
        beta_fast: f64,
        /// Rotations within the trained context below which a frequency is divided.
        beta_slow: f64,
        /// Factor of cosines and sines.
        attention_factor: f64,
        /// Whether the ends of the ramp are rounded to whole numbers.
        truncate: bool,
    },
    /// Llama 3.1: divided or kept by wavelength, with a smooth transition.
    Llama3 {
        /// The factor.
        factor: f64,
        /// Trained context in tokens.
        original: usize,
        /// Wavelengths above `original / low` are divided.
        low: f64,
        /// Wavelengths below `original / high` are kept.
        high: f64,
    },
    /// One divisor per frequency (`rope_freqs.weight` of GGUF files).
    Divisors(Vec<f32>),
}

impl Rope {
    /// Returns the `dim / 2` frequencies in radians per position for a text of `length` tokens, and the
    /// factor of cosines and sines.
    pub fn frequencies(&self, length: usize) -> (Vec<f32>, f32) {
        let base =
            |theta: f64| (0..self.dim / 2).map(move |i| theta.powf(-((2 * i) as f64) / self.dim as f64));
        let plain = base(self.theta);
        let mut scale = 1.0;
        let frequencies: Vec<f64> = match &self.scaling {
            Scaling::Default => plain.collect(),
            Scaling::Linear { factor } => plain.map(|f| f / factor).collect(),
            Scaling::Dynamic { factor, original } => {
                let ratio = length.max(*original) as f64 / *original as f64;
                let power = self.dim as f64 / (self.dim as f64 - 2.0);
                base(self.theta * (factor * ratio - (factor - 1.0)).powf(power)).collect()
            }
            Scaling::Yarn { factor, original, beta_fast, beta_slow, attention_factor, truncate } => {
                scale = *attention_factor;
                let turns_at = |turns: f64| {
                    self.dim as f64 * (*original as f64 / (turns * TAU)).ln() / (2.0 * self.theta.ln())
                };
                let (mut low, mut high) = (turns_at(*beta_fast), turns_at(*beta_slow));
                if *truncate {
                    (low, high) = (low.floor(), high.ceil());
                }
                (low, high) = (low.max(0.0), high.min(self.dim as f64 - 1.0));
                if low == high {
                    high += 0.001;
                }
                let ramp = |i: usize| ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
                plain.enumerate().map(|(i, f)| f / factor * ramp(i) + f * (1.0 - ramp(i))).collect()
            }
            Scaling::Llama3 { factor, original, low, high } => {
                let smooth = |f: f64| {
                    let turns = *original as f64 * f / TAU;
                    ((turns - low) / (high - low)).clamp(0.0, 1.0)
                };
                plain.map(|f| (1.0 - smooth(f)) * f / factor + smooth(f) * f).collect()
            }
            Scaling::Divisors(divisors) => plain.zip(divisors).map(|(f, &d)| f / f64::from(d)).collect(),
        };
        (frequencies.into_iter().map(|f| f as f32).collect(), scale as f32)
    }

    /// Returns whether the frequencies depend on the text length.
    pub fn depends_on_length(&self) -> bool {
        matches!(self.scaling, Scaling::Dynamic { .. })
    }
}
