//! Runs batches: compiles a program for each power of two of rows when it is first needed, and steps it.

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

/// Logits that are computed at once at most: 32 MiB, so that a head is decoded for many rows at a time.
const MOST_LOGITS: usize = 1 << 23;
/// Steps that run without the host at most.
pub const MAX_STEPS_AHEAD: usize = 16;

/// How an executor runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecutorOptions {
    /// How keys and values are cached.
    pub kv: KvOptions,
    /// Longest text in tokens; the model's context if it is shorter or `None`.
    pub context: Option<usize>,
    /// Rows of a step at most, a power of two up to 256.
    pub rows: usize,
}

impl Default for ExecutorOptions {
    fn default() -> Self {
        Self { kv: KvOptions::default(), context: None, rows: 256 }
    }
}

/// What decoding of layers before their use cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeStats {
    /// Uses of a block that stays decoded (`lru`).
    pub hits: u64,
    /// Uses of a block, where the mode decodes before use.
    pub uses: u64,
    /// Uses of an expert that lay in its slots already.
    pub expert_hits: u64,
    /// Uses of an expert that is decoded before use: once for all rows of a step that chose it.
    pub expert_uses: u64,
    /// Time that computing waited for decoding.
    pub stall: Duration,
}

/// Runs batches of rows on a model.
pub struct Executor {
    model: Arc<Model>,
    facts: DeviceInfo,
    pool: KvPool,
    views: KvViews,
    wires: StepBuffers,
    layout: Arc<Layout>,
    bindings: Bindings,
    programs: HashMap<Key, Compiled>,
    context: usize,
    rows: usize,
    logits_rows: usize,
    residency: DecodeStats,
    /// Most bytes that sequences held in the cache at a step.
    peak_cache_bytes: u64,
    /// Where logits come to.
    logits: Vec<f32>,
}

/// What there is a program for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Step { rows: usize, wanted: usize, tail: LogitsUse },
    Head { wanted: usize, tail: LogitsUse },
    CopyBlocks { group: usize, rows: usize },
    Prime,
}

/// Takes what a step gives for some of the wanted rows: logits, or chosen tokens.
type Sink<'a> = dyn FnMut(Range<usize>, &[f32], &[u32]) + 'a;

/// What becomes of the logits of a step.
enum Choice<'a> {
    Logits,
    Greedy,
    SamplingParams(&'a [SamplingParams]),
}

impl Executor {
    /// Allocates activations and the cache of keys and values.
    ///
    /// # Errors
    /// When the device has no room, or an option is out of range.
    pub fn new(model: Arc<Model>, options: ExecutorOptions) -> Result<Self> {
        let config = &model.config;
        let context = options.context.map_or(config.context, |context| context.min(config.context)).max(1);
        if !options.rows.is_power_of_two() || options.rows > 256 {
            let (option, found) = ("rows of a step", options.rows as f64);
            return Err(RuntimeError::OutOfRange { option, found, expected: "a power of two up to 256" });
        }
        let rows = options.rows.min(context.next_power_of_two());
        let logits_rows = previous_power_of_two(MOST_LOGITS / config.vocabulary).min(rows);
        let (mut layout, mut bindings) = (model.layout.clone(), model.bindings.clone());
        let (pool, views) =
            KvPool::new(config, &options.kv, [context, rows], &*model.backend, &mut layout, &mut bindings)?;
        let wires = StepBuffers::new(&model, &views, [rows, logits_rows, MAX_STEPS_AHEAD], &mut layout);
        for info in &layout.buffers[bindings.buffers.len()..] {
            bindings.buffers.push(model.backend.alloc(info.element, info.len)?);
        }
        for (rope, angles) in [(&config.rope, &wires.rope), (&config.local_rope, &wires.local_rope)] {
            if let (Some(rope), Some(angles)) = (rope, angles)
                && !angles.per_row
            {
                let (values, _) = rope.frequencies(context);
                let buffer = &bindings.buffers[angles.frequencies.0 as usize];
                model.backend.upload(buffer, 0, bytemuck::cast_slice(&values))?;
            }
        }
        Ok(Self {
            facts: model.backend.facts(),
            model,
            pool,
            views,
            wires,
            layout: Arc::new(layout),
            bindings,
            programs: HashMap::new(),
            context,
            rows,
            logits_rows,
            residency: DecodeStats::default(),
            peak_cache_bytes: 0,
            logits: Vec::new(),
        })
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The cache of keys and values.
    pub fn pool(&self) -> &KvPool {
        &self.pool
    }

    /// An empty sequence.
    pub fn sequence(&self) -> Sequence {
        self.pool.blocks().sequence(0)
    }

    /// Longest text in tokens.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Rows of a step at most.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows of logits that are computed at once at most.
    pub fn logits_rows(&self) -> usize {
        self.logits_rows
    }

    /// Most bytes of keys and values that sequences held at a step so far.
    pub fn peak_cache_bytes(&self) -> u64 {
        self.peak_cache_bytes
    }

    /// What decoding of layers before their use cost so far.
    pub fn residency(&self) -> DecodeStats {
        self.residency
    }

    /// Runs a batch; `sink` gets the logits of the wanted rows, some rows at a time: which of the wanted
    /// rows, and `[rows, vocabulary]`.
    ///
    /// # Errors
    /// When there are too many rows, a token is unknown, a text too long, or a weight turns out to be
    /// damaged. The cache then holds nothing new, and no sequence may be committed.
    pub fn logits(&mut self, batch: &Batch, mut sink: impl FnMut(Range<usize>, &[f32])) -> Result<()> {
        self.run(batch, &Choice::Logits, &mut |rows, logits, _| sink(rows, logits))
    }

    /// Runs a batch, and gives the likeliest token for each wanted row, or the one that its draw gives;
    /// `None` where no logit is finite.
    ///
    /// # Errors
    /// As [`logits`](Self::logits).
    pub fn tokens(&mut self, batch: &Batch, draws: Option<&[SamplingParams]>) -> Result<Vec<Option<u32>>> {
        let mut tokens = Vec::with_capacity(batch.wanted_rows());
        let choice = draws.map_or(Choice::Greedy, Choice::SamplingParams);
        self.run(batch, &choice, &mut |_, _, chosen| tokens.extend(chosen.iter().map(token)))?;
        Ok(tokens)
    }

    /// Runs a batch whose every row is the last of its sequence and wanted, and then steps for the tokens
    /// that it gives, the likeliest each time, without the host between them. Gives for each step a token for
    /// each row. Sequences have reserved room for all steps; committed are the batch's tokens and all that
    /// were given but the last.
    ///
    /// # Errors
    /// As [`logits`](Self::logits); when the batch is not so, or there are more than [`MAX_STEPS_AHEAD`]
    /// steps.
    pub fn greedy_steps(&mut self, batch: &Batch, steps: usize) -> Result<Vec<Vec<Option<u32>>>> {
        self.check(batch)?;
        let rows = batch.rows();
        let alone = batch.wanted_rows() == rows && batch.sequence_count() == rows && rows <= self.logits_rows;
        let longest = batch.positions.iter().max().map_or(0, |&position| position as usize + steps);
        let grows =
            [&self.wires.rope, &self.wires.local_rope].into_iter().flatten().any(|angles| angles.per_row);
        if !alone || grows || steps > MAX_STEPS_AHEAD {
            return Err(RuntimeError::Batch(
                "these rows cannot run several steps without the host".to_owned(),
            ));
        }
        if longest > self.context {
            return Err(RuntimeError::ContextFull { tokens: longest, context: self.context });
        }
        self.copy_blocks(batch)?;
        let count = self.bindings.buffers[self.wires.count.0 as usize].clone();
        self.model.backend.upload(&count, 0, &[0; 4])?;
        let bucket = rows.next_power_of_two();
        let key = Key::Step { rows: bucket, wanted: bucket, tail: LogitsUse::Advance };
        for step in 0..steps {
            match step {
                0 => self.submit_step(key, batch, &[])?,
                _ => self.submit(key, rows, rows, &[])?,
            }
        }
        let mut history = vec![0u32; self.rows * steps];
        let buffer = self.bindings.buffers[self.wires.history.0 as usize].clone();
        self.model.backend.download(&buffer, 0, bytemuck::cast_slice_mut(&mut history))?;
        Ok(history.chunks_exact(self.rows).map(|tokens| tokens[..rows].iter().map(token).collect()).collect())
    }

    /// The program for a step of up to `rows` rows, `wanted` of them with logits, as it would run.
    ///
    /// # Errors
    /// When there are no such programs.
    pub fn program(&self, rows: usize, wanted: usize) -> Result<Program> {
        let most = self.rows;
        if rows == 0 || rows > most || wanted > rows.min(self.logits_rows) {
            return Err(RuntimeError::Batch(format!(
                "a program of {rows} rows, {wanted} with logits; {most} at most"
            )));
        }
        let bucket = |n: usize| if n == 0 { 0 } else { n.next_power_of_two() };
        self.build(Key::Step { rows: bucket(rows), wanted: bucket(wanted), tail: LogitsUse::Logits })
    }

    fn check(&self, batch: &Batch) -> Result<()> {
        if batch.is_empty() {
            return Err(RuntimeError::Empty("no tokens to run the model on"));
        }
        if batch.rows() > self.rows {
            return Err(RuntimeError::Batch(format!("{} rows, {} at most", batch.rows(), self.rows)));
        }
        if let Some(&last) = batch.positions.iter().max()
            && last as usize >= self.context
        {
            return Err(RuntimeError::ContextFull { tokens: last as usize + 1, context: self.context });
        }
        let vocabulary = self.model.config.vocabulary;
        match batch.tokens.iter().find(|&&token| token as usize >= vocabulary) {
            Some(&token) => Err(RuntimeError::Token { token, vocabulary }),
            None => Ok(()),
        }
    }

    fn run(&mut self, batch: &Batch, choice: &Choice, sink: &mut Sink) -> Result<()> {
        self.check(batch)?;
        self.copy_blocks(batch)?;
        let tail = match choice {
            Choice::Logits => LogitsUse::Logits,
            Choice::Greedy => LogitsUse::Argmax,
            Choice::SamplingParams(_) => LogitsUse::Sample,
        };
        let draws = |range: Range<usize>| -> Vec<f32> {
            match choice {
                Choice::SamplingParams(draws) => {
                    draws[range].iter().flat_map(SamplingParams::to_floats).collect()
                }
                _ => Vec::new(),
            }
        };
        let (rows, wanted) = (batch.rows().next_power_of_two(), batch.wanted_rows());
        if wanted <= self.logits_rows {
            let bucket = if wanted == 0 { 0 } else { wanted.next_power_of_two().min(rows) };
            self.submit_step(Key::Step { rows, wanted: bucket, tail }, batch, &draws(0..wanted))?;
            return if wanted == 0 { Ok(()) } else { self.give(0..wanted, tail, sink) };
        }
        self.submit_step(Key::Step { rows, wanted: 0, tail: LogitsUse::Logits }, batch, &[])?;
        for first in (0..wanted).step_by(self.logits_rows) {
            let part = first..wanted.min(first + self.logits_rows);
            let (index, draws) = (bytemuck::cast_slice(&batch.wanted[part.clone()]), draws(part.clone()));
            let writes = [(self.wires.wanted, index), (self.wires.draws, bytemuck::cast_slice(&draws))];
            let key = Key::Head { wanted: part.len().next_power_of_two(), tail };
            self.submit(key, batch.rows(), part.len(), &writes)?;
            self.give(part, tail, sink)?;
        }
        Ok(())
    }

    /// Reads what a program left of some wanted rows.
    fn give(&mut self, part: Range<usize>, tail: LogitsUse, sink: &mut Sink) -> Result<()> {
        let buffer = |id: BufferId| &self.bindings.buffers[id.0 as usize];
        if tail == LogitsUse::Logits {
            self.logits.resize(part.len() * self.model.config.vocabulary, 0.0);
            let to = bytemuck::cast_slice_mut(&mut self.logits);
            self.model.backend.download(buffer(self.wires.logits), 0, to)?;
            sink(part, &self.logits, &[]);
        } else {
            let mut chosen = vec![0u32; part.len()];
            let to = bytemuck::cast_slice_mut(&mut chosen);
            self.model.backend.download(buffer(self.wires.chosen), 0, to)?;
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
                self.submit(key, pairs.len(), 0, &[(self.wires.pairs, bytemuck::cast_slice(pairs))])?;
            }
        }
        Ok(())
    }

    /// Submits a program with everything that a batch says.
    fn submit_step(&mut self, key: Key, batch: &Batch, draws: &[f32]) -> Result<()> {
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
        for (rope, angles) in [(&config.rope, &self.wires.rope), (&config.local_rope, &self.wires.local_rope)]
        {
            if let (Some(rope), Some(angles)) = (rope, angles)
                && angles.per_row
            {
                let rows = batch.lengths.iter().flat_map(|&length| rope.frequencies(length as usize).0);
                frequencies.push((angles.frequencies, rows.collect::<Vec<f32>>()));
            }
        }
        let mut writes: Vec<(BufferId, &[u8])> = vec![
            (self.wires.tokens, bytemuck::cast_slice(&batch.tokens)),
            (self.wires.positions, bytemuck::cast_slice(&batch.positions)),
            (self.wires.sequences, bytemuck::cast_slice(&batch.sequences)),
            (self.wires.wanted, bytemuck::cast_slice(&batch.wanted)),
            (self.wires.draws, bytemuck::cast_slice(draws)),
        ];
        writes.extend(
            self.wires.tables.iter().zip(&tables).map(|(&id, table)| (id, bytemuck::cast_slice(table))),
        );
        writes.extend(frequencies.iter().map(|(id, values)| (*id, bytemuck::cast_slice(values))));
        let wanted = if matches!(key, Key::Step { wanted: 0, .. }) { 0 } else { batch.wanted_rows() };
        self.submit(key, batch.rows(), wanted, &writes)
    }

    fn submit(&mut self, key: Key, rows: usize, wanted: usize, writes: &[(BufferId, &[u8])]) -> Result<()> {
        let program = self.compiled(key)?;
        let inputs = Inputs { rows, wanted, writes };
        let model = self.model.clone();
        let passing = model.ring.passing() as u64;
        let slots = passing > 0 || model.ring.kept > 0 || !model.expert_slots.is_empty();
        if !slots || !matches!(key, Key::Step { .. }) {
            let event = model.backend.submit(&program, &inputs)?;
            model.backend.wait(&event)?;
            return Ok(());
        }
        // Slots belong to the model: one program at a time decodes into them.
        let mut turn = model.turn();
        if !turn.primed && !model.ring.entry().is_empty() {
            let prime = self.compiled(Key::Prime)?;
            let event = model.backend.submit(&prime, &Inputs { rows: 0, wanted: 0, writes: &[] })?;
            self.residency.stall += model.backend.wait(&event)?.stalled;
        }
        turn.primed = false;
        let event = model.backend.submit(&program, &inputs)?;
        let timing = model.backend.wait(&event)?;
        turn.primed = true;
        self.residency.stall += timing.stalled;
        self.residency.expert_hits += timing.expert_hits;
        self.residency.expert_uses += timing.expert_uses;
        self.residency.hits += model.ring.kept as u64;
        self.residency.uses += passing + model.ring.kept as u64;
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
        let (rows, wanted) = match key {
            Key::Step { rows, wanted, .. } => (rows, wanted),
            Key::Head { wanted, .. } => (self.rows, wanted),
            Key::CopyBlocks { rows, .. } => (rows, 0),
            Key::Prime => (0, 0),
        };
        let Self { model, facts, wires, views, .. } = self;
        let builder = Builder { model, facts, wires, views, rows, wanted };
        let mut steps: Vec<Step> = Vec::new();
        let name = match key {
            Key::Step { tail, .. } => {
                steps = builder.step(tail);
                format!("step of {} in mode {}", model.config.architecture, model.mode().0)
            }
            Key::Head { tail, .. } => {
                builder.head(tail, &mut steps);
                "logits of the step before".to_owned()
            }
            Key::CopyBlocks { group, .. } => {
                steps = builder.copy_blocks(group);
                "copy of cache blocks".to_owned()
            }
            Key::Prime => {
                steps = model.ring.prime();
                "decoding of the first block".to_owned()
            }
        };
        let entry = if matches!(key, Key::Step { .. }) { model.ring.entry() } else { &[] };
        Program::new(name, self.layout.clone(), [rows, wanted], entry, steps)
    }
}

fn token(&token: &u32) -> Option<u32> {
    (token != u32::MAX).then_some(token)
}

fn previous_power_of_two(n: usize) -> usize {
    1 << n.max(1).ilog2()
}
