use super::ledger::Ledger;
use super::*;
use crate::entry::tests::entry;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn purge(what: What, is_soft: bool) -> Purge {
    Purge { what, is_soft }
}

fn tag(name: &str) -> What {
    What::Tag(name.into())
}

fn url(name: &str) -> What {
    What::Url(name.into())
}

fn prefix(name: &str) -> What {
    What::Prefix(name.into())
}

fn tagged(url: &str, tags: &[&str], since: u64) -> Entry {
    let mut entry = entry(url, b"");
    entry.tags = tags.iter().map(|tag| Box::from(*tag)).collect();
    entry.purge = AtomicU64::new(since);
    entry
}

/// How responses stand after one purge.
#[track_caller]
fn check(what: &What, concerned: &[(&str, &[&str])], others: &[(&str, &[&str])]) {
    for (is_soft, expected) in [(false, Standing::Gone), (true, Standing::Soft)] {
        let purges = Purges::new();
        let before = purges.latest();
        let number = purges.add(&purge(what.clone(), is_soft));
        assert_eq!(number, purges.latest());
        for (url, tags) in concerned {
            assert_eq!(purges.standing(&tagged(url, tags, before)), expected, "{url} {tags:?}");
            assert_eq!(purges.standing(&tagged(url, tags, number)), Standing::Good, "{url}, fetched later");
        }
        for (url, tags) in others {
            assert_eq!(purges.standing(&tagged(url, tags, before)), Standing::Good, "{url} {tags:?}");
        }
    }
}

#[test]
fn a_url_concerns_just_that_url() {
    check(&url("h/a?b=1"), &[("h/a?b=1", &["t"])], &[("h/a", &[]), ("h/a?b=12", &[]), ("h/b", &["h/a?b=1"])]);
}

#[test]
fn a_prefix_concerns_what_begins_so() {
    check(&prefix("h/a/"), &[("h/a/", &[]), ("h/a/b?c", &["t"])], &[("h/a", &[]), ("i/h/a/", &["h/a/"])]);
}

#[test]
fn a_tag_concerns_what_has_it() {
    check(
        &tag("t"),
        &[("h/a", &["t"]), ("h/b", &["s", "t", "u"])],
        &[("h/a", &["s"]), ("t", &[]), ("t/", &["tt"])],
    );
}

#[test]
fn all_concerns_all() {
    check(&What::All, &[("h/a", &["t"]), ("", &[])], &[]);
}

#[test]
fn hard_goes_before_soft_whichever_came_first() {
    for order in [[false, true], [true, false]] {
        let purges = Purges::new();
        for is_soft in order {
            purges.add(&purge(tag("t"), is_soft));
        }
        assert_eq!(purges.standing(&tagged("h/a", &["t"], 0)), Standing::Gone);
    }
    let purges = Purges::new();
    purges.add(&purge(tag("t"), false));
    let since = purges.latest();
    purges.add(&purge(url("h/a"), true));
    assert_eq!(purges.standing(&tagged("h/a", &["t"], since)), Standing::Soft, "the hard one came before it");
    assert_eq!(purges.standing(&tagged("h/a", &["t"], 0)), Standing::Gone);
    purges.add(&purge(What::All, true));
    assert_eq!(purges.standing(&tagged("h/a", &["t"], 0)), Standing::Gone);
}

#[test]
fn what_was_found_good_is_known_and_what_was_purged_stays_so() {
    let purges = Purges::new();
    let (good, soft) = (tagged("h/a", &[], 0), tagged("h/b", &[], 0));
    purges.add(&purge(url("h/b"), true));
    let second = purges.add(&purge(tag("t"), false));
    for _ in 0..3 {
        assert_eq!(purges.standing(&good), Standing::Good);
        assert_eq!(purges.standing(&soft), Standing::Soft);
    }
    assert_eq!(good.purge.load(Ordering::Relaxed), second);
    assert_eq!(soft.purge.load(Ordering::Relaxed), 0);
}

#[test]
fn no_more_is_known_of_a_response_than_when_the_look_up_began() {
    let purges = Purges::new();
    let before = purges.add(&purge(tag("other"), false));
    let response = tagged("h/a", &["t"], 0);
    // Another worker adds one while this one looks up.
    purges.add(&purge(url("other"), false));
    assert_eq!(purges.look_up(&response, 0, before), Standing::Good);
    assert_eq!(response.purge.load(Ordering::Relaxed), before);
}

#[test]
fn a_response_of_another_ledger_is_gone() {
    let purges = Purges::new();
    purges.add(&purge(tag("t"), false));
    assert_eq!(purges.standing(&tagged("h/a", &[], 2)), Standing::Gone);
}

#[test]
fn prefixes_that_do_not_fit_make_a_floor_of_the_oldest() {
    let purges = Purges::new();
    for n in 1..=1_024 {
        assert_eq!(purges.add(&purge(prefix(&format!("h/{n}/")), false)), n);
    }
    assert_eq!(purges.all().0, 0);
    assert_eq!(purges.standing(&tagged("other", &[], 0)), Standing::Good);
    purges.add(&purge(prefix("h/more/"), false));
    assert_eq!(purges.all().0, 1);
    assert_eq!(purges.standing(&tagged("other", &[], 0)), Standing::Gone, "nobody knows any more");
    assert_eq!(purges.standing(&tagged("other", &[], 1)), Standing::Good);
    assert_eq!(purges.standing(&tagged("h/2/", &[], 1)), Standing::Gone);
}

#[test]
fn soft_prefixes_that_do_not_fit_make_what_is_older_stale() {
    let purges = Purges::new();
    for n in 1..=1_025 {
        purges.add(&purge(prefix(&format!("h/{n}/")), true));
    }
    assert_eq!(purges.standing(&tagged("other", &[], 0)), Standing::Soft);
    assert_eq!(purges.standing(&tagged("other", &[], 1)), Standing::Good);
    assert_eq!(purges.all().1[0], (1, purge(What::All, true)));
}

#[test]
fn one_name_purged_over_and_over_takes_one_place() {
    let purges = Purges::new();
    for _ in 0..2_000 {
        purges.add(&purge(prefix("h/"), false));
        purges.add(&purge(prefix("h/"), true));
    }
    assert_eq!(
        purges.all(),
        (0, vec![(3_999, purge(prefix("h/"), false)), (4_000, purge(prefix("h/"), true))])
    );
}

#[test]
fn a_flood_of_purges_forgets_the_oldest_to_the_safe_side() {
    let mut ledger = Ledger::default();
    for n in 1..=100_010 {
        ledger.add(n, &purge(url(&format!("h/{n}")), false));
    }
    assert_eq!(ledger.floor(), 10);
    assert_eq!(ledger.all().1.len(), 100_000);
    let mut ledger = Ledger::default();
    let long = "x".repeat(1 << 20);
    for n in 1..=40 {
        ledger.add(n, &purge(tag(&format!("{long}{n:02}")), false));
    }
    assert_eq!(ledger.all().1.len(), 31, "32 MiB of names");
    assert_eq!(ledger.floor(), 9);
}

#[test]
fn a_log_gives_the_same_ledger_whatever_its_order() {
    let purges = Purges::new();
    let whats = [url("h/a"), tag("t"), prefix("h/"), What::All, tag("u"), url("h/a"), prefix("i/")];
    for (n, what) in whats.into_iter().enumerate() {
        purges.add(&purge(what, n % 2 == 1));
    }
    let (floor, log) = purges.all();
    let restored = Purges::restore(floor, log.iter().cloned().rev());
    assert_eq!(restored.all(), (floor, log));
    assert_eq!(restored.latest(), purges.latest());
}

#[test]
fn a_log_that_cannot_be_makes_all_that_is_older_worthless() {
    let twice = vec![(3, purge(tag("t"), false)), (3, purge(tag("u"), false))];
    let huge = vec![(2, purge(tag("t"), false)), (u64::MAX, purge(tag("u"), false))];
    for (floor, log) in [(0, twice), (0, huge), (u64::MAX, Vec::new())] {
        let purges = Purges::restore(floor, log);
        assert_eq!(purges.standing(&tagged("h/a", &[], purges.latest() - 1)), Standing::Gone);
        assert_eq!(purges.standing(&tagged("h/a", &[], u64::MAX)), Standing::Gone);
        let since = purges.latest();
        purges.add(&purge(tag("v"), false));
        assert_eq!(purges.standing(&tagged("h/a", &[], since)), Standing::Good);
        assert_eq!(purges.standing(&tagged("h/a", &["v"], since)), Standing::Gone);
    }
}

#[test]
fn a_purge_is_in_force_on_all_threads_when_it_was_taken_up() {
    let purges = Purges::new();
    let good = tagged("h/good", &["s"], 0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (purges, good) = (&purges, &good);
            scope.spawn(move || {
                for n in 0..5_000 {
                    let name = format!("{thread}-{n}");
                    let response = tagged("h/a", &[&name], purges.latest());
                    assert_eq!(purges.standing(good), Standing::Good, "however many are taken up meanwhile");
                    purges.add(&purge(tag(&name), n % 2 == 0));
                    let expected = if n % 2 == 0 { Standing::Soft } else { Standing::Gone };
                    assert_eq!(purges.standing(&response), expected);
                    assert_eq!(purges.standing(&tagged("h/a", &[&name], purges.latest())), Standing::Good);
                }
            });
        }
    });
    assert_eq!(purges.latest(), 20_000);
}

/// While a response is looked up because of one purge, the next one concerns it.
#[test]
fn a_purge_during_a_look_up_is_not_missed() {
    const ROUNDS: usize = 20_000;
    let purges = Purges::new();
    let responses: Vec<_> = (0..ROUNDS).map(|n| tagged("h/a", &[&n.to_string()], 0)).collect();
    let at_once = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for response in &responses {
                at_once.wait();
                purges.standing(response);
            }
        });
        for n in 0..ROUNDS {
            let (other, this) = (purge(tag("other"), false), purge(tag(&n.to_string()), false));
            purges.add(&other);
            at_once.wait();
            (0..n % 64).for_each(|_| std::hint::spin_loop());
            purges.add(&this);
        }
    });
    assert!(responses.iter().all(|response| purges.standing(response) == Standing::Gone));
}

fn any_what() -> impl Strategy<Value = What> {
    let name = prop_oneof![Just("a"), Just("ab"), Just("abc"), Just("b"), Just("")];
    (0..4, name).prop_map(|(kind, name)| match kind {
        0 if name == "ab" => What::All,
        0 | 1 => What::Url(name.into()),
        2 => What::Prefix(name.into()),
        _ => What::Tag(name.into()),
    })
}

/// What a list of all purges ever says.
fn plainly(purges: &[Purge], entry: &Entry, known: u64) -> Standing {
    let concerns = |what: &What| match what {
        What::All => true,
        What::Url(url) => *url == entry.url,
        What::Prefix(prefix) => entry.url.starts_with(&**prefix),
        What::Tag(tag) => entry.tags.contains(tag),
    };
    let later: Vec<_> = purges.iter().skip(known as usize).filter(|purge| concerns(&purge.what)).collect();
    if later.iter().any(|purge| !purge.is_soft) {
        Standing::Gone
    } else if later.is_empty() {
        Standing::Good
    } else {
        Standing::Soft
    }
}

proptest! {
    #[test]
    fn a_response_stands_as_a_list_of_all_purges_says(
        all in proptest::collection::vec((any_what(), any::<bool>()), 0..40),
        url in prop_oneof![Just("a"), Just("ab"), Just("abc"), Just("b")],
        tags in proptest::collection::btree_set(prop_oneof![Just("a"), Just("ab"), Just("b")], 0..3),
        known in 0_u64..40,
    ) {
        let all: Vec<_> = all.into_iter().map(|(what, is_soft)| purge(what, is_soft)).collect();
        let known = known.min(all.len() as u64);
        let purges = Purges::new();
        for purge in &all {
            purges.add(purge);
        }
        let tags: Vec<_> = BTreeSet::into_iter(tags).collect();
        let expected = plainly(&all, &tagged(url, &tags, known), known);
        prop_assert_eq!(purges.standing(&tagged(url, &tags, known)), expected);
        let (floor, log) = purges.all();
        prop_assert!(log.is_sorted_by(|a, b| a.0 < b.0));
        let restored = Purges::restore(floor, log);
        prop_assert_eq!(restored.latest(), purges.latest());
        prop_assert_eq!(restored.standing(&tagged(url, &tags, known)), expected);
    }
}
