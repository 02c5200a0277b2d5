//! HTTP/2 of clients (RFC 9113): with real clients, and with frames that no good client sends.

use e2e::{Origin, Scratch, Tidegate, curl, h2load, python_script, soon};
use serde_json::{Value, json};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Sends these requests, each on its own connection, and returns what came of each.
#[track_caller]
fn send(gateway: &Tidegate, cases: &Value) -> Vec<Value> {
    let done = python_script("h2_send.py", &[&gateway.address().port().to_string(), &cases.to_string()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("a list of outcomes")
}

/// The pseudo-fields of a request with more fields behind them.
fn request(method: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let pseudo = [(":method", method), (":scheme", "http"), (":path", "/p"), (":authority", "example.com")];
    pseudo.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn curl_with_prior_knowledge_is_served() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let seen = curl(&["--http2-prior-knowledge", &gateway.url("/p?q=1")]);
    assert_eq!((seen.status, seen.version.as_str(), seen.body.as_str()), (200, "2", "/p?q=1"), "{seen:?}");
}

#[test]
fn curl_that_offers_an_upgrade_to_http_2_is_served_all_the_same() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let seen = curl(&["--http2", &gateway.url("/p")]);
    assert_eq!((seen.status, seen.body.as_str()), (200, "/p"), "{seen:?}");
}

#[test]
fn a_thousand_requests_over_http_2_all_succeed() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let load = h2load(&["-n", "1000", "-c", "10", "-m", "10", &gateway.url("/p")]);
    assert_eq!((load.succeeded, load.failed), (1000, 0), "{}", load.report);
    soon("the metrics have them", || {
        gateway.metric("tidegate_requests_total", &["service=\"api\"", "method=\"GET\"", "status=\"200\""])
            >= 1000
    });
}

#[test]
fn large_bodies_pass_over_http_2_in_both_directions() {
    let origin = Origin::start(|exchange| {
        if exchange.read_body() {
            let body = exchange.request().body.clone();
            exchange.send_ok(body);
        }
    });
    let gateway = Tidegate::to_with(&origin.url(), "limits: { max_body: unlimited }");
    let scratch = Scratch::new();
    let body: Vec<u8> = (0..5_000_000_u32).map(|n| b'a' + (n % 23) as u8).collect();
    let file = format!("@{}", scratch.write("body", &body).display());
    let seen = curl(&["--http2-prior-knowledge", "--data-binary", &file, &gateway.url("/")]);
    assert_eq!(seen.status, 200, "exit {}", seen.exit);
    assert!(seen.body.as_bytes() == body, "{} of {} bytes", seen.body.len(), body.len());
}

#[test]
fn the_crumbs_of_a_cookie_are_joined_for_http_1() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let headers = request("GET", &[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3")]);
    let outcome = send(&gateway, &json!([{ "headers": headers }]));
    assert_eq!(outcome[0]["status"], 200, "{outcome:?}");
    assert_eq!(origin.only_request().fields.all("cookie"), ["a=1; b=2; c=3"], "RFC 9113 section 8.2.3");
}

#[test]
fn the_authority_becomes_the_host() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    send(&gateway, &json!([{ "headers": request("GET", &[]) }]));
    let request = origin.only_request();
    assert_eq!((request.version.as_str(), request.fields.all("host")), ("HTTP/1.1", vec!["example.com"]));
    let via = request.fields.all("via").join(",");
    assert!(via.starts_with("2 ") || via.starts_with("2.0 "), "RFC 9110 section 7.6.3: {via}");
}

#[test]
fn trailers_pass_between_http_2_and_http_1() {
    let origin = Origin::always(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n",
    );
    let gateway = Tidegate::to(&origin.url());
    let headers = request("POST", &[("te", "trailers"), ("trailer", "x-in")]);
    let outcome =
        send(&gateway, &json!([{ "headers": headers, "body": "abc", "trailers": [["x-in", "7"]] }]));
    assert_eq!(outcome[0]["body"], "hello", "{outcome:?}");
    assert_eq!(outcome[0]["trailers"], json!([["x-sum", "42"]]), "{outcome:?}");
    let request = origin.only_request();
    assert_eq!((request.body.as_slice(), request.trailers.get("x-in")), (b"abc".as_slice(), Some("7")));
}

#[test]
fn fields_of_an_http_1_connection_do_not_reach_http_2_clients() {
    let origin = Origin::always(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok",
    );
    let gateway = Tidegate::to(&origin.url());
    let outcome = send(&gateway, &json!([{ "headers": request("GET", &[]) }]));
    let names: Vec<&str> =
        outcome[0]["headers"].as_array().into_iter().flatten().filter_map(|f| f[0].as_str()).collect();
    for name in ["connection", "keep-alive", "x-hop", "transfer-encoding"] {
        assert!(!names.contains(&name), "RFC 9113 section 8.2.2: {names:?}");
    }
}

#[test]
fn malformed_requests_of_http_2_do_not_reach_the_origin() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let bad_fields = [
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("keep-alive", "timeout=5"),
        ("upgrade", "websocket"),
        ("proxy-connection", "close"),
        ("te", "gzip"),
        ("X-Upper", "case"),
        ("x y", "z"),
        ("x:y", "z"),
        ("", "empty"),
        ("x", "a\r\nsmuggled: yes"),
        ("x", "a\nb"),
        ("x", "a\0b"),
        ("x\r\nsmuggled", "yes"),
        ("host", "other.example"),
        (":path", "/second"),
        (":status", "200"),
        (":unknown", "x"),
        ("content-length", "5"),
        ("content-length", "-1"),
        ("content-length", "0x3"),
        ("content-length", "3, 3"),
        ("expect", "fruit"),
    ];
    let mut cases: Vec<Value> = bad_fields
        .iter()
        .map(|field| json!({ "headers": request("POST", &[*field]), "body": "abc" }))
        .collect();
    let replaced = |name: &str, value: &str| {
        let mut headers = request("GET", &[]);
        headers
            .iter_mut()
            .filter(|(known, _)| known == name)
            .for_each(|field| value.clone_into(&mut field.1));
        json!({ "headers": headers })
    };
    let without = |name: &str| {
        let mut headers = request("GET", &[]);
        headers.retain(|(known, _)| known != name);
        json!({ "headers": headers })
    };
    for path in
        ["", "p", "/a b", "/a\r\nx: y", "/a\0b", "/../etc", "/a%00", "*", "/a HTTP/1.1\r\nx: y", "http://a/"]
    {
        cases.push(replaced(":path", path));
    }
    for method in ["", "G T", "GET\r\nX: y", "GE(T", "TRACE"] {
        cases.push(replaced(":method", method));
    }
    for authority in ["a b", "a/b", "user@a", "a\r\nx: y", ""] {
        cases.push(replaced(":authority", authority));
    }
    for name in [":method", ":scheme", ":path", ":authority"] {
        cases.push(without(name));
    }
    let outcomes = send(&gateway, &Value::Array(cases.clone()));
    let served: Vec<String> = cases
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| {
            outcome["end"] == "ended" && outcome["status"].as_u64().is_none_or(|status| status < 400)
        })
        .map(|(case, outcome)| format!("{case}\n    {outcome}"))
        .collect();
    assert!(served.is_empty(), "{} of {} served:\n{}", served.len(), cases.len(), served.join("\n"));
    let reached: Vec<String> =
        origin.requests().iter().filter(|r| r.complete).map(|r| r.head.escape_ascii().to_string()).collect();
    assert!(reached.is_empty(), "{reached:?}");
}

/// One frame (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// GET of `http://a/` in HPACK, from the static table.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'a'];

/// Sends the preface and then `frames` until the gateway ends the connection; at most `most` times.
#[track_caller]
fn assert_flood_is_ended(most: u32, frames: impl Fn(u32) -> Vec<u8>) {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send(PREFACE).send(frame(4, 0, 0, &[]));
    let ended = (0..most).any(|n| client.try_send(frames(n)).is_err());
    // What the gateway says may lie unread: the end of the connection is what counts.
    let ended = ended || client.read_to_end().is_ok() || client.is_closed(e2e::PATIENCE);
    assert!(ended, "the flood went on");
    assert_eq!(gateway.get("/alive").status, 200);
    assert!(origin.requests().len() < 5000, "{} requests reached the origin", origin.requests().len());
}

#[test]
fn a_flood_of_requests_that_are_reset_at_once_is_ended() {
    assert_flood_is_ended(20_000, |n| {
        let stream = 2 * n + 1;
        [frame(1, 5, stream, GET), frame(3, 0, stream, &8_u32.to_be_bytes())].concat()
    });
}

#[test]
fn a_head_of_endless_continuations_is_ended() {
    assert_flood_is_ended(20_000, |n| match n {
        0 => frame(1, 1, 1, GET),
        // A literal field without indexing: x: 1000 times y.
        _ => frame(9, 0, 1, &[&[0, 1, b'x', 0x7f, 0xe9, 0x06][..], &[b'y'; 1000]].concat()),
    });
}

#[test]
fn a_flood_of_empty_data_frames_is_ended() {
    let post = [&[0x83, 0x86, 0x84, 0x41, 1, b'a'][..]].concat();
    assert_flood_is_ended(200_000, |n| match n {
        0 => frame(1, 4, 1, &post),
        _ => frame(0, 0, 1, &[]).repeat(10),
    });
}

/// Is there a GOAWAY with `ENHANCE_YOUR_CALM` behind the number of the last stream (RFC 9113 sections 6.8 and 7)?
fn says_calm(mut bytes: &[u8]) -> bool {
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let Some((payload, rest)) = rest.split_at_checked(length) else { return false };
        if head[3] == 7 && payload.get(4..8) == Some(&[0, 0, 0, 11]) {
            return true;
        }
        bytes = rest;
    }
    false
}

#[test]
fn a_flood_of_control_frames_is_told_to_calm_down_and_ended() {
    let post = [0x83, 0x86, 0x84, 0x41, 1, b'a'];
    let floods: [(&str, Vec<u8>, Vec<u8>); 8] = [
        ("PING", vec![], frame(6, 0, 0, &[7; 8])),
        ("PING with ACK", vec![], frame(6, 1, 0, &[7; 8])),
        ("SETTINGS", vec![], frame(4, 0, 0, &[0, 4, 0, 0, 0xff, 0xff])),
        ("PRIORITY", vec![], frame(2, 0, 1, &[0, 0, 0, 0, 16])),
        ("WINDOW_UPDATE", vec![], frame(8, 0, 0, &[0, 0, 0, 1])),
        ("of an unknown kind", vec![], frame(0xee, 0, 0, &[])),
        ("empty DATA", frame(1, 4, 1, &post), frame(0, 0, 1, &[])),
        ("DATA of padding", frame(1, 4, 1, &post), frame(0, 8, 1, &[5, 0, 0, 0, 0, 0])),
    ];
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    for (name, first, frame_) in floods {
        let mut client = gateway.connect();
        client.send(PREFACE).send(frame(4, 0, 0, &[])).send(first);
        let many = frame_.repeat(100);
        let sent = (0..1000).take_while(|_| client.try_send(&many).is_ok()).count();
        let mut seen = Vec::new();
        let _ = client.read_pieces(|piece| seen.extend_from_slice(piece));
        assert!(says_calm(&seen), "{name}: {sent} hundreds went, and back came {}", seen.escape_ascii());
    }
    assert_eq!(gateway.get("/alive").status, 200);
}

#[test]
fn a_download_over_http_2_may_open_its_windows_for_each_frame() {
    const BODY: usize = 32 << 20;
    let origin = Origin::start(|exchange| {
        exchange.send_ok(vec![b'x'; BODY]);
    });
    let gateway = Tidegate::to(&origin.url());
    let mut client = gateway.connect();
    client.send(PREFACE).send(frame(4, 0, 0, &[])).send(frame(1, 5, 1, GET));
    let (mut taken, mut updates) = (0, 0);
    while taken < BODY {
        let head = client.read_exactly(9).expect("the connection stays");
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        client.read_exactly(length).expect("a frame comes whole");
        assert!(!matches!(head[3], 3 | 7), "cut after {taken} bytes and {updates} updates");
        if head[3] == 0 {
            taken += length;
            // A ping beside them, as gRPC sends to learn how long the line is.
            let more = (length as u32).to_be_bytes();
            client.send([frame(8, 0, 1, &more), frame(8, 0, 0, &more), frame(6, 0, 0, &[7; 8])].concat());
            updates += 3;
        }
    }
    assert!(updates > 5000, "{updates} control frames would be no more than anybody may send");
}

#[test]
fn streams_above_the_limit_are_refused() {
    let origin = Origin::start(|exchange| {
        exchange.sees_close();
    });
    let gateway = Tidegate::to_with(&origin.url(), "limits: { h2_max_streams: 5 }");
    let mut client = gateway.connect();
    client.send(PREFACE).send(frame(4, 0, 0, &[]));
    for n in 0..20 {
        client.send(frame(1, 5, 2 * n + 1, GET));
    }
    // RST_STREAM with REFUSED_STREAM (or PROTOCOL_ERROR), or the end of the connection (RFC 9113 section 5.1.2).
    let told = client.read_until(&[0, 0, 4, 3, 0]);
    assert!(told.is_ok() || client.is_closed(e2e::PATIENCE), "{told:?}");
    assert!(origin.requests().len() <= 5, "{}", origin.requests().len());
}

#[test]
fn a_fragment_in_a_path_reaches_no_origin() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut headers = request("GET", &[]);
    "/a#b".clone_into(&mut headers[2].1);
    send(&gateway, &json!([{ "headers": headers }]));
    assert!(origin.requests().iter().all(|request| !request.target.contains('#')), "{:?}", origin.requests());
}

#[test]
fn http_2_is_refused_where_the_listener_does_not_offer_it() {
    let gateway = Tidegate::start(
        "listeners: [{ address: \"127.0.0.1:{port}\", protocols: [http1] }]\nroutes: [{ respond: { body: here } }]",
    );
    assert_eq!(gateway.get("/").text(), "here");
    let seen = curl(&["--http2-prior-knowledge", &gateway.url("/")]);
    assert_ne!(seen.exit, 0, "{seen:?}");
}
