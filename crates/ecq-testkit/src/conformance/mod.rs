//! Conformance suite of backends. A backend joins with one line:
//!
//! ```text
//! ecq_testkit::backend_conformance!(Box::new(Cpu::new(CpuOptions::default()).unwrap()));
//! ```
//!
//! The expression must convert to a [`Subject`]: a boxed backend, or one with its own tolerances and a list
//! of skipped tests with reasons. It is evaluated once per test.
//!
//! Every test builds a small layout and runs [`Program::new`](ecq_runtime::program::Program::new), compile,
//! submit, wait and download. Results are compared with slow reference formulas in f64, and bit for bit with
//! each other if the backend is [batch invariant](ecq_runtime::backend::DeviceInfo::batch_invariant).

mod adjacent;
mod attention;
mod bindings;
mod blocks;
mod decoding;
mod experts;
mod harness;
mod invalid_commands;
mod layers;
mod layout_fixture;
mod matrices;
mod padding;
mod paging;
mod pointwise;
mod products;
mod queue_order;
mod queues;
mod submissions;
mod tokens;
mod truncated_streams;

pub use adjacent::adjacent_commands;
pub use attention::attention;
pub use bindings::{bindings, foreign_handles, transfers};
pub use blocks::copy_blocks;
pub use decoding::{damaged_streams, decoding, decoding_rans};
pub use experts::{experts, routing};
pub use invalid_commands::invalid_commands;
pub use layers::{LayerProduct, layers};
pub use padding::padding;
pub use pointwise::{elementwise, gather, norms, rotations};
pub use products::{embeddings, products, products_of_many_rows};
pub use queue_order::queue_order;
pub use queues::{failures, queues, slots};
pub use submissions::{replay, threads, two_programs};
pub use tokens::{advance, argmax, sample};
pub use truncated_streams::truncated_streams;

use ecq_fixtures::Numbers;
use ecq_runtime::backend::{Backend, Cpu, CpuOptions};
use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Defines the tests for a backend, given by an expression that converts to a [`Subject`].
#[macro_export]
macro_rules! backend_conformance {
    ($backend:expr) => {
        $crate::backend_conformance!(@ $backend;
            products embeddings adjacent_commands norms rotations elementwise gather
            attention copy_blocks padding
            routing experts
            argmax sample advance
            decoding decoding_rans damaged_streams
            slots queues failures replay two_programs threads
            invalid_commands queue_order bindings foreign_handles transfers truncated_streams);
    };
    (@ $backend:expr; $($test:ident)*) => {
        /// Names of the tests, which `skips` may list.
        const CONFORMANCE_TESTS: &[&str] = &[$(stringify!($test)),*];
        $(#[test]
        fn $test() {
            use $crate::conformance::{self as suite, Subject};
            suite::run(stringify!($test), CONFORMANCE_TESTS, Subject::from($backend), suite::$test);
        })*
    };
}

/// A backend under test.
pub struct Subject {
    /// The backend.
    pub backend: Box<dyn Backend>,
    /// Allowed differences from exact results.
    pub tolerances: Tolerances,
    /// Skipped tests with reasons.
    pub skips: Vec<(&'static str, &'static str)>,
    /// Why all tests are skipped: there is no such device.
    pub missing: Option<String>,
}

impl Subject {
    /// Skips all tests, because the device does not exist.
    ///
    /// # Panics
    /// If the CPU backend, which stands in for the device, does not start.
    pub fn skipped(reason: String) -> Self {
        let options = CpuOptions { threads: 1, ..CpuOptions::default() };
        let stand_in = Cpu::new(options).expect("a thread for the CPU backend");
        Self { missing: Some(reason), ..Self::from(Box::new(stand_in)) }
    }
}

impl<B: Backend + 'static> From<Box<B>> for Subject {
    /// Runs all tests with the default tolerances.
    fn from(backend: Box<B>) -> Self {
        Self { backend, tolerances: Tolerances::default(), skips: Vec::new(), missing: None }
    }
}

/// Allowed differences from exact results. The defaults are for single precision.
#[derive(Debug, Clone, Copy)]
pub struct Tolerances {
    /// Products.
    pub product: ProductTolerance,
    /// Products that decode tuples, where they round activations differently.
    pub tuples: Option<ProductTolerance>,
    /// Embedding lookups, relative to 1 + |result|.
    pub embedding: f64,
    /// Norms, relative to 1 + |result|.
    pub norm: f64,
    /// Rotated values, absolute.
    pub rotation: f64,
    /// Attention, absolute.
    pub attention: f64,
    /// Activation functions, relative to 1 + |result|.
    pub activation: f64,
}

impl Default for Tolerances {
    fn default() -> Self {
        let product = ProductTolerance { relative: 1e-5, absolute: 1e-6, rounding: None };
        Self {
            product,
            tuples: None,
            embedding: 1e-6,
            norm: 1e-5,
            rotation: 2e-4,
            attention: 1e-5,
            activation: 2e-6,
        }
    }
}

/// Allowed difference of a product: the sum of all three terms.
#[derive(Debug, Clone, Copy)]
pub struct ProductTolerance {
    /// Relative to the sum of the magnitudes of the product's terms.
    pub relative: f64,
    /// Absolute.
    pub absolute: f64,
    /// Rounding of activations to integers; `None` if they are not rounded.
    pub rounding: Option<Rounding>,
}

/// Rounding of activations to integers, in blocks of columns with a scale each.
///
/// An activation is off by at most half a step, so a product is off by at most half a step of each block
/// times the magnitudes of the block's weights. The mean squared error is that of uniformly distributed
/// errors.
#[derive(Debug, Clone, Copy)]
pub struct Rounding {
    /// Columns of a block.
    pub columns: usize,
    /// Largest integer, which represents the block's largest magnitude.
    pub largest: f64,
}

/// Time limit of a test.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs a test, or prints why it is skipped. `tests` are the names of all tests.
///
/// # Panics
/// If the test fails, exceeds the time limit or runs no case, or if `skips` names an unknown test.
pub fn run(name: &'static str, tests: &[&str], subject: Subject, test: fn(&Subject) -> usize) {
    for (skipped, _) in &subject.skips {
        assert!(
            tests.contains(skipped),
            "{skipped} is skipped, but is not a test; tests are {}",
            tests.join(", ")
        );
    }
    if let Some(reason) = &subject.missing {
        println!("SKIPPED {name}: {reason}");
        return;
    }
    if let Some((_, reason)) = subject.skips.iter().find(|(skipped, _)| *skipped == name) {
        println!("SKIPPED {name}: {reason}");
        return;
    }
    // In a separate thread, because queues of a faulty backend may wait for each other forever.
    let (done, finished) = channel();
    let worker = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let cases = test(&subject);
        drop(subject);
        // The receiver is gone only after the time limit.
        let _ = done.send(cases);
    });
    let worker = worker.expect("a thread for the test");
    match finished.recv_timeout(LIMIT) {
        Ok(cases) => {
            assert!(cases > 0, "{name} ran no case");
            println!("ran {name}: {cases} cases");
        }
        Err(RecvTimeoutError::Timeout) => panic!("{name} hangs"),
        Err(RecvTimeoutError::Disconnected) => {
            resume_unwind(worker.join().expect_err("only a panic drops the sender unused"))
        }
    }
}

fn random(numbers: &mut Numbers, n: usize) -> Vec<f32> {
    (0..n).map(|_| numbers.normal()).collect()
}

/// Returns the bit patterns: NaN equals NaN, and 0 differs from -0.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipping(skips: Vec<(&'static str, &'static str)>) -> Subject {
        Subject { skips, ..Box::new(Cpu::new(CpuOptions::default()).unwrap()).into() }
    }

    #[test]
    fn skipped_tests_do_not_run() {
        run("a", &["a", "b"], skipping(vec![("a", "as a test")]), |_| panic!("a skipped test ran"));
    }

    #[test]
    #[should_panic(expected = "c is skipped, but is not a test; tests are a, b")]
    fn skips_of_unknown_tests_panic() {
        run("a", &["a", "b"], skipping(vec![("c", "a typo")]), |_| 1);
    }

    #[test]
    #[should_panic(expected = "the reason")]
    fn failures_are_propagated() {
        run("a", &["a"], skipping(Vec::new()), |_| panic!("the reason"));
    }

    #[test]
    #[should_panic(expected = "a ran no case")]
    fn tests_without_cases_fail() {
        run("a", &["a"], skipping(Vec::new()), |_| 0);
    }
}
