//! `bench-steps PORT STEP..`: load in steps.
//!
//! Prints what came of each second, as JSON, a line each.
#![allow(clippy::print_stdout, reason = "what it prints is how the bench hears from it")]

use bench::steps::{self, Step};
use clap::Parser;
use std::io::Write;

/// Keeps so many connections to a port of 127.0.0.1 busy, step by step.
#[derive(Parser)]
struct Args {
    port: u16,
    /// Connections and seconds, such as 200x60
    #[arg(required = true)]
    steps: Vec<Step>,
    /// What is asked for; a number is put behind it
    #[arg(long, default_value = "/item/")]
    path: String,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut trouble = None;
    steps::run(args.port, &args.path, &args.steps, |second| {
        let line = serde_json::to_string(second).map_err(anyhow::Error::from);
        let printed = line.and_then(|line| Ok(writeln!(std::io::stdout(), "{line}")?));
        trouble = trouble.take().or(printed.err());
    })?;
    trouble.map_or(Ok(()), Err)
}
