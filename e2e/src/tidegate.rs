//! A running Tidegate, started from its binary and a config.

use crate::binary::tidegate_binary;
use crate::instances::{Instances, ask_admin};
use crate::message::Response;
use crate::port::Port;
use crate::raw::Raw;
use crate::scratch::Scratch;
use crate::wait::{PATIENCE, eventually, soon};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a process printed so far; a thread of its own reads it.
#[derive(Clone, Debug, Default)]
struct Printed {
    text: Arc<Mutex<String>>,
    /// Set when nobody wants to read on; the pipe is then closed.
    enough: Arc<AtomicBool>,
}

impl Printed {
    /// Starts to read the pipe.
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let printed = Self::default();
        let into = printed.clone();
        std::thread::spawn(move || {
            let mut part = [0; 8192];
            while let Ok(count @ 1..) = pipe.read(&mut part) {
                let words = String::from_utf8_lossy(&part[..count]);
                into.text.lock().unwrap_or_else(PoisonError::into_inner).push_str(&words);
                if into.enough.load(Ordering::SeqCst) {
                    return;
                }
            }
        });
        printed
    }

    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A Tidegate process with its own folder and ports. It is killed when it is dropped.
#[derive(Debug)]
pub struct Tidegate {
    child: Child,
    scratch: Scratch,
    port: Port,
    second_port: Port,
    admin: Port,
    stdout: Printed,
    stderr: Printed,
}

impl Tidegate {
    /// Starts `tidegate run` with this config and waits until it is ready.
    ///
    /// `{port}`, `{port2}` and `{admin}` in the config stand for free ports, `{dir}` for the folder of this process,
    /// which is its working directory too. `{its_port}` becomes the `{port}` that Tidegate fills in for an instance.
    /// Without `listeners:` it listens on `127.0.0.1:{port}`; without `admin:` the
    /// admin API is on `127.0.0.1:{admin}`; without `overload:` it takes whatever comes.
    #[track_caller]
    pub fn start(config: &str) -> Self {
        Self::start_in(Scratch::new(), config)
    }

    /// [`Self::start`] with a folder in which files lie ready.
    #[track_caller]
    pub fn start_in(scratch: Scratch, config: &str) -> Self {
        let ports = [Port::free(), Port::free(), Port::free()];
        let file = scratch.write("tidegate.yaml", fill(config, &ports, scratch.path()));
        let gateway = Self::spawn(scratch, ports, Command::new(tidegate_binary()).arg("run").arg(file));
        gateway.wait_until_ready();
        gateway
    }

    /// [`Self::start`] behind lines of a shell, in mounts of its own where this machine allows that.
    #[track_caller]
    pub fn start_through(shell: &str, config: &str) -> Self {
        let (scratch, ports) = (Scratch::new(), [Port::free(), Port::free(), Port::free()]);
        let file = scratch.write("tidegate.yaml", fill(config, &ports, scratch.path()));
        let apart = ["--mount", "--user --map-root-user --mount"].into_iter().find(|apart| {
            Command::new("unshare")
                .args(apart.split(' '))
                .arg("true")
                .output()
                .is_ok_and(|o| o.status.success())
        });
        let mut command = Command::new(if apart.is_some() { "unshare" } else { "env" });
        command.args(apart.into_iter().flat_map(|apart| apart.split(' ')));
        command.args(["sh", "-c", &format!("{shell}\nexec \"$0\" run \"$1\"")]);
        let gateway = Self::spawn(scratch, ports, command.arg(tidegate_binary()).arg(file));
        gateway.wait_until_ready();
        gateway
    }

    /// [`Self::start`] for a gateway that need not be ready: it is waited for until its admin API answers.
    #[track_caller]
    pub fn start_early(config: &str) -> Self {
        let gateway = Self::spawn_with(&["run", "{config}"], config);
        let answers = || gateway.try_admin("GET", "/healthz").is_some_and(|answer| answer.status == 200);
        let came = eventually(PATIENCE, answers);
        assert!(came, "the gateway did not start:\n{}{}", gateway.stdout(), gateway.stderr());
        gateway
    }

    /// Starts a gateway with one route for everything, to `origin_url`.
    #[track_caller]
    pub fn to(origin_url: &str) -> Self {
        Self::to_with(origin_url, "")
    }

    /// [`Self::to`] with more top-level keys, such as `limits`.
    #[track_caller]
    pub fn to_with(origin_url: &str, more: &str) -> Self {
        Self::start(&format!(
            "services: {{ api: {{ endpoints: [\"{origin_url}\"] }} }}\nroutes: [{{ service: api }}]\n{more}\n"
        ))
    }

    /// Starts the binary with any arguments and does not wait. `{port}` and its like work in them too, and a
    /// `{config}` stands for a file with `config`.
    pub fn spawn_with(args: &[&str], config: &str) -> Self {
        let scratch = Scratch::new();
        let ports = [Port::free(), Port::free(), Port::free()];
        let file = scratch.write("tidegate.yaml", fill(config, &ports, scratch.path()));
        let mut command = Command::new(tidegate_binary());
        for arg in args {
            let arg = place(arg, &ports, scratch.path()).replace("{config}", &file.to_string_lossy());
            command.arg(arg);
        }
        Self::spawn(scratch, ports, &mut command)
    }

    fn spawn(scratch: Scratch, [port, second_port, admin]: [Port; 3], command: &mut Command) -> Self {
        command
            .current_dir(scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = child.stdout.take().map(Printed::of).unwrap_or_default();
        let stderr = child.stderr.take().map(Printed::of).unwrap_or_default();
        Self { child, scratch, port, second_port, admin, stdout, stderr }
    }

    /// Waits until `/readyz` says yes.
    #[track_caller]
    pub fn wait_until_ready(&self) {
        let ready = || self.try_admin("GET", "/readyz").is_some_and(|answer| answer.status == 200);
        let dead = || !Path::new(&format!("/proc/{}/exe", self.pid())).exists();
        let came = eventually(PATIENCE, || ready() || dead());
        assert!(came && ready(), "the gateway did not become ready:\n{}{}", self.stdout(), self.stderr());
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

    /// The URL of `path` on `{port}`, in clear text.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// A new connection to `{port}`.
    #[track_caller]
    pub fn connect(&self) -> Raw {
        Raw::connect(self.address())
    }

    /// One GET on a new connection.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.connect().get(path, "Connection: close\r\n")
    }

    /// A file in the folder of this process.
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.file(name)
    }

    /// A request to the admin API. The connection is closed behind it.
    #[track_caller]
    pub fn admin(&self, method: &str, path: &str) -> Response {
        self.try_admin(method, path).expect("the admin API answers")
    }

    /// What the admin API says of the instances of a service.
    pub fn instances(&self, service: &str) -> Instances {
        Instances::of(self.admin.address(), service)
    }

    fn try_admin(&self, method: &str, path: &str) -> Option<Response> {
        ask_admin(self.admin.address(), method, path)
    }

    /// The Prometheus text.
    #[track_caller]
    pub fn metrics(&self) -> String {
        self.admin("GET", "/metrics").text()
    }

    /// The sum of a counter's or gauge's samples, whole numbers all, whose labels hold all of `labels` (each as `name="value"`).
    #[track_caller]
    pub fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        let of_metric = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
                && labels.iter().all(|label| line.contains(label))
        };
        let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok());
        self.metrics().lines().filter(of_metric).filter_map(value).sum()
    }

    /// A service as `/api/services` shows it.
    #[track_caller]
    pub fn service(&self, name: &str) -> serde_json::Value {
        let all: serde_json::Value =
            serde_json::from_slice(&self.admin("GET", "/api/services").body).unwrap_or_default();
        let services = all.as_array().or_else(|| all["services"].as_array()).cloned().unwrap_or_default();
        let one = services.iter().find(|service| service["name"] == name);
        one.cloned().unwrap_or_else(|| panic!("no service {name} in {all}"))
    }

    /// The state of an endpoint as `/api/services` shows it: `up`, `ejected` and their like; empty where it has none.
    #[track_caller]
    pub fn state(&self, service: &str, url: &str) -> String {
        let service = self.service(service);
        let endpoints = service["endpoints"].as_array().cloned().unwrap_or_default();
        let one = endpoints.iter().find(|endpoint| endpoint["url"] == url);
        one.and_then(|endpoint| endpoint["state"].as_str()).unwrap_or_default().to_owned()
    }

    /// Waits until an endpoint is in that state.
    #[track_caller]
    pub fn wait_for_state(&self, service: &str, url: &str, state: &str) {
        let came = eventually(PATIENCE, || self.state(service, url) == state);
        assert!(came, "{url} is not {state}: {}\n{}", self.service(service), self.stderr());
    }

    /// Overwrites the config in place.
    pub fn write_config(&self, config: &str) {
        let text = fill_with(
            config,
            [self.port.number(), self.second_port.number(), self.admin.number()],
            self.scratch.path(),
        );
        self.scratch.write("tidegate.yaml", text);
    }

    /// Asks the admin API for a reload.
    #[track_caller]
    pub fn reload(&self) -> Response {
        self.admin("POST", "/api/reload")
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id is positive");
        kill_process(pid, signal).expect("the gateway runs");
    }

    /// From now on the process may have at most `most` files open, connections included.
    pub fn limit_open_files(&self, most: u64) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        prlimit(pid, Resource::Nofile, limit).expect("the gateway runs");
    }

    /// Waits until the process ends.
    #[track_caller]
    pub fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        let mut status = None;
        eventually(deadline, || {
            status = self.child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        status.unwrap_or_else(|| panic!("still running after {deadline:?}:\n{}", self.stderr()))
    }

    /// Is the process alive?
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// What it printed to standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it printed to standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Closes the pipe of standard output with the next thing that is printed.
    pub fn stop_reading_stdout(&self) {
        self.stdout.enough.store(true, Ordering::SeqCst);
    }

    /// Waits until `words` stand in what it printed, wherever.
    #[track_caller]
    pub fn wait_for_print(&self, words: &str) {
        let found = || self.stdout().contains(words) || self.stderr().contains(words);
        assert!(
            eventually(PATIENCE, found),
            "`{words}` was not printed:\n{}{}",
            self.stdout(),
            self.stderr()
        );
    }

    /// Waits for the line of the access log about `path` and reads it.
    #[track_caller]
    pub fn access_log(&self, path: &str) -> serde_json::Value {
        let mut entry = None;
        soon(&format!("a line of the access log about {path}"), || {
            let lines = self.stdout();
            let mut entries =
                lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            entry = entries.find(|entry| entry["path"] == path);
            entry.is_some()
        });
        entry.unwrap_or_default()
    }

    /// The most memory the process ever held, in bytes (`VmHWM` of proc(5)).
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib =
            line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok());
        kib.expect("the gateway runs") << 10
    }
}

impl Drop for Tidegate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fill(config: &str, ports: &[Port; 3], folder: &Path) -> String {
    fill_with(config, ports.each_ref().map(Port::number), folder)
}

/// Adds the parts that a test left out, and replaces the placeholders.
fn fill_with(config: &str, ports: [u16; 3], folder: &Path) -> String {
    let has = |key: &str| config.lines().any(|line| line.starts_with(key));
    let mut whole = String::new();
    if !has("listeners:") {
        whole.push_str("listeners: [{ address: \"127.0.0.1:{port}\" }]\n");
    }
    if !has("admin:") {
        whole.push_str("admin: \"127.0.0.1:{admin}\"\n");
    }
    whole.push_str(config);
    // On a busy machine workers are late, and Tidegate would close connections that a test means to keep.
    if has("services:") && !has("overload:") {
        whole.push_str("\noverload: off\n");
    }
    replace(&whole, ports, folder)
}

fn place(words: &str, ports: &[Port; 3], folder: &Path) -> String {
    replace(words, ports.each_ref().map(Port::number), folder)
}

fn replace(words: &str, [port, second, admin]: [u16; 3], folder: &Path) -> String {
    words
        .replace("{port}", &port.to_string())
        .replace("{port2}", &second.to_string())
        .replace("{admin}", &admin.to_string())
        .replace("{dir}", &folder.to_string_lossy())
        .replace("{its_port}", "{port}")
}
