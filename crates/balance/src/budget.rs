//! How many retries a service allows itself: a share of its requests, and a few a second whatever the traffic.
//!
//! Without a bound each of many clients that fail sends its request again, and an origin that is only slow gets
//! twice its load. With one, retries add at most that share (linkerd's and Envoy's retry budgets).
//!
//! *Promise*: in any time, retries are at most `percent` of the requests, plus `min_per_second` for each second,
//! plus those of one [`WINDOW`].
//! *Not here*: what may be retried at all.
//! *Cost*: nothing for a request. The control thread notes the running total of requests each second; a lock is
//! taken when a retry is wanted.

use base::Moment;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The requests and retries of this time count.
const WINDOW: Duration = Duration::from_secs(10);
/// Totals are noted no closer than this, so [`WINDOW`] is a dozen notes.
const SPACING: Duration = Duration::from_secs(1);

/// How many retries: `retry.budget` in the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetSettings {
    /// The percentage of requests that may be sent again.
    pub percent: u32,
    /// Retries a second that are allowed in any case, so that a service with little traffic has some.
    pub min_per_second: u32,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self { percent: 20, min_per_second: 3 }
    }
}

/// The retry budget of one service, shared by all workers.
#[derive(Debug)]
pub struct Budget {
    settings: BudgetSettings,
    spent: AtomicU64,
    refused: AtomicU64,
    notes: Mutex<VecDeque<Note>>,
}

/// The totals at a moment.
#[derive(Clone, Copy, Debug)]
struct Note {
    at: Moment,
    requests: u64,
    spent: u64,
}

impl Budget {
    /// A budget of which nothing is spent.
    pub fn new(settings: BudgetSettings) -> Self {
        Self {
            settings,
            spent: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            notes: Mutex::new(VecDeque::new()),
        }
    }

    /// Notes how many requests there have been since the start of the process. To be called about each second;
    /// where it is called less often, the window is longer.
    pub fn observe(&self, now: Moment, total_requests: u64) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        self.note(&mut notes, now, total_requests);
    }

    /// Whether a retry may be sent; it is spent then. Takes the total of requests as of now.
    pub fn try_spend(&self, now: Moment, total_requests: u64) -> bool {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        self.note(&mut notes, now, total_requests);
        let since = notes.front().expect("one was noted just now");
        // The lock is held by whoever changes this number.
        let spent = self.spent.load(Ordering::Relaxed);
        let may = spent - since.spent < self.allowed(total_requests.saturating_sub(since.requests));
        let number = if may { &self.spent } else { &self.refused };
        number.fetch_add(1, Ordering::Relaxed);
        may
    }

    /// Retries that were allowed. It only grows.
    pub fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// Retries that were refused. It only grows.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// How many retries so many requests of one window allow.
    fn allowed(&self, requests: u64) -> u64 {
        let share = requests.saturating_mul(u64::from(self.settings.percent)) / 100;
        share.saturating_add(u64::from(self.settings.min_per_second) * WINDOW.as_secs())
    }

    /// Adds a note where the last one is old enough, and drops those that are not needed: the first that is kept
    /// is the youngest that is at least a window old.
    fn note(&self, notes: &mut VecDeque<Note>, now: Moment, requests: u64) {
        if notes.back().is_none_or(|last| now.since(last.at) >= SPACING) {
            notes.push_back(Note { at: now, requests, spent: self.spent.load(Ordering::Relaxed) });
        }
        while notes.get(1).is_some_and(|second| now.since(second.at) >= WINDOW) {
            notes.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at_ms(millis: u64) -> Moment {
        Moment::ORIGIN + Duration::from_millis(millis)
    }

    /// How many of so many wishes are granted.
    fn granted(budget: &Budget, wishes: u32, now: Moment, total: u64) -> usize {
        (0..wishes).filter(|_| budget.try_spend(now, total)).count()
    }

    #[test]
    fn a_service_without_traffic_has_the_least_budget() {
        let budget = Budget::new(BudgetSettings::default());
        assert_eq!(granted(&budget, 1_000, at_ms(0), 0), 30);
        assert_eq!((budget.spent(), budget.refused()), (30, 970));
    }

    #[test]
    fn a_share_of_the_last_requests_may_be_sent_again() {
        let budget = Budget::new(BudgetSettings { percent: 20, min_per_second: 0 });
        for second in 0..=60 {
            budget.observe(at_ms(second * 1_000), second * 100);
        }
        // Six thousand requests in all, a thousand in the last ten seconds.
        assert_eq!(granted(&budget, 1_000, at_ms(60_000), 6_000), 200);
        assert_eq!(granted(&budget, 1_000, at_ms(60_500), 6_050), 10);
        for second in 61..=71 {
            budget.observe(at_ms(second * 1_000), second * 100);
        }
        assert_eq!(
            granted(&budget, 1_000, at_ms(71_000), 7_100),
            200,
            "after a window the share is there again"
        );
    }

    #[test]
    fn requests_from_before_the_budget_do_not_count() {
        let budget = Budget::new(BudgetSettings { percent: 20, min_per_second: 1 });
        assert_eq!(granted(&budget, 1_000, at_ms(0), 1_000_000), 10);
    }

    #[test]
    fn notes_stay_few_and_clocks_may_disagree() {
        let budget = Budget::new(BudgetSettings::default());
        for millis in 0..100_000 {
            budget.observe(at_ms(millis), millis);
            budget.try_spend(at_ms(millis.saturating_sub(3)), millis.saturating_sub(2));
        }
        assert!(budget.notes.lock().expect("nothing panicked").len() <= 12);
    }

    #[test]
    fn no_setting_and_no_total_overflows() {
        let budget = Budget::new(BudgetSettings { percent: u32::MAX, min_per_second: u32::MAX });
        assert!(budget.try_spend(at_ms(0), 0));
        assert!(budget.try_spend(at_ms(1), u64::MAX));
        assert!(budget.try_spend(at_ms(60_000), 0), "a total may go back");
    }

    #[test]
    fn workers_that_spend_at_once_spend_no_more() {
        let budget = Budget::new(BudgetSettings { percent: 10, min_per_second: 2 });
        budget.observe(at_ms(0), 0);
        let work = || granted(&budget, 10_000, at_ms(500), 5_000);
        let spent: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().expect("it counts")).sum()
        });
        assert_eq!(spent, 520);
        assert_eq!((budget.spent(), budget.refused()), (520, 40_000 - 520));
    }

    proptest! {
        /// Steps of (milliseconds that pass, requests that come, retries that are wished for, whether the control
        /// thread looks).
        #[test]
        fn retries_never_exceed_the_share_and_the_least_of_each_second(
            percent in 0_u32..=100,
            min_per_second in 0_u32..10,
            steps in proptest::collection::vec((0_u64..4_000, 0_u64..300, 0_u32..200, any::<bool>()), 1..120),
        ) {
            let budget = Budget::new(BudgetSettings { percent, min_per_second });
            // All that happened: the time, the requests and the retries up to then.
            let mut past = vec![(0, 0, 0)];
            let (mut millis, mut requests) = (0, 0);
            budget.observe(at_ms(0), 0);
            for (pass, come, wishes, look) in steps {
                millis += pass;
                requests += come;
                if look {
                    budget.observe(at_ms(millis), requests);
                }
                granted(&budget, wishes, at_ms(millis), requests);
                past.push((millis, requests, budget.spent()));
            }
            for (from, &(start, before, spent_before)) in past.iter().enumerate() {
                for &(end, total, spent) in &past[from + 1..] {
                    let seconds = (end - start) as f64 / 1_000.0 + WINDOW.as_secs_f64();
                    let share = f64::from(percent) / 100.0;
                    // From the start there is nothing that an earlier window left.
                    let left = if from == 0 { 0 } else { left_by_then(&past[..=from]) };
                    let most = share * (total - before + left) as f64 + seconds * f64::from(min_per_second);
                    let retries = (spent - spent_before) as f64;
                    prop_assert!(retries <= most, "{start} to {end} ms: {retries}, at most {most}");
                }
            }
        }
    }

    /// Requests of the window before a stretch, whose share may be spent in it. Steps lie up to 4 seconds apart,
    /// and so do notes.
    fn left_by_then(past: &[(u64, u64, u64)]) -> u64 {
        let (start, now, _) = past[past.len() - 1];
        let then = past.iter().rev().find(|(at, ..)| at + 14_000 <= start);
        now - then.map_or(0, |(_, total, _)| *total)
    }
}
