//! Static files: found safely, answered by their conditions and ranges, sent without a copy.
//!
//! *Invariant*: nothing outside the root is ever opened, whatever the path and whatever links there are; no worker waits for the
//! disk.
//! *Not here*: which requests are for files (`gateway`), how conditions and ranges are read (`cache::reply`).

mod root;
mod settings;

pub use root::{Root, Served, Unserved};
pub use settings::{FilesSettings, RootError};
