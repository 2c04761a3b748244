//! Chat and completions: streams against their folds, sampling fields, usage.

use crate::client::{SentEvent, Server};
use ecq_serve::Options;
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

fn hello() -> Value {
    json!([{ "role": "user", "content": "Hello" }])
}

fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Rebuilds the choices of a chat answer from its chunks, as clients do.
pub fn fold(events: &[SentEvent]) -> Vec<Value> {
    assert_eq!(events.last().unwrap().data, "[DONE]");
    let mut choices: Vec<Value> = Vec::new();
    for chunk in events[..events.len() - 1].iter().map(SentEvent::json) {
        for choice in chunk["choices"].as_array().unwrap() {
            let index = choice["index"].as_u64().unwrap() as usize;
            while choices.len() <= index {
                let index = choices.len();
                choices.push(json!({ "index": index, "content": "", "reasoning": "", "calls": [],
                    "tokens": [], "finish_reason": null }));
            }
            let fold = &mut choices[index];
            assert!(fold["finish_reason"].is_null(), "a chunk after the end: {choice}");
            let add = |to: &mut Value, text: &Value| {
                if let Some(text) = text.as_str() {
                    *to = format!("{}{text}", to.as_str().unwrap()).into();
                }
            };
            let delta = &choice["delta"];
            add(&mut fold["content"], &delta["content"]);
            add(&mut fold["reasoning"], &delta["reasoning_content"]);
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let index = call["index"].as_u64().unwrap() as usize;
                let calls = fold["calls"].as_array_mut().unwrap();
                if calls.len() == index {
                    assert!(call["id"].is_string() && call["type"] == "function");
                    calls.push(json!({ "name": call["function"]["name"], "arguments": "" }));
                }
                add(&mut calls[index]["arguments"], &call["function"]["arguments"]);
            }
            let tokens = choice["logprobs"]["content"].as_array().into_iter().flatten().cloned();
            fold["tokens"].as_array_mut().unwrap().extend(tokens);
            fold["finish_reason"] = choice["finish_reason"].clone();
        }
    }
    choices
}

/// The same of an answer that is not streamed.
pub fn whole(object: &Value) -> Vec<Value> {
    let choice = |choice: &Value| {
        let message = &choice["message"];
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        let calls: Vec<Value> = calls
            .map(|call| &call["function"])
            .map(|call| json!({ "name": call["name"], "arguments": call["arguments"] }))
            .collect();
        json!({
            "index": choice["index"], "content": message["content"].as_str().unwrap_or_default(),
            "reasoning": message["reasoning_content"].as_str().unwrap_or_default(), "calls": calls,
            "tokens": choice["logprobs"]["content"].as_array().cloned().unwrap_or_default(),
            "finish_reason": choice["finish_reason"],
        })
    };
    object["choices"].as_array().unwrap().iter().map(choice).collect()
}

#[test]
fn a_stream_folds_to_the_whole_answer() {
    let server = Server::start(Options::default());
    let base = json!({ "model": "tiny", "messages": hello(), "max_tokens": 24, "seed": 5 });
    for more in [
        json!({}),
        json!({ "n": 3, "temperature": 1.5 }),
        json!({ "logprobs": true, "top_logprobs": 4 }),
        json!({ "temperature": 0, "stop": ["the", "e "] }),
        json!({ "frequency_penalty": 1.0, "presence_penalty": -0.5, "repetition_penalty": 1.2, "n": 2 }),
        json!({ "logit_bias": { "300": 100 }, "max_completion_tokens": 3, "max_tokens": null }),
        json!({ "top_k": 3, "top_p": 0.5, "min_p": 0.1, "unknown_field": { "x": 1 }, "user": "me" }),
    ] {
        let body = with(base.clone(), more);
        let object = server.object(CHAT, &body);
        let options = json!({ "stream": true, "stream_options": { "include_usage": true } });
        let events = server.events(CHAT, &with(body.clone(), options));
        assert_eq!(fold(&events), whole(&object), "{body}");
        let last = events[events.len() - 2].json();
        assert_eq!(last["choices"], json!([]));
        for count in ["prompt_tokens", "completion_tokens", "total_tokens"] {
            assert_eq!(last["usage"][count], object["usage"][count], "{body}: {count}");
        }
        let choices = object["choices"].as_array().unwrap();
        assert_eq!(choices.len(), body["n"].as_u64().unwrap_or(1) as usize);
        if body["logprobs"] == true {
            let tokens = choices[0]["logprobs"]["content"].as_array().unwrap();
            assert_eq!(tokens.len() as u64, object["usage"]["completion_tokens"].as_u64().unwrap());
            assert!(tokens.iter().all(|token| token["top_logprobs"].as_array().unwrap().len() == 4));
            // The bytes of the tokens are the text.
            let bytes = tokens.iter().flat_map(|token| token["bytes"].as_array().unwrap());
            let bytes: Vec<u8> = bytes.map(|byte| byte.as_u64().unwrap() as u8).collect();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(text, choices[0]["message"]["content"].as_str().unwrap());
        }
        if body["stop"].is_array() {
            let text = choices[0]["message"]["content"].as_str().unwrap();
            assert!(!text.contains("the") && !text.contains("e "), "{text:?}");
        }
    }
    // A penalty and a seed change the text; the same seed does not.
    let text = |more: Value| whole(&server.object(CHAT, &with(base.clone(), more)))[0]["content"].clone();
    assert_eq!(text(json!({ "seed": 7 })), text(json!({ "seed": 7 })));
    assert_ne!(text(json!({ "seed": 7 })), text(json!({ "seed": 8 })));
    let greedy = |more: Value| text(with(json!({ "temperature": 0 }), more));
    assert_ne!(greedy(json!({})), greedy(json!({ "frequency_penalty": 2 })));
    // Without a seed, answers differ.
    let texts: Vec<Value> =
        (0..4).map(|_| text(json!({ "seed": null, "temperature": 2, "top_k": 0, "top_p": 1 }))).collect();
    assert!(texts.iter().any(|text| *text != texts[0]));
    server.wait_until_idle();
}

#[test]
fn completions_take_text_or_tokens_and_count_cached_tokens() {
    let server = Server::start(Options::default());
    let prompt = "The Debian project is an association of individuals who have made common cause to create";
    let body = json!({ "prompt": prompt, "max_tokens": 8, "temperature": 0 });
    let object = server.object(COMPLETIONS, &body);
    let text = object["choices"][0]["text"].clone();
    assert_eq!(object["usage"]["completion_tokens"], 8);
    let tokens = server.object("/tokenize", &json!({ "content": prompt, "add_special": true }));
    assert_eq!(tokens["tokens"].as_array().unwrap().len() as u64, tokens["count"]);
    assert_eq!(object["usage"]["prompt_tokens"], tokens["count"]);
    let again = server.object(COMPLETIONS, &with(body.clone(), json!({ "prompt": tokens["tokens"] })));
    assert_eq!(again["choices"][0]["text"], text);
    let cached = again["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap();
    assert!(cached > 0 && cached < tokens["count"].as_u64().unwrap(), "{again}");
    let back = server.object("/detokenize", &json!({ "tokens": tokens["tokens"] }));
    assert_eq!(back["content"], prompt);
    let echo = server.object(COMPLETIONS, &with(body.clone(), json!({ "echo": true })));
    assert_eq!(echo["choices"][0]["text"], format!("{prompt}{}", text.as_str().unwrap()));
    // The stream, in pieces.
    for more in
        [json!({}), json!({ "echo": true }), json!({ "logprobs": 2, "n": 2, "temperature": 1, "seed": 1 })]
    {
        let body = with(body.clone(), more);
        let object = server.object(COMPLETIONS, &body);
        let events = server.events(COMPLETIONS, &with(body.clone(), json!({ "stream": true })));
        let n = body["n"].as_u64().unwrap_or(1) as usize;
        let (mut texts, mut tokens) = (vec![String::new(); n], vec![Vec::new(); n]);
        for chunk in events[..events.len() - 1].iter().map(SentEvent::json) {
            let choice = &chunk["choices"][0];
            let index = choice["index"].as_u64().unwrap() as usize;
            texts[index] += choice["text"].as_str().unwrap();
            tokens[index].extend(choice["logprobs"]["tokens"].as_array().into_iter().flatten().cloned());
        }
        for (i, choice) in object["choices"].as_array().unwrap().iter().enumerate() {
            assert_eq!(choice["text"], texts[i]);
            let expected = choice["logprobs"]["tokens"].as_array().cloned().unwrap_or_default();
            assert_eq!(tokens[i], expected);
        }
    }
    assert_eq!(server.object(COMPLETIONS, &with(body, json!({ "max_tokens": 0 })))["choices"][0]["text"], "");
}

#[test]
fn every_delta_is_whole_characters() {
    let server = Server::start(Options::default());
    // Tokens that are single bytes of emoji, in every order that the sampler likes.
    let bytes = server.object("/tokenize", &json!({ "content": "😀🎉é世" }));
    let bias: Value =
        bytes["tokens"].as_array().unwrap().iter().map(|id| (id.to_string(), json!(60))).collect();
    for seed in 0..6 {
        let body = json!({ "prompt": "x", "max_tokens": 40, "seed": seed, "temperature": 1.0, "top_k": 0,
            "top_p": 1, "logit_bias": bias });
        let whole = server.object(COMPLETIONS, &body)["choices"][0]["text"].clone();
        // `events` fails unless the body, and so every line, is UTF-8.
        let events = server.events(COMPLETIONS, &with(body, json!({ "stream": true })));
        let pieces =
            events[..events.len() - 1].iter().map(|event| event.json()["choices"][0]["text"].clone());
        let text: String = pieces.map(|piece| piece.as_str().unwrap().to_owned()).collect();
        assert_eq!(whole, text);
        assert!(!text.is_ascii(), "{text:?}");
    }
}

#[test]
fn models_health_and_metrics_are_reported() {
    let server = Server::start(Options::default());
    assert_eq!(server.get("/health").json(), json!({ "status": "ok" }));
    let models = server.get("/v1/models").json();
    assert_eq!((&models["data"][0]["id"], &models["data"][0]["loaded"]), (&json!("tiny"), &json!(true)));
    assert_eq!(server.get("/v1/models/tiny").json()["id"], "tiny");
    assert_eq!(server.get("/v1/models/other").status, 404);
    server.object(COMPLETIONS, &json!({ "prompt": "a", "max_tokens": 5 }));
    let text = server.get("/metrics").text();
    for line in [
        "ecq_generated_tokens_total 5\n",
        "ecq_requests_total{route=\"/v1/completions\",status=\"200\"} 1\n",
        "ecq_time_to_first_token_seconds_count 1\n",
        "ecq_inter_token_latency_seconds_count 4\n",
        "ecq_weight_bytes{model=\"tiny\",mode=\"cached\"}",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    let page = server.get("/");
    assert!(page.text().contains("<title>ecq") && page.body.len() < 60_000);
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    // Every described route exists, and wants the fields that it is said to want.
    let description = server.get("/openapi.json").json();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let path = path.replace("{name}", "tiny");
            let answer = server.request(&method.to_uppercase(), &path, "", b"{}");
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            match schema["required"].as_array() {
                None => assert_eq!(answer.status, 200, "{path}"),
                Some(required) => {
                    assert_eq!(answer.status, 400, "{path}");
                    let param = answer.json()["error"]["param"].clone();
                    assert!(required.contains(&param), "{path}: {param}");
                }
            }
        }
    }
}
