//! `bench-origin PORT [BODY_BYTES] [CACHE_CONTROL]`: the origin behind every server under test.

use bench::origin::{Answer, Origin};
use clap::Parser;

/// Answers every request on 127.0.0.1 with one fixed 200.
#[derive(Parser)]
struct Args {
    port: u16,
    #[arg(default_value_t = 13)]
    body_bytes: usize,
    cache_control: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let answer = Answer { body: args.body_bytes, cache_control: args.cache_control };
    Ok(Origin::bind(args.port, &answer)?.run()?)
}
