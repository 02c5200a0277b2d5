//! A response's head as it lies on disk, in front of its body.

use crate::{Content, Entry};

/// Why it cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a damaged head: {0}")]
pub struct Damaged(pub &'static str);

/// Writes all of it but the body. Begins with a version.
pub fn save(entry: &Entry) -> Vec<u8> {
    todo!()
}

/// Reads it, whatever the bytes are: every length is checked, every field line is checked as if it came from the wire.
pub fn load(bytes: &[u8], content: Content) -> Result<Entry, Damaged> {
    todo!()
}
