//! How fast the bytes of one response may go.
//!
//! *Promise*: by any time `t` after the first, at most `bytes_per_sec x t + burst` bytes have gone, if each piece waits as
//! long as it is told. A piece may be larger than the burst.
//! *Not here*: sleeping, and how large pieces are.
//! *Cost*: one division of 128 bits for each piece.

use std::num::NonZeroU64;
use std::time::Duration;

/// The pace of one response.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    bytes_per_sec: NonZeroU64,
    /// How long the burst takes at the pace, in nanoseconds.
    depth: u64,
    /// When all that was told to go is due.
    due: u64,
}

impl Pacer {
    /// So many bytes a second, of which `burst` bytes may go at once.
    pub fn new(bytes_per_sec: NonZeroU64, burst: u64) -> Self {
        // Rounded down, and the rest up: never faster than said.
        let depth = u128::from(burst) * 1_000_000_000 / u128::from(bytes_per_sec.get());
        Self { bytes_per_sec, depth: u64::try_from(depth).unwrap_or(u64::MAX), due: 0 }
    }

    /// How long a piece of so many bytes has to wait before it goes. Each piece is asked for once; `now` is in nanoseconds.
    pub fn wait_for(&mut self, bytes: u64, now: u64) -> Duration {
        let takes = (u128::from(bytes) * 1_000_000_000).div_ceil(u128::from(self.bytes_per_sec.get()));
        let takes = u64::try_from(takes).unwrap_or(u64::MAX);
        self.due = self.due.max(now).saturating_add(takes);
        Duration::from_nanos(self.due.saturating_sub(now.saturating_add(self.depth)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn pacer(bytes_per_sec: u64, burst: u64) -> Pacer {
        Pacer::new(NonZeroU64::new(bytes_per_sec).expect("not zero"), burst)
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_pace() {
        let mut pacer = pacer(1_000, 500);
        assert_eq!(pacer.wait_for(500, SECOND), Duration::ZERO);
        assert_eq!(pacer.wait_for(100, SECOND), Duration::from_millis(100));
        assert_eq!(
            pacer.wait_for(2_000, SECOND + SECOND / 10),
            Duration::from_secs(2),
            "more than the burst"
        );
        assert_eq!(pacer.wait_for(500, 10 * SECOND), Duration::ZERO, "a pause fills the burst, and no more");
        assert_eq!(pacer.wait_for(100, 10 * SECOND), Duration::from_millis(100));
    }

    #[test]
    fn nothing_overflows() {
        for (pace, burst) in [(1, u64::MAX), (u64::MAX, u64::MAX), (1, 0)] {
            let mut pacer = pacer(pace, burst);
            for now in [0, u64::MAX, 1] {
                pacer.wait_for(u64::MAX, now);
            }
        }
    }

    proptest! {
        #[test]
        fn pieces_that_wait_are_never_faster_than_the_pace(
            pace in 1_u64..1_000_000_000,
            burst in 0_u64..100_000,
            pieces in proptest::collection::vec((1_u64..200_000, 0_u64..SECOND), 1..50),
        ) {
            let mut pacer = pacer(pace, burst);
            let (mut now, mut sent) = (SECOND, 0);
            for (bytes, pause) in pieces {
                now += pacer.wait_for(bytes, now).as_nanos() as u64;
                sent += bytes;
                let allowed = u128::from(pace) * u128::from(now - SECOND) / 1_000_000_000 + u128::from(burst);
                prop_assert!(u128::from(sent) <= allowed, "{sent} bytes where {allowed} are allowed");
                now += pause;
            }
        }
    }
}
