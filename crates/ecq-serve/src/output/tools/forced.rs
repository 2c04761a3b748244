//! Grammars that make a model call a tool.

use super::{Dialect, Tool};
use ecq_runtime::Tokenizer;
use serde_json::{Value, json};

/// A grammar for one call of one of several tools.
#[derive(Debug, Clone, PartialEq)]
pub struct Forced {
    /// In the Lark syntax of llguidance.
    pub lark: String,
}

impl Forced {
    /// For models of a dialect.
    pub fn new(dialect: Dialect, tools: &[Tool], tokenizer: &Tokenizer) -> Self {
        let special = tokenizer.special_tokens();
        // Marks that are special tokens match by id, others as text.
        let mark = |text: &str| match special.iter().find(|(_, special)| special == text) {
            Some((id, _)) => format!("<[{id}]>"),
            None => quoted(text),
        };
        let mut rules = Vec::new();
        let mut alternatives = Vec::new();
        for (i, tool) in tools.iter().enumerate() {
            let name = Value::from(tool.name.as_str()).to_string();
            let arguments = format!("%json {}", schema(&tool.parameters));
            let call = match dialect {
                Dialect::Tagged => {
                    let (open, close) = (mark("<tool_call>"), mark("</tool_call>"));
                    let head = quoted(&format!("\n{{\"name\": {name}, \"arguments\": "));
                    format!("{open} {head} args_{i} {} {close}", quoted("}\n"))
                }
                Dialect::Bare => {
                    let head = quoted(&format!("{{\"name\": {name}, \"parameters\": "));
                    format!("{head} args_{i} \"}}\"")
                }
                Dialect::Mistral if special.iter().any(|(_, text)| text == "[ARGS]") => {
                    let (open, separator) = (mark("[TOOL_CALLS]"), mark("[ARGS]"));
                    format!("{open} {} {separator} args_{i}", quoted(&tool.name))
                }
                Dialect::Mistral => {
                    let head = quoted(&format!("[{{\"name\": {name}, \"arguments\": "));
                    format!("{} {head} args_{i} \"}}]\"", mark("[TOOL_CALLS]"))
                }
                Dialect::Xml => {
                    let (open, close) = (mark("<tool_call>"), mark("</tool_call>"));
                    let head = quoted(&format!("\n<function={}>\n", tool.name));
                    let (fields, more) = xml_fields(i, tool);
                    rules.extend(more);
                    format!("{open} {head} {fields} {} {close}", quoted("</function>\n"))
                }
                Dialect::Gemma => {
                    let (open, close) = (mark("<|tool_call>"), mark("<tool_call|>"));
                    format!("{open} {} object {close}", quoted(&format!("call:{}", tool.name)))
                }
            };
            alternatives.push(call);
            if !matches!(dialect, Dialect::Xml | Dialect::Gemma) {
                rules.push(format!("args_{i}: {arguments}"));
            }
        }
        if dialect == Dialect::Gemma {
            let quote = mark("<|\"|>");
            rules.extend([
                "object: \"{\" (field (\",\" field)*)? \"}\"".to_owned(),
                "field: KEY \":\" value".to_owned(),
                "value: string | NUMBER | CONSTANT | object | list".to_owned(),
                "list: \"[\" (value (\",\" value)*)? \"]\"".to_owned(),
                format!("string: {quote} CHARACTERS {quote}"),
                "KEY: /[A-Za-z_][A-Za-z0-9_]*/".to_owned(),
                "NUMBER: /-?[0-9]+(\\.[0-9]+)?/".to_owned(),
                "CONSTANT: \"true\" | \"false\" | \"null\"".to_owned(),
                "CHARACTERS: /[^<]*/".to_owned(),
            ]);
        }
        let lark = format!("start: {}\n{}\n", alternatives.join(" | "), rules.join("\n"));
        Self { lark }
    }
}

/// The parameters of a call in XML: the rule of all of them, and the rules that it uses.
fn xml_fields(tool_index: usize, tool: &Tool) -> (String, Vec<String>) {
    let mut rules = Vec::new();
    if tool_index == 0 {
        // With the end of the value: a text of its own would take the line break before it.
        rules.push("TEXT: /[^<]*\\n<\\/parameter>\\n/".to_owned());
    }
    let required = tool.parameters["required"].as_array().cloned().unwrap_or_default();
    let properties = tool.parameters["properties"].as_object().cloned().unwrap_or_default();
    let mut fields = Vec::new();
    for (i, (key, of_value)) in properties.iter().enumerate() {
        let value = match of_value["type"].as_str() {
            Some("string") if of_value.get("enum").is_none() => "TEXT".to_owned(),
            _ => {
                let rule = format!("value_{tool_index}_{i}");
                rules.push(format!("{rule}: %json {}", schema(of_value)));
                format!("{rule} {}", quoted("\n</parameter>\n"))
            }
        };
        let head = quoted(&format!("<parameter={key}>\n"));
        let optional = if required.iter().any(|name| name == key.as_str()) { "" } else { "?" };
        fields.push(format!("({head} {value}){optional}"));
    }
    (fields.join(" "), rules)
}

/// A string of a Lark grammar.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A schema without optional white space, in which small models lose themselves.
pub fn schema(schema: &Value) -> Value {
    let mut schema = match schema {
        Value::Object(map) if !map.is_empty() => schema.clone(),
        // No parameters.
        _ => json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    };
    if let Value::Object(map) = &mut schema {
        map.entry("x-guidance").or_insert_with(|| json!({ "whitespace_flexible": false }));
    }
    schema
}
