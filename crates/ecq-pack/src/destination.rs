//! Where work is written, and what it must not touch.

use crate::error::{PackError, Result};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// An output: a file or a folder that does not exist yet, or may be replaced.
///
/// Models are large and took hours, so an output is checked before any work:
///
/// ```
/// use ecq_pack::Destination;
/// # let folder = tempfile::tempdir()?;
/// # let model = folder.path().join("model.gguf");
/// # std::fs::write(&model, "GGUF")?;
/// let inputs = [model.clone()];
/// assert!(Destination::file(&folder.path().join("model.ecq")).check(&inputs).is_ok());
/// assert!(Destination::file(&model).replacing(true).check(&inputs).is_err());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    path: &'a Path,
    folder: bool,
    replace: bool,
}

/// What is appended to the name of an output while the work is in progress, and how names begin of what lies
/// in such a folder.
const WORKING: [(&str, &[&str]); 2] =
    [(".partial", &["journal", "data", "out"]), (".calibration", &["model-", "seen-", "fitted-"])];

impl<'a> Destination<'a> {
    /// A file to write. A file that is there is refused.
    pub fn file(path: &'a Path) -> Self {
        Self { path, folder: false, replace: false }
    }

    /// A folder to write. A folder that is there is refused unless it is empty.
    pub fn folder(path: &'a Path) -> Self {
        Self { path, folder: true, replace: false }
    }

    /// Whether a file that is there may be replaced. Folders are never replaced: they may hold anything.
    #[must_use]
    pub fn replacing(self, replace: bool) -> Self {
        Self { replace, ..self }
    }

    /// Checks that the output can be written and that none of `inputs` is lost by it.
    ///
    /// Files are compared, not their names: links, relative paths and names that differ in case on systems
    /// that do not tell are seen through.
    ///
    /// # Errors
    /// [`PackError::Destination`] when the output is one of `inputs` or a part of one, is a folder where a
    /// file is to be written or a file where a folder is, or when its parent folder does not exist;
    /// [`PackError::Exists`] when a file is there that may not be replaced.
    pub fn check(&self, inputs: &[PathBuf]) -> Result<()> {
        // First what would be lost: that a file is there is the lesser news.
        self.check_inputs(inputs)?;
        self.check_place()?;
        self.check_work()
    }

    /// Work in progress is removed or replaced when it is done: what lies there must be left of such work.
    fn check_work(&self) -> Result<()> {
        for (suffix, ours) in WORKING {
            let work = with_suffix(self.path, OsStr::new(suffix));
            let strange = match metadata(&work)? {
                None => continue,
                // Only calibration has such a folder, and says itself when it cannot make it.
                Some(there) if suffix == ".calibration" && (self.folder || there.is_file()) => continue,
                // An export that was killed leaves one; nobody can tell it from another file or folder.
                Some(there) if self.folder || there.is_file() => !self.replace,
                Some(_) => {
                    let io = |source| PackError::Io { path: work.clone(), source };
                    let names = fs::read_dir(&work).map_err(io)?.map(|entry| entry.map(|e| e.file_name()));
                    let names = names.collect::<io::Result<Vec<_>>>().map_err(io)?;
                    !names.iter().all(|name| ours.iter().any(|own| name.to_string_lossy().starts_with(own)))
                }
            };
            if strange {
                let why = format!(
                    "cannot be made: work in progress would replace {}, which is there; remove or rename it",
                    work.display()
                );
                return Err(self.refused(&why));
            }
        }
        Ok(())
    }

    fn check_place(&self) -> Result<()> {
        let path = self.path;
        if path.as_os_str().is_empty() || path.file_name().is_none() {
            return Err(self.refused("is no name of a file; name the output"));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        match parent.map(fs::metadata) {
            None => {}
            Some(Ok(parent)) if parent.is_dir() => {}
            Some(Ok(_)) => {
                return Err(self.refused("cannot be written: its parent is a file; name another place"));
            }
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                let parent = parent.unwrap_or(path).display();
                return Err(self.refused(&format!(
                    "cannot be written: the folder {parent} does not exist; create it first"
                )));
            }
            Some(Err(source)) => return Err(PackError::Io { path: path.to_owned(), source }),
        }
        match metadata(path)? {
            None => {}
            Some(there) if there.is_dir() && !self.folder => {
                let inside = path.join("model.ecq");
                let why = format!("is a folder, a file is expected, such as {}", inside.display());
                return Err(self.refused(&why));
            }
            Some(there) if there.is_dir() => {
                let entries = fs::read_dir(path);
                let mut entries =
                    entries.map_err(|source| PackError::Io { path: path.to_owned(), source })?;
                if entries.next().is_some() {
                    return Err(self.refused(
                        "is a folder with files in it, which are never replaced; remove it or name another",
                    ));
                }
            }
            Some(there) if !there.is_file() => {
                return Err(self.refused("is neither a file nor a folder; name a new file"));
            }
            Some(_) if self.folder => {
                return Err(self.refused("is a file, a folder is expected; name a new folder"));
            }
            Some(_) if !self.replace => {
                return Err(PackError::Exists { path: path.to_owned() });
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn check_inputs(&self, inputs: &[PathBuf]) -> Result<()> {
        let working = WORKING.iter().map(|(suffix, _)| with_suffix(self.path, OsStr::new(suffix)));
        let outputs: Vec<PathBuf> = std::iter::once(self.path.to_owned()).chain(working).collect();
        for input in inputs {
            // What cannot be looked at cannot be read either: that is for the reader to say.
            let Ok(input_file) = same_file::Handle::from_path(input) else { continue };
            for (number, output) in outputs.iter().enumerate() {
                let same = same_file::Handle::from_path(output).is_ok_and(|output| output == input_file);
                if same {
                    let what = match number {
                        0 => "is the input".to_owned(),
                        _ => format!("work in progress would go to {}, which is the input", output.display()),
                    };
                    let why = format!("{what} {}; name another output", input.display());
                    return Err(self.refused(&why));
                }
            }
        }
        Ok(())
    }

    fn refused(&self, why: &str) -> PackError {
        PackError::Destination { path: self.path.to_owned(), why: why.to_owned() }
    }
}

/// What is at a path, if anything is; a link that leads nowhere is nothing.
fn metadata(path: &Path) -> Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PackError::Io { path: path.to_owned(), source }),
    }
}

/// A path with something after its last name, whatever bytes the name has.
fn with_suffix(path: &Path, suffix: &OsStr) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(result: Result<()>) -> String {
        match result {
            Err(error @ PackError::Destination { .. }) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_output_that_is_there_is_replaced_only_on_request() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new.ecq"), folder.path().join("old.ecq"));
        fs::write(&old, "a model").unwrap();
        Destination::file(&new).check(&[]).unwrap();
        let refused = Destination::file(&old).check(&[]);
        assert!(matches!(refused, Err(PackError::Exists { path }) if path == old));
        Destination::file(&old).replacing(true).check(&[]).unwrap();
        assert!(why(Destination::folder(&old).replacing(true).check(&[])).contains("a folder is expected"));
        let inside = folder.path();
        assert!(why(Destination::file(inside).replacing(true).check(&[])).contains("is a folder"));
        assert!(why(Destination::folder(inside).replacing(true).check(&[])).contains("never replaced"));
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        Destination::folder(&empty).check(&[]).unwrap();
        let far = folder.path().join("no/such/x.ecq");
        assert!(why(Destination::file(&far).check(&[])).contains("does not exist; create it first"));
        assert!(why(Destination::file(Path::new("")).check(&[])).contains("no name of a file"));
        assert!(why(Destination::file(Path::new("..")).check(&[])).contains("no name of a file"));
        let below = old.join("x.ecq");
        assert!(why(Destination::file(&below).check(&[])).contains("its parent is a file"));
    }

    #[cfg(unix)]
    #[test]
    fn an_input_is_recognized_under_other_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("m.gguf"), "GGUF").unwrap();
        std::os::unix::fs::symlink(at("m.gguf"), at("link")).unwrap();
        fs::hard_link(at("m.gguf"), at("hard")).unwrap();
        std::os::unix::fs::symlink(folder.path(), at("here")).unwrap();
        for name in ["m.gguf", "link", "hard", "here/m.gguf", "here/../m.gguf"] {
            let output = at(name);
            // The parent of a linked folder is another one.
            if !output.exists() {
                continue;
            }
            let why = why(Destination::file(&output).replacing(true).check(&[at("m.gguf")]));
            assert!(why.contains("is the input"), "{name}: {why}");
        }
        // A link that leads nowhere is as good as a new name.
        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
        Destination::file(&at("dangling")).check(&[at("m.gguf")]).unwrap();
        assert!(
            why(Destination::file(Path::new("/dev/null")).replacing(true).check(&[])).contains("neither")
        );
    }

    #[test]
    fn work_in_progress_replaces_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (file, dir) = (at("m.ecq"), at("out"));
        // Left of an interrupted run.
        fs::create_dir_all(at("m.ecq.partial")).unwrap();
        fs::write(at("m.ecq.partial/journal"), "").unwrap();
        fs::create_dir_all(at("m.ecq.calibration/seen-12")).unwrap();
        Destination::file(&file).check(&[]).unwrap();
        // Somebody's own.
        fs::write(at("m.ecq.calibration/thesis.txt"), "").unwrap();
        let refused = why(Destination::file(&file).replacing(true).check(&[]));
        assert!(refused.contains("m.ecq.calibration, which is there; remove or rename it"), "{refused}");
        fs::create_dir(at("out.partial")).unwrap();
        assert!(why(Destination::folder(&dir).check(&[])).contains("out.partial, which is there"));
        Destination::folder(&dir).replacing(true).check(&[]).unwrap();
    }

    #[test]
    fn work_in_progress_does_not_lie_on_an_input() {
        let folder = tempfile::tempdir().unwrap();
        let (output, input) = (folder.path().join("m.ecq"), folder.path().join("m.ecq.partial"));
        fs::write(&input, "GGUF").unwrap();
        let why = why(Destination::file(&output).check(&[input]));
        assert!(why.contains("work in progress would go to"), "{why}");
    }
}
