//! Many clients at once: the same tokens, no leak, no stuck engine.

use crate::client::{Answer, Server};
use ecq_serve::Options;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Read;
use std::thread;
use std::time::Duration;

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

const PROMPTS: [&str; 6] = [
    "The Debian project is",
    "To install a package, run",
    "a",
    "The kernel reads the configuration file and then",
    "😀 é",
    "The Debian project is an association of individuals who have made common cause to create",
];

/// Request number `i` of a fixed list of kinds.
fn request(i: usize) -> Value {
    let mut body = json!({
        "prompt": PROMPTS[i % 6], "max_tokens": 4 + i % 13, "seed": i % 7, "temperature": 0.9,
        "top_k": ([0, 20][i % 2]),
    });
    match i % 5 {
        0 => body["n"] = 2.into(),
        1 => body["frequency_penalty"] = 0.5.into(),
        2 => body["stop"] = json!(["the", "."]),
        _ => {}
    }
    body
}

fn texts(object: &Value) -> Vec<String> {
    let choices = object["choices"].as_array().unwrap_or_else(|| panic!("{object}"));
    choices.iter().map(|choice| choice["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_seeded_request_has_the_same_text_alone_and_among_64_others() {
    let server = Server::start(Options { parallel: 16, ..Options::default() });
    let alone: Vec<_> = (0..8).map(|i| texts(&server.object("/v1/completions", &request(i)))).collect();
    let together: Vec<_> = (0..65).map(|i| (i % 8, request(i % 8), (i * 7919) % 30)).collect();
    thread::scope(|scope| {
        for (i, body, delay) in &together {
            let (server, alone) = (&server, &alone);
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(*delay as u64));
                assert_eq!(texts(&server.object("/v1/completions", body)), alone[*i], "{body}");
            });
        }
    });
}

/// 64 clients and 2,000 requests: a third leave at random moments, some read slowly, and each client also
/// sends malformed bodies, 10,000 altogether.
#[test]
fn load_leaks_nothing_and_changes_no_answer() {
    const CLIENTS: usize = 64;
    const REQUESTS: usize = 2000;
    const MUTATED: usize = 10_000;
    let server = Server::start(Options { parallel: 16, body_bytes: 4096, ..Options::default() });
    // 13 * 5 * 2 * 7 kinds are more than needed; the answers of 40 are computed alone.
    let kinds = 40;
    let alone: HashMap<usize, Vec<String>> =
        (0..kinds).map(|i| (i, texts(&server.object("/v1/completions", &request(i))))).collect();
    server.wait_until_idle();
    let before = Counts::of_process();
    let counts = thread::scope(|scope| {
        let client = |number: usize| {
            let (server, alone) = (&server, &alone);
            scope.spawn(move || {
                let mut random = Random(number as u64 + 1);
                let mut counts = [0usize; 3];
                for _ in 0..REQUESTS.div_ceil(CLIENTS) {
                    let kind = random.below(kinds);
                    let mut body = request(kind);
                    let leaves = random.below(3) == 0;
                    if leaves {
                        body["stream"] = true.into();
                        let mut stream =
                            server.send("POST", "/v1/completions", "", body.to_string().as_bytes());
                        thread::sleep(Duration::from_millis(random.below(40) as u64));
                        if random.below(2) == 0 {
                            let _ = stream.read(&mut [0; 64]);
                        }
                        counts[0] += 1;
                        continue;
                    }
                    let stream = server.send("POST", "/v1/completions", "", body.to_string().as_bytes());
                    if random.below(10) == 0 {
                        // A slow reader.
                        thread::sleep(Duration::from_millis(200));
                    }
                    let answer = Answer::read(stream).unwrap();
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    assert_eq!(texts(&answer.json()), alone[&kind], "{body}");
                    counts[1] += 1;
                }
                for _ in 0..MUTATED.div_ceil(CLIENTS) {
                    let body = mutated(&mut random);
                    let answer = Answer::read(server.send("POST", "/v1/completions", "", &body)).unwrap();
                    let known = matches!(answer.status, 200 | 400 | 404 | 413 | 429);
                    assert!(known, "{}: {}", answer.status, String::from_utf8_lossy(&body));
                    if answer.status != 200 {
                        assert!(answer.json()["error"]["message"].is_string());
                    }
                    counts[2] += 1;
                }
                counts
            })
        };
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        clients.into_iter().map(|client| client.join().unwrap()).fold([0; 3], |mut sum, counts| {
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            sum
        })
    });
    server.wait_until_idle();
    let metrics = server.get("/metrics").text();
    for line in ["ecq_kv_cache_used_bytes 0\n", "ecq_waiting_sequences 0\n", "ecq_engine_panics_total 0\n"] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert_eq!(texts(&server.object("/v1/completions", &request(3))), alone[&3]);
    let after = Counts::of_process();
    println!("left, finished, malformed: {counts:?}; before {before:?}, after {after:?}");
    assert!(counts.iter().sum::<usize>() >= REQUESTS + MUTATED);
    // Sockets of the last clients may still be closing; threads of the server's pool come and go.
    assert!(after.threads <= before.threads + 20 && after.files <= before.files + 20, "{before:?} {after:?}");
    assert!(after.resident_kb < before.resident_kb + 300_000, "{before:?} {after:?}");
}

/// A request body with one to three random changes.
fn mutated(random: &mut Random) -> Vec<u8> {
    let mut body = request(random.below(40));
    body["max_tokens"] = 1.into();
    let mut body = body.to_string().into_bytes();
    for _ in 0..=random.below(3) {
        let at = random.below(body.len());
        match random.below(5) {
            0 => body[at] = random.below(256) as u8,
            1 => body.truncate(at.max(1)),
            2 => body.insert(at, b"{}[]\",:0"[random.below(8)]),
            3 => drop(body.remove(at)),
            _ if random.below(20) == 0 => body.extend(std::iter::repeat_n(b' ', 5000)),
            _ => {
                let part = body[at..].to_vec();
                body.extend(part);
            }
        }
        if body.is_empty() {
            body.push(b'x');
        }
    }
    body
}

/// What could leak.
#[derive(Debug)]
struct Counts {
    threads: usize,
    files: usize,
    resident_kb: usize,
}

impl Counts {
    /// Reads them from the operating system; zero where it has no such files.
    fn of_process() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
        };
        let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self { threads: number("Threads:"), files, resident_kb: number("VmRSS:") }
    }
}
