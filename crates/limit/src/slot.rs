//! One place of a [`Table`](crate::table::Table): whose it is, and one word about them.
//!
//! The first of two words, the mark, holds 45 bits of the key, whether it has settled or is moving in, how often it has come
//! (0 to 3) and when it came last. With the bits that chose the line, some two of ten million keys share a place with a chance
//! of one in several millions; the key is a keyed hash, so nobody can look for such two. A mark of zero is a place that never
//! had an owner.

use std::sync::atomic::AtomicU64;

/// Places in a line of the cache: 64 bytes.
pub(crate) const PLACES: usize = 4;
/// Lines in a group.
pub(crate) const LINES: usize = 4;

/// A mark, then its word. An array and not a struct, since zeroed memory can become arrays of atomics without unsafe code.
pub(crate) type Slot = [AtomicU64; 2];

/// Never had an owner. Lines fill from the front, so nothing lies behind one.
pub(crate) const EMPTY: u64 = 0;
/// Somebody was about to move in and left again. There is nobody, but there may be somebody behind it.
pub(crate) const LEFT: u64 = 1;

const VISITS_AT: u32 = 16;
const MOVING_AT: u32 = 18;
const TAG_AT: u32 = 19;
/// Visits are counted up to this.
const MOST_VISITS: u64 = 3;

/// The mark of a place.
pub(crate) fn mark(slot: &Slot) -> &AtomicU64 {
    &slot[0]
}

/// The word of a place.
pub(crate) fn word(slot: &Slot) -> &AtomicU64 {
    &slot[1]
}

/// The bits of a key that a mark holds; never zero.
pub(crate) fn tag(key: u128) -> u64 {
    ((key as u64) >> TAG_AT).max(1)
}

/// Whose it is; zero for nobody.
pub(crate) fn tag_of(mark: u64) -> u64 {
    mark >> TAG_AT
}

/// The mark of somebody who is moving in: its word means nothing yet.
pub(crate) fn moving(tag: u64) -> u64 {
    tag << TAG_AT | 1 << MOVING_AT
}

/// Is somebody moving in?
pub(crate) fn is_moving(mark: u64) -> bool {
    mark >> MOVING_AT & 1 == 1
}

/// Do both marks say that the same one has settled?
pub(crate) fn same_owner(one: u64, other: u64) -> bool {
    !is_moving(one) && one >> MOVING_AT == other >> MOVING_AT
}

/// The mark of somebody who has settled and comes for the first time.
pub(crate) fn newcomer(tag: u64, tick: u16) -> u64 {
    tag << TAG_AT | u64::from(tick)
}

/// The mark after one more visit. The same where it was here in this tick before and its visits are counted.
pub(crate) fn visited(mark: u64, tick: u16) -> u64 {
    let visits = (visits(mark) + 1).min(MOST_VISITS);
    let last = if age(mark, tick) == 0 { mark as u16 } else { tick };
    tag_of(mark) << TAG_AT | visits << VISITS_AT | u64::from(last)
}

/// How idle the owner is: the higher, the sooner it has to go. Ticks since it came, of which each visit but the first
/// makes a quarter: those who came once go before those who come again and again, but not for ever.
pub(crate) fn idleness(mark: u64, tick: u16) -> u64 {
    (u64::from(age(mark, tick)) + 1) << (2 * MOST_VISITS) >> (2 * visits(mark))
}

/// Ticks since it came last. Workers read the clock apart from each other, so that may lie in the next tick.
fn age(mark: u64, tick: u16) -> u16 {
    let age = tick.wrapping_sub(mark as u16);
    if age > u16::MAX / 2 { 0 } else { age }
}

fn visits(mark: u64) -> u64 {
    mark >> VISITS_AT & MOST_VISITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_without_bits_still_has_a_tag() {
        assert_eq!(tag(0), 1);
        assert_eq!(tag_of(newcomer(tag(u128::MAX), 7)), tag(u128::MAX));
        assert!([EMPTY, LEFT].iter().all(|mark| tag_of(*mark) == 0 && !is_moving(*mark)));
    }

    #[test]
    fn who_moves_in_is_not_who_has_settled() {
        let settled = newcomer(5, 100);
        assert!(same_owner(settled, visited(settled, 101)));
        assert!(is_moving(moving(5)) && !is_moving(settled));
        assert_eq!(tag_of(moving(5)), 5);
        assert!(!same_owner(settled, moving(5)) && !same_owner(moving(5), moving(5)));
        assert!(!same_owner(settled, newcomer(6, 100)));
    }

    #[test]
    fn who_came_once_is_more_idle_than_who_came_again() {
        let once = newcomer(5, 100);
        let twice = visited(once, 100);
        assert_eq!(tag_of(twice), 5);
        assert!(idleness(once, 100) > idleness(twice, 100));
        let often = visited(visited(twice, 100), 100);
        assert_eq!(visited(often, 100), often, "nothing is left to note");
        assert_eq!(
            idleness(often, 163),
            idleness(once, 100),
            "and after a minute it is as idle as a newcomer"
        );
    }

    #[test]
    fn a_visit_in_the_next_tick_is_not_an_old_one() {
        assert_eq!(idleness(newcomer(5, 101), 100), idleness(newcomer(5, 100), 100));
        assert_eq!(idleness(newcomer(5, u16::MAX), 0), idleness(newcomer(5, 7), 8), "ticks wrap");
        assert_eq!(visited(newcomer(5, 101), 100) as u16, 101, "nor does it make the other one older");
    }
}
