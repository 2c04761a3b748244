//! Known answers, which tell whether the driver of a device computes what the kernels say.
//!
//! Each check runs a small program on the device and compares every result with formulas in f64, of weights
//! that were never encoded. Integers must be equal; floats may differ as the conformance suite of backends
//! allows.

mod answers;
mod commands;
mod device;
mod matrices;

pub use answers::{Verdict, Wrong};
pub use device::Device;

use answers::Answers;
use ecq_core::Coding;
use ecq_runtime::{Residence, RuntimeError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// A time limit of a check that slow devices keep: software drivers compile kernels for seconds.
pub const LIMIT: Duration = Duration::from_secs(120);

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The check.
    pub check: &'static str,
    /// Names of the kernels that it ran, in order; none on the CPU or if it ended before.
    pub kernels: Vec<&'static str>,
    /// Whether the answers were right.
    pub verdict: Verdict,
}

impl Finding {
    /// Returns whether the answers were right.
    pub fn is_right(&self) -> bool {
        matches!(self.verdict, Verdict::Right { .. })
    }
}

type Answer = fn(&Device) -> Result<Answers, RuntimeError>;

/// Returns the checks by name. Later ones use kernels of earlier ones, so that the first one that fails tells
/// most.
fn checks(device: &Device) -> Vec<(&'static str, Answer)> {
    let fused = device.backend().info().fused_codings;
    let mut all: Vec<(&'static str, Answer)> = vec![
        ("transfers", commands::transfers),
        ("float product", matrices::float_product),
        ("packed product", |device| matrices::product(device, Coding::Packed, Residence::Packed)),
        ("embedding", matrices::embedding),
        ("rans decoding", |device| matrices::decoding(device, Coding::Rans)),
        ("prefix decoding", |device| matrices::decoding(device, Coding::Prefix)),
        ("tuple decoding", |device| matrices::decoding(device, Coding::Tuples)),
    ];
    let products: [(Coding, &'static str, Answer); 3] = [
        (Coding::Rans, "fused rans", |device| matrices::product(device, Coding::Rans, Residence::Streams)),
        (Coding::Prefix, "fused prefix", |device| {
            matrices::product(device, Coding::Prefix, Residence::Streams)
        }),
        (Coding::Tuples, "fused tuples", |device| {
            matrices::product(device, Coding::Tuples, Residence::Streams)
        }),
    ];
    all.extend(products.into_iter().filter(|(coding, ..)| fused.contains(coding)).map(|(_, n, a)| (n, a)));
    all.extend([
        ("norms", commands::norms as Answer),
        ("rotary embedding", commands::rotation),
        ("activation", commands::activation),
        ("attention", commands::attention),
        ("routing", commands::routing),
        ("argmax", commands::argmax),
    ]);
    if device.quantizes() {
        all.push(("fake quantization", commands::fake_quantization));
    }
    all
}

/// Runs all checks, and calls `begin` before each one and `end` with what it found. After a check that does
/// not end within `limit`, no more run: the device may still be busy.
pub fn run(
    device: &Arc<Device>,
    limit: Duration,
    mut begin: impl FnMut(&'static str),
    mut end: impl FnMut(Finding),
) {
    for (check, answer) in checks(device) {
        begin(check);
        let (done, finished) = channel();
        let own = device.clone();
        // In a thread of its own, because a faulty driver may never answer.
        let started = thread::Builder::new().name(check.to_owned()).spawn(move || {
            let answers = catch_unwind(AssertUnwindSafe(|| answer(&own)));
            // The receiver is gone only after the time limit.
            let _ = done.send(answers);
        });
        let failed = |why: String| Finding { check, kernels: Vec::new(), verdict: Verdict::Failed(why) };
        let hangs = || failed(format!("it did not end within {} seconds", limit.as_secs_f32()));
        let (finding, ended) = match started.map(|_| finished.recv_timeout(limit)) {
            Err(error) => (failed(error.to_string()), true),
            Ok(Err(_)) => (hangs(), false),
            Ok(Ok(Err(_))) => (failed("it panicked; the message is above".to_owned()), true),
            Ok(Ok(Ok(Err(error)))) => (failed(error.to_string()), true),
            Ok(Ok(Ok(Ok(answers)))) => {
                let (kernels, verdict) = answers.judge();
                (Finding { check, kernels, verdict }, true)
            }
        };
        end(finding);
        if !ended {
            return;
        }
    }
}
