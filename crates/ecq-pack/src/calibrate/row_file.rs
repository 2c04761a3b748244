//! Tables of f32 rows in a file, for activations that do not fit in memory.

use crate::error::{PackError, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file of tables with the same shape `[rows, width]`, f32 in native byte order.
pub(super) struct RowFile {
    /// Threads take turns: a position belongs to the file.
    file: Mutex<File>,
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
            Ok(file) => Ok(Self { file: Mutex::new(file), path, rows, width }),
            Err(source) => Err(PackError::Io { path, source }),
        }
    }

    /// Creates a temporary file in `folder`, which is removed with the process.
    pub(super) fn temporary(folder: &Path, rows: usize, width: usize) -> Result<Self> {
        let path = folder.to_owned();
        match tempfile::tempfile_in(folder) {
            Ok(file) => Ok(Self { file: Mutex::new(file), path, rows, width }),
            Err(source) => Err(PackError::Io { path, source }),
        }
    }

    /// Runs `transfer` at a row of a table.
    fn at(
        &self,
        table: usize,
        row: usize,
        transfer: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> Result<()> {
        let offset = (table * self.rows + row) * self.width * size_of::<f32>();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let done = file.seek(SeekFrom::Start(offset as u64)).and_then(|_| transfer(&mut file));
        done.map_err(|source| PackError::Io { path: self.path.clone(), source })
    }

    /// Writes consecutive rows of a table, starting at `row`.
    pub(super) fn write(&self, table: usize, row: usize, values: &[f32]) -> Result<()> {
        self.at(table, row, |file| file.write_all(bytemuck::cast_slice(values)))
    }

    /// Reads `rows` consecutive rows of a table, starting at `row`.
    pub(super) fn read(&self, table: usize, row: usize, rows: usize) -> Result<Vec<f32>> {
        let mut values = vec![0f32; rows * self.width];
        self.at(table, row, |file| file.read_exact(bytemuck::cast_slice_mut(&mut values)))?;
        Ok(values)
    }
}
