//! Opens models of any format for running; formats other than `.ecq` are converted first.

use crate::out::errln;
use crate::progress::{Bar, CODING};
use crate::table::bytes;
use anyhow::{Context, anyhow};
use ecq::encode::{CodingChoice, EncodeOptions};
use ecq::format::gguf::{self, Gguf};
use ecq::format::hf;
use ecq::runtime::arch::Config;
use ecq::runtime::{Checkpoint, RuntimeError};
use ecq::source::{self, Source};
use ecq::{Coding, Limits, PackOptions, pack};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Opens an `.ecq` file, or a lossless conversion of a model of another format from the cache folder.
pub fn checkpoint(path: &Path) -> anyhow::Result<Checkpoint> {
    let limits = Limits::default();
    match Checkpoint::open(path, &limits) {
        Err(RuntimeError::NotEcq { .. }) => {
            let source = source::open(path, &limits)?;
            // Fails for an unsupported architecture before the model is converted.
            config_of(&*source)?;
            let converted = converted(path, &*source)?;
            Ok(Checkpoint::open(&converted, &limits)?)
        }
        other => Ok(other?),
    }
}

/// Returns the configuration of a model of any format.
///
/// # Errors
/// [`RuntimeError::Missing`] if the model has none; other [`RuntimeError`]s if the architecture is not
/// supported.
pub fn config_of(source: &dyn Source) -> anyhow::Result<Config> {
    let files = source.attached_files()?;
    let of = |name: &str| files.iter().find(|(file, _)| file == name).map(|(_, bytes)| bytes);
    if let Some(json) = of("config.json") {
        return Ok(Config::from_json(&String::from_utf8_lossy(json))?);
    }
    let absent = "config.json and no GGUF header, which describe its architecture";
    let header = of("gguf.header").ok_or(RuntimeError::Missing { what: absent })?;
    let bytes = source.origin("").bytes;
    let gguf = Gguf::parse(header, bytes, &Limits::default()).map_err(RuntimeError::Gguf)?;
    let facts = gguf::model_config(&gguf).map_err(RuntimeError::Gguf)?;
    let tokenizer = gguf::tokenizer_metadata(&gguf).map_err(RuntimeError::Gguf)?;
    let json = hf::config_json(&facts, Some(&tokenizer), "float32").map_err(RuntimeError::Hf)?;
    Ok(Config::from_json(&json.to_string())?)
}

/// The folder of converted models: `$ECQ_CACHE`, or `ecq` in the user's cache folder.
fn cache_folder() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("ECQ_CACHE").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = named.or_else(|| dirs::cache_dir().map(|folder| folder.join("ecq")));
    folder.context("no cache folder for this user; set ECQ_CACHE to a folder")
}

/// Returns the path of the converted model in the cache folder, converting it first if it is missing or
/// outdated.
fn converted(path: &Path, source: &dyn Source) -> anyhow::Result<PathBuf> {
    let folder = cache_folder()?;
    let at_folder = || format!("{} (set ECQ_CACHE to use another cache folder)", folder.display());
    std::fs::create_dir_all(&folder).with_context(at_folder)?;
    let [path_key, state_key] = keys(path, source)?;
    let stem = path.file_stem().map_or("model".into(), |stem| stem.to_string_lossy());
    let prefix = format!("{stem}-{path_key}-");
    let file = folder.join(format!("{prefix}{state_key}.ecq"));
    let length = |file: &Path| std::fs::metadata(file).map(|file| file.len());
    if let Ok(length) = length(&file) {
        errln!("using {} ({}), converted from {}", file.display(), bytes(length), path.display());
        return Ok(file);
    }
    errln!("converting {} to .ecq without loss; later runs reuse the result", path.display());
    // Packed codes are the fastest to write and to load.
    let encode = EncodeOptions { coding: CodingChoice::Only(Coding::Packed), ..EncodeOptions::default() };
    let options = PackOptions { encode, ..PackOptions::default() };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    pack(source, &name, Some(&file), &options, &Bar::of_job(false, CODING))?;
    errln!("wrote {} ({})", file.display(), bytes(length(&file).with_context(at_folder)?));
    remove_outdated(&folder, &prefix, &file);
    Ok(file)
}

/// Returns two hashes: one of the path, and one of the path, file lengths, modification times and ecq
/// version.
fn keys(path: &Path, source: &dyn Source) -> anyhow::Result<[String; 2]> {
    let full = path.canonicalize().with_context(|| path.display().to_string())?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(full.as_os_str().as_encoded_bytes());
    let path_key = hasher.finalize().to_hex()[..8].to_owned();
    hasher.update(concat!("ecq ", env!("CARGO_PKG_VERSION")).as_bytes());
    let mut files = source.files();
    files.sort();
    for file in files {
        let metadata = std::fs::metadata(&file).with_context(|| file.display().to_string())?;
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        hasher.update(file.as_os_str().as_encoded_bytes());
        hasher.update(&metadata.len().to_le_bytes());
        hasher.update(&modified.map_or(0, |time| time.as_nanos()).to_le_bytes());
    }
    Ok([path_key, hasher.finalize().to_hex()[..8].to_owned()])
}

/// Removes conversions of earlier versions of the same model. Errors are ignored: they only leave a file
/// behind.
fn remove_outdated(folder: &Path, prefix: &str, kept: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let outdated = entry.file_name().to_string_lossy().starts_with(prefix) && entry.path() != kept;
        if outdated && entry.path().extension().is_some_and(|extension| extension == "ecq") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Returns the size in bytes of a model of any format.
pub fn bytes_of(path: &Path) -> anyhow::Result<u64> {
    Ok(source::open(path, &Limits::default()).map_err(|error| anyhow!(error))?.bytes())
}
