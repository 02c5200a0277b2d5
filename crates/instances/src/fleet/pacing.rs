//! When something may be launched after a failure.
//!
//! Of instances that end together one counts: only an end of something that was launched since the last failure makes the
//! next pause longer, and a fleet that is killed as a whole is no crash loop. Neither is one whose instances have served for
//! `min_uptime` before they end, however often. After a start that failed, one instance tries
//! before the others do.

use super::Now;
use scale::{Backoff, CrashLoop};
use std::time::Duration;
use tokio::time::Instant;

/// An instance that has served so long before it has too much memory does not make the next replacement wait longer.
const LEAKS_SLOWLY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Pacing {
    backoff: Backoff,
    crash_loop: CrashLoop,
    not_before: Option<Instant>,
    counted: Option<Instant>,
    /// Starts that failed since one was ready.
    failed_starts: u32,
    /// Of those, the ones that were not ready in time.
    late_starts: u32,
    leaks: Backoff,
    no_leak_before: Option<Instant>,
    /// What was last seen.
    why: String,
}

/// An end that nobody asked for.
pub(super) struct End {
    /// When it was launched.
    pub(super) began: Instant,
    /// How long it was ready; `None`: it never was.
    pub(super) served: Option<Duration>,
    /// It was not ready in time.
    pub(super) late: bool,
    /// What was seen.
    pub(super) why: String,
}

impl Pacing {
    pub(super) fn new(min_uptime: Duration) -> Self {
        Self {
            backoff: Backoff::new(min_uptime),
            crash_loop: CrashLoop::default(),
            not_before: None,
            counted: None,
            failed_starts: 0,
            late_starts: 0,
            leaks: Backoff::new(LEAKS_SLOWLY),
            no_leak_before: None,
            why: String::new(),
        }
    }

    /// True: from now on it is a crash loop.
    pub(super) fn ended(&mut self, end: End, now: &Now) -> bool {
        let was_looping = self.is_looping(now);
        let lived = end.served.is_some_and(|served| self.backoff.lived(served));
        if end.served.is_none() {
            self.failed_starts += 1;
            self.late_starts += u32::from(end.late);
        }
        self.why = end.why;
        if self.counted.is_none_or(|counted| end.began >= counted) {
            self.counted = Some(now.at);
            self.not_before = Some(now.at + self.backoff.failed(now.moment));
            if !lived {
                self.crash_loop.ended(now.moment);
            }
        }
        !was_looping && self.is_looping(now)
    }

    /// An instance is ready.
    pub(super) fn became_ready(&mut self) {
        (self.failed_starts, self.late_starts) = (0, 0);
    }

    /// How many of `count` may be launched now, where so many are starting.
    pub(super) fn allows(&self, count: u32, starting: u32, now: &Now) -> u32 {
        if self.not_before.is_some_and(|at| now.at < at) {
            0
        } else if self.failed_starts > 0 {
            count.min(1_u32.saturating_sub(starting))
        } else {
            count
        }
    }

    /// When that may change.
    pub(super) fn not_before(&self, now: &Now) -> Option<Instant> {
        self.not_before.filter(|at| *at > now.at)
    }

    pub(super) fn is_looping(&self, now: &Now) -> bool {
        self.crash_loop.is_looping(now.moment)
    }

    /// Starts that took too long since one was ready.
    pub(super) fn late_starts(&self) -> u32 {
        self.late_starts
    }

    /// What was last seen.
    pub(super) fn why(&self) -> &str {
        &self.why
    }

    /// May an instance be replaced for its memory, that has been ready so long? Asked for one that has too much: then the
    /// next one waits.
    pub(super) fn may_replace_leak(&mut self, served: Duration, now: &Now) -> bool {
        if self.no_leak_before.is_some_and(|at| now.at < at) {
            return false;
        }
        self.leaks.lived(served);
        self.no_leak_before = Some(now.at + self.leaks.failed(now.moment));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Moment;
    use std::time::SystemTime;

    fn at(begin: Instant, millis: u64) -> Now {
        let since = Duration::from_millis(millis);
        Now { at: begin + since, moment: Moment::ORIGIN + since, wall: SystemTime::UNIX_EPOCH }
    }

    fn end(began: Instant, served: Option<u64>) -> End {
        End { began, served: served.map(Duration::from_millis), late: false, why: "exit status 1".into() }
    }

    #[test]
    fn ends_of_one_moment_count_once_and_those_of_new_starts_each() {
        let begin = Instant::now();
        let mut pacing = Pacing::new(Duration::from_secs(1));
        for _ in 0..8 {
            assert!(!pacing.ended(end(begin, Some(5000)), &at(begin, 6000)));
        }
        assert_eq!(pacing.allows(8, 0, &at(begin, 6099)), 0);
        assert_eq!(pacing.allows(8, 0, &at(begin, 6100)), 8, "they had served: all may come back at once");
        let loops = [7000, 8000, 9000, 10_000, 11_000].map(|ms| {
            let now = at(begin, ms);
            pacing.ended(end(now.at, None), &now)
        });
        assert_eq!(loops, [false, false, false, false, true]);
        assert!(pacing.is_looping(&at(begin, 11_000)));
    }

    #[test]
    fn instances_that_have_served_for_min_uptime_end_in_no_crash_loop() {
        let begin = Instant::now();
        let loops = |served| {
            let mut pacing = Pacing::new(Duration::from_secs(1));
            (1..=20)
                .any(|n| pacing.ended(end(at(begin, n * 2000 - 1100).at, Some(served)), &at(begin, n * 2000)))
        };
        assert!(!loops(1000), "they had served");
        assert!(loops(999), "they end as soon as they start");
    }

    #[test]
    fn after_a_failed_start_one_tries_before_the_others() {
        let begin = Instant::now();
        let mut pacing = Pacing::new(Duration::from_secs(1));
        pacing.ended(end(begin, None), &at(begin, 10));
        assert_eq!(pacing.not_before(&at(begin, 10)), Some(at(begin, 110).at));
        let now = at(begin, 110);
        assert_eq!((pacing.allows(5, 0, &now), pacing.allows(4, 1, &now)), (1, 0));
        pacing.became_ready();
        assert_eq!(pacing.allows(4, 0, &now), 4);
    }

    #[test]
    fn replacements_for_memory_become_rarer_where_it_grows_fast() {
        let begin = Instant::now();
        let mut pacing = Pacing::new(Duration::from_secs(1));
        let mut replaced =
            |ms, served| pacing.may_replace_leak(Duration::from_millis(served), &at(begin, ms));
        assert!(replaced(0, 500) && !replaced(99, 500) && replaced(100, 500) && !replaced(249, 500));
        assert!(replaced(250, 500) && replaced(100_000, 99_000) && replaced(100_100, 500));
    }
}
