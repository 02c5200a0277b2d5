//! `bench-source`: the origin behind caches.
//!
//! Prints `port N` once it listens. A line on standard input makes it print how many requests it has got; its end makes the
//! program end.
#![allow(clippy::print_stdout, reason = "what it prints is how the bench hears from it")]

use bench::source::Source;
use clap::Parser;
use std::io::BufRead;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Answers on 127.0.0.1 with an object for each path, such as `/1024/tag/7`, and counts.
#[derive(Parser)]
struct Args {}

fn main() -> anyhow::Result<()> {
    Args::parse();
    let (tell, mut told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            // Nobody listens any more only where the program ends.
            let _ = tell.send(line);
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let source = Source::bind(0)?;
        tokio::task::spawn_local(Rc::clone(&source).serve());
        println!("port {}", source.port());
        while told.recv().await.is_some() {
            println!("{}", source.asked());
        }
        Ok(())
    })
}
