//! How many control frames a client may send for the work that it gives.
//!
//! Pings, settings, window updates, priorities and their like cost a core and move nothing, and one connection can send
//! a million of them a second (CVE-2019-9512 and its kin). So a connection has a budget: a burst, a trickle each second,
//! and some for each request that it makes and for each piece that it is sent. Who downloads much may open windows as
//! often, and a ping each second is nothing.
//!
//! Hot path: an addition for each request and each piece; the clock is read only where the budget has run out.

use std::cell::Cell;
use std::time::Instant;

/// Frames at the beginning: far beyond what any client sends before its first request.
const BURST: u64 = 1000;
/// Frames a second, for keepalive pings and changed settings.
const EACH_SECOND: u64 = 100;
/// Frames for each request: a priority, a reset, the ends of its bodies, with room to spare.
const EACH_REQUEST: u64 = 10;
/// Frames for each piece that is sent. A client may answer it with an update for the stream, one for the connection and
/// a ping that measures the line (as gRPC does).
const EACH_PIECE: u64 = 4;
/// One more frame for so many bytes of a piece: large ones leave in frames of 16 KiB, and some clients open two windows
/// each 4 KiB.
const BYTES_A_FRAME: u64 = 2 * 1024;
/// What can be saved up: that much at once is some 10 ms of a core.
const SAVED_MOST: u64 = 16 * 1024;

/// The budget of one connection.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Cell<u64>,
    /// Up to when the trickle was paid out.
    paid_until: Cell<Instant>,
    spent: Cell<bool>,
}

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self { left: Cell::new(BURST), paid_until: Cell::new(now), spent: Cell::new(false) }
    }

    /// The client made a request.
    pub(crate) fn request(&self) {
        self.earn(EACH_REQUEST);
    }

    /// The client was sent a piece of so many bytes.
    pub(crate) fn sent(&self, bytes: usize) {
        self.earn(EACH_PIECE + bytes as u64 / BYTES_A_FRAME);
    }

    /// So many control frames came.
    pub(super) fn spend(&self, frames: u64) {
        self.spend_at(frames, Instant::now);
    }

    /// Is it spent? Then the connection is to end.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    fn earn(&self, frames: u64) {
        self.left.set((self.left.get() + frames).min(SAVED_MOST));
    }

    fn spend_at(&self, frames: u64, now: impl FnOnce() -> Instant) {
        if frames > self.left.get() {
            let now = now();
            let waited = now.saturating_duration_since(self.paid_until.get());
            let trickled =
                u64::try_from(waited.as_millis()).unwrap_or(u64::MAX).saturating_mul(EACH_SECOND) / 1000;
            if trickled > 0 {
                self.paid_until.set(now);
                self.earn(trickled.min(BURST));
            }
        }
        match self.left.get().checked_sub(frames) {
            Some(left) => self.left.set(left),
            None => self.spent.set(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_is_allowed_and_what_goes_beyond_it_is_not() {
        let now = Instant::now();
        let budget = Budget::new(now);
        budget.spend_at(BURST, || now);
        assert!(!budget.is_spent());
        budget.spend_at(1, || now);
        assert!(budget.is_spent());
    }

    #[test]
    fn a_ping_each_second_is_allowed_for_ever_and_a_thousand_are_not() {
        for (each_second, allowed) in [(1, true), (EACH_SECOND, true), (1000, false)] {
            let begun = Instant::now();
            let budget = Budget::new(begun);
            for second in 0..3600 {
                budget.spend_at(each_second, || begun + Duration::from_secs(second));
            }
            assert_eq!(!budget.is_spent(), allowed, "{each_second} a second");
        }
    }

    #[test]
    fn a_download_pays_for_its_window_updates() {
        let now = Instant::now();
        let budget = Budget::new(now);
        for _ in 0..100_000 {
            // Large pieces with two updates for each 4 KiB of them, and small ones with two updates and a ping.
            budget.sent(64 * 1024);
            budget.spend_at(32, || now);
            budget.sent(10);
            budget.spend_at(3, || now);
        }
        assert!(!budget.is_spent());
    }

    #[test]
    fn requests_pay_for_what_belongs_to_them_and_savings_are_bounded() {
        let now = Instant::now();
        let budget = Budget::new(now);
        for _ in 0..100_000 {
            budget.request();
            budget.spend_at(EACH_REQUEST, || now);
        }
        assert!(!budget.is_spent());
        for _ in 0..100_000 {
            budget.request();
        }
        budget.spend_at(SAVED_MOST, || now);
        assert!(!budget.is_spent());
        budget.spend_at(1, || now);
        assert!(budget.is_spent());
    }
}
