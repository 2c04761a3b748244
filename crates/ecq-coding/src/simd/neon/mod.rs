//! AArch64 with NEON.

pub(crate) mod bytes;
pub(crate) mod prefix;
pub(crate) mod rans;
