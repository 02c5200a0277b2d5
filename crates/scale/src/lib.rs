//! How many instances, and why.
//!
//! *Invariant*: pure. Time and what was measured are parameters, so the code that decides in production is the code that
//! simulations run.
//! *Not here*: measuring, launching, the config file.

mod decision;
mod sample;
mod settings;

pub use decision::{Decision, Limit, Proposal, Reason, Signal};
pub use sample::{Backlog, Database, Sample};
pub use settings::{Behavior, Policy, PolicyKind, Select, Settings, Targets, Window};
