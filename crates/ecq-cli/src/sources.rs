//! Models of every format where one that runs is needed.

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

/// Opens an `.ecq` as it is, and other models as an `.ecq` that is packed without loss in the cache folder.
pub fn checkpoint(path: &Path) -> anyhow::Result<Checkpoint> {
    let limits = Limits::default();
    match Checkpoint::open(path, &limits) {
        Err(RuntimeError::NotEcq { .. }) => {
            let source = source::open(path, &limits)?;
            // An architecture that does not run is named before anything is packed.
            config_of(&*source)?;
            let packed = packed(path, &*source)?;
            Ok(Checkpoint::open(&packed, &limits)?)
        }
        other => Ok(other?),
    }
}

/// The shape of a model of any format.
///
/// # Errors
/// When it carries none, or is of an architecture that is not known.
pub fn config_of(source: &dyn Source) -> anyhow::Result<Config> {
    let files = source.attached_files()?;
    let of = |name: &str| files.iter().find(|(file, _)| file == name).map(|(_, bytes)| bytes);
    if let Some(json) = of("config.json") {
        return Ok(Config::from_json(&String::from_utf8_lossy(json))?);
    }
    let absent = "config.json and no GGUF header: how its layers fit together is not known";
    let header = of("gguf.header").ok_or(RuntimeError::Absent { what: absent })?;
    let bytes = source.origin("").bytes;
    let gguf = Gguf::parse(header, bytes, &Limits::default()).map_err(RuntimeError::Gguf)?;
    let facts = gguf::config(&gguf).map_err(RuntimeError::Gguf)?;
    let tokenizer = gguf::tokenizer(&gguf).map_err(RuntimeError::Gguf)?;
    let json = hf::config_json(&facts, Some(&tokenizer), "float32").map_err(RuntimeError::Hf)?;
    Ok(Config::from_json(&json.to_string())?)
}

/// Where packed models are kept: `$ECQ_CACHE`, or `ecq` in the user's cache folder.
fn cache_folder() -> anyhow::Result<PathBuf> {
    let named = std::env::var_os("ECQ_CACHE").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = named.or_else(|| dirs::cache_dir().map(|folder| folder.join("ecq")));
    folder.context("this user has no cache folder; the variable ECQ_CACHE names one")
}

/// The model as an `.ecq` in the cache folder: the one that is there, or a new one.
fn packed(path: &Path, source: &dyn Source) -> anyhow::Result<PathBuf> {
    let folder = cache_folder()?;
    let at_folder = || format!("{} (the variable ECQ_CACHE names another cache folder)", folder.display());
    std::fs::create_dir_all(&folder).with_context(at_folder)?;
    let [place, state] = keys(path, source)?;
    let stem = path.file_stem().map_or("model".into(), |stem| stem.to_string_lossy());
    let of_place = format!("{stem}-{place}-");
    let file = folder.join(format!("{of_place}{state}.ecq"));
    let length = |file: &Path| std::fs::metadata(file).map(|file| file.len());
    if let Ok(length) = length(&file) {
        eprintln!("{} runs from {} ({})", path.display(), file.display(), bytes(length));
        return Ok(file);
    }
    eprintln!("{} is packed without loss first; the next run finds it", path.display());
    // Packed codes are the quickest to write and to load.
    let encode = EncodeOptions { coding: CodingChoice::Only(Coding::Packed), ..EncodeOptions::default() };
    let options = PackOptions { encode, ..PackOptions::default() };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    pack(source, &name, Some(&file), &options, &Bar::of_job(false, CODING))?;
    eprintln!("packed into {} ({})", file.display(), bytes(length(&file).with_context(at_folder)?));
    remove_older(&folder, &of_place, &file);
    Ok(file)
}

/// Hashes of the model's place, and of its place, lengths and times of change.
fn keys(path: &Path, source: &dyn Source) -> anyhow::Result<[String; 2]> {
    let place = path.canonicalize().with_context(|| path.display().to_string())?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(place.as_os_str().as_encoded_bytes());
    let of_place = hasher.finalize().to_hex()[..8].to_owned();
    hasher.update(concat!("ecq ", env!("CARGO_PKG_VERSION")).as_bytes());
    let mut files = source.files();
    files.sort();
    for file in files {
        let facts = std::fs::metadata(&file).with_context(|| file.display().to_string())?;
        let changed = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        hasher.update(file.as_os_str().as_encoded_bytes());
        hasher.update(&facts.len().to_le_bytes());
        hasher.update(&changed.map_or(0, |time| time.as_nanos()).to_le_bytes());
    }
    Ok([of_place, hasher.finalize().to_hex()[..8].to_owned()])
}

/// Removes what an earlier state of the same model was packed into. That it cannot be is no reason to stop.
fn remove_older(folder: &Path, of_place: &str, kept: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_older = entry.file_name().to_string_lossy().starts_with(of_place) && entry.path() != kept;
        if is_older && entry.path().extension().is_some_and(|extension| extension == "ecq") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The bytes of a model of any format.
pub fn bytes_of(path: &Path) -> anyhow::Result<u64> {
    Ok(source::open(path, &Limits::default()).map_err(|error| anyhow!(error))?.bytes())
}
