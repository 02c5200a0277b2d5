//! The processes of an instance: everything below the keeper, as `/proc` tells it.
//!
//! Each task's children stand in a file of their own (`CONFIG_PROC_CHILDREN`), so a look costs what the instance is large,
//! not what the machine runs; a kernel without that file has all processes looked at. A list is a moment old when it is
//! used: whoever ends a tree looks again until nothing is left.

use rustix::process::{Pid, Signal};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::Duration;
use tokio::time::Instant;

/// Processes that are looked at: a bound on what a fork bomb costs its keeper at a time.
const PROCESSES_MOST: usize = 20_000;

/// Processes below this one.
pub(super) struct Tree(Vec<i32>);

/// What was used until now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// CPU time since the launch.
    pub(super) cpu: Duration,
    /// Bytes of memory.
    pub(super) memory: u64,
}

/// Makes rates of what was used.
#[derive(Debug, Default)]
pub(super) struct Meter(Option<(Duration, Instant)>);

impl Meter {
    /// Cores since the last time, and bytes. `None` at first.
    pub(super) fn take(&mut self, used: Used, now: Instant) -> Option<(f64, u64)> {
        let (cpu, at) = self.0.replace((used.cpu, now))?;
        let elapsed = now.saturating_duration_since(at).as_secs_f64();
        let spent = used.cpu.saturating_sub(cpu).as_secs_f64();
        (elapsed > 0.0).then(|| (spent / elapsed, used.memory))
    }
}

impl Tree {
    pub(super) fn below_this_process() -> Self {
        let me = rustix::process::getpid().as_raw_pid();
        Self(below(me, children).or_else(|| below(me, |pid| Some(listed(pid)))).unwrap_or_default())
    }

    /// Sends each of them a signal.
    pub(super) fn signal(&self, signal: Signal) {
        for pid in self.0.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            // It may have ended meanwhile.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Is it one of them?
    pub(super) fn pids(&self) -> &[i32] {
        &self.0
    }

    /// What all of them use. CPU time of those that have ended is in the account of whoever reaped them, this process
    /// included. Memory that several of them share is counted once, as far as the kernel tells cheaply.
    pub(super) fn used(&self) -> Used {
        let hertz = rustix::param::clock_ticks_per_second().max(1);
        let page = rustix::param::page_size() as u64;
        let mut ticks = Stat::of("self").map_or(0, |stat| stat.of_children);
        let (mut own, mut shared) = (0, 0);
        for pid in &self.0 {
            let pid = pid.to_string();
            ticks += Stat::of(&pid).map_or(0, |stat| stat.own + stat.of_children);
            if let Some((resident, of_it_shared)) = memory(&pid) {
                own += resident.saturating_sub(of_it_shared);
                shared = shared.max(of_it_shared);
            }
        }
        let cpu = Duration::from_millis(ticks.saturating_mul(1000) / hertz);
        Used { cpu, memory: (own + shared) * page }
    }
}

/// All below a process, itself not included. `None`: that process's children cannot be told.
fn below(top: i32, children: impl Fn(i32) -> Option<Vec<i32>>) -> Option<Vec<i32>> {
    let mut found = children(top)?;
    let mut seen: HashSet<i32> = found.iter().copied().collect();
    let mut at = 0;
    while at < found.len() && found.len() < PROCESSES_MOST {
        for child in children(found[at]).unwrap_or_default() {
            if seen.insert(child) {
                found.push(child);
            }
        }
        at += 1;
    }
    Some(found)
}

/// The children of all threads of a process.
fn children(pid: i32) -> Option<Vec<i32>> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let text = match fs::read_to_string(task.path().join("children")) {
            Ok(text) => text,
            // The thread has ended, which is not the same as a kernel that does not tell.
            Err(_) if !task.path().exists() => continue,
            Err(_) => return None,
        };
        found.extend(text.split_ascii_whitespace().filter_map(|n| n.parse::<i32>().ok()));
    }
    Some(found)
}

/// The children of a process, found among all processes.
fn listed(parent: i32) -> Vec<i32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let parents: HashMap<i32, i32> =
        numbers.filter_map(|pid| Some((pid, Stat::of(&pid.to_string())?.parent))).collect();
    parents.into_iter().filter(|(_, p)| *p == parent).map(|(pid, _)| pid).collect()
}

/// Of `/proc/PID/stat` (proc(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: i32,
    /// Ticks in user and kernel mode.
    own: u64,
    /// Those of children that it has reaped.
    of_children: u64,
}

impl Stat {
    fn of(pid: &str) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name stands in parentheses, and may have some itself. The third field follows the last of them.
        let rest = text.get(text.rfind(')')? + 1..)?;
        let fields: Vec<_> = rest.split_ascii_whitespace().take(15).collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: number(14)? + number(15)?,
            of_children: number(16)? + number(17)?,
        })
    }
}

/// Pages that are resident, and how many of them are of files or shared.
fn memory(pid: &str) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut fields = text.split_ascii_whitespace().skip(1).map(|n| n.parse().ok());
    Some((fields.next()??, fields.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_is_read_whatever_the_process_is_called() {
        let stat = "7 (a) b (c)) S 3 7 7 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 1";
        assert_eq!(Stat::parse(stat), Some(Stat { parent: 3, own: 33, of_children: 77 }));
        for malformed in ["", "7 (a", "7 (a) S", "7 (a) S x 7 7 0 -1 4194560 100 0 0 0 11 22 33 44"] {
            assert_eq!(Stat::parse(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn both_ways_to_find_children_find_the_same() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = child.id().cast_signed();
        let me = rustix::process::getpid().as_raw_pid();
        let found = (below(me, children), listed(me).contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.0.unwrap().contains(&pid) && found.1);
    }

    #[test]
    fn a_process_of_many_generations_is_found_once_each() {
        let generations = |pid: i32| (pid < 5).then(|| vec![pid + 1, pid + 1]);
        assert_eq!(below(1, generations), Some(vec![2, 2, 3, 4, 5]));
    }

    #[test]
    fn a_rate_is_of_the_time_between_two_looks() {
        let mut meter = Meter::default();
        let begin = Instant::now();
        let used = |ms, memory| Used { cpu: Duration::from_millis(ms), memory };
        assert_eq!(meter.take(used(500, 1), begin), None);
        assert_eq!(meter.take(used(1500, 2), begin + Duration::from_secs(2)), Some((0.5, 2)));
        assert_eq!(meter.take(used(1400, 3), begin + Duration::from_secs(3)), Some((0.0, 3)));
    }
}
