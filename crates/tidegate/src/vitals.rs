//! How the process itself is: memory against what it may use, the time of its cores, the lateness of its workers.

use crate::node::Node;
use gateway::{Gauge, Reading, Strain, StrainLimits};
use observe::log::{self, Level};
use observe::{Event, EventKind};
use std::fs;
use std::time::Instant;

/// What is remembered between two looks.
#[derive(Debug)]
pub(crate) struct Vitals {
    gauge: Gauge,
    strain: Strain,
    cores: f64,
    /// Bytes that the process may use; `None` where nothing says.
    memory: Option<Memory>,
    cpu: Option<(Instant, f64)>,
}

/// Where memory is counted.
#[derive(Debug)]
enum Memory {
    /// In the cgroup, with this bound.
    Cgroup { current: String, most: f64 },
    /// In the process, against all that the machine has.
    Process { most: f64 },
}

impl Vitals {
    pub(crate) fn new(node: &Node) -> Self {
        let cores = node.cores() as f64;
        Self { gauge: Gauge::default(), strain: Strain::None, cores, memory: Memory::find(), cpu: None }
    }

    /// Reads, and puts the step in force that follows.
    pub(crate) fn look(&mut self, node: &Node) {
        let limits = node.strain_limits();
        let reading = Reading {
            memory: limits.memory.and(self.memory.as_ref()).and_then(Memory::share),
            cpu: limits.cpu.and_then(|_| self.cpu_share()),
            lag: node.pressure().take_lag(),
        };
        let strain = self.gauge.read(&reading, &limits);
        if strain != self.strain {
            let level = if strain > self.strain { Level::Warning } else { Level::Info };
            log::write(
                level,
                format_args!(
                    "overload: {} (was {}): {}",
                    strain.as_str(),
                    self.strain.as_str(),
                    told(&reading, &limits)
                ),
            );
            let event = Event::new(EventKind::Overload).from(self.strain.as_str()).to(strain.as_str());
            node.tell(event.because(&told(&reading, &limits)));
            self.strain = strain;
            node.pressure().set(strain);
        }
    }

    /// Share of the cores' time since the last look.
    fn cpu_share(&mut self) -> Option<f64> {
        let (now, used) = (Instant::now(), cpu_seconds()?);
        let (then, before) = self.cpu.replace((now, used))?;
        let passed = now.saturating_duration_since(then).as_secs_f64();
        (passed > 0.0).then(|| (used - before) / (passed * self.cores))
    }
}

fn told(reading: &Reading, limits: &StrainLimits) -> String {
    let percent =
        |share: Option<f64>| share.map_or_else(|| "unknown".into(), |s| format!("{:.0}%", s * 100.0));
    let mut parts = vec![format!("workers are {:.0?} late", reading.lag)];
    if limits.memory.is_some() {
        parts.push(format!("memory {}", percent(reading.memory)));
    }
    if limits.cpu.is_some() {
        parts.push(format!("cpu {}", percent(reading.cpu)));
    }
    parts.join(", ")
}

impl Memory {
    /// The innermost cgroup (version 2) with a bound, or else the machine.
    fn find() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let path = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
        let mut folder = format!("/sys/fs/cgroup{}", path.trim_end_matches('/'));
        while folder.starts_with("/sys/fs/cgroup") {
            if let Some(most) = number(&format!("{folder}/memory.max")) {
                return Some(Self::Cgroup { current: format!("{folder}/memory.current"), most });
            }
            folder.truncate(folder.rfind('/').unwrap_or(0));
        }
        let info = fs::read_to_string("/proc/meminfo").ok()?;
        let kib = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let most = kib.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()? * 1024.0;
        Some(Self::Process { most })
    }

    fn share(&self) -> Option<f64> {
        match self {
            Self::Cgroup { current, most } => Some(number(current)? / most),
            Self::Process { most } => {
                let pages = fs::read_to_string("/proc/self/statm").ok()?;
                let resident: f64 = pages.split(' ').nth(1)?.parse().ok()?;
                Some(resident * rustix::param::page_size() as f64 / most)
            }
        }
    }
}

/// A file that holds one number; `max` is none.
fn number(path: &str) -> Option<f64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// User and system time of all threads.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may hold anything; fields are counted behind it.
    let rest = stat.rsplit_once(')')?.1;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_can_read_how_it_is() {
        let share = Memory::find().and_then(|m| m.share()).unwrap();
        assert!(share > 0.0 && share < 10.0, "{share}");
        let before = cpu_seconds().unwrap();
        let until = Instant::now() + std::time::Duration::from_millis(50);
        while Instant::now() < until {}
        assert!(cpu_seconds().unwrap() > before);
    }
}
