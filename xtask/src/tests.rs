//! `cargo xtask test`: what the tests need, then every test of the workspace.
//!
//! When all is there this adds well under a second to `cargo test --workspace`.

use crate::packages::Package;
use crate::shell::{cargo, run as start, target};
use crate::{packages, python};
use anyhow::Result;

/// Real clients and servers that the tests start.
const PROGRAMS: [Package; 6] = [
    Package::program("python3", "python3"),
    Package::module("python3-venv", "ensurepip"),
    Package::program("curl", "curl"),
    Package::program("nghttp2-client", "h2load"),
    Package::program("wrk", "wrk"),
    Package::program("redis-server", "redis-server"),
];

/// Real servers and clients in Python: gRPC, WebSocket, HTTP/2, a login provider, and the framework of the sample API.
const PYTHON: [&str; 7] = [
    "grpcio>=1.60",
    "grpcio-tools>=1.60",
    "websockets>=12",
    "h2>=4.1",
    "oidc-provider-mock>=0.3.4,<0.4",
    "fastapi>=0.110",
    "uvicorn>=0.29",
];

/// Installs what is missing and runs every test; `filter` goes to the test programs.
pub(crate) fn run(filter: &[String]) -> Result<()> {
    packages::ensure(&PROGRAMS, "by the tests")?;
    let python = python::ensure(&target().join("test-venv"), &PYTHON)?;
    let mut test = cargo();
    test.args(["test", "--workspace"]).env("TIDEGATE_TEST_PYTHON", python);
    if !filter.is_empty() {
        test.arg("--").args(filter);
    }
    start(&mut test)
}
