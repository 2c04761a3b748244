//! SSE2, which every x86-64 processor has.

pub(crate) mod bytes;
