//! Ports for servers under test, which nobody takes between choice and use.
//!
//! To bind port 0 and let go of it is a race: the kernel hands the same port to the next client that connects, of which
//! a bench has thousands. So ports come from below the range of ephemeral ports (which begins at 32768 on Linux), from a
//! block that this process holds by a locked file as long as it lives, one after the other: a port comes again when all
//! others of the block have had their turn.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

/// The first port of the first block. The tests of the whole program take theirs from below it.
const FIRST: u16 = 32_000;
/// Ports of a block: more than one measurement needs at a time, with all that went before it and may end slowly.
const BLOCK: u16 = 64;
/// How many blocks there are, and so how many processes may measure, or test, at once.
const BLOCKS: u16 = 12;

/// The first port of this process' block, and the lock that holds it.
static HELD: Mutex<Option<(u16, File)>> = Mutex::new(None);

/// A port of 127.0.0.1 that nobody listens on.
pub(crate) fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = block()?;
    for _ in 0..BLOCK {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % BLOCK;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("somebody listens on every port from {first} to {}", first + BLOCK - 1)
}

/// The first port of the block that this process holds.
fn block() -> Result<u16> {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((first, _)) = &*held {
        return Ok(*first);
    }
    let folder = std::env::temp_dir().join("tidegate-bench-ports");
    std::fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    for n in 0..BLOCKS {
        // Another user's cannot be opened, and is not free either.
        let Ok(lock) = File::create(folder.join(n.to_string())) else { continue };
        if lock.try_lock().is_ok() {
            let first = FIRST + n * BLOCK;
            *held = Some((first, lock));
            return Ok(first);
        }
    }
    bail!("{BLOCKS} others measure at the moment, and hold all ports")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ports_are_free_and_come_again_only_after_all_others() {
        let ports: HashSet<_> = (0..BLOCK / 4).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), usize::from(BLOCK / 4));
        assert!(ports.iter().all(|port| (FIRST..32_768).contains(port)), "no client of anybody gets these");
        let taken = free_port().unwrap();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        assert!((0..2 * BLOCK).all(|_| free_port().unwrap() != taken));
    }

    #[test]
    fn no_other_process_gets_this_ones_block() {
        let n = (block().unwrap() - FIRST) / BLOCK;
        let path = std::env::temp_dir().join("tidegate-bench-ports").join(n.to_string());
        assert!(File::create(path).unwrap().try_lock().is_err());
    }
}
