//! What must survive a restart, in one file of SQLite in the data folder.
//!
//! One file, because an upgrade has two processes alive and the command line is a third, and because an operator can copy it,
//! and look into it with tools that are everywhere.
//!
//! *Invariant*: several processes may have it open; what was promised is on the disk; no secret stands in it that could be
//! shown to the gateway as a credential. Every call may block on the disk, so none is made on a worker.
//! *Not here*: what other nodes have (`cluster`), the disk cache, the queue of jobs.

mod error;
mod keys;
mod meta;
mod open;
mod quotas;
mod records;

pub use error::StoreError;
pub use keys::Found;
pub use open::{FILE, Store};
pub use records::Mark;
