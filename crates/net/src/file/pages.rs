//! Reads of a file, with and without waiting for the disk.

use bytes::Bytes;
use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt as _;

/// What a read that does not wait has given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Now<T> {
    /// What lies in memory, some of it at least; nothing at the file's end.
    Here(T),
    /// The disk would have to be asked.
    Absent,
    /// The file system cannot say: those without `RWF_NOWAIT` (tmpfs, overlayfs, NFS, FUSE), kernels before 4.14.
    Unknown,
}

/// What lies in memory of the `most` bytes at `at`.
pub(super) fn read_now(file: &File, at: u64, most: usize) -> io::Result<Now<Bytes>> {
    let mut block = vec![0; most];
    Ok(match peek(file, at, &mut block)? {
        Now::Here(count) => {
            block.truncate(count);
            Now::Here(block.into())
        }
        Now::Absent => Now::Absent,
        Now::Unknown => Now::Unknown,
    })
}

/// The `most` bytes at `at`, fewer only at the file's end. May wait.
pub(super) fn read(file: &File, at: u64, most: usize) -> io::Result<Bytes> {
    let mut block = vec![0; most];
    let mut filled = 0;
    while filled < most {
        match file.read_at(&mut block[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    block.truncate(filled);
    Ok(block.into())
}

/// Is what lies between these offsets in memory, as far as its two ends tell? Pages come and go in long runs, so a hole
/// between them is rare, and costs one wait. `to` lies behind `from`.
pub(super) fn look(file: &File, from: u64, to: u64) -> io::Result<Now<()>> {
    let mut byte = [0];
    for at in [from, to - 1] {
        match peek(file, at, &mut byte)? {
            Now::Here(_) => {}
            Now::Absent => return Ok(Now::Absent),
            Now::Unknown => return Ok(Now::Unknown),
        }
    }
    Ok(Now::Here(()))
}

/// Brings what lies between these offsets into memory, and lets the kernel begin with as much behind it. May wait.
pub(super) fn warm(file: &File, from: u64, to: u64) -> io::Result<()> {
    // Only advice: the reads below do the work where it is not taken.
    let _ = fadvise(file, from, NonZeroU64::new((to - from) * 2), Advice::WillNeed);
    let mut block = vec![0; 64 * 1024];
    let mut at = from;
    while at < to {
        let most = block.len().min((to - at) as usize);
        match file.read_at(&mut block[..most], at) {
            Ok(0) => break,
            Ok(n) => at += n as u64,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Reads once without waiting: how much.
fn peek(file: &File, at: u64, block: &mut [u8]) -> io::Result<Now<usize>> {
    loop {
        return match preadv2(file, &mut [IoSliceMut::new(block)], at, ReadWriteFlags::NOWAIT) {
            Ok(count) => Ok(Now::Here(count)),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Ok(Now::Absent),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(Now::Unknown),
            Err(e) => Err(e.into()),
        };
    }
}
