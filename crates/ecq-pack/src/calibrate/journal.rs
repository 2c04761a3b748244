//! A journal of a long run in a work folder, from which an interrupted run is resumed.

use super::statistics::save_bytes;
use crate::error::{PackError, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

const FILE_NAME: &str = "progress.json";

/// The work folder of a run, and the condition for resuming it.
#[derive(Debug, Clone, Copy)]
pub(super) struct JournalLocation<'a> {
    /// An existing folder.
    pub(super) folder: &'a Path,
    /// A description of the run's inputs. A journal with another description is ignored.
    pub(super) description: &'a str,
    /// Whether to resume a run that the folder holds.
    pub(super) resume: bool,
}

/// The contents of a journal.
#[derive(Serialize, Deserialize)]
struct JournalEntry<S> {
    #[serde(rename = "of")]
    description: String,
    done: bool,
    state: S,
}

/// The state of a run, stored as JSON.
pub(super) struct Journal<S> {
    path: PathBuf,
    entry: JournalEntry<S>,
}

impl<S: Serialize + DeserializeOwned + Default> Journal<S> {
    /// Opens the journal of the run to resume, or makes one in the default state.
    ///
    /// # Errors
    /// [`PackError::Io`] if the file exists but cannot be read.
    pub(super) fn open(location: JournalLocation<'_>) -> Result<Self> {
        let path = location.folder.join(FILE_NAME);
        let stored = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<JournalEntry<S>>(&bytes).ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(PackError::Io { path, source }),
        };
        let entry = stored.filter(|entry| location.resume && entry.description == location.description);
        let description = location.description.to_owned();
        let new = || JournalEntry { description, done: false, state: S::default() };
        Ok(Self { path, entry: entry.unwrap_or_else(new) })
    }

    pub(super) fn state(&self) -> &S {
        &self.entry.state
    }

    /// Returns whether the run is complete.
    pub(super) fn is_done(&self) -> bool {
        self.entry.done
    }

    /// Stores a new state.
    pub(super) fn update(&mut self, state: S) -> Result<()> {
        self.entry.state = state;
        self.save()
    }

    /// Marks the run as complete and returns its state.
    pub(super) fn finish(mut self) -> Result<S> {
        self.entry.done = true;
        self.save()?;
        Ok(self.entry.state)
    }

    fn save(&self) -> Result<()> {
        let bytes = serde_json::to_vec(&self.entry)
            .map_err(|error| PackError::Io { path: self.path.clone(), source: error.into() })?;
        save_bytes(&self.path, &bytes)
    }
}
