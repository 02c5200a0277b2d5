//! Which steps of files were brought into memory a moment ago.
//!
//! For file systems that cannot say what lies in memory. Without this, what everybody asks for would be read on another
//! thread before each time that it is sent, only to find it in memory. What was read there is believed to stay for two seconds; where
//! the kernel needed the memory sooner, a worker waits for the disk once.
//!
//! A table of fixed size: a step that another has driven out is read once more. A file is known by where it lives in our memory, so
//! nothing has to be asked of a file system that may be slow to answer.
//!
//! Hot path: one hash and one load for each look, only with such file systems.

use std::fs::File;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Bytes of a step.
pub(super) const STEP: u64 = 512 * 1024;
/// Steps that are remembered: 2 GiB of files.
const STEPS: usize = 4096;
/// How long they are believed to stay, in milliseconds.
const STAYS: u64 = 2000;
/// Bits of an entry that hold a time in milliseconds: enough for two weeks, after which it starts anew.
const TIME: u32 = 30;

static TABLE: [AtomicU64; STEPS] = [const { AtomicU64::new(0) }; STEPS];
static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Where the step around an offset ends.
pub(super) fn end_of_step(at: u64) -> u64 {
    (at / STEP + 1).saturating_mul(STEP)
}

/// The step around that offset has just been read.
pub(super) fn remember(file: &Arc<File>, at: u64) {
    let hash = hash(file, at);
    TABLE[hash as usize % STEPS].store(entry(hash, now()), Ordering::Relaxed);
}

/// Was the step around that offset read a moment ago?
pub(super) fn is_recent(file: &Arc<File>, at: u64) -> bool {
    let (hash, now) = (hash(file, at), now());
    let found = TABLE[hash as usize % STEPS].load(Ordering::Relaxed);
    let age = now.wrapping_sub(found) & ((1 << TIME) - 1);
    found >> TIME == entry(hash, 0) >> TIME && age < STAYS
}

fn entry(hash: u64, now: u64) -> u64 {
    // The lowest bit set tells it from an entry that was never written.
    (hash | 1 << TIME) >> TIME << TIME | now & ((1 << TIME) - 1)
}

/// Milliseconds since the first look.
fn now() -> u64 {
    base::turn::now().saturating_duration_since(*BEGAN).as_millis() as u64
}

/// Spreads files and steps over all bits (the finaliser of `SplitMix64`).
fn hash(file: &Arc<File>, at: u64) -> u64 {
    let mut x =
        (Arc::as_ptr(file).addr() as u64).wrapping_add((at / STEP).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_recent_once_it_was_read_and_others_are_not() {
        let [one, other] = [(); 2].map(|()| Arc::new(File::open("/proc/version").unwrap()));
        assert!(!is_recent(&one, 5));
        remember(&one, 5);
        assert!(is_recent(&one, 0) && is_recent(&one, STEP - 1), "all of the step");
        assert!(!is_recent(&one, STEP) && !is_recent(&other, 5));
    }

    #[test]
    fn a_step_ends_at_its_boundary() {
        assert_eq!(end_of_step(0), STEP);
        assert_eq!(end_of_step(STEP - 1), STEP);
        assert_eq!(end_of_step(STEP), 2 * STEP);
    }
}
