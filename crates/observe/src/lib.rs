//! Sinks of what is seen: the meters by name and their Prometheus text, the access log, the operator's diagnostics.
//!
//! The numbers themselves are counted in the cells of `base::meters`; this room gives them names and labels, sums
//! them when somebody asks, and writes lines about requests without ever making a worker wait.
//!
//! *Invariant*: nothing here blocks a worker. Meters are found once, when the config is loaded; a log line is
//! formatted into the worker's own buffer and handed to one writer thread, or dropped and counted.
//! *Not here*: who calls what when (the room `gateway`), and the page that shows the numbers (the room `admin`).

pub mod access_log;
mod events;
pub mod log;
mod meters;
mod rotation;
mod stamp;

pub use access_log::AccessLog;
pub use events::{Event, EventKind, Events, time_text};
pub use meters::{
    CacheMeters, CacheTotals, CallerTotals, CoreCounter, EndpointMeters, EndpointTotals, InstanceMeters,
    InstanceTotals, LimitMeters, LimitTotals, ListenerMeters, ListenerTotals, Meters, Outcome, ReloadTotals,
    RouteMeters, RouteTotals, ServiceMeters, ServiceTotals, Snapshot, UpgradeTotals,
};
pub use rotation::{Rotate, open_log, tend_log};
