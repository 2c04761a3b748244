//! Conversations as text, by the template of the model (Jinja, as transformers runs it).

mod environment;
mod limits;
mod methods;
mod python;
mod source;

use crate::checkpoint::Checkpoint;
use crate::error::{Result, RuntimeError};
use minijinja::value::Serde;
use minijinja::{Environment, Error, Value, context};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// The text.
    pub content: String,
}

impl Message {
    /// A message.
    pub fn new(role: &str, content: &str) -> Self {
        Self { role: role.to_owned(), content: content.to_owned() }
    }

    /// Instructions to the model, at the beginning of a conversation.
    pub fn system(content: &str) -> Self {
        Self::new("system", content)
    }

    /// What the user says.
    pub fn user(content: &str) -> Self {
        Self::new("user", content)
    }

    /// What the model answered.
    pub fn assistant(content: &str) -> Self {
        Self::new("assistant", content)
    }
}

/// The chat template of a model.
///
/// It runs in the environment that transformers gives to Jinja2: the same functions, filters and tests, Python's
/// methods and operators, the special tokens by name. Steps and text are bounded, since it comes from a file.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// Texts of special tokens by name: `bos_token`, ...
    special_tokens: BTreeMap<String, Value>,
}

/// The only template of an environment.
const NAME: &str = "chat";

impl ChatTemplate {
    /// The template that rides along with a model.
    ///
    /// # Errors
    /// When there is none, or it does not parse.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self> {
        let template = checkpoint.chat_template()?;
        let template = template
            .ok_or(RuntimeError::Absent { what: "chat template: it is no model for conversations" })?;
        let mut this = Self::new(&template, String::new(), String::new())?;
        let tokens = checkpoint.special_tokens()?.into_iter();
        this.special_tokens = tokens.map(|(name, token)| (name, Value::from(Serde(token)))).collect();
        Ok(this)
    }

    /// A template, and the tokens that it may name.
    ///
    /// # Errors
    /// When it does not parse.
    pub fn new(template: &str, bos: String, eos: String) -> Result<Self> {
        if template.len() > limits::MOST_SOURCE {
            return Err(RuntimeError::ChatTemplate(format!(
                "it has {} bytes; no more than {} are read",
                template.len(),
                limits::MOST_SOURCE
            )));
        }
        let mut environment = environment::environment().map_err(wrong)?;
        environment.add_template_owned(NAME, source::rewritten(template)).map_err(wrong)?;
        let tokens = [("bos_token", bos), ("eos_token", eos)];
        let special_tokens = tokens.into_iter().map(|(name, token)| (name.to_owned(), token.into())).collect();
        Ok(Self { environment, special_tokens })
    }

    /// The text of a conversation, up to where the model's next message begins.
    ///
    /// # Errors
    /// When the template refuses the conversation, or fails.
    pub fn render(&self, messages: &[Message]) -> Result<String> {
        self.render_to(messages, true)
    }

    /// The text of a conversation that may end with a message of the model.
    fn render_to(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let template = self.environment.get_template(NAME).map_err(wrong)?;
        let values = context! {
            messages => Value::from(Serde(messages)),
            tools => (),
            documents => (),
            add_generation_prompt,
            ..Value::from(self.special_tokens.clone())
        };
        template.render(values).map_err(wrong)
    }

    /// What the template writes behind the last message of the model: marks of the end of a turn stand there.
    pub(crate) fn after_answer(&self) -> Option<String> {
        let (question, answer) = ("Question", "Answer0of1this2model");
        let text = self.render_to(&[Message::user(question), Message::assistant(answer)], false).ok()?;
        text.rsplit_once(answer).map(|(_, after)| after.to_owned())
    }
}

fn wrong(error: Error) -> RuntimeError {
    RuntimeError::ChatTemplate(error.to_string())
}
