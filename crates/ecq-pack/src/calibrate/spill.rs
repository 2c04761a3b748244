//! The residual stream of every token between blocks, in a file.

use crate::error::{PackError, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Rows of floats, one table a layer.
pub(super) struct Spill {
    file: File,
    folder: PathBuf,
    rows: usize,
    width: usize,
}

impl Spill {
    /// Tables of `rows` rows of `width` floats in the file `name` of `folder`, which may be there from an earlier run.
    pub(super) fn named(folder: &Path, name: &str, rows: usize, width: usize) -> Result<Self> {
        let path = folder.join(name);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|source| PackError::Io { path, source })?;
        Ok(Self { file, folder: folder.to_owned(), rows, width })
    }

    /// Makes room in `folder` for tables of `rows` rows of `width` floats. The file vanishes with the process.
    pub(super) fn new(folder: &Path, rows: usize, width: usize) -> Result<Self> {
        let file = tempfile::tempfile_in(folder)
            .map_err(|source| PackError::Io { path: folder.to_owned(), source })?;
        Ok(Self { file, folder: folder.to_owned(), rows, width })
    }

    fn seek(&mut self, table: usize, row: usize) -> std::io::Result<u64> {
        let place = (table * self.rows + row) * self.width * size_of::<f32>();
        self.file.seek(SeekFrom::Start(place as u64))
    }

    /// Writes rows of a table, from row `row` on.
    pub(super) fn write(&mut self, table: usize, row: usize, values: &[f32]) -> Result<()> {
        let written = self.seek(table, row).and_then(|_| self.file.write_all(bytemuck::cast_slice(values)));
        written.map_err(|source| PackError::Io { path: self.folder.clone(), source })
    }

    /// Reads `rows` rows of a table, from row `row` on.
    pub(super) fn read(&mut self, table: usize, row: usize, rows: usize) -> Result<Vec<f32>> {
        let mut values = vec![0f32; rows * self.width];
        let read =
            self.seek(table, row).and_then(|_| self.file.read_exact(bytemuck::cast_slice_mut(&mut values)));
        read.map_err(|source| PackError::Io { path: self.folder.clone(), source })?;
        Ok(values)
    }
}
