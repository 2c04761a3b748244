//! The CPU does what every backend must do, on one thread and on several, with both types of activations.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests")]

use ecq_runtime::backend::{ActivationType, Cpu, CpuOptions};
use ecq_testkit::conformance::{Joined, Rounding};

fn cpu(threads: usize) -> Box<Cpu> {
    Box::new(Cpu::new(CpuOptions { threads, activations: ActivationType::F32 }).unwrap())
}

/// Activations are whole multiples of a 127th of the largest magnitude among 32 columns.
fn integers(threads: usize) -> Joined {
    let cpu = Cpu::new(CpuOptions { threads, activations: ActivationType::I8 }).unwrap();
    let mut joined = Joined::from(Box::new(cpu));
    joined.tolerances.product.rounding = Some(Rounding { columns: 32, largest: 127.0 });
    joined
}

mod one_thread {
    ecq_testkit::backend_conformance!(super::cpu(1));
}

mod three_threads {
    ecq_testkit::backend_conformance!(super::cpu(3));
}

mod integer_activations {
    ecq_testkit::backend_conformance!(super::integers(2));
}
