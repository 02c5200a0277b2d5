//! `bench-bare PORT`: the least that answering from memory costs with hyper.

use clap::Parser;

/// Answers on 127.0.0.1 with as many bytes as the path says, such as `/1024/tag/7`.
#[derive(Parser)]
struct Args {
    port: u16,
}

fn main() -> anyhow::Result<()> {
    Ok(bench::bare::run(Args::parse().port)?)
}
