//! How far a run has come, so that one that is interrupted goes on from there.

use super::moments::save_bytes;
use crate::error::{PackError, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

const NAME: &str = "progress.json";

/// Where a run keeps what it learns, and from what that is learned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Exists.
    pub(crate) folder: &'a Path,
    /// In words; what was learned from anything else is of no use.
    pub(crate) description: &'a str,
    /// Take over what the folder holds of it.
    pub(crate) resume: bool,
}

#[derive(Serialize, Deserialize)]
struct Page<S> {
    of: String,
    done: bool,
    state: S,
}

/// The state of a run, in a file.
pub(super) struct Journal<S> {
    path: PathBuf,
    page: Page<S>,
}

impl<S: Serialize + DeserializeOwned + Default> Journal<S> {
    /// The journal of a place: of a run that is to be taken over, or a new one.
    pub(super) fn open(place: Place<'_>) -> Result<Self> {
        let path = place.folder.join(NAME);
        let found = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Page<S>>(&bytes).ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(PackError::Io { path, source }),
        };
        let page = found.filter(|page| place.resume && page.of == place.description);
        let new = || Page { of: place.description.to_owned(), done: false, state: S::default() };
        Ok(Self { path, page: page.unwrap_or_else(new) })
    }

    pub(super) fn state(&self) -> &S {
        &self.page.state
    }

    pub(super) fn state_mut(&mut self) -> &mut S {
        &mut self.page.state
    }

    pub(super) fn is_done(&self) -> bool {
        self.page.done
    }

    /// Keeps a new state.
    pub(super) fn set(&mut self, state: S) -> Result<()> {
        self.page.state = state;
        self.save()
    }

    /// Says that all is there.
    pub(super) fn close(mut self) -> Result<S> {
        self.page.done = true;
        self.save()?;
        Ok(self.page.state)
    }

    fn save(&self) -> Result<()> {
        // Numbers, text and lists always have a JSON form.
        let bytes = serde_json::to_vec(&self.page).unwrap_or_default();
        save_bytes(&self.path, &bytes)
    }
}
