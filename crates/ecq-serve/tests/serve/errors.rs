//! What clients do wrong, and what they are told.

use crate::client::{Answer, Server, TEMPLATE, source};
use ecq_serve::{Options, ServeError, Stop, listen, serve};
use serde_json::{Value, json};
use std::io::{Read, Write};

#[test]
fn invalid_requests_name_the_field() {
    let server = Server::start(Options::default());
    let chat = |more: Value| {
        let mut body = json!({ "messages": [{ "role": "user", "content": "Hi" }], "max_tokens": 2 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (body, param) in [
        (chat(json!({ "messages": [] })), "messages"),
        (chat(json!({ "messages": "Hi" })), "messages"),
        (chat(json!({ "messages": [{ "role": "robot", "content": "Hi" }] })), "messages.role"),
        (chat(json!({ "messages": [{ "role": "user", "content": 5 }] })), "messages.content"),
        (
            chat(json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] })),
            "messages.content",
        ),
        (chat(json!({ "temperature": -1 })), "temperature"),
        (chat(json!({ "temperature": "hot" })), "temperature"),
        (chat(json!({ "top_p": 2 })), "top_p"),
        (chat(json!({ "top_k": 1.5 })), "top_k"),
        (chat(json!({ "min_p": 2 })), "min_p"),
        (chat(json!({ "frequency_penalty": 3 })), "frequency_penalty"),
        (chat(json!({ "presence_penalty": -3 })), "presence_penalty"),
        (chat(json!({ "repetition_penalty": 0 })), "repetition_penalty"),
        (chat(json!({ "n": 0 })), "n"),
        (chat(json!({ "max_tokens": 0 })), "max_tokens"),
        (chat(json!({ "seed": "x" })), "seed"),
        (chat(json!({ "stop": 5 })), "stop"),
        (chat(json!({ "stop": ["a", 5] })), "stop"),
        (chat(json!({ "logit_bias": { "x": 1 } })), "logit_bias.x"),
        (chat(json!({ "logit_bias": { "5": 101 } })), "logit_bias.5"),
        (chat(json!({ "logit_bias": [] })), "logit_bias"),
        (chat(json!({ "top_logprobs": 3 })), "top_logprobs"),
        (chat(json!({ "logprobs": true, "top_logprobs": 21 })), "top_logprobs"),
        (chat(json!({ "stream": "yes" })), "stream"),
        (chat(json!({ "tools": [{ "type": "retrieval" }] })), "tools"),
        (chat(json!({ "tool_choice": "must" })), "tool_choice"),
        (chat(json!({ "tool_choice": "required" })), "tool_choice"),
        (chat(json!({ "response_format": { "type": "yaml" } })), "response_format.type"),
        (chat(json!({ "response_format": { "type": "regex", "regex": "(" } })), "response_format"),
        (chat(json!({ "response_format": { "type": "lark", "lark": "start: x" } })), "response_format"),
    ] {
        let error = server.error("/v1/chat/completions", &body, 400);
        assert_eq!(error["param"], param, "{body}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error["message"].as_str().unwrap().len() > 10);
    }
    for (body, param) in [
        (json!({}), "prompt"),
        (json!({ "prompt": ["a", "b"] }), "prompt"),
        (json!({ "prompt": [-1] }), "prompt"),
        (json!({ "prompt": "a", "suffix": "b" }), "suffix"),
        (json!({ "prompt": "a", "best_of": 3 }), "best_of"),
        (json!({ "prompt": "a", "echo": true, "logprobs": 1 }), "echo"),
    ] {
        assert_eq!(server.error("/v1/completions", &body, 400)["param"], param, "{body}");
    }
    let unknown = server.error("/v1/completions", &json!({ "prompt": "a", "model": "gpt-7" }), 404);
    assert_eq!((&unknown["code"], &unknown["param"]), (&json!("model_not_found"), &json!("model")));
    let long = server.error("/v1/completions", &json!({ "prompt": "a ".repeat(9000) }), 400);
    assert_eq!(long["code"], "context_length_exceeded", "{long}");
    server.error("/v1/completions", &json!({ "prompt": [99999] }), 400);
    server.error("/detokenize", &json!({ "tokens": [99999] }), 400);
    for body in [&b""[..], b"{", b"[]", b"\xff\xfe", b"{\"prompt\": \"\xff\"}"] {
        assert_eq!(server.request("POST", "/v1/completions", "", body).status, 400, "{body:?}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(server.request("POST", "/v1/completions", "", deep.as_bytes()).status, 400);
    assert_eq!(server.get("/v1/nothing").json()["error"]["type"], "not_found_error");
    assert_eq!(server.get("/v1/completions").status, 405);
    // Nothing of this harmed the server.
    server.object("/v1/completions", &json!({ "prompt": "a", "max_tokens": 1 }));
}

#[test]
fn keys_bodies_origins_and_the_queue_are_checked() {
    let keys = vec!["first".to_owned(), "second".to_owned()];
    let options = Options { api_keys: keys, body_bytes: 2000, parallel: 1, queue: 1, ..Options::default() };
    let server = Server::start(options);
    let body = json!({ "prompt": "a", "max_tokens": 1 }).to_string();
    let post = |headers: &str| server.request("POST", "/v1/completions", headers, body.as_bytes());
    for headers in
        ["Authorization: Bearer first\r\n", "authorization: bearer second\r\n", "x-api-key: second\r\n"]
    {
        assert_eq!(post(headers).status, 200, "{headers}");
    }
    for headers in ["", "Authorization: Bearer fir\r\n", "x-api-key: third\r\n", "Authorization: first\r\n"] {
        let answer = post(headers);
        assert_eq!(answer.status, 401, "{headers}");
        assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
    }
    assert_eq!(server.get("/v1/models").status, 401);
    assert_eq!(server.get("/metrics").status, 401);
    assert_eq!((server.get("/health").status, server.get("/").status), (200, 200));
    let key = "x-api-key: first\r\n";
    assert_eq!(post(&format!("{key}Origin: https://example.com\r\n")).status, 403);
    assert_eq!(post(&format!("{key}Origin: http://localhost\r\n")).status, 200);
    let large = json!({ "prompt": "a".repeat(3000) }).to_string();
    let answer = server.request("POST", "/v1/completions", key, large.as_bytes());
    assert_eq!((answer.status, &answer.json()["error"]["type"]), (413, &json!("request_too_large")));
    // Far beyond the limit, the server stops reading; the client may see a closed connection.
    let huge = vec![b'a'; 4 << 20];
    let mut stream = server.connect();
    let head = format!(
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n{key}Content-Length: {}\r\n\r\n",
        huge.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&huge));
    if let Ok(answer) = Answer::read(stream) {
        assert_eq!(answer.status, 413);
    }
    // Two places: one runs and one waits; a third request is refused.
    let long = json!({ "prompt": "a", "max_tokens": 400, "ignore_eos": true, "stream": true, "n": 16 });
    let long = long.to_string();
    let start = || {
        let mut stream = server.send("POST", "/v1/completions", key, long.as_bytes());
        // Its head is there when it has its place.
        stream.read_exact(&mut [0; 15]).unwrap();
        stream
    };
    let running = [start(), start()];
    let refused = post(key);
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    drop(running);
}

#[test]
fn cors_is_off_unless_asked_for() {
    let preflight = "Origin: https://example.com\r\nAccess-Control-Request-Method: POST\r\n";
    let allowed = |origins: &[&str]| {
        let cors = origins.iter().map(|&origin| origin.to_owned()).collect();
        let server = Server::start(Options { cors, ..Options::default() });
        let answer = server.request("OPTIONS", "/v1/completions", preflight, b"");
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(allowed(&[]), None);
    assert_eq!(allowed(&["*"]).as_deref(), Some("*"));
    assert_eq!(allowed(&["https://example.com"]).as_deref(), Some("https://example.com"));
    assert_eq!(allowed(&["https://example.org"]), None);
    let server = Server::start(Options::default());
    let rebound = "GET /health HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n";
    let mut stream = server.connect();
    stream.write_all(rebound.as_bytes()).unwrap();
    assert_eq!(Answer::read(stream).unwrap().status, 403);
}

#[test]
fn a_port_in_use_and_a_model_that_fails_are_errors() {
    let first = listen(([127, 0, 0, 1], 0).into()).unwrap();
    let error = listen(first.local_addr().unwrap()).unwrap_err();
    assert!(matches!(error, ServeError::Listen { .. }));
    assert!(error.to_string().contains("another program uses this port"), "{error}");
    let mut broken = source("broken", 1, None);
    broken.open = Box::new(|| Err("the file is damaged".to_owned()));
    let (_stop, messages) = tokio::sync::mpsc::unbounded_channel();
    let failed = serve(first, vec![broken], Options::default(), Stop::Messages(messages), || panic!("ready"));
    let message = failed.unwrap_err().to_string();
    assert!(message.contains("\"broken\"") && message.contains("the file is damaged"), "{message}");
    let (_stop, messages) = tokio::sync::mpsc::unbounded_channel();
    let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
    let none = serve(listener, vec![], Options::default(), Stop::Messages(messages), || ());
    assert!(matches!(none, Err(ServeError::Option(_))));
}

#[test]
fn models_are_loaded_on_demand_within_the_budget() {
    let mut panics = source("panics", 1, None);
    panics.open = Box::new(|| panic!("a bug"));
    let sources = vec![source("a", 1, Some(TEMPLATE)), source("b", 1, None), panics];
    let server = Server::with(sources, Options { memory: Some(10_000_000), ..Options::default() });
    let loaded = || {
        let models = server.get("/v1/models").json();
        let data = models["data"].as_array().unwrap().clone();
        let on = data.iter().filter(|model| model["loaded"] == true);
        on.map(|model| model["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(loaded(), ["a"]);
    let ask = |model: &str| {
        server.post("/v1/completions", &json!({ "model": model, "prompt": "a", "max_tokens": 2 })).status
    };
    assert_eq!(ask("b"), 200);
    assert_eq!(loaded(), ["b"]);
    assert_eq!((ask("a"), loaded()), (200, vec!["a".to_owned()]));
    assert_eq!((ask("panics"), ask("a")), (503, 200));
    // A model without a template has no chat.
    let chat = json!({ "model": "b", "messages": [{ "role": "user", "content": "Hi" }] });
    let error = server.error("/v1/chat/completions", &chat, 400);
    assert!(error["message"].as_str().unwrap().contains("no chat template"));
}
