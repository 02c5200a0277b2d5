//! The side-by-side bench.
//!
//! It answers one question: what does a request cost in Tidegate, next to other servers and next to the least that
//! proxying can cost on this machine? Server on core 0, origin and load tool on core 1, servers in turns so that the
//! drift of a shared machine hits all alike, medians. Absolute numbers vary by machine; ratios within one run hold.
//! `faults` asks another question: what do clients notice when half of the instances behind a server go wrong? And `scale`:
//! what do they notice of instances that come and go with the load? `guard`: what does asking who is calling, and how often,
//! add to a request's cost? `cache`: what does an answer cost that is kept, and how well is it kept?
//! *Not here*: tests. A speed is never asserted, it is measured and kept by date in `results/`.
#![allow(clippy::print_stderr, reason = "a terminal tool speaks on the terminal")]

pub mod bare;
pub mod closedloop;
mod contender;
mod credentials;
pub mod fleet;
pub mod floor;
pub mod handshakes;
pub mod hold;
mod http1;
mod lab;
mod load;
pub mod object;
pub mod openloop;
mod options;
pub mod origin;
mod poll;
mod port;
mod process;
pub mod purging;
mod report;
mod scenario;
mod server;
pub mod source;
pub mod steps;
mod table;
pub mod zipf;

pub use contender::Contender;
pub use options::{CachePart, Options, Scenario};

use anyhow::{Result, ensure};
use std::fmt::Display;
use std::io::Write;
use std::path::Path;

/// Measures what the options ask for, prints it, and keeps it where asked.
pub fn run(options: &Options) -> Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    ensure!(cores >= 2, "the bench needs two cores: one for the server, one for the load");
    let lab = lab::Lab::open(options)?;
    for line in &lab.absent {
        say(line);
    }
    ensure!(!lab.present.is_empty(), "none of the servers asked for is installed");
    let mut report = report::Report::new(&lab)?;
    say(&report.heading());
    let asked = if options.scenarios.is_empty() { &Scenario::USUAL[..] } else { &options.scenarios };
    for scenario in asked {
        scenario.run(&lab, &mut |table| {
            say(&table);
            report.tables.push(table);
        })?;
    }
    if options.save {
        let path = report.save(&Path::new(env!("CARGO_MANIFEST_DIR")).join("results"))?;
        say(&format!("kept in {}", path.display()));
        for (name, text) in lab.kept.take() {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let beside = path.with_file_name(format!("{stem}-{name}"));
            std::fs::write(&beside, text)?;
            say(&format!("kept in {}", beside.display()));
        }
    }
    Ok(())
}

/// Prints a line. Where nobody reads any more the run goes on: its results may be kept all the same.
fn say(line: &dyn Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
