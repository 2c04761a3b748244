use crate::json;
use crate::out::outln;
use crate::version;
use ecq::coding::Isa;
use serde_json::json;
use std::process::ExitCode;

/// A hardware feature: its name, whether it is used, and the reason.
type Finding = (&'static str, bool, String);

pub fn run(json: bool) -> anyhow::Result<ExitCode> {
    let findings = findings();
    if json {
        let list = findings.iter().map(|(name, used, why)| json!({ "name": name, "used": used, "why": why }));
        json::print(&json!({ "version": env!("CARGO_PKG_VERSION"), "findings": list.collect::<Vec<_>>() }))?;
        return Ok(ExitCode::SUCCESS);
    }
    outln!("ecq {}", version::text());
    for (name, used, why) in findings {
        let why = textwrap::fill(&why, textwrap::Options::new(56).subsequent_indent(&" ".repeat(23)));
        outln!("  {} {name:<18} {why}", if used { "+" } else { "-" });
    }
    Ok(ExitCode::SUCCESS)
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
    for device in ["cuda", "wgpu"] {
        findings.push((device, false, "not supported by this version".to_owned()));
    }
    findings
}
