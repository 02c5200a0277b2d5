//! The check of a file that another process has written: all of its body against its checksum, once, before it is served.
//!
//! In slices, so that a large file does not keep a thread from others. *Cost*: reading the file, at the speed of the disk.

use crate::Found;
use crate::format::TRAILER;
use std::hash::Hasher;
use std::io;
use std::os::unix::fs::FileExt;
use twox_hash::XxHash3_64;

/// Bytes of a slice.
const SLICE: u64 = 1 << 20;
/// Bytes of a read.
const READ: u64 = 128 << 10;

/// A check under way.
pub(crate) struct Check {
    found: Found,
    /// Bytes of the body that were read.
    at: u64,
    sum: XxHash3_64,
}

impl Check {
    pub(crate) fn new(found: Found) -> Self {
        Self { found, at: 0, sum: XxHash3_64::new() }
    }

    /// What is checked.
    pub(crate) fn found(&self) -> &Found {
        &self.found
    }

    /// A slice more. At the end: is it whole?
    pub(crate) fn step(&mut self) -> io::Result<Option<bool>> {
        let (file, length) = (&self.found.file, self.found.length);
        let end = length.min(self.at + SLICE);
        let mut bytes = vec![0; READ.min(end - self.at) as usize];
        while self.at < end {
            let part = &mut bytes[..READ.min(end - self.at) as usize];
            file.read_exact_at(part, self.found.offset + self.at)?;
            self.sum.write(part);
            self.at += part.len() as u64;
        }
        if self.at < length {
            return Ok(None);
        }
        let mut sum = [0; TRAILER as usize];
        file.read_exact_at(&mut sum, self.found.offset + length)?;
        Ok(Some(u64::from_le_bytes(sum) == self.sum.finish()))
    }
}
