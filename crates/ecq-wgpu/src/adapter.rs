//! Adapters: what drivers report, and the choice of one.

use crate::error::{Result, WgpuError};
use std::str::FromStr;
use wgpu::{Adapter, Backends, DeviceType, Features, Instance, InstanceDescriptor, InstanceFlags, Limits};

/// Which adapter is opened, and without which of its features.
///
/// As text: the number or a part of the name of the adapter, then `without-` and the name of a feature for
/// each that is not used, separated by commas. All parts may be absent: `0`, `radeon`,
/// `llvmpipe,without-subgroups`. `parts-of=BYTES` sets [`part_bytes`](Self::part_bytes).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct WgpuOptions {
    /// The adapter.
    pub adapter: AdapterChoice,
    /// Do not use subgroups.
    pub without_subgroups: bool,
    /// Do not use timestamps.
    pub without_timestamps: bool,
    /// Do not use half-precision arithmetic.
    pub without_f16: bool,
    /// Do not use dot products of bytes in products of many rows.
    pub without_dots: bool,
    /// Divide matrices into parts of at most so many bytes, or one tile of rows, even if the adapter allows
    /// more: for tests.
    pub part_bytes: Option<u64>,
}

/// Names an adapter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AdapterChoice {
    /// By its number in the list of [`adapters`].
    Number(usize),
    /// By a part of its name, whatever the case; it must name one adapter.
    Name(String),
}

impl Default for AdapterChoice {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl FromStr for WgpuOptions {
    type Err = WgpuError;

    fn from_str(text: &str) -> Result<Self> {
        let mut options = Self::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            match part {
                "without-subgroups" => options.without_subgroups = true,
                "without-timestamps" => options.without_timestamps = true,
                "without-f16" => options.without_f16 = true,
                "without-dots" => options.without_dots = true,
                _ if part.starts_with("parts-of=") && part[9..].parse::<u64>().is_ok() => {
                    options.part_bytes = part[9..].parse().ok();
                }
                _ if part.starts_with("without-") || part.starts_with("parts-of") => {
                    let why = "options are without-subgroups, without-timestamps, without-f16, \
                               without-dots and parts-of=BYTES"
                        .to_owned();
                    return Err(WgpuError::Choice { choice: text.to_owned(), why });
                }
                _ => {
                    options.adapter = match part.parse() {
                        Ok(number) => AdapterChoice::Number(number),
                        Err(_) => AdapterChoice::Name(part.to_owned()),
                    };
                }
            }
        }
        Ok(options)
    }
}

/// What a driver reports of an adapter.
#[derive(Debug, Clone)]
pub struct AdapterReport {
    /// Its number.
    pub number: usize,
    /// Product name.
    pub name: String,
    /// `vulkan`, `metal` or `dx12`.
    pub interface: &'static str,
    /// Name and version of the driver.
    pub driver: String,
    /// Whether it is a processor that runs kernels in software.
    pub is_software: bool,
    /// Least and largest number of lanes of a subgroup; none if it has no subgroups.
    pub subgroup: Option<[u32; 2]>,
    /// Whether it measures times itself.
    pub timestamps: bool,
    /// Whether it computes with half-precision floats.
    pub f16: bool,
    /// Whether products of many rows use dot products of bytes. Metal has none; the other interfaces do not
    /// tell whether the adapter has an instruction for them.
    pub dots: bool,
    /// Largest bytes of a matrix or a buffer that a kernel reads.
    pub binding_bytes: u64,
    /// Why it cannot run the kernels, if it cannot.
    pub refused: Option<String>,
}

/// Returns what drivers report, in the order of adapter numbers: discrete GPUs first, software last.
pub fn adapters() -> Vec<AdapterReport> {
    all().iter().enumerate().map(|(number, adapter)| AdapterReport::of(number, adapter)).collect()
}

fn all() -> Vec<Adapter> {
    let backends = Backends::VULKAN | Backends::METAL | Backends::DX12;
    let instance = Instance::new(InstanceDescriptor {
        backends,
        // Neither debugging layers nor validation by the driver: wgpu validates itself.
        flags: InstanceFlags::empty(),
        ..InstanceDescriptor::new_without_display_handle()
    });
    let mut all = pollster::block_on(instance.enumerate_adapters(backends));
    let rank = |adapter: &Adapter| match adapter.get_info().device_type {
        DeviceType::DiscreteGpu => 0,
        DeviceType::IntegratedGpu => 1,
        DeviceType::VirtualGpu => 2,
        DeviceType::Other => 3,
        DeviceType::Cpu => 4,
    };
    all.sort_by_key(rank);
    all
}

/// Returns the adapter that is chosen, and its report.
pub(crate) fn choose(choice: &AdapterChoice) -> Result<(Adapter, AdapterReport)> {
    let mut all: Vec<(Adapter, AdapterReport)> = all()
        .into_iter()
        .enumerate()
        .map(|(number, adapter)| {
            let report = AdapterReport::of(number, &adapter);
            (adapter, report)
        })
        .collect();
    if all.is_empty() {
        return Err(WgpuError::NoAdapter);
    }
    let lower = |text: &str| text.to_lowercase();
    let matches = |report: &AdapterReport| match choice {
        AdapterChoice::Number(number) => report.number == *number,
        AdapterChoice::Name(name) => lower(&report.name).contains(&lower(name)),
    };
    let found: Vec<usize> = (0..all.len()).filter(|&i| matches(&all[i].1)).collect();
    let [one] = found[..] else {
        let names: Vec<String> =
            all.iter().map(|(_, report)| format!("{}: {}", report.number, report.name)).collect();
        let why = match found.len() {
            0 => format!("adapters are {}", names.join(", ")),
            _ => format!("several adapters have this name; use a number: {}", names.join(", ")),
        };
        let choice = match choice {
            AdapterChoice::Number(number) => number.to_string(),
            AdapterChoice::Name(name) => name.clone(),
        };
        return Err(WgpuError::Choice { choice, why });
    };
    Ok(all.swap_remove(one))
}

/// Storage buffers that kernels bind; attention over an i8 cache binds one more.
pub(crate) const STORAGE_BUFFERS: u32 = 8;
/// Threads of most workgroups.
const INVOCATIONS: u32 = 256;
/// Bytes of workgroup memory.
const WORKGROUP_BYTES: u32 = 16 << 10;

/// Returns an error if the adapter's limits are too small.
pub(crate) fn check(report: &AdapterReport, limits: &Limits) -> Result<()> {
    let facts = [
        ("storage buffers of a kernel", limits.max_storage_buffers_per_shader_stage, STORAGE_BUFFERS),
        ("threads of a workgroup", limits.max_compute_invocations_per_workgroup, INVOCATIONS),
        ("bytes of workgroup memory", limits.max_compute_workgroup_storage_size, WORKGROUP_BYTES),
    ];
    match facts.into_iter().find(|&(_, found, needed)| found < needed) {
        None => Ok(()),
        Some((what, found, needed)) => Err(WgpuError::Adapter {
            adapter: report.name.clone(),
            what,
            found: found.into(),
            needed: needed.into(),
        }),
    }
}

impl AdapterReport {
    fn of(number: usize, adapter: &Adapter) -> Self {
        let (info, features, limits) = (adapter.get_info(), adapter.features(), adapter.limits());
        let subgroup = [info.subgroup_min_size, info.subgroup_max_size];
        let mut report = Self {
            number,
            name: info.name,
            interface: info.backend.to_str(),
            driver: [info.driver, info.driver_info].join(" ").trim().to_owned(),
            is_software: info.device_type == DeviceType::Cpu,
            subgroup: features.contains(Features::SUBGROUP).then_some(subgroup),
            timestamps: features.contains(Features::TIMESTAMP_QUERY),
            f16: features.contains(Features::SHADER_F16),
            dots: info.backend != wgpu::Backend::Metal,
            binding_bytes: binding_bytes(&limits),
            refused: None,
        };
        report.refused = check(&report, &limits).err().map(|error| error.to_string());
        report
    }
}

/// Returns the most bytes of a buffer that a kernel reads whole.
pub(crate) fn binding_bytes(limits: &Limits) -> u64 {
    limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_adapter_and_features() {
        let parse = |text: &str| text.parse::<WgpuOptions>();
        assert_eq!(parse("").unwrap(), WgpuOptions::default());
        assert_eq!(parse("2").unwrap().adapter, AdapterChoice::Number(2));
        let found = parse("llvmpipe,without-subgroups,without-f16").unwrap();
        assert_eq!(found.adapter, AdapterChoice::Name("llvmpipe".to_owned()));
        assert!(found.without_subgroups && found.without_f16 && !found.without_timestamps);
        assert!(!found.without_dots && parse("0,without-dots").unwrap().without_dots);
        assert_eq!(parse("parts-of=4096").unwrap().part_bytes, Some(4096));
        assert!(parse("parts-of=x").is_err());
        let error = parse("0,without-everything").unwrap_err().to_string();
        assert!(error.contains("without-everything") && error.contains("without-timestamps"), "{error}");
    }
}
