//! x86-64 with AVX2 and BMI2.

pub(crate) mod prefix;
pub(crate) mod rans;
