//! Constrained output: JSON schemas, regular expressions and Lark grammars, through llguidance.

use crate::error::ApiError;
use crate::mask::Failure;
use ecq_runtime::{TokenMask, Tokenizer};
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use std::sync::{Arc, OnceLock};
use toktrie::{TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

/// Creates the masks of a model. The first use builds a trie of the vocabulary.
pub struct Grammars {
    tokenizer: Arc<Tokenizer>,
    vocabulary: usize,
    factory: OnceLock<Result<ParserFactory, String>>,
}

impl Grammars {
    /// For a model with `vocabulary` logits.
    pub fn new(tokenizer: Arc<Tokenizer>, vocabulary: usize) -> Self {
        Self { tokenizer, vocabulary, factory: OnceLock::new() }
    }

    /// Compiles a grammar. The mask applies after the text `after` has been generated, at once if there is
    /// none.
    ///
    /// # Errors
    /// If the grammar is invalid.
    pub fn mask(
        &self,
        grammar: TopLevelGrammar,
        after: Option<&str>,
        param: &str,
        failure: &Failure,
    ) -> Result<Box<dyn TokenMask>, ApiError> {
        let factory = self.factory.get_or_init(|| self.factory()).as_ref();
        let factory = factory.map_err(|why| ApiError::internal(format!("grammars: {why}")))?;
        let parser = factory.create_parser(grammar);
        let parser = parser.map_err(|error| ApiError::invalid(format!("{param}: {error:#}")).of(param))?;
        let mut matcher = Matcher::new(Ok(parser));
        // Some errors appear with the first mask only.
        let first = matcher.compute_mask_or_eos();
        first.map_err(|error| ApiError::invalid(format!("{param}: {error:#}")).of(param))?;
        Ok(Box::new(GrammarMask {
            matcher,
            ends: self.tokenizer.end_tokens().into(),
            tokenizer: self.tokenizer.clone(),
            wait: after.map(|after| Wait { until: after.as_bytes().to_vec(), seen: Vec::new() }),
            failure: failure.clone(),
        }))
    }

    fn factory(&self) -> Result<ParserFactory, String> {
        let bytes = self.tokenizer.vocabulary_bytes(self.vocabulary);
        // Ids without a token match nothing; special tokens match their names in a grammar, but no text.
        let mut words: Vec<Vec<u8>> = bytes.into_iter().map(Option::unwrap_or_default).collect();
        for (id, text) in self.tokenizer.special_tokens() {
            if let Some(word) = words.get_mut(id as usize) {
                *word = [&[TokTrie::SPECIAL_TOKEN_MARKER], text.as_bytes()].concat();
            }
        }
        // Generation may end where the grammar allows the end token; the others are added to its masks.
        let end = self.tokenizer.end_tokens().first().copied();
        let end = end.ok_or("the tokenizer has no end token, so that constrained text could not end")?;
        let info = TokRxInfo::new(self.vocabulary as u32, end);
        let tokens: TokEnv = Arc::new(Environment { trie: TokTrie::from(&info, &words) });
        let factory = ParserFactory::new_simple(&tokens).map_err(|error| error.to_string());
        factory.map(|mut factory| {
            factory.quiet();
            factory
        })
    }
}

/// The vocabulary of a model, for llguidance.
struct Environment {
    trie: TokTrie,
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie.greedy_tokenize(bytes)
    }

    fn tokenize_is_canonical(&self) -> bool {
        false
    }
}

/// Allows the tokens that continue a text of a grammar.
struct GrammarMask {
    matcher: Matcher,
    ends: Arc<[u32]>,
    tokenizer: Arc<Tokenizer>,
    wait: Option<Wait>,
    failure: Failure,
}

/// Waits for a text before a grammar applies: the end of reasoning.
#[derive(Clone)]
struct Wait {
    until: Vec<u8>,
    /// The last bytes of the text so far.
    seen: Vec<u8>,
}

impl Wait {
    /// Adds text. Returns whether the awaited text is complete.
    fn push(&mut self, bytes: &[u8]) -> bool {
        self.seen.extend_from_slice(bytes);
        let found = self.seen.windows(self.until.len()).any(|window| window == self.until);
        let keep = self.seen.len().min(self.until.len());
        self.seen.drain(..self.seen.len() - keep);
        found
    }
}

impl TokenMask for GrammarMask {
    fn apply(&mut self, logits: &mut [f32]) {
        if self.wait.is_some() {
            return;
        }
        match self.matcher.compute_mask_or_eos() {
            Ok(allowed) => {
                let end = self.ends.first().is_some_and(|&end| allowed.is_allowed(end));
                for (token, logit) in (0..).zip(logits.iter_mut()) {
                    if !(allowed.is_allowed(token) || end && self.ends.contains(&token)) {
                        *logit = f32::NEG_INFINITY;
                    }
                }
            }
            Err(error) => {
                self.failure.set(format!("grammar: {error}"));
                logits.fill(f32::NEG_INFINITY);
            }
        }
    }

    fn accept(&mut self, token: u32) {
        match &mut self.wait {
            Some(wait) => {
                let bytes = self.tokenizer.token_bytes(token);
                let bytes = bytes.or_else(|| Some(self.tokenizer.token_text(token)?.into_bytes()));
                if wait.push(&bytes.unwrap_or_default()) {
                    self.wait = None;
                }
            }
            None if self.ends.contains(&token) || self.matcher.is_stopped() => {}
            None => {
                if let Err(error) = self.matcher.consume_token(token) {
                    self.failure.set(format!("grammar: {error}"));
                }
            }
        }
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(Self {
            matcher: self.matcher.deep_clone(),
            ends: self.ends.clone(),
            tokenizer: self.tokenizer.clone(),
            wait: self.wait.clone(),
            failure: self.failure.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
