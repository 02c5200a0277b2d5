//! Reads of a file, with and without waiting for the disk.

use bytes::Bytes;
use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt as _;

/// What lies in memory of the `most` bytes at `at`, one at least; empty at the file's end. `None`: that is not known
/// without waiting, because the disk would have to be asked or the file system cannot say.
pub(super) fn read_now(file: &File, at: u64, most: usize) -> io::Result<Option<Bytes>> {
    let mut block = vec![0; most];
    let Some(count) = peek(file, at, &mut block)? else { return Ok(None) };
    block.truncate(count);
    Ok(Some(block.into()))
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
pub(super) fn is_warm(file: &File, from: u64, to: u64) -> io::Result<bool> {
    let mut byte = [0];
    Ok(peek(file, from, &mut byte)?.is_some() && peek(file, to - 1, &mut byte)?.is_some())
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

/// Reads once without waiting: how much. `None` as in [`read_now`].
fn peek(file: &File, at: u64, block: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        return match preadv2(file, &mut [IoSliceMut::new(block)], at, ReadWriteFlags::NOWAIT) {
            Ok(count) => Ok(Some(count)),
            Err(Errno::INTR) => continue,
            // Not in memory, or not known: file systems without `RWF_NOWAIT`, kernels before 4.14.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(None),
            Err(e) => Err(e.into()),
        };
    }
}
