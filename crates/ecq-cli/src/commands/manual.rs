//! Completion scripts and man pages, generated from the definition of the command line.

use crate::args::Cli;
use crate::exit::ExitCode;
use crate::out;
use anyhow::{Context, ensure};
use clap_complete::Shell;
use clap_mangen::Man;
use std::path::Path;

/// Prints the completion script for a shell.
pub fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::definition(), "ecq", &mut script);
    out::write(&String::from_utf8(script).context("the completion script")?);
    Ok(ExitCode::SUCCESS)
}

/// Writes `ecq.1`, `ecq-run.1` and so on to an existing folder.
pub fn pages(folder: &Path) -> anyhow::Result<ExitCode> {
    ensure!(folder.is_dir(), "{} is not a folder; create it first", folder.display());
    // The version on a page must not depend on the processor that generates it.
    let mut command = Cli::definition().version(env!("CARGO_PKG_VERSION"));
    // Adds global options to the subcommands.
    command.build();
    write_pages(folder, command, "ecq")?;
    Ok(ExitCode::SUCCESS)
}

fn write_pages(folder: &Path, command: clap::Command, name: &str) -> anyhow::Result<()> {
    let documented =
        |subcommand: &&clap::Command| !subcommand.is_hide_set() && subcommand.get_name() != "help";
    for subcommand in command.get_subcommands().filter(documented) {
        let name = format!("{name}-{}", subcommand.get_name());
        write_pages(folder, subcommand.clone(), &name)?;
    }
    let path = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    // Pages omit the description of options that are hidden in short help.
    let command = command.mut_args(|arg| arg.hide_short_help(false));
    Man::new(command.display_name(name.to_owned())).title(name).render(&mut page)?;
    std::fs::write(&path, page).with_context(|| path.display().to_string())
}
