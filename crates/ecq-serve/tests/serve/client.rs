//! A server on a free port, and a client that shows every byte.

use ecq_runtime::backend::{Cpu, CpuOptions};
use ecq_runtime::kv::KvOptions;
use ecq_runtime::{
    ChatTemplate, Checkpoint, EngineOptions, ExecutorOptions, LoadOptions, Mode, Model, Tokenizer,
};
use ecq_serve::{ModelParts, ModelSource, Options, ServeError, Stop, listen, serve};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The template of ChatML, with a system message and tools as Hermes models have them.
pub const TEMPLATE: &str = "{% if tools %}<|im_start|>tools\n<tool_call> {{ tools | tojson }}<|im_end|>\n\
    {% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}\
    {% for c in m.tool_calls or [] %}<tool_call>{{ c.function.arguments.items() | list }}</tool_call>\
    {% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// The embedded model.
pub fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq")
}

/// The weights of the embedded model, loaded once.
pub fn parts(sequences: usize, template: Option<&str>) -> ModelParts {
    static MODEL: OnceLock<(Arc<Model>, Arc<Tokenizer>)> = OnceLock::new();
    let (model, tokenizer) = MODEL.get_or_init(|| {
        let checkpoint = Checkpoint::open(&tiny(), &ecq_core::Limits::default()).unwrap();
        let backend = Arc::new(Cpu::new(CpuOptions::default()).unwrap());
        let options = LoadOptions { mode: Mode::Cached, ..LoadOptions::default() };
        let model = Model::load(&checkpoint, backend, options).unwrap();
        (Arc::new(model), Arc::new(Tokenizer::from_checkpoint(&checkpoint).unwrap()))
    });
    let kv = KvOptions { sequences, positions: Some(sequences * 256), ..KvOptions::default() };
    let executor = ExecutorOptions { kv, ..ExecutorOptions::default() };
    ModelParts {
        model: model.clone(),
        tokenizer: tokenizer.clone(),
        template: template.map(|text| ChatTemplate::new(text, String::new(), String::new()).unwrap()),
        engine: EngineOptions { executor, ..EngineOptions::default() },
        draft: None,
    }
}

/// The embedded model under a name.
pub fn source(name: &str, sequences: usize, template: Option<&'static str>) -> ModelSource {
    let open = Box::new(move || Ok(parts(sequences, template)));
    ModelSource { name: name.to_owned(), bytes: 7_000_000, open }
}

/// A running server; dropping it shuts it down and checks that it ends.
pub struct Server {
    pub address: SocketAddr,
    pub stop: UnboundedSender<()>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Server {
    /// The embedded model as `tiny`, with a chat template.
    pub fn start(options: Options) -> Self {
        let sequences = options.parallel;
        Self::with(vec![source("tiny", sequences, Some(TEMPLATE))], options)
    }

    pub fn with(sources: Vec<ModelSource>, options: Options) -> Self {
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, messages) = unbounded_channel();
        let (ready, is_ready) = channel();
        let run = move || {
            serve(listener, sources, options, Stop::Messages(messages), move || ready.send(()).unwrap())
        };
        let thread = Some(thread::spawn(run));
        is_ready.recv_timeout(Duration::from_secs(60)).unwrap();
        Self { address, stop, thread }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends a request and returns its connection.
    pub fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> TcpStream {
        let mut stream = self.connect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}Content-Length: \
             {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        stream
    }

    pub fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        Answer::read(self.send(method, path, headers, body)).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, "", body.to_string().as_bytes())
    }

    /// The object of an answer with status 200.
    pub fn object(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body);
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        answer.json()
    }

    /// The error of an answer with this status.
    pub fn error(&self, path: &str, body: &Value, status: u16) -> Value {
        let answer = self.post(path, body);
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        answer.json()["error"].clone()
    }

    /// The events of a streamed answer.
    pub fn events(&self, path: &str, body: &Value) -> Vec<SentEvent> {
        let answer = self.post(path, body);
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        events(&answer.text())
    }

    /// Waits until the engine has no request.
    pub fn wait_until_idle(&self) {
        for _ in 0..1000 {
            let text = self.get("/metrics").text();
            if text.contains("ecq_active_requests 0\n") && text.contains("ecq_running_sequences 0\n") {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the engine is still busy: {}", self.get("/metrics").text());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        let ended = self.thread.take().unwrap().join();
        if !thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads an answer to its end.
    pub fn read(stream: TcpStream) -> std::io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("no status in {line:?}")))?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut body = Vec::new();
        reader.read_to_end(&mut body)?;
        let mut this = Self { status, headers, body };
        if this.header("transfer-encoding") == Some("chunked") {
            this.body = unchunked(&this.body);
        }
        Ok(this)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body, which is always UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        out.extend_from_slice(&body[end + 2..end + 2 + length]);
        body = &body[end + 4 + length..];
    }
    out
}

/// A server-sent event.
#[derive(Debug, PartialEq)]
pub struct SentEvent {
    pub event: Option<String>,
    pub data: String,
}

impl SentEvent {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|_| panic!("no JSON: {}", self.data))
    }
}

/// Parses a stream of events; comments are skipped.
pub fn events(text: &str) -> Vec<SentEvent> {
    let mut out = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':')) {
        let mut event = SentEvent { event: None, data: String::new() };
        for line in block.lines() {
            match line.split_once(": ").unwrap() {
                ("event", name) => event.event = Some(name.to_owned()),
                ("data", data) => event.data = data.to_owned(),
                other => panic!("{other:?}"),
            }
        }
        out.push(event);
    }
    out
}
