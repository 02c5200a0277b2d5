//! What the origin says of caching, in all the ways in which it may be said.

use super::*;
use crate::samples::{Lines, fields, text};
use proptest::prelude::*;

fn control(lines: &[&str]) -> Policy {
    let lines: Vec<_> = lines.iter().map(|value| ("Cache-Control", *value)).collect();
    Policy::of(&fields(&lines), &Settings::default())
}

#[test]
fn spans_are_said_once_or_are_worth_nothing() {
    use Span::{Absent, Invalid, Of};
    for (lines, max_age, s_maxage) in [
        (&[][..], Absent, Absent),
        (&["max-age=60"][..], Of(60), Absent),
        (&["s-maxage=5, max-age=60"], Of(60), Of(5)),
        (&["max-age=60", "s-maxage=5"], Of(60), Of(5)),
        (&["MAX-AGE=60"], Of(60), Absent),
        // Section 5.2: both forms of an argument are accepted.
        (&["max-age=\"60\", s-maxage=\"5\""], Of(60), Of(5)),
        (&["max-age=007"], Of(7), Absent),
        (&["max-age=0"], Of(0), Absent),
        // Section 1.2.2: too large is the largest.
        (&["max-age=2147483648, s-maxage=99999999999999999999"], Of(1 << 31), Of(1 << 31)),
        // Section 4.2.1: several, and what cannot be read.
        (&["max-age=60, max-age=60"], Of(60), Absent),
        (&["max-age=60, max-age=3600"], Invalid, Absent),
        (&["max-age=3600", "max-age=60"], Invalid, Absent),
        (&["max-age=60, max-age=3600, max-age=3600"], Invalid, Absent),
        (&["max-age"], Invalid, Absent),
        (&["max-age="], Invalid, Absent),
        (&["max-age=-60"], Invalid, Absent),
        (&["max-age=+60"], Invalid, Absent),
        (&["max-age=60.0"], Invalid, Absent),
        (&["max-age=60.5"], Invalid, Absent),
        (&["max-age=60s"], Invalid, Absent),
        (&["max-age=a60"], Invalid, Absent),
        (&["max-age='60'"], Invalid, Absent),
        (&["max-age=\"\""], Invalid, Absent),
        (&["max-age =60"], Invalid, Absent),
        (&["max-age= 60"], Invalid, Absent),
        (&["max-age=60; s-maxage=5"], Invalid, Absent),
        (&["xmax-age=60, max-agex=60, x-s-maxage=5"], Absent, Absent),
        (&["foo=\"max-age=60, s-maxage=5\""], Absent, Absent),
    ] {
        let policy = control(lines);
        assert_eq!((policy.max_age, policy.s_maxage), (max_age, s_maxage), "{lines:?}");
    }
}

#[test]
fn what_forbids_counts_in_any_form_and_what_allows_in_its_own() {
    for line in ["no-store", "NO-STORE", "no-store=1", "no-store=\"\"", "no-store; public", "a, no-store"] {
        assert!(control(&[line]).no_store, "{line}");
    }
    for line in ["public=1", "public;", "public="] {
        assert!(!control(&[line]).public, "{line}");
    }
    assert!(control(&["Public"]).public);
    assert!(!control(&["must-understand=1"]).must_understand);
    assert!(control(&["must-revalidate=1"]).must_revalidate);
    assert!(control(&["proxy-revalidate"]).proxy_revalidate);
    // Pragma means nothing in a response (section 5.4).
    assert_eq!(Policy::of(&fields(&[("Pragma", "no-cache")]), &Settings::default()), Policy::default());
}

#[test]
fn fields_are_withheld_where_they_are_named_and_else_all_of_it() {
    // Sections 5.2.2.4 and 5.2.2.7.
    for (line, no_cache, private, withheld) in [
        ("no-cache", true, false, ""),
        ("private", false, true, ""),
        ("no-cache=\"Foo, bar\"", false, false, "foo bar"),
        ("private=Foo", false, false, "foo"),
        ("private=\"Foo\", no-cache=\"bar\"", false, false, "foo bar"),
        ("no-cache=\"foo\", no-cache", true, false, "foo"),
        ("no-cache=\"\"", true, false, ""),
        ("no-cache=", true, false, ""),
        ("no-cache=\"foo bar\"", true, false, ""),
        ("private=\"foo", false, true, ""),
        ("private=\"vary\"", false, true, ""),
        ("no-cache=\"x, Cache-Control\"", true, false, ""),
    ] {
        let policy = control(&[line]);
        let names: Vec<_> = policy.withheld.iter().map(|name| text(name)).collect();
        assert_eq!(
            (policy.no_cache, policy.private, names.join(" ").as_str()),
            (no_cache, private, withheld),
            "{line}"
        );
    }
}

#[test]
fn the_first_targeted_field_that_is_valid_and_not_empty_goes_before_all() {
    // RFC 9213 section 2.
    use Span::{Absent, Invalid, Of};
    let cases: &[(Lines, Span, bool)] = &[
        (&[("CDN-Cache-Control", "max-age=60")], Of(60), true),
        (&[("CDN-Cache-Control", "max-age=60"), ("Cache-Control", "max-age=5, no-store")], Of(60), true),
        (&[("Tidegate-Cache-Control", "max-age=1"), ("CDN-Cache-Control", "max-age=2")], Of(1), true),
        (&[("CDN-Cache-Control", "max-age=2"), ("Tidegate-Cache-Control", "max-age=1")], Of(1), true),
        (&[("CDN-Cache-Control", "public"), ("CDN-Cache-Control", "max-age=2")], Of(2), true),
        // Empty or broken: as if it were not there.
        (&[("CDN-Cache-Control", ""), ("Cache-Control", "max-age=5")], Of(5), false),
        (&[("CDN-Cache-Control", "max-age=60,"), ("Cache-Control", "max-age=5")], Of(5), false),
        (&[("CDN-Cache-Control", "Max-Age=60"), ("Cache-Control", "max-age=5")], Of(5), false),
        (&[("CDN-Cache-Control", "max-age: 60"), ("Cache-Control", "max-age=5")], Of(5), false),
        (&[("CDN-Cache-Control", "max-age=60"), ("CDN-Cache-Control", "&")], Absent, false),
        (&[("Tidegate-Cache-Control", "&"), ("CDN-Cache-Control", "max-age=2")], Of(2), true),
        // Parameters are ignored, unknown members too; the last of several counts.
        (&[("CDN-Cache-Control", "max-age=60;foo=bar")], Of(60), true),
        (&[("CDN-Cache-Control", "max-age=60, foo=(1 2)")], Of(60), true),
        (&[("CDN-Cache-Control", "max-age=60, max-age=70")], Of(70), true),
        (&[("CDN-Cache-Control", "foo"), ("Cache-Control", "max-age=5")], Absent, true),
        // Of another type than the directive's.
        (&[("CDN-Cache-Control", "max-age=\"60\"")], Invalid, true),
        (&[("CDN-Cache-Control", "max-age=60.0")], Invalid, true),
        (&[("CDN-Cache-Control", "max-age=-1")], Invalid, true),
        (&[("CDN-Cache-Control", "max-age")], Invalid, true),
        (&[("CDN-Cache-Control", "max-age=999999999999999")], Of(1 << 31), true),
        (&[("CDN-Cache-Control", "max-age=9999999999999999"), ("Cache-Control", "max-age=5")], Of(5), false),
    ];
    for (lines, max_age, is_targeted) in cases {
        let policy = Policy::of(&fields(lines), &Settings::default());
        assert_eq!((policy.max_age, policy.is_targeted), (*max_age, *is_targeted), "{lines:?}");
    }
}

#[test]
fn targeted_words_are_booleans_and_strings() {
    let policy = |value| Policy::of(&fields(&[("CDN-Cache-Control", value)]), &Settings::default());
    assert!(policy("no-store").no_store && policy("no-store=?1").no_store && policy("no-store=1").no_store);
    assert!(!policy("no-store=?0, public").no_store);
    assert!(policy("private").private && policy("private=foo").private);
    let named = policy("private=\"Foo\"");
    assert!(!named.private && *named.withheld == [Box::from(&b"foo"[..])]);
}

proptest! {
    #[test]
    fn no_store_is_never_missed(
        before in proptest::collection::vec("[a-z-]{1,8}(=[a-z0-9]{1,4}|=\"[a-z, ]{0,6}\")?", 0..4),
        word in "(no-store|NO-store|No-Store)",
        after in proptest::collection::vec("[a-z-]{1,8}(=[a-z0-9]{1,4})?", 0..4),
    ) {
        let line = [before, vec![word], after].concat().join(", ");
        prop_assert!(control(&[&line]).no_store);
    }
}
