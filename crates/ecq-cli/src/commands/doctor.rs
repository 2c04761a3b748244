use crate::json;
use crate::out::outln;
use crate::version;
use ecq::coding::IsaKind;
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
    let found = IsaKind::detect();
    let decode = match found {
        IsaKind::Avx512 => "rANS decodes 16 lanes per instruction",
        IsaKind::Avx2 => "rANS decodes 8 lanes per instruction",
        IsaKind::Portable => "portable code, several times slower",
    };
    let mut findings = vec![
        ("processor", true, format!("{} threads, {}", threads, std::env::consts::ARCH)),
        ("instruction set", true, format!("{}: {decode}", found.name())),
    ];
    if found < IsaKind::Avx512 && cfg!(target_arch = "x86_64") {
        let why = "not available: the processor or virtual machine lacks AVX-512 F, BW, VL or DQ";
        findings.push(("avx512", false, why.to_owned()));
    }
    for device in ["cuda", "wgpu"] {
        findings.push((device, false, "not supported by this version".to_owned()));
    }
    findings
}
