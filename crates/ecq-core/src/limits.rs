/// Upper bounds that a reader checks before it allocates memory or loops, because a file may be malicious.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of weights in one tensor. Default: 2^34.
    pub tensor_weights: u64,
    /// Maximum number of tensors in one file. Default: 2^17.
    pub tensors: usize,
    /// Maximum size of a file's header in bytes. Default: 100,000,000.
    pub header_bytes: usize,
    /// Maximum size of one attached file (config.json, tokenizer.json, ...) in bytes, after decompression.
    /// Default: 2^28.
    pub file_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { tensor_weights: 1 << 34, tensors: 1 << 17, header_bytes: 100_000_000, file_bytes: 1 << 28 }
    }
}
