//! Chat templates render like in transformers. `scripts/chat_templates.py` writes the expected texts.

use ecq_runtime::{ChatTemplate, Message};
use serde_json::Value;

fn file() -> Value {
    serde_json::from_str(include_str!("../data/chat_templates.json")).unwrap()
}

fn messages(conversation: &Value) -> Vec<Message> {
    serde_json::from_value(conversation.clone()).unwrap()
}

fn render(tokens: &Value, template: &str, messages: &[Message]) -> Result<String, String> {
    let token = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let template = ChatTemplate::new(template, token("bos_token"), token("eos_token"));
    let template = template.map_err(|error| error.to_string())?;
    let template = ["unk_token", "pad_token"]
        .into_iter()
        .fold(template, |template, name| template.with_special_token(name, &token(name)));
    template.render(messages).map_err(|error| error.to_string())
}

#[test]
fn templates_of_known_families_render_like_transformers() {
    let file = file();
    let conversations: Vec<_> = file["conversations"].as_array().unwrap().iter().map(messages).collect();
    let templates = file["templates"].as_array().unwrap();
    assert!(templates.len() >= 20 && conversations.len() >= 5);
    let mut wrong = Vec::new();
    for template in templates {
        for (conversation, expected) in conversations.iter().zip(template["expected"].as_array().unwrap()) {
            let found = render(&file["tokens"], template["template"].as_str().unwrap(), conversation);
            if found.as_deref().ok() != expected.as_str() {
                wrong.push(format!(
                    "{}: {conversation:?}\n  found    {found:?}\n  expected {expected}",
                    template["name"]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn expressions_evaluate_like_in_transformers() {
    let file = file();
    let conversation = messages(&file["conversations"][2]);
    let mut wrong = Vec::new();
    for case in file["expressions"].as_array().unwrap() {
        let found = render(&file["tokens"], case[0].as_str().unwrap(), &conversation);
        if found.as_deref().ok() != case[1].as_str() {
            wrong.push(format!("{}\n  found    {found:?}\n  expected {}", case[0], case[1]));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
