//! What is kept and what is not, a row for each rule.

use super::*;
use crate::samples::{TODAY, lines, offer, response};
use proptest::prelude::*;
use std::time::Duration;

const FRESH: (&str, &str) = ("Cache-Control", "max-age=60");
const ETAG: (&str, &str) = ("ETag", "\"a\"");

fn with(settings: &Settings, asked: &Asked, status: u16, lines: &[(&str, &str)]) -> Result<Admitted, Reason> {
    admit(&offer(settings, asked, &response(status, lines)))
}

fn plain(status: u16, lines: &[(&str, &str)]) -> Result<Admitted, Reason> {
    with(&Settings::default(), &Asked::default(), status, lines)
}

fn why(status: u16, control: &str) -> Option<Reason> {
    plain(status, &[("Cache-Control", control)]).err()
}

fn forcing() -> Settings {
    Settings { ttl: Some(Duration::from_secs(60)), force: true, ..Settings::default() }
}

#[test]
fn statuses_are_kept_where_something_says_so() {
    for status in [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501] {
        assert_eq!(plain(status, &[ETAG]).err(), None, "{status} by default");
    }
    for status in [201, 299, 302, 303, 307, 400, 401, 403, 418, 499, 500, 502, 503, 504, 599] {
        assert_eq!(plain(status, &[ETAG]).err(), Some(Reason::Status), "{status}");
        assert_eq!(why(status, "max-age=60"), None, "{status} with explicit freshness");
        assert_eq!(why(status, "s-maxage=60"), None, "{status} with explicit freshness");
        assert_eq!(plain(status, &[("Expires", "Thu, 01 Jan 2026 01:00:00 GMT")]).err(), None, "{status}");
        assert_eq!(plain(status, &[ETAG, ("Cache-Control", "public")]).err(), None, "{status}");
    }
    assert_eq!(why(206, "max-age=60"), Some(Reason::Partial));
    // Interim, conditional, and RFC 6585.
    for status in [100, 101, 103, 304, 412, 416, 428, 429, 431, 511] {
        assert_eq!(why(status, "public, max-age=60"), Some(Reason::Status), "{status}");
        assert!(with(&forcing(), &Asked::default(), status, &[]).is_err(), "{status}");
    }
}

#[test]
fn only_an_answer_to_get_is_kept() {
    let (settings, asked, head) = (Settings::default(), Asked::default(), response(200, &[FRESH]));
    for (method, want) in
        [(Method::GET, None), (Method::HEAD, Some(Reason::Method)), (Method::POST, Some(Reason::Method))]
    {
        assert_eq!(
            admit(&Offer { method: &method, ..offer(&settings, &asked, &head) }).err(),
            want,
            "{method}"
        );
    }
}

#[test]
fn the_origins_word_counts() {
    use Reason::{NoCache, NoStore, Private, StaleAtOnce, Status};
    for (status, control, want) in [
        (200, "max-age=60", None),
        (200, "no-store, max-age=60", Some(NoStore)),
        (200, "No-Store", Some(NoStore)),
        (200, "private, max-age=60", Some(Private)),
        (200, "private, public, max-age=60", Some(Private)),
        // 5.2.2.7: with names it concerns only those.
        (200, "private=\"foo\", max-age=60", None),
        (200, "max-age=60, foo=\"no-store\"", None),
        // 5.2.2.3: must-understand lifts no-store for those who understand.
        (200, "must-understand, no-store, max-age=60", None),
        (404, "no-store, must-understand, max-age=60", None),
        (200, "must-understand, private, max-age=60", Some(Private)),
        (299, "must-understand, no-store, max-age=60", Some(Status)),
        (299, "must-understand, max-age=60", Some(Status)),
        (599, "must-understand, no-store, public, max-age=60", Some(Status)),
        (200, "must-understand=1, no-store, max-age=60", Some(NoStore)),
        // Of no use.
        (200, "no-cache, max-age=60", Some(NoCache)),
        (200, "max-age=0", Some(StaleAtOnce)),
        (200, "max-age=x", Some(StaleAtOnce)),
        (200, "max-age=60, max-age=61", Some(StaleAtOnce)),
        (200, "max-age=0, stale-while-revalidate=5", None),
        (200, "max-age=0, stale-if-error=5", None),
        (200, "no-cache, max-age=60, stale-if-error=5", Some(NoCache)),
        (200, "public", Some(Reason::NoFreshness)),
        (200, "", Some(Reason::NoFreshness)),
    ] {
        assert_eq!(why(status, control), want, "{status} {control}");
    }
    let old = plain(200, &[FRESH, ("Age", "60")]);
    assert_eq!(old.err(), Some(StaleAtOnce));
}

#[test]
fn what_is_stale_is_kept_where_the_origin_can_be_asked_about_it() {
    for validator in [ETAG, ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"), ("ETag", "W/\"a\"")] {
        for control in ["no-cache", "max-age=0", "max-age=0, must-revalidate", "public"] {
            assert_eq!(
                plain(200, &[("Cache-Control", control), validator]).err(),
                None,
                "{control} {validator:?}"
            );
        }
    }
    assert!(plain(200, &[("Last-Modified", "x")]).is_err());
    // What is withheld is not there to ask with.
    let withheld = plain(200, &[("Cache-Control", "no-cache, private=\"etag\""), ETAG]);
    assert_eq!(withheld.err(), Some(Reason::NoCache));
    assert!(plain(200, &[("ETag", "\"a\"")]).is_ok_and(|it| it.freshness.lifetime == 0));
}

#[test]
fn callers_who_are_known_need_the_origins_word() {
    // Section 3.5.
    let identified = Asked { is_identified: true, ..Asked::default() };
    let cookies = Asked { has_cookies: true, ..Asked::default() };
    let (bar, open) = (Some(Reason::Authorization), None);
    for (lines, authorization, cookie) in [
        (&[FRESH][..], bar, Some(Reason::Cookies)),
        (&[("Cache-Control", "public, max-age=60")], open, None),
        (&[("Cache-Control", "s-maxage=60")], open, None),
        (&[("Cache-Control", "s-maxage=x"), ETAG], bar, Some(Reason::Cookies)),
        (&[("Cache-Control", "must-revalidate, max-age=60")], open, Some(Reason::Cookies)),
        (&[("Cache-Control", "proxy-revalidate, max-age=60")], bar, Some(Reason::Cookies)),
        (&[("CDN-Cache-Control", "max-age=60"), ("Cache-Control", "public")], bar, None),
        (&[("CDN-Cache-Control", "max-age=60, public")], open, None),
        (&[("CDN-Cache-Control", "&"), FRESH], bar, Some(Reason::Cookies)),
    ] {
        let settings = Settings::default();
        assert_eq!(with(&settings, &identified, 200, lines).err(), authorization, "{lines:?}");
        assert_eq!(with(&settings, &cookies, 200, lines).err(), cookie, "{lines:?}");
        let per_consumer = Settings { per_consumer: true, ..settings };
        assert_eq!(with(&per_consumer, &identified, 200, lines).err(), None, "{lines:?}");
        assert_eq!(with(&per_consumer, &cookies, 200, lines).err(), None, "{lines:?}");
    }
}

#[test]
fn force_keeps_what_the_origin_forbids_but_no_cookies_that_are_set() {
    let kept = |asked: &Asked, lines: &[(&str, &str)]| with(&forcing(), asked, 200, lines).err();
    let none = Asked::default();
    for control in ["no-store", "private", "no-cache", "max-age=0", "must-understand, no-store"] {
        assert_eq!(kept(&none, &[("Cache-Control", control)]), None, "{control}");
    }
    assert_eq!(kept(&none, &[("Set-Cookie", "a=1")]), Some(Reason::SetCookie));
    assert_eq!(kept(&Asked { has_cookies: true, ..none.clone() }, &[]), None);
    assert_eq!(kept(&Asked { is_identified: true, ..none.clone() }, &[]), Some(Reason::Authorization));
    assert_eq!(kept(&none, &[("Vary", "*")]), Some(Reason::VaryAll));
    // Without a ttl there is nothing to force.
    let settings = Settings { force: true, ..Settings::default() };
    assert_eq!(with(&settings, &none, 200, &[("Cache-Control", "no-store")]).err(), Some(Reason::NoStore));
    // The default statuses only.
    assert_eq!(with(&forcing(), &none, 500, &[]).err(), Some(Reason::Status));
}

#[test]
fn other_things_keep_an_answer_out() {
    let big = |length| {
        let (settings, asked, head) = (Settings::default(), Asked::default(), response(200, &[FRESH]));
        admit(&Offer { length, ..offer(&settings, &asked, &head) }).err()
    };
    assert_eq!(big(Some(8 << 20)), None);
    assert_eq!(big(None), None);
    assert_eq!(big(Some((8 << 20) + 1)), Some(Reason::TooLarge));
    for (lines, want) in [
        (&[FRESH, ("Set-Cookie", "a=1")][..], Some(Reason::SetCookie)),
        (&[("Cache-Control", "public, max-age=60"), ("Set-Cookie", "a=1")], Some(Reason::SetCookie)),
        (&[("Cache-Control", "max-age=60, no-cache=\"Set-Cookie\""), ("Set-Cookie", "a=1")], None),
        (&[FRESH, ("Vary", "*")], Some(Reason::VaryAll)),
        (&[FRESH, ("Vary", "foo")], None),
        (&[FRESH, ("ETag", "\"a\""), ("ETag", "\"b\"")], Some(Reason::Malformed)),
        (&[FRESH, ("Content-Type", "a/b"), ("Content-Type", "a/c")], Some(Reason::Malformed)),
        (&[FRESH, ("Content-Type", "a/b"), ("Content-Type", "a/b")], None),
        (&[FRESH, ("Date", "x")], None),
    ] {
        assert_eq!(plain(200, lines).err(), want, "{lines:?}");
    }
    let (bypass, no_store) = (
        Asked { bypass: Some(Reason::Upgrade), ..Asked::default() },
        Asked { no_store: true, ..Asked::default() },
    );
    assert_eq!(with(&forcing(), &bypass, 200, &[FRESH]).err(), Some(Reason::Upgrade));
    assert_eq!(with(&forcing(), &no_store, 200, &[FRESH]).err(), Some(Reason::RequestNoStore));
}

#[test]
fn fields_of_connections_proxies_and_clients_are_not_kept() {
    // Section 3.1.
    let kept = plain(
        200,
        &[
            ("Date", TODAY),
            ("Cache-Control", "max-age=60, no-cache=\"bar, set-cookie\", private=\"Baz\""),
            ("Connection", "close, Hop"),
            ("Hop", "1"),
            ("Keep-Alive", "1"),
            ("Transfer-Encoding", "chunked"),
            ("Content-Length", "3"),
            ("Proxy-Authenticate", "x"),
            ("Proxy-Authentication-Info", "x"),
            ("Age", "5"),
            ("Set-Cookie", "a=1"),
            ("Bar", "1"),
            ("baz", "1"),
            ("Foo", "1"),
            ("foo", "2"),
            ("Surrogate-Key", "b a"),
        ],
    )
    .unwrap();
    let names: Vec<_> =
        lines(&kept.fields).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(names[0], format!("date={TODAY}"));
    assert!(names[1].starts_with("cache-control="));
    assert_eq!(names[2..], ["foo=1", "foo=2", "surrogate-key=b a"]);
    assert_eq!(kept.tags, ["a".into(), Box::from("b")]);
    assert_eq!(kept.freshness.age, 5);
}

#[test]
fn what_is_kept_has_one_date_that_can_be_read() {
    // RFC 9110 section 6.6.1.
    for dates in
        [&[][..], &[("Date", "x")], &[("Date", TODAY), ("Date", TODAY)], &[("Date", TODAY), ("Date", "x")]]
    {
        let kept = plain(200, &[&[FRESH], dates].concat()).unwrap();
        assert_eq!(kept.fields.all(Name::Date).collect::<Vec<_>>(), [TODAY.as_bytes()], "{dates:?}");
    }
}

fn any_lines() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let name = prop_oneof![
        Just("Cache-Control"),
        Just("CDN-Cache-Control"),
        Just("Expires"),
        Just("Date"),
        Just("Age"),
        Just("Vary"),
        Just("ETag"),
        Just("Last-Modified"),
        Just("Set-Cookie"),
        Just("Connection"),
    ];
    let value = prop_oneof![
        "[ -~]{0,20}",
        "(max-age|s-maxage|no-cache|private|public|must-understand)(=\"?[0-9a-z, ]{0,6}\"?)?",
        Just(TODAY.to_owned()),
    ];
    proptest::collection::vec((name, value), 0..8)
}

proptest! {
    #[test]
    fn any_answer_is_kept_or_not(status in 100_u16..1000, lines in any_lines(), force in any::<bool>()) {
        let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let settings = Settings { force, ..forcing() };
        if let Ok(kept) = with(&settings, &Asked::default(), status, &lines) {
            prop_assert!(kept.fields.has(Name::Date) && !kept.fields.has(Name::SetCookie) && !kept.fields.has(Name::Age));
            prop_assert!(status >= 200 && status != 206 && status != 304);
        }
    }

    #[test]
    fn what_says_no_store_or_private_is_never_kept_unforced(
        status in 200_u16..600, lines in any_lines(), word in "(no-store|private|NO-STORE|Private)",
        identified in any::<bool>(),
    ) {
        // A targeted field may lift it, and so may must-understand.
        prop_assume!(lines.iter().all(|(name, value)| *name != "CDN-Cache-Control" && !value.contains("must-understand")));
        let mut lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        lines.push(("Cache-Control", &word));
        let asked = Asked { is_identified: identified, ..Asked::default() };
        prop_assert!(with(&Settings::default(), &asked, status, &lines).is_err());
    }
}
