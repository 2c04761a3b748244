use super::complete::complete;
use super::engine::{Loaded, sampling};
use super::input::{Asked, Input};
use crate::args::ChatArgs;
use crate::out::{say, write};
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
use std::process::ExitCode;

const HELP: &str = "\
/help      this
/reset     forget the conversation
/system T  tell the model T about itself, and forget the conversation
/undo      forget the last question and its answer
/save F    write the conversation to the file F
/load F    go on with the conversation in the file F
/stats     how fast the last answer came
/quit      end (as does the end of input)
A question of several lines stands between \"\"\" and \"\"\", or has a \\ at the end
of each line but the last. Ctrl-C stops an answer.";

pub fn run(args: &ChatArgs, json: bool) -> anyhow::Result<ExitCode> {
    interrupt::catch()?;
    let sampling = sampling(&args.sample)?;
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
    let person = std::io::stdin().is_terminal() && !json;
    if person {
        eprintln!("{}; /help says what else there is", args.engine.model.display());
    }
    let mut input = if person { Input::of_person()? } else { Input::of_program() };
    loop {
        let question = match input.next()? {
            Asked::Question(question) => question,
            Asked::Broken(why) => {
                chat.refuse("encoding", &why)?;
                continue;
            }
            Asked::End => return Ok(ExitCode::SUCCESS),
        };
        match question.split_once(' ').map_or((question.as_str(), ""), |(word, rest)| (word, rest.trim())) {
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
            ("/save" | "/load", "") => eprintln!("a file is needed: /save FILE or /load FILE"),
            ("/save", file) => said(chat.save(Path::new(file))),
            ("/load", file) => said(chat.load(Path::new(file))),
            ("/stats", _) => chat.stats(),
            (word, _) if word.starts_with('/') => eprintln!("{word} is no command; /help lists them"),
            _ => chat.answer(&question)?,
        }
    }
}

/// What came of a command that may fail without ending the conversation.
fn said(result: anyhow::Result<String>) {
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
    /// Its cache still has the keys and values of the conversation so far.
    engine: Engine,
    /// How the next answer is sampled.
    sampling: SampleOptions,
    messages: Vec<Message>,
    /// What the last answer took.
    last: Option<Usage>,
    /// Files that this conversation was saved to or loaded from, which it may replace.
    own_files: Vec<PathBuf>,
    json: bool,
}

impl Chat<'_> {
    fn reset(&mut self, system: Option<&str>) {
        self.messages = system.map(|text| Message::new("system", text)).into_iter().collect();
    }

    /// Says that a question is not asked; the conversation goes on.
    fn refuse(&self, kind: &str, why: &str) -> anyhow::Result<()> {
        match self.json {
            true => json::print(&json::error_object(kind, None, None, why)),
            false => {
                eprintln!("{why}");
                Ok(())
            }
        }
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
            ..Request::new(prompt, self.args.max_tokens)
        };
        let json = self.json;
        let mut wrap = terminal_columns().map(|columns| Wrap::new(columns, 0));
        let completed = complete(&mut self.engine, request, |_, text| match &mut wrap {
            _ if json => {}
            Some(wrap) => write(&wrap.push(text)),
            None => write(text),
        });
        let answer = match completed {
            Err(RuntimeError::ContextFull { tokens, context }) => {
                self.messages.pop();
                let why = format!(
                    "the conversation would take {tokens} tokens of {context}: /reset or /undo makes room; the \
                     question was not asked, nothing is forgotten"
                );
                return self.refuse("context_full", &why);
            }
            other => other?.sequences.remove(0),
        };
        // The same question once more may be answered in another way.
        self.sampling.seed = self.sampling.seed.wrapping_add(1);
        let context = self.engine.executor().context();
        if self.json {
            json::print(&json!({
                "text": answer.text, "tokens": answer.tokens, "finish_reason": answer.reason.name(),
                "context_full": answer.reason == FinishReason::ContextFull,
                "prompt_tokens": answer.usage.prompt_tokens, "context": context,
            }))?;
        } else {
            say!("{}", wrap.as_mut().map(Wrap::finish).unwrap_or_default());
        }
        match answer.reason {
            FinishReason::MaxTokens if !self.json => {
                eprintln!("(stopped after {} tokens; -n sets how many)", self.args.max_tokens);
            }
            FinishReason::ContextFull => eprintln!(
                "stopped: the context of {context} tokens is full; /reset or /undo makes room, nothing is forgotten"
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
        let expected = || format!("{}: expected what /save writes, {{\"messages\": [...]}}", file.display());
        let value: Value = serde_json::from_str(&text).with_context(expected)?;
        let list = value["messages"].as_array().with_context(expected)?;
        let message = |value: &Value| Some(Message::new(value["role"].as_str()?, value["content"].as_str()?));
        let messages: Option<Vec<Message>> = list.iter().map(message).collect();
        self.messages = messages.with_context(expected)?;
        self.own_files.push(file.to_owned());
        Ok(format!("loaded {} messages from {}", self.messages.len(), file.display()))
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
        if let Some(part) = last.acceptance_rate() {
            eprintln!("draft: accepted {:.0}% of {} proposed tokens", 100.0 * part, last.drafted_tokens);
        }
    }
}
