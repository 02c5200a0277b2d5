//! What must survive a restart, in one file of SQLite in the data folder.
//!
//! *Invariant*: two processes may have it open, as in an upgrade, or beside the command line; what was promised is on the
//! disk. Every call may block, so none is made on a worker.
//! *Not here*: what other nodes have (`cluster`).
