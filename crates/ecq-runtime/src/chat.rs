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
/// It runs in the environment that transformers gives to Jinja2: the same functions, filters and tests,
/// Python's methods and operators, the special tokens by name. Steps and text are bounded, since it comes
/// from a file.
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
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Self> {
        let template = checkpoint.chat_template()?;
        let template =
            template.ok_or(RuntimeError::Missing { what: "chat template: it is not a chat model" })?;
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
        if template.len() > limits::MAX_SOURCE {
            return Err(RuntimeError::ChatTemplate(format!(
                "it has {} bytes; no more than {} are read",
                template.len(),
                limits::MAX_SOURCE
            )));
        }
        let mut environment = environment::environment().map_err(wrong)?;
        let source = source::rewritten(template).map_err(RuntimeError::ChatTemplate)?;
        environment.add_template_owned(NAME, source).map_err(wrong)?;
        let tokens = [("bos_token", bos), ("eos_token", eos)];
        let special_tokens =
            tokens.into_iter().map(|(name, token)| (name.to_owned(), token.into())).collect();
        Ok(Self { environment, special_tokens })
    }

    /// The same template, with a special token that it may name: `pad_token`, ...
    #[must_use]
    pub fn with_special_token(mut self, name: &str, text: &str) -> Self {
        self.special_tokens.insert(name.to_owned(), text.into());
        self
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

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str) -> Result<String> {
        let template = ChatTemplate::new(template, "<s>".to_owned(), "</s>".to_owned())?;
        template.render(&[Message::new("user", " Hello "), Message::new("assistant", "Hi")])
    }

    #[test]
    fn templates_run_as_in_transformers() {
        let template = "{{ bos_token }}{% for m in messages %}\n  {% if m['role'] == 'user' %}\n\
            U:{{ m.content.strip() }}\n  {% else %}\nA:{{ m['content'] + eos_token }}\n{% endif %}\
            {% endfor %}\n{% if add_generation_prompt %}A:{% endif %}";
        assert_eq!(render(template).unwrap(), "<s>U:Hello\nA:Hi</s>\nA:");
        let message = |template| render(template).unwrap_err().to_string();
        assert!(message("{{ raise_exception('no system role') }}").contains("no system role"));
        assert!(message("{% for x in y").starts_with("chat template: "));
    }

    #[test]
    fn templates_that_never_end_are_stopped() {
        let message = |template: &str| render(template).unwrap_err().to_string();
        let loops = |inside: &str| {
            let loops = "{% for a in range(9999) %}{% for b in range(9999) %}";
            let ends = "{% endfor %}{% endfor %}";
            format!("{{% set ns = namespace(x='ab', l=[]) %}}{loops}{inside}{ends}")
        };
        for inside in [
            "{{ b }}",
            "{% set ns.x = ns.x + ns.x %}",
            "{% set ns.x = ns.x ~ ns.x %}",
            "{% set ns.x = ns.x * 9 %}",
            "{% set ns.x = ns.x | replace('a', ns.x) %}",
            "{% set ns.x = ns.x.replace('a', ns.x) %}",
            "{% set ns.x = ns.x | join(ns.x) %}",
            "{% set ns.x = '%s%s' % (ns.x, ns.x) %}",
            "{% set ns.x = '{0}{0}'.format(ns.x) %}",
            "{% set ns.x = ns.x | indent(900, true) %}",
            "{% set ns.x = ns.x | center(99999999) %}",
            "{% set x %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = x %}",
            "{% set ns.l = [ns.l] %}",
            "{% set ns.l = [ns.l, ns.l] %}",
            "{% set ns.l = ns.l + [1] %}",
            "{% set ns.l = {'a': ns.l} %}",
            "{% set ns.l = ns.l | map('string') %}",
            "{% set ns.x = [ns.x, ns.x] | tojson %}",
            "A long text between two tags that is written again and again and again.",
        ] {
            let message = message(&loops(inside));
            assert!(message.contains("stopped") || message.contains("fuel"), "{inside}: {message}");
        }
        for template in [
            "{{ 'x' * 999999999999 }}",
            "{{ '%999999999d' % 1 }}",
            "{{ '%*d' % (999999999, 1) }}",
            "{{ '{:999999999}'.format(1) }}",
            "{{ '{:{}}'.format(1, 999999999) }}",
            "{{ '%(aüs' % {'a': 1} }}",
            "{{ '%ü' % 1 }}",
            "{{ '%' % 1 }}",
            "{{ '{é' | string }}{{ '{é}'.format(1) }}",
            "{{ 'x'.ljust(9999999999) }}",
            "{{ 'x' | center(9999999999) }}",
            "{{ [1] | batch(999999999, 'x') }}",
            "{{ [1] | slice(999999999) | list }}",
            "{{ [1] * 999999999 }}",
            "{{ [1] | tojson(indent=999999999) }}",
            "{{ range(999999999) }}",
            "{{ strftime_now('%999999999d') }}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "{% set l = [1] %}{% for x in l recursive %}{{ loop(l) }}{% endfor %}",
        ] {
            assert!(render(template).is_err(), "{template}");
        }
        let deep = format!("{{{{ {}1{} }}}}", "[".repeat(5000), "]".repeat(5000));
        assert!(message(&deep).contains("chat template"));
        let chain = format!("{{{{ 1{} }}}}", " + 1".repeat(500));
        assert_eq!(render(&chain).unwrap(), "501");
    }
}
