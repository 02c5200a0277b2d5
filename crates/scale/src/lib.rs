//! How many instances, and why.
//!
//! *Invariant*: pure. Time and what was measured are parameters, so the code that decides in production is the code that
//! simulations run.
//! *Not here*: measuring, launching, the config file.

mod average;
mod backoff;
mod case;
mod course;
mod crash_loop;
mod decision;
mod explain;
mod forecast;
mod gauge;
mod guard;
mod measured;
mod panic;
mod policy;
mod proposals;
mod sample;
mod scaler;
mod schedule;
mod settings;
mod stabilization;
mod start_time;
mod victims;

pub use backoff::Backoff;
pub use crash_loop::CrashLoop;
pub use decision::{Decision, Direction, Limit, Proposal, Reason, Signal};
pub use sample::{Backlog, Database, Sample};
pub use scaler::Scaler;
pub use schedule::is_time_zone;
pub use settings::{Behavior, Policy, PolicyKind, Select, Settings, Targets, Window};
pub use start_time::StartTime;
pub use victims::{Candidate, victims};
