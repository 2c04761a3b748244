//! Results beside what they must be.

use ecq_runtime::backend::Compiled;
use std::fmt;

use super::Device;

/// Whether answers were right.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// All of them.
    Right {
        /// Their number.
        values: usize,
    },
    /// Some are wrong.
    Wrong(Wrong),
    /// There are none: the reason.
    Failed(String),
}

/// Wrong answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Wrong {
    /// Where the first one is, in words.
    pub place: String,
    /// What the device computed there.
    pub found: f64,
    /// What it must be.
    pub expected: f64,
    /// By how much it may differ.
    pub allowed: f64,
    /// How many answers are wrong.
    pub differing: usize,
    /// How many answers there are.
    pub values: usize,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { place, found, expected, allowed, differing, values } = self;
        write!(f, "{differing} of {values} values are wrong; the first, {place}, is {found:?}, not ")?;
        match allowed {
            0.0 => write!(f, "{expected:?}"),
            _ => write!(f, "{expected:?} +- {allowed:.1e}"),
        }
    }
}

/// An answer that a device must give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Expected {
    pub(super) value: f64,
    /// Zero if the bits of the float must be equal.
    pub(super) allowed: f64,
}

impl Expected {
    /// The value itself; -0 is not 0, and NaN is NaN.
    pub(super) fn exactly(value: f32) -> Self {
        Self { value: value.into(), allowed: 0.0 }
    }

    pub(super) fn within(value: f64, allowed: f64) -> Self {
        Self { value, allowed }
    }

    fn is(&self, found: f64) -> bool {
        match self.allowed {
            0.0 => found.to_bits() == self.value.to_bits() || found.is_nan() && self.value.is_nan(),
            allowed => (found - self.value).abs() <= allowed,
        }
    }
}

/// The answers of a check.
#[derive(Debug, Default)]
pub(super) struct Answers {
    kernels: Vec<&'static str>,
    values: usize,
    first: Option<Wrong>,
    differing: usize,
}

impl Answers {
    /// Remembers the kernels of a program, each once.
    pub(super) fn ran(&mut self, device: &Device, program: &Compiled) {
        for kernel in device.backend().kernels(program) {
            if !self.kernels.contains(&kernel) {
                self.kernels.push(kernel);
            }
        }
    }

    /// Compares results `[rows, width]` with what they must be. Results that lack are wrong.
    pub(super) fn compare(
        &mut self,
        what: &str,
        width: usize,
        found: impl IntoIterator<Item = f64>,
        expected: impl IntoIterator<Item = Expected>,
    ) {
        let mut found = found.into_iter();
        for (i, expected) in expected.into_iter().enumerate() {
            self.values += 1;
            let found = found.next().unwrap_or(f64::NAN);
            if expected.is(found) {
                continue;
            }
            self.differing += 1;
            let place = || format!("{what}, row {}, column {}", i / width, i % width);
            let Expected { value: expected, allowed } = expected;
            // The counts are filled in at the end.
            let (differing, values) = (0, 0);
            self.first.get_or_insert_with(|| Wrong {
                place: place(),
                found,
                expected,
                allowed,
                differing,
                values,
            });
        }
    }

    pub(super) fn judge(self) -> (Vec<&'static str>, Verdict) {
        let Self { kernels, values, first, differing } = self;
        let verdict = match first {
            None => Verdict::Right { values },
            Some(wrong) => Verdict::Wrong(Wrong { differing, values, ..wrong }),
        };
        (kernels, verdict)
    }
}
