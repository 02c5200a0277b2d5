//! `bench-handshakes PORT THREADS SECONDS`: new HTTPS connections with full handshakes.
//!
//! Prints one line: `full N resumed N failed N p99_us N`.
#![allow(clippy::print_stdout, reason = "what it prints is how the bench hears from it")]

use bench::handshakes;
use clap::Parser;
use std::time::Duration;

/// Opens one TLS connection after the other to a port of 127.0.0.1.
#[derive(Parser)]
struct Args {
    port: u16,
    threads: usize,
    seconds: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut tally = handshakes::load(args.port, args.threads, Duration::from_secs(args.seconds))?;
    let p99 = tally.p99_micros();
    println!("full {} resumed {} failed {} p99_us {p99}", tally.full, tally.resumed, tally.failed);
    Ok(())
}
