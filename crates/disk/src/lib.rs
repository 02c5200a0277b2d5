//! The disk tier of the cache: files that are streamed both ways, crash-safe, bounded, warm after a restart.
//!
//! ```text
//!  Disk::find    index -> open already? -> else a thread: open, check once (find.rs, verify.rs)
//!  Disk::write   Writer -> stream.rs -> a thread: room, temporary file, rename (write.rs)
//!  Disk::open    lock, seed, empty tmp (folder.rs) -> a thread: names and sizes into the index (load.rs)
//!  room          bytes reserved before they are written (room.rs), victims by S3-FIFO (queues.rs), evict.rs
//! ```
//!
//! One file a response: a header with lengths and checksums, the head as the room `cache` writes it, the body, the body's checksum.
//! It is written beside its place and renamed when it is whole, so a process that is killed leaves either all of it or nothing that is
//! found again. Nothing is flushed: the loss of power may leave a renamed file short, zeroed or with blocks of another. That costs no
//! correctness, since files that this process has not written are checked as a whole, once, before they are served, and what is damaged
//! is dropped; it costs a few responses that are fetched again, where a flush per response would cost each of them milliseconds.
//! The index is in memory, and is rebuilt from the files' names and sizes while requests are served.
//!
//! *Invariant*: no worker waits for the disk; what has to wait does so on threads of this room. The bound on bytes holds at all times:
//! what is being written, and what was taken out but is still being read, count. A disk that is full, slow, or refuses is as good as
//! no disk.
//! *Not here*: what a head means, how long it is good (`cache`).
//! *Cost*: about 150 bytes of memory a response. A find of one of the 256 files that are kept open takes one lock and two counts of
//! references; of another, a hand-over to a thread, an open and a read.

mod disk;
mod evict;
mod find;
mod folder;
mod format;
mod hot;
mod index;
mod load;
mod notes;
mod part;
mod pool;
mod queues;
mod rewrite;
mod room;
mod settings;
mod stream;
#[cfg(test)]
mod tests;
mod tier;
mod trouble;
mod verify;
mod write;
mod writer;

pub use disk::{Counts, Disk, Found};
pub use settings::{DiskError, DiskSettings};
pub use writer::Writer;
