//! Every wait ends: clients that are slow on purpose, endpoints that are gone or silent. The limits are set to
//! fractions of a second, and the tests check that the gateway acts neither much earlier nor much later.

use e2e::{Origin, PATIENCE, Port, Raw, Tidegate, eventually, is_problem, soon, while_waiting};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How much later than its limit the gateway may act on a busy machine.
const LATE: Duration = Duration::from_secs(4);

/// Runs `wait` and checks that it took about as long as the limit says.
#[track_caller]
fn takes_about(limit: Duration, wait: impl FnOnce()) {
    let start = Instant::now();
    wait();
    let took = start.elapsed();
    assert!(took > limit.mul_f64(0.7), "acted too early: {took:?} of {limit:?}");
    assert!(took < limit + LATE, "acted too late: {took:?} of {limit:?}");
}

/// A request whose sender gives up in the middle gets 408 or nothing, and the connection ends.
#[track_caller]
fn is_timed_out(client: &mut Raw) {
    match client.try_response() {
        Ok(answer) => {
            assert_eq!(answer.status, 408, "{answer}");
            assert!(is_problem(&answer), "{answer}");
            assert!(client.is_closed(PATIENCE));
        }
        Err(error) => assert!(!matches!(error.kind(), std::io::ErrorKind::WouldBlock), "still open: {error}"),
    }
}

#[test]
fn a_head_that_never_ends_is_cut_at_the_header_timeout() {
    let gateway = Tidegate::to_with("http://127.0.0.1:9", "limits: { header_timeout: 500ms }");
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    takes_about(Duration::from_millis(500), || is_timed_out(&mut client));
}

#[test]
fn dripping_header_bytes_do_not_extend_the_header_timeout() {
    let gateway = Tidegate::to_with("http://127.0.0.1:9", "limits: { header_timeout: 500ms }");
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    takes_about(Duration::from_millis(500), || {
        let drip = client.send_in_pieces(&b"X: y\r\n".repeat(200), 1, Duration::from_millis(20));
        assert!(drip.is_err(), "the gateway read for {:?}", Duration::from_millis(20) * 1200);
    });
}

#[test]
fn a_second_head_that_never_ends_is_cut_too() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "limits: { header_timeout: 500ms }");
    let mut client = gateway.connect();
    assert_eq!(client.get("/", "").status, 200);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    takes_about(Duration::from_millis(500), || is_timed_out(&mut client));
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let gateway =
        Tidegate::to_with("http://127.0.0.1:9", "limits: { header_timeout: 500ms, idle_timeout: 500ms }");
    let mut client = gateway.connect();
    takes_about(Duration::from_millis(500), || assert!(client.is_closed(PATIENCE)));
}

#[test]
fn a_body_that_stops_is_answered_with_408() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "limits: { body_timeout: 500ms }");
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello");
    takes_about(Duration::from_millis(500), || {
        let answer = client.response();
        assert_eq!(answer.status, 408, "{answer}");
        assert!(is_problem(&answer), "{answer}");
        assert!(client.is_closed(PATIENCE));
    });
    soon("the upstream connection is closed", || origin.open_connections() == 0);
    assert!(origin.requests().iter().all(|request| !request.complete));
}

#[test]
fn a_body_below_the_lowest_rate_is_answered_with_408() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "limits: { body_timeout: 500ms, min_body_rate: 1KiB }");
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    takes_about(Duration::from_millis(500), || {
        let trickle = client.send_in_pieces(&[b'a'; 1000], 1, Duration::from_millis(20));
        assert!(trickle.is_err(), "the gateway took a byte every 20 ms for 20 s");
    });
}

#[test]
fn a_body_that_is_asked_for_and_never_sent_is_answered_with_408() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "limits: { body_timeout: 500ms }");
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response().status, 100);
    takes_about(Duration::from_millis(500), || is_timed_out(&mut client));
    soon("the upstream connection is closed", || origin.open_connections() == 0);
}

#[test]
fn chunks_and_trailers_that_drip_are_answered_with_408() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "limits: { body_timeout: 500ms, min_body_rate: 1KiB }");
    let extensions = "1;a=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(30);
    let trailers = format!("0\r\n{}", "X: y\r\n".repeat(200));
    for drip in [extensions, trailers] {
        let mut client = gateway.connect();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        takes_about(Duration::from_millis(500), || {
            let trickle = client.send_in_pieces(drip.as_bytes(), 1, Duration::from_millis(20));
            assert!(trickle.is_err(), "the gateway took a byte every 20 ms for 20 s");
        });
    }
    assert!(origin.requests().iter().all(|request| !request.complete));
}

#[test]
fn a_client_that_takes_no_answers_and_asks_on_is_cut_at_the_write_timeout() {
    let origin = Origin::start(|exchange| {
        exchange.send_ok(vec![b'a'; 100 << 10]);
    });
    let gateway = Tidegate::to_with(&origin.url(), "limits: { write_timeout: 700ms }");
    let mut client = gateway.connect().with_small_window();
    client.set_write_patience(Duration::from_millis(200));
    let asks = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    let began = Instant::now();
    let cut = eventually(PATIENCE, || {
        client.try_send(&asks).is_err_and(|error| !matches!(error.kind(), std::io::ErrorKind::WouldBlock))
    });
    assert!(cut && began.elapsed() < Duration::from_millis(700) + LATE, "{:?}", began.elapsed());
    assert!(origin.requests().len() < 1000, "{}", origin.requests().len());
}

#[test]
fn a_slow_body_above_the_lowest_rate_is_taken() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "limits: { body_timeout: 500ms, min_body_rate: 100B }");
    let mut client = gateway.connect();
    client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    client.send_in_pieces(&[b'a'; 1000], 20, Duration::from_millis(30)).expect("the gateway takes it");
    assert_eq!(client.response().text(), "/slow");
}

#[test]
fn a_client_that_takes_nothing_is_cut_at_the_write_timeout() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        while exchange.send([0; 16 << 10]) {}
    });
    let gateway = Tidegate::to_with(&origin.url(), "limits: { write_timeout: 700ms }");
    let mut client = gateway.connect().with_small_window();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    takes_about(Duration::from_millis(700), || {
        soon("the upstream connection opens", || origin.connections() == 1);
        soon("the upstream connection is closed", || origin.open_connections() == 0);
    });
    assert!(client.read_to_end().map_or(0, |bytes| bytes.len()) < 1_000_000_000);
}

#[test]
fn a_client_that_reads_slowly_is_not_cut_while_it_reads() {
    let origin = Origin::start(|exchange| {
        exchange.send_ok(vec![b'a'; 4 << 20]);
    });
    let gateway = Tidegate::to_with(&origin.url(), "limits: { write_timeout: 1500ms }");
    let mut client = gateway.connect().with_small_window();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.try_head().expect("the head comes");
    // 16 parts with pauses take longer than the write timeout, yet no pause is nearly as long. The kernel tells of room only
    // when a third of its buffer is free, which is some parts.
    let mut left: usize = 4 << 20;
    while left > 0 {
        let part = left.min(256 << 10);
        client.expect_bytes(&vec![b'a'; part]);
        left -= part;
        std::thread::sleep(Duration::from_millis(150));
    }
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "limits: { idle_timeout: 500ms }");
    let mut client = gateway.connect();
    assert_eq!(client.get("/", "").status, 200);
    takes_about(Duration::from_millis(500), || assert!(client.is_closed(PATIENCE)));
}

#[test]
fn an_endpoint_that_refuses_connections_is_passed_over() {
    let (origin, nobody) = (Origin::hello(), Port::free());
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"http://{}\", \"{}\"], lb_policy: round_robin }} }}\nroutes: [{{ service: api }}]",
        nobody.address(),
        origin.url()
    ));
    for n in 0..10 {
        let answer = gateway.get(&format!("/{n}"));
        assert_eq!(answer.text(), format!("/{n}"), "{answer}");
        // No byte was sent to the first endpoint, so even what must not be repeated may go elsewhere.
        let mut client = gateway.connect();
        client.send(format!("POST /post/{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"));
        assert_eq!(client.response().text(), format!("/post/{n}"));
    }
}

#[test]
fn a_service_without_a_living_endpoint_is_a_bad_gateway_at_once() {
    let nobody = Port::free();
    let gateway = Tidegate::to(&format!("http://{}", nobody.address()));
    let start = Instant::now();
    let answer = gateway.get("/");
    assert!(matches!(answer.status, 502 | 503), "{answer}");
    assert!(is_problem(&answer), "{answer}");
    assert!(start.elapsed() < LATE, "{:?}", start.elapsed());
}

fn silent(request_timeout: &str) -> (Origin, Tidegate) {
    let origin = Origin::start(|exchange| {
        exchange.read_body();
        exchange.sees_close();
    });
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{}\"], timeouts: {{ {request_timeout} }} }} }}\nroutes: [{{ service: api }}]",
        origin.url()
    ));
    (origin, gateway)
}

#[test]
fn a_silent_endpoint_is_a_gateway_timeout() {
    let (origin, gateway) = silent("request: 500ms");
    takes_about(Duration::from_millis(500), || {
        let answer = gateway.get("/");
        assert_eq!(answer.status, 504, "{answer}");
        assert!(is_problem(&answer), "{answer}");
    });
    soon("the upstream connection is not kept", || origin.open_connections() == 0);
}

#[test]
fn an_endpoint_that_drips_its_head_is_a_gateway_timeout() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 200 OK\r\n");
        while exchange.send("X: y\r\n") {
            while_waiting(Duration::from_millis(20), || {});
        }
    });
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{}\"], timeouts: {{ request: 500ms }} }} }}\nroutes: [{{ service: api }}]",
        origin.url()
    ));
    takes_about(Duration::from_millis(500), || assert_eq!(gateway.get("/").status, 504));
}

#[test]
fn a_post_to_a_silent_endpoint_is_sent_once() {
    let (origin, gateway) = silent("request: 400ms");
    let mut client = gateway.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.response().status, 504);
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_routes_timeout_goes_before_its_services() {
    let origin = Origin::start(|exchange| {
        exchange.sees_close();
    });
    let gateway = Tidegate::start(&format!(
        "services: {{ api: \"{}\" }}\nroutes: [{{ service: api, timeouts: {{ request: 400ms }} }}]",
        origin.url()
    ));
    takes_about(Duration::from_millis(400), || assert_eq!(gateway.get("/").status, 504));
}

#[test]
fn an_answer_that_falls_silent_is_cut_at_the_idle_timeout() {
    let origin = Origin::start(|exchange| {
        exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
        exchange.sees_close();
    });
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{}\"], timeouts: {{ idle: 500ms }} }} }}\nroutes: [{{ service: api }}]",
        origin.url()
    ));
    let mut client = gateway.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.try_head().expect("the head comes at once").status, 200);
    client.expect_bytes(b"hello");
    takes_about(Duration::from_millis(500), || assert!(client.is_closed(PATIENCE)));
}

#[test]
fn an_upload_may_take_longer_than_the_request_timeout_while_it_moves() {
    let origin = Origin::hello();
    let gateway = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{}\"], timeouts: {{ request: 500ms }} }} }}\nroutes: [{{ service: api }}]",
        origin.url()
    ));
    let mut client = gateway.connect();
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n");
    client.send_in_pieces(&vec![b'a'; 20000], 1000, Duration::from_millis(75)).expect("the gateway reads on");
    let answer = client.response();
    assert_eq!(answer.text(), "/upload", "{answer}");
    assert_eq!(origin.only_request().body.len(), 20000);
}

/// A gateway that speaks HTTP/2 to a second one, which speaks HTTP/1.1 to the origin.
fn over_http_2(origin: &Origin, request_timeout: &str) -> (Tidegate, Tidegate) {
    let behind = Tidegate::to(&origin.url());
    let before = Tidegate::start(&format!(
        "services: {{ api: {{ endpoints: [\"{}\"], protocol: http2, timeouts: {{ request: {request_timeout} }} }} }}\nroutes: [{{ service: api }}]",
        behind.url("")
    ));
    (before, behind)
}

#[test]
fn an_upload_over_http_2_may_take_longer_than_the_request_timeout_while_it_moves() {
    let origin = Origin::hello();
    let (gateway, _behind) = over_http_2(&origin, "500ms");
    let mut client = gateway.connect();
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n");
    client.send_in_pieces(&vec![b'a'; 20000], 1000, Duration::from_millis(75)).expect("the gateway reads on");
    let answer = client.response();
    assert_eq!(answer.text(), "/upload", "{answer}");
    assert_eq!(origin.only_request().body.len(), 20000);
}

#[test]
fn an_endpoint_over_http_2_that_is_silent_behind_an_upload_is_a_gateway_timeout() {
    let origin = Origin::start(|exchange| {
        exchange.read_body();
        exchange.sees_close();
    });
    let (gateway, _behind) = over_http_2(&origin, "500ms");
    let mut client = gateway.connect();
    client.send("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    while_waiting(Duration::from_millis(700), || {});
    takes_about(Duration::from_millis(500), || {
        let answer = client.send("again").response();
        assert_eq!(answer.status, 504, "{answer}");
    });
}

#[test]
fn a_client_that_leaves_after_its_upload_ends_the_request_over_http_2_too() {
    let origin = Origin::start(|exchange| {
        exchange.read_body();
        exchange.sees_close();
    });
    let (gateway, _behind) = over_http_2(&origin, "60s");
    for reset in [true, false] {
        let mut client = gateway.connect();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
        soon("the origin has the head", || origin.open_connections() == 1);
        client.send("again");
        soon("the origin has it all", || origin.requests().last().is_some_and(|request| request.complete));
        if reset {
            client.reset();
        } else {
            drop(client);
        }
        let left = eventually(LATE, || origin.open_connections() == 0);
        assert!(left, "the request goes on for nobody");
    }
}

#[test]
fn hundreds_of_slow_clients_do_not_slow_others_down() {
    let origin = Origin::hello();
    let gateway = Tidegate::to(&origin.url());
    let mut slow: Vec<Raw> = (0..300).map(|_| gateway.connect()).collect();
    for client in &mut slow {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n");
    }
    let start = Instant::now();
    for n in 0..50 {
        assert_eq!(gateway.get(&format!("/{n}")).status, 200);
        for client in slow.iter_mut().skip(n).step_by(50) {
            client.send("X: y\r\n");
        }
    }
    assert!(start.elapsed() < LATE, "{:?}", start.elapsed());
}

#[test]
fn a_silent_endpoint_does_not_hold_up_the_others() {
    let silent = Origin::start(|exchange| {
        exchange.sees_close();
    });
    let origin = Origin::hello();
    let gateway = Tidegate::start(&format!(
        "services: {{ silent: \"{}\", api: \"{}\" }}\nroutes: [{{ service: api }}, {{ match: {{ path: /silent }}, service: silent }}]",
        silent.url(),
        origin.url()
    ));
    let mut waiting: Vec<Raw> = (0..50).map(|_| gateway.connect()).collect();
    for client in &mut waiting {
        client.send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    soon("all wait", || silent.requests().len() == 50);
    let start = Instant::now();
    for _ in 0..50 {
        assert_eq!(gateway.get("/").status, 200);
    }
    assert!(start.elapsed() < LATE, "{:?}", start.elapsed());
}

#[test]
fn connections_above_the_limit_wait_or_are_turned_away_and_room_is_used_again() {
    let origin = Origin::hello();
    let gateway = Tidegate::to_with(&origin.url(), "workers: 1\nlimits: { max_connections: 5 }");
    let served = Arc::new(AtomicUsize::new(0));
    let mut held: Vec<Raw> = (0..5).map(|_| gateway.connect()).collect();
    for client in &mut held {
        assert_eq!(client.get("/", "").status, 200);
        served.fetch_add(1, Ordering::SeqCst);
    }
    if let Ok(mut sixth) = Raw::try_connect(gateway.address()) {
        sixth.send("GET /sixth HTTP/1.1\r\nHost: a\r\n\r\n");
        let refused =
            sixth.is_closed(Duration::from_millis(300)) || sixth.is_silent(Duration::from_millis(50));
        let answered = origin.requests().iter().any(|request| request.target == "/sixth");
        assert!(refused || !answered, "the sixth connection was served while five were open");
    }
    drop(held);
    soon("there is room again", || {
        Raw::try_connect(gateway.address()).is_ok_and(|mut client| {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            client.try_response().is_ok_and(|answer| answer.status == 200)
        })
    });
}
