//! `bench-purging PORT ADMIN_PORT`: what clients notice of a purge. Prints it as JSON.
#![allow(clippy::print_stdout, reason = "what it prints is how the bench hears from it")]

use bench::purging::{self, Purging};
use clap::Parser;
use std::time::Duration;

/// Asks a cache on 127.0.0.1 without pause, and purges half of what is in it meanwhile.
#[derive(Parser)]
struct Args {
    port: u16,
    admin_port: u16,
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
    /// The length of each object's body
    #[arg(long, default_value_t = 1024)]
    bytes: u64,
    /// How many objects there are of each half
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    objects: u64,
    /// How long before the purge, and from it on
    #[arg(long, default_value_t = 1000)]
    millis: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let purging = Purging {
        port: args.port,
        admin: args.admin_port,
        connections: args.connections.into(),
        bytes: args.bytes,
        objects: args.objects,
        each: Duration::from_millis(args.millis),
    };
    println!("{}", serde_json::to_string(&purging::run(&purging)?)?);
    Ok(())
}
