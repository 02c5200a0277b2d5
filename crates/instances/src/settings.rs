//! What an instance is, and how it is kept.
//!
//! Everything whose change needs another process is part of the *revision*: the program, where it listens and where its
//! lines go. The rest (timeouts, bounds that Tidegate itself watches) comes into force for the processes that are there.
//! *Not here*: how many instances there are to be (the room `scale`), and the keys of the config file.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// The instances of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetSettings {
    /// The service's name, which the names of instances begin with.
    pub service: Box<str>,
    /// What is launched.
    pub program: Program,
    /// In what it runs; `None`: as a process of this machine. In a container `cwd`, `nice` and `limits.files` of the
    /// program, `listen` and `log` mean nothing.
    pub container: Option<Container>,
    /// Where an instance is to listen.
    pub listen: Listen,
    /// What an instance must answer before it is given requests. The interval is not used: while an instance starts it is
    /// asked in short, growing intervals.
    pub ready: upstream::ProbeSettings,
    /// An instance that is not ready by then has failed.
    pub start_timeout: Duration,
    /// From SIGTERM to SIGKILL.
    pub stop_timeout: Duration,
    /// How long requests under way may keep an instance that is to end.
    pub drain_timeout: Duration,
    /// Bytes of memory, of all processes of an instance; one that has more is replaced.
    pub max_memory: Option<u64>,
    /// Cores that one instance may use. Shares of CPU are measured by it.
    pub cpus: f64,
    /// Where an instance's lines go.
    pub log: LogSettings,
    /// Most lines a second of one instance; what is more is counted and dropped.
    pub lines_per_second: u32,
    /// Files and folders whose change replaces the instances, one after the other. Not where instances write themselves.
    pub watch: Vec<PathBuf>,
    /// An instance that has lived so long was no failed start.
    pub min_uptime: Duration,
    /// How many instances beyond the wanted count a replacement may start at a time; at least 1.
    pub surge: u32,
}

/// A program and what it is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Program {
    /// The program and its arguments. `{port}`, `{socket}`, `{name}` and `{service}` are filled in.
    pub command: Vec<String>,
    /// Variables beside those that Tidegate has itself and `PORT`, `SOCKET` and `TIDEGATE_INSTANCE`.
    pub env: Vec<(String, String)>,
    /// The working folder.
    pub cwd: Option<PathBuf>,
    /// The user, by name or number. Needs privileges.
    pub user: Option<String>,
    /// The group, by name or number; the user's own where this is absent.
    pub group: Option<String>,
    /// Priority from -20 to 19 (setpriority(2)).
    pub nice: Option<i8>,
    /// Bounds.
    pub limits: Limits,
}

/// A container, and the engine that runs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The image: `shop:1.4`, or with a digest. One that the engine does not have is fetched.
    pub image: String,
    /// The port on which the program listens in the container.
    pub port: u16,
    /// The engine's socket; `None`: where the environment says, or where engines usually are.
    pub socket: Option<PathBuf>,
    /// Whose containers they are; two Tidegates at one engine need two names.
    pub owner: String,
    /// The network of the engine in which containers are reached at their own addresses; `None`: at a port of 127.0.0.1.
    pub network: Option<String>,
    /// What of the engine's machine, or which of its volumes, is mounted where: `/srv/data:/data:ro`.
    pub volumes: Vec<String>,
}

/// Bounds that the kernel keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Open files of a process (`RLIMIT_NOFILE`).
    pub files: Option<u64>,
    /// Processes of the user (`RLIMIT_NPROC`).
    pub processes: Option<u64>,
    /// Bytes of memory of an instance; needs a cgroup that Tidegate may write to.
    pub memory: Option<u64>,
    /// Cores an instance may use; needs a cgroup that Tidegate may write to.
    pub cpu: Option<f64>,
}

/// Where an instance listens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Listen {
    /// On a free port of 127.0.0.1.
    #[default]
    Auto,
    /// On this port of 127.0.0.1 the first, on the next one the second, and so on.
    Port(u16),
    /// On a Unix socket in a folder that nobody else can enter.
    Socket,
}

/// Where an instance's lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogSettings {
    /// To Tidegate's standard error, each behind `shop-1 | `.
    #[default]
    Inherit,
    /// To a file.
    File {
        /// Its path; `{name}` and `{service}` are filled in.
        path: String,
        /// Bytes after which it is put aside.
        max_size: u64,
        /// How many that were put aside are kept.
        keep: u32,
    },
    /// Nowhere.
    Off,
}

impl FleetSettings {
    /// That command on a free port, ready as soon as it takes connections, with the defaults of everything else.
    pub fn new(service: &str, command: Vec<String>) -> Self {
        Self {
            service: service.into(),
            program: Program { command, ..Program::default() },
            container: None,
            listen: Listen::Auto,
            ready: upstream::ProbeSettings {
                kind: upstream::ProbeKind::Tcp,
                interval: Duration::from_secs(1),
                timeout: Duration::from_secs(1),
                port: None,
                protocol: upstream::Protocol::Http1,
            },
            start_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            max_memory: None,
            cpus: 1.0,
            log: LogSettings::Inherit,
            lines_per_second: 1000,
            watch: Vec::new(),
            min_uptime: Duration::from_secs(1),
            surge: 1,
        }
    }

    /// The revision: eight hex digits that differ where a change needs another process.
    pub fn revision(&self) -> String {
        // A process has the revision that it had before there were containers, so that an upgrade replaces none.
        let text = match &self.container {
            None => serde_json::to_vec(&(&self.program, &self.listen, &self.log, self.lines_per_second)),
            Some(container) => serde_json::to_vec(&(&self.program, container)),
        }
        .expect("text, numbers and lists are JSON");
        format!("{:08x}", upstream::stable_hash(&text) >> 32)
    }
}

/// Puts what an instance is called and where it listens into a text of the config.
pub(crate) fn fill_in(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_is_of_what_needs_another_process_and_of_nothing_else() {
        let settings = FleetSettings::new("shop", vec!["shop".into()]);
        let mut timed = settings.clone();
        timed.stop_timeout = Duration::from_secs(1);
        timed.max_memory = Some(1);
        timed.surge = 3;
        assert_eq!(timed.revision(), settings.revision());
        let other = |change: fn(&mut FleetSettings)| {
            let mut other = settings.clone();
            change(&mut other);
            other.revision()
        };
        let revisions = [
            settings.revision(),
            other(|s| s.program.env.push(("A".into(), "1".into()))),
            other(|s| s.program.command.push("--fast".into())),
            other(|s| s.program.limits.files = Some(9)),
            other(|s| s.listen = Listen::Socket),
            other(|s| s.log = LogSettings::Off),
        ];
        let different: std::collections::HashSet<_> = revisions.iter().collect();
        assert_eq!(different.len(), revisions.len(), "{revisions:?}");
        assert!(revisions.iter().all(|r| r.len() == 8));
    }

    #[test]
    fn the_revision_of_a_container_is_of_its_image_and_program_and_not_of_a_log_that_it_has_not() {
        let container = Container {
            image: "shop:1".into(),
            port: 8080,
            socket: None,
            owner: "tidegate".into(),
            network: None,
            volumes: Vec::new(),
        };
        let mut settings = FleetSettings::new("shop", vec![]);
        let process = settings.revision();
        settings.container = Some(container.clone());
        let first = settings.revision();
        assert_ne!(first, process);
        settings.log = LogSettings::Off;
        assert_eq!(settings.revision(), first);
        settings.program.env.push(("A".into(), "1".into()));
        assert_ne!(settings.revision(), first);
        settings.program.env.clear();
        settings.container = Some(Container { image: "shop:2".into(), ..container });
        assert_ne!(settings.revision(), first);
    }

    #[test]
    fn what_is_known_is_filled_in_wherever_it_stands() {
        let values = [("{port}", "8001"), ("{name}", "shop-1")];
        assert_eq!(fill_in("--on={port}:{port} {name} {else}", &values), "--on=8001:8001 shop-1 {else}");
    }
}
