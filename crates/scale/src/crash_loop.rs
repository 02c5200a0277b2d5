//! Instances that end as soon as they start: five ends in a minute, and more instances would not help.
//!
//! Without this a version that crashes under load looks like load that one more instance would carry, up to `max`.
//! It is over when a minute has passed without an end, and not when ends become rarer: that is what the
//! pauses of back-off bring about.
//! *Not here*: which end counts. A stop that was asked for does not.

use base::Moment;
use std::time::Duration;

/// So many ends,
const ENDS: usize = 5;
/// within this time.
const WITHIN: Duration = Duration::from_secs(60);

/// The last ends of a service's instances.
#[derive(Clone, Debug, Default)]
pub struct CrashLoop {
    /// The youngest last.
    ends: [Option<Moment>; ENDS],
    looping: bool,
}

impl CrashLoop {
    /// An instance ended by itself.
    pub fn ended(&mut self, now: Moment) {
        // Of a loop that is over nothing goes on.
        self.looping = self.is_looping(now);
        self.ends.rotate_left(1);
        self.ends[ENDS - 1] = Some(now);
        self.looping |= self.ends[0].is_some_and(|first| now.since(first) <= WITHIN);
    }

    /// Whether they end as soon as they start.
    pub fn is_looping(&self, now: Moment) -> bool {
        self.looping && self.ends[ENDS - 1].is_some_and(|last| now.since(last) < WITHIN)
    }

    /// What ended is not what is launched from now on: other settings, or an operator who says so.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Moment {
        Moment::ORIGIN + Duration::from_secs(secs)
    }

    fn ended(secs: &[u64]) -> CrashLoop {
        let mut crash_loop = CrashLoop::default();
        for &secs in secs {
            crash_loop.ended(at(secs));
        }
        crash_loop
    }

    #[test]
    fn five_ends_in_a_minute_are_a_loop() {
        assert!(!ended(&[0, 1, 2, 3]).is_looping(at(3)));
        assert!(ended(&[0, 1, 2, 3, 60]).is_looping(at(60)));
        assert!(!ended(&[0, 1, 2, 3, 61]).is_looping(at(61)));
    }

    #[test]
    fn it_goes_on_while_back_off_makes_ends_rare_and_is_over_after_a_minute_without_one() {
        let mut crash_loop = ended(&[0, 0, 0, 0, 1]);
        for secs in (20..300).step_by(20) {
            assert!(crash_loop.is_looping(at(secs)));
            crash_loop.ended(at(secs));
        }
        assert!(crash_loop.is_looping(at(339)));
        assert!(!crash_loop.is_looping(at(340)));
        crash_loop.ended(at(345));
        assert!(!crash_loop.is_looping(at(345)), "the first of another time");
    }

    #[test]
    fn other_settings_begin_anew() {
        let mut crash_loop = ended(&[0, 0, 0, 0, 0]);
        crash_loop.reset();
        assert!(!crash_loop.is_looping(at(0)));
        crash_loop.ended(at(1));
        assert!(!crash_loop.is_looping(at(1)));
    }
}
