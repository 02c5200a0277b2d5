//! What every room may use: time, ids, units and meters.
//!
//! *Invariant*: nothing here does any I/O but reading the clock; nothing here knows HTTP.
//! *Not here*: anything that only two rooms share. It stays with the one that owns the idea.

mod clock;
mod ids;
pub mod meters;
pub mod turn;
pub mod units;

pub use clock::{Clock, Moment};
pub use ids::{IdSource, RequestId};
