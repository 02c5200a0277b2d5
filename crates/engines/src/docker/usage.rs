//! What a container uses, as the engine's machine counts.

use super::engine::{Engine, PATIENCE};
use super::recipe::checked;
use fetch::Trouble;
use message::Method;
use serde::Deserialize;
use std::time::Duration;

/// What a container has used and uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of all its processes since it was started. Two looks make a rate.
    pub cpu: Duration,
    /// Memory in bytes, without what the kernel could take back at once (`inactive_file`), as `docker stats` counts.
    pub memory: u64,
}

/// `GET /containers/{id}/stats`, as far as it is read.
#[derive(Deserialize)]
struct Stats {
    #[serde(default)]
    cpu_stats: Cpu,
    #[serde(default)]
    memory_stats: Memory,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Cpu {
    cpu_usage: CpuUsage,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CpuUsage {
    /// Nanoseconds.
    total_usage: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Memory {
    usage: Option<u64>,
    stats: MemoryDetails,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MemoryDetails {
    /// cgroup v1, where `inactive_file` is that of the topmost group alone.
    total_inactive_file: Option<u64>,
    /// cgroup v2.
    inactive_file: u64,
}

impl Stats {
    /// Nothing where nothing runs: the engine leaves its numbers out then.
    fn usage(&self) -> Option<Usage> {
        let used = self.memory_stats.usage?;
        let details = &self.memory_stats.stats;
        Some(Usage {
            cpu: Duration::from_nanos(self.cpu_stats.cpu_usage.total_usage),
            memory: used.saturating_sub(details.total_inactive_file.unwrap_or(details.inactive_file)),
        })
    }
}

impl Engine {
    /// What a container uses; `None`: it does not run.
    pub async fn usage(&self, id: &str) -> Result<Option<Usage>, Trouble> {
        checked("container", id)?;
        let target = format!("/containers/{id}/stats?stream=false&one-shot=true");
        match self.ask(Method::GET, &target, PATIENCE).await {
            Ok(reply) => Ok(reply.json::<Stats>("use of a container")?.usage()),
            // 409: Podman has no numbers of a container that does not run.
            Err(trouble) if matches!(trouble.status(), Some(404 | 409)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn memory_that_the_kernel_could_take_back_is_not_counted() {
        for (memory, expected) in [
            (json!({ "usage": 1000, "stats": { "inactive_file": 400 } }), Some(600)),
            (
                json!({ "usage": 1000, "stats": { "total_inactive_file": 300, "inactive_file": 5 } }),
                Some(700),
            ),
            (json!({ "usage": 1000 }), Some(1000)),
            (json!({ "usage": 10, "stats": { "inactive_file": 400 } }), Some(0)),
            (json!({}), None),
        ] {
            let stats =
                json!({ "cpu_stats": { "cpu_usage": { "total_usage": 1_500_000 } }, "memory_stats": memory });
            let usage = serde_json::from_value::<Stats>(stats).unwrap().usage();
            assert_eq!(usage.map(|usage| usage.memory), expected, "{memory}");
            assert!(usage.is_none_or(|usage| usage.cpu == Duration::from_micros(1500)));
        }
    }
}
