//! The bound on bytes: who wants to write reserves first, and who is taken out gives back when his bytes are really free.
//!
//! Counted are: the files in the index, what is reserved for files that are being written, files that were taken out while somebody
//! reads them (the system keeps their bytes until then), and what former processes may have left that is not in the index yet.
//! The last is known from the *level*: a number on the disk that is raised before there are more bytes than it says, in steps of a
//! 64th of the capacity. So after a crash too, the bound holds from the first moment, and writing need not wait for the index.
//!
//! *Not here*: deleting (`evict.rs`), the disk. The lock is taken by this room's threads, and for the counts.

use crate::queues::{Look, Queues, Ticket, Tier};
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Least step of the level, in bytes.
const LEAST_STEP: u64 = 1 << 20;

/// Bytes, and whose they are.
pub(crate) struct Room {
    /// Bytes that there may be.
    pub(crate) capacity: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// All that counts.
    used: u64,
    /// Of these: what is not in the index yet.
    unknown: u64,
    /// What stands on the disk: there are never more bytes than this.
    level: u64,
    queues: Queues,
    /// Files that are deleted and still read. Held here too, so that the last one who drops such a file, which is when the system frees
    /// its bytes, is one of this room's threads and not a worker.
    lingering: Vec<(Arc<File>, u64)>,
}

/// What has to happen before there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is reserved.
    Reserved,
    /// The level has to be raised to that first.
    Raise(u64),
    /// This one has to go.
    Evict(Ticket),
    /// Nothing can go.
    Full,
}

impl Room {
    /// With `unknown` bytes of former processes, and the level that stands on the disk.
    pub(crate) fn new(capacity: u64, unknown: u64, level: u64) -> Self {
        let state = State { used: unknown, unknown, level, ..State::default() };
        Self { capacity, state: Mutex::new(state) }
    }

    /// Reserves `bytes`, or says what stands in the way. With 0: are there no more than there may be?
    pub(crate) fn reserve(&self, bytes: u64, look: impl FnMut(Ticket) -> Look) -> Step {
        let mut state = self.lock();
        let gone = state.reap();
        let step = self.step(&mut state, bytes, look);
        drop(state);
        // Closing the last handle of a deleted file may take a while.
        drop(gone);
        step
    }

    /// Are there deleted files that are still read?
    pub(crate) fn lingers(&self) -> bool {
        !self.lock().lingering.is_empty()
    }

    /// Gives back the bytes of those that are not read any more.
    pub(crate) fn reap(&self) {
        let gone = self.lock().reap();
        drop(gone);
    }

    fn step(&self, state: &mut State, bytes: u64, look: impl FnMut(Ticket) -> Look) -> Step {
        let after = state.used.saturating_add(bytes);
        if bytes > self.capacity {
            return Step::Full;
        }
        if after > self.capacity {
            let victim = state.queues.victim(self.capacity / 10, look);
            return victim.map_or(Step::Full, Step::Evict);
        }
        if after > state.level && state.level < self.capacity {
            return Step::Raise(self.level_for(after));
        }
        state.used = after;
        Step::Reserved
    }

    /// What the level says.
    pub(crate) fn level(&self) -> u64 {
        self.lock().level
    }

    /// The level says so now, on the disk.
    pub(crate) fn raised(&self, level: u64) {
        let mut state = self.lock();
        state.level = state.level.max(level);
    }

    /// Gives back what was reserved and is not needed, or what is deleted.
    pub(crate) fn release(&self, bytes: u64) {
        let mut state = self.lock();
        state.used = state.used.saturating_sub(bytes);
    }

    /// A file with `reserved` bytes is in the index now, with `bytes`.
    pub(crate) fn enter(&self, ticket: Ticket, tier: Tier, reserved: u64, bytes: u64) {
        let mut state = self.lock();
        state.used = state.used.saturating_sub(reserved) + bytes;
        state.queues.push(ticket, tier, bytes);
    }

    /// A file of a former process is in the index now.
    pub(crate) fn adopt(&self, ticket: Ticket, tier: Tier, bytes: u64) {
        let mut state = self.lock();
        let known = bytes.min(state.unknown);
        state.unknown -= known;
        state.used += bytes - known;
        state.queues.push(ticket, tier, bytes);
    }

    /// A file took the place of another of the same body.
    pub(crate) fn resize(&self, tier: Tier, old: u64, reserved: u64, bytes: u64) {
        let mut state = self.lock();
        // The old file's bytes are given back on their own.
        state.used = state.used.saturating_sub(reserved) + bytes;
        state.queues.resized(tier, old, bytes);
    }

    /// It is not in the index any more; its bytes are still there.
    pub(crate) fn left(&self, tier: Tier, bytes: u64) {
        self.lock().queues.left(tier, bytes);
    }

    /// A file of `bytes` is deleted; it was `open` if somebody reads it.
    pub(crate) fn deleted(&self, open: Option<Arc<File>>, bytes: u64) {
        match open {
            // One handle is the one we hold.
            Some(file) if Arc::strong_count(&file) > 1 => self.lock().lingering.push((file, bytes)),
            _ => self.release(bytes),
        }
    }

    /// All files are known: nothing else is there. Gives the level where it is much too high now.
    pub(crate) fn loaded(&self) -> Option<u64> {
        let mut state = self.lock();
        state.used -= state.unknown;
        state.unknown = 0;
        let level = self.level_for(state.used);
        (level < state.level).then(|| {
            state.level = level;
            level
        })
    }

    /// Was the key here not long ago?
    pub(crate) fn is_back(&self, key: u128) -> bool {
        self.lock().queues.is_back(key)
    }

    /// Sweeps tickets of what is gone.
    pub(crate) fn sweep(&self, live: usize, is_there: impl Fn(Ticket) -> bool) {
        self.lock().queues.sweep(live, is_there);
    }

    /// Bytes that are known.
    pub(crate) fn used(&self) -> u64 {
        let state = self.lock();
        state.used - state.unknown
    }

    /// The level for so many bytes: with a step of air above.
    fn level_for(&self, bytes: u64) -> u64 {
        bytes.saturating_add((self.capacity / 64).max(LEAST_STEP)).min(self.capacity)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Files that nobody reads any more give their bytes back. To be dropped without the lock.
    fn reap(&mut self) -> Vec<Arc<File>> {
        let mut gone = Vec::new();
        let used = &mut self.used;
        self.lingering.retain_mut(|(file, bytes)| {
            let is_read = Arc::strong_count(file) > 1;
            if !is_read {
                *used = used.saturating_sub(*bytes);
                gone.push(Arc::clone(file));
            }
            is_read
        });
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: fn(Ticket) -> Look = |_| Look::Idle;

    fn ticket(key: u128) -> Ticket {
        Ticket { key, body: 0 }
    }

    #[test]
    fn nothing_is_reserved_beyond_the_capacity_and_the_oldest_goes_first() {
        let room = Room::new(100, 0, 100);
        for key in 0..4 {
            assert_eq!(room.reserve(25, IDLE), Step::Reserved);
            room.enter(ticket(key), Tier::Small, 25, 25);
        }
        assert_eq!(room.reserve(25, IDLE), Step::Evict(ticket(0)));
        room.left(Tier::Small, 25);
        assert_eq!(room.reserve(25, IDLE), Step::Evict(ticket(1)), "its bytes are not free yet");
        room.deleted(None, 25);
        assert_eq!(room.reserve(25, IDLE), Step::Reserved);
        assert_eq!(room.reserve(101, IDLE), Step::Full);
    }

    #[test]
    fn what_is_deleted_and_still_read_counts_until_it_is_not_read() {
        let room = Room::new(100, 0, 100);
        assert_eq!(room.reserve(100, IDLE), Step::Reserved);
        let file = Arc::new(File::open("/dev/null").unwrap());
        room.deleted(Some(Arc::clone(&file)), 100);
        assert_eq!(room.reserve(1, IDLE), Step::Full);
        drop(file);
        assert_eq!(room.reserve(1, IDLE), Step::Reserved);
        assert_eq!(room.used(), 1);
    }

    #[test]
    fn the_level_is_raised_before_there_are_more_bytes_than_it_says() {
        let (mib, room) = (1 << 20, Room::new(640 << 20, 0, 0));
        assert_eq!(room.reserve(mib, IDLE), Step::Raise(11 * mib));
        assert_eq!(room.reserve(mib, IDLE), Step::Raise(11 * mib));
        room.raised(11 * mib);
        assert_eq!(room.reserve(11 * mib, IDLE), Step::Reserved);
        assert_eq!(room.reserve(1, IDLE), Step::Raise(21 * mib + 1));
    }

    #[test]
    fn what_former_processes_may_have_left_counts_until_all_of_it_is_known() {
        let room = Room::new(100 << 20, 60 << 20, 60 << 20);
        room.adopt(ticket(1), Tier::Main, 10 << 20);
        assert_eq!(room.used(), 10 << 20);
        assert_eq!(room.reserve(50 << 20, IDLE), Step::Evict(ticket(1)));
        assert_eq!(room.loaded(), Some((10 << 20) + (100 << 20) / 64));
        assert_eq!(room.loaded(), None);
    }
}
