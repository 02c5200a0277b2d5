//! A shared cache by RFC 9111: what is given without the origin, what is asked about again, and in which form a client gets it.

use e2e::{Exchange, Origin, Raw, Response, Saying, Tidegate, is_problem, soon};

const FRESH: &str = "Cache-Control: max-age=60\r\n";

/// An origin of one page of 1,000 bytes with both validators, which is fresh for a minute.
fn page() -> Origin {
    Origin::start(|exchange| {
        if exchange.read_body() {
            exchange.answer(
                "200 OK",
                "Cache-Control: max-age=60\r\nETag: \"v1\"\r\nLast-Modified: Wed, 01 Jan 2025 00:00:00 GMT\r\n\
                 Content-Type: text/plain\r\nAccept-Ranges: bytes\r\n",
                text(),
            );
        }
    })
}

/// The numbers from 0 to 249 in four digits each.
fn text() -> String {
    (0..250).map(|n| format!("{n:04}")).collect()
}

/// Answers 304 where the request names the validator, else 200 with the fields.
fn validated(exchange: &mut Exchange<'_>, fields: &str, not_modified: &str) {
    if exchange.request().fields.get("if-none-match") == Some("\"v1\"") {
        exchange.answer("304 Not Modified", not_modified, "");
    } else {
        let body = exchange.marked();
        exchange.answer("200 OK", fields, body);
    }
}

#[track_caller]
fn assert_hit(answer: &Response, body: &str) {
    assert!(answer.complete && answer.is_hit(), "{answer}");
    assert_eq!((answer.status, answer.text().as_str()), (200, body), "{answer}");
}

#[test]
fn a_fresh_response_is_served_without_the_origin_and_tells_its_age_and_where_it_came_from() {
    let origin = Origin::counting("Cache-Control: max-age=60\r\nAge: 10\r\nX-Of-Origin: yes\r\n");
    let gateway = Tidegate::caching(&origin, "{}");
    let first = gateway.get("/a");
    assert_eq!(first.text(), "/a 1");
    assert!(first.says("fwd=uri-miss") && first.says("stored") && !first.is_hit(), "{first}");
    for path in ["/a", "/a", "http://example.com/a"] {
        let again = gateway.get(path);
        assert_hit(&again, "/a 1");
        let (age, left) = (again.age().expect("an Age"), again.told("ttl").expect("a ttl"));
        assert!((10..40).contains(&age), "RFC 9111 section 4.2.3: {again}");
        assert_eq!(left, 60 - i64::try_from(age).expect("it is small"), "{again}");
        assert_eq!(again.fields.get("x-of-origin"), Some("yes"));
        assert_eq!(again.fields.all("age").len(), 1, "{again}");
        assert_eq!(again.fields.get("date"), first.fields.get("date"), "when the origin made it");
    }
    assert_hit(&gateway.connect().get("/a", "Accept: */*\r\nUser-Agent: another\r\n"), "/a 1");
    assert_eq!(origin.count(), 1);
    assert_eq!(gateway.get("/b").text(), "/b 2", "another path is another response");
    let hits = gateway.metric("tidegate_cache_requests_total", &["route=\"all\"", "result=\"hit\""]);
    assert_eq!(hits, 4, "{}", gateway.metrics());
}

#[test]
fn a_response_whose_time_is_over_is_fetched_again() {
    let origin = Origin::counting("Cache-Control: max-age=1\r\n");
    let gateway = Tidegate::caching(&origin, "{}");
    assert_eq!(gateway.get("/").text(), "/ 1");
    let mut hits = 0;
    soon("it becomes stale", || {
        let answer = gateway.get("/");
        hits += usize::from(answer.is_hit());
        assert!(answer.is_hit() || answer.says("fwd=stale"), "{answer}");
        assert!(!answer.is_hit() || answer.told("ttl").is_some_and(|left| left > 0), "{answer}");
        answer.text() == "/ 2"
    });
    assert!(hits > 0);
}

#[test]
fn a_stale_response_is_asked_about_and_a_304_makes_it_fresh_with_the_new_fields() {
    let origin = Origin::start(|exchange| {
        if exchange.read_body() {
            validated(
                exchange,
                "Cache-Control: max-age=0\r\nETag: \"v1\"\r\nX-Version: 1\r\nX-Kept: yes\r\n",
                "Cache-Control: max-age=60\r\nETag: \"v1\"\r\nX-Version: 2\r\n",
            );
        }
    });
    let gateway = Tidegate::caching(&origin, "{}");
    let first = gateway.get("/");
    assert_eq!((first.status, first.fields.get("x-version")), (200, Some("1")), "{first}");
    let second = gateway.get("/");
    assert_eq!(
        (second.status, second.text().as_str()),
        (200, "/ 1"),
        "the client asked for no 304: {second}"
    );
    assert!(second.says("fwd=stale") && second.says("fwd-status=304"), "{second}");
    for answer in [&second, &gateway.get("/")] {
        assert_eq!(answer.fields.all("x-version"), ["2"], "RFC 9111 section 3.2: {answer}");
        assert_eq!(answer.fields.get("x-kept"), Some("yes"), "{answer}");
        assert_eq!(answer.fields.get("content-length"), Some("3"), "{answer}");
    }
    assert_hit(&gateway.get("/"), "/ 1");
    let asked = origin.requests();
    assert_eq!(asked.len(), 2);
    assert!(!asked[0].fields.has("if-none-match"));
    assert_eq!(asked[1].fields.get("if-none-match"), Some("\"v1\""));
}

#[test]
fn a_stale_response_that_has_changed_is_replaced() {
    let origin = Origin::counting("Cache-Control: max-age=0\r\nETag: \"other\"\r\n");
    let gateway = Tidegate::caching(&origin, "{}");
    for number in 1..=3 {
        let answer = gateway.get("/");
        assert_eq!((answer.status, answer.text()), (200, format!("/ {number}")), "{answer}");
    }
}

#[test]
fn a_client_that_has_an_old_copy_gets_the_new_one_when_the_cache_asks() {
    let origin = Origin::start(|exchange| {
        if exchange.read_body() {
            validated(exchange, "Cache-Control: max-age=0\r\nETag: \"v1\"\r\n", FRESH);
        }
    });
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    let old = gateway.connect().get("/", "If-None-Match: \"v0\"\r\n");
    assert_eq!((old.status, old.text().as_str()), (200, "/ 1"), "the origin's 304 is about \"v1\": {old}");
    assert_eq!(gateway.connect().get("/", "If-None-Match: \"v1\"\r\n").status, 304);
}

#[test]
fn responses_that_vary_are_kept_apart() {
    let origin = Origin::start(|exchange| {
        let language = exchange.request().fields.get("accept-language").unwrap_or("none").to_owned();
        let body = format!("{language} {}", exchange.number());
        exchange.answer("200 OK", "Cache-Control: max-age=60\r\nVary: Accept-Language\r\n", body);
    });
    let gateway = Tidegate::caching(&origin, "{}");
    let ask = |fields: &str| gateway.connect().get("/", fields);
    assert_eq!(ask("Accept-Language: de\r\n").text(), "de 1");
    let english = ask("Accept-Language: en\r\n");
    assert_eq!(english.text(), "en 2");
    assert!(english.says("fwd=vary-miss"), "{english}");
    assert_eq!(ask("").text(), "none 3", "none at all is a value of its own");
    for _ in 0..2 {
        assert_hit(&ask("Accept-Language: de\r\n"), "de 1");
        assert_hit(&ask("Accept-Language: en\r\nUser-Agent: another\r\n"), "en 2");
        assert_hit(&ask(""), "none 3");
    }
    assert_eq!(origin.count(), 3);
}

#[test]
fn head_is_answered_from_what_a_get_has_left_and_leaves_nothing_for_get() {
    let origin = page();
    let gateway = Tidegate::caching(&origin, "{}");
    let before = gateway.connect().head("/", "Connection: close\r\n");
    assert_eq!((before.status, before.fields.get("content-length")), (200, Some("1000")), "{before}");
    let whole = gateway.get("/");
    assert!(!whole.is_hit() && whole.text() == text(), "a HEAD has left no body: {whole}");
    let mut client = gateway.connect();
    for _ in 0..2 {
        let head = client.head("/", "");
        assert!(head.is_hit() && head.age().is_some(), "{head}");
        assert_eq!(head.fields.get("content-length"), Some("1000"));
    }
    // Whatever stood behind the head would be read as the next answer.
    assert_hit(&client.get("/", ""), &text());
    assert_eq!(origin.requests().iter().map(|r| r.method.as_str()).collect::<Vec<_>>(), ["HEAD", "GET"]);
}

/// The answer to a GET with these fields, of a page that is kept.
fn of_page(gateway: &Tidegate, fields: &str) -> Response {
    let answer = gateway.connect().get("/", &format!("{fields}Connection: close\r\n"));
    assert!(answer.is_hit() && answer.complete, "{fields}: {answer}");
    answer
}

#[test]
fn parts_are_cut_from_what_is_kept() {
    let origin = page();
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    let text = text();
    for (range, from, to) in [
        ("bytes=0-9", 0, 9),
        ("bytes=990-", 990, 999),
        ("bytes=-10", 990, 999),
        ("bytes=500-5000", 500, 999),
        ("bytes=-5000", 0, 999),
        ("Bytes=7-7", 7, 7),
    ] {
        let part = of_page(&gateway, &format!("Range: {range}\r\n"));
        assert_eq!((part.status, part.text().as_str()), (206, &text[from..=to]), "{range}: {part}");
        assert_eq!(part.fields.get("content-range"), Some(format!("bytes {from}-{to}/1000").as_str()));
        assert!(part.fields.has("etag") && part.fields.has("date"), "RFC 9110 section 15.3.7: {part}");
    }
    for range in ["bytes=1000-", "bytes=5000-6000", "bytes=-0"] {
        let none = of_page(&gateway, &format!("Range: {range}\r\n"));
        assert_eq!(
            (none.status, none.fields.get("content-range")),
            (416, Some("bytes */1000")),
            "{range}: {none}"
        );
    }
    for range in ["bytes=9-0", "bytes=a-b", "lines=0-9", "bytes 0-9", "bytes=", "bytes=0-9,x"] {
        let whole = of_page(&gateway, &format!("Range: {range}\r\n"));
        assert_eq!(
            (whole.status, whole.text()),
            (200, text.clone()),
            "RFC 9110 section 14.2, {range}: {whole}"
        );
    }
    assert_eq!(origin.count(), 1);
}

#[test]
fn several_parts_come_in_one_answer() {
    let origin = page();
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    let answer = of_page(&gateway, "Range: bytes=0-3,100-107,-4\r\n");
    assert_eq!(answer.status, 206, "{answer}");
    let media = answer.fields.get("content-type").unwrap_or_default();
    let boundary = media.strip_prefix("multipart/byteranges; boundary=").expect(media).trim_matches('"');
    assert!(!answer.fields.has("content-range"), "RFC 9110 section 15.3.7.2: {answer}");
    let body = answer.text();
    let parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 5, "{body}");
    assert!(parts[4].starts_with("--"), "{body}");
    for (part, (range, bytes)) in
        parts[1..4].iter().zip([("0-3", "0000"), ("100-107", "00250026"), ("996-999", "0249")])
    {
        let (head, data) = part.split_once("\r\n\r\n").expect("an empty line");
        assert!(head.to_lowercase().contains(&format!("content-range: bytes {range}/1000")), "{body}");
        assert!(head.to_lowercase().contains("content-type: text/plain"), "{body}");
        assert_eq!(data.trim_end_matches("\r\n"), bytes);
    }
    let mixed = of_page(&gateway, "Range: bytes=0-3,5000-6000\r\n");
    assert_eq!(mixed.status, 206, "what is beyond the end is left out: {mixed}");
    // What is asked for again and again costs the sender more than the whole (RFC 9110 section 17.15).
    let greedy = of_page(&gateway, &format!("Range: bytes={}\r\n", ["0-"; 200].join(",")));
    assert!(greedy.body.len() < 5000, "{} bytes, status {}", greedy.body.len(), greedy.status);
}

#[test]
fn if_range_gives_a_part_only_of_what_the_client_has() {
    let origin = page();
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    for (validator, status) in [
        ("\"v1\"", 206),
        ("Wed, 01 Jan 2025 00:00:00 GMT", 206),
        ("\"v0\"", 200),
        ("W/\"v1\"", 200),
        ("Tue, 31 Dec 2024 00:00:00 GMT", 200),
        ("Thu, 02 Jan 2025 00:00:00 GMT", 200),
    ] {
        let answer = of_page(&gateway, &format!("Range: bytes=0-3\r\nIf-Range: {validator}\r\n"));
        assert_eq!(answer.status, status, "RFC 9110 section 13.1.5, {validator}: {answer}");
        assert_eq!(answer.text(), if status == 206 { "0000".into() } else { text() });
    }
}

#[test]
fn conditions_are_answered_from_what_is_kept() {
    let origin = page();
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    let (same, older, newer) =
        ("Wed, 01 Jan 2025 00:00:00 GMT", "Tue, 31 Dec 2024 00:00:00 GMT", "Thu, 02 Jan 2025 00:00:00 GMT");
    for (fields, status) in [
        ("If-None-Match: \"v1\"\r\n".to_owned(), 304),
        ("If-None-Match: W/\"v1\"\r\n".to_owned(), 304),
        ("If-None-Match: \"v0\", \"v1\"\r\n".to_owned(), 304),
        ("If-None-Match: \"v0\"\r\nIf-None-Match: \"v1\"\r\n".to_owned(), 304),
        ("If-None-Match: *\r\n".to_owned(), 304),
        ("If-None-Match: \"v0\"\r\n".to_owned(), 200),
        (format!("If-Modified-Since: {same}\r\n"), 304),
        (format!("If-Modified-Since: {newer}\r\n"), 304),
        (format!("If-Modified-Since: {older}\r\n"), 200),
        ("If-Modified-Since: yesterday\r\n".to_owned(), 200),
        (format!("If-None-Match: \"v0\"\r\nIf-Modified-Since: {same}\r\n"), 200),
        ("If-None-Match: \"v1\"\r\nRange: bytes=0-3\r\n".to_owned(), 304),
        ("If-None-Match: \"v0\"\r\nRange: bytes=0-3\r\n".to_owned(), 206),
    ] {
        let answer = of_page(&gateway, &fields);
        assert_eq!(answer.status, status, "RFC 9110 section 13.2.2, {fields}: {answer}");
        assert_eq!(answer.fields.get("etag"), Some("\"v1\""), "RFC 9110 section 15.4.5: {answer}");
        assert!(answer.fields.has("cache-control") && answer.fields.has("date"), "{answer}");
        assert_eq!(answer.body.is_empty(), status == 304);
    }
    assert_eq!(origin.count(), 1);
}

#[test]
fn what_one_client_has_or_wants_a_part_of_is_fetched_whole_for_all() {
    let origin = page();
    let gateway = Tidegate::caching(&origin, "{}");
    let part = gateway.connect().get("/part", "Range: bytes=0-3\r\n");
    assert_eq!((part.status, part.text().as_str()), (206, "0000"), "{part}");
    assert_hit(&gateway.get("/part"), &text());
    let none = gateway.connect().get("/condition", "If-None-Match: \"v1\"\r\n");
    assert_eq!((none.status, none.body.len()), (304, 0), "{none}");
    assert_hit(&gateway.get("/condition"), &text());
    for request in origin.requests() {
        let narrowed = ["range", "if-none-match", "if-range"].iter().any(|name| request.fields.has(name));
        assert!(!narrowed, "{request:?}");
    }
    assert_eq!(origin.count(), 2);
}

#[test]
fn clients_may_ask_for_something_newer_or_take_something_older() {
    let origin = Origin::counting("Cache-Control: max-age=60\r\nAge: 30\r\n");
    let gateway = Tidegate::caching(&origin, "{}");
    let ask = |path: &str, control: &str| gateway.connect().get(path, &format!("{control}\r\n"));
    gateway.get("/");
    for control in [
        "Cache-Control: max-age=50",
        "Cache-Control: min-fresh=5",
        "Cache-Control: max-age=1000, max-stale=5",
    ] {
        assert_hit(&ask("/", control), "/ 1");
    }
    for (number, control) in [
        (2, "Cache-Control: no-cache"),
        (3, "Cache-Control: max-age=0"),
        (4, "Cache-Control: max-age=20"),
        (5, "Cache-Control: min-fresh=40"),
        (6, "Pragma: no-cache"),
    ] {
        let answer = ask("/", control);
        assert_eq!(answer.text(), format!("/ {number}"), "RFC 9111 section 5.2.1, {control}: {answer}");
        assert!(answer.says("detail=request_wants_newer") && answer.says("stored"), "{control}: {answer}");
        assert_hit(&gateway.get("/"), &format!("/ {number}"));
    }
    assert_eq!(ask("/secret", "Cache-Control: no-store").text(), "/secret 7");
    let after = gateway.get("/secret");
    assert_eq!(after.text(), "/secret 8", "what a client wants not stored is not: {after}");
}

#[test]
fn a_client_may_take_what_is_stale_and_is_told_so() {
    let origin = Origin::counting("Cache-Control: max-age=60\r\nAge: 100\r\nETag: \"a\"\r\n");
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    for control in ["max-stale", "max-stale=100"] {
        let stale = gateway.connect().get("/", &format!("Cache-Control: {control}\r\n"));
        assert_hit(&stale, "/ 1");
        assert!(stale.told("ttl").is_some_and(|left| left <= -40), "RFC 9211 section 2.4: {stale}");
    }
    assert_eq!(gateway.connect().get("/", "Cache-Control: max-stale=5\r\n").text(), "/ 2");
}

#[test]
fn only_if_cached_gets_what_is_there_or_504() {
    let origin = Origin::counting(FRESH);
    let gateway = Tidegate::caching(&origin, "{}");
    let ask = || gateway.connect().get("/", "Cache-Control: only-if-cached\r\n");
    let nothing = ask();
    assert!(nothing.status == 504 && is_problem(&nothing), "RFC 9111 section 5.2.1.7: {nothing}");
    assert_eq!(origin.count(), 0);
    gateway.get("/");
    assert_hit(&ask(), "/ 1");
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
fn what_changes_a_resource_makes_what_is_kept_of_it_worthless() {
    let origin = Origin::start(|exchange| {
        if !exchange.read_body() {
            return;
        }
        let (method, target) = (exchange.request().method.clone(), exchange.request().target.clone());
        let wanted = exchange.request().fields.get("x-answer").unwrap_or("200 OK").to_owned();
        let more = exchange.request().fields.get("x-fields").unwrap_or_default().replace('|', "\r\n");
        let body = format!("{method} {target} {}", exchange.number());
        exchange.answer(
            &wanted,
            &format!("Cache-Control: max-age=60\r\n{more}\r\n").replace("\r\n\r\n", "\r\n"),
            body,
        );
    });
    let gateway = Tidegate::caching(&origin, "{}");
    let is_kept = |path: &str| gateway.get(path).is_hit();
    for (method, answer, is_gone) in [
        ("POST", "200 OK", true),
        ("PUT", "204 No Content", true),
        ("DELETE", "200 OK", true),
        ("PATCH", "200 OK", true),
        ("POST", "303 See Other", true),
        ("WHATEVER", "200 OK", true),
        ("POST", "404 Not Found", false),
        ("DELETE", "403 Forbidden", false),
        ("PUT", "500 Internal Server Error", false),
        ("OPTIONS", "200 OK", false),
    ] {
        gateway.get("/page");
        assert!(is_kept("/page"), "before {method}");
        let answered = gateway.connect().ask(method, "/page", &format!("X-Answer: {answer}\r\n"));
        assert!(answered.says("fwd=method"), "{answered}");
        assert_eq!(is_kept("/page"), !is_gone, "RFC 9111 section 4.4: {method} with {answer}");
    }
    let all = ["/page", "/made", "/content", "/foreign"];
    for path in all {
        gateway.get(path);
    }
    let told = "X-Fields: Location: /made|Content-Location: http://example.com/content\r\n";
    gateway.connect().ask("POST", "/page", told);
    assert_eq!(
        all.map(is_kept),
        [false, false, false, true],
        "what its Location and Content-Location name too"
    );
    gateway.connect().ask("POST", "/page", "X-Fields: Location: http://elsewhere.example/foreign\r\n");
    assert!(is_kept("/foreign"));
    let elsewhere = || {
        let request = "GET /there HTTP/1.1\r\nHost: other.example\r\n\r\n";
        gateway.connect().send(request).response()
    };
    elsewhere();
    gateway.connect().ask("POST", "/page", "X-Fields: Location: http://other.example/there\r\n");
    assert!(elsewhere().is_hit(), "what another host keeps is none of its business: RFC 9111 section 4.4");
}

#[test]
fn a_request_with_a_body_is_not_answered_from_the_cache() {
    let origin = Origin::counting(FRESH);
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    let asked = "GET / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 5\r\n\r\nquery";
    let answer = gateway.connect().send(asked).response();
    assert_eq!(answer.text(), "/ 2", "{answer}");
    assert!(answer.says("detail=request_body"), "{answer}");
    assert_eq!(origin.requests()[1].body, b"query");
    assert_hit(&gateway.get("/"), "/ 1");
}

#[test]
fn conditions_of_a_write_go_to_the_origin() {
    let origin = Origin::counting("Cache-Control: max-age=60\r\nETag: \"a\"\r\n");
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    let answer = gateway.connect().get("/", "If-Match: \"a\"\r\n");
    assert_eq!((answer.text().as_str(), answer.says("detail=request_conditions")), ("/ 2", true), "{answer}");
    assert_eq!(origin.requests()[1].fields.get("if-match"), Some("\"a\""));
}

#[test]
fn an_answer_whose_frames_say_two_things_is_not_kept() {
    let origin = Origin::counting("Cache-Control: max-age=60\r\nCache-Control: no-store\r\n");
    let gateway = Tidegate::caching(&origin, "{}");
    assert_eq!((gateway.get("/").text(), gateway.get("/").text()), ("/ 1".into(), "/ 2".into()));
}

/// Reads a body that comes in pieces, and tells where it had a pause.
#[track_caller]
fn first_piece(client: &mut Raw, piece: &str) {
    let got = client.read_until(piece.as_bytes()).expect("it comes before the next is made");
    assert!(got.ends_with(piece.as_bytes()));
}

#[test]
fn a_stream_of_events_passes_event_by_event_to_each_client_for_itself() {
    let gate = e2e::Gate::shut();
    let origins = gate.clone();
    let origin = Origin::start(move |exchange| {
        exchange.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
        );
        let event = format!("data: of {}\n\n", exchange.number());
        exchange.send(format!("{:x}\r\n{event}\r\n", event.len()));
        origins.pass();
        exchange.send("8\r\nlast one\r\n0\r\n\r\n");
    });
    let gateway = Tidegate::caching(&origin, "{ ttl: 60s, stale_while_revalidate: 60s }");
    let mut clients: Vec<Raw> = (1..=3)
        .map(|number| {
            let mut client = gateway.connect();
            client.send("GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");
            first_piece(&mut client, &format!("data: of {number}\n\n"));
            client
        })
        .collect();
    gate.open();
    for client in &mut clients {
        first_piece(client, "last one");
    }
}

#[test]
fn a_tunnel_passes() {
    let origin = Origin::start(|exchange| {
        exchange
            .send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        let words = exchange.read_some();
        exchange.send(words);
        exchange.close();
    });
    let gateway = Tidegate::caching(&origin, "60s");
    for _ in 0..2 {
        let mut client = gateway.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        assert_eq!(client.try_head().expect("a head").status, 101);
        client.send("words").expect_bytes(b"words");
    }
    assert_eq!(origin.count(), 2);
}

#[test]
fn a_body_that_ends_with_its_connection_is_kept_whole() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.0 200 OK\r\nCache-Control: max-age=60\r\n\r\nto the end");
        exchange.close();
    });
    let gateway = Tidegate::caching(&origin, "{}");
    assert_eq!(gateway.get("/").text(), "to the end");
    soon("it is kept", || gateway.get("/").is_hit());
    let kept = gateway.get("/");
    assert_hit(&kept, "to the end");
    assert_eq!(kept.fields.get("content-length"), Some("10"), "its length is known by now: {kept}");
}
