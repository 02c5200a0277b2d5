//! The most careful recommendation of a while counts: the least when rising, the greatest when falling (HPA v2
//! `stabilizationWindowSeconds`).
//!
//! One thing is added to that. A fall that had to be taken back within a window was a mistake, and what made it will
//! come again: behind it the next fall waits for twice the window.
//!
//! *Promise*: a count falls only when nothing within the window wanted more, so not within that time of a rise
//! that was wanted; and two turns downwards lie at least two windows apart, which makes at most one change of direction a
//! window, whatever the load does.
//! *Not here*: bounds, policies; they are applied to the outcome.
//! *Cost*: constant on average. The memory is bounded by the number of different recommendations, that is by `max`.

use crate::Settings;
use base::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// The recommendations of a while, as far as they may count yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stabilization {
    /// The greatest: each entry is greater than all younger ones.
    greatest: VecDeque<(Moment, u32)>,
    /// The least, in the same way.
    least: VecDeque<(Moment, u32)>,
    /// When the count last fell.
    fell: Option<Moment>,
    /// It rose again too soon.
    regretted: bool,
}

impl Stabilization {
    /// Takes a recommendation in.
    pub(crate) fn recommend(&mut self, now: Moment, count: u32, settings: &Settings) {
        while self.greatest.back().is_some_and(|&(_, other)| other <= count) {
            self.greatest.pop_back();
        }
        self.greatest.push_back((now, count));
        while self.least.back().is_some_and(|&(_, other)| other >= count) {
            self.least.pop_back();
        }
        self.least.push_back((now, count));
        forget(&mut self.greatest, now, settings.down.stabilization_window.saturating_mul(2));
        forget(&mut self.least, now, settings.up.stabilization_window);
    }

    /// Remembers that the count changed.
    pub(crate) fn changed(&mut self, now: Moment, rose: bool, settings: &Settings) {
        let window = settings.down.stabilization_window;
        if rose {
            self.regretted |= self.fell.is_some_and(|fell| now.since(fell) < window);
        } else {
            self.fell = Some(now);
            self.regretted = false;
        }
    }

    /// The least of the window of rising.
    pub(crate) fn least(&self) -> u32 {
        self.least.front().map_or(0, |&(_, count)| count)
    }

    /// The greatest of the window of falling.
    pub(crate) fn greatest(&self, now: Moment, settings: &Settings) -> u32 {
        let window = settings.down.stabilization_window.saturating_mul(if self.regretted { 2 } else { 1 });
        let within = self.greatest.iter().find(|(at, _)| now.since(*at) < window);
        within.or(self.greatest.back()).map_or(0, |&(_, count)| count)
    }
}

/// Drops what is as old as the window; the youngest, which is from now, always counts.
fn forget(entries: &mut VecDeque<(Moment, u32)>, now: Moment, window: Duration) {
    while entries.len() > 1 && entries.front().is_some_and(|&(at, _)| now.since(at) >= window) {
        entries.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(secs: u64) -> Moment {
        Moment::ORIGIN + Duration::from_secs(secs)
    }

    fn settings(up: u64, down: u64) -> Settings {
        let mut settings = Settings::default();
        settings.up.stabilization_window = Duration::from_secs(up);
        settings.down.stabilization_window = Duration::from_secs(down);
        settings
    }

    #[test]
    fn behind_a_fall_that_was_taken_back_the_next_one_waits_for_twice_the_window() {
        let settings = settings(0, 300);
        let mut stabilization = Stabilization::default();
        stabilization.changed(at(0), false, &settings);
        stabilization.changed(at(299), true, &settings);
        stabilization.recommend(at(299), 9, &settings);
        stabilization.recommend(at(300), 2, &settings);
        let greatest = |stabilization: &Stabilization, secs| stabilization.greatest(at(secs), &settings);
        assert_eq!((greatest(&stabilization, 898), greatest(&stabilization, 899)), (9, 2));
        stabilization.changed(at(899), false, &settings);
        stabilization.changed(at(1_199), true, &settings);
        stabilization.recommend(at(1_199), 9, &settings);
        stabilization.recommend(at(1_200), 2, &settings);
        assert_eq!(
            (greatest(&stabilization, 1_498), greatest(&stabilization, 1_499)),
            (9, 2),
            "not too soon"
        );
    }

    proptest! {
        #[test]
        fn extremes_are_those_of_the_window_whatever_came(
            windows in (0_u64..40, 0_u64..40),
            counts in proptest::collection::vec((0_u64..9, 0_u32..12), 1..80),
        ) {
            let settings = settings(windows.0, windows.1);
            let mut stabilization = Stabilization::default();
            let (mut past, mut now) = (Vec::new(), 0);
            for (passed, count) in counts {
                now += passed;
                past.push((now, count));
                stabilization.recommend(at(now), count, &settings);
                let last = past.len() - 1;
                let within = |window: u64| {
                    let past = past.iter().enumerate();
                    past.filter(move |(i, (at, _))| now - at < window || *i == last).map(|(_, (_, count))| *count)
                };
                prop_assert_eq!(Some(stabilization.least()), within(windows.0).min());
                prop_assert_eq!(Some(stabilization.greatest(at(now), &settings)), within(windows.1).max());
                prop_assert!(stabilization.greatest.len() <= 12 && stabilization.least.len() <= 12);
            }
        }
    }
}
