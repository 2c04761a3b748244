//! Answers of a given form.

use crate::chat::{fold, whole};
use crate::client::Server;
use ecq_serve::Options;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

fn chat(more: Value) -> Value {
    let mut body = json!({ "messages": [{ "role": "user", "content": "Hello" }], "max_tokens": 300,
        "temperature": 1.0, "seed": 3 });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Checks a value against the keywords of schemas that this test uses.
fn is_valid(value: &Value, schema: &Value) -> bool {
    if let Some(choices) = schema["enum"].as_array() {
        return choices.contains(value);
    }
    match schema["type"].as_str().unwrap() {
        "string" => {
            let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
            value.as_str().is_some_and(|text| text.chars().count() as u64 <= most)
        }
        "integer" => value.as_i64().is_some_and(|number| {
            let (least, most) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
            least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most)
        }),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.as_array().is_some_and(|items| {
            let count = items.len() as u64;
            count >= schema["minItems"].as_u64().unwrap_or(0)
                && count <= schema["maxItems"].as_u64().unwrap()
                && items.iter().all(|item| is_valid(item, &schema["items"]))
        }),
        "object" => value.as_object().is_some_and(|object| {
            let properties = schema["properties"].as_object().unwrap();
            let required = schema["required"].as_array().unwrap();
            required.iter().all(|name| object.contains_key(name.as_str().unwrap()))
                && object
                    .iter()
                    .all(|(name, value)| properties.get(name).is_some_and(|of| is_valid(value, of)))
        }),
        other => panic!("{other}"),
    }
}

/// A random schema, whose values end within few tokens.
fn random_schema(next: &mut impl FnMut(usize) -> usize, depth: usize) -> Value {
    match next(if depth == 0 { 5 } else { 7 }) {
        0 => json!({ "type": "string", "maxLength": 1 + next(6) }),
        1 => json!({ "type": "integer", "minimum": next(10), "maximum": 10 + next(1000) }),
        2 => json!({ "type": "boolean" }),
        3 => json!({ "enum": ["red", "grün", next(5), null] }),
        4 => json!({ "type": "null" }),
        5 => {
            let items = random_schema(next, depth - 1);
            json!({ "type": "array", "items": items, "minItems": next(2), "maxItems": 1 + next(2) })
        }
        _ => random_object(next, depth - 1),
    }
}

fn random_object(next: &mut impl FnMut(usize) -> usize, depth: usize) -> Value {
    let (mut properties, mut required) = (json!({}), Vec::new());
    for name in ["name", "größe", "a \"b\"", "tags"].iter().take(1 + next(4)) {
        properties[name] = random_schema(next, depth);
        if next(3) > 0 {
            required.push(*name);
        }
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

#[test]
fn answers_satisfy_200_random_schemas() {
    let server = Server::start(Options { parallel: 8, ..Options::default() });
    let mut state = 1u64;
    let mut next = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let schemas: Vec<Value> = (0..200).map(|_| random_object(&mut next, 2)).collect();
    std::thread::scope(|scope| {
        for part in schemas.chunks(25) {
            let server = &server;
            scope.spawn(move || {
                for schema in part {
                    let format =
                        json!({ "type": "json_schema", "json_schema": { "name": "s", "schema": schema } });
                    let object = server.object(CHAT, &chat(json!({ "response_format": format })));
                    let text = object["choices"][0]["message"]["content"].as_str().unwrap();
                    let value: Value =
                        serde_json::from_str(text).unwrap_or_else(|_| panic!("{schema}: {object}"));
                    assert!(is_valid(&value, schema), "{schema}: {text}");
                    assert_eq!(object["choices"][0]["finish_reason"], "stop");
                }
            });
        }
    });
}

#[test]
fn regular_expressions_lark_and_any_json_are_followed() {
    let server = Server::start(Options::default());
    let text = |more: Value| {
        let body = chat(more);
        let object = server.object(CHAT, &body);
        let mut streamed = body;
        streamed["stream"] = true.into();
        assert_eq!(fold(&server.events(CHAT, &streamed)), whole(&object));
        object["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
    };
    let date = text(json!({ "response_format": { "type": "regex", "regex": "[0-9]{4}-[0-9]{2}" } }));
    assert!(date.len() == 7 && date.as_bytes()[4] == b'-', "{date}");
    let either =
        text(json!({ "response_format": { "type": "lark", "lark": "start: \"yes 😀\" | \"no 世界\"" } }));
    assert!(["yes 😀", "no 世界"].contains(&either.as_str()), "{either}");
    assert_eq!(text(json!({ "guided_regex": "ab*c", "logit_bias": {} }))[..1], *"a");
    // Each of several sequences has its own state.
    let several = chat(json!({ "n": 3, "response_format": { "type": "regex", "regex": "[a-z]{1,9}!" } }));
    for choice in server.object(CHAT, &several)["choices"].as_array().unwrap() {
        let text = choice["message"]["content"].as_str().unwrap();
        assert!(text.ends_with('!') && text.len() <= 10, "{text}");
    }
    let completion = json!({ "prompt": "x", "max_tokens": 20, "grammar": "start: \"(\" /[0-9]{3}/ \")\"" });
    let text = server.object("/v1/completions", &completion)["choices"][0]["text"].clone();
    assert!(text.as_str().unwrap().starts_with('(') && text.as_str().unwrap().len() == 5, "{text}");
}

#[test]
fn required_tools_are_called() {
    let server = Server::start(Options::default());
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string", "maxLength": 9 },
        "unit": { "enum": ["C", "F"] } }, "required": ["city"], "additionalProperties": false });
    let tool =
        |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": parameters } });
    for choice in [json!("required"), json!({ "type": "function", "function": { "name": "b" } })] {
        for seed in 0..3 {
            let mut body =
                chat(json!({ "tools": [tool("a"), tool("b")], "tool_choice": choice, "seed": seed }));
            let object = server.object(CHAT, &body);
            body["stream"] = true.into();
            assert_eq!(fold(&server.events(CHAT, &body)), whole(&object));
            let answer = &whole(&object)[0];
            assert_eq!((&answer["finish_reason"], &answer["content"]), (&json!("tool_calls"), &json!("")));
            let call = &answer["calls"][0];
            assert!(call["name"] == "b" || choice == "required" && call["name"] == "a", "{call}");
            let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
            assert!(
                is_valid(
                    &arguments,
                    &json!({ "type": "object", "properties": parameters["properties"],
                "required": ["city"] })
                ),
                "{arguments}"
            );
            assert!(object["choices"][0]["message"]["content"].is_null());
        }
    }
}
