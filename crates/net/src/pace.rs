//! Is the other side keeping up? Tells a slow client from one that only means to hold a connection.
//!
//! Only time spent waiting for the other side counts, never time that we or an upstream took. A wait may last as long
//! as `silence`; beyond that much waiting in total, the bytes moved must keep up with `rate`. So one byte every few
//! seconds (slow POST, slow read) ends after a bounded time, and a long, quiet but honest stream does not.

use crate::timer::Timer;
use base::turn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// How slow the other side may be.
#[derive(Clone, Copy, Debug)]
pub struct PaceLimits {
    /// Longest wait without a byte.
    pub silence: Duration,
    /// Bytes per second of waiting that are asked for once `silence` was spent waiting in total; 0 asks for nothing.
    pub rate: u64,
}

/// The pace of one body in one direction.
#[derive(Debug)]
pub(crate) struct Pace {
    limits: PaceLimits,
    waiting_since: Option<Instant>,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    pub(crate) fn new(limits: PaceLimits) -> Self {
        Self { limits, waiting_since: None, waited: Duration::ZERO, bytes: 0 }
    }

    /// Bytes moved. Says whether the pace is still good.
    pub(crate) fn moved(&mut self, bytes: u64) -> bool {
        let waited = self
            .waiting_since
            .take()
            .map_or(Duration::ZERO, |since| turn::now().saturating_duration_since(since));
        self.moved_after(waited, bytes)
    }

    /// The same, where the caller has measured the wait.
    pub(crate) fn moved_after(&mut self, waited: Duration, bytes: u64) -> bool {
        self.bytes += bytes;
        self.waited += waited;
        let excess = self.waited.saturating_sub(self.limits.silence);
        excess.is_zero()
            || self.limits.rate == 0
            || excess.as_secs_f64() * (self.limits.rate as f64) <= self.bytes as f64
    }

    /// Nothing moves now. Ready when the wait has become too long.
    pub(crate) fn poll_too_slow(&mut self, cx: &mut Context<'_>, timer: &mut Timer) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(turn::now);
        timer.poll_until(cx, since + self.limits.silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(waited_ms: u64, bytes: u64) -> Pace {
        let limits = PaceLimits { silence: Duration::from_secs(10), rate: 100 };
        Pace { limits, waiting_since: None, waited: Duration::from_millis(waited_ms), bytes }
    }

    #[test]
    fn a_trickle_is_too_slow_only_after_the_grace() {
        assert!(pace(9_000, 1).moved(1));
        assert!(!pace(20_000, 1).moved(1));
        assert!(pace(20_000, 1_000).moved(1));
    }

    #[test]
    fn without_a_rate_only_silence_counts() {
        let mut slow = pace(3_600_000, 0);
        slow.limits.rate = 0;
        assert!(slow.moved(1));
    }
}
