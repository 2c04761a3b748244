//! Conversations as text, by the template of the model (Jinja, as transformers runs it).

use crate::checkpoint::Checkpoint;
use crate::error::{Result, RuntimeError};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::{Deserialize, Serialize};

/// Steps that a template may take: it comes from a file.
const FUEL: u64 = 10_000_000;

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
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    /// The template that rides along with a model.
    ///
    /// # Errors
    /// When there is none, or it does not parse.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self> {
        let template = checkpoint.chat_template()?;
        let template = template
            .ok_or(RuntimeError::Absent { what: "chat template: it is no model for conversations" })?;
        let config = checkpoint.tokenizer_config()?;
        // A special token is a string, or an object with its content.
        let token = |key: &str| {
            let text = config[key].as_str().or(config[key]["content"].as_str());
            text.unwrap_or_default().to_owned()
        };
        Self::new(&template, token("bos_token"), token("eos_token"))
    }

    /// A template, and the tokens that it may name.
    ///
    /// # Errors
    /// When it does not parse.
    pub fn new(template: &str, bos: String, eos: String) -> Result<Self> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(wrong)?);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> std::result::Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        environment.add_template_owned("chat", template.to_owned()).map_err(wrong)?;
        Ok(Self { environment, bos, eos })
    }

    /// The text of a conversation, up to where the model's next message begins.
    ///
    /// # Errors
    /// When the template refuses the conversation, or fails.
    pub fn render(&self, messages: &[Message]) -> Result<String> {
        let template = self.environment.get_template("chat").map_err(wrong)?;
        let values = context! {
            messages => Value::from(Serde(messages)), add_generation_prompt => true, bos_token => self.bos.as_str(), eos_token => self.eos.as_str(),
        };
        template.render(values).map_err(wrong)
    }
}

fn wrong(error: Error) -> RuntimeError {
    RuntimeError::ChatTemplate(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str) -> Result<String> {
        let template = ChatTemplate::new(template, "<s>".to_owned(), "</s>".to_owned())?;
        template.render(&[Message::new("user", " Hello "), Message::new("assistant", "Hi")])
    }

    #[test]
    fn templates_run_as_in_transformers() {
        let template = "{{ bos_token }}{% for m in messages %}\n  {% if m['role'] == 'user' %}\nU:{{ m.content.strip() }}\n  \
            {% else %}\nA:{{ m['content'] + eos_token }}\n{% endif %}{% endfor %}\n{% if add_generation_prompt %}A:{% endif %}";
        assert_eq!(render(template).unwrap(), "<s>U:Hello\nA:Hi</s>\nA:");
        let message = |template| render(template).unwrap_err().to_string();
        assert!(message("{{ raise_exception('no system role') }}").contains("no system role"));
        assert!(message("{% for x in y").starts_with("chat template: "));
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
        assert!(message(endless).contains("fuel"));
    }
}
