//! Which requests share a response, and which do not.

use super::*;
use crate::QueryRule;
use crate::samples::{get, request};
use message::Method;
use proptest::prelude::*;
use std::collections::HashMap;

fn keys() -> Keys {
    Keys::new(*b"0123456789abcdef")
}

fn key_of(settings: &KeySettings, scheme: Scheme, head: &RequestHead, consumer: Option<&str>) -> Key {
    keys().key(&Asking { settings, scheme, head, consumer })
}

fn plain(head: &RequestHead) -> Key {
    key_of(&KeySettings::default(), Scheme::Https, head, None)
}

fn at(host: &str, target: &str) -> RequestHead {
    let mut head = get(target, &[]);
    head.authority = Authority::parse(host.as_bytes()).ok();
    head
}

#[test]
fn what_is_the_same_uri_has_one_key() {
    let key = plain(&at("example.com", "/a?b=1&c=2"));
    for (host, target) in [
        ("EXAMPLE.com", "/a?b=1&c=2"),
        ("example.com:443", "/a?b=1&c=2"),
        ("example.com.", "/a?b=1&c=2"),
        ("example.com", "/a?c=2&b=1"),
        ("example.com", "/x/../%61?b=1&c=2"),
    ] {
        assert_eq!(plain(&at(host, target)), key, "{host}{target}");
    }
    assert_eq!(plain(&request(Method::HEAD, "/a?b=1&c=2", &[("Accept", "x")])), key);
}

#[test]
fn what_is_another_uri_has_another_key() {
    let mut seen = HashMap::new();
    for (host, target) in [
        ("example.com", "/a"),
        ("example.com", "/a?"),
        ("example.com", "/a?b"),
        ("example.com", "/a?b="),
        ("example.com", "/a?b=1"),
        ("example.com", "/a?b=1&b=2"),
        ("example.com", "/a?b=2&b=1"),
        ("example.com", "/a/"),
        ("example.com", "/A"),
        ("example.com", "/a%2Fb"),
        ("example.com", "/a/b"),
        ("example.com:80", "/a"),
        ("example.com:8443", "/a"),
        ("www.example.com", "/a"),
        ("", "/a"),
    ] {
        if let Some(before) = seen.insert(plain(&at(host, target)), (host, target)) {
            panic!("{before:?} and {host}{target} share a key");
        }
    }
    let head = at("example.com", "/a");
    assert_ne!(plain(&head), key_of(&KeySettings::default(), Scheme::Http, &head, None));
    assert_ne!(
        plain(&head),
        Keys::new([1; 16]).key(&Asking {
            settings: &KeySettings::default(),
            scheme: Scheme::Https,
            head: &head,
            consumer: None,
        })
    );
}

#[test]
fn fields_cookies_and_consumers_belong_to_it_where_that_is_wanted() {
    let settings = KeySettings {
        headers: vec!["x-tenant".into()],
        cookies: vec!["lang".into(), "ab".into()],
        ..KeySettings::default()
    };
    let key = |lines: &[(&str, &str)], consumer| key_of(&settings, Scheme::Https, &get("/", lines), consumer);
    let base = key(&[("Cookie", "lang=de; ab=1"), ("X-Tenant", "t")], None);
    assert_eq!(key(&[("cookie", "x=1;ab=1 ; lang=de"), ("x-tenant", "t"), ("Foo", "1")], None), base);
    for (lines, consumer) in [
        (&[("Cookie", "lang=de; ab=1")][..], None),
        (&[("Cookie", "lang=de; ab=1"), ("X-Tenant", "")], None),
        (&[("Cookie", "lang=de; ab=1"), ("X-Tenant", "u")], None),
        (&[("Cookie", "lang=en; ab=1"), ("X-Tenant", "t")], None),
        (&[("Cookie", "lang=1; ab=de"), ("X-Tenant", "t")], None),
        (&[("Cookie", "lang=de; lang=x; ab=1"), ("X-Tenant", "t")], None),
        (&[("Cookie", "Lang=de; ab=1"), ("X-Tenant", "t")], None),
        (&[("X-Tenant", "t")], None),
        (&[("Cookie", "lang=de; ab=1"), ("X-Tenant", "t")], Some("")),
        (&[("Cookie", "lang=de; ab=1"), ("X-Tenant", "t")], Some("c")),
    ] {
        assert_ne!(key(lines, consumer), base, "{lines:?} {consumer:?}");
    }
}

#[test]
fn variants_differ_by_the_fields_that_vary_names() {
    let vary = Vary(["accept-encoding".into(), "foo".into()].into());
    let base = plain(&get("/", &[]));
    let variant = |lines: &[(&str, &str)]| keys().variant(base, &vary, &get("/", lines));
    assert_eq!(variant(&[("Foo", "1, 2"), ("Bar", "x")]), variant(&[("foo", "1"), ("FOO", "2")]));
    assert_ne!(variant(&[("Foo", "1")]), variant(&[("Foo", "2")]));
    assert_ne!(variant(&[]), variant(&[("Foo", "")]));
    assert_ne!(variant(&[("Accept-Encoding", "gzip")]), variant(&[("Foo", "gzip")]));
    assert_ne!(variant(&[]), base);
    assert_ne!(keys().variant(Key(1), &vary, &get("/", &[])), variant(&[]));
}

#[test]
fn urls_are_written_as_purges_have_them() {
    let any_host = KeySettings { any_host: true, query: QueryRule::None, ..KeySettings::default() };
    for (settings, scheme, host, target, want) in [
        (&KeySettings::default(), Scheme::Https, "Example.com:443", "/a?c&b=1", "example.com/a?b=1&c"),
        (&KeySettings::default(), Scheme::Http, "example.com:443", "/a", "example.com:443/a"),
        (&KeySettings::default(), Scheme::Http, "[::1]:80", "/a?", "[::1]/a?"),
        (&any_host, Scheme::Http, "example.com", "/a?b", "*/a"),
    ] {
        let url = Asking { settings, scheme, head: &at(host, target), consumer: Some("c") }.url();
        assert_eq!(&*url, want);
    }
}

#[test]
fn keys_stay_the_same_over_versions_since_they_lie_on_disk() {
    assert_eq!(plain(&at("example.com", "/a?b=1")), Key(PINNED));
    assert_eq!(format!("{:?}", keys()), "Keys");
}

/// The key of `https://example.com/a?b=1` with the seed of these tests.
const PINNED: u128 = 78_765_493_208_154_529_388_719_695_044_891_310_307;

#[test]
fn two_routes_for_one_url_have_two_keys() {
    let head = at("example.com", "/a");
    let of = |route: &str| {
        let settings = KeySettings { route: route.into(), ..KeySettings::default() };
        keys().key(&Asking { settings: &settings, scheme: Scheme::Http, head: &head, consumer: None })
    };
    assert_ne!(of("a"), of("b"));
    assert_ne!(of("a"), of(""));
    assert_eq!(of("a"), of("a"));
}

proptest! {
    #[test]
    fn equal_keys_mean_equal_parts(
        all in proptest::collection::vec(("[ab]{1,2}", "/[ab]{0,2}", proptest::option::of("[ab]{0,2}")), 2..200)
    ) {
        let mut seen = HashMap::new();
        for (host, path, query) in all {
            let target = query.as_ref().map_or(path.clone(), |query| format!("{path}?{query}"));
            let before = seen.insert(plain(&at(&host, &target)), (host.clone(), target.clone()));
            prop_assert!(before.is_none_or(|before| before == (host, target)));
        }
    }
}
