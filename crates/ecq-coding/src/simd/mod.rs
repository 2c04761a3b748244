//! Instruction sets: detection ([`Isa`]), instantiation (`multiversion!`) and one folder of code for each
//! set.
//!
//! | folder | `rans.rs` | `prefix.rs` | `bytes.rs` |
//! |---|---|---|---|
//! | `portable` | arrays of eight lanes | one lookup after the other | loops |
//! | `neon` | two vectors of four lanes | eight lanes in registers | NEON |
//! | `sse2` | | | SSE2, part of x86-64 |
//! | `avx2` | one vector of eight lanes | eight lanes in registers, in assembly | |
//! | `avx512` | one vector of sixteen lanes | | |
//!
//! `rans.rs` implements the trait `rans::turns::Vector`; `prefix.rs` decodes batches of prefix codewords;
//! `bytes.rs` rearranges decoded symbols with instructions that every processor of the architecture has, so
//! that the choice is made by the compiler.

mod isa;
mod multiversion;

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) mod neon;
pub(crate) mod portable;
#[cfg(target_arch = "x86_64")]
pub(crate) mod sse2;

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) use neon::bytes;
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))))]
pub(crate) use portable::bytes;
#[cfg(target_arch = "x86_64")]
pub(crate) use sse2::bytes;

pub use isa::Isa;

/// The vectors of the rANS decoder by instruction set, for `multiversion!`.
pub(crate) mod rans {
    #[cfg(target_arch = "x86_64")]
    pub(crate) use super::avx2::rans::Lanes as Avx2;
    #[cfg(target_arch = "x86_64")]
    pub(crate) use super::avx512::rans::{Lanes as Avx512, Lanes as Avx512Vnni};
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    pub(crate) use super::neon::rans::{Lanes as Neon, Lanes as NeonDot};
    pub(crate) use super::portable::rans::Lanes as Portable;
}
