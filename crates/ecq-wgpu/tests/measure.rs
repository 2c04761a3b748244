//! Times of programs; prints SKIPPED without an adapter.

#![allow(clippy::unwrap_used, reason = "a test")]

use ecq_core::Element;
use ecq_runtime::backend::{Backend, Bindings, Inputs};
use ecq_runtime::program::{Command, Layout, Program, Queue, Step};
use ecq_wgpu::{Gpu, Wgpu, WgpuOptions};
use std::sync::Arc;

/// A measured program has run, by timestamps and by the clock, and kernels that are left out have not.
#[test]
fn measured_programs_run() {
    for text in ["", "0,without-timestamps"] {
        let options: WgpuOptions = text.parse().unwrap();
        let gpu = match Gpu::open(&options) {
            Ok(gpu) => gpu,
            Err(error) => {
                println!("SKIPPED: {error}");
                return;
            }
        };
        assert!(text.is_empty() || !gpu.report().timestamps);
        let wgpu = Wgpu::on(gpu);
        let mut layout = Layout::default();
        let [x, y] = ["x", "y"].map(|name| layout.buffer(name, Element::F32, 1000));
        let buffers: Vec<_> = (0..2).map(|_| wgpu.alloc(Element::F32, 1000).unwrap()).collect();
        wgpu.upload(&buffers[0], 0, &1.0f32.to_le_bytes().repeat(1000)).unwrap();
        let bindings = Bindings { buffers: buffers.clone(), ..Bindings::default() };
        let steps = vec![Step::Run(Queue::Compute, Command::Add { x, scale: 1.0, y, width: 1000 })];
        let program = Program::new("a sum", Arc::new(layout), [1, 0], &[], steps).unwrap();
        let compiled = wgpu.compile(&program, &bindings).unwrap();
        let inputs = Inputs { rows: 1, logits_rows: 0, writes: &[] };
        let sum = || {
            let mut bytes = [0; 4];
            wgpu.download(&buffers[1], 999, &mut bytes).unwrap();
            f32::from_le_bytes(bytes)
        };
        let seconds = wgpu.measure_program(&compiled, &inputs, |_| true).unwrap();
        assert!((0.0..10.0).contains(&seconds), "{seconds}");
        // Once before and once after 15 passes, and in passes that warm the GPU up.
        let before = sum();
        assert!(before > 17.0, "{before}");
        wgpu.measure_program(&compiled, &inputs, |name| name != "add").unwrap();
        assert_eq!(sum(), before + 2.0);
        println!("{seconds:e} seconds, {text:?}");
    }
}
