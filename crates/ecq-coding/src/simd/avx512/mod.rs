//! x86-64 with AVX-512.

pub(crate) mod rans;
