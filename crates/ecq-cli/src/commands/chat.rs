use super::engine::{Engine, catch_interrupt, interrupted, sampler};
use crate::args::ChatArgs;
use crate::json;
use crate::out::{say, write};
use crate::table::three_digits;
use ecq::runtime::{ChatTemplate, Generated, Message, RuntimeError, Sampler, Session, Stop, generate};
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::ops::ControlFlow;
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
    let engine = Engine::open(&args.engine)?;
    let mut chat = Chat {
        template: ChatTemplate::of(&engine.checkpoint)?,
        session: engine.session()?,
        sampler: sampler(&args.sample)?,
        messages: Vec::new(),
        last: None,
        engine: &engine,
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
    engine: &'a Engine,
    args: &'a ChatArgs,
    template: ChatTemplate,
    session: Session,
    sampler: Sampler,
    messages: Vec<Message>,
    last: Option<Generated>,
    json: bool,
}

impl Chat<'_> {
    fn reset(&mut self, system: Option<&str>) {
        self.messages = system.map(|text| Message::new("system", text)).into_iter().collect();
    }

    fn answer(&mut self, question: &str) -> anyhow::Result<()> {
        self.messages.push(Message::new("user", question));
        // Templates write their special tokens themselves.
        let prompt = self.engine.tokenizer.encode(&self.template.render(&self.messages)?, false)?;
        let tokenizer = &self.engine.tokenizer;
        let (mut text, mut answer, json) = (tokenizer.stream(), String::new(), self.json);
        let mut failed = Ok(());
        let (most, ends) = (self.args.tokens, tokenizer.end_tokens());
        let generated = generate(&mut self.session, &prompt, &mut self.sampler, most, ends, |token| {
            match text.push(token) {
                Ok(new) => {
                    if !json {
                        write(&new);
                    }
                    answer.push_str(&new);
                }
                Err(error) => failed = Err(error),
            }
            if failed.is_err() || interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        failed?;
        let generated = match generated {
            Err(RuntimeError::ContextFull { tokens, context }) => {
                self.messages.pop();
                eprintln!(
                    "the conversation would take {tokens} tokens of {context}: /reset or /undo makes room"
                );
                return Ok(());
            }
            other => other?,
        };
        if self.json {
            json::print(&json!({ "text": answer, "tokens": generated.tokens }))?;
        } else {
            say!("");
            if generated.stop == Stop::Length {
                eprintln!("(stopped after {most} tokens)");
            }
        }
        self.messages.push(Message::new("assistant", &answer));
        self.last = Some(generated);
        Ok(())
    }

    fn stats(&self) {
        let Some(last) = &self.last else { return eprintln!("nothing was answered yet") };
        eprintln!(
            "read {} of {} tokens at {} tokens/s, wrote {} at {} tokens/s; the text has {} of {} tokens",
            last.prefilled,
            last.prompt_tokens,
            three_digits(last.prefill_tokens_per_s()),
            last.tokens.len(),
            three_digits(last.decode_tokens_per_s()),
            self.session.tokens().len(),
            self.session.context()
        );
    }
}
