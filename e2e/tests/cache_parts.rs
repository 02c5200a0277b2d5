//! In which form a client gets what is kept: whole, its head, a part of it, or the word that it has it (RFC 9110 sections 13, 14).

use e2e::{Origin, Response, Tidegate};

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
    let numbers: Vec<String> = (0..250).map(|n| format!("{n:04}")).collect();
    numbers.concat()
}

/// The answer to a GET with these fields, of a page that is kept.
fn of_page(gateway: &Tidegate, fields: &str) -> Response {
    let answer = gateway.connect().get("/", &format!("{fields}Connection: close\r\n"));
    assert!(answer.is_hit() && answer.complete, "{fields}: {answer}");
    answer
}

#[track_caller]
fn assert_hit(answer: &Response, body: &str) {
    assert!(answer.complete && answer.is_hit(), "{answer}");
    assert_eq!((answer.status, answer.text().as_str()), (200, body), "{answer}");
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
