//! Our own programs beside a server under test, which say a line when there is something to say.

use crate::lab::Lab;
use crate::server::OTHER_CORE;
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

/// One of our own programs. Dropping it ends it.
pub(super) struct Helper {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts it on the core that is not the server's.
    pub(super) fn start(lab: &Lab, name: &str, args: &[&str]) -> Result<Self> {
        let mut child = Command::new("taskset")
            .args(["-c", OTHER_CORE])
            .arg(lab.helpers.join(name))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start taskset (Debian package util-linux)")?;
        let said = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self { child, said })
    }

    /// The next line that it says.
    pub(super) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        ensure!(!line.is_empty(), "a helper ended early");
        Ok(line.trim().to_owned())
    }

    /// Says something to it.
    pub(super) fn tell(&mut self) -> Result<()> {
        Ok(self.child.stdin.as_mut().context("it hears nothing")?.write_all(b"\n")?)
    }

    /// Ends its input.
    pub(super) fn hang_up(&mut self) {
        drop(self.child.stdin.take());
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
