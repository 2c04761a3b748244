//! Tests of the public interface that need no packed model.

mod chat_templates;
mod plan;
mod pre_tokenizers;
mod sampling;
mod tokens;
