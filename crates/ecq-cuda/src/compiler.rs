//! Compilation of kernels with NVRTC, and the cache of its results.

use crate::error::{CudaError, Result};
use crate::library::require_nvrtc;
use cudarc::nvrtc::{result as nvrtc, sys};
use std::ffi::{CStr, CString, c_char};
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::io::Write as _;
use std::path::PathBuf;

/// Header that every source begins with.
const COMMON: &str = include_str!("../kernels/common.cuh");

/// A CUDA C++ source of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// File name.
    pub name: &'static str,
    /// Content.
    pub text: &'static str,
}

/// Programs are looked up at every product that other libraries start, and texts are long.
impl Hash for Source {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// A source and the values of its macros.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Program {
    /// The source.
    pub source: Source,
    /// Macros and their values.
    pub defines: Vec<(&'static str, usize)>,
}

impl Program {
    /// Creates a program.
    pub fn new(source: Source, defines: &[(&'static str, usize)]) -> Self {
        Self { source, defines: defines.to_vec() }
    }

    /// Returns the name of the source with its macros, such as `packed.cu BITS=4`.
    pub fn title(&self) -> String {
        let mut title = self.source.name.to_owned();
        for (name, value) in &self.defines {
            // Writing to a string does not fail.
            let _ = write!(title, " {name}={value}");
        }
        title
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.defines {
            let _ = writeln!(text, "#define {name} {value}");
        }
        let _ = write!(text, "{COMMON}\n#line 1 \"{}\"\n{}", self.source.name, self.source.text);
        text
    }
}

/// NVRTC, and the folder of its results.
#[derive(Debug)]
pub struct Compiler {
    version: (i32, i32),
    /// Architectures that the compiler knows, ascending.
    architectures: Vec<u32>,
    cache: Option<PathBuf>,
}

/// A compiled program.
#[derive(Debug, Clone)]
pub struct Cubin {
    /// Machine code.
    pub bytes: Vec<u8>,
    /// Messages of the compiler; empty if the program comes from the cache.
    pub log: String,
}

impl Compiler {
    /// Loads NVRTC. Results are kept in the user's cache folder, or in `ECQ_CUDA_CACHE` if it is set; nothing
    /// is kept if it is empty.
    ///
    /// # Errors
    /// [`CudaError::Library`] if NVRTC is not found.
    pub fn new() -> Result<Self> {
        let version = require_nvrtc()?;
        let cache = match std::env::var_os("ECQ_CUDA_CACHE") {
            Some(folder) if folder.is_empty() => None,
            Some(folder) => Some(PathBuf::from(folder)),
            None => dirs::cache_dir().map(|folder| folder.join("ecq").join("cuda")),
        };
        Ok(Self { version, architectures: architectures(), cache })
    }

    /// Returns the compiler's version.
    pub fn version(&self) -> (i32, i32) {
        self.version
    }

    /// Returns the name of the target for a compute capability (times ten): itself, or the highest older one
    /// of the same generation, whose code runs too.
    ///
    /// # Errors
    /// [`CudaError::Library`] if the compiler is too old for the GPU.
    pub fn target(&self, capability: u32) -> Result<String> {
        let runs = |&&other: &&u32| other / 10 == capability / 10 && other <= capability;
        match self.architectures.iter().rev().find(runs) {
            Some(found) => Ok(format!("sm_{found}")),
            None => Err(CudaError::Library {
                library: "NVRTC",
                why: format!(
                    "version {}.{} does not compile for compute capability {}.{}; install a newer one",
                    self.version.0,
                    self.version.1,
                    capability / 10,
                    capability % 10
                ),
            }),
        }
    }

    /// Compiles a program for a target such as `sm_90`, or reads it from the cache.
    ///
    /// # Errors
    /// [`CudaError::Compile`] with the compiler's messages.
    pub fn compile(&self, program: &Program, target: &str) -> Result<Cubin> {
        let text = program.text();
        let options = options(target);
        let path = self.cache.as_ref().map(|folder| folder.join(self.key(&text, &options) + ".cubin"));
        if let Some(bytes) = path.as_ref().and_then(|path| std::fs::read(path).ok()) {
            return Ok(Cubin { bytes, log: String::new() });
        }
        let cubin = compile(program, &text, target, &options)?;
        if let Some(path) = path {
            // A cache that cannot be written costs time at the next start, no more.
            let _ = store(&path, &cubin.bytes);
        }
        Ok(cubin)
    }

    /// Compiles a program without the cache, with the assembler's report on registers and spills in the log.
    ///
    /// # Errors
    /// [`CudaError::Compile`] with the compiler's messages.
    pub fn report(&self, program: &Program, target: &str) -> Result<Cubin> {
        let mut options = options(target);
        options.push("--ptxas-options=--verbose".to_owned());
        compile(program, &program.text(), target, &options)
    }

    /// Returns the name of a result: a hash of everything that it depends on.
    fn key(&self, text: &str, options: &[String]) -> String {
        let mut hash = blake3::Hasher::new();
        for part in [text, &options.join("\n"), &format!("nvrtc {}.{}", self.version.0, self.version.1)] {
            hash.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hash.finalize().to_hex()[..32].to_owned()
    }
}

/// Products and sums are rounded separately, as on the CPU; kernels name the fused ones.
fn options(target: &str) -> Vec<String> {
    vec![format!("--gpu-architecture={target}"), "--std=c++17".to_owned(), "--fmad=false".to_owned()]
}

/// Writes to a temporary file first, because several processes may store the same result.
fn store(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(std::path::Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// Returns the architectures that NVRTC knows, ascending.
fn architectures() -> Vec<u32> {
    let mut count = 0;
    // SAFETY: the pointer is valid.
    let counted = unsafe { sys::nvrtcGetNumSupportedArchs(&raw mut count) };
    let mut found = vec![0; usize::try_from(count).unwrap_or(0)];
    if counted.result().is_err() || found.is_empty() {
        return Vec::new();
    }
    // SAFETY: the array has the length that the library asks for.
    let listed = unsafe { sys::nvrtcGetSupportedArchs(found.as_mut_ptr()) };
    if listed.result().is_err() {
        return Vec::new();
    }
    let mut all: Vec<u32> = found.into_iter().filter_map(|arch| u32::try_from(arch).ok()).collect();
    all.sort_unstable();
    all
}

/// A program of NVRTC, destroyed when dropped.
struct Unit(sys::nvrtcProgram);

impl Drop for Unit {
    fn drop(&mut self) {
        // SAFETY: the program was created and not destroyed before.
        let _ = unsafe { nvrtc::destroy_program(self.0) };
    }
}

fn compile(program: &Program, text: &str, target: &str, options: &[String]) -> Result<Cubin> {
    let failed =
        |log: String| CudaError::Compile { program: program.title(), architecture: target.to_owned(), log };
    let contains_nul = |_| failed("the source contains a zero byte".to_owned());
    let (text, name) = (CString::new(text).map_err(contains_nul)?, CString::new(program.source.name));
    let name = name.map_err(contains_nul)?;
    let unit = nvrtc::create_program(&text, Some(&name)).map_err(|error| failed(error.to_string()))?;
    let unit = Unit(unit);
    // SAFETY: the program exists until `unit` is dropped.
    let compiled = unsafe { nvrtc::compile_program(unit.0, options) };
    let log = log(&unit);
    compiled.map_err(|error| failed(format!("{error}\n{log}")))?;
    let mut size = 0;
    // SAFETY: the program exists and the pointer is valid.
    let sized = unsafe { sys::nvrtcGetCUBINSize(unit.0, &raw mut size) };
    sized.result().map_err(|error| failed(error.to_string()))?;
    let mut bytes = vec![0u8; size];
    // SAFETY: the buffer has the size that the library asks for.
    let read = unsafe { sys::nvrtcGetCUBIN(unit.0, bytes.as_mut_ptr().cast::<c_char>()) };
    read.result().map_err(|error| failed(error.to_string()))?;
    Ok(Cubin { bytes, log })
}

fn log(unit: &Unit) -> String {
    // SAFETY: the program exists; the log ends with a zero byte.
    let log = unsafe { nvrtc::get_program_log(unit.0) };
    let bytes: Vec<u8> = log.unwrap_or_default().into_iter().map(|byte| byte as u8).collect();
    CStr::from_bytes_until_nul(&bytes).map_or_else(
        |_| String::from_utf8_lossy(&bytes).into_owned(),
        |text| text.to_string_lossy().into_owned(),
    )
}
