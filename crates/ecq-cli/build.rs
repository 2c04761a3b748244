//! Sets `ECQ_COMMIT` to the abbreviated commit of the source, for `ecq --version`.
//!
//! The commit comes from, in this order: the variable `ECQ_COMMIT` (for packagers), `.cargo_vcs_info.json`
//! (in packages from crates.io), and the files of the repository. It is left out if none is available. No
//! program is run, and only files that change with the commit trigger a rebuild.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-env-changed=ECQ_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let commit = std::env::var("ECQ_COMMIT")
        .ok()
        .or_else(|| of_package(&package))
        .or_else(|| of_repository(&package.join("../..")));
    let commit = commit.filter(|commit| commit.len() >= 7 && commit.bytes().all(|b| b.is_ascii_hexdigit()));
    if let Some(commit) = commit {
        println!("cargo::rustc-env=ECQ_COMMIT={}", &commit[..7]);
    }
}

/// The commit that `cargo package` recorded.
fn of_package(package: &Path) -> Option<String> {
    let text = fs::read_to_string(package.join(".cargo_vcs_info.json")).ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    rest.split('"').nth(1).map(str::to_owned)
}

/// The commit that `HEAD` points to.
fn of_repository(root: &Path) -> Option<String> {
    let git = root.join(".git");
    // In a linked worktree, `.git` is a file that names the folder.
    let folder = match fs::read_to_string(&git) {
        Ok(text) => root.join(text.trim().strip_prefix("gitdir: ")?),
        Err(_) => git,
    };
    let common = match fs::read_to_string(folder.join("commondir")) {
        Ok(path) => folder.join(path.trim()),
        Err(_) => folder.clone(),
    };
    let head = read_watched(&folder.join("HEAD"))?;
    let Some(reference) = head.strip_prefix("ref: ") else { return Some(head) };
    read_watched(&common.join(reference)).or_else(|| {
        let packed = read_watched(&common.join("packed-refs"))?;
        let line = packed.lines().find(|line| line.ends_with(&format!(" {reference}")))?;
        line.split(' ').next().map(str::to_owned)
    })
}

/// Reads a file and rebuilds when it changes. A missing file is not watched: that would rebuild every time.
fn read_watched(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    Some(text.trim().to_owned())
}
