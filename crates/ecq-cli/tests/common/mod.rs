//! What the tests of the command share.

use std::path::{Path, PathBuf};

/// The model that lies in the program, as a file.
pub fn embedded() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/tiny.ecq").to_str().unwrap().to_owned()
}

/// A folder for the files of a test.
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
