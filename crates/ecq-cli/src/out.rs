//! Standard output, with write errors handled.

use crate::wrap::fill;
use std::fmt::Arguments;
use std::io::{self, Write};

/// Prints a line.
pub fn line(args: Arguments) {
    let mut out = io::stdout();
    check(writeln!(out, "{args}"));
}

/// `println!` that exits instead of panicking when standard output fails; see [`check`].
macro_rules! outln {
    ($($arg:tt)*) => { crate::out::line(format_args!($($arg)*)) };
}
pub(crate) use outln;

/// Prints a line on standard error. A failure is ignored: it cannot be reported anywhere, and a server must
/// not end because the disk under its log is full.
pub fn message(args: Arguments) {
    let _ = writeln!(io::stderr(), "{args}");
}

/// `eprintln!` that does not panic when standard error fails; see [`message`].
macro_rules! errln {
    ($($arg:tt)*) => { crate::out::message(format_args!($($arg)*)) };
}
pub(crate) use errln;

/// Prints a text wrapped to the width of the terminal.
pub fn paragraph(text: &str) {
    line(format_args!("{}", fill(text)));
}

/// Prints text without a line break and flushes it.
pub fn write(text: &str) {
    let mut out = io::stdout();
    check(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// Flushes standard output.
pub fn flush() {
    check(io::stdout().flush());
}

/// Exits if a write failed: with success if the reader has closed the pipe (`ecq ... | head`), with an error
/// otherwise, because output is lost.
pub fn check(written: io::Result<()>) {
    let Err(error) = written else { return };
    if error.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    // A failure to print the message cannot be reported anywhere.
    let _ = writeln!(io::stderr(), "error: standard output: {error}");
    std::process::exit(4);
}
