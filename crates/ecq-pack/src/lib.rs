//! The offline pipeline of ecq: read, encode, write, verify, export, diff, analyze.

pub mod encode;
mod error;

pub use error::PackError;
