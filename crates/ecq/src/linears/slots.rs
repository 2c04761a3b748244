//! Slots that matrices are decoded into before each use.

use crate::error::Result;
use ecq_runtime::backend::{Backend, Cpu, Slot, Weight};
use ecq_runtime::{Mode, RuntimeError};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The slots of a file: one, or two of which one is filled while the other is in use.
pub(super) struct Slots {
    cpu: Arc<Cpu>,
    slots: Vec<Slot>,
    /// Locked for the time of a product: products that need slots take turns.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Matrix used last, and the slot that holds it.
    last: Option<(usize, usize)>,
    /// For each matrix, the one that was used after it: the order in which a model calls its layers.
    next: HashMap<usize, usize>,
    weights: HashMap<usize, Weight>,
    ahead: Option<Ahead>,
}

/// The thread that decodes ahead.
struct Ahead {
    work: Sender<(Weight, Slot)>,
    done: Receiver<std::result::Result<(), RuntimeError>>,
    /// Matrix and slot that it works on.
    pending: Option<(usize, usize)>,
}

impl Slots {
    /// Allocates the slots that a mode needs, for matrices of up to `bytes` decoded bytes.
    pub(super) fn new(mode: Mode, bytes: usize, cpu: Arc<Cpu>) -> Result<Option<Self>> {
        let (count, mut state) = match mode {
            Mode::Lru => (1, State::default()),
            Mode::Prefetch => (2, State::default()),
            _ => return Ok(None),
        };
        if mode == Mode::Prefetch {
            state.ahead = Some(Ahead::start(cpu.clone())?);
        }
        let slots = (0..count).map(|_| cpu.slot(bytes)).collect::<std::result::Result<_, _>>()?;
        Ok(Some(Self { cpu, slots, state: Mutex::new(state) }))
    }

    /// Runs `work` with a slot that holds the weight, while the next matrix is decoded in the mode
    /// `prefetch`.
    pub(super) fn with<T>(
        &self,
        number: usize,
        weight: &Weight,
        work: impl FnOnce(&Slot) -> Result<T>,
    ) -> Result<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { last, next, weights, ahead } = &mut *state;
        weights.entry(number).or_insert_with(|| weight.clone());
        // A failure to decode ahead is reported when the matrix is used, below.
        let ready = ahead.as_mut().and_then(Ahead::finish).filter(|(decoded, _)| *decoded == number);
        let index = match (ready, *last) {
            (Some((_, slot)), _) => slot,
            (None, Some((used, slot))) if used == number => slot,
            (None, Some((_, slot))) => (slot + 1) % self.slots.len(),
            (None, None) => 0,
        };
        self.cpu.decode(weight, &self.slots[index])?;
        if let Some((before, _)) = last.replace((number, index)) {
            next.insert(before, number);
        }
        if let Some(ahead) = ahead
            && let Some(&following) = next.get(&number)
            && following != number
        {
            let slot = (index + 1) % self.slots.len();
            ahead.begin(following, slot, weights[&following].clone(), self.slots[slot].clone());
        }
        work(&self.slots[index])
    }
}

impl Ahead {
    fn start(cpu: Arc<Cpu>) -> Result<Self> {
        let (work, jobs) = channel::<(Weight, Slot)>();
        let (results, done) = channel();
        let run = move || {
            for (weight, slot) in jobs {
                if results.send(cpu.decode(&weight, &slot)).is_err() {
                    return;
                }
            }
        };
        let refused = |error: std::io::Error| RuntimeError::Threads(error.to_string());
        thread::Builder::new().name("ecq-decode".to_owned()).spawn(run).map_err(refused)?;
        Ok(Self { work, done, pending: None })
    }

    fn begin(&mut self, number: usize, slot: usize, weight: Weight, into: Slot) {
        if self.work.send((weight, into)).is_ok() {
            self.pending = Some((number, slot));
        }
    }

    /// Waits for the matrix that is being decoded, and returns it and its slot.
    fn finish(&mut self) -> Option<(usize, usize)> {
        let pending = self.pending.take()?;
        match self.done.recv() {
            Ok(Ok(())) => Some(pending),
            _ => None,
        }
    }
}
