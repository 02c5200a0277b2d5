//! A cgroup for an instance with bounds on memory or CPU (cgroup v2, the kernel's `admin-guide/cgroup-v2`).
//!
//! Needs a group that was delegated to Tidegate: its own, or the one above it, where the controllers are on or can be turned on.
//! A group with processes in it can have no controllers for groups below it, so where Tidegate's own group is such a one,
//! the one above is tried (systemd: `Delegate=yes` with `DelegateSubgroup=`). Where neither may be written, the
//! instance runs without, and that is told.

use super::tree::Used;
use crate::channel::Plan;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The period of `cpu.max`, in microseconds: the kernel's own default.
const PERIOD: f64 = 100_000.0;

/// A group that is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Group(PathBuf);

impl Group {
    /// A group with the bounds that are asked for; `None`: none are.
    pub(super) fn make(plan: &Plan) -> Result<Option<Self>, String> {
        let limits = &plan.program.limits;
        let (memory, cpu) = (limits.memory, limits.cpu);
        if memory.is_none() && cpu.is_none() {
            return Ok(None);
        }
        let own = own_group().ok_or("this process is in no cgroup of version 2")?;
        let mut why = String::new();
        for base in own.ancestors().take(2) {
            match Self::make_in(base, &plan.name, &plan.id, memory, cpu) {
                Ok(group) => return Ok(Some(group)),
                Err(e) => why = format!("{}: {e}", base.display()),
            }
        }
        Err(why)
    }

    fn make_in(base: &Path, name: &str, id: &str, memory: Option<u64>, cpu: Option<f64>) -> io::Result<Self> {
        let on = fs::read_to_string(base.join("cgroup.subtree_control"))?;
        for (controller, wanted) in [("memory", memory.is_some()), ("cpu", cpu.is_some())] {
            if wanted && !on.split_ascii_whitespace().any(|c| c == controller) {
                fs::write(base.join("cgroup.subtree_control"), format!("+{controller}"))?;
            }
        }
        let id = id.get(..8).unwrap_or(id);
        let group = Self(base.join(format!("tidegate-{}-{id}", name.replace('/', "-"))));
        fs::create_dir(&group.0)?;
        if let Some(memory) = memory {
            fs::write(group.0.join("memory.max"), memory.to_string())?;
        }
        if let Some(cpu) = cpu {
            fs::write(group.0.join("cpu.max"), format!("{:.0} {PERIOD:.0}", (cpu * PERIOD).max(1000.0)))?;
        }
        Ok(group)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What its processes use. Pages of files that the kernel would give back at once are not counted.
    pub(super) fn used(&self) -> Option<Used> {
        let read = |name| fs::read_to_string(self.0.join(name)).ok();
        let cpu = row(&read("cpu.stat")?, "usage_usec")?;
        let memory: u64 = read("memory.current")?.trim().parse().ok()?;
        let spare = read("memory.stat").and_then(|text| row(&text, "inactive_file")).unwrap_or(0);
        Some(Used { cpu: Duration::from_micros(cpu), memory: memory.saturating_sub(spare) })
    }

    /// Kills all its processes at once. Kernels before 5.14 cannot; what they leave is killed one by one.
    pub(super) fn kill(&self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Only a group without processes can be removed, which the caller has seen to.
        let _ = fs::remove_dir(&self.0);
    }
}

/// Makes this process one of the group's.
pub(super) fn join(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), "0")
}

/// The folder of the group of version 2 that this process is in.
fn own_group() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    folder(&mounts, &own)
}

fn folder(mounts: &str, own: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    let point = mount.split_ascii_whitespace().nth(4)?;
    Some(if path.is_empty() { PathBuf::from(point) } else { Path::new(point).join(path) })
}

fn row(text: &str, name: &str) -> Option<u64> {
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok();
    text.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::Folder;

    #[test]
    fn the_own_group_is_found_below_the_mount_of_version_2() {
        let mounts = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        let path = |own| folder(mounts, own);
        assert_eq!(path("0::/\n"), Some("/sys/fs/cgroup".into()));
        assert_eq!(path("4:cpu:/x\n0::/a/b\n"), Some("/sys/fs/cgroup/a/b".into()));
        assert_eq!(path("4:cpu:/x\n"), None, "version 1 alone");
        assert_eq!(folder("1 2 0:3 / /sys rw - sysfs sysfs rw\n", "0::/a"), None);
    }

    #[test]
    fn a_group_has_the_bounds_and_tells_what_is_used() {
        let base = Folder::new();
        let make = |cpu| Group::make_in(base.as_ref(), "shop-1", "0123456789", Some(1 << 20), cpu);
        assert!(make(Some(1.5)).is_err(), "this is no group");
        fs::write(base.path("cgroup.subtree_control"), "memory pids").unwrap();
        let group = make(None).unwrap();
        let read = |name| fs::read_to_string(group.path().join(name)).unwrap();
        assert_eq!(read("memory.max"), "1048576");
        assert!(group.path().ends_with("tidegate-shop-1-01234567"));
        assert_eq!(group.used(), None);
        for (name, text) in [
            ("cpu.stat", "usage_usec 2500000\nuser_usec 1\n"),
            ("memory.current", "9000\n"),
            ("memory.stat", "anon 5\ninactive_file 4000\n"),
        ] {
            fs::write(group.path().join(name), text).unwrap();
        }
        assert_eq!(group.used(), Some(Used { cpu: Duration::from_millis(2500), memory: 5000 }));
    }

    #[test]
    fn cores_are_a_share_of_the_kernels_period() {
        let base = Folder::new();
        fs::write(base.path("cgroup.subtree_control"), "cpu").unwrap();
        let group = Group::make_in(base.as_ref(), "a/b", "1", None, Some(1.5)).unwrap();
        assert_eq!(fs::read_to_string(group.path().join("cpu.max")).unwrap(), "150000 100000");
        assert!(group.path().ends_with("tidegate-a-b-1"));
    }
}
