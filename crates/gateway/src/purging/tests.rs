use super::*;
use crate::caching::Caching;
use crate::site::{Action, ExplainTo, Plan, Respond, Route};
use cache::{KeySettings, Settings};
use message::StatusCode;
use observe::Meters;
use route::{PathTemplate, Rule, Table};
use std::sync::Arc;
use upstream::Manner;

/// A site with these routes that cache.
fn site(routes: &[(&str, KeySettings)]) -> Site {
    let meters = Meters::new(1);
    let template = |path: &str| PathTemplate::parse(path).expect("a path");
    let rules = routes.iter().enumerate().map(|(at, (path, _))| (Rule::new(template(path)), at)).collect();
    let (table, problems) = Table::build(rules);
    assert!(problems.is_empty(), "{problems:?}");
    let one = |(path, key): &(&str, KeySettings)| Route {
        name: (*path).into(),
        action: Action::Respond(Respond { status: StatusCode::OK, fields: Fields::new(), body: "".into() }),
        max_body: None,
        manner: Manner::default(),
        fallback: None,
        mirror: None,
        guard: None,
        cache: Some(Box::new(Caching::new(
            Settings { key: key.clone(), ..Settings::default() },
            meters.cache(path, &[]),
        ))),
        strip_prefix: None,
        meters: meters.route(path, ""),
    };
    Site {
        plan: Arc::new(Plan {
            table,
            routes: routes.iter().map(one).collect(),
            templates: routes.iter().map(|(path, _)| template(path)).collect(),
        }),
        services: Vec::new(),
        trusted_proxies: Vec::new(),
        unrouted: meters.route("", ""),
        listeners: Vec::new(),
        guards: None,
        caches: None,
        access_log: None,
        explain: ExplainTo::Loopback,
    }
}

fn plain() -> Site {
    site(&[("/*", KeySettings::default())])
}

fn url(text: &str) -> What {
    What::Url(text.into())
}

fn prefix(text: &str) -> What {
    What::Prefix(text.into())
}

#[test]
fn a_url_is_purged_by_what_a_request_for_it_is_kept_under() {
    let site = plain();
    for (typed, kept) in [
        ("https://shop.example/a?b=c", "shop.example/a?b=c"),
        ("//shop.example/a", "shop.example/a"),
        ("shop.example/a", "shop.example/a"),
        (" HTTPS://Shop.Example./a ", "shop.example/a"),
        ("shop.example", "shop.example/"),
        ("shop.example?b=2&a=1", "shop.example/?a=1&b=2"),
        ("shop.example/%7Ea//b/../c", "shop.example/~a/c"),
        ("http://shop.example:80/", "shop.example/"),
        ("https://shop.example:443/", "shop.example/"),
        ("http://shop.example:443/", "shop.example:443/"),
        ("shop.example:443/", "shop.example/"),
        ("shop.example:80/", "shop.example/"),
        ("shop.example:8080/", "shop.example:8080/"),
        ("[::1]:8080/a", "[::1]:8080/a"),
        ("shop.example/a?next=https://b.example/", "shop.example/a?next=https://b.example/"),
    ] {
        assert_eq!(purge_url(&site, typed, true), Ok(url(kept)), "{typed}");
    }
    assert_eq!(purge_url(&site, "a/b//c", false), Ok(url("a/b//c")));
}

#[test]
fn a_url_is_looked_up_by_the_key_of_its_route() {
    let site = site(&[
        ("/img/*", KeySettings { query: QueryRule::None, ..KeySettings::default() }),
        ("/shared/{id}", KeySettings { any_host: true, ..KeySettings::default() }),
    ]);
    assert_eq!(purge_url(&site, "a/img/1.png?v=2", true), Ok(url("a/img/1.png")));
    assert_eq!(purge_url(&site, "a/shared/1?v=2", true), Ok(url("*/shared/1?v=2")));
    // No route: nothing is kept there, and that does no harm.
    assert_eq!(purge_url(&site, "a/other?v=2", true), Ok(url("a/other?v=2")));
}

#[test]
fn a_prefix_is_one_of_host_and_path() {
    let site = plain();
    for (typed, kept) in [
        ("https://shop.example/img/", "shop.example/img/"),
        ("https://shop.example/img/*", "shop.example/img/"),
        ("shop.example:8080/im", "shop.example:8080/im"),
        ("https://shop.example:443", "shop.example/"),
        ("shop.example/*", "shop.example/"),
    ] {
        assert_eq!(purge_prefix(&site, typed, true), Ok(vec![prefix(kept)]), "{typed}");
    }
    let why = purge_prefix(&site, "shop.example/img?size=1", true).unwrap_err();
    assert!(why.contains("without a query"), "{why}");
}

#[test]
fn a_prefix_reaches_what_hosts_share_too() {
    let any_host = KeySettings { any_host: true, ..KeySettings::default() };
    let site = site(&[("/a/*", KeySettings::default()), ("/b/*", any_host)]);
    let wanted = vec![prefix("shop.example/b/"), prefix("*/b/")];
    assert_eq!(purge_prefix(&site, "shop.example/b/", true), Ok(wanted));
    assert_eq!(purge_prefix(&site, "*/b/", true), Ok(vec![prefix("*/b/")]));
}

#[test]
fn what_is_no_url_is_refused_in_words() {
    let long = format!("shop.example/{}", "a".repeat(LONGEST));
    for (typed, words) in [
        ("", "no host"),
        ("/a", "no host"),
        ("https:///a", "no host"),
        ("///a", "no host"),
        ("ftp://shop.example/a", "http and https"),
        ("https://user@shop.example/a", "host name"),
        ("https://shop.example:port/", "host name"),
        ("https://shop.example/ä", "percent-encoded"),
        ("https://shop.example/a b", "percent-encoded"),
        ("https://shop.example/a#b", "percent-encoded"),
        ("https://shop.example/%zz", "%"),
        ("https://shop.example/../..", "root"),
        (&long, "purge by tag"),
    ] {
        let site = plain();
        for why in [
            purge_url(&site, typed, true).expect_err(typed),
            purge_prefix(&site, typed, true).expect_err(typed),
        ] {
            assert!(why.contains(words) && why.len() < 500, "{typed}: {why}");
        }
    }
}
