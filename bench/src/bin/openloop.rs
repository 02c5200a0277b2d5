//! `bench-openloop PORT`: load at a fixed rate.
//!
//! Prints `counts` when the warm-up is over, and at the end what came of it, as JSON.
#![allow(clippy::print_stdout, reason = "what it prints is how the bench hears from it")]

use bench::openloop::{self, Load};
use clap::Parser;
use std::time::Duration;

/// Sends requests to a port of 127.0.0.1 when they are due, whatever has become of those before.
#[derive(Parser)]
struct Args {
    port: u16,
    /// Requests per second
    #[arg(long, default_value_t = 800, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// Seconds before it counts
    #[arg(long, default_value_t = 5)]
    warm: u64,
    /// Seconds while it counts
    #[arg(long, default_value_t = 30)]
    secs: u64,
    /// POST with a small body instead of GET
    #[arg(long = "post")]
    writes: bool,
}

fn main() -> anyhow::Result<()> {
    let Args { port, rate, warm, secs, writes } = Args::parse();
    let load = Load { port, rate, warm: Duration::from_secs(warm), lasts: Duration::from_secs(secs), writes };
    let tally = openloop::run(&load, || println!("counts"))?;
    println!("{}", serde_json::to_string(&tally)?);
    Ok(())
}
