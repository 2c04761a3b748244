//! The `ecq` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(ecq_cli::main(std::env::args_os()))
}
