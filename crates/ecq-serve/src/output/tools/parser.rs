//! Finds tool calls in the text of an answer.

use super::gemma::GemmaCall;
use super::json::{JsonCall, Scan, ScanStep};
use super::xml::XmlCall;
use super::{Call, CallParser, Dialect, Step, Tool};
use crate::output::seeker::Seeker;
use crate::output::{Output, Outputs};

/// Separates tool calls from text, as they arrive.
///
/// Text that begins like a call and turns out to be none is emitted as text, unless its start has been
/// emitted as a call.
pub struct ToolParser {
    dialect: Dialect,
    tools: Vec<Tool>,
    state: State,
    /// Number of calls so far.
    calls: usize,
    /// White space around calls, dropped if another call or the end follows.
    space: String,
}

enum State {
    /// Text; `start` while nothing but white space has been seen.
    Text {
        seeker: Seeker,
        start: bool,
    },
    /// After the mark of a call: the next character tells its form.
    Mark {
        mark: &'static str,
        space: String,
    },
    Call {
        parser: Box<dyn CallParser>,
        call: Call,
        raw: String,
    },
    /// The name of a call of Mistral, up to its arguments.
    Name(String),
    /// Arguments of a call of Mistral.
    Arguments {
        scan: Scan,
        call: Call,
    },
    /// In a list of calls of Mistral.
    List,
}

impl ToolParser {
    /// For a model that may call these tools.
    pub fn new(dialect: Dialect, tools: Vec<Tool>) -> Self {
        let state = State::Text { seeker: Seeker::new(dialect.begin()), start: true };
        Self { dialect, tools, state, calls: 0, space: String::new() }
    }

    /// Returns the number of calls so far.
    pub fn calls(&self) -> usize {
        self.calls
    }

    /// Adds a piece of text.
    pub fn push(&mut self, piece: &str, out: &mut Outputs) {
        // The forms differ in what one character means, and pieces are short.
        for c in piece.chars() {
            self.push_char(c, out);
        }
    }

    fn push_char(&mut self, c: char, out: &mut Outputs) {
        match &mut self.state {
            State::Text { start, .. } if self.dialect == Dialect::Bare && *start && c == '{' => {
                self.begin(Box::new(JsonCall::new(true)), true, "");
                self.push_char(c, out);
            }
            // Separates calls of Llama.
            State::Text { start, .. } if *start && self.calls > 0 && c == ';' => {}
            State::Text { seeker, start } => {
                let found = seeker.push(c.encode_utf8(&mut [0; 4]));
                let blank = found.text.trim().is_empty();
                *start &= blank;
                self.space += &found.text;
                if !blank {
                    out.push(Output::Text(std::mem::take(&mut self.space)));
                }
                if let Some((mark, _)) = found.mark {
                    let mark = self.dialect.begin()[mark];
                    match mark {
                        // The end of a call.
                        "</tool_call>" | "<tool_call|>" => self.text(true),
                        mark => self.state = State::Mark { mark, space: String::new() },
                    }
                }
            }
            State::Mark { space, .. } if c.is_whitespace() => space.push(c),
            State::Mark { mark, space } => {
                let mark = format!("{mark}{space}");
                match (self.dialect, c) {
                    (Dialect::Mistral, '[') => self.state = State::List,
                    (Dialect::Mistral, _) => self.state = State::Name(c.to_string()),
                    (Dialect::Gemma, _) => self.begin_with(Box::new(GemmaCall::default()), &mark, c, out),
                    (_, '<') => self.begin_with(Box::new(XmlCall::new(self.tools.clone())), &mark, c, out),
                    _ => self.begin_with(Box::new(JsonCall::new(false)), &mark, c, out),
                }
            }
            State::Call { parser, call, raw } => {
                raw.push(c);
                let started = call.started;
                let step = parser.push(c, call, out);
                if call.started && !started {
                    self.calls += 1;
                }
                match step {
                    Step::More => {}
                    Step::Done if matches!(self.dialect, Dialect::Mistral) => self.state = State::List,
                    Step::Done => self.text(true),
                    Step::Invalid => self.give_up(out),
                }
            }
            State::Name(name) => {
                name.push(c);
                if c != '{' {
                    return;
                }
                let name = name.trim_end_matches('{').trim_end_matches("[ARGS]");
                let name = name.split("[CALL_ID]").next().unwrap_or_default().trim().to_owned();
                let mut call = self.call(false);
                call.start(&name, out);
                self.calls += 1;
                self.state = State::Arguments { scan: Scan::default(), call };
                self.push_char(c, out);
            }
            State::Arguments { scan, call } => {
                let step = scan.push(c);
                call.arguments(c, out);
                if step == ScanStep::Last {
                    self.text(true);
                }
            }
            State::List => match c {
                '{' => {
                    self.begin(Box::new(JsonCall::new(false)), false, "");
                    self.push_char(c, out);
                }
                ',' => {}
                c if c.is_whitespace() => {}
                _ => self.text(true),
            },
        }
    }

    /// Ends the text.
    pub fn finish(&mut self, out: &mut Outputs) {
        match &mut self.state {
            State::Text { seeker, .. } => {
                let rest = seeker.finish();
                if !rest.is_empty() || self.calls == 0 {
                    out.push(Output::Text(std::mem::take(&mut self.space) + &rest));
                }
            }
            State::Mark { mark, space } => {
                let text = format!("{}{mark}{space}", self.space);
                out.push(Output::Text(text));
            }
            State::Call { call, .. } if !call.started => self.give_up(out),
            State::Name(name) => {
                let text = format!("[TOOL_CALLS]{name}");
                out.push(Output::Text(text));
            }
            _ => {}
        }
    }

    fn text(&mut self, start: bool) {
        self.space.clear();
        self.state = State::Text { seeker: Seeker::new(self.dialect.begin()), start };
    }

    fn call(&self, strict: bool) -> Call {
        let names = self.tools.iter().map(|tool| tool.name.clone()).collect();
        Call { index: self.calls, started: false, names, strict }
    }

    fn begin(&mut self, parser: Box<dyn CallParser>, strict: bool, mark: &str) {
        let raw = std::mem::take(&mut self.space) + mark;
        self.state = State::Call { parser, call: self.call(strict), raw };
    }

    fn begin_with(&mut self, parser: Box<dyn CallParser>, mark: &str, c: char, out: &mut Outputs) {
        self.begin(parser, false, mark);
        self.push_char(c, out);
    }

    /// Emits the text of what is no call. What has been emitted as a call stays one.
    fn give_up(&mut self, out: &mut Outputs) {
        let State::Call { call, raw, .. } = &mut self.state else { return };
        let (started, raw) = (call.started, std::mem::take(raw));
        self.text(false);
        if !started {
            out.push(Output::Text(raw));
        }
    }
}
