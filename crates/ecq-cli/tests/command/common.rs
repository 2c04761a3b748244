//! Shared by the tests of the command.

use std::path::{Path, PathBuf};

/// Path of the embedded model.
pub fn embedded() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/tiny.ecq").to_str().unwrap().to_owned()
}

/// A temporary folder for the files of a test.
pub struct Folder(pub tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}
