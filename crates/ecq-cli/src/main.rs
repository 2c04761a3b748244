//! The `ecq` command: parses arguments, calls the library, prints results.

mod args;
mod chart;
mod commands;
mod interrupt;
mod json;
mod out;
mod page;
mod plot;
mod progress;
mod sources;
mod table;
mod texts;
mod version;
mod warnings;
mod wrap;

use crate::out::outln;
use args::{Cli, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let json = cli.json;
    let result = match cli.command {
        Command::Demo(args) => commands::demo::run(&args, json),
        Command::Analyze(args) => commands::analyze::run(&args, json),
        Command::Report(args) => commands::report::run(&args, json),
        Command::Quantize(args) => commands::quantize::run(&args, json),
        Command::Verify(args) => commands::verify::run(&args, json),
        Command::Inspect(args) => commands::inspect::run(&args, json),
        Command::Export(args) => commands::export::run(&args, json),
        Command::Diff(args) => commands::verify::diff(&args, json),
        Command::Run(args) => commands::run::run(&args, json),
        Command::Chat(args) => commands::chat::run(&args, json),
        Command::Eval(args) => commands::eval::run(&args, json),
        Command::Plot(args) => commands::plot::run(&args, json),
        Command::Bench(args) => commands::bench::run(&args, json),
        Command::Doctor => commands::doctor::run(json),
        Command::Completions { shell } => commands::manual::completions(shell),
        Command::Man { folder } => commands::manual::pages(&folder),
    };
    let code = match result {
        Ok(code) => code,
        Err(error) => {
            json::report_error(&error, json);
            ExitCode::from(json::exit_code(&error))
        }
    };
    out::flush();
    code
}

/// Reports an error in the arguments: as an object on standard output if `--json` is among them.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help and version.
        out::check(error.print());
        out::flush();
        return ExitCode::SUCCESS;
    }
    if args::wants_json(std::env::args_os()) {
        outln!("{}", json::error_object("usage", None, None, error.to_string().trim()));
        out::flush();
    } else {
        // A failure to print the message cannot be reported anywhere.
        let _ = error.print();
    }
    ExitCode::from(2)
}
