//! What the kernel knows about this process: the `process_*` metrics that every Prometheus dashboard expects.
//!
//! Read from `/proc` when asked. Where there is no `/proc`, or a field cannot be read, that metric is absent.

use std::fs;

/// The process, as far as it could be read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    /// User and system time of all threads, in seconds.
    pub(super) cpu_seconds: Option<f64>,
    /// Bytes of memory that are in RAM.
    pub(super) resident: Option<u64>,
    /// Bytes of address space.
    pub(super) virtual_memory: Option<u64>,
    /// Open file descriptors.
    pub(super) open_fds: Option<u64>,
    /// How many may be open (the soft limit); `None` also where there is no limit.
    pub(super) max_fds: Option<u64>,
    /// Threads.
    pub(super) threads: Option<u64>,
    /// Seconds since 1970 at which the process started.
    pub(super) start_time: Option<f64>,
}

pub(super) fn read() -> Process {
    let mut process = fs::read_to_string("/proc/self/stat").map(|s| from_stat(&s)).unwrap_or_default();
    // One of the descriptors is that of the folder being read.
    process.open_fds = fs::read_dir("/proc/self/fd").ok().map(|d| (d.count() as u64).saturating_sub(1));
    process.max_fds = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    process
}

/// proc(5): fields are counted behind the command's name, which may itself hold spaces and parentheses.
fn from_stat(stat: &str) -> Process {
    let Some((_, rest)) = stat.rsplit_once(')') else { return Process::default() };
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Field 3 of the manual (the state) is the first behind the name.
    let number = |field: usize| fields.get(field - 3).and_then(|f| f.parse::<u64>().ok());
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let boot = fs::read_to_string("/proc/stat").ok().and_then(|s| boot_time(&s));
    Process {
        cpu_seconds: number(14).zip(number(15)).map(|(user, system)| (user + system) as f64 / ticks),
        threads: number(20),
        start_time: number(22).zip(boot).map(|(start, boot)| boot as f64 + start as f64 / ticks),
        virtual_memory: number(23),
        resident: number(24).map(|pages| pages * rustix::param::page_size() as u64),
        ..Process::default()
    }
}

/// Seconds since 1970 at which the machine started.
fn boot_time(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn this_process_is_read() {
        let process = read();
        assert!(process.resident.unwrap() > 100_000);
        assert!(process.virtual_memory.unwrap() >= process.resident.unwrap());
        assert!(process.open_fds.unwrap() >= 3);
        assert!(process.threads.unwrap() >= 1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let start = process.start_time.unwrap();
        assert!(start <= now + 2.0 && start > now - 86_400.0, "{start} {now}");
    }

    #[test]
    fn a_name_with_spaces_and_parentheses_shifts_no_field() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 300 200 0 0 20 0 4 0 500 4096 2 0";
        let process = from_stat(stat);
        assert_eq!(process.threads, Some(4));
        assert_eq!(process.virtual_memory, Some(4096));
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert!((process.cpu_seconds.unwrap() * ticks - 500.0).abs() < 1e-6);
    }

    #[test]
    fn nonsense_is_read_as_nothing() {
        assert!(from_stat("").cpu_seconds.is_none());
        assert!(from_stat("1 (x) S").resident.is_none());
    }
}
