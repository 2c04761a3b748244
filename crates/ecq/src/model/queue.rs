//! An engine shared by several threads.

use ecq_runtime::{Engine, EventKind, Request, RequestId, RuntimeError};
use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};

/// An engine, and the events of its requests that are not read yet.
///
/// A thread that needs an event steps the engine, which advances all requests. Threads take turns in order of
/// arrival (a ticket lock): with a plain mutex, the thread that has just stepped could step again before
/// others wake up.
pub(super) struct Queue {
    tickets: Mutex<Tickets>,
    next_turn: Condvar,
    state: Mutex<State>,
}

#[derive(Default)]
struct Tickets {
    given: u64,
    served: u64,
}

struct State {
    engine: Engine,
    events: HashMap<RequestId, VecDeque<EventKind>>,
}

/// Ends the turn of a thread, also if a step panics.
struct Turn<'a>(&'a Queue);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.tickets.lock().unwrap_or_else(PoisonError::into_inner).served += 1;
        self.0.next_turn.notify_all();
    }
}

impl Queue {
    pub(super) fn new(engine: Engine) -> Self {
        let state = State { engine, events: HashMap::new() };
        Self { tickets: Mutex::default(), next_turn: Condvar::new(), state: Mutex::new(state) }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = tickets.given;
        tickets.given += 1;
        while tickets.served != ticket {
            tickets = self.next_turn.wait(tickets).unwrap_or_else(PoisonError::into_inner);
        }
        drop(tickets);
        let _turn = Turn(self);
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn submit(&self, request: Request) -> Result<RequestId, RuntimeError> {
        self.with(|state| {
            let id = state.engine.submit(request)?;
            state.events.insert(id, VecDeque::new());
            Ok(id)
        })
    }

    /// Returns the next event of a request; `None` if there are no more. Other threads get a turn between two
    /// steps.
    pub(super) fn next(&self, id: RequestId) -> Option<EventKind> {
        loop {
            let (event, idle) = self.with(|state| {
                if let event @ Some(_) = state.events.get_mut(&id).and_then(VecDeque::pop_front) {
                    return (event, false);
                }
                for event in state.engine.step() {
                    if let Some(events) = state.events.get_mut(&event.request) {
                        events.push_back(event.kind);
                    }
                }
                let event = state.events.get_mut(&id).and_then(VecDeque::pop_front);
                (event, state.engine.is_idle())
            });
            if event.is_some() || idle {
                return event;
            }
        }
    }

    /// Removes a request and cancels it if it is running.
    pub(super) fn remove(&self, id: RequestId) {
        self.with(|state| {
            state.events.remove(&id);
            state.engine.cancel(id);
        });
    }

    /// Number of running and of waiting requests.
    #[cfg(test)]
    pub(super) fn load(&self) -> (usize, usize) {
        self.with(|state| state.engine.sequence_counts())
    }
}
