//! What every backend must do, as tests that it joins with one line:
//!
//! ```text
//! ecq_testkit::backend_conformance!(Box::new(Cpu::new(CpuOptions::default()).unwrap()));
//! ```
//!
//! The expression is anything that becomes a [`Joined`]: a boxed backend, or one with bounds of its own and
//! tests that it skips, each with a reason. It is evaluated once for each test.
//!
//! Every test builds a small layout, and goes the whole way:
//! [`Program::new`](ecq_runtime::program::Program::new), compile, submit, wait, download. Results are
//! compared with slow formulas in double precision, and bit for bit among themselves where the backend says
//! that it has [the same bits](ecq_runtime::backend::DeviceInfo::same_bits).

mod attention;
mod bindings;
mod blocks;
mod experts;
mod matrices;
mod orders;
mod padding;
mod paging;
mod pointwise;
mod products;
mod queues;
mod refusals;
mod rig;
mod streams;
mod submissions;
mod tokens;
mod world;

pub use attention::attention;
pub use bindings::{bindings, foreign_handles, transfers};
pub use blocks::copy_blocks;
pub use experts::{experts, routing};
pub use orders::orders;
pub use padding::padding;
pub use pointwise::{elementwise, gather, norms, rotations};
pub use products::{embeddings, products};
pub use queues::{failures, queues, slots};
pub use refusals::refusals;
pub use streams::cut_streams;
pub use submissions::{replay, threads, two_programs};
pub use tokens::{advance, argmax, sample};

use ecq_fixtures::Numbers;
use ecq_runtime::backend::Backend;
use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// The tests, for a backend made by an expression that becomes a [`Joined`].
#[macro_export]
macro_rules! backend_conformance {
    ($backend:expr) => {
        $crate::backend_conformance!(@ $backend;
            products embeddings norms rotations elementwise gather
            attention copy_blocks padding
            routing experts
            argmax sample advance
            slots queues failures replay two_programs threads
            refusals orders bindings foreign_handles transfers cut_streams);
    };
    (@ $backend:expr; $($test:ident)*) => {
        /// Names of the tests: what can be skipped.
        const CONFORMANCE_TESTS: &[&str] = &[$(stringify!($test)),*];
        $(#[test]
        fn $test() {
            use $crate::conformance::{self as suite, Joined};
            suite::run(stringify!($test), CONFORMANCE_TESTS, Joined::from($backend), suite::$test);
        })*
    };
}

/// A backend, and what is asked of it.
pub struct Joined {
    /// The backend.
    pub backend: Box<dyn Backend>,
    /// How far its results may be from exact ones.
    pub tolerances: Tolerances,
    /// Tests that it skips, each with the reason.
    pub skips: Vec<(&'static str, &'static str)>,
}

impl<B: Backend + 'static> From<Box<B>> for Joined {
    /// All tests, with the bounds of single precision.
    fn from(backend: Box<B>) -> Self {
        Self { backend, tolerances: Tolerances::default(), skips: Vec::new() }
    }
}

/// How far results may be from exact ones; the defaults are for single precision.
#[derive(Debug, Clone, Copy)]
pub struct Tolerances {
    /// Of products.
    pub product: ProductTolerance,
    /// Of rows of weights: a part of one more than the result.
    pub embedding: f64,
    /// Of norms: a part of one more than the result.
    pub norm: f64,
    /// Of rotated values.
    pub rotation: f64,
    /// Of attention.
    pub attention: f64,
    /// Of nonlinearities: a part of one more than the result.
    pub activation: f64,
}

impl Default for Tolerances {
    fn default() -> Self {
        let product = ProductTolerance { relative: 1e-5, absolute: 1e-6, rounding: None };
        Self { product, embedding: 1e-6, norm: 1e-5, rotation: 2e-4, attention: 1e-5, activation: 2e-6 }
    }
}

/// How far a product may be from the exact one.
#[derive(Debug, Clone, Copy)]
pub struct ProductTolerance {
    /// A part of the sum of magnitudes of its terms.
    pub relative: f64,
    /// And so much.
    pub absolute: f64,
    /// And what rounding of activations to integers explains.
    pub rounding: Option<Rounding>,
}

/// Activations as integers: blocks of columns with a scale each, a part of the block's largest magnitude.
///
/// An activation is then off by half a step at most, so that a product is off by half a step of each block
/// times the magnitudes of its weights; and, steps being small, by as much as evenly distributed errors add
/// up to on average.
#[derive(Debug, Clone, Copy)]
pub struct Rounding {
    /// Columns of a block.
    pub columns: usize,
    /// The largest integer, which stands for the largest magnitude.
    pub largest: f64,
}

/// A test that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs one of the tests, or says why not. `tests` are the names of all.
///
/// # Panics
/// When the test fails or hangs, has tried nothing, or something is skipped that is no test.
pub fn run(name: &'static str, tests: &[&str], joined: Joined, test: fn(&Joined) -> usize) {
    for (skipped, _) in &joined.skips {
        assert!(
            tests.contains(skipped),
            "{skipped} is skipped, but is no test; there are {}",
            tests.join(", ")
        );
    }
    if let Some((_, reason)) = joined.skips.iter().find(|(skipped, _)| *skipped == name) {
        println!("SKIPPED {name}: {reason}");
        return;
    }
    // A thread of its own, because a backend whose queues wait for each other never comes back.
    let (done, finished) = channel();
    let worker = thread::Builder::new().name(name.to_owned()).spawn(move || {
        let cases = test(&joined);
        drop(joined);
        // The receiver is gone only after the limit.
        let _ = done.send(cases);
    });
    let worker = worker.expect("a thread for the test");
    match finished.recv_timeout(LIMIT) {
        Ok(cases) => {
            assert!(cases > 0, "{name} tried nothing");
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

/// The bits of numbers: NaN equals NaN, and 0 is not -0.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_runtime::backend::{Cpu, CpuOptions};

    fn skipping(skips: Vec<(&'static str, &'static str)>) -> Joined {
        Joined { skips, ..Box::new(Cpu::new(CpuOptions::default()).unwrap()).into() }
    }

    #[test]
    fn what_is_skipped_does_not_run() {
        run("a", &["a", "b"], skipping(vec![("a", "as a test")]), |_| panic!("it ran"));
    }

    #[test]
    #[should_panic(expected = "c is skipped, but is no test; there are a, b")]
    fn skips_of_unknown_tests_are_mistakes() {
        run("a", &["a", "b"], skipping(vec![("c", "a misprint")]), |_| 1);
    }

    #[test]
    #[should_panic(expected = "the reason")]
    fn failures_come_through() {
        run("a", &["a"], skipping(Vec::new()), |_| panic!("the reason"));
    }

    #[test]
    #[should_panic(expected = "a tried nothing")]
    fn tests_must_try_something() {
        run("a", &["a"], skipping(Vec::new()), |_| 0);
    }
}
