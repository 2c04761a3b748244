//! The .ecq container and the GGUF reader and writer.
