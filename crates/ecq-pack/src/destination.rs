//! Outputs, and checks that writing them destroys no other data.

use crate::error::{PackError, Result};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// An output: a file or a folder that does not exist yet or may be replaced.
///
/// Models are large and take hours to make, so an output is checked before any work:
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

/// Suffixes of the work folders of an output, and the prefixes of the names in each.
const WORK_FOLDERS: [(&str, &[&str]); 2] =
    [(".partial", &["journal", "data", "out"]), (".calibration", &["model-", "seen-"])];

impl<'a> Destination<'a> {
    /// Makes a destination that is a new file.
    pub fn file(path: &'a Path) -> Self {
        Self { path, folder: false, replace: false }
    }

    /// Makes a destination that is a new or empty folder.
    pub fn folder(path: &'a Path) -> Self {
        Self { path, folder: true, replace: false }
    }

    /// Sets whether an existing file may be replaced; the default is false. Folders are never replaced,
    /// because they may hold anything.
    #[must_use]
    pub fn replacing(self, replace: bool) -> Self {
        Self { replace, ..self }
    }

    /// Checks that the output can be written and that writing it destroys none of `inputs`.
    ///
    /// Files are compared by identity, not by name, so links, relative paths and case-insensitive names are
    /// recognized.
    ///
    /// # Errors
    /// [`PackError::Destination`] if the output or its work folder is one of `inputs`, is a folder where a
    /// file is expected or the reverse, or if its parent folder does not exist; [`PackError::Exists`] if a
    /// file exists that may not be replaced; [`PackError::Io`].
    pub fn check(&self, inputs: &[PathBuf]) -> Result<()> {
        // The loss of an input is reported before the existence of a file.
        self.check_inputs(inputs)?;
        self.check_path()?;
        self.check_work_folders()
    }

    /// Checks that existing work folders hold only files of earlier runs, because they are removed at the
    /// end.
    fn check_work_folders(&self) -> Result<()> {
        for (suffix, known) in WORK_FOLDERS {
            let work = with_suffix(self.path, OsStr::new(suffix));
            let is_foreign = match metadata(&work)? {
                None => continue,
                // Exports do not calibrate, and calibration reports itself that it cannot create its folder.
                Some(entry) if suffix == ".calibration" && (self.folder || entry.is_file()) => continue,
                // A killed export leaves such an entry, which cannot be told from a foreign one.
                Some(entry) if self.folder || entry.is_file() => !self.replace,
                Some(_) => {
                    let io = |source| PackError::Io { path: work.clone(), source };
                    let names = fs::read_dir(&work).map_err(io)?.map(|entry| entry.map(|e| e.file_name()));
                    let names = names.collect::<io::Result<Vec<_>>>().map_err(io)?;
                    let is_known = |name: &str| known.iter().any(|prefix| name.starts_with(prefix));
                    !names.iter().all(|name| is_known(&name.to_string_lossy()))
                }
            };
            if is_foreign {
                let why = format!(
                    "cannot be written: {} exists and is not a work folder of ecq; remove or rename it",
                    work.display()
                );
                return Err(self.refused(&why));
            }
        }
        Ok(())
    }

    fn check_path(&self) -> Result<()> {
        let path = self.path;
        if path.as_os_str().is_empty() || path.file_name().is_none() {
            return Err(self.refused("is not a file name; give a name for the output"));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        match parent.map(fs::metadata) {
            None => {}
            Some(Ok(parent)) if parent.is_dir() => {}
            Some(Ok(_)) => {
                return Err(self.refused("cannot be written: its parent is a file; give another path"));
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
            Some(entry) if entry.is_dir() && !self.folder => {
                let inside = path.join("model.ecq");
                let why = format!("is a folder, a file is expected, such as {}", inside.display());
                return Err(self.refused(&why));
            }
            Some(entry) if entry.is_dir() => {
                let entries = fs::read_dir(path);
                let mut entries =
                    entries.map_err(|source| PackError::Io { path: path.to_owned(), source })?;
                if entries.next().is_some() {
                    return Err(self.refused(
                        "is a folder with files in it, which are never replaced; give another path",
                    ));
                }
            }
            Some(entry) if !entry.is_file() => {
                return Err(self.refused("is neither a file nor a folder; give the path of a new file"));
            }
            Some(_) if self.folder => {
                return Err(self.refused("is a file, a folder is expected; give the path of a new folder"));
            }
            Some(_) if !self.replace => {
                return Err(PackError::Exists { path: path.to_owned() });
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn check_inputs(&self, inputs: &[PathBuf]) -> Result<()> {
        let work = WORK_FOLDERS.iter().map(|(suffix, _)| with_suffix(self.path, OsStr::new(suffix)));
        let outputs: Vec<PathBuf> = std::iter::once(self.path.to_owned()).chain(work).collect();
        for input in inputs {
            // An input that cannot be opened is reported when it is read.
            let Ok(input_file) = same_file::Handle::from_path(input) else { continue };
            for (number, output) in outputs.iter().enumerate() {
                let same = same_file::Handle::from_path(output).is_ok_and(|output| output == input_file);
                if same {
                    let what = match number {
                        0 => "is the input".to_owned(),
                        _ => format!("cannot be written: its work folder {} is the input", output.display()),
                    };
                    let why = format!("{what} {}; give another path for the output", input.display());
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

/// Returns the metadata of a path; `None` if nothing exists there or a link is dangling.
fn metadata(path: &Path) -> Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PackError::Io { path: path.to_owned(), source }),
    }
}

/// Appends a suffix to the last component of a path, which need not be UTF-8.
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
    fn an_existing_output_is_replaced_only_on_request() {
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
        assert!(why(Destination::file(Path::new("")).check(&[])).contains("is not a file name"));
        assert!(why(Destination::file(Path::new("..")).check(&[])).contains("is not a file name"));
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
            // `here/..` is the parent of the link's target, which has no such file.
            if !output.exists() {
                continue;
            }
            let why = why(Destination::file(&output).replacing(true).check(&[at("m.gguf")]));
            assert!(why.contains("is the input"), "{name}: {why}");
        }
        // A dangling link counts as a new name.
        std::os::unix::fs::symlink(at("nowhere"), at("dangling")).unwrap();
        Destination::file(&at("dangling")).check(&[at("m.gguf")]).unwrap();
        assert!(
            why(Destination::file(Path::new("/dev/null")).replacing(true).check(&[])).contains("neither")
        );
    }

    #[test]
    fn work_folders_with_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let (file, dir) = (at("m.ecq"), at("out"));
        // The remains of an interrupted run are accepted.
        fs::create_dir_all(at("m.ecq.partial")).unwrap();
        fs::write(at("m.ecq.partial/journal"), "").unwrap();
        fs::create_dir_all(at("m.ecq.calibration/seen-12")).unwrap();
        Destination::file(&file).check(&[]).unwrap();
        // Any other file is not.
        fs::write(at("m.ecq.calibration/thesis.txt"), "").unwrap();
        let refused = why(Destination::file(&file).replacing(true).check(&[]));
        assert!(
            refused.contains("m.ecq.calibration exists and is not a work folder of ecq; remove or rename it"),
            "{refused}"
        );
        fs::create_dir(at("out.partial")).unwrap();
        assert!(
            why(Destination::folder(&dir).check(&[])).contains("out.partial exists and is not a work folder")
        );
        Destination::folder(&dir).replacing(true).check(&[]).unwrap();
    }

    #[test]
    fn a_work_folder_that_is_an_input_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (output, input) = (folder.path().join("m.ecq"), folder.path().join("m.ecq.partial"));
        fs::write(&input, "GGUF").unwrap();
        let why = why(Destination::file(&output).check(&[input]));
        assert!(why.contains("its work folder"), "{why}");
    }
}
