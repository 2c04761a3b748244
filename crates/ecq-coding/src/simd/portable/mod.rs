//! Code for any processor.

#[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))))]
pub(crate) mod bytes;
pub(crate) mod prefix;
pub(crate) mod rans;
