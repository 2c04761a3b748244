use super::complete::complete;
use super::engine::{Loaded, sampling};
use super::input::{Entry, Input};
use crate::args::ChatArgs;
use crate::exit::ExitCode;
use crate::out::{outln, write};
use crate::table::three_digits;
use crate::wrap::{Wrap, terminal_columns};
use crate::{interrupt, json, texts};
use anyhow::Context;
use ecq::runtime::{
    ChatTemplate, Engine, FinishReason, Message, Request, RuntimeError, SampleOptions, Usage,
};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

const HELP: &str = "\
/help         show this help
/reset        start a new conversation
/system TEXT  set the system prompt and start a new conversation
/undo         remove the last message and its answer
/save FILE    save the conversation
/load FILE    load a conversation
/stats        show the speed of the last answer
/quit         quit (also: end of input)
Enclose a message of several lines in \"\"\", or end each line but the last with \\.
Ctrl-C stops an answer.";

/// Default maximum number of tokens of an answer.
const MAX_TOKENS: usize = 512;

pub fn run(args: &ChatArgs, json: bool) -> anyhow::Result<ExitCode> {
    interrupt::install_handler()?;
    let sampling = sampling(&args.sampling)?;
    let loaded = Loaded::open(&args.engine)?;
    let mut chat = Chat {
        template: ChatTemplate::from_checkpoint(&loaded.checkpoint)?,
        engine: loaded.text_engine(1, usize::MAX, &args.draft)?,
        sampling,
        messages: Vec::new(),
        last: None,
        own_files: Vec::new(),
        loaded: &loaded,
        args,
        json,
    };
    chat.reset(args.system.as_deref());
    let interactive = std::io::stdin().is_terminal() && !json;
    if interactive {
        eprintln!("{}; /help lists the commands", args.engine.model.display());
    }
    let mut input = if interactive { Input::from_terminal()? } else { Input::from_stdin() };
    loop {
        let message = match input.next()? {
            Entry::Message(message) => message,
            Entry::Invalid(why) => {
                chat.report("encoding", &why)?;
                continue;
            }
            Entry::End => return Ok(ExitCode::SUCCESS),
        };
        match message.split_once(' ').map_or((message.as_str(), ""), |(word, rest)| (word, rest.trim())) {
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
            ("/save" | "/load", "") => eprintln!("expected a file: /save FILE or /load FILE"),
            ("/save", file) => print_outcome(chat.save(Path::new(file))),
            ("/load", file) => print_outcome(chat.load(Path::new(file))),
            ("/stats", _) => chat.stats(),
            (word, _) if word.starts_with('/') => {
                eprintln!("unknown command {word}; /help lists the commands")
            }
            _ => chat.answer(&message)?,
        }
    }
}

/// Prints the outcome of a command whose failure does not end the conversation.
fn print_outcome(result: anyhow::Result<String>) {
    match result {
        Ok(done) => eprintln!("{done}"),
        Err(error) => eprintln!("error: {error:#}"),
    }
}

/// A conversation.
struct Chat<'a> {
    loaded: &'a Loaded,
    args: &'a ChatArgs,
    template: ChatTemplate,
    /// Its KV cache still holds the conversation so far.
    engine: Engine,
    /// Sampling options of the next answer.
    sampling: SampleOptions,
    messages: Vec<Message>,
    /// Usage of the last answer.
    last: Option<Usage>,
    /// Files that the conversation was saved to or loaded from, which `/save` may replace.
    own_files: Vec<PathBuf>,
    json: bool,
}

impl Chat<'_> {
    fn reset(&mut self, system: Option<&str>) {
        self.messages = system.map(|text| Message::new("system", text)).into_iter().collect();
    }

    /// Reports that a message was rejected; the conversation continues.
    fn report(&self, kind: &str, why: &str) -> anyhow::Result<()> {
        match self.json {
            true => json::print(&json::error_object(kind, None, None, why)),
            false => {
                eprintln!("{why}");
                Ok(())
            }
        }
    }

    fn answer(&mut self, message: &str) -> anyhow::Result<()> {
        self.messages.push(Message::new("user", message));
        // The template adds the special tokens.
        let tokenizer = &self.loaded.tokenizer;
        let prompt = tokenizer.encode(&self.template.render(&self.messages)?, false)?;
        let max_tokens = self.args.generation.max_tokens.unwrap_or(MAX_TOKENS);
        let request = Request {
            sampling: self.sampling,
            end_tokens: tokenizer.end_tokens().into(),
            stop: self.args.generation.stop.clone(),
            ..Request::new(prompt, max_tokens)
        };
        let json = self.json;
        let mut wrap = terminal_columns().map(Wrap::new);
        let completed = complete(&mut self.engine, request, |_, text| match &mut wrap {
            _ if json => {}
            Some(wrap) => write(&wrap.push(text)),
            None => write(text),
        });
        let answer = match completed {
            Err(RuntimeError::ContextFull { tokens, context }) => {
                self.messages.pop();
                let why = format!(
                    "the conversation and this message take {tokens} tokens of a context of {context}; the \
                     message was not sent. Shorten the conversation with /undo or start a new one with /reset"
                );
                return self.report("context_full", &why);
            }
            other => other?.sequences.remove(0),
        };
        // Repeating a message may give another answer.
        self.sampling.seed = self.sampling.seed.wrapping_add(1);
        let context = self.engine.executor().context();
        if self.json {
            json::print(&json!({
                "text": answer.text, "tokens": answer.tokens, "finish_reason": answer.reason.name(),
                "context_full": answer.reason == FinishReason::ContextFull,
                "prompt_tokens": answer.usage.prompt_tokens, "context": context,
            }))?;
        } else {
            outln!("{}", wrap.as_mut().map(Wrap::finish).unwrap_or_default());
        }
        match answer.reason {
            FinishReason::MaxTokens if !self.json => {
                eprintln!("(stopped after {max_tokens} tokens; -n sets the limit)");
            }
            FinishReason::ContextFull => eprintln!(
                "stopped: the context of {context} tokens is full. Shorten the conversation with /undo or \
                 start a new one with /reset"
            ),
            _ => {}
        }
        self.messages.push(Message::new("assistant", &answer.text));
        self.last = Some(answer.usage);
        Ok(())
    }

    fn save(&mut self, file: &Path) -> anyhow::Result<String> {
        let messages = self.messages.iter().map(|m| json!({ "role": m.role, "content": m.content }));
        let text = format!("{:#}\n", json!({ "messages": messages.collect::<Vec<_>>() }));
        let own = self.own_files.iter().any(|own| own == file);
        texts::write(file, text.as_bytes(), std::slice::from_ref(&self.args.engine.model), own)?;
        self.own_files.push(file.to_owned());
        Ok(format!("saved {} messages to {}", self.messages.len(), file.display()))
    }

    fn load(&mut self, file: &Path) -> anyhow::Result<String> {
        let text = texts::read(file)?;
        let expected =
            || format!("{}: expected a conversation saved by /save, {{\"messages\": [...]}}", file.display());
        let value: Value = serde_json::from_str(&text).with_context(expected)?;
        let list = value["messages"].as_array().with_context(expected)?;
        let message = |value: &Value| Some(Message::new(value["role"].as_str()?, value["content"].as_str()?));
        let messages: Option<Vec<Message>> = list.iter().map(message).collect();
        self.messages = messages.with_context(expected)?;
        self.own_files.push(file.to_owned());
        Ok(format!("loaded {} messages from {}", self.messages.len(), file.display()))
    }

    fn stats(&self) {
        let Some(last) = &self.last else { return eprintln!("no answer yet") };
        let context = self.engine.executor().context();
        eprintln!(
            "prompt: {} of {} tokens, {} tokens/s; answer: {} tokens, {} tokens/s; context: {} of {} tokens",
            last.prompt_tokens - last.cached_tokens,
            last.prompt_tokens,
            three_digits(last.prefill_tokens_per_s()),
            last.new_tokens,
            three_digits(last.decode_tokens_per_s()),
            // A token sampled when the context is full is not stored in it.
            (last.prompt_tokens + last.new_tokens).min(context),
            context
        );
        if let Some(part) = last.acceptance_rate() {
            eprintln!("draft: {:.0}% of {} proposed tokens accepted", 100.0 * part, last.drafted_tokens);
        }
    }
}
