//! The road of a request: what happens to it, in which order, and why in that order.
//!
//! ```text
//! serve.rs   owns the id, the clock, the trip; guards against panics; turns a stop into a response
//!  -> road.rs   one short function, each line a stage
//!       stage/admit, find, forward (more stages have their places there)
//!  -> depart.rs  always runs, at the response's last byte: meters, access log
//! ```
//!
//! *Invariant*: a stage is a thin adapter between the road and one room, and imports no other stage. Whatever ends a
//! request early is a [`Reason`], and one exhaustive match gives its status, title and label.
//! *Not here*: bytes and connections (`net`), endpoints (`upstream`), the config file (`config`).

mod arrival;
mod ask;
pub mod caching;
mod client_address;
mod crowd;
mod depart;
mod desk;
mod explain;
mod facts;
mod given;
pub mod guard;
mod guarded;
mod missing;
mod ondisk;
mod owner;
mod paced;
mod poured;
mod preflight;
mod pressure;
mod problem;
mod pump;
mod purging;
mod road;
mod serve;
mod site;
mod stage;
mod stop;
mod to_get;
mod trip;

pub use client_address::{BadNetwork, Network};
pub use desk::{Gateway, Shared};
pub use explain::explain;
pub use pressure::{Gauge, Pressure, Reading, Strain, StrainLimits};
pub use purging::{purge_prefix, purge_url};
pub use site::{Action, ExplainTo, Fallback, Mirror, Part, Plan, Redirect, Respond, Route, Site, Split};
pub use stop::Reason;
