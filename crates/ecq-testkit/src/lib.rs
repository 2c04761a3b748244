//! The conformance suite of backends, and engine tests on packed models. Not published.

pub mod conformance;
