//! How many to start, to drain and to take back: arithmetic, and nothing else.
//!
//! *Promise*: nobody who is ready is drained unless as many others are ready as are wanted; instances that are to be replaced
//! are replaced [`Census::surge`] at a time; whoever is wanted again before it was told to end is taken back.

/// Who is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    /// How many are wanted.
    pub(super) wanted: u32,
    /// How many beyond that a replacement may start.
    pub(super) surge: u32,
    /// Ready, and to stay.
    pub(super) ready: u32,
    /// Ready, and to be replaced.
    pub(super) outdated: u32,
    /// Launched, not ready yet, and to stay.
    pub(super) starting: u32,
    /// Draining, and as good as those that are to stay.
    pub(super) returning: u32,
    /// Everything that has a process: those above, and those that are ending.
    pub(super) alive: u32,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    /// Take back from draining.
    pub(super) take_back: u32,
    /// Launch.
    pub(super) start: u32,
    /// Ready ones that are too many; outdated ones go first.
    pub(super) drain: u32,
    /// Starting ones that are too many.
    pub(super) cancel: u32,
}

impl Census {
    pub(super) fn moves(&self) -> Moves {
        let ready = self.ready + self.outdated;
        let serving = ready + self.starting;
        let missing = self.wanted.saturating_sub(serving);
        let take_back = missing.min(self.returning);
        let drain = ready.saturating_sub(self.wanted);
        let to_replace = self.outdated.saturating_sub(drain);
        let surge = if self.wanted == 0 { 0 } else { self.surge.min(to_replace) };
        // The place of one that is ending is free once it has ended: there is never more than that at a time.
        let room = (self.wanted + surge).saturating_sub(serving.max(self.alive));
        let replacements = if missing == 0 { room } else { 0 };
        let may_start = self.wanted.saturating_sub(ready) + surge;
        Moves {
            take_back,
            start: (missing - take_back) + replacements,
            drain,
            cancel: self.starting.saturating_sub(may_start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn census(wanted: u32, ready: u32, outdated: u32, starting: u32) -> Census {
        let alive = ready + outdated + starting;
        Census { wanted, surge: 1, ready, outdated, starting, returning: 0, alive }
    }

    #[test]
    fn what_is_missing_is_started_and_what_is_too_many_is_drained() {
        assert_eq!(census(3, 1, 0, 0).moves(), Moves { start: 2, ..Moves::default() });
        assert_eq!(census(3, 1, 0, 2).moves(), Moves::default());
        assert_eq!(census(1, 3, 0, 0).moves(), Moves { drain: 2, ..Moves::default() });
        assert_eq!(census(1, 1, 0, 2).moves(), Moves { cancel: 2, ..Moves::default() });
        assert_eq!(census(0, 1, 1, 1).moves(), Moves { drain: 2, cancel: 1, ..Moves::default() });
        let returning = Census { returning: 1, alive: 2, ..census(3, 1, 0, 0) };
        assert_eq!(returning.moves(), Moves { take_back: 1, start: 1, ..Moves::default() });
    }

    #[test]
    fn a_replacement_starts_one_waits_for_it_and_drains_one() {
        assert_eq!(census(3, 0, 3, 0).moves(), Moves { start: 1, ..Moves::default() });
        assert_eq!(census(3, 0, 3, 1).moves(), Moves::default());
        assert_eq!(census(3, 1, 3, 0).moves(), Moves { drain: 1, ..Moves::default() });
        let draining = Census { alive: 4, ..census(3, 1, 2, 0) };
        assert_eq!(draining.moves(), Moves::default(), "the one that drains still has its place");
        assert_eq!(census(3, 1, 2, 0).moves(), Moves { start: 1, ..Moves::default() });
        assert_eq!(census(3, 3, 1, 0).moves(), Moves { drain: 1, ..Moves::default() });
        assert_eq!(census(3, 3, 0, 0).moves(), Moves::default());
    }

    #[test]
    fn a_replacement_goes_on_while_the_count_changes() {
        assert_eq!(
            census(5, 1, 2, 0).moves(),
            Moves { start: 2, ..Moves::default() },
            "first what is missing"
        );
        assert_eq!(census(2, 0, 3, 1).moves(), Moves { drain: 1, ..Moves::default() });
        assert_eq!(census(1, 0, 1, 2).moves(), Moves { cancel: 1, ..Moves::default() });
        assert_eq!(census(0, 0, 1, 1).moves(), Moves { drain: 1, cancel: 1, ..Moves::default() });
    }

    proptest! {
        /// Whatever is there, the moves lead to so many current instances, and there are never too few on the way.
        #[test]
        fn every_census_ends_with_what_is_wanted(
            wanted in 0u32..6, surge in 1u32..3, ready in 0u32..6, outdated in 0u32..6, starting in 0u32..6,
            returning in 0u32..3, become_ready in proptest::collection::vec(any::<bool>(), 40),
        ) {
            let alive = ready + outdated + starting + returning;
            let mut now = Census { wanted, surge, ready, outdated, starting, returning, alive };
            for becomes_ready in become_ready.into_iter().chain([true; 60]) {
                let moves = now.moves();
                let before = now.ready + now.outdated;
                prop_assert!(moves.take_back <= now.returning && moves.cancel <= now.starting);
                prop_assert!(before - moves.drain >= wanted.min(before));
                // What drains has ended by the next look.
                now.returning = 0;
                now.ready += moves.take_back;
                now.starting = now.starting - moves.cancel + moves.start;
                let old = moves.drain.min(now.outdated);
                (now.outdated, now.ready) = (now.outdated - old, now.ready - (moves.drain - old));
                now.alive = now.ready + now.outdated + now.starting;
                if moves.start > 0 {
                    prop_assert!(now.alive <= (wanted + surge).max(before));
                }
                if becomes_ready {
                    now.ready += std::mem::take(&mut now.starting);
                }
            }
            prop_assert_eq!((now.ready, now.outdated, now.starting), (wanted, 0, 0));
        }
    }
}
