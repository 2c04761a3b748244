//! Runs batches with one compiled program per power of two of rows.

use crate::backend::{Bindings, Compiled, DeviceInfo, Inputs};
use crate::batch::Batch;
use crate::error::{Result, RuntimeError};
use crate::kv::{KvOptions, KvPool, KvViews, Sequence};
use crate::model::{Builder, LogitsUse, Model, StepBuffers};
use crate::program::{BufferId, Layout, Program, Step};
use crate::sample::SamplingParams;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Maximum number of logits computed at once (32 MiB in f32), so that the head is decoded once for many rows.
const MAX_LOGITS: usize = 1 << 23;
/// Maximum number of steps of [`Executor::greedy_steps`].
pub const MAX_STEPS_AHEAD: usize = 16;

/// Options of an executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecutorOptions {
    /// KV cache options.
    pub kv: KvOptions,
    /// Maximum context in tokens; `None` and larger values mean the model's context.
    pub context: Option<usize>,
    /// Maximum rows of a step; a power of two up to 256.
    pub rows: usize,
}

impl Default for ExecutorOptions {
    fn default() -> Self {
        Self { kv: KvOptions::default(), context: None, rows: 256 }
    }
}

/// Cost of decoding layers and experts before their use, accumulated over all steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeStats {
    /// Uses of a block that stays decoded (pinned, `lru`).
    pub hits: u64,
    /// Uses of a block in modes that decode before use.
    pub uses: u64,
    /// Uses of an expert that was already decoded in its slots.
    pub expert_hits: u64,
    /// Uses of an expert that is decoded before use, counted once per step and layer, not per row.
    pub expert_uses: u64,
    /// Time that computation waited for decoding; `None` if the device does not tell.
    pub stall: Option<Duration>,
}

impl DecodeStats {
    fn add_stall(&mut self, stalled: Option<Duration>) {
        if let Some(stalled) = stalled {
            *self.stall.get_or_insert_default() += stalled;
        }
    }
}

/// Runs batches of rows on a model.
pub struct Executor {
    model: Arc<Model>,
    device: DeviceInfo,
    pool: KvPool,
    views: KvViews,
    buffers: StepBuffers,
    layout: Arc<Layout>,
    bindings: Bindings,
    programs: HashMap<Key, Compiled>,
    context: usize,
    rows: usize,
    max_logits_rows: usize,
    decode_stats: DecodeStats,
    /// Largest number of KV cache bytes in use at any step.
    peak_cache_bytes: u64,
    /// Logits of the last step on the host.
    logits: Vec<f32>,
}

/// Key of the compiled programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Step { rows: usize, logits_rows: usize, logits_use: LogitsUse },
    Head { logits_rows: usize, logits_use: LogitsUse },
    CopyBlocks { group: usize, rows: usize },
    DecodeFirstBlock,
}

/// Receives the output for a range of logits rows: logits, or chosen tokens.
type Sink<'a> = dyn FnMut(Range<usize>, &[f32], &[u32]) + 'a;

/// What a step returns for each logits row.
enum StepOutput<'a> {
    Logits,
    Argmax,
    Sample(&'a [SamplingParams]),
}

impl Executor {
    /// Creates an executor and allocates its activations and KV cache.
    ///
    /// # Errors
    /// If the device has too little memory or an option is out of range.
    pub fn new(model: Arc<Model>, options: ExecutorOptions) -> Result<Self> {
        let config = &model.config;
        let context = options.context.map_or(config.context, |context| context.min(config.context)).max(1);
        if !options.rows.is_power_of_two() || options.rows > 256 {
            let (option, found) = ("rows of a step", options.rows as f64);
            return Err(RuntimeError::OutOfRange { option, found, expected: "a power of two up to 256" });
        }
        let rows = options.rows.min(context.next_power_of_two());
        let max_logits_rows = previous_power_of_two(MAX_LOGITS / config.vocabulary).min(rows);
        let (mut layout, mut bindings) = (model.layout.clone(), model.bindings.clone());
        let (pool, views) =
            KvPool::new(config, &options.kv, [context, rows], &*model.backend, &mut layout, &mut bindings)?;
        let buffers = StepBuffers::new(&model, &views, [rows, max_logits_rows, MAX_STEPS_AHEAD], &mut layout);
        for info in &layout.buffers[bindings.buffers.len()..] {
            bindings.buffers.push(model.backend.alloc(info.element, info.len)?);
        }
        for (rope, angles) in [(&config.rope, &buffers.rope), (&config.local_rope, &buffers.local_rope)] {
            if let (Some(rope), Some(angles)) = (rope, angles)
                && !angles.per_row
            {
                let (values, _) = rope.frequencies(context);
                let buffer = &bindings.buffers[angles.frequencies.0 as usize];
                model.backend.upload(buffer, 0, bytemuck::cast_slice(&values))?;
            }
        }
        Ok(Self {
            device: model.backend.info(),
            model,
            pool,
            views,
            buffers,
            layout: Arc::new(layout),
            bindings,
            programs: HashMap::new(),
            context,
            rows,
            max_logits_rows,
            decode_stats: DecodeStats::default(),
            peak_cache_bytes: 0,
            logits: Vec::new(),
        })
    }

    /// Returns the model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Returns the KV cache.
    pub fn pool(&self) -> &KvPool {
        &self.pool
    }

    /// Creates an empty sequence.
    pub fn sequence(&self) -> Sequence {
        self.pool.blocks().sequence(0)
    }

    /// Returns the maximum context in tokens.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Returns the maximum number of rows of a step.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the maximum number of rows whose logits are computed at once.
    pub fn max_logits_rows(&self) -> usize {
        self.max_logits_rows
    }

    /// Returns the largest number of KV cache bytes in use at any step so far.
    pub fn peak_cache_bytes(&self) -> u64 {
        self.peak_cache_bytes
    }

    /// Returns the cost of decoding before use so far.
    pub fn decode_stats(&self) -> DecodeStats {
        self.decode_stats
    }

    /// Runs a batch and passes the logits to `sink` in chunks: a range of logits rows and their logits,
    /// `[rows, vocabulary]`.
    ///
    /// # Errors
    /// If the batch has too many rows, a token is unknown, a position exceeds the context, or a weight does
    /// not decode. The cache then has no new content and no sequence may be committed.
    pub fn logits(&mut self, batch: &Batch, mut sink: impl FnMut(Range<usize>, &[f32])) -> Result<()> {
        self.run(batch, &StepOutput::Logits, &mut |rows, logits, _| sink(rows, logits))
    }

    /// Runs a batch and returns one token per logits row: the most likely one, or one sampled with the row's
    /// `params`. The token is `None` if no logit is finite.
    ///
    /// # Errors
    /// Like [`logits`](Self::logits).
    pub fn tokens(&mut self, batch: &Batch, params: Option<&[SamplingParams]>) -> Result<Vec<Option<u32>>> {
        let mut tokens = Vec::with_capacity(batch.logits_row_count());
        let output = params.map_or(StepOutput::Argmax, StepOutput::Sample);
        self.run(batch, &output, &mut |_, _, chosen| tokens.extend(chosen.iter().map(token)))?;
        Ok(tokens)
    }

    /// Returns the hidden states after the last norm, `[rows, hidden size]`, of rows of the batch that ran
    /// last in [`logits`](Self::logits) or [`tokens`](Self::tokens).
    ///
    /// # Errors
    /// [`Batch`](RuntimeError::Batch) if there are no rows or more than the executor has.
    pub fn states(&mut self, rows: Range<usize>) -> Result<Vec<f32>> {
        if rows.is_empty() || rows.end > self.rows {
            return Err(RuntimeError::Batch(format!("has no rows {rows:?}; at most {}", self.rows)));
        }
        let index: Vec<u32> = (rows.start as u32..rows.end as u32).collect();
        let key = Key::Head { logits_rows: index.len().next_power_of_two(), logits_use: LogitsUse::None };
        self.submit(key, rows.end, index.len(), &[(self.buffers.logits_rows, bytemuck::cast_slice(&index))])?;
        let mut states = vec![0f32; index.len() * self.model.config.hidden];
        let buffer = &self.bindings.buffers[self.buffers.states.0 as usize];
        self.model.backend.download(buffer, 0, bytemuck::cast_slice_mut(&mut states))?;
        Ok(states)
    }

    /// Runs a batch in which every sequence has one row, and then more greedy steps without returning to the
    /// host (multi-step decoding). Returns a token per row for each step.
    ///
    /// The sequences must have positions reserved for all steps ([`Batch::push_ahead`]). The caller commits
    /// the batch's tokens and all returned tokens except those of the last step.
    ///
    /// # Errors
    /// Like [`logits`](Self::logits); also if the batch has other rows or `steps` exceeds
    /// [`MAX_STEPS_AHEAD`].
    pub fn greedy_steps(&mut self, batch: &Batch, steps: usize) -> Result<Vec<Vec<Option<u32>>>> {
        self.check(batch)?;
        let rows = batch.rows();
        let alone = batch.logits_row_count() == rows
            && batch.sequence_count() == rows
            && rows <= self.max_logits_rows;
        let longest = batch.positions.iter().max().map_or(0, |&position| position as usize + steps);
        let grows =
            [&self.buffers.rope, &self.buffers.local_rope].into_iter().flatten().any(|angles| angles.per_row);
        if !alone || grows || steps > MAX_STEPS_AHEAD {
            return Err(RuntimeError::Batch(
                "multi-step decoding needs one row per sequence and rotary frequencies that do not depend on \
                 the length"
                    .to_owned(),
            ));
        }
        if longest > self.context {
            return Err(RuntimeError::ContextFull { tokens: longest, context: self.context });
        }
        self.copy_blocks(batch)?;
        let count = self.bindings.buffers[self.buffers.count.0 as usize].clone();
        self.model.backend.upload(&count, 0, &[0; 4])?;
        let bucket = rows.next_power_of_two();
        let key = Key::Step { rows: bucket, logits_rows: bucket, logits_use: LogitsUse::Advance };
        for step in 0..steps {
            match step {
                0 => self.submit_step(key, batch, &[])?,
                _ => self.submit(key, rows, rows, &[])?,
            }
        }
        let mut history = vec![0u32; self.rows * steps];
        let buffer = self.bindings.buffers[self.buffers.history.0 as usize].clone();
        self.model.backend.download(&buffer, 0, bytemuck::cast_slice_mut(&mut history))?;
        Ok(history.chunks_exact(self.rows).map(|tokens| tokens[..rows].iter().map(token).collect()).collect())
    }

    /// Returns the program of a step of up to `rows` rows, of which `logits_rows` have logits.
    ///
    /// # Errors
    /// [`Batch`](RuntimeError::Batch) if the numbers exceed the executor's limits.
    pub fn program(&self, rows: usize, logits_rows: usize) -> Result<Program> {
        let max = self.rows;
        if rows == 0 || rows > max || logits_rows > rows.min(self.max_logits_rows) {
            return Err(RuntimeError::Batch(format!(
                "no program for {rows} rows, {logits_rows} with logits; at most {max} rows"
            )));
        }
        let bucket = |n: usize| if n == 0 { 0 } else { n.next_power_of_two() };
        self.build(Key::Step {
            rows: bucket(rows),
            logits_rows: bucket(logits_rows),
            logits_use: LogitsUse::Logits,
        })
    }

    fn check(&self, batch: &Batch) -> Result<()> {
        if batch.is_empty() {
            return Err(RuntimeError::InvalidInput("the input has no tokens"));
        }
        if batch.rows() > self.rows {
            return Err(RuntimeError::Batch(format!("has {} rows; at most {}", batch.rows(), self.rows)));
        }
        if let Some(&last) = batch.positions.iter().max()
            && last as usize >= self.context
        {
            return Err(RuntimeError::ContextFull { tokens: last as usize + 1, context: self.context });
        }
        let vocabulary = self.model.config.vocabulary;
        match batch.tokens.iter().find(|&&token| token as usize >= vocabulary) {
            Some(&token) => Err(RuntimeError::UnknownToken { token, vocabulary }),
            None => Ok(()),
        }
    }

    fn run(&mut self, batch: &Batch, output: &StepOutput, sink: &mut Sink) -> Result<()> {
        self.check(batch)?;
        self.copy_blocks(batch)?;
        let logits_use = match output {
            StepOutput::Logits => LogitsUse::Logits,
            StepOutput::Argmax => LogitsUse::Argmax,
            StepOutput::Sample(_) => LogitsUse::Sample,
        };
        let params = |range: Range<usize>| -> Vec<f32> {
            match output {
                StepOutput::Sample(params) => {
                    params[range].iter().flat_map(SamplingParams::to_floats).collect()
                }
                _ => Vec::new(),
            }
        };
        let (rows, logits_rows) = (batch.rows().next_power_of_two(), batch.logits_row_count());
        if logits_rows <= self.max_logits_rows {
            let bucket = if logits_rows == 0 { 0 } else { logits_rows.next_power_of_two().min(rows) };
            self.submit_step(
                Key::Step { rows, logits_rows: bucket, logits_use },
                batch,
                &params(0..logits_rows),
            )?;
            return if logits_rows == 0 {
                Ok(())
            } else {
                self.read_output(0..logits_rows, logits_use, sink)
            };
        }
        self.submit_step(Key::Step { rows, logits_rows: 0, logits_use: LogitsUse::Logits }, batch, &[])?;
        for first in (0..logits_rows).step_by(self.max_logits_rows) {
            let part = first..logits_rows.min(first + self.max_logits_rows);
            let (index, params) =
                (bytemuck::cast_slice(&batch.logits_rows[part.clone()]), params(part.clone()));
            let writes = [
                (self.buffers.logits_rows, index),
                (self.buffers.sampling_params, bytemuck::cast_slice(&params)),
            ];
            let key = Key::Head { logits_rows: part.len().next_power_of_two(), logits_use };
            self.submit(key, batch.rows(), part.len(), &writes)?;
            self.read_output(part, logits_use, sink)?;
        }
        Ok(())
    }

    /// Reads the output of a program for a range of logits rows.
    fn read_output(&mut self, part: Range<usize>, logits_use: LogitsUse, sink: &mut Sink) -> Result<()> {
        let buffer = |id: BufferId| &self.bindings.buffers[id.0 as usize];
        if logits_use == LogitsUse::Logits {
            self.logits.resize(part.len() * self.model.config.vocabulary, 0.0);
            let to = bytemuck::cast_slice_mut(&mut self.logits);
            self.model.backend.download(buffer(self.buffers.logits), 0, to)?;
            sink(part, &self.logits, &[]);
        } else {
            let mut chosen = vec![0u32; part.len()];
            let to = bytemuck::cast_slice_mut(&mut chosen);
            self.model.backend.download(buffer(self.buffers.chosen), 0, to)?;
            sink(part, &[], &chosen);
        }
        Ok(())
    }

    fn copy_blocks(&mut self, batch: &Batch) -> Result<()> {
        for group in 0..self.views.groups {
            let pairs: Vec<[u32; 2]> = batch
                .copies
                .iter()
                .filter(|copy| copy.group == group)
                .map(|copy| [copy.from, copy.to])
                .collect();
            for pairs in pairs.chunks(self.rows) {
                let key = Key::CopyBlocks { group, rows: pairs.len().next_power_of_two() };
                self.submit(key, pairs.len(), 0, &[(self.buffers.pairs, bytemuck::cast_slice(pairs))])?;
            }
        }
        Ok(())
    }

    /// Submits a program with the inputs of a batch.
    fn submit_step(&mut self, key: Key, batch: &Batch, params: &[f32]) -> Result<()> {
        self.peak_cache_bytes = self.peak_cache_bytes.max(self.pool.used_bytes());
        let mut tables = vec![Vec::new(); self.views.groups];
        for sequence in &batch.tables {
            for (all, table) in tables.iter_mut().zip(sequence) {
                let end = all.len() + self.views.table_width;
                all.extend(table.iter().take(self.views.table_width));
                all.resize(end, u32::MAX);
            }
        }
        let config = &self.model.config;
        let mut frequencies = Vec::new();
        for (rope, angles) in
            [(&config.rope, &self.buffers.rope), (&config.local_rope, &self.buffers.local_rope)]
        {
            if let (Some(rope), Some(angles)) = (rope, angles)
                && angles.per_row
            {
                let rows = batch.lengths.iter().flat_map(|&length| rope.frequencies(length as usize).0);
                frequencies.push((angles.frequencies, rows.collect::<Vec<f32>>()));
            }
        }
        let mut writes: Vec<(BufferId, &[u8])> = vec![
            (self.buffers.tokens, bytemuck::cast_slice(&batch.tokens)),
            (self.buffers.positions, bytemuck::cast_slice(&batch.positions)),
            (self.buffers.sequences, bytemuck::cast_slice(&batch.sequences)),
            (self.buffers.logits_rows, bytemuck::cast_slice(&batch.logits_rows)),
            (self.buffers.sampling_params, bytemuck::cast_slice(params)),
        ];
        writes.extend(
            self.buffers.tables.iter().zip(&tables).map(|(&id, table)| (id, bytemuck::cast_slice(table))),
        );
        writes.extend(frequencies.iter().map(|(id, values)| (*id, bytemuck::cast_slice(values))));
        let logits_rows =
            if matches!(key, Key::Step { logits_rows: 0, .. }) { 0 } else { batch.logits_row_count() };
        self.submit(key, batch.rows(), logits_rows, &writes)
    }

    fn submit(
        &mut self,
        key: Key,
        rows: usize,
        logits_rows: usize,
        writes: &[(BufferId, &[u8])],
    ) -> Result<()> {
        let program = self.compiled(key)?;
        let inputs = Inputs { rows, logits_rows, writes };
        let model = self.model.clone();
        let streamed = model.block_slots.streamed() as u64;
        let slots = streamed > 0 || model.block_slots.pinned > 0 || !model.expert_slots.is_empty();
        if !slots || !matches!(key, Key::Step { .. }) {
            let event = model.backend.submit(&program, &inputs)?;
            model.backend.wait(&event)?;
            return Ok(());
        }
        // Slots belong to the model, so only one program at a time may decode into them.
        let mut slot_state = model.lock_slots();
        if !slot_state.first_block_decoded && !model.block_slots.preloaded().is_empty() {
            let prime = self.compiled(Key::DecodeFirstBlock)?;
            let event = model.backend.submit(&prime, &Inputs { rows: 0, logits_rows: 0, writes: &[] })?;
            self.decode_stats.add_stall(model.backend.wait(&event)?.stalled);
        }
        slot_state.first_block_decoded = false;
        let event = model.backend.submit(&program, &inputs)?;
        let timing = model.backend.wait(&event)?;
        slot_state.first_block_decoded = true;
        self.decode_stats.add_stall(timing.stalled);
        self.decode_stats.expert_hits += timing.expert_hits;
        self.decode_stats.expert_uses += timing.expert_uses;
        self.decode_stats.hits += model.block_slots.pinned as u64;
        self.decode_stats.uses += streamed + model.block_slots.pinned as u64;
        Ok(())
    }

    fn compiled(&mut self, key: Key) -> Result<Compiled> {
        if let Some(program) = self.programs.get(&key) {
            return Ok(program.clone());
        }
        let program = self.model.backend.compile(&self.build(key)?, &self.bindings)?;
        self.programs.insert(key, program.clone());
        Ok(program)
    }

    fn build(&self, key: Key) -> Result<Program> {
        let (rows, logits_rows) = match key {
            Key::Step { rows, logits_rows, .. } => (rows, logits_rows),
            Key::Head { logits_rows, .. } => (self.rows, logits_rows),
            Key::CopyBlocks { rows, .. } => (rows, 0),
            Key::DecodeFirstBlock => (0, 0),
        };
        let Self { model, device, buffers, views, .. } = self;
        let builder = Builder { model, device, buffers, views, rows, logits_rows };
        let mut steps: Vec<Step> = Vec::new();
        let name = match key {
            Key::Step { logits_use, .. } => {
                steps = builder.step(logits_use);
                format!("step of {} in mode {}", model.config.architecture, model.mode().0)
            }
            Key::Head { logits_use, .. } => {
                builder.head(logits_use, &mut steps);
                "head of the previous step".to_owned()
            }
            Key::CopyBlocks { group, .. } => {
                steps = builder.copy_blocks(group);
                "copy of cache blocks".to_owned()
            }
            Key::DecodeFirstBlock => {
                steps = model.block_slots.decode_first_block();
                "decoding of the first block".to_owned()
            }
        };
        let entry = if matches!(key, Key::Step { .. }) { model.block_slots.preloaded() } else { &[] };
        Program::new(name, self.layout.clone(), [rows, logits_rows], entry, steps)
    }
}

fn token(&token: &u32) -> Option<u32> {
    (token != u32::MAX).then_some(token)
}

fn previous_power_of_two(n: usize) -> usize {
    1 << n.max(1).ilog2()
}
