//! Files of other programs: each is read as the program that made it reads it, comes back byte for byte or is
//! refused by name, and an export is the same model.

mod architectures;
mod block_types;
mod checkpoints;
mod exports;
mod gguf;
mod models;
mod quantized_checkpoints;
mod recognition;
