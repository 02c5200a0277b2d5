//! A command that is told how many instances are wanted: as JSON on its standard input, and in variables.

use super::Wanted;
use rustix::process::{Pid, Signal};
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, Command};

/// Bytes of its standard error that may stand in an error.
const SAID_MOST: u64 = 2048;
/// How long they are waited for behind its end.
const LAST_SAY: Duration = Duration::from_millis(50);

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// After which it is killed, with everything in its process group.
    pub timeout: Duration,
}

impl Exec {
    /// Tells it. Exit status 0: it was heard.
    pub async fn tell(&self, wanted: &Wanted) -> Result<(), String> {
        let Some((file, arguments)) = self.command.split_first() else {
            return Err("there is no command".into());
        };
        let previous = wanted.previous.map(|n| n.to_string()).unwrap_or_default();
        let mut child = Command::new(file)
            .args(arguments)
            .env("TIDEGATE_SERVICE", &wanted.service)
            .env("TIDEGATE_WANTED", wanted.wanted.to_string())
            .env("TIDEGATE_PREVIOUS", previous)
            .env("TIDEGATE_REASON", &wanted.reason)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("cannot run `{file}`: {e}"))?;
        if let Ok(result) = tokio::time::timeout(self.timeout, converse(&mut child, wanted)).await {
            return result;
        }
        // It was not waited for, so its number is still its own.
        if let Some(group) = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        Err(format!("`{file}` has not ended after {:?}", self.timeout))
    }
}

async fn converse(child: &mut Child, wanted: &Wanted) -> Result<(), String> {
    let text = serde_json::to_vec(wanted).map_err(|e| e.to_string())?;
    if let Some(mut input) = child.stdin.take() {
        // One that does not read what it is told may know it from its variables.
        let _ = input.write_all(&text).await;
    }
    let mut said = Vec::new();
    let status = {
        let mut reading = pin!(read(child.stderr.take(), &mut said));
        tokio::select! {
            status = child.wait() => {
                // What it said last may still be in the pipe; what it has left running may hold that open for ever.
                let _ = tokio::time::timeout(LAST_SAY, reading).await;
                status
            }
            () = &mut reading => child.wait().await,
        }
    };
    let status = status.map_err(|e| e.to_string())?;
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&said);
    match said.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => Err(format!("{status}: {}", line.trim())),
        None => Err(status.to_string()),
    }
}

async fn read(from: Option<ChildStderr>, said: &mut Vec<u8>) {
    let Some(from) = from else { return };
    let mut from = from.take(SAID_MOST);
    // An error is as good as an end. The rest is read, so that nobody is held up, and forgotten.
    let _ = from.read_to_end(said).await;
    let _ = tokio::io::copy(&mut from.into_inner(), &mut tokio::io::sink()).await;
}
