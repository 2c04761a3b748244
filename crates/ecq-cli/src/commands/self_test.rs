//! `ecq doctor --self-test`: what devices compute, beside known answers.

use super::doctor::line;
use crate::exit::ExitCode;
use crate::json;
use crate::out::{outln, paragraph};
use crate::progress::Bar;
use crate::version;
use ecq::cuda::gpu_count;
use ecq::runtime::RuntimeError;
use ecq::self_test::{Device, Finding, LIMIT, Verdict};
use serde_json::{Value, json};
use std::sync::Arc;

/// A device that was tested, or why it could not be opened.
struct Tested {
    name: String,
    description: String,
    findings: Result<Vec<Finding>, String>,
}

impl Tested {
    fn failures(&self) -> usize {
        self.findings.iter().flatten().filter(|finding| !finding.is_right()).count()
    }
}

/// Tests the devices that are named, by default all of them.
pub fn run(names: &[String], json: bool) -> anyhow::Result<ExitCode> {
    if !json {
        outln!("ecq {}", version::text());
    }
    let every = names.is_empty();
    let names = if every { all() } else { names.to_vec() };
    let mut tested = Vec::new();
    for name in names {
        let devices = match Device::open(&name) {
            Ok(devices) => devices,
            // A device that is asked for must be there.
            Err(error) if !every => return Err(error.into()),
            Err(error) => {
                tested.push(not_there(name, &error, json));
                continue;
            }
        };
        tested.extend(devices.into_iter().map(|device| test(Arc::new(device), json)));
    }
    conclude(&tested, json)
}

/// Prints how many checks failed, or all findings as JSON, and returns the exit code.
fn conclude(tested: &[Tested], json: bool) -> anyhow::Result<ExitCode> {
    let failures = tested.iter().map(Tested::failures).sum::<usize>();
    if json {
        let devices: Vec<Value> = tested.iter().map(to_json).collect();
        let version = env!("CARGO_PKG_VERSION");
        json::print(&json!({ "version": version, "ok": failures == 0, "devices": devices }))?;
    } else {
        let checks = tested.iter().flat_map(|tested| &tested.findings).map(Vec::len).sum::<usize>();
        match failures {
            0 => outln!("all {checks} checks are right"),
            _ => outln!("{failures} of {checks} checks failed"),
        }
        tested.iter().filter(|tested| tested.failures() > 0).for_each(|tested| paragraph(&advice(tested)));
    }
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Returns the names of the devices that drivers report.
fn all() -> Vec<String> {
    let mut all = vec!["cpu".to_owned()];
    // `ecq doctor` says why there is no driver.
    all.extend((0..gpu_count().unwrap_or(0)).map(|number| format!("cuda:{number}")));
    #[cfg(feature = "wgpu")]
    all.extend(ecq::wgpu::adapters().into_iter().map(|adapter| format!("wgpu:{}", adapter.number)));
    all
}

fn not_there(name: String, error: &RuntimeError, json: bool) -> Tested {
    let why = error.to_string();
    if !json {
        outln!("{name}: not tested");
        line(false, "open", &why);
    }
    Tested { name, description: String::new(), findings: Err(why) }
}

fn test(device: Arc<Device>, json: bool) -> Tested {
    let (name, description) = (device.name().to_owned(), device.backend().info().name);
    if !json {
        outln!("{name}: {description}");
    }
    let mut findings = Vec::new();
    let mut bar = None;
    ecq::self_test::run(
        &device,
        LIMIT,
        |check| bar = Some(Bar::spinner(check)),
        |finding| {
            if !json {
                line(finding.is_right(), finding.check, &said(&finding));
            }
            findings.push(finding);
        },
    );
    Tested { name, description, findings: Ok(findings) }
}

fn said(finding: &Finding) -> String {
    let kernels = finding.kernels.join(", ");
    match &finding.verdict {
        Verdict::Right { values } => format!("{values} values"),
        Verdict::Wrong(wrong) if kernels.is_empty() => wrong.to_string(),
        Verdict::Wrong(wrong) => format!("{wrong}; kernels: {kernels}"),
        Verdict::Failed(why) => why.clone(),
    }
}

fn to_json(tested: &Tested) -> Value {
    let checks = |findings: &Vec<Finding>| -> Vec<Value> { findings.iter().map(check_json).collect() };
    json!({
        "device": tested.name,
        "name": tested.description,
        "checks": tested.findings.as_ref().ok().map(checks),
        "not_tested": tested.findings.as_ref().err(),
    })
}

fn check_json(finding: &Finding) -> Value {
    let (values, wrong, error) = match &finding.verdict {
        Verdict::Right { values } => (Some(*values), None, None),
        Verdict::Wrong(wrong) => {
            let what = json!({
                "count": wrong.differing, "place": wrong.place, "found": wrong.found,
                "expected": wrong.expected, "allowed": wrong.allowed,
            });
            (Some(wrong.values), Some(what), None)
        }
        Verdict::Failed(why) => (None, None, Some(why)),
    };
    json!({
        "check": finding.check, "ok": finding.is_right(), "kernels": finding.kernels, "values": values,
        "wrong": wrong, "error": error,
    })
}

/// Says what to do about a device whose checks fail.
fn advice(tested: &Tested) -> String {
    let name = &tested.name;
    let failed: Vec<&str> =
        tested.findings.iter().flatten().filter(|finding| !finding.is_right()).map(|f| f.check).collect();
    let others = "use another device (`--device cpu`)";
    let report = "report the output of this command with `--json`";
    match name.split(':').next().unwrap_or(name) {
        "cuda" => {
            format!("{name}: update NVIDIA's driver and NVRTC; until then {others}. If it stays, {report}.")
        }
        "wgpu"
            if failed.iter().all(|check| check.contains("rans")) && !name.contains("without-subgroups") =>
        {
            format!(
                "{name}: only rANS is wrong, whose kernels vote in subgroups where there are any; try \
                 `--device {name},without-subgroups`, or update the driver."
            )
        }
        "wgpu" => format!("{name}: update the driver; until then {others}. If it stays, {report}."),
        _ => format!("{name}: a fault of the processor or its memory, or an error of ecq: {report}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq::self_test::Wrong;

    fn finding(check: &'static str, right: bool) -> Finding {
        let wrong = Wrong {
            place: "rans, uniform grid, row 0, column 2".to_owned(),
            found: 3.0,
            expected: 2.0,
            allowed: 0.02,
            differing: 5,
            values: 60,
        };
        let verdict = if right { Verdict::Right { values: 60 } } else { Verdict::Wrong(wrong) };
        Finding { check, kernels: vec!["decode_rans", "product"], verdict }
    }

    fn tested(name: &str, findings: Vec<Finding>) -> Tested {
        Tested { name: name.to_owned(), description: "a GPU".to_owned(), findings: Ok(findings) }
    }

    #[test]
    fn a_wrong_answer_is_exit_code_1_and_names_kernel_and_values() {
        let right = tested("cpu", vec![finding("norms", true)]);
        let missing = Tested { findings: Err("no NVRTC".to_owned()), ..tested("cuda:0", Vec::new()) };
        let wrong = tested("wgpu:0", vec![finding("norms", true), finding("rans decoding", false)]);
        for json in [false, true] {
            assert_eq!(conclude(&[], json).unwrap(), ExitCode::SUCCESS);
            assert_eq!(conclude(std::slice::from_ref(&right), json).unwrap(), ExitCode::SUCCESS);
            assert_eq!(conclude(std::slice::from_ref(&missing), json).unwrap(), ExitCode::SUCCESS);
            assert_eq!(conclude(std::slice::from_ref(&wrong), json).unwrap(), ExitCode::from(1));
        }
        let said = said(&finding("rans decoding", false));
        assert_eq!(
            said,
            "5 of 60 values are wrong; the first, rans, uniform grid, row 0, column 2, is 3.0, not 2.0 +- \
             2.0e-2; kernels: decode_rans, product"
        );
        let json = to_json(&wrong);
        assert_eq!(json["checks"][0]["ok"], true);
        assert_eq!(json["checks"][1]["wrong"]["expected"], 2.0);
        assert_eq!(to_json(&missing)["not_tested"], "no NVRTC");
    }

    #[test]
    fn advice_follows_the_device_and_what_failed() {
        let of =
            |name: &str, check| advice(&tested(name, vec![finding(check, false), finding("norms", true)]));
        assert!(of("wgpu:0", "rans decoding").contains("--device wgpu:0,without-subgroups"));
        assert!(!of("wgpu:0,without-subgroups", "fused rans").contains("try"));
        assert!(of("wgpu:0", "attention").contains("--device cpu"));
        assert!(of("cuda:1", "attention").contains("NVIDIA's driver"));
        assert!(of("cpu", "attention").contains("a fault of the processor"));
    }
}
