//! One module per command.

pub mod analyze;
pub mod bench;
pub mod chat;
mod complete;
mod decode_gpu;
pub mod demo;
mod device;
pub mod doctor;
mod engine;
pub mod eval;
pub mod export;
pub mod fake_quant;
mod filled;
mod gemv;
mod gemv_gpu;
mod input;
pub mod inspect;
pub mod manual;
mod model;
mod original;
pub mod plot;
mod products;
pub mod quantize;
pub mod report;
pub mod run;
mod self_test;
#[cfg(feature = "serve")]
pub mod serve;
mod shape;
pub mod sweep;
pub mod verify;
