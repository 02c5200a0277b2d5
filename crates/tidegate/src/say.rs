//! What a command says to the person who typed it. A closed pipe is their choice, not an error.

use std::io::Write;

/// To standard output.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// To standard output, as it is, at once.
pub(crate) fn raw(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// To standard error.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "tidegate: {text}");
}

/// To standard error, as it is: a report that says by itself what it is.
pub(crate) fn report(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Does a person read standard error?
pub(crate) fn is_terminal() -> bool {
    use std::io::IsTerminal;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
