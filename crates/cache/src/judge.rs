//! May a response that is kept be used for this request (RFC 9111 section 4)?
//!
//! *Promise*: what the origin forbids to be used stale never is; what the client does not want is not either, but for a failure of
//! the origin.
//! *Cost*: a few comparisons on the hit path.

use crate::{Asked, Entry, Reason, Standing};

/// How it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it is. Age in seconds.
    Fresh(u32),
    /// As it is though it is stale, while a new one is fetched (RFC 5861 section 3). Age in seconds.
    Refreshing(u32),
    /// As it is though it is stale: the client takes it so (`max-stale`). Age in seconds.
    Stale(u32),
    /// Only after the origin was asked, and why.
    Ask(Reason),
    /// Not at all: it was purged.
    Gone,
}

/// May it be used? `now` in milliseconds since 1970.
pub fn judge(entry: &Entry, asked: &Asked, standing: Standing, now: u64) -> Verdict {
    if standing == Standing::Gone {
        return Verdict::Gone;
    }
    let freshness = &entry.freshness;
    if freshness.no_cache {
        return Verdict::Ask(Reason::NoCache);
    }
    let age = freshness.age_at(now);
    // Sections 5.2.1.1 and 5.2.1.4.
    if asked.no_cache || asked.max_age.is_some_and(|most| age > most) {
        return Verdict::Ask(Reason::RequestWantsNewer);
    }
    let left = freshness.left_at(now);
    // Section 4.2: what is as old as it may become is stale.
    if left > 0 && standing == Standing::Good {
        // Section 5.2.1.3.
        let is_fresh_enough = asked.min_fresh.is_none_or(|wanted| left >= i64::from(wanted));
        return if is_fresh_enough { Verdict::Fresh(age) } else { Verdict::Ask(Reason::RequestWantsNewer) };
    }
    let why = if standing == Standing::Soft { Reason::Purged } else { Reason::Stale };
    let staleness = stale_for(left);
    if freshness.must_revalidate || asked.min_fresh.is_some() {
        return Verdict::Ask(why);
    }
    // Section 5.2.1.1: who says how old it may be does not want it stale, unless it says so as well.
    let takes_stale = asked.max_age.is_none() || asked.max_stale.is_some();
    if takes_stale && is_within(staleness, freshness.stale_while_revalidate) {
        return Verdict::Refreshing(age);
    }
    // Section 5.2.1.2.
    match asked.max_stale {
        Some(most) if staleness <= i64::from(most) => Verdict::Stale(age),
        _ => Verdict::Ask(why),
    }
}

/// May it be used where the origin could not be reached, or has answered with 500, 502, 503 or 504 (RFC 5861 section 4; RFC 9111
/// section 4.2.4)? Its age in seconds, if so.
///
/// Only where the origin, the operator or the client allows it. What the client says of ages does not count then ("regardless of
/// other freshness information"), but `no-cache` does.
pub fn stale_on_error(entry: &Entry, asked: &Asked, standing: Standing, now: u64) -> Option<u32> {
    let freshness = &entry.freshness;
    if standing == Standing::Gone || freshness.no_cache || freshness.must_revalidate || asked.no_cache {
        return None;
    }
    let staleness = stale_for(freshness.left_at(now));
    let most = freshness.stale_if_error.max(freshness.stale_while_revalidate);
    let most = most.max(asked.stale_if_error.unwrap_or(0));
    is_within(staleness, most).then(|| freshness.age_at(now))
}

/// For how many seconds it has been stale; 0 where it was fresh when it was purged.
fn stale_for(left: i64) -> i64 {
    left.saturating_neg().max(0)
}

fn is_within(staleness: i64, window: u32) -> bool {
    window > 0 && staleness <= i64::from(window)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Freshness;
    use crate::samples::{NOW, entry};
    use proptest::prelude::*;

    /// A response with a lifetime of 60 seconds, after so many seconds.
    fn after(seconds: u64, freshness: Freshness, asked: &Asked) -> Verdict {
        let mut entry = entry(&[]);
        entry.freshness = Freshness { received: NOW, lifetime: 60, ..freshness };
        judge(&entry, asked, Standing::Good, NOW + seconds * 1000)
    }

    #[test]
    fn each_rule_has_its_row() {
        use Reason::{NoCache, RequestWantsNewer as Newer};
        use Verdict::{Ask, Fresh, Refreshing, Stale};
        let plain = Freshness::default();
        let grace = Freshness { stale_while_revalidate: 30, ..plain };
        let strict = Freshness { must_revalidate: true, ..plain };
        let none = Asked::default();
        let max_age = |seconds| Asked { max_age: Some(seconds), ..Asked::default() };
        let min_fresh = |seconds| Asked { min_fresh: Some(seconds), ..Asked::default() };
        let max_stale = |seconds| Asked { max_stale: Some(seconds), ..Asked::default() };
        for (what, after_seconds, freshness, asked, want) in [
            ("4.2: fresh while the lifetime is longer than the age", 59, plain, none.clone(), Fresh(59)),
            ("4.2: and no longer", 60, plain, none.clone(), Ask(Reason::Stale)),
            ("5.2.2.4: no-cache", 0, Freshness { no_cache: true, ..plain }, none.clone(), Ask(NoCache)),
            ("5.2.2.2: must-revalidate while fresh", 59, strict, none.clone(), Fresh(59)),
            ("5.2.1.1: max-age", 10, plain, max_age(10), Fresh(10)),
            ("5.2.1.1: max-age", 11, plain, max_age(10), Ask(Newer)),
            ("5.2.1.1: max-age=0", 0, plain, max_age(0), Fresh(0)),
            ("5.2.1.1: max-age=0", 1, plain, max_age(0), Ask(Newer)),
            ("5.2.1.1: max-age does not make it fresh", 60, plain, max_age(100), Ask(Reason::Stale)),
            ("5.2.1.1: max-age does not take it stale", 70, grace, max_age(100), Ask(Reason::Stale)),
            (
                "5.2.1.1: unless with max-stale",
                70,
                grace,
                Asked { max_stale: Some(5), ..max_age(100) },
                Refreshing(70),
            ),
            ("5.2.1.1: both", 70, plain, Asked { max_stale: Some(10), ..max_age(70) }, Stale(70)),
            ("5.2.1.1: both", 70, plain, Asked { max_stale: Some(10), ..max_age(69) }, Ask(Newer)),
            ("5.2.1.3: min-fresh", 50, plain, min_fresh(10), Fresh(50)),
            ("5.2.1.3: min-fresh", 51, plain, min_fresh(10), Ask(Newer)),
            ("5.2.1.3: min-fresh and stale", 61, grace, min_fresh(0), Ask(Reason::Stale)),
            (
                "5.2.1.3: min-fresh before max-stale",
                61,
                plain,
                Asked { max_stale: Some(9), ..min_fresh(0) },
                Ask(Reason::Stale),
            ),
            ("5.2.1.2: max-stale", 70, plain, max_stale(10), Stale(70)),
            ("5.2.1.2: max-stale", 71, plain, max_stale(10), Ask(Reason::Stale)),
            ("5.2.1.2: however stale", 9_999_999, plain, max_stale(u32::MAX), Stale(9_999_999)),
            (
                "5.2.2.2: must-revalidate before max-stale",
                70,
                strict,
                max_stale(u32::MAX),
                Ask(Reason::Stale),
            ),
            ("5.2.1.4: no-cache", 0, plain, Asked { no_cache: true, ..none.clone() }, Ask(Newer)),
            ("5861 3: stale-while-revalidate", 60, grace, none.clone(), Refreshing(60)),
            ("5861 3: stale-while-revalidate", 90, grace, none.clone(), Refreshing(90)),
            ("5861 3: and no longer", 91, grace, none.clone(), Ask(Reason::Stale)),
            (
                "5861 3: not with must-revalidate",
                60,
                Freshness { must_revalidate: true, ..grace },
                none,
                Ask(Reason::Stale),
            ),
        ] {
            assert_eq!(after(after_seconds, freshness, &asked), want, "{what}");
        }
    }

    #[test]
    fn what_was_purged_is_gone_or_stale() {
        let mut entry = entry(&[]);
        let judged = |entry: &Entry, asked: &Asked, standing| judge(entry, asked, standing, NOW);
        assert_eq!(judged(&entry, &Asked::default(), Standing::Gone), Verdict::Gone);
        assert_eq!(judged(&entry, &Asked::default(), Standing::Soft), Verdict::Ask(Reason::Purged));
        let max_stale = Asked { max_stale: Some(0), ..Asked::default() };
        assert_eq!(judged(&entry, &max_stale, Standing::Soft), Verdict::Stale(0));
        entry.freshness.stale_while_revalidate = 1;
        assert_eq!(judged(&entry, &Asked::default(), Standing::Soft), Verdict::Refreshing(0));
        assert_eq!(stale_on_error(&entry, &Asked::default(), Standing::Soft, NOW), Some(0));
        assert_eq!(stale_on_error(&entry, &Asked::default(), Standing::Gone, NOW), None);
    }

    #[test]
    fn stale_on_error_needs_a_word_that_allows_it() {
        let at = |seconds: u64, freshness: Freshness, asked: Asked| {
            let mut entry = entry(&[]);
            entry.freshness = Freshness { received: NOW, lifetime: 60, ..freshness };
            stale_on_error(&entry, &asked, Standing::Good, NOW + seconds * 1000)
        };
        let plain = Freshness::default();
        let allowed = Freshness { stale_if_error: 30, ..plain };
        let none = Asked::default();
        let client = Asked { stale_if_error: Some(40), ..none.clone() };
        assert_eq!(at(61, plain, none.clone()), None);
        assert_eq!(at(90, allowed, none.clone()), Some(90));
        assert_eq!(at(91, allowed, none.clone()), None);
        // The client may ask for it (RFC 5861 section 4), and cannot against the origin's word.
        assert_eq!(at(100, allowed, client.clone()), Some(100));
        assert_eq!(at(100, plain, client.clone()), Some(100));
        assert_eq!(at(61, Freshness { must_revalidate: true, ..allowed }, client.clone()), None);
        assert_eq!(at(0, Freshness { no_cache: true, ..allowed }, client.clone()), None);
        // What it says of ages does not count.
        assert_eq!(at(61, allowed, Asked { max_age: Some(0), min_fresh: Some(9), ..none.clone() }), Some(61));
        assert_eq!(at(61, allowed, Asked { no_cache: true, ..none }), None);
    }

    fn any_asked() -> impl Strategy<Value = Asked> {
        let seconds = || proptest::option::of(prop_oneof![0_u32..200, Just(u32::MAX)]);
        (seconds(), seconds(), seconds(), any::<bool>()).prop_map(
            |(max_age, min_fresh, max_stale, no_cache)| Asked {
                no_cache,
                max_age,
                min_fresh,
                max_stale,
                ..Asked::default()
            },
        )
    }

    proptest! {
        #[test]
        fn age_never_falls_and_the_origins_word_is_kept(
            (age, lifetime, swr) in (0_u32..300, 0_u32..300, 0_u32..100),
            (no_cache, must_revalidate) in any::<(bool, bool)>(),
            asked in any_asked(),
            (earlier, later) in (0_u64..400_000, 0_u64..400_000),
        ) {
            let mut entry = entry(&[]);
            entry.freshness = Freshness {
                received: NOW, age, lifetime, stale_while_revalidate: swr, no_cache, must_revalidate, ..Freshness::default()
            };
            let later = earlier + later;
            prop_assert!(entry.freshness.age_at(NOW + earlier) <= entry.freshness.age_at(NOW + later));
            let now = NOW + later;
            let is_stale = entry.freshness.left_at(now) <= 0;
            match judge(&entry, &asked, Standing::Good, now) {
                Verdict::Fresh(age) => prop_assert!(
                    !is_stale && !no_cache && !asked.no_cache && asked.max_age.is_none_or(|most| age <= most)
                ),
                Verdict::Refreshing(_) => prop_assert!(is_stale && !no_cache && !must_revalidate && swr > 0),
                Verdict::Stale(_) => prop_assert!(is_stale && !no_cache && !must_revalidate && asked.max_stale.is_some()),
                Verdict::Ask(_) => {}
                Verdict::Gone => prop_assert!(false, "nothing was purged"),
            }
        }
    }
}
