use super::complete::complete;
use super::engine::{Loaded, catch_interrupt, sampling};
use crate::args::ChatArgs;
use crate::json;
use crate::out::{say, write};
use crate::table::three_digits;
use ecq::runtime::{
    ChatTemplate, Engine, FinishReason, Message, Request, RuntimeError, SampleOptions, Usage,
};
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

const HELP: &str = "\
/help      this
/reset     forget the conversation
/system T  tell the model T about itself, and forget the conversation
/undo      forget the last question and its answer
/stats     how fast the last answer came
/quit      end (as does the end of input)
Ctrl-C stops an answer.";

pub fn run(args: &ChatArgs, json: bool) -> anyhow::Result<ExitCode> {
    catch_interrupt()?;
    let sampling = sampling(&args.sample)?;
    let loaded = Loaded::open(&args.engine)?;
    let mut chat = Chat {
        template: ChatTemplate::of(&loaded.checkpoint)?,
        engine: loaded.text_engine(1, usize::MAX, &args.draft)?,
        sampling,
        messages: Vec::new(),
        last: None,
        loaded: &loaded,
        args,
        json,
    };
    chat.reset(args.system.as_deref());
    let asks = std::io::stdin().is_terminal() && !json;
    if asks {
        eprintln!("{}; /help says what else there is", args.engine.model.display());
    }
    let mut lines = std::io::stdin().lock().lines();
    loop {
        if asks {
            write("> ");
        }
        let Some(line) = lines.next().transpose()? else { return Ok(ExitCode::SUCCESS) };
        let line = line.trim();
        match line.split_once(' ').map_or((line, ""), |(word, rest)| (word, rest.trim())) {
            ("", _) => {}
            ("/quit" | "/exit", _) => return Ok(ExitCode::SUCCESS),
            ("/help", _) => eprintln!("{HELP}"),
            ("/reset", _) => {
                let system = chat.messages.first().filter(|m| m.role == "system").map(|m| m.content.clone());
                chat.reset(system.as_deref());
            }
            ("/system", text) => chat.reset(Some(text).filter(|text| !text.is_empty())),
            ("/undo", _) => {
                let last = chat.messages.iter().rposition(|message| message.role == "user");
                chat.messages.truncate(last.unwrap_or(chat.messages.len()));
            }
            ("/stats", _) => chat.stats(),
            (word, _) if word.starts_with('/') => eprintln!("{word} is no command; /help lists them"),
            _ => chat.answer(line)?,
        }
    }
}

/// A conversation.
struct Chat<'a> {
    loaded: &'a Loaded,
    args: &'a ChatArgs,
    template: ChatTemplate,
    /// Its cache still has the keys and values of the conversation so far.
    engine: Engine,
    /// How the next answer is sampled.
    sampling: SampleOptions,
    messages: Vec<Message>,
    /// What the last answer took.
    last: Option<Usage>,
    json: bool,
}

impl Chat<'_> {
    fn reset(&mut self, system: Option<&str>) {
        self.messages = system.map(|text| Message::new("system", text)).into_iter().collect();
    }

    fn answer(&mut self, question: &str) -> anyhow::Result<()> {
        self.messages.push(Message::new("user", question));
        // Templates write their special tokens themselves.
        let tokenizer = &self.loaded.tokenizer;
        let prompt = tokenizer.encode(&self.template.render(&self.messages)?, false)?;
        let request = Request {
            sampling: self.sampling,
            end_tokens: tokenizer.end_tokens().into(),
            stop: self.args.stop.clone(),
            ..Request::new(prompt, self.args.tokens)
        };
        let json = self.json;
        let completed = complete(&mut self.engine, request, |_, text| {
            if !json {
                write(text);
            }
        });
        let answer = match completed {
            Err(RuntimeError::ContextFull { tokens, context }) => {
                self.messages.pop();
                eprintln!(
                    "the conversation would take {tokens} tokens of {context}: /reset or /undo makes room"
                );
                return Ok(());
            }
            other => other?.sequences.remove(0),
        };
        // The same question once more may be answered in another way.
        self.sampling.seed = self.sampling.seed.wrapping_add(1);
        if self.json {
            json::print(&json!({ "text": answer.text, "tokens": answer.tokens }))?;
        } else {
            say!("");
            match answer.reason {
                FinishReason::MaxTokens => eprintln!("(stopped after {} tokens)", self.args.tokens),
                FinishReason::ContextFull => {
                    eprintln!("(stopped: the context is full; /reset or /undo makes room)")
                }
                FinishReason::EndToken | FinishReason::StopString | FinishReason::Cancelled => {}
            }
        }
        self.messages.push(Message::new("assistant", &answer.text));
        self.last = Some(answer.usage);
        Ok(())
    }

    fn stats(&self) {
        let Some(last) = &self.last else { return eprintln!("nothing was answered yet") };
        let context = self.engine.executor().context();
        eprintln!(
            "read {} of {} tokens at {} tokens/s, wrote {} at {} tokens/s; the text has {} of {} tokens",
            last.prompt_tokens - last.cached_tokens,
            last.prompt_tokens,
            three_digits(last.prefill_tokens_per_s()),
            last.new_tokens,
            three_digits(last.decode_tokens_per_s()),
            // The token that finds the context full has no place in it.
            (last.prompt_tokens + last.new_tokens).min(context),
            context
        );
        if let Some(part) = last.acceptance() {
            eprintln!("draft: accepted {:.0}% of {} proposed tokens", 100.0 * part, last.drafted_tokens);
        }
    }
}
