//! How long a reload takes with 10, 1,000 and 10,000 routes, step by step:
//! `cargo run --profile fast -p tidegate --example reload_speed [FILE]...`.
//!
//! Each step is timed over and over in one process, as in a node that reloads; the median is shown. Swapping the site
//! in is the store of one pointer and is not timed. With files named on the command line, those are measured instead.
//! Nothing here is asserted: times belong to a machine.
#![allow(clippy::print_stdout, reason = "printing the times is what it is for")]

#[allow(dead_code, reason = "of the program's module only the building of the site is timed")]
#[path = "../src/assemble.rs"]
mod assemble;

use assemble::Parts;
use base::Clock;
use observe::Meters;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;
use upstream::Registry;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 41;

/// Milliseconds.
#[derive(Default)]
struct Times {
    load: Vec<f64>,
    site: Vec<f64>,
    same: Vec<f64>,
    free: Vec<f64>,
}

fn main() {
    println!(
        "{:>8} {:>9} {:>9} {:>9} {:>9} {:>9}   (ms)",
        "routes", "load", "site", "compare", "all", "free"
    );
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    for file in &files {
        measure(file);
    }
    for routes in [10, 1_000, 10_000].into_iter().filter(|_| files.is_empty()) {
        let file = std::env::temp_dir().join(format!("tidegate-reload-{}-{routes}.yaml", std::process::id()));
        if let Err(e) = std::fs::write(&file, text(routes)) {
            println!("cannot write {}: {e}", file.display());
            return;
        }
        measure(&file);
        // What is left behind of a file in the folder for them is nobody's loss.
        let _ = std::fs::remove_file(&file);
    }
}

/// A config with as many routes.
fn text(routes: usize) -> String {
    let mut text =
        "listeners: [\"127.0.0.1:8080\"]\nservices: { origin: \"http://127.0.0.1:9000\" }\nroutes:\n"
            .to_owned();
    for number in 0..routes {
        let group = number % 10;
        let _ = writeln!(
            text,
            "  - {{ match: {{ path: \"/api/v{group}/service{number}/*\" }}, service: origin }}"
        );
    }
    text
}

fn measure(path: &Path) {
    let (clock, meters, registry) = (Clock::real(), Meters::new(2), Registry::default());
    let (mut times, mut before) = (Times::default(), None);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let loaded = match config::load(path) {
            Ok(loaded) => loaded,
            Err(report) => return println!("{report}"),
        };
        times.load.push(milliseconds(began));
        let (file, mut report) = (loaded.file, loaded.report);
        let began = Instant::now();
        let parts = Parts {
            registry: &registry,
            meters: &meters,
            now: clock.now(),
            access_log: None,
            listeners: Vec::new(),
        };
        let Some(site) = assemble::site(&file, parts, &mut report) else { return println!("{report}") };
        times.site.push(milliseconds(began));
        let began = Instant::now();
        let same = before.as_ref().is_none_or(|(was, _, _)| *was == file);
        times.same.push(milliseconds(began));
        assert!(same, "the file was changed meanwhile");
        let was = before.replace((file, site, report));
        let began = Instant::now();
        drop(was);
        times.free.push(milliseconds(began));
    }
    let routes = before.map_or(0, |(file, ..)| file.routes.len());
    let [load, site, same, free] = [times.load, times.site, times.same, times.free].map(median);
    println!("{routes:>8} {load:>9.2} {site:>9.2} {same:>9.2} {:>9.2} {free:>9.2}", load + site + same);
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
