//! A service under a trace of traffic, scaled in virtual time by the code that scales the real one.
//!
//! *Invariant*: pure; the same trace, parameters and seed give the same bytes, and cost follows the length of the trace, not
//! its rate: a million requests a second on 200 instances take as long as ten on one. *Not here*: files, what was typed,
//! and how a count is decided (`scale`), except for the rival beside it.

mod autoscaler;
mod chart;
mod csv;
mod figures;
mod fleet;
mod histogram;
mod hpa;
mod json;
mod noise;
mod page;
mod parameters;
mod pool;
mod queueing;
mod recorded;
mod recorder;
mod report;
mod row;
mod run;
mod service_time;
mod text;
mod trace;

pub use autoscaler::{Autoscaler, Fixed, Verdict, Why};
pub use hpa::Hpa;
pub use parameters::{NAMES, Overrides, Parameters};
pub use recorded::Deviation;
pub use report::{Change, Report, Side, Summary, compare};
pub use row::Row;
pub use service_time::Spread;
pub use trace::{Event, Point, Recorded, Trace, TraceError};
