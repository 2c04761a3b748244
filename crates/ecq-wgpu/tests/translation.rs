//! Translation of every kernel to the languages of the native interfaces, and golden files of MSL.
//!
//! `ECQ_WRITE_MSL=1 cargo test -p ecq-wgpu --test translation` writes the golden files anew;
//! `ECQ_WRITE_SPIRV=FOLDER` writes SPIR-V, which `bench/wgsl_instructions.py` reads.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests")]

use ecq_wgpu::{Kernel, checked_kernels};
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};
use std::path::PathBuf;

/// Returns the module of a kernel alone: a source may have others.
fn parse(name: &str, entry: &str, text: &str) -> (Module, ModuleInfo) {
    let mut module = naga::front::wgsl::parse_str(text)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(text)));
    module.entry_points.retain(|point| point.name == entry);
    naga::compact::compact(&mut module, naga::compact::KeepUnused::No);
    let info = Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(text)));
    (module, info)
}

/// Translates as wgpu does for modules without checks, for Metal 2.4.
fn to_msl(kernel: &Kernel, (module, info): &(Module, ModuleInfo)) -> String {
    let options = msl::Options {
        lang_version: (2, 4),
        zero_initialize_workgroup_memory: false,
        force_loop_bounding: false,
        ..msl::Options::default()
    };
    let entry_point = Some((ShaderStage::Compute, kernel.entry.to_owned()));
    let pipeline = msl::PipelineOptions { entry_point, ..msl::PipelineOptions::default() };
    msl::write_string(module, info, &options, &pipeline).expect("MSL").0
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/msl").join(format!("{name}.metal"))
}

/// Returns what differs from the golden file; `None` if nothing does.
fn difference(name: &str, text: &str) -> Option<String> {
    let expected = std::fs::read_to_string(golden(name)).unwrap_or_default();
    if expected == text {
        return None;
    }
    let lines = expected.lines().zip(text.lines()).enumerate().find(|(_, (old, new))| old != new);
    Some(match lines {
        Some((i, (old, new))) => format!("{name}, line {}: {new:?}, in the golden file {old:?}", i + 1),
        None => {
            format!("{name}: {} lines, in the golden file {}", text.lines().count(), expected.lines().count())
        }
    })
}

#[test]
fn msl_is_that_of_the_golden_files() {
    let write = std::env::var_os("ECQ_WRITE_MSL").is_some();
    let kernels = checked_kernels();
    let mut differences = Vec::new();
    for (name, kernel) in &kernels {
        let text = to_msl(kernel, &parse(name, kernel.entry, &kernel.text()));
        if write {
            std::fs::write(golden(name), &text).unwrap();
        }
        differences.extend(difference(name, &text));
    }
    assert!(
        differences.is_empty(),
        "MSL of {} kernels differs; if it should, ECQ_WRITE_MSL=1 writes the files:\n{}",
        differences.len(),
        differences.join("\n")
    );
    println!("{} kernels translate to the MSL of the golden files", kernels.len());
}

/// Each golden file has a kernel.
#[test]
fn golden_files_are_those_of_kernels() {
    let names: Vec<String> = checked_kernels().into_iter().map(|(name, _)| name).collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len(), "names of kernels are different");
    for file in std::fs::read_dir(golden("x").parent().unwrap()).unwrap() {
        let stem = file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(names.contains(&stem), "{stem}.metal is of no kernel");
    }
}

/// A change of a kernel is a difference from its golden file.
#[test]
fn an_edit_is_noticed() {
    let edits = [("norm", "+ norm_p.eps", "- norm_p.eps"), ("product_affine_4", "256 *", "255 *")];
    for (name, old, new) in edits {
        let kernels = checked_kernels();
        let (_, kernel) = kernels.iter().find(|(own, _)| own == name).unwrap();
        let text = kernel.text();
        assert!(text.contains(old), "{name} has {old:?}");
        let edited = to_msl(kernel, &parse(name, kernel.entry, &text.replace(old, new)));
        assert!(difference(name, &edited).is_some(), "{name}: {old:?} to {new:?} is not noticed");
    }
}

#[test]
fn spir_v_and_hlsl_translate() {
    let kernels = checked_kernels();
    for (name, kernel) in &kernels {
        let (module, info) = parse(name, kernel.entry, &kernel.text());
        let options = spv::Options {
            lang_version: (1, 3),
            zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
            force_loop_bounding: false,
            ..spv::Options::default()
        };
        let pipeline =
            spv::PipelineOptions { shader_stage: ShaderStage::Compute, entry_point: kernel.entry.to_owned() };
        let words = spv::write_vec(&module, &info, &options, Some(&pipeline));
        let words = words.unwrap_or_else(|error| panic!("{name}: SPIR-V: {error}"));
        assert_eq!(words[0], 0x0723_0203, "{name}");
        if let Some(folder) = std::env::var_os("ECQ_WRITE_SPIRV") {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            std::fs::write(PathBuf::from(folder).join(format!("{name}.spv")), bytes).unwrap();
        }
        let options = hlsl::Options { shader_model: hlsl::ShaderModel::V6_4, ..hlsl::Options::default() };
        let entry_point = Some((ShaderStage::Compute, kernel.entry.to_owned()));
        let pipeline = hlsl::PipelineOptions { entry_point };
        let mut text = String::new();
        let mut writer = hlsl::Writer::new(&mut text, &options, &pipeline);
        writer.write(&module, &info, None).unwrap_or_else(|error| panic!("{name}: HLSL: {error}"));
        assert!(text.contains(kernel.entry), "{name}");
    }
    println!("{} kernels translate to SPIR-V and HLSL", kernels.len());
}
