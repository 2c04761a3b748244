use super::self_test;
use crate::args::DoctorArgs;
use crate::exit::ExitCode;
use crate::json;
use crate::out::outln;
use crate::version;
use ecq::coding::Isa;
use ecq::cuda::{Cuda, driver_version, gpu_count, require_nvrtc};
use serde_json::json;

/// A hardware feature: its name, whether it is used, and the reason.
type Finding = (&'static str, bool, String);

pub fn run(args: &DoctorArgs, json: bool) -> anyhow::Result<ExitCode> {
    if args.self_test {
        return self_test::run(&args.device, json);
    }
    let findings = findings();
    if json {
        let list = findings.iter().map(|(name, used, why)| json!({ "name": name, "used": used, "why": why }));
        json::print(&json!({ "version": env!("CARGO_PKG_VERSION"), "findings": list.collect::<Vec<_>>() }))?;
        return Ok(ExitCode::SUCCESS);
    }
    outln!("ecq {}", version::text());
    for (name, used, why) in findings {
        line(used, name, &why);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a name, whether all is well with it, and the reason in a column of its own.
pub fn line(good: bool, name: &str, why: &str) {
    let why = textwrap::wrap(why, 57).join(&format!("\n{}", " ".repeat(23)));
    outln!("  {} {name:<18} {why}", if good { "+" } else { "-" });
}

fn findings() -> Vec<Finding> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let found = Isa::detect();
    let decode = match found {
        Isa::Avx512 | Isa::Avx512Vnni => "rANS decodes 16 lanes per instruction",
        Isa::Neon | Isa::NeonDot | Isa::Avx2 => "rANS decodes 8 lanes per instruction",
        Isa::Portable => "portable code, several times slower",
    };
    let mut findings = vec![
        ("processor", true, format!("{} threads, {}", threads, std::env::consts::ARCH)),
        ("instruction set", true, format!("{}: {decode}", found.name())),
    ];
    if matches!(found, Isa::Portable | Isa::Avx2) && cfg!(target_arch = "x86_64") {
        let why = "not available: the processor or virtual machine lacks AVX-512 F, BW, VL or DQ";
        findings.push(("avx512", false, why.to_owned()));
    }
    findings.extend(cuda());
    findings.extend(wgpu());
    findings
}

/// Looks for what the CUDA device needs: driver, compiler of kernels, GPUs.
fn cuda() -> Vec<Finding> {
    let version = |version: i32| format!("{}.{}", version / 1000, version % 1000 / 10);
    let (driver, count) = match (driver_version(), gpu_count()) {
        (Ok(found), Ok(count)) => (format!("supports CUDA {}", version(found)), count),
        (Err(error), _) | (_, Err(error)) => return vec![("cuda driver", false, error.to_string())],
    };
    let mut findings = vec![("cuda driver", true, driver)];
    findings.push(match require_nvrtc() {
        Ok((major, minor)) => ("cuda compiler", true, format!("NVRTC {major}.{minor}")),
        Err(error) => ("cuda compiler", false, error.to_string()),
    });
    if count == 0 {
        findings.push(("cuda", false, "the driver reports no GPU".to_owned()));
    }
    findings.extend((0..count).map(|number| match Cuda::new(number) {
        Ok(cuda) => {
            let found = cuda.gpu().properties();
            let capability = format!("{}.{}", found.capability / 10, found.capability % 10);
            let why = format!(
                "--device cuda:{number}: {}, compute capability {capability}, {} multiprocessors, {:.0} GB",
                found.name,
                found.multiprocessors,
                found.memory_bytes as f64 / 1e9
            );
            ("cuda", true, why)
        }
        Err(error) => ("cuda", false, format!("cuda:{number}: {error}")),
    }));
    findings
}

/// Looks for adapters of the wgpu device, and tells what the lack of a feature costs.
#[cfg(feature = "wgpu")]
fn wgpu() -> Vec<Finding> {
    let all = ecq::wgpu::adapters();
    if all.is_empty() {
        return vec![("wgpu", false, ecq::wgpu::WgpuError::NoAdapter.to_string())];
    }
    let mut findings = Vec::new();
    for found in all {
        let device = format!("--device wgpu:{}: {}, {}", found.number, found.name, found.driver);
        if let Some(why) = found.refused {
            findings.push(("wgpu", false, format!("{device}: {why}")));
            continue;
        }
        let speed = if found.is_software { "; in software, slower than --device cpu" } else { "" };
        let most = found.binding_bytes as f64 / 1e9;
        let limit = format!("matrices are divided at {most:.1} GB");
        findings.push(("wgpu", true, format!("{device}, through {}; {limit}{speed}", found.interface)));
        findings.push(match found.subgroup {
            Some([least, most]) if least >= 32 => {
                ("wgpu subgroups", true, format!("{least} to {most} lanes: rANS lanes vote in registers"))
            }
            Some([least, most]) => {
                let why =
                    "less than 32, so that rANS lanes meet in workgroup memory: slower lru and prefetch";
                ("wgpu subgroups", false, format!("{least} to {most} lanes, {why}"))
            }
            None => {
                let why = "none: rANS lanes meet in workgroup memory, which makes lru and prefetch slower";
                ("wgpu subgroups", false, why.to_owned())
            }
        });
        let f16 = if found.f16 { "there, but" } else { "missing;" };
        findings.push(("wgpu f16", false, format!("{f16} kernels compute in f32 and integers: no cost")));
        let dots = if found.dots { "bytes" } else { "floats: Metal has no dot products of bytes" };
        findings.push(("wgpu dot products", found.dots, format!("prompts multiply {dots}")));
        findings.push(match found.timestamps {
            true => ("wgpu timestamps", true, "bench gemv counts the time of kernels alone".to_owned()),
            false => {
                let why = "missing: bench gemv counts the time of a submission, which is longer".to_owned();
                ("wgpu timestamps", false, why)
            }
        });
    }
    findings
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Vec<Finding> {
    vec![("wgpu", false, "not in this build, whose feature is wgpu".to_owned())]
}
