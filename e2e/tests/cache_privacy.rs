//! What one caller was given is never given to another, unless the origin says that all may have it.

use e2e::{Origin, PATIENCE, Response, Tidegate, at_once, get};
use std::time::Instant;

const A: &str = "a-key-0123456789abcdef";
const B: &str = "b-key-0123456789abcdef";

/// Answers with who is asking, and the number of the request.
fn whoami(fields: &str) -> Origin {
    let fields = fields.to_owned();
    Origin::start(move |exchange| {
        let request = exchange.request();
        let who = ["x-tidegate-consumer", "authorization", "cookie", "x-who"];
        let who = who.iter().find_map(|name| request.fields.get(name)).unwrap_or("nobody");
        let body = format!("for {who}: {}", exchange.number());
        exchange.answer("200 OK", &fields, body);
    })
}

/// Two consumers with keys, and one route with this `cache`.
#[track_caller]
fn keyed(origin: &Origin, cache: &str) -> Tidegate {
    Tidegate::start(&format!(
        "services: {{ api: \"{}\" }}\nworkers: 2\n\
         consumers: [{{ name: anna, api_keys: [{A}] }}, {{ name: bert, api_keys: [{B}] }}]\n\
         routes: [{{ service: api, auth: [api_key], cache: {cache} }}]\n",
        origin.url()
    ))
}

fn key(key: &str) -> String {
    format!("X-API-Key: {key}\r\n")
}

#[test]
fn an_answer_that_may_not_be_kept_is_given_to_nobody_else() {
    for (answer, request, reason) in [
        ("Cache-Control: no-store\r\n", "", "no_store"),
        ("Cache-Control: private\r\n", "", "private"),
        ("Cache-Control: private, max-age=60\r\n", "", "private"),
        ("Cache-Control: max-age=60\r\nSet-Cookie: session=1\r\n", "", "set_cookie"),
        ("Cache-Control: public, max-age=60\r\nSet-Cookie: session=1\r\n", "", "set_cookie"),
        ("Cache-Control: max-age=60\r\nVary: *\r\n", "", "vary_all"),
        ("Cache-Control: max-age=60\r\nVary: Accept, *\r\n", "", "vary_all"),
        ("Cache-Control: max-age=60\r\n", "Authorization: Bearer a\r\n", "authorization"),
        ("", "Authorization: Bearer a\r\n", "authorization"),
        ("Cache-Control: max-age=60\r\n", "Cookie: session=a\r\n", "cookies"),
        ("", "Cookie: session=a\r\n", "cookies"),
    ] {
        let origin = whoami(answer);
        let gateway = Tidegate::caching(&origin, "60s");
        let case = format!("{answer}{request}");
        let first = gateway.connect().get("/", request);
        assert!(first.says(&format!("detail={reason}")) && !first.says("stored"), "{case}: {first}");
        for other in ["", request, "X-Who: other\r\n"] {
            let second = gateway.connect().get("/", other);
            assert_ne!(second.text(), first.text(), "{case}: {second}");
        }
        let mut bodies: Vec<String> = at_once(gateway.address(), &vec![get("/at-once", request); 10])
            .iter()
            .map(Response::text)
            .collect();
        bodies.sort_unstable();
        bodies.dedup();
        assert_eq!(bodies.len(), 10, "nor to those who waited for it: {case}: {bodies:?}");
    }
}

#[test]
fn what_the_origin_allows_to_all_is_kept_for_all() {
    for (answer, request) in [
        ("Cache-Control: public, max-age=60\r\n", "Authorization: Bearer a\r\n"),
        ("Cache-Control: s-maxage=60\r\n", "Authorization: Bearer a\r\n"),
        ("Cache-Control: public, max-age=60\r\n", "Cookie: session=a\r\n"),
        ("CDN-Cache-Control: max-age=60\r\nCache-Control: no-store\r\n", "Cookie: session=a\r\n"),
    ] {
        let origin = whoami(answer);
        let gateway = Tidegate::caching(&origin, "{}");
        let first = gateway.connect().get("/", request);
        let second = gateway.connect().get("/", "");
        assert!(second.is_hit() && second.text() == first.text(), "RFC 9111 section 3.5, {answer}: {second}");
    }
}

#[test]
fn a_field_that_is_private_is_kept_for_nobody() {
    let origin = whoami("Cache-Control: max-age=60, private=\"X-Balance\"\r\nX-Balance: 1000\r\n");
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    let second = gateway.get("/");
    assert!(!second.is_hit() || !second.fields.has("x-balance"), "RFC 9111 section 5.2.2.7: {second}");
}

#[test]
fn callers_with_keys_never_get_each_others_answers() {
    for cache in ["60s", "{ ttl: 60s, key: { query: none } }", "{ ttl: 60s, per_consumer: true }"] {
        let origin = whoami("");
        let gateway = keyed(&origin, cache);
        let requests: Vec<String> =
            (0..40).map(|n| get("/account", &key(if n % 2 == 0 { A } else { B }))).collect();
        for _ in 0..3 {
            for (answer, name) in
                at_once(gateway.address(), &requests).iter().zip(["anna", "bert"].iter().cycle())
            {
                assert!(answer.text().starts_with(&format!("for {name}:")), "{cache}, {name}: {answer}");
            }
        }
        let stranger = gateway.get("/account");
        assert_eq!(
            stranger.status, 401,
            "{cache}: what is kept is for nobody whom the route refuses: {stranger}"
        );
        let _ = stranger;
    }
}

#[test]
fn each_caller_has_copies_where_the_route_says_so() {
    let origin = whoami("");
    let gateway = keyed(&origin, "{ ttl: 60s, per_consumer: true }");
    let ask = |which: &str| gateway.connect().get("/account", &key(which));
    assert_eq!((ask(A).text(), ask(B).text()), ("for anna: 1".into(), "for bert: 2".into()));
    for _ in 0..3 {
        let (anna, bert) = (ask(A), ask(B));
        assert!(anna.is_hit() && anna.text() == "for anna: 1", "{anna}");
        assert!(bert.is_hit() && bert.text() == "for bert: 2", "{bert}");
    }
    assert_eq!(origin.count(), 2);
}

#[test]
fn what_the_origin_calls_private_is_kept_for_no_caller_either() {
    let origin = whoami("Cache-Control: private, max-age=60\r\n");
    let gateway = keyed(&origin, "{ ttl: 60s, per_consumer: true }");
    let ask = || gateway.connect().get("/account", &key(A)).text();
    assert_eq!((ask(), ask()), ("for anna: 1".into(), "for anna: 2".into()));
}

#[test]
fn nobody_in_particular_shares_nothing_private_on_a_route_of_callers() {
    let origin = whoami("");
    let gateway = Tidegate::caching(&origin, "{ ttl: 60s, per_consumer: true }");
    let ask = |fields: &str| gateway.connect().get("/", fields);
    let (first, second) = (ask("Cookie: session=a\r\n"), ask("Cookie: session=b\r\n"));
    assert_eq!((first.text(), second.text()), ("for session=a: 1".into(), "for session=b: 2".into()));
    assert_eq!(ask("Cookie: session=a\r\n").text(), "for session=a: 3", "cookies say not who it is");
    let anonymous = ask("");
    assert_eq!(anonymous.text(), "for nobody: 4", "{anonymous}");
    let again = ask("");
    assert!(again.is_hit() && again.text() == "for nobody: 4", "{again}");
}

#[test]
fn callers_are_told_apart_by_what_they_authorize_with_where_the_route_asks_nobody() {
    let origin = whoami("");
    let gateway = Tidegate::caching(&origin, "{ ttl: 60s, per_consumer: true }");
    let ask = |token: &str| gateway.connect().get("/", &format!("Authorization: Bearer {token}\r\n"));
    assert_eq!((ask("a").text(), ask("b").text()), ("for Bearer a: 1".into(), "for Bearer b: 2".into()));
    for (token, number) in [("a", 1), ("b", 2)] {
        let again = ask(token);
        assert!(again.is_hit() && again.text() == format!("for Bearer {token}: {number}"), "{again}");
    }
    assert_eq!(gateway.get("/").text(), "for nobody: 3");
}

#[test]
fn those_who_wait_for_somebody_elses_private_answer_fetch_their_own_in_time() {
    let origin = whoami("");
    let gateway = keyed(&origin, "60s");
    let began = Instant::now();
    let requests: Vec<String> = (0..20).map(|n| get("/", &key(if n % 2 == 0 { A } else { B }))).collect();
    let answers = at_once(gateway.address(), &requests);
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert!(began.elapsed() < PATIENCE / 3, "{:?}", began.elapsed());
    assert_eq!(origin.count(), 20);
}
