//! Edges between the compute queue and the decode queue of a submission.

use crate::error::{DriverResult, Result};
use cudarc::driver::{CudaEvent, CudaStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// An edge. The host enqueues both queues on two threads, so the waiting thread waits until the other one has
/// recorded an event, and its stream waits for the event.
#[derive(Default)]
pub(crate) struct Latch {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
enum State {
    #[default]
    Pending,
    Signalled(CudaEvent),
    /// The other queue failed.
    Failed,
}

impl Latch {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prepares the latch for a submission.
    pub(crate) fn reset(&self) {
        *self.lock() = State::Pending;
    }

    /// Marks the earlier work of a stream as what the edge waits for.
    pub(crate) fn signal(&self, stream: &CudaStream) -> Result<()> {
        let event = stream.record_event(None).during("recording an event")?;
        let mut state = self.lock();
        if matches!(*state, State::Pending) {
            *state = State::Signalled(event);
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Releases a waiting thread because this queue failed.
    pub(crate) fn fail(&self) {
        let mut state = self.lock();
        if matches!(*state, State::Pending) {
            *state = State::Failed;
        }
        self.changed.notify_all();
    }

    /// Makes the later work of a stream wait for the edge. Returns whether the other queue has signalled it.
    pub(crate) fn wait(&self, stream: &CudaStream) -> Result<bool> {
        let mut state = self.lock();
        loop {
            match &*state {
                State::Pending => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                State::Signalled(event) => {
                    stream.wait(event).during("waiting for the other queue")?;
                    return Ok(true);
                }
                State::Failed => return Ok(false),
            }
        }
    }
}
