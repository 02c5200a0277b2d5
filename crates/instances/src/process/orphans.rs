//! What an instance leaves behind when its keeper was killed.
//!
//! The kernel kills the program then, but not what the program has started. All of it inherited a variable with a random
//! name of the instance, and is found by that, also where it forked away or made a session of its own.

use crate::keeper::INSTANCE_ID;
use rustix::process::{Pid, Signal};
use std::fs::{self, File};
use std::io::Read;
use std::time::Duration;

/// Bytes of a process's variables that are looked at: more than a program can usually be given (2 MiB, execve(2)).
const ENVIRONMENT_MOST: u64 = 4 * 1024 * 1024;
/// Looks until nothing is left: something may have been forked while it was looked.
const LOOKS: usize = 20;
const BETWEEN: Duration = Duration::from_millis(20);

/// Kills all processes with that variable. It reads all of `/proc`, so it is for another thread.
pub(super) fn end(id: &str) {
    if id.is_empty() {
        return;
    }
    let mark = format!("{INSTANCE_ID}={id}");
    for _ in 0..LOOKS {
        let left = marked(mark.as_bytes());
        if left.is_empty() {
            return;
        }
        for pid in left {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(BETWEEN);
    }
}

fn marked(mark: &[u8]) -> Vec<Pid> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter(|pid| has(*pid, mark)).filter_map(Pid::from_raw).collect()
}

/// A process that has ended and was not reaped has no variables.
fn has(pid: i32, mark: &[u8]) -> bool {
    let mut text = Vec::new();
    let read = File::open(format!("/proc/{pid}/environ"))
        .and_then(|file| file.take(ENVIRONMENT_MOST).read_to_end(&mut text));
    read.is_ok() && text.split(|b| *b == 0).any(|variable| variable == mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    #[test]
    fn only_what_has_the_very_variable_is_killed() {
        let id = format!("test-{}", std::process::id());
        let sleep = |value: String| Command::new("sleep").arg("60").env(INSTANCE_ID, value).spawn().unwrap();
        let (mut marked, mut other) = (sleep(id.clone()), sleep(format!("{id}x")));
        end(&id);
        assert_eq!(marked.wait().unwrap().signal(), Some(9));
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
        end("");
    }
}
