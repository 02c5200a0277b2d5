//! The disk tier of the cache: files that are streamed both ways, crash-safe, bounded, warm after a restart.
//!
//! One file a response: a header with lengths and checksums, the head as the room `cache` writes it, the body. It is written
//! beside its place and renamed when it is whole, so a crash leaves either all of it or nothing that is found again. The index is in
//! memory and is rebuilt from the files' names and headers while requests are served. Files that this process has not written are
//! checked as a whole, once, before they are served; what is damaged is dropped.
//!
//! *Invariant*: no worker waits for the disk; what has to wait does so on threads of this room. The bound on bytes holds at all times,
//! what is being written included. A disk that is full, slow, or refuses is as good as no disk.
//! *Not here*: what a head means, how long it is good (`cache`).

mod disk;
mod settings;

pub use disk::{Counts, Disk, Found, Writer};
pub use settings::{DiskError, DiskSettings};
