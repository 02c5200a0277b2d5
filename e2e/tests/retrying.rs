//! Requests that are sent again: after what, how often, with which body, and never where that could do harm.

use e2e::{
    Exchange, Origin, PATIENCE, PythonServer, Raw, Response, Tidegate, get, is_problem, post, python_script,
    soon,
};
use std::sync::mpsc;
use std::time::{Duration, Instant};

fn gateway_to(endpoints: &[&Origin], keys: &str) -> Tidegate {
    let list = endpoints.iter().map(|o| format!("\"{}\"", o.url())).collect::<Vec<_>>().join(", ");
    Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [{list}], lb_policy: first, outlier_detection: off, {keys} }} }}\n\
         routes: [{{ service: api }}]\n"
    ))
}

/// Reads each request and answers with that status and these fields.
fn answering(status: u16, fields: &'static str) -> Origin {
    Origin::always(format!("HTTP/1.1 {status} No\r\n{fields}Content-Length: 0\r\n\r\n"))
}

/// Sends a request over a connection of its own.
#[track_caller]
fn send(gateway: &Tidegate, request: impl AsRef<[u8]>) -> Response {
    gateway.connect().send(request).response()
}

fn retries(gateway: &Tidegate) -> u64 {
    gateway.metric("tidegate_retries_total", &["service=\"api\""])
}

#[test]
fn a_503_is_tried_again_at_another_endpoint() {
    for status in [502, 503, 504] {
        let (bad, good) = (answering(status, ""), Origin::named("good"));
        let gateway = gateway_to(&[&bad, &good], "");
        for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
            let answer = send(&gateway, format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!(answer.text(), "good", "{method} {status}: {answer}");
        }
        assert_eq!((bad.requests().len(), good.requests().len()), (4, 4));
        assert_eq!(retries(&gateway), 4);
    }
}

#[test]
fn what_is_no_sign_of_trouble_is_not_tried_again() {
    for status in [400, 404, 429, 500, 501] {
        let (bad, good) = (answering(status, ""), Origin::named("good"));
        let gateway = gateway_to(&[&bad, &good], "");
        assert_eq!(send(&gateway, get("/", "")).status, status);
        assert_eq!((good.requests().len(), retries(&gateway)), (0, 0));
    }
}

#[test]
fn the_last_attempts_answer_is_the_clients() {
    let (one, two) = (answering(503, ""), answering(502, "X-Mine: yes\r\n"));
    let gateway = gateway_to(&[&one, &two], "");
    let answer = send(&gateway, get("/", ""));
    assert_eq!((answer.status, answer.fields.get("x-mine")), (502, Some("yes")), "{answer}");
    assert_eq!((one.requests().len(), two.requests().len()), (1, 1), "one retry and no more");
}

#[test]
fn a_post_is_not_tried_again_once_an_endpoint_has_seen_it() {
    let reset = Origin::start(|exchange| {
        exchange.read_body();
        exchange.reset();
    });
    for bad in [answering(503, ""), reset] {
        let good = Origin::named("good");
        let gateway = gateway_to(&[&bad, &good], "");
        let answer = send(&gateway, post("/", "", "body"));
        assert!(matches!(answer.status, 502 | 503), "{answer}");
        assert_eq!((bad.requests().len(), good.requests().len()), (1, 0));
    }
}

#[test]
fn a_post_with_an_idempotency_key_is_tried_again_where_the_config_says_that_it_counts() {
    for (keys, status) in [("", 503), ("retry: { idempotency_key: true }", 200)] {
        let (bad, good) = (answering(503, ""), Origin::named("good"));
        let gateway = gateway_to(&[&bad, &good], keys);
        let answer = send(&gateway, post("/", "Idempotency-Key: 7\r\n", "body"));
        assert_eq!(answer.status, status, "{answer}");
        let answer = send(&gateway, post("/", "", "body"));
        assert_eq!(answer.status, 503, "without the key: {answer}");
        if status == 200 {
            assert_eq!(good.only_request().body, b"body");
        }
    }
}

#[test]
fn with_all_methods_a_post_is_tried_again() {
    let (bad, good) = (answering(503, ""), Origin::named("good"));
    let gateway = gateway_to(&[&bad, &good], "retry: { methods: all }");
    assert_eq!(send(&gateway, post("/", "", "body")).text(), "good");
}

/// Bytes that no mix-up leaves as they are.
fn noise(length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn put(body: &[u8]) -> Vec<u8> {
    let head = format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn put_chunked(body: &[u8]) -> Vec<u8> {
    let mut message =
        b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n".to_vec();
    for chunk in body.chunks(1000) {
        message.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        message.extend_from_slice(chunk);
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"0\r\nX-Sum: 7\r\n\r\n");
    message
}

#[test]
fn a_body_of_up_to_64_kib_is_sent_again_byte_for_byte() {
    for length in [1, 5000, 64 * 1024] {
        let body = noise(length);
        for request in [put(&body), put_chunked(&body)] {
            let (bad, good) = (answering(503, ""), Origin::named("good"));
            let gateway = gateway_to(&[&bad, &good], "");
            assert_eq!(send(&gateway, &request).text(), "good");
            assert!(bad.only_request().body == body && good.only_request().body == body, "{length} bytes");
            assert_eq!(bad.only_request().trailers, good.only_request().trailers);
        }
    }
}

#[test]
fn a_body_is_whole_again_where_the_first_endpoint_read_a_part_of_it() {
    let curt = Origin::start(|exchange| {
        exchange.read_some();
        exchange.send("HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        exchange.close();
    });
    let good = Origin::named("good");
    let gateway = gateway_to(&[&curt, &good], "");
    let body = noise(40_000);
    let mut client = gateway.connect();
    let message = put(&body);
    let (now, later) = message.split_at(message.len() - 15_000);
    client.send(now);
    soon("the first endpoint has refused", || !good.requests().is_empty());
    assert_eq!(client.send(later).response().text(), "good");
    assert!(good.only_request().body == body);
}

#[test]
fn a_larger_body_is_never_sent_again_nor_sent_empty() {
    let body = noise(64 * 1024 + 1);
    for request in [put(&body), put_chunked(&body)] {
        let (bad, good) = (answering(503, ""), Origin::named("good"));
        let gateway = gateway_to(&[&bad, &good], "");
        assert_eq!(send(&gateway, &request).status, 503);
        assert!(bad.only_request().body == body);
        assert!(good.requests().is_empty(), "it got {} bytes", good.requests()[0].body.len());
    }
}

#[test]
fn a_larger_body_goes_elsewhere_where_nobody_has_seen_it() {
    let nobody = e2e::Port::free();
    let good = Origin::named("good");
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"http://{}\", \"{}\"], lb_policy: first }} }}\nroutes: [{{ service: api }}]",
        nobody.address(),
        good.url()
    ));
    let body = noise(300_000);
    for request in [put(&body), put(&body)] {
        assert_eq!(send(&gateway, &request).text(), "good");
    }
    assert!(good.requests().iter().all(|request| request.body == body));
}

#[test]
fn a_body_that_waits_for_100_continue_is_asked_for_by_the_endpoint_that_takes_it() {
    let wary = |exchange: &mut Exchange<'_>| {
        exchange.send("HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        exchange.close();
    };
    let eager = |exchange: &mut Exchange<'_>| {
        exchange.send("HTTP/1.1 100 Continue\r\n\r\n");
        if exchange.read_body() {
            exchange.send_ok("good");
        }
    };
    let (bad, good) = (Origin::start(wary), Origin::start(eager));
    let gateway = gateway_to(&[&bad, &good], "");
    let mut client = gateway.connect();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(client.response().status, 100);
    assert_eq!(client.send("hello").response().text(), "good");
    assert_eq!(good.only_request().body, b"hello");
    assert!(bad.only_request().body.is_empty());
}

#[test]
fn a_retry_after_is_waited_for_or_there_is_no_retry() {
    let busy = answering(503, "Retry-After: 1\r\n");
    let patient = gateway_to(&[&busy], "retry: { backoff: { max: 3s } }");
    let start = Instant::now();
    assert_eq!(send(&patient, get("/", "")).status, 503);
    assert!(start.elapsed() >= Duration::from_secs(1), "it came back after {:?}", start.elapsed());
    assert_eq!(busy.requests().len(), 2);
    let hasty = gateway_to(&[&busy], "");
    let answer = send(&hasty, get("/", ""));
    assert_eq!((answer.status, answer.fields.get("retry-after")), (503, Some("1")), "{answer}");
    assert_eq!(busy.requests().len(), 3, "nobody asked it again too early");
}

#[test]
fn a_retry_after_of_one_endpoint_does_not_keep_others_from_answering() {
    let (busy, good) = (answering(503, "Retry-After: 60\r\n"), Origin::named("good"));
    let gateway = gateway_to(&[&busy, &good], "");
    assert_eq!(send(&gateway, get("/", "")).text(), "good");
}

#[test]
fn a_spent_budget_means_no_retry_and_is_counted() {
    let (bad, good) = (answering(503, ""), Origin::named("good"));
    let gateway = gateway_to(&[&bad, &good], "retry: { budget: 10%, min_per_second: 0 }");
    let mut client = gateway.connect();
    let answers: Vec<_> = (0..200).map(|_| client.get("/", "").status).collect();
    let retried = answers.iter().filter(|status| **status == 200).count();
    assert!((10..=21).contains(&retried), "{retried} of 200 were tried again");
    assert_eq!(retries(&gateway), retried as u64);
    let refused = gateway.metric("tidegate_retries_refused_total", &["service=\"api\""]);
    assert_eq!(refused, 200 - retried as u64);
}

#[test]
fn an_attempt_that_takes_too_long_is_made_elsewhere() {
    let silent = Origin::start(|exchange| {
        exchange.sees_close();
    });
    let good = Origin::named("good");
    let gateway = gateway_to(&[&silent, &good], "retry: { per_try_timeout: 300ms }");
    let start = Instant::now();
    assert_eq!(send(&gateway, get("/", "")).text(), "good");
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
    assert_eq!(retries(&gateway), 1);
    // A POST may have been carried out: it ends there.
    let answer = send(&gateway, post("/", "", "body"));
    assert_eq!(answer.status, 504, "{answer}");
}

#[test]
fn all_attempts_together_take_no_longer_than_the_request_may() {
    let silent = [(), (), ()].map(|()| {
        Origin::start(|exchange| {
            exchange.sees_close();
        })
    });
    let keys = "retry: { attempts: 5, per_try_timeout: 400ms }, timeouts: { request: 1s }";
    let gateway = gateway_to(&silent.iter().collect::<Vec<_>>(), keys);
    let start = Instant::now();
    let answer = send(&gateway, get("/", ""));
    let took = start.elapsed();
    assert_eq!(answer.status, 504, "{answer}");
    assert!(took > Duration::from_millis(700) && took < Duration::from_secs(4), "{took:?}");
    let attempts: usize = silent.iter().map(|origin| origin.requests().len()).sum();
    assert!((2..=3).contains(&attempts), "{attempts} attempts of 400 ms in one second");
}

#[test]
fn an_answer_that_breaks_off_is_not_tried_again() {
    let broken = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        exchange.close();
    });
    let good = Origin::named("good");
    let gateway = gateway_to(&[&broken, &good], "");
    let answer = send(&gateway, get("/", ""));
    assert_eq!((answer.status, answer.complete), (200, false), "{answer}");
    assert_eq!((broken.requests().len(), good.requests().len()), (1, 0));
}

#[test]
fn a_connection_that_breaks_before_the_answer_is_made_up_for_elsewhere() {
    let reset = Origin::start(|exchange| {
        exchange.read_body();
        exchange.reset();
    });
    let nonsense = Origin::always("this is no HTTP\r\n\r\n");
    for bad in [reset, nonsense] {
        let good = Origin::named("good");
        let gateway = gateway_to(&[&bad, &good], "");
        assert_eq!(send(&gateway, get("/", "")).text(), "good");
        assert_eq!(bad.requests().len(), 1);
    }
}

#[test]
fn an_upgrade_is_never_asked_for_twice() {
    let (bad, good) = (answering(503, ""), Origin::named("good"));
    let gateway = gateway_to(&[&bad, &good], "");
    let fields = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
                  Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    assert_eq!(send(&gateway, get("/", fields)).status, 503);
    assert!(good.requests().is_empty());
}

#[test]
fn without_retries_there_are_none() {
    let (bad, good) = (answering(503, ""), Origin::named("good"));
    let gateway = gateway_to(&[&bad, &good], "retry: off");
    assert_eq!(send(&gateway, get("/", "")).status, 503);
    assert!(good.requests().is_empty());
}

/// Starts a gateway over two gRPC servers of those manners, the first of which is asked first.
fn grpc(manners: [&str; 2], keys: &str) -> (Tidegate, [PythonServer; 2]) {
    let servers = manners.map(|manner| PythonServer::start("grpc_origin.py", &[manner]));
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{}\", \"{}\"], protocol: http2, lb_policy: first, {keys} }} }}\n\
         routes: [{{ service: api }}]\n",
        servers[0].url(),
        servers[1].url()
    ));
    (gateway, servers)
}

/// What the client script prints: a line for each call.
#[track_caller]
fn call(gateway: &Tidegate, method: &str, count: usize, timeout: &str) -> Vec<String> {
    let port = gateway.address().port().to_string();
    let done = python_script("grpc_call.py", &[&port, method, &count.to_string(), timeout]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn a_grpc_call_that_is_unavailable_is_made_elsewhere_and_counted() {
    let keys = "outlier_detection: off, retry: { methods: all }";
    let (gateway, _servers) = grpc(["unavailable", "good"], keys);
    assert_eq!(call(&gateway, "Unary", 3, "15"), ["good"; 3]);
    assert_eq!(retries(&gateway), 3);
    // Calls are POSTs: whether they may be made twice only the config knows.
    let (gateway, _servers) = grpc(["unavailable", "good"], "outlier_detection: off");
    assert_eq!(call(&gateway, "Unary", 1, "15"), ["UNAVAILABLE"]);
    assert_eq!(retries(&gateway), 0);
}

#[test]
fn a_grpc_call_that_had_an_answer_is_not_made_again() {
    let (gateway, _servers) = grpc(["broken", "good"], "outlier_detection: off, retry: { methods: all }");
    assert_eq!(call(&gateway, "Stream", 2, "15"), ["UNAVAILABLE"; 2]);
    assert_eq!(retries(&gateway), 0);
}

#[test]
fn the_timeout_of_a_grpc_call_bounds_the_whole_request() {
    let (gateway, _servers) =
        grpc(["silent", "silent"], "retry: { methods: all, on: [timeout], attempts: 5 }");
    // With curl, so that it is the gateway that ends it and not the client's library.
    let start = Instant::now();
    let (url, message) = (gateway.url("/test.Echo/Unary"), gateway.file("message"));
    std::fs::write(&message, [0; 5]).expect("the folder can be written"); // One empty message.
    let data = format!("@{}", message.display());
    let args = ["--http2-prior-knowledge", "-D", "-", "--data-binary", &data];
    let fields = ["-H", "content-type: application/grpc", "-H", "te: trailers", "-H", "grpc-timeout: 500m"];
    let done = e2e::curl_raw(&[&args[..], &fields[..], &[&url]].concat());
    let head = String::from_utf8_lossy(&done.stdout).to_ascii_lowercase();
    assert!(head.contains("grpc-status: 4"), "DEADLINE_EXCEEDED: {head}");
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(400) && took < Duration::from_secs(5), "{took:?}");
}

/// An origin that answers when it is told to, and says when its connection was closed instead.
fn held() -> (Origin, mpsc::Receiver<bool>) {
    let (tell, told) = mpsc::channel();
    let origin = Origin::start(move |exchange| {
        let _ = tell.send(exchange.sees_close());
    });
    (origin, told)
}

#[test]
fn a_request_that_takes_long_is_answered_by_whoever_is_faster_and_the_loser_is_let_go() {
    let (slow, closed) = held();
    let fast = Origin::named("fast");
    let gateway = gateway_to(&[&slow, &fast], "hedge: 100ms");
    let start = Instant::now();
    assert_eq!(send(&gateway, get("/", "")).text(), "fast");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(closed.recv_timeout(PATIENCE), Ok(true), "the loser's connection is closed");
    assert_eq!(gateway.metric("tidegate_hedges_total", &["service=\"api\""]), 1);
    soon("nothing is under way", || gateway.service("api")["inflight"] == 0);
}

#[test]
fn only_requests_that_may_run_twice_and_have_no_body_are_hedged() {
    let slow = Origin::start(|exchange| {
        exchange.read_body();
        std::thread::sleep(Duration::from_millis(400));
        exchange.send_ok("slow");
    });
    let fast = Origin::named("fast");
    // Without retries no copy of a body is kept.
    for keys in ["hedge: 50ms", "hedge: 50ms, retry: off"] {
        let gateway = gateway_to(&[&slow, &fast], keys);
        for request in [post("/", "", "body").into_bytes(), put(b"body"), put(&noise(100_000))] {
            let answer = send(&gateway, request);
            assert_eq!(answer.text(), "slow", "{answer}");
        }
    }
    assert!(fast.requests().is_empty());
    assert!(slow.requests().iter().all(|request| !request.body.is_empty()));
}

#[test]
fn hedges_are_paid_for_from_the_retry_budget() {
    let slow = Origin::start(|exchange| {
        std::thread::sleep(Duration::from_millis(150));
        exchange.send_ok("slow");
    });
    let fast = Origin::named("fast");
    let gateway = gateway_to(&[&slow, &fast], "hedge: 30ms, retry: { budget: 0%, min_per_second: 0 }");
    for _ in 0..3 {
        assert_eq!(send(&gateway, get("/", "")).text(), "slow");
    }
    assert!(fast.requests().is_empty());
    assert_eq!(gateway.metric("tidegate_hedges_total", &[]), 0);
}

#[test]
fn a_hedge_that_fails_leaves_the_first_attempt_to_answer() {
    let slow = Origin::start(|exchange| {
        std::thread::sleep(Duration::from_millis(400));
        exchange.send_ok("slow");
    });
    let bad = answering(503, "");
    let gateway = gateway_to(&[&slow, &bad], "hedge: 50ms");
    assert_eq!(send(&gateway, get("/", "")).text(), "slow");
    assert_eq!(bad.requests().len(), 1);
}

fn with_fallback(api: &str, other: &str, keys: &str, fallback: &str) -> Tidegate {
    Tidegate::start(&format!(
        "services:\n  api: {{ endpoints: [\"{api}\"], {keys} }}\n  other: {{ endpoints: [\"{other}\"] }}\n\
         routes: [{{ service: api, fallback: {fallback} }}]\n"
    ))
}

#[test]
fn another_service_answers_where_the_first_cannot_be_reached() {
    let nobody = e2e::Port::free();
    let other = Origin::named("other");
    let url = format!("http://{}", nobody.address());
    let gateway = with_fallback(&url, &other.url(), "", "other");
    let body = noise(200_000);
    assert_eq!(send(&gateway, get("/", "")).text(), "other");
    assert_eq!(send(&gateway, put(&body)).text(), "other");
    assert_eq!(send(&gateway, post("/", "", "body")).text(), "other", "nobody has seen it");
    let bodies: Vec<_> = other.requests().into_iter().map(|request| request.body.len()).collect();
    assert_eq!(bodies, [0, 200_000, 4]);
}

#[test]
fn another_service_has_its_own_time_where_the_first_took_too_long() {
    let silent = Origin::start(|exchange| {
        exchange.sees_close();
    });
    let other = Origin::start(|exchange| {
        std::thread::sleep(Duration::from_millis(100));
        exchange.send_ok("other");
    });
    let keys = "timeouts: { request: 300ms }";
    let gateway = with_fallback(&silent.url(), &other.url(), keys, "other");
    assert_eq!(send(&gateway, get("/", "")).text(), "other");
    let answer = send(&gateway, post("/", "", "body"));
    assert_eq!(answer.status, 504, "it may have been carried out: {answer}");
    assert_eq!(other.requests().len(), 1);
}

#[test]
fn a_fixed_answer_stands_in_for_a_service_that_is_gone() {
    let nobody = e2e::Port::free();
    let url = format!("http://{}", nobody.address());
    let fixed = "{ respond: { status: 200, body: \"[]\", headers: { content-type: application/json, x-from: here } } }";
    let gateway = with_fallback(&url, &url, "", fixed);
    for request in [get("/", ""), post("/", "", "body")] {
        let answer = send(&gateway, request);
        assert_eq!((answer.status, answer.text().as_str()), (200, "[]"), "{answer}");
        assert_eq!(answer.fields.get("x-from"), Some("here"));
    }
}

#[test]
fn a_client_that_leaves_ends_its_attempts() {
    let (slow, closed) = held();
    let other = Origin::named("other");
    let gateway = gateway_to(&[&slow, &other], "");
    let mut client: Raw = gateway.connect();
    client.send(get("/", ""));
    soon("the request is under way", || slow.requests().len() == 1);
    client.reset();
    assert_eq!(closed.recv_timeout(PATIENCE), Ok(true));
    soon("nothing is under way", || gateway.service("api")["inflight"] == 0);
    assert!(other.requests().is_empty());
}

#[test]
fn every_failure_is_told_as_a_problem() {
    let reset = Origin::start(|exchange| {
        exchange.read_body();
        exchange.reset();
    });
    let gateway = gateway_to(&[&reset], "");
    let answer = send(&gateway, get("/", ""));
    assert_eq!(answer.status, 502, "{answer}");
    assert!(is_problem(&answer), "{answer}");
}
