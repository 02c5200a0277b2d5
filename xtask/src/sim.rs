//! `cargo xtask sim`: the simulation of balancing, retries and outlier detection.
//!
//! Unoptimised: a minute of traffic takes well below a second as it is.

use crate::shell::{cargo, run as start};
use anyhow::Result;

/// Builds the simulation and runs it with `args`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    // Its own separator is ours already where somebody typed one.
    let args = args.iter().filter(|arg| *arg != "--");
    start(cargo().args(["run", "--quiet", "--package", "sim", "--"]).args(args))
}
