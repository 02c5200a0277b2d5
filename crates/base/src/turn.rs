//! The time on a worker, read once a turn.
//!
//! A worker hears what has happened on its connections, lets their tasks run, and asks the kernel again: a turn, some
//! dozens of tasks and well below a millisecond. A request asks for the time five times (it arrived, it was answered,
//! its connections wait since), at some 25 ns each, and three times that on a core that is shared. So the first who asks
//! in a turn reads it, and the others are told the same: what happened was heard at the turn's beginning, whoever looks later.
//!
//! A time that was told is never later than the true one, and never goes backwards. What takes less than a turn took no
//! time. *Not here*: whoever waits in a loop for a time to pass reads the clock itself.
//!
//! Hot path: a look at a thread's own cell; one vDSO call a turn.

use std::cell::Cell;
use std::time::Instant;

#[derive(Clone, Copy)]
enum Reading {
    /// This thread takes no turns.
    EachTime,
    /// Nobody has asked in this turn.
    Due,
    Taken(Instant),
}

thread_local! {
    static READING: Cell<Reading> = const { Cell::new(Reading::EachTime) };
}

/// Begins a turn of this thread. From the first one on, [`now`] stands still between turns.
pub fn begin() {
    READING.set(Reading::Due);
}

/// Ends the last turn: [`now`] is the clock's own time again.
pub fn end() {
    READING.set(Reading::EachTime);
}

/// The time of this turn; on a thread that takes none, the time now.
pub fn now() -> Instant {
    READING.with(|reading| match reading.get() {
        Reading::Taken(at) => at,
        Reading::EachTime => Instant::now(),
        Reading::Due => {
            let at = Instant::now();
            reading.set(Reading::Taken(at));
            at
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits until the clock shows another time than `before`.
    fn pass(before: Instant) {
        while Instant::now() <= before {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn time_stands_still_within_a_turn_and_moves_with_the_next() {
        begin();
        let first = now();
        pass(first);
        assert_eq!(now(), first);
        begin();
        assert!(now() > first);
    }

    #[test]
    fn a_thread_without_turns_is_told_the_time() {
        let check = || {
            let first = now();
            pass(first);
            assert!(now() > first);
        };
        check();
        begin();
        let taken = now();
        end();
        pass(taken);
        check();
    }
}
