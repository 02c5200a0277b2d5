//! A real gRPC client with stubs made from the interface's description.

use super::client::scaler;
use crate::fixture::run;
use engines::keda::Demand;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};

/// The Python that has the packages of the tests.
fn python() -> PathBuf {
    let made = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-venv/bin/python");
    let python = std::env::var_os("TIDEGATE_TEST_PYTHON").map_or_else(made, PathBuf::from);
    assert!(python.is_file(), "no Python with the packages of the tests: run `cargo xtask test`");
    python
}

#[test]
fn a_grpc_client_with_generated_stubs_gets_what_was_measured() {
    run(async {
        let (address, demands) = scaler().await;
        let demand = |active| Demand { current: 42.5, target: 20.0, active };
        demands.borrow_mut().insert("shop".into(), demand(false));
        let mut child = tokio::process::Command::new(python())
            .arg("keda_client.py")
            .arg(address.port().to_string())
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/keda"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NO_PROXY", "*")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut heard = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            // It says when it has heard the first word of the stream: then the service wakes up.
            if line == "stream False" {
                demands.borrow_mut().insert("shop".into(), demand(true));
            }
            heard.push(line);
        }
        assert!(child.wait().await.unwrap().success(), "{heard:?}");
        let expected = [
            "active False",
            "spec tidegate-shop 20 20.0",
            "metrics s0-name 43 42.5",
            "unknown NOT_FOUND",
            "stream False",
            "stream True",
        ];
        assert_eq!(heard, expected);
    });
}
