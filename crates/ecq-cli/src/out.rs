//! Lines on standard output, and what becomes of the program when they do not arrive.

use crate::wrap::fill;
use std::fmt::Arguments;
use std::io::{self, Write};

/// Prints a line.
pub fn line(args: Arguments) {
    let mut out = io::stdout();
    arrived(writeln!(out, "{args}"));
}

/// `println!` that does not panic when the reader is gone.
macro_rules! say {
    ($($arg:tt)*) => { crate::out::line(format_args!($($arg)*)) };
}
pub(crate) use say;

/// Prints a text, folded to lines.
pub fn prose(text: &str) {
    line(format_args!("{}", fill(text)));
}

/// Prints text as it comes, without a line's end.
pub fn write(text: &str) {
    let mut out = io::stdout();
    arrived(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

/// What was printed and is still on its way is written out.
pub fn flush() {
    arrived(io::stdout().flush());
}

/// Ends the program where a write failed: in silence if nobody reads any more (`ecq ... | head`), else with
/// an error, for what was printed is lost.
pub fn arrived(written: io::Result<()>) {
    let Err(error) = written else { return };
    if error.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    // Nothing is left to do if standard error fails too.
    let _ = writeln!(io::stderr(), "error: standard output: {error}");
    std::process::exit(4);
}
