//! `cargo xtask bench [SCENARIO]... [OPTIONS]`.
#![allow(clippy::print_stderr, reason = "a terminal tool speaks on the terminal")]

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match bench::run(&bench::Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
