//! The conformance suite of backends (unpublished), and tests of the engine on packed models: what needs
//! everything.

pub mod conformance;
