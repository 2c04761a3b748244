//! The `ecq` command: parses arguments, calls the library, prints results.
//!
//! The command is a library too, so that packages of other languages include it. Its interface is [`main`];
//! programs use the crate `ecq`.

mod args;
mod chart;
mod commands;
mod exit;
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
use exit::ExitCode;
use std::ffi::OsString;

pub use commands::demo::MODEL as DEMO_MODEL;

/// Runs the command with the arguments `args`, of which the first is the name of the program, and returns the
/// exit code.
///
/// The command takes over standard output, standard error and the handling of Ctrl-C. It ends the process if
/// standard output cannot be written and at a second Ctrl-C.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let code = match Cli::read(&args) {
        Ok(cli) => run(cli),
        Err(error) => usage(&error, &args),
    };
    out::flush();
    code.into()
}

fn run(cli: Cli) -> ExitCode {
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
        #[cfg(feature = "serve")]
        Command::Serve(args) => commands::serve::run(&args, json),
        Command::Eval(args) => commands::eval::run(&args, json),
        Command::Plot(args) => commands::plot::run(&args, json),
        Command::FakeQuant(args) => commands::fake_quant::run(&args, json),
        Command::Sweep(args) => commands::sweep::run(&args, json),
        Command::Bench(args) => commands::bench::run(&args, json),
        Command::Doctor(args) => commands::doctor::run(&args, json),
        Command::Completions { shell } => commands::manual::completions(shell),
        Command::Man { folder } => commands::manual::pages(&folder),
    };
    result.unwrap_or_else(|error| {
        json::report_error(&error, json);
        ExitCode::from(json::exit_code(&error))
    })
}

/// Reports an error in the arguments: as an object on standard output if `--json` is among them.
fn usage(error: &clap::Error, args: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        // Help and version.
        out::check(error.print());
        return ExitCode::SUCCESS;
    }
    if args.iter().any(|arg| arg == "--json") {
        outln!("{}", json::error_object("usage", None, None, error.to_string().trim()));
    } else {
        // A failure to print the message cannot be reported anywhere.
        let _ = error.print();
    }
    ExitCode::from(2)
}
