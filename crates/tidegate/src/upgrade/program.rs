//! What this process was started from, remembered at its start: an upgrade starts the same once more.

use super::predecessor::PREDECESSOR;
use anyhow::{Context, Result};
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What the service manager said to this process is not meant for the next one.
const NOT_INHERITED: [&str; 4] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID"];

/// A program and its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// Where the binary is. Symbolic links in it are followed at each start anew, so that a link can be put over.
    file: PathBuf,
    /// What it was called.
    name: OsString,
    arguments: Vec<OsString>,
}

impl Program {
    /// The one that runs. To be asked before anything changes the working directory.
    pub(crate) fn of_this_process() -> Result<Self> {
        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_default();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let file = match find(&name, &path) {
            Some(file) => std::path::absolute(file)?,
            None => std::env::current_exe().context("cannot find the program itself")?,
        };
        Ok(Self { file, name, arguments: arguments.collect() })
    }

    /// Where the binary is.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Starts it once more. Its standard input is that end of a channel; it inherits no other descriptor than standard
    /// output and standard error.
    pub(super) fn start(&self, input: OwnedFd) -> Result<Child> {
        let mut command = Command::new(&self.file);
        command.arg0(&self.name).args(&self.arguments).stdin(Stdio::from(input));
        command.env(PREDECESSOR, std::process::id().to_string());
        for name in NOT_INHERITED {
            command.env_remove(name);
        }
        command.spawn().with_context(|| format!("cannot start {}", self.file.display()))
    }
}

/// Where a program of that name is, as a shell would look for it.
fn find(name: &OsStr, path: &OsStr) -> Option<PathBuf> {
    let name = Path::new(name);
    if name.components().count() > 1 || name.is_absolute() {
        return Some(name.into());
    }
    if name.as_os_str().is_empty() {
        return None;
    }
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_where_a_shell_finds_it() {
        let path = OsStr::new("/nowhere:/bin:/usr/bin");
        for (name, want) in [
            ("sh", Some("/bin/sh")),
            ("./sh", Some("./sh")),
            ("target/debug/tidegate", Some("target/debug/tidegate")),
            ("/opt/tidegate", Some("/opt/tidegate")),
            ("no-such-program", None),
            ("", None),
        ] {
            assert_eq!(find(OsStr::new(name), path).as_deref(), want.map(Path::new), "{name}");
        }
    }
}
