//! A Tidegate whose place other processes take.
//!
//! The process that serves in the end is not the one that the test has started, nor its child. So all of them stand in a
//! process group of their own, and that is killed as a whole when the value is dropped.

use crate::binary::tidegate_binary;
use crate::instances::{Instances, ask_admin};
use crate::message::Response;
use crate::port::Port;
use crate::raw::Raw;
use crate::scratch::Scratch;
use crate::wait::{PATIENCE, eventually, soon};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A process and all that it has started, which end when this is dropped.
#[derive(Debug)]
pub struct Group(Child);

impl Group {
    /// Starts a program in a process group of its own.
    #[track_caller]
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.process_group(0).spawn().expect("the program starts"))
    }

    /// The process that was started.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until that process ends; `None` when it does not in time.
    pub fn wait(&mut self) -> Option<ExitStatus> {
        let mut status = None;
        eventually(PATIENCE, || {
            status = self.0.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// A Tidegate that is upgraded: its processes, started through a link that can be put over.
#[derive(Debug)]
pub struct Fleet {
    first: Group,
    scratch: Scratch,
    port: Port,
    second_port: Port,
    admin: Port,
}

impl Fleet {
    /// `{port}`, `{port2}` and `{dir}` stand for what their names say; the admin API is added. `{its_port}` becomes the
    /// `{port}` that Tidegate fills in for an instance.
    #[track_caller]
    pub fn start(config: &str) -> Self {
        Self::start_with(config, |_| {})
    }

    /// Like [`Self::start`], with the command changed before it is run.
    #[track_caller]
    pub fn start_with(config: &str, adapt: impl FnOnce(&mut Command)) -> Self {
        let scratch = Scratch::new();
        let ports = [Port::free(), Port::free(), Port::free()];
        let link = scratch.file("tidegate");
        symlink(tidegate_binary(), &link).expect("a link can be made");
        scratch.write("tidegate.yaml", fill(config, &ports, scratch.path()));
        let log =
            File::options().append(true).create(true).open(scratch.file("log")).expect("it can be written");
        let mut command = Command::new(&link);
        command.args(["run", "tidegate.yaml"]).current_dir(scratch.path());
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file can be shared")).stderr(log);
        adapt(&mut command);
        let first = Group::spawn(&mut command);
        let [port, second_port, admin] = ports;
        let fleet = Self { first, scratch, port, second_port, admin };
        assert!(eventually(PATIENCE, || fleet.status().is_some()), "not ready:\n{}", fleet.log());
        fleet
    }

    /// Overwrites the config in place.
    pub fn write_config(&self, config: &str) {
        let text = replace(
            config,
            [self.port.number(), self.second_port.number(), self.admin.number()],
            self.scratch.path(),
        );
        self.scratch.write("tidegate.yaml", text);
    }

    /// Another program stands at the path that the first process was started from.
    pub fn install(&self, program: &Path) {
        let new = self.scratch.file("new");
        symlink(program, &new).expect("a link can be made");
        fs::rename(new, self.scratch.file("tidegate")).expect("a link can be put over another");
    }

    /// A script stands there.
    pub fn install_script(&self, script: &str) {
        let file = self.scratch.write("script", format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it is ours");
        self.install(&file);
    }

    /// Where `{port}` listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Where `{port2}` listens.
    pub fn second_address(&self) -> SocketAddr {
        self.second_port.address()
    }

    /// Where the admin API listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// A file in the folder of the processes, which is their working directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.file(name)
    }

    /// The process that the test has started.
    pub fn first(&self) -> u32 {
        self.first.id()
    }

    /// What `/api/status` says, if somebody answers.
    pub fn status(&self) -> Option<Value> {
        let answer = self.ask("GET", "/api/status")?;
        serde_json::from_slice(&answer.body).ok()
    }

    /// The process that answers the admin API.
    pub fn pid(&self) -> u32 {
        let mut pid = None;
        soon("the admin API says who it is", || {
            pid = self.status().and_then(|status| status["pid"].as_u64());
            pid.is_some()
        });
        u32::try_from(pid.unwrap_or_default()).expect("a process id is small")
    }

    /// A request to the admin API, on a connection of its own.
    pub fn ask(&self, method: &str, path: &str) -> Option<Response> {
        ask_admin(self.admin.address(), method, path)
    }

    /// What the admin API says of the instances of a service, whichever process answers.
    pub fn instances(&self, service: &str) -> Instances {
        Instances::of(self.admin.address(), service)
    }

    /// Upgrades by the admin API and returns the new process's id.
    #[track_caller]
    pub fn upgrade(&self) -> u32 {
        let before = self.pid();
        let answer = self.ask("POST", "/api/upgrade").expect("the old process answers");
        assert_eq!(answer.status, 200, "{answer}\n{}", self.log());
        let told: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(told["from"], before);
        let pid = u32::try_from(told["pid"].as_u64().expect("a number")).expect("a process id is small");
        assert_eq!(self.pid(), pid, "whoever was told of the upgrade has the new process before them");
        assert_ne!(pid, before);
        pid
    }

    /// Upgrades by signal and returns the new process's id.
    #[track_caller]
    pub fn upgrade_by_signal(&self) -> u32 {
        let before = self.pid();
        send_signal(before, Signal::USR2);
        self.wait_for_log(&format!("has taken over; process {before} ends"));
        let pid = self.pid();
        assert_ne!(pid, before);
        pid
    }

    /// Asks for an upgrade that must fail, and returns why it did.
    #[track_caller]
    pub fn refused(&self) -> String {
        let before = self.pid();
        let answer = self.ask("POST", "/api/upgrade").expect("the old process answers");
        assert_eq!(answer.status, 409, "{answer}\n{}", self.log());
        let told: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!((self.pid(), self.status().expect("it answers")["ready"].clone()), (before, true.into()));
        told["detail"].as_str().expect("a text").to_owned()
    }

    /// The body of one GET on a new connection.
    #[track_caller]
    pub fn get(&self, path: &str) -> String {
        Raw::connect(self.address()).get(path, "Connection: close\r\n").text()
    }

    /// What all processes have printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.scratch.file("log")).unwrap_or_default()
    }

    /// Waits until `words` stand in what was printed.
    #[track_caller]
    pub fn wait_for_log(&self, words: &str) {
        assert!(
            eventually(PATIENCE, || self.log().contains(words)),
            "`{words}` was not logged:\n{}",
            self.log()
        );
    }

    /// Waits until the process that the test has started ends.
    #[track_caller]
    pub fn first_exit(&mut self) -> ExitStatus {
        self.first.wait().unwrap_or_else(|| panic!("the first process still runs:\n{}", self.log()))
    }
}

fn fill(config: &str, ports: &[Port; 3], folder: &Path) -> String {
    replace(config, ports.each_ref().map(Port::number), folder)
}

fn replace(config: &str, [port, second, admin]: [u16; 3], folder: &Path) -> String {
    format!("admin: 127.0.0.1:{admin}\n{config}\n")
        .replace("{port}", &port.to_string())
        .replace("{port2}", &second.to_string())
        .replace("{dir}", &folder.to_string_lossy())
        .replace("{its_port}", "{port}")
}

/// Sends a signal to a process.
pub fn send_signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id is positive");
    kill_process(pid, signal).expect("the process runs");
}

/// Has the process ended? One that nobody has waited for yet has.
pub fn has_ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next())
        .is_none_or(|state| "ZX".contains(state))
}
