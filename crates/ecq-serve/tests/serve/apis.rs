//! The responses and messages APIs: streams against whole answers.

use crate::client::{SentEvent, Server};
use ecq_serve::Options;
use serde_json::{Value, json};

fn weather() -> Value {
    json!({ "type": "object", "properties": { "city": { "type": "string", "maxLength": 8 },
        "days": { "type": "integer", "minimum": 0, "maximum": 99 } },
        "required": ["city", "days"], "additionalProperties": false })
}

#[test]
fn messages_stream_what_they_answer() {
    let server = Server::start(Options::default());
    let tools = json!([{ "name": "weather", "description": "d", "input_schema": weather() }]);
    let base = json!({ "model": "tiny", "max_tokens": 100, "temperature": 0, "system": "Be brief.",
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Hello" }] }] });
    let history = json!([
        { "role": "user", "content": "Weather?" },
        { "role": "assistant", "content": [
            { "type": "thinking", "thinking": "hm", "signature": "" },
            { "type": "tool_use", "id": "abcdefghi", "name": "weather", "input": { "city": "Oslo" } } ] },
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "abcdefghi",
              "content": [{ "type": "text", "text": "5" }] },
            { "type": "text", "text": "Thanks" } ] },
    ]);
    for (more, reason) in [
        (json!({}), "max_tokens"),
        (json!({ "stop_sequences": ["never", "e"] }), "stop_sequence"),
        (json!({ "tools": tools, "tool_choice": { "type": "any" } }), "tool_use"),
        (json!({ "tools": tools, "tool_choice": { "type": "tool", "name": "weather" } }), "tool_use"),
        (json!({ "tools": tools, "messages": history, "tool_choice": { "type": "none" } }), "max_tokens"),
    ] {
        let mut body = base.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let whole = server.object("/v1/messages", &body);
        assert_eq!(whole["stop_reason"], reason, "{body}: {whole}");
        body["stream"] = true.into();
        let events = server.events("/v1/messages", &body);
        assert!(events.iter().all(|event| event.event.as_deref() == event.json()["type"].as_str()));
        assert_eq!(events[0].event.as_deref(), Some("message_start"));
        assert_eq!(events.last().unwrap().event.as_deref(), Some("message_stop"));
        let (mut content, mut end) = (Vec::<Value>::new(), Value::Null);
        let mut arguments = String::new();
        for event in events.iter().map(SentEvent::json) {
            let at = || event["index"].as_u64().unwrap() as usize;
            match event["type"].as_str().unwrap() {
                "content_block_start" => {
                    assert_eq!(at(), content.len());
                    content.push(event["content_block"].clone());
                }
                "content_block_delta" => {
                    assert_eq!(at(), content.len() - 1);
                    let delta = &event["delta"];
                    match delta["type"].as_str().unwrap() {
                        "text_delta" => {
                            let text = content[at()]["text"].as_str().unwrap().to_owned();
                            content[at()]["text"] = (text + delta["text"].as_str().unwrap()).into();
                        }
                        "input_json_delta" => arguments += delta["partial_json"].as_str().unwrap(),
                        other => panic!("{other}"),
                    }
                }
                "content_block_stop" if content[at()]["type"] == "tool_use" => {
                    content[at()]["input"] = serde_json::from_str(&arguments).unwrap();
                }
                "message_delta" => end = event,
                _ => {}
            }
        }
        // Identifiers are random.
        let without_ids = |content: &Value| {
            let mut content = content.clone();
            content.as_array_mut().unwrap().iter_mut().for_each(|block| block["id"] = Value::Null);
            content
        };
        assert_eq!(without_ids(&content.into()), without_ids(&whole["content"]), "{body}");
        assert_eq!(end["delta"]["stop_reason"], reason);
        assert_eq!(end["delta"]["stop_sequence"], whole["stop_sequence"]);
        assert_eq!(end["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
        if reason == "tool_use" {
            let input = &whole["content"][0]["input"];
            assert!(input["city"].is_string() && input["days"].is_i64(), "{whole}");
        }
        if reason == "stop_sequence" {
            assert_eq!(whole["stop_sequence"], "e");
        }
    }
    let count = server.object("/v1/messages/count_tokens?beta=true", &base)["input_tokens"].as_u64().unwrap();
    let usage = &server.object("/v1/messages", &base)["usage"];
    let all = ["input_tokens", "cache_read_input_tokens"].map(|name| usage[name].as_u64().unwrap());
    assert_eq!(all.iter().sum::<u64>(), count);
    let error = server.post("/v1/messages", &json!({ "messages": base["messages"] }));
    assert_eq!((error.status, &error.json()["type"]), (400, &json!("error")));
    assert_eq!(error.json()["error"]["param"], "max_tokens");
}

#[test]
fn responses_stream_what_they_answer() {
    let server = Server::start(Options::default());
    let tools = json!([{ "type": "function", "name": "weather", "parameters": weather() }]);
    let items = json!([
        { "role": "user", "content": [{ "type": "input_text", "text": "Weather?" }] },
        { "type": "reasoning", "summary": [] },
        { "type": "function_call", "call_id": "c", "name": "weather", "arguments": "{\"city\": \"Oslo\"}" },
        { "type": "function_call", "call_id": "d", "name": "weather", "arguments": "{\"city\": \"Rome\"}" },
        { "type": "function_call_output", "call_id": "c", "output": "5" },
        { "type": "message", "role": "user", "content": "Thanks" },
    ]);
    for (more, status) in [
        // As n8n sends it.
        (json!({ "input": "Hello", "text": {} }), "incomplete"),
        (
            json!({ "input": items, "tools": tools, "tool_choice": "none", "instructions": "Be brief." }),
            "incomplete",
        ),
        (json!({ "input": "Hello", "tools": tools, "tool_choice": "required" }), "completed"),
        (
            json!({ "input": "Hello", "text": { "format": { "type": "json_schema", "name": "w",
            "schema": weather() } } }),
            "completed",
        ),
    ] {
        let mut body = json!({ "model": "tiny", "max_output_tokens": 90, "temperature": 0 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let whole = server.object("/v1/responses", &body);
        assert_eq!(whole["status"], status, "{whole}");
        body["stream"] = true.into();
        let events = server.events("/v1/responses", &body);
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event.json()["sequence_number"], number);
            assert_eq!(event.event.as_deref(), event.json()["type"].as_str());
        }
        let of = |kind: &str| {
            let all = events.iter().map(SentEvent::json).filter(|event| event["type"] == kind);
            all.collect::<Vec<_>>()
        };
        let last = events.last().unwrap().json();
        assert_eq!(last["type"], format!("response.{status}"));
        let without_ids = |output: &Value| {
            let mut output = output.clone();
            for item in output.as_array_mut().unwrap() {
                (item["id"], item["call_id"]) = (Value::Null, Value::Null);
            }
            output
        };
        assert_eq!(without_ids(&last["response"]["output"]), without_ids(&whole["output"]));
        assert_eq!(last["response"]["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
        let joined = |kind: &str| {
            of(kind).iter().map(|event| event["delta"].as_str().unwrap().to_owned()).collect::<String>()
        };
        let first = &whole["output"][0];
        match first["type"].as_str().unwrap() {
            "message" => {
                assert_eq!(first["content"][0]["text"], joined("response.output_text.delta"));
                assert_eq!(of("response.output_text.done")[0]["text"], first["content"][0]["text"]);
            }
            "function_call" => {
                assert_eq!(first["arguments"], joined("response.function_call_arguments.delta"));
            }
            other => panic!("{other}"),
        }
        assert_eq!(of("response.output_item.done").len(), whole["output"].as_array().unwrap().len());
    }
    for body in [
        json!({ "input": "a", "previous_response_id": "resp_1" }),
        json!({ "input": "a", "background": true }),
        json!({ "input": "a", "tools": [{ "type": "web_search" }] }),
        json!({ "input": [{ "type": "item_reference" }] }),
        json!({}),
    ] {
        server.error("/v1/responses", &body, 400);
    }
}
