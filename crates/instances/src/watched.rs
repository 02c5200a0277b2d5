//! A descriptor that the runtime waits for.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use tokio::io::unix::AsyncFd;

/// Registers it with the runtime of this thread.
#[expect(
    deprecated,
    reason = "what replaces it is unsafe, because a type may lie about its descriptor; those that own one, as here, do not"
)]
pub(crate) fn watched<T: AsFd + AsRawFd>(descriptor: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::new(descriptor)
}
