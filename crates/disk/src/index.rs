//! What lies on the disk, in memory: asked by every request that memory could not answer, changed by the threads of this room.
//!
//! Two kinds of locks keep it true. A part's lock is held for a moment by whoever looks, workers too, and never during a call to the
//! disk. A *name's* lock ([`Index::name`]) is held by this room's threads while they change what a name in the folder stands for and
//! its slot together (rename, unlink, take in), so that between them the two always agree; no worker ever takes one.
//!
//! *Invariant*: a slot's body number is new for each new body, so what was decided about one body is never done to another. What was
//! removed is not found from that moment on, though its file may still be there: a file without a slot counts only while the index is
//! being loaded, and then not if its key is in `removed`.
//! *Not here*: bytes and who is evicted (`room.rs`). *Cost*: one lock and one look-up.

use crate::Found;
use crate::part::{Asked, Part, Slot, Wanted};
use crate::queues::{Look, MAX_USES, Ticket, Tier};
use rustc_hash::FxHashSet;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Parts, each with its own lock.
const PARTS: usize = 16;
/// Locks of names.
const NAMES: usize = 64;
/// How long anybody waits for the disk.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);
/// Keys in one part that may be removed before the index is whole and before their files are: more, and what is not known yet is given
/// up as a whole.
const MAX_REMOVED: usize = 1 << 16;

/// The index.
pub(crate) struct Index {
    parts: [Mutex<Part>; PARTS],
    names: [Mutex<()>; NAMES],
    numbers: AtomicU64,
    is_loaded: AtomicBool,
    is_blind: AtomicBool,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            names: std::array::from_fn(|_| Mutex::default()),
            numbers: AtomicU64::new(1),
            is_loaded: AtomicBool::new(false),
            is_blind: AtomicBool::new(false),
        }
    }

    /// The lock of the key's name in the folder. Never taken by a worker, never while a part is locked.
    pub(crate) fn name(&self, key: u128) -> MutexGuard<'_, ()> {
        self.names[(key >> 8) as usize % NAMES].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that is larger than all before.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Are all files known?
    pub(crate) fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Acquire)
    }

    /// All files are known.
    pub(crate) fn loaded(&self) {
        self.is_loaded.store(true, Ordering::Release);
        for part in &self.parts {
            lock(part).removed = FxHashSet::default();
        }
    }

    /// More was removed while loading than can be remembered: files that are not known yet are to be deleted, not taken in.
    pub(crate) fn is_blind(&self) -> bool {
        self.is_blind.load(Ordering::Acquire)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| lock(part).slots.len()).sum()
    }

    pub(crate) fn has(&self, key: u128) -> bool {
        self.part(key).slots.contains_key(&key)
    }

    pub(crate) fn slot(&self, key: u128) -> Option<Slot> {
        self.part(key).slots.get(&key).cloned()
    }

    /// Who asks counts as a use.
    pub(crate) fn ask(&self, key: u128) -> Asked {
        let mut part = self.part(key);
        if let Some(slot) = part.slots.get_mut(&key) {
            slot.uses = (slot.uses + 1).min(MAX_USES);
        } else if !self.may_be_unknown(&part, key) {
            return Asked::Nothing;
        }
        if let Some(found) = part.hot.get(key) {
            return Asked::Here(found);
        }
        let (sender, receiver) = oneshot::channel();
        if let Some(wanted) = part.wanted.get_mut(&key) {
            // It takes long already: a slow disk, or a large file that is being checked. Who asks now gains nothing by waiting too,
            // and the list of those who wait stays short.
            if wanted.since.elapsed() > PATIENCE {
                return Asked::Nothing;
            }
            wanted.waiters.push(sender);
            return Asked::Wait(receiver);
        }
        part.wanted.insert(key, Wanted { since: Instant::now(), waiters: vec![sender] });
        Asked::Look(receiver)
    }

    /// Does anybody still wait for that key?
    pub(crate) fn is_wanted(&self, key: u128) -> bool {
        let part = self.part(key);
        part.wanted.get(&key).is_some_and(|wanted| wanted.waiters.iter().any(|waiter| !waiter.is_closed()))
    }

    /// Tells all who wait that there is nothing.
    pub(crate) fn missed(&self, key: u128) {
        let wanted = self.part(key).wanted.remove(&key);
        // Dropping the senders tells it.
        drop(wanted);
    }

    /// Gives it to all who wait, if it is still what lies there.
    pub(crate) fn found(&self, found: &Found) {
        let mut part = self.part(found.key);
        let wanted = part.wanted.remove(&found.key);
        let is_there = match part.slots.get_mut(&found.key) {
            Some(slot) if slot.body == found.body => {
                slot.is_trusted = true;
                true
            }
            _ => false,
        };
        // A head that was replaced meanwhile belongs to a file that is not this key's any more: good to answer with, not to keep.
        let is_its = |slot: &Slot| std::ptr::eq(slot.open.as_ptr(), Arc::as_ptr(&found.file));
        if is_there && part.slots.get(&found.key).is_some_and(is_its) {
            part.hot.put(found);
        }
        drop(part);
        for waiter in wanted.into_iter().flat_map(|wanted| wanted.waiters) {
            let _ = waiter.send(is_there.then(|| found.clone()));
        }
    }

    /// The file of that slot was opened. To be called with the lock of the name.
    pub(crate) fn opened(&self, key: u128, file: Weak<File>) {
        if let Some(slot) = self.part(key).slots.get_mut(&key) {
            slot.open = file;
        }
    }

    /// Takes in a file of a former process, unless the key has a slot or was removed. To be called with the lock of the name.
    pub(crate) fn adopt(&self, key: u128, bytes: u64) -> Option<Slot> {
        let mut part = self.part(key);
        if part.slots.contains_key(&key) || !self.may_be_unknown(&part, key) {
            return None;
        }
        let slot = Slot { body: self.number(), bytes, tier: Tier::Main, ..Slot::default() };
        part.slots.insert(key, slot.clone());
        Some(slot)
    }

    /// Begins to write. Its number.
    pub(crate) fn begin(&self, key: u128) -> u64 {
        let mut part = self.part(key);
        part.written.entry(key).or_default().count += 1;
        self.number()
    }

    /// It is not written any more, whatever came of it.
    pub(crate) fn end(&self, key: u128) {
        let mut part = self.part(key);
        if let Some(written) = part.written.get_mut(&key) {
            written.count -= 1;
            if written.count == 0 {
                part.written.remove(&key);
            }
        }
    }

    /// Was the key not removed since that number was given out by [`Index::begin`]?
    pub(crate) fn is_valid(&self, key: u128, number: u64) -> bool {
        self.part(key).is_valid(key, number)
    }

    /// Puts a body that was written in the place of what is there, which is given back; `Err` where the key was removed meanwhile. To
    /// be called with the lock of the name.
    pub(crate) fn put(&self, key: u128, mut slot: Slot) -> Result<(Tier, Option<Slot>), ()> {
        let mut part = self.part(key);
        if !part.is_valid(key, slot.body) {
            return Err(());
        }
        if let Some(old) = part.slots.get(&key) {
            slot.uses = old.uses;
            if old.tier == Tier::Main {
                slot.tier = Tier::Main;
            }
        }
        let tier = slot.tier;
        part.removed.remove(&key);
        part.hot.drop(key);
        Ok((tier, part.slots.insert(key, slot)))
    }

    /// Puts another head before a body; gives back what was there. `None` where another body lies there, or a later head. To be called
    /// with the lock of the name.
    pub(crate) fn put_head(&self, key: u128, body: u64, head: u64, bytes: u64) -> Option<Slot> {
        let mut part = self.part(key);
        let slot = part.slots.get_mut(&key).filter(|slot| slot.body == body && slot.head < head)?;
        let old = slot.clone();
        (slot.head, slot.bytes, slot.open) = (head, bytes, Weak::new());
        part.hot.drop(key);
        Some(old)
    }

    /// Takes a key out at somebody's wish: what is there, and what is being written. The slot, and whether its file has to be
    /// looked for.
    pub(crate) fn remove(&self, key: u128) -> (Option<Slot>, bool) {
        let mut part = self.part(key);
        if let Some(written) = part.written.get_mut(&key) {
            written.valid_from = self.number();
        }
        let slot = part.take(key, |_| true);
        let mut has_file = slot.is_some();
        if !self.is_loaded() && part.removed.len() < MAX_REMOVED {
            has_file |= part.removed.insert(key);
        } else if !self.is_loaded() {
            self.is_blind.store(true, Ordering::Release);
        }
        (slot, has_file)
    }

    /// The file of a removed key is gone. To be called with the lock of the name.
    pub(crate) fn unlinked(&self, key: u128) {
        self.part(key).removed.remove(&key);
    }

    /// Takes out a key, if it is that body which lies there. To be called with the lock of the name.
    pub(crate) fn take(&self, ticket: Ticket) -> Option<Slot> {
        self.part(ticket.key).take(ticket.key, |slot| slot.body == ticket.body)
    }

    /// Was it used since the last look?
    pub(crate) fn look(&self, ticket: Ticket) -> Look {
        let mut part = self.part(ticket.key);
        let Some(slot) = part.slots.get_mut(&ticket.key).filter(|slot| slot.body == ticket.body) else {
            return Look::Gone;
        };
        if slot.uses == 0 {
            return Look::Idle;
        }
        slot.uses = if slot.tier == Tier::Small { 0 } else { slot.uses - 1 };
        slot.tier = Tier::Main;
        Look::Used(slot.bytes)
    }

    /// Is it that body which lies there?
    pub(crate) fn is_there(&self, ticket: Ticket) -> bool {
        self.part(ticket.key).slots.get(&ticket.key).is_some_and(|slot| slot.body == ticket.body)
    }

    fn may_be_unknown(&self, part: &Part, key: u128) -> bool {
        !self.is_loaded() && !self.is_blind() && !part.removed.contains(&key)
    }

    fn part(&self, key: u128) -> MutexGuard<'_, Part> {
        lock(&self.parts[key as usize % PARTS])
    }
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    // No call out of this file is made with the lock but dropping files, so nothing is left half changed.
    part.lock().unwrap_or_else(PoisonError::into_inner)
}
