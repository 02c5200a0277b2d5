//! `bench-floor PORT ORIGIN_PORT`: the featureless proxy that no real one can beat by much.

use bench::floor::Floor;
use clap::Parser;

/// Proxies GET requests from one port of 127.0.0.1 to another.
#[derive(Parser)]
struct Args {
    port: u16,
    origin_port: u16,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    Ok(Floor::bind(args.port, args.origin_port)?.run()?)
}
