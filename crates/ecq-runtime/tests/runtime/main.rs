//! Tests of the public interface that need no packed model.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

mod chat_templates;
mod plan;
mod pre_tokenizers;
mod sampling;
mod tokens;
