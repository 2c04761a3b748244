//! The finished points of a sweep: one JSON object per line, written as soon as a point is done.

use super::plan::Point;
use anyhow::{Context, anyhow};
use ecq::PackError;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Prefix of the folder of a point that is being measured.
pub const UNFINISHED: &str = ".point-";

/// A journal, locked until it is dropped.
pub struct Journal {
    path: PathBuf,
    file: File,
    records: HashMap<String, Value>,
}

impl Journal {
    /// Opens the journal of a folder, which is created if it is missing, and keeps the points of this sweep.
    ///
    /// # Errors
    /// If the folder is in use by another sweep, or holds a file of this name that is no journal.
    pub fn open(folder: &Path, points: &[Point]) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let path = folder.join("points.jsonl");
        let context = || path.display().to_string();
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).with_context(context)?;
        // A sweep that was killed a moment ago may not be gone yet.
        let mut locked = file.try_lock();
        for _ in 0..20 {
            if !matches!(locked, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(PackError::Option {
                    option: format!("--output {}", folder.display()),
                    why: "another sweep writes to this folder; wait for it or choose another one".to_owned(),
                }
                .into());
            }
            Err(TryLockError::Error(error)) => return Err(anyhow!(error)).with_context(context),
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(context)?;
        let mut records = HashMap::new();
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
            let record = serde_json::from_slice::<Value>(line).ok();
            let key = record.as_ref().and_then(|record| Some(record["point"].as_str()?.to_owned()));
            match (record, key) {
                (Some(record), Some(key)) => {
                    if points.iter().any(|point| point.key == key) {
                        records.insert(key, record);
                    }
                }
                // A sweep that is killed leaves half of a line.
                _ if number + 1 == lines.len() => {}
                _ => {
                    return Err(PackError::Option {
                        option: path.display().to_string(),
                        why: format!("line {} is no point of a sweep; remove the file", number + 1),
                    }
                    .into());
                }
            }
        }
        remove_unfinished(folder)?;
        let mut journal = Self { path, file, records };
        // Points of other sweeps and half a line are left out, in one write.
        journal.rewrite(points)?;
        Ok(journal)
    }

    fn rewrite(&mut self, points: &[Point]) -> anyhow::Result<()> {
        let mut text = String::new();
        for record in self.records(points) {
            text += &serde_json::to_string(&record)?;
            text.push('\n');
        }
        let context = || self.path.display().to_string();
        let mut now = String::new();
        self.file.seek(SeekFrom::Start(0)).with_context(context)?;
        // What is not UTF-8 is not what it should be either.
        let read = self.file.read_to_string(&mut now);
        if read.is_err() || now != text {
            self.file.set_len(0).with_context(context)?;
            self.file.seek(SeekFrom::Start(0)).with_context(context)?;
            self.file.write_all(text.as_bytes()).with_context(context)?;
            self.file.sync_data().with_context(context)?;
        }
        self.file.seek(SeekFrom::End(0)).with_context(context)?;
        Ok(())
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of points.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Returns whether a point is done.
    pub fn has(&self, point: &Point) -> bool {
        self.records.contains_key(&point.key)
    }

    /// Adds a point; it is on the disk when this returns.
    pub fn add(&mut self, point: &Point, mut record: Value) -> anyhow::Result<()> {
        record["point"] = json!(point.key);
        let line = serde_json::to_string(&record)? + "\n";
        let context = || self.path.display().to_string();
        self.file.write_all(line.as_bytes()).with_context(context)?;
        self.file.sync_data().with_context(context)?;
        self.records.insert(point.key.clone(), record);
        Ok(())
    }

    /// Returns the records of points that are done, in the order of the points.
    pub fn records(&self, points: &[Point]) -> Vec<Value> {
        points.iter().filter_map(|point| self.records.get(&point.key).cloned()).collect()
    }
}

/// Removes what killed sweeps have left.
fn remove_unfinished(folder: &Path) -> anyhow::Result<()> {
    let context = || folder.display().to_string();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) && entry.path().is_dir() {
            std::fs::remove_dir_all(entry.path()).with_context(|| entry.path().display().to_string())?;
        }
    }
    Ok(())
}
