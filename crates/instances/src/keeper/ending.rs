//! What has ended below this process.
//!
//! A keeper is the reaper of everything that its program started, so whatever loses its parent becomes a child of the keeper:
//! where it has no child, nothing of the instance is left.

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};

/// What was found.
pub(super) enum Reaped {
    /// One that had ended, and how.
    One(Pid, String),
    /// All that are there run.
    Running,
    /// There is none.
    NoneLeft,
}

/// Takes in one process that has ended.
pub(super) fn reap() -> Reaped {
    match wait(WaitOptions::NOHANG) {
        Ok(Some((pid, status))) => Reaped::One(pid, text(status)),
        Ok(None) | Err(Errno::INTR) => Reaped::Running,
        Err(_) => Reaped::NoneLeft,
    }
}

fn text(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".into(),
    }
}
