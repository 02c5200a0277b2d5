//! What a process and its descendants use, read from /proc: CPU time in clock ticks (usually 10 ms) and resident memory.
//!
//! A process that ends takes its ticks along; servers under load do not end, so nothing is lost while measuring.

use rustix::process::{Pid, Signal, kill_process};

/// What a process tree uses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User plus system time, in microseconds.
    pub(crate) cpu_micros: f64,
    /// Resident memory, in bytes. Pages that processes of the tree share count once for each.
    pub(crate) resident: u64,
}

/// A process and its descendants, parents first.
pub(crate) fn tree(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(children(parent));
        next += 1;
    }
    found
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists =
        threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// What a process and its descendants have used up to now.
pub(crate) fn usage(pid: u32) -> Usage {
    tree(pid).into_iter().filter_map(own_usage).fold(Usage::default(), |sum, one| Usage {
        cpu_micros: sum.cpu_micros + one.cpu_micros,
        resident: sum.resident + one.resident,
    })
}

fn own_usage(pid: u32) -> Option<Usage> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything; the fields behind it are numbers. See proc_pid_stat(5).
    let (_, fields) = stat.rsplit_once(')')?;
    let field = |index: usize| fields.split_whitespace().nth(index)?.parse::<u64>().ok();
    let (user, system, pages) = (field(11)?, field(12)?, field(21)?);
    Some(Usage {
        cpu_micros: (user + system) as f64 * 1e6 / rustix::param::clock_ticks_per_second() as f64,
        resident: pages * rustix::param::page_size() as u64,
    })
}

/// Sends a signal; a process that has ended in the meantime is fine.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // The only failure possible here is that the process is gone.
        let _ = kill_process(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    #[test]
    fn a_tree_holds_the_grandchildren_and_their_time() {
        let script = "sh -c 'while :; do :; done' & wait";
        let mut parent = Command::new("sh").args(["-c", script]).stdout(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while usage(parent.id()).cpu_micros < 50_000.0 && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let (all, used) = (tree(parent.id()), usage(parent.id()));
        for &pid in all.iter().rev() {
            signal(pid, Signal::KILL);
        }
        parent.wait().unwrap();
        assert_eq!(all.len(), 2);
        assert!(used.cpu_micros >= 50_000.0 && used.resident > 0, "{used:?}");
    }
}
