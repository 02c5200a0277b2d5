//! `bench-closedloop PORT`: load without pauses. Prints what came of it, as JSON.
#![allow(clippy::print_stdout, reason = "what it prints is how the bench hears from it")]

use bench::closedloop::{self, Load, Order, Until};
use clap::Parser;
use std::time::Duration;

/// Asks a port of 127.0.0.1 for objects on so many connections, again and again.
#[derive(Parser)]
struct Args {
    port: u16,
    /// Connections, each with one request under way
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: u16,
    /// What stands before the path of each object
    #[arg(long, default_value = "")]
    prefix: String,
    /// The length of each object's body
    #[arg(long, default_value_t = 1024)]
    bytes: u64,
    /// The objects' tag
    #[arg(long, default_value = "a")]
    tag: String,
    /// How many objects there are
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    objects: u64,
    /// The number of the first
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Asks by Zipf's law instead of in turns
    #[arg(long)]
    skew: Option<f64>,
    /// Where the draws begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many requests [default: as many as there are objects]
    #[arg(long, conflicts_with = "millis")]
    requests: Option<u64>,
    /// How long, instead
    #[arg(long)]
    millis: Option<u64>,
    /// Looks whether each body is the right one
    #[arg(long)]
    looks: bool,
    /// A path that each connection asks for once before it counts
    #[arg(long)]
    first: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let seed = args.seed;
    let load = Load {
        port: args.port,
        connections: args.connections.into(),
        prefix: args.prefix,
        bytes: args.bytes,
        tag: args.tag,
        objects: args.objects,
        from: args.from,
        order: args.skew.map_or(Order::InTurns, |skew| Order::Zipf { skew, seed }),
        until: match args.millis {
            Some(millis) => Until::Elapsed(Duration::from_millis(millis)),
            None => Until::Requests(args.requests.unwrap_or(args.objects)),
        },
        looks: args.looks,
        first: args.first,
    };
    println!("{}", serde_json::to_string(&closedloop::run(&load)?)?);
    Ok(())
}
