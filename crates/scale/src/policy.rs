//! How much a count may change within a period (HPA v2 `policies`).
//!
//! What counts is the change since the beginning of the period: a policy of 4 in 15 s lets a service that rose by 3
//! ten seconds ago rise by 1.
//! *Promise*: memory is bounded by [`MOST`] changes, whatever the periods; where it would be more, older changes count
//! for longer, which is the careful side.
//! *Not here*: `min` and `max`.

use crate::{Behavior, Policy, PolicyKind, Select};
use base::Moment;
use std::collections::VecDeque;
use std::time::Duration;

/// The most changes that are remembered: half an hour of one each two seconds, which is more than stabilization lets be.
const MOST: usize = 1_024;

/// The changes of a count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(VecDeque<Change>);

#[derive(Clone, Copy, Debug)]
struct Change {
    at: Moment,
    /// By how many instances.
    by: i64,
}

impl Changes {
    /// Remembers a change.
    pub(crate) fn note(&mut self, now: Moment, from: u32, to: u32) {
        if self.0.len() >= MOST
            && let Some(oldest) = self.0.pop_front()
            && let Some(next) = self.0.front_mut()
        {
            next.by += oldest.by;
        }
        self.0.push_back(Change { at: now, by: i64::from(to) - i64::from(from) });
    }

    /// Drops what is older than every period.
    pub(crate) fn forget(&mut self, now: Moment, up: &Behavior, down: &Behavior) {
        let policies = up.policies.iter().chain(&down.policies);
        let longest = policies.map(|policy| policy.period).max().unwrap_or_default();
        while self.0.front().is_some_and(|change| now.since(change.at) >= longest) {
            self.0.pop_front();
        }
    }

    /// The most instances that the policies of rising allow; never fewer than there are.
    pub(crate) fn highest(&self, now: Moment, count: u32, up: &Behavior) -> u32 {
        let limits = up.policies.iter().map(|policy| {
            let start = self.before(now, count, policy.period);
            start.saturating_add(portion(policy, start))
        });
        let limit = match up.select {
            Select::Max => limits.max(),
            Select::Min => limits.min(),
            Select::Disabled => return count,
        };
        limit.unwrap_or(u32::MAX).max(count)
    }

    /// The fewest instances that the policies of falling allow; never more than there are.
    pub(crate) fn lowest(&self, now: Moment, count: u32, down: &Behavior) -> u32 {
        let limits = down.policies.iter().map(|policy| {
            let start = self.before(now, count, policy.period);
            start.saturating_sub(portion(policy, start))
        });
        let limit = match down.select {
            Select::Max => limits.min(),
            Select::Min => limits.max(),
            Select::Disabled => return count,
        };
        limit.unwrap_or(0).min(count)
    }

    /// The count at the beginning of a period that ends now.
    fn before(&self, now: Moment, count: u32, period: Duration) -> u32 {
        let within = self.0.iter().rev().take_while(|change| now.since(change.at) < period);
        let by: i64 = within.map(|change| change.by).sum();
        u32::try_from((i64::from(count) - by).max(0)).unwrap_or(u32::MAX)
    }
}

/// How many instances a policy allows in addition or away, where a period began with so many. A part of an instance is
/// a whole one, or a service of one would never rise by 10 %.
fn portion(policy: &Policy, start: u32) -> u32 {
    match policy.kind {
        PolicyKind::Instances => policy.value,
        PolicyKind::Percent => {
            let share = (u64::from(start) * u64::from(policy.value)).div_ceil(100);
            u32::try_from(share).unwrap_or(u32::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn at(secs: u64) -> Moment {
        Moment::ORIGIN + Duration::from_secs(secs)
    }

    fn policy(kind: PolicyKind, value: u32, secs: u64) -> Policy {
        Policy { kind, value, period: Duration::from_secs(secs) }
    }

    fn behavior(select: Select, policies: &[Policy]) -> Behavior {
        Behavior { stabilization_window: Duration::ZERO, policies: policies.to_vec(), select }
    }

    #[test]
    fn rising_by_default_is_four_or_as_many_again_in_fifteen_seconds_whichever_is_more() {
        let up = Settings::default().up;
        let changes = Changes::default();
        assert_eq!([0, 1, 4, 10].map(|count| changes.highest(at(0), count, &up)), [4, 5, 8, 20]);
    }

    #[test]
    fn what_rose_within_the_period_counts_and_what_fell_gives_it_back() {
        let up = behavior(Select::Max, &[policy(PolicyKind::Instances, 4, 15)]);
        let mut changes = Changes::default();
        changes.note(at(0), 1, 4);
        assert_eq!(changes.highest(at(10), 4, &up), 5, "it began with 1");
        changes.note(at(10), 4, 2);
        assert_eq!(changes.highest(at(12), 2, &up), 5);
        assert_eq!(changes.highest(at(15), 2, &up), 8, "the first is past: it began with 4");
        assert_eq!(changes.highest(at(25), 2, &up), 6);
    }

    #[test]
    fn the_policy_that_is_selected_decides() {
        let policies = [policy(PolicyKind::Instances, 2, 60), policy(PolicyKind::Percent, 50, 60)];
        let changes = Changes::default();
        let both = |select| {
            let behavior = behavior(select, &policies);
            (changes.highest(at(0), 10, &behavior), changes.lowest(at(0), 10, &behavior))
        };
        assert_eq!(both(Select::Max), (15, 5));
        assert_eq!(both(Select::Min), (12, 8));
        assert_eq!(both(Select::Disabled), (10, 10));
    }

    #[test]
    fn without_policies_nothing_is_bounded() {
        let none = behavior(Select::Min, &[]);
        let changes = Changes::default();
        assert_eq!((changes.highest(at(0), 3, &none), changes.lowest(at(0), 3, &none)), (u32::MAX, 0));
    }

    #[test]
    fn a_percentage_moves_by_at_least_one_instance() {
        let tenth = behavior(Select::Max, &[policy(PolicyKind::Percent, 10, 15)]);
        let changes = Changes::default();
        assert_eq!((changes.highest(at(0), 1, &tenth), changes.lowest(at(0), 3, &tenth)), (2, 2));
    }

    #[test]
    fn changes_are_forgotten_behind_the_longest_period_and_never_too_many() {
        let Settings { up, down, .. } = Settings::default();
        let mut changes = Changes::default();
        for n in 0..5_000 {
            changes.note(at(n / 1_000), n as u32, n as u32 + 1);
        }
        assert_eq!(changes.0.len(), MOST);
        assert_eq!(changes.before(at(5), 5_000, Duration::from_secs(60)), 0, "all of it still counts");
        changes.forget(at(60), &up, &down);
        assert!(changes.0.is_empty());
    }
}
