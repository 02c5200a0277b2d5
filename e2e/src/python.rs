//! Real clients and servers in Python: WebSocket, gRPC, HTTP/2 frame by frame. The scripts lie in `e2e/scripts`.

use crate::clients::run;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};

/// The Python that has the packages: `TIDEGATE_TEST_PYTHON`, else the one that `cargo xtask test` made.
#[track_caller]
pub fn python() -> PathBuf {
    let made = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-venv/bin/python");
    let python = std::env::var_os("TIDEGATE_TEST_PYTHON").map_or_else(made, PathBuf::from);
    assert!(python.is_file(), "no Python with the packages of the tests: run `cargo xtask test`");
    python
}

#[track_caller]
fn script(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(python());
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name)).args(args);
    // Proxies that the user set must not stand between the test and the gateway.
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command.env("NO_PROXY", "*").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Runs a script to its end.
#[track_caller]
pub fn python_script(name: &str, args: &[&str]) -> Output {
    run(&mut script(name, args))
}

/// Starts a script that goes on until its standard input is closed, for [`crate::finish`] to wait for.
#[track_caller]
pub fn start_python_script(name: &str, args: &[&str]) -> Child {
    let mut command = script(name, args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the Python of the tests starts")
}

/// A server script. It prints its port first, and ends when its standard input does.
#[derive(Debug)]
pub struct PythonServer {
    child: Child,
    _stdin: Option<ChildStdin>,
    port: u16,
}

impl PythonServer {
    /// Starts the script and waits for its port.
    #[track_caller]
    pub fn start(name: &str, args: &[&str]) -> Self {
        let mut child = script(name, args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python of the tests starts");
        let stdin = child.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        let port = line.trim().parse().unwrap_or_else(|_| panic!("{name} gave no port but `{line}`"));
        Self { child, _stdin: stdin, port }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
