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

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key(7 << 40);

    fn never() -> Visit<impl Fn(u64) -> bool> {
        Visit { tick: 5, over: |word| word == 0 }
    }

    /// The places of the key's home line, with the marks that other workers have put there.
    fn with_marks<const N: usize>(table: &Table, marks: [u64; N]) -> [&Slot; 4] {
        let line = table.lines(KEY).next().expect("a home");
        for (slot, theirs) in line.iter().zip(marks) {
            mark(slot).store(theirs, SeqCst);
            word(slot).store(100, SeqCst);
        }
        line.each_ref()
    }

    #[test]
    fn a_key_that_has_settled_behind_is_found_and_the_claim_given_up() {
        let (table, ours) = (Table::new(0), tag(KEY.0));
        let slots = with_marks(&table, [EMPTY, newcomer(ours, 5)]);
        assert!(!table.place(KEY, 1, &never()));
        assert_eq!(mark(slots[0]).load(SeqCst), LEFT, "not empty: nobody would look behind it");
        table.update(KEY, &never(), |old| (Some(old + 1), ()));
        assert_eq!((table.get(KEY), word(slots[1]).load(SeqCst)), (101, 101));
        assert_eq!(table.len(), 0, "what was put there by hand was not counted");
    }

    #[test]
    fn of_two_that_move_in_with_one_key_the_first_goes_first() {
        let (table, ours) = (Table::new(0), tag(KEY.0));
        let slots = with_marks(&table, [moving(ours), moving(ours)]);
        assert!(!table.is_alone(KEY, slots[1]));
        mark(slots[0]).store(LEFT, SeqCst);
        assert!(table.is_alone(KEY, slots[1]));
        mark(slots[0]).store(moving(ours + 1), SeqCst);
        assert!(table.is_alone(KEY, slots[1]), "another key is no matter");
    }

    #[test]
    fn the_first_waits_to_see_whether_the_second_leaves_or_has_settled() {
        let (table, ours) = (Table::new(0), tag(KEY.0));
        for (then, alone) in [(LEFT, true), (newcomer(ours, 5), false)] {
            let slots = with_marks(&table, [moving(ours), moving(ours)]);
            let waited = std::thread::scope(|scope| {
                let first = scope.spawn(|| table.is_alone(KEY, slots[0]));
                std::thread::yield_now();
                mark(slots[1]).store(then, SeqCst);
                first.join().expect("it waits")
            });
            assert_eq!(waited, alone);
        }
    }

    #[test]
    fn a_place_whose_owner_has_come_back_is_not_taken() {
        let table = Table::new(0);
        // It is over when looked at and no more when claimed.
        let theirs = newcomer(tag(KEY.0) + 1, 5);
        let slots = with_marks(&table, [theirs; 4]);
        let looks = std::cell::Cell::new(0);
        let over = |_| {
            looks.set(looks.get() + 1);
            looks.get() <= 4
        };
        assert!(!table.place(KEY, 1, &Visit { tick: 5, over }));
        assert!(slots.iter().all(|slot| mark(slot).load(SeqCst) == theirs && word(slot).load(SeqCst) == 100));
        assert_eq!(table.evictions(), 0);
    }
}
