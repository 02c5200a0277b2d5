//! Ages and lifetimes, a row for each rule.

use super::*;
use crate::Asked;
use crate::samples::{Lines, NOW, TODAY, offer, response};
use message::ResponseHead;
use proptest::prelude::*;

const HOUR_AGO: &str = "Wed, 31 Dec 2025 23:00:00 GMT";
const IN_AN_HOUR: &str = "Thu, 01 Jan 2026 01:00:00 GMT";

fn of(settings: &Settings, head: &ResponseHead) -> Terms {
    terms(&offer(settings, &Asked::default(), head), &Policy::of(&head.fields, settings))
}

fn plain(status: u16, lines: &[(&str, &str)]) -> Terms {
    of(&Settings::default(), &response(status, lines))
}

#[test]
fn lifetimes_come_from_the_first_that_says_something() {
    let rows: &[(&str, Lines, Option<u32>)] = &[
        (
            "5.2.2.10: s-maxage",
            &[("Cache-Control", "max-age=9, s-maxage=5"), ("Expires", IN_AN_HOUR)],
            Some(5),
        ),
        ("5.2.2.1: max-age", &[("Cache-Control", "max-age=9"), ("Expires", IN_AN_HOUR)], Some(9)),
        ("5.3: Expires", &[("Date", TODAY), ("Expires", IN_AN_HOUR)], Some(3600)),
        ("5.3: from the date, not from now", &[("Date", HOUR_AGO), ("Expires", IN_AN_HOUR)], Some(7200)),
        ("5.3: without a date from now", &[("Expires", IN_AN_HOUR)], Some(3600)),
        ("5.3: with a bad date from now", &[("Date", "x"), ("Expires", IN_AN_HOUR)], Some(3600)),
        ("5.3: past", &[("Date", TODAY), ("Expires", HOUR_AGO)], Some(0)),
        ("5.3: equal to the date", &[("Date", TODAY), ("Expires", TODAY)], Some(0)),
        ("5.3: 0", &[("Date", TODAY), ("Expires", "0")], Some(0)),
        ("5.3: -1", &[("Expires", "-1")], Some(0)),
        ("5.3: empty", &[("Expires", "")], Some(0)),
        ("5.3: not a date", &[("Expires", "2026-01-01")], Some(0)),
        ("5.3: another zone", &[("Expires", "Thu, 01 Jan 2026 01:00:00 EST")], Some(0)),
        ("5.3: other formats", &[("Expires", "Thursday, 01-Jan-26 01:00:00 GMT")], Some(3600)),
        ("5.3: other formats", &[("Expires", "Thu Jan  1 01:00:00 2026")], Some(3600)),
        ("4.2.1: several", &[("Expires", IN_AN_HOUR), ("Expires", HOUR_AGO)], Some(0)),
        (
            "4.2.1: an invalid max-age is stale",
            &[("Cache-Control", "max-age=x"), ("Expires", IN_AN_HOUR)],
            Some(0),
        ),
        ("4.2.1: an invalid s-maxage is stale", &[("Cache-Control", "s-maxage=x, max-age=9")], Some(0)),
        ("4.2.2: a tenth", &[("Date", TODAY), ("Last-Modified", HOUR_AGO)], Some(360)),
        ("4.2.2: of the time before the date", &[("Date", HOUR_AGO), ("Last-Modified", HOUR_AGO)], None),
        ("4.2.2: at most a day", &[("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")], Some(86_400)),
        ("4.2.2: modified later than made", &[("Date", TODAY), ("Last-Modified", IN_AN_HOUR)], None),
        ("4.2.2: never beside explicit freshness", &[("Expires", "0"), ("Last-Modified", HOUR_AGO)], Some(0)),
        ("4.2.2: nothing to guess from", &[("Date", TODAY)], None),
        ("5.4: Pragma says nothing", &[("Pragma", "no-cache"), ("Last-Modified", HOUR_AGO)], Some(360)),
        (
            "9213 2.2: a targeted field stands for Cache-Control and Expires",
            &[("CDN-Cache-Control", "public"), ("Cache-Control", "max-age=5"), ("Expires", IN_AN_HOUR)],
            None,
        ),
        (
            "9213 2.2: a targeted field",
            &[("CDN-Cache-Control", "max-age=7"), ("Cache-Control", "max-age=5")],
            Some(7),
        ),
    ];
    for (what, lines, want) in rows {
        let terms = plain(200, lines);
        assert_eq!(terms.is_known.then_some(terms.freshness.lifetime), *want, "{what}: {lines:?}");
        assert_eq!(
            terms.freshness.is_heuristic,
            what.contains("4.2.2") && want.is_some_and(|n| n > 0) || what.contains("5.4")
        );
    }
}

#[test]
fn guesses_are_for_statuses_that_are_cacheable_by_default_or_public() {
    let modified = ("Last-Modified", HOUR_AGO);
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        assert!(plain(status, &[modified]).is_known, "{status}");
    }
    for status in [201, 202, 299, 302, 303, 307, 400, 403, 499, 500, 502, 503, 504, 599] {
        assert!(!plain(status, &[modified]).is_known, "{status}");
        assert!(plain(status, &[modified, ("Cache-Control", "public")]).is_known, "{status}");
        assert!(plain(status, &[("Cache-Control", "max-age=1")]).is_known, "{status}");
    }
}

#[test]
fn ages_are_the_greater_of_what_clocks_and_caches_say() {
    // Section 4.2.3.
    let rows: &[(&str, Lines, u64, u32)] = &[
        ("now", &[("Date", TODAY)], 0, 0),
        ("apparent age", &[("Date", HOUR_AGO)], 0, 3600),
        ("Age", &[("Date", TODAY), ("Age", "50")], 0, 50),
        ("Age and the time on the way", &[("Date", TODAY), ("Age", "50")], 7999, 57),
        ("the greater", &[("Date", HOUR_AGO), ("Age", "50")], 0, 3600),
        ("the greater", &[("Date", HOUR_AGO), ("Age", "5000")], 0, 5000),
        ("a date ahead of us", &[("Date", IN_AN_HOUR)], 0, 0),
        ("no date", &[("Age", "50")], 0, 50),
        ("a bad date", &[("Date", "yesterday")], 0, 0),
        ("two dates", &[("Date", HOUR_AGO), ("Date", TODAY)], 0, 0),
        ("a bad age", &[("Age", "-50")], 1000, 1),
        ("overflow", &[("Age", "99999999999999999999")], 9000, LONGEST),
    ];
    for (what, lines, delay, want) in rows {
        let (settings, asked, head) = (Settings::default(), Asked::default(), response(200, lines));
        let offer = Offer { requested: NOW - delay, ..offer(&settings, &asked, &head) };
        assert_eq!(terms(&offer, &Policy::default()).freshness.age, *want, "{what}");
    }
}

#[test]
fn stale_use_is_allowed_by_the_origin_or_else_by_the_operator() {
    let settings = Settings {
        stale_while_revalidate: Some(Duration::from_secs(30)),
        stale_if_error: Some(Duration::from_secs(40)),
        ..Settings::default()
    };
    for (control, want) in [
        ("max-age=1", (30, 40)),
        ("max-age=1, stale-while-revalidate=5", (5, 40)),
        ("max-age=1, stale-while-revalidate=0, stale-if-error=0", (0, 0)),
        ("max-age=1, stale-while-revalidate=x, stale-if-error=7", (0, 7)),
        ("max-age=1, stale-while-revalidate=\"5\"", (5, 40)),
        // RFC 9111 sections 5.2.2.2, 5.2.2.8, 5.2.2.10, 5.2.2.4.
        ("max-age=1, must-revalidate, stale-while-revalidate=5", (0, 0)),
        ("max-age=1, proxy-revalidate, stale-if-error=5", (0, 0)),
        ("s-maxage=1, stale-while-revalidate=5", (0, 0)),
        ("max-age=1, no-cache, stale-if-error=5", (0, 0)),
        // After a lifetime that nobody knows there is no "after".
        ("stale-while-revalidate=5", (0, 0)),
    ] {
        let freshness = of(&settings, &response(200, &[("Cache-Control", control)])).freshness;
        assert_eq!((freshness.stale_while_revalidate, freshness.stale_if_error), want, "{control}");
        let must = ["must-", "proxy-", "s-maxage"].iter().any(|word| control.contains(word));
        assert_eq!(freshness.must_revalidate, must, "{control}");
        assert_eq!(freshness.no_cache, control.contains("no-cache"), "{control}");
    }
    let none = plain(200, &[("Cache-Control", "max-age=1")]).freshness;
    assert_eq!((none.stale_while_revalidate, none.stale_if_error), (0, 0));
}

#[test]
fn the_operators_ttl_counts_from_now_where_the_origin_says_nothing() {
    let settings = Settings {
        ttl: Some(Duration::from_secs(60)),
        statuses: vec![
            (StatusCode::NOT_FOUND, Duration::from_secs(5)),
            (StatusCode::FOUND, Duration::from_secs(6)),
        ],
        ..Settings::default()
    };
    for (status, lines, want) in [
        (200, &[][..], Some(60)),
        (404, &[], Some(5)),
        (302, &[], Some(6)),
        (410, &[], Some(60)),
        (500, &[], None),
        (307, &[("Cache-Control", "public")], Some(60)),
        (200, &[("Cache-Control", "max-age=7")], Some(7)),
        (404, &[("Expires", "0")], Some(0)),
        // Before a guess.
        (200, &[("Last-Modified", HOUR_AGO)], Some(60)),
        // Old as it comes, and still fresh for a minute.
        (200, &[("Age", "100")], Some(160)),
    ] {
        let terms = of(&settings, &response(status, lines));
        assert_eq!(terms.is_known.then_some(terms.freshness.lifetime), want, "{status} {lines:?}");
        assert!(!terms.freshness.is_heuristic);
    }
}

#[test]
fn force_goes_before_the_origin() {
    let settings = Settings {
        ttl: Some(Duration::from_secs(60)),
        stale_if_error: Some(Duration::from_secs(9)),
        force: true,
        ..Settings::default()
    };
    let lines =
        &[("Cache-Control", "s-maxage=1, no-cache, must-revalidate, stale-if-error=1"), ("Age", "10")];
    let freshness = of(&settings, &response(200, lines)).freshness;
    assert_eq!((freshness.age, freshness.lifetime, freshness.stale_if_error), (10, 70, 9));
    assert!(!freshness.no_cache && !freshness.must_revalidate);
    // For statuses that the ttl is not for, nothing is forced.
    assert_eq!(of(&settings, &response(500, lines)).freshness.lifetime, 1);
}

proptest! {
    #[test]
    fn nothing_overflows(
        age in "[0-9]{1,25}",
        expires in "[0-9]{1,20}|Fri, 31 Dec 9999 23:59:59 GMT|Mon, 01 Jan 0001 00:00:00 GMT",
        date in "x|Fri, 31 Dec 9999 23:59:59 GMT|Mon, 01 Jan 0001 00:00:00 GMT",
        control in "(max-age|s-maxage|stale-if-error)=[0-9]{1,25}",
        ttl in any::<u64>(), requested in any::<u64>(), received in any::<u64>(),
    ) {
        let settings = Settings { ttl: Some(Duration::from_secs(ttl)), force: ttl % 2 == 0, ..Settings::default() };
        let lines = [("Age", age.as_str()), ("Expires", &expires), ("Date", &date), ("Cache-Control", &control)];
        let (asked, head) = (Asked::default(), response(200, &lines));
        let offer = Offer { requested, received, ..offer(&settings, &asked, &head) };
        let freshness = terms(&offer, &Policy::of(&head.fields, &settings)).freshness;
        prop_assert!(freshness.age <= LONGEST && freshness.lifetime <= LONGEST && freshness.stale_if_error <= LONGEST);
    }
}
