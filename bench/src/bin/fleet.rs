//! `bench-fleet CONDUCT,... [--dies-after SECONDS]`: instances that go wrong on command.
//!
//! Prints `ports P...` once all listen. A line on standard input makes them go wrong; its end makes the program print
//! what each has received, as JSON, and end.
#![allow(clippy::print_stdout, reason = "what it prints is how the bench hears from it")]

use bench::fleet::{Conduct, Fleet};
use clap::Parser;
use std::io::BufRead;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Runs instances of a service on 127.0.0.1.
#[derive(Parser)]
struct Args {
    /// How each behaves
    #[arg(value_delimiter = ',', required = true)]
    conducts: Vec<Conduct>,
    /// When the one that dies does, after things went wrong
    #[arg(long, default_value_t = 15)]
    dies_after: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let (tell, mut told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            // Nobody listens any more only where the program ends.
            let _ = tell.send(line);
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let fleet = Fleet::start(&args.conducts, Duration::from_secs(args.dies_after)).await?;
        let ports: Vec<_> = fleet.ports().iter().map(u16::to_string).collect();
        println!("ports {}", ports.join(" "));
        while told.recv().await.is_some() {
            fleet.go_wrong();
        }
        println!("{}", serde_json::json!({ "received": fleet.received(), "repeated": fleet.repeated() }));
        Ok(())
    })
}
