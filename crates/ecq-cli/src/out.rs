//! Lines on standard output.

use std::fmt::Arguments;
use std::io::Write;

/// Prints a line; when nobody reads any more (`ecq ... | head`), the program is done.
pub fn line(args: Arguments) {
    if writeln!(std::io::stdout(), "{args}").is_err() {
        std::process::exit(0);
    }
}

/// `println!` that does not panic when the reader is gone.
macro_rules! say {
    ($($arg:tt)*) => { crate::out::line(format_args!($($arg)*)) };
}
pub(crate) use say;

/// Prints text as it comes, without a line's end.
pub fn write(text: &str) {
    let mut out = std::io::stdout();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}
