//! Tidegate: one binary in front of any HTTP API.
//!
//! The plot: read the arguments, read the config, build the site, run the workers, drain. What each command does stands
//! in a file of its own; only this crate knows both the config file and the rooms that it is for.

mod activation;
mod args;
mod ask;
mod assemble;
mod caching;
mod caring;
mod check;
mod demo;
mod discovery;
mod drain;
mod endpoints;
mod gauges;
mod guarding;
mod handed;
mod hash_password;
mod instances;
mod kept;
mod keys;
mod limits;
mod listeners;
mod membership;
mod newcomer;
mod node;
mod programs;
mod purge;
mod random;
mod run;
mod sample_api;
mod say;
mod scaling;
mod service_manager;
mod shown;
mod simulate;
mod status;
mod tokens;
mod upgrade;
mod vitals;
mod watch;

use args::{Args, Command};
use clap::Parser;
use std::process::ExitCode;

/// The allocator. Each worker allocates and frees on its own thread, which is what this one is made for; why it and not
/// another: docs/decisions/0007-mimalloc.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Some(code) = ::instances::keeper_main_if_asked() {
        return code;
    }
    let args = Args::parse();
    let done = match args.command {
        Command::Run(run) => run::run(&run),
        Command::Demo(demo) => demo::demo(&demo),
        Command::Check(check) => check::check(&check),
        Command::Schema { markdown } => check::schema(markdown),
        Command::Status(at) => status::status(&at),
        Command::Reload(at) => ask::reload(&at),
        Command::Drain(at) => ask::drain(&at),
        Command::Upgrade(at) => ask::upgrade(&at),
        Command::Endpoints(what) => endpoints::endpoints(&what),
        Command::Instances(which) => instances::instances(&which),
        Command::Restart(of) => instances::restart(&of),
        Command::Decisions(of) => instances::decisions(&of),
        Command::Keys(what) => keys::keys(&what),
        Command::Tokens(what) => tokens::tokens(&what),
        Command::Limits(at) => limits::limits(&at),
        Command::Cache(at) => kept::cache(&at),
        Command::Purge(what) => purge::purge(&what),
        Command::HashPassword(how) => hash_password::hash_password(&how),
        Command::Simulate(what) => simulate::simulate(&what),
        Command::SampleApi(sample) => sample_api::sample_api(&sample),
    };
    match done {
        Ok(code) => code,
        Err(e) => {
            say::error(&format!("{e:#}"));
            ExitCode::from(1)
        }
    }
}
