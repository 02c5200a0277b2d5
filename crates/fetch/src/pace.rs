//! How long to wait before trying again: longer with each failure, and never at the same time as everybody else.

use base::IdSource;
use std::time::Duration;

/// The first wait, and the longest.
const FIRST: Duration = Duration::from_millis(100);
const LAST: Duration = Duration::from_secs(30);
/// The longest that a server may ask to be left alone for.
const ASKED_MOST: Duration = Duration::from_secs(60);

/// Doubling waits with jitter: each is a random one between half of its length and the whole.
#[derive(Debug)]
pub struct Pace {
    wait: Duration,
    random: IdSource,
}

impl Default for Pace {
    fn default() -> Self {
        Self { wait: FIRST, random: IdSource::default() }
    }
}

impl Pace {
    /// All is well: the next failure is the first again.
    pub fn well(&mut self) {
        self.wait = FIRST;
    }

    /// The next wait; `asked`: at least so long, by the server's wish.
    pub fn next(&mut self, asked: Option<Duration>) -> Duration {
        let half = self.wait / 2;
        let wait = half + half.mul_f64(self.random.below(1001) as f64 / 1000.0);
        self.wait = (self.wait * 2).min(LAST);
        wait.max(asked.unwrap_or_default().min(ASKED_MOST))
    }

    /// Some number below that bound.
    pub fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_jitter_up_to_the_longest_and_begin_anew_when_all_is_well() {
        let mut pace = Pace::default();
        let mut whole = FIRST;
        for _ in 0..20 {
            let wait = pace.next(None);
            assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
            whole = (whole * 2).min(LAST);
        }
        pace.well();
        assert!(pace.next(None) <= FIRST);
    }

    #[test]
    fn a_server_that_asks_for_time_gets_it_within_bounds() {
        let mut pace = Pace::default();
        assert_eq!(pace.next(Some(Duration::from_secs(5))), Duration::from_secs(5));
        assert_eq!(pace.next(Some(Duration::from_secs(5000))), ASKED_MOST);
    }

    #[test]
    fn two_who_fail_at_the_same_time_do_not_come_back_at_the_same_time() {
        let (mut one, mut other) = (Pace::default(), Pace::default());
        let waits = |pace: &mut Pace| (0..8).map(|_| pace.next(None)).collect::<Vec<_>>();
        assert_ne!(waits(&mut one), waits(&mut other));
    }
}
