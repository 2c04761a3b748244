use super::Model;
use crate::error::{Error, Result};
use ecq_runtime::{EventKind, FinishReason, Request, RequestId, RuntimeError, Usage};
use std::fmt;
use std::iter::FusedIterator;

/// A text that a [`Model`] writes: an iterator of pieces, each of which runs the model when it is asked for.
///
/// There is an item for each new token, in order. Its piece may be empty: the token may end in the middle of
/// a character, or begin what may become a stop string. What was held back comes in a later piece, at the
/// latest in one after the last token. All pieces together are the text. After an error there are no more
/// items.
///
/// A generation that is not read waits, unless others of the same model are read: then it goes on with them.
/// Dropping it cancels it. To have the whole text, collect it:
///
/// ```
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
/// # let model = ecq::Model::open(path)?;
/// let mut generation = model.generate("Once upon a time", ecq::Sampling::greedy().max_tokens(8))?;
/// let text: String = generation.by_ref().collect::<Result<_, _>>()?;
/// println!("{text} ({} tokens, {:?})", generation.tokens().len(), generation.finish_reason());
/// # Ok::<(), ecq::Error>(())
/// ```
#[must_use = "a generation that is dropped is cancelled"]
pub struct Generation {
    model: Model,
    id: RequestId,
    tokens: Vec<u32>,
    reason: Option<FinishReason>,
    usage: Usage,
    ended: bool,
}

impl Generation {
    pub(super) fn begin(model: Model, request: Request) -> Result<Self> {
        let usage = Usage { prompt_tokens: request.prompt.len(), ..Usage::default() };
        let id = model.0.queue.submit(request)?;
        Ok(Self { model, id, tokens: Vec::new(), reason: None, usage, ended: false })
    }

    /// The new tokens that were read so far; one that ended the text is not among them.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Why the text ended; `None` before it was read to its end, and after an error.
    pub fn finish_reason(&self) -> Option<FinishReason> {
        self.reason
    }

    /// What the text took. Until it was read to its end, only the numbers of tokens are known.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Ends the text; what was read of it stays.
    pub fn cancel(&mut self) {
        if !self.ended {
            self.model.0.queue.forget(self.id);
            (self.ended, self.reason) = (true, Some(FinishReason::Cancelled));
        }
    }

    fn end(&mut self, reason: Option<FinishReason>, usage: Usage) {
        (self.ended, self.reason, self.usage) = (true, reason, usage);
        self.model.0.queue.forget(self.id);
    }
}

impl Iterator for Generation {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        if self.ended {
            return None;
        }
        loop {
            match self.model.0.queue.next(self.id) {
                Some(EventKind::Token { token, text, .. }) => {
                    self.tokens.push(token);
                    self.usage.new_tokens = self.tokens.len();
                    return Some(Ok(text));
                }
                Some(EventKind::Finished { reason, text, usage }) => {
                    self.end(Some(reason), usage);
                    return Some(text).filter(|text| !text.is_empty()).map(Ok);
                }
                Some(EventKind::Failed { error, usage }) => {
                    self.end(None, usage);
                    return Some(Err(Error::from(RuntimeError::Shared(error))));
                }
                Some(EventKind::PromptLogits { .. }) => {}
                None => {
                    self.end(None, self.usage);
                    return None;
                }
            }
        }
    }
}

impl FusedIterator for Generation {}

impl Drop for Generation {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("tokens", &self.tokens)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Model, Sampling};

    #[test]
    fn a_dropped_generation_leaves_the_engine() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
        let model = Model::options().threads(1).open(path).unwrap();
        let mut first = model.generate("Once", Sampling::greedy()).unwrap();
        let second = model.generate("The", Sampling::greedy()).unwrap();
        first.next().unwrap().unwrap();
        assert_eq!(model.0.queue.load(), (2, 0));
        drop(first);
        assert_eq!(model.0.queue.load(), (1, 0));
        // One that was never read too.
        drop(second);
        assert_eq!(model.0.queue.load(), (0, 0));
    }
}
