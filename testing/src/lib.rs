//! What tests of several rooms share: an allocator that counts, and folders that go away again.
//!
//! Rooms have it as a dev-dependency only. It depends on nothing, so that a pure room stays as pure in its tests.
//! *Not here*: what only two rooms share, and servers, which each room's tests have behave in their own way.

mod allocations;
mod folder;

pub use allocations::{CountingAllocator, allocations};
pub use folder::Folder;
