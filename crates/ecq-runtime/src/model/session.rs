//! A text in progress: its keys and values, and the recordings that extend it.

use super::block::{Activations, Angles, Cache, commands};
use super::load::Model;
use super::schedule::{Residency, Schedule};
use crate::backend::{Buffer, Command, Element, Output, Queue, Recording, View};
use crate::error::{Result, RuntimeError};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Rows of activations that run at once at most.
const MOST_ROWS: usize = 256;
/// Logits that are computed at once when all are asked for: 32 MiB, so that a head is decoded for many rows at a time.
const MOST_LOGITS: usize = 1 << 23;
/// Positions that a cache has at first; it doubles.
const FIRST_POSITIONS: usize = 256;

/// Element type of cached keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheType {
    /// Half precision.
    F16,
    /// Single precision.
    F32,
}

/// How a session runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionOptions {
    /// Element type of cached keys and values.
    pub cache: CacheType,
    /// Longest text in tokens; the model's context if it is shorter or `None`.
    pub context: Option<usize>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { cache: CacheType::F16, context: None }
    }
}

/// A text in progress.
pub struct Session {
    model: Arc<Model>,
    options: SessionOptions,
    context: usize,
    tokens: Vec<u32>,
    activations: Activations,
    token_ids: Buffer,
    logits: Buffer,
    /// For all layers, or for those with a window if they differ.
    rope: Option<Angles>,
    local_rope: Option<Angles>,
    caches: Vec<Cache>,
    /// Positions of the caches.
    positions: usize,
    passes: HashMap<usize, Pass>,
    schedule: Schedule,
}

/// Recordings for a number of rows: the embedding, then each block; in one where no block must be decoded before.
struct Pass {
    start: Recording,
    blocks: Vec<Recording>,
}

impl Session {
    /// An empty text.
    ///
    /// # Errors
    /// When the device has no room.
    pub fn new(model: Arc<Model>, options: SessionOptions) -> Result<Self> {
        let config = model.config.clone();
        let context = options.context.map_or(config.context, |context| context.min(config.context));
        let backend = &model.backend;
        let rows = MOST_ROWS.min(context);
        let floats = |width: usize| backend.alloc(Element::F32, rows * width);
        let activations = Activations {
            x: floats(config.hidden)?,
            normed: floats(config.hidden)?,
            q: floats(config.q_width())?,
            k: floats(config.kv_width())?,
            v: floats(config.kv_width())?,
            heads: floats(config.q_width())?,
            out: floats(config.hidden)?,
            gate: floats(config.intermediate)?,
            up: floats(if config.gated { config.intermediate } else { 1 })?,
            positions: backend.alloc(Element::U32, rows)?,
        };
        let angles = |rope: &crate::config::Rope| -> Result<Angles> {
            let (values, scale) = rope.frequencies(context.min(config.context));
            let frequencies = backend.alloc(Element::F32, values.len())?;
            backend.upload(&frequencies, 0, bytemuck::cast_slice(&values))?;
            Ok(Angles { table: floats(2 * values.len())?, frequencies, scale })
        };
        let rope = config.rope.as_ref().map(angles).transpose()?;
        let local_rope = config.local_rope.as_ref().map(angles).transpose()?;
        let (token_ids, logits) =
            (backend.alloc(Element::U32, rows)?, backend.alloc(Element::F32, config.vocabulary)?);
        let schedule = Schedule::new(&model)?;
        let mut session = Self {
            model,
            options,
            context,
            tokens: Vec::new(),
            activations,
            token_ids,
            logits,
            rope,
            local_rope,
            caches: Vec::new(),
            positions: 0,
            passes: HashMap::new(),
            schedule,
        };
        session.grow(1)?;
        Ok(session)
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The tokens so far.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Longest text in tokens.
    pub fn context(&self) -> usize {
        self.context
    }

    /// What decoding on the host cost so far.
    pub fn residency(&self) -> Residency {
        self.schedule.residency
    }

    /// Bytes of cached keys and values.
    pub fn cache_bytes(&self) -> u64 {
        let bytes = |buffer: &Buffer| (buffer.len() * buffer.element().bytes()) as u64;
        self.caches.iter().map(|cache| bytes(&cache.keys) + bytes(&cache.values)).sum()
    }

    /// Takes the text back to its first `len` tokens, or to none if layers with a window have forgotten too much.
    pub fn truncate(&mut self, len: usize) {
        let dropped = self.tokens.len().saturating_sub(len);
        let config = &self.model.config;
        // A ring holds `MOST_ROWS - 1` positions more than its layer sees.
        let forgotten = config.window.is_some_and(|window| self.tokens.len() > window + MOST_ROWS);
        self.tokens.truncate(if forgotten && dropped >= MOST_ROWS { 0 } else { len });
    }

    /// Appends tokens, and gives the logits after the last of them, `vocabulary` of them.
    ///
    /// # Errors
    /// When they do not fit into the context, a token is unknown, or a weight turns out to be damaged.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        self.check(tokens)?;
        for chunk in tokens.chunks(self.pass_rows()) {
            self.pass(chunk)?;
        }
        let (last, mut logits) = ((tokens.len() - 1) % self.pass_rows(), Vec::new());
        self.logits(last..last + 1, &mut logits)?;
        Ok(logits)
    }

    /// Tokens that [`append`](Self::append) takes at once at most.
    pub fn pass_rows(&self) -> usize {
        self.token_ids.len()
    }

    /// Rows of logits that are best asked for at once.
    pub fn logits_rows(&self) -> usize {
        (MOST_LOGITS / self.model.config.vocabulary).clamp(1, self.pass_rows())
    }

    /// Appends up to [`pass_rows`](Self::pass_rows) tokens; [`logits`](Self::logits) then gives what comes after each.
    ///
    /// # Errors
    /// As [`feed`](Self::feed).
    pub fn append(&mut self, tokens: &[u32]) -> Result<()> {
        self.check(tokens)?;
        if tokens.len() > self.pass_rows() {
            let what = format!("a pass of {} rows, {} at most", tokens.len(), self.pass_rows());
            return Err(RuntimeError::Recording(what));
        }
        self.pass(tokens)
    }

    /// The logits after tokens `rows` of those that were appended last, `[rows][vocabulary]`, into `to`.
    ///
    /// # Errors
    /// When there are no such rows, or a weight turns out to be damaged.
    pub fn logits(&mut self, rows: Range<usize>, to: &mut Vec<f32>) -> Result<()> {
        let (first, count) = (rows.start, rows.len());
        if rows.is_empty() || rows.end > self.pass_rows() {
            return Err(RuntimeError::Recording(format!("logits of rows {rows:?}")));
        }
        let (model, backend) = (&self.model, &self.model.backend);
        let config = &model.config;
        if self.logits.len() < count * config.vocabulary {
            self.logits = backend.alloc(Element::F32, count * config.vocabulary)?;
        }
        let a = &self.activations;
        let normed: View = (&a.normed).into();
        let head = Output {
            weight: model.head.clone(),
            range: 0..config.vocabulary,
            bias: None,
            y: (&self.logits).into(),
        };
        let x = View::at(&a.x, first * config.hidden);
        let recording = backend.record(vec![
            Command::Norm { norm: model.final_norm.clone(), x, rows: count, y: normed.clone() },
            Command::Linear { x: normed, rows: count, outputs: vec![head] },
        ])?;
        backend.submit(Queue::Compute, &recording, None)?;
        to.resize(count * config.vocabulary, 0.0);
        backend.download(&self.logits, 0, bytemuck::cast_slice_mut(to))
    }

    fn check(&self, tokens: &[u32]) -> Result<()> {
        if tokens.is_empty() {
            return Err(RuntimeError::Empty("no tokens to run the model on"));
        }
        let total = self.tokens.len() + tokens.len();
        if total > self.context {
            return Err(RuntimeError::ContextFull { tokens: total, context: self.context });
        }
        let vocabulary = self.model.config.vocabulary;
        match tokens.iter().find(|&&token| token as usize >= vocabulary) {
            Some(&token) => Err(RuntimeError::Token { token, vocabulary }),
            None => Ok(()),
        }
    }

    /// Runs all blocks on a chunk of tokens.
    fn pass(&mut self, tokens: &[u32]) -> Result<()> {
        let (rows, first) = (tokens.len(), self.tokens.len());
        self.grow(first + rows)?;
        let backend = self.model.backend.clone();
        let positions: Vec<u32> = (first as u32..(first + rows) as u32).collect();
        backend.upload(&self.token_ids, 0, bytemuck::cast_slice(tokens))?;
        backend.upload(&self.activations.positions, 0, bytemuck::cast_slice(&positions))?;
        self.stretch(first + rows)?;
        if !self.passes.contains_key(&rows) {
            let pass = self.record(rows)?;
            // The rows of a text are many ones and few of any other count.
            self.passes.retain(|&rows, _| rows == 1 || rows == self.token_ids.len());
            self.passes.insert(rows, pass);
        }
        let pass = &self.passes[&rows];
        backend.submit(Queue::Compute, &pass.start, None)?;
        for (layer, block) in pass.blocks.iter().enumerate() {
            self.schedule.run(&self.model, layer, block)?;
        }
        self.tokens.extend(tokens);
        Ok(())
    }

    /// Records a pass of `rows` rows.
    fn record(&self, rows: usize) -> Result<Pass> {
        let (model, a) = (&*self.model, &self.activations);
        let embed = |table, index: &Buffer, scale, add| {
            let (index, y) = (index.clone(), (&a.x).into());
            Command::Embed { table, index, rows, scale, add, y }
        };
        let mut start =
            vec![embed(model.embedding.clone(), &self.token_ids, model.config.embedding_scale, false)];
        if let Some(learned) = &model.positions {
            start.push(embed(learned.clone(), &a.positions, 1.0, true));
        }
        for angles in self.rope.iter().chain(&self.local_rope) {
            start.push(Command::Angles {
                positions: a.positions.clone(),
                rows,
                frequencies: angles.frequencies.clone(),
                scale: angles.scale,
                table: angles.table.clone(),
            });
        }
        let hosted = model.blocks.iter().any(|block| block.hosted);
        let mut blocks = Vec::new();
        for (layer, cache) in self.caches.iter().enumerate() {
            let local = model.config.window_of(layer).and(self.local_rope.as_ref());
            let commands = commands(model, layer, rows, a, local.or(self.rope.as_ref()), cache);
            match hosted {
                true => blocks.push(model.backend.record(commands)?),
                false => start.extend(commands),
            }
        }
        Ok(Pass { start: model.backend.record(start)?, blocks })
    }

    /// Frequencies that depend on the length of the text.
    fn stretch(&self, length: usize) -> Result<()> {
        let config = &self.model.config;
        for (rope, angles) in [(&config.rope, &self.rope), (&config.local_rope, &self.local_rope)] {
            if let (Some(rope), Some(angles)) = (rope, angles)
                && rope.grows()
            {
                let (values, _) = rope.frequencies(length);
                self.model.backend.upload(&angles.frequencies, 0, bytemuck::cast_slice(&values))?;
            }
        }
        Ok(())
    }

    /// Makes room for `len` positions: caches double, and what names them is recorded anew.
    fn grow(&mut self, len: usize) -> Result<()> {
        if len <= self.positions {
            return Ok(());
        }
        let (model, backend) = (&self.model, &self.model.backend);
        let positions = len.max(FIRST_POSITIONS).next_power_of_two().min(self.context);
        let element = match self.options.cache {
            CacheType::F16 => Element::F16,
            CacheType::F32 => Element::F32,
        };
        let mut moves = Vec::new();
        let caches = (0..model.config.layers).map(|layer| {
            // A layer with a window needs no more than it sees, and the rows that come in at once.
            let most = model.config.window_of(layer).map_or(usize::MAX, |window| window + self.pass_rows());
            let values = positions.min(most) * model.config.kv_width();
            match self.caches.get(layer) {
                Some(cache) if cache.keys.len() == values => Ok(cache.clone()),
                old => {
                    let new = Cache {
                        keys: backend.alloc(element, values)?,
                        values: backend.alloc(element, values)?,
                    };
                    if let Some(old) = old {
                        let one = |from: &Buffer, to: &Buffer| Command::Copy {
                            from: from.clone(),
                            to: to.clone(),
                            len: from.len(),
                        };
                        moves.extend([one(&old.keys, &new.keys), one(&old.values, &new.values)]);
                    }
                    Ok(new)
                }
            }
        });
        let caches = caches.collect::<Result<Vec<Cache>>>()?;
        let recording = backend.record(moves)?;
        backend.submit(Queue::Compute, &recording, None)?;
        (self.caches, self.positions) = (caches, positions);
        self.passes.clear();
        Ok(())
    }
}
