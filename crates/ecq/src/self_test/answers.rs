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

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(expected: Expected, found: f64) -> Option<Wrong> {
        let mut answers = Answers::default();
        answers.compare("numbers", 2, [1.0, 1.0, 1.0, found], [1.0, 1.0, 1.0].map(Expected::exactly));
        answers.compare("a number", 1, [found], [expected]);
        match answers.judge().1 {
            Verdict::Wrong(wrong) => Some(wrong),
            _ => None,
        }
    }

    #[test]
    fn floats_are_compared_by_bits_or_within_a_bound() {
        let (exactly, within) = (Expected::exactly, Expected::within);
        for (expected, found) in [
            (exactly(0.5), 0.5),
            (exactly(f32::NAN), f64::NAN),
            (exactly(-0.0), -0.0),
            (within(1.0, 0.1), 1.05),
        ] {
            assert_eq!(wrong(expected, found), None, "{expected:?} {found}");
        }
        for (expected, found) in [
            (exactly(0.0), -0.0),
            (exactly(1.0), f64::NAN),
            (within(1.0, 0.1), 1.2),
            (within(1.0, 0.1), f64::NAN),
        ] {
            let wrong = wrong(expected, found).expect("a wrong value");
            assert_eq!((wrong.differing, wrong.values), (1, 4), "{wrong:?}");
            assert_eq!(wrong.place, "a number, row 0, column 0");
        }
    }

    #[test]
    fn results_that_lack_are_wrong() {
        let mut answers = Answers::default();
        answers.compare("numbers", 2, [1.0, 1.0, 1.0], [1.0; 5].map(Expected::exactly));
        let Verdict::Wrong(wrong) = answers.judge().1 else { panic!("two values lack") };
        assert_eq!((wrong.place.as_str(), wrong.differing), ("numbers, row 1, column 1", 2));
        let said = wrong.to_string();
        assert_eq!(said, "2 of 5 values are wrong; the first, numbers, row 1, column 1, is NaN, not 1.0");
    }
}
