//! The one door to building, testing and measuring: `cargo xtask test | ci | schema | bench | sim`.
//!
//! Each subcommand only starts other programs (cargo, apt-get, pip, the built binary) and stops at the first
//! that fails. The promise it keeps: what continuous integration runs is what a person runs.
//! *Not here*: any test or measurement itself; those live in the crates, in `e2e/` and in `bench/`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a terminal tool speaks on the terminal")]

mod bench;
mod checks;
mod packages;
mod python;
mod schema;
mod shell;
mod sim;
mod tests;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Builds, tests and measures Tidegate.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what the tests need where it is missing, then runs every test of the workspace
    Test {
        /// Passed on to the test programs, such as a part of a test's name
        #[arg(last = true)]
        filter: Vec<String>,
    },
    /// What continuous integration runs: format, lints, licences and advisories, documentation, tests
    Ci,
    /// Writes docs/reference/schema.json and docs/reference/config.md from the built binary
    Schema,
    /// Measures Tidegate side by side with the servers that are installed
    Bench {
        /// Installs those servers first
        #[arg(long)]
        install: bool,
        /// Passed on to the bench: proxy h2 stream tls conns routes reload guard cache faults scale, and its options (try `--help` after `--`)
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Compares the policies of balancing in virtual time
    Sim {
        /// Passed on to the simulation: `--seed N`, `--only WORD`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Args::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Test { filter } => tests::run(&filter),
        Task::Ci => checks::run(),
        Task::Schema => schema::run(),
        Task::Bench { install, args } => bench::run(install, &args),
        Task::Sim { args } => sim::run(&args),
    }
}
