//! A shared cache by RFC 9111: what is given without the origin, what is asked about again, and in which form a client gets it.

use e2e::{Exchange, Gate, Origin, PythonServer, Raw, Response, Tidegate, is_problem, python_script, soon};

const FRESH: &str = "Cache-Control: max-age=60\r\n";

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
    let gate = Gate::shut();
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

#[test]
fn calls_of_grpc_pass_untouched() {
    let server = PythonServer::start("grpc_server.py", &[]);
    let gateway = Tidegate::start(&format!(
        "services: {{ echo: {{ endpoints: [\"{}\"], protocol: http2 }} }}\n\
         routes: [{{ match: {{ path: \"/test.Echo/*\" }}, service: echo, cache: 60s }}]\nlimits: {{ max_body: unlimited }}",
        server.url()
    ));
    for step in ["unary", "fail", "streams", "chat"] {
        let done = python_script("grpc_client.py", &[&gateway.address().port().to_string(), step]);
        assert!(done.status.success(), "{step}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
fn a_hint_ahead_of_the_answer_passes_and_is_not_kept() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
        exchange.answer("200 OK", FRESH, "it");
    });
    let gateway = Tidegate::caching(&origin, "{}");
    let answer = gateway.connect().send("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").final_response();
    assert_eq!(answer.text(), "it");
    let kept = gateway.get("/");
    assert_hit(&kept, "it");
    assert!(!kept.fields.has("link"), "{kept}");
}

#[test]
fn fields_of_one_connection_are_not_kept() {
    let origin = Origin::counting(
        "Cache-Control: max-age=60\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n",
    );
    let gateway = Tidegate::caching(&origin, "{}");
    gateway.get("/");
    let kept = gateway.connect().get("/", "");
    assert_hit(&kept, "/ 1");
    assert!(!kept.fields.has("x-hop") && !kept.fields.has("keep-alive"), "RFC 9111 section 3.1: {kept}");
}

#[test]
fn a_part_that_the_origin_sends_is_kept_as_nothing_whole() {
    let origin = Origin::start(|exchange| {
        exchange.answer("206 Partial Content", &format!("{FRESH}Content-Range: bytes 0-3/10\r\n"), "0123");
    });
    let gateway = Tidegate::caching(&origin, "60s");
    for _ in 0..2 {
        let answer = gateway.get("/");
        assert!(answer.status == 206 && !answer.is_hit(), "{answer}");
    }
}
