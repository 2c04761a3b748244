//! Damaged parts: every defect has its own error, and none costs memory or time beyond the parts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

mod archives;
mod classes;
mod draft;
mod parts;
mod super_blocks;
mod trellis;
mod uniform;
