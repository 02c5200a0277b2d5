//! `cargo xtask bench [SCENARIO]... [OPTIONS]`.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    bench::run(&bench::Options::parse())
}
