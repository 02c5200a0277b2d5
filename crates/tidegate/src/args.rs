//! What was typed.

use crate::endpoints::Endpoints;
use crate::hash_password::HashPassword;
use crate::instances::{Of, Which};
use crate::keys::Keys;
use crate::purge::PurgeWhat;
use crate::simulate::Simulate;
use crate::tokens::Tokens;
use clap::{Args as ClapArgs, Parser, Subcommand};
use std::path::PathBuf;

/// One binary in front of any HTTP API: load balancing, routing, TLS, metrics.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve.
    Run(Run),
    /// Start a sample API with Tidegate in front of it, and say what to try.
    Demo(Demo),
    /// Report all errors of a config at once, or explain which road a request would take.
    Check(Check),
    /// Print the JSON Schema of the config, for editors.
    Schema {
        /// Print the reference page instead.
        #[arg(long)]
        markdown: bool,
    },
    /// Show what a running node does.
    Status(At),
    /// Have a running node read its config again.
    Reload(At),
    /// Have a running node finish its work and end.
    Drain(At),
    /// Have a running node hand over to the binary that is installed now, without losing a connection.
    Upgrade(At),
    /// Show, add, drain and remove the endpoints of a running node.
    #[command(subcommand)]
    Endpoints(Endpoints),
    /// Show the instances of a running node's services: how many, why, and how each one stands.
    Instances(Which),
    /// Have the instances of a service replaced, one after the other, without losing a request.
    Restart(Of),
    /// Show the last decisions on how many instances a service has, with the sum behind each.
    Decisions(Of),
    /// Make, show, replace and revoke the API keys of a running node's consumers.
    #[command(subcommand)]
    Keys(Keys),
    /// Revoke tokens before they expire, and show which were.
    #[command(subcommand)]
    Tokens(Tokens),
    /// Show the limits of a running node, and what they did.
    Limits(At),
    /// Show what a running node keeps in its cache, and what each route had of it.
    Cache(At),
    /// Take responses out of the cache, or make them stale, on all nodes.
    Purge(PurgeWhat),
    /// Make what `consumers[].basic.password_hash` holds of a password, from the terminal or standard input.
    HashPassword(HashPassword),
    /// Try out in virtual time what would happen.
    #[command(subcommand)]
    Simulate(Simulate),
    /// Run the API of the demo by itself, for trying things.
    SampleApi(SampleApi),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Run {
    /// The config file.
    #[arg(default_value = "tidegate.yaml", conflicts_with = "to")]
    pub(crate) config: PathBuf,
    /// Without a config: forward everything to this URL.
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// With --to: where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", requires = "to")]
    pub(crate) listen: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// The port that is tried first for the gateway.
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// How many instances of the sample API there are at least [default: 3, and 1 with --surge].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) instances: Option<u8>,
    /// Make some traffic, so that there is something to see.
    #[arg(long)]
    pub(crate) traffic: bool,
    /// Send a crowd for 40 seconds, each two and a half minutes: watch the instances become many and few again.
    #[arg(long, conflicts_with = "traffic")]
    pub(crate) surge: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// The config file.
    #[arg(default_value = "tidegate.yaml")]
    pub(crate) config: PathBuf,
    /// Explain the road of a request such as `GET http://host/path`.
    #[arg(long, value_name = "REQUEST")]
    pub(crate) explain: Option<String>,
    /// With --explain: a header of the request. May be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "explain")]
    pub(crate) headers: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where a running node is.
#[derive(Debug, ClapArgs)]
pub(crate) struct At {
    /// The node's admin address.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9090")]
    pub(crate) admin: String,
    /// The admin token; better given by the environment than typed.
    #[arg(long, env = "TIDEGATE_ADMIN_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SampleApi {
    /// The port on 127.0.0.1; 0 for any.
    #[arg(long, default_value_t = 3000)]
    pub(crate) port: u16,
    /// What it calls itself in `X-Instance`.
    #[arg(long, default_value = "sample-api")]
    pub(crate) name: String,
    /// Ends when the process that started it ends.
    #[arg(long, hide = true)]
    pub(crate) end_with_parent: bool,
}
