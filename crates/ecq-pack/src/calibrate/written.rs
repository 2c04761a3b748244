//! Calibration text that the model writes: conversations in its chat template, or continuations.

use super::options::PROMPTS;
use crate::error::{PackError, Result};
use crate::progress::{Progress, check};
use ecq_runtime::backend::{ActivationType, Cpu, CpuOptions};
use ecq_runtime::kv::KvOptions;
use ecq_runtime::{
    ChatTemplate, Checkpoint, Engine, EngineOptions, EventKind, ExecutorOptions, LoadOptions, Message, Mode,
    Model, Request, RuntimeError, SampleOptions, Tokenizer,
};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Number of sequences that are generated in one batch; larger batches are hardly faster.
const MAX_BATCH_SEQUENCES: usize = 16;
/// The most tokens of an answer. Longer ones are cut, so that conversations are many.
const ANSWER_TOKENS: usize = 160;
/// Conversations are taken at this distance, which is coprime to their number, so that kinds are mixed.
const STRIDE: usize = 61;

/// Writes text with a model.
pub(super) struct Writer<'a> {
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) tokenizer: &'a Tokenizer,
    /// Tokens that begin a sequence.
    pub(super) begin: &'a [u32],
    pub(super) seed: u64,
    pub(super) progress: &'a dyn Progress,
}

impl Writer<'_> {
    fn engine(&self, batch: usize, length: usize) -> Result<Engine> {
        // Sampling is random, so the error of 8-bit activations does not matter, and they are faster.
        let cpu = CpuOptions { activations: ActivationType::I8, ..CpuOptions::default() };
        let backend = Arc::new(Cpu::new(cpu)?);
        let options = LoadOptions { mode: Mode::Cached, budget_bytes: None, free_bytes: None };
        let model = Arc::new(Model::load(self.checkpoint, backend, options)?);
        let kv = KvOptions { sequences: batch, positions: Some(batch * length), ..KvOptions::default() };
        let executor = ExecutorOptions { kv, context: Some(length), ..ExecutorOptions::default() };
        Ok(Engine::new(model, None, EngineOptions { executor, ..EngineOptions::default() })?)
    }

    /// Writes `count` sequences of `length` tokens that continue nothing, sampled at temperature 1.
    ///
    /// # Errors
    /// If the model cannot run; [`PackError::Cancelled`].
    pub(super) fn continuations(&self, [count, length]: [usize; 2]) -> Result<Vec<Vec<u32>>> {
        let start = match (self.begin.last(), self.tokenizer.end_tokens().first()) {
            (Some(_), _) => self.begin.to_vec(),
            // A model without a first token was trained on texts that follow the end token of another text.
            (None, Some(&end)) => vec![end],
            (None, None) => vec![0],
        };
        let request = |i: usize| {
            let seed = self.seed.wrapping_add(i as u64);
            let sampling = SampleOptions { temperature: 1.0, seed, ..SampleOptions::GREEDY };
            Request { sampling, ..Request::new(start.clone(), length - start.len()) }
        };
        let mut engine = self.engine(count.min(MAX_BATCH_SEQUENCES), length)?;
        self.progress.begin("writing", (count * length) as u64);
        let written = complete(&mut engine, (0..count).map(request).collect(), self.progress)?;
        self.progress.end();
        Ok(written)
    }

    /// Lets the model answer the prompts of ecq at temperature 1, and cuts the conversations, one after the
    /// other, into `count` sequences of `length` tokens. Questions that follow see the earlier answers.
    ///
    /// # Errors
    /// [`PackError::Calibration`] if the model has no chat template or it rejects every conversation, or as
    /// [`continuations`](Self::continuations).
    pub(super) fn conversations(&self, [count, length]: [usize; 2]) -> Result<Vec<Vec<u32>>> {
        let template = ChatTemplate::from_checkpoint(self.checkpoint).map_err(|error| {
            let why = format!("conversations need a chat template: {error}; `self` needs none");
            PackError::Calibration(why)
        })?;
        let mut engine = self.engine(MAX_BATCH_SEQUENCES, length)?;
        self.progress.begin("writing", (count * length) as u64);
        let prompts = prompts();
        let step = length - self.begin.len();
        let (mut tokens, mut rejected) = (Vec::new(), None);
        let mut conversations = (0..).map(|i| {
            let (system, questions) =
                prompts[(self.seed as usize % prompts.len() + i) * STRIDE % prompts.len()].clone();
            Conversation::new(self.seed.wrapping_add(i as u64), system, questions)
        });
        while tokens.len() < count * step {
            let missing = (count * step - tokens.len()).div_ceil(ANSWER_TOKENS);
            let batch = conversations.by_ref().take(missing.min(MAX_BATCH_SEQUENCES));
            let mut batch: Vec<Conversation> = batch.collect();
            // Each turn of all conversations is one batch of the engine.
            loop {
                let (mut requests, mut asked) = (Vec::new(), Vec::new());
                for conversation in &mut batch {
                    match conversation.ask(&template, self.tokenizer, length) {
                        Ok(Some(request)) => {
                            requests.push(request);
                            asked.push(conversation);
                        }
                        Ok(None) => {}
                        Err(error) => rejected = Some(error),
                    }
                }
                if requests.is_empty() {
                    break;
                }
                for (conversation, written) in
                    asked.into_iter().zip(complete(&mut engine, requests, self.progress)?)
                {
                    conversation.answered(written, self.tokenizer)?;
                }
            }
            let before = tokens.len();
            tokens.extend(batch.iter().flat_map(|conversation| &conversation.tokens));
            if tokens.len() == before {
                let why = rejected.map_or_else(|| "they do not fit a sequence".to_owned(), |e| e.to_string());
                return Err(PackError::Calibration(format!("no prompt can be asked: {why}")));
            }
        }
        self.progress.end();
        Ok(tokens.chunks_exact(step).take(count).map(|part| [self.begin, part].concat()).collect())
    }
}

/// A conversation of the model with the prompts of ecq.
struct Conversation {
    messages: Vec<Message>,
    /// Questions that were not asked yet.
    questions: VecDeque<String>,
    /// The conversation so far, with the template's tokens.
    tokens: Vec<u32>,
    seed: u64,
}

impl Conversation {
    fn new(seed: u64, system: Option<String>, questions: Vec<String>) -> Self {
        let messages = system.iter().map(|text| Message::system(text)).collect();
        Self { messages, questions: questions.into(), tokens: Vec::new(), seed }
    }

    /// Asks the next question; `None` if there is none or the conversation has become longer than `length`
    /// tokens.
    fn ask(
        &mut self,
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
        length: usize,
    ) -> std::result::Result<Option<Request>, RuntimeError> {
        let Some(question) = self.questions.pop_front() else { return Ok(None) };
        self.messages.push(Message::user(&question));
        let rendered = template.render(&self.messages).or_else(|error| {
            // Some templates have no system message.
            match self.messages.first() {
                Some(first) if first.role == "system" => {
                    self.messages.remove(0);
                    template.render(&self.messages)
                }
                _ => Err(error),
            }
        });
        let prompt = tokenizer.encode(&rendered?, false)?;
        if prompt.len() >= length {
            self.questions.clear();
            return Ok(None);
        }
        let sampling = SampleOptions { temperature: 1.0, seed: self.seed, ..SampleOptions::GREEDY };
        let most = ANSWER_TOKENS.min(length - prompt.len());
        self.tokens.clone_from(&prompt);
        Ok(Some(Request {
            sampling,
            end_tokens: tokenizer.end_tokens().into(),
            ..Request::new(prompt, most)
        }))
    }

    /// Takes the model's answer; `written` is the prompt with the answer.
    fn answered(&mut self, written: Vec<u32>, tokenizer: &Tokenizer) -> Result<()> {
        let answer = tokenizer.decode(written.get(self.tokens.len()..).unwrap_or_default())?;
        self.messages.push(Message::assistant(&answer));
        self.tokens = written;
        Ok(())
    }
}

/// Returns the prompts of ecq: a system message, and questions that follow each other.
fn prompts() -> Vec<(Option<String>, Vec<String>)> {
    let conversation = |text: &str| {
        let (mut system, mut questions) = (None, Vec::<String>::new());
        for line in text.lines() {
            match (line.strip_prefix("system: "), line.strip_prefix("user: "), questions.last_mut()) {
                (Some(text), _, _) => system = Some(text.to_owned()),
                (_, Some(text), _) => questions.push(text.to_owned()),
                // A line that begins with no role continues the message before.
                (_, _, Some(question)) => {
                    question.push('\n');
                    question.push_str(line);
                }
                _ => {}
            }
        }
        (system, questions)
    };
    PROMPTS.trim().split("\n\n").map(conversation).collect()
}

/// Runs requests together and returns their prompts with the tokens that follow.
fn complete(engine: &mut Engine, requests: Vec<Request>, progress: &dyn Progress) -> Result<Vec<Vec<u32>>> {
    let mut sequences: Vec<Vec<u32>> = requests.iter().map(|request| request.prompt.clone()).collect();
    let mut sequence_of = HashMap::new();
    for (i, request) in requests.into_iter().enumerate() {
        sequence_of.insert(engine.submit(request)?, i);
    }
    while !engine.is_idle() {
        check(progress)?;
        for event in engine.step() {
            match event.kind {
                EventKind::Token { token, .. } => {
                    if let Some(&i) = sequence_of.get(&event.request) {
                        sequences[i].push(token);
                    }
                    progress.advance(1, "calibration text");
                }
                EventKind::Failed { error, .. } => return Err(RuntimeError::Shared(error).into()),
                EventKind::PromptLogits { .. }
                | EventKind::PromptStates { .. }
                | EventKind::Finished { .. } => {}
            }
        }
    }
    Ok(sequences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_many_and_all_are_visited() {
        let prompts = prompts();
        assert!(prompts.len() >= 150, "{}", prompts.len());
        assert!(prompts.iter().all(|(_, questions)| !questions.is_empty()));
        assert!(prompts.iter().any(|(system, questions)| system.is_some() && questions.len() > 1));
        assert!(prompts.iter().any(|(_, questions)| questions[0].contains("\n    total = 0\n")));
        let mut visited: Vec<usize> = (0..prompts.len()).map(|i| i * STRIDE % prompts.len()).collect();
        visited.sort_unstable();
        assert!(visited.iter().copied().eq(0..prompts.len()), "a stride that is not coprime");
    }
}
