//! `bench-hold PORT COUNT`: idle connections until standard input ends.
//!
//! Prints `held COUNT` once all are open, and `lost COUNT` at the end.
#![allow(clippy::print_stdout, reason = "what it prints is how the bench hears from it")]

use bench::hold;
use clap::Parser;

/// Holds idle keep-alive connections to a port of 127.0.0.1.
#[derive(Parser)]
struct Args {
    port: u16,
    count: usize,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let held = hold::open(args.port, args.count)?;
    println!("held {}", held.len());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    println!("lost {}", hold::lost(&held));
    Ok(())
}
