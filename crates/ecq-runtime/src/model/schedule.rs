//! When blocks are decoded, and when forgotten.

use super::load::Model;
use crate::backend::{Command, Event, Queue, Recording, Weight};
use crate::error::Result;
use crate::plan::Mode;
use std::time::{Duration, Instant};

/// What decoding on the host cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Residency {
    /// Uses of a block that found it decoded (`lru`).
    pub hits: u64,
    /// Uses of a block.
    pub uses: u64,
    /// Time that computing waited for decoding.
    pub stall: Duration,
    /// Most bytes that all weights held at once.
    pub peak_bytes: u64,
}

/// Brings the blocks of a model into memory before they are used, as its mode asks.
pub(super) struct Schedule {
    decode: Vec<Recording>,
    release: Vec<Recording>,
    /// Blocks that are decoded, or that the second queue is decoding.
    pending: Vec<Option<Event>>,
    /// The end of the last block's work: a ring of two on a device must not be overwritten before.
    before: Option<Event>,
    resident: Vec<bool>,
    pub(super) residency: Residency,
}

impl Schedule {
    pub(super) fn new(model: &Model) -> Result<Self> {
        let record = |command: fn(Weight) -> Command| -> Result<Vec<Recording>> {
            let blocks = model.blocks.iter();
            blocks.map(|b| model.backend.record(b.weights.iter().cloned().map(command).collect())).collect()
        };
        Ok(Self {
            decode: record(Command::Decode)?,
            release: record(Command::Release)?,
            pending: vec![None; model.blocks.len()],
            before: None,
            resident: vec![false; model.blocks.len()],
            residency: Residency::default(),
        })
    }

    /// Runs block `layer`, which has been recorded as `block`.
    pub(super) fn run(&mut self, model: &Model, layer: usize, block: &Recording) -> Result<()> {
        let backend = &*model.backend;
        if !model.blocks[layer].hosted {
            backend.submit(Queue::Compute, block, None)?;
            return Ok(());
        }
        self.residency.uses += 1;
        match model.mode {
            Mode::Prefetch | Mode::Async => {
                let next = (layer + 1) % model.blocks.len();
                let ready = match self.pending[layer].take() {
                    Some(ready) => ready,
                    None => backend.submit(Queue::Decode, &self.decode[layer], None)?,
                };
                if next != layer && self.pending[next].is_none() {
                    let event = backend.submit(Queue::Decode, &self.decode[next], self.before.as_ref())?;
                    self.pending[next] = Some(event);
                }
                let start = Instant::now();
                backend.wait(&ready)?;
                self.residency.stall += start.elapsed();
                backend.submit(Queue::Compute, block, Some(&ready))?;
                self.peak(model);
                self.before = Some(backend.submit(Queue::Compute, &self.release[layer], None)?);
            }
            _ => {
                if self.resident[layer] {
                    self.residency.hits += 1;
                } else {
                    let start = Instant::now();
                    backend.submit(Queue::Compute, &self.decode[layer], None)?;
                    self.residency.stall += start.elapsed();
                }
                backend.submit(Queue::Compute, block, None)?;
                self.peak(model);
                self.resident[layer] = model.pinned[layer];
                if !self.resident[layer] {
                    backend.submit(Queue::Compute, &self.release[layer], None)?;
                }
            }
        }
        Ok(())
    }

    fn peak(&mut self, model: &Model) {
        self.residency.peak_bytes = self.residency.peak_bytes.max(model.weight_bytes());
    }
}
