//! A table of keys with one 64-bit word each, shared by all workers, of a size that never changes.
//!
//! A line of the processor's cache holds four places, four lines are a group, and a key may live anywhere in its group; it
//! looks from its home line on and stops at a place that never had an owner. A group that is full gives a newcomer the place
//! of somebody about whom there is nothing left to remember, else that of the most idle. So a flood of keys takes places from
//! each other and from the idle, and memory stays as it is.
//!
//! *Promise*: a change is one compare-and-swap, and none is lost while its key keeps its place; nothing locks, nothing
//! allocates. A key loses its word only to a newcomer in a group where sixteen have something to remember. Where workers bring
//! the same new key at the same instant one of them places it ([`placing`](crate::placing)) and the others wait, for a
//! few instructions.
//! *Not here*: what a word means.
//! *Cost*: one cache miss for a key in its home line, as most are while the table is not nearly full.

use crate::policy::Key;
use crate::slot::{EMPTY, LINES, PLACES, Slot, is_moving, mark, same_owner, tag, tag_of, visited, word};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use zerocopy::FromZeros;

/// Who waits for another worker to place a key does so this often before it lets others run, and
const SPINS: u32 = 100;
/// this often before it goes on without: then that worker has been stopped in the middle, for about a second.
const WAITS: u32 = 1_000_000;

/// Keys and their words.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Box<[Slot]>,
    /// The first place that begins a line of the cache.
    first: usize,
    /// How many lines; a multiple of a group.
    lines: usize,
    counts: Counts,
}

/// Apart from the fields above, which every request reads.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counts {
    owners: AtomicU64,
    evictions: AtomicU64,
}

/// What a change needs to know of the moment.
pub(crate) struct Visit<F> {
    /// The time, coarse, to tell who is idle. Wraps.
    pub(crate) tick: u16,
    /// Is there nothing to remember about whoever has this word?
    pub(crate) over: F,
}

impl Table {
    /// A table of at most so many bytes, though of one group at least. The system hands out its pages when they are first
    /// used.
    pub(crate) fn new(bytes: usize) -> Self {
        let group = PLACES * LINES;
        let most = bytes / size_of::<Slot>();
        let groups = (most.saturating_sub(PLACES - 1) / group).max(1);
        let slots = <[Slot]>::new_box_zeroed_with_elems(groups * group + PLACES - 1)
            .expect("as large as the config says, and the machine has it");
        let misplaced = slots.as_ptr().addr() / size_of::<Slot>() % PLACES;
        let first = (PLACES - misplaced) % PLACES;
        Self { slots, first, lines: groups * LINES, counts: Counts::default() }
    }

    /// How many keys have a place.
    pub(crate) fn len(&self) -> u64 {
        self.counts.owners.load(Relaxed)
    }

    /// How many keys can have a place.
    pub(crate) fn capacity(&self) -> u64 {
        (self.lines * PLACES) as u64
    }

    /// How many keys have lost a word that was not over. It only grows.
    pub(crate) fn evictions(&self) -> u64 {
        self.counts.evictions.load(Relaxed)
    }

    /// The word of a key; zero where it has none.
    pub(crate) fn get(&self, key: Key) -> u64 {
        match self.find(key) {
            Some((slot, seen)) if !is_moving(seen) => word(slot).load(SeqCst),
            _ => 0,
        }
    }

    /// Changes the word of a key: `change` gets it (zero where the key has none) and says which to put, or none to leave it,
    /// and what to return. It may be called again where another worker was faster.
    pub(crate) fn update<R>(
        &self,
        key: Key,
        visit: &Visit<impl Fn(u64) -> bool>,
        mut change: impl FnMut(u64) -> (Option<u64>, R),
    ) -> R {
        let mut waits = 0;
        loop {
            match self.find(key) {
                Some((slot, seen)) if !is_moving(seen) => {
                    let old = word(slot).load(SeqCst);
                    let (new, answer) = change(old);
                    if put(slot, seen, old, new) {
                        note(slot, seen, visit.tick);
                        return answer;
                    }
                    continue;
                }
                Some(_) => {}
                None => {
                    let (new, answer) = change(0);
                    let Some(new) = new else { return answer };
                    if self.place(key, new, visit) {
                        return answer;
                    }
                }
            }
            if !wait(&mut waits) {
                return change(0).1;
            }
        }
    }

    /// Changes the word of a key that has one, as long as `change` gives another; what it was before.
    pub(crate) fn alter(&self, key: Key, mut change: impl FnMut(u64) -> Option<u64>) -> Option<u64> {
        loop {
            let (slot, seen) = self.find(key).filter(|(_, seen)| !is_moving(*seen))?;
            let old = word(slot).load(SeqCst);
            let new = change(old)?;
            if put(slot, seen, old, Some(new)) {
                return Some(old);
            }
        }
    }

    /// Where a key lives or is moving in, and its mark.
    fn find(&self, key: Key) -> Option<(&Slot, u64)> {
        let tag = tag(key.0);
        for line in self.lines(key) {
            let seen = line.each_ref().map(|slot| mark(slot).load(SeqCst));
            // Compared all at once: which of the four it is cannot be foreseen, and a branch that is guessed wrong behind a
            // cache miss is as dear as the miss.
            let hits = (0..PLACES).fold(0_u32, |hits, n| hits | u32::from(tag_of(seen[n]) == tag) << n);
            if hits != 0 {
                let at = hits.trailing_zeros() as usize % PLACES;
                return Some((&line[at], seen[at]));
            }
            if seen.contains(&EMPTY) {
                return None;
            }
        }
        None
    }

    /// The lines where a key may live, its home first.
    pub(crate) fn lines(&self, key: Key) -> impl Iterator<Item = &[Slot; PLACES]> {
        let (lines, _) = self.slots[self.first..].as_chunks();
        // The upper half of the key, scaled to the number of lines.
        let home = (((key.0 >> 64) * self.lines as u128) >> 64) as usize;
        (0..LINES).map(move |n| &lines[home ^ n])
    }

    /// Counts what became of a place that had an owner or not, and that has one now or not.
    pub(crate) fn count(&self, owned: bool, owned_now: bool, evicted: bool) {
        match (owned, owned_now) {
            (false, true) => self.counts.owners.fetch_add(1, Relaxed),
            (true, false) => self.counts.owners.fetch_sub(1, Relaxed),
            _ => 0,
        };
        if evicted {
            self.counts.evictions.fetch_add(1, Relaxed);
        }
    }
}

/// Puts a word in the place of another, where it is still there and its owner as well. Whoever has moved in meanwhile may
/// have been charged; then we find our own place again and are charged there.
fn put(slot: &Slot, seen: u64, old: u64, new: Option<u64>) -> bool {
    new.is_none_or(|new| word(slot).compare_exchange(old, new, SeqCst, SeqCst).is_ok())
        && same_owner(seen, mark(slot).load(SeqCst))
}

/// Notes a visit, where there is something to note. Where another worker noted one, that will do.
fn note(slot: &Slot, seen: u64, tick: u16) {
    let noted = visited(seen, tick);
    if noted != seen {
        let _ = mark(slot).compare_exchange(seen, noted, Relaxed, Relaxed);
    }
}

/// Waits a little for another worker. False where that has gone on for too long.
pub(crate) fn wait(waits: &mut u32) -> bool {
    *waits += 1;
    if *waits > SPINS {
        std::thread::yield_now();
    }
    std::hint::spin_loop();
    *waits < WAITS
}
