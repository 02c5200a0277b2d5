//! What the origin is asked, and what its "not modified" changes.

use super::*;
use crate::Content;
use crate::samples::{NOW, TODAY, entry, fields, lines, offer, response};
use crate::{Asked, Settings, judge};
use crate::{Standing, Verdict};
use message::Method;
use proptest::prelude::*;

const STORED: &[(&str, &str)] = &[
    ("Date", "Wed, 31 Dec 2025 00:00:00 GMT"),
    ("ETag", "\"a\""),
    ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ("Cache-Control", "max-age=60"),
    ("Content-Encoding", "gzip"),
    ("Foo", "1"),
    ("Foo", "2"),
    ("Vary", "accept"),
];

fn news(stored: &[(&str, &str)], lines: &[(&str, &str)]) -> Result<Entry, Reason> {
    let (settings, asked, head) = (Settings::default(), Asked::default(), response(304, lines));
    refresh(&entry(stored), &offer(&settings, &asked, &head))
}

#[test]
fn the_origin_is_asked_with_what_it_gave() {
    for (stored, is_asked, want) in [
        (&STORED[1..3], true, vec![("if-none-match", "\"a\""), ("if-modified-since", STORED[2].1)]),
        (&STORED[1..2], true, vec![("if-none-match", "\"a\"")]),
        (&STORED[2..3], true, vec![("if-modified-since", STORED[2].1)]),
        (&[("ETag", "W/\"a, b\"")][..], true, vec![("if-none-match", "W/\"a, b\"")]),
        (&[("ETag", "\"a\""), ("ETag", "\"b\"")][..], false, vec![]),
        (&[("Last-Modified", "yesterday")], false, vec![]),
        (&STORED[..1], false, vec![]),
    ] {
        let mut request = fields(&[]);
        assert_eq!(revalidate(&entry(stored), &mut request), is_asked);
        let want: Vec<_> =
            want.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert_eq!(lines(&request), want);
    }
    let mut request = fields(&[("If-None-Match", "\"theirs\"")]);
    revalidate(&entry(STORED), &mut request);
    assert_eq!(request.all(Name::IfNoneMatch).collect::<Vec<_>>(), [b"\"a\""]);
}

#[test]
fn fields_of_the_news_take_the_place_of_the_old_ones() {
    // Section 3.2.
    let new = news(
        STORED,
        &[
            ("Date", TODAY),
            ("ETag", "\"a\""),
            ("Cache-Control", "max-age=100"),
            ("foo", "3"),
            ("Bar", "4"),
            ("Content-Encoding", "br"),
            ("Content-Length", "0"),
            ("Content-Range", "bytes 0-1/2"),
            ("Age", "10"),
            ("Connection", "x"),
        ],
    )
    .unwrap();
    let mut got = lines(&new.fields);
    got.sort();
    let mut want: Vec<_> = [
        ("date", TODAY),
        ("etag", "\"a\""),
        ("last-modified", STORED[2].1),
        ("cache-control", "max-age=100"),
        ("content-encoding", "gzip"),
        ("foo", "3"),
        ("bar", "4"),
        ("vary", "accept"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    want.sort();
    assert_eq!(got, want);
    assert_eq!((new.freshness.age, new.freshness.lifetime, new.freshness.received), (10, 100, NOW));
    assert_eq!((new.status.as_u16(), new.url.as_ref(), new.purge.into_inner()), (200, "example.com/", 7));
    assert!(matches!(new.content, Content::Whole(bytes) if bytes == "abc"));
    assert!(new.vary.is_some());
}

#[test]
fn a_304_makes_a_response_fresh_that_was_stale() {
    // Without a date it is of the moment in which it came, not of the stored date.
    let new = news(STORED, &[]).unwrap();
    assert_eq!(judge(&new, &Asked::default(), Standing::Good, NOW), Verdict::Fresh(0));
    assert_eq!(new.fields.get_str(Name::Date), Some(TODAY));
}

#[test]
fn news_of_another_response_change_nothing() {
    // Section 4.3.4.
    let weak = &[("ETag", "W/\"a\""), ("Cache-Control", "max-age=60")][..];
    let dated = &[STORED[2], STORED[3]][..];
    for (stored, lines, is_taken) in [
        (STORED, &[("ETag", "\"a\"")][..], true),
        (STORED, &[("ETag", "\"b\"")], false),
        (STORED, &[("ETag", "W/\"a\"")], true),
        (STORED, &[("ETag", "W/\"b\"")], false),
        (STORED, &[], true),
        (weak, &[("ETag", "\"a\"")], false),
        (weak, &[("ETag", "W/\"a\"")], true),
        (dated, &[("ETag", "\"a\"")], false),
        (dated, &[("ETag", "W/\"a\"")], false),
        (dated, &[("ETag", "W/\"a\""), STORED[2]], true),
        (dated, &[STORED[2]], true),
    ] {
        assert_eq!(
            news(stored, lines).err(),
            (!is_taken).then_some(Reason::Malformed),
            "{stored:?} {lines:?}"
        );
    }
}

#[test]
fn news_may_end_the_keeping() {
    for (lines, want) in [
        (&[("Cache-Control", "no-store")][..], Some(Reason::NoStore)),
        (&[("Cache-Control", "private")], Some(Reason::Private)),
        (&[("Set-Cookie", "a=1")], Some(Reason::SetCookie)),
        (&[("Vary", "*")], Some(Reason::VaryAll)),
        (&[("Vary", "accept, foo")], Some(Reason::VaryAll)),
        (&[("Vary", "Accept")], None),
        (&[("Cache-Control", "no-cache")], None),
    ] {
        assert_eq!(news(STORED, lines).err(), want, "{lines:?}");
    }
}

#[test]
fn tags_of_the_origin_are_exchanged_and_those_of_the_route_stay() {
    let tags = |lines: &[(&str, &str)]| {
        let mut old = entry(&[("Surrogate-Key", "b a"), ("ETag", "\"a\"")]);
        old.tags = ["a".into(), "b".into(), Box::from("route")].into();
        let (settings, asked, head) = (Settings::default(), Asked::default(), response(304, lines));
        refresh(&old, &offer(&settings, &asked, &head)).unwrap().tags.join(" ")
    };
    assert_eq!(tags(&[]), "a b route");
    assert_eq!(tags(&[("Surrogate-Key", "z b")]), "b route z");
    assert_eq!(tags(&[("Cache-Tag", "c")]), "a b c route");
}

#[test]
fn a_head_speaks_of_the_same_response_or_does_not() {
    // Section 4.3.5.
    for (lines, length, want) in [
        (&[][..], None, true),
        (&[("ETag", "\"a\"")], Some(3), true),
        (&[("ETag", "\"a\"")], Some(4), false),
        (&[("ETag", "\"b\"")], None, false),
        (&[STORED[2]], None, true),
        (&[("Last-Modified", TODAY)], None, false),
    ] {
        assert_eq!(head_agrees(&entry(STORED), &response(200, lines), length), want, "{lines:?} {length:?}");
    }
    assert!(!head_agrees(&entry(STORED), &response(404, &[]), None));
    assert!(!head_agrees(&entry(&[]), &response(200, &[("ETag", "\"a\"")]), None));
    let (settings, asked, head) = (Settings::default(), Asked::default(), response(200, &[("Foo", "9")]));
    let new =
        refresh(&entry(STORED), &Offer { method: &Method::HEAD, ..offer(&settings, &asked, &head) }).unwrap();
    assert_eq!(new.fields.all_named("foo").collect::<Vec<_>>(), [b"9"]);
}

proptest! {
    #[test]
    fn any_news_leave_the_body_and_its_coding_alone(
        news_lines in proptest::collection::vec(
            ("(ETag|Vary|Age|Date|Cache-Control|Set-Cookie|Content-Encoding|Foo)", "[ -~]{0,12}"), 0..6,
        ),
    ) {
        let lines: Vec<_> = news_lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Ok(new) = news(STORED, &lines) {
            prop_assert_eq!(new.fields.get_str(Name::ContentEncoding), Some("gzip"));
            prop_assert_eq!(new.fields.all(Name::Date).count(), 1);
            prop_assert!(!new.fields.has(Name::SetCookie) && !new.fields.has(Name::Age));
        }
    }
}
