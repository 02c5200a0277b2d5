//! What the index knows of a response, and one part of the index behind its lock.
//!
//! *Not here*: who may change what, and when (`index.rs`).

use crate::Found;
use crate::hot::Hot;
use crate::queues::Tier;
use rustc_hash::{FxHashMap, FxHashSet};
use std::fs::File;
use std::sync::Weak;
use std::time::Instant;
use tokio::sync::oneshot;

/// A response on the disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    /// Which body of this key it is.
    pub(crate) body: u64,
    /// Which head: the number of the call that brought it.
    pub(crate) head: u64,
    /// Bytes that its file takes.
    pub(crate) bytes: u64,
    /// The file, where somebody reads it.
    pub(crate) open: Weak<File>,
    /// Uses since it was looked at for eviction, at most [`crate::queues::MAX_USES`].
    pub(crate) uses: u8,
    /// Its queue.
    pub(crate) tier: Tier,
    /// This process has written it, or checked all of it.
    pub(crate) is_trusted: bool,
}

/// What an asker gets at once.
pub(crate) enum Asked {
    /// The response.
    Here(Found),
    /// There is none, or it would take too long.
    Nothing,
    /// Somebody looks already; the answer comes.
    Wait(oneshot::Receiver<Option<Found>>),
    /// The asker has to send a thread to look; the answer comes.
    Look(oneshot::Receiver<Option<Found>>),
}

/// A part of the index.
#[derive(Default)]
pub(crate) struct Part {
    pub(crate) slots: FxHashMap<u128, Slot>,
    pub(crate) hot: Hot,
    /// Keys that threads look for, and who waits.
    pub(crate) wanted: FxHashMap<u128, Wanted>,
    /// Keys that are being written.
    pub(crate) written: FxHashMap<u128, Written>,
    /// Keys whose files may be there though they were removed; used while the index is being loaded.
    pub(crate) removed: FxHashSet<u128>,
}

/// A key that a thread looks for.
pub(crate) struct Wanted {
    pub(crate) since: Instant,
    pub(crate) waiters: Vec<oneshot::Sender<Option<Found>>>,
}

/// A key that is being written.
#[derive(Default)]
pub(crate) struct Written {
    /// Those who write it.
    pub(crate) count: u32,
    /// What has a smaller number was begun before the key was removed.
    pub(crate) valid_from: u64,
}

impl Part {
    /// Takes out the slot of a key, if it is the one that is meant.
    pub(crate) fn take(&mut self, key: u128, is_it: impl Fn(&Slot) -> bool) -> Option<Slot> {
        let slot = self.slots.remove(&key)?;
        if !is_it(&slot) {
            self.slots.insert(key, slot);
            return None;
        }
        self.hot.drop(key);
        Some(slot)
    }

    /// Was the key not removed since that number was given out?
    pub(crate) fn is_valid(&self, key: u128, number: u64) -> bool {
        self.written.get(&key).is_none_or(|written| number >= written.valid_from)
    }
}
