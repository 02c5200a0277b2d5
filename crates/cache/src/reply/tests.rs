//! Whole, in part, or "you have it": a row for each rule.

use super::*;
use crate::samples::{Lines, fields, get, request};
use proptest::prelude::*;

const LAST_MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const STORED: &[(&str, &str)] =
    &[("Date", "Sun, 06 Nov 1994 09:00:00 GMT"), ("ETag", "\"a\""), ("Last-Modified", LAST_MODIFIED)];

fn ask(stored: &[(&str, &str)], asked: &[(&str, &str)]) -> Reply {
    reply(StatusCode::OK, &fields(stored), Some(10), &get("/", asked))
}

fn part(first: u64, last: u64) -> Reply {
    Reply::Part(ByteRange { first, last })
}

#[test]
fn conditions_are_held_against_the_response() {
    use Reply::{NotModified, PreconditionFailed, Whole};
    let rows: &[(&[(&str, &str)], Reply)] = &[
        (&[], Whole),
        // 13.1.2: If-None-Match, weakly.
        (&[("If-None-Match", "\"a\"")], NotModified),
        (&[("If-None-Match", "W/\"a\"")], NotModified),
        (&[("If-None-Match", "\"b\", W/\"c\" ,\"a\"")], NotModified),
        (&[("If-None-Match", "\"b\""), ("If-None-Match", "\"a\"")], NotModified),
        (&[("If-None-Match", "*")], NotModified),
        (&[("If-None-Match", "\"b\"")], Whole),
        (&[("If-None-Match", "\"*\"")], Whole),
        (&[("If-None-Match", "a")], Whole),
        (&[("If-None-Match", "")], Whole),
        // 13.1.3: If-Modified-Since, only without If-None-Match.
        (&[("If-Modified-Since", LAST_MODIFIED)], NotModified),
        (&[("If-Modified-Since", LATER)], NotModified),
        (&[("If-Modified-Since", EARLIER)], Whole),
        (&[("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT")], NotModified),
        (&[("If-Modified-Since", "Sun Nov  6 08:49:37 1994")], NotModified),
        (&[("If-Modified-Since", "0")], Whole),
        (&[("If-Modified-Since", "yesterday")], Whole),
        (&[("If-Modified-Since", LATER), ("If-Modified-Since", EARLIER)], Whole),
        (&[("If-None-Match", "\"b\""), ("If-Modified-Since", LATER)], Whole),
        (&[("If-None-Match", "\"a\""), ("If-Modified-Since", EARLIER)], NotModified),
        // 13.1.1: If-Match, strongly.
        (&[("If-Match", "\"a\"")], Whole),
        (&[("If-Match", "\"b\", \"a\"")], Whole),
        (&[("If-Match", "*")], Whole),
        (&[("If-Match", "W/\"a\"")], PreconditionFailed),
        (&[("If-Match", "\"b\"")], PreconditionFailed),
        // 13.1.4: If-Unmodified-Since, only without If-Match.
        (&[("If-Unmodified-Since", LAST_MODIFIED)], Whole),
        (&[("If-Unmodified-Since", EARLIER)], PreconditionFailed),
        (&[("If-Unmodified-Since", "x")], Whole),
        (&[("If-Match", "\"a\""), ("If-Unmodified-Since", EARLIER)], Whole),
        // 13.2.2: the order.
        (&[("If-Match", "\"b\""), ("If-None-Match", "\"a\"")], PreconditionFailed),
        (&[("If-Match", "\"a\""), ("If-None-Match", "\"a\"")], NotModified),
        (&[("If-None-Match", "\"a\""), ("Range", "bytes=0-1")], NotModified),
        (&[("If-None-Match", "\"b\""), ("Range", "bytes=0-1")], part(0, 1)),
    ];
    for (asked, want) in rows {
        assert_eq!(ask(STORED, asked), *want, "{asked:?}");
    }
}

#[test]
fn what_is_not_known_of_the_response_decides_nothing() {
    assert_eq!(ask(&[], &[("If-None-Match", "\"a\"")]), Reply::Whole);
    assert_eq!(ask(&[], &[("If-None-Match", "*")]), Reply::NotModified);
    assert_eq!(ask(&[], &[("If-Match", "\"a\"")]), Reply::PreconditionFailed);
    assert_eq!(ask(&[], &[("If-Modified-Since", LATER)]), Reply::Whole);
    assert_eq!(ask(&[], &[("If-Unmodified-Since", EARLIER)]), Reply::Whole);
    // RFC 9111 section 4.3.2: the date stands for a modification that nobody knows.
    assert_eq!(ask(&[("Date", LAST_MODIFIED)], &[("If-Modified-Since", LAST_MODIFIED)]), Reply::NotModified);
    assert_eq!(ask(&[("Date", LAST_MODIFIED)], &[("If-Modified-Since", EARLIER)]), Reply::Whole);
    // But not for the origin's own condition.
    assert_eq!(ask(&[("Date", LAST_MODIFIED)], &[("If-Unmodified-Since", EARLIER)]), Reply::Whole);
}

#[test]
fn conditions_and_ranges_count_for_some_statuses_and_methods() {
    let asked = &[("If-None-Match", "\"a\""), ("Range", "bytes=0-1")];
    let at = |status, asked| {
        reply(StatusCode::from_u16(status).unwrap(), &fields(STORED), Some(10), &get("/", asked))
    };
    // 13.2.1.
    for (status, want) in
        [(200, Reply::NotModified), (203, Reply::NotModified), (301, Reply::Whole), (404, Reply::Whole)]
    {
        assert_eq!(at(status, asked), want, "{status}");
    }
    // 14.2: a range changes a 200 only, and a GET only.
    assert_eq!(at(203, &[asked[1], ("Foo", "1")]), Reply::Whole);
    let with = |method, asked: &[(&str, &str)]| {
        reply(StatusCode::OK, &fields(STORED), Some(10), &request(method, "/", asked))
    };
    assert_eq!(with(Method::HEAD, &asked[1..]), Reply::Whole);
    assert_eq!(with(Method::HEAD, asked), Reply::NotModified);
    assert_eq!(with(Method::HEAD, &[("If-Modified-Since", LATER)]), Reply::NotModified);
    // 13.1.2 and 13.1.3: other methods.
    assert_eq!(with(Method::PUT, asked), Reply::PreconditionFailed);
    assert_eq!(with(Method::PUT, &[("If-Modified-Since", LATER)]), Reply::Whole);
}

#[test]
fn ranges_are_given_where_they_can_be() {
    let asked = |range| ask(STORED, &[("Range", range)]);
    assert_eq!(asked("bytes=0-1"), part(0, 1));
    assert_eq!(asked("bytes=0-"), part(0, 9));
    assert_eq!(asked("bytes=0-1,1-3"), part(0, 3));
    assert_eq!(
        asked("bytes=0-1,8-"),
        Reply::Parts(vec![ByteRange { first: 0, last: 1 }, ByteRange { first: 8, last: 9 }])
    );
    assert_eq!(asked("bytes=10-"), Reply::Unsatisfiable);
    assert_eq!(asked("bytes=1-0"), Reply::Whole);
    assert_eq!(asked("lines=0-1"), Reply::Whole);
    let of = |length| reply(StatusCode::OK, &fields(STORED), length, &get("/", &[("Range", "bytes=-1")]));
    assert_eq!(of(None), Reply::Whole);
    assert_eq!(of(Some(0)), Reply::Whole);
}

#[test]
fn if_range_needs_a_strong_validator_that_is_the_same() {
    // 13.1.5 and 8.8.2.2.
    let weak: Lines = &[("ETag", "W/\"a\""), ("Last-Modified", LAST_MODIFIED)];
    let just_made: Lines = &[("Date", LAST_MODIFIED), ("Last-Modified", LAST_MODIFIED)];
    let rows: &[(Lines, &str, bool)] = &[
        (STORED, "\"a\"", true),
        (STORED, "W/\"a\"", false),
        (STORED, "\"b\"", false),
        (STORED, "a", false),
        (STORED, "\"a\", \"b\"", false),
        (STORED, "", false),
        (STORED, LAST_MODIFIED, true),
        (STORED, LATER, false),
        (STORED, EARLIER, false),
        (STORED, "Sunday, 06-Nov-94 08:49:37 GMT", true),
        (weak, "W/\"a\"", false),
        (weak, "\"a\"", false),
        // Without a date nobody knows whether it was modified in the very second in which it was made.
        (weak, LAST_MODIFIED, false),
        (just_made, LAST_MODIFIED, false),
    ];
    for (stored, if_range, is_part) in rows {
        let want = if *is_part { part(0, 1) } else { Reply::Whole };
        assert_eq!(ask(stored, &[("Range", "bytes=0-1"), ("If-Range", if_range)]), want, "{if_range}");
        assert_eq!(ask(stored, &[("If-Range", if_range)]), Reply::Whole, "alone it says nothing");
    }
    let twice = &[("Range", "bytes=0-1"), ("If-Range", "\"a\""), ("If-Range", "\"a\"")];
    assert_eq!(ask(STORED, twice), Reply::Whole);
    // A set that has nothing of the body is told so only where the condition holds.
    assert_eq!(ask(STORED, &[("Range", "bytes=99-"), ("If-Range", "\"b\"")]), Reply::Whole);
    assert_eq!(ask(STORED, &[("Range", "bytes=99-"), ("If-Range", "\"a\"")]), Reply::Unsatisfiable);
}

proptest! {
    #[test]
    fn any_request_has_an_answer_within_the_body(
        names in proptest::collection::vec(0_usize..6, 0..5),
        value in "(bytes=)?[0-9,\" aW/*-]{0,12}",
        length in proptest::option::of(0_u64..20),
    ) {
        const NAMES: [&str; 6] =
            ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"];
        let asked: Vec<_> = names.iter().map(|n| (NAMES[*n], value.as_str())).collect();
        let parts = match reply(StatusCode::OK, &fields(STORED), length, &get("/", &asked)) {
            Reply::Part(part) => vec![part],
            Reply::Parts(parts) => parts,
            _ => vec![],
        };
        for part in parts {
            prop_assert!(part.first <= part.last && Some(part.last) < length);
        }
    }
}
