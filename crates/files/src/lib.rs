//! Static files: found safely, answered by their conditions and ranges, sent without a copy.
//!
//! ```text
//!  Wanted::read      which name below the root does the path mean?   decoded once, refused where it could be read in two ways
//!  Shelf::look       what is there?                                  remembered for a second; else asked on a thread that may wait
//!  Beneath::look     open it, never outside the root                 openat2(2), or name by name
//!  Accepted::read    which of its forms?                             RFC 9110 section 12.5.3
//!  answer            whole, in part, or "you have it"?               `cache::reply`, RFC 9110 sections 13, 14
//! ```
//!
//! *Invariant*: nothing outside the root is ever opened, whatever the path and whatever links there are; no worker waits for the
//! disk.
//! *Not here*: which requests are for files (`gateway`), how conditions and ranges are read (`cache::reply`).

mod accepted;
mod answer;
mod beneath;
mod opened;
mod root;
mod settings;
mod shelf;
mod types;
mod wanted;

pub use root::{Root, Served, Unserved};
pub use settings::{FilesSettings, RootError};
