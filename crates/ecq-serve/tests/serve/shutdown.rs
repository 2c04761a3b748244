//! Clients that leave, and the end of the server.

use crate::client::{Answer, Server, events};
use ecq_serve::Options;
use serde_json::json;
use std::io::Read;
use std::time::Duration;

fn endless() -> Vec<u8> {
    let body = json!({ "prompt": "The", "max_tokens": 400, "ignore_eos": true, "stream": true, "seed": 1 });
    body.to_string().into_bytes()
}

#[test]
fn a_client_that_leaves_is_cancelled_running_or_queued() {
    let server = Server::start(Options { parallel: 2, ..Options::default() });
    // Not streamed as well, whose clients leave before the answer.
    let whole = json!({ "prompt": "The", "max_tokens": 400, "ignore_eos": true }).to_string();
    let bodies: Vec<Vec<u8>> =
        (0..8).map(|i| if i % 2 == 0 { endless() } else { whole.clone().into_bytes() }).collect();
    let mut clients: Vec<_> =
        bodies.iter().map(|body| server.send("POST", "/v1/completions", "", body)).collect();
    clients[0].read_exact(&mut [0; 200]).unwrap();
    drop(clients);
    server.wait_until_idle();
    let text = server.get("/metrics").text();
    let generated = text.lines().find_map(|line| line.strip_prefix("ecq_generated_tokens_total "));
    // Far fewer than the 3200 that were asked for.
    assert!(generated.unwrap().parse::<u32>().unwrap() < 800, "{text}");
}

#[test]
fn idle_streams_are_kept_alive_by_comments() {
    // Two sequences at once, so that the third stream waits.
    let options = Options { parallel: 1, keep_alive: Duration::from_millis(20), ..Options::default() };
    let server = Server::start(options);
    let mut first = server.send("POST", "/v1/completions", "", &endless());
    // The engine has begun with the first stream when its first token is there.
    let mut begin = [0; 600];
    first.read_exact(&mut begin).unwrap();
    let second = Answer::read(server.send("POST", "/v1/completions", "", &endless())).unwrap();
    assert!(second.text().contains("\n\n:") || second.text().starts_with(':'), "{}", second.text());
    assert_eq!(events(&second.text()).last().unwrap().data, "[DONE]");
    assert!(begin.starts_with(b"HTTP/1.1 200"));
    std::io::copy(&mut first, &mut std::io::sink()).unwrap();
}

#[test]
fn requests_end_with_the_server() {
    // Those that end within the grace period are finished.
    let server =
        Server::start(Options { parallel: 4, grace: Duration::from_secs(120), ..Options::default() });
    let streams: Vec<_> = (0..4).map(|_| server.send("POST", "/v1/completions", "", &endless())).collect();
    let mut streams = streams.into_iter();
    let mut first = streams.next().unwrap();
    first.read_exact(&mut [0; 300]).unwrap();
    server.stop.send(()).unwrap();
    for stream in streams {
        let answer = Answer::read(stream).unwrap();
        let events = events(&answer.text());
        assert_eq!(events.last().unwrap().data, "[DONE]");
        assert!(events.iter().all(|event| !event.data.contains("\"error\"")));
    }
    drop(first);
    drop(server);
    // Others, queued ones too, get an error.
    let server = Server::start(Options { parallel: 4, grace: Duration::ZERO, ..Options::default() });
    let streams: Vec<_> = (0..16)
        .map(|_| {
            let mut stream = server.send("POST", "/v1/completions", "", &endless());
            // The head of the answer is there before the first token.
            stream.read_exact(&mut [0; 15]).unwrap();
            stream
        })
        .collect();
    server.stop.send(()).unwrap();
    let ends = streams.into_iter().map(|mut stream| {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("data: [DONE]"), "{rest}");
        rest.contains("the server is shutting down")
    });
    assert!(ends.filter(|&error| error).count() >= 12, "most streams end with an error");
}
