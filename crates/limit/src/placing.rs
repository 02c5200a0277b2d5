//! How a new key gets its place in a [`Table`], while other workers place the same key, or come for the one whose place it is.
//!
//! A worker claims a place by marking it with the key as *moving in*. Then it looks over the group for others that move in with
//! the same key: one before it in the order of the group goes first, so it leaves; one behind it will leave or has settled, so
//! it waits to see which. Of two workers at least one sees the other, since all this is sequentially consistent. Only when it is
//! alone the word is put and the mark says *settled*, so nobody is charged at a place that is given up.
//!
//! *Cost*: a look over the group and two writes more than for a key that is known.

use crate::policy::Key;
use crate::slot::{EMPTY, LEFT, Slot, idleness, is_moving, mark, moving, newcomer, tag, tag_of, word};
use crate::table::{Table, Visit, wait};
use std::sync::atomic::{Ordering::SeqCst, fence};

/// A place for a newcomer.
#[derive(Clone, Copy)]
struct Vacancy<'a> {
    slot: &'a Slot,
    /// Its mark when we looked.
    seen: u64,
    /// Has its owner something to remember?
    taken: bool,
}

impl Table {
    /// Places a key with its first word. Where another worker was faster it says no, and all may be different now.
    pub(crate) fn place(&self, key: Key, new: u64, visit: &Visit<impl Fn(u64) -> bool>) -> bool {
        let Some(Vacancy { slot, seen, taken }) = self.vacancy(key, visit) else { return false };
        let tag = tag(key.0);
        if mark(slot).compare_exchange(seen, moving(tag), SeqCst, SeqCst).is_err() {
            return false;
        }
        // Its owner may have come back since we looked.
        if !taken && tag_of(seen) != 0 && !(visit.over)(word(slot).load(SeqCst)) {
            mark(slot).store(seen, SeqCst);
            return false;
        }
        fence(SeqCst);
        let alone = self.is_alone(key, slot);
        self.count(tag_of(seen) != 0, alone, taken);
        word(slot).store(if alone { new } else { 0 }, SeqCst);
        mark(slot).store(if alone { newcomer(tag, visit.tick) } else { LEFT }, SeqCst);
        alone
    }

    /// Where a newcomer moves in: a place that has no owner, or whose owner has nothing to remember, or the most idle. None where
    /// another worker was faster with the key, or workers are moving in everywhere.
    fn vacancy(&self, key: Key, visit: &Visit<impl Fn(u64) -> bool>) -> Option<Vacancy<'_>> {
        let mut most_idle: Option<(u64, Vacancy<'_>)> = None;
        for line in self.lines(key) {
            let mut over = None;
            for slot in line {
                let seen = mark(slot).load(SeqCst);
                if tag_of(seen) == tag(key.0) {
                    return None;
                }
                if seen == EMPTY {
                    // Nobody lives behind it. One in the same line that is over stays, and costs nothing.
                    return Some(Vacancy { slot, seen, taken: false });
                }
                if is_moving(seen) {
                    continue;
                }
                if seen == LEFT || (visit.over)(word(slot).load(SeqCst)) {
                    over = over.or(Some(Vacancy { slot, seen, taken: false }));
                    continue;
                }
                let idle = idleness(seen, visit.tick);
                if most_idle.as_ref().is_none_or(|(most, _)| idle > *most) {
                    most_idle = Some((idle, Vacancy { slot, seen, taken: true }));
                }
            }
            if over.is_some() {
                return over;
            }
        }
        most_idle.map(|(_, vacancy)| vacancy)
    }

    /// Is nobody else with this key anywhere else in the group, or will not be?
    fn is_alone(&self, key: Key, here: &Slot) -> bool {
        let tag = tag(key.0);
        let mut behind = false;
        for slot in self.lines(key).flatten() {
            if std::ptr::eq(slot, here) {
                behind = true;
                continue;
            }
            let mut waits = 0;
            loop {
                let seen = mark(slot).load(SeqCst);
                if tag_of(seen) != tag {
                    break;
                }
                if !behind || !is_moving(seen) {
                    return false;
                }
                if !wait(&mut waits) {
                    break;
                }
            }
        }
        true
    }
}
