//! What is stale and given all the same: while a new one is fetched, and while the origin fails (RFC 5861).

use e2e::{Gate, Origin, PATIENCE, Response, Saying, Tidegate, at_once, eventually, get, is_problem, soon};
use std::time::{Duration, Instant};

/// Stale as it comes, and kept for what may be done with it later.
const STALE: &str = "Cache-Control: max-age=60\r\nAge: 100\r\nETag: \"v1\"\r\n";

/// Stale as it comes, with more directives of `Cache-Control`.
fn stale(directives: &str) -> String {
    format!("Cache-Control: max-age=60{directives}\r\nAge: 100\r\nETag: \"v1\"\r\n")
}

#[test]
fn what_is_stale_is_given_at_once_while_one_request_fetches_a_new_one() {
    for (fields, cache) in
        [(stale(", stale-while-revalidate=600"), "{}"), (STALE.to_owned(), "{ stale_while_revalidate: 10m }")]
    {
        let gate = Gate::shut();
        let origins = gate.clone();
        let origin = Origin::start(move |exchange| {
            let body = exchange.marked();
            if exchange.number() == 1 {
                exchange.answer("200 OK", &fields, body);
            } else {
                origins.pass();
                exchange.answer("200 OK", "Cache-Control: max-age=60\r\n", body);
            }
        });
        let gateway = Tidegate::caching_with(&origin, cache, "workers: 2");
        assert_eq!(gateway.get("/").text(), "/ 1");
        let began = Instant::now();
        let answers = at_once(gateway.address(), &vec![get("/", ""); 20]);
        assert!(began.elapsed() < Duration::from_secs(5), "nobody waits: {:?}", began.elapsed());
        for answer in &answers {
            assert!(answer.is_hit() && answer.text() == "/ 1", "{cache}: {answer}");
            assert!(answer.told("ttl").is_some_and(|left| left < 0), "{answer}");
        }
        soon("a new one is asked for", || gate.waiting() == 1);
        assert_eq!(gateway.get("/").text(), "/ 1");
        assert_eq!(origin.count(), 2, "once");
        assert_eq!(origin.requests()[1].fields.get("if-none-match"), Some("\"v1\""));
        gate.open();
        let mut last = Response::default();
        let came = eventually(PATIENCE, || {
            last = gateway.get("/");
            last.text() == "/ 2"
        });
        assert!(came, "the origin was asked {} times: {last}", origin.count());
        assert_eq!(origin.count(), 2);
    }
}

#[test]
fn what_is_too_stale_is_not_given_while_a_new_one_is_fetched() {
    let origin = Origin::counting(&stale(", stale-while-revalidate=10"));
    let gateway = Tidegate::caching(&origin, "{ stale_while_revalidate: 10m }");
    assert_eq!((gateway.get("/").text(), gateway.get("/").text()), ("/ 1".into(), "/ 2".into()));
}

/// An origin of one answer of which it says this, until it is told to answer with that status.
fn failing(fields: &str, status: &Saying) -> Origin {
    let (fields, status) = (fields.to_owned(), status.clone());
    Origin::start(move |exchange| {
        let (body, now) = (exchange.marked(), status.get());
        let said = if now.starts_with("200") { &*fields } else { "" };
        exchange.answer(&now, said, body);
    })
}

#[track_caller]
fn assert_stale(answer: &Response) {
    assert_eq!((answer.status, answer.text().as_str()), (200, "/ 1"), "{answer}");
    assert!(answer.says("fwd=stale") && answer.age().is_some_and(|age| age >= 100), "{answer}");
}

#[test]
fn what_is_stale_is_given_while_the_origin_fails() {
    for (fields, cache) in
        [(stale(", stale-if-error=600"), "{}"), (STALE.to_owned(), "{ stale_if_error: 10m }")]
    {
        let status = Saying::new("200 OK");
        let origin = failing(&fields, &status);
        let gateway = Tidegate::caching(&origin, cache);
        assert_eq!(gateway.get("/").text(), "/ 1");
        for failure in
            ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"]
        {
            status.set(failure);
            let seen = origin.count();
            assert_stale(&gateway.get("/"));
            assert!(origin.count() > seen, "it is asked each time");
        }
        status.set("404 Not Found");
        assert_eq!(gateway.get("/").status, 404, "that is no failure");
    }
}

#[test]
fn what_is_stale_is_given_while_the_origin_is_away() {
    let status = Saying::new("200 OK");
    let origin = failing(STALE, &status);
    let address = origin.address();
    let gateway = Tidegate::caching(&origin, "{ stale_if_error: 10m }");
    assert_eq!(gateway.get("/").text(), "/ 1");
    assert_eq!(gateway.get("/other").text(), "/other 2");
    drop(origin);
    for answer in at_once(gateway.address(), &vec![get("/", ""); 10]) {
        assert_stale(&answer);
    }
    let nothing = gateway.get("/never-seen");
    assert!(nothing.status >= 500 && is_problem(&nothing), "{nothing}");
    let back = Origin::named_at(address, "back");
    soon("the origin is asked again", || gateway.get("/").text() == "back");
    drop(back);
}

#[test]
fn what_is_stale_is_given_when_the_origin_does_not_answer_in_time() {
    let origin = Origin::start(|exchange| {
        if exchange.number() == 1 {
            exchange.answer("200 OK", STALE, "/ 1");
        } else {
            exchange.sees_close();
        }
    });
    let config = format!(
        "services: {{ api: {{ endpoints: [\"{}\"], timeouts: {{ request: 200ms }} }} }}\n\
         routes: [{{ service: api, cache: {{ stale_if_error: 10m }} }}]\n",
        origin.url()
    );
    let gateway = Tidegate::start(&config);
    gateway.get("/");
    assert_stale(&gateway.get("/"));
}

#[test]
fn what_must_be_revalidated_is_never_given_stale() {
    for forbids in ["must-revalidate", "proxy-revalidate", "s-maxage=60", "no-cache"] {
        let status = Saying::new("200 OK");
        let fields = stale(&format!(", {forbids}, stale-if-error=600, stale-while-revalidate=600"));
        let origin = failing(&fields, &status);
        let gateway = Tidegate::caching(&origin, "{ stale_if_error: 10m, stale_while_revalidate: 10m }");
        assert_eq!(gateway.get("/").text(), "/ 1", "{forbids}");
        assert_eq!(gateway.get("/").text(), "/ 2", "RFC 9111 section 4.2.4, {forbids}");
        let greedy = gateway.connect().get("/", "Cache-Control: max-stale\r\n");
        assert_eq!(greedy.text(), "/ 3", "nor to a client that would take it, {forbids}: {greedy}");
        status.set("503 Service Unavailable");
        assert_eq!(gateway.get("/").status, 503, "{forbids}");
        drop(origin);
        let gone = gateway.get("/");
        assert!(matches!(gone.status, 502..=504), "RFC 9111 section 5.2.2.2, {forbids}: {gone}");
    }
}

#[test]
fn what_is_stale_is_not_given_where_nobody_has_allowed_it() {
    let status = Saying::new("200 OK");
    let origin = failing(STALE, &status);
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    status.set("503 Service Unavailable");
    assert_eq!(gateway.get("/").status, 503);
    drop(origin);
    assert!(matches!(gateway.get("/").status, 502..=504));
}

#[test]
fn what_is_too_stale_is_not_given_while_the_origin_fails() {
    let status = Saying::new("200 OK");
    let origin = failing(&stale(", stale-if-error=10"), &status);
    let gateway = Tidegate::caching(&origin, "{ stale_if_error: 10m }");
    gateway.get("/");
    status.set("503 Service Unavailable");
    assert_eq!(gateway.get("/").status, 503);
}

#[test]
fn a_refresh_that_fails_leaves_what_is_there() {
    let status = Saying::new("200 OK");
    let origin = failing(&stale(", stale-while-revalidate=600, stale-if-error=600"), &status);
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    status.set("503 Service Unavailable");
    soon("the origin is asked again and again", || {
        let answer = gateway.get("/");
        assert!(answer.is_hit() && answer.text() == "/ 1", "{answer}");
        origin.count() > 6
    });
}

#[test]
fn a_client_that_has_the_stale_copy_gets_a_304_while_the_origin_fails() {
    let status = Saying::new("200 OK");
    let origin = failing(STALE, &status);
    let gateway = Tidegate::caching(&origin, "{ stale_if_error: 10m }");
    gateway.get("/");
    status.set("503 Service Unavailable");
    let answer = gateway.connect().get("/", "If-None-Match: \"v1\"\r\n");
    assert_eq!((answer.status, answer.body.len()), (304, 0), "{answer}");
}
