//! Entropy coders for small alphabets: interleaved rANS, multi-symbol prefix codes, byte planes; SIMD decode.

mod alias;
mod bits;
mod cluster;
pub mod context;
mod error;
mod isa;
mod layout;
pub mod planes;
pub mod prefix;
pub mod rans;
mod table;

pub use cluster::cluster;
pub use error::CodingError;
pub use isa::IsaKind;
pub use layout::{Layout, Order};
pub use table::{Counts, FrequencyTable};
