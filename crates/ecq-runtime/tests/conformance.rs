//! The CPU does what every backend must do, on one thread and on several.

use ecq_runtime::backend::{ActivationType, Cpu, CpuOptions};

fn cpu(threads: usize) -> Box<Cpu> {
    Box::new(Cpu::new(CpuOptions { threads, activations: ActivationType::F32 }).unwrap())
}

mod one_thread {
    ecq_testkit::backend_conformance!(super::cpu(1));
}

mod three_threads {
    ecq_testkit::backend_conformance!(super::cpu(3));
}
