//! Panic: a surge that the short average sees and the long one does not yet (Knative's KPA).
//!
//! It begins where the short average wants twice what there is, and ends when a whole stable window has passed without
//! that. Meanwhile the short average counts too, and counts do not fall.
//!
//! Instances that are starting count as what there is, and none begins within one learnt start time of the last start:
//! while a slow instance starts, requests pile up, and that says nothing that was not known when it was started.
//! *Cost*: a division.

use crate::Settings;
use base::Moment;
use std::time::Duration;

/// Whether a service panics.
#[derive(Clone, Debug, Default)]
pub(crate) struct Panic {
    /// When the short average last wanted too much.
    last_seen: Option<Moment>,
}

/// What decides about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surge {
    /// Instances that the short average wants, not rounded.
    pub(crate) wants: f64,
    /// Instances that are ready or starting.
    pub(crate) capacity: u32,
    /// How long ago an instance was wanted in addition, and how long one takes to start.
    pub(crate) last_start: Option<(Duration, Duration)>,
}

impl Panic {
    /// Begins, goes on or ends; whether it is on.
    pub(crate) fn update(&mut self, now: Moment, surge: Surge, settings: &Settings) -> bool {
        let over = surge.wants / f64::from(surge.capacity.max(1)) >= settings.panic_threshold;
        let awaited = surge.last_start.is_some_and(|(ago, takes)| ago < takes);
        if over && surge.wants > 0.0 && (self.last_seen.is_some() || !awaited) {
            self.last_seen = Some(now);
        } else if self.last_seen.is_some_and(|seen| now.since(seen) >= settings.stable_window) {
            self.last_seen = None;
        }
        self.last_seen.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::ORIGIN + Duration::from_secs(secs)
    }

    fn surge(wants: f64, capacity: u32) -> Surge {
        Surge { wants, capacity, last_start: None }
    }

    #[test]
    fn it_begins_at_twice_what_there_is_and_ends_a_stable_window_after_it_was_last_so() {
        let settings = Settings::default();
        let mut panic = Panic::default();
        assert!(!panic.update(at(0), surge(7.0, 4), &settings), "1.75 times as many");
        assert!(panic.update(at(2), surge(8.0, 4), &settings), "twice as many");
        assert!(panic.update(at(30), surge(16.0, 8), &settings), "again");
        assert!(panic.update(at(89), surge(1.0, 16), &settings));
        assert!(!panic.update(at(90), surge(1.0, 16), &settings), "60 s after the last time");
    }

    #[test]
    fn with_no_instance_at_all_one_is_as_good_as_there() {
        let settings = Settings::default();
        assert!(!Panic::default().update(at(0), surge(1.0, 0), &settings));
        assert!(Panic::default().update(at(0), surge(2.0, 0), &settings));
        let never = Settings { panic_threshold: f64::NAN, ..Settings::default() };
        assert!(!Panic::default().update(at(0), surge(1_000.0, 0), &never));
    }

    #[test]
    fn none_begins_while_what_was_started_is_still_awaited() {
        let settings = Settings::default();
        let mut panic = Panic::default();
        let takes = Duration::from_secs(20);
        let started = |secs| Surge { last_start: Some((Duration::from_secs(secs), takes)), ..surge(9.0, 2) };
        assert!(!panic.update(at(0), started(19), &settings));
        assert!(panic.update(at(1), started(20), &settings));
        assert!(panic.update(at(60), started(0), &settings), "one that is on goes on");
        assert!(panic.update(at(119), surge(1.0, 9), &settings));
        assert!(!panic.update(at(120), surge(1.0, 9), &settings));
    }
}
