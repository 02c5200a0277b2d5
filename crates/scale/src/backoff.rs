//! When to launch again what has ended: 100 ms after the first failure, half as long again after each further one, 15 s
//! at most (PM2's exponential back-off has the same numbers).
//!
//! *Promise*: an instance that cannot start is tried a few times in the first second, and four times a minute for ever.
//! *Not here*: launching; that it is no use to launch *more* (`crash_loop.rs`).

use base::Moment;
use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_millis(100);
/// The longest.
const LONGEST: Duration = Duration::from_secs(15);
/// Each pause by the one before it.
const FACTOR: f64 = 1.5;

/// The pauses of one instance.
#[derive(Clone, Debug)]
pub struct Backoff {
    min_uptime: Duration,
    next: Duration,
    until: Moment,
}

impl Backoff {
    /// The first failure is yet to come. An instance that lives for `min_uptime` was no failure.
    pub const fn new(min_uptime: Duration) -> Self {
        Self { min_uptime, next: FIRST, until: Moment::ORIGIN }
    }

    /// It ended, or could not be started; how long to wait before it is launched again.
    pub fn failed(&mut self, now: Moment) -> Duration {
        let pause = self.next;
        self.next = pause.mul_f64(FACTOR).min(LONGEST);
        self.until = now + pause;
        pause
    }

    /// How long an instance has lived. True where that was long enough: the next failure is a first one again.
    pub fn lived(&mut self, lived: Duration) -> bool {
        let enough = lived >= self.min_uptime;
        if enough {
            self.next = FIRST;
        }
        enough
    }

    /// Until when nothing is launched; the clock's origin where nothing has failed.
    pub const fn until(&self) -> Moment {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_half_up_to_fifteen_seconds() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        let pauses: Vec<_> = (0..20).map(|_| backoff.failed(Moment::ORIGIN).as_millis()).collect();
        assert_eq!(pauses[..6], [100, 150, 225, 337, 506, 759]);
        // 100 ms x 1.5^12 is 12.97 s, and one more would be 19.46 s.
        assert_eq!((pauses[12], pauses[13], pauses[19]), (12_974, 15_000, 15_000));
    }

    #[test]
    fn one_that_lived_long_enough_begins_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        let now = Moment::ORIGIN + Duration::from_secs(5);
        backoff.failed(now);
        backoff.lived(Duration::from_millis(999));
        assert_eq!(backoff.failed(now), Duration::from_millis(150));
        assert_eq!(backoff.until(), now + Duration::from_millis(150));
        backoff.lived(Duration::from_secs(1));
        assert_eq!(backoff.failed(now), Duration::from_millis(100));
    }
}
