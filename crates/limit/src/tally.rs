//! What one key has used of its quota, in one word: 40 bits of count, whether it is to be saved, the number and the kind of
//! its window.
//!
//! *Promise*: a window only moves forward. A clock that steps back goes on in the window that was begun, so that a used-up
//! quota stays used up; one that is more than a whole window behind is believed, or a clock that was wrong once would keep a
//! quota for ever.

use crate::policy::Window;

/// The most that is counted: 2^40 - 1.
pub(crate) const MOST: u64 = (1 << 40) - 1;

const CHANGED_AT: u32 = 40;
const NUMBER_AT: u32 = 41;
const KIND_AT: u32 = 62;
const MOST_NUMBER: u64 = (1 << (KIND_AT - NUMBER_AT)) - 1;

/// A count in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) window: Window,
    /// Which of them since 1970.
    pub(crate) number: u64,
    pub(crate) used: u64,
    /// Since it was saved.
    pub(crate) changed: bool,
}

impl Tally {
    /// A window of which nothing is used.
    pub(crate) fn fresh(window: Window, number: u64) -> Self {
        Self { window, number, used: 0, changed: false }
    }

    /// The count that holds at a time, where this word was kept.
    pub(crate) fn at(word: u64, window: Window, unix: u64) -> Self {
        let number = window.number(unix);
        match Self::unpack(word) {
            Some(kept) if kept.window == window && (kept.number == number || kept.number == number + 1) => {
                kept
            }
            _ => Self::fresh(window, number),
        }
    }

    /// Is there nothing to remember of this word, since its window is over?
    pub(crate) fn is_over(word: u64, unix: u64) -> bool {
        Self::unpack(word).is_none_or(|tally| tally.number < tally.window.number(unix))
    }

    /// The same with so much more. It counts up to [`MOST`].
    pub(crate) fn with(self, cost: u64) -> Self {
        Self { used: self.used.saturating_add(cost).min(MOST), ..self }
    }

    /// As a word; never zero.
    pub(crate) fn pack(self) -> u64 {
        let kind = match self.window {
            Window::Hour => 1,
            Window::Day => 2,
            Window::Month => 3,
        };
        kind << KIND_AT
            | self.number.min(MOST_NUMBER) << NUMBER_AT
            | u64::from(self.changed) << CHANGED_AT
            | self.used.min(MOST)
    }

    /// From a word; none where nothing was counted.
    pub(crate) fn unpack(word: u64) -> Option<Self> {
        let window = match word >> KIND_AT {
            1 => Window::Hour,
            2 => Window::Day,
            3 => Window::Month,
            _ => return None,
        };
        Some(Self {
            window,
            number: word >> NUMBER_AT & MOST_NUMBER,
            used: word & MOST,
            changed: word >> CHANGED_AT & 1 == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 86_400;

    #[test]
    fn a_window_moves_forward_and_not_back() {
        let used = Tally { window: Window::Day, number: 100, used: 7, changed: false };
        let at = |unix| Tally::at(used.pack(), Window::Day, unix);
        assert_eq!(at(100 * DAY + 5), used);
        assert_eq!(at(100 * DAY - 1), used, "the clock has stepped back");
        assert_eq!(at(99 * DAY), used, "by almost a whole window more");
        assert_eq!(at(99 * DAY - 1), Tally::fresh(Window::Day, 98), "that is another time");
        assert_eq!(at(101 * DAY), Tally::fresh(Window::Day, 101));
        assert_eq!(Tally::at(used.pack(), Window::Hour, 0), Tally::fresh(Window::Hour, 0), "another kind");
    }

    #[test]
    fn a_window_is_over_when_the_next_has_begun() {
        let used = Tally { window: Window::Day, number: 100, used: 7, changed: true }.pack();
        assert!(!Tally::is_over(used, 101 * DAY - 1));
        assert!(Tally::is_over(used, 101 * DAY));
        assert!(!Tally::is_over(used, 0), "a clock that steps back does not end it");
        assert!(Tally::is_over(0, 0));
    }

    proptest! {
        #[test]
        fn a_word_holds_what_was_packed(number in 0..=MOST_NUMBER, used in 0..=MOST, changed: bool, kind in 0..3_usize) {
            let window = [Window::Hour, Window::Day, Window::Month][kind];
            let tally = Tally { window, number, used, changed };
            prop_assert_eq!(Tally::unpack(tally.pack()), Some(tally));
            prop_assert_eq!(tally.with(u64::MAX).used, MOST);
        }
    }
}
