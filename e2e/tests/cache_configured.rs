//! What a route says of its cache: for how long, by what responses are told apart, and who has a say.

use e2e::{Origin, Response, Saying, Tidegate, run, tidegate_binary};
use std::process::Command;

const FRESH: &str = "Cache-Control: max-age=60\r\n";

#[track_caller]
fn assert_hit(answer: &Response, body: &str) {
    assert!(answer.complete && answer.is_hit(), "{answer}");
    assert_eq!((answer.status, answer.text().as_str()), (200, body), "{answer}");
}

#[test]
fn clients_have_no_say_where_the_route_says_so() {
    let origin = Origin::counting(FRESH);
    let gateway = Tidegate::caching(&origin, "{ client_control: false }");
    gateway.get("/");
    for control in
        ["Cache-Control: no-cache", "Cache-Control: max-age=0", "Cache-Control: no-store", "Pragma: no-cache"]
    {
        assert_hit(&gateway.connect().get("/", &format!("{control}\r\n")), "/ 1");
    }
    let nothing = gateway.connect().get("/other", "Cache-Control: only-if-cached\r\n");
    assert_eq!(nothing.status, 504, "{nothing}");
    assert_eq!(origin.count(), 1);
}

#[test]
fn an_error_is_kept_as_long_as_the_route_says_of_its_status() {
    let saying = Saying::new("404 Not Found");
    let status = saying.clone();
    let origin = Origin::start(move |exchange| {
        let body = exchange.marked();
        exchange.answer(&status.get(), "", body);
    });
    let gateway = Tidegate::caching(&origin, "{ ttl: 60s, statuses: { 404: 60s, 503: 60s } }");
    for (path, status, is_kept) in [
        ("/absent", "404 Not Found", true),
        ("/busy", "503 Service Unavailable", true),
        ("/broken", "500 Internal Server Error", false),
        ("/forbidden", "403 Forbidden", false),
    ] {
        saying.set(status);
        let (first, second) = (gateway.get(path), gateway.get(path));
        assert_eq!((second.is_hit(), second.text() == first.text()), (is_kept, is_kept), "{second}");
        assert_eq!(second.status.to_string(), status[..3]);
    }
}

#[test]
fn the_route_says_how_long_only_where_the_service_does_not() {
    let saying = Saying::new("");
    let fields = saying.clone();
    let origin = Origin::start(move |exchange| {
        let body = exchange.marked();
        exchange.answer("200 OK", &fields.get(), body);
    });
    let gateway = Tidegate::caching(&origin, "{ ttl: 1h }");
    for (path, says, at_most) in [
        ("/nothing", "", 3600),
        ("/max-age", "Cache-Control: max-age=100\r\n", 100),
        ("/s-maxage", "Cache-Control: max-age=5000, s-maxage=200\r\n", 200),
        ("/targeted", "Cache-Control: max-age=5000\r\nCDN-Cache-Control: max-age=300\r\n", 300),
        ("/own", "CDN-Cache-Control: max-age=5000\r\nTidegate-Cache-Control: max-age=400\r\n", 400),
    ] {
        saying.set(says);
        gateway.get(path);
        let kept = gateway.get(path);
        let left = kept.told("ttl").unwrap_or_default();
        assert!(kept.is_hit() && (at_most - 30..=at_most).contains(&left), "{says}: {kept}");
    }
    saying.set("Cache-Control: max-age=100\r\nCDN-Cache-Control: no-store\r\n");
    gateway.get("/not-here");
    assert!(!gateway.get("/not-here").is_hit(), "RFC 9213 section 2.2");
}

#[test]
fn the_key_is_what_the_route_says() {
    let origin = Origin::counting(FRESH);
    let gateway = Tidegate::caching(
        &origin,
        "{ key: { query: { except: [\"utm_*\"] }, headers: [x-tenant], cookies: [theme] } }",
    );
    let public = |path: &str, fields: &str| gateway.connect().get(path, fields).text();
    assert_eq!(public("/?b=2&a=1", ""), "/?b=2&a=1 1");
    for same in ["/?a=1&b=2", "/?a=1&utm_source=x&b=2", "/?utm_medium=&b=2&utm_campaign=spring&a=1"] {
        assert_eq!(public(same, ""), "/?b=2&a=1 1", "{same}");
    }
    for (number, other) in
        [(2, "/?a=1"), (3, "/?a=1&b=3"), (4, "/?a=1&b=2&c=3"), (5, "/?a=1&a=2"), (6, "/?a=2&a=1")]
    {
        assert_eq!(public(other, ""), format!("{other} {number}"));
    }
    assert_eq!(public("/?a=1", "X-Tenant: one\r\n"), "/?a=1 7");
    assert_eq!(public("/?a=1", "X-Tenant: two\r\n"), "/?a=1 8");
    assert_eq!(public("/?a=1", "X-Tenant: one\r\nX-Other: 1\r\n"), "/?a=1 7");
    // With `public`, cookies keep nothing out, and those of the key tell apart.
    let origin = Origin::counting("Cache-Control: public, max-age=60\r\n");
    let gateway = Tidegate::caching(&origin, "{ key: { query: none, cookies: [theme] } }");
    let themed =
        |path: &str, cookie: &str| gateway.connect().get(path, &format!("Cookie: {cookie}\r\n")).text();
    assert_eq!(themed("/", "theme=dark; session=1"), "/ 1");
    assert_eq!(themed("/?anything", "session=2; theme=dark"), "/ 1");
    assert_eq!(themed("/", "theme=light; session=1"), "/ 2");
    assert_eq!(themed("/", "session=theme=dark"), "/ 3");
}

#[test]
fn hosts_have_responses_of_their_own_unless_the_route_shares_them() {
    let origin = Origin::counting(FRESH);
    let ask = |gateway: &Tidegate, host: &str| {
        gateway.connect().send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).response().text()
    };
    let apart = Tidegate::caching(&origin, "{}");
    assert_eq!((ask(&apart, "a.example"), ask(&apart, "b.example")), ("/ 1".into(), "/ 2".into()));
    assert_eq!(ask(&apart, "A.EXAMPLE:80"), "/ 1", "hosts have no case, and 80 is the port of http");
    let shared = Tidegate::caching(&origin, "{ key: { any_host: true } }");
    assert_eq!((ask(&shared, "a.example"), ask(&shared, "b.example")), ("/ 3".into(), "/ 3".into()));
}

#[test]
fn force_goes_before_what_the_service_says_but_never_keeps_a_cookie() {
    let saying = Saying::new("Cache-Control: no-store, private, max-age=0\r\n");
    let fields = saying.clone();
    let origin = Origin::start(move |exchange| {
        let body = exchange.marked();
        exchange.answer("200 OK", &fields.get(), body);
    });
    let gateway = Tidegate::caching(&origin, "{ ttl: 60s, force: true }");
    gateway.get("/");
    assert_hit(&gateway.get("/"), "/ 1");
    saying.set("Set-Cookie: a=b\r\nCache-Control: max-age=60\r\n");
    gateway.get("/cookie");
    let second = gateway.get("/cookie");
    assert_eq!(second.text(), "/cookie 3", "{second}");
}

#[test]
fn spellings_of_one_path_share_a_response_and_different_paths_do_not() {
    let origin = Origin::counting(FRESH);
    let gateway = Tidegate::caching(&origin, "{}");
    assert_eq!(gateway.get("/a/b~c").text(), "/a/b~c 1");
    for same in ["/a/b%7Ec", "/a/b%7ec", "/a/./b~c", "/a/x/../b~c", "/%61/b~c"] {
        let answer = gateway.get(same);
        assert!(answer.is_hit(), "{same} is /a/b~c by RFC 3986 section 6.2.2: {answer}");
    }
    for other in ["/a%2Fb~c", "/A/b~c", "/a/b~c/", "/a/b~c?"] {
        let answer = gateway.get(other);
        // A server may take an encoded slash for part of a name, and an empty query for none.
        assert!(!answer.is_hit() || other.ends_with('?'), "{other} may be another resource: {answer}");
    }
}

#[test]
fn a_reload_keeps_what_is_in_the_cache() {
    let origin = Origin::counting("Cache-Control: max-age=3600\r\n");
    let config = |cache: &str| Tidegate::caching_config(origin.address(), cache, "");
    let gateway = Tidegate::start(&config("{}"));
    assert_eq!(gateway.get("/").text(), "/ 1");
    gateway.write_config(&config("{ ttl: 60s, stale_if_error: 1h }"));
    let reloaded = gateway.reload();
    assert_eq!(reloaded.status, 200, "{reloaded}");
    assert_hit(&gateway.get("/"), "/ 1");
    gateway.write_config(&config("{ ttl: 60s, tags: [\"{id\"] }"));
    assert_ne!(gateway.reload().status, 200, "a tag that is not closed");
    assert_hit(&gateway.get("/"), "/ 1");
    // A route that stops caching asks the origin, and nothing is lost for when it begins again.
    gateway.write_config(&config("{}").replace(", cache: {}", ""));
    assert_eq!(gateway.reload().status, 200);
    let plain = gateway.get("/");
    assert_eq!((plain.text().as_str(), plain.cache_status()), ("/ 2", ""), "{plain}");
    gateway.write_config(&config("{}"));
    assert_eq!(gateway.reload().status, 200);
    assert_hit(&gateway.get("/"), "/ 1");
}

#[test]
fn explain_shows_what_the_cache_will_do() {
    let origin = Origin::counting(FRESH);
    let cache = "{ ttl: 90s, stale_if_error: 1h, key: { query: [page], headers: [x-tenant] } }";
    let config = Tidegate::caching_config(origin.address(), cache, "");
    let folder = e2e::Scratch::new();
    let file = folder.write("tidegate.yaml", format!("listeners: [\"127.0.0.1:1\"]\n{config}"));
    let explain = |request: &str| {
        let done = run(Command::new(tidegate_binary()).arg("check").arg(&file).args(["--explain", request]));
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{out}{err}");
        out.into_owned()
    };
    let told = explain("GET http://example.com/a?page=2");
    for part in ["recall", "90s", "1h", "x-tenant", "page"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = explain("POST http://example.com/a");
    assert!(told.contains("POST is neither GET nor HEAD") && !told.contains("90s"), "{told}");
}
