/// Caps that a reader checks before it allocates or loops: bytes from a file are hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most weights in one tensor.
    pub tensor_weights: u64,
    /// Most tensors in one file.
    pub tensors: usize,
    /// Most bytes of a file's header.
    pub header_bytes: usize,
    /// Most bytes of one ride-along file (config, tokenizer) after inflation.
    pub file_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { tensor_weights: 1 << 34, tensors: 1 << 17, header_bytes: 100_000_000, file_bytes: 1 << 28 }
    }
}
