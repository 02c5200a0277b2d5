//! Where a log goes.

use std::fmt;
use std::path::PathBuf;

use super::{Bad, Typed, typed};

/// Where the access log is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPath {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file.
    File(PathBuf),
}

impl fmt::Display for LogPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Typed for LogPath {
    const FORMAT: &'static str = "log path";
    const EXPECTED: &'static str = "`stdout`, `stderr` or the path of a file such as `/var/log/tidegate.log`";

    fn read(text: &str) -> Result<Self, Bad> {
        match text {
            "stdout" => Ok(Self::Stdout),
            "stderr" => Ok(Self::Stderr),
            // A bare word is more often a misspelled `stdout` than a file.
            path if path.contains('/') && !path.ends_with('/') => Ok(Self::File(path.into())),
            word if word.is_empty() || word.contains('/') => Err(Bad::plain()),
            word => Err(Bad::plain().hint(format!("a file in the working directory is `./{word}`"))),
        }
    }
}

typed!(LogPath);
