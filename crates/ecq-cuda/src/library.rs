//! Loading of the driver and of NVRTC, which may be absent.
//!
//! cudarc loads both at the first call and panics if a library is missing, so every entry to this crate asks
//! here first.

use crate::error::{CudaError, DriverResult, Result};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Environment variable with the path of the NVRTC library, for installations that are not found otherwise.
pub const NVRTC_VARIABLE: &str = "ECQ_NVRTC";

/// Makes sure that the driver is loaded and initialized.
///
/// # Errors
/// [`CudaError::Library`] if there is no driver, [`CudaError::Driver`] if it does not start.
pub fn require_driver() -> Result<()> {
    static PRESENT: OnceLock<bool> = OnceLock::new();
    // SAFETY: opens and closes the driver's library, whose initializers are safe to run.
    if !*PRESENT.get_or_init(|| unsafe { cudarc::driver::sys::is_culib_present() }) {
        return Err(CudaError::Library {
            library: "the NVIDIA driver (libcuda)",
            why: "not found; install the driver of the GPU, or add the folder of libcuda to LD_LIBRARY_PATH"
                .to_owned(),
        });
    }
    cudarc::driver::result::init().during("starting the driver")
}

/// Makes sure that NVRTC is loaded, and returns its version.
///
/// Looks at `ECQ_NVRTC`, then where the system looks for libraries, then in the folders of CUDA toolkits.
///
/// # Errors
/// [`CudaError::Library`] if it is not found.
pub fn require_nvrtc() -> Result<(i32, i32)> {
    static LOADED: OnceLock<std::result::Result<(i32, i32), String>> = OnceLock::new();
    LOADED
        .get_or_init(load_nvrtc)
        .clone()
        .map_err(|why| CudaError::Library { library: "NVRTC, the compiler of kernels,", why })
}

fn load_nvrtc() -> std::result::Result<(i32, i32), String> {
    let mut candidates: Vec<PathBuf> =
        std::env::var_os(NVRTC_VARIABLE).map(PathBuf::from).into_iter().collect();
    let forced = !candidates.is_empty();
    candidates.extend(toolkit_libraries());
    // SAFETY: opens and closes the library of NVRTC, whose initializers are safe to run.
    let present = || unsafe { cudarc::nvrtc::sys::is_culib_present() };
    if forced || !present() {
        // Once a library is loaded, looking for its plain name finds it.
        let opened = candidates.iter().find_map(|path| open_with_builtins(path));
        // The libraries stay loaded until the process ends.
        std::mem::forget(opened);
    }
    if !present() {
        return Err(format!(
            "not found; install the CUDA toolkit (or its package nvrtc), or set {NVRTC_VARIABLE} to the path \
             of libnvrtc"
        ));
    }
    let (mut major, mut minor) = (0, 0);
    // SAFETY: both pointers are valid, and the library is present.
    let result = unsafe { cudarc::nvrtc::sys::nvrtcVersion(&raw mut major, &raw mut minor) };
    result.result().map_err(|error| format!("its version is unknown: {error:?}"))?;
    Ok((major, minor))
}

/// Opens NVRTC and the library of its built-in functions, which it looks for by name alone.
fn open_with_builtins(path: &Path) -> Option<Vec<libloading::Library>> {
    let folder = path.parent()?;
    let names = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let builtins = names.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libnvrtc-builtins.so")
    });
    let mut opened = vec![open(path)?];
    opened.extend(builtins.filter_map(|path| open(&path)));
    Some(opened)
}

fn open(path: &Path) -> Option<libloading::Library> {
    // SAFETY: the initializers of NVRTC are safe to run.
    path.is_file().then(|| unsafe { libloading::Library::new(path) })?.ok()
}

/// Returns the paths where toolkits install NVRTC.
fn toolkit_libraries() -> Vec<PathBuf> {
    let folders = ["CUDA_HOME", "CUDA_PATH", "CUDA_ROOT"].into_iter().filter_map(std::env::var_os);
    let folders = folders.map(PathBuf::from).chain(["/usr/local/cuda", "/opt/cuda"].map(PathBuf::from));
    let names = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"];
    folders.flat_map(|folder| names.map(|name| folder.join("lib64").join(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither library may be needed, and a missing one must not be a panic.
    #[test]
    fn missing_libraries_are_errors() {
        for error in [require_driver().err(), require_nvrtc().err()].into_iter().flatten() {
            let text = error.to_string();
            assert!(text.contains("not found") || text.contains("starting the driver"), "{text}");
        }
    }
}
