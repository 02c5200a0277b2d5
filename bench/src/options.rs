//! What can be said on the command line.

use crate::contender::Contender;
use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// Measures servers side by side: server on core 0, origin and load tool on core 1, in turns, medians.
#[derive(Parser, Clone, Debug)]
#[command(name = "cargo xtask bench")]
pub struct Options {
    /// What to measure; all but `guard`, `cache`, `faults` and `scale` where nothing is named
    pub scenarios: Vec<Scenario>,
    /// The servers, in the order of the tables
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "tidegate,nginx,nginx-mainline,haproxy,envoy,varnish,floor,bare"
    )]
    pub servers: Vec<Contender>,
    /// Seconds of load for each measurement, after one second of warming up
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub secs: u64,
    /// Rounds: every server is measured once in each
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub reps: u64,
    /// The Tidegate to measure [default: the one beside this program]
    #[arg(long)]
    pub tidegate: Option<PathBuf>,
    /// Idle connections in `conns`
    #[arg(long, default_value_t = 10_000)]
    pub connections: usize,
    /// Seconds that count in `faults`, after five of warming up
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(4..=600))]
    pub fault_secs: u64,
    /// Requests a second in `faults`
    #[arg(long, default_value_t = 800, value_parser = clap::value_parser!(u32).range(10..=5000))]
    pub rate: u32,
    /// Seconds of the high step in `scale`; a third of it low before, and twice as long low behind
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(3..=3600))]
    pub scale_secs: u64,
    /// Seconds of load for each measurement of hits and files in `cache`
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub cache_secs: u64,
    /// What to measure in `cache`; all where nothing is named
    #[arg(long, value_delimiter = ',')]
    pub cache_parts: Vec<CachePart>,
    /// Objects of 1 KiB that caches are filled with in `cache`
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1000..=10_000_000))]
    pub objects: u64,
    /// Objects that are asked for by Zipf's law in `cache`; a tenth fits
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1000..=10_000_000))]
    pub keys: u64,
    /// Keeps the results, by date, in bench/results/
    #[arg(long)]
    pub save: bool,
}

/// Something to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// HTTP/1.1 keep-alive: 64 and 512 connections, a small answer
    Proxy,
    /// HTTP/2 without TLS in, HTTP/1.1 out
    H2,
    /// Bodies of 1 MiB
    Stream,
    /// New TLS 1.3 connections, and keep-alive over TLS
    Tls,
    /// Memory of idle connections
    Conns,
    /// Start and CPU with many routes
    Routes,
    /// Reload with many routes under load
    Reload,
    /// What API keys, tokens and rate limits add to a request
    Guard,
    /// A cache in memory and on disk, and static files
    Cache,
    /// Ten instances of which half go wrong
    Faults,
    /// Instances that Tidegate launches: from none, and from 1 to 8 and back
    Scale,
}

/// A part of `cache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CachePart {
    /// Hits in memory: one object and a thousand, short ones and long ones
    Hits,
    /// Hits on disk
    Disk,
    /// Static files
    Static,
    /// The memory that many objects take
    Fill,
    /// How often a cache that is too small has what is asked for
    Zipf,
    /// A thousand requests at once for what is not there yet
    Cold,
    /// A purge of many objects by their tag
    Purge,
}

impl Scenario {
    /// What is measured where nothing is named: all that asks for the cost of a request.
    pub(crate) const USUAL: [Self; 7] =
        [Self::Proxy, Self::H2, Self::Stream, Self::Tls, Self::Conns, Self::Routes, Self::Reload];
}
