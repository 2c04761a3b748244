//! Calls of Gemma 4: `call:NAME{key:<|"|>text<|"|>,other:1}`.

use super::{Call, CallParser, Step};
use crate::output::Outputs;
use serde_json::Value;

/// The mark around strings.
const QUOTE: &str = "<|\"|>";

/// Reads a call and writes its arguments as JSON.
#[derive(Debug, Default)]
pub struct GemmaCall {
    /// Text before the first brace.
    head: String,
    /// Depth of braces and brackets; 0 before the first one.
    depth: usize,
    in_string: bool,
    /// What may become a mark.
    mark: String,
    /// A key, number or constant.
    word: String,
}

impl GemmaCall {
    /// Emits the word as a key, or as a value: as it is if it is JSON, else as a string.
    fn end_of_word(&mut self, key: bool, call: &Call, out: &mut Outputs) {
        let word = std::mem::take(&mut self.word);
        let word = word.trim();
        if word.is_empty() {
            return;
        }
        let plain = !key && serde_json::from_str::<Value>(word).is_ok();
        call.arguments(if plain { word.to_owned() } else { Value::from(word).to_string() }, out);
    }
}

impl CallParser for GemmaCall {
    fn push(&mut self, c: char, call: &mut Call, out: &mut Outputs) -> Step {
        if self.depth == 0 {
            if c != '{' {
                self.head.push(c);
                let head = self.head.trim_start();
                let fits = head.starts_with("call:") || "call:".starts_with(head);
                return if fits { Step::More } else { Step::Invalid };
            }
            let Some(name) = self.head.trim().strip_prefix("call:") else { return Step::Invalid };
            self.depth = 1;
            let step = call.start(name, out);
            call.arguments("{", out);
            return step;
        }
        self.mark.push(c);
        if self.mark == QUOTE {
            self.mark.clear();
            self.in_string = !self.in_string;
            call.arguments("\"", out);
            return Step::More;
        }
        if QUOTE.starts_with(&self.mark) {
            return Step::More;
        }
        for c in std::mem::take(&mut self.mark).chars() {
            if self.in_string {
                let quoted = Value::from(c.to_string()).to_string();
                call.arguments(&quoted[1..quoted.len() - 1], out);
                continue;
            }
            match c {
                '{' | '[' => {
                    self.depth += 1;
                    call.arguments(c, out);
                }
                ':' => {
                    self.end_of_word(true, call, out);
                    call.arguments(":", out);
                }
                ',' | '}' | ']' => {
                    self.end_of_word(false, call, out);
                    call.arguments(c, out);
                    self.depth -= usize::from(c != ',');
                    if self.depth == 0 {
                        return Step::Done;
                    }
                }
                c => self.word.push(c),
            }
        }
        Step::More
    }
}
