//! `cargo xtask ci`: every check, cheapest first, each with its time; the first that fails ends it.

use crate::shell::{cargo, run as start, succeeds};
use crate::tests;
use anyhow::{Context, Result};
use std::time::Instant;

/// A check's name and what it does.
type Check = (&'static str, fn() -> Result<()>);

const CHECKS: [Check; 5] = [
    ("format", || start(cargo().args(["fmt", "--all", "--check"]))),
    ("lints", || start(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))),
    ("licences and advisories", deny),
    ("documentation", || {
        start(cargo().args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings"))
    }),
    ("tests", || tests::run(&[])),
];

/// Runs all checks.
pub(crate) fn run() -> Result<()> {
    let whole = Instant::now();
    for (name, check) in CHECKS {
        println!("== {name}");
        let started = Instant::now();
        check().with_context(|| format!("{name} failed after {:.1} s", started.elapsed().as_secs_f64()))?;
        println!("== {name}: done in {:.1} s", started.elapsed().as_secs_f64());
    }
    println!("== all checks passed in {:.1} s", whole.elapsed().as_secs_f64());
    Ok(())
}

/// Reads `deny.toml`. cargo-deny takes minutes to build, so it is used where it is installed and named where not.
fn deny() -> Result<()> {
    if !succeeds(cargo().args(["deny", "--version"])) {
        println!("skipped: cargo-deny is not installed (cargo install --locked cargo-deny)");
        return Ok(());
    }
    start(cargo().args(["deny", "--workspace", "check"]))
}
