//! Kernels of ecq by stem: CPU decode of encoded tensors.
