//! A real `redis-server` on a free port, empty at each start, that can be killed, paused and started again.

use crate::port::Port;
use crate::scratch::Scratch;
use crate::wait::soon;
use rustix::process::{Pid, Signal, kill_process};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// The server. It ends when this is dropped.
#[derive(Debug)]
pub struct Redis {
    port: Port,
    options: Vec<String>,
    folder: Scratch,
    child: Option<Child>,
}

impl Redis {
    /// Starts one without a password.
    #[track_caller]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with these options of its command line too, such as `--requirepass`.
    #[track_caller]
    pub fn with(options: &[&str]) -> Self {
        let port = Port::free();
        let mut all = vec!["--port".to_owned(), port.number().to_string()];
        all.extend(options.iter().map(|&option| option.to_owned()));
        Self::run(port, all)
    }

    /// Starts a sentinel that watches `master` under the name `mymaster` and fails over within a few seconds.
    #[track_caller]
    pub fn sentinel(master: &Self) -> Self {
        let (port, folder) = (Port::free(), Scratch::new());
        let number = port.number();
        let config = format!(
            "port {number}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 3000\n",
            master.port()
        );
        // It keeps what it learns in its config file.
        let config = folder.write("sentinel.conf", config).display().to_string();
        let mut redis = Self { port, options: vec![config, "--sentinel".into()], folder, child: None };
        redis.restart();
        redis
    }

    /// Starts one that speaks TLS only, with this certificate and key (files in PEM).
    #[track_caller]
    pub fn start_tls(certificate: &str, key: &str) -> Self {
        let port = Port::free();
        let number = port.number().to_string();
        let options =
            ["--port", "0", "--tls-port", &number, "--tls-cert-file", certificate, "--tls-key-file", key];
        let more = ["--tls-auth-clients", "no"];
        let options = options.iter().chain(&more).map(|&option| option.to_owned()).collect();
        Self::run(port, options)
    }

    #[track_caller]
    fn run(port: Port, options: Vec<String>) -> Self {
        let mut redis = Self { port, options, folder: Scratch::new(), child: None };
        redis.restart();
        redis
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://{}", self.port.address())
    }

    /// Starts it (again), empty.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        let mut command = Command::new("redis-server");
        command.args(&self.options);
        if !self.options.iter().any(|option| option == "--sentinel") {
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        }
        command.arg("--dir").arg(self.folder.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child =
            Some(child.unwrap_or_else(|e| panic!("cannot start redis-server ({e}): run `cargo xtask test`")));
        let address = self.port.address();
        soon("redis-server listens", || TcpStream::connect(address).is_ok());
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// It stops answering, and its connections stay open.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// It goes on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the server runs");
        kill_process(Pid::from_child(child), signal).expect("our own child can be signalled");
    }

    /// Runs one command in it with `redis-cli`, and answers with what it printed.
    #[track_caller]
    pub fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port().to_string();
        let output = crate::clients::run(Command::new("redis-cli").args(["-p", &port]).args(arguments));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs commands, one a line, over one connection: a transaction, say.
    #[track_caller]
    pub fn cli_script(&self, lines: &str) -> String {
        let (port, file) = (self.port().to_string(), self.folder.write("commands", lines));
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec redis-cli -p \"$0\" < \"$1\"", &port]).arg(file);
        String::from_utf8_lossy(&crate::clients::run(&mut shell).stdout).trim().to_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
