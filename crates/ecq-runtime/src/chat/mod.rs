//! Chat templates (Jinja), rendered as transformers renders them.

mod environment;
mod limits;
mod methods;
mod python;
mod rewrite;
mod strings;

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
    /// Text of the message.
    pub content: String,
}

impl Message {
    /// Creates a message with the given role.
    pub fn new(role: &str, content: &str) -> Self {
        Self { role: role.to_owned(), content: content.to_owned() }
    }

    /// Creates a system message (instructions to the model).
    pub fn system(content: &str) -> Self {
        Self::new("system", content)
    }

    /// Creates a user message.
    pub fn user(content: &str) -> Self {
        Self::new("user", content)
    }

    /// Creates a message with an answer of the model.
    pub fn assistant(content: &str) -> Self {
        Self::new("assistant", content)
    }
}

/// A model's chat template.
///
/// It runs in the environment that transformers provides to Jinja2: the same functions, filters and tests,
/// Python's methods and operators, and the special tokens by name. Templates come from untrusted files, so
/// the number of steps and the size of texts are limited.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    /// Special tokens by name: `bos_token`, ...
    special_tokens: BTreeMap<String, Value>,
    source: String,
}

/// Name of the only template of an environment.
const NAME: &str = "chat";

impl ChatTemplate {
    /// Builds the template stored with a model.
    ///
    /// # Errors
    /// If there is none or it does not parse.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Self> {
        let template = checkpoint.chat_template()?;
        let template =
            template.ok_or(RuntimeError::Missing { what: "chat template: it is not a chat model" })?;
        let mut this = Self::new(&template, String::new(), String::new())?;
        let tokens = checkpoint.special_tokens()?.into_iter();
        this.special_tokens = tokens.map(|(name, token)| (name, Value::from(Serde(token)))).collect();
        Ok(this)
    }

    /// Parses a template, with the texts of `bos_token` and `eos_token`.
    ///
    /// # Errors
    /// If the template does not parse.
    pub fn new(template: &str, bos: String, eos: String) -> Result<Self> {
        if template.len() > limits::MAX_SOURCE_BYTES {
            return Err(RuntimeError::ChatTemplate(format!(
                "it has {} bytes; the maximum is {}",
                template.len(),
                limits::MAX_SOURCE_BYTES
            )));
        }
        let mut environment = environment::environment().map_err(template_error)?;
        let source = rewrite::rewrite(template).map_err(RuntimeError::ChatTemplate)?;
        environment.add_template_owned(NAME, source).map_err(template_error)?;
        let tokens = [("bos_token", bos), ("eos_token", eos)];
        let special_tokens =
            tokens.into_iter().map(|(name, token)| (name.to_owned(), token.into())).collect();
        Ok(Self { environment, special_tokens, source: template.to_owned() })
    }

    /// Adds a special token that the template can name, such as `pad_token`.
    #[must_use]
    pub fn with_special_token(mut self, name: &str, text: &str) -> Self {
        self.special_tokens.insert(name.to_owned(), text.into());
        self
    }

    /// Returns the source of the template as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders a conversation of messages in the form of the OpenAI API, up to the start of the model's next
    /// message.
    ///
    /// `tools` are definitions of functions; `variables` are further variables of the template, such as
    /// `enable_thinking`.
    ///
    /// # Errors
    /// If the template raises an error or exceeds a limit.
    pub fn render_values(
        &self,
        messages: &[serde_json::Value],
        tools: &[serde_json::Value],
        variables: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<String> {
        let mut values = self.special_tokens.clone();
        values.extend(variables.iter().map(|(name, value)| (name.clone(), Value::from(Serde(value)))));
        let tools = if tools.is_empty() { Value::from(()) } else { Value::from(Serde(tools)) };
        let fixed = [
            ("messages", Value::from(Serde(messages))),
            ("tools", tools),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(true)),
        ];
        values.extend(fixed.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let template = self.environment.get_template(NAME).map_err(template_error)?;
        template.render(Value::from(values)).map_err(template_error)
    }

    /// Renders a conversation as a prompt, up to the start of the model's next message.
    ///
    /// # Errors
    /// If the template raises an error or exceeds a limit.
    pub fn render(&self, messages: &[Message]) -> Result<String> {
        self.render_to(messages, true)
    }

    /// Renders a conversation, with or without the start of the model's next message.
    fn render_to(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let template = self.environment.get_template(NAME).map_err(template_error)?;
        let values = context! {
            messages => Value::from(Serde(messages)),
            tools => (),
            documents => (),
            add_generation_prompt,
            ..Value::from(self.special_tokens.clone())
        };
        template.render(values).map_err(template_error)
    }

    /// Returns the text that the template writes after an answer of the model, which contains end-of-turn
    /// tokens.
    pub(crate) fn text_after_answer(&self) -> Option<String> {
        let (question, answer) = ("Question", "Answer0of1this2model");
        let text = self.render_to(&[Message::user(question), Message::assistant(answer)], false).ok()?;
        text.rsplit_once(answer).map(|(_, after)| after.to_owned())
    }
}

fn template_error(error: Error) -> RuntimeError {
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
    fn templates_render_like_transformers() {
        let template = "{{ bos_token }}{% for m in messages %}\n  {% if m['role'] == 'user' %}\n\
            U:{{ m.content.strip() }}\n  {% else %}\nA:{{ m['content'] + eos_token }}\n{% endif %}\
            {% endfor %}\n{% if add_generation_prompt %}A:{% endif %}";
        assert_eq!(render(template).unwrap(), "<s>U:Hello\nA:Hi</s>\nA:");
        let message = |template| render(template).unwrap_err().to_string();
        assert!(message("{{ raise_exception('no system role') }}").contains("no system role"));
        assert!(message("{% for x in y").starts_with("chat template: "));
    }

    #[test]
    fn templates_receive_tools_and_variables() {
        let source = "{{ bos_token }}{% for t in tools or [] %}{{ t.name }}{% endfor %}|{{ mode }}|\
            {{ messages[0].calls[0].args.items() | list }}{% if add_generation_prompt %}A:{% endif %}";
        let template = ChatTemplate::new(source, "<s>".to_owned(), String::new()).unwrap();
        assert_eq!(template.source(), source);
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let messages = [json(r#"{"calls": [{"args": {"b": 1, "a": [true]}}]}"#)];
        let tools = [json(r#"{"name": "f"}"#), json(r#"{"name": "g"}"#)];
        // Neither the messages nor the prompt can be replaced by variables.
        let variables = json(r#"{"mode": "fast", "bos_token": "<t>", "messages": 5, "tools": 6}"#);
        let text = template.render_values(&messages, &tools, variables.as_object().unwrap()).unwrap();
        assert_eq!(text, "<t>fg|fast|[('b', 1), ('a', [True])]A:");
        let none = template.render_values(&messages, &[], &serde_json::Map::new()).unwrap();
        assert_eq!(none, "<s>||[('b', 1), ('a', [True])]A:");
    }

    #[test]
    fn endless_templates_are_stopped() {
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
