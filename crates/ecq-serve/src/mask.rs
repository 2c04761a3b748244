//! Masks of one request, kept from harming others.

use ecq_runtime::TokenMask;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a mask failed; shared with the request that waits for its tokens.
#[derive(Debug, Clone, Default)]
pub struct Failure(Arc<Mutex<Option<String>>>);

impl Failure {
    /// Records the first reason.
    pub fn set(&self, why: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }

    /// Removes and returns the reason.
    pub fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A mask whose panics end its own request only: afterwards it forbids all tokens.
pub struct Guarded {
    mask: Option<Box<dyn TokenMask>>,
    failure: Failure,
}

impl Guarded {
    /// Wraps a mask.
    pub fn boxed(mask: Box<dyn TokenMask>, failure: Failure) -> Box<dyn TokenMask> {
        Box::new(Self { mask: Some(mask), failure })
    }

    /// Runs `work` on the mask; `None` if the mask panics or has panicked.
    fn with<T>(&mut self, work: impl FnOnce(&mut Box<dyn TokenMask>) -> T) -> Option<T> {
        let mask = self.mask.as_mut()?;
        let done = catch_unwind(AssertUnwindSafe(|| work(mask))).ok();
        if done.is_none() {
            self.failure.set("the grammar of the request caused a panic, which is a bug".to_owned());
            self.mask = None;
        }
        done
    }
}

impl TokenMask for Guarded {
    fn apply(&mut self, logits: &mut [f32]) {
        if self.with(|mask| mask.apply(logits)).is_none() {
            logits.fill(f32::NEG_INFINITY);
        }
    }

    fn accept(&mut self, token: u32) {
        self.with(|mask| mask.accept(token));
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        let mask = self.mask.as_deref();
        let mask = mask.and_then(|mask| catch_unwind(AssertUnwindSafe(|| mask.fork())).ok());
        Box::new(Self { mask, failure: self.failure.clone() })
    }
}
