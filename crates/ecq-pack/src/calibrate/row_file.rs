//! Tables of f32 rows in a file, for activations that do not fit in memory.

use crate::error::{PackError, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file of tables with the same shape `[rows, width]`, f32 in native byte order.
pub(super) struct RowFile {
    file: File,
    /// The path for errors; that of the folder for a temporary file.
    path: PathBuf,
    rows: usize,
    width: usize,
}

impl RowFile {
    /// Opens or creates a file; the contents of an earlier run are kept.
    pub(super) fn open(folder: &Path, name: &str, rows: usize, width: usize) -> Result<Self> {
        let path = folder.join(name);
        match File::options().read(true).write(true).create(true).truncate(false).open(&path) {
            Ok(file) => Ok(Self { file, path, rows, width }),
            Err(source) => Err(PackError::Io { path, source }),
        }
    }

    /// Creates a temporary file in `folder`, which is removed with the process.
    pub(super) fn temporary(folder: &Path, rows: usize, width: usize) -> Result<Self> {
        let path = folder.to_owned();
        match tempfile::tempfile_in(folder) {
            Ok(file) => Ok(Self { file, path, rows, width }),
            Err(source) => Err(PackError::Io { path, source }),
        }
    }

    fn seek(&mut self, table: usize, row: usize) -> std::io::Result<u64> {
        let offset = (table * self.rows + row) * self.width * size_of::<f32>();
        self.file.seek(SeekFrom::Start(offset as u64))
    }

    /// Writes consecutive rows of a table, starting at `row`.
    pub(super) fn write(&mut self, table: usize, row: usize, values: &[f32]) -> Result<()> {
        let written = self.seek(table, row).and_then(|_| self.file.write_all(bytemuck::cast_slice(values)));
        written.map_err(|source| PackError::Io { path: self.path.clone(), source })
    }

    /// Reads `rows` consecutive rows of a table, starting at `row`.
    pub(super) fn read(&mut self, table: usize, row: usize, rows: usize) -> Result<Vec<f32>> {
        let mut values = vec![0f32; rows * self.width];
        let read =
            self.seek(table, row).and_then(|_| self.file.read_exact(bytemuck::cast_slice_mut(&mut values)));
        read.map_err(|source| PackError::Io { path: self.path.clone(), source })?;
        Ok(values)
    }
}
