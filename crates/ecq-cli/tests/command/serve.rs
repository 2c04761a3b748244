//! Tests of `ecq serve` as a program: its start, its signals, its exit codes. Those of the server itself are
//! in `ecq-serve`.

use super::common::{Folder, embedded};
use super::run::refusal;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server that runs; dropping it kills it.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        Self::start_with(args, Stdio::inherit())
    }

    /// As [`start`](Self::start), with this standard error.
    fn start_with(args: &[&str], log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ecq"))
            .args(["serve", &embedded(), "--port", "0", "--json"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["models"][0], "tiny");
        let address = ready["url"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        Self { child, address }
    }

    /// Sends a request.
    fn send(&self, head: &str, body: &Value) -> TcpStream {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// The whole answer to a request, with its head.
    fn ask(&self, head: &str, body: &Value) -> String {
        let mut text = String::new();
        self.send(head, body).read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn options_reach_the_server() {
    let folder = Folder::new();
    let (keys, template) = (folder.path("keys"), folder.path("template.jinja"));
    std::fs::write(&keys, "one\n\n two \n").unwrap();
    std::fs::write(&template, "{% for m in messages %}{{ m.content }}{% endfor %}{{ bos_token }}").unwrap();
    let other = format!("second={}", embedded());
    let server = Server::start(&[
        &other,
        "--api-key-file",
        keys.to_str().unwrap(),
        "--chat-template",
        template.to_str().unwrap(),
        "--context",
        "64",
        "--models-memory",
        "1GB",
        "--mode",
        "fused",
        "--temperature",
        "0",
    ]);
    assert!(server.ask("GET /v1/models", &json!({})).starts_with("HTTP/1.1 401 "));
    let key = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nx-api-key: two\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(key.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    for part in ["\"id\":\"second\"", "\"mode\":\"fused\"", "\"context_length\":64"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(server.ask("GET /health", &json!({})).starts_with("HTTP/1.1 200 "));
}

/// The signals of Unix.
#[cfg(unix)]
#[test]
fn sigterm_during_16_streams_ends_them_and_the_server() {
    let mut server = Server::start(&["--grace", "0", "--parallel", "4"]);
    let body = json!({ "prompt": "The", "max_tokens": 400, "ignore_eos": true, "stream": true });
    let streams: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut stream = server.send("POST /v1/completions", &body);
            stream.read_exact(&mut [0; 15]).unwrap();
            stream
        })
        .collect();
    let killed = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    for mut stream in streams {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.contains("data: [DONE]"), "{text}");
    }
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

/// Writing to the log fails as on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_the_log_ends_nothing() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let server = Server::start_with(&["--verbose"], full.into());
    let body = json!({ "prompt": "The", "max_tokens": 3 });
    assert!(server.ask("POST /v1/completions", &body).starts_with("HTTP/1.1 200 "));
}

#[test]
fn what_cannot_start_says_why() {
    let server = Server::start(&[]);
    let port = server.address.rsplit_once(':').unwrap().1;
    let model = embedded();
    let message = refusal(&["serve", &model, "--port", port], 4, "io");
    assert!(message.contains("another program uses this port") && message.contains("--port"), "{message}");
    let folder = Folder::new();
    let mut bytes = std::fs::read(&model).unwrap();
    // Within a weight of the last block.
    let at = bytes.len() - 300;
    bytes[at] ^= 1;
    let damaged = folder.name("damaged.ecq");
    std::fs::write(&damaged, bytes).unwrap();
    let message = refusal(&["serve", &damaged, "--port", "0"], 3, "corrupt");
    assert!(message.contains("checksum"), "{message}");
    refusal(&["serve", &folder.name("missing.ecq"), "--port", "0"], 4, "io");
    refusal(&["serve", &model, &folder.name("missing.ecq"), "--port", "0"], 4, "io");
    let message = refusal(&["serve", &model, &model, "--port", "0"], 2, "option");
    assert!(message.contains("NAME=MODEL"), "{message}");
    let empty = folder.name("keys");
    std::fs::write(&empty, "\n").unwrap();
    refusal(&["serve", &model, "--port", "0", "--api-key-file", &empty], 2, "option");
    refusal(&["serve", &model, "--port", "0", "--temperature", "-1"], 2, "option");
    refusal(&["serve", &model, "--port", "0", "--mode", "warp"], 2, "option");
}
