//! Entropy-coded quantization: run large language models from entropy-coded weights.
