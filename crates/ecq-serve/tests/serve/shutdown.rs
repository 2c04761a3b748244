//! Clients that leave, and the end of the server.

use crate::client::Server;
use ecq_serve::Options;
use serde_json::json;
use std::io::Read;
use std::time::Duration;

/// A stream of `answers` answers with 400 tokens each.
fn stream_of(answers: usize) -> Vec<u8> {
    let body = json!({
        "prompt": "The", "max_tokens": 400, "ignore_eos": true, "stream": true, "seed": 1, "n": answers,
    });
    body.to_string().into_bytes()
}

// Other tests use the same cores, so a client may stand still for a second. Each test therefore leaves the
// engine several seconds of work for what the client does in a few milliseconds.

#[test]
fn a_client_that_leaves_is_cancelled_running_or_queued() {
    let server = Server::start(Options { parallel: 2, ..Options::default() });
    // Not streamed as well, whose clients leave before the answer.
    let whole = json!({ "prompt": "The", "max_tokens": 400, "ignore_eos": true, "n": 4 }).to_string();
    let mut first = server.send("POST", "/v1/completions", "", &stream_of(4));
    // The engine has begun when the first token is there.
    first.read_exact(&mut [0; 600]).unwrap();
    let body = |i: usize| if i.is_multiple_of(2) { stream_of(4) } else { whole.clone().into_bytes() };
    let others: Vec<_> = (1..16).map(|i| server.send("POST", "/v1/completions", "", &body(i))).collect();
    drop((first, others));
    server.wait_until_idle();
    let text = server.get("/metrics").text();
    let generated = text.lines().find_map(|line| line.strip_prefix("ecq_generated_tokens_total "));
    // Far fewer than the 25600 that were asked for.
    assert!(generated.unwrap().parse::<u32>().unwrap() < 10_000, "{text}");
}

#[test]
fn idle_streams_are_kept_alive_by_comments() {
    // One sequence at a time, so that all other streams wait.
    let options = Options { parallel: 1, keep_alive: Duration::from_millis(20), ..Options::default() };
    let server = Server::start(options);
    let mut first = server.send("POST", "/v1/completions", "", &stream_of(8));
    let mut begin = [0; 600];
    first.read_exact(&mut begin).unwrap();
    assert!(begin.starts_with(b"HTTP/1.1 200"));
    let mut second = server.send("POST", "/v1/completions", "", &stream_of(1));
    let mut waiting = [0; 600];
    second.read_exact(&mut waiting).unwrap();
    let waiting = String::from_utf8_lossy(&waiting).into_owned();
    assert!(waiting.contains("\r\n:"), "{waiting}");
    drop(first);
    let mut rest = String::new();
    second.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("data: [DONE]"), "{rest}");
}

#[test]
fn requests_end_with_the_server() {
    // Those that end within the grace period are finished.
    let server =
        Server::start(Options { parallel: 4, grace: Duration::from_secs(120), ..Options::default() });
    // The head of an answer is there before its first token.
    let begin = |server: &Server, answers| {
        let mut stream = server.send("POST", "/v1/completions", "", &stream_of(answers));
        stream.read_exact(&mut [0; 15]).unwrap();
        stream
    };
    let streams: Vec<_> = (0..4).map(|_| begin(&server, 1)).collect();
    server.stop.send(()).unwrap();
    for mut stream in streams {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("data: [DONE]") && !rest.contains("\"error\""), "{rest}");
    }
    drop(server);
    // Others, queued ones too, get an error.
    let server = Server::start(Options { parallel: 4, grace: Duration::ZERO, ..Options::default() });
    let streams: Vec<_> = (0..16).map(|_| begin(&server, 4)).collect();
    server.stop.send(()).unwrap();
    let ends = streams.into_iter().map(|mut stream| {
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("data: [DONE]"), "{rest}");
        rest.contains("the server is shutting down")
    });
    assert!(ends.filter(|&error| error).count() >= 12, "most streams end with an error");
}
