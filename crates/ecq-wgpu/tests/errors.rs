//! Errors name what was found and what is possible; prints SKIPPED without an adapter.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use ecq_core::Element;
use ecq_runtime::backend::Backend;
use ecq_wgpu::{AdapterChoice, Gpu, Wgpu, WgpuError, WgpuOptions, adapters};

/// Returns whether there is an adapter, or prints that there is none.
fn is_there() -> bool {
    if adapters().is_empty() {
        println!("SKIPPED: {}", WgpuError::NoAdapter);
    }
    !adapters().is_empty()
}

#[test]
fn an_unknown_adapter_is_an_error_that_lists_adapters() {
    let all = adapters();
    for adapter in [AdapterChoice::Name("no such GPU".to_owned()), AdapterChoice::Number(all.len())] {
        let error = Gpu::open(&WgpuOptions { adapter, ..WgpuOptions::default() }).err().expect("no such GPU");
        match all.first() {
            None => assert!(matches!(error, WgpuError::NoAdapter), "{error}"),
            Some(first) => {
                assert!(matches!(error, WgpuError::Choice { .. }), "{error}");
                assert!(error.to_string().contains(&first.name), "{error}");
            }
        }
    }
}

#[test]
fn a_name_of_an_adapter_chooses_it() {
    if !is_there() {
        return;
    }
    let report = &adapters()[0];
    let unique = adapters().iter().filter(|other| other.name.contains(&report.name)).count() == 1;
    let gpu = Gpu::open(&report.name.to_uppercase().replace(',', "").parse().unwrap());
    // Names with commas cannot be whole in a list of options.
    if unique && !report.name.contains(',') {
        assert_eq!(gpu.unwrap().report().name, report.name);
    }
    let named = WgpuOptions { adapter: AdapterChoice::Name(report.name.clone()), ..WgpuOptions::default() };
    assert_eq!(Gpu::open(&named).is_ok(), unique);
}

#[test]
fn a_buffer_beyond_the_limit_is_an_error_that_names_it() {
    if !is_there() {
        return;
    }
    let gpu = Gpu::open(&WgpuOptions::default()).unwrap();
    let most = gpu.report().binding_bytes;
    let wgpu = Wgpu::on(gpu);
    let error = wgpu.alloc(Element::F32, most as usize).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("the largest buffer") && error.contains(&most.to_string()), "{error}");
    wgpu.alloc(Element::F32, 16).unwrap();
}
